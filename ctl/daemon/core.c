// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * core.c -- opening: the store's last revision and the pinned data plane are made to agree.
 *
 * The store is the authority for documents, the data plane for generation numbers: a generation
 * never falls, even when the state directory was lost or put back from a copy.
 */
#include "daemon/core.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/core_names.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "daemon/usage.h"
#include "policy/read.h"

int64_t dbx_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double dbx_monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void dbx_built_fini(struct dbx_built *b)
{
	free(b->mem);
	*b = (struct dbx_built){0};
}

int dbx_core_fail_from_diag(const struct dbx_diag *d, struct dbx_fail *f)
{
	char *text = NULL;
	size_t i;

	for (i = 0; i < d->n && !text; i++) {
		struct dbx_finding f1 = d->v[i];

		if (f1.severity != DBX_SEV_ERROR ||
		    dbx_docs_place(f1.doc, f1.ptr, &f1.doc, &f1.ptr))
			continue;
		text = dbx_finding_format(&f1);
		free(f1.doc);
		free(f1.ptr);
	}
	dbx_fail_set(f, -EINVAL, DBX_FAIL_INVALID, "%s", text ? text : "the documents are refused");
	if (text && d->n_by_severity[DBX_SEV_ERROR] > 1)
		snprintf(f->text, sizeof(f->text), "%.900s (and %zu more errors)", text,
			 d->n_by_severity[DBX_SEV_ERROR] - 1);
	free(text);
	return -EINVAL;
}

static int read_one(struct dbx_core *c, struct dbx_model *m, struct dbx_document *doc,
		    struct dbx_diag *d, struct dbx_fail *f)
{
	char *text = doc->text;
	size_t len = doc->len;
	int rc;

	if (!text) {
		rc = dbx_store_text(c->store, doc->blob, &text, &len, f);
		if (rc)
			return rc;
	}
	rc = dbx_read(m, doc->name, text, len, doc->kind, d);
	if (text != doc->text)
		free(text);
	return rc;
}

int dbx_core_read(struct dbx_core *c, struct dbx_docset *set, struct dbx_model **out,
		  struct dbx_diag *d, struct dbx_fail *f)
{
	struct dbx_model *m = dbx_model_new();
	int rc = m ? 0 : -ENOMEM;
	size_t i;

	*f = (struct dbx_fail){0};
	dbx_docset_sort(set);
	for (i = 0; i < set->n && (!rc || rc == -EINVAL); i++) {
		int one = read_one(c, m, &set->v[i], d, f);

		rc = one ? one : rc;
	}
	if (!rc && !dbx_diag_has_errors(d))
		rc = dbx_model_resolve(m, d);
	if (rc == -EINVAL || (!rc && dbx_diag_has_errors(d)))
		rc = dbx_core_fail_from_diag(d, f);
	else if (rc && !f->text[0])
		dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "reading the documents failed: %s",
			     strerror(-rc));
	if (rc)
		dbx_model_free(&m);
	else
		*out = m;
	return rc;
}

int dbx_core_compile(const struct dbx_model *m, uint64_t generation, struct dbx_built *out,
		     struct dbx_compile_stats *stats, struct dbx_diag *d, struct dbx_fail *f)
{
	const struct dbx_compile_opts opts = {.generation = generation};
	struct dbx_built b = {0};
	const char *why;
	size_t n_bytes;
	int rc;

	rc = dbx_compile(m, &opts, &b.mem, &n_bytes, stats, d);
	if (rc == -EINVAL || rc == -E2BIG) {
		dbx_core_fail_from_diag(d, f);
		if (rc == -E2BIG)
			f->kind = DBX_FAIL_TOO_LARGE;
		return rc;
	}
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "compiling failed: %s",
				    strerror(-rc));
	/* The compiler's output is checked like a stranger's: packets will depend on it. */
	rc = dbx_image_open(&b.img, b.mem, n_bytes, &why);
	if (rc) {
		dbx_built_fini(&b);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL,
				    "the compiled image is not sound (%s); nothing was changed",
				    why);
	}
	*out = b;
	return 0;
}

