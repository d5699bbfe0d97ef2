/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * resolvercase.h -- the resolver with this program as client, as upstream, and as whoever judges and
 * learns.
 *
 * Real sockets on loopback; the upstream answers exactly when a test says so.
 */
#ifndef DBX_TESTS_RESOLVERCASE_H
#define DBX_TESTS_RESOLVERCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/dns_resolver.h"
#include "policy/model.h"
#include "wire/dns.h"

struct lab {
	/* read and written by both threads */
	int allowed, learn_error, n_learned, has_view, has_source, generation;
	int n_guards, n_guarded4, n_guarded6, is_private;
	int up, client; /* sockets */
	struct dbx_upstream upstream;
	struct dbx_dns_options options;
	struct dbx_view view;
	struct dbx_dns *d;
	uint16_t port;
	int last_reason;
	int swaps, allowed_next;
	struct dbx_addr private[2];
};

#define GET(x)    __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define PUT(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

static struct lab *lab; /* of the running test */

static inline const struct dbx_view *view_get(void *arg)
{
	struct lab *l = arg;

	l->view.generation = (uint64_t)GET(l->generation);
	return GET(l->has_view) ? &l->view : NULL;
}

static inline void view_put(void *arg, const struct dbx_view *v)
{
	(void)arg, (void)v;
}

static inline bool source(const struct dbx_view *v, const struct dbx_addr *src,
			  struct dbx_dns_source *out)
{
	(void)v, (void)src;
	out->workspace_id = 1;
	out->product = 0;
	return GET(lab->has_source);
}

static inline void decide(const struct dbx_view *v, const struct dbx_dns_source *s,
			  const char *name, struct dbx_name_decision *out)
{
	bool good = GET(lab->allowed) && !strncmp(name, "good", 4);

	(void)v, (void)s;
	memset(out, 0, sizeof(*out));
	out->policy_id = out->rule_text = out->rule_doc = out->rule_ptr = "";
	out->verdict = good ? DBX_VERDICT_PASS : DBX_VERDICT_DROP;
	out->reason = good ? DBX_REASON_LISTED_NAME : DBX_REASON_DNS_DENIED;
	out->policy_uid = 5;
	out->needs_learning = true;
	out->cname = "";
	if (GET(lab->is_private) && !strncmp(name, "good", 4)) {
		out->is_private = true;
		out->needs_learning = false;
		out->reason = DBX_REASON_PRIVATE_ENDPOINT;
		out->addrs = lab->private;
		out->n_addrs = 2;
		out->cname = "good.privatelink.test";
	}
}

static inline const struct dbx_dns_options *options(const struct dbx_view *v)
{
	(void)v;
	return &lab->options;
}

static inline int learn(void *arg, const struct dbx_lesson *l)
{
	struct lab *w = arg;
	char text[DBX_ADDR_STRLEN];

	if (GET(w->learn_error))
		return GET(w->learn_error);
	if (l->generation != (uint64_t)GET(w->generation))
		return -ESTALE;
	if (l->kind == DBX_LESSON_GUARD_V4 && l->n_addrs == 1)
		PUT(w->n_guarded4, GET(w->n_guarded4) + 1);
	if (l->kind == DBX_LESSON_GUARD_V6 && !l->n_addrs)
		PUT(w->n_guarded6, GET(w->n_guarded6) + 1);
	if (l->kind != DBX_LESSON_NAME)
		return 0;
	if (GET(w->swaps)) { /* the policies change at the very moment */
		PUT(w->swaps, GET(w->swaps) - 1);
		PUT(w->generation, GET(w->generation) + 1);
		PUT(w->allowed, GET(w->allowed_next));
		return -ESTALE;
	}
	usleep(30000); /* an answer that did not wait would be seen */
	if (l->n_addrs == 1 && !strcmp(dbx_addr_format(&l->addrs[0], text), "192.0.2.1"))
		PUT(w->n_learned, GET(w->n_learned) + 1);
	return 0;
}

static inline void on_record(void *arg, const struct dbx_dns_record *r)
{
	PUT(((struct lab *)arg)->last_reason, (int)r->decision.reason);
}

static inline void each_guard(const struct dbx_view *v,
			      void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
					 const char *name),
			      void *arg)
{
	(void)v;
	for (int i = 0; i < GET(lab->n_guards); i++)
		fn(arg, 5 + (uint64_t)i, 9, "guarded.test"); /* one name, of several scopes */
}

