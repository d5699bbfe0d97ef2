// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * docs.c -- documents as they are stored: one object each, under (kind, id).
 */
#include "daemon/docs.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jspan.h"
#include "lib/vec.h"
#include "policy/read.h"

#define QUICK_DETECT_BYTES 65536

static void document_fini(struct dbx_document *doc)
{
	free(doc->id);
	free(doc->name);
	free(doc->text);
}

void dbx_docset_fini(struct dbx_docset *s)
{
	dbx_vec_for_each(s, doc)
		document_fini(doc);
	dbx_vec_fini(s);
}

int dbx_docset_add(struct dbx_docset *s, const struct dbx_document *doc)
{
	struct dbx_document copy = *doc;

	copy.seq = s->n;
	copy.id = strdup(doc->id);
	copy.name = strdup(doc->name);
	copy.text = NULL;
	if (doc->text) {
		copy.text = malloc(doc->len + 1);
		if (copy.text) {
			memcpy(copy.text, doc->text, doc->len);
			copy.text[doc->len] = '\0';
		}
	}
	if (copy.id && copy.name && (copy.text || !doc->text) && dbx_vec_push(s, copy) == 0) {
		s->is_sorted = false;
		return 0;
	}
	document_fini(&copy);
	return -ENOMEM;
}

static int by_object(const struct dbx_document *x, const struct dbx_document *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->id, y->id);
}

static int by_object_and_seq(const void *a, const void *b)
{
	const struct dbx_document *x = a, *y = b;
	int cmp = by_object(x, y);

	return cmp ? cmp : (x->seq > y->seq) - (x->seq < y->seq);
}

static int find_cmp(const void *key, const void *element)
{
	return by_object(key, element);
}

struct dbx_document *dbx_docset_find(const struct dbx_docset *s, enum dbx_doc_kind kind,
				     const char *id)
{
	const struct dbx_document key = {.kind = kind, .id = (char *)id};
	size_t i;

	if (s->is_sorted && s->n)
		return bsearch(&key, s->v, s->n, sizeof(*s->v), find_cmp);
	for (i = 0; i < s->n; i++) {
		if (by_object(&s->v[i], &key) == 0)
			return &s->v[i];
	}
	return NULL;
}

void dbx_docset_filter(struct dbx_docset *s, dbx_docset_fn keep, void *arg)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		if (keep(arg, &s->v[i]))
			s->v[n++] = s->v[i];
		else
			document_fini(&s->v[i]);
	}
	s->n = n;
}

void dbx_docset_sort(struct dbx_docset *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_object_and_seq);
	s->is_sorted = true;
}

enum dbx_doc_kind dbx_doc_kind_parse(const char *name)
{
	int k;

	for (k = DBX_DOC_UNKNOWN + 1; k < DBX_DOC_KIND_MAX; k++) {
		if (strcmp(dbx_doc_kind_name((enum dbx_doc_kind)k), name) == 0)
			return (enum dbx_doc_kind)k;
	}
	return DBX_DOC_UNKNOWN;
}

/* ---- splitting ---- */

/* Where a kind keeps its id; no key: there is one of them in a gateway. */
static const struct {
	const char *pointer; /* at the top; the key is what follows the slash */
	const char *constant;
} ids[DBX_DOC_KIND_MAX] = {
	[DBX_DOC_NETWORK_POLICY] = {"/network_policy_id", NULL},
	[DBX_DOC_NCC] = {"/network_connectivity_config_id", NULL},
	[DBX_DOC_PRIVATE_ENDPOINT_RULES] = {"/rule_id", NULL},
	[DBX_DOC_WORKSPACE_OPTION] = {"/workspace_id", NULL},
	[DBX_DOC_NCC_BINDING] = {"/workspace_id", NULL},
	[DBX_DOC_GATEWAY] = {NULL, "gateway"},
	[DBX_DOC_AZURE_TAGS] = {"/cloud", NULL},
	[DBX_DOC_AWS_RANGES] = {NULL, "AWS"},
	[DBX_DOC_GOOGLE_RANGES] = {NULL, NULL}, /* google_cloud() */
	[DBX_DOC_DATABRICKS_RANGES] = {NULL, "Databricks"},
};

