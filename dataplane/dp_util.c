// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_util.c -- what the drivers share: sentences of failure, and the check of an image's frame.
 */
#include "dataplane/dp_util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"

int dp_fail(struct dbx_dp_error *err, int rc, const char *format, ...)
{
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return rc;
}

int dp_image_check(const void *image, size_t n_bytes, struct dbx_dp_error *err)
{
	const struct dbx_image_header *hdr = image;

	if (!image || n_bytes < sizeof(*hdr))
		return dp_fail(err, -EINVAL, "policy image: %zu bytes are too few for a header",
			       image ? n_bytes : 0);
	if (hdr->magic != DBX_IMAGE_MAGIC)
		return dp_fail(err, -EINVAL, "policy image: magic 0x%08x is not 0x%08x", hdr->magic,
			       DBX_IMAGE_MAGIC);
	if (hdr->abi != DBX_ABI_VERSION)
		return dp_fail(err, -EINVAL, "policy image: ABI %u, this program speaks %u",
			       hdr->abi, DBX_ABI_VERSION);
	if (hdr->n_bytes != n_bytes)
		return dp_fail(err, -EINVAL, "policy image: header says %llu bytes, %zu were given",
			       (unsigned long long)hdr->n_bytes, n_bytes);
	if (!hdr->n_kernel_chunks || hdr->n_kernel_chunks > n_bytes >> DBX_CHUNK_SHIFT)
		return dp_fail(err, -EINVAL, "policy image: %u kernel chunks do not fit %zu bytes",
			       hdr->n_kernel_chunks, n_bytes);
	return 0;
}

uint32_t dp_image_checksum(const void *kernel_part, const void *image, size_t n_bytes)
{
	static const uint8_t zero[sizeof(uint32_t)];
	const struct dbx_image_header *hdr = image;
	const size_t at = offsetof(struct dbx_image_header, checksum);
	const size_t after = at + sizeof(zero);
	const size_t kernel_bytes = (size_t)hdr->n_kernel_chunks << DBX_CHUNK_SHIFT;
	const uint8_t *k = kernel_part, *p = image;
	uint32_t crc;

	crc = dbx_crc32c(0, k, at);
	crc = dbx_crc32c(crc, zero, sizeof(zero));
	crc = dbx_crc32c(crc, k + after, kernel_bytes - after);
	return dbx_crc32c(crc, p + kernel_bytes, n_bytes - kernel_bytes);
}

int dp_sample_give(const void *data, size_t size, dbx_dp_sample_fn fn, void *arg)
{
	const uint8_t *frame = (const uint8_t *)data + sizeof(struct dbx_sample);
	uint8_t whole[DBX_CAPTURE_SNAP_MAX + 4];
	struct dbx_sample s;

	if (size < sizeof(s))
		return -EPROTO;
	memcpy(&s, data, sizeof(s));
	if (size - sizeof(s) < s.n_bytes || s.n_bytes > sizeof(whole))
		return -EPROTO;
	if ((s.flags & DBX_SAMPLE_F_SEALED) && s.n_bytes >= 16) {
		s.n_bytes -= 4;
		memcpy(whole, frame, 12);
		memcpy(whole + 12, frame + 16, s.n_bytes - 12);
		frame = whole;
	}
	fn(arg, &s.event, frame, s.n_bytes);
	return 0;
}
