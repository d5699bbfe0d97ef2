// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * control.c -- the server of include/dbx/wire_dpdk.h: its socket, its connections, its loop.
 */
#include "dataplane/dpdk/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_hash_crc.h>
#include <rte_version.h>

#include "dataplane/dpdk/request.h"

#define SEND_BYTES (1 << 20)
#define TICK_MS    200
#define AT_LISTEN  DPK_CONNECTIONS_MAX
#define AT_WAKE    (DPK_CONNECTIONS_MAX + 1)

/* ---- the socket ---- */

static int fail(const char *path, const char *what, int rc)
{
	fprintf(stderr, "dbx-egress-dpdk: %s: %s: %s\n", path, what, strerror(-rc));
	return rc;
}

static void make_folder(const char *path)
{
	char dir[108];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = 0;
		mkdir(dir, 0755); /* it may be there */
	}
}

/* A socket that nobody listens on was left behind; one that somebody does is not ours to take. */
static int is_taken(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)a, sizeof(*a)) ? 0 : -EADDRINUSE;
	close(fd);
	return rc;
}

static int listen_on(struct dpk_control *c, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	make_folder(path);
	rc = is_taken(&a);
	if (rc)
		return rc;
	unlink(path);
	c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return -errno;
	mask = umask(0177);
	rc = bind(c->listen_fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
	umask(mask);
	if (rc)
		return rc;
	strcpy(c->path, path);
	return listen(c->listen_fd, 8) ? -errno : 0;
}

static int watch(struct dpk_control *c, int fd, uint32_t events, uint32_t at, int op)
{
	struct epoll_event e = {.events = events, .data.u32 = at};

	return epoll_ctl(c->epoll_fd, op, fd, &e) ? -errno : 0;
}

/* ---- what the process is ---- */

static uint64_t build_of_program(void)
{
	FILE *f = fopen("/proc/self/exe", "rbe");
	uint32_t h[2] = {~0u, 0x44425844u};
	char buf[8192];
	size_t n;

	while (f && (n = fread(buf, 1, sizeof(buf), f)) > 0) {
		h[0] = rte_hash_crc(buf, (uint32_t)n, h[0]);
		h[1] = rte_hash_crc(buf, (uint32_t)n, h[1] ^ h[0]);
	}
	if (f)
		fclose(f);
	return (uint64_t)h[0] << 32 | h[1];
}

static int fill_state(struct dpk_control *c)
{
	struct dbx_wire_state *s = &c->state;

	s->abi = DBX_ABI_VERSION;
	s->pid = (uint32_t)getpid();
	s->tsc_hz = rte_get_tsc_hz();
	s->n_lcores = c->lcores->n;
	s->build = build_of_program();
	snprintf(s->version, sizeof(s->version), "%s DPDK %d.%02d.%d", DBX_VERSION, RTE_VER_YEAR,
		 RTE_VER_MONTH, RTE_VER_MINOR);
	do {
		if (getrandom(&s->counters_id, sizeof(s->counters_id), 0) < 0)
			return -errno;
	} while (!s->counters_id);
	return 0;
}

void dpk_control_state(struct dpk_control *c, struct dbx_wire_state *out)
{
	const struct dbx_image_header *hdr = dpk_image_header(c->sh->image);

	*out = c->state;
	out->has_secret = !!c->sh->secret.point[0];
	out->has_image = !!hdr;
	if (!hdr)
		return;
	out->generation = hdr->generation;
	out->content_hash = hdr->content_hash;
	out->checksum = hdr->checksum;
}

int dpk_control_open(struct dpk_control **out, struct dpk_lcores *lcores, const char *path)
{
	struct dpk_control *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return fail(path, "control", -ENOMEM);
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++)
		c->conn[i].fd = -1;
	c->listen_fd = -1;
	c->lcores = lcores;
	c->sh = dpk_pipe_shared(lcores->pipe);
	c->core = dpk_pipe_core(lcores->pipe, lcores->n);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = c->epoll_fd < 0 || c->wake_fd < 0 ? -errno : fill_state(c);
	rc = rc ? rc : listen_on(c, path);
	rc = rc ? rc : watch(c, c->listen_fd, EPOLLIN, AT_LISTEN, EPOLL_CTL_ADD);
	rc = rc ? rc : watch(c, c->wake_fd, EPOLLIN, AT_WAKE, EPOLL_CTL_ADD);
	if (rc) {
		fail(path,
		     rc == -EADDRINUSE ? "another process is served there; each needs a --socket"
				       : "it cannot be listened on",
		     rc);
		dpk_control_close(&c);
		return rc;
	}
	c->sh->wake_fd = c->wake_fd;
	*out = c;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void end_connection(struct dpk_connection *k)
{
	close_fd(k->fd);
	dpk_connection_forget(k);
}

void dpk_control_close(struct dpk_control **cp)
{
	struct dpk_control *c = *cp;

	if (!c)
		return;
	c->sh->wake_fd = -1;
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++)
		end_connection(&c->conn[i]);
	if (c->path[0])
		unlink(c->path);
	close_fd(c->listen_fd);
	close_fd(c->epoll_fd);
	close_fd(c->wake_fd);
	dpk_fib_forget(&c->told);
	free(c);
	*cp = NULL;
}

