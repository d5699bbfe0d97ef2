/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * findings.h -- findings for people and for programs, whether made here or by the daemon.
 *
 * Errors go to standard error, always; warnings and notes go where the caller says.
 */
#ifndef DBX_CLI_FINDINGS_H
#define DBX_CLI_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "policy/diag.h"

/* Array of {severity, code, doc, ptr, text}; NULL when out of memory. */
json_t *dbx_findings_json(const struct dbx_diag *d);

/*
 * "error: doc: /ptr: text [code]", one a line; notes (severity info) only when asked for. findings:
 * an array as above, or anything else (nothing).
 */
void dbx_findings_print(const json_t *findings, FILE *soft, bool with_notes);

/* How many of an array have this severity. */
size_t dbx_findings_count(const json_t *findings, const char *severity);

/*
 * Tells that something was refused. Text: the findings to standard error. JSON: also the object
 * {error_code, message, findings} to standard output. Returns DBX_EXIT_REFUSED.
 */
int dbx_findings_refuse(const struct dbx_diag *d, const char *message);

#endif
