// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scrape.c -- GET /metrics by TCP: one request a connection, everything bounded.
 *
 * Whoever reaches the address may ask: bytes of a request, the time to send it and the time to read
 * the reply have limits, the text is made once a second at most, and its memory is shared. When all
 * places are taken, the newcomer gets that of the oldest, twenty times a second: neither who never
 * asks nor who never reads shuts others out.
 */
#include "daemon/scrape.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/core.h"
#include "daemon/log.h"
#include "daemon/metrics.h"

#define HEAD_MAX_BYTES 8192
#define ASK_S          10
#define REPLY_S        30
#define DRAIN_S        2
#define KEEP_MS        1000
#define PAUSE_MS       50
#define BACKLOG        16

enum state { DRAINING, ASKING, REPLYING }; /* in the order in which they have to go */

struct text { /* shared by the replies that are being sent */
	char *s;
	size_t len;
	unsigned int refs;
};

struct connection {
	struct dbx_scrape *scrape;
	struct bufferevent *bev;
	struct event *deadline;
	enum state state;
	uint64_t number;
};

struct dbx_scrape {
	struct event_base *base;
	dbx_scrape_fn fn;
	void *arg;
	bool has; /* somewhere to listen */
	struct dbx_addr addr;
	uint16_t port;
	struct evconnlistener *listener; /* NULL: not now */
	struct event *resume;
	struct connection *v[DBX_SCRAPE_CONNECTIONS];
	struct text *text;
	double text_ms;
	uint64_t accepted, scrapes, refused, evicted;
	char error[256]; /* "" = none */
};

/* ---- the text ---- */

static void put_text(struct text *t)
{
	if (!t || --t->refs)
		return;
	free(t->s);
	free(t);
}

static void text_is_sent(const void *data, size_t n, void *arg)
{
	(void)data, (void)n;
	put_text(arg);
}

static struct text *get_text(struct dbx_scrape *s)
{
	struct dbx_strbuf b;
	struct text *t;

	if (s->text && dbx_monotonic_ms() - s->text_ms < KEEP_MS)
		return s->text;
	t = calloc(1, sizeof(*t));
	dbx_strbuf_init(&b);
	if (!t || s->fn(s->arg, &b) || b.err) {
		dbx_strbuf_fini(&b);
		free(t);
		return NULL;
	}
	t->len = b.len;
	t->s = dbx_strbuf_steal(&b);
	t->refs = 1;
	put_text(s->text);
	s->text = t;
	s->text_ms = dbx_monotonic_ms();
	return t;
}

/* ---- connections ---- */

static void end(struct connection *c)
{
	for (size_t i = 0; i < DBX_SCRAPE_CONNECTIONS; i++) {
		if (c->scrape->v[i] == c)
			c->scrape->v[i] = NULL;
	}
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	end(arg);
}

static void set_deadline(struct connection *c, int seconds)
{
	const struct timeval t = {.tv_sec = seconds};

	event_add(c->deadline, &t);
}

static void reply_head(struct connection *c, const char *status, const char *type, size_t len)
{
	evbuffer_add_printf(bufferevent_get_output(c->bev),
			    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
			    "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
			    status, type, len, strncmp(status, "405", 3) ? "" : "Allow: GET\r\n");
	c->state = REPLYING;
	set_deadline(c, REPLY_S);
}

static void refuse(struct connection *c, const char *status)
{
	static const char body[] = "GET /metrics is all that is served here\n";

	c->scrape->refused++;
	reply_head(c, status, "text/plain", sizeof(body) - 1);
	evbuffer_add(bufferevent_get_output(c->bev), body, sizeof(body) - 1);
}

static void serve(struct connection *c)
{
	struct text *t = get_text(c->scrape);

	if (!t) {
		refuse(c, "500 Internal Server Error");
		return;
	}
	c->scrape->scrapes++;
	reply_head(c, "200 OK", DBX_METRICS_CONTENT_TYPE, t->len);
	t->refs++;
	if (evbuffer_add_reference(bufferevent_get_output(c->bev), t->s, t->len, text_is_sent, t)) {
		put_text(t);
		end(c);
	}
}

