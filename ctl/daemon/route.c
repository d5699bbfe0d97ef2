// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * route.c -- the table of paths, matching against it, and dispatch.
 */
#include "daemon/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ACCOUNT "/api/2.0/accounts/{}"
#define OURS    "/api/2.0/dbx-egress"
#define NCCS    ACCOUNT "/network-connectivity-configs"
#define RULES   NCCS "/{}/private-endpoint-rules"

static const struct dbx_route routes[] = {
	/* the vendor's (egress-model 1.1 and 2.1) */
	{DBX_POST, ACCOUNT "/network-policies", dbx_api_policy_create, true, true},
	{DBX_GET, ACCOUNT "/network-policies", dbx_api_policy_list, false, true},
	{DBX_GET, ACCOUNT "/network-policies/{}", dbx_api_policy_get, false, true},
	{DBX_PUT, ACCOUNT "/network-policies/{}", dbx_api_policy_put, true, true},
	{DBX_DELETE, ACCOUNT "/network-policies/{}", dbx_api_policy_delete, true, true},
	{DBX_POST, NCCS, dbx_api_ncc_create, true, true},
	{DBX_GET, NCCS, dbx_api_ncc_list, false, true},
	{DBX_GET, NCCS "/{}", dbx_api_ncc_get, false, true},
	{DBX_DELETE, NCCS "/{}", dbx_api_ncc_delete, true, true},
	{DBX_POST, RULES, dbx_api_rule_create, true, true},
	{DBX_GET, RULES, dbx_api_rule_list, false, true},
	{DBX_GET, RULES "/{}", dbx_api_rule_get, false, true},
	{DBX_PATCH, RULES "/{}", dbx_api_rule_patch, true, true},
	{DBX_DELETE, RULES "/{}", dbx_api_rule_delete, true, true},
	{DBX_GET, ACCOUNT "/workspaces/{}/network", dbx_api_option_get, false, true},
	{DBX_PUT, ACCOUNT "/workspaces/{}/network", dbx_api_option_put, true, true},
	{DBX_GET, ACCOUNT "/workspaces/{}", dbx_api_workspace_get, false, true},
	{DBX_PATCH, ACCOUNT "/workspaces/{}", dbx_api_workspace_patch, true, true},
	/* ours */
	{DBX_POST, OURS "/apply", dbx_api_apply, true, false},
	{DBX_POST, OURS "/diff", dbx_api_diff, false, false},
	{DBX_POST, OURS "/rollback", dbx_api_rollback, true, false},
	{DBX_GET, OURS "/history", dbx_api_history, false, false},
	{DBX_GET, OURS "/documents", dbx_api_documents, false, false},
	{DBX_GET, OURS "/documents/{}/{}", dbx_api_document_get, false, false},
	{DBX_DELETE, OURS "/documents/{}/{}", dbx_api_document_delete, true, false},
	{DBX_GET, OURS "/gateway", dbx_api_gateway_get, false, false},
	{DBX_PUT, OURS "/gateway", dbx_api_gateway_put, true, false},
	{DBX_GET, OURS "/service-tags/{}", dbx_api_feed_get, false, false},
	{DBX_PUT, OURS "/service-tags/{}", dbx_api_feed_put, true, false},
	{DBX_GET, OURS "/status", dbx_api_status, false, false},
	{DBX_GET, OURS "/stats", dbx_api_stats, false, false},
	{DBX_GET, OURS "/denials", dbx_api_denials, false, false},
	{DBX_GET, OURS "/records", dbx_api_records, false, false},
	{DBX_GET, OURS "/records/{}", dbx_api_record_get, false, false},
	{DBX_GET, "/metrics", dbx_api_metrics, false, false},
	{DBX_GET, OURS "/events", dbx_api_events, false, false},
	{DBX_GET, OURS "/capture", dbx_api_capture, true, false}, /* payloads: for root alone */
	{DBX_GET, OURS "/names", dbx_api_names, false, false},
	{DBX_GET, OURS "/usage", dbx_api_usage, false, false},
	{DBX_GET, OURS "/entries", dbx_api_entries, false, false},
	{DBX_POST, OURS "/explain", dbx_api_explain, false, false},
	{DBX_GET, OURS "/image", dbx_api_image, false, false},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool dbx_url_decode(const char *in, size_t n, bool plus_is_space, char *out, size_t n_out)
{
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		char c = in[i];

		if (o + 1 >= n_out)
			return false;
		if (c == '%') {
			if (i + 2 >= n || hex(in[i + 1]) < 0 || hex(in[i + 2]) < 0)
				return false;
			c = (char)(hex(in[i + 1]) << 4 | hex(in[i + 2]));
			i += 2;
			if (c == '\0')
				return false;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		out[o++] = c;
	}
	out[o] = '\0';
	return true;
}

bool dbx_query_get(const char *query, const char *key, char *out, size_t n_out)
{
	size_t n_key = strlen(key);
	const char *p = query;

	while (p && *p) {
		size_t n = strcspn(p, "&");

		if (n > n_key && strncmp(p, key, n_key) == 0 && p[n_key] == '=')
			return dbx_url_decode(p + n_key + 1, n - n_key - 1, true, out, n_out);
		p += n + (p[n] == '&');
	}
	return false;
}

static bool match(const char *pattern, const char *path,
		  char param[DBX_API_PARAMS][DBX_API_PARAM_MAX])
{
	int n = 0;

	for (;;) {
		size_t n_pattern, n_path;

		if (*pattern != '/' || *path != '/')
			return !*pattern && !*path;
		pattern++;
		path++;
		n_pattern = strcspn(pattern, "/");
		n_path = strcspn(path, "/");
		if (n_pattern == 2 && pattern[0] == '{') {
			if (n_path == 0 || n == DBX_API_PARAMS ||
			    !dbx_url_decode(path, n_path, false, param[n], DBX_API_PARAM_MAX))
				return false;
			n++;
		} else if (n_pattern != n_path || memcmp(pattern, path, n_path) != 0) {
			return false;
		}
		pattern += n_pattern;
		path += n_path;
	}
}

const struct dbx_route *dbx_route_find(enum dbx_method method, const char *path,
				       char param[DBX_API_PARAMS][DBX_API_PARAM_MAX],
				       unsigned int *methods)
{
	size_t i;

	*methods = 0;
	for (i = 0; i < N_ROUTES; i++) {
		if (!match(routes[i].pattern, path, param))
			continue;
		if (routes[i].method == method)
			return &routes[i];
		*methods |= routes[i].method;
	}
	return NULL;
}

void dbx_route_methods(unsigned int methods, char out[64])
{
	static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (methods & 1u << i)
			n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", names[i]);
	}
}

