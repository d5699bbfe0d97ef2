// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * usage.c -- who sent how much by which path: the data plane's counters, kept over time.
 *
 * Invariant: `base` is what the state has of the counters, and every packet in it is in a bucket. It
 * is kept by key, not as sums: a row may be removed from the counters, and come back from zero.
 */
#include "daemon/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/process.h"
#include "lib/vec.h"

#define SAMPLE_S 10
#define MINUTE_S 60
#define ROLL_S   3600

struct counters { /* sorted by key */
	struct dbx_dp_counter *v;
	size_t n, cap;
};

struct dbx_usage {
	struct dbx_store *store;
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;
	char boot_id[40];
	char epoch[64]; /* that base is of */
	struct counters base;
	int64_t last_s, rolled_s;
	char error[512];
};

/* What one sample found. */
struct sample {
	struct counters now, changed;
	struct {
		struct dbx_usage_row *v;
		size_t n, cap;
	} rows;
	struct {
		struct dbx_counter_key *v;
		size_t n, cap;
	} gone;
	char epoch[64];
	bool is_new_epoch;
};

static int compare(const struct dbx_counter_key *a, const struct dbx_counter_key *b)
{
	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->rule_uid != b->rule_uid)
		return a->rule_uid < b->rule_uid ? -1 : 1;
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	if (a->verdict != b->verdict)
		return a->verdict < b->verdict ? -1 : 1;
	return a->path < b->path ? -1 : a->path > b->path;
}

static int by_key(const void *a, const void *b)
{
	const struct dbx_dp_counter *x = a, *y = b;

	return compare(&x->key, &y->key);
}

static void sort(struct counters *c)
{
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_key);
}

static int push(void *arg, const struct dbx_dp_counter *c)
{
	return dbx_vec_push((struct counters *)arg, *c);
}

/* What left. Rows without a workspace (the link's own frames) are nobody's. */
static int push_passed(void *arg, const struct dbx_dp_counter *c)
{
	bool passed = c->key.verdict == DBX_VERDICT_PASS || c->key.verdict == DBX_VERDICT_DRY_RUN;

	return passed && c->key.workspace_id ? push(arg, c) : 0;
}

/* ---- one sample ---- */

static void sample_fini(struct sample *s)
{
	dbx_vec_fini(&s->now);
	dbx_vec_fini(&s->changed);
	dbx_vec_fini(&s->rows);
	dbx_vec_fini(&s->gone);
}

static int count(struct sample *s, const struct dbx_dp_counter *now, const struct dbx_counter *was)
{
	struct dbx_counter d = now->value;
	struct dbx_usage_row row = {now->key.workspace_id, now->key.path, d, 0, 0};

	/* Smaller than it was: the row began anew. */
	if (d.packets >= was->packets && d.bytes >= was->bytes) {
		d.packets -= was->packets;
		d.bytes -= was->bytes;
	}
	if (!d.packets && !d.bytes)
		return 0;
	if (dbx_vec_push(&s->changed, *now))
		return -ENOMEM;
	/* Rows of a workspace follow each other; it has no more than a few paths. */
	for (size_t i = s->rows.n; i-- && s->rows.v[i].workspace_id == row.workspace_id;) {
		if (s->rows.v[i].path != row.path)
			continue;
		s->rows.v[i].counter.packets += d.packets;
		s->rows.v[i].counter.bytes += d.bytes;
		return 0;
	}
	row.counter = d;
	return dbx_vec_push(&s->rows, row);
}

static int subtract(struct sample *s, const struct counters *base)
{
	static const struct dbx_counter zero;
	size_t i = 0, b = 0;
	int rc = 0, c;

	while (!rc && (i < s->now.n || b < base->n)) {
		c = i == s->now.n  ? 1
		    : b == base->n ? -1
				   : compare(&s->now.v[i].key, &base->v[b].key);
		if (c > 0)
			rc = dbx_vec_push(&s->gone, base->v[b++].key);
		else if (c < 0)
			rc = count(s, &s->now.v[i++], &zero);
		else
			rc = count(s, &s->now.v[i++], &base->v[b++].value);
	}
	return rc;
}

static int write_base(struct dbx_usage *u, const struct sample *s, struct dbx_fail *f)
{
	int rc = s->is_new_epoch ? dbx_store_set_usage_epoch(u->store, s->epoch, f) : 0;

	for (size_t i = 0; i < s->gone.n && !rc; i++)
		rc = dbx_store_remove_usage_base(u->store, &s->gone.v[i], f);
	for (size_t i = 0; i < s->changed.n && !rc; i++)
		rc = dbx_store_put_usage_base(u->store, &s->changed.v[i], f);
	return rc;
}

/* A hit is a packet that an entry let pass; what passed by a dry run was allowed by none. */
static int write_hits(struct dbx_usage *u, const struct sample *s, int64_t now_s,
		      struct dbx_fail *f)
{
	int rc = 0;

