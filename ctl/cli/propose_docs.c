// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * propose_docs.c -- a proposal as documents.
 *
 * Where entries came from is told in "x_dbx_egress" of each document, which readers keep and the
 * daemon does not look into.
 */
#include "cli/propose_docs.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/out.h"
#include "lib/file.h"
#include "lib/proto.h"
#include "lib/when.h"
#include "policy/read.h"

/* ---- words ---- */

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

void dbx_propose_what(const struct dbx_propose_entry *e, char *out, size_t n_out)
{
	char addr[DBX_ADDR_STRLEN], proto[DBX_PROTO_SIZE], port[16] = "";

	if (e->kind == DBX_PROPOSE_STORAGE) {
		snprintf(out, n_out, "%s %s%s%s",
			 e->storage_type == DBX_STORAGE_AZURE ? "azure"
			 : e->storage_type == DBX_STORAGE_GCS ? "gs"
							      : "s3",
			 e->bucket, *e->region || *e->service ? " " : "",
			 *e->region ? e->region : e->service);
		return;
	}
	if (*e->name) {
		snprintf(out, n_out, "%s", e->name);
		return;
	}
	if (e->has_ports && is_icmp(e->proto))
		snprintf(port, sizeof(port), " %u/%u", e->port >> 8, e->port & 0xff);
	else if (e->has_ports)
		snprintf(port, sizeof(port), " %u", e->port);
	snprintf(out, n_out, "%s %s%s", dbx_addr_format(&e->addr, addr),
		 dbx_proto_text(e->proto, proto), port);
}

static json_t *note(const struct dbx_propose_entry *e)
{
	char what[400], first[DBX_TIME_SIZE], last[DBX_TIME_SIZE];
	json_t *o;

	dbx_propose_what(e, what, sizeof(what));
	o = json_pack("{s:o, s:I, s:I, s:s, s:s, s:s}", "destination", dbx_json_text(what), "flows",
		      (json_int_t)e->flows, "packets", (json_int_t)e->packets, "first_seen",
		      dbx_time_format(e->first_ms, DBX_TIME_S, first), "last_seen",
		      dbx_time_format(e->last_ms, DBX_TIME_S, last), "reason",
		      dbx_reason_slug(e->reason));
	if (e->names > 1)
		json_object_set_new(o, "names", json_integer((json_int_t)e->names));
	if (e->why)
		json_object_set_new(o, "left_out_because_it", json_string(e->why));
	return o;
}

/* ---- entries ---- */

static json_t *name_entry(const struct dbx_propose_entry *e)
{
	return json_pack("{s:s, s:s}", "destination", e->name, "internet_destination_type",
			 "DNS_NAME");
}

static json_t *storage_entry(const struct dbx_propose_entry *e)
{
	if (e->storage_type == DBX_STORAGE_AZURE)
		return json_pack("{s:s, s:s, s:s}", "storage_destination_type", "AZURE_STORAGE",
				 "azure_storage_account", e->bucket, "azure_storage_service",
				 e->service);
	if (e->storage_type == DBX_STORAGE_GCS)
		return json_pack("{s:s, s:s}", "storage_destination_type", "GOOGLE_CLOUD_STORAGE",
				 "bucket_name", e->bucket);
	return json_pack("{s:s, s:s, s:s}", "storage_destination_type", "AWS_S3", "bucket_name",
			 e->bucket, "region", e->region);
}

static json_t *address_entry(const struct dbx_propose_entry *e)
{
	const char *proto = dbx_proto_name(e->proto);
	char addr[DBX_ADDR_STRLEN], label[400];
	json_t *o;

	dbx_propose_what(e, label, sizeof(label));
	dbx_addr_format(&e->addr, addr);
	o = json_pack("{s:s, s:[s], s:[o]}", "label", label, "prefixes", addr, "network_policy_ids",
		      dbx_json_text(e->policy_id));
	json_object_set_new(o, "protocol", proto ? json_string(proto) : json_integer(e->proto));
	if (e->has_ports && is_icmp(e->proto))
		json_object_set_new(o, "types", json_pack("[i]", e->port >> 8));
	else if (e->has_ports)
		json_object_set_new(o, "ports", json_pack("[i]", e->port));
	return o;
}

/* The list or object under key, made when it is not there. */
static json_t *under(json_t *o, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(o, key);

	if (!v) {
		v = make();
		json_object_set_new(o, key, v);
	}
	return v;
}

static void add_note(json_t *o, const struct dbx_propose_entry *e)
{
	json_t *x = under(o, "x_dbx_egress", json_object);

	json_array_append_new(under(x, "proposed", json_array), note(e));
}

/* ---- policies ---- */

static json_t *load(char *text)
{
	json_t *j = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return j;
}

static json_t *new_policy(const char *id)
{
	return json_pack("{s:o, s:{s:{s:s, s:{s:s}}}}", "network_policy_id", dbx_json_text(id),
			 "egress", "network_access", "restriction_mode", "RESTRICTED_ACCESS",
			 "policy_enforcement", "enforcement_mode", "ENFORCED");
}

static void set_enforced(json_t *access)
{
	json_t *o = json_object_get(access, "policy_enforcement");

	if (!o)
		return;
	json_object_set_new(o, "enforcement_mode", json_string("ENFORCED"));
	json_object_del(o, "dry_run_mode_product_filter");
}

