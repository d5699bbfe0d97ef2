/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_util.h -- what the drivers share: sentences of failure, and the check of an image's frame.
 */
#ifndef DBX_DATAPLANE_DP_UTIL_H
#define DBX_DATAPLANE_DP_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dbx/image.h"

/* Writes the sentence into err (which may be NULL) and returns rc. */
int dp_fail(struct dbx_dp_error *err, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Magic, ABI, sizes. 0 or -EINVAL; the references inside are the caller's (dbx_image_open). */
int dp_image_check(const void *image, size_t n_bytes, struct dbx_dp_error *err);

/*
 * CRC-32C of an image whose first bytes are read from kernel_part (as it stands in the map) and
 * whose rest is read from image.
 */
uint32_t dp_image_checksum(const void *kernel_part, const void *image, size_t n_bytes);

/*
 * What map samples gives for a packet, aligned to 4 bytes, in size bytes: handed to fn as the packet came,
 * without the tag by which it was sealed (ebpf/scratch.h). 0, or -EPROTO: it is none.
 */
int dp_sample_give(const void *data, size_t size, dbx_dp_sample_fn fn, void *arg);

#endif
