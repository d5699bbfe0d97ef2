/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * imgbuf.c -- an image under construction: sections that grow, strings, and the final layout.
 *
 * Kernel sections start at a chunk and are padded to whole chunks; an item never crosses a chunk
 * because chunks hold a power of two of them, and a run never does because it is moved to the next
 * chunk when it would.
 */
#include "policy/imgbuf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/image.h"

const struct dbx_section_shape dbx_section_shapes[DBX_SEC_MAX] = {
	[DBX_SEC_DST4_ROOT] = {"dst4-root", 4, 16},
	[DBX_SEC_DST4_RUNS] = {"dst4-runs", sizeof(struct dbx_run4), DBX_RUN4_SHIFT},
	[DBX_SEC_DST6_ROOT] = {"dst6-root", 4, 16},
	[DBX_SEC_SRC4_ROOT] = {"src4-root", 4, 16},
	[DBX_SEC_SRC6_ROOT] = {"src6-root", 4, 16},
	[DBX_SEC_RUNS32] = {"runs", sizeof(struct dbx_run32), DBX_RUN32_SHIFT},
	[DBX_SEC_BINDINGS] = {"bindings", sizeof(struct dbx_binding), DBX_BINDING_SHIFT},
	[DBX_SEC_PROFILES] = {"profiles", sizeof(struct dbx_profile), DBX_PROFILE_SHIFT},
	[DBX_SEC_CELLS] = {"cells", 2, DBX_CELL_SHIFT},
	[DBX_SEC_RULESETS] = {"rule sets", 4, DBX_RULESET_SHIFT},
	[DBX_SEC_OUTCOMES] = {"outcomes", sizeof(struct dbx_outcome), DBX_OUTCOME_SHIFT},
	[DBX_SEC_QUOTAS] = {"quotas", sizeof(struct dbx_quota), DBX_QUOTA_SHIFT},
	[DBX_SEC_INTERFACES] = {"interfaces", sizeof(struct dbx_img_interface), 0},
	[DBX_SEC_WORKSPACES] = {"workspaces", sizeof(struct dbx_img_workspace), 0},
	[DBX_SEC_POLICIES] = {"policies", sizeof(struct dbx_img_policy), 0},
	[DBX_SEC_NCCS] = {"nccs", sizeof(struct dbx_img_ncc), 0},
	[DBX_SEC_RULES] = {"rules", sizeof(struct dbx_img_rule), 0},
	[DBX_SEC_CLASSES] = {"classes", sizeof(struct dbx_img_class), 0},
	[DBX_SEC_CLASS_SETS] = {"class sets", 4, 0},
	[DBX_SEC_SETS] = {"sets", sizeof(struct dbx_img_set), 0},
	[DBX_SEC_STRINGS] = {"strings", 1, 0},
};

static void fail(struct dbx_imgbuf *b, int err, const char *what)
{
	if (b->err)
		return;
	b->err = err;
	b->what_full = what;
}

int dbx_imgbuf_init(struct dbx_imgbuf *b)
{
	memset(b, 0, sizeof(*b));
	b->hdr.name_ports = DBX_LEAF | DBX_NAME_PORT_NONE;
	b->hdr.tunnel_local = b->hdr.tunnel_remotes = DBX_LEAF;
	dbx_strmap_init(&b->strings);
	/* index 0 of these denies, and offset 0 of the strings is "" */
	dbx_imgbuf_add(b, DBX_SEC_RUNS32, &(struct dbx_run32){0, DBX_LEAF}, 1);
	dbx_imgbuf_add(b, DBX_SEC_RULESETS, &(uint32_t){DBX_LEAF}, 1);
	dbx_imgbuf_add(b, DBX_SEC_OUTCOMES, &(struct dbx_outcome){.reason = DBX_REASON_BAD_IMAGE},
		       1);
	dbx_imgbuf_add(b, DBX_SEC_STRINGS, "", 1);
	return b->err;
}

