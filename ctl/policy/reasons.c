// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reasons.c -- names of reasons, verdicts and paths: what logs, JSON and people read.
 *
 * A number that is none of ours (a record of a later version) reads "unknown" and counts as a
 * denial.
 */
#include "policy/explain.h"

struct reason_row {
	enum dbx_reason_kind kind;
	const char *slug;
	const char *text;
};

static const struct reason_row reasons[] = {
#define DBX_REASON(id, kind_, slug_, text_) \
	[DBX_REASON_##id] = {.kind = DBX_KIND_##kind_, .slug = (slug_), .text = (text_)},
#include "dbx/reasons.def"
#undef DBX_REASON
};

static const char *const verdicts[] = {
	[DBX_VERDICT_DROP] = "DROP",
	[DBX_VERDICT_PASS] = "PASS",
	[DBX_VERDICT_DRY_RUN] = "DRY_RUN_DENIAL",
};

static const char *const paths[] = {
	[DBX_PATH_NONE] = "none",
	[DBX_PATH_LOCAL] = "local",
	[DBX_PATH_PRIVATE_ENDPOINT] = "private-endpoint",
	[DBX_PATH_SERVICE_ENDPOINT] = "service-endpoint",
	[DBX_PATH_NAT] = "nat",
	[DBX_PATH_FIREWALL] = "firewall",
};

_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == DBX_REASON_MAX, "a row for each reason");
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == DBX_VERDICT_MAX,
	       "a name for each verdict");
_Static_assert(sizeof(paths) / sizeof(paths[0]) == DBX_PATH_MAX, "a name for each path");

const char *dbx_reason_slug(enum dbx_reason r)
{
	return (unsigned int)r < DBX_REASON_MAX ? reasons[r].slug : "unknown";
}

const char *dbx_reason_text(enum dbx_reason r)
{
	return (unsigned int)r < DBX_REASON_MAX ? reasons[r].text : "a reason of another version";
}

enum dbx_reason_kind dbx_reason_kind(enum dbx_reason r)
{
	return (unsigned int)r < DBX_REASON_MAX ? reasons[r].kind : DBX_KIND_DROP;
}

const char *dbx_verdict_name(enum dbx_verdict v)
{
	return (unsigned int)v < DBX_VERDICT_MAX ? verdicts[v] : "unknown";
}

const char *dbx_path_name(enum dbx_path p)
{
	return (unsigned int)p < DBX_PATH_MAX ? paths[p] : "unknown";
}