/* The first line of a request: method, target and version (RFC 9112 section 3), and no more. */
static void answer(struct connection *c, char *line)
{
	char *method = strsep(&line, " "), *target = strsep(&line, " "), *version = line;

	if (!target || !version || strncmp(version, "HTTP/1.", 7) || strlen(version) != 8 ||
	    *target != '/') {
		refuse(c, "400 Bad Request");
		return;
	}
	target[strcspn(target, "?")] = '\0';
	if (strcmp(target, "/metrics") != 0)
		refuse(c, "404 Not Found");
	else if (strcmp(method, "GET") != 0)
		refuse(c, "405 Method Not Allowed");
	else
		serve(c);
}

static bool is_whole(struct evbuffer *in)
{
	return evbuffer_search(in, "\r\n\r\n", 4, NULL).pos >= 0 ||
	       evbuffer_search(in, "\n\n", 2, NULL).pos >= 0;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct connection *c = arg;
	char *line;

	if (c->state != ASKING) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	if (!is_whole(in)) {
		if (evbuffer_get_length(in) >= HEAD_MAX_BYTES)
			refuse(c, "431 Request Header Fields Too Large");
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
	evbuffer_drain(in, evbuffer_get_length(in));
	if (!line) {
		end(c);
		return;
	}
	answer(c, line);
	free(line);
}

/* All is sent. Not closed at once: what the peer still says would turn into a reset of the reply. */
static void on_write(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;

	if (c->state != REPLYING)
		return;
	c->state = DRAINING;
	shutdown(bufferevent_getfd(bev), SHUT_WR);
	set_deadline(c, DRAIN_S);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct connection *c = arg;

	(void)bev;
	/* Who only has nothing more to say may still read. */
	if (!(what & BEV_EVENT_EOF) || c->state != REPLYING)
		end(c);
}

static struct connection *begin(struct dbx_scrape *s, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->scrape = s;
	c->state = ASKING;
	c->number = s->accepted;
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->deadline = c->bev ? evtimer_new(s->base, on_deadline, c) : NULL;
	if (!c->bev)
		close(fd);
	if (!c->deadline) {
		end(c);
		return NULL;
	}
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HEAD_MAX_BYTES);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	set_deadline(c, ASK_S);
	return c;
}

/* ---- accepting ---- */

static size_t count(const struct dbx_scrape *s)
{
	size_t n = 0;

	for (size_t i = 0; i < DBX_SCRAPE_CONNECTIONS; i++)
		n += s->v[i] != NULL;
	return n;
}

static void evict(struct dbx_scrape *s)
{
	struct connection *worst = s->v[0];

	for (size_t i = 1; i < DBX_SCRAPE_CONNECTIONS; i++) {
		const struct connection *c = s->v[i];

		if (c->state < worst->state ||
		    (c->state == worst->state && c->number < worst->number))
			worst = s->v[i];
	}
	s->evicted += worst->state != DRAINING;
	end(worst);
}

static void pause_accepting(struct dbx_scrape *s)
{
	const struct timeval t = {.tv_usec = PAUSE_MS * 1000};

	evconnlistener_disable(s->listener);
	event_add(s->resume, &t);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_scrape *s = arg;

	(void)fd, (void)what;
	if (s->listener)
		evconnlistener_enable(s->listener);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from,
		      int from_bytes, void *arg)
{
	struct dbx_scrape *s = arg;
	size_t i = 0;

	(void)l, (void)from, (void)from_bytes;
	s->accepted++;
	if (count(s) == DBX_SCRAPE_CONNECTIONS)
		evict(s);
	while (s->v[i])
		i++;
	s->v[i] = begin(s, fd);
	if (count(s) == DBX_SCRAPE_CONNECTIONS)
		pause_accepting(s);
}

static void on_accept_error(struct evconnlistener *l, void *arg)
{
	(void)l;
	dbx_log_warning("accepting a scraper: %s", strerror(EVUTIL_SOCKET_ERROR()));
	pause_accepting(arg);
}

