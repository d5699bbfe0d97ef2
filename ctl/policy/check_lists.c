// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_lists.c -- the lists of one policy against each other: contradictions, denies that are
 * wider than an allow, entries that say nothing new, names that open everybody's storage.
 *
 * A deny that covers an allow is refused, as the vendor does (egress-model 1.3): whoever wrote both
 * meant one of them.
 */
#include "policy/check_impl.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/name.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Index of the names of a list; of a name given twice the first counts. */
static int index_names(const struct dbx_internet_dest *v, size_t n, struct dbx_strmap *map)
{
	size_t i;
	int rc = 0;

	dbx_strmap_init(map);
	for (i = 0; rc != -ENOMEM && i < n; i++) {
		if (v[i].type == DBX_DEST_DNS_NAME && v[i].name)
			rc = dbx_strmap_put(map, v[i].name, i);
	}
	return rc == -ENOMEM ? rc : 0;
}

/* The entry "*.x" of a list for the nearest x above name, other than the name itself. */
static bool find_wider(const struct dbx_strmap *map, const char *name, uint64_t *at)
{
	char wild[DBX_NAME_SIZE + 2] = "*";
	const char *dot = strchr(name, '.');

	if (name[0] == '*' && dot)
		dot = strchr(dot + 1, '.');
	for (; dot; dot = strchr(dot + 1, '.')) {
		strncpy(wild + 1, dot, DBX_NAME_SIZE);
		if (dbx_strmap_get(map, wild, at))
			return true;
	}
	return false;
}

static void check_name_blocked(struct dbx_check_ctx *c, const struct dbx_policy *p,
			       const struct dbx_strmap *blocked, const struct dbx_internet_dest *d)
{
	uint64_t at;

	if (dbx_strmap_get(blocked, d->name, &at))
		DBX_SAY(c, DBX_SEV_ERROR, "contradiction", &d->where,
			"%s is allowed here and blocked at %s; keep one of them", d->name,
			p->blocked[at].where.ptr);
	else if (find_wider(blocked, d->name, &at))
		DBX_SAY(c, DBX_SEV_ERROR, "deny-wider-than-allow", &d->where,
			"%s is allowed here, but %s is blocked at %s and blocks win; narrow the block",
			d->name, p->blocked[at].name, p->blocked[at].where.ptr);
}

static void check_name_shadowed(struct dbx_check_ctx *c, const struct dbx_internet_dest *list,
				const struct dbx_strmap *map, size_t i)
{
	uint64_t at;

	if (dbx_strmap_get(map, list[i].name, &at) && at != i)
		DBX_SAY(c, DBX_SEV_WARNING, "shadowed", &list[i].where,
			"%s is listed before, at %s", list[i].name, list[at].where.ptr);
	else if (find_wider(map, list[i].name, &at))
		DBX_SAY(c, DBX_SEV_WARNING, "shadowed", &list[i].where, "%s is part of %s at %s",
			list[i].name, list[at].name, list[at].where.ptr);
}

/* Names that belong to no one tenant: an allow lets data out to anybody's account. */
static void check_name_shared(struct dbx_check_ctx *c, const struct dbx_internet_dest *d)
{
	static const char *const shared[] = {
		"blob.core.windows.net",  "dfs.core.windows.net",   "file.core.windows.net",
		"queue.core.windows.net", "table.core.windows.net", "core.windows.net",
		"s3.amazonaws.com",       "amazonaws.com",          "storage.googleapis.com",
		"googleapis.com",
	};
	const char *name = strncmp(d->name, "*.", 2) == 0 ? d->name + 2 : d->name;
	size_t i, n = strlen(name);
	bool is_s3_region = strncmp(name, "s3.", 3) == 0 && n > 14 &&
			    strcmp(name + n - 14, ".amazonaws.com") == 0;

	for (i = 0; i < ARRAY_LEN(shared) && strcmp(name, shared[i]) != 0; i++)
		;
	if (i < ARRAY_LEN(shared) || is_s3_region)
		DBX_SAY(c, DBX_SEV_WARNING, "shared-name", &d->where,
			"%s is shared by all accounts of the service: allowing it opens everybody's "
			"storage; list the account or bucket",
			d->name);
}

