// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_policy.c -- the vendor's calls on network policies (egress-model 1.1).
 */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/read.h"

#define DEFAULT_POLICY "default-policy"

static void reply_policy(struct dbx_daemon *d, const char *id, struct dbx_reply *reply)
{
	const struct dbx_policy *p = dbx_model_policy(d->core.model, id);

	if (p)
		dbx_api_reply_text(reply, dbx_print_policy(p));
	else
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
				"there is no network policy \"%s\"", id);
}

/* The ids that a body may leave out are those of the path; those that it gives must agree. */
static bool settle_id(json_t *j, const char *key, const char *wanted, bool no_case,
		      struct dbx_reply *reply)
{
	const json_t *v = json_object_get(j, key);
	const char *s = json_string_value(v);
	bool same = s && (no_case ? strcasecmp(s, wanted) : strcmp(s, wanted)) == 0;

	if (!v || json_is_null(v) || (s && !*s)) {
		json_object_set_new(j, key, json_string(wanted));
		return true;
	}
	if (!same)
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"%s\" must be \"%s\", as in the path", key, wanted);
	return same;
}

static void put(struct dbx_daemon *d, const struct dbx_request *req, const char *id,
		const json_t *j, struct dbx_reply *reply)
{
	char *name;

	if (asprintf(&name, "network-policies/%s", id) < 0) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
		return;
	}
	if (dbx_api_put_json(d, req, DBX_DOC_NETWORK_POLICY, name, j, reply) == 0)
		reply_policy(d, id, reply);
	free(name);
}

void dbx_api_policy_create(struct dbx_daemon *d, const struct dbx_request *req,
			   struct dbx_reply *reply)
{
	json_t *j = dbx_api_body(req, "network_policy", reply);
	const char *id;

	if (!j)
		return;
	id = json_string_value(json_object_get(j, "network_policy_id"));
	if (!id || !*id || strlen(id) > DBX_DOC_ID_MAX)
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"network_policy_id\" is needed: ^[a-zA-Z0-9_.-]{1,32}$");
	else if (dbx_model_policy(d->core.model, id))
		dbx_reply_error(reply, 409, "RESOURCE_ALREADY_EXISTS",
				"there is a network policy \"%s\" already; PUT replaces it", id);
	else if (settle_id(j, "account_id", req->param[0], true, reply))
		put(d, req, id, j, reply);
	json_decref(j);
}

void dbx_api_policy_list(struct dbx_daemon *d, const struct dbx_request *req,
			 struct dbx_reply *reply)
{
	const struct dbx_model *m = d->core.model;
	size_t i;

	(void)req;
	dbx_strbuf_add(&reply->body, "{\"items\":[");
	for (i = 0; i < m->n_policies; i++) {
		char *text = dbx_print_policy(&m->policies[i]);

		dbx_strbuf_add(&reply->body, i ? "," : "");
		if (!text)
			reply->body.err = -ENOMEM;
		else
			dbx_strbuf_add(&reply->body, text);
		free(text);
	}
	dbx_strbuf_add(&reply->body, "]}");
}

void dbx_api_policy_get(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	reply_policy(d, req->param[1], reply);
}

/* Full replacement. default-policy is there by the vendor's rules: putting it may create it. */
void dbx_api_policy_put(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	const char *id = req->param[1];
	json_t *j;

	if (!dbx_model_policy(d->core.model, id) && strcmp(id, DEFAULT_POLICY) != 0) {
		reply_policy(d, id, reply);
		return;
	}
	j = dbx_api_body(req, "network_policy", reply);
	if (j && settle_id(j, "network_policy_id", id, false, reply) &&
	    settle_id(j, "account_id", req->param[0], true, reply))
		put(d, req, id, j, reply);
	json_decref(j);
}

void dbx_api_policy_delete(struct dbx_daemon *d, const struct dbx_request *req,
			   struct dbx_reply *reply)
{
	if (dbx_api_delete(d, req, DBX_DOC_NETWORK_POLICY, req->param[1], reply) == 0)
		dbx_api_reply_text(reply, strdup("{}"));
}
