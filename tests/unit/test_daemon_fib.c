// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_fib.c -- routes and neighbours as the kernel has them, in a namespace with a real one:
 * what is plain is told, all else is the stack's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/nsbox.h"
#include "daemon/fib.h"

/* A driver that keeps what it is told. */
static struct dbx_wire_route *routes;
static struct dbx_wire_neigh *neighs;
static size_t n_routes, n_neighs;
static int fib_rc;

static int take(struct dbx_dp *dp, const struct dbx_wire_route *r, size_t n_r,
		const struct dbx_wire_neigh *n, size_t n_n, struct dbx_dp_error *err)
{
	(void)dp;
	snprintf(err->text, sizeof(err->text), "refused");
	if (fib_rc)
		return fib_rc;
	routes = realloc(routes, (n_r + 1) * sizeof(*routes));
	neighs = realloc(neighs, (n_n + 1) * sizeof(*neighs));
	if (n_r)
		memcpy(routes, r, n_r * sizeof(*routes));
	if (n_n)
		memcpy(neighs, n, n_n * sizeof(*neighs));
	n_routes = n_r;
	n_neighs = n_n;
	return 0;
}

static const struct dbx_dp_ops driver = {.name = "fake", .fib = take};
static struct dbx_fib *fib;
static struct dbx_fail f;

static void sync_it(void)
{
	assert_int_equal(dbx_fib_sync(fib, &f), 0);
}

static const struct dbx_wire_route *route(const char *prefix)
{
	struct dbx_wire_route want = {.family = strchr(prefix, ':') ? 6 : 4};
	char text[64];
	size_t i;

	snprintf(text, sizeof(text), "%s", prefix);
	want.prefix_len = (uint8_t)atoi(strchr(text, '/') + 1);
	*strchr(text, '/') = '\0';
	assert_int_equal(inet_pton(want.family == 4 ? AF_INET : AF_INET6, text, want.dst), 1);
	for (i = 0; i < n_routes; i++) {
		if (routes[i].family == want.family && routes[i].prefix_len == want.prefix_len &&
		    !memcmp(routes[i].dst, want.dst, sizeof(want.dst)))
			return &routes[i];
	}
	return NULL;
}

static int kind(const char *prefix)
{
	const struct dbx_wire_route *r = route(prefix);

	return r ? r->kind : 0;
}

static bool via(const char *prefix, const char *gateway)
{
	const struct dbx_wire_route *r = route(prefix);
	uint8_t want[16] = {0};

	assert_int_equal(inet_pton(strchr(gateway, ':') ? AF_INET6 : AF_INET, gateway, want), 1);
	return r && r->kind == DBX_WIRE_ROUTE_VIA && !memcmp(r->gateway, want, sizeof(want));
}

static const struct dbx_wire_neigh *neigh(const char *addr)
{
	uint8_t want[16] = {0};
	size_t i;

	assert_int_equal(inet_pton(strchr(addr, ':') ? AF_INET6 : AF_INET, addr, want), 1);
	for (i = 0; i < n_neighs; i++) {
		if (!memcmp(neighs[i].addr, want, sizeof(want)))
			return &neighs[i];
	}
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	nsbox_must(
		"ip link add up0 type veth peer name up0p && "
		"ip link add up1 type veth peer name up1p && "
		"for i in up0 up0p up1 up1p; do ip link set $i up; done && "
		"ip addr add 192.0.2.1/24 dev up0 && ip -6 addr add 2001:db8::1/64 dev up0 nodad "
		"&& sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	return dbx_fib_open(&fib, &driver, NULL, &f);
}

static int tear_down(void **state)
{
	(void)state;
	dbx_fib_close(&fib);
	nsbox_must("ip link del up0; ip link del up1; "
		   "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	return 0;
}

static void test_plain(void **state)
{
	struct dbx_fib_stats s;

	(void)state;
	nsbox_must("ip route add 198.51.100.0/24 via 192.0.2.254 mtu 1400 && "
		   "ip route add default via 192.0.2.253 && "
		   "ip -6 route add 2001:db8:1::/48 via 2001:db8::2");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), DBX_WIRE_ROUTE_LINK);
	assert_int_equal(route("192.0.2.0/24")->ifindex, nsbox_ifindex("up0"));
	assert_int_equal(kind("192.0.2.1/32"), DBX_WIRE_ROUTE_HOST);
	assert_int_equal(kind("192.0.2.255/32"), DBX_WIRE_ROUTE_HOST);
	assert_true(via("198.51.100.0/24", "192.0.2.254"));
	assert_int_equal(route("198.51.100.0/24")->mtu, 1400);
	assert_true(via("0.0.0.0/0", "192.0.2.253"));
	assert_int_equal(kind("2001:db8::/64"), DBX_WIRE_ROUTE_LINK);
	assert_int_equal(kind("2001:db8::1/128"), DBX_WIRE_ROUTE_HOST);
	assert_true(via("2001:db8:1::/48", "2001:db8::2"));
	assert_int_equal(kind("ff00::/8"), DBX_WIRE_ROUTE_HOST);
	dbx_fib_stats(fib, &s);
	assert_int_equal(s.n_routes, n_routes);
	assert_true(s.is_plain[0] && s.is_plain[1]);
}

