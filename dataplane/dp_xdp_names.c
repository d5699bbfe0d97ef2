// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_names.c -- learned names and flows in the kernel's maps, and the sockets for DNS.
 *
 * While a program of another ABI waits to take over, its maps are the ones that are taught: the old
 * program's would be lost with it.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

#define BATCH 1024u /* keys a call */

static const struct dp_prog *prog_of(const struct dbx_dp *dp)
{
	return dp->next.fd >= 0 ? &dp->next : &dp->live;
}

static int map_of(const struct dbx_dp *dp, enum dbx_program_map map)
{
	return prog_of(dp)->map[map];
}

int dp_secret_make(int fd)
{
	struct dbx_secret k = {{0, 0}};
	uint32_t zero = 0;
	int i, rc = bpf_map_lookup_elem(fd, &zero, &k);

	if (rc || (k.point[0] && k.point[1]))
		return rc;
	if (getrandom(&k, sizeof(k), 0) != (ssize_t)sizeof(k))
		return -EIO;
	for (i = 0; i < 2; i++)
		k.point[i] = 1 + k.point[i] % (DBX_HASH_P - 1);
	return bpf_map_update_elem(fd, &zero, &k, BPF_ANY);
}

int dp_xdp_secret(struct dbx_dp *dp, struct dbx_secret *out)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(map_of(dp, DBX_MAP_SECRETS), &zero, out);
}

static int full(int rc)
{
	return rc == -E2BIG ? -ENOSPC : rc;
}

static int learn_addr(int fd, const struct dbx_bound_key *key, const struct dbx_bound *b)
{
	uint64_t flags = b->flags & DBX_BOUND_F_PRIVATE ? DBX_LEARNED_F_GUARD : 0;
	struct dbx_learned v = {0};
	struct dbx_learned_key k;

	memset(&k, 0, sizeof(k));
	k.policy_uid = key->policy_uid;
	memcpy(k.addr, key->addr, sizeof(k.addr));
	if (!bpf_map_lookup_elem(fd, &k, &v) && v.expires_ns >= b->expires_ns &&
	    (v.flags & flags) == flags)
		return 0;
	if (v.expires_ns < b->expires_ns)
		v.expires_ns = b->expires_ns;
	v.flags |= flags;
	return bpf_map_update_elem(fd, &k, &v, BPF_ANY);
}

int dp_xdp_learn(struct dbx_dp *dp, const struct dbx_bound_key *key, const struct dbx_bound *bound)
{
	int fd = map_of(dp, DBX_MAP_BOUND), rc;
	struct dbx_bound old, v = *bound;
	bool had = !bpf_map_lookup_elem(fd, key, &old);

	if (had && v.hits < old.hits)
		v.hits = old.hits;
	rc = bpf_map_update_elem(fd, key, &v, BPF_ANY);
	if (rc)
		return full(rc);
	rc = learn_addr(map_of(dp, DBX_MAP_LEARNED), key, bound);
	if (rc && had)
		bpf_map_update_elem(fd, key, &old, BPF_ANY);
	else if (rc)
		bpf_map_delete_elem(fd, key);
	return full(rc);
}

static int delete_key(int fd, const void *key)
{
	int rc = bpf_map_delete_elem(fd, key);

	return rc == -ENOENT ? 0 : rc;
}

int dp_xdp_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *key)
{
	return delete_key(map_of(dp, DBX_MAP_BOUND), key);
}

int dp_xdp_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *key, struct dbx_bound *out)
{
	return bpf_map_lookup_elem(map_of(dp, DBX_MAP_BOUND), key, out);
}

int dp_xdp_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *key,
		       struct dbx_learned *out)
{
	return bpf_map_lookup_elem(map_of(dp, DBX_MAP_LEARNED), key, out);
}

int dp_xdp_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *key)
{
	return delete_key(map_of(dp, DBX_MAP_LEARNED), key);
}

/* ---- walks ---- */

struct walk {
	size_t key_bytes, value_bytes;
	uint64_t elem_flags;
	int (*fn)(const struct walk *w, const void *key, const void *value);
	void *user_fn, *arg;
};

static int walk(int fd, const struct walk *w)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts, .elem_flags = w->elem_flags);
	char *keys = calloc(BATCH, w->key_bytes), *values = calloc(BATCH, w->value_bytes);
	uint64_t at = 0; /* the kernel's own place in the table */
	bool begun = false;
	int rc = keys && values ? 0 : -ENOMEM, end = 0;
	uint32_t i, n;

	while (!rc && !end) {
		n = BATCH;
		end = bpf_map_lookup_batch(fd, begun ? &at : NULL, &at, keys, values, &n, &opts);
		begun = true;
		if (end && end != -ENOENT)
			rc = end;
		for (i = 0; i < n && !rc; i++)
			rc = w->fn(w, keys + i * w->key_bytes, values + i * w->value_bytes);
	}
	free(keys);
	free(values);
	return rc;
}

