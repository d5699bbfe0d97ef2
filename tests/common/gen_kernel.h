/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_kernel.h -- the kernel program as one of two engines (gen_diff.h); links libbpf.
 */
#ifndef DBX_TESTS_GEN_KERNEL_H
#define DBX_TESTS_GEN_KERNEL_H

#include "common/bpfrun.h"
#include "common/gen_diff.h"

/* arg of the pair is a struct bpfrun. A failure of the kernel interface ends the test. */
void gen_kernel_begin(void *arg, struct vec_world *w);
void gen_kernel_forget(void *arg, struct vec_world *w);
bool gen_judge_kernel(void *arg, struct vec_world *w, const char *interface, const void *frame,
		      size_t n_bytes, struct vec_result *r);

/* Kernel against the classifier on the host. */
struct gen_pair gen_kernel_pair(struct bpfrun *kernel);

#endif
