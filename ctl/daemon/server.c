// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * server.c -- HTTP/1.1 over a Unix socket; who may do what is decided by the peer's credentials.
 *
 * Every bound is set: bytes of headers and of a body, time to send a request, connections. Over the
 * cap of connections, further callers wait in the listen queue.
 */
#include "daemon/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/capture.h"
#include "daemon/log.h"
#include "daemon/stream.h"

#define BODY_MAX_BYTES    (66u << 20) /* a feed of 64 MiB and its envelope */
#define BODY_HARD_BYTES   (80u << 20) /* past it, libevent refuses in words of its own */
#define HEADERS_MAX_BYTES 16384
#define TIMEOUT_S         30
#define CONNECTIONS_MAX   64
#define FDS_MAX           4096 /* as the unit file sets it */
#define PAUSE_MS          100
#define GROUPS_MAX        1024

struct dbx_server {
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listener; /* owned by http */
	struct event *resume;
	struct dbx_daemon *daemon;
	struct sockaddr_un addr;
	gid_t gid; /* of the readers, or -1 */
};

/* ---- who asks ---- */

static bool is_in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof(groups);
	size_t i;

	if (wanted == (gid_t)-1)
		return false;
	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n))
		return false;
	for (i = 0; i < n / sizeof(groups[0]); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

static void identify(const struct dbx_server *s, struct evhttp_request *ev, struct dbx_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(ev);
	struct bufferevent *bev = conn ? evhttp_connection_get_bufferevent(conn) : NULL;
	int fd = bev ? bufferevent_getfd(bev) : -1;
	struct ucred peer;
	socklen_t n = sizeof(peer);

	req->uid = (uint32_t)-1;
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n))
		return;
	req->uid = peer.uid;
	req->may_write = peer.uid == 0 || peer.uid == geteuid();
	req->may_read = req->may_write || is_in_group(fd, peer.gid, s->gid);
}

/* ---- requests ---- */

static enum dbx_method method_of(struct evhttp_request *ev)
{
	switch (evhttp_request_get_command(ev)) {
	case EVHTTP_REQ_GET:
		return DBX_GET;
	case EVHTTP_REQ_POST:
		return DBX_POST;
	case EVHTTP_REQ_PUT:
		return DBX_PUT;
	case EVHTTP_REQ_PATCH:
		return DBX_PATCH;
	case EVHTTP_REQ_DELETE:
		return DBX_DELETE;
	default:
		return DBX_OTHER_METHOD;
	}
}

static void free_body(const void *data, size_t n, void *arg)
{
	(void)data;
	(void)n;
	free(arg);
}

/* The text goes to the socket's buffer without a copy. */
static void send_reply(struct evhttp_request *ev, struct dbx_reply *reply)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(ev);
	struct evbuffer *out = evhttp_request_get_output_buffer(ev);
	size_t len = reply->body.len;
	char *body = dbx_strbuf_steal(&reply->body);

	evhttp_add_header(headers, "Content-Type", reply->content_type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (reply->allow)
		evhttp_add_header(headers, "Allow", reply->allow);
	if (!body || evbuffer_add_reference(out, body, len, free_body, body)) {
		free(body);
		evhttp_send_error(ev, 500, "out of memory");
		return;
	}
	evhttp_send_reply(ev, reply->status, NULL, NULL);
}

/* The target before libevent looks at it: an absolute URI is cut to its path. */
static char *path_of(struct evhttp_request *ev, const char **query)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	*query = uri ? evhttp_uri_get_query(uri) : NULL;
	return strdup(path && *path ? path : "/");
}

/* What has no end is begun, or the reply says why not. */
static void begin_stream(struct dbx_server *s, struct evhttp_request *ev, struct dbx_reply *reply)
{
	struct dbx_fail f;

	if (reply->capture) {
		if (!dbx_capture_start(s->base, s->daemon, reply->capture, ev, &f))
			return;
		dbx_reply_fail(reply, &f, NULL);
	} else {
		if (!dbx_stream_start(s->base, s->daemon->records, ev))
			return;
		dbx_reply_error(reply, 429, "RESOURCE_EXHAUSTED",
				"too many streams of events are open");
	}
	reply->is_stream = false;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct dbx_server *s = arg;
	struct evbuffer *in = evhttp_request_get_input_buffer(ev);
	struct dbx_request req = {.method = method_of(ev)};
	struct dbx_reply reply;
	char *path;

	dbx_reply_init(&reply);
	identify(s, ev, &req);
	path = path_of(ev, &req.query);
	req.path = path;
	req.n_body = evbuffer_get_length(in);
	req.body = req.n_body ? (const char *)evbuffer_pullup(in, -1) : "";
	if (req.n_body > BODY_MAX_BYTES)
		dbx_reply_error(&reply, 413, "RESOURCE_EXHAUSTED",
				"the request is larger than %u MiB", BODY_MAX_BYTES >> 20);
	else if (path && req.body)
		dbx_api_handle(s->daemon, &req, &reply);
	else
		dbx_reply_error(&reply, 500, "INTERNAL_ERROR", "out of memory");
	if (reply.is_stream)
		begin_stream(s, ev, &reply);
	dbx_log_debug("user id %u: %d for %.200s", req.uid, reply.status, path ? path : "");
	if (!reply.is_stream)
		send_reply(ev, &reply);
	dbx_reply_fini(&reply);
	free(path);
}

/* ---- the cap of connections ---- */

