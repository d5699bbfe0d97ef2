/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.h -- GET events: records as JSON lines in a chunked reply that has no end.
 */
#ifndef DBX_DAEMON_STREAM_H
#define DBX_DAEMON_STREAM_H

#include "daemon/records.h"

struct event_base;
struct evhttp_request;

/*
 * Answers ev, and sends a line when a flow is first seen and one when its interval ends; an empty
 * line now and then. Who reads too slowly is cut off. The stream ends with its connection. -errno:
 * nothing was sent; -ENOSPC: too many read already.
 */
int dbx_stream_start(struct event_base *base, struct dbx_records *records,
		     struct evhttp_request *ev);

#endif
