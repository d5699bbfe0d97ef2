/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * propose_docs.h -- a proposal as documents: new ones, or those that are there with entries added.
 */
#ifndef DBX_CLI_PROPOSE_DOCS_H
#define DBX_CLI_PROPOSE_DOCS_H

#include <jansson.h>

#include "cli/cli.h"
#include "policy/explain.h"
#include "policy/propose.h"

struct dbx_propose_docs { /* all zero is none */
	json_t *policies; /* array of policies */
	json_t *gateway;  /* or NULL: no address is proposed, or there is no document to add to */
	json_t *unplaced; /* entries of allowed_destinations that found no gateway document */
};

/* An enum dbx_exit. enforce: dry-run policies become enforced. */
int dbx_propose_docs_make(struct dbx_propose_docs *d, const struct dbx_model *m,
			  const struct dbx_propose_entry *v, size_t n, bool enforce);
void dbx_propose_docs_fini(struct dbx_propose_docs *d);

/* Files in the directory of --output, and what was written; nothing without it. An enum dbx_exit. */
int dbx_propose_docs_write(const struct dbx_cli *cli, const struct dbx_propose_docs *d);
/* Everything to standard output. */
int dbx_propose_docs_json(const struct dbx_propose_docs *d, const struct dbx_propose_entry *v,
			  size_t n);

/* "files.example.com", "s3 bucket (us-east-1)", "203.0.113.9 tcp 5432". */
void dbx_propose_what(const struct dbx_propose_entry *e, char *out, size_t n_out);

#endif