/* At the top, or inside the one wrapper that the vendor puts around some objects. */
static char *find_id(struct dbx_jspan text, const char *key)
{
	struct dbx_jspan k, v, id;
	struct dbx_jwalk w;

	if (dbx_jspan_find(text, key, &id))
		return dbx_jspan_text(id);
	if (dbx_jwalk_object(&w, text))
		return NULL;
	while (dbx_jwalk_next(&w, &k, &v) > 0) {
		if (v.len && v.s[0] == '{' && dbx_jspan_find(v, key, &id))
			return dbx_jspan_text(id);
	}
	return NULL;
}

/* cloud.json's rows say their service and scope, goog.json's do not: two feeds, not two versions. */
static const char *google_cloud(struct dbx_jspan text)
{
	struct dbx_jspan list, k, row, v;
	struct dbx_jwalk w;

	if (dbx_jspan_find(text, "prefixes", &list) && dbx_jwalk_array(&w, list) == 0 &&
	    dbx_jwalk_next(&w, &k, &row) > 0 &&
	    (dbx_jspan_find(row, "service", &v) || dbx_jspan_find(row, "scope", &v)))
		return "Google";
	return "Goog";
}

static char *id_of(struct dbx_jspan text, enum dbx_doc_kind kind)
{
	if (ids[kind].pointer)
		return find_id(text, ids[kind].pointer + 1);
	return strdup(kind == DBX_DOC_GOOGLE_RANGES ? google_cloud(text) : ids[kind].constant);
}

/* Where the id stands when it is not in a wrapper, else the document as a whole. */
static const char *id_pointer(const struct dbx_document *doc)
{
	const char *pointer = ids[doc->kind].pointer;
	struct dbx_jspan v;

	if (!pointer || !doc->text ||
	    !dbx_jspan_find((struct dbx_jspan){doc->text, doc->len}, pointer + 1, &v))
		return "";
	return pointer;
}

int dbx_docset_check_twice(struct dbx_docset *s, struct dbx_diag *d)
{
	size_t i, n = 0;

	dbx_docset_sort(s);
	for (i = 0; i < s->n; i++) {
		const struct dbx_document *first = n ? &s->v[n - 1] : NULL;

		if (!first || by_object(first, &s->v[i]) != 0) {
			s->v[n++] = s->v[i];
			continue;
		}
		dbx_diag_add(d, DBX_SEV_ERROR, "duplicate-id", s->v[i].name, id_pointer(&s->v[i]),
			     "%s \"%s\" is also given by %s; give each object once",
			     dbx_doc_kind_name(first->kind), first->id, first->name);
		document_fini(&s->v[i]);
	}
	i = s->n;
	s->n = n;
	return i == n ? 0 : -EINVAL;
}

struct splitter {
	struct dbx_docset *out;
	struct dbx_diag *d;
	enum dbx_doc_kind forced;
};

/* What cannot be taken: the reader says why better than we could; else `why` does. */
static int refuse(struct splitter *s, const char *name, struct dbx_jspan text,
		  enum dbx_doc_kind kind, const char *code, const char *why)
{
	struct dbx_model *m = dbx_model_new();
	size_t before = s->d->n_by_severity[DBX_SEV_ERROR];
	int rc;

	if (!m)
		return -ENOMEM;
	rc = dbx_read(m, name, text.s, text.len, kind, s->d);
	dbx_model_free(&m);
	if (rc == -ENOMEM)
		return rc;
	if (s->d->n_by_severity[DBX_SEV_ERROR] == before)
		dbx_diag_add(s->d, DBX_SEV_ERROR, code, name, "", "%s", why);
	return -EINVAL;
}

