/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h -- GET capture: copies of judged packets as JSON lines in a chunked reply, until one of
 * its bounds is reached.
 *
 * A packet is {"packet": {...}} with its bytes as "data", in base64; each second, and at the end, come
 * the counts: {"counts": {"packets", "bytes", "limited", "lost", "unsent"}}, the last one with why it
 * is the last: "end".
 */
#ifndef DBX_DAEMON_CAPTURE_H
#define DBX_DAEMON_CAPTURE_H

#include "daemon/api.h"

struct event_base;
struct evhttp_request;

#define DBX_CAPTURE_PACKETS_MAX 10000000u
#define DBX_CAPTURE_SECONDS_MAX 86400u
#define DBX_CAPTURE_BYTES_MAX   (16ull << 30)

struct dbx_capture_want {
	struct dbx_capture filter; /* until_ns: set at the start */
	uint64_t packets, seconds, bytes;
};

/* The parameters of a request. 0, or -EINVAL with f. */
int dbx_capture_parse(const char *query, struct dbx_capture_want *w, struct dbx_fail *f);
/*
 * Answers ev. The capture ends with its connection at the latest. -errno with f: nothing was sent;
 * there is one capture at a time.
 */
int dbx_capture_start(struct event_base *base, struct dbx_daemon *d,
		      const struct dbx_capture_want *w, struct evhttp_request *ev,
		      struct dbx_fail *f);

#endif
