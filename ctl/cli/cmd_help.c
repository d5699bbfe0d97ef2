// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_help.c -- help, man, completion, version: what the tool says about itself.
 */
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/out.h"
#include "dbx/abi.h"

#include <string.h>

int dbx_cmd_help(const struct dbx_cli *cli)
{
	const struct dbx_command *c;
	const char *words[2] = {0}, *near, *word;
	char first[32];
	size_t n_used, n = cli->operands.n, blank;

	if (!n) {
		dbx_help_tool(stdout);
		return DBX_EXIT_DONE;
	}
	/* "image dump" may come as one word or as two. */
	word = cli->operands.v[0];
	blank = strcspn(word, " ");
	snprintf(first, sizeof(first), "%.*s", (int)blank, word);
	words[0] = first;
	words[1] = n > 1 ? cli->operands.v[1] : word[blank] ? word + blank + 1 : NULL;
	c = dbx_command_find(words, words[1] ? 2 : 1, &n_used);
	if (!c && strcmp(first, "image") == 0)
		c = dbx_command_find((const char *const[]){"image", "dump"}, 2, &n_used);
	if (c) {
		dbx_help_command(stdout, c);
		return DBX_EXIT_DONE;
	}
	near = dbx_command_nearest(word);
	if (near)
		return dbx_cli_usage(NULL, "unknown command '%s'; did you mean '%s'?", word, near);
	return dbx_cli_usage(NULL, "unknown command '%s'", word);
}

int dbx_cmd_man(const struct dbx_cli *cli)
{
	(void)cli;
	dbx_help_man(stdout);
	return DBX_EXIT_DONE;
}

int dbx_cmd_completion(const struct dbx_cli *cli)
{
	if (strcmp(cli->operands.v[0], "bash") != 0)
		return dbx_cli_usage(cli->cmd, "completion '%s': only bash is known",
				     cli->operands.v[0]);
	dbx_help_completion_bash(stdout);
	return DBX_EXIT_DONE;
}

int dbx_cmd_version(const struct dbx_cli *cli)
{
	json_t *j;
	int code;

	(void)cli;
	if (!dbx_out_is_json()) {
		dbx_say("%s %s (image ABI %d)\n", DBX_CLI_NAME, DBX_VERSION, DBX_ABI_VERSION);
		return DBX_EXIT_DONE;
	}
	j = json_pack("{s:s, s:i}", "version", DBX_VERSION, "abi", DBX_ABI_VERSION);
	code = dbx_out_json(j);
	json_decref(j);
	return code;
}
