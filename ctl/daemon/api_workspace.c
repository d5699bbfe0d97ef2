// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_workspace.c -- which policy and which NCC a workspace has (egress-model 1.9, 2.5).
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"

#define DEFAULT_POLICY "default-policy"

static bool read_id(const struct dbx_request *req, int64_t *id, struct dbx_reply *reply)
{
	if (dbx_api_parse_id(req->param[1], id))
		return true;
	dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
			"\"%s\" is no workspace id: it is a positive decimal number",
			req->param[1]);
	return false;
}

static const char *ncc_of(const struct dbx_model *m, int64_t id)
{
	size_t i;

	for (i = 0; i < m->n_bindings; i++) {
		if (m->bindings[i].workspace_id == id)
			return m->bindings[i].ncc_id;
	}
	return NULL;
}

static const char *policy_of(const struct dbx_model *m, int64_t id)
{
	size_t i;

	for (i = 0; i < m->n_options; i++) {
		if (m->options[i].workspace_id == id)
			return m->options[i].policy_id;
	}
	return NULL;
}

/* A workspace that anything is said of. */
static bool is_known(const struct dbx_model *m, int64_t id)
{
	return dbx_model_workspace(m, id) || policy_of(m, id) || ncc_of(m, id);
}

static bool find(struct dbx_daemon *d, int64_t id, struct dbx_reply *reply)
{
	if (is_known(d->core.model, id))
		return true;
	dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
			"workspace %" PRId64 " is not in the gateway document", id);
	return false;
}

/* ---- the network option: exactly one policy at all times ---- */

static void reply_option(struct dbx_daemon *d, int64_t id, struct dbx_reply *reply)
{
	const char *policy = policy_of(d->core.model, id);

	dbx_strbuf_reset(&reply->body);
	dbx_strbuf_addf(&reply->body, "{\"workspace_id\":%" PRId64 ",", id);
	dbx_out_string(&reply->body, "network_policy_id", policy ? policy : DEFAULT_POLICY);
	dbx_strbuf_addc(&reply->body, '}');
}

void dbx_api_option_get(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	int64_t id;

	if (read_id(req, &id, reply) && find(d, id, reply))
		reply_option(d, id, reply);
}

static bool is_same_workspace(const json_t *j, int64_t id, struct dbx_reply *reply)
{
	const json_t *v = json_object_get(j, "workspace_id");
	int64_t given = id;

	if (json_is_integer(v))
		given = json_integer_value(v);
	else if (json_is_string(v) && !dbx_api_parse_id(json_string_value(v), &given))
		given = -1;
	if (given != id)
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"workspace_id\" must be %" PRId64 ", as in the path", id);
	return given == id;
}

void dbx_api_option_put(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	json_t *j, *option;
	const char *policy;
	char name[64];
	int64_t id;

	if (!read_id(req, &id, reply))
		return;
	j = dbx_api_body(req, "workspace_network_option", reply);
	if (!j)
		return;
	policy = json_string_value(json_object_get(j, "network_policy_id"));
	if (!policy || !*policy) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"network_policy_id\" is needed; \"" DEFAULT_POLICY
				"\" takes a workspace's own policy away");
	} else if (is_same_workspace(j, id, reply)) {
		option = json_pack("{s:I, s:s}", "workspace_id", (json_int_t)id,
				   "network_policy_id", policy);
		snprintf(name, sizeof(name), "workspaces/%" PRId64 "/network", id);
		if (dbx_api_put_json(d, req, DBX_DOC_WORKSPACE_OPTION, name, option, reply) == 0)
			reply_option(d, id, reply);
		json_decref(option);
	}
	json_decref(j);
}

/* ---- the workspace: of it, only the NCC binding is ours ---- */

static void reply_workspace(struct dbx_daemon *d, int64_t id, struct dbx_reply *reply)
{
	const struct dbx_workspace *w = dbx_model_workspace(d->core.model, id);

	dbx_strbuf_reset(&reply->body);
	dbx_strbuf_addf(&reply->body, "{\"workspace_id\":%" PRId64 ",", id);
	dbx_out_string(&reply->body, "workspace_name", w ? w->name : NULL);
	dbx_strbuf_addc(&reply->body, ',');
	dbx_out_string(&reply->body, "network_connectivity_config_id", ncc_of(d->core.model, id));
	dbx_strbuf_addc(&reply->body, '}');
}

void dbx_api_workspace_get(struct dbx_daemon *d, const struct dbx_request *req,
			   struct dbx_reply *reply)
{
	int64_t id;

	if (read_id(req, &id, reply) && find(d, id, reply))
		reply_workspace(d, id, reply);
}

void dbx_api_workspace_patch(struct dbx_daemon *d, const struct dbx_request *req,
			     struct dbx_reply *reply)
{
	json_t *j, *binding;
	char mask[128], name[64];
	const char *ncc;
	int64_t id;

	if (!read_id(req, &id, reply))
		return;
	if (dbx_query_get(req->query, "update_mask", mask, sizeof(mask)) &&
	    strcmp(mask, "network_connectivity_config_id") != 0) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"of a workspace only network_connectivity_config_id can be changed "
				"here");
		return;
	}
	j = dbx_api_body(req, "workspace", reply);
	if (!j)
		return;
	ncc = json_string_value(json_object_get(j, "network_connectivity_config_id"));
	if (!ncc || !*ncc) {
		dbx_reply_error(
			reply, 400, "INVALID_PARAMETER_VALUE",
			"\"network_connectivity_config_id\" is needed: an NCC can be swapped for "
			"another; to unbind, delete the document ncc-binding/%" PRId64,
			id);
	} else if (is_same_workspace(j, id, reply)) {
		binding = json_pack("{s:I, s:s}", "workspace_id", (json_int_t)id,
				    "network_connectivity_config_id", ncc);
		snprintf(name, sizeof(name), "workspaces/%" PRId64, id);
		if (dbx_api_put_json(d, req, DBX_DOC_NCC_BINDING, name, binding, reply) == 0)
			reply_workspace(d, id, reply);
		json_decref(binding);
	}
	json_decref(j);
}
