// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * inforce.c -- the documents that the daemon has in force, for commands that work on documents.
 */
#include "cli/inforce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/vec.h"

static int add(struct dbx_load *l, const json_t *v)
{
	struct dbx_load_doc doc = {
		.text = json_dumps(json_object_get(v, "document"), JSON_COMPACT)};

	if (asprintf(&doc.name, "%s %s", dbx_json_str(v, "kind"), dbx_json_str(v, "id")) < 0)
		doc.name = NULL;
	if (doc.text && doc.name) {
		doc.len = strlen(doc.text);
		if (!dbx_vec_push(l, doc))
			return DBX_EXIT_DONE;
	}
	free(doc.text);
	free(doc.name);
	return dbx_err_memory();
}

int dbx_inforce_load(const struct dbx_cli *cli, const char *what, struct dbx_load *l)
{
	json_t *answer = NULL;
	const json_t *v;
	size_t i;
	int code = dbx_client_get(cli, "/documents", what, &answer);

	json_array_foreach(json_object_get(answer, "documents"), i, v) {
		if (!code)
			code = add(l, v);
	}
	json_decref(answer);
	return code;
}

int dbx_inforce_model(const struct dbx_cli *cli, const char *what, struct dbx_model **out)
{
	struct dbx_load load = {0};
	struct dbx_model *m = NULL;
	struct dbx_diag d;
	int rc, code;

	dbx_diag_init(&d);
	code = dbx_inforce_load(cli, what, &load);
	if (!code) {
		rc = dbx_load_model(&load, &m, &d);
		if (!rc)
			rc = dbx_offline_judge(m, DBX_OFFLINE_RESOLVE, &d);
		if (rc)
			code = dbx_offline_refuse(rc, &d, what);
	}
	if (!code) {
		*out = m;
		m = NULL;
	}
	dbx_model_free(&m);
	dbx_load_fini(&load);
	dbx_diag_fini(&d);
	return code;
}