static int refuse_kind(struct splitter *s, const char *name, struct dbx_jspan text)
{
	return refuse(s, name, text, DBX_DOC_UNKNOWN, "unknown-document",
		      "the document is of no known kind");
}

static int refuse_id(struct splitter *s, const char *name, struct dbx_jspan text,
		     enum dbx_doc_kind kind)
{
	char why[160];

	snprintf(why, sizeof(why), "a %s needs \"%s\": a string of 1 to %d bytes",
		 dbx_doc_kind_name(kind), ids[kind].pointer ? ids[kind].pointer + 1 : "id",
		 DBX_DOC_ID_MAX);
	return refuse(s, name, text, kind, "missing-id", why);
}

static int add_object(struct splitter *s, const char *name, struct dbx_jspan text,
		      enum dbx_doc_kind kind)
{
	struct dbx_document doc = {.kind = kind, .name = (char *)name, .len = text.len};
	char *id;
	int rc;

	id = id_of(text, kind);
	if (!id || !*id || strlen(id) > DBX_DOC_ID_MAX) {
		free(id);
		return refuse_id(s, name, text, kind);
	}
	doc.id = id;
	doc.text = (char *)text.s;
	rc = dbx_docset_add(s->out, &doc);
	free(id);
	return rc;
}

static int add_printed(struct splitter *s, const char *name, char *printed, enum dbx_doc_kind kind)
{
	int rc;

	if (!printed)
		return -ENOMEM;
	rc = add_object(s, name, dbx_jspan_trim(printed, strlen(printed)), kind);
	free(printed);
	return rc;
}

/* A workspace document carries an option, a binding, or both: each is stored for itself. */
static int add_workspace(struct splitter *s, const char *name, struct dbx_jspan text)
{
	struct dbx_model *m = dbx_model_new();
	size_t i;
	int rc;

	if (!m)
		return -ENOMEM;
	rc = dbx_read(m, name, text.s, text.len, DBX_DOC_WORKSPACE, s->d);
	for (i = 0; !rc && i < m->n_options; i++)
		rc = add_printed(s, name, dbx_print_option(&m->options[i]),
				 DBX_DOC_WORKSPACE_OPTION);
	for (i = 0; !rc && i < m->n_bindings; i++)
		rc = add_printed(s, name, dbx_print_ncc_binding(&m->bindings[i]),
				 DBX_DOC_NCC_BINDING);
	dbx_model_free(&m);
	return rc;
}

/* The big feeds by one key each, without building a tree of a hundred thousand values. */
static enum dbx_doc_kind detect(struct dbx_jspan text)
{
	struct dbx_jspan v;

	if (text.len < QUICK_DETECT_BYTES)
		return dbx_read_detect(text.s, text.len);
	if (dbx_jspan_find(text, "values", &v) && dbx_jspan_find(text, "changeNumber", &v))
		return DBX_DOC_AZURE_TAGS;
	if (dbx_jspan_find(text, "prefixes", &v) && dbx_jspan_find(text, "ipv6_prefixes", &v))
		return DBX_DOC_AWS_RANGES;
	return dbx_read_detect(text.s, text.len);
}

static int split_one(struct splitter *s, const char *name, struct dbx_jspan text)
{
	enum dbx_doc_kind kind = detect(text);

	if (s->forced != DBX_DOC_UNKNOWN && kind != s->forced) {
		if (kind == DBX_DOC_UNKNOWN)
			return refuse_kind(s, name, text);
		dbx_diag_add(s->d, DBX_SEV_ERROR, "wrong-kind", name, "",
			     "a document of kind %s was expected; this one is of kind %s",
			     dbx_doc_kind_name(s->forced), dbx_doc_kind_name(kind));
		return -EINVAL;
	}
	if (kind == DBX_DOC_WORKSPACE)
		return add_workspace(s, name, text);
	if (kind == DBX_DOC_UNKNOWN)
		return refuse_kind(s, name, text);
	return add_object(s, name, text, kind);
}

