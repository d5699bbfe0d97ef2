// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * race.c -- the client of the race soak: looks a name up and connects to what it is told, at once.
 *
 * usage: race good|bad|foreign TRIALS THREADS SOURCE4 SOURCE6 SERVER4 SERVER6
 * Each trial has sockets of its own, most of them IPv4 and UDP, some IPv6 and TCP. A good one must end
 * with the bytes of race_server for the address that was connected to. A bad one asks for a barred
 * name (which must not exist), or connects where or as it may not; that its bytes do not arrive is for
 * race_server to say. A foreign one is bad, under a policy that allows none of the names. The last line
 * is the count.
 *
 * late: more than LATE_MS between answer and hello, since the machine had other things to do: says
 * nothing about a race, is not counted as a trial.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/hellos.h"
#include "tools/race.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define LATE_MS    500
#define ANSWER_MS  3000
#define CONNECT_MS 10000
#define REFUSED_MS 100 /* how long a bad trial waits for what must not come */
#define NAMES      400u
#define TELL_MAX   20
#define ADDRS_MAX  16
#define TYPE_A     1
#define TYPE_AAAA  28
#define NXDOMAIN   3

struct address {
	struct sockaddr_storage sa;
	socklen_t n;
};

static struct address source[2], server[2]; /* 0: IPv4, 1: IPv6 */
static atomic_long n_left;
static atomic_ulong n_done, n_failed, n_late, n_repeated, n_slow;

struct trial {
	unsigned int seed;
	bool is_v6;
	char name[64];
	char said[64]; /* the SNI */
	uint8_t addrs[ADDRS_MAX][16];
	int n_addrs;
	struct address to;
	struct timespec answered;
};

static long ms_since(const struct timespec *t0)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec - t0->tv_sec) * 1000 + (t.tv_nsec - t0->tv_nsec) / 1000000;
}

static void fail(const struct trial *t, const char *what, int detail)
{
	char text[INET6_ADDRSTRLEN] = "?";
	const void *a = &((const struct sockaddr_in *)&t->to.sa)->sin_addr;

	if (t->is_v6)
		a = &((const struct sockaddr_in6 *)&t->to.sa)->sin6_addr;
	inet_ntop(t->is_v6 ? AF_INET6 : AF_INET, a, text, sizeof(text));
	if (atomic_fetch_add(&n_failed, 1) < TELL_MAX)
		printf("%s, saying %s to %s: %s (%d), %ld ms after the answer\n", t->name, t->said,
		       text, what, detail, ms_since(&t->answered));
}

/* ---- sockets ---- */

static int open_socket(bool is_v6, int type)
{
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0), on = 1;

	/* With a port that suits the peer, not one that is free for all of them. */
	if (fd >= 0 && type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (fd < 0 || bind(fd, (void *)&source[is_v6].sa, source[is_v6].n)) {
		perror("race: socket");
		exit(1);
	}
	return fd;
}

static bool wait_for(int fd, short what, int ms)
{
	struct pollfd p = {fd, what, 0};

	return poll(&p, 1, ms) == 1;
}

/* 0, or errno; ETIMEDOUT when nothing came back. */
static int connect_to(int fd, const struct address *a, int ms)
{
	int rc = 0;
	socklen_t n = sizeof(rc);

	if (!connect(fd, (const void *)&a->sa, a->n))
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (!wait_for(fd, POLLOUT, ms))
		return ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &rc, &n);
	return rc;
}

static ssize_t read_some(int fd, void *b, size_t n, int ms)
{
	return wait_for(fd, POLLIN, ms) ? recv(fd, b, n, 0) : -1;
}

/* ---- lookup ---- */