void dbx_imgbuf_fini(struct dbx_imgbuf *b)
{
	for (int i = 0; i < DBX_SEC_MAX; i++)
		free(b->sec[i].v);
	dbx_strmap_fini(&b->strings);
}

static int reserve(struct dbx_imgbuf *b, enum dbx_section_id id, size_t n)
{
	struct dbx_imgbuf_section *s = &b->sec[id];
	const struct dbx_section_shape *shape = &dbx_section_shapes[id];
	size_t cap = s->cap ? s->cap : 64;
	uint8_t *v;

	if (b->err)
		return b->err;
	if (n > DBX_REF_MASK || s->n + n > DBX_REF_MASK) {
		fail(b, -E2BIG, shape->name);
		return b->err;
	}
	while (cap < s->n + n)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	v = realloc(s->v, cap * shape->item_bytes);
	if (!v) {
		fail(b, -ENOMEM, shape->name);
		return b->err;
	}
	s->v = v;
	s->cap = cap;
	return 0;
}

uint32_t dbx_imgbuf_add(struct dbx_imgbuf *b, enum dbx_section_id id, const void *src, size_t n)
{
	struct dbx_imgbuf_section *s = &b->sec[id];
	size_t bytes = dbx_section_shapes[id].item_bytes;
	size_t at = s->n;

	if (reserve(b, id, n))
		return 0;
	if (src)
		memcpy(s->v + at * bytes, src, n * bytes);
	else
		memset(s->v + at * bytes, 0, n * bytes);
	s->n += n;
	return (uint32_t)at;
}

void *dbx_imgbuf_at(struct dbx_imgbuf *b, enum dbx_section_id id, uint32_t index)
{
	return b->sec[id].v + (size_t)index * dbx_section_shapes[id].item_bytes;
}

uint32_t dbx_imgbuf_string(struct dbx_imgbuf *b, const char *s)
{
	uint64_t at;
	int rc;

	if (!s || !*s)
		return 0;
	if (dbx_strmap_get(&b->strings, s, &at))
		return (uint32_t)at;
	at = dbx_imgbuf_add(b, DBX_SEC_STRINGS, s, strlen(s) + 1);
	rc = b->err ? 0 : dbx_strmap_put(&b->strings, s, at);
	if (rc)
		fail(b, rc, "strings");
	return (uint32_t)at;
}

/* Where n items of a run may start: here, or at the next chunk. */
static void align_run(struct dbx_imgbuf *b, enum dbx_section_id id, size_t n)
{
	size_t chunk = (size_t)1 << dbx_section_shapes[id].shift;
	size_t used = b->sec[id].n & (chunk - 1);

	if (used + n > chunk)
		dbx_imgbuf_add(b, id, NULL, chunk - used);
}

static uint32_t run32_one(struct dbx_imgbuf *b, const struct dbx_run32 *v, size_t n)
{
	struct dbx_run32 *first;
	uint32_t at;

	if (n == 1 && (v->value & DBX_LEAF))
		return v->value;
	align_run(b, DBX_SEC_RUNS32, n);
	at = dbx_imgbuf_add(b, DBX_SEC_RUNS32, v, n);
	if (b->err)
		return DBX_LEAF;
	first = dbx_imgbuf_at(b, DBX_SEC_RUNS32, at);
	first->start = (uint32_t)n - 1;
	return at;
}

uint32_t dbx_imgbuf_run32(struct dbx_imgbuf *b, const struct dbx_run32 *v, size_t n)
{
	const size_t chunk = (size_t)1 << DBX_RUN32_SHIFT;
	size_t n_parts = (n + chunk - 1) / chunk;
	struct dbx_run32 *parts;
	uint32_t ref;

	if (n <= chunk)
		return run32_one(b, v, n);
	if (n_parts > chunk) {
		fail(b, -E2BIG, "entries of one run");
		return DBX_LEAF;
	}
	parts = calloc(n_parts, sizeof(*parts));
	if (!parts) {
		fail(b, -ENOMEM, "runs");
		return DBX_LEAF;
	}
	for (size_t i = 0; i < n_parts; i++) {
		size_t from = i * chunk, len = n - from < chunk ? n - from : chunk;

		ref = run32_one(b, v + from, len);
		parts[i].start = v[from].start;
		parts[i].value = ref & DBX_LEAF ? ref : ref | DBX_SAME;
	}
	ref = run32_one(b, parts, n_parts);
	free(parts);
	return ref;
}

