/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_hello.c -- any bytes as the beginning of a TLS stream: the reader of the kernel program against
 * a slow one of its own, and the answer never depends on how the stream was cut.
 *
 * An input: one byte that says how to cut, one that asks for the bytes to be put into records of that
 * size (0: they are taken as they are), the bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hellos.h"
#include "dbx/hello.h"

static const struct dbx_secret secret = {{1234567, 7654321}};

struct answer {
	int status, reason;
	uint64_t hash;
	int has_ech;
};

/* Reads up to `end` in pieces; between two, the state lies in memory alone, as in the kernel. */
static struct answer read_in_pieces(const uint8_t *b, size_t n, size_t piece)
{
	static struct dbx_hello table[2];
	struct dbx_hello *h = &table[0];
	struct answer a = {0};
	struct dbx_said said;
	size_t i;

	memset(table, 0x5a, sizeof(table));
	h->n = h->want = 0;
	h->rec_left = 0;
	h->n_hdr = h->status = 0;
	for (i = 0; i < n && h->status == DBX_HELLO_MORE; i++) {
		dbx_hello_feed(h, b[i]);
		if (piece && !((i + 1) % piece)) {
			struct dbx_hello *other = h == table ? &table[1] : table;

			memcpy(other, h, sizeof(*h));
			memset(h, 0xee, sizeof(*h));
			h = other;
		}
	}
	a.status = h->status;
	if (a.status != DBX_HELLO_DONE)
		return a;
	memset(&said, 0, sizeof(said));
	dbx_hello_name(h, &secret, &said);
	a.reason = said.reason;
	a.hash = said.reason ? 0 : dbx_hash_value(&said.hash);
	a.has_ech = said.reason == DBX_REASON_NOT_TLS ? 0 : said.has_ech;
	return a;
}

static uint64_t hash_of(const char *name)
{
	struct dbx_hash h = {{0, 0}};

	while (*name)
		dbx_hash_byte(&h, &secret, (uint8_t)*name++);
	return dbx_hash_value(&h);
}

static void check(const uint8_t *b, size_t n, size_t piece)
{
	struct answer whole = read_in_pieces(b, n, 0), cut = read_in_pieces(b, n, piece);
	struct hello_said slow;

	hello_naive(b, n, &slow);
	if (memcmp(&whole, &cut, sizeof(whole)) || whole.status != slow.status)
		abort();
	if (whole.status != DBX_HELLO_DONE)
		return;
	if (whole.reason != slow.reason || (!slow.reason && whole.hash != hash_of(slow.name)))
		abort();
	if (slow.reason != DBX_REASON_NOT_TLS && whole.has_ech != slow.ech)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct hello h;
	uint8_t *exact;

	if (n < 2 || n > 3000)
		return 0;
	if (data[1]) {
		hello_records(&h, data + 2, n - 2, data[1], 1);
		check(h.b, h.n, data[0]);
		return 0;
	}
	exact = malloc(n - 1); /* so that reading past the end is seen */
	if (!exact)
		abort();
	memcpy(exact, data + 2, n - 2);
	check(exact, n - 2, data[0]);
	free(exact);
	return 0;
}