/* Every accepted socket bears the listener's name. */
static size_t count_connections(const struct dbx_server *s)
{
	struct sockaddr_un a;
	size_t count = 0;
	socklen_t n;
	int fd;

	for (fd = 0; fd < FDS_MAX; fd++) {
		n = sizeof(a);
		if (getsockname(fd, (struct sockaddr *)&a, &n) == 0 && n > sizeof(a.sun_family) &&
		    a.sun_family == AF_UNIX &&
		    strncmp(a.sun_path, s->addr.sun_path, sizeof(a.sun_path)) == 0)
			count++;
	}
	return count - 1; /* the listener itself */
}

/*
 * The kernel gives the lowest free number, so a low one says that there are few of anything. Only
 * past that is it worth while to count.
 */
static bool is_full(const struct dbx_server *s)
{
	int fd = fcntl(evconnlistener_get_fd(s->listener), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return true;
	close(fd);
	return fd > CONNECTIONS_MAX && count_connections(s) >= CONNECTIONS_MAX;
}

static void pause_accepting(struct dbx_server *s)
{
	const struct timeval t = {.tv_usec = PAUSE_MS * 1000};

	evconnlistener_disable(s->listener);
	event_add(s->resume, &t);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_server *s = arg;

	(void)fd;
	(void)what;
	if (is_full(s))
		pause_accepting(s);
	else
		evconnlistener_enable(s->listener);
}

/* Called for each connection that was accepted. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct dbx_server *s = arg;

	if (is_full(s))
		pause_accepting(s);
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static void on_accept_error(struct evconnlistener *l, void *arg)
{
	(void)l;
	dbx_log_warning("accepting a connection: %s", strerror(EVUTIL_SOCKET_ERROR()));
	pause_accepting(arg);
}

/* ---- listening ---- */

/* A file left over from a daemon that was killed goes; a living daemon's stays. */
static int clear_path(const struct sockaddr_un *a, struct dbx_fail *f)
{
	struct stat st;
	int fd, rc;

	if (lstat(a->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return dbx_fail_set(f, -EEXIST, DBX_FAIL_INTERNAL,
				    "%s exists and is no socket; it is left alone", a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return dbx_fail_set(f, -errno, DBX_FAIL_INTERNAL, "socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	close(fd);
	if (rc == 0)
		return dbx_fail_set(
			f, -EADDRINUSE, DBX_FAIL_INTERNAL,
			"another daemon listens on %s; stop it, or use another --socket",
			a->sun_path);
	unlink(a->sun_path);
	return 0;
}

static int listen_on(struct dbx_server *s, int *out, struct dbx_fail *f)
{
	const char *path = s->addr.sun_path;
	const struct group *g = getgrnam(DBX_SOCKET_GROUP);
	mode_t mask;
	int fd, rc;

	rc = clear_path(&s->addr, f);
	if (rc)
		return rc;
	s->gid = g ? g->gr_gid : (gid_t)-1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return dbx_fail_set(f, -errno, DBX_FAIL_INTERNAL, "socket: %s", strerror(errno));
	/* Born closed to everybody else: there is no moment in which it is open. */
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&s->addr, sizeof(s->addr));
	umask(mask);
	if (!rc && g && chown(path, (uid_t)-1, s->gid) == 0)
		rc = chmod(path, 0660);
	if (!rc)
		rc = listen(fd, 128);
	if (rc) {
		rc = -errno;
		close(fd);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "listening on %s: %s", path,
				    strerror(-rc));
	}
	*out = fd;
	return 0;
}

static int start_http(struct dbx_server *s, struct event_base *base, int fd)
{
	struct evhttp_bound_socket *bound;

	s->http = evhttp_new(base);
	s->resume = evtimer_new(base, on_resume, s);
	if (!s->http || !s->resume)
		return -ENOMEM;
	evhttp_set_max_body_size(s->http, BODY_HARD_BYTES);
	evhttp_set_max_headers_size(s->http, HEADERS_MAX_BYTES);
	evhttp_set_timeout(s->http, TIMEOUT_S);
	/* All of them: ours is the better answer to a wrong one. */
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(s->http, on_request, s);
	evhttp_set_bevcb(s->http, on_connection, s);
	bound = evhttp_accept_socket_with_handle(s->http, fd);
	if (!bound)
		return -ENOMEM;
	s->listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	return 0;
}

static int set_path(struct sockaddr_un *a, const char *path, struct dbx_fail *f)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!*path || strlen(path) >= sizeof(a->sun_path))
		return dbx_fail_set(f, -ENAMETOOLONG, DBX_FAIL_INTERNAL,
				    "--socket %s: a path of 1 to %zu bytes is accepted", path,
				    sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, strlen(path));
	return 0;
}

int dbx_server_may_listen(const char *path, struct dbx_fail *f)
{
	struct sockaddr_un a;
	int rc = set_path(&a, path, f);

	return rc ? rc : clear_path(&a, f);
}

int dbx_server_open(struct dbx_server **out, struct event_base *base, const char *path,
		    struct dbx_daemon *d, struct dbx_fail *f)
{
	struct dbx_server *s = calloc(1, sizeof(*s));
	int fd = -1, rc;

	if (!s)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	s->base = base;
	s->daemon = d;
	rc = set_path(&s->addr, path, f);
	if (!rc)
		rc = listen_on(s, &fd, f);
	if (rc) {
		free(s);
		return rc;
	}
	rc = start_http(s, base, fd);
	if (rc) {
		if (!s->listener)
			close(fd);
		dbx_server_close(&s);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "starting the HTTP server: %s",
				    strerror(-rc));
	}
	*out = s;
	return 0;
}

void dbx_server_close(struct dbx_server **s)
{
	if (!*s)
		return;
	if ((*s)->listener)
		unlink((*s)->addr.sun_path);
	if ((*s)->resume)
		event_free((*s)->resume);
	if ((*s)->http)
		evhttp_free((*s)->http);
	free(*s);
	*s = NULL;
}
