// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_capture.c -- the parameters of GET capture: which packets, and how much of what.
 */
#include "daemon/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "policy/explain.h"

#define VALUE_MAX       1024
#define PACKETS_DEFAULT 1000
#define SECONDS_DEFAULT 60
#define BYTES_DEFAULT   (64u << 20)
#define RATE_DEFAULT    1000

/* What reads the parameters one after the other, and stops at the first that is wrong. */
struct reader {
	const char *query;
	struct dbx_fail *f;
	char value[VALUE_MAX]; /* of the latest */
	int rc;
};

static int refuse(struct reader *r, const char *key, const char *accepted)
{
	r->rc = dbx_fail_set(r->f, -EINVAL, DBX_FAIL_INVALID, "%s is %s", key, accepted);
	return r->rc;
}

static bool has(struct reader *r, const char *key)
{
	return !r->rc && dbx_query_get(r->query, key, r->value, sizeof(r->value));
}

/* Whether the number was there. */
static bool number(struct reader *r, const char *key, uint64_t lo, uint64_t hi, uint64_t *out)
{
	unsigned long long v;
	char *end, accepted[80];

	if (!has(r, key))
		return false;
	errno = 0;
	v = strtoull(r->value, &end, 10);
	if (r->value[0] < '0' || r->value[0] > '9' || *end || errno || v < lo || v > hi) {
		snprintf(accepted, sizeof(accepted), "a number from %" PRIu64 " to %" PRIu64, lo,
			 hi);
		refuse(r, key, accepted);
		return false;
	}
	*out = v;
	return true;
}

static bool add_verdict(struct dbx_capture *c, const char *word)
{
	if (!strcasecmp(word, "ALL")) {
		c->verdicts = (1u << DBX_VERDICT_MAX) - 1;
		return true;
	}
	for (int i = 0; i < DBX_VERDICT_MAX; i++) {
		if (!strcasecmp(word, dbx_verdict_name((enum dbx_verdict)i))) {
			c->verdicts |= 1u << i;
			return true;
		}
	}
	return false;
}

static bool add_reason(struct dbx_capture *c, const char *word)
{
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (!strcasecmp(word, dbx_reason_slug((enum dbx_reason)i))) {
			c->reasons[i / 64] |= 1ull << i % 64;
			return true;
		}
	}
	return false;
}

/* Words parted by commas. */
static void words(struct reader *r, const char *key, struct dbx_capture *c,
		  bool (*add)(struct dbx_capture *c, const char *word), const char *accepted)
{
	char *at = r->value, *word;

	while ((word = strsep(&at, ","))) {
		if (!add(c, word)) {
			refuse(r, key, accepted);
			return;
		}
	}
}

static void destination(struct reader *r, struct dbx_capture *c)
{
	struct dbx_prefix p;

	if (!has(r, "dst"))
		return;
	if (dbx_prefix_parse(r->value, DBX_PREFIX_BARE_OK | DBX_PREFIX_CLEAR_HOST_BITS, &p)) {
		refuse(r, "dst", "an address or a prefix");
		return;
	}
	c->flags |= DBX_CAPTURE_F_DST | (p.addr.is_v6 ? DBX_CAPTURE_F_IPV6 : 0);
	for (unsigned int i = 0; i < 16; i++)
		c->dst[i / 4] |= (uint32_t)p.addr.a[i] << (24 - i % 4 * 8);
	for (unsigned int i = 0; i < p.len; i++)
		c->mask[i / 32] |= 1u << (31 - i % 32);
}

/* Denials and dry-run denials, but not what is held back, which the sender repeats. */
static void set_defaults(struct dbx_capture *c)
{
	bool has_reasons = c->reasons[0] | c->reasons[1] | c->reasons[2] | c->reasons[3];

	if (!c->verdicts)
		c->verdicts = 1u << DBX_VERDICT_DROP | 1u << DBX_VERDICT_DRY_RUN;
	for (int i = 0; i < DBX_REASON_MAX && !has_reasons; i++) {
		if (i != DBX_REASON_HELLO_HELD)
			c->reasons[i / 64] |= 1ull << i % 64;
	}
}

int dbx_capture_parse(const char *query, struct dbx_capture_want *w, struct dbx_fail *f)
{
	struct reader r = {.query = query, .f = f};
	uint64_t snap = DBX_CAPTURE_SNAP_MAX, rate = RATE_DEFAULT, n = 0;
	struct dbx_capture *c = &w->filter;

	*w = (struct dbx_capture_want){
		.packets = PACKETS_DEFAULT, .seconds = SECONDS_DEFAULT, .bytes = BYTES_DEFAULT};
	number(&r, "packets", 1, DBX_CAPTURE_PACKETS_MAX, &w->packets);
	number(&r, "seconds", 1, DBX_CAPTURE_SECONDS_MAX, &w->seconds);
	number(&r, "bytes", 1, DBX_CAPTURE_BYTES_MAX, &w->bytes);
	number(&r, "snap", 14, DBX_CAPTURE_SNAP_MAX, &snap);
	number(&r, "rate", 1, DBX_CAPTURE_RATE_MAX, &rate);
	number(&r, "workspace", 1, INT64_MAX, &c->workspace_id);
	if (number(&r, "proto", 0, 255, &n)) {
		c->proto = (uint8_t)n;
		c->flags |= DBX_CAPTURE_F_PROTO;
	}
	if (number(&r, "port", 0, 65535, &n)) {
		c->dport = (uint16_t)n;
		c->flags |= DBX_CAPTURE_F_DPORT;
	}
	if (has(&r, "verdict"))
		words(&r, "verdict", c, add_verdict, "DROP, DRY_RUN_DENIAL, PASS or ALL");
	if (has(&r, "reason"))
		words(&r, "reason", c, add_reason, "a reason, or several parted by commas");
	destination(&r, c);
	c->snap_bytes = (uint32_t)snap;
	c->per_s = (uint32_t)rate;
	set_defaults(c);
	return r.rc;
}

void dbx_api_capture(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct dbx_capture_want *w = malloc(sizeof(*w));
	struct dbx_fail f;

	(void)d;
	if (!w) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "out of memory");
	} else if (dbx_capture_parse(req->query, w, &f)) {
		dbx_reply_fail(reply, &f, NULL);
	} else {
		reply->is_stream = true;
		reply->capture = w;
		return;
	}
	free(w);
}
