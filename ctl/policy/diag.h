/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diag.h -- findings: what the pure library has to say instead of logging.
 *
 * A finding names the document (file name or resource), the JSON pointer (RFC 6901) in it, and says
 * what was attempted, why it was refused or is doubtful, and the accepted form. Findings are kept in
 * the order added; at most DBX_DIAG_MAX are kept, the rest is only counted. A full list makes room for
 * an error by dropping its latest warning or info.
 */
#ifndef DBX_POLICY_DIAG_H
#define DBX_POLICY_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#define DBX_DIAG_MAX 1000

enum dbx_severity { DBX_SEV_INFO, DBX_SEV_WARNING, DBX_SEV_ERROR };

struct dbx_finding {
	enum dbx_severity severity;
	char *code; /* stable slug, e.g. "host-bits", "unknown-key", "vendor-limit" */
	char *doc;  /* file name, or "" */
	char *ptr;  /* JSON pointer, "" = whole document */
	char *text;
};

struct dbx_diag {
	struct dbx_finding *v;
	size_t n, cap;
	size_t n_by_severity[3]; /* all that were added, kept or not */
	size_t n_kept[3];        /* those in v */
};

void dbx_diag_init(struct dbx_diag *d);
void dbx_diag_fini(struct dbx_diag *d);

/* Adds a finding; strings are copied. Out of memory drops the text but still counts the severity. */
__attribute__((format(printf, 6, 7))) void dbx_diag_add(struct dbx_diag *d, enum dbx_severity sev,
							const char *code, const char *doc,
							const char *ptr, const char *fmt, ...);

/* True when a finding of this severity would only be counted: no need to word it. */
static inline bool dbx_diag_is_full(const struct dbx_diag *d, enum dbx_severity sev)
{
	size_t weaker = 0;

	for (int s = DBX_SEV_INFO; s < (int)sev; s++)
		weaker += d->n_kept[s];
	return d->n >= DBX_DIAG_MAX && !weaker;
}

bool dbx_diag_has_errors(const struct dbx_diag *d);
const char *dbx_severity_name(enum dbx_severity sev); /* "info", "warning", "error" */

/* "doc: ptr: text" into a malloc'ed string (caller frees), NULL when out of memory. */
char *dbx_finding_format(const struct dbx_finding *f);

#endif
