/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_feed.c -- feeds in the shape of the vendor's file, as far as it says anything to us.
 *
 * Rows come out in the order of the file that was read. What no verdict depends on is not kept and
 * not printed: regionId, networkFeatures, network_border_group and the like.
 */
#include "policy/read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/print_json.h"

/* One prefix and its tag, for feeds whose file has a row per prefix. */
struct row {
	const struct dbx_feed_prefix *prefix;
	const struct dbx_tag *tag;
};

static int row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->prefix->item != y->prefix->item)
		return x->prefix->item < y->prefix->item ? -1 : 1;
	return x->prefix < y->prefix ? -1 : x->prefix > y->prefix;
}

/* Rows of a family (2: both) in the order of the file; NULL when out of memory. */
static struct row *rows_of(const struct dbx_feed *f, unsigned int family, size_t *n)
{
	struct row *rows = calloc(f->n_prefixes + 1, sizeof(*rows));

	*n = 0;
	for (size_t t = 0; rows && t < f->n_tags; t++) {
		for (uint32_t i = 0; i < f->tags[t].n; i++) {
			const struct dbx_feed_prefix *p = &f->prefixes[f->tags[t].first + i];

			if (family == 2 || p->prefix.addr.is_v6 == family)
				rows[(*n)++] = (struct row){.prefix = p, .tag = &f->tags[t]};
		}
	}
	if (rows)
		qsort(rows, *n, sizeof(*rows), row_cmp);
	return rows;
}

/* ---- Azure ---- */

static json_t *print_azure_tag(struct dbx_pr *p, const struct dbx_feed *f, const struct dbx_tag *t)
{
	json_t *o = dbx_pr_object(p, NULL), *props = dbx_pr_object(p, NULL);
	json_t *list = dbx_pr_array(p);

	for (uint32_t i = 0; i < t->n; i++)
		dbx_pr_push(p, list, dbx_pr_prefix(p, &f->prefixes[t->first + i].prefix));
	dbx_pr_set(p, props, "changeNumber", json_integer(t->change_number));
	dbx_pr_text(p, props, "region", t->region);
	dbx_pr_set(p, props, "addressPrefixes", list);
	dbx_pr_text(p, o, "name", t->name);
	dbx_pr_text(p, o, "id", t->name);
	dbx_pr_set(p, o, "properties", props);
	return o;
}

static void print_azure(struct dbx_pr *p, json_t *o, const struct dbx_feed *f)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < f->n_tags; i++)
		dbx_pr_push(p, list, print_azure_tag(p, f, &f->tags[i]));
	dbx_pr_set(p, o, "changeNumber", json_integer((json_int_t)f->change_number));
	dbx_pr_text(p, o, "cloud", f->cloud);
	dbx_pr_set(p, o, "values", list);
}

/* ---- AWS ---- */

static void print_aws_rows(struct dbx_pr *p, json_t *o, const struct dbx_feed *f, unsigned int v6)
{
	json_t *list = dbx_pr_array(p);
	struct row *rows;
	size_t n;

	rows = rows_of(f, v6, &n);
	p->failed |= !rows;
	for (size_t i = 0; i < n; i++) {
		const char *name = rows[i].tag->name, *slash = strchr(name, '/');
		json_t *row = dbx_pr_object(p, NULL);

		dbx_pr_set(p, row, v6 ? "ipv6_prefix" : "ip_prefix",
			   dbx_pr_prefix(p, &rows[i].prefix->prefix));
		dbx_pr_set(p, row, "service", json_stringn(name, (size_t)(slash - name)));
		dbx_pr_text(p, row, "region", slash + 1);
		dbx_pr_push(p, list, row);
	}
	dbx_pr_set(p, o, v6 ? "ipv6_prefixes" : "prefixes", list);
	free(rows);
}

