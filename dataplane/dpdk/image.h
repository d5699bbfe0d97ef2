/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image.h -- a policy image as the daemon hands it over: mapped read-only, and believed only after it
 * was checked.
 */
#ifndef DBX_DPDK_IMAGE_H
#define DBX_DPDK_IMAGE_H

#include "dataplane/dpdk/program.h"

/*
 * Takes a memfd of n_bytes that nobody can change any more (F_SEAL_WRITE, SHRINK, GROW, SEAL). fd stays
 * the caller's. 0, or -EINVAL or another -errno with *why set to a constant sentence.
 */
int dpk_image_map(struct dpk_image **image, int fd, uint64_t n_bytes, const char **why);
/* The same from a file, which is copied first. */
int dpk_image_load(struct dpk_image **image, const char *path, const char **why);
/* For tests: memory of the caller's, as it is; a damaged image is a test too. */
int dpk_image_wrap(struct dpk_image **image, const void *base, uint32_t n_chunks);
void dpk_image_free(struct dpk_image *image);

static inline const struct dbx_image_header *dpk_image_header(const struct dpk_image *image)
{
	return image ? (const struct dbx_image_header *)image->base : 0;
}

#endif
