/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * docs.h -- documents as they are stored: one object each, under (kind, id), text as its author
 * wrote it.
 *
 * What an operator hands in may hold several objects (the answer of a list call, a workspace with
 * both bindings); it is split before anything else looks at it. A piece of "file.json" is named
 * "file.json#/items/3", and its pointers start there; dbx_docs_place() puts the two together again
 * for people.
 */
#ifndef DBX_DAEMON_DOCS_H
#define DBX_DAEMON_DOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/diag.h"
#include "policy/model.h"

#define DBX_DOC_ID_MAX 128 /* bytes; longer ids are refused by every vendor object */

struct dbx_document {
	enum dbx_doc_kind kind;
	char *id;
	char *name; /* where it came from */
	char *text; /* NULL: still in the store */
	size_t len;
	int64_t blob;     /* the store's row of the text, 0 = not stored yet */
	int64_t revision; /* stored since */
	size_t seq;       /* order in which it was added */
};

struct dbx_docset {
	struct dbx_document *v;
	size_t n, cap;
	bool is_sorted;
};

void dbx_docset_fini(struct dbx_docset *s);
/* Copies kind, id, name and text (NULL: none). 0 or -ENOMEM. */
int dbx_docset_add(struct dbx_docset *s, const struct dbx_document *doc);
/* Fast in a sorted set. */
struct dbx_document *dbx_docset_find(const struct dbx_docset *s, enum dbx_doc_kind kind,
				     const char *id);
/* Leaves only documents that keep() wants. */
typedef bool (*dbx_docset_fn)(void *arg, const struct dbx_document *doc);
void dbx_docset_filter(struct dbx_docset *s, dbx_docset_fn keep, void *arg);
/* By kind and id: the order in which documents are read, so that history leaves no trace. */
void dbx_docset_sort(struct dbx_docset *s);
/* Sorts, and takes out what is there twice, with an error for each. 0 or -EINVAL. */
int dbx_docset_check_twice(struct dbx_docset *s, struct dbx_diag *d);

enum dbx_doc_kind dbx_doc_kind_parse(const char *name); /* UNKNOWN when it is none */

/*
 * Adds the objects of one text. 0; -EINVAL with errors in d; -ENOMEM.
 */
int dbx_docs_split(struct dbx_docset *out, const char *name, const char *text, size_t len,
		   enum dbx_doc_kind kind, struct dbx_diag *d);

/* Rule ids of the private endpoint rules written inside an NCC document. */
typedef int (*dbx_docs_id_fn)(void *arg, const char *id);
int dbx_docs_embedded_rules(const struct dbx_document *ncc, dbx_docs_id_fn fn, void *arg);

/* File and whole pointer of (name, ptr), malloc'ed. 0 or -ENOMEM. */
int dbx_docs_place(const char *name, const char *ptr, char **file, char **full_ptr);

#endif
