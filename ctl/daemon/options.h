/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * options.h -- the daemon's command line.
 */
#ifndef DBX_DAEMON_OPTIONS_H
#define DBX_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/log.h"
#include "dataplane/dp.h"

#define DBX_OPTIONS_INTERFACES 64

struct dbx_options {
	const char *socket;
	const char *state_dir;
	const char *pin_dir;
	const char *object;      /* NULL: beside the program, else installed */
	const char *dpdk_socket; /* NULL: the default one */
	enum dbx_log_level log_level;
	const struct dbx_dp_ops *dp;
	bool uninstall;
	const char *interfaces[DBX_OPTIONS_INTERFACES]; /* attached whatever the documents say */
	size_t n_interfaces;
};

/* -1: go on; else the exit code (0 after --help or --version, 2 after a usage error). */
int dbx_options_parse(struct dbx_options *o, int argc, char **argv);

#endif
