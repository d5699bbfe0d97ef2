// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * entries.c -- allow entries in force and what passed by them, as the daemon tells it.
 */
#include "cli/entries.h"

#include "cli/client.h"
#include "cli/out.h"
#include "lib/when.h"

int64_t dbx_entries_time(const json_t *entry, const char *key)
{
	int64_t ms;

	return dbx_time_parse(dbx_json_str(entry, key), &ms) ? -1 : ms;
}

int dbx_entries_get(const struct dbx_cli *cli, const char *what, struct dbx_entries *e)
{
	int code;

	*e = (struct dbx_entries){.answer = NULL};
	code = dbx_client_get(cli, "/entries", what, &e->answer);
	if (code)
		return code;
	e->list = json_object_get(e->answer, "entries");
	e->begin_ms = dbx_entries_time(e->answer, "known_since");
	return DBX_EXIT_DONE;
}

void dbx_entries_fini(struct dbx_entries *e)
{
	json_decref(e->answer);
	*e = (struct dbx_entries){.answer = NULL};
}

bool dbx_entries_is_unused(const struct dbx_entries *e, const json_t *entry, int64_t since_ms)
{
	int64_t last = dbx_entries_time(entry, "last_time");

	if (last >= 0)
		return last < since_ms;
	/* A count without a time: packets from before times were recorded. */
	return !dbx_json_int(entry, "packets") || (since_ms && since_ms >= e->begin_ms);
}
