// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_fib.c -- next hops of dbx-egress-dpdk against a search of every route; records that are none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dpdk/fib.h"

#define ROUTES 400u

static struct dpk_fib_told told;
static struct dpk_fib *fib;

static void make(void)
{
	dpk_fib_free(fib);
	assert_int_equal(dpk_fib_make(&told, &fib), 0);
}

static void forget(void)
{
	dpk_fib_free(fib);
	fib = NULL;
	dpk_fib_forget(&told);
}

static int tell(uint32_t flags, const struct dbx_wire_route *r, uint32_t n_r,
		const struct dbx_wire_neigh *n, uint32_t n_n)
{
	struct dbx_wire_fib head = {.flags = flags, .n_routes = n_r, .n_neighs = n_n};

	return dpk_fib_tell(&told, &head, r, n);
}

static struct dbx_wire_route route(uint8_t family, const uint8_t *dst, uint8_t len,
				   uint32_t ifindex)
{
	struct dbx_wire_route r = {.op = DBX_WIRE_PUT,
				   .family = family,
				   .prefix_len = len,
				   .kind = DBX_WIRE_ROUTE_LINK,
				   .ifindex = ifindex};

	for (unsigned int i = 0; i < len; i++)
		r.dst[i / 8] |= dst[i / 8] & (0x80 >> i % 8);
	return r;
}

static struct dbx_wire_neigh neigh(uint8_t family, const uint8_t *addr, uint32_t ifindex,
				   uint8_t mac)
{
	struct dbx_wire_neigh n = {.op = DBX_WIRE_PUT,
				   .family = family,
				   .mac = {2, 0, 0, 0, 0, mac},
				   .ifindex = ifindex};

	memcpy(n.addr, addr, family == 6 ? 16 : 4);
	return n;
}

static void add_iface(uint32_t ifindex, uint32_t mtu)
{
	struct dbx_wire_iface *w = &told.ifaces[told.n_ifaces++];

	*w = (struct dbx_wire_iface){.ifindex = ifindex, .mtu = mtu, .mac = {2, 9, 9, 9, 9, 9}};
}

static bool holds(const struct dbx_wire_route *r, const uint8_t *addr)
{
	for (unsigned int i = 0; i < r->prefix_len; i++) {
		if ((r->dst[i / 8] ^ addr[i / 8]) & (0x80 >> i % 8))
			return false;
	}
	return true;
}

/* Each route leads out of an interface of its own, where every address is a neighbour. */
static uint32_t naive(const struct dbx_wire_route *v, const uint8_t *addr)
{
	const struct dbx_wire_route *best = NULL;

	for (uint32_t i = 0; i < ROUTES; i++) {
		if (holds(&v[i], addr) && (!best || v[i].prefix_len >= best->prefix_len))
			best = &v[i];
	}
	return best ? best->ifindex : 0;
}

static void random_addr(uint8_t addr[16])
{
	memset(addr, 0, 16);
	for (int i = 0; i < 4; i++) /* crowded, so that prefixes nest */
		addr[i] = (uint8_t)(rand() % 3 * 85);
	for (int i = 4; i < 16; i++)
		addr[i] = (uint8_t)(rand() % 2 * 255);
}

/* 100 interfaces at most: several routes share one, and then agree or not. */
static void against_every_route(uint8_t family)
{
	static struct dbx_wire_route v[ROUTES];
	uint8_t addr[16];
	size_t n_found = 0;

	forget();
	srand(family);
	for (uint32_t i = 0; i < 100; i++)
		add_iface(i + 1, 1500);
	for (uint32_t i = 0; i < ROUTES; i++) {
		random_addr(addr);
		v[i] = route(family, addr, (uint8_t)(1 + rand() % (family == 6 ? 128 : 32)),
			     1 + i % 100);
		for (uint32_t j = 0; j < i; j++) { /* two of one key: the later one counts */
			if (v[j].prefix_len == v[i].prefix_len && !memcmp(v[j].dst, v[i].dst, 16))
				v[j].ifindex = v[i].ifindex;
		}
	}
	assert_int_equal(tell(0, v, ROUTES, NULL, 0), 0);
	for (int i = 0; i < 3000; i++) {
		struct dbx_wire_neigh n;
		struct dpk_hop hop;
		uint32_t want;

		random_addr(addr);
		if (rand() % 2)
			memcpy(addr, v[rand() % (int)ROUTES].dst, 16);
		want = naive(v, addr);
		n = neigh(family, addr, want ? want : 1, (uint8_t)i);
		if (i % 50 == 0) {
			assert_int_equal(tell(0, NULL, 0, &n, 1), 0);
			make();
			assert_int_equal(dpk_fib_find(fib, family == 6, addr, 1500, &hop),
					 want ? 0 : -1);
			if (want) {
				assert_int_equal(hop.ifindex, want);
				assert_int_equal(hop.dst[5], (uint8_t)i);
				assert_int_equal(hop.src[1], 9);
				n_found++;
			}
			n.op = DBX_WIRE_DEL;
			assert_int_equal(tell(0, NULL, 0, &n, 1), 0);
		}
	}
	assert_true(n_found > 20);
	forget();
}

