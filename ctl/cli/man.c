// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * man.c -- the manual page (roff, man macros), from the table.
 */
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

/* Text in which nothing is a request or an escape. */
static void put_roff(FILE *f, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '-')
			fputs("\\-", f);
		else if (s[i] == '\\')
			fputs("\\e", f);
		else if ((s[i] == '.' || s[i] == '\'') && (i == 0 || s[i - 1] == '\n'))
			fprintf(f, "\\&%c", s[i]);
		else
			fputc(s[i], f);
	}
}

static void put_line(FILE *f, const char *s)
{
	put_roff(f, s, strlen(s));
	fputc('\n', f);
}

static void put_paragraphs(FILE *f, const char *text)
{
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		put_roff(f, text, n);
		fputs(text[n] ? "\n.PP\n" : "\n", f);
	}
}

static void put_options(FILE *f, uint64_t options)
{
	const struct dbx_opt *o;
	size_t i;

	for (i = 0; i < DBX_OPT_MAX; i++) {
		o = &dbx_opts[i];
		if (!(options & (UINT64_C(1) << i)))
			continue;
		fputs(".TP\n", f);
		if (o->letter)
			fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
		fputs("\\fB\\-\\-", f);
		put_roff(f, o->name, strlen(o->name));
		fputs("\\fR", f);
		if (*o->arg)
			fprintf(f, " \\fI%s\\fR", o->arg);
		fputc('\n', f);
		put_line(f, o->help);
	}
}

static void put_examples(FILE *f, const char *text)
{
	size_t n;

	fputs(".PP\nExamples:\n.PP\n.RS\n.nf\n", f);
	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		put_roff(f, DBX_CLI_NAME " ", strlen(DBX_CLI_NAME) + 1);
		put_roff(f, text, n);
		fputc('\n', f);
	}
	fputs(".fi\n.RE\n", f);
}

static void put_command(FILE *f, const struct dbx_command *c)
{
	char *usage = dbx_help_usage(c);

	fputs(".SS ", f);
	put_line(f, usage ? usage : c->name);
	fputc((char)(c->summary[0] - 'a' + 'A'), f); /* summaries open with a lower-case verb */
	put_roff(f, c->summary + 1, strlen(c->summary + 1));
	fputs(".\n", f);
	if (*c->text) {
		fputs(".PP\n", f);
		put_paragraphs(f, c->text);
	}
	put_options(f, c->options);
	put_examples(f, c->examples);
	free(usage);
}

static const char tail[] =
	".SH EXIT STATUS\n"
	".TP\n0\nDone.\n"
	".TP\n1\nRefused: by a document, by the daemon, or by the system.\n"
	".TP\n2\nThe command line is wrong.\n"
	".TP\n3\nThe daemon cannot be reached or did not answer.\n"
	".SH ENVIRONMENT\n"
	".TP\n" DBX_CLI_SOCKET_ENV "\nSocket of the daemon, when \\-\\-socket is not given.\n"
	".TP\nNO_COLOR\nWhen set and not empty, nothing is coloured.\n"
	".TP\nSOURCE_DATE_EPOCH\nThe time, in seconds, that check reckons with instead of now.\n"
	".SH FILES\n"
	".TP\n" DBX_CLI_SOCKET_DEFAULT "\nThe daemon's socket, when nothing else is said.\n"
	".SH SEE ALSO\n"
	".BR dbx\\-egressd (8)\n";

void dbx_help_man(FILE *f)
{
	size_t i;

	fputs(".\\\" SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
	      ".\\\" Written by 'dbx-egressctl man' from the table of commands.\n"
	      ".TH DBX\\-EGRESSCTL 8 \"\" \"dbx-egress " DBX_VERSION
	      "\" \"System Administration\"\n"
	      ".SH NAME\ndbx\\-egressctl \\- operator's tool of the dbx\\-egress gateway\n"
	      ".SH SYNOPSIS\n.B dbx\\-egressctl\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n"
	      ".SH DESCRIPTION\n"
	      "Puts network policies and their companions into force on a gateway, and tells what is in\n"
	      "force, what it does to a packet, and what it has done so far. Text is for people;\n"
	      "\\fB\\-\\-json\\fR is for programs. Errors go to standard error.\n"
	      ".SH OPTIONS\nEvery command takes these.\n",
	      f);
	put_options(f, dbx_opts_global());
	fputs(".SH COMMANDS\n", f);
	for (i = 0; i < dbx_n_commands; i++) {
		if (!dbx_commands[i].is_hidden)
			put_command(f, &dbx_commands[i]);
	}
	fputs(tail, f);
}
