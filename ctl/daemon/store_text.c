// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * store_text.c -- document texts in the store: once per content, deflated.
 */
#include "daemon/store_impl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/hash.h"

#define BLOB_SEED      0
#define PACK_MIN_BYTES 512 /* below, a page is written either way */
#define TEXT_MAX_BYTES (256u << 20)

static int unpack(const void *body, size_t n_body, bool packed, char *text, size_t len)
{
	uLongf n = len;

	if (!packed) {
		if (n_body != len)
			return -EIO;
		memcpy(text, body, len);
		return 0;
	}
	return uncompress((Bytef *)text, &n, body, n_body) == Z_OK && n == len ? 0 : -EIO;
}

int dbx_store_text(struct dbx_store *s, int64_t blob, char **text, size_t *len, struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_TEXT, "i", blob);
	size_t n_bytes;
	char *p = NULL;
	int rc;

	if (sqlite3_step(st) != SQLITE_ROW) {
		rc = dbx_store_fail(s, f, "reading a document of");
		goto out;
	}
	n_bytes = (size_t)sqlite3_column_int64(st, 0);
	rc = -EIO;
	if (n_bytes <= TEXT_MAX_BYTES) {
		p = malloc(n_bytes + 1);
		rc = p ? unpack(sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2),
				sqlite3_column_int(st, 1), p, n_bytes)
		       : -ENOMEM;
	}
	if (rc) {
		dbx_fail_set(f, rc, DBX_FAIL_INTERNAL,
			     "reading document text %lld of the state database failed: %s",
			     (long long)blob, rc == -ENOMEM ? "out of memory" : "it is damaged");
		free(p);
		goto out;
	}
	p[n_bytes] = '\0';
	*text = p;
	*len = n_bytes;
out:
	sqlite3_reset(st);
	return rc;
}

/* A stored text equal to this one: equal hashes are not enough to trust. */
static int find_blob(struct dbx_store *s, int64_t hash, const char *text, size_t len, int64_t *out,
		     struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_FIND_BLOB, "ii", hash, (int64_t)len);
	int step, rc = 0;
	size_t n;
	char *p;

	*out = 0;
	while (!*out && (step = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(st, 0);

		rc = dbx_store_text(s, id, &p, &n, f);
		if (rc)
			break;
		if (n == len && memcmp(p, text, n) == 0)
			*out = id;
		free(p);
	}
	if (!rc && !*out && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}

int dbx_store_add_text(struct dbx_store *s, const char *text, size_t len, int64_t *out,
		       struct dbx_fail *f)
{
	int64_t hash = (int64_t)dbx_hash64(text, len, BLOB_SEED);
	uLongf n_packed = compressBound(len);
	Bytef *packed = NULL;
	sqlite3_stmt *st;
	int rc;

	rc = find_blob(s, hash, text, len, out, f);
	if (rc || *out)
		return rc;
	if (len >= PACK_MIN_BYTES) {
		packed = malloc(n_packed);
		if (!packed)
			return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
		if (compress2(packed, &n_packed, (const Bytef *)text, len, Z_BEST_SPEED) != Z_OK ||
		    n_packed >= len) {
			free(packed);
			packed = NULL;
		}
	}
	st = dbx_store_bind(s, DBX_SQL_ADD_BLOB, "iii", hash, (int64_t)len,
			    (int64_t)(packed != NULL));
	if (packed)
		sqlite3_bind_blob64(st, 4, packed, n_packed, SQLITE_STATIC);
	else
		sqlite3_bind_blob64(st, 4, text, len, SQLITE_STATIC);
	rc = dbx_store_run(s, st, f, "writing a document to");
	if (!rc)
		*out = sqlite3_last_insert_rowid(s->db);
	free(packed);
	return rc;
}
