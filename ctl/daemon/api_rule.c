// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_rule.c -- the vendor's calls on private endpoint rules (egress-model 2.1, 2.3, 2.4).
 *
 * Nobody provisions endpoints here: a new rule is PENDING until an operator says that it is
 * ESTABLISHED, which is what we add to the vendor's calls (connection_state in a POST or a PATCH).
 * A rule that came inside its NCC gets a document of its own when it is changed; the reader takes
 * the one that was updated last.
 */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/uuid.h"
#include "policy/read.h"

static const struct dbx_pe_rule *find(struct dbx_daemon *d, const struct dbx_request *req,
				      struct dbx_reply *reply)
{
	const struct dbx_pe_rule *r = dbx_model_pe_rule(d->core.model, req->param[2]);

	if (r && strcmp(r->ncc_id, req->param[1]) == 0)
		return r;
	dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
			"there is no private endpoint rule \"%s\" in NCC \"%s\"", req->param[2],
			req->param[1]);
	return NULL;
}

static bool has_ncc(struct dbx_daemon *d, const char *id, struct dbx_reply *reply)
{
	if (dbx_model_ncc(d->core.model, id))
		return true;
	dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
			"there is no network connectivity configuration \"%s\"", id);
	return false;
}

static int put(struct dbx_daemon *d, const struct dbx_request *req, const char *id, const json_t *j,
	       struct dbx_reply *reply)
{
	const struct dbx_pe_rule *r;
	char name[64 + DBX_API_PARAM_MAX];
	int rc;

	snprintf(name, sizeof(name), "private-endpoint-rules/%s", id);
	rc = dbx_api_put_json(d, req, DBX_DOC_PRIVATE_ENDPOINT_RULES, name, j, reply);
	if (rc)
		return rc;
	r = dbx_model_pe_rule(d->core.model, id);
	dbx_api_reply_text(reply, r ? dbx_print_pe_rule(r) : NULL);
	return 0;
}

/* ---- create ---- */

static void set_string(json_t *j, const char *key, const char *value)
{
	json_object_set_new(j, key, json_string(value));
}

/* What the server fills in, over whatever the caller sent. */
static void fill_in(json_t *j, const struct dbx_request *req, const char *id)
{
	json_int_t now = dbx_now_ms();

	set_string(j, "rule_id", id);
	set_string(j, "network_connectivity_config_id", req->param[1]);
	set_string(j, "account_id", req->param[0]);
	if (!json_is_string(json_object_get(j, "connection_state")))
		set_string(j, "connection_state", "PENDING");
	/* The vendor ignores it here: it can be set once the endpoint is established. */
	if (json_object_get(j, "enabled"))
		json_object_set_new(j, "enabled", json_false());
	json_object_set_new(j, "deactivated", json_false());
	json_object_del(j, "deactivated_at");
	json_object_set_new(j, "creation_time", json_integer(now));
	json_object_set_new(j, "updated_time", json_integer(now));
}

void dbx_api_rule_create(struct dbx_daemon *d, const struct dbx_request *req,
			 struct dbx_reply *reply)
{
	char id[DBX_UUID_SIZE];
	json_t *j;

	if (!has_ncc(d, req->param[1], reply))
		return;
	j = dbx_api_body(req, "private_endpoint_rule", reply);
	if (!j)
		return;
	if (dbx_uuid(id)) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "no random numbers");
	} else {
		fill_in(j, req, id);
		put(d, req, id, j, reply);
	}
	json_decref(j);
}

/* ---- read ---- */

void dbx_api_rule_list(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	const struct dbx_model *m = d->core.model;
	bool started = false;
	size_t i;

	if (!has_ncc(d, req->param[1], reply))
		return;
	dbx_strbuf_add(&reply->body, "{\"items\":[");
	for (i = 0; i < m->n_pe_rules; i++) {
		char *text;

		if (strcmp(m->pe_rules[i].ncc_id, req->param[1]) != 0)
			continue;
		text = dbx_print_pe_rule(&m->pe_rules[i]);
		dbx_strbuf_add(&reply->body, started ? "," : "");
		if (!text)
			reply->body.err = -ENOMEM;
		else
			dbx_strbuf_add(&reply->body, text);
		free(text);
		started = true;
	}
	dbx_strbuf_add(&reply->body, "]}");
}

void dbx_api_rule_get(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	const struct dbx_pe_rule *r = find(d, req, reply);

	if (r)
		dbx_api_reply_text(reply, dbx_print_pe_rule(r));
}

/* ---- change ---- */

static const char *const changeable[] = {
	"domain_names", "resource_names", "enabled", "connection_state", "error_message",
};

