// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * image.c -- a policy image as the daemon hands it over: mapped read-only, and believed only after it
 * was checked.
 *
 * The daemon has verified every reference (dbx_image_open); here it is proved that these are the bytes
 * that it verified, and that they stay so. The classifier bounds each read by the chunks that are there
 * and trusts no reference.
 */
#include "dataplane/dpdk/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_hash_crc.h>

#include "dataplane/dpdk/view.h"

#define SEALS        (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define IMAGE_MAX    (1ull << 32)
#define PART_MAX     (1u << 30) /* rte_hash_crc() takes 32 bits of length */
#define CHECKSUM_AT  offsetof(struct dbx_image_header, checksum)
#define CHECKSUM_END (CHECKSUM_AT + sizeof(uint32_t))

static uint32_t crc(uint32_t v, const uint8_t *p, size_t n)
{
	while (n) {
		uint32_t part = n < PART_MAX ? (uint32_t)n : PART_MAX;

		v = rte_hash_crc(p, part, v);
		p += part;
		n -= part;
	}
	return v;
}

/* CRC-32C of the whole, its own field taken as zero. */
static uint32_t checksum(const uint8_t *p, size_t n)
{
	const uint8_t zero[sizeof(uint32_t)] = {0};
	uint32_t v = crc(~0u, p, CHECKSUM_AT);

	v = crc(v, zero, sizeof(zero));
	return ~crc(v, p + CHECKSUM_END, n - CHECKSUM_END);
}

static bool sections_fit(const struct dbx_image_header *hdr)
{
	for (int i = 0; i < DBX_SEC_MAX; i++) {
		const struct dbx_section *s = &hdr->sec[i];

		if (s->offset > hdr->n_bytes || s->n_bytes > hdr->n_bytes - s->offset)
			return false;
		if (i < DBX_SEC_KERNEL_MAX && s->n_items && s->chunk >= hdr->n_kernel_chunks)
			return false;
	}
	return true;
}

static const char *refuse(const uint8_t *p, size_t n_bytes)
{
	const struct dbx_image_header *hdr = (const void *)p;

	if (hdr->magic != DBX_IMAGE_MAGIC)
		return "policy image: the magic number is another one";
	if (hdr->abi != DBX_ABI_VERSION)
		return "policy image: of another ABI than this program's";
	if (hdr->n_bytes != n_bytes)
		return "policy image: the header states another size";
	if (!hdr->n_kernel_chunks || hdr->n_kernel_chunks > n_bytes >> DBX_CHUNK_SHIFT)
		return "policy image: the chunks that it states do not fit";
	if (!sections_fit(hdr))
		return "policy image: a section lies beyond its end";
	return checksum(p, n_bytes) == hdr->checksum ? NULL : "policy image: the checksum differs";
}

int dpk_image_map(struct dpk_image **out, int fd, uint64_t n_bytes, const char **why)
{
	int seals = fcntl(fd, F_GET_SEALS), rc = -EINVAL;
	struct dpk_image *img;
	struct stat st;
	void *p;

	*why = "policy image: not a memfd that is sealed against changes";
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EINVAL;
	*why = "policy image: no image has this size";
	if (n_bytes < DBX_CHUNK_BYTES || n_bytes > IMAGE_MAX)
		return -EINVAL;
	*why = "policy image: its size is not what was said";
	if (fstat(fd, &st) || (uint64_t)st.st_size != n_bytes)
		return -EINVAL;
	*why = "policy image: it cannot be mapped";
	img = calloc(1, sizeof(*img));
	if (!img)
		return -ENOMEM;
	p = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED) {
		rc = -errno;
		goto out;
	}
	madvise(p, n_bytes, MADV_HUGEPAGE); /* where shmem_enabled has it so */
	*why = refuse(p, n_bytes);
	if (*why) {
		munmap(p, n_bytes);
		goto out;
	}
	img->base = p;
	img->n_bytes = n_bytes;
	img->n_chunks = ((const struct dbx_image_header *)p)->n_kernel_chunks;
	img->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	rc = dpk_view_make(&img->view, img);
	if (rc) {
		*why = "policy image: no memory for what is looked up by it";
		dpk_image_free(img);
		return rc;
	}
	*out = img;
	return 0;
out:
	free(img);
	return rc;
}

static int copy(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		for (ssize_t done = 0; done < n;) {
			ssize_t k = write(to, buf + done, (size_t)(n - done));

			if (k < 0)
				return -errno;
			done += k;
		}
	}
	return n < 0 ? -errno : 0;
}

int dpk_image_load(struct dpk_image **out, const char *path, const char **why)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), rc;
	int fd = file < 0 ? -1 : memfd_create("dbx-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	*why = "policy image: the file cannot be read";
	rc = fd < 0 ? -errno : copy(file, fd);
	if (!rc && (fcntl(fd, F_ADD_SEALS, SEALS) || fstat(fd, &st)))
		rc = -errno;
	if (!rc)
		rc = dpk_image_map(out, fd, (uint64_t)st.st_size, why);
	if (fd >= 0)
		close(fd);
	if (file >= 0)
		close(file);
	return rc;
}

int dpk_image_wrap(struct dpk_image **out, const void *base, uint32_t n_chunks)
{
	struct dpk_image *img = calloc(1, sizeof(*img));

	if (!img)
		return -ENOMEM;
	*img = (struct dpk_image){.base = base, .n_chunks = n_chunks, .fd = -1};
	if (dpk_view_make(&img->view, img)) {
		free(img);
		return -ENOMEM;
	}
	*out = img;
	return 0;
}

void dpk_image_free(struct dpk_image *img)
{
	if (!img)
		return;
	dpk_view_free(&img->view);
	if (img->n_bytes)
		munmap((void *)img->base, img->n_bytes);
	if (img->fd >= 0)
		close(img->fd);
	free(img);
}
