// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opts.c -- the command line into struct dbx_cli, by the table.
 *
 * Global options may stand before or after the command. getopt_long runs in "return in order" mode,
 * so that operands and options may be mixed and a LIST option can take the words that follow it.
 */
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/help.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_BASE 256 /* getopt value of an option: LONG_BASE + its id */

int dbx_cli_usage(const struct dbx_command *cmd, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	dbx_err("%s", text ? text : fmt);
	dbx_err("see '%s help%s%s'", DBX_CLI_NAME, cmd ? " " : "", cmd ? cmd->name : "");
	free(text);
	return DBX_EXIT_USAGE;
}

/* ---- getopt from the table ---- */

struct getopt_tables {
	struct option longs[DBX_OPT_MAX + 1];
	char shorts[3 + 2 * DBX_OPT_MAX];
};

static void make_tables(struct getopt_tables *t, uint64_t options, const char *mode)
{
	char *s = stpcpy(t->shorts, mode);
	size_t i, n = 0;

	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (!(options & (UINT64_C(1) << i)))
			continue;
		t->longs[n++] = (struct option){
			.name = dbx_opts[i].name,
			.has_arg = dbx_opts[i].kind == DBX_OPT_FLAG ? no_argument
								    : required_argument,
			.val = LONG_BASE + (int)i,
		};
		if (!dbx_opts[i].letter)
			continue;
		*s++ = dbx_opts[i].letter;
		if (dbx_opts[i].kind != DBX_OPT_FLAG)
			*s++ = ':';
	}
	*s = '\0';
	t->longs[n] = (struct option){0};
}

static int opt_by_value(int value)
{
	int i;

	if (value >= LONG_BASE)
		return value - LONG_BASE;
	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (dbx_opts[i].letter && dbx_opts[i].letter == value)
			return i;
	}
	return -1;
}

/* An operand that a LIST option must leave alone: it reads like an address, right or wrong. */
static bool looks_like_addr(const char *s)
{
	return strpbrk(s, ".:") && strpbrk(s, "0123456789:") &&
	       strspn(s, "0123456789abcdefABCDEF.:") == strlen(s);
}

static int unknown_option(const struct dbx_command *cmd, uint64_t options, const char *word)
{
	const char *near;
	char name[64];

	if (strncmp(word, "--", 2) != 0)
		return dbx_cli_usage(cmd, "unknown option '%s'", word);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	near = dbx_opt_nearest(name, options);
	if (near)
		return dbx_cli_usage(cmd,
				     "unknown or ambiguous option '--%s'; did you mean '--%s'?",
				     name, near);
	return dbx_cli_usage(cmd, "unknown option '--%s'", name);
}

static int bad_option(const struct dbx_command *cmd, uint64_t options, int value, char **argv)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *word = argv[optind - 1];
	int id;

	if (value == ':') {
		id = opt_by_value(optopt);
		return dbx_cli_usage(cmd, "option '--%s' needs a value: %s", dbx_opts[id].name,
				     dbx_opts[id].arg);
	}
	if (optopt >= LONG_BASE)
		return dbx_cli_usage(cmd, "option '--%s' takes no value",
				     dbx_opts[optopt - LONG_BASE].name);
	return unknown_option(cmd, options, optopt ? letter : word);
}

static int take_option(struct dbx_cli *cli, int id, int argc, char **argv)
{
	const struct dbx_opt *o = &dbx_opts[id];

	cli->opt[id] = o->kind == DBX_OPT_FLAG ? "" : optarg;
	if (o->kind != DBX_OPT_REPEAT && o->kind != DBX_OPT_LIST)
		return 0;
	if (dbx_vec_push(&cli->list[id], optarg))
		return dbx_err_memory();
	while (o->kind == DBX_OPT_LIST && optind < argc && argv[optind][0] != '-' &&
	       !looks_like_addr(argv[optind])) {
		if (dbx_vec_push(&cli->list[id], argv[optind++]))
			return dbx_err_memory();
	}
	return 0;
}

