// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * table.c -- the rows of options.def and commands.def as tables, and finding in them.
 */
#include "cli/table.h"

#include <string.h>

#define O(id) (UINT64_C(1) << DBX_OPT_##id)

const struct dbx_opt dbx_opts[DBX_OPT_MAX] = {
#define DBX_OPT(id, name, letter, kind, arg, words, help) \
	[DBX_OPT_##id] = {name, letter, DBX_OPT_##kind, arg, words, help},
#include "cli/options.def"
#undef DBX_OPT
};

const struct dbx_command dbx_commands[] = {
#define DBX_CMD(id, name, operands, min, max, options, required, words, summary, text, examples, \
		hidden)                                                                          \
	{name,  operands, min,  max,      options, required,                                     \
	 words, summary,  text, examples, hidden,  dbx_cmd_##id},
#include "cli/commands.def"
#undef DBX_CMD
};

const size_t dbx_n_commands = sizeof(dbx_commands) / sizeof(dbx_commands[0]);

uint64_t dbx_opts_global(void)
{
	return O(HELP) | O(VERSION) | O(JSON) | O(SOCKET) | O(TIMEOUT) | O(NO_COLOR);
}

/* How many of words spell name; 0 = they do not. */
static size_t spell(const char *name, const char *const *words, size_t n_words)
{
	const char *blank = strchr(name, ' ');
	size_t first = blank ? (size_t)(blank - name) : strlen(name);

	if (n_words < 1 || strlen(words[0]) != first || strncmp(name, words[0], first) != 0)
		return 0;
	if (!blank)
		return 1;
	return n_words > 1 && strcmp(blank + 1, words[1]) == 0 ? 2 : 0;
}

const struct dbx_command *dbx_command_find(const char *const *words, size_t n_words, size_t *n_used)
{
	size_t i, n;

	for (i = 0; i < dbx_n_commands; i++) {
		n = spell(dbx_commands[i].name, words, n_words);
		if (n) {
			*n_used = n;
			return &dbx_commands[i];
		}
	}
	return NULL;
}

#define DISTANCE_MAX 9
#define WORD_MAX     32

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned int dbx_word_distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t i, j, n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return DISTANCE_MAX;
	for (i = 0; i <= n; i++)
		d[i][0] = (unsigned int)i;
	for (j = 0; j <= m; j++)
		d[0][j] = (unsigned int)j;
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= m; j++) {
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[n][m] < DISTANCE_MAX ? d[n][m] : DISTANCE_MAX;
}

struct nearest {
	const char *word;
	const char *best;
	unsigned int distance;
};

static void consider(struct nearest *n, const char *name)
{
	unsigned int d = dbx_word_distance(n->word, name);

	/* The beginning of a name is no slip at all. */
	if (strlen(n->word) > 2 && strncmp(name, n->word, strlen(n->word)) == 0)
		d = 0;
	if (d < n->distance) {
		n->distance = d;
		n->best = name;
	}
}

/* Two slips are forgiven, but not in a word that is mostly slips. */
static unsigned int forgiven(const char *word)
{
	return strlen(word) > 4 ? 3 : 2;
}

const char *dbx_command_nearest(const char *word)
{
	struct nearest n = {.word = word, .distance = forgiven(word)};
	size_t i;

	for (i = 0; i < dbx_n_commands; i++) {
		if (!dbx_commands[i].is_hidden)
			consider(&n, dbx_commands[i].name);
	}
	return n.best;
}

const char *dbx_opt_nearest(const char *word, uint64_t options)
{
	struct nearest n = {.word = word, .distance = forgiven(word)};
	size_t i;

	for (i = 0; i < DBX_OPT_MAX; i++) {
		if (options & (UINT64_C(1) << i))
			consider(&n, dbx_opts[i].name);
	}
	return n.best;
}
