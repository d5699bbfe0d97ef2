/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read.c -- from a file's text to the reader of its kind.
 *
 * Accepted around every document: the object alone, in the wrapper that the vendor's API page shows
 * ({"network_policy": {...}}), in a list call's answer ({"items": [...]}), or in a bare array as the
 * vendor's CLI prints it. All objects of one file are of one kind.
 */
#include "policy/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/model_index.h"
#include "policy/read_json.h"

/* Deeper than any document of ours by far, and shallow enough for every recursion. */
#define MAX_DEPTH 100
/* A value costs up to 64 bytes in memory; the largest document known has 130,000. */
#define MAX_VALUES 4000000
_Static_assert(MAX_DEPTH == 100 && MAX_VALUES == 4000000, "the texts of why_too_much() say so");

static const struct kind {
	enum dbx_doc_kind kind;
	const char *wrapper; /* or NULL */
	const char *list;    /* or NULL; "items" goes with every kind that has one */
	int (*read)(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
} kinds[] = {
	{DBX_DOC_NETWORK_POLICY, "network_policy", "network_policies", dbx_rd_policy},
	{DBX_DOC_NCC, "network_connectivity_config", "network_connectivity_configs", dbx_rd_ncc},
	{DBX_DOC_PRIVATE_ENDPOINT_RULES, "private_endpoint_rule", "private_endpoint_rules",
	 dbx_rd_pe_rule},
	{DBX_DOC_WORKSPACE_OPTION, NULL, "workspace_network_options", dbx_rd_option},
	{DBX_DOC_NCC_BINDING, NULL, "ncc_bindings", dbx_rd_ncc_binding},
	{DBX_DOC_WORKSPACE, NULL, NULL, dbx_rd_workspace},
	{DBX_DOC_GATEWAY, "gateway", NULL, dbx_rd_gateway},
	{DBX_DOC_AZURE_TAGS, NULL, NULL, dbx_rd_azure},
	{DBX_DOC_AWS_RANGES, NULL, NULL, dbx_rd_aws},
	{DBX_DOC_GOOGLE_RANGES, NULL, NULL, dbx_rd_google},
	{DBX_DOC_DATABRICKS_RANGES, NULL, NULL, dbx_rd_databricks},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *kind_of(enum dbx_doc_kind kind)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (kinds[i].kind == kind)
			return &kinds[i];
	}
	return NULL;
}

/* ---- which kind ---- */

static bool has(const json_t *o, const char *key)
{
	return json_object_get(o, key) != NULL;
}

/* The list of a list answer, or NULL. */
static const json_t *list_of(const json_t *v, const char **key)
{
	const json_t *list;

	*key = NULL;
	if (json_is_array(v))
		return v;
	list = json_object_get(v, *key = "items");
	for (size_t i = 0; i < N_KINDS && !list; i++) {
		if (kinds[i].list)
			list = json_object_get(v, *key = kinds[i].list);
	}
	return json_is_array(list) ? list : NULL;
}

static enum dbx_doc_kind detect_ranges(const json_t *o)
{
	const json_t *row = json_array_get(json_object_get(o, "prefixes"), 0);

	if (has(o, "timestampSeconds") || has(o, "schemaVersion") || has(row, "ipv4Prefixes"))
		return DBX_DOC_DATABRICKS_RANGES;
	if (has(o, "ipv6_prefixes") || has(o, "createDate") || has(row, "ip_prefix"))
		return DBX_DOC_AWS_RANGES;
	if (has(o, "creationTime") || has(row, "ipv4Prefix") || has(row, "ipv6Prefix"))
		return DBX_DOC_GOOGLE_RANGES;
	return DBX_DOC_UNKNOWN;
}

static enum dbx_doc_kind detect_bound(const json_t *o)
{
	bool policy = has(o, "network_policy_id"), ncc = has(o, "network_connectivity_config_id");

	if (policy == ncc)
		return DBX_DOC_UNKNOWN;
	return policy ? DBX_DOC_WORKSPACE_OPTION : DBX_DOC_NCC_BINDING;
}

static enum dbx_doc_kind detect_object(const json_t *o)
{
	if (has(o, "workspaces") || has(o, "interfaces"))
		return DBX_DOC_GATEWAY;
	if (has(o, "workspace_network_option") || (has(o, "workspace") && has(o, "workspace_id")))
		return DBX_DOC_WORKSPACE;
	if (has(o, "values") && (has(o, "changeNumber") || has(o, "cloud")))
		return DBX_DOC_AZURE_TAGS;
	if (has(o, "prefixes"))
		return detect_ranges(o);
	if (has(o, "egress") || has(o, "ingress") || has(o, "ingress_dry_run"))
		return DBX_DOC_NETWORK_POLICY;
	if (has(o, "rule_id") || has(o, "resource_id") || has(o, "endpoint_service") ||
	    has(o, "gcp_endpoint"))
		return DBX_DOC_PRIVATE_ENDPOINT_RULES;
	if (has(o, "egress_config"))
		return DBX_DOC_NCC;
	if (has(o, "workspace_id"))
		return detect_bound(o);
	if (has(o, "network_policy_id") || (has(o, "name") && has(o, "rules")) ||
	    has(o, "egress_network_policy"))
		return DBX_DOC_NETWORK_POLICY;
	if (has(o, "network_connectivity_config_id") || (has(o, "name") && has(o, "region")))
		return DBX_DOC_NCC;
	return DBX_DOC_UNKNOWN;
}

