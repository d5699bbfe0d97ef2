/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_kernel.c -- the kernel program as one of two engines.
 */
#include "common/gen_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XDP_DROP 1
#define XDP_PASS 2

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(rc < 0 ? -rc : rc));
	abort();
}

void gen_kernel_begin(void *arg, struct vec_world *w)
{
	must(bpfrun_set_image(arg, w->image, w->image_bytes), "bpfrun_set_image");
}

void gen_kernel_forget(void *arg, struct vec_world *w)
{
	(void)w;
	must(bpfrun_forget_fragments(arg), "bpfrun_forget_fragments");
}

bool gen_judge_kernel(void *arg, struct vec_world *w, const char *interface, const void *frame,
		      size_t n_bytes, struct vec_result *r)
{
	struct dbx_result res;
	uint32_t action;

	if (n_bytes < BPFRUN_FRAME_MIN || n_bytes > BPFRUN_FRAME_MAX)
		return false;
	must(bpfrun_frame(arg, frame, n_bytes, dbx_port_hash(interface), &res, NULL, &action),
	     "bpfrun_frame");
	must(action != (res.verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS), "XDP action");
	vec_result_of(&w->img, &res, r);
	return true;
}

struct gen_pair gen_kernel_pair(struct bpfrun *kernel)
{
	return (struct gen_pair){
		.name = {"kernel", "host"},
		.judge = {gen_judge_kernel, gen_judge_host},
		.begin = gen_kernel_begin,
		.forget = gen_kernel_forget,
		.arg = kernel,
	};
}
