// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fakedpdk.c -- the control socket of dbx-egress-dpdk without DPDK.
 */
#include "common/fakedpdk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_CONNECTIONS 16

/* An answer as it is made. */
struct answer {
	int rc;
	char body[DBX_WIRE_MAX] __attribute__((aligned(8)));
	size_t n;
	int fd; /* -1: none */
};

static void die(const char *what)
{
	perror(what);
	abort();
}

static void give(struct answer *a, const void *v, size_t n)
{
	memcpy(a->body + a->n, v, n);
	a->n += n;
}

/* ---- what is told ---- */

static size_t find_bound(const struct fakedpdk *f, const struct dbx_bound_key *k)
{
	size_t i;

	for (i = 0; i < f->n_bound && memcmp(&f->bound[i].key, k, sizeof(*k)) != 0; i++)
		;
	return i;
}

static int learn(struct fakedpdk *f, const struct dbx_wire_bound *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++) {
		at = find_bound(f, &v[i].key);
		if (at == FAKE_TABLE)
			return -ENOSPC;
		f->bound[at] = v[i];
		f->n_bound += at == f->n_bound;
	}
	return 0;
}

static void page(struct fakedpdk *f, const struct dbx_wire_each *q, struct answer *a)
{
	struct dbx_wire_page p = {0};
	size_t at = (size_t)q->cursor;

	if (q->table != DBX_WIRE_TABLE_BOUND || f->endless) {
		p.next = f->endless ? q->cursor + 1 : 0;
		p.n = f->page_n;
		give(a, &p, sizeof(p));
		return;
	}
	p.n = f->n_bound - at < DBX_WIRE_BATCH ? (uint32_t)(f->n_bound - at) : DBX_WIRE_BATCH;
	p.next = at + p.n < f->n_bound ? at + p.n : 0;
	give(a, &p, sizeof(p));
	give(a, &f->bound[at], p.n * sizeof(f->bound[0]));
}

static int set_port(struct fakedpdk *f, const struct dbx_wire_iface *i)
{
	size_t at;

	if (!strcmp(i->name, "unknown"))
		return -ENODEV;
	for (at = 0; at < f->n_ports && strcmp(f->ports[at].name, i->name) != 0; at++)
		;
	f->ports[at] = *i;
	f->n_ports += at == f->n_ports;
	return 0;
}

static int del_port(struct fakedpdk *f, const struct dbx_wire_iface *i)
{
	size_t at;

	for (at = 0; at < f->n_ports; at++) {
		if (!strcmp(f->ports[at].name, i->name)) {
			f->ports[at] = f->ports[--f->n_ports];
			return 0;
		}
	}
	return -ENOENT;
}

static void put_route(struct fakedpdk *f, const struct dbx_wire_route *r)
{
	size_t i;

	for (i = 0; i < f->n_routes; i++) {
		const struct dbx_wire_route *o = &f->routes[i];

		if (o->family == r->family && o->prefix_len == r->prefix_len &&
		    !memcmp(o->dst, r->dst, 16))
			break;
	}
	if (r->op == DBX_WIRE_PUT) {
		f->n_put++;
		f->routes[i] = *r;
		f->kept_route[i] = true;
		f->n_routes += i == f->n_routes;
	} else if (i < f->n_routes) {
		f->n_del++;
		f->routes[i] = f->routes[--f->n_routes];
	}
}

static void put_neigh(struct fakedpdk *f, const struct dbx_wire_neigh *r)
{
	size_t i;

	for (i = 0; i < f->n_neighs; i++) {
		const struct dbx_wire_neigh *o = &f->neighs[i];

		if (o->ifindex == r->ifindex && !memcmp(o->addr, r->addr, 16))
			break;
	}
	if (r->op == DBX_WIRE_PUT) {
		f->n_put++;
		f->neighs[i] = *r;
		f->kept_neigh[i] = true;
		f->n_neighs += i == f->n_neighs;
	} else if (i < f->n_neighs) {
		f->n_del++;
		f->neighs[i] = f->neighs[--f->n_neighs];
	}
}

