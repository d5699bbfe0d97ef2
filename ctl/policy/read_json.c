/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_json.c -- what the readers share: positions, complaints, objects by table, plain values.
 */
#include "policy/read_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/name.h"
#include "lib/strbuf.h"

/* ---- positions and findings ---- */

static void add_pointer(struct dbx_strbuf *b, const struct dbx_rd_at *at)
{
	if (!at)
		return;
	add_pointer(b, at->up);
	dbx_strbuf_addc(b, '/');
	if (!at->key) {
		dbx_strbuf_addf(b, "%zu", at->i);
		return;
	}
	for (const char *s = at->key; *s; s++) {
		if (*s == '~')
			dbx_strbuf_add(b, "~0");
		else if (*s == '/')
			dbx_strbuf_add(b, "~1");
		else
			dbx_strbuf_addc(b, *s);
	}
}

char *dbx_rd_pointer(const struct dbx_rd_at *at)
{
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	add_pointer(&b, at);
	return b.cap || b.err ? dbx_strbuf_steal(&b) : strdup("");
}

int dbx_rd_where(struct dbx_rd *r, const struct dbx_rd_at *at, struct dbx_where *out)
{
	out->doc = r->doc;
	out->ptr = dbx_rd_pointer(at);
	return out->ptr ? 0 : -ENOMEM;
}

static void add_finding(struct dbx_rd *r, const struct dbx_rd_at *at, enum dbx_severity sev,
			const char *code, const char *fmt, va_list ap)
{
	char *ptr, *text = NULL;

	if (dbx_diag_is_full(r->d, sev)) { /* a million mistakes are counted, not worded */
		dbx_diag_add(r->d, sev, code, r->doc_name, "", "%s", "");
		return;
	}
	ptr = dbx_rd_pointer(at);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	dbx_diag_add(r->d, sev, code, r->doc_name, ptr, "%s", text ? text : "(out of memory)");
	free(text);
	free(ptr);
}

void dbx_rd_error(struct dbx_rd *r, const struct dbx_rd_at *at, const char *code, const char *fmt,
		  ...)
{
	va_list ap;

	r->n_errors++;
	va_start(ap, fmt);
	add_finding(r, at, DBX_SEV_ERROR, code, fmt, ap);
	va_end(ap);
}

void dbx_rd_warn(struct dbx_rd *r, const struct dbx_rd_at *at, const char *code, const char *fmt,
		 ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(r, at, DBX_SEV_WARNING, code, fmt, ap);
	va_end(ap);
}

const char *dbx_rd_quote(const char *s, char buf[RD_QUOTE_SIZE])
{
	size_t n = 0, max = RD_QUOTE_SIZE - 6; /* quotes, "..." and the NUL */
	const unsigned char *u = (const unsigned char *)s;

	buf[n++] = '"';
	for (; *u && n < max; u++) {
		bool c1 = u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f; /* U+0080..U+009F */

		buf[n++] = *u < 0x20 || *u == 0x7f || c1 ? '?' : (char)*u;
		u += c1;
	}
	if (*u) { /* cut: not inside a UTF-8 sequence */
		if ((*u & 0xc0) == 0x80) {
			while (n > 1 && ((unsigned char)buf[n - 1] & 0xc0) == 0x80)
				n--;
			n -= n > 1;
		}
		memcpy(buf + n, "...", 3);
		n += 3;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

/* ---- objects ---- */

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a number with a fraction or exponent";
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

static void wrong_type(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		       const char *accepted)
{
	dbx_rd_error(r, at, "wrong-type", "read a value: it is %s; %s is expected", type_name(v),
		     accepted);
}

static bool is_known(const struct dbx_rd_shape *s, const char *key)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		if (!strcmp(s->fields[i].key, key))
			return true;
	}
	return false;
}