void dbx_imgbuf_dst4(struct dbx_imgbuf *b, const struct dbx_interval *v, size_t n)
{
	uint32_t root = dbx_imgbuf_add(b, DBX_SEC_DST4_ROOT, NULL, DBX_ROOT_ENTRIES);
	size_t i = 0; /* the interval that holds the first address of the block */

	for (uint32_t top = 0; top < DBX_ROOT_ENTRIES && !b->err; top++) {
		dbx_wide lo = (dbx_wide)top << 16, hi = lo + 0xffff;
		uint32_t *slot = dbx_imgbuf_at(b, DBX_SEC_DST4_ROOT, root + top);
		size_t last;

		while (i + 1 < n && v[i + 1].first <= lo)
			i++;
		for (last = i; last + 1 < n && v[last + 1].first <= hi; last++)
			;
		if (last == i) {
			*slot = DBX_LEAF | v[i].value;
			continue;
		}
		align_run(b, DBX_SEC_DST4_RUNS, last - i + 1);
		*slot = (uint32_t)b->sec[DBX_SEC_DST4_RUNS].n;
		for (size_t k = i; k <= last && !b->err; k++) {
			struct dbx_run4 e = {(uint16_t)(k == i ? last - i : v[k].first),
					     (uint16_t)v[k].value};

			dbx_imgbuf_add(b, DBX_SEC_DST4_RUNS, &e, 1);
		}
		i = last;
	}
}

/* How far the address is shifted for the key of each level below the root. */
static const int shifts6[] = {96, 64, 32, 0};
static const int shifts4[] = {0};

struct table {
	struct dbx_imgbuf *b;
	const struct dbx_interval *v;
	const int *shifts;
};

/* A block of addresses first..end; interval i holds the first, interval last the last. */
struct block {
	dbx_wide first, end;
	size_t i, last;
};

static uint32_t table_block(const struct table *t, int level, const struct block *whole);

/*
 * The next entry of a block's run; true when some of the block is left. Either the interval reaches
 * past this sub-block (a leaf, up to the sub-block of the next boundary), or the sub-block is divided.
 */
static bool next_entry(const struct table *t, int level, struct block *rest, struct dbx_run32 *e)
{
	int shift = t->shifts[level];
	dbx_wide key = rest->first >> shift;
	dbx_wide sub_end = ((key + 1) << shift) - 1;
	struct block sub = {key << shift, sub_end, rest->i, rest->i};
	dbx_wide boundary;

	*e = (struct dbx_run32){(uint32_t)key, DBX_LEAF | t->v[rest->i].value};
	if (rest->i == rest->last)
		return false;
	boundary = t->v[rest->i + 1].first;
	if (boundary > sub_end) {
		rest->first = boundary >> shift << shift;
		rest->i += rest->first == boundary;
		return true;
	}
	while (sub.last < rest->last && t->v[sub.last + 1].first <= sub_end)
		sub.last++;
	e->value = table_block(t, level + 1, &sub);
	if (sub_end == rest->end)
		return false;
	rest->first = sub_end + 1;
	rest->i = sub.last;
	if (rest->i < rest->last && t->v[rest->i + 1].first == rest->first)
		rest->i++;
	return true;
}

