/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_gateway.c -- the gateway document: what the vendor's objects leave to the gateway.
 *
 * rules/gateway.md has its format. Ids that must be unique within a list are checked here, where both
 * places are known.
 */
#include "policy/read_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "policy/read_dest.h"
#include "policy/read_log.h"
#include "policy/read_sinks.h"
#include "policy/read_names.h"
#include "policy/read_paths.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define IFNAME_MAX 15 /* IFNAMSIZ without its NUL */

/* ---- unique ids ---- */

/* Reports key when the list had it before; null keys come from items that were refused. */
static int check_unique(struct dbx_rd *r, struct dbx_strmap *seen, const char *key,
			const char *what, const struct dbx_rd_at *list, size_t i, const char *leaf)
{
	char q[RD_QUOTE_SIZE];
	uint64_t first;
	char *ptr;
	int rc;

	if (!key)
		return 0;
	rc = dbx_strmap_put(seen, key, i);
	if (rc != -EEXIST)
		return rc;
	dbx_strmap_get(seen, key, &first);
	ptr = dbx_rd_pointer(RD_ITEM(list, first));
	dbx_rd_error(r, RD_KEY(RD_ITEM(list, i), leaf), "duplicate-id",
		     "read %s %s: given before at %s; write each one once", what,
		     dbx_rd_quote(key, q), ptr ? ptr : "");
	free(ptr);
	return 0;
}

/* ---- interfaces, addresses, services ---- */

int dbx_rd_ifname(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	size_t len = s ? strlen(s) : 0;
	char q[RD_QUOTE_SIZE];
	bool bad = len < 1 || len > IFNAME_MAX;

	if (!s)
		return 0;
	for (size_t i = 0; i < len; i++)
		bad |= (unsigned char)s[i] <= ' ' || s[i] == '/' || s[i] == ':' || s[i] == 0x7f;
	if (!bad && strcmp(s, ".") && strcmp(s, ".."))
		return dbx_rd_string(r, v, at, dst);
	dbx_rd_error(r, at, "bad-interface",
		     "read interface name %s: accepted are 1 to %d characters without blanks, '/' "
		     "and ':'",
		     dbx_rd_quote(s, q), IFNAME_MAX);
	return 0;
}

static const struct dbx_rd_field interface_fields[] = {
	{"name", RD_REQUIRED, offsetof(struct dbx_interface, name), dbx_rd_ifname},
};
static const struct dbx_rd_shape interface_shape =
	RD_SHAPE("an interface", interface_fields, RD_UNKNOWN_LOUD);

static int read_interface(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_interface *i = dst;
	int rc = dbx_rd_where(r, at, &i->where);

	return rc ? rc : dbx_rd_object(r, v, at, &interface_shape, i, &i->extra);
}

static int read_interfaces(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;
	struct dbx_strmap seen;
	int rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_interface, &g->interfaces,
			     &g->n_interfaces);

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < g->n_interfaces && !rc; i++)
		rc = check_unique(r, &seen, g->interfaces[i].name, "interface", at, i, "name");
	dbx_strmap_fini(&seen);
	return rc;
}

static int read_gateway_address(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				void *dst)
{
	struct dbx_prefix_ref *p = dst;
	size_t errors = r->n_errors;
	int rc = dbx_rd_prefix_ref(r, v, at, p);

	if (!rc && r->n_errors == errors && p->prefix.len != dbx_addr_bits(&p->prefix.addr))
		dbx_rd_error(r, at, "bad-address",
			     "read gateway address \"%s\": it is a prefix; write the gateway's own "
			     "addresses one by one",
			     json_string_value(v));
	return rc;
}

static int read_addresses(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_gateway_address, &g->addresses,
			   &g->n_addresses);
}

static const struct dbx_rd_field service_fields[] = {
	{"protocol", RD_REQUIRED, offsetof(struct dbx_service, proto), dbx_rd_protocol},
	{"ports", 0, 0, dbx_rd_skip},
	{"types", 0, 0, dbx_rd_skip},
};
static const struct dbx_rd_shape service_shape =
	RD_SHAPE("a gateway service", service_fields, RD_UNKNOWN_LOUD);

static int read_service(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_service *s = dst;
	int rc = dbx_rd_where(r, at, &s->where);

	s->proto = DBX_PROTO_ANY;
	if (!rc)
		rc = dbx_rd_object(r, v, at, &service_shape, s, &s->extra);
	if (!rc && json_is_object(v))
		rc = dbx_rd_ports(r, v, at, s->proto, &s->ports, &s->n_ports);
	return rc;
}

static int read_services(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_service, &g->services,
			   &g->n_services);
}

/* ---- private endpoints ---- */

int dbx_rd_addr(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "an IP address");
	char q[RD_QUOTE_SIZE];

	if (s && dbx_addr_parse(s, dst))
		dbx_rd_error(
			r, at, "bad-address",
			"read address %s: not an IP address; write for example 10.9.0.4 or fd00::4",
			dbx_rd_quote(s, q));
	return 0;
}

static int read_addrs(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_address *p = dst;

	if (json_is_array(v) && !json_array_size(v))
		dbx_rd_error(r, at, "bad-value",
			     "read a private endpoint's addresses: the list is empty; remove the "
			     "entry, or write its addresses");
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_addr, &p->addrs, &p->n_addrs);
}

static int read_private_required(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				 void *dst)
{
	struct dbx_pe_address *p = dst;

	p->has_private_required = true;
	return dbx_rd_bool(r, v, at, &p->private_required);
}