static size_t write_query(const struct trial *t, uint16_t id, uint8_t *q)
{
	const char *s = t->name;
	size_t at = 12;

	memset(q, 0, 12);
	q[0] = (uint8_t)(id >> 8);
	q[1] = (uint8_t)id;
	q[2] = q[5] = 1; /* recursion desired, one question */
	while (*s) {
		size_t n = strcspn(s, ".");

		q[at++] = (uint8_t)n;
		memcpy(q + at, s, n);
		at += n;
		s += n + (s[n] == '.');
	}
	memcpy(q + at, t->is_v6 ? "\0\0\x1c\0\1" : "\0\0\1\0\1", 5);
	return at + 5;
}

static size_t skip_name(const uint8_t *m, size_t n, size_t at)
{
	while (at < n && m[at] && m[at] < 0xc0)
		at += m[at] + 1u;
	return at + (at < n && m[at] ? 2 : 1);
}

/* The addresses of an answer; its RCODE, or -1 when it is none. */
static int read_answer(struct trial *t, const uint8_t *m, size_t n)
{
	size_t at = skip_name(m, n, 12) + 4, len = t->is_v6 ? 16 : 4;
	unsigned int n_rr = (unsigned int)m[6] << 8 | m[7];

	t->n_addrs = 0;
	while (n_rr--) {
		size_t rr = skip_name(m, n, at), n_data;

		if (rr + 10 > n)
			return -1;
		n_data = (size_t)m[rr + 8] << 8 | m[rr + 9];
		at = rr + 10 + n_data;
		if (at > n)
			return -1;
		if (m[rr + 1] == (t->is_v6 ? TYPE_AAAA : TYPE_A) && n_data == len &&
		    t->n_addrs < ADDRS_MAX)
			memcpy(t->addrs[t->n_addrs++], m + rr + 10, len);
	}
	return m[3] & 15;
}

static int ask_udp(struct trial *t, const uint8_t *q, size_t n_q)
{
	int fd = open_socket(t->is_v6, SOCK_DGRAM), rc = -1;
	uint8_t m[4096];
	ssize_t n;

	if (connect_to(fd, &server[t->is_v6], 0))
		exit(1);
	for (int i = 0; i < 4 && rc < 0; i++) {
		atomic_fetch_add(&n_repeated, i > 0);
		if (send(fd, q, n_q, 0) < 0)
			continue;
		n = read_some(fd, m, sizeof(m), ANSWER_MS);
		clock_gettime(CLOCK_MONOTONIC, &t->answered);
		if (n >= 12 && !memcmp(m, q, 2))
			rc = read_answer(t, m, (size_t)n);
	}
	close(fd);
	return rc;
}

static int ask_tcp(struct trial *t, const uint8_t *q, size_t n_q)
{
	int fd = open_socket(t->is_v6, SOCK_STREAM), rc = -1;
	uint8_t m[4098];
	size_t have = 0;
	ssize_t n;

	m[0] = 0;
	m[1] = (uint8_t)n_q;
	memcpy(m + 2, q, n_q);
	if (!connect_to(fd, &server[t->is_v6], CONNECT_MS) && send(fd, m, n_q + 2, 0) > 0) {
		while ((n = read_some(fd, m + have, sizeof(m) - have, CONNECT_MS)) > 0) {
			have += (size_t)n;
			if (have >= 14 && have >= 2u + ((size_t)m[0] << 8 | m[1]))
				break;
		}
		clock_gettime(CLOCK_MONOTONIC, &t->answered);
		if (have >= 14)
			rc = read_answer(t, m + 2, have - 2);
	}
	close(fd);
	return rc;
}

static int lookup(struct trial *t)
{
	uint8_t q[128];
	size_t n = write_query(t, (uint16_t)rand_r(&t->seed), q);

	clock_gettime(CLOCK_MONOTONIC, &t->answered);
	return rand_r(&t->seed) % 20 ? ask_udp(t, q, n) : ask_tcp(t, q, n);
}