static void tell_unknown(struct dbx_rd *r, const struct dbx_rd_at *at, const char *key,
			 const struct dbx_rd_shape *s)
{
	char q[RD_QUOTE_SIZE];

	dbx_rd_quote(key, q);
	switch (s->unknown) {
	case RD_UNKNOWN_KEEP:
		dbx_rd_warn(r, at, "unknown-key", "read %s: key %s is not known; kept, not used",
			    s->what, q);
		break;
	case RD_UNKNOWN_LOUD:
		dbx_rd_warn(
			r, at, "unknown-key",
			"ATTENTION: read %s: key %s is not known and NOT ENFORCED. Here it may "
			"change what is allowed: check its spelling, or that this version is meant "
			"to know it; kept as written",
			s->what, q);
		break;
	case RD_UNKNOWN_WARN:
		dbx_rd_warn(r, at, "unknown-key", "read %s: key %s is not known; ignored", s->what,
			    q);
		break;
	case RD_UNKNOWN_ERROR:
		dbx_rd_error(r, at, "unknown-key",
			     "read %s: key %s is not known, and without it more would be allowed "
			     "than was written; remove it, or check its spelling",
			     s->what, q);
		break;
	}
}

static int collect_unknown(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at,
			   const struct dbx_rd_shape *s, char **extra)
{
	json_t *rest = NULL, *value;
	const char *key;
	int rc = 0;

	json_object_foreach((json_t *)o, key, value) {
		if (is_known(s, key))
			continue;
		tell_unknown(r, RD_KEY(at, key), key, s);
		if (!extra || rc)
			continue;
		if (!rest && !(rest = json_object()))
			rc = -ENOMEM;
		else if (json_object_set(rest, key, value))
			rc = -ENOMEM;
	}
	if (rest && !rc) {
		*extra = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
		rc = *extra ? 0 : -ENOMEM;
	}
	json_decref(rest);
	return rc;
}

int dbx_rd_object(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		  const struct dbx_rd_shape *shape, void *obj, char **extra)
{
	int rc;

	if (!json_is_object(v)) {
		dbx_rd_error(r, at, "wrong-type", "read %s: it is %s; an object is expected",
			     shape->what, type_name(v));
		return 0;
	}
	for (size_t i = 0; i < shape->n_fields; i++) {
		const struct dbx_rd_field *f = &shape->fields[i];
		const json_t *value = json_object_get(v, f->key);

		if (value && !json_is_null(value)) {
			rc = f->read(r, value, RD_KEY(at, f->key), (char *)obj + f->offset);
			if (rc)
				return rc;
		} else if (f->flags & RD_REQUIRED) {
			dbx_rd_error(r, at, "missing-key",
				     "read %s: \"%s\" is missing; it is required", shape->what,
				     f->key);
		}
	}
	return collect_unknown(r, v, at, shape, extra);
}

/* ---- values ---- */

const char *dbx_rd_text(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			const char *accepted)
{
	if (json_is_string(v))
		return json_string_value(v);
	wrong_type(r, v, at, accepted);
	return NULL;
}

static int set_text(void *dst, const char *s)
{
	char **p = dst;

	*p = strdup(s);
	return *p ? 0 : -ENOMEM;
}

int dbx_rd_string(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");

	return s ? set_text(dst, s) : 0;
}

/* Decimal digits with an optional minus, nothing else: strtoll alone takes blanks and a plus. */
static bool parse_int64(const char *s, int64_t *out)
{
	const char *digits = s + (*s == '-');
	char *end;
	long long n;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*out = n;
	return true;
}

static bool get_int64(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, int64_t *out)
{
	char q[RD_QUOTE_SIZE];

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	if (!json_is_string(v)) {
		wrong_type(r, v, at, "a whole number, or its digits as a string,");
		return false;
	}
	if (parse_int64(json_string_value(v), out))
		return true;
	dbx_rd_error(r, at, "bad-number",
		     "read number %s: not decimal digits of a 64-bit number; write 123 or \"123\"",
		     dbx_rd_quote(json_string_value(v), q));
	return false;
}

int dbx_rd_int64(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (get_int64(r, v, at, &n))
		*(int64_t *)dst = n;
	return 0;
}

int dbx_rd_id(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (!get_int64(r, v, at, &n))
		return 0;
	if (n <= 0)
		dbx_rd_error(r, at, "bad-id",
			     "read workspace id %" PRId64
			     ": not above 0; write the workspace's number",
			     n);
	else
		*(int64_t *)dst = n;
	return 0;
}

int dbx_rd_bool(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	if (json_is_boolean(v))
		*(bool *)dst = json_is_true(v);
	else
		wrong_type(r, v, at, "true or false");
	return 0;
}

