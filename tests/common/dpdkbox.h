/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dpdkbox.h -- an EAL for one test program: no huge pages, no devices of the machine's, nothing shared.
 */
#ifndef DBX_TESTS_DPDKBOX_H
#define DBX_TESTS_DPDKBOX_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>

static inline void dpdkbox_end(void)
{
	rmdir(rte_eal_get_runtime_dir()); /* empty: nothing is shared */
}

static inline int dpdkbox_start(void)
{
	static char prefix[64];
	static char *argv[] = {"test",
			       "--no-huge",
			       "-m",
			       "512",
			       "--no-pci",
			       "-l",
			       "0",
			       "--no-telemetry",
			       "--log-level",
			       "4",
			       "--file-prefix",
			       prefix,
			       "--no-shconf",
			       NULL};

	snprintf(prefix, sizeof(prefix), "dbxtest%d", (int)getpid());
	atexit(dpdkbox_end);
	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0 ? -1 : 0;
}

#endif
