/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_frame.c -- any frames through the classifier on the host and the evaluator, which must agree.
 *
 * An input is a sequence of frames under the documents of tests/vectors/policy: a byte that picks
 * the interface, two bytes of length (little endian), the frame. Fragments are remembered from one
 * to the next. Runs in the root of the source tree.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/vec_world.h"

static const char *const interfaces[] = {"ws1", "ws2", "wsX", "-"};

static const enum dbx_reason_kind kinds[] = {
#define DBX_REASON(id, kind, slug, text) DBX_KIND_##kind,
#include "dbx/reasons.def"
#undef DBX_REASON
};

static struct vec_world world;

static void load(void)
{
	if (world.m)
		return;
	if (vec_world_load(&world, "tests/vectors/policy"))
		abort();
}

/* What holds for every packet, whoever judged it. */
static void check_result(const struct vec_result *r)
{
	enum dbx_reason_kind kind;

	if (r->reason >= DBX_REASON_MAX || r->reason == DBX_REASON_NO_IMAGE ||
	    r->reason == DBX_REASON_BAD_IMAGE)
		abort();
	kind = kinds[r->reason];
	if ((kind == DBX_KIND_PASS) != (r->verdict == DBX_VERDICT_PASS))
		abort();
	if (r->verdict == DBX_VERDICT_DRY_RUN && kind != DBX_KIND_SOFT)
		abort();
	if ((r->verdict == DBX_VERDICT_DROP) != (r->path == DBX_PATH_NONE))
		abort();
}

static void judge(const char *interface, const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1); /* so that reading past the end is seen */
	struct vec_result host, eval;

	if (!exact)
		abort();
	memcpy(exact, data, n);
	vec_world_host(&world, interface, exact, n, &host);
	vec_world_eval(&world, interface, exact, n, &eval);
	if (!vec_result_equal(&host, &eval)) {
		vec_result_print("host", &host);
		vec_result_print("eval", &eval);
		abort();
	}
	check_result(&host);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	load();
	vec_world_forget(&world);
	while (size > 3) {
		size_t n = data[1] | (size_t)data[2] << 8;

		if (n > size - 3)
			n = size - 3;
		judge(interfaces[data[0] & 3], data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
	return 0;
}
