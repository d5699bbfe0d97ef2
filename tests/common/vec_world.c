/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec_world.c -- a model with its image, and the two judges of user space over it.
 */
#include "common/vec_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/vec.h"
#include "lib/file.h"
#include "policy/compile.h"
#include "policy/read.h"

#define FRAGS_MAX 4096

int vec_world_init(struct vec_world *w)
{
	memset(w, 0, sizeof(*w));
	dbx_diag_init(&w->diag);
	w->m = dbx_model_new();
	w->frags = dbx_frags_new(FRAGS_MAX);
	return w->m && w->frags ? 0 : -ENOMEM;
}

int vec_world_add(struct vec_world *w, const char *name, const char *text, size_t len)
{
	return dbx_read(w->m, name, text, len, DBX_DOC_UNKNOWN, &w->diag);
}

int vec_world_build(struct vec_world *w)
{
	struct dbx_compile_opts opts = {.generation = 1};
	struct dbx_compile_stats stats;
	const char *why = NULL;
	int rc = dbx_model_resolve(w->m, &w->diag);

	if (!rc)
		rc = dbx_compile(w->m, &opts, &w->image, &w->image_bytes, &stats, &w->diag);
	if (!rc)
		rc = dbx_image_open(&w->img, w->image, w->image_bytes, &why);
	if (why)
		fprintf(stderr, "dbx_image_open: %s\n", why);
	return rc;
}

static int add_file(struct vec_world *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *text;
	size_t len;
	int rc = dbx_file_read(path, 0, &text, &len);

	if (rc)
		return rc;
	rc = vec_world_add(w, slash ? slash + 1 : path, text, len);
	free(text);
	return rc;
}

void vec_findings_print(const struct dbx_diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *s = dbx_finding_format(&d->v[i]);

		fprintf(stderr, "%s: %s\n", dbx_severity_name(d->v[i].severity), s ? s : "?");
		free(s);
	}
}

int vec_world_read(struct vec_world *w, const char *dir)
{
	char **paths = NULL;
	size_t n = 0;
	int rc = vec_world_init(w);

	if (!rc)
		rc = dbx_file_list(dir, &paths, &n);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_file(w, paths[i]);
	dbx_file_list_free(paths, n);
	return rc;
}

int vec_world_load(struct vec_world *w, const char *dir)
{
	int rc = vec_world_read(w, dir);

	if (!rc)
		rc = vec_world_build(w);
	if (rc) {
		fprintf(stderr, "%s: cannot be loaded: %s\n", dir, strerror(-rc));
		vec_findings_print(&w->diag);
	}
	return rc;
}

void vec_world_fini(struct vec_world *w)
{
	dbx_eval_fini(&w->eval);
	dbx_frags_free(&w->frags);
	free(w->image);
	dbx_model_free(&w->m);
	dbx_diag_fini(&w->diag);
	memset(w, 0, sizeof(*w));
}

void vec_world_forget(struct vec_world *w)
{
	dbx_frags_clear(w->frags);
	dbx_eval_fini(&w->eval);
	memset(&w->eval, 0, sizeof(w->eval));
}

void vec_result_of(const struct dbx_image *img, const struct dbx_result *in, struct vec_result *r)
{
	uint32_t n_policies = 0, n_rules = 0;
	const struct dbx_img_policy *policies =
		dbx_image_section(img, DBX_SEC_POLICIES, &n_policies);
	const struct dbx_img_rule *rules = dbx_image_section(img, DBX_SEC_RULES, &n_rules);

	*r = (struct vec_result){.verdict = in->verdict,
				 .reason = in->reason,
				 .path = in->path,
				 .workspace_id = (int64_t)in->workspace_id,
				 .policy = "",
				 .rule_doc = "",
				 .rule_ptr = "",
				 .mark = dbx_judge_mark(img, in)};
	if (in->policy < n_policies)
		r->policy = dbx_image_string(img, policies[in->policy].id);
	else if (in->policy != DBX_NO_POLICY)
		r->policy = "(index out of range)";
	if (in->rule && in->rule <= n_rules) {
		r->rule_doc = dbx_image_string(img, rules[in->rule - 1].doc);
		r->rule_ptr = dbx_image_string(img, rules[in->rule - 1].ptr);
	} else if (in->rule) {
		r->rule_doc = "(index out of range)";
	}
}