/* What a table of next hops cannot say. */
static void test_not_plain(void **state)
{
	(void)state;
	nsbox_must(
		"ip route add blackhole 203.0.113.0/25 && "
		"ip route add unreachable 203.0.113.128/25 && "
		"ip route add 198.18.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.2.3 && "
		"ip -6 route add 2001:db8:2::/48 via 2001:db8::2 && "
		"ip -6 route append 2001:db8:2::/48 via 2001:db8::3 && "
		"ip route add 198.19.0.0/16 via 192.0.2.2 && "
		"ip route add 198.19.0.0/16 tos 0x10 via 192.0.2.3 && "
		"ip route add local 10.9.0.0/16 dev lo && ip route add 10.9.1.0/24 via 192.0.2.2");
	sync_it();
	assert_int_equal(kind("203.0.113.0/25"), DBX_WIRE_ROUTE_HOST);
	assert_int_equal(kind("203.0.113.128/25"), DBX_WIRE_ROUTE_HOST);
	assert_int_equal(kind("198.18.0.0/16"), DBX_WIRE_ROUTE_HOST);
	assert_int_equal(kind("2001:db8:2::/48"), DBX_WIRE_ROUTE_HOST);
	assert_int_equal(kind("198.19.0.0/16"), DBX_WIRE_ROUTE_HOST);
	/* The kernel asks the table local first: the narrower route of main is never reached. */
	assert_int_equal(kind("10.9.1.0/24"), DBX_WIRE_ROUTE_HOST);
	nsbox_must("ip route del local 10.9.0.0/16 dev lo");
	sync_it();
	assert_true(via("10.9.1.0/24", "192.0.2.2"));
}

static void test_best_metric(void **state)
{
	(void)state;
	nsbox_must("ip route add 198.51.100.0/24 via 192.0.2.2 metric 200 && "
		   "ip route add 198.51.100.0/24 via 192.0.2.3 metric 100 && "
		   "ip route add unreachable 198.51.100.0/24 metric 300");
	sync_it();
	assert_true(via("198.51.100.0/24", "192.0.2.3"));
	nsbox_must("ip route del 198.51.100.0/24 metric 100");
	sync_it();
	assert_true(via("198.51.100.0/24", "192.0.2.2"));
	nsbox_must("ip route del 198.51.100.0/24 metric 200");
	sync_it();
	assert_int_equal(kind("198.51.100.0/24"), DBX_WIRE_ROUTE_HOST);
	/* Other tables are not asked without a rule. */
	nsbox_must("ip route add 203.0.113.0/24 via 192.0.2.2 table 77");
	sync_it();
	assert_int_equal(kind("203.0.113.0/24"), 0);
}

/* One family at a time: a rule that may send a packet elsewhere ends its fast way. */
static void test_rules(void **state)
{
	(void)state;
	nsbox_must("ip rule add fwmark 0x0db50053 table 77 priority 53");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), DBX_WIRE_ROUTE_LINK);
	nsbox_must("ip rule add from 10.0.0.0/8 table 77 priority 60");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), 0);
	assert_int_equal(kind("2001:db8::/64"), DBX_WIRE_ROUTE_LINK);
	nsbox_must("ip rule del priority 60 && ip rule add not fwmark 1 table 77 priority 61");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), 0);
	nsbox_must("ip rule del priority 61 && ip -6 rule add iif lo prohibit priority 62");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), DBX_WIRE_ROUTE_LINK);
	assert_int_equal(kind("2001:db8::/64"), 0);
	nsbox_must("ip -6 rule del priority 62 && ip rule del priority 53");
	/* main before local: not what a longest prefix says. */
	nsbox_must("ip rule add table main priority 0 && ip rule del table local && "
		   "ip rule add table local priority 40000");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), 0);
	nsbox_must("ip rule add table local priority 0; ip rule del priority 40000; "
		   "ip rule del table main priority 0; true");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), DBX_WIRE_ROUTE_LINK);
}

