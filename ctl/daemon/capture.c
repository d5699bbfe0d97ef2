// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * capture.c -- GET capture: copies of judged packets as JSON lines, until one of its bounds is reached.
 *
 * Nothing waits for the reader: what does not fit into what it has still to read is counted as unsent.
 * As in stream.c, the request is libevent's until the connection breaks under it.
 */
#include "daemon/capture.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "lib/base64.h"
#include "policy/explain.h"

#define UNREAD_MAX (16u << 20) /* bytes that wait for the reader */
#define SAID_MAX   65536       /* bytes that a reader may send, which nobody asked for */
#define WRITE_S    30
#define BEAT_S     1

struct capture {
	struct dbx_daemon *d;
	struct evhttp_request *ev;
	struct evhttp_connection *conn;
	struct event *readable, *second;
	int fd; /* the driver's, but ours to close: libevent must let go of it first */
	struct evbuffer *chunk;
	struct dbx_strbuf line;
	struct dbx_capture_want want;
	double end_ms;       /* monotonic */
	int64_t wall_ns;     /* what makes wall clock of the packets' time */
	const char *end;     /* why it is over, or NULL */
	uint64_t n, n_bytes; /* handed out */
	uint64_t n_unsent;
	/* of the latest rule, for the next packet */
	uint64_t rule_uid;
	char *rule_text, *rule_doc, *rule_ptr;
};

static struct bufferevent *bev_of(const struct capture *c)
{
	return evhttp_connection_get_bufferevent(c->conn);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_line(struct capture *c)
{
	dbx_strbuf_addc(&c->line, '\n');
	if (!c->line.err && !evbuffer_add(c->chunk, c->line.s, c->line.len))
		evhttp_send_reply_chunk(c->ev, c->chunk);
	dbx_strbuf_reset(&c->line);
}

/* ---- one packet ---- */

static void forget_rule(struct capture *c)
{
	free(c->rule_text);
	free(c->rule_doc);
	free(c->rule_ptr);
	c->rule_text = c->rule_doc = c->rule_ptr = NULL;
	c->rule_uid = 0;
}

static void take_rule(void *arg, const struct dbx_rule_name *n)
{
	struct capture *c = arg;

	c->rule_text = strdup(n->text);
	if (dbx_docs_place(n->doc, n->ptr, &c->rule_doc, &c->rule_ptr))
		c->rule_doc = c->rule_ptr = NULL;
}

static void out_rule(struct capture *c, uint64_t uid)
{
	struct dbx_strbuf *b = &c->line;

	if (uid != c->rule_uid) {
		forget_rule(c);
		c->rule_uid = uid;
		dbx_store_rule(c->d->core.store, uid, take_rule, c);
	}
	if (!uid || !c->rule_text) {
		dbx_strbuf_add(b, ",\"rule\":null");
		return;
	}
	dbx_strbuf_add(b, ",\"rule\":{");
	dbx_out_string(b, "text", c->rule_text);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "document", c->rule_doc);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "pointer", c->rule_ptr);
	dbx_strbuf_addc(b, '}');
}

static void out_packet(struct capture *c, const struct dbx_event *e, const uint8_t *frame,
		       size_t n_bytes)
{
	const char *policy = dbx_core_policy_of(&c->d->core, e);
	char ifname[IF_NAMESIZE];
	struct dbx_strbuf *b = &c->line;

	if (!if_indextoname(e->ifindex, ifname))
		snprintf(ifname, sizeof(ifname), "if%u", e->ifindex);
	dbx_strbuf_addf(
		b,
		"{\"packet\":{\"time_ns\":%" PRId64 ",\"verdict\":\"%s\",\"reason\":\"%s\""
		",\"path\":\"%s\",\"workspace_id\":%" PRIu64 ",\"generation\":%" PRIu64
		",\"frame_bytes\":%u,",
		c->wall_ns + (int64_t)e->time_ns, dbx_verdict_name((enum dbx_verdict)e->verdict),
		dbx_reason_slug((enum dbx_reason)e->reason), dbx_path_name((enum dbx_path)e->path),
		(uint64_t)e->workspace_id, (uint64_t)e->generation, e->frame_bytes);
	dbx_out_string(b, "interface", ifname);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "policy", policy[0] ? policy : NULL);
	out_rule(c, e->rule_uid);
	dbx_strbuf_add(b, ",\"data\":\"");
	dbx_base64_add(b, frame, n_bytes);
	dbx_strbuf_add(b, "\"}}");
}

static void on_sample(void *arg, const struct dbx_event *e, const uint8_t *frame, size_t n_bytes)
{
	struct capture *c = arg;

	if (c->end)
		return;
	if (evbuffer_get_length(bufferevent_get_output(bev_of(c))) > UNREAD_MAX) {
		c->n_unsent++;
		return;
	}
	if (n_bytes > c->want.bytes - c->n_bytes) {
		c->end = "bytes";
		return;
	}
	out_packet(c, e, frame, n_bytes);
	send_line(c);
	c->n++;
	c->n_bytes += n_bytes;
	if (c->n == c->want.packets)
		c->end = "packets";
}

