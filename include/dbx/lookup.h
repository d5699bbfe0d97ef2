/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup.h -- reads of the image, each one bounded: items, runs, the tables of addresses.
 *
 * Nothing here knows what a packet is; classify.h asks. See image.h for the structures.
 */
#ifndef DBX_LOOKUP_H
#define DBX_LOOKUP_H

#include "env.h"
#include "image.h"

/* Keeps the compiler from turning the branchless search below back into branches. */
#define DBX_OPAQUE(v) __asm__ volatile("" : "+r"(v))

static __always_inline const struct dbx_image_header *dbx_classify_header(const struct dbx_env *env)
{
	return dbx_env_chunk(env, 0);
}

/* Item `index` of a kernel section, or NULL. Items never cross a chunk, so masks bound the read. */
static __always_inline const void *dbx_item(const struct dbx_env *env,
					    const struct dbx_section *sec, dbx_u32 index,
					    dbx_u32 shift, dbx_u32 bytes)
{
	const dbx_u8 *chunk;

	if (index >= sec->n_items)
		return 0;
	chunk = dbx_env_chunk(env, sec->chunk + (index >> shift));
	if (!chunk)
		return 0;
	return chunk + (dbx_u64)(index & ((1u << shift) - 1)) * bytes;
}

/*
 * The entry of the run at ref that holds key: its index << 32 | its value. A run that is not there
 * counts as entry 0, whose value is DBX_LEAF (none).
 */
static __always_inline dbx_u64 dbx_run32_step(const struct dbx_env *env,
					      const struct dbx_section *sec, dbx_u32 ref,
					      dbx_u32 key)
{
	const dbx_u32 mask = (1u << DBX_RUN32_SHIFT) - 1;
	const struct dbx_run32 *v;
	dbx_u32 lo, n;
	int i;

	if (ref >= sec->n_items)
		return DBX_LEAF;
	v = dbx_env_chunk(env, sec->chunk + (ref >> DBX_RUN32_SHIFT));
	if (!v)
		return DBX_LEAF;
	lo = ref & mask;
	n = v[lo].start + 1;
	for (i = 0; i < DBX_RUN32_SHIFT; i++) {
		dbx_u32 h = n >> 1;
		dbx_s64 m;

		if (n < 2)
			break;
		m = ((dbx_s64)(dbx_u64)key - (dbx_s64)(dbx_u64)v[(lo + h) & mask].start) >> 63;
		DBX_OPAQUE(m);
		lo += h & ~(dbx_u32)m;
		n -= h;
	}
	lo &= mask;
	return (dbx_u64)((ref & ~mask) | lo) << 32 | v[lo].value;
}

/* The same, through the splits of a long run. */
static __always_inline dbx_u64 dbx_run32_entry(const struct dbx_env *env,
					       const struct dbx_section *sec, dbx_u32 ref,
					       dbx_u32 key)
{
	dbx_u64 e = dbx_run32_step(env, sec, ref & DBX_REF_MASK, key);

	if (!(e & DBX_LEAF) && (e & DBX_SAME))
		e = dbx_run32_step(env, sec, e & DBX_REF_MASK, key);
	return e;
}

static __always_inline dbx_u32 dbx_run32_find(const struct dbx_env *env,
					      const struct dbx_section *sec, dbx_u32 ref,
					      dbx_u32 key)
{
	return (dbx_u32)dbx_run32_entry(env, sec, ref, key);
}

/* Root entry for the top 16 bits; DBX_LEAF when there is none. */
static __always_inline dbx_u32 dbx_root(const struct dbx_env *env, const struct dbx_section *sec,
					dbx_u32 top)
{
	const dbx_u32 *v = dbx_env_chunk(env, sec->chunk);

	return v ? v[top & (DBX_ROOT_ENTRIES - 1)] : DBX_LEAF;
}

