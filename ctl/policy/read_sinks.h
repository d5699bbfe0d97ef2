/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_sinks.h -- private to readers and printers: what the daemon tells whom by TCP.
 */
#ifndef DBX_POLICY_READ_SINKS_H
#define DBX_POLICY_READ_SINKS_H

#include "policy/read_json.h"

int dbx_rd_kafka(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		 void *dst); /* struct dbx_log_kafka */
int dbx_rd_metrics(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		   void *dst); /* struct dbx_metrics_options */

#endif
