/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * naive.c -- a plain reading of the clouds' range files and a sweep over their prefixes.
 */
#include "common/naive.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *v, size_t n, size_t *cap, size_t bytes)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 1024;
	v = realloc(v, *cap * bytes);
	if (!v)
		abort();
	return v;
}

static uint32_t tag_new(struct naive_feeds *f, const char *name)
{
	f->tags = grown(f->tags, f->n_tags, &f->cap_tags, sizeof(*f->tags));
	f->tags[f->n_tags] = strdup(name);
	return (uint32_t)f->n_tags++;
}

/* Rows of one tag lie apart in the flat files; linear is fine for the few thousand there are. */
static uint32_t tag_of(struct naive_feeds *f, const char *name)
{
	for (size_t i = f->n_tags; i > 0; i--) {
		if (!strcmp(f->tags[i - 1], name))
			return (uint32_t)(i - 1);
	}
	return tag_new(f, name);
}

static int entry_add(struct naive_feeds *f, uint32_t tag, const char *prefix)
{
	struct naive_entry e = {.tag = tag};
	const char *slash = prefix ? strchr(prefix, '/') : NULL;
	char text[INET6_ADDRSTRLEN];
	int len, n_bits;

	if (!slash || (size_t)(slash - prefix) >= sizeof(text))
		return -1;
	memcpy(text, prefix, (size_t)(slash - prefix));
	text[slash - prefix] = '\0';
	e.first.is_v6 = strchr(text, ':') != NULL;
	n_bits = e.first.is_v6 ? 128 : 32;
	len = atoi(slash + 1);
	if (inet_pton(e.first.is_v6 ? AF_INET6 : AF_INET, text, e.first.a) != 1 || len < 0 ||
	    len > n_bits)
		return -1;
	e.last = e.first;
	for (int bit = len; bit < n_bits; bit++) {
		e.first.a[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		e.last.a[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	f->v = grown(f->v, f->n, &f->cap, sizeof(*f->v));
	f->v[f->n++] = e;
	return 0;
}

static int list_add(struct naive_feeds *f, uint32_t tag, json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (entry_add(f, tag, json_string_value(item)))
			return -1;
	}
	return 0;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int azure_add(struct naive_feeds *f, json_t *values)
{
	json_t *item;
	size_t i;

	json_array_foreach(values, i, item) {
		json_t *prefixes =
			json_object_get(json_object_get(item, "properties"), "addressPrefixes");

		if (list_add(f, tag_new(f, text_of(item, "name")), prefixes))
			return -1;
	}
	return 0;
}

/* AWS: SERVICE/region. Google: GoogleCloud/scope, its service being written with a blank. */
static int row_add(struct naive_feeds *f, json_t *row)
{
	static const char *const keys[] = {"ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix"};
	const char *service = text_of(row, "service");
	const char *region = json_object_get(row, "scope") ? text_of(row, "scope")
							   : text_of(row, "region");
	char name[128];
	size_t n = 0;

	for (; *service && n < 60; service++) {
		if (*service != ' ')
			name[n++] = *service;
	}
	snprintf(name + n, sizeof(name) - n, "/%s", region);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *p = json_object_get(row, keys[i]);

		if (p && entry_add(f, tag_of(f, name), json_string_value(p)))
			return -1;
	}
	return 0;
}

static int databricks_row_add(struct naive_feeds *f, json_t *row)
{
	char name[160];
	uint32_t tag;

	snprintf(name, sizeof(name), "%s/%s/%s/%s", text_of(row, "service"),
		 text_of(row, "platform"), text_of(row, "region"), text_of(row, "type"));
	tag = tag_of(f, name);
	return list_add(f, tag, json_object_get(row, "ipv4Prefixes")) ||
			       list_add(f, tag, json_object_get(row, "ipv6Prefixes"))
		       ? -1
		       : 0;
}

static int rows_add(struct naive_feeds *f, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		bool is_list = json_object_get(row, "ipv4Prefixes") != NULL;

		if (is_list ? databricks_row_add(f, row) : row_add(f, row))
			return -1;
	}
	return 0;
}

int naive_add(struct naive_feeds *f, const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	size_t before = f->n;
	int rc = root ? 0 : -1;

	if (!rc)
		rc = azure_add(f, json_object_get(root, "values"));
	if (!rc)
		rc = rows_add(f, json_object_get(root, "prefixes"));
	if (!rc)
		rc = rows_add(f, json_object_get(root, "ipv6_prefixes"));
	json_decref(root);
	return rc || f->n == before ? -1 : 0;
}

void naive_fini(struct naive_feeds *f)
{
	for (size_t i = 0; i < f->n_tags; i++)
		free(f->tags[i]);
	free(f->tags);
	free(f->v);
	memset(f, 0, sizeof(*f));
}

/* ---- the sweep ---- */

static int compare(const struct naive_addr *x, const struct naive_addr *y)
{
	if (x->is_v6 != y->is_v6)
		return x->is_v6 ? 1 : -1;
	return memcmp(x->a, y->a, 16);
}

static int compare_addrs(const void *x, const void *y)
{
	return compare(x, y);
}

static int compare_entries(const void *x, const void *y)
{
	const struct naive_entry *a = x, *b = y;

	return compare(&a->first, &b->first);
}

static int compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* False when there is no such address in the family. */
static bool neighbour(const struct naive_addr *a, bool up, struct naive_addr *out)
{
	*out = *a;
	for (int i = a->is_v6 ? 15 : 3; i >= 0; i--) {
		out->a[i] = (uint8_t)(out->a[i] + (up ? 1 : -1));
		if (out->a[i] != (up ? 0 : 255))
			return true;
	}
	return false;
}

static struct naive_addr *all_addresses(const struct naive_feeds *f, size_t step, size_t *n_out)
{
	struct naive_addr *v = malloc((f->n * 4 + 1) * sizeof(*v));
	size_t n = 0, kept = 0;

	if (!v)
		abort();
	for (size_t i = 0; i < f->n; i++) {
		v[n++] = f->v[i].first;
		v[n++] = f->v[i].last;
		if (neighbour(&f->v[i].first, false, &v[n]))
			n++;
		if (neighbour(&f->v[i].last, true, &v[n]))
			n++;
	}
	qsort(v, n, sizeof(*v), compare_addrs);
	for (size_t i = 0; i < n; i += step)
		v[kept++] = v[i];
	*n_out = kept;
	return v;
}

struct sweep {
	struct naive_entry *sorted;
	size_t n_sorted, next;
	uint32_t *active; /* indices of entries that began and did not end */
	size_t n_active;
	const char **names;
};

static void sweep_to(struct sweep *s, const struct naive_addr *a)
{
	size_t kept = 0;

	while (s->next < s->n_sorted && compare(&s->sorted[s->next].first, a) <= 0)
		s->active[s->n_active++] = (uint32_t)s->next++;
	for (size_t i = 0; i < s->n_active; i++) {
		if (compare(&s->sorted[s->active[i]].last, a) >= 0)
			s->active[kept++] = s->active[i];
	}
	s->n_active = kept;
}

static size_t sweep_names(struct sweep *s, const struct naive_feeds *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_active; i++)
		s->names[i] = f->tags[s->sorted[s->active[i]].tag];
	qsort(s->names, s->n_active, sizeof(*s->names), compare_names);
	for (size_t i = 0; i < s->n_active; i++) {
		if (!kept || strcmp(s->names[kept - 1], s->names[i]))
			s->names[kept++] = s->names[i];
	}
	return kept;
}

int naive_visit(const struct naive_feeds *f, size_t step, naive_fn visit, void *arg)
{
	struct sweep s = {.n_sorted = f->n};
	size_t n;
	struct naive_addr *v = all_addresses(f, step ? step : 1, &n);
	int rc = 0;

	s.sorted = malloc((f->n + 1) * sizeof(*s.sorted));
	s.active = malloc((f->n + 1) * sizeof(*s.active));
	s.names = malloc((f->n + 1) * sizeof(*s.names));
	if (!s.sorted || !s.active || !s.names)
		abort();
	memcpy(s.sorted, f->v, f->n * sizeof(*s.sorted));
	qsort(s.sorted, f->n, sizeof(*s.sorted), compare_entries);
	for (size_t i = 0; i < n && !rc; i++) {
		sweep_to(&s, &v[i]);
		rc = visit(arg, &v[i], s.names, sweep_names(&s, f));
	}
	free(s.sorted);
	free(s.active);
	free(s.names);
	free(v);
	return rc;
}