static void pick_name(struct trial *t)
{
	static const char *const forms[] = {"w%u.race.test", "w%u.race.test", "c%u.race.test",
					    "e%u.exact.test"};
	unsigned int n = (unsigned int)rand_r(&t->seed);

	snprintf(t->name, sizeof(t->name), forms[n % 4], n / 4 % NAMES);
	strcpy(t->said, t->name);
}

/* ---- connection ---- */

static void set_address(struct trial *t, const uint8_t *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(RACE_PORT)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(RACE_PORT)};

	memset(&t->to, 0, sizeof(t->to));
	if (t->is_v6) {
		memcpy(&in6.sin6_addr, a, 16);
		memcpy(&t->to.sa, &in6, sizeof(in6));
		t->to.n = sizeof(in6);
	} else {
		memcpy(&in.sin_addr, a, 4);
		memcpy(&t->to.sa, &in, sizeof(in));
		t->to.n = sizeof(in);
	}
}

static void set_index(struct trial *t, uint32_t i)
{
	uint8_t a4[4] = {198, 18, (uint8_t)(i >> 8), (uint8_t)i};
	uint8_t a6[16] = {0x20, 1, 0x0d, 0xb8, 0, 0x18};

	a6[14] = (uint8_t)(i >> 8);
	a6[15] = (uint8_t)i;
	set_address(t, t->is_v6 ? a6 : a4);
}

/* One hello in eight has a post-quantum key's length, and so two segments. */
static bool say_hello(struct trial *t, int fd)
{
	struct hello_opts o = {.sni = t->said, .padding = rand_r(&t->seed) % 8 ? 0 : 1800};
	struct hello *h = malloc(sizeof(*h));
	bool good;

	if (rand_r(&t->seed) % 16 == 0)
		o.record = 100;
	hello_make(h, &o);
	good = send(fd, h->b, h->n, MSG_NOSIGNAL) == (ssize_t)h->n;
	free(h);
	return good;
}

static bool reply_is_right(const struct trial *t, const char *text)
{
	char want[INET6_ADDRSTRLEN + 8], addr[INET6_ADDRSTRLEN];
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};

	if (t->is_v6) {
		memcpy(&a, &t->to.sa, sizeof(a));
	} else {
		a.sin6_addr.s6_addr[10] = a.sin6_addr.s6_addr[11] = 0xff;
		memcpy(a.sin6_addr.s6_addr + 12, &((const struct sockaddr_in *)&t->to.sa)->sin_addr,
		       4);
	}
	race_addr_text(&a, addr);
	snprintf(want, sizeof(want), "ok %s\n", addr);
	return !strcmp(text, want);
}

/* What went wrong, or NULL. *hello_ms: when the hello was said, after the answer. */
static const char *converse(struct trial *t, int fd, long *hello_ms, int *detail)
{
	char text[128];
	size_t have = 0;
	ssize_t n = 0;

	*hello_ms = 0;
	*detail = connect_to(fd, &t->to, CONNECT_MS);
	*hello_ms = ms_since(&t->answered);
	if (*detail)
		return "connection refused";
	if (!say_hello(t, fd))
		return "hello not sent";
	while (have < sizeof(text) - 1 &&
	       (n = read_some(fd, text + have, sizeof(text) - 1 - have, CONNECT_MS)) > 0)
		have += (size_t)n;
	*detail = n < 0 ? errno : 0;
	text[have] = '\0';
	return reply_is_right(t, text) ? NULL : "hello not answered";
}

static bool good_trial(struct trial *t)
{
	const char *wrong;
	int fd, detail, rcode;
	long hello_ms;

	t->is_v6 = rand_r(&t->seed) % 4 == 0;
	pick_name(t);
	rcode = lookup(t);
	if (rcode || !t->n_addrs) {
		fail(t, "lookup", rcode);
		return true;
	}
	set_address(t, t->addrs[rand_r(&t->seed) % t->n_addrs]);
	fd = open_socket(t->is_v6, SOCK_STREAM);
	wrong = converse(t, fd, &hello_ms, &detail);
	close(fd);
	if (hello_ms > LATE_MS && (!wrong || hello_ms < CONNECT_MS)) {
		atomic_fetch_add(&n_late, 1);
		return false;
	}
	if (wrong)
		fail(t, wrong, detail);
	atomic_fetch_add(&n_slow, ms_since(&t->answered) > 900);
	return true;
}

