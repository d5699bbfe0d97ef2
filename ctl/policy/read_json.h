/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_json.h -- private to the readers: from JSON values to typed fields, with good complaints.
 *
 * An object is read by a table of its keys. A handler returns 0 or -ENOMEM; what is wrong with the
 * data is added to the findings and reading goes on, so that one run reports everything. A value
 * that was refused leaves its field zero: an object with errors may be freed, not used.
 */
#ifndef DBX_POLICY_READ_JSON_H
#define DBX_POLICY_READ_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/diag.h"
#include "policy/model.h"

struct dbx_rd {
	struct dbx_model *m;
	struct dbx_diag *d;
	const char *doc_name;
	uint32_t doc; /* index into m->docs */
	size_t n_errors;
};

/* Where in the document: a chain on the stack, turned into a JSON pointer only when needed. */
struct dbx_rd_at {
	const struct dbx_rd_at *up; /* NULL: the document itself */
	const char *key;            /* NULL: an array item */
	size_t i;
};

#define RD_KEY(at, k)  (&(const struct dbx_rd_at){.up = (at), .key = (k)})
#define RD_ITEM(at, n) (&(const struct dbx_rd_at){.up = (at), .i = (n)})

char *dbx_rd_pointer(const struct dbx_rd_at *at); /* malloc'ed, NULL when out of memory */
int dbx_rd_where(struct dbx_rd *r, const struct dbx_rd_at *at, struct dbx_where *out);

__attribute__((format(printf, 4, 5))) void
dbx_rd_error(struct dbx_rd *r, const struct dbx_rd_at *at, const char *code, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void dbx_rd_warn(struct dbx_rd *r, const struct dbx_rd_at *at,
						       const char *code, const char *fmt, ...);

/* s in quotes, cut when long, control characters replaced: safe to show. Returns buf. */
#define RD_QUOTE_SIZE 104
const char *dbx_rd_quote(const char *s, char buf[RD_QUOTE_SIZE]);

typedef int (*dbx_rd_fn)(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

enum dbx_rd_flags {
	RD_REQUIRED = 1 << 0,
};

struct dbx_rd_field {
	const char *key;
	unsigned int flags;
	size_t offset; /* dst of the handler, from the object's start */
	dbx_rd_fn read;
};

/* How an object treats keys that its table does not have. */
enum dbx_rd_unknown {
	RD_UNKNOWN_KEEP,  /* kept in *extra, with a warning */
	RD_UNKNOWN_LOUD,  /* the same where a new key may change who reaches what */
	RD_UNKNOWN_WARN,  /* nowhere to keep it: a warning only */
	RD_UNKNOWN_ERROR, /* ignoring it would allow more than was written */
};

struct dbx_rd_shape {
	const char *what; /* "network policy", for messages */
	const struct dbx_rd_field *fields;
	size_t n_fields;
	enum dbx_rd_unknown unknown;
};

#define RD_SHAPE(what_, fields_, unknown_)                                                \
	{                                                                                 \
		.what = (what_), .fields = (fields_),                                     \
		.n_fields = sizeof(fields_) / sizeof((fields_)[0]), .unknown = (unknown_) \
	}

/* A null value is as good as an absent key (egress-model 1.10). */
int dbx_rd_object(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		  const struct dbx_rd_shape *shape, void *obj, char **extra);

/* Handlers; dst is what the comment says. */
int dbx_rd_string(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		  void *dst); /* char * */
int dbx_rd_int64(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		 void *dst); /* int64_t; number or decimal string */
int dbx_rd_id(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
	      void *dst); /* int64_t above 0, the same */
int dbx_rd_bool(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		void *dst); /* bool */
int dbx_rd_raw(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
	       void *dst); /* char *: compact JSON of an object */
int dbx_rd_skip(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		void *dst); /* read elsewhere */

/* The string of v, or NULL after complaining; what: "a name", "a prefix", ... */
const char *dbx_rd_text(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			const char *accepted);

struct dbx_rd_value {
	const char *text;
	int value;
};

/* 1 when found; 0 after an error that lists what is accepted. */
int dbx_rd_enum(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, const char *code,
		const char *what, const struct dbx_rd_value *values, size_t n, int *out);

/*
 * Every item of a list into a new zeroed array; null is an empty list. At most limit items (0: no
 * limit). The array is handed out even after -ENOMEM, so that the model can be freed.
 */
int dbx_rd_items(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, size_t elem_bytes,
		 size_t limit, dbx_rd_fn read_item, void **out, size_t *n);

#define dbx_rd_list(r, v, at, limit, read_item, pv, pn)                                         \
	({                                                                                      \
		void *rd_p_ = NULL;                                                             \
		int rd_rc_ = dbx_rd_items((r), (v), (at), sizeof(**(pv)), (limit), (read_item), \
					  &rd_p_, (pn));                                        \
		*(pv) = rd_p_;                                                                  \
		rd_rc_;                                                                         \
	})

/* struct dbx_prefix: no host bits; an address alone is a host. */
int dbx_rd_prefix(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);
void dbx_rd_prefix_error(struct dbx_rd *r, const struct dbx_rd_at *at, const char *text, int err);
/* char *: canonical DNS name; the second form accepts a leading "*." */
int dbx_rd_name(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);
int dbx_rd_pattern(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* The document kinds; each reads one object at `at` into r->m. */
int dbx_rd_policy(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_ncc(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_pe_rule(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_option(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_ncc_binding(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_workspace(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_gateway(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_azure(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_aws(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_google(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);
int dbx_rd_databricks(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at);

/*
 * One more zeroed element at the end of an array of the model; NULL when out of memory. Grows by
 * doubling at powers of two, so the model needs no capacity fields.
 */
void *dbx_rd_grow(void *v, size_t n, size_t elem_bytes);
#define dbx_rd_append(pv, pn)                                            \
	({                                                               \
		void *ap_p_ = dbx_rd_grow(*(pv), *(pn), sizeof(**(pv))); \
		if (ap_p_)                                               \
			*(pv) = ap_p_;                                   \
		ap_p_ ? &(*(pv))[(*(pn))++] : NULL;                      \
	})

#endif
