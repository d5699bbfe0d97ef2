// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_lookup.c -- lookup: addresses to the names of everything that contains them.
 *
 * Made for long lists: input is read in large blocks, an address costs one search in the index, and
 * output leaves in large blocks too.
 */
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/inforce.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/addr.h"
#include "policy/read.h"
#include "policy/tagindex.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES  256
#define BLOCK_BYTES     (256u << 10)
#define BAD_LINES_SHOWN 100

struct lookup {
	struct dbx_tagindex *index;
	struct dbx_strbuf line; /* scratch for names that need escapes */
	size_t n_answers;
	size_t n_bad;
};

/* ---- one address ---- */

/* Names part by tabs; anything else that is not plain ASCII goes the slow way. */
static bool is_plain(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned int bad = 0;

	for (; *p; p++)
		bad |= (*p < 0x20 && *p != '\t') | (*p >= 0x7f);
	return !bad;
}

static void put_names_escaped(struct lookup *l, const char *names)
{
	size_t n;

	dbx_strbuf_reset(&l->line);
	for (;; names += n + 1) {
		n = strcspn(names, "\t");
		dbx_escape_add(&l->line, names, n, false);
		if (!names[n])
			break;
		dbx_strbuf_addc(&l->line, '\t');
	}
	fputs_unlocked(l->line.s, stdout);
}

static void put_text(struct lookup *l, const char *addr, size_t n, const char *names)
{
	fwrite_unlocked(addr, 1, n, stdout);
	if (*names)
		putc_unlocked('\t', stdout);
	if (is_plain(names))
		fputs_unlocked(names, stdout);
	else
		put_names_escaped(l, names);
	putc_unlocked('\n', stdout);
}

static void put_json(struct lookup *l, const char *addr, size_t n, const char *names)
{
	size_t len;

	dbx_strbuf_reset(&l->line);
	dbx_strbuf_addf(&l->line, "%s{\"address\":\"%.*s\",\"names\":[", l->n_answers ? ",\n" : "",
			(int)n, addr);
	while (*names) {
		len = strcspn(names, "\t");
		dbx_strbuf_addc(&l->line, '"');
		dbx_strbuf_add_json_escaped(&l->line, names, len);
		dbx_strbuf_add(&l->line, names[len] ? "\"," : "\"");
		names += len + (names[len] == '\t');
	}
	dbx_strbuf_add(&l->line, "]}");
	fputs_unlocked(l->line.s, stdout);
}

/* addr is NUL-terminated. False when it is no address. */
static bool answer(struct lookup *l, const char *addr, size_t n)
{
	struct dbx_addr a;
	const char *names;

	if (dbx_addr_parse(addr, &a))
		return false;
	names = dbx_tagindex_names(l->index, &a);
	if (dbx_out_is_json())
		put_json(l, addr, n, names);
	else
		put_text(l, addr, n, names);
	l->n_answers++;
	return true;
}

/* ---- standard input ---- */

static void tell_bad_line(struct lookup *l, size_t number, const char *s, size_t n)
{
	if (++l->n_bad > BAD_LINES_SHOWN)
		return;
	dbx_err("<stdin>: line %zu: '%.*s%s' is not an IP address", number, (int)(n > 60 ? 60 : n),
		s, n > 60 ? "..." : "");
}

static void take_line(struct lookup *l, size_t number, char *s, size_t n)
{
	while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	if (!n)
		return;
	s[n] = '\0';
	if (n >= LINE_MAX_BYTES || strlen(s) != n || !answer(l, s, n))
		tell_bad_line(l, number, s, n);
}

/* The lines of block[0..n); what is left of an unfinished one is moved to the front. */
static size_t take_lines(struct lookup *l, size_t *number, char *block, size_t n)
{
	char *s = block, *end;

	while ((end = memchr(s, '\n', n - (size_t)(s - block)))) {
		take_line(l, ++*number, s, (size_t)(end - s));
		s = end + 1;
	}
	n -= (size_t)(s - block);
	memmove(block, s, n);
	return n;
}