static bool is_changeable(const char *key, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++) {
		if (strlen(changeable[i]) == n && strncmp(changeable[i], key, n) == 0)
			return true;
	}
	return false;
}

static bool refuse_key(const char *key, size_t n, struct dbx_reply *reply)
{
	dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
			"\"%.*s\" of a private endpoint rule cannot be changed; domain_names, "
			"resource_names, enabled, connection_state and error_message can",
			(int)(n > 64 ? 64 : n), key);
	return false;
}

/* ?update_mask=a,b names the fields that count; without it, all that the body has. */
static bool merge(json_t *rule, const json_t *change, const char *mask, struct dbx_reply *reply)
{
	const char *key, *p;
	json_t *value;

	for (p = mask; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
		size_t n = strcspn(p, ",");
		char name[32];

		if (!is_changeable(p, n))
			return refuse_key(p, n, reply);
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		value = json_object_get(change, name);
		if (value)
			json_object_set(rule, name, value);
		else
			json_object_del(rule, name);
	}
	if (*mask)
		return true;
	json_object_foreach((json_t *)change, key, value) {
		if (!is_changeable(key, strlen(key)))
			return refuse_key(key, strlen(key), reply);
		json_object_set(rule, key, value);
	}
	return true;
}

/* The rule's own document, or one made of what its NCC says. */
static json_t *as_document(struct dbx_daemon *d, const struct dbx_pe_rule *r)
{
	char *name, *text = NULL;
	json_t *j = dbx_api_stored(d, DBX_DOC_PRIVATE_ENDPOINT_RULES, r->rule_id, &name), *inner;

	free(name);
	inner = json_object_get(j, "private_endpoint_rule");
	if (inner) {
		json_incref(inner);
		json_decref(j);
		return inner;
	}
	if (!j) {
		text = dbx_print_pe_rule(r);
		j = text ? json_loads(text, 0, NULL) : NULL;
		free(text);
	}
	if (j && !json_object_get(j, "network_connectivity_config_id"))
		set_string(j, "network_connectivity_config_id", r->ncc_id);
	return j;
}

void dbx_api_rule_patch(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	const struct dbx_pe_rule *r = find(d, req, reply);
	json_t *change, *rule = NULL;
	char mask[256];

	if (!r)
		return;
	if (!dbx_query_get(req->query, "update_mask", mask, sizeof(mask)))
		mask[0] = '\0';
	change = dbx_api_body(req, "private_endpoint_rule", reply);
	if (!change)
		return;
	if (json_is_true(json_object_get(change, "enabled")) && r->state != DBX_PE_ESTABLISHED &&
	    !json_object_get(change, "connection_state")) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"enabled\" can be set once the rule is ESTABLISHED; it is %s",
				dbx_pe_state_name(r->state));
		goto out;
	}
	rule = as_document(d, r);
	if (!rule) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
	} else if (merge(rule, change, mask, reply)) {
		json_object_set_new(rule, "updated_time", json_integer(dbx_now_ms()));
		put(d, req, req->param[2], rule, reply);
	}
out:
	json_decref(rule);
	json_decref(change);
}

/*
 * As the vendor's: what never came to be goes at once, the rest is deactivated first and stays to be
 * seen; deleting it again removes it. A rule written inside its NCC is only ever deactivated.
 */
void dbx_api_rule_delete(struct dbx_daemon *d, const struct dbx_request *req,
			 struct dbx_reply *reply)
{
	const struct dbx_pe_rule *r = find(d, req, reply);
	char *printed, *name;
	json_t *own, *rule;

	if (!r)
		return;
	printed = dbx_print_pe_rule(r);
	own = dbx_api_stored(d, DBX_DOC_PRIVATE_ENDPOINT_RULES, r->rule_id, &name);
	if (own && (r->deactivated || r->state == DBX_PE_PENDING || r->state == DBX_PE_EXPIRED)) {
		if (dbx_api_delete(d, req, DBX_DOC_PRIVATE_ENDPOINT_RULES, req->param[2], reply) ==
		    0) {
			dbx_api_reply_text(reply, printed);
			printed = NULL;
		}
	} else {
		rule = as_document(d, r);
		if (!rule) {
			dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
		} else {
			json_int_t now = dbx_now_ms();

			json_object_set_new(rule, "deactivated", json_true());
			json_object_set_new(rule, "deactivated_at", json_integer(now));
			json_object_set_new(rule, "updated_time", json_integer(now));
			put(d, req, req->param[2], rule, reply);
		}
		json_decref(rule);
	}
	json_decref(own);
	free(name);
	free(printed);
}
