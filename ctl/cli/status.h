/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * status.h -- parts of the command status.
 */
#ifndef DBX_CLI_STATUS_H
#define DBX_CLI_STATUS_H

#include <jansson.h>

/* The process of the data plane: its lcores and ports; null: nothing is said. */
int dbx_status_process(const json_t *process);

#endif