int dbx_core_enforce(struct dbx_core *c, const struct dbx_built *b, struct dbx_fail *f)
{
	struct dbx_dp_error e = {""};
	int rc;

	rc = c->ops->prepare(c->dp, b->mem, b->img.n_bytes, &e);
	if (!rc) {
		rc = c->ops->commit(c->dp, &e);
		if (rc)
			c->ops->abort(c->dp);
	}
	if (rc)
		return dbx_fail_set(f, rc, dbx_fail_of_dp(rc), "%s", e.text);
	return 0;
}

int dbx_core_store_rules(struct dbx_core *c, const struct dbx_built *b, struct dbx_fail *f)
{
	const struct dbx_img_rule *r;
	uint32_t i, n;
	int rc = 0;

	r = dbx_image_section(&b->img, DBX_SEC_RULES, &n);
	for (i = 0; i < n && !rc; i++) {
		const struct dbx_rule_name name = {
			.uid = r[i].uid,
			.policy = dbx_image_string(&b->img, r[i].policy),
			.doc = dbx_image_string(&b->img, r[i].doc),
			.ptr = dbx_image_string(&b->img, r[i].ptr),
			.text = dbx_image_string(&b->img, r[i].text),
			.first_s = dbx_now_ms() / 1000,
		};

		rc = dbx_store_put_rule(c->store, &name, f);
	}
	return rc;
}

/* ---- opening ---- */

/* The same documents under another generation or image: written down, so that the next start agrees. */
static int record(struct dbx_core *c, const char *why, struct dbx_fail *f)
{
	struct dbx_revision r = c->head;
	int rc;

	r.rev++;
	r.time_ms = dbx_now_ms();
	r.uid = 0;
	r.generation = c->generation;
	r.content_hash = c->now.img.hdr->content_hash;
	snprintf(r.message, sizeof(r.message), "%s", why);
	rc = dbx_store_begin(c->store, f);
	if (rc)
		return rc;
	rc = dbx_store_add_revision(c->store, &r, f);
	if (!rc)
		rc = dbx_core_store_rules(c, &c->now, f);
	if (!rc)
		rc = dbx_store_commit(c->store, f);
	if (rc) {
		dbx_store_abort(c->store);
		return rc;
	}
	c->head = r;
	return 0;
}

/* now was compiled for head.generation; found is what the data plane has. */
static int converge(struct dbx_core *c, const struct dbx_dp_state *found, struct dbx_fail *f)
{
	const struct dbx_image_header *h = c->now.img.hdr;
	uint64_t generation = c->head.generation;
	const char *why;
	int rc;

	if (found->has_image && found->generation == generation &&
	    found->content_hash == h->content_hash) {
		c->generation = generation;
		dbx_log_info("generation %" PRIu64 " is in force already", generation);
		return 0;
	}
	if (found->has_image && found->generation >= generation)
		generation = found->generation + 1;
	if (generation != c->head.generation) {
		dbx_image_set_generation(c->now.mem, generation);
		rc = dbx_image_open(&c->now.img, c->now.mem, c->now.img.n_bytes, &why);
		if (rc)
			return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "image: %s", why);
	}
	rc = dbx_core_enforce(c, &c->now, f);
	if (rc)
		return rc;
	c->generation = generation;
	dbx_log_info("generation %" PRIu64 " of revision %" PRId64 " was put in force", generation,
		     c->head.rev);
	if (generation == c->head.generation && c->head.content_hash == h->content_hash)
		return 0;
	return record(c, "start: the data plane was made to agree with the documents", f);
}

