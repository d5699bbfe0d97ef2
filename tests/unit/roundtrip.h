/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * roundtrip.h -- reads, prints everything, reads that again: shared by the unit tests and the fuzzer.
 */
#ifndef DBX_TESTS_UNIT_ROUNDTRIP_H
#define DBX_TESTS_UNIT_ROUNDTRIP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"

/* Takes over text. 0 when it reads without errors. */
static inline int roundtrip_reread(struct dbx_model *m, char *text, struct dbx_diag *d)
{
	int rc = text ? dbx_read(m, "printed", text, strlen(text), DBX_DOC_UNKNOWN, d) : -1;

	if (rc && text)
		fprintf(stderr, "printed text does not read:\n%.4000s\n", text);
	free(text);
	return rc;
}

/* Everything of a resolved model, printed and read into out; 0 or the first failure. */
static inline int roundtrip_model(const struct dbx_model *m, struct dbx_model *out,
				  struct dbx_diag *d)
{
	int rc = 0;

	for (size_t i = 0; i < m->n_policies && !rc; i++)
		rc = roundtrip_reread(out, dbx_print_policy(&m->policies[i]), d);
	for (size_t i = 0; i < m->n_nccs && !rc; i++)
		rc = roundtrip_reread(out, dbx_print_ncc(m, &m->nccs[i]), d);
	for (size_t i = 0; i < m->n_pe_rules && !rc; i++) {
		const struct dbx_pe_rule *r = &m->pe_rules[i];

		/* the others stand inside their NCC */
		if (r->flavour == DBX_PE_GCP || !dbx_model_ncc(m, r->ncc_id))
			rc = roundtrip_reread(out, dbx_print_pe_rule(r), d);
	}
	for (size_t i = 0; i < m->n_options && !rc; i++)
		rc = roundtrip_reread(out, dbx_print_option(&m->options[i]), d);
	for (size_t i = 0; i < m->n_bindings && !rc; i++)
		rc = roundtrip_reread(out, dbx_print_ncc_binding(&m->bindings[i]), d);
	if (m->has_gateway && !rc)
		rc = roundtrip_reread(out, dbx_print_gateway(&m->gateway), d);
	for (size_t i = 0; i < m->n_feeds && !rc; i++)
		rc = roundtrip_reread(out, dbx_print_feed(&m->feeds[i]), d);
	return rc ? rc : dbx_model_resolve(out, d);
}

#endif
