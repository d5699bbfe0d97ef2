// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * json_diff.c -- what changes between two JSON texts of one object, one change for each place.
 *
 * Elements of an array are matched by what identifies them (their rule_id, label, destination, ...),
 * not by where they stand, so that one entry put in front is one change. A pointer counts in the
 * array that the change is seen in: the old one for what is removed, the new one otherwise.
 */
#include "policy/diff_impl.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/strbuf.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define COMPACT      (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)

struct side {
	const json_t *array;
	struct dbx_strmap by_key; /* identity of an element -> its index */
};

static int diff_value(struct dbx_diff_build *b, const char *object, const char *ptr,
		      const json_t *before, const json_t *after);

/* The pointer of a member: RFC 6901 escapes "~" and "/". */
static char *ptr_add(const char *ptr, const char *key)
{
	struct dbx_strbuf s;

	dbx_strbuf_init(&s);
	dbx_strbuf_add(&s, ptr);
	dbx_strbuf_addc(&s, '/');
	for (; *key; key++) {
		if (*key == '~')
			dbx_strbuf_add(&s, "~0");
		else if (*key == '/')
			dbx_strbuf_add(&s, "~1");
		else
			dbx_strbuf_addc(&s, *key);
	}
	return dbx_strbuf_steal(&s);
}

