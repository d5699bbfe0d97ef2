/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runcase.h -- what tests share that give frames to the kernel program: the program, loaded once.
 */
#ifndef DBX_TESTS_RUNCASE_H
#define DBX_TESTS_RUNCASE_H

#include "common/bpfrun.h"

static struct bpfrun *prog;

static inline int setup(void **state)
{
	(void)state;
	return bpfrun_open(&prog, NULL);
}

static inline int teardown(void **state)
{
	(void)state;
	bpfrun_close(&prog);
	return 0;
}

#endif