static int restore(struct dbx_core *c, struct dbx_fail *f)
{
	const struct dbx_dp_state *found = &c->dp_state;
	struct dbx_docset set = {0};
	struct dbx_model *m = NULL;
	struct dbx_diag d;
	int rc;

	dbx_diag_init(&d);
	rc = dbx_store_load(c->store, c->head.rev, &set, f);
	if (!rc)
		rc = dbx_core_read(c, &set, &m, &d, f);
	if (!rc)
		rc = dbx_core_compile(m, c->head.generation, &c->now, &c->stats, &d, f);
	if (!rc) {
		dbx_model_free(&c->model);
		c->model = m;
		m = NULL;
		rc = c->paths ? dbx_paths_prepare(c->paths, c->model, f) : 0;
	}
	if (!rc) {
		rc = converge(c, found, f);
		if (c->paths && !rc)
			dbx_paths_settle(c->paths);
		else if (c->paths)
			dbx_paths_revert(c->paths);
	}
	if (!rc)
		rc = dbx_core_names_restore(c, f);
	dbx_model_free(&m);
	dbx_docset_fini(&set);
	dbx_diag_fini(&d);
	malloc_trim(0);
	return rc;
}

static int open_dp(struct dbx_core *c, const struct dbx_core_opts *o, struct dbx_fail *f)
{
	struct dbx_dp_error e = {""};
	int rc;

	rc = o->ops->probe(&o->dp, &e);
	if (!rc)
		rc = o->ops->open(&c->dp, &o->dp, &c->dp_state, &e);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "%s", e.text);
	c->ops = o->ops;
	return 0;
}

int dbx_core_open(struct dbx_core *c, const struct dbx_core_opts *o, struct dbx_fail *f)
{
	int rc;

	*c = (struct dbx_core){.model = dbx_model_new()};
	if (!c->model)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	rc = dbx_store_open(&c->store, o->state_path, f);
	if (!rc)
		rc = dbx_store_head(c->store, &c->head, f);
	if (!rc)
		rc = open_dp(c, o, f);
	if (!rc)
		rc = dbx_core_names_open(c, f);
	if (!rc && o->paths)
		rc = dbx_paths_open(&c->paths, o->paths, f);
	if (!rc)
		rc = dbx_usage_open(&c->usage, c->store, c->ops, c->dp, f);
	if (rc) {
		dbx_core_close(c);
		return rc;
	}
	/* Before a commit, by which counters may begin anew. What fails is logged, and not lost. */
	dbx_usage_sample(c->usage, dbx_now_ms() / 1000, f);
	c->generation = c->dp_state.has_image ? c->dp_state.generation : 0;
	if (c->head.rev == 0) {
		if (c->dp_state.has_image)
			dbx_log_warning("generation %" PRIu64
					" is in force, but the state directory "
					"holds no documents; it stays until the next apply",
					c->generation);
		return 0;
	}
	if (restore(c, f)) {
		snprintf(c->degraded, sizeof(c->degraded),
			 "%.900s; generation %" PRIu64 " stays in force", f->text, c->generation);
		dbx_log_error("restoring revision %" PRId64 ": %s", c->head.rev, c->degraded);
	}
	return 0;
}

void dbx_core_close(struct dbx_core *c)
{
	struct dbx_fail f;

	dbx_namer_free(&c->namer);
	dbx_paths_close(&c->paths);
	if (c->usage)
		dbx_usage_sample(c->usage, dbx_now_ms() / 1000, &f);
	dbx_usage_close(&c->usage);
	if (c->dp)
		c->ops->close(&c->dp);
	dbx_store_close(&c->store);
	dbx_model_free(&c->model);
	dbx_built_fini(&c->now);
	dbx_built_fini(&c->prev);
}

const char *dbx_core_policy_of(const struct dbx_core *c, const struct dbx_event *e)
{
	const struct dbx_built *built[] = {&c->now, &c->prev};
	const struct dbx_img_policy *policies;
	size_t i;
	uint32_t n;

	for (i = 0; i < 2; i++) {
		if (!built[i]->mem || built[i]->img.hdr->generation != e->generation)
			continue;
		policies = dbx_image_section(&built[i]->img, DBX_SEC_POLICIES, &n);
		return e->workspace_id && e->policy < n
			       ? dbx_image_string(&built[i]->img, policies[e->policy].id)
			       : "";
	}
	return "";
}