/* ---- listening ---- */

static int listen_at(const struct dbx_addr *a, uint16_t port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(a->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int one = 1, rc;

	if (fd < 0)
		return -errno;
	memcpy(&in6.sin6_addr, a->a, sizeof(in6.sin6_addr));
	memcpy(&in.sin_addr, a->a, sizeof(in.sin_addr));
	/* Connections that this or an earlier daemon has ended do not hold the port. */
	rc = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!rc && a->is_v6)
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!rc)
		rc = a->is_v6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
			      : bind(fd, (struct sockaddr *)&in, sizeof(in));
	if (!rc)
		rc = listen(fd, BACKLOG);
	if (!rc)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void start(struct dbx_scrape *s)
{
	char where[DBX_ENDPOINT_STRLEN], why[sizeof(s->error)];
	int fd = listen_at(&s->addr, s->port);

	dbx_endpoint_format(&s->addr, s->port, where);
	if (fd >= 0) {
		s->listener =
			evconnlistener_new(s->base, on_accept, s, LEV_OPT_CLOSE_ON_FREE, 0, fd);
		if (!s->listener)
			close(fd);
		fd = s->listener ? fd : -ENOMEM;
	}
	if (fd >= 0) {
		evconnlistener_set_error_cb(s->listener, on_accept_error);
		s->error[0] = '\0';
		dbx_log_info("metrics are served at %s", where);
		return;
	}
	snprintf(why, sizeof(why), "listening on %s: %s", where, strerror(-fd));
	if (strcmp(why, s->error) != 0)
		dbx_log_error("%s; metrics are not served there, tried again every few seconds",
			      why);
	snprintf(s->error, sizeof(s->error), "%s", why);
}

static void stop(struct dbx_scrape *s)
{
	for (size_t i = 0; i < DBX_SCRAPE_CONNECTIONS; i++) {
		if (s->v[i])
			end(s->v[i]);
	}
	event_del(s->resume);
	if (s->listener)
		evconnlistener_free(s->listener);
	s->listener = NULL;
	s->error[0] = '\0';
	put_text(s->text);
	s->text = NULL;
}

void dbx_scrape_change(struct dbx_scrape *s, const struct dbx_metrics_options *o)
{
	if (s->has == o->has && s->port == o->port && !dbx_addr_cmp(&s->addr, &o->listen))
		return;
	stop(s);
	s->has = o->has;
	s->addr = o->listen;
	s->port = o->port;
	if (s->has)
		start(s);
}

void dbx_scrape_retry(struct dbx_scrape *s)
{
	if (s->has && !s->listener)
		start(s);
}

/* ---- life ---- */

int dbx_scrape_open(struct dbx_scrape **out, struct event_base *base, dbx_scrape_fn fn, void *arg)
{
	struct dbx_scrape *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->base = base;
	s->fn = fn;
	s->arg = arg;
	s->resume = evtimer_new(base, on_resume, s);
	if (!s->resume) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void dbx_scrape_close(struct dbx_scrape **sp)
{
	struct dbx_scrape *s = *sp;

	if (!s)
		return;
	stop(s);
	event_free(s->resume);
	free(s);
	*sp = NULL;
}

void dbx_scrape_status(const struct dbx_scrape *s, struct dbx_strbuf *b)
{
	char where[DBX_ENDPOINT_STRLEN];

	if (!s || !s->has) {
		dbx_strbuf_add(b, "\"metrics\":null");
		return;
	}
	dbx_strbuf_addf(b,
			"\"metrics\":{\"listen\":\"%s\",\"listening\":%s,\"connections\":%zu,"
			"\"scrapes\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"evicted\":%" PRIu64 ",",
			dbx_endpoint_format(&s->addr, s->port, where),
			s->listener ? "true" : "false", count(s), s->scrapes, s->refused,
			s->evicted);
	dbx_out_string(b, "error", s->error[0] ? s->error : NULL);
	dbx_strbuf_addc(b, '}');
}
