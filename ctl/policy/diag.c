/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diag.c -- the list of findings.
 *
 * Bounded: a document with a million mistakes costs DBX_DIAG_MAX findings. When the list is full, a
 * finding still gets in at the expense of the latest one that is less severe, so that warnings can
 * never hide the error for which a document was refused.
 */
#include "policy/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "lib/vec.h"

void dbx_diag_init(struct dbx_diag *d)
{
	*d = (struct dbx_diag){0};
}

static void finding_fini(struct dbx_finding *f)
{
	free(f->code);
	free(f->doc);
	free(f->ptr);
	free(f->text);
}

void dbx_diag_fini(struct dbx_diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		finding_fini(&d->v[i]);
	free(d->v);
	*d = (struct dbx_diag){0};
}

/* Drops the latest of the least severe findings. */
static void drop_weakest(struct dbx_diag *d)
{
	int weakest = d->n_kept[DBX_SEV_INFO] ? DBX_SEV_INFO : DBX_SEV_WARNING;
	size_t i = d->n - 1;

	while ((int)d->v[i].severity != weakest)
		i--;
	finding_fini(&d->v[i]);
	memmove(&d->v[i], &d->v[i + 1], (d->n - i - 1) * sizeof(d->v[0]));
	d->n--;
	d->n_kept[weakest]--;
}

/* True when there is room for one more of this severity, made if need be. */
static bool make_room(struct dbx_diag *d, enum dbx_severity sev)
{
	if (dbx_diag_is_full(d, sev))
		return false;
	if (d->n >= DBX_DIAG_MAX)
		drop_weakest(d);
	return dbx_vec_reserve(d, d->n + 1) == 0;
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

void dbx_diag_add(struct dbx_diag *d, enum dbx_severity sev, const char *code, const char *doc,
		  const char *ptr, const char *fmt, ...)
{
	struct dbx_finding f = {.severity = sev};
	va_list ap;

	d->n_by_severity[sev]++;
	if (!make_room(d, sev))
		return;
	va_start(ap, fmt);
	if (vasprintf(&f.text, fmt, ap) < 0)
		f.text = NULL;
	va_end(ap);
	f.code = copy(code);
	f.doc = copy(doc);
	f.ptr = copy(ptr);
	if (!f.code || !f.doc || !f.ptr || !f.text) {
		finding_fini(&f);
		return;
	}
	d->v[d->n++] = f;
	d->n_kept[sev]++;
}

bool dbx_diag_has_errors(const struct dbx_diag *d)
{
	return d->n_by_severity[DBX_SEV_ERROR] > 0;
}

const char *dbx_severity_name(enum dbx_severity sev)
{
	static const char *const names[] = {
		[DBX_SEV_INFO] = "info",
		[DBX_SEV_WARNING] = "warning",
		[DBX_SEV_ERROR] = "error",
	};

	return (size_t)sev < sizeof(names) / sizeof(names[0]) ? names[sev] : "unknown";
}

char *dbx_finding_format(const struct dbx_finding *f)
{
	struct dbx_strbuf b;
	char *s;

	dbx_strbuf_init(&b);
	if (f->doc[0])
		dbx_strbuf_addf(&b, "%s: ", f->doc);
	if (f->ptr[0])
		dbx_strbuf_addf(&b, "%s: ", f->ptr);
	dbx_strbuf_add(&b, f->text);
	s = dbx_strbuf_steal(&b);
	for (char *c = s; c && *c; c++) { /* a key of the document may hold anything */
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return s;
}