/* One object, bare or in its wrapper. */
static enum dbx_doc_kind detect_item(const json_t *v)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (kinds[i].wrapper && has(v, kinds[i].wrapper))
			return kinds[i].kind;
	}
	return detect_object(v);
}

static enum dbx_doc_kind detect(const json_t *v)
{
	enum dbx_doc_kind kind = detect_item(v);
	const char *key;
	const json_t *list = list_of(v, &key);

	if (kind != DBX_DOC_UNKNOWN || !list)
		return kind;
	for (size_t i = 0; i < N_KINDS && key; i++) {
		if (kinds[i].list && !strcmp(kinds[i].list, key))
			return kinds[i].kind;
	}
	return detect_item(json_array_get(list, 0));
}

/* ---- text ---- */

/*
 * Why the parser is not even asked, and where; NULL = nothing to say. Brackets and commas in strings
 * do not count.
 */
static const char *why_too_much(const char *s, size_t len, const char **code, size_t *at)
{
	size_t depth = 0, n_values = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		*at = i;
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == ',') {
			n_values++;
		} else if (c == '{' || c == '[') {
			n_values++;
			depth++;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
		if (depth > MAX_DEPTH) {
			*code = "too-deep";
			return "nested deeper than 100 levels; no document of ours nests so deep";
		}
		if (n_values > MAX_VALUES) {
			*code = "limit";
			return "more than 4,000,000 values; split the document";
		}
	}
	return NULL;
}

static void line_of(const char *s, size_t at, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at; i++) {
		(*column)++;
		if (s[i] == '\n') {
			(*line)++;
			*column = 1;
		}
	}
}

static void tell_json_error(struct dbx_rd *r, const json_error_t *e)
{
	const char *code = "json-syntax", *accepted = "a whole JSON document in UTF-8 is expected";
	char q[RD_QUOTE_SIZE];

	switch (json_error_code(e)) {
	case json_error_invalid_utf8:
		code = "not-utf8";
		break;
	case json_error_duplicate_key:
		code = "duplicate-key";
		accepted = "each key may stand once in an object";
		break;
	case json_error_premature_end_of_input:
		code = "truncated";
		break;
	default:
		break;
	}
	dbx_rd_quote(e->text, q);
	q[strlen(q) - 1] = '\0';
	dbx_rd_error(r, NULL, code, "parse JSON at line %d, column %d: %s; %s", e->line, e->column,
		     q + 1, accepted);
}

/* An error at an offset; why follows the position. */
static bool refuse(struct dbx_rd *r, const char *text, size_t at, const char *code, const char *why)
{
	size_t line, column;

	line_of(text, at, &line, &column);
	dbx_rd_error(r, NULL, code, "parse JSON at line %zu, column %zu: %s", line, column, why);
	return false;
}

/* What the parser would accept, or would tell badly. */
static bool check_text(struct dbx_rd *r, const char *text, size_t len)
{
	const char *nul, *why, *code;
	size_t at = 0;

	if (len >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
		dbx_rd_error(r, NULL, "not-utf8", "parse JSON: it is UTF-16; UTF-8 is expected");
		return false;
	}
	while (at < len && memchr(" \t\r\n", text[at], 4))
		at++;
	if (at == len) {
		dbx_rd_error(r, NULL, "empty-document",
			     "parse JSON: nothing but blanks; a JSON document is expected");
		return false;
	}
	nul = memchr(text, '\0', len);
	if (nul)
		return refuse(r, text, (size_t)(nul - text), "json-syntax",
			      "a NUL byte; a JSON document in UTF-8 is expected");
	why = why_too_much(text, len, &code, &at);
	return why ? refuse(r, text, at, code, why) : true;
}

/* NULL after an error in d, or when out of memory. */
static json_t *parse(struct dbx_rd *r, const char *text, size_t len, int *rc)
{
	json_error_t e;
	json_t *v;

	*rc = 0;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* byte order mark of UTF-8 */
		text += 3;
		len -= 3;
	}
	if (!check_text(r, text, len))
		return NULL;
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (!v) {
		/* the parser does not always say that memory was short */
		if (json_error_code(&e) == json_error_out_of_memory || !e.text[0])
			*rc = -ENOMEM;
		else
			tell_json_error(r, &e);
	}
	return v;
}

/* ---- documents ---- */

