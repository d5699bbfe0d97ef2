// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_common.c -- what the handlers of single objects share: bodies, changes, and removals that
 * must not leave a reference to nothing.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"
#include "lib/when.h"

#define DEFAULT_POLICY "default-policy"
#define NAMED_MAX      5 /* users of an object that a refusal names */

json_t *dbx_api_body(const struct dbx_request *req, const char *wrapper, struct dbx_reply *reply)
{
	json_error_t err;
	json_t *j, *inner;

	j = json_loadb(req->body, req->n_body, JSON_REJECT_DUPLICATES, &err);
	if (!j) {
		dbx_reply_error(reply, 400, "MALFORMED_REQUEST",
				"the body is no JSON: line %d, column %d: %s", err.line, err.column,
				err.text);
		return NULL;
	}
	inner = wrapper ? json_object_get(j, wrapper) : NULL;
	if (json_is_object(inner)) {
		json_incref(inner);
		json_decref(j);
		return inner;
	}
	if (!json_is_object(j)) {
		dbx_reply_error(reply, 400, "MALFORMED_REQUEST",
				"the body must be one JSON object");
		json_decref(j);
		return NULL;
	}
	return j;
}

void dbx_api_reply_text(struct dbx_reply *reply, char *text)
{
	dbx_strbuf_reset(&reply->body);
	if (text)
		dbx_strbuf_add(&reply->body, text);
	else
		reply->body.err = -ENOMEM;
	free(text);
}

bool dbx_api_since(const struct dbx_request *req, int64_t now_ms, int64_t *since_ms,
		   struct dbx_reply *reply)
{
	char text[128];

	*since_ms = 0;
	if (!dbx_query_get(req->query, "since", text, sizeof(text)) ||
	    !dbx_since_parse(text, now_ms, since_ms))
		return true;
	dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE", "since " DBX_WHEN_ACCEPTED);
	return false;
}

bool dbx_api_parse_id(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && !*end && text[0] >= '0' && text[0] <= '9' && *out > 0;
}

json_t *dbx_api_stored(struct dbx_daemon *d, enum dbx_doc_kind kind, const char *id, char **name)
{
	struct dbx_docset set = {0};
	const struct dbx_document *doc;
	struct dbx_fail f;
	json_t *j = NULL;
	char *text;
	size_t len;

	*name = NULL;
	if (dbx_store_load(d->core.store, d->core.head.rev, &set, &f) == 0) {
		doc = dbx_docset_find(&set, kind, id);
		if (doc && dbx_store_text(d->core.store, doc->blob, &text, &len, &f) == 0) {
			j = json_loadb(text, len, 0, NULL);
			*name = strdup(doc->name);
			free(text);
		}
	}
	dbx_docset_fini(&set);
	return j;
}

int dbx_api_put_json(struct dbx_daemon *d, const struct dbx_request *req, enum dbx_doc_kind kind,
		     const char *name, const json_t *document, struct dbx_reply *reply)
{
	char *text = json_dumps(document, JSON_INDENT(2));
	struct dbx_input in = {.name = name, .text = text, .kind = kind};
	const struct dbx_apply_req a = {.inputs = &in, .n_inputs = 1, .message = name};
	int rc;

	if (!text) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
		return -ENOMEM;
	}
	in.len = strlen(text);
	rc = dbx_api_apply_one(d, req, &a, reply);
	free(text);
	return rc;
}

/* ---- removals ---- */

struct removal {
	struct dbx_daemon *d;
	const char *id;
	struct dbx_reply *reply;
	DBX_VEC(struct dbx_object_ref) refs;
	struct dbx_docset stored; /* owns the ids of refs */
};

static bool refuse_users(struct removal *r, const char *what, const struct dbx_strbuf *users,
			 size_t n)
{
	if (!n)
		return true;
	dbx_reply_error(r->reply, 409, "RESOURCE_CONFLICT",
			"%s \"%s\" is in use by %zu workspace%s (%s%s); point them elsewhere first",
			what, r->id, n, n == 1 ? "" : "s", users->s, n > NAMED_MAX ? ", ..." : "");
	return false;
}

