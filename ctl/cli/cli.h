/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cli.h -- what one run of the tool was asked for, and the exit codes that answer it.
 */
#ifndef DBX_CLI_CLI_H
#define DBX_CLI_CLI_H

#include "cli/table.h"
#include "lib/vec.h"

enum dbx_exit {
	DBX_EXIT_DONE = 0,
	DBX_EXIT_REFUSED = 1, /* the documents, the daemon or the system said no */
	DBX_EXIT_USAGE = 2,
	DBX_EXIT_UNREACHABLE = 3, /* no daemon, or it did not answer */
};

struct dbx_words {
	const char **v;
	size_t n, cap;
};

struct dbx_cli {
	const struct dbx_command *cmd;
	const char *opt[DBX_OPT_MAX];       /* last value, "" for a flag; NULL = not given */
	struct dbx_words list[DBX_OPT_MAX]; /* all values of REPEAT and LIST options */
	struct dbx_words operands;
};

/* Fills cli from the command line; strings belong to argv. 0, or an enum dbx_exit, told why. */
int dbx_cli_parse(struct dbx_cli *cli, int argc, char **argv);
void dbx_cli_fini(struct dbx_cli *cli);

static inline bool dbx_cli_has(const struct dbx_cli *cli, enum dbx_opt_id id)
{
	return cli->opt[id] != NULL;
}

/*
 * Values of options. Absent options leave *out as it is. 0, or DBX_EXIT_USAGE after telling what
 * is accepted.
 */
int dbx_cli_u64(const struct dbx_cli *cli, enum dbx_opt_id id, uint64_t max, uint64_t *out);
/* --proto, --port and --type: the protocol, and the port as counters and rules know it. */
int dbx_cli_proto_port(const struct dbx_cli *cli, uint8_t *proto, uint16_t *port);
/* A slug of reasons.def, else DBX_EXIT_USAGE with a guess. */
int dbx_cli_check_reason(const struct dbx_cli *cli, const char *slug);
/* --proto alone: its number, or -1 when absent. */
int dbx_cli_proto(const struct dbx_cli *cli, int *proto);
/* --product: an enum dbx_product, or -1 when absent. */
int dbx_cli_product(const struct dbx_cli *cli, int *product);

/* Tells a mistake in the command line and how to get help; returns DBX_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int dbx_cli_usage(const struct dbx_command *cmd,
							const char *fmt, ...);

#endif
