/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_log.h -- private to the printers: "log" and "metrics" of the gateway document.
 */
#ifndef DBX_POLICY_PRINT_LOG_H
#define DBX_POLICY_PRINT_LOG_H

#include "policy/print_json.h"

json_t *dbx_pr_log(struct dbx_pr *p, const struct dbx_log_options *l);
json_t *dbx_pr_metrics(struct dbx_pr *p, const struct dbx_metrics_options *m);

#endif
