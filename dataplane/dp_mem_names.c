// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_mem_names.c -- learned names and flows of the data plane in memory.
 *
 * Tables are searched from end to end: they hold what a test teaches. One lock, because the resolver
 * teaches from a thread of its own.
 */
#include "dataplane/dp_mem_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define EVENTS_MAX 256u

/* Rows of a key and a value. */
struct table {
	size_t key_bytes, value_bytes, n, cap, max;
	char *rows;
};

#define TABLE(key, value, n_max)                                                      \
	{                                                                             \
		.key_bytes = sizeof(struct key), .value_bytes = sizeof(struct value), \
		.max = (n_max)                                                        \
	}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table learned = TABLE(dbx_learned_key, dbx_learned, DBX_LEARNED_MAX);
static struct table bound = TABLE(dbx_bound_key, dbx_bound, DBX_BOUND_MAX);
static struct table flows = TABLE(dbx_flow_key, dbx_flow, DBX_FLOWS_MAX);
static struct dbx_name_event ring[EVENTS_MAX];
static size_t n_ring;
static int event_fd; /* + 1, 0 = none */
static int socks[4] = {-1, -1, -1, -1};

static char *row(const struct table *t, size_t i)
{
	return t->rows + i * (t->key_bytes + t->value_bytes);
}

static void *find(const struct table *t, const void *key)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (!memcmp(row(t, i), key, t->key_bytes))
			return row(t, i) + t->key_bytes;
	}
	return NULL;
}

static int put(struct table *t, const void *key, const void *value)
{
	void *had = find(t, key), *rows;

	if (had) {
		memcpy(had, value, t->value_bytes);
		return 0;
	}
	if (t->n >= t->max)
		return -ENOSPC;
	if (t->n == t->cap) {
		rows = realloc(t->rows, (t->cap + 256) * (t->key_bytes + t->value_bytes));
		if (!rows)
			return -ENOMEM;
		t->rows = rows;
		t->cap += 256;
	}
	memcpy(row(t, t->n), key, t->key_bytes);
	memcpy(row(t, t->n++) + t->key_bytes, value, t->value_bytes);
	return 0;
}

static void drop(struct table *t, const void *key)
{
	char *value = find(t, key);

	if (value)
		memcpy(value - t->key_bytes, row(t, --t->n), t->key_bytes + t->value_bytes);
}

static void clear(struct table *t, size_t max)
{
	free(t->rows);
	t->rows = NULL;
	t->n = t->cap = 0;
	t->max = max;
}

void dp_mem_names_reset(void)
{
	pthread_mutex_lock(&lock);
	clear(&learned, DBX_LEARNED_MAX);
	clear(&bound, DBX_BOUND_MAX);
	clear(&flows, DBX_FLOWS_MAX);
	n_ring = 0;
	if (event_fd)
		close(event_fd - 1);
	event_fd = 0;
	memset(socks, 0xff, sizeof(socks));
	pthread_mutex_unlock(&lock);
}

void dbx_dp_mem_names_max(size_t n_learned, size_t n_bound, size_t n_flows)
{
	pthread_mutex_lock(&lock);
	learned.max = n_learned;
	bound.max = n_bound;
	flows.max = n_flows;
	pthread_mutex_unlock(&lock);
}

int dp_mem_secret(struct dbx_dp *dp, struct dbx_secret *out)
{
	(void)dp;
	*out = (struct dbx_secret){{1234567891, 987654321}};
	return 0;
}

static int learn_locked(const struct dbx_bound_key *key, const struct dbx_bound *v)
{
	const struct dbx_bound *had = find(&bound, key);
	struct dbx_bound old = had ? *had : *v;
	const struct dbx_learned *known;
	struct dbx_learned l = {0};
	struct dbx_learned_key k;
	int rc = put(&bound, key, v);

	if (rc)
		return rc;
	memset(&k, 0, sizeof(k));
	k.policy_uid = key->policy_uid;
	memcpy(k.addr, key->addr, sizeof(k.addr));
	known = find(&learned, &k);
	if (known)
		l = *known;
	if (l.expires_ns < v->expires_ns)
		l.expires_ns = v->expires_ns;
	if (v->flags & DBX_BOUND_F_PRIVATE)
		l.flags |= DBX_LEARNED_F_GUARD;
	rc = put(&learned, &k, &l);
	if (rc && had)
		put(&bound, key, &old);
	else if (rc)
		drop(&bound, key);
	return rc;
}

int dp_mem_learn(struct dbx_dp *dp, const struct dbx_bound_key *key, const struct dbx_bound *v)
{
	int rc;

	(void)dp;
	pthread_mutex_lock(&lock);
	rc = dp_mem_fault(DBX_DP_MEM_LEARN, "learn", NULL);
	if (!rc)
		rc = learn_locked(key, v);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int drop_from(struct table *t, const void *key)
{
	pthread_mutex_lock(&lock);
	drop(t, key);
	pthread_mutex_unlock(&lock);
	return 0;
}

int dp_mem_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *key)
{
	(void)dp;
	return drop_from(&bound, key);
}

int dp_mem_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *key, struct dbx_bound *out)
{
	const struct dbx_bound *v;

	(void)dp;
	pthread_mutex_lock(&lock);
	v = find(&bound, key);
	if (v)
		*out = *v;
	pthread_mutex_unlock(&lock);
	return v ? 0 : -ENOENT;
}

int dp_mem_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *key,
		       struct dbx_learned *out)
{
	const struct dbx_learned *v;