int dbx_rd_raw(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	char **p = dst;

	if (!json_is_object(v)) {
		wrong_type(r, v, at, "an object");
		return 0;
	}
	*p = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
	return *p ? 0 : -ENOMEM;
}

int dbx_rd_skip(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	(void)r;
	(void)v;
	(void)at;
	(void)dst;
	return 0;
}

int dbx_rd_enum(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, const char *code,
		const char *what, const struct dbx_rd_value *values, size_t n, int *out)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	char q[RD_QUOTE_SIZE];
	struct dbx_strbuf b;

	if (!s)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(values[i].text, s)) {
			*out = values[i].value;
			return 1;
		}
	}
	dbx_strbuf_init(&b);
	for (size_t i = 0; i < n; i++)
		dbx_strbuf_addf(&b, "%s%s", i ? ", " : "", values[i].text);
	dbx_rd_error(r, at, code, "read %s %s: not known; accepted: %s", what, dbx_rd_quote(s, q),
		     b.s);
	dbx_strbuf_fini(&b);
	return 0;
}

int dbx_rd_items(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, size_t elem_bytes,
		 size_t limit, dbx_rd_fn read_item, void **out, size_t *n)
{
	size_t count = json_array_size(v);
	int rc = 0;

	if (!json_is_array(v) && !json_is_null(v)) {
		wrong_type(r, v, at, "a list");
		return 0;
	}
	if (!count)
		return 0;
	if (limit && count > limit) {
		dbx_rd_error(r, at, "limit",
			     "read a list: it has %zu items; at most %zu are accepted", count,
			     limit);
		return 0;
	}
	*out = calloc(count, elem_bytes);
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < count && !rc; i++) {
		*n = i + 1;
		rc = read_item(r, json_array_get(v, i), RD_ITEM(at, i),
			       (char *)*out + i * elem_bytes);
	}
	return rc;
}

void *dbx_rd_grow(void *v, size_t n, size_t elem_bytes)
{
	char *p = v;

	if ((n & (n - 1)) == 0) { /* 0 or a power of two: full */
		size_t bytes;

		if (__builtin_mul_overflow(n ? 2 * n : 1, elem_bytes, &bytes))
			return NULL;
		p = realloc(v, bytes);
		if (!p)
			return NULL;
	}
	memset(p + n * elem_bytes, 0, elem_bytes);
	return p;
}

/* ---- addresses and names ---- */

void dbx_rd_prefix_error(struct dbx_rd *r, const struct dbx_rd_at *at, const char *text, int err)
{
	char q[RD_QUOTE_SIZE], fixed[DBX_PREFIX_STRLEN];
	struct dbx_prefix p;

	dbx_rd_quote(text, q);
	if (err == DBX_PREFIX_HOST_BITS && !dbx_prefix_parse(text, DBX_PREFIX_CLEAR_HOST_BITS, &p))
		dbx_rd_error(r, at, "host-bits", "read prefix %s: host bits are set; write %s", q,
			     dbx_prefix_format(&p, fixed));
	else
		dbx_rd_error(r, at, "bad-prefix", "read prefix %s: it %s", q, dbx_prefix_why(err));
}

int dbx_rd_prefix(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a prefix such as \"10.0.0.0/8\"");
	int rc = s ? dbx_prefix_parse(s, DBX_PREFIX_BARE_OK, dst) : 0;

	if (rc)
		dbx_rd_prefix_error(r, at, s, rc);
	return 0;
}

static int read_name(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		     unsigned int flags, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a DNS name"), *why = "";
	char name[DBX_NAME_SIZE], q[RD_QUOTE_SIZE];

	if (!s)
		return 0;
	if (!dbx_name_canon_n(s, json_string_length(v), flags, name, &why))
		return set_text(dst, name);
	dbx_rd_error(r, at, "bad-name", "read DNS name %s: it %s", dbx_rd_quote(s, q), why);
	return 0;
}

int dbx_rd_name(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	return read_name(r, v, at, 0, dst);
}

int dbx_rd_pattern(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	return read_name(r, v, at, DBX_NAME_WILDCARD_OK, dst);
}