static __always_inline dbx_u32 dbx_dst4_class(const struct dbx_env *env,
					      const struct dbx_image_header *hdr, dbx_u32 addr)
{
	const dbx_u32 mask = (1u << DBX_RUN4_SHIFT) - 1;
	const struct dbx_section *sec = &hdr->sec[DBX_SEC_DST4_RUNS];
	dbx_u32 v = dbx_root(env, &hdr->sec[DBX_SEC_DST4_ROOT], addr >> 16);
	const struct dbx_run4 *r;
	dbx_u32 lo, n;
	int i;

	if (v & DBX_LEAF)
		return v & DBX_VALUE_MASK;
	if (v >= sec->n_items)
		return 0;
	r = dbx_env_chunk(env, sec->chunk + (v >> DBX_RUN4_SHIFT));
	if (!r)
		return 0;
	lo = v & mask;
	n = r[lo].start + 1u;
	for (i = 0; i < DBX_RUN4_SHIFT; i++) {
		dbx_u32 h = n >> 1;
		dbx_s64 m;

		if (n < 2)
			break;
		m = ((dbx_s64)(addr & 0xffff) - (dbx_s64)r[(lo + h) & mask].start) >> 63;
		DBX_OPAQUE(m);
		lo += h & ~(dbx_u32)m;
		n -= h;
	}
	return r[lo & mask].class_id;
}

/* The four levels of an IPv6 table; returns the leaf's value. */
static __always_inline dbx_u32 dbx_walk6(const struct dbx_env *env,
					 const struct dbx_image_header *hdr,
					 const struct dbx_section *root, const dbx_u32 a[4])
{
	const struct dbx_section *runs = &hdr->sec[DBX_SEC_RUNS32];
	dbx_u32 v = dbx_root(env, root, a[0] >> 16);

	if (!(v & DBX_LEAF))
		v = dbx_run32_find(env, runs, v, a[0]);
	if (!(v & DBX_LEAF))
		v = dbx_run32_find(env, runs, v, a[1]);
	if (!(v & DBX_LEAF))
		v = dbx_run32_find(env, runs, v, a[2]);
	if (!(v & DBX_LEAF))
		v = dbx_run32_find(env, runs, v, a[3]);
	return v & DBX_LEAF ? v & DBX_VALUE_MASK : 0;
}

/* Class of a destination; 0 is the class of addresses that no set contains. */
static __always_inline dbx_u32 dbx_dst_class(const struct dbx_env *env,
					     const struct dbx_image_header *hdr, const dbx_u32 a[4],
					     int is_v6)
{
	if (is_v6)
		return dbx_walk6(env, hdr, &hdr->sec[DBX_SEC_DST6_ROOT], a);
	return dbx_dst4_class(env, hdr, a[0]);
}

/* Owner run of an address, 0 = no workspace has it. */
static __always_inline dbx_u32 dbx_src_owner(const struct dbx_env *env,
					     const struct dbx_image_header *hdr, const dbx_u32 a[4],
					     int is_v6)
{
	dbx_u32 v;

	if (is_v6)
		return dbx_walk6(env, hdr, &hdr->sec[DBX_SEC_SRC6_ROOT], a);
	v = dbx_root(env, &hdr->sec[DBX_SEC_SRC4_ROOT], a[0] >> 16);
	if (!(v & DBX_LEAF))
		v = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], v, a[0]);
	return v & DBX_LEAF ? v & DBX_VALUE_MASK : 0;
}

/* Binding of an owner in a domain, or NULL. */
static __always_inline const struct dbx_binding *
dbx_owner_binding(const struct dbx_env *env, const struct dbx_image_header *hdr, dbx_u32 owner,
		  dbx_u32 domain)
{
	dbx_u32 v;

	if (!owner)
		return 0;
	v = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], owner, domain);
	if (!(v & DBX_LEAF) || !(v & DBX_VALUE_MASK))
		return 0;
	return dbx_item(env, &hdr->sec[DBX_SEC_BINDINGS], (v & DBX_VALUE_MASK) - 1,
			DBX_BINDING_SHIFT, sizeof(struct dbx_binding));
}

static __always_inline const struct dbx_outcome *
dbx_outcome_at(const struct dbx_env *env, const struct dbx_image_header *hdr, dbx_u32 value)
{
	if (!(value & DBX_LEAF))
		return 0;
	return dbx_item(env, &hdr->sec[DBX_SEC_OUTCOMES], value & DBX_VALUE_MASK, DBX_OUTCOME_SHIFT,
			sizeof(struct dbx_outcome));
}

#endif
