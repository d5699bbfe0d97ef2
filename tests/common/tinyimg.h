/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tinyimg.h -- the smallest policy image that judges: written by hand, without the compiler.
 *
 * One workspace owns every address, every destination has one class, and one outcome decides.
 */
#ifndef DBX_TESTS_TINYIMG_H
#define DBX_TESTS_TINYIMG_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dbx/image.h"

#define TINYIMG_WORKSPACE 4711u
#define TINYIMG_RULE_UID  0x1122334455667788ull

struct tinyimg {
	uint64_t generation;
	uint8_t verdict; /* enum dbx_verdict: DRY_RUN makes a soft denial of a source in dry-run */
	uint8_t reason;
	const char *interface;   /* the only one that the source may use; NULL = any */
	uint32_t n_extra_chunks; /* kernel chunks of nothing, to make an image large */
};

/* malloc'ed; header, checksum and hash are right. */
void *tinyimg_new(const struct tinyimg *t, size_t *n_bytes);
/* Writes the checksum anew, after a test changed something. */
void tinyimg_seal(void *image, size_t n_bytes);
/* Puts it in force: what of prepare and commit failed, or 0. */
int tinyimg_apply(const struct tinyimg *t, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		  struct dbx_dp_error *err);

#endif
