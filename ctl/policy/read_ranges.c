/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_ranges.c -- the range files of AWS, Google and Databricks (egress-model 5.2 to 5.4).
 *
 * Their rows say service and region apart; a tag is made of both: "S3/us-east-1",
 * "GoogleCloud/us-east4", "Databricks/azure/eastus2/outbound".
 */
#include "policy/read_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_object(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	if (!json_is_object(v))
		dbx_rd_error(b->r, at, "wrong-type", "read a row of a feed: an object is expected");
	return json_is_object(v);
}

static int set_version(struct dbx_feed_builder *b, const char *s)
{
	b->feed.version = strdup(s ? s : "");
	return b->feed.version ? 0 : -ENOMEM;
}

/* "a/b" as a tag name; s1's blanks are left out, since tags are written without quotes. */
static int tag_of(struct dbx_feed_builder *b, const char *service, const char *rest,
		  const char *region, uint32_t *tag)
{
	size_t n = strlen(service), m = strlen(rest), k = 0;
	char *name = malloc(n + m + 2);
	int rc;

	if (!name)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (service[i] != ' ')
			name[k++] = service[i];
	}
	if (m) {
		name[k++] = '/';
		memcpy(name + k, rest, m);
		k += m;
	}
	name[k] = '\0';
	rc = dbx_feed_tag(b, name, region, tag, NULL);
	free(name);
	return rc;
}

/* ---- AWS ---- */

static int aws_row(struct dbx_feed_builder *b, const json_t *row, const struct dbx_rd_at *at,
		   const char *key, uint32_t i)
{
	static const char *const v4_keys[] = {"ip_prefix", "region", "service",
					      "network_border_group", NULL};
	static const char *const v6_keys[] = {"ipv6_prefix", "region", "service",
					      "network_border_group", NULL};
	const char *service, *region;
	uint32_t tag;
	int rc;

	if (!is_object(b, row, at))
		return 0;
	service = dbx_feed_label(b, row, at, "service");
	region = dbx_feed_label(b, row, at, "region");
	rc = dbx_feed_check_keys(b, row, at, !strcmp(key, "ip_prefix") ? v4_keys : v6_keys);
	if (rc || !service || !region)
		return rc;
	if (!json_object_get(row, key)) {
		dbx_feed_text(b, row, at, key); /* says that it is missing */
		return 0;
	}
	rc = tag_of(b, service, region, !strcmp(region, "GLOBAL") ? "" : region, &tag);
	if (rc)
		return rc;
	return dbx_feed_prefix(b, tag, json_object_get(row, key), i, RD_KEY(at, key));
}

static int aws_rows(struct dbx_feed_builder *b, const json_t *list, const struct dbx_rd_at *at,
		    const char *key)
{
	const json_t *row;
	size_t i;
	int rc;

	json_array_foreach(list, i, row) {
		rc = aws_row(b, row, RD_ITEM(at, i), key, (uint32_t)i);
		if (rc)
			return rc;
	}
	return 0;
}

static int aws_all(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	static const char *const keys[] = {"syncToken", "createDate", "prefixes", "ipv6_prefixes",
					   NULL};
	const json_t *v6 = json_object_get(v, "ipv6_prefixes");
	int rc = dbx_feed_check_keys(b, v, at, keys);

	if (!rc)
		rc = set_version(b, dbx_feed_text(b, v, at, "createDate"));
	dbx_feed_number(b, v, at, "syncToken", &b->feed.change_number);
	if (!rc)
		rc = aws_rows(b, dbx_feed_list(b, v, at, "prefixes"), RD_KEY(at, "prefixes"),
			      "ip_prefix");
	if (!rc && v6 && !json_is_null(v6))
		rc = aws_rows(b, dbx_feed_list(b, v, at, "ipv6_prefixes"),
			      RD_KEY(at, "ipv6_prefixes"), "ipv6_prefix");
	return rc;
}

/* ---- Google ---- */

/* Rows of goog.json, the sibling of cloud.json, have neither service nor scope. */
static int google_row(struct dbx_feed_builder *b, const json_t *row, const struct dbx_rd_at *at,
		      uint32_t i)
{
	static const char *const keys[] = {"ipv4Prefix", "ipv6Prefix", "service", "scope", NULL};
	const json_t *v4 = json_object_get(row, "ipv4Prefix"), *v6;
	const char *service = "Google", *scope = "";
	uint32_t tag;
	int rc;

	if (!is_object(b, row, at))
		return 0;
	v6 = json_object_get(row, "ipv6Prefix");
	rc = dbx_feed_check_keys(b, row, at, keys);
	if (json_object_get(row, "service") || json_object_get(row, "scope")) {
		service = dbx_feed_label(b, row, at, "service");
		scope = dbx_feed_label(b, row, at, "scope");
	}
	if (rc || !service || !scope)
		return rc;
	if (!v4 && !v6) {
		dbx_rd_error(
			b->r, at, "missing-key",
			"read a row of a feed: neither \"ipv4Prefix\" nor \"ipv6Prefix\" is there");
		return 0;
	}
	rc = tag_of(b, service, scope, !strcmp(scope, "global") ? "" : scope, &tag);
	if (!rc && v4)
		rc = dbx_feed_prefix(b, tag, v4, i, RD_KEY(at, "ipv4Prefix"));
	if (!rc && v6)
		rc = dbx_feed_prefix(b, tag, v6, i, RD_KEY(at, "ipv6Prefix"));
	return rc;
}