static json_t *find_policy(struct dbx_propose_docs *d, const struct dbx_model *m, const char *id,
			   bool enforce)
{
	const struct dbx_policy *p = m ? dbx_model_policy(m, id) : NULL;
	size_t n = json_array_size(d->policies);
	json_t *j = json_array_get(d->policies, n ? n - 1 : 0);

	/* Entries are sorted by policy. */
	if (n && !strcmp(dbx_json_str(j, "network_policy_id"), id))
		return j;
	j = p ? load(dbx_print_policy(p)) : new_policy(id);
	if (enforce)
		set_enforced(json_object_get(json_object_get(j, "egress"), "network_access"));
	if (json_array_append_new(d->policies, j))
		return NULL;
	return j;
}

static bool add_to_policy(struct dbx_propose_docs *d, const struct dbx_model *m,
			  const struct dbx_propose_entry *e, bool enforce)
{
	bool is_name = e->kind == DBX_PROPOSE_NAME;
	json_t *j = find_policy(d, m, e->policy_id, enforce), *access;

	if (!j)
		return false;
	access = under(under(j, "egress", json_object), "network_access", json_object);
	if (e->kind == DBX_PROPOSE_ADDRESS)
		return true; /* the policy is written all the same: it is to be enforced */
	json_array_append_new(
		under(access,
		      is_name ? "allowed_internet_destinations" : "allowed_storage_destinations",
		      json_array),
		is_name ? name_entry(e) : storage_entry(e));
	add_note(j, e);
	return true;
}

/* ---- the gateway ---- */

static bool add_to_gateway(struct dbx_propose_docs *d, const struct dbx_model *m,
			   const struct dbx_propose_entry *e)
{
	json_t *g, *list;

	if (m && m->has_gateway && !d->gateway)
		d->gateway = load(dbx_print_gateway(&m->gateway));
	g = json_object_get(d->gateway, "gateway");
	if (m && m->has_gateway && !g)
		return false;
	list = g ? under(g, "allowed_destinations", json_array) : d->unplaced;
	if (json_array_append_new(list, address_entry(e)))
		return false;
	if (g)
		add_note(g, e);
	return true;
}

int dbx_propose_docs_make(struct dbx_propose_docs *d, const struct dbx_model *m,
			  const struct dbx_propose_entry *v, size_t n, bool enforce)
{
	bool good;

	d->policies = json_array();
	d->unplaced = json_array();
	good = d->policies && d->unplaced;
	for (size_t i = 0; i < n && good; i++) {
		if (v[i].kind == DBX_PROPOSE_LEFT_OUT)
			continue;
		good = add_to_policy(d, m, &v[i], enforce);
		if (good && v[i].kind == DBX_PROPOSE_ADDRESS)
			good = add_to_gateway(d, m, &v[i]);
	}
	return good ? DBX_EXIT_DONE : dbx_err_memory();
}

void dbx_propose_docs_fini(struct dbx_propose_docs *d)
{
	json_decref(d->policies);
	json_decref(d->gateway);
	json_decref(d->unplaced);
	*d = (struct dbx_propose_docs){0};
}

/* ---- writing ---- */

static int write_doc(const char *dir, const char *name, const json_t *j)
{
	char path[4096], *text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	int rc = -ENOMEM;

	if (text && snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
		rc = dbx_file_write(path, text, strlen(text), 0644);
	else if (text)
		rc = -ENAMETOOLONG;
	free(text);
	if (rc) {
		dbx_err("cannot write %s/%s: %s", dir, name, strerror(-rc));
		return DBX_EXIT_REFUSED;
	}
	dbx_say("wrote ");
	dbx_say_in(stdout, DBX_PLAIN, "%s", path);
	dbx_say("\n");
	return DBX_EXIT_DONE;
}

/* The id in a file name: what is not a letter, digit, '-' or '_' would be a path or a pattern. */
static void file_name(const char *id, size_t number, char out[160])
{
	int n = snprintf(out, 160, "policy-%.*s", 120, id);

	for (char *c = out; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			*c = '_';
	}
	if (strcmp(out + 7, id))
		n += snprintf(out + n, 160 - (size_t)n, "-%zu", number);
	snprintf(out + n, 160 - (size_t)n, ".json");
}

int dbx_propose_docs_write(const struct dbx_cli *cli, const struct dbx_propose_docs *d)
{
	const char *dir = cli->opt[DBX_OPT_OUTPUT];
	const json_t *j;
	char name[160];
	int code = DBX_EXIT_DONE;
	size_t i;

	if (json_array_size(d->unplaced))
		dbx_err("%zu destinations have no name and belong into allowed_destinations of the "
			"gateway document: give it with --policy",
			json_array_size(d->unplaced));
	if (!dir)
		return code;
	if (mkdir(dir, 0755) && errno != EEXIST) {
		dbx_err("cannot make directory %s: %s", dir, strerror(errno));
		return DBX_EXIT_REFUSED;
	}
	json_array_foreach(d->policies, i, j) {
		file_name(dbx_json_str(j, "network_policy_id"), i, name);
		if (!code)
			code = write_doc(dir, name, j);
	}
	if (!code && d->gateway)
		code = write_doc(dir, "gateway.json", d->gateway);
	return code;
}

int dbx_propose_docs_json(const struct dbx_propose_docs *d, const struct dbx_propose_entry *v,
			  size_t n)
{
	json_t *left = json_array(), *o, *j;
	int code;

	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != DBX_PROPOSE_LEFT_OUT)
			continue;
		o = note(&v[i]);
		json_object_set_new(o, "network_policy_id", dbx_json_text(v[i].policy_id));
		json_array_append_new(left, o);
	}
	j = json_pack("{s:O, s:o, s:O, s:o}", "policies", d->policies, "gateway",
		      d->gateway ? json_incref(d->gateway) : json_null(), "allowed_destinations",
		      d->unplaced, "left_out", left);
	code = dbx_out_json(j);
	json_decref(j);
	return code;
}
