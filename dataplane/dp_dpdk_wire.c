// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_wire.c -- one connection to dbx-egress-dpdk: requests and their answers, and events.
 *
 * An answer is taken only when every part of it is what the request asked for. Anything else means
 * that the two no longer speak of the same thing: the connection ends, and a new one begins clean.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define ANSWER_S 5 /* a process that takes longer is taken for dead */
#define HELLO_S  1 /* nothing has to be done for this one */
#define FDS_MAX  4

static int away(const struct dbx_dp *dp, const char *why, struct dbx_dp_error *err)
{
	return dp_fail(err, -ENOTCONN, "the DPDK process at %s: %s", dp->path, why);
}

void dp_wire_lost(struct dbx_dp *dp)
{
	if (dp->fd >= 0)
		close(dp->fd);
	dp->fd = -1;
	dp_sync_timer(dp, true);
}

static int send_message(int fd, const struct dbx_wire_head *head, const struct dp_call *c)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec v[3] = {
		{(void *)head, sizeof(*head)},
		{(void *)c->body, c->n_body},
		{(void *)c->more, c->n_more},
	};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
	struct cmsghdr *h;

	if (c->give_fd) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), c->give_fd, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The first fd that came along; all others are closed. -1: none. */
static int first_fd(struct msghdr *m)
{
	int fd = -1, v[FDS_MAX];
	size_t i, n;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n && i < FDS_MAX; i++) {
			memcpy(&v[i], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (fd < 0)
				fd = v[i];
			else
				close(v[i]);
		}
	}
	return fd;
}

static ssize_t receive(int fd, char *buf, int flags, int *got_fd)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(8)));
	struct iovec v = {buf, DBX_WIRE_MAX};
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*got_fd = first_fd(&m);
	if (!n)
		return -ECONNRESET;
	return m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : n;
}

static bool is_head(const struct dbx_wire_head *h, ssize_t n)
{
	return (size_t)n >= sizeof(*h) && h->magic == DBX_WIRE_MAGIC &&
	       h->version == DBX_WIRE_VERSION && h->n_bytes == (size_t)n && !h->zero &&
	       h->rc <= 0 && h->rc > -4096;
}

/* What a refusal says, made fit for a log. */
static void take_text(const char *body, size_t n, int rc, struct dbx_dp_error *err)
{
	char text[DBX_WIRE_TEXT];
	size_t i;

	n = strnlen(body, n < sizeof(text) ? n : sizeof(text) - 1);
	for (i = 0; i < n; i++)
		text[i] = body[i] >= ' ' && body[i] <= '~' ? body[i] : '?';
	text[n] = '\0';
	dp_fail(err, rc, "the DPDK process refused it: %s", n ? text : strerror(-rc));
}

/* 1: it has not the form that an answer to this must have. */
static int take_answer(const char *in, size_t n, struct dp_call *c, int got,
		       struct dbx_dp_error *err)
{
	const struct dbx_wire_head *h = (const void *)in;
	const char *body = in + sizeof(*h);

	n -= sizeof(*h);
	if (h->rc) {
		if (n > DBX_WIRE_TEXT)
			return 1;
		take_text(body, n, h->rc, err);
		return h->rc;
	}
	if (n < c->min || n > c->max || (c->unit && n % c->unit) || (c->take_fd && got < 0))
		return 1;
	if (n)
		memcpy(c->answer, body, n);
	c->n_answer = n;
	return 0;
}

/* *is_broken: the connection is of no use any more. */
static int converse(struct dbx_dp *dp, int fd, struct dp_call *c, bool *is_broken,
		    struct dbx_dp_error *err)
{
	struct dbx_wire_head q = {
		.magic = DBX_WIRE_MAGIC,
		.version = DBX_WIRE_VERSION,
		.type = (uint16_t)c->type,
		.n_bytes = (uint32_t)(sizeof(q) + c->n_body + c->n_more),
		.seq = ++dp->seq,
	};
	const struct dbx_wire_head *h = (const void *)dp->in;
	int got = -1, rc;
	ssize_t n;

