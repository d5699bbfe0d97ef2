// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * completion.c -- the bash completion script, from the table.
 *
 * The script knows nothing by itself: words of commands, options, kinds and reasons are written
 * into it here, so a new row of a table completes without another line of shell.
 */
#include "cli/help.h"
#include "policy/explain.h"
#include "policy/model.h"

#include <string.h>

static void put_kinds(FILE *f)
{
	int i;

	for (i = DBX_DOC_UNKNOWN + 1; i < DBX_DOC_KIND_MAX; i++)
		fprintf(f, " %s", dbx_doc_kind_name((enum dbx_doc_kind)i));
}

static void put_reasons(FILE *f)
{
	int i;

	for (i = 0; i < DBX_REASON_MAX; i++)
		fprintf(f, " %s", dbx_reason_slug((enum dbx_reason)i));
}

/* First words alone: "image dump" completes as "image", then "dump". */
static void put_commands(FILE *f)
{
	size_t i;

	for (i = 0; i < dbx_n_commands; i++) {
		if (!dbx_commands[i].is_hidden)
			fprintf(f, " %.*s", (int)strcspn(dbx_commands[i].name, " "),
				dbx_commands[i].name);
	}
}

/* The shell statement that completes from a "words" column. */
static void put_reply(FILE *f, const char *words)
{
	if (strcmp(words, "@file") == 0)
		fputs("_dbx_egressctl_files", f);
	else if (*words == '@')
		fprintf(f, "COMPREPLY=($(compgen -W \"$_dbx_egressctl_%ss\" -- \"$cur\"))",
			words + 1);
	else if (*words)
		fprintf(f, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", words);
	else
		fputs("COMPREPLY=()", f);
}

/* case "$prev" in: the value of an option. */
static void put_values(FILE *f)
{
	const struct dbx_opt *o;
	size_t i;

	for (i = 0; i < DBX_OPT_MAX; i++) {
		o = &dbx_opts[i];
		if (o->kind == DBX_OPT_FLAG)
			continue;
		fprintf(f, "\t--%s", o->name);
		if (o->letter)
			fprintf(f, " | -%c", o->letter);
		fputs(")\n\t\t", f);
		put_reply(f, o->words);
		fputs("\n\t\treturn\n\t\t;;\n", f);
	}
}

static void put_option_words(FILE *f, uint64_t options)
{
	size_t i;

	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (options & (UINT64_C(1) << i))
			fprintf(f, " --%s", dbx_opts[i].name);
	}
}

/* case "$cmd" in: options and operands of a command. */
static void put_cases(FILE *f)
{
	const struct dbx_command *c;
	const char *second;
	size_t i;

	for (i = 0; i < dbx_n_commands; i++) {
		c = &dbx_commands[i];
		second = strchr(c->name, ' ');
		fprintf(f,
			"\t%.*s)\n\t\tif [[ $cur == -* ]]; then\n\t\t\tCOMPREPLY=($(compgen -W \"",
			(int)strcspn(c->name, " "), c->name);
		put_option_words(f, c->options | dbx_opts_global());
		fputs("\" -- \"$cur\"))\n\t\t", f);
		if (second)
			fprintf(f,
				"elif [[ $prev == %.*s ]]; then\n\t\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\t\t",
				(int)(second - c->name), c->name, second + 1);
		fputs("else\n\t\t\t", f);
		put_reply(f, c->words);
		fputs("\n\t\tfi\n\t\t;;\n", f);
	}
}

static const char head[] =
	"# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
	"# Written by 'dbx-egressctl completion bash' from the table of commands.\n"
	"# shellcheck disable=SC2207\n"
	"_dbx_egressctl_files()\n{\n"
	"\tlocal IFS=$'\\n'\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n}\n"
	"_dbx_egressctl()\n{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd='' i\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--socket | -s | --timeout | -t) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) cmd=${COMP_WORDS[i]}; break ;;\n"
	"\t\tesac\n"
	"\tdone\n";

void dbx_help_completion_bash(FILE *f)
{
	fputs(head, f);
	fputs("\tcase $prev in\n", f);
	put_values(f);
	fputs("\tesac\n\tcase $cmd in\n", f);
	put_cases(f);
	fputs("\t*)\n\t\tCOMPREPLY=($(compgen -W \"$_dbx_egressctl_commands", f);
	put_option_words(f, dbx_opts_global());
	fputs("\" -- \"$cur\"))\n\t\t;;\n\tesac\n}\n_dbx_egressctl_commands='", f);
	put_commands(f);
	fputs("'\n_dbx_egressctl_kinds='", f);
	put_kinds(f);
	fputs("'\n_dbx_egressctl_reasons='", f);
	put_reasons(f);
	fputs("'\ncomplete -F _dbx_egressctl " DBX_CLI_NAME "\n", f);
}
