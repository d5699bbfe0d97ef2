/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model_route.c -- which route of the gateway document a path takes, and the mark that it goes by.
 *
 * A mark follows from path, interface, next hops and source addresses, not from the place in the
 * list nor from the NCCs: what goes on the same way keeps its mark when something else changes. Where
 * two routes hash alike, the one with the smaller hash of 64 bits keeps the number, and the others
 * take the next ones that no route hashes to.
 */
#include "policy/model.h"

#include <stdlib.h>
#include <string.h>

#include "dbx/image.h"
#include "lib/hash.h"

#define NUMBERS 65536u
#define SEED    0x6462782d70617468ull /* "dbx-path" */

static bool names_ncc(const struct dbx_path_route *r, const char *ncc_id)
{
	for (size_t i = 0; i < r->n_ncc_ids && ncc_id; i++) {
		if (!strcmp(r->ncc_ids[i].ncc_id, ncc_id))
			return true;
	}
	return false;
}

const struct dbx_path_route *dbx_model_route(const struct dbx_model *m, enum dbx_path path,
					     const char *ncc_id)
{
	const struct dbx_gateway *g = &m->gateway;
	const struct dbx_path_route *any = NULL;

	for (size_t i = 0; i < g->n_routes; i++) {
		const struct dbx_path_route *r = &g->routes[i];

		if (r->path != path)
			continue;
		if (names_ncc(r, ncc_id))
			return r;
		if (!r->n_ncc_ids && !any)
			any = r;
	}
	return any;
}

/* ---- marks ---- */

static uint64_t hash_addrs(const struct dbx_addr *v, size_t n, uint64_t h)
{
	h = dbx_hash64(&n, sizeof(n), h);
	for (int v6 = 0; v6 < 2; v6++) { /* in the order of families, not of the document */
		for (size_t i = 0; i < n; i++) {
			if (v[i].is_v6 == v6)
				h = dbx_hash64(v[i].a, v6 ? 16 : 4, h);
		}
	}
	return h;
}

static uint64_t hash_route(const struct dbx_path_route *r)
{
	const char *interface = r->interface ? r->interface : "";
	uint8_t path = (uint8_t)r->path;
	uint64_t h = dbx_hash64(&path, sizeof(path), SEED);

	h = dbx_hash64(interface, strlen(interface) + 1, h);
	h = hash_addrs(r->next_hops, r->n_next_hops, h);
	return hash_addrs(r->source_addresses, r->n_source_addresses, h);
}

/* 1..65535 */
static uint32_t number_of(uint64_t hash)
{
	return (uint32_t)(hash % (NUMBERS - 1)) + 1;
}

struct numbered {
	uint64_t hash;
	size_t route;
};

static int cmp_numbered(const void *x, const void *y)
{
	const struct numbered *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->route < b->route ? -1 : a->route > b->route;
}

static bool take(uint64_t used[NUMBERS / 64], uint32_t n)
{
	bool is_free = !(used[n / 64] >> n % 64 & 1);

	used[n / 64] |= 1ull << n % 64;
	return is_free;
}

uint32_t dbx_model_route_mark(const struct dbx_model *m, const struct dbx_path_route *r)
{
	const struct dbx_gateway *g = &m->gateway;
	uint64_t used[NUMBERS / 64] = {1};
	struct numbered v[DBX_ROUTES_MAX];
	size_t n = 0, late = 0;
	uint32_t number;

	for (; n < g->n_routes && n < DBX_ROUTES_MAX; n++)
		v[n] = (struct numbered){hash_route(&g->routes[n]), n};
	qsort(v, n, sizeof(v[0]), cmp_numbered);
	for (size_t i = 0; i < n && r; i++) {
		number = number_of(v[i].hash);
		if (!take(used, number))
			v[late++] = v[i];
		else if (&g->routes[v[i].route] == r)
			return DBX_MARK_PATH | number;
	}
	for (size_t i = 0; i < late && r; i++) {
		number = number_of(v[i].hash);
		while (!take(used, number))
			number = (number + 1) % NUMBERS;
		if (&g->routes[v[i].route] == r)
			return DBX_MARK_PATH | number;
	}
	return 0;
}
