/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image.c -- opening an image: layout, checksum, sections, strings.
 *
 * Any byte string is a legal input. What passes here can be read without further checks by code of
 * user space; the classifier bounds its reads all the same.
 */
#include "policy/image.h"

#include <errno.h>
#include <string.h>

#include "dbx/classify.h"
#include "lib/hash.h"
#include "policy/image_check.h"
#include "policy/imgbuf.h"
#include "policy/judge.h"

/* CRC-32C of the image with the checksum field read as zero. */
static uint32_t checksum(const uint8_t *base, size_t n_bytes)
{
	const size_t at = offsetof(struct dbx_image_header, checksum);
	const uint32_t zero = 0;
	uint32_t crc = dbx_crc32c(0, base, at);

	crc = dbx_crc32c(crc, &zero, sizeof(zero));
	return dbx_crc32c(crc, base + at + sizeof(zero), n_bytes - at - sizeof(zero));
}

static uint64_t content_hash(const uint8_t *base, size_t n_bytes)
{
	struct dbx_image_header h;
	uint64_t hash;
	uint32_t crc;

	memcpy(&h, base, sizeof(h));
	h.generation = h.content_hash = 0;
	h.checksum = 0;
	hash = dbx_hash64(&h, sizeof(h), 0);
	/* two halves of the body by CRC keep this fast on images of many megabytes */
	crc = dbx_crc32c(0, base + sizeof(h), n_bytes - sizeof(h));
	hash = dbx_hash64(&crc, sizeof(crc), hash);
	crc = dbx_crc32c(0x5bd1e995u, base + sizeof(h), (n_bytes - sizeof(h)) / 2);
	return dbx_hash64(&crc, sizeof(crc), hash);
}

void dbx_image_set_generation(void *base, uint64_t generation)
{
	struct dbx_image_header *h = base;

	h->generation = generation;
	h->content_hash = content_hash(base, h->n_bytes);
	h->checksum = checksum(base, h->n_bytes);
}

static const char *check_header(const struct dbx_image_header *h, size_t n_bytes)
{
	if (h->magic != DBX_IMAGE_MAGIC)
		return "it does not begin with the magic number of a policy image";
	if (h->abi != DBX_ABI_VERSION || h->header_bytes != sizeof(*h))
		return "it was written by another version of this program";
	if (h->n_bytes != n_bytes)
		return "its length is not the one that its header states";
	if ((uint64_t)h->n_kernel_chunks << DBX_CHUNK_SHIFT > n_bytes)
		return "its kernel part is longer than the image";
	if (!h->n_classes || h->n_classes > DBX_CLASSES_MAX)
		return "the number of classes is out of range";
	return NULL;
}

static const char *check_section(const struct dbx_image_header *h, int id)
{
	const struct dbx_section_shape *shape = &dbx_section_shapes[id];
	const struct dbx_section *s = &h->sec[id];
	uint64_t kernel_bytes = (uint64_t)h->n_kernel_chunks << DBX_CHUNK_SHIFT;

	if (s->n_bytes != (uint64_t)s->n_items * shape->item_bytes || s->n_items > DBX_REF_MASK)
		return "a section's length is not that of its items";
	if (s->offset > h->n_bytes || s->n_bytes > h->n_bytes - s->offset)
		return "a section lies outside the image";
	if (id >= DBX_SEC_KERNEL_MAX)
		return s->offset & 7 ? "a section is not aligned" : NULL;
	if (s->offset != (uint64_t)s->chunk << DBX_CHUNK_SHIFT || !s->chunk)
		return "a kernel section does not start at its chunk";
	if (s->offset + s->n_bytes > kernel_bytes)
		return "a kernel section lies outside the kernel part";
	return NULL;
}

int dbx_image_open(struct dbx_image *img, const void *base, size_t n_bytes, const char **why)
{
	struct dbx_image view = {base, n_bytes, base};
	const char *bad;

	if (n_bytes < DBX_CHUNK_BYTES || ((uintptr_t)base & 7)) {
		*why = "it is too short for a policy image";
		return -EINVAL;
	}
	bad = check_header(view.hdr, n_bytes);
	for (int i = 0; !bad && i < DBX_SEC_MAX; i++)
		bad = check_section(view.hdr, i);
	if (!bad && checksum(base, n_bytes) != view.hdr->checksum)
		bad = "its checksum does not match its bytes";
	if (!bad)
		bad = dbx_image_check_refs(&view);
	if (bad) {
		*why = bad;
		return -EINVAL;
	}
	*img = view;
	return 0;
}

const void *dbx_image_section(const struct dbx_image *img, enum dbx_section_id id,
			      uint32_t *n_items)
{
	if (n_items)
		*n_items = img->hdr->sec[id].n_items;
	return img->base + img->hdr->sec[id].offset;
}

const char *dbx_image_string(const struct dbx_image *img, uint32_t offset)
{
	uint32_t n;
	const char *s = dbx_image_section(img, DBX_SEC_STRINGS, &n);

	return offset < n ? s + offset : "";
}

uint32_t dbx_image_class(const struct dbx_image *img, const struct dbx_addr *addr)
{
	struct dbx_env env = {.base = img->base, .n_chunks = img->hdr->n_kernel_chunks};
	uint32_t words[4];

	dbx_judge_addr(addr, words);
	return dbx_dst_class(&env, img->hdr, words, addr->is_v6);
}
