// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_names.c -- names and flows in the tables of dbx-egress-dpdk, and walks over its tables.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_util.h"

/* A walk may meet an entry twice when tables change; one that never ends is not a walk. */
#define PAGES_MAX 65536u

int dp_dpdk_secret(struct dbx_dp *dp, struct dbx_secret *out)
{
	pthread_mutex_lock(&dp->lock);
	*out = dp->secret;
	pthread_mutex_unlock(&dp->lock);
	return 0;
}

int dp_dpdk_learn(struct dbx_dp *dp, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	struct dbx_wire_bound b = {*k, *v};
	int rc;

	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_LEARN, .body = &b, .n_body = sizeof(b)),
				 NULL);
	if (!rc)
		rc = dp_mirror_put(&dp->bound, k, v);
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

int dp_dpdk_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *k)
{
	int rc;

	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_UNLEARN, .body = k, .n_body = sizeof(*k)),
				 NULL);
	if (!rc)
		dp_mirror_del(&dp->bound, k);
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

int dp_dpdk_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *k)
{
	return dp_wire_call(dp, DP_CALL(DBX_WIRE_FORGET_ADDR, .body = k, .n_body = sizeof(*k)),
			    NULL);
}

int dp_dpdk_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *k, struct dbx_bound *out)
{
	return dp_wire_call(dp,
			    DP_CALL(DBX_WIRE_BOUND_GET, .body = k, .n_body = sizeof(*k),
				    .answer = out, .min = sizeof(*out), .max = sizeof(*out)),
			    NULL);
}

int dp_dpdk_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *k, struct dbx_learned *out)
{
	return dp_wire_call(dp,
			    DP_CALL(DBX_WIRE_LEARNED_GET, .body = k, .n_body = sizeof(*k),
				    .answer = out, .min = sizeof(*out), .max = sizeof(*out)),
			    NULL);
}

/* ---- walks ---- */

static int one_page(struct dbx_dp *dp, const struct dbx_wire_each *q, size_t unit, bool locked,
		    char *page)
{
	const struct dbx_wire_page *p = (const void *)page;
	struct dp_call *c = DP_CALL(DBX_WIRE_EACH, .body = q, .n_body = sizeof(*q), .answer = page,
				    .min = sizeof(*p), .max = sizeof(*p) + DBX_WIRE_BATCH * unit);
	int rc = locked ? dp_wire_call_locked(dp, c, NULL) : dp_wire_call(dp, c, NULL);

	if (rc)
		return rc;
	return p->n > DBX_WIRE_BATCH || c->n_answer != sizeof(*p) + p->n * unit ? -EPROTO : 0;
}

int dp_dpdk_walk(struct dbx_dp *dp, enum dbx_wire_table table, size_t unit, bool locked,
		 int (*fn)(void *arg, const void *element), void *arg)
{
	char *page = malloc(sizeof(struct dbx_wire_page) + DBX_WIRE_BATCH * unit);
	const struct dbx_wire_page *p = (const void *)page;
	struct dbx_wire_each q = {.table = table};
	uint32_t i, n_pages = 0;
	int rc = page ? 0 : -ENOMEM;

	while (!rc) {
		rc = one_page(dp, &q, unit, locked, page);
		for (i = 0; !rc && i < p->n; i++)
			rc = fn(arg, page + sizeof(*p) + i * unit);
		if (rc || !p->next)
			break;
		q.cursor = p->next;
		if (++n_pages == PAGES_MAX)
			rc = -ELOOP;
	}
	free(page);
	return rc;
}

struct give {
	union {
		int (*learned)(void *arg, const struct dbx_learned_key *k,
			       const struct dbx_learned *v);
		int (*bound)(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v);
		int (*flow)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v);
		dbx_dp_counter_fn counter;
	} fn;
	void *arg;
};

static int give_learned(void *arg, const void *element)
{
	const struct dbx_wire_learned *e = element;
	const struct give *g = arg;

	return g->fn.learned(g->arg, &e->key, &e->learned);
}

static int give_bound(void *arg, const void *element)
{
	const struct dbx_wire_bound *e = element;
	const struct give *g = arg;

	return g->fn.bound(g->arg, &e->key, &e->bound);
}

static int give_flow(void *arg, const void *element)
{
	const struct dbx_wire_flow *e = element;
	const struct give *g = arg;

	return g->fn.flow(g->arg, &e->key, &e->flow);
}

static int give_counter(void *arg, const void *element)
{
	const struct dbx_wire_counter *e = element;
	const struct give *g = arg;
	const struct dbx_dp_counter c = {e->key, e->value};

	return g->fn.counter(g->arg, &c);
}

int dp_dpdk_learned_each(struct dbx_dp *dp,
			 int (*fn)(void *arg, const struct dbx_learned_key *k,
				   const struct dbx_learned *v),
			 void *arg)
{
	struct give g = {{.learned = fn}, arg};

	return dp_dpdk_walk(dp, DBX_WIRE_TABLE_LEARNED, sizeof(struct dbx_wire_learned), false,
			    give_learned, &g);
}

int dp_dpdk_bound_each(struct dbx_dp *dp,
		       int (*fn)(void *arg, const struct dbx_bound_key *k,
				 const struct dbx_bound *v),
		       void *arg)
{
	struct give g = {{.bound = fn}, arg};

	return dp_dpdk_walk(dp, DBX_WIRE_TABLE_BOUND, sizeof(struct dbx_wire_bound), false,
			    give_bound, &g);
}

int dp_dpdk_flows_each(struct dbx_dp *dp,
		       int (*fn)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v),
		       void *arg)
{
	struct give g = {{.flow = fn}, arg};

	return dp_dpdk_walk(dp, DBX_WIRE_TABLE_FLOWS, sizeof(struct dbx_wire_flow), false,
			    give_flow, &g);
}

int dp_dpdk_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg)
{
	struct give g = {{.counter = fn}, arg};

	return dp_dpdk_walk(dp, DBX_WIRE_TABLE_COUNTERS, sizeof(struct dbx_wire_counter), false,
			    give_counter, &g);
}

/* ---- flows ---- */

int dp_dpdk_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *k, const struct dbx_flow *v)
{
	struct dbx_wire_flow f = {.key = *k, .flow = *v};

	return dp_wire_call(dp, DP_CALL(DBX_WIRE_FLOW_SET, .body = &f, .n_body = sizeof(f)), NULL);
}

int dp_dpdk_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *k)
{
	return dp_wire_call(dp, DP_CALL(DBX_WIRE_FLOW_DEL, .body = k, .n_body = sizeof(*k)), NULL);
}

/* ---- DNS ---- */

/* The sockets go first: no query is steered to where nobody takes it. Off: the other way round. */
int dp_dpdk_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		  struct dbx_dp_error *err)
{
	bool on = udp4 >= 0 || tcp4 >= 0 || udp6 >= 0 || tcp6 >= 0;
	struct dbx_wire_steer s = {.is_ready = on};
	int rc;

	if (on && dp->host) {
		rc = dp_host_steer(dp->host, udp4, tcp4, udp6, tcp6, err);
		if (rc)
			return rc;
	}
	pthread_mutex_lock(&dp->lock);
	dp->is_steered = on;
	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_STEER, .body = &s, .n_body = sizeof(s)), err);
	pthread_mutex_unlock(&dp->lock);
	/* A process that is away is told when it is back. */
	if (rc == -ENOTCONN)
		rc = 0;
	if (!rc && !on && dp->host)
		rc = dp_host_steer(dp->host, -1, -1, -1, -1, err);
	return rc;
}
