// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * apply.c -- the transaction: documents in, another generation in force, or nothing changed.
 *
 *	read -> resolve -> check -> compile -> prepare -> names, paths -> store commit -> flip
 *
 * Everything before the store's commit can fail and is undone by forgetting. The flip is one
 * pointer; should it fail after all, the store gets a further revision that restores the one before,
 * and when even that fails, `degraded` says so and the next start makes both agree.
 */
#include "daemon/core.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core_names.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "lib/hash.h"
#include "policy/check.h"

/* What an apply works on. base: as stored; next: as wanted. Texts are only in what was handed in. */
struct work {
	struct dbx_core *c;
	const struct dbx_apply_req *req;
	struct dbx_apply_result *res;
	struct dbx_docset base, next;
	struct dbx_model *model;
	struct dbx_built built;
	struct dbx_view_parts view; /* all zero: the driver knows no names */
	bool stored_differs;        /* some document differs */
	bool image_differs;         /* another generation is needed */
};

static int no_memory(struct work *w)
{
	return dbx_fail_set(&w->res->fail, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
}

/* ---- what is wanted ---- */

/* True when doc says the same as the stored one, byte by byte. */
static int is_same_text(struct work *w, const struct dbx_document *stored,
			const struct dbx_document *doc, bool *same)
{
	size_t len;
	char *text;
	int rc;

	*same = false;
	if (stored->len != doc->len)
		return 0;
	rc = dbx_store_text(w->c->store, stored->blob, &text, &len, &w->res->fail);
	if (rc)
		return rc;
	*same = len == doc->len && memcmp(text, doc->text, len) == 0;
	free(text);
	return 0;
}

/* Takes the wanted document over; or the stored one, where both say the same. */
static int choose(struct work *w, const struct dbx_document *stored,
		  const struct dbx_document *given)
{
	bool same = false;
	int rc;

	if (stored) {
		rc = is_same_text(w, stored, given, &same);
		if (rc)
			return rc;
	}
	return dbx_docset_add(&w->next, same ? stored : given) ? no_memory(w) : 0;
}

/* old and given are sorted; what is in both is given anew. */
static int merge_into_next(struct work *w, const struct dbx_docset *old,
			   const struct dbx_docset *given)
{
	const struct dbx_document *stored;
	size_t i;
	int rc = 0;

	for (i = 0; i < old->n && !rc; i++) {
		if (!dbx_docset_find(given, old->v[i].kind, old->v[i].id))
			rc = dbx_docset_add(&w->next, &old->v[i]) ? no_memory(w) : 0;
	}
	for (i = 0; i < given->n && !rc; i++) {
		stored = dbx_docset_find(old, given->v[i].kind, given->v[i].id);
		rc = choose(w, stored, &given->v[i]);
	}
	return rc;
}

static int note_rule(void *arg, const char *id)
{
	return dbx_strmap_set(arg, id, 1);
}

static bool is_not_superseded(void *arg, const struct dbx_document *doc)
{
	return doc->kind != DBX_DOC_PRIVATE_ENDPOINT_RULES || !doc->blob ||
	       !dbx_strmap_get(arg, doc->id, NULL);
}

/* A newer echo of a rule in its NCC replaces the stored document of the rule. */
static int drop_superseded_rules(struct work *w, const struct dbx_docset *given)
{
	struct dbx_strmap rules;
	size_t i;
	int rc = 0;

	dbx_strmap_init(&rules);
	for (i = 0; i < given->n && !rc; i++) {
		if (given->v[i].kind == DBX_DOC_NCC)
			rc = dbx_docs_embedded_rules(&given->v[i], note_rule, &rules);
	}
	if (!rc)
		dbx_docset_filter(&w->next, is_not_superseded, &rules);
	dbx_strmap_fini(&rules);
	return rc ? no_memory(w) : 0;
}

static int merge(struct work *w, const struct dbx_docset *old)
{
	struct dbx_docset given = {0};
	size_t i;
	int rc = 0;

	for (i = 0; i < w->req->n_inputs && rc != -ENOMEM; i++) {
		const struct dbx_input *in = &w->req->inputs[i];

		rc = dbx_docs_split(&given, in->name, in->text, in->len, in->kind, &w->res->diag);
	}
	if (rc == -ENOMEM) {
		no_memory(w);
		goto out;
	}
	/* Errors are in diag; what can be read is read all the same, to report everything at once. */
	dbx_docset_check_twice(&given, &w->res->diag);
	rc = merge_into_next(w, old, &given);
	if (!rc)
		rc = drop_superseded_rules(w, &given);
	dbx_docset_sort(&w->next);
out:
	dbx_docset_fini(&given);
	return rc;
}

static bool is_not_removed(void *arg, const struct dbx_document *doc)
{
	const struct dbx_object_ref *r = arg;

	return doc->kind != r->kind || strcmp(doc->id, r->id) != 0;
}

static int take_away(struct work *w)
{
	size_t i;

	for (i = 0; i < w->req->n_removals; i++) {
		struct dbx_object_ref r = w->req->removals[i];

		if (!dbx_docset_find(&w->next, r.kind, r.id))
			return dbx_fail_set(&w->res->fail, -ENOENT, DBX_FAIL_NOT_FOUND,
					    "there is no %s \"%s\"", dbx_doc_kind_name(r.kind),
					    r.id);
		dbx_docset_filter(&w->next, is_not_removed, &r);
	}
	return 0;
}

static bool is_same_row(const struct dbx_document *a, const struct dbx_document *b)
{
	return a && b && a->blob && a->blob == b->blob && strcmp(a->name, b->name) == 0;
}

static int gather(struct work *w)
{
	struct dbx_fail *f = &w->res->fail;
	int64_t rev = w->c->head.rev, from = rev;
	struct dbx_docset old = {0};
	struct dbx_revision r;
	size_t i;
	int rc = 0;

	if (w->req->rollback_to) {
		from = w->req->rollback_to;
		rc = dbx_store_revision(w->c->store, from, &r, f);
	}
	if (!rc)
		rc = dbx_store_load(w->c->store, rev, &w->base, f);
	if (!rc)
		rc = dbx_store_load(w->c->store, from, &old, f);
	dbx_docset_sort(&w->base);
	dbx_docset_sort(&old);
	if (!rc)
		rc = merge(w, &old);
	if (!rc)
		rc = take_away(w);
	dbx_docset_fini(&old);
	if (rc)
		return rc;
	w->stored_differs = w->base.n != w->next.n;
	for (i = 0; i < w->next.n && !w->stored_differs; i++) {
		const struct dbx_document *n = &w->next.v[i];

		w->stored_differs = !is_same_row(dbx_docset_find(&w->base, n->kind, n->id), n);
	}
	return 0;
}

/* ---- judging it ---- */

static int check(struct work *w)
{
	/* Who asks for an older revision means it: what an update would refuse is only told. */
	bool force = w->req->force || w->req->rollback_to;
	struct dbx_diag *d = &w->res->diag;
	int rc;

	rc = dbx_check(w->model, dbx_now_ms(), d);
	if (!rc || rc == -EINVAL)
		rc = dbx_check_update(w->c->model, w->model, force, d);
	if (rc == -ENOMEM)
		return no_memory(w);
	if (rc || dbx_diag_has_errors(d))
		return dbx_core_fail_from_diag(d, &w->res->fail);
	if (dbx_diff_models(w->c->model, w->model, &w->res->diff))
		return no_memory(w);
	return 0;
}

static uint64_t next_generation(const struct dbx_core *c)
{
	uint64_t g = c->generation > c->head.generation ? c->generation : c->head.generation;

	return g + 1;
}

static int compile(struct work *w)
{
	struct dbx_core *c = w->c;
	int rc;

	rc = dbx_core_compile(w->model, next_generation(c), &w->built, &w->res->stats,
			      &w->res->diag, &w->res->fail);
	if (rc)
		return rc;
	/* After a failed restore nothing in force is known to be ours. */
	w->image_differs = !c->now.mem || c->degraded[0] ||
			   c->now.img.hdr->content_hash != w->built.img.hdr->content_hash;
	w->res->changed = w->image_differs || !dbx_diff_is_empty(&w->res->diff);
	return 0;
}

/* ---- making it so ---- */

static int write_changes(struct dbx_store *s, int64_t rev, const struct dbx_docset *base,
			 const struct dbx_docset *next, struct dbx_fail *f)
{
	const struct dbx_document *doc;
	size_t i;
	int rc = 0;

	for (i = 0; i < next->n && !rc; i++) {
		doc = &next->v[i];
		if (!is_same_row(dbx_docset_find(base, doc->kind, doc->id), doc))
			rc = dbx_store_put(s, rev, doc, f);
	}
	for (i = 0; i < base->n && !rc; i++) {
		doc = &base->v[i];
		if (!dbx_docset_find(next, doc->kind, doc->id))
			rc = dbx_store_remove(s, rev, doc->kind, doc->id, f);
	}
	return rc;
}

static void describe(const struct work *w, struct dbx_revision *r)
{
	const char *message = w->req->message ? w->req->message : "";

	*r = (struct dbx_revision){
		.rev = w->c->head.rev + 1,
		.time_ms = dbx_now_ms(),
		.uid = w->req->uid,
		.generation = w->image_differs ? w->built.img.hdr->generation : w->c->generation,
		.content_hash = w->built.img.hdr->content_hash,
		.n_documents = (uint32_t)w->next.n,
	};
	if (w->req->rollback_to)
		snprintf(r->message, sizeof(r->message), "rollback to revision %" PRId64 "%s%.180s",
			 w->req->rollback_to, *message ? ": " : "", message);
	else
		snprintf(r->message, sizeof(r->message), "%s", message);
}

/* One transaction; image NULL: its rules are known already. */
static int store(struct dbx_core *c, const struct dbx_revision *r, const struct dbx_docset *base,
		 const struct dbx_docset *next, const struct dbx_built *image, struct dbx_fail *f)
{
	int rc;

	rc = dbx_store_begin(c->store, f);
	if (rc)
		return rc;
	rc = dbx_store_add_revision(c->store, r, f);
	if (!rc)
		rc = write_changes(c->store, r->rev, base, next, f);
	if (!rc && image)
		rc = dbx_core_store_rules(c, image, f);
	if (!rc)
		rc = dbx_store_commit(c->store, f);
	if (rc)
		dbx_store_abort(c->store);
	return rc;
}

/* The documents of stranded_rev were committed but are not enforced: put back those that are. */
static int compensate(struct dbx_core *c, struct dbx_fail *f)
{
	struct dbx_docset stranded = {0}, good = {0};
	struct dbx_revision back = c->head;
	int rc;

	back.rev = c->stranded_rev + 1;
	back.time_ms = dbx_now_ms();
	snprintf(back.message, sizeof(back.message),
		 "revision %" PRId64 " could not be put in force: its documents were taken back",
		 c->stranded_rev);
	rc = dbx_store_load(c->store, c->stranded_rev, &stranded, f);
	if (!rc)
		rc = dbx_store_load(c->store, c->head.rev, &good, f);
	dbx_docset_sort(&stranded);
	dbx_docset_sort(&good);
	if (!rc)
		rc = store(c, &back, &stranded, &good, NULL, f);
	dbx_docset_fini(&stranded);
	dbx_docset_fini(&good);
	if (rc)
		return rc;
	c->head = back;
	c->stranded_rev = 0;
	c->degraded[0] = '\0';
	return 0;
}

/* Store and flip. What is prepared must be aborted on every way out but the last. */
static int commit(struct work *w, struct dbx_revision *r)
{
	struct dbx_apply_result *res = w->res;
	struct dbx_core *c = w->c;
	struct dbx_dp_error e = {""};
	double t0 = dbx_monotonic_ms();
	struct dbx_fail f;
	int rc;

	rc = store(c, r, &w->base, &w->next, w->image_differs ? &w->built : NULL, &res->fail);
	res->ms.store = dbx_monotonic_ms() - t0;
	if (rc) {
		if (w->image_differs)
			c->ops->abort(c->dp);
		return rc;
	}
	if (!w->image_differs)
		return 0;
	t0 = dbx_monotonic_ms();
	rc = c->ops->commit(c->dp, &e);
	res->ms.build_and_flip += dbx_monotonic_ms() - t0;
	if (!rc)
		return 0;
	c->ops->abort(c->dp);
	dbx_fail_set(&res->fail, rc, dbx_fail_of_dp(rc),
		     "putting generation %" PRIu64 " in force failed: %s; generation %" PRIu64
		     " stays in force",
		     r->generation, e.text, c->generation);
	c->stranded_rev = r->rev;
	if (compensate(c, &f)) {
		snprintf(c->degraded, sizeof(c->degraded),
			 "revision %" PRId64 " is stored but not in force, and could not be taken "
			 "back: %.500s",
			 r->rev, f.text);
		dbx_log_error("%s", c->degraded);
	}
	return rc;
}

/* The new model and image take over. */
static void adopt(struct work *w, const struct dbx_revision *r)
{
	struct dbx_core *c = w->c;

	c->head = *r;
	dbx_model_free(&c->model);
	c->model = w->model;
	w->model = NULL;
	c->stats = w->res->stats;
	c->degraded[0] = '\0';
	if (c->paths)
		dbx_paths_settle(c->paths);
	if (w->view.release) {
		w->view.generation = r->generation;
		dbx_namer_settle(c->namer, &w->view);
		w->view = (struct dbx_view_parts){.names = NULL};
	}
	if (w->image_differs) {
		dbx_built_fini(&c->prev);
		c->prev = c->now;
		c->now = w->built;
		w->built = (struct dbx_built){0};
		c->generation = r->generation;
	}
	if (c->on_change)
		c->on_change(c->on_change_arg);
}

/* What was learned and stays allowed is made known to the policies to come; undone by revert(). */
static int prepare_names(struct work *w)
{
	struct dbx_core *c = w->c;
	int rc;

	if (!c->namer)
		return 0;
	rc = dbx_core_view_build(w->model, &w->built, &w->view, &w->res->fail);
	if (!rc) {
		rc = dbx_namer_prepare(c->namer, w->view.names);
		if (!rc)
			return 0;
		dbx_namer_revert(c->namer);
		no_memory(w);
	}
	if (w->image_differs)
		c->ops->abort(c->dp);
	return rc;
}

static void revert(struct work *w)
{
	if (w->c->namer)
		dbx_namer_revert(w->c->namer);
	if (w->c->paths)
		dbx_paths_revert(w->c->paths);
}

/* The routes to come beside those in force; on failure all is undone. */
static int prepare_paths(struct work *w)
{
	struct dbx_core *c = w->c;
	int rc = c->paths ? dbx_paths_prepare(c->paths, w->model, &w->res->fail) : 0;

	if (!rc)
		return 0;
	revert(w);
	if (w->image_differs)
		c->ops->abort(c->dp);
	return rc;
}

static int enact(struct work *w)
{
	struct dbx_apply_result *res = w->res;
	struct dbx_core *c = w->c;
	struct dbx_dp_error e = {""};
	struct dbx_revision r;
	double t0 = dbx_monotonic_ms();
	int rc = 0;

	if (!w->stored_differs && !w->image_differs)
		return 0;
	if (w->image_differs)
		rc = c->ops->prepare(c->dp, w->built.mem, w->built.img.n_bytes, &e);
	res->ms.build_and_flip += dbx_monotonic_ms() - t0;
	if (rc)
		return dbx_fail_set(&res->fail, rc, dbx_fail_of_dp(rc),
				    "preparing the new generation failed: %s; generation %" PRIu64
				    " stays in force",
				    e.text, c->generation);
	rc = prepare_names(w);
	if (!rc)
		rc = prepare_paths(w);
	if (rc)
		return rc;
	describe(w, &r);
	rc = commit(w, &r);
	if (!rc)
		adopt(w, &r);
	else
		revert(w);
	return rc;
}

static int run(struct work *w)
{
	struct dbx_apply_result *res = w->res;
	double t0 = dbx_monotonic_ms(), t1;
	int rc;

	rc = gather(w);
	if (!rc)
		rc = dbx_core_read(w->c, &w->next, &w->model, &res->diag, &res->fail);
	t1 = dbx_monotonic_ms();
	res->ms.read = t1 - t0;
	if (rc)
		return rc;
	rc = check(w);
	t0 = dbx_monotonic_ms();
	res->ms.check = t0 - t1;
	if (rc)
		return rc;
	rc = compile(w);
	t1 = dbx_monotonic_ms();
	res->ms.compile = res->ms.build_and_flip = t1 - t0;
	if (rc || w->req->dry_run)
		return rc;
	return enact(w);
}

int dbx_apply(struct dbx_core *c, const struct dbx_apply_req *req, struct dbx_apply_result *res)
{
	struct work w = {.c = c, .req = req, .res = res};
	double t0 = dbx_monotonic_ms();
	int rc;

	*res = (struct dbx_apply_result){.generation_before = c->generation};
	dbx_diag_init(&res->diag);
	rc = c->stranded_rev ? compensate(c, &res->fail) : 0;
	if (!rc)
		rc = run(&w);
	if (rc && res->fail.kind == DBX_FAIL_NONE)
		dbx_fail_set(&res->fail, rc, DBX_FAIL_INTERNAL, "%s", strerror(-rc));
	res->revision = c->head.rev;
	res->generation = c->generation;
	res->ms.total = dbx_monotonic_ms() - t0;
	dbx_docset_fini(&w.base);
	dbx_docset_fini(&w.next);
	dbx_model_free(&w.model);
	dbx_built_fini(&w.built);
	if (w.view.release)
		w.view.release(&w.view);
	/* A feed is some ten thousands of small pieces: give them back to the system. */
	malloc_trim(0);
	return rc;
}

void dbx_apply_result_fini(struct dbx_apply_result *res)
{
	dbx_diff_fini(&res->diff);
	dbx_diag_fini(&res->diag);
}