/* ---- messages ---- */

/* One packet, and a file that came with it. Returns its size, 0 at the end, or -errno. */
static ssize_t receive(struct dpk_control *c, int from, int *fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} u;
	struct iovec v = {c->in, sizeof(c->in)};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = u.room,
			   .msg_controllen = sizeof(u.room)};
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fds[4];
	size_t k;

	*fd = -1;
	if (n < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		k = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(h), k * sizeof(int));
		for (size_t i = 0; i < k; i++) {
			if (*fd < 0)
				*fd = fds[i];
			else
				close(fds[i]);
		}
	}
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int answer(struct dpk_control *c, struct dpk_connection *k, const struct dpk_request *r,
		  int rc)
{
	struct dbx_wire_head *h = (struct dbx_wire_head *)c->out;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} u;
	size_t n = rc ? (r->text ? strlen(r->text) + 1 : 0) : r->n_answer;
	struct iovec v = {c->out, sizeof(*h) + n};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	if (rc && n > DBX_WIRE_TEXT)
		n = 0;
	if (rc && n)
		memcpy(h + 1, r->text, n);
	v.iov_len = sizeof(*h) + n;
	*h = (struct dbx_wire_head){.magic = DBX_WIRE_MAGIC,
				    .version = DBX_WIRE_VERSION,
				    .type = r->head->type | DBX_WIRE_ANSWER,
				    .n_bytes = (uint32_t)v.iov_len,
				    .seq = r->head->seq,
				    .rc = rc};
	if (!rc && r->answer_fd >= 0) {
		memset(&u, 0, sizeof(u));
		m.msg_control = u.room;
		m.msg_controllen = sizeof(u.room);
		u.align.cmsg_level = SOL_SOCKET;
		u.align.cmsg_type = SCM_RIGHTS;
		u.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&u.align), &r->answer_fd, sizeof(int));
	}
	return sendmsg(k->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A new reader of events takes the place of the one before. */
static void take_role(struct dpk_control *c, struct dpk_connection *k, uint32_t role)
{
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX && role != DBX_WIRE_ROLE_CONTROL; i++) {
		if (&c->conn[i] != k && c->conn[i].fd >= 0 && c->conn[i].role == role)
			end_connection(&c->conn[i]);
	}
	k->role = role;
}

static int hello(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_hello *w = r->body;

	if (r->head->type != DBX_WIRE_HELLO || r->n_body != sizeof(*w) || !w->role ||
	    w->role >= DBX_WIRE_ROLE_MAX) {
		r->text = "HELLO comes first, with a role";
		return -EPROTO;
	}
	if (w->abi != DBX_ABI_VERSION) {
		r->text = "this process is of another ABI than the daemon: restart it with the "
			  "program that belongs to the daemon";
		return -EPROTONOSUPPORT;
	}
	take_role(c, k, w->role);
	dpk_control_state(c, (struct dbx_wire_state *)r->answer);
	r->n_answer = sizeof(struct dbx_wire_state);
	return 0;
}

