/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_names.h -- private to readers and printers: the options of names and of the resolver.
 */
#ifndef DBX_POLICY_READ_NAMES_H
#define DBX_POLICY_READ_NAMES_H

#include "policy/read_json.h"

/* Numbers of "dns": one table for reader and printer. */
#define DBX_DNS_NUMBERS 6
extern const struct dbx_dns_number {
	const char *key;
	size_t offset; /* of a uint32_t in struct dbx_dns_options */
	uint32_t min, max, otherwise;
} dbx_dns_numbers[DBX_DNS_NUMBERS];

int dbx_rd_dns(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
	       void *dst); /* struct dbx_dns_options */
int dbx_rd_names(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		 void *dst); /* struct dbx_name_options */

#endif