static void sweep_fib(struct fakedpdk *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->n_routes; i++) {
		if (f->kept_route[i])
			f->routes[n++] = f->routes[i];
	}
	f->n_routes = n;
	for (i = n = 0; i < f->n_neighs; i++) {
		if (f->kept_neigh[i])
			f->neighs[n++] = f->neighs[i];
	}
	f->n_neighs = n;
}

static int fib(struct fakedpdk *f, const char *body, size_t n)
{
	const struct dbx_wire_fib *h = (const void *)body;
	const struct dbx_wire_route *r = (const void *)(h + 1);
	const struct dbx_wire_neigh *e;
	uint32_t i;

	if (n < sizeof(*h) ||
	    n != sizeof(*h) + h->n_routes * sizeof(*r) + h->n_neighs * sizeof(*e) ||
	    h->n_routes + h->n_neighs > 8 * DBX_WIRE_BATCH)
		return -EINVAL;
	if (h->flags & DBX_WIRE_FIB_BEGIN) {
		memset(f->kept_route, 0, sizeof(f->kept_route));
		memset(f->kept_neigh, 0, sizeof(f->kept_neigh));
	}
	for (i = 0; i < h->n_routes; i++)
		put_route(f, &r[i]);
	e = (const void *)(r + h->n_routes);
	for (i = 0; i < h->n_neighs; i++)
		put_neigh(f, &e[i]);
	if (h->flags & DBX_WIRE_FIB_END)
		sweep_fib(f);
	return 0;
}

static int take_image(struct fakedpdk *f, const struct dbx_wire_image *w, int fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (fd < 0)
		return -EBADF;
	f->is_sealed = (fcntl(fd, F_GET_SEALS) & seals) == seals;
	if (f->next_fd >= 0)
		close(f->next_fd);
	f->next_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	f->next = *w;
	return 0;
}

static int commit(struct fakedpdk *f, const struct dbx_wire_generation *g)
{
	if (f->next_fd < 0)
		return -EINVAL;
	if (g->generation != f->next.generation)
		return -ESTALE;
	if (f->image_fd >= 0)
		close(f->image_fd);
	f->image = f->next;
	f->image_fd = f->next_fd;
	f->next_fd = -1;
	f->state.has_image = 1;
	f->state.generation = f->image.generation;
	f->state.content_hash = f->image.content_hash;
	f->state.checksum = f->image.checksum;
	return 0;
}

/* ---- requests ---- */

static void on_names(struct fakedpdk *f, enum dbx_wire_type type, const void *body, size_t n,
		     struct answer *a)
{
	const struct dbx_bound_key *k = body;
	size_t i;

	switch (type) {
	case DBX_WIRE_SECRET_GET:
		give(a, &f->secret, sizeof(f->secret));
		break;
	case DBX_WIRE_SECRET_SET:
		if (f->state.has_secret && memcmp(&f->secret, body, sizeof(f->secret)) != 0)
			f->n_bound = 0;
		memcpy(&f->secret, body, sizeof(f->secret));
		f->state.has_secret = 1;
		break;
	case DBX_WIRE_LEARN:
		a->rc = n % sizeof(struct dbx_wire_bound)
				? -EINVAL
				: learn(f, body, n / sizeof(struct dbx_wire_bound));
		break;
	case DBX_WIRE_UNLEARN:
		i = find_bound(f, k);
		if (i < f->n_bound)
			f->bound[i] = f->bound[--f->n_bound];
		break;
	case DBX_WIRE_BOUND_GET:
		i = find_bound(f, k);
		if (i < f->n_bound)
			give(a, &f->bound[i].bound, sizeof(f->bound[i].bound));
		else
			a->rc = -ENOENT;
		break;
	case DBX_WIRE_LEARNED_GET:
		a->rc = -ENOENT;
		break;
	case DBX_WIRE_FLOW_SET:
		memcpy(&f->flow, body, sizeof(f->flow));
		f->has_flow = true;
		break;
	case DBX_WIRE_FLOW_DEL:
		f->has_flow = false;
		break;
	default:
		break;
	}
}

