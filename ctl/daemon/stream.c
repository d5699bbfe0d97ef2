// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stream.c -- GET events: records as JSON lines in a chunked reply that has no end.
 *
 * A stream owns its place among the subscribers and its timer; the request is libevent's until the
 * connection breaks under it, then it is handed back to us to be freed (evhttp_send_reply_end() on a
 * request without a connection does that).
 */
#include "daemon/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>

#include "daemon/api.h"
#include "daemon/log.h"

#define BEAT_S 5
/* Bytes that wait for the reader: a burst may be large, but not for two beats. */
#define UNREAD_MAX      (16u << 20)
#define BEHIND          (1u << 20)
#define SAID_MAX        65536 /* bytes that a reader may send, which nobody asked for */
#define WRITE_TIMEOUT_S 30

struct stream {
	struct evhttp_request *ev;
	struct evhttp_connection *conn;
	struct dbx_flowlog *flows;
	struct event *beat;
	struct evbuffer *chunk;
	bool is_cut, was_behind;
};

static struct bufferevent *bev_of(const struct stream *s)
{
	return evhttp_connection_get_bufferevent(s->conn);
}

/* ---- sending ---- */

static size_t unread(const struct stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(bev_of(s)));
}

static void send_line(struct stream *s, const char *line, size_t len)
{
	if (!evbuffer_add(s->chunk, line, len))
		evhttp_send_reply_chunk(s->ev, s->chunk);
}

/* Called while flows are walked: closing waits until that is over. */
static void on_record(void *arg, const struct dbx_record *r, const char *line, size_t len)
{
	struct stream *s = arg;

	(void)r;
	if (s->is_cut)
		return;
	if (unread(s) > UNREAD_MAX) {
		s->is_cut = true;
		event_active(s->beat, EV_TIMEOUT, 0);
		return;
	}
	send_line(s, line, len + 1);
}

/* ---- ending ---- */

/* The connection goes, by whoever's will. */
static void on_close(struct evhttp_connection *conn, void *arg)
{
	struct stream *s = arg;

	(void)conn;
	dbx_flowlog_unsubscribe(s->flows, on_record, s);
	event_free(s->beat);
	evbuffer_free(s->chunk);
	if (!evhttp_request_get_connection(s->ev))
		evhttp_send_reply_end(s->ev); /* frees it */
	free(s);
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	bool is_behind = unread(s) > BEHIND;

	(void)fd, (void)what;
	if (s->is_cut || (is_behind && s->was_behind))
		dbx_log_warning("a reader of events is too slow: it is cut off");
	if (s->is_cut || (is_behind && s->was_behind) ||
	    evbuffer_get_length(bufferevent_get_input(bev_of(s))) > SAID_MAX) {
		evhttp_connection_free(s->conn);
		return;
	}
	s->was_behind = is_behind;
	send_line(s, "\n", 1);
}

/* ---- beginning ---- */

static struct stream *make(struct event_base *base, struct dbx_records *records,
			   struct evhttp_request *ev)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ev = ev;
	s->conn = evhttp_request_get_connection(ev);
	s->flows = dbx_records_flowlog(records);
	s->beat = event_new(base, -1, EV_PERSIST, on_beat, s);
	s->chunk = evbuffer_new();
	if (s->beat && s->chunk)
		return s;
	if (s->beat)
		event_free(s->beat);
	if (s->chunk)
		evbuffer_free(s->chunk);
	free(s);
	return NULL;
}

int dbx_stream_start(struct event_base *base, struct dbx_records *records,
		     struct evhttp_request *ev)
{
	const struct timeval beat = {.tv_sec = BEAT_S}, write = {.tv_sec = WRITE_TIMEOUT_S};
	struct evkeyvalq *headers = evhttp_request_get_output_headers(ev);
	struct stream *s = records ? make(base, records, ev) : NULL;

	if (!s)
		return -ENOMEM;
	if (dbx_flowlog_subscribe(s->flows, DBX_FLOWLOG_OPENED | DBX_FLOWLOG_ENDED, on_record, s)) {
		event_free(s->beat);
		evbuffer_free(s->chunk);
		free(s);
		return -ENOSPC;
	}
	evhttp_connection_set_closecb(s->conn, on_close, s);
	evhttp_add_header(headers, "Content-Type", "application/jsonl");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	evhttp_send_reply_start(ev, 200, NULL);
	/* A reader has nothing to say; that it is gone shows at the next beat at the latest. */
	bufferevent_set_timeouts(bev_of(s), NULL, &write);
	send_line(s, "\n", 1);
	event_add(s->beat, &beat);
	return 0;
}

void dbx_api_events(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	(void)req;
	if (d->records)
		reply->is_stream = true;
	else
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "no records are made here");
}
