/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * inforce.h -- the documents that the daemon has in force, for commands that work on documents.
 */
#ifndef DBX_CLI_INFORCE_H
#define DBX_CLI_INFORCE_H

#include "cli/cli.h"
#include "cli/load.h"

/* Adds them to l. An enum dbx_exit, told why, as "cannot <what>". */
int dbx_inforce_load(const struct dbx_cli *cli, const char *what, struct dbx_load *l);
/* As one model, with references followed. */
int dbx_inforce_model(const struct dbx_cli *cli, const char *what, struct dbx_model **m);

#endif
