// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fib.c -- where a packet goes that may pass by the host's stack: routes, neighbours, interfaces.
 */
#include "dataplane/dpdk/fib.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_ROUTE 0xffffffffu

typedef unsigned __int128 u128;

struct neigh {
	uint8_t addr[16];
	uint32_t ifindex;
	uint8_t family; /* 0: nothing is here */
	uint8_t mac[6];
};

struct dpk_fib {
	/* starts of ranges, ascending; what[i] is the route of all up to the next start */
	uint32_t n4, n6;
	uint32_t *start4, *what4;
	u128 *start6;
	uint32_t *what6;
	struct dbx_wire_route *routes;
	struct neigh *neighs;
	uint32_t neigh_mask;
	uint32_t n_ifaces;
	struct dbx_wire_iface ifaces[DBX_WIRE_BATCH];
};

/* ---- look-ups ---- */

static const struct dbx_wire_iface *iface_of(const struct dpk_fib *f, uint32_t ifindex)
{
	for (uint32_t i = 0; i < f->n_ifaces; i++) {
		if (f->ifaces[i].ifindex == ifindex)
			return &f->ifaces[i];
	}
	return NULL;
}

bool dpk_fib_may_forward(const struct dpk_fib *f, uint32_t ifindex)
{
	return f && iface_of(f, ifindex);
}

static u128 key_of(bool is_v6, const void *addr)
{
	uint64_t w[2];
	uint32_t a;

	if (!is_v6) {
		memcpy(&a, addr, sizeof(a));
		return be32toh(a);
	}
	memcpy(w, addr, sizeof(w));
	return (u128)be64toh(w[0]) << 64 | be64toh(w[1]);
}

static uint32_t find4(const struct dpk_fib *f, uint32_t key)
{
	uint32_t lo = 0, n = f->n4;

	while (n > 1) {
		uint32_t half = n / 2;

		lo += f->start4[lo + half] <= key ? half : 0;
		n -= half;
	}
	return f->what4[lo];
}

static uint32_t find6(const struct dpk_fib *f, u128 key)
{
	uint32_t lo = 0, n = f->n6;

	while (n > 1) {
		uint32_t half = n / 2;

		lo += f->start6[lo + half] <= key ? half : 0;
		n -= half;
	}
	return f->what6[lo];
}

static uint32_t hash_of(uint8_t family, uint32_t ifindex, const uint8_t addr[16])
{
	uint64_t w[2];

	memcpy(w, addr, sizeof(w));
	w[0] = (w[0] ^ (uint64_t)ifindex << 32 ^ family) * 0x9e3779b97f4a7c15ull;
	w[0] = (w[0] ^ w[0] >> 29 ^ w[1]) * 0xff51afd7ed558ccdull;
	return (uint32_t)(w[0] >> 32);
}

/* Where the neighbour is, or the free place for it: there always is one. */
static struct neigh *neigh_at(const struct dpk_fib *f, uint8_t family, uint32_t ifindex,
			      const uint8_t addr[16])
{
	for (uint32_t i = hash_of(family, ifindex, addr);; i++) {
		struct neigh *n = &f->neighs[i & f->neigh_mask];

		if (!n->family || (n->family == family && n->ifindex == ifindex &&
				   !memcmp(n->addr, addr, sizeof(n->addr))))
			return n;
	}
}

int dpk_fib_find(const struct dpk_fib *f, bool is_v6, const void *addr, uint32_t n_bytes,
		 struct dpk_hop *hop)
{
	const struct dbx_wire_iface *out;
	const struct dbx_wire_route *r;
	const struct neigh *n;
	uint8_t next[16] = {0};
	uint32_t i;

