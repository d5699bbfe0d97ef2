// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tagindex.c -- address to the names of what contains it: tags, platform sets, private endpoints.
 *
 * The image knows the class of an address in a few reads; the class knows its sets. The line of a
 * class is made when it is first asked for, so a million addresses cost a few thousand lines.
 */
#include "policy/tagindex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/strbuf.h"
#include "lib/vec.h"
#include "policy/compile.h"
#include "policy/image.h"

struct dbx_tagindex {
	void *base; /* the image, owned */
	struct dbx_image img;
	const struct dbx_img_class *classes;
	const uint32_t *class_sets;
	const struct dbx_img_set *sets;
	uint32_t n_classes;
	char **lines; /* of each class, NULL until it is asked for */
	/* "document\nname" of a tag -> labels of the platform sets that name it, one a line */
	struct dbx_strmap labels;
};

struct names {
	const char **v;
	size_t n, cap;
};

static char *tag_key(const char *doc, const char *tag)
{
	char *key;

	return asprintf(&key, "%s\n%s", doc, tag) < 0 ? NULL : key;
}

struct label_use {
	struct dbx_tagindex *t;
	const struct dbx_model *m;
	const char *label;
};

/* One more platform set that a tag makes part of. */
static int add_label(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	struct label_use *u = arg;
	char *key = tag_key(dbx_model_doc_name(u->m, &feed->where), tag->name);
	char *old = key ? dbx_strmap_get_ptr(&u->t->labels, key) : NULL;
	char *labels = NULL;
	int rc = -ENOMEM;

	if (key && asprintf(&labels, "%s%s%s", old ? old : "", old ? "\n" : "", u->label) >= 0)
		rc = dbx_strmap_set(&u->t->labels, key, (uintptr_t)labels);
	free(key);
	free(rc ? labels : old);
	return rc;
}

static int add_labels(struct dbx_tagindex *t, const struct dbx_model *m)
{
	size_t i, k;
	int rc = 0;

	for (i = 0; i < m->gateway.n_platform; i++) {
		const struct dbx_dest_set *s = &m->gateway.platform[i];
		struct label_use u = {.t = t, .m = m, .label = s->label};

		for (k = 0; rc >= 0 && k < s->n_tags; k++)
			rc = dbx_model_find_tags(m, s->tags[k].tag, s->tags[k].cloud, add_label,
						 &u);
	}
	return rc < 0 ? rc : 0;
}

/* What lookup names, and nothing else: policies and workspaces would only split the classes. */
static struct dbx_model named_part(const struct dbx_model *m)
{
	struct dbx_model part = *m;

	part.n_policies = part.n_nccs = part.n_options = part.n_bindings = 0;
	part.gateway = (struct dbx_gateway){
		.platform = m->gateway.platform,
		.n_platform = m->gateway.n_platform,
		.private_endpoints = m->gateway.private_endpoints,
		.n_private_endpoints = m->gateway.n_private_endpoints,
		.where = m->gateway.where,
	};
	return part;
}

static int open_image(struct dbx_tagindex *t, size_t n_bytes, struct dbx_diag *d)
{
	const char *why = "";
	uint32_t n;

	if (dbx_image_open(&t->img, t->base, n_bytes, &why)) {
		dbx_diag_add(d, DBX_SEV_ERROR, "bad-image", "", "",
			     "read back the image of the tags: %s", why);
		return -EINVAL;
	}
	t->classes = dbx_image_section(&t->img, DBX_SEC_CLASSES, &t->n_classes);
	t->class_sets = dbx_image_section(&t->img, DBX_SEC_CLASS_SETS, &n);
	t->sets = dbx_image_section(&t->img, DBX_SEC_SETS, &n);
	t->lines = calloc((size_t)t->n_classes + 1, sizeof(t->lines[0]));
	return t->lines ? 0 : -ENOMEM;
}

