/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image.h -- the policy image in user space: checking it, naming what it refers to, looking up.
 *
 * The layout that packets see is include/dbx/image.h; the records here are the sections that only
 * people need. Strings are offsets into DBX_SEC_STRINGS, NUL-terminated; offset 0 is "".
 */
#ifndef DBX_POLICY_IMAGE_H
#define DBX_POLICY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/image.h"
#include "lib/addr.h"

struct dbx_img_interface { /* DBX_SEC_INTERFACES: names that bindings may hash */
	uint32_t name;
	uint32_t zero;
};

struct dbx_img_workspace { /* DBX_SEC_WORKSPACES */
	uint64_t id;
	uint32_t name;
	uint32_t policy;  /* index into DBX_SEC_POLICIES, UINT32_MAX = none */
	uint32_t ncc;     /* index into DBX_SEC_NCCS, UINT32_MAX = none */
	uint32_t profile; /* index into DBX_SEC_PROFILES */
};

struct dbx_img_policy { /* DBX_SEC_POLICIES */
	uint32_t id;
	uint32_t mode;        /* enum dbx_restriction_mode */
	uint32_t enforcement; /* enum dbx_enforcement */
	uint32_t n_names;     /* names that wait for learning */
};

struct dbx_img_ncc {
	uint32_t id;
	uint32_t name;
};

struct dbx_img_rule { /* DBX_SEC_RULES; rule of an outcome = index + 1 */
	uint64_t uid;
	uint32_t policy; /* id string, "" = of the gateway */
	uint32_t doc;    /* document name */
	uint32_t ptr;    /* JSON pointer */
	uint32_t text;   /* "service tag Storage.EastUS2 tcp 443" */
};

struct dbx_img_class {  /* DBX_SEC_CLASSES: sets that contain the class's addresses */
	uint32_t first; /* into DBX_SEC_CLASS_SETS (u32 set ids, ascending) */
	uint32_t n;
};

enum dbx_set_kind {
	DBX_SET_MARTIAN,
	DBX_SET_MULTICAST,
	DBX_SET_LINK_LOCAL,
	DBX_SET_METADATA,
	DBX_SET_GATEWAY,
	DBX_SET_WORKSPACE,
	DBX_SET_PRIVATE_ENDPOINT,
	DBX_SET_PREFIXES, /* prefixes of one entry of a document */
	DBX_SET_TAG,
	DBX_SET_KIND_MAX,
};

struct dbx_img_set {   /* DBX_SEC_SETS */
	uint32_t kind; /* enum dbx_set_kind */
	uint32_t name; /* tag name, rule_id, label, ... */
	uint32_t doc;
	uint32_t ptr;
};

/* A view of an image in memory; base is not owned. */
struct dbx_image {
	const uint8_t *base;
	size_t n_bytes;
	const struct dbx_image_header *hdr;
};

/*
 * Checks everything that the classifier relies on: magic, ABI, sizes, checksum, section bounds, and
 * every reference of every section. Any byte string is a legal input. Returns 0 and fills *img, or
 * -EINVAL with *why set to a constant sentence.
 */
int dbx_image_open(struct dbx_image *img, const void *base, size_t n_bytes, const char **why);

/* First item of a section, and how many. */
const void *dbx_image_section(const struct dbx_image *img, enum dbx_section_id id,
			      uint32_t *n_items);
const char *dbx_image_string(const struct dbx_image *img, uint32_t offset); /* never NULL */

/* Writes the generation and mends content hash and checksum (image memory must be writable). */
void dbx_image_set_generation(void *base, uint64_t generation);

/* Class of an address, as the classifier finds it. */
uint32_t dbx_image_class(const struct dbx_image *img, const struct dbx_addr *addr);

/* Human-readable dump of the whole image (sections, tables, rows), malloc'ed; NULL = no memory. */
char *dbx_image_dump(const struct dbx_image *img, bool full);

#endif
