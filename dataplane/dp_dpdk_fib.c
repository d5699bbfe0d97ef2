// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_fib.c -- routes and neighbours for dbx-egress-dpdk: the daemon gives the whole, the process
 * is told what is another than before.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_util.h"

#define RECORDS_MAX (8 * DBX_WIRE_BATCH)

/* One message as it fills up; either kind of records, never both. */
struct batch {
	struct dbx_dp *dp;
	struct dbx_dp_error *err;
	struct dbx_wire_fib head;
	char records[RECORDS_MAX * sizeof(struct dbx_wire_route)];
	size_t n_bytes;
};

static int compare_routes(const void *a, const void *b)
{
	return dbx_dp_compare_prefix(a, b);
}

static int compare_neighs(const void *a, const void *b)
{
	const struct dbx_wire_neigh *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return memcmp(x->addr, y->addr, sizeof(x->addr));
}

static int flush(struct batch *b, uint32_t more_flags)
{
	int rc;

	b->head.flags |= more_flags;
	rc = dp_wire_call_locked(b->dp,
				 DP_CALL(DBX_WIRE_FIB, .body = &b->head, .n_body = sizeof(b->head),
					 .more = b->records, .n_more = b->n_bytes),
				 b->err);
	b->head = (struct dbx_wire_fib){0};
	b->n_bytes = 0;
	return rc;
}

static int add(struct batch *b, const void *record, size_t n, uint32_t *count,
	       const uint32_t *other)
{
	int rc = 0;

	if (*other || *count == RECORDS_MAX)
		rc = flush(b, 0);
	if (rc)
		return rc;
	memcpy(b->records + b->n_bytes, record, n);
	b->n_bytes += n;
	(*count)++;
	return 0;
}

static int add_route(struct batch *b, const void *record, uint8_t op)
{
	struct dbx_wire_route r = *(const struct dbx_wire_route *)record;

	r.op = op;
	return add(b, &r, sizeof(r), &b->head.n_routes, &b->head.n_neighs);
}

static int add_neigh(struct batch *b, const void *record, uint8_t op)
{
	struct dbx_wire_neigh n = *(const struct dbx_wire_neigh *)record;

	n.op = op;
	return add(b, &n, sizeof(n), &b->head.n_neighs, &b->head.n_routes);
}

struct kind {
	size_t bytes;
	int (*compare)(const void *a, const void *b);
	int (*add)(struct batch *b, const void *record, uint8_t op);
};

static const struct kind routes_kind = {sizeof(struct dbx_wire_route), compare_routes, add_route};
static const struct kind neighs_kind = {sizeof(struct dbx_wire_neigh), compare_neighs, add_neigh};

/* Both in order: what is only in old is deleted, what is new or another is put. */
static int tell_difference(struct batch *b, const struct kind *k, const void *old, size_t n_old,
			   const void *fresh, size_t n_fresh)
{
	size_t i = 0, j = 0;
	int order, rc = 0;

	while (!rc && (i < n_old || j < n_fresh)) {
		const char *o = i < n_old ? (const char *)old + i * k->bytes : NULL;
		const char *f = j < n_fresh ? (const char *)fresh + j * k->bytes : NULL;

		order = !o ? 1 : !f ? -1 : k->compare(o, f);
		if (order < 0)
			rc = k->add(b, o, DBX_WIRE_DEL);
		else if (order > 0 || memcmp(o, f, k->bytes) != 0)
			rc = k->add(b, f, DBX_WIRE_PUT);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}

int dp_fib_tell(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct batch *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return dp_fail(err, -ENOMEM, "routes: out of memory");
	b->dp = dp;
	b->err = err;
	b->head.flags = DBX_WIRE_FIB_BEGIN;
	rc = tell_difference(b, &routes_kind, "", 0, dp->fib.routes, dp->fib.n_routes);
	if (!rc)
		rc = tell_difference(b, &neighs_kind, "", 0, dp->fib.neighs, dp->fib.n_neighs);
	if (!rc)
		rc = flush(b, DBX_WIRE_FIB_END);
	free(b);
	return rc;
}

static int tell_change(struct dbx_dp *dp, const struct dp_fib_table *t, struct dbx_dp_error *err)
{
	struct batch *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return dp_fail(err, -ENOMEM, "routes: out of memory");
	b->dp = dp;
	b->err = err;
	rc = tell_difference(b, &routes_kind, dp->fib.routes, dp->fib.n_routes, t->routes,
			     t->n_routes);
	if (!rc)
		rc = tell_difference(b, &neighs_kind, dp->fib.neighs, dp->fib.n_neighs, t->neighs,
				     t->n_neighs);
	if (!rc && (b->head.n_routes || b->head.n_neighs))
		rc = flush(b, 0);
	free(b);
	return rc;
}

/* A copy in order, each key once (the last one counts). */
static void *sorted(const void *v, size_t *n, const struct kind *k)
{
	char *out = calloc(*n + 1, k->bytes);
	size_t i, kept = 0;

	if (!out)
		return NULL;
	if (*n)
		memcpy(out, v, *n * k->bytes);
	qsort(out, *n, k->bytes, k->compare);
	for (i = 0; i < *n; i++) {
		if (!kept || k->compare(out + (kept - 1) * k->bytes, out + i * k->bytes))
			kept++;
		memmove(out + (kept - 1) * k->bytes, out + i * k->bytes, k->bytes);
	}
	*n = kept;
	return out;
}

void dp_fib_fini(struct dp_fib_table *t)
{
	free(t->routes);
	free(t->neighs);
	*t = (struct dp_fib_table){0};
}

static bool is_begun(const struct dbx_dp *dp)
{
	return dp->fib.routes != NULL;
}

int dp_dpdk_fib(struct dbx_dp *dp, const struct dbx_wire_route *routes, size_t n_routes,
		const struct dbx_wire_neigh *neighs, size_t n_neighs, struct dbx_dp_error *err)
{
	struct dp_fib_table t = {.n_routes = n_routes, .n_neighs = n_neighs};
	bool was_begun;
	int rc;

	if (n_routes > DBX_WIRE_ROUTE_MAX || n_neighs > DBX_WIRE_NEIGH_MAX)
		return dp_fail(err, -E2BIG, "routes: %zu and %zu neighbours are too many", n_routes,
			       n_neighs);
	t.routes = sorted(routes, &t.n_routes, &routes_kind);
	t.neighs = sorted(neighs, &t.n_neighs, &neighs_kind);
	if (!t.routes || !t.neighs) {
		dp_fib_fini(&t);
		return dp_fail(err, -ENOMEM, "routes: out of memory");
	}
	pthread_mutex_lock(&dp->lock);
	was_begun = is_begun(dp);
	rc = was_begun ? tell_change(dp, &t, err) : 0;
	dp_fib_fini(&dp->fib);
	dp->fib = t;
	/* The process may hold what another daemon told, or a part of a change that was refused. */
	if (!was_begun || (rc && rc != -ENOTCONN))
		rc = dp_fib_tell(dp, err);
	pthread_mutex_unlock(&dp->lock);
	return rc == -ENOTCONN ? 0 : rc;
}
