/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_image.c -- any bytes as a policy image: refused, or safe to judge with.
 *
 * An input that starts with a zero byte is an image as it stands. Any other is a list of changes to
 * a good image: section, position in it (4 bytes), how many bytes (2 bits), the bytes. Checksums are
 * mended, so that what lies behind them is reached. Runs in the root of the source tree.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/vec.h"
#include "common/vec_world.h"
#include "policy/image_check.h"

#define CHANGES_MAX  64
#define CHANGE_BYTES 10

static struct vec_world world;
static struct vec_table table;
static uint8_t *image;

struct change {
	size_t at;
	uint8_t was;
};

static void load(void)
{
	if (image)
		return;
	if (vec_world_load(&world, "tests/vectors/policy") || vec_read_dir(&table, "tests/vectors"))
		abort();
	image = malloc(world.image_bytes);
	if (!image)
		abort();
	memcpy(image, world.image, world.image_bytes);
}

/* An image that was found good: the classifier must not leave it, whatever it says. */
static void use(const struct dbx_image *img, uint8_t salt)
{
	struct dbx_frags *frags = dbx_frags_new(64);
	char *dump;

	if (!frags)
		abort();
	for (size_t i = salt & 7; i < table.n; i += 8) {
		for (size_t j = 0; j < table.v[i].n_steps; j++) {
			const struct vec_step *s = &table.v[i].steps[j];
			struct dbx_result res;
			struct vec_result r;

			dbx_judge_frame(img, frags, s->frame, s->n_bytes,
					dbx_port_hash(s->interface), NULL, &res);
			if (res.verdict >= DBX_VERDICT_MAX || res.reason >= DBX_REASON_MAX)
				abort();
			vec_result_of(img, &res, &r);
		}
	}
	dbx_frags_free(&frags);
	if (salt & 8) {
		dump = dbx_image_dump(img, false);
		free(dump);
	}
}

static void judge_bytes(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	const char *why = NULL;
	struct dbx_image img;

	if (!exact)
		abort();
	memcpy(exact, data, size);
	if (!dbx_image_open(&img, exact, size, &why))
		use(&img, 0);
	else if (!why || !*why)
		abort();
	free(exact);
}

/* Where a section's used bytes lie; behind the last section's number comes the header. */
static void region(unsigned int section, size_t *first, size_t *n)
{
	const struct dbx_image_header *hdr = world.image;

	*first = 0;
	*n = sizeof(*hdr);
	if (section >= DBX_SEC_MAX)
		return;
	*first = hdr->sec[section].offset;
	*n = hdr->sec[section].n_bytes;
}

static size_t apply(const uint8_t *c, struct change *undo)
{
	uint32_t pos = (uint32_t)c[1] | (uint32_t)c[2] << 8 | (uint32_t)c[3] << 16 |
		       (uint32_t)c[4] << 24;
	size_t first, n, n_bytes = 1u << (c[5] & 3), done = 0;

	region(c[0] % (DBX_SEC_MAX + 1), &first, &n);
	if (n < n_bytes)
		return 0;
	/* Whole numbers mostly: aligned to their size. */
	pos = (uint32_t)(pos % (n - n_bytes + 1)) & ~(uint32_t)(n_bytes - 1);
	for (; done < n_bytes && done < 4; done++) {
		undo[done] = (struct change){first + pos + done, image[first + pos + done]};
		image[first + pos + done] = c[6 + done];
	}
	return done;
}

/* Whether the changed image would be opened. The checksums take long: only for a changed header. */
static bool is_good(bool is_header_changed, struct dbx_image *img)
{
	const struct dbx_image_header *hdr = (const void *)image;
	const char *why = NULL;

	*img = (struct dbx_image){image, world.image_bytes, hdr};
	if (!is_header_changed)
		return !dbx_image_check_refs(img);
	/* Mending trusts the stated length. */
	if (hdr->n_bytes == world.image_bytes)
		dbx_image_set_generation(image, 2);
	if (!dbx_image_open(img, image, world.image_bytes, &why))
		return true;
	if (!why || !*why)
		abort();
	return false;
}

static void judge_changes(const uint8_t *data, size_t size)
{
	struct change undo[CHANGES_MAX * 4];
	bool is_header_changed = false;
	struct dbx_image img;
	uint8_t salt = data[0];
	size_t n = 0;

	for (data++, size--; size >= CHANGE_BYTES && n + 4 <= CHANGES_MAX * 4;
	     size -= CHANGE_BYTES) {
		is_header_changed |= data[0] % (DBX_SEC_MAX + 1) == DBX_SEC_MAX;
		n += apply(data, undo + n);
		data += CHANGE_BYTES;
	}
	if (is_good(is_header_changed, &img))
		use(&img, salt);
	while (n--)
		image[undo[n].at] = undo[n].was;
	if (is_header_changed)
		memcpy(image, world.image, sizeof(struct dbx_image_header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	load();
	if (size && data[0])
		judge_changes(data, size);
	else
		judge_bytes(data + (size > 0), size - (size > 0));
	return 0;
}