typedef int (*learned_fn)(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v);
typedef int (*bound_fn)(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v);
typedef int (*flow_fn)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v);

static int give_learned(const struct walk *w, const void *key, const void *value)
{
	return ((learned_fn)w->user_fn)(w->arg, key, value);
}

static int give_bound(const struct walk *w, const void *key, const void *value)
{
	return ((bound_fn)w->user_fn)(w->arg, key, value);
}

static int give_flow(const struct walk *w, const void *key, const void *value)
{
	return ((flow_fn)w->user_fn)(w->arg, key, &((const struct dbx_flow_slot *)value)->flow);
}

int dp_xdp_learned_each(struct dbx_dp *dp, learned_fn fn, void *arg)
{
	struct walk w = {sizeof(struct dbx_learned_key),
			 sizeof(struct dbx_learned),
			 0,
			 give_learned,
			 (void *)fn,
			 arg};

	return walk(map_of(dp, DBX_MAP_LEARNED), &w);
}

int dp_xdp_bound_each(struct dbx_dp *dp, bound_fn fn, void *arg)
{
	struct walk w = {sizeof(struct dbx_bound_key),
			 sizeof(struct dbx_bound),
			 0,
			 give_bound,
			 (void *)fn,
			 arg};

	return walk(map_of(dp, DBX_MAP_BOUND), &w);
}

int dp_xdp_flows_each(struct dbx_dp *dp, flow_fn fn, void *arg)
{
	struct walk w = {sizeof(struct dbx_flow_key),
			 sizeof(struct dbx_flow_slot),
			 BPF_F_LOCK,
			 give_flow,
			 (void *)fn,
			 arg};

	return walk(map_of(dp, DBX_MAP_FLOWS), &w);
}

/* ---- flows ---- */

static int give_order(const struct dp_prog *p, const struct dbx_flow_key *key,
		      const struct dbx_flow *v)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct dbx_flow_order order;
	int rc;

	memset(&order, 0, sizeof(order));
	order.key = *key;
	order.flow = *v;
	opts.data_in = &order;
	opts.data_size_in = sizeof(order);
	rc = bpf_prog_test_run_opts(p->note, &opts);
	if (rc)
		return rc;
	return opts.retval == DBX_ORDER_DONE   ? 0
	       : opts.retval == DBX_ORDER_NONE ? -ENOENT
					       : -ESTALE;
}

int dp_xdp_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	const struct dp_prog *p = prog_of(dp);
	int rc = give_order(p, key, v);
	struct dbx_flow_slot slot;

	if (rc != -ENOENT)
		return rc;
	memset(&slot, 0, sizeof(slot));
	slot.flow = *v;
	rc = bpf_map_update_elem(p->map[DBX_MAP_FLOWS], key, &slot, BPF_NOEXIST);
	return rc == -EEXIST ? give_order(p, key, v) : full(rc);
}

int dp_xdp_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *key)
{
	int rc = delete_key(map_of(dp, DBX_MAP_HELLOS), key);

	return rc ? rc : delete_key(map_of(dp, DBX_MAP_FLOWS), key);
}

/* ---- DNS ---- */

int dp_xdp_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		 struct dbx_dp_error *err)
{
	const int socks[DBX_DNS_SOCK_MAX] = {udp4, tcp4, udp6, tcp6};
	int fd = map_of(dp, DBX_MAP_DNS_SOCKS), steer = map_of(dp, DBX_MAP_STEER), rc = 0;
	uint32_t i, zero = 0, ready = 0;

	if (udp4 < 0 && tcp4 < 0 && udp6 < 0 && tcp6 < 0)
		rc = bpf_map_update_elem(steer, &zero, &ready, BPF_ANY);
	for (i = 0; i < DBX_DNS_SOCK_MAX && !rc; i++) {
		uint64_t sock = (uint64_t)socks[i];

		if (socks[i] < 0) {
			bpf_map_delete_elem(fd, &i);
			continue;
		}
		rc = bpf_map_update_elem(fd, &i, &sock, BPF_ANY);
		ready = 1;
	}
	if (!rc && ready)
		rc = bpf_map_update_elem(steer, &zero, &ready, BPF_ANY);
	return rc ? dp_fail(err, rc, "DNS: the kernel refused the resolver's socket %u of 4: %s", i,
			    strerror(-rc))
		  : 0;
}

int dp_xdp_poll_name_events(struct dbx_dp *dp,
			    void (*fn)(void *arg, const struct dbx_name_event *e), void *arg)
{
	int rc;

	if (!dp->name_ring)
		return 0;
	dp->name_fn = fn;
	dp->name_arg = arg;
	rc = ring_buffer__consume(dp->name_ring);
	dp->name_fn = NULL;
	return rc < 0 ? rc : 0;
}

int dp_xdp_name_event_fd(struct dbx_dp *dp)
{
	return dp->name_epoll_fd;
}
