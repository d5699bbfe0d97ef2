// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fakedpdk.c -- the control socket of dbx-egress-dpdk without DPDK.
 */
#include "common/fakedpdk_priv.h"

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

static void die(const char *what)
{
	perror(what);
	abort();
}

/* ---- answers ---- */

static void send_answer(int to, struct dbx_wire_head *h, const struct fake_answer *a,
			const int *fds, size_t n_fds)
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

static void spoil(int to, struct dbx_wire_head *h, struct fake_answer *a, enum fake_evil evil)
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
	static struct fake_answer a;

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
			fake_give(&a, f->refuse_text, strlen(f->refuse_text));
	} else if (evil != FAKE_GONE) {
		fake_carry_out(f, q->type, body, n, fd, &a);
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
	f->image_fd = f->next_fd = f->flows_fd = -1;
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
	if (f->flows_fd >= 0)
		close(f->flows_fd);
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
