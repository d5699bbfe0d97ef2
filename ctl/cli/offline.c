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

static int go_deeper(struct dbx_model *m, enum dbx_offline_depth depth, struct dbx_diag *d)
{
	int rc = 0;

	if (depth >= DBX_OFFLINE_RESOLVE)
		rc = dbx_model_resolve(m, d);
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
		rc = go_deeper(all, depth, d);
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