/* From argv[1] on. mode "+:": stop at the first operand; "-:": take all, operands too. */
static int parse(struct dbx_cli *cli, int argc, char **argv, uint64_t options, const char *mode)
{
	struct getopt_tables t;
	int value, rc;

	make_tables(&t, options, mode);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((value = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		if (value == '?' || value == ':')
			return bad_option(cli->cmd, options, value, argv);
		if (value == 1)
			rc = dbx_vec_push(&cli->operands, optarg) ? dbx_err_memory() : 0;
		else
			rc = take_option(cli, opt_by_value(value), argc, argv);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- the command ---- */

static int find_command(struct dbx_cli *cli, int argc, char **argv, size_t *n_used)
{
	const char *near;

	cli->cmd = dbx_command_find((const char *const *)argv, (size_t)argc, n_used);
	if (cli->cmd)
		return 0;
	if (strcmp(argv[0], "image") == 0)
		return dbx_cli_usage(NULL, "'image' is followed by 'dump'");
	near = dbx_command_nearest(argv[0]);
	if (near)
		return dbx_cli_usage(NULL, "unknown command '%s'; did you mean '%s'?", argv[0],
				     near);
	return dbx_cli_usage(NULL, "unknown command '%s'", argv[0]);
}

static int check_counts(const struct dbx_cli *cli)
{
	const struct dbx_command *c = cli->cmd;
	size_t i;

	if (c->n_max >= 0 && cli->operands.n > (size_t)c->n_max)
		return dbx_cli_usage(c, "%s: '%s' is one argument too many", c->name,
				     cli->operands.v[c->n_max]);
	if (cli->operands.n < (size_t)c->n_min)
		return dbx_cli_usage(c, "%s: needs %s", c->name, c->operands);
	for (i = 0; i < DBX_OPT_MAX; i++) {
		if ((c->required & (UINT64_C(1) << i)) && !cli->opt[i])
			return dbx_cli_usage(c, "%s: needs --%s %s", c->name, dbx_opts[i].name,
					     dbx_opts[i].arg);
	}
	return 0;
}

/* --help and --version become their commands. */
static void redirect(struct dbx_cli *cli)
{
	static const char *const help[] = {"help"}, *const version[] = {"version"};
	const struct dbx_command *cmd = cli->cmd;
	size_t n;

	if (dbx_cli_has(cli, DBX_OPT_HELP)) {
		cli->cmd = dbx_command_find(help, 1, &n);
		cli->operands.n = 0;
		if (cmd)
			dbx_vec_push(&cli->operands, cmd->name);
	} else if (dbx_cli_has(cli, DBX_OPT_VERSION)) {
		cli->cmd = dbx_command_find(version, 1, &n);
		cli->operands.n = 0;
	}
}

static bool wants_redirect(const struct dbx_cli *cli)
{
	return dbx_cli_has(cli, DBX_OPT_HELP) || dbx_cli_has(cli, DBX_OPT_VERSION);
}

int dbx_cli_parse(struct dbx_cli *cli, int argc, char **argv)
{
	size_t n_used = 0, i;
	int first, rc;

	*cli = (struct dbx_cli){0};
	rc = parse(cli, argc, argv, dbx_opts_global(), "+:");
	if (rc)
		return rc;
	first = optind;
	if (first >= argc && !wants_redirect(cli)) {
		dbx_help_tool(stderr);
		return DBX_EXIT_USAGE;
	}
	if (first < argc) {
		rc = find_command(cli, argc - first, argv + first, &n_used);
		if (rc)
			return rc;
		/* The last word of the command stands where getopt expects the program's name. */
		first += (int)n_used - 1;
		rc = parse(cli, argc - first, argv + first, cli->cmd->options | dbx_opts_global(),
			   "-:");
		if (rc)
			return rc;
		for (i = (size_t)optind; i < (size_t)(argc - first); i++) { /* behind "--" */
			if (dbx_vec_push(&cli->operands, argv[(size_t)first + i]))
				return dbx_err_memory();
		}
	}
	dbx_out_init(dbx_cli_has(cli, DBX_OPT_JSON), dbx_cli_has(cli, DBX_OPT_NO_COLOR));
	if (wants_redirect(cli)) {
		redirect(cli);
		return 0;
	}
	return check_counts(cli);
}

void dbx_cli_fini(struct dbx_cli *cli)
{
	size_t i;

	for (i = 0; i < DBX_OPT_MAX; i++)
		dbx_vec_fini(&cli->list[i]);
	dbx_vec_fini(&cli->operands);
}
