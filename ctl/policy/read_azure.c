/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_azure.c -- Azure's ServiceTags_*.json (egress-model 5.1).
 *
 * Older files lack networkFeatures and IPv6, and have tags without prefixes; all of them are read.
 */
#include "policy/read_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_prefixes(struct dbx_feed_builder *b, const json_t *props,
			 const struct dbx_rd_at *at, uint32_t tag)
{
	const json_t *list = json_object_get(props, "addressPrefixes"), *text;
	size_t i;
	int rc;

	if (json_is_null(list) || !dbx_feed_list(b, props, at, "addressPrefixes"))
		return 0;
	json_array_foreach(list, i, text) {
		rc = dbx_feed_prefix(b, tag, text, (uint32_t)i,
				     RD_ITEM(RD_KEY(at, "addressPrefixes"), i));
		if (rc)
			return rc;
	}
	return 0;
}

static int read_properties(struct dbx_feed_builder *b, const char *name, const json_t *props,
			   const struct dbx_rd_at *at)
{
	static const char *const keys[] = {
		"changeNumber",  "region",          "regionId",        "platform",
		"systemService", "addressPrefixes", "networkFeatures", NULL};
	const json_t *region = json_object_get(props, "region");
	uint64_t number = 0;
	bool is_new;
	uint32_t tag;
	char q[RD_QUOTE_SIZE];
	int rc = dbx_feed_check_keys(b, props, at, keys);

	if (rc)
		return rc;
	if (region && !json_is_string(region) && !json_is_null(region))
		dbx_rd_text(b->r, region, RD_KEY(at, "region"), "a string");
	rc = dbx_feed_tag(b, name, json_is_string(region) ? json_string_value(region) : "", &tag,
			  &is_new);
	if (rc)
		return rc;
	if (!is_new) {
		dbx_rd_error(b->r, RD_KEY(at->up, "name"), "duplicate-id",
			     "read service tag %s: the file has it twice", dbx_rd_quote(name, q));
		return 0;
	}
	if (json_object_get(props, "changeNumber"))
		dbx_feed_number(b, props, at, "changeNumber", &number);
	b->feed.tags[tag].change_number = (uint32_t)(number > UINT32_MAX ? UINT32_MAX : number);
	return read_prefixes(b, props, at, tag);
}

static int read_tag(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	static const char *const keys[] = {"name", "id", "properties", NULL};
	const json_t *props;
	const char *name;
	int rc;

	if (!json_is_object(v)) {
		dbx_rd_error(b->r, at, "wrong-type", "read a service tag: an object is expected");
		return 0;
	}
	rc = dbx_feed_check_keys(b, v, at, keys);
	name = dbx_feed_text(b, v, at, "name");
	props = json_object_get(v, "properties");
	if (rc || !name)
		return rc;
	if (!name[0]) {
		dbx_rd_error(b->r, RD_KEY(at, "name"), "bad-value",
			     "read a service tag: its name is empty");
		return 0;
	}
	if (!json_is_object(props)) {
		dbx_rd_error(b->r, RD_KEY(at, "properties"), props ? "wrong-type" : "missing-key",
			     "read a service tag: \"properties\" must be an object");
		return 0;
	}
	return read_properties(b, name, props, RD_KEY(at, "properties"));
}

static int read_all(struct dbx_feed_builder *b, const json_t *v, const struct dbx_rd_at *at)
{
	static const char *const keys[] = {"changeNumber", "cloud", "values", NULL};
	const json_t *list, *tag;
	char version[24];
	size_t i;
	int rc = dbx_feed_check_keys(b, v, at, keys);

	dbx_feed_number(b, v, at, "changeNumber", &b->feed.change_number);
	snprintf(version, sizeof(version), "%" PRIu64, b->feed.change_number);
	b->feed.version = strdup(version);
	if (rc || !b->feed.version)
		return rc ? rc : -ENOMEM;
	list = dbx_feed_list(b, v, at, "values");
	json_array_foreach(list, i, tag) {
		rc = read_tag(b, tag, RD_ITEM(RD_KEY(at, "values"), i));
		if (rc)
			return rc;
	}
	return 0;
}

int dbx_rd_azure(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	const json_t *cloud = json_object_get(v, "cloud");
	struct dbx_feed_builder b;
	int rc = dbx_feed_begin(&b, r, at, DBX_DOC_AZURE_TAGS,
				json_is_string(cloud) ? json_string_value(cloud) : "");

	if (!rc && !json_is_object(v))
		dbx_rd_error(r, at, "wrong-type", "read Azure service tags: an object is expected");
	else if (!rc)
		dbx_feed_label(&b, v, at, "cloud");
	if (!rc && json_is_object(v))
		rc = read_all(&b, v, at);
	return dbx_feed_end(&b, at, rc);
}
