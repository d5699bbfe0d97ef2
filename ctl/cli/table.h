/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * table.h -- the one table of commands and options that drives everything a user can type or read.
 */
#ifndef DBX_CLI_TABLE_H
#define DBX_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBX_CLI_NAME           "dbx-egressctl"
#define DBX_CLI_SOCKET_ENV     "DBX_EGRESS_SOCKET"
#define DBX_CLI_SOCKET_DEFAULT "/run/dbx-egress/dbx-egressd.sock"

enum dbx_opt_id {
#define DBX_OPT(id, name, letter, kind, arg, words, help) DBX_OPT_##id,
#include "cli/options.def"
#undef DBX_OPT
	DBX_OPT_MAX,
};
_Static_assert(DBX_OPT_MAX <= 64, "a set of options is a 64-bit mask");

enum dbx_opt_kind { DBX_OPT_FLAG, DBX_OPT_ONE, DBX_OPT_REPEAT, DBX_OPT_LIST };

struct dbx_opt {
	const char *name;
	char letter; /* 0 = none */
	enum dbx_opt_kind kind;
	const char *arg;   /* "" for a flag */
	const char *words; /* completion of the argument */
	const char *help;
};

struct dbx_cli;

struct dbx_command {
	const char *name;     /* one word, or two ("image dump") */
	const char *operands; /* as in the usage line, "" = none */
	int n_min, n_max;     /* operands; n_max -1 = any number */
	uint64_t options;     /* own ones, 1 << enum dbx_opt_id */
	uint64_t required;    /* subset of options */
	const char *words;    /* completion of operands, as in options.def; also @kind, @command */
	const char *summary;
	const char *text;     /* paragraphs */
	const char *examples; /* one a line, without the name of the tool */
	bool is_hidden;
	int (*run)(const struct dbx_cli *cli); /* an enum dbx_exit */
};

extern const struct dbx_opt dbx_opts[DBX_OPT_MAX];
extern const struct dbx_command dbx_commands[];
extern const size_t dbx_n_commands;

/* Options that every command takes. */
uint64_t dbx_opts_global(void);

/* The command that words name, and how many words that took; NULL = none. */
const struct dbx_command *dbx_command_find(const char *const *words, size_t n_words,
					   size_t *n_used);

/* Nearest name to a mistyped one, or NULL when nothing is near. */
const char *dbx_command_nearest(const char *word);
const char *dbx_opt_nearest(const char *word, uint64_t options);

/* Edit distance with swaps of neighbours, cut off at 9. */
unsigned int dbx_word_distance(const char *a, const char *b);

#define DBX_CMD(id, ...) int dbx_cmd_##id(const struct dbx_cli *cli);
#include "cli/commands.def"
#undef DBX_CMD

#endif
