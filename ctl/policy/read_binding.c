/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_binding.c -- which policy and which NCC a workspace has (egress-model 1.9, 2.5, 9.3).
 */
#include "policy/read_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct dbx_rd_field option_fields[] = {
	{"workspace_id", RD_REQUIRED, offsetof(struct dbx_ws_option, workspace_id), dbx_rd_id},
	{"network_policy_id", RD_REQUIRED, offsetof(struct dbx_ws_option, policy_id),
	 dbx_rd_string},
};
static const struct dbx_rd_shape option_shape =
	RD_SHAPE("a workspace network option", option_fields, RD_UNKNOWN_KEEP);

/* The same inside a workspace document, where the id may stand outside only. */
static const struct dbx_rd_field inner_option_fields[] = {
	{"workspace_id", 0, offsetof(struct dbx_ws_option, workspace_id), dbx_rd_id},
	{"network_policy_id", RD_REQUIRED, offsetof(struct dbx_ws_option, policy_id),
	 dbx_rd_string},
};
static const struct dbx_rd_shape inner_option_shape =
	RD_SHAPE("workspace_network_option", inner_option_fields, RD_UNKNOWN_KEEP);

static const struct dbx_rd_field binding_fields[] = {
	{"workspace_id", RD_REQUIRED, offsetof(struct dbx_ncc_binding, workspace_id), dbx_rd_id},
	{"network_connectivity_config_id", RD_REQUIRED, offsetof(struct dbx_ncc_binding, ncc_id),
	 dbx_rd_string},
};
static const struct dbx_rd_shape binding_shape =
	RD_SHAPE("an NCC binding", binding_fields, RD_UNKNOWN_KEEP);

static const struct dbx_rd_field inner_binding_fields[] = {
	{"workspace_id", 0, offsetof(struct dbx_ncc_binding, workspace_id), dbx_rd_id},
	{"network_connectivity_config_id", RD_REQUIRED, offsetof(struct dbx_ncc_binding, ncc_id),
	 dbx_rd_string},
};
static const struct dbx_rd_shape inner_binding_shape =
	RD_SHAPE("workspace", inner_binding_fields, RD_UNKNOWN_KEEP);

static int add_option(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		      const struct dbx_rd_shape *shape, struct dbx_ws_option **out)
{
	struct dbx_ws_option *o = dbx_rd_append(&r->m->options, &r->m->n_options);
	int rc = o ? dbx_rd_where(r, at, &o->where) : -ENOMEM;

	*out = o;
	return rc ? rc : dbx_rd_object(r, v, at, shape, o, &o->extra);
}

static int add_binding(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		       const struct dbx_rd_shape *shape, struct dbx_ncc_binding **out)
{
	struct dbx_ncc_binding *b = dbx_rd_append(&r->m->bindings, &r->m->n_bindings);
	int rc = b ? dbx_rd_where(r, at, &b->where) : -ENOMEM;

	*out = b;
	return rc ? rc : dbx_rd_object(r, v, at, shape, b, &b->extra);
}

int dbx_rd_option(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct dbx_ws_option *o;

	return add_option(r, v, at, &option_shape, &o);
}

int dbx_rd_ncc_binding(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct dbx_ncc_binding *b;

	return add_binding(r, v, at, &binding_shape, &b);
}

/* ---- the workspace document ---- */

struct workspace_doc {
	int64_t id;
	const json_t *option, *workspace;
};

static int take_option(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	(void)r;
	(void)at;
	((struct workspace_doc *)dst)->option = v;
	return 0;
}

static int take_workspace(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	(void)r;
	(void)at;
	((struct workspace_doc *)dst)->workspace = v;
	return 0;
}

static const struct dbx_rd_field workspace_fields[] = {
	{"workspace_id", 0, offsetof(struct workspace_doc, id), dbx_rd_id},
	{"workspace_network_option", 0, 0, take_option},
	{"workspace", 0, 0, take_workspace},
};
static const struct dbx_rd_shape workspace_shape =
	RD_SHAPE("a workspace document", workspace_fields, RD_UNKNOWN_WARN);

/* The id inside, or the one outside; both must agree. */
static void settle_id(struct dbx_rd *r, const struct dbx_rd_at *at, int64_t outside,
		      int64_t *inside)
{
	if (!*inside)
		*inside = outside;
	if (!*inside)
		dbx_rd_error(
			r, at, "missing-key",
			"read a workspace document: \"workspace_id\" is missing; it is required");
	else if (outside && *inside != outside)
		dbx_rd_error(r, RD_KEY(at, "workspace_id"), "id-mismatch",
			     "read a workspace document: workspace_id is %" PRId64
			     " here and %" PRId64
			     " in the document; write the same id in both places",
			     *inside, outside);
}

int dbx_rd_workspace(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct workspace_doc doc = {0};
	struct dbx_ncc_binding *b;
	struct dbx_ws_option *o;
	size_t errors = r->n_errors;
	int rc = dbx_rd_object(r, v, at, &workspace_shape, &doc, NULL);

	if (rc || r->n_errors != errors)
		return rc;
	if (doc.option) {
		const struct dbx_rd_at *here = RD_KEY(at, "workspace_network_option");

		rc = add_option(r, doc.option, here, &inner_option_shape, &o);
		if (rc)
			return rc;
		settle_id(r, here, doc.id, &o->workspace_id);
		if (!doc.id)
			doc.id = o->workspace_id;
	}
	if (doc.workspace) {
		const struct dbx_rd_at *here = RD_KEY(at, "workspace");

		rc = add_binding(r, doc.workspace, here, &inner_binding_shape, &b);
		if (rc)
			return rc;
		settle_id(r, here, doc.id, &b->workspace_id);
	}
	if (!doc.option && !doc.workspace)
		dbx_rd_error(r, at, "missing-key",
			     "read a workspace document: it binds nothing; write "
			     "\"workspace_network_option\", \"workspace\" or both");
	return 0;
}