static void ipv4_against_every_route(void **state)
{
	(void)state;
	against_every_route(4);
}

static void ipv6_against_every_route(void **state)
{
	(void)state;
	against_every_route(6);
}

static const uint8_t any[16], net[16] = {192, 0, 2, 0}, host[16] = {192, 0, 2, 7},
			      gw[16] = {198, 51, 100, 1}, far[16] = {203, 0, 113, 9};

static int find(const uint8_t *addr, uint32_t n_bytes)
{
	struct dpk_hop hop;

	return dpk_fib_find(fib, false, addr, n_bytes, &hop) ? -1 : (int)hop.ifindex;
}

static void what_is_not_plain_is_the_stacks(void **state)
{
	struct dbx_wire_route r[3] = {route(4, any, 0, 2), route(4, net, 24, 1),
				      route(4, gw, 24, 2)};
	struct dbx_wire_neigh n[2] = {neigh(4, host, 1, 1), neigh(4, gw, 2, 2)};
	struct dpk_hop hop;

	(void)state;
	r[0].kind = DBX_WIRE_ROUTE_VIA;
	memcpy(r[0].gateway, gw, 16);
	assert_int_equal(dpk_fib_find(NULL, false, host, 100, &hop), -1);
	assert_false(dpk_fib_may_forward(NULL, 1));
	make();
	assert_int_equal(find(host, 100), -1);
	assert_int_equal(tell(0, r, 3, n, 2), 0);
	make();
	assert_int_equal(find(host, 100), -1); /* no interface may be forwarded to */
	add_iface(1, 1500);
	make();
	assert_int_equal(find(host, 100), 1);
	assert_int_equal(find(far, 100), -1);
	add_iface(2, 1400);
	make();
	assert_int_equal(find(far, 1400), 2);
	assert_int_equal(find(far, 1401), -1); /* fragmentation needed: the stack says so */
	assert_int_equal(find(host, 1500), 1);
	r[1].mtu = 1000;
	r[1].op = r[0].op = DBX_WIRE_PUT;
	assert_int_equal(tell(0, r, 2, NULL, 0), 0);
	make();
	assert_int_equal(find(host, 1001), -1);
	r[1].kind = DBX_WIRE_ROUTE_HOST;
	assert_int_equal(tell(0, r, 2, NULL, 0), 0);
	n[1].op = DBX_WIRE_DEL;
	assert_int_equal(tell(0, NULL, 0, n + 1, 1), 0);
	make();
	assert_int_equal(find(host, 100), -1);
	assert_int_equal(find(far, 100), -1); /* its gateway is no neighbour any more */
	forget();
}

static void the_whole_takes_the_place_of_all(void **state)
{
	struct dbx_wire_route r[2] = {route(4, net, 24, 1), route(4, gw, 24, 1)};
	struct dbx_wire_neigh n[2] = {neigh(4, host, 1, 1), neigh(4, gw, 1, 2)};

	(void)state;
	add_iface(1, 1500);
	assert_int_equal(tell(DBX_WIRE_FIB_END, r, 1, n, 1), -EINVAL); /* of nothing */
	assert_int_equal(tell(DBX_WIRE_FIB_BEGIN | DBX_WIRE_FIB_END, r, 1, n, 1), 0);
	make();
	assert_int_equal(find(host, 100), 1);
	assert_int_equal(tell(DBX_WIRE_FIB_BEGIN, r + 1, 1, NULL, 0), 0);
	make();
	assert_int_equal(find(host, 100), 1); /* until its end */
	assert_int_equal(tell(DBX_WIRE_FIB_END, NULL, 0, n + 1, 1), 0);
	make();
	assert_int_equal(find(host, 100), -1);
	assert_int_equal(find(gw, 100), 1);
	forget();
}

static void refused(struct dbx_wire_route r)
{
	assert_int_equal(tell(0, &r, 1, NULL, 0), -EINVAL);
	assert_int_equal(told.n_routes, 0);
}

static void records_that_are_none_change_nothing(void **state)
{
	struct dbx_wire_route good = route(4, net, 24, 1), r;
	struct dbx_wire_neigh n = neigh(4, host, 1, 1);

	(void)state;
	r = good, r.op = 3, refused(r);
	r = good, r.family = 5, refused(r);
	r = good, r.prefix_len = 33, refused(r);
	r = good, r.prefix_len = 22, r.dst[2] = 3, refused(r);
	r = good, r.dst[3] = 1, refused(r);
	r = good, r.dst[9] = 1, refused(r);
	r = good, r.kind = 0, refused(r);
	r = good, r.kind = 4, refused(r);
	r = good, r.ifindex = 0, refused(r);
	n.mac[0] = 1;
	assert_int_equal(tell(0, NULL, 0, &n, 1), -EINVAL);
	n = neigh(4, host, 0, 1);
	assert_int_equal(tell(0, NULL, 0, &n, 1), -EINVAL);
	assert_int_equal(told.n_neighs, 0);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_against_every_route),
		cmocka_unit_test(ipv6_against_every_route),
		cmocka_unit_test(what_is_not_plain_is_the_stacks),
		cmocka_unit_test(the_whole_takes_the_place_of_all),
		cmocka_unit_test(records_that_are_none_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