static uint32_t table_block(const struct table *t, int level, const struct block *whole)
{
	struct block rest = *whole;
	struct dbx_run32 *run;
	uint32_t value;
	size_t n = 0;

	if (rest.i == rest.last)
		return DBX_LEAF | t->v[rest.i].value;
	if (t->b->err)
		return DBX_LEAF;
	run = malloc((2 * (rest.last - rest.i) + 2) * sizeof(*run));
	if (!run) {
		fail(t->b, -ENOMEM, "runs");
		return DBX_LEAF;
	}
	while (next_entry(t, level, &rest, &run[n++]))
		;
	value = dbx_imgbuf_run32(t->b, run, n);
	free(run);
	return value;
}

void dbx_imgbuf_table(struct dbx_imgbuf *b, enum dbx_section_id root_id, int is_v6,
		      const struct dbx_interval *v, size_t n)
{
	const struct table t = {b, v, is_v6 ? shifts6 : shifts4};
	uint32_t root = dbx_imgbuf_add(b, root_id, NULL, DBX_ROOT_ENTRIES);
	int shift = is_v6 ? 112 : 16;
	size_t i = 0;

	for (uint32_t top = 0; top < DBX_ROOT_ENTRIES && !b->err; top++) {
		struct block whole = {.first = (dbx_wide)top << shift};
		uint32_t value;

		whole.end = whole.first + (((dbx_wide)1 << shift) - 1);
		while (i + 1 < n && v[i + 1].first <= whole.first)
			i++;
		whole.i = whole.last = i;
		while (whole.last + 1 < n && v[whole.last + 1].first <= whole.end)
			whole.last++;
		value = table_block(&t, 0, &whole);
		if (b->err)
			return;
		*(uint32_t *)dbx_imgbuf_at(b, root_id, root + top) = value;
		i = whole.last;
	}
}

/* Offsets and sizes of all sections; returns the bytes of the whole image. */
static size_t lay_out(const struct dbx_imgbuf *b, struct dbx_image_header *h)
{
	size_t at = DBX_CHUNK_BYTES;

	for (int i = 0; i < DBX_SEC_MAX; i++) {
		struct dbx_section *s = &h->sec[i];

		if (i == DBX_SEC_KERNEL_MAX)
			h->n_kernel_chunks = (uint32_t)(at >> DBX_CHUNK_SHIFT);
		s->offset = at;
		s->n_items = (uint32_t)b->sec[i].n;
		s->n_bytes = b->sec[i].n * dbx_section_shapes[i].item_bytes;
		at += s->n_bytes;
		if (i < DBX_SEC_KERNEL_MAX) {
			s->chunk = (uint32_t)(s->offset >> DBX_CHUNK_SHIFT);
			at = (at + DBX_CHUNK_BYTES - 1) & ~(size_t)(DBX_CHUNK_BYTES - 1);
		} else {
			at = (at + 7) & ~(size_t)7;
		}
	}
	return at;
}

int dbx_imgbuf_finish(struct dbx_imgbuf *b, uint64_t generation, uint32_t n_classes, void **image,
		      size_t *n_bytes, size_t *kernel_bytes)
{
	struct dbx_image_header h = b->hdr;
	uint8_t *out;

	if (b->err)
		return b->err;
	h.magic = DBX_IMAGE_MAGIC;
	h.abi = DBX_ABI_VERSION;
	h.header_bytes = sizeof(h);
	h.n_classes = n_classes;
	h.n_bytes = lay_out(b, &h);
	out = calloc(1, h.n_bytes);
	if (!out)
		return -ENOMEM;
	for (int i = 0; i < DBX_SEC_MAX; i++)
		if (h.sec[i].n_bytes)
			memcpy(out + h.sec[i].offset, b->sec[i].v, h.sec[i].n_bytes);
	memcpy(out, &h, sizeof(h));
	dbx_image_set_generation(out, generation);
	*image = out;
	*n_bytes = h.n_bytes;
	*kernel_bytes = (size_t)h.n_kernel_chunks << DBX_CHUNK_SHIFT;
	return 0;
}
