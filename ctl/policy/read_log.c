// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * read_log.c -- "log" of the gateway document: where records of denied flows go.
 */
#include "policy/read_log.h"

#include <inttypes.h>
#include <string.h>

#include "policy/read_sinks.h"

#define PATH_BYTES_MAX 1000 /* with room for ".N" and what the kernel takes */

/* True with *n set when v is a number of lo to hi. */
static bool read_number(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, int64_t lo,
			int64_t hi, int64_t *n)
{
	size_t errors = r->n_errors;

	dbx_rd_int64(r, v, at, n);
	if (r->n_errors != errors)
		return false;
	if (*n >= lo && *n <= hi)
		return true;
	dbx_rd_error(r, at, "bad-value",
		     "read %s %" PRId64 ": accepted are whole numbers of %" PRId64 " to %" PRId64,
		     at->key ? at->key : "a number", *n, lo, hi);
	return false;
}

int dbx_rd_path(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, const char *example,
		void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	size_t len = s ? strlen(s) : 0;
	char q[RD_QUOTE_SIZE];
	bool is_bad = len < 2 || len > PATH_BYTES_MAX;

	if (!s)
		return 0;
	is_bad |= s[0] != '/' || s[len - 1] == '/' || strstr(s, "/../") ||
		  (len >= 3 && !strcmp(s + len - 3, "/.."));
	for (size_t i = 0; i < len; i++)
		is_bad |= (unsigned char)s[i] < ' ' || s[i] == 0x7f;
	if (!is_bad)
		return dbx_rd_string(r, v, at, dst);
	dbx_rd_error(r, at, "bad-path",
		     "read path %s: accepted is the absolute path of a file, without \"..\", for "
		     "example %s",
		     dbx_rd_quote(s, q), example);
	return 0;
}

static int read_path(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	return dbx_rd_path(r, v, at, "/var/log/dbx-egress/denials.jsonl", dst);
}

/* Smaller files would be rotated faster than anybody can read them. */
static int read_rotate_bytes(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	int64_t n;

	if (read_number(r, v, at, 65536, INT64_C(1) << 40, &n))
		*(uint64_t *)dst = (uint64_t)n;
	return 0;
}

static int read_rotate_s(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, 0, 366 * 86400, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static int read_keep(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, 0, 1000, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static const struct dbx_rd_field file_fields[] = {
	{"path", RD_REQUIRED, offsetof(struct dbx_log_file, path), read_path},
	{"rotate_bytes", 0, offsetof(struct dbx_log_file, rotate_bytes), read_rotate_bytes},
	{"rotate_s", 0, offsetof(struct dbx_log_file, rotate_s), read_rotate_s},
	{"keep", 0, offsetof(struct dbx_log_file, keep), read_keep},
};
static const struct dbx_rd_shape file_shape = RD_SHAPE("a log file", file_fields, RD_UNKNOWN_KEEP);

static int read_file(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_log_file *f = dst;
	int rc = dbx_rd_where(r, at, &f->where);

	f->has = true;
	f->rotate_bytes = DBX_LOG_ROTATE_BYTES;
	f->rotate_s = DBX_LOG_ROTATE_S;
	f->keep = DBX_LOG_KEEP;
	return rc ? rc : dbx_rd_object(r, v, at, &file_shape, f, &f->extra);
}

static int read_interval(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, 1, 3600, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static int read_denied(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {{"all", 0}, {"off", 1}};
	struct dbx_log_options *l = dst;
	int value = 0;

	dbx_rd_enum(r, v, at, "bad-value", "denied", values, 2, &value);
	l->denied_off = value;
	return 0;
}

static int read_allowed(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {{"off", DBX_LOG_ALLOWED_OFF},
						     {"first", DBX_LOG_ALLOWED_FIRST},
						     {"sampled", DBX_LOG_ALLOWED_SAMPLED}};
	struct dbx_log_options *l = dst;
	int value = DBX_LOG_ALLOWED_OFF;

	dbx_rd_enum(r, v, at, "bad-value", "allowed", values, 3, &value);
	l->allowed = (enum dbx_log_allowed)value;
	return 0;
}

static int read_sample(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, 1, 1000000, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static const struct dbx_rd_field log_fields[] = {
	{"denied", 0, 0, read_denied},
	{"allowed", 0, 0, read_allowed},
	{"sample_per_million", 0, offsetof(struct dbx_log_options, sample_per_million),
	 read_sample},
	{"interval_s", 0, offsetof(struct dbx_log_options, interval_s), read_interval},
	{"file", 0, offsetof(struct dbx_log_options, file), read_file},
	{"journald", 0, offsetof(struct dbx_log_options, journald), dbx_rd_bool},
	{"kafka", 0, offsetof(struct dbx_log_options, kafka), dbx_rd_kafka},
};
static const struct dbx_rd_shape log_shape = RD_SHAPE("the log", log_fields, RD_UNKNOWN_KEEP);

int dbx_rd_log(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_log_options *l = dst;
	int rc = dbx_rd_where(r, at, &l->where);

	l->has = true;
	l->interval_s = DBX_LOG_INTERVAL_S;
	l->sample_per_million = DBX_LOG_SAMPLE;
	return rc ? rc : dbx_rd_object(r, v, at, &log_shape, l, &l->extra);
}