/* The elements of a list, each under its own name. Every bad one is reported, not only the first. */
static int split_list(struct splitter *s, const char *name, const char *at, struct dbx_jspan list)
{
	struct dbx_jspan k, v;
	struct dbx_jwalk w;
	int rc, err = 0;
	char *sub;
	size_t i;

	rc = dbx_jwalk_array(&w, list);
	for (i = 0; rc >= 0; i++) {
		rc = dbx_jwalk_next(&w, &k, &v);
		if (rc <= 0)
			break;
		if (asprintf(&sub, "%s#%s/%zu", name, at, i) < 0)
			return -ENOMEM;
		rc = split_one(s, sub, v);
		free(sub);
		if (rc == -ENOMEM)
			return rc;
		err = rc ? rc : err;
		rc = 1;
	}
	return rc < 0 ? refuse_kind(s, name, list) : err;
}

/* The list inside the answer of a list call; at: pointer to it. */
static bool find_list(struct splitter *s, const char *name, struct dbx_jspan whole,
		      struct dbx_jspan *list, const char **at)
{
	static const char *const keys[] = {
		"/items",
		"/network_policies",
		"/network_connectivity_configs",
		"/private_endpoint_rules",
		"/workspace_network_options",
		"/ncc_bindings",
	};
	struct dbx_jspan more;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!dbx_jspan_find(whole, keys[i] + 1, list) || list->s[0] != '[')
			continue;
		if (dbx_jspan_find(whole, "next_page_token", &more) && more.len > 2)
			dbx_diag_add(s->d, DBX_SEV_WARNING, "partial-list", name,
				     "/next_page_token",
				     "the answer says that there are more pages; only this page "
				     "was read");
		*at = keys[i];
		return true;
	}
	return false;
}

int dbx_docs_split(struct dbx_docset *out, const char *name, const char *text, size_t len,
		   enum dbx_doc_kind kind, struct dbx_diag *d)
{
	struct splitter s = {.out = out, .d = d, .forced = kind};
	struct dbx_jspan whole = dbx_jspan_trim(text, len), list;
	const char *at;

	if (whole.len && whole.s[0] == '[')
		return split_list(&s, name, "", whole);
	if (whole.len && whole.s[0] == '{' && find_list(&s, name, whole, &list, &at))
		return split_list(&s, name, at, list);
	return split_one(&s, name, whole);
}

/* ---- look-ups ---- */

int dbx_docs_embedded_rules(const struct dbx_document *ncc, dbx_docs_id_fn fn, void *arg)
{
	json_t *j = json_loadb(ncc->text, ncc->len, 0, NULL), *list, *rule;
	const char *key;
	size_t i;
	int rc = 0;

	json_t *top = j;

	/* Wrapped or bare. */
	if (!json_object_get(top, "egress_config"))
		top = json_object_get(top, "network_connectivity_config");
	json_object_foreach(json_object_get(json_object_get(top, "egress_config"), "target_rules"),
			    key, list) {
		json_array_foreach(list, i, rule) {
			const char *id = json_string_value(json_object_get(rule, "rule_id"));

			if (id && !rc)
				rc = fn(arg, id);
		}
	}
	json_decref(j);
	return rc;
}

int dbx_docs_place(const char *name, const char *ptr, char **file, char **full_ptr)
{
	const char *hash = NULL, *p;

	for (p = strstr(name, "#/"); p; p = strstr(p + 1, "#/"))
		hash = p;
	*file = hash ? strndup(name, (size_t)(hash - name)) : strdup(name);
	if (asprintf(full_ptr, "%s%s", hash ? hash + 1 : "", ptr) < 0)
		*full_ptr = NULL;
	if (*file && *full_ptr)
		return 0;
	free(*file);
	free(*full_ptr);
	*file = *full_ptr = NULL;
	return -ENOMEM;
}