static int read_list(struct dbx_rd *r, const json_t *root, const json_t *list,
		     const struct dbx_rd_at *at, const struct kind *k)
{
	const json_t *more = json_object_get(root, "next_page_token");
	const json_t *item;
	size_t i;
	int rc = 0;

	if (json_string_length(more))
		dbx_rd_warn(r, RD_KEY(NULL, "next_page_token"), "partial-list",
			    "read a list answer: it says that there are more pages; only this page "
			    "was read");
	json_array_foreach(list, i, item) {
		enum dbx_doc_kind is = detect_item(item);
		const json_t *inner = k->wrapper ? json_object_get(item, k->wrapper) : NULL;

		if (is != k->kind && is != DBX_DOC_UNKNOWN)
			dbx_rd_error(
				r, RD_ITEM(at, i), "mixed-kinds",
				"read a list of %s: this item is of kind %s; one file holds one kind",
				dbx_doc_kind_name(k->kind), dbx_doc_kind_name(is));
		else if (inner)
			rc = k->read(r, inner, RD_KEY(RD_ITEM(at, i), k->wrapper));
		else
			rc = k->read(r, item, RD_ITEM(at, i));
		if (rc)
			return rc;
	}
	if (!json_array_size(list))
		dbx_rd_warn(r, at, "empty-list", "read a list of %s: it has no items",
			    dbx_doc_kind_name(k->kind));
	return 0;
}

/* Keys beside a wrapper belong to no object that could keep them. */
static void warn_beside(struct dbx_rd *r, const json_t *root, const char *wrapper)
{
	char q[RD_QUOTE_SIZE];
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)root, key, value) {
		if (strcmp(key, wrapper) && strcmp(key, "next_page_token"))
			dbx_rd_warn(r, RD_KEY(NULL, key), "unknown-key",
				    "read a document: key %s beside \"%s\" is not known; ignored",
				    dbx_rd_quote(key, q), wrapper);
	}
}

static void tell_unknown(struct dbx_rd *r, const json_t *root)
{
	const char *key;

	if (list_of(root, &key))
		dbx_rd_warn(r, key ? RD_KEY(NULL, key) : NULL, "empty-list",
			    "read a list answer: it has no items, so nothing was read");
	else
		dbx_rd_error(r, NULL, "unknown-kind",
			     "detect the kind of document: it is none of ours; accepted: network "
			     "policy, network connectivity configuration (NCC), private endpoint "
			     "rules, workspace network option, NCC binding, gateway, Azure service "
			     "tags, AWS, Google or Databricks IP ranges");
}

static int read_root(struct dbx_rd *r, const json_t *root, const struct kind *k)
{
	const char *key;
	const json_t *inner = k->wrapper ? json_object_get(root, k->wrapper) : NULL;
	const json_t *list = k->list ? list_of(root, &key) : NULL;

	if (inner) {
		warn_beside(r, root, k->wrapper);
		return k->read(r, inner, RD_KEY(NULL, k->wrapper));
	}
	if (!list)
		return k->read(r, root, NULL);
	if (!key)
		return read_list(r, root, list, NULL, k);
	warn_beside(r, root, key);
	return read_list(r, root, list, RD_KEY(NULL, key), k);
}

static int add_doc(struct dbx_rd *r)
{
	struct dbx_doc *doc = dbx_rd_append(&r->m->docs, &r->m->n_docs);

	if (!doc)
		return -ENOMEM;
	r->doc = (uint32_t)(r->m->n_docs - 1);
	doc->name = strdup(r->doc_name);
	return doc->name ? 0 : -ENOMEM;
}

static int read_text(struct dbx_rd *r, const char *text, size_t len, enum dbx_doc_kind kind)
{
	const struct kind *k;
	enum dbx_doc_kind detected;
	json_t *root;
	int rc;

	rc = add_doc(r);
	if (rc)
		return rc;
	root = parse(r, text, len, &rc);
	if (!root)
		return rc ? rc : -EINVAL;
	detected = kind != DBX_DOC_UNKNOWN ? kind : detect(root);
	k = kind_of(detected);
	r->m->docs[r->doc].kind = detected;
	if (k)
		rc = read_root(r, root, k);
	else
		tell_unknown(r, root);
	json_decref(root);
	if (rc)
		return rc;
	return r->n_errors ? -EINVAL : 0;
}

int dbx_read(struct dbx_model *m, const char *name, const char *text, size_t len,
	     enum dbx_doc_kind kind, struct dbx_diag *d)
{
	struct dbx_rd r = {.m = m, .d = d, .doc_name = name ? name : ""};
	int rc;

	dbx_model_index_free(m);
	rc = read_text(&r, text, len, kind);
	m->broken |= rc != 0;
	return rc;
}

enum dbx_doc_kind dbx_read_detect(const char *text, size_t len)
{
	struct dbx_diag d;
	struct dbx_rd r = {.d = &d, .doc_name = ""};
	enum dbx_doc_kind kind = DBX_DOC_UNKNOWN;
	json_t *root;
	int rc;

	dbx_diag_init(&d);
	root = parse(&r, text, len, &rc);
	if (root)
		kind = detect(root);
	json_decref(root);
	dbx_diag_fini(&d);
	return kind;
}
