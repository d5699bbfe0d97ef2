// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hellocut.c -- ClientHellos through the kernel program in every cut: always the same verdict, and no
 * byte leaves before it.
 *
 * Standard input: streams, each behind its length (four octets, big endian) and beginning with a hello.
 * Each is sent whole, cut in two at every offset, in pieces at random, and in TLS records of several
 * sizes, cut at some offsets: once with its name not known, once (when it has one) with its name bound to the
 * address. What it should be told is what the slow reader of common/hellos.h says. Output: the verdict,
 * the name and the number of flows; at the first that differs, what it was, and status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "common/flowrun.h"
#include "common/hellos.h"
#include "dbx/hello.h"
#include "policy/explain.h"

#define SEGMENT_MAX 1400
#define PIECES_MAX  16
#define RECORD_CUTS 23 /* of each size of records */

static struct flowrun f;
static const struct flowrun_opts tls = {.kind = DBX_NAME_PORT_TLS};
static unsigned long n_flows;

struct cuts {
	size_t n, end[PIECES_MAX]; /* the last is the length of the hello */
};

/* Pieces end at `cut` (0: nowhere) and where a segment is full. */
static bool cut_at(struct cuts *c, size_t n, size_t cut)
{
	size_t at = 0;

	for (c->n = 0; at < n && c->n < PIECES_MAX; c->n++) {
		size_t to = at + SEGMENT_MAX < n ? at + SEGMENT_MAX : n;

		if (at < cut && cut < to)
			to = cut;
		c->end[c->n] = at = to;
	}
	return at == n;
}

static bool cut_at_random(struct cuts *c, size_t n)
{
	size_t at = 0;

	for (c->n = 0; at < n && c->n < PIECES_MAX; c->n++) {
		size_t to = at + 1 + (size_t)rand() % (n / 6 + 1);

		c->end[c->n] = at = to < n ? to : n;
		if (c->end[c->n] - (c->n ? c->end[c->n - 1] : 0) > SEGMENT_MAX)
			return false;
	}
	return at == n;
}

static size_t start_of(const struct cuts *c, size_t i)
{
	return i ? c->end[i - 1] : 0;
}

static bool send_piece(const struct hello *h, const struct cuts *c, size_t i)
{
	size_t at = start_of(c, i);

	return flowrun_send(&f, ACK | PSH, (uint32_t)at, h->b + at, c->end[i] - at);
}

/* Sends the pieces in order until one is decided; its number, or c->n. */
static size_t until_decided(const struct hello *h, const struct cuts *c, const char **wrong)
{
	for (size_t i = 0; i < c->n; i++) {
		bool passed = send_piece(h, c, i);

		if (!passed && f.res.reason == DBX_REASON_HELLO_HELD && f.action == XDP_DROP)
			continue;
		if (passed && i + 1 < c->n)
			*wrong = "passed before it was whole";
		return i;
	}
	*wrong = "never decided";
	return c->n;
}

/* NULL, or what was wrong. */
static const char *flow(const struct hello *h, const struct cuts *c, unsigned int want)
{
	const char *wrong = NULL;
	bool passes = want == DBX_REASON_LISTED_NAME;
	size_t at;

	n_flows++;
	flowrun_next(&f);
	flowrun_begin(&f);
	at = until_decided(h, c, &wrong);
	if (wrong)
		return wrong;
	if (f.res.reason != want)
		return dbx_reason_slug((enum dbx_reason)f.res.reason);
	/* what was held is repeated, and meets the same verdict */
	for (size_t i = 0; i < c->n && i <= at; i++) {
		if (send_piece(h, c, i) != passes)
			return "a repetition met another verdict";
		if (passes && memcmp(f.out + f.n_out - (c->end[i] - start_of(c, i)),
				     h->b + start_of(c, i), c->end[i] - start_of(c, i)) != 0)
			return "other bytes left";
	}
	return NULL;
}