	if (!f)
		return -1;
	i = is_v6 ? find6(f, key_of(true, addr)) : find4(f, (uint32_t)key_of(false, addr));
	if (i == NO_ROUTE || f->routes[i].kind == DBX_WIRE_ROUTE_HOST)
		return -1;
	r = &f->routes[i];
	out = iface_of(f, r->ifindex);
	if (!out || n_bytes > (r->mtu && r->mtu < out->mtu ? r->mtu : out->mtu))
		return -1;
	if (r->kind == DBX_WIRE_ROUTE_VIA)
		memcpy(next, r->gateway, sizeof(next));
	else
		memcpy(next, addr, is_v6 ? 16 : 4);
	n = neigh_at(f, is_v6 ? 6 : 4, r->ifindex, next);
	if (!n->family)
		return -1;
	hop->ifindex = r->ifindex;
	memcpy(hop->dst, n->mac, 6);
	memcpy(hop->src, out->mac, 6);
	return 0;
}

/* ---- what the daemon tells ---- */

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n--) {
		if (*p++)
			return false;
	}
	return true;
}

static bool is_op(uint8_t op, uint8_t family)
{
	return (op == DBX_WIRE_PUT || op == DBX_WIRE_DEL) && (family == 4 || family == 6);
}

static bool is_route(const struct dbx_wire_route *r)
{
	unsigned int max = r->family == 6 ? 128 : 32, whole = r->prefix_len / 8;

	if (!is_op(r->op, r->family) || r->prefix_len > max)
		return false;
	if (r->prefix_len % 8 && (r->dst[whole] & (0xff >> r->prefix_len % 8)))
		return false;
	whole += !!(r->prefix_len % 8);
	if (!is_zero(r->dst + whole, 16 - whole))
		return false;
	if (r->op == DBX_WIRE_DEL)
		return true;
	if (r->kind < DBX_WIRE_ROUTE_HOST || r->kind > DBX_WIRE_ROUTE_VIA)
		return false;
	if (r->kind == DBX_WIRE_ROUTE_VIA && r->family == 4 && !is_zero(r->gateway + 4, 12))
		return false;
	return r->kind == DBX_WIRE_ROUTE_HOST || r->ifindex;
}

static bool is_neigh(const struct dbx_wire_neigh *n)
{
	return is_op(n->op, n->family) && n->ifindex &&
	       (n->family == 6 || is_zero(n->addr + 4, 12)) && !(n->mac[0] & 1);
}

static int by_route(const void *pa, const void *pb)
{
	const struct dbx_wire_route *a = pa, *b = pb;
	int d = (int)a->family - b->family;

	d = d ? d : memcmp(a->dst, b->dst, sizeof(a->dst));
	return d ? d : (int)a->prefix_len - b->prefix_len;
}

static int by_neigh(const void *pa, const void *pb)
{
	const struct dbx_wire_neigh *a = pa, *b = pb;
	int d = (int)a->family - b->family;

	d = d ? d : a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
	return d ? d : memcmp(a->addr, b->addr, sizeof(a->addr));
}

typedef int (*order_fn)(const void *a, const void *b);

/* Stable, since of two with one key the later one counts; a and b are the sorted halves of v. */
static void merge(char *v, size_t n, size_t bytes, char *spare, order_fn order)
{
	size_t half = n / 2, i = 0, j = half, k = 0;

	if (n < 2)
		return;
	merge(v, half, bytes, spare, order);
	merge(v + half * bytes, n - half, bytes, spare, order);
	while (i < half || j < n) {
		bool left = j == n || (i < half && order(v + i * bytes, v + j * bytes) <= 0);
		size_t from = left ? i++ : j++;

		memcpy(spare + k++ * bytes, v + from * bytes, bytes);
	}
	memcpy(v, spare, n * bytes);
}

/*
 * Puts the n changes behind the *n_had records of *had, sorted, without keys that are there twice and
 * without what is taken away. The first byte of a record is its op.
 */