static void on_status(struct fakedpdk *f, enum dbx_wire_type type, struct answer *a)
{
	struct dbx_wire_lcore lcore = {.lcore = 1, .packets = 10, .busy_cycles = 500};
	struct dbx_wire_port port = {.flags = DBX_WIRE_PORT_WORKLOAD};
	struct dbx_counter *totals = (void *)a->body;

	if (type == DBX_WIRE_LCORES) {
		give(a, &lcore, sizeof(lcore));
		give(a, &lcore, sizeof(lcore));
	} else if (type == DBX_WIRE_PORTS) {
		memset(port.name, '\x1b', sizeof(port.name)); /* no end, and nothing to print */
		give(a, &port, sizeof(port));
	} else {
		memset(totals, 0, DBX_TOTAL_MAX * sizeof(*totals));
		totals[DBX_TOTAL_EVENTS].packets = 77 + f->n_bound;
		a->n = DBX_TOTAL_MAX * sizeof(*totals);
	}
}

static void on_image(struct fakedpdk *f, enum dbx_wire_type type, const void *body, int fd,
		     struct answer *a)
{
	if (type == DBX_WIRE_IMAGE) {
		a->rc = take_image(f, body, fd);
	} else if (type == DBX_WIRE_COMMIT) {
		a->rc = commit(f, body);
	} else if (type == DBX_WIRE_ABORT) {
		if (f->next_fd >= 0)
			close(f->next_fd);
		f->next_fd = -1;
	} else if (f->image_fd < 0) {
		a->rc = -ENOENT;
	} else {
		give(a, &f->image, sizeof(f->image));
		a->fd = f->image_fd;
	}
}

static void carry_out(struct fakedpdk *f, enum dbx_wire_type type, const void *body, size_t n,
		      int fd, struct answer *a)
{
	switch (type) {
	case DBX_WIRE_HELLO:
	case DBX_WIRE_STATE:
		give(a, &f->state, sizeof(f->state));
		break;
	case DBX_WIRE_IMAGE:
	case DBX_WIRE_IMAGE_GET:
	case DBX_WIRE_COMMIT:
	case DBX_WIRE_ABORT:
		on_image(f, type, body, fd, a);
		break;
	case DBX_WIRE_PORT_SET:
		a->rc = set_port(f, body);
		break;
	case DBX_WIRE_PORT_DEL:
		a->rc = del_port(f, body);
		break;
	case DBX_WIRE_EACH:
		page(f, body, a);
		break;
	case DBX_WIRE_STEER:
		f->is_steered = ((const struct dbx_wire_steer *)body)->is_ready;
		break;
	case DBX_WIRE_FORWARD:
		memcpy(f->forward, body, n);
		f->n_forward = n / sizeof(f->forward[0]);
		break;
	case DBX_WIRE_FIB:
		a->rc = fib(f, body, n);
		break;
	case DBX_WIRE_LCORES:
	case DBX_WIRE_PORTS:
	case DBX_WIRE_TOTALS:
		on_status(f, type, a);
		break;
	default:
		on_names(f, type, body, n, a);
		break;
	}
}

/* ---- answers ---- */