static int check_names(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	struct dbx_strmap allowed, blocked;
	int rc = index_names(p->allowed, p->n_allowed, &allowed);
	int rc_blocked = index_names(p->blocked, p->n_blocked, &blocked);
	size_t i;

	rc = rc ? rc : rc_blocked;
	for (i = 0; !rc && i < p->n_allowed; i++) {
		if (p->allowed[i].type != DBX_DEST_DNS_NAME || !p->allowed[i].name)
			continue;
		check_name_blocked(c, p, &blocked, &p->allowed[i]);
		check_name_shadowed(c, p->allowed, &allowed, i);
		check_name_shared(c, &p->allowed[i]);
	}
	for (i = 0; !rc && i < p->n_blocked; i++) {
		if (p->blocked[i].type == DBX_DEST_DNS_NAME && p->blocked[i].name)
			check_name_shadowed(c, p->blocked, &blocked, i);
	}
	dbx_strmap_fini(&allowed);
	dbx_strmap_fini(&blocked);
	return rc;
}

static bool range_is_covered(void *arg, const struct dbx_cover_item *inner,
			     const struct dbx_cover_item *outer)
{
	struct dbx_check_ctx *c = arg;
	bool is_same = dbx_prefix_cmp(&inner->prefix, &outer->prefix) == 0;
	char in[DBX_PREFIX_STRLEN], out[DBX_PREFIX_STRLEN];

	dbx_prefix_format(&inner->prefix, in);
	dbx_prefix_format(&outer->prefix, out);
	if (outer->is_deny && !inner->is_deny && is_same)
		DBX_SAY(c, DBX_SEV_ERROR, "contradiction", inner->where,
			"%s is allowed here and blocked at %s; keep one of them", in,
			outer->where->ptr);
	else if (outer->is_deny && !inner->is_deny)
		DBX_SAY(c, DBX_SEV_ERROR, "deny-wider-than-allow", inner->where,
			"%s is allowed here, but %s is blocked at %s and blocks win; narrow the block",
			in, out, outer->where->ptr);
	else if (outer->is_deny == inner->is_deny)
		DBX_SAY(c, DBX_SEV_WARNING, "shadowed", inner->where, "%s is part of %s at %s", in,
			out, outer->where->ptr);
	else
		return false; /* a hole in an allow: what a deny list is for */
	return true;
}

static size_t add_ranges(struct dbx_cover_item *items, size_t n_items,
			 const struct dbx_internet_dest *v, size_t n, bool is_deny)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i].type != DBX_DEST_IP_RANGE)
			continue;
		items[n_items] = (struct dbx_cover_item){
			.prefix = v[i].prefix,
			.is_deny = is_deny,
			.proto = DBX_PROTO_ANY,
			.where = &v[i].where,
			.order = n_items,
		};
		n_items++;
	}
	return n_items;
}

static int check_ranges(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	struct dbx_cover_item *items = calloc(p->n_allowed + p->n_blocked + 1, sizeof(items[0]));
	size_t n;

	if (!items)
		return -ENOMEM;
	n = add_ranges(items, 0, p->blocked, p->n_blocked, true);
	n = add_ranges(items, n, p->allowed, p->n_allowed, false);
	if (n)
		dbx_check_say_access(
			c, DBX_SEV_INFO, "vendor-limit", p, "",
			"policy %s has %zu IP_RANGE destination%s; the vendor's service takes "
			"DNS_NAME only so far",
			p->id, n, n == 1 ? "" : "s");
	dbx_check_cover(items, n, range_is_covered, c);
	free(items);
	return 0;
}

int dbx_check_policy_lists(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	int rc = check_names(c, p);

	return rc ? rc : check_ranges(c, p);
}
