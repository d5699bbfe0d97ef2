/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * load.h -- files, directories and standard input to documents, and documents to a model.
 *
 * Whatever goes wrong with a file is an error finding that names it, like a mistake inside it, so
 * one run tells about all of them.
 */
#ifndef DBX_CLI_LOAD_H
#define DBX_CLI_LOAD_H

#include <stddef.h>
#include <sys/types.h>

#include "policy/diag.h"
#include "policy/model.h"

#define DBX_LOAD_FILES_MAX 10000
#define DBX_LOAD_DEPTH_MAX 16

struct dbx_load_doc {
	char *name; /* as given on the command line, or found under a directory */
	char *text; /* without byte order mark */
	size_t len;
	dev_t dev;
	ino_t ino;
};

struct dbx_load {
	struct dbx_load_doc *v;
	size_t n, cap;
};

/*
 * Adds the documents of paths ("-": standard input). 0; -EINVAL with errors in d (the good ones are
 * there all the same); -ENOMEM.
 */
int dbx_load_add(struct dbx_load *l, const char *const *paths, size_t n_paths, struct dbx_diag *d);
void dbx_load_fini(struct dbx_load *l);

/*
 * All documents into one new model. 0; -EINVAL with the errors of every document in d; -ENOMEM.
 * References between documents are not followed: that is dbx_model_resolve.
 */
int dbx_load_model(const struct dbx_load *l, struct dbx_model **m, struct dbx_diag *d);

#endif