static int change(void **had, size_t *n_had, const void *changes, size_t n, size_t bytes,
		  size_t max, order_fn order)
{
	size_t all = *n_had + n, k = 0;
	char *v = malloc((all ? all : 1) * bytes), *spare = malloc((all ? all : 1) * bytes);
	int rc = v && spare ? 0 : -ENOMEM;

	if (!rc && *n_had)
		memcpy(v, *had, *n_had * bytes);
	if (!rc && n)
		memcpy(v + *n_had * bytes, changes, n * bytes);
	if (!rc)
		merge(v, all, bytes, spare, order);
	for (size_t i = 0; i < all && !rc; i++) {
		char *r = v + i * bytes;

		if (i + 1 < all && !order(r, r + bytes))
			continue; /* a later one says otherwise */
		if (*(uint8_t *)r == DBX_WIRE_PUT)
			memmove(v + k++ * bytes, r, bytes);
	}
	free(spare);
	if (!rc && k > max)
		rc = -E2BIG;
	if (rc) {
		free(v);
		return rc;
	}
	free(*had);
	*had = v;
	*n_had = k;
	return 0;
}

static void drop_new(struct dpk_fib_told *t)
{
	free(t->new_routes);
	free(t->new_neighs);
	t->new_routes = NULL;
	t->new_neighs = NULL;
	t->n_new_routes = t->n_new_neighs = 0;
	t->is_whole = false;
}

static void settle(struct dpk_fib_told *t)
{
	free(t->routes);
	free(t->neighs);
	t->routes = t->new_routes;
	t->neighs = t->new_neighs;
	t->n_routes = t->n_new_routes;
	t->n_neighs = t->n_new_neighs;
	t->new_routes = NULL;
	t->new_neighs = NULL;
	drop_new(t);
}

int dpk_fib_tell(struct dpk_fib_told *t, const struct dbx_wire_fib *head,
		 const struct dbx_wire_route *routes, const struct dbx_wire_neigh *neighs)
{
	bool whole;
	int rc;

	for (uint32_t i = 0; i < head->n_routes; i++) {
		if (!is_route(&routes[i]))
			return -EINVAL;
	}
	for (uint32_t i = 0; i < head->n_neighs; i++) {
		if (!is_neigh(&neighs[i]))
			return -EINVAL;
	}
	if ((head->flags & DBX_WIRE_FIB_END) && !(head->flags & DBX_WIRE_FIB_BEGIN) && !t->is_whole)
		return -EINVAL;
	if (head->flags & DBX_WIRE_FIB_BEGIN) {
		drop_new(t);
		t->is_whole = true;
	}
	whole = t->is_whole;
	rc = change((void **)(whole ? &t->new_routes : &t->routes),
		    whole ? &t->n_new_routes : &t->n_routes, routes, head->n_routes,
		    sizeof(*routes), DBX_WIRE_ROUTE_MAX, by_route);
	if (!rc)
		rc = change((void **)(whole ? &t->new_neighs : &t->neighs),
			    whole ? &t->n_new_neighs : &t->n_neighs, neighs, head->n_neighs,
			    sizeof(*neighs), DBX_WIRE_NEIGH_MAX, by_neigh);
	if (rc && whole)
		drop_new(t);
	else if (!rc && (head->flags & DBX_WIRE_FIB_END))
		settle(t);
	return rc;
}

void dpk_fib_forget(struct dpk_fib_told *t)
{
	drop_new(t);
	free(t->routes);
	free(t->neighs);
	memset(t, 0, sizeof(*t));
}

/* ---- ranges ---- */

struct ranges {
	u128 *start;
	uint32_t *what, n;
};

static void emit(struct ranges *r, u128 start, uint32_t what)
{
	if (r->n && r->start[r->n - 1] == start)
		r->n--;
	r->start[r->n] = start;
	r->what[r->n++] = what;
}

static u128 last_of(const struct dbx_wire_route *r, u128 first)
{
	unsigned int free_bits = (r->family == 6 ? 128 : 32) - r->prefix_len;

	return free_bits == 128 ? ~(u128)0 : first | (((u128)1 << free_bits) - 1);
}