static const struct dbx_dns_hooks hooks = {view_get, view_put, source,    decide,
					   options,  learn,    each_guard};

static inline int bound(uint16_t *port, int type)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(sa);
	struct timeval wait = {.tv_sec = 2};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	*port = ntohs(sa.sin_port);
	return fd;
}

static inline int dial(const struct lab *l, int which, int type)
{
	int fds[4], fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct timeval wait = {.tv_sec = 2};
	struct sockaddr_in sa;
	socklen_t n = sizeof(sa);

	dbx_dns_fds(l->d, &fds[0], &fds[1], &fds[2], &fds[3]);
	assert_int_equal(getsockname(fds[which], (struct sockaddr *)&sa, &n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, n), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static inline int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct dbx_dns_opts o = {.hooks = &hooks, .hooks_arg = l, .log = on_record, .log_arg = l};
	struct dbx_fail f;

	l->allowed = l->has_view = l->has_source = l->generation = 1;
	dbx_addr_parse("10.9.0.4", &l->private[0]);
	dbx_addr_parse("fd00:9::4", &l->private[1]);
	l->up = bound(&l->upstream.port, SOCK_DGRAM);
	dbx_addr_parse("127.0.0.1", &l->upstream.addr);
	l->options = (struct dbx_dns_options){
		.has = true,
		.upstreams = &l->upstream,
		.n_upstreams = 1,
		.timeout_ms = 1500,
		.attempt_ms = 1500,
		.cache_entries = 100,
		.max_ttl_s = 3600,
	};
	lab = l;
	assert_int_equal(dbx_dns_start(&l->d, &o, &f), 0);
	l->client = dial(l, 0, SOCK_DGRAM);
	*state = l;
	return 0;
}

static inline int teardown(void **state)
{
	struct lab *l = *state;

	dbx_dns_stop(&l->d);
	assert_null(l->d);
	close(l->up);
	close(l->client);
	free(l);
	return 0;
}

static inline size_t question(uint8_t *msg, uint16_t id, const char *label)
{
	size_t n = strlen(label);

	memcpy(msg, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);
	msg[0] = (uint8_t)(id >> 8);
	msg[1] = (uint8_t)id;
	msg[12] = (uint8_t)n;
	memcpy(msg + 13, label, n);
	memcpy(msg + 13 + n, "\4test\0\0\1\0\1", 10);
	return 23 + n;
}

static inline void ask(const struct lab *l, uint16_t id, const char *label)
{
	uint8_t msg[300];
	size_t n = question(msg, id, label);

	assert_int_equal(send(l->client, msg, n, 0), n);
}

/* rcode of the reply to id; -1: none came. */
static inline int reply(const struct lab *l, uint16_t id)
{
	uint8_t msg[2000];
	ssize_t n = recv(l->client, msg, sizeof(msg), 0);

	if (n < 12)
		return -1;
	assert_int_equal(msg[0] << 8 | msg[1], id);
	return msg[3] & 15;
}

/*
 * As upstream: the next question, A answered by 192.0.2.1 with that TTL, all else by nothing; false:
 * none came.
 */
static inline bool answer(const struct lab *l, uint8_t ttl)
{
	static const uint8_t record[] = "\xc0\xc\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1";
	uint8_t msg[2000];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n = recvfrom(l->up, msg, sizeof(msg), 0, (struct sockaddr *)&from, &n_from);

	if (n < 27)
		return false;
	n -= 11; /* without its OPT */
	msg[2] |= 0x80;
	msg[7] = msg[n - 3] == 1; /* its type: A */
	msg[11] = 0;
	memcpy(msg + n, record, 16);
	msg[n + 9] = ttl;
	sendto(l->up, msg, (size_t)n + (msg[7] ? 16 : 0), 0, (struct sockaddr *)&from, n_from);
	return true;
}

/* Polled: another thread gets there. */
static inline bool becomes(const int *what, int value)
{
	for (int i = 0; i < 2000 && GET(*what) != value; i++)
		usleep(10000);
	return GET(*what) == value;
}

static inline bool upstream_is_idle(const struct lab *l)
{
	uint8_t msg[64];

	usleep(50000);
	return recv(l->up, msg, sizeof(msg), MSG_DONTWAIT) < 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