static const struct dbx_rd_field pe_fields[] = {
	{"rule_id", RD_REQUIRED, offsetof(struct dbx_pe_address, rule_id), dbx_rd_string},
	{"addresses", RD_REQUIRED, 0, read_addrs},
	{"private_required", 0, 0, read_private_required},
};
static const struct dbx_rd_shape pe_shape =
	RD_SHAPE("a private endpoint's addresses", pe_fields, RD_UNKNOWN_LOUD);

static int read_pe(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_address *p = dst;
	int rc = dbx_rd_where(r, at, &p->where);

	p->private_required = true;
	return rc ? rc : dbx_rd_object(r, v, at, &pe_shape, p, &p->extra);
}

static int read_private_endpoints(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				  void *dst)
{
	struct dbx_gateway *g = dst;
	struct dbx_strmap seen;
	int rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_pe, &g->private_endpoints,
			     &g->n_private_endpoints);

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < g->n_private_endpoints && !rc; i++)
		rc = check_unique(r, &seen, g->private_endpoints[i].rule_id, "rule_id", at, i,
				  "rule_id");
	dbx_strmap_fini(&seen);
	return rc;
}

/* ---- destination lists ---- */

static int read_sets(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, dbx_rd_fn item,
		     struct dbx_dest_set **sets, size_t *n)
{
	struct dbx_strmap seen;
	int rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, item, sets, n);

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < *n && !rc; i++)
		rc = check_unique(r, &seen, (*sets)[i].label, "label", at, i, "label");
	dbx_strmap_fini(&seen);
	return rc;
}

static int read_platform(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return read_sets(r, v, at, dbx_rd_platform_set, &g->platform, &g->n_platform);
}

static int read_storage(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return read_sets(r, v, at, dbx_rd_platform_set, &g->storage, &g->n_storage);
}

static int read_allowed(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return read_sets(r, v, at, dbx_rd_policy_set, &g->allowed, &g->n_allowed);
}

static int read_blocked(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return read_sets(r, v, at, dbx_rd_policy_set, &g->blocked, &g->n_blocked);
}

/* ---- workspaces ---- */

static int read_workspaces(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;
	struct dbx_strmap seen;
	char key[24];
	int rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_gateway_workspace,
			     &g->workspaces, &g->n_workspaces);

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < g->n_workspaces && !rc; i++) {
		snprintf(key, sizeof(key), "%" PRId64, g->workspaces[i].id);
		rc = check_unique(r, &seen, g->workspaces[i].id ? key : NULL, "workspace_id", at, i,
				  "workspace_id");
	}
	dbx_strmap_fini(&seen);
	return rc;
}

/* ---- the document ---- */

static int read_shrink(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;
	size_t errors = r->n_errors;
	int64_t n = 0;

	dbx_rd_int64(r, v, at, &n);
	if (r->n_errors != errors)
		return 0;
	if (n >= 1 && n <= 100)
		g->feed_max_shrink_percent = (uint32_t)n;
	else
		dbx_rd_error(r, at, "bad-value",
			     "read feed_max_shrink_percent %" PRId64
			     ": accepted are 1 to 100; leave the key out for 20",
			     n);
	return 0;
}

static const struct dbx_rd_field gateway_fields[] = {
	{"name", 0, offsetof(struct dbx_gateway, name), dbx_rd_string},
	{"account_id", 0, offsetof(struct dbx_gateway, account_id), dbx_rd_string},
	{"interfaces", 0, 0, read_interfaces},
	{"gateway_addresses", 0, 0, read_addresses},
	{"gateway_services", 0, 0, read_services},
	{"workspaces", 0, 0, read_workspaces},
	{"private_endpoints", 0, 0, read_private_endpoints},
	{"platform_sets", 0, 0, read_platform},
	{"workspace_storage", 0, 0, read_storage},
	{"allowed_destinations", 0, 0, read_allowed},
	{"blocked_destinations", 0, 0, read_blocked},
	{"feed_max_shrink_percent", 0, 0, read_shrink},
	{"dns", 0, offsetof(struct dbx_gateway, dns), dbx_rd_dns},
	{"names", 0, offsetof(struct dbx_gateway, names), dbx_rd_names},
	{"paths", 0, 0, dbx_rd_paths},
	{"tunnels", 0, 0, dbx_rd_tunnels},
	{"reject", 0, offsetof(struct dbx_gateway, reject), dbx_rd_reject},
	{"fast_forward", 0, offsetof(struct dbx_gateway, forward), dbx_rd_forward},
	{"default_quota", 0, offsetof(struct dbx_gateway, default_quota), dbx_rd_quota},
	{"log", 0, offsetof(struct dbx_gateway, log), dbx_rd_log},
	{"metrics", 0, offsetof(struct dbx_gateway, metrics), dbx_rd_metrics},
};
static const struct dbx_rd_shape gateway_shape =
	RD_SHAPE("the gateway document", gateway_fields, RD_UNKNOWN_KEEP);

int dbx_rd_gateway(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct dbx_gateway *g = &r->m->gateway;
	char q[RD_QUOTE_SIZE];
	int rc;

	if (r->m->has_gateway) {
		dbx_rd_error(
			r, at, "duplicate-id",
			"read the gateway document: there is one already, in %s; a gateway has "
			"exactly one",
			dbx_rd_quote(dbx_model_doc_name(r->m, &g->where), q));
		return 0;
	}
	r->m->has_gateway = true;
	rc = dbx_rd_where(r, at, &g->where);
	return rc ? rc : dbx_rd_object(r, v, at, &gateway_shape, g, &g->extra);
}
