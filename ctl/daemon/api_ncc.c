// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_ncc.c -- the vendor's calls on network connectivity configurations (egress-model 2.1).
 */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/uuid.h"
#include "policy/read.h"

static void reply_ncc(struct dbx_daemon *d, const char *id, struct dbx_reply *reply)
{
	const struct dbx_ncc *n = dbx_model_ncc(d->core.model, id);

	if (n)
		dbx_api_reply_text(reply, dbx_print_ncc(d->core.model, n));
	else
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
				"there is no network connectivity configuration \"%s\"", id);
}

/* What the caller may say is name and region; the rest is the server's (egress-model 2.2). */
static json_t *make_ncc(const char *account_id, const char *id, const char *name,
			const char *region)
{
	json_int_t now = dbx_now_ms();

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:{s:{}, s:{}}}",
			 "network_connectivity_config_id", id, "account_id", account_id, "name",
			 name, "region", region, "creation_time", now, "updated_time", now,
			 "egress_config", "default_rules", "target_rules");
}

static const char *string_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s && *s ? s : NULL;
}

void dbx_api_ncc_create(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	json_t *j = dbx_api_body(req, "network_connectivity_config", reply), *ncc = NULL;
	char id[DBX_UUID_SIZE], source[80];
	const char *name, *region;

	if (!j)
		return;
	name = string_of(j, "name");
	region = string_of(j, "region");
	if (!name || !region || dbx_uuid(id)) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"\"name\" (^[0-9a-zA-Z-_]{3,30}$) and \"region\" are needed");
		goto out;
	}
	ncc = make_ncc(req->param[0], id, name, region);
	if (!ncc) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
		goto out;
	}
	snprintf(source, sizeof(source), "network-connectivity-configs/%s", id);
	if (dbx_api_put_json(d, req, DBX_DOC_NCC, source, ncc, reply) == 0)
		reply_ncc(d, id, reply);
out:
	json_decref(ncc);
	json_decref(j);
}

void dbx_api_ncc_list(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	const struct dbx_model *m = d->core.model;
	size_t i;

	(void)req;
	dbx_strbuf_add(&reply->body, "{\"items\":[");
	for (i = 0; i < m->n_nccs; i++) {
		char *text = dbx_print_ncc(m, &m->nccs[i]);

		dbx_strbuf_add(&reply->body, i ? "," : "");
		if (!text)
			reply->body.err = -ENOMEM;
		else
			dbx_strbuf_add(&reply->body, text);
		free(text);
	}
	dbx_strbuf_add(&reply->body, "]}");
}

void dbx_api_ncc_get(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	reply_ncc(d, req->param[1], reply);
}

void dbx_api_ncc_delete(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	if (dbx_api_delete(d, req, DBX_DOC_NCC, req->param[1], reply) == 0)
		dbx_api_reply_text(reply, strdup("{}"));
}
