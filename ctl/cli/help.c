// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * help.c -- help on a terminal, from the table.
 */
#include "cli/help.h"
#include "cli/out.h"
#include "lib/strbuf.h"

#include <stdlib.h>
#include <string.h>

#define HELP_COLUMNS 80

static void add_option_usage(struct dbx_strbuf *b, const struct dbx_opt *o, bool is_required)
{
	dbx_strbuf_addf(b, " %s--%s%s%s%s", is_required ? "" : "[", o->name, *o->arg ? " " : "",
			o->arg, is_required ? "" : "]");
}

char *dbx_help_usage(const struct dbx_command *c)
{
	struct dbx_strbuf b;
	size_t i;

	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, c->name);
	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (c->required & (UINT64_C(1) << i))
			add_option_usage(&b, &dbx_opts[i], true);
	}
	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (c->options & ~c->required & (UINT64_C(1) << i))
			add_option_usage(&b, &dbx_opts[i], false);
	}
	if (*c->operands)
		dbx_strbuf_addf(&b, " %s", c->operands);
	return dbx_strbuf_steal(&b);
}

/* One paragraph, broken between words. */
static void print_wrapped(FILE *f, const char *text, size_t n, size_t indent)
{
	size_t col = 0, word;

	while (n) {
		word = strcspn(text, " \n");
		if (word > n)
			word = n;
		if (col && indent + col + 1 + word > HELP_COLUMNS) {
			fputc('\n', f);
			col = 0;
		}
		col += (size_t)fprintf(f, "%*s%.*s", col ? 1 : (int)indent, "", (int)word, text);
		col -= col == indent + word ? indent : 0;
		text += word;
		n -= word;
		if (n) {
			text++;
			n--;
		}
	}
	fputc('\n', f);
}

static void print_paragraphs(FILE *f, const char *text, size_t indent)
{
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		print_wrapped(f, text, n, indent);
	}
}

static void print_option(FILE *f, const struct dbx_opt *o)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s--%s%s%s", o->letter ? '-' : ' ',
		 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, *o->arg ? " " : "",
		 o->arg);
	fprintf(f, "  %-26s  %s\n", left, o->help);
}

static void print_options(FILE *f, const char *title, uint64_t options)
{
	size_t i;

	if (!options)
		return;
	fprintf(f, "\n%s:\n", title);
	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (options & (UINT64_C(1) << i))
			print_option(f, &dbx_opts[i]);
	}
}

static void print_examples(FILE *f, const char *examples)
{
	size_t n;

	fputs("\nexamples:\n", f);
	for (; *examples; examples += n + (examples[n] == '\n')) {
		n = strcspn(examples, "\n");
		fprintf(f, "  " DBX_CLI_NAME " %.*s\n", (int)n, examples);
	}
}

void dbx_help_command(FILE *f, const struct dbx_command *c)
{
	char *usage = dbx_help_usage(c);

	fprintf(f, "usage: " DBX_CLI_NAME " %s\n\n", usage ? usage : c->name);
	fprintf(f, "%s: %s\n", c->name, c->summary);
	if (*c->text) {
		fputc('\n', f);
		print_paragraphs(f, c->text, 0);
	}
	print_options(f, "options", c->options);
	print_options(f, "options of every command", dbx_opts_global());
	print_examples(f, c->examples);
	free(usage);
}

void dbx_help_tool(FILE *f)
{
	size_t i;

	fputs("usage: " DBX_CLI_NAME " [OPTION...] COMMAND [ARGUMENT...]\n\n"
	      "Operator's tool of the dbx-egress gateway.\n\ncommands:\n",
	      f);
	for (i = 0; i < dbx_n_commands; i++) {
		if (!dbx_commands[i].is_hidden)
			fprintf(f, "  %-11s  %s\n", dbx_commands[i].name, dbx_commands[i].summary);
	}
	print_options(f, "options of every command", dbx_opts_global());
	fputs("\nenvironment: " DBX_CLI_SOCKET_ENV " (socket of the daemon), NO_COLOR\n"
	      "exit codes: 0 done, 1 refused, 2 usage, 3 daemon not reachable\n"
	      "'" DBX_CLI_NAME " help COMMAND' tells about one command.\n",
	      f);
}
