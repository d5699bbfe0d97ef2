// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * offline.c -- from the operands of a command to a model, without a daemon.
 */
#include "cli/offline.h"
#include "cli/findings.h"
#include "cli/load.h"
#include "cli/out.h"
#include "policy/check.h"
#include "policy/read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t dbx_offline_now_ms(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	return (epoch && *epoch ? strtoll(epoch, NULL, 10) : (long long)time(NULL)) * 1000;
}

int dbx_offline_refuse(int rc, const struct dbx_diag *d, const char *what)
{
	char message[128];

	if (rc == -ENOMEM)
		return dbx_err_memory();
	snprintf(message, sizeof(message), "cannot %s: %zu error%s", what,
		 d->n_by_severity[DBX_SEV_ERROR], d->n_by_severity[DBX_SEV_ERROR] == 1 ? "" : "s");
	return dbx_findings_refuse(d, message);
}

/*
 * What stays wrong whatever other documents there are: an id given twice, a source claimed twice.
 * References that point out of these documents may well be met by those in force.
 */
static int find_contradictions(struct dbx_model *m, struct dbx_diag *d)
{
	const struct dbx_finding *f;
	struct dbx_diag all;
	size_t i;
	int rc;

	dbx_diag_init(&all);
	rc = dbx_model_resolve(m, &all);
	for (i = 0; i < all.n; i++) {
		f = &all.v[i];
		if (f->severity == DBX_SEV_ERROR && (strcmp(f->code, "duplicate-id") == 0 ||
						     strcmp(f->code, "source-claimed-twice") == 0))
			dbx_diag_add(d, f->severity, f->code, f->doc, f->ptr, "%s", f->text);
	}
	dbx_diag_fini(&all);
	return rc == -ENOMEM ? rc : 0;
}

int dbx_offline_judge(struct dbx_model *m, enum dbx_offline_depth depth, struct dbx_diag *d)
{
	int rc;

	if (depth >= DBX_OFFLINE_RESOLVE)
		rc = dbx_model_resolve(m, d);
	else
		rc = find_contradictions(m, d);
	if (!rc && depth >= DBX_OFFLINE_CHECK)
		rc = dbx_check(m, dbx_offline_now_ms(), d);
	if (rc)
		return rc;
	return dbx_diag_has_errors(d) ? -EINVAL : 0;
}

int dbx_offline_model(const struct dbx_words *paths, enum dbx_offline_depth depth,
		      struct dbx_model **m, struct dbx_diag *d, size_t *n_documents)
{
	struct dbx_load load = {0};
	struct dbx_model *all = NULL;
	int rc, unread;

	/* A file that cannot be read does not keep the others from being judged. */
	unread = dbx_load_add(&load, paths->v, paths->n, d);
	rc = unread == -ENOMEM ? unread : dbx_load_model(&load, &all, d);
	if (!rc)
		rc = unread;
	if (!rc)
		rc = dbx_offline_judge(all, depth, d);
	if (n_documents)
		*n_documents = load.n;
	dbx_load_fini(&load);
	if (rc) {
		dbx_model_free(&all);
		return rc;
	}
	*m = all;
	return 0;
}