static void test_forwarding_off(void **state)
{
	(void)state;
	nsbox_must("sysctl -qw net.ipv4.ip_forward=0");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), 0);
	assert_int_equal(kind("2001:db8::/64"), DBX_WIRE_ROUTE_LINK);
	nsbox_must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=0");
	sync_it();
	assert_int_equal(kind("192.0.2.0/24"), DBX_WIRE_ROUTE_LINK);
	assert_int_equal(kind("2001:db8::/64"), 0);
}

static void test_neighbours(void **state)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	const struct dbx_wire_neigh *n;

	(void)state;
	nsbox_must("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:09 dev up0 nud permanent && "
		   "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:0a dev up0 nud stale && "
		   "ip neigh add 192.0.2.4 lladdr 02:00:00:00:00:0b dev up0 nud noarp && "
		   "ip neigh add 192.0.2.5 dev up0 nud failed && "
		   "ip neigh add proxy 192.0.2.6 dev up0 && "
		   "ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:0c dev up0 nud permanent");
	sync_it();
	n = neigh("192.0.2.2");
	assert_non_null(n);
	assert_memory_equal(n->mac, mac, sizeof(mac));
	assert_int_equal(n->ifindex, nsbox_ifindex("up0"));
	assert_non_null(neigh("192.0.2.3"));
	assert_null(neigh("192.0.2.4"));
	assert_null(neigh("192.0.2.5"));
	assert_null(neigh("192.0.2.6"));
	assert_non_null(neigh("2001:db8::2"));
	nsbox_must("ip neigh del 192.0.2.2 dev up0");
	sync_it();
	assert_null(neigh("192.0.2.2"));
}

static bool is_told(void)
{
	struct pollfd p = {dbx_fib_fd(fib), POLLIN, 0};
	int i;

	for (i = 0; i < 200; i++) {
		if (poll(&p, 1, 100) > 0 && dbx_fib_told(fib))
			return true;
	}
	return false;
}

static void test_told(void **state)
{
	static const char *const changes[] = {
		"ip route add 198.51.100.0/24 via 192.0.2.254",
		"ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev up0",
		"ip -6 route add 2001:db8:9::/48 via 2001:db8::2",
		"ip rule add fwmark 9 table 99 && ip rule del fwmark 9",
		"ip link set up1 down",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		poll(NULL, 0, 50);
		dbx_fib_told(fib); /* what came before */
		nsbox_must("%s", changes[i]);
		assert_true(is_told());
	}
}

/* More than the process takes: none is told, the stack forwards. */
static void test_too_many(void **state)
{
	struct dbx_fib_stats s;

	(void)state;
	nsbox_must("for a in $(seq 0 255); do for b in $(seq 0 255); do "
		   "echo route add 100.$a.$b.0/24 via 192.0.2.2; done; done | ip -b -");
	sync_it();
	assert_int_equal(n_routes, 0);
	nsbox_must("ip route del 100.0.0.0/24 && ip route flush root 100.128.0.0/9");
	sync_it();
	assert_true(via("100.1.2.0/24", "192.0.2.2"));
	fib_rc = -EIO;
	assert_int_equal(dbx_fib_sync(fib, &f), -EIO);
	assert_non_null(strstr(f.text, "refused"));
	fib_rc = 0;
	dbx_fib_stats(fib, &s);
	assert_true(s.n_routes > 30000);
}

static void test_not_needed(void **state)
{
	const struct dbx_dp_ops kernels = {.name = "none"};
	struct dbx_fib *none = NULL;

	(void)state;
	assert_int_equal(dbx_fib_open(&none, &kernels, NULL, &f), 0);
	assert_null(none);
	assert_int_equal(dbx_fib_fd(none), -1);
	dbx_fib_close(&none);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_plain), T(test_not_plain),      T(test_best_metric),
		T(test_rules), T(test_forwarding_off), T(test_neighbours),
		T(test_told),  T(test_too_many),       cmocka_unit_test(test_not_needed),
	};
	int rc;

	if (nsbox_enter())
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(routes);
	free(neighs);
	return rc;
}
