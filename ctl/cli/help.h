/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * help.h -- help, manual page and completion script, all written from the table.
 */
#ifndef DBX_CLI_HELP_H
#define DBX_CLI_HELP_H

#include <stdio.h>

#include "cli/table.h"

void dbx_help_tool(FILE *f);
void dbx_help_command(FILE *f, const struct dbx_command *c);
/* "apply [--dry-run] FILE...|-": own options only; caller frees, NULL = no memory. */
char *dbx_help_usage(const struct dbx_command *c);
void dbx_help_man(FILE *f);
void dbx_help_completion_bash(FILE *f);

#endif