/* ---- dispatch ---- */

static bool is_our_account(const struct dbx_daemon *d, const char *account)
{
	const struct dbx_model *m = d->core.model;

	return !m->has_gateway || !m->gateway.account_id ||
	       strcasecmp(m->gateway.account_id, account) == 0;
}

static void no_route(const struct dbx_request *req, unsigned int methods, struct dbx_reply *reply)
{
	static char allow[64]; /* one thread, and the reply is sent before the next request */

	if (!methods) {
		dbx_reply_error(reply, 404, "ENDPOINT_NOT_FOUND", "there is nothing at %.256s",
				req->path);
		return;
	}
	dbx_route_methods(methods, allow);
	dbx_reply_error(reply, 405, "METHOD_NOT_ALLOWED", "%.256s takes %s only", req->path, allow);
	reply->allow = allow;
}

void dbx_api_handle(struct dbx_daemon *d, struct dbx_request *req, struct dbx_reply *reply)
{
	const struct dbx_route *r;
	unsigned int methods;

	if (!req->may_read) {
		dbx_reply_error(reply, 403, "PERMISSION_DENIED",
				"user id %u may not use this socket: it is for root and for the "
				"members of group dbx-egress",
				req->uid);
		return;
	}
	r = dbx_route_find(req->method, req->path, req->param, &methods);
	if (!r) {
		no_route(req, methods, reply);
		return;
	}
	if (r->writes && !req->may_write) {
		dbx_reply_error(reply, 403, "PERMISSION_DENIED",
				"user id %u may read only: changes and captures are for root",
				req->uid);
		return;
	}
	if (r->account && !is_our_account(d, req->param[0])) {
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
				"account %s is not this gateway's: its gateway document says %s",
				req->param[0], d->core.model->gateway.account_id);
		return;
	}
	r->handle(d, req, reply);
	if (reply->body.err)
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
}