static int take_stdin(struct lookup *l)
{
	char *block = malloc(BLOCK_BYTES + 1);
	size_t n = 0, number = 0;
	ssize_t got;

	if (!block)
		return dbx_err_memory();
	for (;;) {
		/* A line as long as the block is no address; its first part is enough to say so. */
		if (n == BLOCK_BYTES) {
			tell_bad_line(l, number + 1, block, n);
			n = 0;
		}
		got = read(STDIN_FILENO, block + n, BLOCK_BYTES - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n = take_lines(l, &number, block, n + (size_t)got);
	}
	if (n)
		take_line(l, number + 1, block, n);
	free(block);
	if (got == 0)
		return DBX_EXIT_DONE;
	dbx_err("cannot read standard input: %s", strerror(errno));
	return DBX_EXIT_REFUSED;
}

static int take_operands(const struct dbx_cli *cli, struct lookup *l)
{
	const char *s;
	bool is_read = false;
	size_t i;
	int code = DBX_EXIT_DONE;

	for (i = 0; i < cli->operands.n; i++) {
		s = cli->operands.v[i];
		if (strcmp(s, "-") == 0 && !is_read) {
			is_read = true;
			code = take_stdin(l);
		} else if (strcmp(s, "-") != 0 && !answer(l, s, strlen(s))) {
			l->n_bad++;
			dbx_err("cannot look up '%s': not an IP address", s);
		}
	}
	if (l->n_bad > BAD_LINES_SHOWN)
		dbx_err("%zu lines in all are not IP addresses", l->n_bad);
	return l->n_bad ? DBX_EXIT_REFUSED : code;
}

/* ---- the documents ---- */

static int load_files(const struct dbx_cli *cli, struct dbx_load *l, struct dbx_diag *d)
{
	const struct dbx_words *feeds = &cli->list[DBX_OPT_FEEDS];
	const struct dbx_words *policy = &cli->list[DBX_OPT_POLICY];
	int rc, rc2;

	rc = dbx_load_add(l, feeds->v, feeds->n, d);
	rc2 = dbx_load_add(l, policy->v, policy->n, d);
	return rc == -ENOMEM || !rc2 ? rc : rc2;
}

/*
 * References that point nowhere are told, but a part of a configuration is a fine thing to look
 * addresses up in.
 */
static int tell_loose_ends(struct dbx_model *m)
{
	struct dbx_diag d;
	json_t *all, *v;
	size_t i;
	int rc;

	dbx_diag_init(&d);
	rc = dbx_model_resolve(m, &d);
	all = dbx_findings_json(&d);
	json_array_foreach(all, i, v)
		json_object_set_new(v, "severity", json_string("warning"));
	dbx_findings_print(all, stderr, false);
	json_decref(all);
	dbx_diag_fini(&d);
	return rc == -ENOMEM ? rc : 0;
}

static int make_index(const struct dbx_cli *cli, struct dbx_tagindex **index)
{
	bool is_offline = dbx_cli_has(cli, DBX_OPT_FEEDS) || dbx_cli_has(cli, DBX_OPT_POLICY);
	struct dbx_load load = {0};
	struct dbx_model *m = NULL;
	struct dbx_diag d;
	int rc = 0, code = DBX_EXIT_DONE;

	dbx_diag_init(&d);
	if (is_offline)
		rc = load_files(cli, &load, &d);
	else
		code = dbx_inforce_load(cli, "look up", &load);
	if (!rc && !code)
		rc = dbx_load_model(&load, &m, &d);
	if (!rc && !code)
		rc = tell_loose_ends(m);
	if (!rc && !code)
		rc = dbx_tagindex_new(m, index, &d);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "look up");
	dbx_model_free(&m);
	dbx_load_fini(&load);
	dbx_diag_fini(&d);
	return code;
}

int dbx_cmd_lookup(const struct dbx_cli *cli)
{
	struct lookup l = {0};
	int code;

	code = make_index(cli, &l.index);
	if (code)
		return code;
	dbx_strbuf_init(&l.line);
	if (dbx_out_is_json())
		putchar('[');
	code = take_operands(cli, &l);
	if (dbx_out_is_json())
		puts("]");
	dbx_strbuf_fini(&l.line);
	dbx_tagindex_free(&l.index);
	return code;
}
