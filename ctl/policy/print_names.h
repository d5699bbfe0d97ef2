/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_names.h -- private to the printers: parts of the gateway document.
 */
#ifndef DBX_POLICY_PRINT_NAMES_H
#define DBX_POLICY_PRINT_NAMES_H

#include "policy/print_json.h"

json_t *dbx_pr_dns(struct dbx_pr *p, const struct dbx_dns_options *dns);
json_t *dbx_pr_names(struct dbx_pr *p, const struct dbx_name_options *n);

json_t *dbx_pr_protocol(uint16_t proto);
/* A list of numbers and ranges, each shifted right; empty lists are printed as such. */
void dbx_pr_ports(struct dbx_pr *p, json_t *o, const char *key, int shift,
		  const struct dbx_port_range *ports, size_t n);

#endif
