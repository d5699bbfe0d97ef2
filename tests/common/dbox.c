// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dbox.c -- a daemon without a loop or a socket.
 */
#include "common/dbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "lib/hash.h"

const char dbox_gateway[] =
	"{\"gateway\":{\"name\":\"gw\",\"account_id\":\"" DBOX_ACCOUNT "\","
	"\"interfaces\":[{\"name\":\"dbxnone1\"}],\"gateway_addresses\":[\"10.66.1.1\"],"
	"\"workspaces\":["
	"{\"workspace_id\":1001,\"name\":\"one\",\"sources\":[{\"prefix\":\"10.66.1.0/24\"}]},"
	"{\"workspace_id\":1002,\"sources\":[{\"prefix\":\"10.66.2.0/24\"}]}],"
	"\"allowed_destinations\":[{\"label\":\"api\",\"prefixes\":[\"203.0.113.0/24\"],"
	"\"protocol\":\"tcp\",\"ports\":[443]}]}}";

const char dbox_gateway_private[] =
	"{\"gateway\":{\"name\":\"gw\",\"account_id\":\"" DBOX_ACCOUNT "\","
	"\"interfaces\":[{\"name\":\"dbxnone1\"}],\"workspaces\":["
	"{\"workspace_id\":1001,\"name\":\"one\",\"sources\":[{\"prefix\":\"10.66.1.0/24\"}]},"
	"{\"workspace_id\":1002,\"sources\":[{\"prefix\":\"10.66.2.0/24\"}]}],"
	"\"private_endpoints\":[{\"rule_id\":\"r-1\",\"addresses\":[\"10.9.0.4\"]}]}}";

const char dbox_policy[] = "{\"network_policy_id\":\"np-a\",\"egress\":{\"network_access\":"
			   "{\"restriction_mode\":\"RESTRICTED_ACCESS\"}}}";

const char dbox_open_policy[] = "{\"network_policy_id\":\"np-a\",\"egress\":{\"network_access\":"
				"{\"restriction_mode\":\"FULL_ACCESS\"}}}";

const char dbox_option[] = "{\"workspace_id\":1001,\"network_policy_id\":\"np-a\"}";

const char dbox_ncc[] =
	"{\"network_connectivity_config_id\":\"ncc-1\",\"name\":\"ncc-one\",\"region\":\"eastus2\","
	"\"egress_config\":{\"target_rules\":{\"azure_private_endpoint_rules\":["
	"{\"rule_id\":\"r-1\",\"network_connectivity_config_id\":\"ncc-1\",\"resource_id\":"
	"\"/subscriptions/0/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake\","
	"\"group_id\":\"dfs\",\"connection_state\":\"PENDING\",\"updated_time\":1000}]}}}";

static void open_core(struct dbox *b)
{
	const struct dbx_core_opts o = {
		.state_path = b->db,
		.ops = &dbx_dp_mem,
		.dp = {.object_path = "", .pin_dir = ""},
	};
	struct dbx_fail f = {0};

	if (dbx_core_open(&b->d.core, &o, &f))
		fail_msg("open: %s", f.text);
}

void dbox_open(struct dbox *b)
{
	memset(b, 0, sizeof(*b));
	dbx_log_init(DBX_LOG_ERROR);
	dbx_dp_mem_reset();
	snprintf(b->dir, sizeof(b->dir), "/tmp/dbx-dbox.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->db, sizeof(b->db), "%s/state.db", b->dir);
	open_core(b);
}

void dbox_reopen(struct dbox *b)
{
	dbx_core_close(&b->d.core);
	open_core(b);
}

void dbox_close(struct dbox *b)
{
	char path[512];
	struct dirent *e;
	DIR *dir;

	dbx_core_close(&b->d.core);
	json_decref(b->json);
	free(b->answer);
	dir = opendir(b->dir);
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(b->dir);
	dbx_dp_mem_reset();
}

int dbox_call_as(struct dbox *b, bool may_read, bool may_write, enum dbx_method method,
		 const char *path_and_query, const char *body)
{
	const char *query = strchr(path_and_query, '?');
	size_t n_path = query ? (size_t)(query - path_and_query) : strlen(path_and_query);
	char *path = strndup(path_and_query, n_path);
	struct dbx_request req = {
		.method = method,
		.path = path,
		.query = query ? query + 1 : NULL,
		.body = body ? body : "",
		.n_body = body ? strlen(body) : 0,
		.may_read = may_read,
		.may_write = may_write,
	};
	struct dbx_reply reply;
	int status;

	json_decref(b->json);
	free(b->answer);
	dbx_reply_init(&reply);
	dbx_api_handle(&b->d, &req, &reply);
	status = reply.status;
	b->json = json_loadb(reply.body.s, reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	b->answer = dbx_strbuf_steal(&reply.body);
	dbx_reply_fini(&reply);
	free(path);
	return status;
}

int dbox_call(struct dbox *b, enum dbx_method method, const char *path_and_query, const char *body)
{
	return dbox_call_as(b, true, true, method, path_and_query, body);
}

char *dbox_envelope(const char *options, ...)
{
	struct dbx_strbuf s;
	const char *name;
	bool more = false;
	va_list ap;

	dbx_strbuf_init(&s);
	dbx_strbuf_addf(&s, "{%s%s\"documents\":[", options ? options : "", options ? "," : "");
	va_start(ap, options);
	while ((name = va_arg(ap, const char *))) {
		dbx_strbuf_addf(&s, "%s{\"source\":\"%s\",\"document\":%s}", more ? "," : "", name,
				va_arg(ap, const char *));
		more = true;
	}
	va_end(ap);
	dbx_strbuf_add(&s, "]}");
	return dbx_strbuf_steal(&s);
}

const char *dbox_get(struct dbox *b, const char *path)
{
	static char text[256];
	const json_t *v = b->json;
	char part[64];

	while (*path && v) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(part))
				     : json_object_get(v, part);
		path += n + (path[n] == '.');
	}
	text[0] = '\0';
	if (json_is_string(v))
		snprintf(text, sizeof(text), "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(text, sizeof(text), "%s", json_is_true(v) ? "true" : "false");
	else if (json_is_array(v))
		snprintf(text, sizeof(text), "%zu", json_array_size(v));
	return text;
}

const char *dbox_error(struct dbox *b, const char *code)
{
	static char text[1024];
	const json_t *list = json_object_get(b->json, "findings");
	const json_t *f;
	size_t i;

	text[0] = '\0';
	json_array_foreach(list, i, f) {
		if (!strcmp(json_string_value(json_object_get(f, "code")), code) &&
		    !strcmp(json_string_value(json_object_get(f, "severity")), "error")) {
			snprintf(text, sizeof(text), "%s: %s",
				 json_string_value(json_object_get(f, "ptr")),
				 json_string_value(json_object_get(f, "text")));
			break;
		}
	}
	return text;
}

uint32_t dbox_image_sum(void)
{
	size_t n;
	const void *image = dbx_dp_mem_image(&n);

	return image ? dbx_crc32c(0, image, n) : 0;
}
