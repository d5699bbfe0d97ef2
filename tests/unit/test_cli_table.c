// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_table.c -- the table of commands and options: consistent, and found by what people type.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/table.h"

static void options_do_not_clash(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < DBX_OPT_MAX; i++) {
		for (j = 0; j < i; j++) {
			assert_string_not_equal(dbx_opts[i].name, dbx_opts[j].name);
			if (dbx_opts[i].letter)
				assert_int_not_equal(dbx_opts[i].letter, dbx_opts[j].letter);
		}
		assert_true((dbx_opts[i].kind == DBX_OPT_FLAG) == (dbx_opts[i].arg[0] == '\0'));
		assert_true(strlen(dbx_opts[i].help) > 0);
		assert_null(strchr(dbx_opts[i].words, '\''));
	}
}

static void commands_are_whole(void **state)
{
	const struct dbx_command *c;
	size_t i;

	(void)state;
	for (i = 0; i < dbx_n_commands; i++) {
		c = &dbx_commands[i];
		assert_non_null(c->run);
		assert_int_equal(c->required & ~c->options, 0);
		assert_int_equal(c->options & dbx_opts_global(), 0);
		assert_true(islower((unsigned char)c->summary[0]));
		assert_int_not_equal(c->summary[strlen(c->summary) - 1], '.');
		assert_true(c->n_max < 0 || c->n_min <= c->n_max);
		assert_true(strncmp(c->examples, c->name, strlen(c->name)) == 0);
		assert_true((c->n_max == 0) == (c->operands[0] == '\0'));
	}
}

static void commands_are_found(void **state)
{
	static const char *const apply[] = {"apply", "x"}, *const dump[] = {"image", "dump", "x"},
				 *const half[] = {"image"}, *const not_apply[] = {"appl"},
				 *const longer[] = {"applyx"};
	size_t n = 0;

	(void)state;
	assert_string_equal(dbx_command_find(apply, 2, &n)->name, "apply");
	assert_int_equal(n, 1);
	assert_string_equal(dbx_command_find(dump, 3, &n)->name, "image dump");
	assert_int_equal(n, 2);
	assert_null(dbx_command_find(half, 1, &n));
	assert_null(dbx_command_find(not_apply, 1, &n));
	assert_null(dbx_command_find(longer, 1, &n));
	assert_null(dbx_command_find(apply, 0, &n));
}

static void distances(void **state)
{
	(void)state;
	assert_int_equal(dbx_word_distance("apply", "apply"), 0);
	assert_int_equal(dbx_word_distance("aply", "apply"), 1);
	assert_int_equal(dbx_word_distance("appyl", "apply"), 1); /* a swap is one slip */
	assert_int_equal(dbx_word_distance("", "abc"), 3);
	assert_int_equal(dbx_word_distance("kitten", "sitting"), 3);
	assert_int_equal(dbx_word_distance("abcdefghij", "0123456789"), 9);
	assert_int_equal(dbx_word_distance("a very long word that no command will ever have", "a"),
			 9);
}

static void slips_are_guessed(void **state)
{
	(void)state;
	assert_string_equal(dbx_command_nearest("aply"), "apply");
	assert_string_equal(dbx_command_nearest("explian"), "explain");
	assert_string_equal(dbx_command_nearest("hist"), "history");
	assert_null(dbx_command_nearest("frobnicate"));
	assert_null(dbx_command_nearest("x"));
	assert_null(dbx_command_nearest("completio")); /* hidden */
	assert_string_equal(dbx_opt_nearest("dryrun", UINT64_MAX), "dry-run");
	assert_null(dbx_opt_nearest("dryrun", dbx_opts_global()));
}

static void usage_lines(void **state)
{
	static const char *const compile[] = {"compile"}, *const version[] = {"version"};
	size_t n;
	char *s;

	(void)state;
	s = dbx_help_usage(dbx_command_find(compile, 1, &n));
	assert_string_equal(s, "compile --output FILE [--generation N] [--all-tags] FILE...|-");
	free(s);
	s = dbx_help_usage(dbx_command_find(version, 1, &n));
	assert_string_equal(s, "version");
	free(s);
}

/* Every command and option is in the text that f writes. */
static char *written_by(void (*f)(FILE *))
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	f(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void everything_is_documented(void **state)
{
	char *help = written_by(dbx_help_tool), *man = written_by(dbx_help_man);
	char *completion = written_by(dbx_help_completion_bash), word[64];
	size_t i;

	(void)state;
	for (i = 0; i < dbx_n_commands; i++) {
		if (dbx_commands[i].is_hidden)
			continue;
		assert_non_null(strstr(help, dbx_commands[i].summary));
		snprintf(word, sizeof(word), "\n.SS %s", dbx_commands[i].name);
		assert_non_null(strstr(man, word));
		snprintf(word, sizeof(word), "\t%.*s)\n", (int)strcspn(dbx_commands[i].name, " "),
			 dbx_commands[i].name);
		assert_non_null(strstr(completion, word));
	}
	for (i = 0; i < DBX_OPT_MAX; i++) {
		snprintf(word, sizeof(word), " --%s", dbx_opts[i].name);
		assert_non_null(strstr(completion, word));
	}
	assert_null(strstr(man, "\n'"));
	free(help);
	free(man);
	free(completion);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_do_not_clash),     cmocka_unit_test(commands_are_whole),
		cmocka_unit_test(commands_are_found),       cmocka_unit_test(distances),
		cmocka_unit_test(slips_are_guessed),        cmocka_unit_test(usage_lines),
		cmocka_unit_test(everything_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