static int google_all(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	static const char *const keys[] = {"syncToken", "creationTime", "prefixes", NULL};
	const json_t *list, *row;
	size_t i;
	int rc = dbx_feed_check_keys(b, v, at, keys);

	if (!rc)
		rc = set_version(b, dbx_feed_text(b, v, at, "creationTime"));
	dbx_feed_number(b, v, at, "syncToken", &b->feed.change_number);
	if (rc)
		return rc;
	list = dbx_feed_list(b, v, at, "prefixes");
	json_array_foreach(list, i, row) {
		rc = google_row(b, row, RD_ITEM(RD_KEY(at, "prefixes"), i), (uint32_t)i);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- Databricks ---- */

static int databricks_prefixes(struct dbx_feed_builder *b, uint32_t tag, const json_t *row,
			       const struct dbx_rd_at *at, const char *key, uint32_t i)
{
	const json_t *list = json_object_get(row, key), *text;
	size_t k;
	int rc;

	if (!list || json_is_null(list) || !dbx_feed_list(b, row, at, key))
		return 0;
	json_array_foreach(list, k, text) {
		rc = dbx_feed_prefix(b, tag, text, i, RD_ITEM(RD_KEY(at, key), k));
		if (rc)
			return rc;
	}
	return 0;
}

static int databricks_row(struct dbx_feed_builder *b, const json_t *row, const struct dbx_rd_at *at,
			  uint32_t i)
{
	static const char *const keys[] = {"platform",     "region",       "service", "type",
					   "ipv4Prefixes", "ipv6Prefixes", NULL};
	const char *platform, *region, *service, *type;
	uint32_t tag;
	char *rest;
	int rc;

	if (!is_object(b, row, at))
		return 0;
	platform = dbx_feed_label(b, row, at, "platform");
	region = dbx_feed_label(b, row, at, "region");
	service = dbx_feed_label(b, row, at, "service");
	type = dbx_feed_label(b, row, at, "type");
	rc = dbx_feed_check_keys(b, row, at, keys);
	if (rc || !platform || !region || !service || !type)
		return rc;
	if (asprintf(&rest, "%s/%s/%s", platform, region, type) < 0)
		return -ENOMEM;
	rc = tag_of(b, service, rest, region, &tag);
	free(rest);
	if (!rc)
		rc = databricks_prefixes(b, tag, row, at, "ipv4Prefixes", i);
	if (!rc)
		rc = databricks_prefixes(b, tag, row, at, "ipv6Prefixes", i);
	return rc;
}

static int databricks_all(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	static const char *const keys[] = {"timestampSeconds", "schemaVersion", "prefixes", NULL};
	char version[24];
	const json_t *list, *row;
	size_t i;
	int rc = dbx_feed_check_keys(b, v, at, keys);

	dbx_feed_number(b, v, at, "timestampSeconds", &b->feed.change_number);
	snprintf(version, sizeof(version), "%" PRIu64, b->feed.change_number);
	if (!rc)
		rc = set_version(b, version);
	if (rc)
		return rc;
	list = dbx_feed_list(b, v, at, "prefixes");
	json_array_foreach(list, i, row) {
		rc = databricks_row(b, row, RD_ITEM(RD_KEY(at, "prefixes"), i), (uint32_t)i);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- entry points ---- */

static int read_feed(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		     enum dbx_doc_kind kind, const char *cloud,
		     int (*all)(struct dbx_feed_builder *, const json_t *,
				const struct dbx_rd_at *))
{
	struct dbx_feed_builder b;
	int rc = dbx_feed_begin(&b, r, at, kind, cloud);

	if (!rc && is_object(&b, v, at))
		rc = all(&b, v, at);
	return dbx_feed_end(&b, at, rc);
}

int dbx_rd_aws(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	return read_feed(r, v, at, DBX_DOC_AWS_RANGES, "AWS", aws_all);
}

/* goog.json is a feed beside cloud.json, not another version of it, so it has its own cloud. */
int dbx_rd_google(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	const json_t *row = json_array_get(json_object_get(v, "prefixes"), 0);
	bool cloud = json_object_get(row, "service") || json_object_get(row, "scope");

	return read_feed(r, v, at, DBX_DOC_GOOGLE_RANGES, cloud ? "Google" : "Goog", google_all);
}

int dbx_rd_databricks(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	return read_feed(r, v, at, DBX_DOC_DATABRICKS_RANGES, "Databricks", databricks_all);
}