	for (size_t i = 0; i < s->changed.n && !rc; i++) {
		const struct dbx_counter_key *k = &s->changed.v[i].key;

		if (k->rule_uid && k->verdict == DBX_VERDICT_PASS)
			rc = dbx_store_put_hit(u->store, k->rule_uid, now_s, f);
	}
	return rc;
}

static int write_sample(struct dbx_usage *u, const struct sample *s, int64_t now_s,
			struct dbx_fail *f)
{
	int64_t start_s = now_s - now_s % MINUTE_S;
	int rc;

	if (!s->is_new_epoch && !s->changed.n && !s->gone.n)
		return 0;
	rc = dbx_store_begin(u->store, f);
	if (rc)
		return rc;
	for (size_t i = 0; i < s->rows.n && !rc; i++)
		rc = dbx_store_add_usage(u->store, start_s, MINUTE_S, &s->rows.v[i], f);
	if (!rc)
		rc = write_hits(u, s, now_s, f);
	if (!rc)
		rc = write_base(u, s, f);
	if (!rc)
		rc = dbx_store_commit(u->store, f);
	if (rc)
		dbx_store_abort(u->store);
	return rc;
}

static int take(struct dbx_usage *u, struct sample *s, struct dbx_fail *f)
{
	static const struct counters none;
	struct dbx_dp_state state;
	int rc = u->ops->state(u->dp, &state);

	if (!rc)
		rc = u->ops->counters(u->dp, push_passed, &s->now);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "usage: reading the counters: %s",
				    dbx_process_why(rc));
	snprintf(s->epoch, sizeof(s->epoch), "%s/%" PRIu64, u->boot_id, state.counters_id);
	s->is_new_epoch = strcmp(s->epoch, u->epoch) != 0;
	sort(&s->now);
	if (subtract(s, s->is_new_epoch ? &none : &u->base))
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "usage: out of memory");
	return 0;
}

int dbx_usage_sample(struct dbx_usage *u, int64_t now_s, struct dbx_fail *f)
{
	struct sample s;
	int rc;

	memset(&s, 0, sizeof(s));
	rc = take(u, &s, f);
	if (!rc)
		rc = write_sample(u, &s, now_s, f);
	if (!rc) {
		dbx_vec_fini(&u->base);
		u->base = s.now;
		s.now = (struct counters){NULL, 0, 0};
		memcpy(u->epoch, s.epoch, sizeof(u->epoch));
	}
	sample_fini(&s);
	if (rc && !u->error[0]) /* tried again every few seconds: said once */
		dbx_log_error("%s", f->text);
	snprintf(u->error, sizeof(u->error), "%.500s", rc ? f->text : "");
	return rc;
}

/* ---- time ---- */

static void roll(struct dbx_usage *u, int64_t now_s)
{
	struct dbx_fail f;
	int rc = dbx_store_begin(u->store, &f);

	if (!rc) {
		rc = dbx_store_roll_usage(u->store, now_s - DBX_USAGE_MINUTES_S,
					  now_s - DBX_USAGE_KEPT_S, &f);
		if (!rc)
			rc = dbx_store_drop_hits(u->store, now_s - DBX_USAGE_KEPT_S, &f);
		if (!rc)
			rc = dbx_store_commit(u->store, &f);
		if (rc)
			dbx_store_abort(u->store);
	}
	if (rc)
		dbx_log_warning("%s", f.text);
	u->rolled_s = now_s;
}

/* A sample when the minute has just changed is of the minute before. */
void dbx_usage_second(struct dbx_usage *u, int64_t now_s)
{
	bool is_next_minute = now_s / MINUTE_S != u->last_s / MINUTE_S;
	int64_t age = now_s - u->last_s;
	struct dbx_fail f;

	if (age >= 0 && age < SAMPLE_S && !is_next_minute)
		return;
	dbx_usage_sample(u, age > 0 && age <= SAMPLE_S ? u->last_s : now_s, &f);
	u->last_s = now_s;
	if (now_s - u->rolled_s >= ROLL_S || now_s < u->rolled_s)
		roll(u, now_s);
}

const char *dbx_usage_error(const struct dbx_usage *u)
{
	return u->error;
}

/* ---- life ---- */

static void read_boot_id(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 39);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

int dbx_usage_open(struct dbx_usage **out, struct dbx_store *store, const struct dbx_dp_ops *ops,
		   struct dbx_dp *dp, struct dbx_fail *f)
{
	struct dbx_usage *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	u->store = store;
	u->ops = ops;
	u->dp = dp;
	read_boot_id(u->boot_id);
	rc = dbx_store_usage_epoch(store, u->epoch, f);
	if (!rc) {
		rc = dbx_store_each_usage_base(store, push, &u->base, f);
		if (rc == -ENOMEM)
			dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "out of memory");
	}
	if (rc) {
		dbx_vec_fini(&u->base);
		free(u);
		return rc;
	}
	sort(&u->base);
	*out = u;
	return 0;
}

void dbx_usage_close(struct dbx_usage **up)
{
	struct dbx_usage *u = *up;

	if (!u)
		return;
	dbx_vec_fini(&u->base);
	free(u);
	*up = NULL;
}