/* The server fills these; a document that lacks them, or has older ones, is the same document. */
static bool is_server_only(const char *key)
{
	static const char *const keys[] = {"creation_time", "updated_time", "deactivated_at"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

static char *dump(const json_t *value)
{
	return value ? json_dumps(value, COMPACT) : strdup("");
}

static int add_change(struct dbx_diff_build *b, const char *object, const char *ptr,
		      const json_t *before, const json_t *after)
{
	struct dbx_change c = {
		.op = !before  ? DBX_CHANGE_ADD
		      : !after ? DBX_CHANGE_REMOVE
			       : DBX_CHANGE_MODIFY,
		.object = strdup(object),
		.field = strdup(ptr),
		.before = dump(before),
		.after = dump(after),
	};

	if (c.object && c.field && c.before && c.after && dbx_vec_push(&b->changes, c) == 0)
		return 0;
	free(c.object);
	free(c.field);
	free(c.before);
	free(c.after);
	return -ENOMEM;
}

static int diff_member(struct dbx_diff_build *b, const char *object, const char *ptr,
		       const char *key, const json_t *before, const json_t *after)
{
	char *sub;
	int rc;

	if (is_server_only(key))
		return 0;
	sub = ptr_add(ptr, key);
	rc = sub ? diff_value(b, object, sub, before, after) : -ENOMEM;
	free(sub);
	return rc;
}

static int diff_objects(struct dbx_diff_build *b, const char *object, const char *ptr,
			const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach((json_t *)(uintptr_t)before, key, value) {
		rc = rc ? rc : diff_member(b, object, ptr, key, value, json_object_get(after, key));
	}
	json_object_foreach((json_t *)(uintptr_t)after, key, value) {
		if (!rc && !json_object_get(before, key))
			rc = diff_member(b, object, ptr, key, NULL, value);
	}
	return rc;
}

/* A path of the gateway document is told from others by the NCCs that it is for. */
static char *path_identity(const json_t *value)
{
	json_t *id = json_pack("[O?O?]", json_object_get(value, "path"),
			       json_object_get(value, "ncc_ids"));
	char *text = id ? dump(id) : NULL;

	json_decref(id);
	return text;
}

/* What makes an element of a list the same element after it was edited; malloc'ed. */
static char *identity(const json_t *value)
{
	static const char *const keys[] = {
		"rule_id",     "workspace_id", "label", "network_policy_id", "name", "prefix",
		"destination", "tag",          "type",
	};
	size_t i;

	if (json_object_get(value, "path"))
		return path_identity(value);
	for (i = 0; json_is_object(value) && i < ARRAY_LEN(keys); i++) {
		const json_t *id = json_object_get(value, keys[i]);

		if (id)
			return dump(id);
	}
	return dump(value);
}

static void side_fini(struct side *s)
{
	dbx_strmap_fini(&s->by_key);
}

/* 0, -EEXIST (two elements with one identity), -ENOMEM. */
static int side_init(struct side *s, const json_t *array)
{
	size_t i;
	int rc = 0;

	s->array = array;
	dbx_strmap_init(&s->by_key);
	for (i = 0; !rc && i < json_array_size(array); i++) {
		char *id = identity(json_array_get(array, i));

		rc = id ? dbx_strmap_put(&s->by_key, id, i) : -ENOMEM;
		free(id);
	}
	return rc;
}

static int diff_element(struct dbx_diff_build *b, const char *object, const char *ptr, size_t index,
			const json_t *before, const json_t *after)
{
	char key[24];

	snprintf(key, sizeof(key), "%zu", index);
	return diff_member(b, object, ptr, key, before, after);
}

/* Elements that are in both lists come in another order. */
static bool is_reordered(const struct side *before, const struct side *after)
{
	uint64_t last = 0, at;
	size_t i;

	for (i = 0; i < before->by_key.n; i++) {
		if (!dbx_strmap_get(&after->by_key, before->by_key.v[i].key, &at))
			continue;
		if (at < last)
			return true;
		last = at;
	}
	return false;
}

static int diff_matched(struct dbx_diff_build *b, const char *object, const char *ptr,
			const struct side *before, const struct side *after)
{
	uint64_t at;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < before->by_key.n; i++) {
		const json_t *old = json_array_get(before->array, i);

		if (!dbx_strmap_get(&after->by_key, before->by_key.v[i].key, &at))
			rc = diff_element(b, object, ptr, i, old, NULL);
		else
			rc = diff_element(b, object, ptr, at, old,
					  json_array_get(after->array, at));
	}
	for (i = 0; !rc && i < after->by_key.n; i++) {
		if (!dbx_strmap_get(&before->by_key, after->by_key.v[i].key, NULL))
			rc = diff_element(b, object, ptr, i, NULL, json_array_get(after->array, i));
	}
	if (!rc && is_reordered(before, after))
		rc = add_change(b, object, ptr, before->array, after->array);
	return rc;
}

static int diff_arrays(struct dbx_diff_build *b, const char *object, const char *ptr,
		       const json_t *before, const json_t *after)
{
	struct side x, y;
	int rc = side_init(&x, before), rc_y = side_init(&y, after);

	if (rc == -ENOMEM || rc_y == -ENOMEM)
		rc = -ENOMEM;
	else if (rc || rc_y) /* no identities to match by: the list as a whole */
		rc = add_change(b, object, ptr, before, after);
	else
		rc = diff_matched(b, object, ptr, &x, &y);
	side_fini(&x);
	side_fini(&y);
	return rc;
}

static int diff_value(struct dbx_diff_build *b, const char *object, const char *ptr,
		      const json_t *before, const json_t *after)
{
	if (before && after && json_equal(before, after))
		return 0;
	if (json_is_object(before) && json_is_object(after))
		return diff_objects(b, object, ptr, before, after);
	if (json_is_array(before) && json_is_array(after))
		return diff_arrays(b, object, ptr, before, after);
	return add_change(b, object, ptr, before, after);
}

/* The rules that an NCC echoes are objects of their own: told once, by their rule_id. */
static void drop_echo(json_t *ncc)
{
	json_t *config = json_object_get(ncc, "egress_config");
	json_t *rules = json_object_get(config, "target_rules");

	json_object_del(rules, "azure_private_endpoint_rules");
	json_object_del(rules, "aws_private_endpoint_rules");
	json_object_del(rules, "gcp_private_endpoint_rules");
	if (rules && json_object_size(rules) == 0)
		json_object_del(config, "target_rules");
	if (config && json_object_size(config) == 0)
		json_object_del(ncc, "egress_config");
}

/* {"gateway": {...}} and {"network_policy": {...}} are compared without their wrapper. */
static json_t *unwrap(json_t *value)
{
	json_t *inner = json_object_get(value, "gateway");

	if (!inner)
		inner = json_object_get(value, "network_policy");
	if (!json_is_object(inner) || json_object_size(value) != 1)
		return value;
	json_incref(inner);
	json_decref(value);
	return inner;
}

/* NULL: out of memory (what we print is always JSON). */
static json_t *load(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!value)
		return NULL;
	value = unwrap(value);
	if (json_object_get(value, "network_connectivity_config_id"))
		drop_echo(value);
	return value;
}

int dbx_json_diff(struct dbx_diff_build *b, const char *object, const char *before,
		  const char *after)
{
	json_t *old = before ? load(before) : NULL;
	json_t *new = after ? load(after) : NULL;
	int rc = -ENOMEM;

	if ((old || !before) && (new || !after))
		rc = diff_value(b, object, "", old, new);
	json_decref(old);
	json_decref(new);
	return rc;
}