	*is_broken = true;
	rc = send_message(fd, &q, c);
	if (rc)
		return away(dp, strerror(-rc), err);
	n = receive(fd, dp->in, 0, &got);
	if (n == -EAGAIN)
		away(dp, "no answer", err);
	else if (n < 0)
		away(dp, n == -ECONNRESET ? "it ended the connection" : strerror((int)-n), err);
	else if (!is_head(h, n) || h->type != (c->type | DBX_WIRE_ANSWER) || h->seq != q.seq)
		n = away(dp, "it answered something else than was asked", err);
	if (n < 0)
		goto out;
	rc = take_answer(dp->in, (size_t)n, c, got, err);
	if (rc > 0) {
		away(dp, "its answer has not the form that it must have", err);
		goto out;
	}
	*is_broken = false;
	if (!rc && c->take_fd) {
		*c->take_fd = got;
		got = -1;
	}
out:
	if (got >= 0)
		close(got);
	return *is_broken ? -ENOTCONN : rc;
}

int dp_wire_call_locked(struct dbx_dp *dp, struct dp_call *c, struct dbx_dp_error *err)
{
	bool is_broken;
	int rc;

	if (dp->fd < 0)
		return away(dp, "it is not running", err);
	rc = converse(dp, dp->fd, c, &is_broken, err);
	if (is_broken)
		dp_wire_lost(dp);
	return rc;
}

int dp_wire_call(struct dbx_dp *dp, struct dp_call *c, struct dbx_dp_error *err)
{
	int rc;

	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_call_locked(dp, c, err);
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

/* Whoever listens there could make us believe anything: it must be root, or who we are. */
static int check_peer(const struct dbx_dp *dp, int fd, struct dbx_dp_error *err)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n))
		return dp_fail(err, -errno, "%s: %s", dp->path, strerror(errno));
	if (who.uid != 0 && who.uid != geteuid())
		return dp_fail(err, -EPERM, "%s: uid %u listens there; root, or uid %u, must",
			       dp->path, who.uid, geteuid());
	return 0;
}

static int say_hello(struct dbx_dp *dp, int fd, enum dbx_wire_role role,
		     struct dbx_wire_state *state, struct dbx_dp_error *err)
{
	struct dbx_wire_hello hello = {.abi = DBX_ABI_VERSION, .role = role};
	bool is_broken;
	int rc;

	rc = converse(dp, fd,
		      DP_CALL(DBX_WIRE_HELLO, .body = &hello, .n_body = sizeof(hello),
			      .answer = state, .min = sizeof(*state), .max = sizeof(*state)),
		      &is_broken, err);
	if (rc)
		return rc;
	state->version[sizeof(state->version) - 1] = '\0';
	if (state->abi != DBX_ABI_VERSION)
		return dp_fail(err, -EPROTONOSUPPORT,
			       "the DPDK process speaks ABI %u, this daemon %u; install both of "
			       "one version",
			       state->abi, DBX_ABI_VERSION);
	return state->counters_id ? 0 : away(dp, "it does not say which one it is", err);
}

int dp_wire_connect(struct dbx_dp *dp, enum dbx_wire_role role, int *out,
		    struct dbx_wire_state *state, struct dbx_dp_error *err)
{
	struct timeval limit = {.tv_sec = HELLO_S};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int rc, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return dp_fail(err, -errno, "a Unix socket: %s", strerror(errno));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", dp->path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		rc = away(dp, strerror(errno), err);
	else
		rc = check_peer(dp, fd, err);
	if (!rc)
		rc = say_hello(dp, fd, role, state, err);
	if (rc) {
		close(fd);
		return rc;
	}
	limit.tv_sec = ANSWER_S;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	*out = fd;
	return 0;
}

ssize_t dp_wire_event(int fd, enum dbx_wire_type type, char *buf, const void **body)
{
	const struct dbx_wire_head *h = (const void *)buf;
	int got = -1;
	ssize_t n = receive(fd, buf, MSG_DONTWAIT, &got);

	if (got >= 0)
		close(got);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return n;
	if (!is_head(h, n) || h->type != type || h->rc || h->seq || (size_t)n == sizeof(*h))
		return -EPROTO;
	*body = buf + sizeof(*h);
	return n - (ssize_t)sizeof(*h);
}
