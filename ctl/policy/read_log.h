/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_log.h -- private to readers and printers: where records of denied flows go.
 */
#ifndef DBX_POLICY_READ_LOG_H
#define DBX_POLICY_READ_LOG_H

#include "policy/read_json.h"

#define DBX_LOG_INTERVAL_S   10
#define DBX_LOG_SAMPLE       1000 /* packets of a million */
#define DBX_LOG_ROTATE_BYTES UINT64_C(104857600)
#define DBX_LOG_ROTATE_S     86400
#define DBX_LOG_KEEP         10

int dbx_rd_log(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
	       void *dst); /* struct dbx_log_options */

/* char *: the absolute path of a file; example is named in the complaint. */
int dbx_rd_path(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, const char *example,
		void *dst);

#endif