	(void)dp;
	pthread_mutex_lock(&lock);
	v = find(&learned, key);
	if (v)
		*out = *v;
	pthread_mutex_unlock(&lock);
	return v ? 0 : -ENOENT;
}

int dp_mem_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *key)
{
	(void)dp;
	return drop_from(&learned, key);
}

int dp_mem_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *key)
{
	(void)dp;
	return drop_from(&flows, key);
}

/* fn may change the tables: it is given a copy, and no lock is held. */
static int each(const struct table *t, int (*fn)(void *arg, const void *k, const void *v),
		void *arg)
{
	struct table copy = *t;
	size_t i;
	int rc = 0;

	pthread_mutex_lock(&lock);
	copy.n = t->n;
	copy.rows = malloc(t->n * (t->key_bytes + t->value_bytes) + 1);
	if (copy.rows && t->n)
		memcpy(copy.rows, t->rows, t->n * (t->key_bytes + t->value_bytes));
	pthread_mutex_unlock(&lock);
	if (!copy.rows)
		return -ENOMEM;
	for (i = 0; i < copy.n && !rc; i++)
		rc = fn(arg, row(&copy, i), row(&copy, i) + t->key_bytes);
	free(copy.rows);
	return rc;
}

#define EACH(name, table, key, value)                                                       \
	struct name##_call {                                                                \
		int (*fn)(void *arg, const struct key *k, const struct value *v);           \
		void *arg;                                                                  \
	};                                                                                  \
	static int name##_row(void *arg, const void *k, const void *v)                      \
	{                                                                                   \
		const struct name##_call *c = arg;                                          \
		struct key key_copy;                                                        \
		struct value value_copy;                                                    \
                                                                                            \
		memcpy(&key_copy, k, sizeof(key_copy));                                     \
		memcpy(&value_copy, v, sizeof(value_copy));                                 \
		return c->fn(c->arg, &key_copy, &value_copy);                               \
	}                                                                                   \
	int dp_mem_##name(struct dbx_dp *dp,                                                \
			  int (*fn)(void *arg, const struct key *k, const struct value *v), \
			  void *arg)                                                        \
	{                                                                                   \
		struct name##_call c = {fn, arg};                                           \
                                                                                            \
		(void)dp;                                                                   \
		return each(&table, name##_row, &c);                                        \
	}

EACH(learned_each, learned, dbx_learned_key, dbx_learned)
EACH(bound_each, bound, dbx_bound_key, dbx_bound)
EACH(flows_each, flows, dbx_flow_key, dbx_flow)

/* A name let a flow through. */
static void hit(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	struct dbx_bound_key k = {.policy_uid = v->policy_uid[0], .name = v->name};
	struct dbx_bound b;
	void *at;

	memcpy(k.addr, key->dst, sizeof(k.addr));
	at = find(&bound, &k);
	if (v->state != DBX_FLOW_ALLOWED || !v->name || !at)
		return;
	memcpy(&b, at, sizeof(b));
	b.hits++;
	memcpy(at, &b, sizeof(b));
}

/* As egress_note does it: see dp.h. */
static int flow_set_locked(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	void *at = find(&flows, key);
	struct dbx_flow f;

	if (!at)
		return put(&flows, key, v);
	memcpy(&f, at, sizeof(f));
	if (f.start_ns != v->start_ns)
		return -ESTALE;
	f.policy_uid[0] = v->policy_uid[0];
	f.policy_uid[1] = v->policy_uid[1];
	if (v->state == DBX_FLOW_DENIED ||
	    (v->state == DBX_FLOW_ALLOWED && f.state == DBX_FLOW_HELLO &&
	     f.kind != DBX_NAME_PORT_TLS)) {
		f = *v;
		hit(key, v);
	} else if (v->state != f.state) {
		return memcpy(at, &f, sizeof(f)), -ESTALE;
	}
	memcpy(at, &f, sizeof(f));
	return 0;
}

int dp_mem_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	int rc;

	(void)dp;
	pthread_mutex_lock(&lock);
	rc = flow_set_locked(key, v);
	pthread_mutex_unlock(&lock);
	return rc;
}

void dbx_dp_mem_flow(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	pthread_mutex_lock(&lock);
	put(&flows, key, v);
	pthread_mutex_unlock(&lock);
}

int dp_mem_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		 struct dbx_dp_error *err)
{
	const int v[4] = {udp4, tcp4, udp6, tcp6};
	int rc = dp_mem_fault(DBX_DP_MEM_STEER, "steer", err);

	(void)dp;
	if (!rc)
		memcpy(socks, v, sizeof(socks));
	return rc;
}

const int *dbx_dp_mem_socks(void)
{
	return socks;
}

int dp_mem_name_event_fd(struct dbx_dp *dp)
{
	(void)dp;
	if (!event_fd)
		event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1;
	return event_fd - 1;
}

void dbx_dp_mem_name_event(const struct dbx_name_event *e)
{
	uint64_t one = 1;

	if (n_ring == EVENTS_MAX)
		return;
	ring[n_ring++] = *e;
	if (write(dp_mem_name_event_fd(NULL), &one, sizeof(one)) < 0)
		return; /* the reader is awake already */
}

int dp_mem_poll_name_events(struct dbx_dp *dp,
			    void (*fn)(void *arg, const struct dbx_name_event *e), void *arg)
{
	uint64_t n;
	size_t i;

	if (read(dp_mem_name_event_fd(dp), &n, sizeof(n)) < 0 && errno != EAGAIN)
		return -errno;
	for (i = 0; i < n_ring; i++)
		fn(arg, &ring[i]);
	n_ring = 0;
	return 0;
}