/* Prefixes nest: a stack of those that are open tells what goes on behind one that ends. */
static void sweep(const struct dpk_fib *f, size_t n_routes, uint8_t family, struct ranges *out)
{
	const u128 top = family == 6 ? ~(u128)0 : 0xffffffffu;
	uint32_t stack[130], depth = 0;
	u128 last[130];

	emit(out, 0, NO_ROUTE);
	for (uint32_t i = 0; i <= n_routes; i++) {
		const struct dbx_wire_route *r = i < n_routes ? &f->routes[i] : NULL;
		u128 first = r ? key_of(family == 6, r->dst) : 0;

		if (r && r->family != family)
			continue;
		while (depth && (!r || last[depth - 1] < first)) {
			u128 end = last[--depth];

			if (end != top)
				emit(out, end + 1, depth ? stack[depth - 1] : NO_ROUTE);
		}
		if (!r)
			break;
		stack[depth] = i;
		last[depth++] = last_of(r, first);
		emit(out, first, i);
	}
}

static int make_ranges(struct dpk_fib *f, size_t n_routes)
{
	struct ranges r = {malloc((2 * n_routes + 2) * sizeof(u128)),
			   malloc((2 * n_routes + 2) * sizeof(uint32_t)), 0};

	f->start4 = malloc((2 * n_routes + 2) * sizeof(*f->start4));
	f->what4 = malloc((2 * n_routes + 2) * sizeof(*f->what4));
	if (!r.start || !r.what || !f->start4 || !f->what4) {
		free(r.start);
		free(r.what);
		return -ENOMEM;
	}
	sweep(f, n_routes, 4, &r);
	f->n4 = r.n;
	for (uint32_t i = 0; i < r.n; i++) {
		f->start4[i] = (uint32_t)r.start[i];
		f->what4[i] = r.what[i];
	}
	r.n = 0;
	sweep(f, n_routes, 6, &r);
	f->n6 = r.n;
	f->start6 = r.start;
	f->what6 = r.what;
	return 0;
}

static int make_neighs(struct dpk_fib *f, const struct dpk_fib_told *t)
{
	uint32_t n = 16;

	while (n < t->n_neighs * 2)
		n *= 2;
	f->neighs = calloc(n, sizeof(*f->neighs));
	if (!f->neighs)
		return -ENOMEM;
	f->neigh_mask = n - 1;
	for (size_t i = 0; i < t->n_neighs; i++) {
		const struct dbx_wire_neigh *from = &t->neighs[i];
		struct neigh *to = neigh_at(f, from->family, from->ifindex, from->addr);

		to->family = from->family;
		to->ifindex = from->ifindex;
		memcpy(to->addr, from->addr, sizeof(to->addr));
		memcpy(to->mac, from->mac, sizeof(to->mac));
	}
	return 0;
}

int dpk_fib_make(const struct dpk_fib_told *t, struct dpk_fib **out)
{
	struct dpk_fib *f = calloc(1, sizeof(*f));
	int rc = 0;

	if (!f)
		return -ENOMEM;
	f->n_ifaces = t->n_ifaces;
	memcpy(f->ifaces, t->ifaces, sizeof(f->ifaces));
	f->routes = malloc((t->n_routes + 1) * sizeof(*f->routes));
	if (!f->routes)
		rc = -ENOMEM;
	else if (t->n_routes)
		memcpy(f->routes, t->routes, t->n_routes * sizeof(*f->routes));
	rc = rc ? rc : make_ranges(f, t->n_routes);
	rc = rc ? rc : make_neighs(f, t);
	if (rc)
		dpk_fib_free(f);
	else
		*out = f;
	return rc;
}

void dpk_fib_free(struct dpk_fib *f)
{
	if (!f)
		return;
	free(f->start4);
	free(f->what4);
	free(f->start6);
	free(f->what6);
	free(f->routes);
	free(f->neighs);
	free(f);
}
