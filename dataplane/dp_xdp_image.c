// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_image.c -- policy images in the kernel: filled, frozen, verified, made active.
 *
  * An image is one array map whose elements are its kernel chunks; all of a program's images have the
 * same number of elements, those beyond the image are zero. It is written through mmap, frozen
 * (from then on nobody can write it, not even root), and read back: what is made active is what was
 * checked. The checksum of the whole image covers it, user-space part included.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_util.h"

static int fill(int fd, const void *image, size_t kernel_bytes)
{
	void *p = mmap(NULL, kernel_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	memcpy(p, image, kernel_bytes);
	return munmap(p, kernel_bytes) ? -errno : 0;
}

/* Reads back what the kernel holds; 0, -EBADMSG when it is not what the header promises. */
static int verify(int fd, const void *image, size_t n_bytes, size_t kernel_bytes)
{
	const struct dbx_image_header *hdr = image;
	void *p = mmap(NULL, kernel_bytes, PROT_READ, MAP_SHARED, fd, 0);
	uint32_t crc;

	if (p == MAP_FAILED)
		return -errno;
	crc = dp_image_checksum(p, image, n_bytes);
	munmap(p, kernel_bytes);
	return crc == hdr->checksum ? 0 : -EBADMSG;
}

int dp_image_load(const void *image, size_t n_bytes, uint32_t n_chunks, int *inner_fd,
		  struct dbx_dp_error *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	const struct dbx_image_header *hdr = image;
	size_t kernel_bytes;
	int fd, rc;

	rc = dp_image_check(image, n_bytes, err);
	if (rc)
		return rc;
	kernel_bytes = (size_t)hdr->n_kernel_chunks << DBX_CHUNK_SHIFT;
	if (hdr->n_kernel_chunks > n_chunks)
		return dp_fail(err, -E2BIG, "policy image: %u chunks, the program has room for %u",
			       hdr->n_kernel_chunks, n_chunks);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", sizeof(uint32_t), DBX_CHUNK_BYTES,
			    n_chunks, &opts);
	if (fd < 0)
		return dp_fail(err, fd,
			       "policy image: the kernel refused an array of %zu bytes: %s",
			       (size_t)n_chunks << DBX_CHUNK_SHIFT, strerror(-fd));
	rc = fill(fd, image, kernel_bytes);
	if (rc) {
		dp_fail(err, rc, "policy image: cannot write it to the kernel: %s", strerror(-rc));
		goto out;
	}
	rc = bpf_map_freeze(fd);
	if (rc) {
		dp_fail(err, rc, "policy image: cannot freeze it: %s", strerror(-rc));
		goto out;
	}
	rc = verify(fd, image, n_bytes, kernel_bytes);
	if (rc == -EBADMSG)
		dp_fail(err, rc, "policy image: the checksum does not fit the bytes");
	else if (rc)
		dp_fail(err, rc, "policy image: cannot read it back: %s", strerror(-rc));
out:
	if (rc)
		close(fd);
	else
		*inner_fd = fd;
	return rc;
}

/* When this returns, no packet is being judged by the image before (maybe_wait_bpf_programs). */
int dp_image_activate(int images_fd, int inner_fd)
{
	uint32_t slot = 0;

	return bpf_map_update_elem(images_fd, &slot, &inner_fd, BPF_ANY);
}

int dp_image_deactivate(int images_fd)
{
	uint32_t slot = 0;

	return bpf_map_delete_elem(images_fd, &slot);
}

int dp_image_active(const char *dir, int images_fd, struct dbx_image_header *hdr)
{
	uint32_t slot = 0, id = 0;
	const void *p;
	int fd, rc = 0;

	rc = bpf_map_lookup_elem(images_fd, &slot, &id);
	if (rc)
		return rc;
	fd = dp_pin_map_by_id(dir, id);
	if (fd < 0)
		return fd;
	p = mmap(NULL, DBX_CHUNK_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		rc = -errno;
	} else {
		memcpy(hdr, p, sizeof(*hdr));
		munmap((void *)p, DBX_CHUNK_BYTES);
		if (hdr->magic != DBX_IMAGE_MAGIC || hdr->abi != DBX_ABI_VERSION)
			rc = -EPROTO;
	}
	close(fd);
	return rc;
}
