/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * entries.h -- allow entries in force and what passed by them, as the daemon tells it.
 */
#ifndef DBX_CLI_ENTRIES_H
#define DBX_CLI_ENTRIES_H

#include <jansson.h>

#include "cli/cli.h"

struct dbx_entries {
	json_t *answer;
	const json_t *list; /* of answer */
	int64_t begin_ms;   /* when packets passed last is on record from then on */
};

/* An enum dbx_exit, told why, as "cannot <what>". */
int dbx_entries_get(const struct dbx_cli *cli, const char *what, struct dbx_entries *e);
void dbx_entries_fini(struct dbx_entries *e);

/* Has no packet passed since then? 0: ever. */
bool dbx_entries_is_unused(const struct dbx_entries *e, const json_t *entry, int64_t since_ms);
int64_t dbx_entries_time(const json_t *entry, const char *key); /* -1: null */

#endif
