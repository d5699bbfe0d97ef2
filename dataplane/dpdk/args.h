/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * args.h -- the command line of dbx-egress-dpdk, behind the EAL's part of it.
 */
#ifndef DBX_DPDK_ARGS_H
#define DBX_DPDK_ARGS_H

#include <stdio.h>

#include "dataplane/dpdk/port.h"

struct dpk_args {
	struct dpk_ports ports;
	const char *socket; /* "" = no control */
	const char *image;  /* a file to begin with, NULL = none */
	uint32_t counters_max, n_mbufs, mbuf_bytes, idle_us, until_idle_ms;
	uint16_t ring_slots;
};

/*
 * The EAL's arguments, with what they lack: memory, when there are no huge pages. *eal is malloc'ed,
 * its strings are not. Returns where our own begin ("--"; argv's last when there are none), or -ENOMEM.
 */
int dpk_args_eal(int argc, char **argv, int *n_eal, char ***eal);
/* argv[0] is that of the program, or "--". 0; 1: the usage was asked for; -EINVAL with a sentence. */
int dpk_args_read(struct dpk_args *a, int argc, char **argv);
void dpk_args_usage(FILE *to);

#endif