static void print_aws(struct dbx_pr *p, json_t *o, const struct dbx_feed *f)
{
	dbx_pr_set(p, o, "syncToken", json_sprintf("%" PRIu64, f->change_number));
	dbx_pr_text(p, o, "createDate", f->version);
	print_aws_rows(p, o, f, 0);
	print_aws_rows(p, o, f, 1);
}

/* ---- Google ---- */

static json_t *print_google_row(struct dbx_pr *p, const struct row *row)
{
	json_t *o = dbx_pr_object(p, NULL);
	const char *name = row->tag->name, *slash = strchr(name, '/');

	dbx_pr_set(p, o, row->prefix->prefix.addr.is_v6 ? "ipv6Prefix" : "ipv4Prefix",
		   dbx_pr_prefix(p, &row->prefix->prefix));
	if (!slash) /* goog.json: neither service nor scope */
		return o;
	if (!strncmp(name, "GoogleCloud/", 12))
		dbx_pr_text(p, o, "service", "Google Cloud");
	else
		dbx_pr_set(p, o, "service", json_stringn(name, (size_t)(slash - name)));
	dbx_pr_text(p, o, "scope", slash + 1);
	return o;
}

static void print_google(struct dbx_pr *p, json_t *o, const struct dbx_feed *f)
{
	json_t *list = dbx_pr_array(p);
	struct row *rows;
	size_t n;

	rows = rows_of(f, 2, &n);
	p->failed |= !rows;
	for (size_t i = 0; i < n; i++)
		dbx_pr_push(p, list, print_google_row(p, &rows[i]));
	free(rows);
	dbx_pr_set(p, o, "syncToken", json_sprintf("%" PRIu64, f->change_number));
	dbx_pr_text(p, o, "creationTime", f->version);
	dbx_pr_set(p, o, "prefixes", list);
}

/* ---- Databricks ---- */

/* The name is service/platform/region/type. */
static json_t *print_databricks_row(struct dbx_pr *p, const struct dbx_feed *f,
				    const struct dbx_tag *t)
{
	json_t *o = dbx_pr_object(p, NULL), *v4 = dbx_pr_array(p), *v6 = dbx_pr_array(p);
	const char *service = t->name, *platform = strchr(service, '/') + 1;
	const char *region = strchr(platform, '/') + 1, *type = strchr(region, '/') + 1;

	dbx_pr_set(p, o, "service", json_stringn(service, (size_t)(platform - 1 - service)));
	dbx_pr_set(p, o, "platform", json_stringn(platform, (size_t)(region - 1 - platform)));
	dbx_pr_set(p, o, "region", json_stringn(region, (size_t)(type - 1 - region)));
	dbx_pr_text(p, o, "type", type);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct dbx_prefix *prefix = &f->prefixes[t->first + i].prefix;

		dbx_pr_push(p, prefix->addr.is_v6 ? v6 : v4, dbx_pr_prefix(p, prefix));
	}
	dbx_pr_set(p, o, "ipv4Prefixes", v4);
	dbx_pr_set(p, o, "ipv6Prefixes", v6);
	return o;
}

static void print_databricks(struct dbx_pr *p, json_t *o, const struct dbx_feed *f)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < f->n_tags; i++)
		dbx_pr_push(p, list, print_databricks_row(p, f, &f->tags[i]));
	dbx_pr_set(p, o, "timestampSeconds", json_integer((json_int_t)f->change_number));
	dbx_pr_text(p, o, "schemaVersion", "1.0");
	dbx_pr_set(p, o, "prefixes", list);
}

char *dbx_print_feed(const struct dbx_feed *f)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, NULL);

	switch (f->kind) {
	case DBX_DOC_AZURE_TAGS:
		print_azure(&p, o, f);
		break;
	case DBX_DOC_AWS_RANGES:
		print_aws(&p, o, f);
		break;
	case DBX_DOC_GOOGLE_RANGES:
		print_google(&p, o, f);
		break;
	default:
		print_databricks(&p, o, f);
		break;
	}
	return dbx_pr_finish(&p, o);
}