static bool is_any(const char *interface)
{
	return !strcmp(interface, "-");
}

void vec_world_host(struct vec_world *w, const char *interface, const void *frame, size_t n_bytes,
		    struct vec_result *r)
{
	uint64_t port = is_any(interface) ? DBX_PORT_ANY : dbx_port_hash(interface);
	struct dbx_result res;

	dbx_judge_frame(&w->img, w->frags, frame, n_bytes, port, NULL, &res);
	vec_result_of(&w->img, &res, r);
}

void vec_world_eval(struct vec_world *w, const char *interface, const void *frame, size_t n_bytes,
		    struct vec_result *r)
{
	struct dbx_eval_result res;

	dbx_eval_frame(&w->eval, w->m, frame, n_bytes, is_any(interface) ? NULL : interface, &res);
	*r = (struct vec_result){.verdict = res.verdict,
				 .reason = res.reason,
				 .path = res.path,
				 .workspace_id = res.workspace_id,
				 .policy = res.policy_id ? res.policy_id : "",
				 .rule_doc = "",
				 .rule_ptr = "",
				 .mark = res.mark};
	if (res.rule) {
		r->rule_doc = dbx_model_doc_name(w->m, res.rule);
		r->rule_ptr = res.rule->ptr;
	}
}

bool vec_result_equal(const struct vec_result *x, const struct vec_result *y)
{
	return x->verdict == y->verdict && x->reason == y->reason && x->path == y->path &&
	       x->workspace_id == y->workspace_id && !strcmp(x->policy, y->policy) &&
	       !strcmp(x->rule_doc, y->rule_doc) && !strcmp(x->rule_ptr, y->rule_ptr) &&
	       x->mark == y->mark;
}

void vec_result_print(const char *who, const struct vec_result *r)
{
	fprintf(stderr, "  %-6s %s %s path=%s ws=%lld policy=%s rule=%s%s%s mark=%08x\n", who,
		vec_verdict_name(r->verdict), vec_reason_slug(r->reason), vec_path_name(r->path),
		(long long)r->workspace_id, r->policy, r->rule_doc, *r->rule_doc ? ":" : "",
		r->rule_ptr, r->mark);
}

static bool meets_rule(const char *want, const struct vec_result *r)
{
	size_t n = strlen(r->rule_doc);

	if (!*r->rule_doc)
		return !*want;
	return !strncmp(want, r->rule_doc, n) && want[n] == ':' &&
	       !strcmp(want + n + 1, r->rule_ptr);
}

/* The interface of the route whose mark it is. */
static bool meets_via(const struct vec_world *w, const char *want, uint32_t mark)
{
	const struct dbx_gateway *g = &w->m->gateway;

	for (size_t i = 0; i < g->n_routes && mark; i++) {
		if (dbx_model_route_mark(w->m, &g->routes[i]) == mark)
			return !strcmp(g->routes[i].interface, want);
	}
	return !mark && !*want;
}

bool vec_step_meets(const struct vec_world *w, const struct vec_step *s, const struct vec_result *r)
{
	return s->verdict == r->verdict && s->reason == r->reason && s->path == r->path &&
	       (s->workspace_id < 0 || s->workspace_id == r->workspace_id) &&
	       (!s->policy || !strcmp(s->policy, r->policy)) &&
	       (!s->rule || meets_rule(s->rule, r)) && (!s->via || meets_via(w, s->via, r->mark));
}

void vec_step_print(const struct vec *v, const struct vec_step *s)
{
	fprintf(stderr, "%s:%d: %s\n  frame  %s ", v->file, s->line, v->name, s->interface);
	for (size_t i = 0; i < s->n_bytes; i++)
		fprintf(stderr, "%02x", s->frame[i]);
	fprintf(stderr, "\n  want   %s %s path=%s", vec_verdict_name(s->verdict),
		vec_reason_slug(s->reason), vec_path_name(s->path));
	if (s->workspace_id >= 0)
		fprintf(stderr, " ws=%lld", (long long)s->workspace_id);
	if (s->policy)
		fprintf(stderr, " policy=%s", s->policy);
	if (s->rule)
		fprintf(stderr, " rule=%s", s->rule);
	if (s->via)
		fprintf(stderr, " via=%s", s->via);
	fputc('\n', stderr);
}
