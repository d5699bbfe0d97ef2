// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tinyimg.c -- the smallest policy image that judges: written by hand, without the compiler.
 */
#include "common/tinyimg.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

/* A section whose items begin a chunk of their own. */
static void *section(uint8_t *base, enum dbx_section_id id, uint32_t chunk, uint32_t n_items,
		     size_t item_bytes)
{
	struct dbx_image_header *hdr = (struct dbx_image_header *)base;

	hdr->sec[id].chunk = chunk;
	hdr->sec[id].n_items = n_items;
	hdr->sec[id].offset = (uint64_t)chunk << DBX_CHUNK_SHIFT;
	hdr->sec[id].n_bytes = n_items * item_bytes;
	return base + hdr->sec[id].offset;
}

static void fill_root(uint32_t *root, uint32_t value)
{
	uint32_t i;

	for (i = 0; i < DBX_ROOT_ENTRIES; i++)
		root[i] = value;
}

void tinyimg_seal(void *image, size_t n_bytes)
{
	struct dbx_image_header *hdr = image;

	hdr->checksum = 0;
	hdr->checksum = dbx_crc32c(0, image, n_bytes);
}

void *tinyimg_new(const struct tinyimg *t, size_t *n_bytes)
{
	enum { N_CHUNKS = 1 + DBX_SEC_KERNEL_MAX };
	uint32_t n_chunks = N_CHUNKS + t->n_extra_chunks;
	struct dbx_binding *binding;
	struct dbx_outcome *outcome;
	struct dbx_image_header *hdr;
	struct dbx_run32 *run;
	uint8_t *base;

	*n_bytes = (size_t)n_chunks << DBX_CHUNK_SHIFT;
	base = calloc(n_chunks, DBX_CHUNK_BYTES);
	if (!base)
		return NULL;
	hdr = (struct dbx_image_header *)base;
	hdr->magic = DBX_IMAGE_MAGIC;
	hdr->abi = DBX_ABI_VERSION;
	hdr->header_bytes = sizeof(*hdr);
	hdr->generation = t->generation;
	hdr->n_bytes = *n_bytes;
	hdr->content_hash = 0xc0ffee00u + t->generation;
	hdr->n_kernel_chunks = n_chunks;
	hdr->n_classes = 1;
	/* Destinations are class 0, sources owner run 1, in every domain binding 0. */
	fill_root(section(base, DBX_SEC_DST4_ROOT, 1, DBX_ROOT_ENTRIES, 4), DBX_LEAF);
	section(base, DBX_SEC_DST4_RUNS, 2, 1, sizeof(struct dbx_run4));
	fill_root(section(base, DBX_SEC_DST6_ROOT, 3, DBX_ROOT_ENTRIES, 4), DBX_LEAF);
	fill_root(section(base, DBX_SEC_SRC4_ROOT, 4, DBX_ROOT_ENTRIES, 4), DBX_LEAF | 1);
	fill_root(section(base, DBX_SEC_SRC6_ROOT, 5, DBX_ROOT_ENTRIES, 4), DBX_LEAF | 1);
	run = section(base, DBX_SEC_RUNS32, 6, 2, sizeof(*run));
	run[0].value = DBX_LEAF;
	run[1].value = DBX_LEAF | 1;
	binding = section(base, DBX_SEC_BINDINGS, 7, 1, sizeof(*binding));
	binding->workspace_id = TINYIMG_WORKSPACE;
	binding->port = t->interface ? dbx_port_hash(t->interface) : 0;
	binding->flags = t->verdict == DBX_VERDICT_DRY_RUN ? DBX_BINDING_F_DRY_RUN : 0;
	section(base, DBX_SEC_PROFILES, 8, 1, sizeof(struct dbx_profile));
	*(uint16_t *)section(base, DBX_SEC_CELLS, 9, 1, 2) = 1;
	((uint32_t *)section(base, DBX_SEC_RULESETS, 10, 2, 4))[1] = DBX_LEAF | 1;
	outcome = section(base, DBX_SEC_OUTCOMES, 11, 2, sizeof(*outcome));
	outcome[1].rule_uid = TINYIMG_RULE_UID;
	outcome[1].verdict = t->verdict == DBX_VERDICT_PASS ? DBX_VERDICT_PASS : DBX_VERDICT_DROP;
	outcome[1].reason = t->reason;
	outcome[1].path = DBX_PATH_NAT;
	outcome[1].flags = t->verdict == DBX_VERDICT_DRY_RUN ? DBX_OUTCOME_F_SOFT : 0;
	section(base, DBX_SEC_QUOTAS, 12, 0, sizeof(struct dbx_quota));
	tinyimg_seal(base, *n_bytes);
	return base;
}

int tinyimg_apply(const struct tinyimg *t, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		  struct dbx_dp_error *err)
{
	size_t n = 0;
	void *image = tinyimg_new(t, &n);
	int rc = ops->prepare(dp, image, n, err);

	free(image);
	return rc ? rc : ops->commit(dp, err);
}