static void send_answer(int to, struct dbx_wire_head *h, const struct answer *a, const int *fds,
			size_t n_fds)
{
	char control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec v[2] = {{h, sizeof(*h)}, {(void *)a->body, a->n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	struct cmsghdr *c;

	if (n_fds) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	sendmsg(to, &m, MSG_NOSIGNAL);
}

static void spoil_head(struct dbx_wire_head *h, enum fake_evil evil)
{
	h->magic ^= evil == FAKE_MAGIC;
	h->version += evil == FAKE_VERSION;
	h->type += evil == FAKE_TYPE;
	h->seq += evil == FAKE_SEQ;
	h->n_bytes += evil == FAKE_LENGTH;
	h->zero = evil == FAKE_ZERO;
	if (evil == FAKE_RC_UP)
		h->rc = 1;
	if (evil == FAKE_RC_DOWN)
		h->rc = -4096;
}

static void spoil(int to, struct dbx_wire_head *h, struct answer *a, enum fake_evil evil)
{
	static char huge[DBX_WIRE_MAX + 100];
	int fds[3] = {to, to, to};

	spoil_head(h, evil);
	switch (evil) {
	case FAKE_SHORT:
		a->n = 0;
		h->n_bytes = sizeof(*h);
		break;
	case FAKE_LONG:
		h->n_bytes = sizeof(huge) / 2;
		a->n = h->n_bytes - sizeof(*h);
		break;
	case FAKE_LONG_TEXT:
		h->rc = -EINVAL;
		a->n = DBX_WIRE_TEXT + 1;
		h->n_bytes = (uint32_t)(sizeof(*h) + a->n);
		break;
	case FAKE_TINY:
		send(to, h, sizeof(*h) - 1, MSG_NOSIGNAL);
		return;
	case FAKE_HUGE:
		h->n_bytes = sizeof(huge);
		memcpy(huge, h, sizeof(*h));
		send(to, huge, sizeof(huge), MSG_NOSIGNAL);
		return;
	default:
		break;
	}
	send_answer(to, h, a, fds, evil == FAKE_FDS ? 3 : 0);
}

static void drop(struct fakedpdk *f, int i)
{
	close(f->fds[i]);
	f->fds[i] = -1;
	f->role[i] = 0;
}

static void answer(struct fakedpdk *f, int i, const struct dbx_wire_head *q, const void *body,
		   size_t n, int fd)
{
	struct dbx_wire_head h = {
		.magic = DBX_WIRE_MAGIC,
		.version = DBX_WIRE_VERSION,
		.type = q->type | DBX_WIRE_ANSWER,
		.seq = q->seq,
	};
	enum fake_evil evil = f->evil_type == q->type ? f->evil : FAKE_GOOD;
	static struct answer a;

	a.rc = 0, a.n = 0, a.fd = -1;
	if (q->type < FAKE_TYPES)
		f->n_asked[q->type]++;
	if (q->type == DBX_WIRE_HELLO && n == sizeof(struct dbx_wire_hello))
		f->role[i] = ((const struct dbx_wire_hello *)body)->role;
	if (evil)
		f->evil = FAKE_GOOD;
	if (f->refuse && f->refuse_type == q->type) {
		a.rc = f->refuse;
		f->refuse = 0;
		if (f->refuse_text)
			give(&a, f->refuse_text, strlen(f->refuse_text));
	} else if (evil != FAKE_GONE) {
		carry_out(f, q->type, body, n, fd, &a);
	}
	if (evil == FAKE_GONE || evil == FAKE_DONE_GONE) {
		drop(f, i);
		return;
	}
	h.rc = a.rc;
	h.n_bytes = (uint32_t)(sizeof(h) + a.n);
	if (evil)
		spoil(f->fds[i], &h, &a, evil);
	else
		send_answer(f->fds[i], &h, &a, &a.fd, a.fd >= 0);
}

static void serve(struct fakedpdk *f, int i)
{
	static char buf[DBX_WIRE_MAX] __attribute__((aligned(8)));
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct dbx_wire_head *q = (const void *)buf;
	ssize_t n = recvmsg(f->fds[i], &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (n < (ssize_t)sizeof(*q) || q->magic != DBX_WIRE_MAGIC || q->n_bytes != (size_t)n ||
	    q->version != DBX_WIRE_VERSION || q->rc || q->zero)
		drop(f, i);
	else
		answer(f, i, q, buf + sizeof(*q), (size_t)n - sizeof(*q), fd);
	if (fd >= 0)
		close(fd);
}

static void admit(struct fakedpdk *f)
{
	int i, fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	for (i = 0; i < N_CONNECTIONS && f->fds[i] >= 0; i++)
		;
	if (fd >= 0 && i < N_CONNECTIONS)
		f->fds[i] = fd;
	else if (fd >= 0)
		close(fd);
}

static void *run(void *arg)
{
	struct fakedpdk *f = arg;
	int i;

	for (;;) {
		struct pollfd p[N_CONNECTIONS + 2] = {{f->stop_fd[0], POLLIN, 0},
						      {f->listen_fd, POLLIN, 0}};

		pthread_mutex_lock(&f->lock);
		for (i = 0; i < N_CONNECTIONS; i++)
			p[i + 2] = (struct pollfd){f->fds[i], POLLIN, 0};
		pthread_mutex_unlock(&f->lock);
		if (poll(p, N_CONNECTIONS + 2, -1) < 0 && errno != EINTR)
			die("poll");
		if (p[0].revents)
			return NULL;
		pthread_mutex_lock(&f->lock);
		for (i = 0; i < N_CONNECTIONS; i++) {
			if (p[i + 2].revents && f->fds[i] == p[i + 2].fd)
				serve(f, i);
		}
		if (p[1].revents)
			admit(f);
		pthread_mutex_unlock(&f->lock);
	}
}

static void listen_there(struct fakedpdk *f)
{
	static uint64_t n_processes;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int i;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
	for (i = 0; i < N_CONNECTIONS; i++)
		f->fds[i] = -1;
	f->image_fd = f->next_fd = -1;
	f->state = (struct dbx_wire_state){
		.abi = DBX_ABI_VERSION,
		.pid = 4711,
		.counters_id = ++n_processes,
		.n_lcores = 2,
		.version = "fake",
	};
	f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	unlink(f->path);
	if (f->listen_fd < 0 || bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(f->listen_fd, 8) || pipe2(f->stop_fd, O_CLOEXEC) ||
	    pthread_create(&f->thread, NULL, run, f))
		die(f->path);
}

void fakedpdk_start(struct fakedpdk *f)
{
	char dir[] = "/tmp/fakedpdk.XXXXXX";

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	if (!mkdtemp(dir))
		die(dir);
	snprintf(f->path, sizeof(f->path), "%s/sock", dir);
	listen_there(f);
}

void fakedpdk_kill(struct fakedpdk *f)
{
	int i;

	close(f->stop_fd[1]);
	pthread_join(f->thread, NULL);
	close(f->stop_fd[0]);
	close(f->listen_fd);
	for (i = 0; i < N_CONNECTIONS; i++) {
		if (f->fds[i] >= 0)
			close(f->fds[i]);
	}
	if (f->image_fd >= 0)
		close(f->image_fd);
	if (f->next_fd >= 0)
		close(f->next_fd);
	f->listen_fd = -1;
}

void fakedpdk_again(struct fakedpdk *f)
{
	const size_t from = offsetof(struct fakedpdk, evil_type);

	if (f->listen_fd >= 0)
		fakedpdk_kill(f);
	memset((char *)f + from, 0, sizeof(*f) - from);
	listen_there(f);
}

void fakedpdk_stop(struct fakedpdk *f)
{
	if (f->listen_fd >= 0)
		fakedpdk_kill(f);
	unlink(f->path);
	*strrchr(f->path, '/') = '\0';
	rmdir(f->path);
	pthread_mutex_destroy(&f->lock);
}

static int fd_of(struct fakedpdk *f, uint32_t role)
{
	int i, fd = -1;

	for (i = 0; i < N_CONNECTIONS; i++) {
		if (f->fds[i] >= 0 && f->role[i] == role)
			fd = f->fds[i];
	}
	return fd;
}

bool fakedpdk_has_role(struct fakedpdk *f, uint32_t role)
{
	bool has;

	pthread_mutex_lock(&f->lock);
	has = fd_of(f, role) >= 0;
	pthread_mutex_unlock(&f->lock);
	return has;
}

void fakedpdk_event(struct fakedpdk *f, uint32_t role, enum dbx_wire_type type, const void *body,
		    size_t n, uint32_t n_fake)
{
	struct dbx_wire_head h = {
		.magic = DBX_WIRE_MAGIC,
		.version = DBX_WIRE_VERSION,
		.type = (uint16_t)type,
		.n_bytes = n_fake ? n_fake : (uint32_t)(sizeof(h) + n),
	};
	struct iovec v[2] = {{&h, sizeof(h)}, {(void *)body, n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	pthread_mutex_lock(&f->lock);
	if (sendmsg(fd_of(f, role), &m, MSG_NOSIGNAL) < 0)
		die("event");
	pthread_mutex_unlock(&f->lock);
}
