/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * changes.h -- what an apply changes, as lines for people.
 */
#ifndef DBX_CLI_CHANGES_H
#define DBX_CLI_CHANGES_H

#include <jansson.h>
#include <stdbool.h>

/* From {changes[], feeds[], tags[]} of dbx_diff_json or the daemon. Returns how many lines. */
size_t dbx_changes_print(const json_t *diff, bool verbose);

/*
 * The same from the daemon's answer to apply, rollback or delete, with its findings, and what has
 * become of the generation. took_ms: since the command began, negative = not told.
 */
void dbx_changes_outcome(const json_t *answer, bool verbose, double took_ms);

#endif