static bool may_delete_policy(struct removal *r)
{
	const struct dbx_model *m = r->d->core.model;
	struct dbx_strbuf users;
	size_t i, n = 0;
	bool ok;

	if (strcmp(r->id, DEFAULT_POLICY) == 0) {
		dbx_reply_error(r->reply, 400, "INVALID_PARAMETER_VALUE",
				"\"" DEFAULT_POLICY
				"\" cannot be deleted: workspaces without a policy "
				"of their own use it; it may be edited");
		return false;
	}
	dbx_strbuf_init(&users);
	for (i = 0; i < m->n_options; i++) {
		if (strcmp(m->options[i].policy_id, r->id) != 0)
			continue;
		if (n++ < NAMED_MAX)
			dbx_strbuf_addf(&users, "%s%" PRId64, n > 1 ? ", " : "",
					m->options[i].workspace_id);
	}
	ok = refuse_users(r, "network policy", &users, n);
	dbx_strbuf_fini(&users);
	return ok;
}

/* Its rules go with it, once none of them is in force. */
static bool add_ncc_rules(struct removal *r)
{
	const struct dbx_model *m = r->d->core.model;
	const struct dbx_pe_rule *rule;
	size_t i, n_active = 0;

	for (i = 0; i < m->n_pe_rules; i++) {
		const struct dbx_document *doc;

		rule = &m->pe_rules[i];
		doc = dbx_docset_find(&r->stored, DBX_DOC_PRIVATE_ENDPOINT_RULES, rule->rule_id);
		if (!doc || strcmp(rule->ncc_id, r->id) != 0)
			continue;
		n_active += !rule->deactivated;
		if (dbx_vec_push(&r->refs, (struct dbx_object_ref){doc->kind, doc->id}))
			return false;
	}
	if (!n_active)
		return true;
	dbx_reply_error(r->reply, 409, "RESOURCE_CONFLICT",
			"NCC \"%s\" still has %zu private endpoint rule%s; delete them first",
			r->id, n_active, n_active == 1 ? "" : "s");
	return false;
}

static bool may_delete_ncc(struct removal *r)
{
	const struct dbx_model *m = r->d->core.model;
	struct dbx_strbuf users;
	size_t i, n = 0;
	bool ok;

	dbx_strbuf_init(&users);
	for (i = 0; i < m->n_bindings; i++) {
		if (strcmp(m->bindings[i].ncc_id, r->id) != 0)
			continue;
		if (n++ < NAMED_MAX)
			dbx_strbuf_addf(&users, "%s%" PRId64, n > 1 ? ", " : "",
					m->bindings[i].workspace_id);
	}
	ok = refuse_users(r, "NCC", &users, n) && add_ncc_rules(r);
	dbx_strbuf_fini(&users);
	return ok;
}

static bool may_delete(struct removal *r, enum dbx_doc_kind kind)
{
	switch (kind) {
	case DBX_DOC_NETWORK_POLICY:
		return may_delete_policy(r);
	case DBX_DOC_NCC:
		return may_delete_ncc(r);
	case DBX_DOC_GATEWAY:
		dbx_reply_error(r->reply, 409, "RESOURCE_CONFLICT",
				"without a gateway document no interface would be enforced; apply "
				"another one, or end enforcement with dbx-egressd --uninstall");
		return false;
	default:
		return true;
	}
}

int dbx_api_delete(struct dbx_daemon *d, const struct dbx_request *req, enum dbx_doc_kind kind,
		   const char *id, struct dbx_reply *reply)
{
	struct removal r = {.d = d, .id = id, .reply = reply};
	struct dbx_apply_req a = {.message = "delete"};
	struct dbx_fail f = {0};
	int rc;

	rc = dbx_store_load(d->core.store, d->core.head.rev, &r.stored, &f);
	if (!rc && !dbx_docset_find(&r.stored, kind, id))
		rc = dbx_fail_set(&f, -ENOENT, DBX_FAIL_NOT_FOUND, "there is no %s \"%s\"",
				  dbx_doc_kind_name(kind), id);
	if (!rc)
		rc = dbx_vec_push(&r.refs, (struct dbx_object_ref){kind, id});
	if (rc) {
		dbx_reply_fail(reply, &f, NULL);
	} else if (!may_delete(&r, kind)) {
		rc = -EBUSY;
	} else {
		a.removals = r.refs.v;
		a.n_removals = r.refs.n;
		rc = dbx_api_apply_one(d, req, &a, reply);
	}
	dbx_vec_fini(&r.refs);
	dbx_docset_fini(&r.stored);
	return rc;
}