/* ---- what must not pass ---- */

enum { BARRED_NAME, UNASKED_NAME, BARRED_ADDRESS, FOREIGN_NAME };

static bool is_good, is_foreign;

static bool bad_trial(struct trial *t)
{
	int fd, kind = rand_r(&t->seed) % (is_foreign ? 4 : 3);
	unsigned int n = (unsigned int)rand_r(&t->seed);
	char b[64];

	t->is_v6 = rand_r(&t->seed) % 4 == 0;
	pick_name(t);
	if (kind == BARRED_NAME) {
		snprintf(t->name, sizeof(t->name), "x%u.barred.test", n % NAMES);
		strcpy(t->said, t->name);
	} else if (kind == UNASKED_NAME) {
		snprintf(t->said, sizeof(t->said), "never%u.race.test", n % NAMES);
	}
	if (kind == BARRED_NAME || kind == FOREIGN_NAME) {
		int rcode = lookup(t);

		if (rcode != NXDOMAIN)
			fail(t, "a barred name's answer", rcode);
	}
	/* Most of the pool is known by now: the good trials learn it for the same policy. */
	set_index(t, kind == BARRED_ADDRESS ? RACE_BEHIND + n % 256 : n % RACE_ADDRS);
	fd = open_socket(t->is_v6, SOCK_STREAM);
	if (!connect_to(fd, &t->to, REFUSED_MS) && say_hello(t, fd) &&
	    read_some(fd, b, sizeof(b), REFUSED_MS) > 0)
		fail(t, "bytes of the server", kind);
	close(fd);
	return true;
}

/* ---- all of them ---- */

static void *work(void *arg)
{
	struct trial t = {.seed = (unsigned int)(uintptr_t)arg};

	while (atomic_fetch_sub(&n_left, 1) > 0) {
		while (!(is_good ? good_trial(&t) : bad_trial(&t)))
			;
		atomic_fetch_add(&n_done, 1);
	}
	return NULL;
}

static void read_address(struct address *a, const char *text, bool is_v6, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(a, 0, sizeof(*a));
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text,
		      is_v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1) {
		fprintf(stderr, "race: %s is no address\n", text);
		exit(2);
	}
	a->n = is_v6 ? sizeof(in6) : sizeof(in);
	memcpy(&a->sa, is_v6 ? (void *)&in6 : (void *)&in, a->n);
}

int main(int argc, char **argv)
{
	int n_threads = argc == 8 ? atoi(argv[3]) : 0;
	pthread_t threads[64];
	struct timespec begin;

	if (n_threads < 1 || n_threads > 64) {
		fprintf(stderr, "usage: race good|bad|foreign TRIALS THREADS SOURCE4 SOURCE6 "
				"SERVER4 SERVER6\n");
		return 2;
	}
	is_good = !strcmp(argv[1], "good");
	is_foreign = !strcmp(argv[1], "foreign");
	atomic_store(&n_left, atol(argv[2]));
	for (int i = 0; i < 2; i++) {
		read_address(&source[i], argv[4 + i], i, 0);
		read_address(&server[i], argv[6 + i], i, 53);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < n_threads; i++)
		if (pthread_create(&threads[i], NULL, work,
				   (void *)(uintptr_t)(begin.tv_nsec + i * 7919)))
			return 1;
	for (int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	printf("trials=%lu failed=%lu late=%lu repeated=%lu slow=%lu ms=%ld\n", n_done, n_failed,
	       n_late, n_repeated, n_slow, ms_since(&begin));
	return n_failed != 0;
}
