// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load.c -- files, directories and standard input to documents, and documents to a model.
 */
#include "cli/load.h"
#include "lib/file.h"
#include "lib/vec.h"
#include "policy/read.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STDIN_NAME "<stdin>"

/* A walk over the operands of one command. */
struct walk {
	struct dbx_load *l;
	struct dbx_diag *d;
	size_t n_files; /* read or tried under the current operand */
	bool is_too_many;
	struct {
		dev_t dev;
		ino_t ino;
	} above[DBX_LOAD_DEPTH_MAX]; /* directories that are open now: a link back is a loop */
};

__attribute__((format(printf, 4, 5))) static void add_error(struct walk *w, const char *code,
							    const char *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dbx_diag_add(w->d, DBX_SEV_ERROR, code, path, "", "%s", text);
}

static bool is_blank(const char *s, size_t n)
{
	while (n && strchr(" \t\r\n", *s) && *s) {
		s++;
		n--;
	}
	return n == 0;
}

/* ---- one file ---- */

static const struct dbx_load_doc *find_same(const struct dbx_load *l, const struct stat *st)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->v[i].ino && l->v[i].ino == st->st_ino && l->v[i].dev == st->st_dev)
			return &l->v[i];
	}
	return NULL;
}

static int push_doc(struct walk *w, const char *name, const struct stat *st, char *text, size_t len)
{
	struct dbx_load_doc doc = {.text = text, .len = len};

	/* RFC 8259 section 8.1: a byte order mark may be ignored. Windows tools write it. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		doc.len -= 3;
		memmove(text, text + 3, doc.len + 1);
	}
	if (is_blank(doc.text, doc.len)) {
		add_error(w, "empty", name, "is empty; a JSON document is expected");
		free(text);
		return 0;
	}
	doc.name = strdup(name);
	if (st && S_ISREG(st->st_mode)) {
		doc.dev = st->st_dev;
		doc.ino = st->st_ino;
	}
	if (!doc.name || dbx_vec_push(w->l, doc)) {
		free(doc.name);
		free(text);
		return -ENOMEM;
	}
	return 0;
}

static void tell_unread(struct walk *w, const char *name, const struct stat *st, int rc)
{
	if (rc == -EFBIG && st && st->st_size > (off_t)DBX_FILE_LIMIT_BYTES)
		add_error(w, "too-large", name, "has %lld bytes; a document may have up to %u MiB",
			  (long long)st->st_size, DBX_FILE_LIMIT_BYTES >> 20);
	else if (rc == -EFBIG)
		add_error(w, "too-large", name, "is larger than a document may be, %u MiB unpacked",
			  DBX_FILE_LIMIT_BYTES >> 20);
	else
		add_error(w, "unreadable", name, "%s", dbx_file_why(rc));
}

static int add_file(struct walk *w, const char *path, const struct stat *st)
{
	const struct dbx_load_doc *same = S_ISREG(st->st_mode) ? find_same(w->l, st) : NULL;
	char *text;
	size_t len;
	int rc;

	w->n_files++;
	if (same) {
		dbx_diag_add(w->d, DBX_SEV_WARNING, "given-twice", path, "",
			     "is the same file as %s; it is read once", same->name);
		return 0;
	}
	rc = dbx_file_read(path, 0, &text, &len);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		tell_unread(w, path, st, rc);
		return 0;
	}
	return push_doc(w, path, st, text, len);
}

static int add_stdin(struct walk *w)
{
	struct stat st = {0};
	char *text;
	size_t len, i;
	int rc;

	for (i = 0; i < w->l->n; i++) {
		if (strcmp(w->l->v[i].name, STDIN_NAME) == 0) {
			add_error(w, "given-twice", STDIN_NAME,
				  "standard input is given twice; it can be read once");
			return 0;
		}
	}
	rc = dbx_file_read("-", 0, &text, &len);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		tell_unread(w, STDIN_NAME, NULL, rc);
		return 0;
	}
	return push_doc(w, STDIN_NAME, &st, text, len);
}

/* ---- directories ---- */

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

static bool is_document_name(const char *name)
{
	return (ends_with(name, ".json") || ends_with(name, ".json.gz")) &&
	       !ends_with(name, ".schema.json");
}

static int hides_no_dot(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int cmp_name(const struct dirent **x, const struct dirent **y)
{
	return strcmp((*x)->d_name, (*y)->d_name);
}

static int add_dir(struct walk *w, const char *path, const struct stat *st, size_t depth);

static int add_entry(struct walk *w, const char *path, const char *name, size_t depth)
{
	struct stat st;

	if (stat(path, &st)) {
		/* A dangling link: a document that was meant to be there must not vanish. */
		if (is_document_name(name))
			add_error(w, "unreadable", path, "%s", dbx_file_why(-errno));
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return add_dir(w, path, &st, depth);
	if (!S_ISREG(st.st_mode) || !is_document_name(name))
		return 0;
	if (w->n_files >= DBX_LOAD_FILES_MAX) {
		if (!w->is_too_many)
			add_error(w, "too-many", path, "is one file too many; up to %d are read",
				  DBX_LOAD_FILES_MAX);
		w->is_too_many = true;
		return 0;
	}
	return add_file(w, path, &st);
}

static bool is_loop(const struct walk *w, const struct stat *st, size_t depth)
{
	size_t i;

	for (i = 0; i < depth; i++) {
		if (w->above[i].ino == st->st_ino && w->above[i].dev == st->st_dev)
			return true;
	}
	return false;
}

static int add_dir(struct walk *w, const char *path, const struct stat *st, size_t depth)
{
	struct dirent **entries = NULL;
	char *child;
	int i, n, rc = 0;

	if (is_loop(w, st, depth))
		return 0;
	if (depth >= DBX_LOAD_DEPTH_MAX) {
		add_error(w, "too-deep", path, "directories lie more than %d deep",
			  DBX_LOAD_DEPTH_MAX);
		return 0;
	}
	w->above[depth].dev = st->st_dev;
	w->above[depth].ino = st->st_ino;
	n = scandir(path, &entries, hides_no_dot, cmp_name);
	if (n < 0) {
		add_error(w, "unreadable", path, "%s", dbx_file_why(-errno));
		return 0;
	}
	for (i = 0; i < n; i++) {
		if (!rc && asprintf(&child, "%s%s%s", path, ends_with(path, "/") ? "" : "/",
				    entries[i]->d_name) >= 0) {
			rc = add_entry(w, child, entries[i]->d_name, depth + 1);
			free(child);
		} else if (!rc) {
			rc = -ENOMEM;
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* ---- operands ---- */

static int add_path(struct walk *w, const char *path)
{
	size_t n_errors = w->d->n_by_severity[DBX_SEV_ERROR];
	struct stat st;
	int rc;

	if (strcmp(path, "-") == 0)
		return add_stdin(w);
	if (stat(path, &st)) {
		add_error(w, "unreadable", path, "%s", dbx_file_why(-errno));
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return add_file(w, path, &st);
	w->n_files = 0;
	rc = add_dir(w, path, &st, 0);
	if (!rc && !w->n_files && w->d->n_by_severity[DBX_SEV_ERROR] == n_errors)
		add_error(w, "no-documents", path,
			  "the directory has no documents; *.json or *.json.gz are expected");
	return rc;
}

int dbx_load_add(struct dbx_load *l, const char *const *paths, size_t n_paths, struct dbx_diag *d)
{
	struct walk w = {.l = l, .d = d};
	size_t before = d->n_by_severity[DBX_SEV_ERROR], i;
	int rc = 0;

	for (i = 0; i < n_paths && !rc; i++)
		rc = add_path(&w, paths[i]);
	if (rc)
		return rc;
	return d->n_by_severity[DBX_SEV_ERROR] > before ? -EINVAL : 0;
}

void dbx_load_fini(struct dbx_load *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].text);
	}
	dbx_vec_fini(l);
}

int dbx_load_model(const struct dbx_load *l, struct dbx_model **out, struct dbx_diag *d)
{
	struct dbx_model *m = dbx_model_new();
	bool is_bad = false;
	size_t i;
	int rc;

	for (i = 0; m && i < l->n; i++) {
		rc = dbx_read(m, l->v[i].name, l->v[i].text, l->v[i].len, DBX_DOC_UNKNOWN, d);
		if (rc == -ENOMEM) {
			dbx_model_free(&m);
			return rc;
		}
		if (rc) {
			/* A model is of no use after an error; the next document gets a new one. */
			is_bad = true;
			dbx_model_free(&m);
			m = dbx_model_new();
		}
	}
	if (!m)
		return -ENOMEM;
	if (is_bad) {
		dbx_model_free(&m);
		return -EINVAL;
	}
	*out = m;
	return 0;
}