int dbx_tagindex_new(const struct dbx_model *m, struct dbx_tagindex **out, struct dbx_diag *d)
{
	const struct dbx_compile_opts opts = {.generation = 1, .all_tags = true};
	struct dbx_model part = named_part(m);
	struct dbx_tagindex *t = calloc(1, sizeof(*t));
	struct dbx_compile_stats stats;
	size_t n_bytes;
	int rc;

	if (!t)
		return -ENOMEM;
	dbx_strmap_init(&t->labels);
	rc = dbx_compile(&part, &opts, &t->base, &n_bytes, &stats, d);
	if (!rc)
		rc = open_image(t, n_bytes, d);
	if (!rc)
		rc = add_labels(t, &part);
	if (rc)
		dbx_tagindex_free(&t);
	else
		*out = t;
	return rc;
}

void dbx_tagindex_free(struct dbx_tagindex **tp)
{
	struct dbx_tagindex *t = *tp;
	size_t i;

	if (!t)
		return;
	for (i = 0; t->lines && i < t->n_classes; i++)
		free(t->lines[i]);
	for (i = 0; i < t->labels.n; i++)
		free((void *)(uintptr_t)t->labels.v[i].value);
	dbx_strmap_fini(&t->labels);
	free(t->lines);
	free(t->base);
	free(t);
	*tp = NULL;
}

static int cmp_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Every line of the labels of a tag; the text is cut up in place, so it is a copy. */
static int add_tag_labels(struct dbx_tagindex *t, const struct dbx_img_set *s, struct names *names,
			  char **copy)
{
	char *key = tag_key(dbx_image_string(&t->img, s->doc), dbx_image_string(&t->img, s->name));
	const char *labels = key ? dbx_strmap_get_ptr(&t->labels, key) : NULL;
	char *line, *save = NULL;
	int rc = key ? 0 : -ENOMEM;

	free(key);
	if (!labels)
		return rc;
	*copy = strdup(labels);
	if (!*copy)
		return -ENOMEM;
	for (line = strtok_r(*copy, "\n", &save); !rc && line; line = strtok_r(NULL, "\n", &save))
		rc = dbx_vec_push(names, line);
	return rc;
}

static char *join(const struct names *names)
{
	struct dbx_strbuf s;
	size_t i;

	dbx_strbuf_init(&s);
	for (i = 0; i < names->n; i++) {
		if (i > 0 && strcmp(names->v[i], names->v[i - 1]) == 0)
			continue;
		dbx_strbuf_add(&s, i ? "\t" : "");
		dbx_strbuf_add(&s, names->v[i]);
	}
	return dbx_strbuf_steal(&s);
}

static bool is_named(const struct dbx_img_set *s)
{
	return s->kind == DBX_SET_TAG || s->kind == DBX_SET_PRIVATE_ENDPOINT ||
	       s->kind == DBX_SET_PREFIXES;
}

/* The line of a class, NULL when out of memory. */
static char *make_line(struct dbx_tagindex *t, const struct dbx_img_class *c)
{
	struct names names = {0};
	char **copies = calloc((size_t)c->n + 1, sizeof(copies[0]));
	char *line = NULL;
	uint32_t i;
	int rc = copies ? 0 : -ENOMEM;

	for (i = 0; !rc && i < c->n; i++) {
		const struct dbx_img_set *s = &t->sets[t->class_sets[c->first + i]];

		if (!is_named(s))
			continue;
		rc = dbx_vec_push(&names, dbx_image_string(&t->img, s->name));
		if (!rc && s->kind == DBX_SET_TAG)
			rc = add_tag_labels(t, s, &names, &copies[i]);
	}
	if (names.n)
		qsort(names.v, names.n, sizeof(names.v[0]), cmp_names);
	if (!rc)
		line = join(&names);
	for (i = 0; copies && i < c->n; i++)
		free(copies[i]);
	free(copies);
	free(names.v);
	return line;
}

const char *dbx_tagindex_names(struct dbx_tagindex *t, const struct dbx_addr *addr)
{
	uint32_t class_id = dbx_image_class(&t->img, addr);

	if (class_id >= t->n_classes)
		return "";
	if (!t->lines[class_id])
		t->lines[class_id] = make_line(t, &t->classes[class_id]);
	return t->lines[class_id] ? t->lines[class_id] : "";
}
