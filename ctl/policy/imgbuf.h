/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * imgbuf.h -- an image under construction: sections that grow, runs, lookup tables, strings.
 *
 * Private to the compiler. The first failure sticks in err (-ENOMEM or -E2BIG, with what_full naming
 * the section), later calls do nothing; so callers test once, at dbx_imgbuf_finish().
 */
#ifndef DBX_POLICY_IMGBUF_H
#define DBX_POLICY_IMGBUF_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/image.h"
#include "lib/hash.h"

typedef unsigned __int128 dbx_wide; /* an address of either family as a number */

/* An elementary interval: from first up to the next one's. v[0].first is 0. */
struct dbx_interval {
	dbx_wide first;
	uint32_t value;
};

struct dbx_imgbuf {
	struct dbx_imgbuf_section {
		uint8_t *v;
		size_t n, cap; /* items */
	} sec[DBX_SEC_MAX];
	struct dbx_strmap strings;
	struct dbx_image_header
		hdr; /* what the compiler says in it; the rest is filled in at the end */
	int err;
	const char *what_full;
};

int dbx_imgbuf_init(struct dbx_imgbuf *b);
void dbx_imgbuf_fini(struct dbx_imgbuf *b);

/* Appends items (zeros when src is NULL); returns the index of the first, 0 after a failure. */
uint32_t dbx_imgbuf_add(struct dbx_imgbuf *b, enum dbx_section_id id, const void *src, size_t n);
void *dbx_imgbuf_at(struct dbx_imgbuf *b, enum dbx_section_id id, uint32_t index);
uint32_t dbx_imgbuf_string(struct dbx_imgbuf *b, const char *s); /* NULL is "" */

/*
 * A run of n entries, ascending by start, the first standing for the lowest key. Returns what a
 * parent stores: the leaf itself when n is 1, else a reference. Splits a run that exceeds a chunk.
 */
uint32_t dbx_imgbuf_run32(struct dbx_imgbuf *b, const struct dbx_run32 *v, size_t n);

/* Lookup tables from intervals of the whole address space. Values below DBX_LEAF. */
void dbx_imgbuf_dst4(struct dbx_imgbuf *b, const struct dbx_interval *v, size_t n);
void dbx_imgbuf_table(struct dbx_imgbuf *b, enum dbx_section_id root, int is_v6,
		      const struct dbx_interval *v, size_t n);

/* Puts it all together; *image is malloc'ed. 0, or the error that stuck. */
int dbx_imgbuf_finish(struct dbx_imgbuf *b, uint64_t generation, uint32_t n_classes, void **image,
		      size_t *n_bytes, size_t *kernel_bytes);

/* Geometry of a section. shift: items a chunk as a power of two; 0 for user-space sections. */
struct dbx_section_shape {
	const char *name;
	uint32_t item_bytes;
	uint32_t shift;
};
extern const struct dbx_section_shape dbx_section_shapes[DBX_SEC_MAX];

#endif
