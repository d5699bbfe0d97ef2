// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * race_server.c -- the far end of the race soak: what arrived here has passed, whoever says what.
 *
 * usage: race_server SECONDS
 * Listens on TCP 443 of every address of its namespace and reads a ClientHello with the reader of
 * include/dbx/hello.h. An allowed one is answered with "ok ADDRESS" and the connection closed. Counts
 * go to standard output when it ends (SIGTERM, SECONDS); none but `allowed` may be other than zero:
 *	allowed		hellos with a name that may pass, at an address that may
 *	unknown_name	other hellos
 *	unknown_addr	connections at an address that no name has (see race.h)
 *	unknown_source	bytes from a workload that may send none
 *	stray		connections that ended with bytes, but no whole hello
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tools/race.h"
#include "dbx/hello.h"

static struct {
	unsigned long accepted, allowed, unknown_name, unknown_addr, unknown_source, stray;
} count;

struct conn {
	int fd;
	bool is_done;
	unsigned long n_bytes;
	struct sockaddr_in6 peer, local;
	struct dbx_hello hello;
};

static volatile sig_atomic_t is_over;

static void on_signal(int sig)
{
	(void)sig;
	is_over = 1;
}

static int listen_at(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(RACE_PORT)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, off = 0;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096)) {
		perror("race_server: port 443");
		exit(1);
	}
	return fd;
}

static void end(struct conn *c)
{
	if (c->n_bytes && !c->is_done)
		count.stray++;
	close(c->fd);
	free(c);
}

static void answer(struct conn *c, const char *name)
{
	char addr[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];

	c->is_done = true;
	if (!race_name_may_pass(name)) {
		count.unknown_name++;
		printf("hello for %s\n", name);
		return;
	}
	count.allowed++;
	race_addr_text(&c->local, addr);
	snprintf(text, sizeof(text), "ok %s\n", addr);
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		perror("race_server: send");
}

static void judge(struct conn *c)
{
	static const struct dbx_secret secret = {{1, 1}};
	struct dbx_said said;
	char name[257];

	memset(&said, 0, sizeof(said));
	if (c->hello.status == DBX_HELLO_DONE)
		dbx_hello_name(&c->hello, &secret, &said);
	memcpy(name, said.name, said.n_name);
	name[said.n_name] = '\0';
	answer(c, name);
}

static void take(struct conn *c)
{
	uint8_t b[4096];
	ssize_t n = 0;

	while (!c->is_done && (n = read(c->fd, b, sizeof(b))) > 0) {
		if (!c->n_bytes && race_source_is_barred(&c->peer))
			count.unknown_source++;
		c->n_bytes += (unsigned long)n;
		for (ssize_t i = 0; i < n && c->hello.status == DBX_HELLO_MORE; i++)
			dbx_hello_feed(&c->hello, b[i]);
		if (c->hello.status != DBX_HELLO_MORE)
			judge(c);
	}
	if (c->is_done || n == 0 || (errno != EAGAIN && errno != EINTR))
		end(c);
}

static void take_connections(int lfd, int ep)
{
	for (;;) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
		socklen_t n = sizeof(c->peer), m = sizeof(c->local);

		if (!c)
			exit(1);
		c->fd = accept4(lfd, (struct sockaddr *)&c->peer, &n, SOCK_NONBLOCK);
		if (c->fd < 0 || getsockname(c->fd, (struct sockaddr *)&c->local, &m) ||
		    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev)) {
			if (c->fd >= 0)
				close(c->fd);
			free(c);
			return;
		}
		count.accepted++;
		count.unknown_addr += race_addr_is_barred(&c->local);
	}
}

int main(int argc, char **argv)
{
	int ep = epoll_create1(0), lfd = listen_at();
	struct epoll_event ev = {.events = EPOLLIN}, got[64];

	if (argc != 2 || ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev))
		return 2;
	signal(SIGTERM, on_signal);
	signal(SIGALRM, on_signal);
	alarm((unsigned int)atoi(argv[1]));
	while (!is_over) {
		int n = epoll_wait(ep, got, 64, 1000);

		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr)
				take(got[i].data.ptr);
			else
				take_connections(lfd, ep);
		}
	}
	printf("accepted=%lu allowed=%lu unknown_name=%lu unknown_addr=%lu unknown_source=%lu "
	       "stray=%lu\n",
	       count.accepted, count.allowed, count.unknown_name, count.unknown_addr,
	       count.unknown_source, count.stray);
	return 0;
}