/* ---- ending ---- */

static void release(struct capture *c)
{
	c->d->core.ops->capture_stop(c->d->core.dp);
	if (c->readable)
		event_free(c->readable);
	if (c->fd >= 0)
		close(c->fd);
	if (c->second)
		event_free(c->second);
	if (c->chunk)
		evbuffer_free(c->chunk);
	forget_rule(c);
	dbx_strbuf_fini(&c->line);
	free(c);
}

/* The connection goes, by whoever's will. */
static void on_close(struct evhttp_connection *conn, void *arg)
{
	struct capture *c = arg;
	struct evhttp_request *ev = c->ev;

	(void)conn;
	release(c);
	if (!evhttp_request_get_connection(ev))
		evhttp_send_reply_end(ev); /* frees it */
}

static void send_counts(struct capture *c)
{
	struct dbx_dp_loss loss = {0, 0};

	c->d->core.ops->capture_loss(c->d->core.dp, &loss);
	dbx_strbuf_addf(&c->line,
			"{\"counts\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
			",\"limited\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"unsent\":%" PRIu64
			"},\"end\":",
			c->n, c->n_bytes, loss.limited, loss.lost, c->n_unsent);
	dbx_strbuf_addf(&c->line, c->end ? "\"%s\"}" : "null}", c->end);
	send_line(c);
}

/* The reply is whole; libevent sends the rest and closes. */
static void finish(struct capture *c)
{
	struct evhttp_request *ev = c->ev;

	send_counts(c);
	evhttp_connection_set_closecb(c->conn, NULL, NULL);
	release(c);
	evhttp_send_reply_end(ev);
}

static void take(struct capture *c)
{
	int rc;

	c->wall_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	rc = c->d->core.ops->capture_poll(c->d->core.dp, on_sample, c);
	if (rc && !c->end)
		c->end = rc == -ENODEV ? "program" : "error";
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;

	(void)fd, (void)what;
	take(c);
	if (c->end)
		finish(c);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;

	(void)fd, (void)what;
	take(c);
	if (!c->end && dbx_monotonic_ms() >= c->end_ms)
		c->end = "seconds";
	if (c->end)
		finish(c);
	else if (evbuffer_get_length(bufferevent_get_input(bev_of(c))) > SAID_MAX)
		evhttp_connection_free(c->conn);
	else
		send_counts(c);
}

/* ---- beginning ---- */

static struct capture *make(struct event_base *base, struct dbx_daemon *d,
			    const struct dbx_capture_want *w, struct evhttp_request *ev)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct capture){.d = d, .ev = ev, .want = *w};
	dbx_strbuf_init(&c->line);
	c->conn = evhttp_request_get_connection(ev);
	c->end_ms = dbx_monotonic_ms() + (double)w->seconds * 1000;
	c->chunk = evbuffer_new();
	c->second = event_new(base, -1, EV_PERSIST, on_second, c);
	c->fd = fcntl(d->core.ops->capture_fd(d->core.dp), F_DUPFD_CLOEXEC, 0);
	if (c->fd >= 0)
		c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	if (c->conn && c->chunk && c->second && c->readable)
		return c;
	release(c);
	return NULL;
}

static void begin_reply(struct capture *c)
{
	const struct timeval second = {.tv_sec = BEAT_S}, write = {.tv_sec = WRITE_S};
	struct evkeyvalq *headers = evhttp_request_get_output_headers(c->ev);

	evhttp_connection_set_closecb(c->conn, on_close, c);
	evhttp_add_header(headers, "Content-Type", "application/jsonl");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	evhttp_send_reply_start(c->ev, 200, NULL);
	bufferevent_set_timeouts(bev_of(c), NULL, &write);
	send_counts(c);
	event_add(c->readable, NULL);
	event_add(c->second, &second);
}

int dbx_capture_start(struct event_base *base, struct dbx_daemon *d,
		      const struct dbx_capture_want *w, struct evhttp_request *ev,
		      struct dbx_fail *f)
{
	struct dbx_capture filter = w->filter;
	struct dbx_dp_error err = {""};
	struct capture *c;
	int rc;

	filter.until_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC) + w->seconds * 1000000000;
	rc = d->core.ops->capture_start(d->core.dp, &filter, &err);
	if (rc)
		return dbx_fail_set(f, rc, rc == -EBUSY ? DBX_FAIL_CONFLICT : DBX_FAIL_INTERNAL,
				    "%s", err.text);
	c = make(base, d, w, ev);
	if (!c) {
		d->core.ops->capture_stop(d->core.dp);
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	}
	dbx_log_info("a capture of packets began: at most %" PRIu64 " packets, %" PRIu64
		     " bytes, %" PRIu64 " s",
		     w->packets, w->bytes, w->seconds);
	begin_reply(c);
	return 0;
}
