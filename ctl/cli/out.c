// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * out.c -- what the tool prints: text, colours, JSON, and its own errors.
 */
#include "cli/out.h"
#include "cli/cli.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	bool is_json;
	bool no_colour;
} out;

void dbx_out_init(bool json, bool no_colour)
{
	const char *env = getenv("NO_COLOR"), *term = getenv("TERM");

	out.is_json = json;
	out.no_colour = no_colour || (env && *env) || (term && strcmp(term, "dumb") == 0);
}

bool dbx_out_is_json(void)
{
	return out.is_json;
}

int dbx_out_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	dbx_err("cannot write to standard output: %s", strerror(errno));
	return code ? code : DBX_EXIT_REFUSED;
}

/* ---- escaping ---- */

/* Length of the UTF-8 sequence at s (RFC 3629), 0 = not one; *cp is its code point. */
static size_t utf8_len(const unsigned char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len, i;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || len > n)
		return 0;
	*cp = s[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

/* What a terminal obeys instead of showing, and marks that hide or reorder their neighbours. */
static bool is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x61c ||
	       (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

int dbx_escape_add(struct dbx_strbuf *b, const char *s, size_t n, bool keep_lines)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i, len;
	uint32_t cp = 0;

	for (i = 0; i < n; i += len) {
		len = utf8_len(p + i, n - i, &cp);
		if (len == 0) {
			dbx_strbuf_addf(b, "\\x%02x", p[i]);
			len = 1;
		} else if (!is_unsafe(cp) || (keep_lines && (cp == '\n' || cp == '\t'))) {
			dbx_strbuf_addn(b, p + i, len);
		} else if (cp == '\n') {
			dbx_strbuf_add(b, "\\n");
		} else if (cp == '\t') {
			dbx_strbuf_add(b, "\\t");
		} else if (cp < 0x100) {
			dbx_strbuf_addf(b, "\\x%02x", (unsigned int)cp);
		} else {
			dbx_strbuf_addf(b, "\\u{%04x}", (unsigned int)cp);
		}
	}
	return b->err;
}

/* ---- text ---- */

static const char *colour_code(FILE *f, enum dbx_colour c)
{
	static const char *const codes[DBX_COLOUR_MAX] = {
		"", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[36m"};

	if (c == DBX_PLAIN || out.no_colour || !isatty(fileno(f)))
		return "";
	return codes[c];
}

static void print_escaped(FILE *f, enum dbx_colour c, bool keep_lines, const char *fmt, va_list ap)
{
	const char *on = colour_code(f, c);
	struct dbx_strbuf raw, text;

	dbx_strbuf_init(&raw);
	dbx_strbuf_init(&text);
	dbx_strbuf_addv(&raw, fmt, ap);
	dbx_escape_add(&text, raw.s, raw.len, keep_lines);
	/* Short of memory: what there is, is still escaped text. */
	fprintf(f, "%s%s%s", on, text.s, *on ? "\033[0m" : "");
	dbx_strbuf_fini(&text);
	dbx_strbuf_fini(&raw);
}

void dbx_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_escaped(stdout, DBX_PLAIN, true, fmt, ap);
	va_end(ap);
}

void dbx_say_in(FILE *f, enum dbx_colour c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_escaped(f, c, false, fmt, ap);
	va_end(ap);
}

static char *held;
static size_t n_held;

void dbx_err_hold(char *buf, size_t n)
{
	held = n ? buf : NULL;
	n_held = n;
}

void dbx_err(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (held) {
		va_start(ap, fmt);
		vsnprintf(held, n_held, fmt, ap);
		va_end(ap);
		errno = saved;
		return;
	}
	fflush(stdout);
	fputs(DBX_CLI_NAME ": ", stderr);
	va_start(ap, fmt);
	print_escaped(stderr, DBX_PLAIN, false, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	errno = saved;
}

int dbx_err_memory(void)
{
	dbx_err("out of memory");
	return DBX_EXIT_REFUSED;
}

/* ---- JSON ---- */

int dbx_out_json(const json_t *j)
{
	/* ASCII: a terminal that shows the JSON obeys nothing in it. */
	if (!j || json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY))
		return dbx_err_memory();
	putchar('\n');
	return DBX_EXIT_DONE;
}

json_t *dbx_json_text(const char *s)
{
	struct dbx_strbuf b;
	json_t *j;

	j = json_string(s);
	if (j)
		return j;
	dbx_strbuf_init(&b);
	dbx_strbuf_addc(&b, '"');
	dbx_strbuf_add_json_escaped(&b, s, strlen(s));
	dbx_strbuf_addc(&b, '"');
	j = b.err ? NULL : json_loadb(b.s, b.len, JSON_DECODE_ANY, NULL);
	dbx_strbuf_fini(&b);
	return j;
}

const char *dbx_json_str(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

long long dbx_json_int(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_real(v) ? (long long)json_real_value(v) : json_integer_value(v);
}

bool dbx_json_true(const json_t *obj, const char *key)
{
	return json_is_true(json_object_get(obj, key));
}

char *dbx_json_word(const json_t *value)
{
	const char *s = json_string_value(value);

	if (s)
		return strdup(s);
	if (!value || json_is_null(value))
		return strdup("");
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* ---- tables ---- */

void dbx_table_init(struct dbx_table *t, const struct dbx_column *cols, size_t n_cols)
{
	*t = (struct dbx_table){.cols = cols, .n_cols = n_cols};
}

void dbx_table_fini(struct dbx_table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->v[i].text);
	dbx_vec_fini(t);
}

void dbx_table_cell(struct dbx_table *t, enum dbx_colour c, const char *fmt, ...)
{
	struct dbx_strbuf raw, text;
	struct dbx_cell cell = {.colour = c};
	va_list ap;

	dbx_strbuf_init(&raw);
	dbx_strbuf_init(&text);
	va_start(ap, fmt);
	dbx_strbuf_addv(&raw, fmt, ap);
	va_end(ap);
	dbx_escape_add(&text, raw.s, raw.len, false);
	cell.text = text.len || text.err ? dbx_strbuf_steal(&text) : strdup("");
	if (!cell.text || dbx_vec_push(t, cell)) {
		free(cell.text);
		t->err = -ENOMEM;
	}
	dbx_strbuf_fini(&text);
	dbx_strbuf_fini(&raw);
}

/* Columns on a screen, taken as one a code point: names are ASCII in practice. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(FILE *f, const struct dbx_cell *cell, bool is_right, size_t width,
		       bool is_last)
{
	const char *on = colour_code(f, cell->colour);
	int pad = (int)(width - width_of(cell->text));

	fprintf(f, "%*s%s%s%s", is_right ? pad : 0, "", on, cell->text, *on ? "\033[0m" : "");
	if (!is_last)
		fprintf(f, "%*s", is_right ? 2 : pad + 2, "");
}

/* Nothing is padded behind the last cell that says something. */
static void print_row(FILE *f, const struct dbx_table *t, const struct dbx_cell *row,
		      const size_t *widths)
{
	size_t i, n = t->n_cols;

	while (n > 1 && !*row[n - 1].text)
		n--;
	for (i = 0; i < n; i++)
		print_cell(f, &row[i], t->cols[i].is_number, widths[i], i + 1 == n);
	fputc('\n', f);
}

static int print_titles(FILE *f, const struct dbx_table *t, const size_t *widths)
{
	struct dbx_cell *row = calloc(t->n_cols, sizeof(*row));
	size_t i;

	if (!row)
		return dbx_err_memory();
	for (i = 0; i < t->n_cols; i++)
		row[i] = (struct dbx_cell){(char *)(uintptr_t)t->cols[i].title, DBX_BOLD};
	print_row(f, t, row, widths);
	free(row);
	return DBX_EXIT_DONE;
}

int dbx_table_print(const struct dbx_table *t, FILE *f)
{
	size_t *widths, i, w;
	int code = DBX_EXIT_DONE;

	if (t->err || !(widths = calloc(t->n_cols, sizeof(*widths))))
		return dbx_err_memory();
	for (i = 0; i < t->n_cols; i++)
		widths[i] = width_of(t->cols[i].title);
	for (i = 0; i < t->n; i++) {
		w = width_of(t->v[i].text);
		if (w > widths[i % t->n_cols])
			widths[i % t->n_cols] = w;
	}
	if (t->n)
		code = print_titles(f, t, widths);
	for (i = 0; !code && i + t->n_cols <= t->n; i += t->n_cols)
		print_row(f, t, t->v + i, widths);
	free(widths);
	return code;
}
