/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_record.h -- what was recorded of a denied flow, as the question that explain answers.
 */
#ifndef DBX_CLI_EXPLAIN_RECORD_H
#define DBX_CLI_EXPLAIN_RECORD_H

#include <jansson.h>

#include "cli/cli.h"
#include "policy/explain.h"

/* By event id from the daemon, or, for "-", the line on standard input. An enum dbx_exit. */
int dbx_record_load(const struct dbx_cli *cli, const char *event_id, json_t **record);

/*
 * The same flow as a question; strings belong to the record. False with *why (a constant sentence)
 * when the record does not tell enough: the packet was refused before that was known.
 */
bool dbx_record_query(const json_t *record, struct dbx_explain_query *q, const char **why);

void dbx_record_print(const json_t *record);

#endif