static bool tell(const char *wrong, const char *how, size_t detail, unsigned int want)
{
	if (wrong)
		printf("not %s, but: %s (%s %zu)\n", dbx_reason_slug((enum dbx_reason)want), wrong,
		       how, detail);
	return !wrong;
}

static bool all_cuts(const struct hello *h, unsigned int want, size_t step, const char *how)
{
	struct cuts c;

	for (size_t cut = 0; cut < h->n; cut += step) {
		if (!cut_at(&c, h->n, cut))
			continue;
		if (!tell(flow(h, &c, want), how, cut, want))
			return false;
		if (f.o.kind == DBX_NAME_PORT_TLS && n_flows % 4096 == 0)
			flowrun_forget(&f);
	}
	for (size_t i = 0; i < 16; i++)
		if (cut_at_random(&c, h->n) && !tell(flow(h, &c, want), how, 90000 + i, want))
			return false;
	return true;
}

/* The message in records of other sizes: no other verdict, whatever the cut. */
static bool all_records(const struct hello *h, unsigned int want)
{
	static const size_t sizes[] = {1, 2, 5, 16, 101, 255, 1000};
	static uint8_t msg[HELLO_MAX];
	static struct hello other;
	size_t n_msg = 0;

	for (size_t at = 0; at + 5 <= h->n; at += 5 + ((size_t)h->b[at + 3] << 8 | h->b[at + 4])) {
		size_t n = (size_t)h->b[at + 3] << 8 | h->b[at + 4];

		n = at + 5 + n <= h->n ? n : h->n - at - 5;
		memcpy(msg + n_msg, h->b + at + 5, n);
		n_msg += n;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (n_msg + 5 * (n_msg / sizes[i] + 1) > HELLO_MAX)
			continue;
		hello_records(&other, msg, n_msg, sizes[i], h->b[2]);
		if (!all_cuts(&other, want, 1 + other.n / RECORD_CUTS, "records, cut"))
			return false;
	}
	return true;
}

static bool both(const struct hello *h, unsigned int want)
{
	return all_cuts(h, want, 1, "cut") && all_records(h, want);
}

static unsigned int reason_of(const struct hello_said *said)
{
	if (said->status == DBX_HELLO_DONE)
		return said->reason ? (unsigned int)said->reason : DBX_REASON_NAME_MISMATCH;
	return said->status == DBX_HELLO_LONG ? DBX_REASON_HELLO_TOO_LONG : DBX_REASON_NOT_TLS;
}

static bool judge(struct hello *h)
{
	struct hello_said said;
	unsigned int want;
	bool good;

	hello_naive(h->b, h->n, &said);
	if (said.status == DBX_HELLO_MORE) {
		printf("not whole\n");
		return true;
	}
	h->n = said.n_used;
	want = reason_of(&said);
	n_flows = 0;
	good = both(h, want);
	if (good && want == DBX_REASON_NAME_MISMATCH) {
		if (flowrun_learn(&f, FLOWRUN_POLICY, said.name, 3600))
			return false;
		want = DBX_REASON_LISTED_NAME;
		good = both(h, want);
		if (flowrun_learn(&f, FLOWRUN_POLICY, said.name, -1))
			return false;
	}
	if (good)
		printf("%s\t%s\t%lu\n", dbx_reason_slug((enum dbx_reason)want), said.name, n_flows);
	flowrun_forget(&f);
	return good;
}

int main(void)
{
	static struct hello h;
	uint8_t prefix[4];

	if (flowrun_open(&f, &tls) ||
	    flowrun_learn(&f, FLOWRUN_POLICY, "nobody.example.net", 3600)) {
		fprintf(stderr, "hellocut: no kernel program\n");
		return 1;
	}
	while (fread(prefix, 4, 1, stdin) == 1) {
		h.n = (size_t)prefix[2] << 8 | prefix[3];
		if (prefix[0] || prefix[1] || h.n > HELLO_MAX || !h.n ||
		    fread(h.b, h.n, 1, stdin) != 1)
			return 2;
		if (!judge(&h))
			return 1;
	}
	flowrun_close(&f);
	return 0;
}