/* 0, or the connection is to end. */
static int serve(struct dpk_control *c, struct dpk_connection *k)
{
	struct dbx_wire_head *h = (struct dbx_wire_head *)c->in;
	struct dpk_request r = {.head = h,
				.body = h + 1,
				.answer = c->out + sizeof(*h),
				.room = sizeof(c->out) - sizeof(*h),
				.answer_fd = -1};
	ssize_t n = receive(c, k->fd, &r.fd);
	bool is_first = !k->role;
	int rc;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < (ssize_t)sizeof(*h) || h->magic != DBX_WIRE_MAGIC ||
	    h->version != DBX_WIRE_VERSION || h->n_bytes != (size_t)n || h->rc || h->zero ||
	    k->role > DBX_WIRE_ROLE_CONTROL) {
		close_fd(r.fd);
		return -EPROTO;
	}
	r.n_body = (size_t)n - sizeof(*h);
	rc = is_first ? hello(c, k, &r) : dpk_request_do(c, k, &r);
	n = answer(c, k, &r, rc);
	close_fd(r.fd);
	return n ? (int)n : is_first ? rc : 0;
}

/* ---- the loop ---- */

static void take_connection(struct dpk_control *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who = {0};
	socklen_t n = sizeof(who);
	int room = SEND_BYTES;
	uint32_t i;

	if (fd < 0)
		return;
	for (i = 0; i < DPK_CONNECTIONS_MAX && c->conn[i].fd >= 0; i++)
		;
	if (i == DPK_CONNECTIONS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) ||
	    (who.uid && who.uid != geteuid()) || watch(c, fd, EPOLLIN, i, EPOLL_CTL_ADD)) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	c->conn[i].fd = fd;
}

static bool sends_events(const struct dpk_connection *k)
{
	return k->fd >= 0 && k->role > DBX_WIRE_ROLE_CONTROL;
}

static void send_events(struct dpk_control *c)
{
	for (uint32_t i = 0; i < DPK_CONNECTIONS_MAX; i++) {
		struct dpk_connection *k = &c->conn[i];
		bool waits;

		if (!sends_events(k))
			continue;
		waits = dpk_events_send(c, k);
		watch(c, k->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, i, EPOLL_CTL_MOD);
	}
}

static void handle(struct dpk_control *c, const struct epoll_event *e)
{
	uint32_t at = e->data.u32;
	uint64_t n;

	if (at == AT_LISTEN) {
		take_connection(c);
	} else if (at == AT_WAKE) {
		if (read(c->wake_fd, &n, sizeof(n)) < 0)
			return;
	} else if (c->conn[at].fd >= 0 && (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) &&
		   serve(c, &c->conn[at])) {
		end_connection(&c->conn[at]);
	}
}

void dpk_control_run(struct dpk_control *c)
{
	struct epoll_event e[DPK_CONNECTIONS_MAX + 2];
	int n;

	while (!c->lcores->must_stop) {
		/* asleep first, then a last look: who puts an event behind it finds that we sleep */
		__atomic_store_n(&c->sh->is_asleep, 1, __ATOMIC_SEQ_CST);
		n = epoll_wait(c->epoll_fd, e, DPK_CONNECTIONS_MAX + 2,
			       dpk_events_waiting(c) ? 0 : TICK_MS);
		__atomic_store_n(&c->sh->is_asleep, 0, __ATOMIC_SEQ_CST);
		for (int i = 0; i < n; i++)
			handle(c, &e[i]);
		dpk_capture_tend(c);
		send_events(c);
		dpk_pipe_reap(c->lcores->pipe);
	}
}

void dpk_control_wake(struct dpk_control *c)
{
	uint64_t one = 1;

	if (write(c->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake */
}
