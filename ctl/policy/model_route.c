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

/* Routes are numbered in this order where their hashes meet. */
static bool is_before(uint64_t hash, size_t i, uint64_t other, size_t k)
{
	return hash != other ? hash < other : i < k;
}

/* Whether another route that is before this one has the number by its hash. */
static bool is_taken(const struct dbx_gateway *g, size_t at, uint64_t hash)
{
	for (size_t i = 0; i < g->n_routes; i++) {
		uint64_t h = hash_route(&g->routes[i]);

		if (i != at && number_of(h) == number_of(hash) && is_before(h, i, hash, at))
			return true;
	}
	return false;
}

/* The next of those whose number is taken, in order, after (hash, i) when i is not SIZE_MAX. */
static size_t next_clash(const struct dbx_gateway *g, uint64_t hash, size_t i)
{
	size_t best = SIZE_MAX;
	uint64_t best_hash = 0;

	for (size_t k = 0; k < g->n_routes; k++) {
		uint64_t h = hash_route(&g->routes[k]);

		if ((i != SIZE_MAX && !is_before(hash, i, h, k)) ||
		    (best != SIZE_MAX && !is_before(h, k, best_hash, best)) || !is_taken(g, k, h))
			continue;
		best = k;
		best_hash = h;
	}
	return best;
}

static uint32_t number_after_clash(const struct dbx_gateway *g, size_t at)
{
	uint64_t used[NUMBERS / 64] = {1};
	size_t i = SIZE_MAX;
	uint64_t hash = 0;
	uint32_t n = 0;

	for (size_t k = 0; k < g->n_routes; k++) {
		n = number_of(hash_route(&g->routes[k]));
		used[n / 64] |= 1ull << n % 64;
	}
	do {
		i = next_clash(g, hash, i);
		if (i == SIZE_MAX) /* not reached: at is one of them */
			return 0;
		hash = hash_route(&g->routes[i]);
		n = number_of(hash);
		while (used[n / 64] >> n % 64 & 1)
			n = (n + 1) % NUMBERS;
		used[n / 64] |= 1ull << n % 64;
	} while (i != at);
	return n;
}

uint32_t dbx_model_route_mark(const struct dbx_model *m, const struct dbx_path_route *r)
{
	const struct dbx_gateway *g = &m->gateway;
	size_t at = r ? (size_t)(r - g->routes) : 0;
	uint64_t hash;

	if (!r)
		return 0;
	hash = hash_route(r);
	return DBX_MARK_PATH |
	       (is_taken(g, at, hash) ? number_after_clash(g, at) : number_of(hash));
}
