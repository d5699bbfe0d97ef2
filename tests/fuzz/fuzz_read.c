/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_read.c -- any bytes through the readers; what reads must print and read back as the same.
 *
 * Several documents may stand in one input, separated by a byte 0xff, which no UTF-8 text has.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"
#include "unit/roundtrip.h"

static int read_all(struct dbx_model *m, const char *text, size_t len, enum dbx_doc_kind kind,
		    struct dbx_diag *d)
{
	int rc = 0;

	while (len) {
		const char *end = memchr(text, 0xff, len);
		size_t n = end ? (size_t)(end - text) : len;

		if (dbx_read(m, "fuzz", text, n, kind, d))
			rc = -1;
		text += n + (end != NULL);
		len -= n + (end != NULL);
	}
	return rc;
}

/* A refusal always says why, with a text, and never without an error among the findings. */
static void check_findings(int rc, const struct dbx_diag *d)
{
	if ((rc != 0) != dbx_diag_has_errors(d))
		abort();
	for (size_t i = 0; i < d->n; i++) {
		char *s = dbx_finding_format(&d->v[i]);

		if (!s || !d->v[i].text[0] || !d->v[i].code[0])
			abort();
		free(s);
	}
}

static void check_roundtrip(const struct dbx_model *m)
{
	struct dbx_model *again = dbx_model_new();
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (!again || roundtrip_model(m, again, &d) || !dbx_model_equal(m, again))
		abort();
	dbx_diag_fini(&d);
	dbx_model_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exact copies, so that reading past the end is seen */
	char *text = malloc(size ? size : 1);
	struct dbx_model *m = dbx_model_new(), *forced = dbx_model_new();
	struct dbx_diag d;
	int rc;

	if (!text || !m || !forced)
		abort();
	memcpy(text, data, size);
	dbx_diag_init(&d);
	rc = read_all(m, text, size, DBX_DOC_UNKNOWN, &d);
	if (!rc)
		rc = dbx_model_resolve(m, &d);
	check_findings(rc, &d);
	if (!rc)
		check_roundtrip(m);
	dbx_diag_fini(&d);

	dbx_diag_init(&d); /* the same text taken for another kind */
	rc = read_all(forced, text, size, (enum dbx_doc_kind)(1 + size % (DBX_DOC_KIND_MAX - 1)),
		      &d);
	check_findings(rc, &d);
	dbx_diag_fini(&d);
	dbx_model_free(&forced);
	dbx_model_free(&m);
	free(text);
	return 0;
}
