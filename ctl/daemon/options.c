// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * options.c -- the daemon's command line: one table for parsing and for help.
 */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SOCKET    "/run/dbx-egress/dbx-egressd.sock"
#define DEFAULT_STATE_DIR "/var/lib/dbx-egress"
#define DEFAULT_PIN_DIR   "/sys/fs/bpf/dbx-egress"

static const struct row {
	const char *name;
	char key;
	const char *arg; /* NULL: takes none */
	const char *help;
} rows[] = {
	{"socket", 's', "PATH", "listen here (" DEFAULT_SOCKET ")"},
	{"state-dir", 'd', "DIR", "documents and history (" DEFAULT_STATE_DIR ")"},
	{"pin-dir", 'p', "DIR", "pinned program, maps and links (" DEFAULT_PIN_DIR ")"},
	{"object", 'o', "FILE", "kernel object (egress_xdp.bpf.o beside the program or installed)"},
	{"data-plane", 'D', "DRIVER",
	 "xdp, dpdk: dbx-egress-dpdk judges, or mem: nothing does, for tests (xdp)"},
	{"dp", 'D', "DRIVER", "the same"},
	{"dpdk-socket", 'k', "PATH", "where dbx-egress-dpdk listens (" DBX_WIRE_PATH ")"},
	{"interface", 'i', "NAME",
	 "attach to it from the start, with no document yet too; repeatable"},
	{"log-level", 'l', "LEVEL", "error, warning, info or debug (info)"},
	{"uninstall", 'u', NULL, "end enforcement: remove program, maps and links, then exit"},
	{"foreground", 'f', NULL, "stay in the foreground; this is what it always does"},
	{"version", 'V', NULL, "print the version and exit"},
	{"help", 'h', NULL, "print this and exit"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void help(FILE *f)
{
	char left[48];
	size_t i;

	fprintf(f, "usage: dbx-egressd [OPTION]...\n"
		   "Judges what leaves serverless workspaces by their network policies.\n\n");
	for (i = 0; i < N_ROWS; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].arg ? " " : "",
			 rows[i].arg ? rows[i].arg : "");
		fprintf(f, "  %-20s %s\n", left, rows[i].help);
	}
	fprintf(f,
		"\nEnforcement goes on when the daemon ends, however it ends; --uninstall ends it.\n");
}

static int usage(const char *what, const char *value, const char *accepted)
{
	fprintf(stderr, "dbx-egressd: %s %s: %s\n", what, value, accepted);
	return 2;
}

static int add_interface(struct dbx_options *o, const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > 15 || strchr(name, '/') || strchr(name, ' '))
		return usage("--interface", name, "a name of 1 to 15 characters");
	if (o->n_interfaces == DBX_OPTIONS_INTERFACES)
		return usage("--interface", name, "no more than 64 of them");
	o->interfaces[o->n_interfaces++] = name;
	return -1;
}

static int set_driver(struct dbx_options *o, const char *name)
{
	static const struct dbx_dp_ops *const drivers[] = {&dbx_dp_xdp, &dbx_dp_dpdk, &dbx_dp_mem};
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(name, drivers[i]->name) == 0) {
			o->dp = drivers[i];
			return -1;
		}
	}
	return usage("--data-plane", name, "xdp, dpdk or mem");
}

static int set(struct dbx_options *o, int key, const char *arg)
{
	switch (key) {
	case 's':
		o->socket = arg;
		return -1;
	case 'd':
		o->state_dir = arg;
		return -1;
	case 'p':
		o->pin_dir = arg;
		return -1;
	case 'o':
		o->object = arg;
		return -1;
	case 'D':
		return set_driver(o, arg);
	case 'k':
		o->dpdk_socket = arg;
		return -1;
	case 'i':
		return add_interface(o, arg);
	case 'l':
		return dbx_log_level_parse(arg, &o->log_level)
			       ? usage("--log-level", arg, "error, warning, info or debug")
			       : -1;
	case 'u':
		o->uninstall = true;
		return -1;
	case 'f':
		return -1;
	case 'V':
		puts("dbx-egressd " DBX_VERSION);
		return 0;
	case 'h':
		help(stdout);
		return 0;
	default:
		fprintf(stderr, "try: dbx-egressd --help\n");
		return 2;
	}
}

int dbx_options_parse(struct dbx_options *o, int argc, char **argv)
{
	struct option table[N_ROWS + 1];
	int key, rc;
	size_t i;

	*o = (struct dbx_options){
		.socket = DEFAULT_SOCKET,
		.state_dir = DEFAULT_STATE_DIR,
		.pin_dir = DEFAULT_PIN_DIR,
		.log_level = DBX_LOG_INFO,
		.dp = &dbx_dp_xdp,
	};
	memset(table, 0, sizeof(table));
	for (i = 0; i < N_ROWS; i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].arg ? required_argument : no_argument;
		table[i].val = rows[i].key;
	}
	while ((key = getopt_long(argc, argv, "", table, NULL)) != -1) {
		rc = set(o, key, optarg);
		if (rc >= 0)
			return rc;
	}
	if (optind < argc)
		return usage("argument", argv[optind], "none is taken; try --help");
	return -1;
}
