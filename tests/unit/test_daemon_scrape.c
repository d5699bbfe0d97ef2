// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_scrape.c -- GET /metrics by TCP: what is served, what is refused, and who is cut off.
 *
 * Client and server share a thread: the loop runs while a client waits. Time is only ever a bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/core.h"
#include "daemon/scrape.h"
#include "policy/model.h"

#define PATIENCE_S 60
#define BIG        (8u << 20)
#define GET        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

static struct event_base *base;
static struct dbx_scrape *scrape;
static struct dbx_metrics_options options;
static unsigned int calls;
static size_t text_bytes;
static int text_rc;

/* Each text is of one letter, so that two of them cannot be mixed up. */
static int text(void *arg, struct dbx_strbuf *b)
{
	assert_ptr_equal(arg, &calls);
	calls++;
	for (size_t i = 0; i < text_bytes; i++)
		dbx_strbuf_addc(b, (char)('a' + calls % 26));
	return text_rc;
}

/* A port that is free, and who listens there until it is closed. */
static uint16_t take_port(int family, int *fd)
{
	struct sockaddr_in6 a = {.sin6_family = (sa_family_t)family, .sin6_addr = in6addr_loopback};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = family == AF_INET6 ? sizeof(a) : sizeof(in);
	struct sockaddr *sa = family == AF_INET6 ? (struct sockaddr *)&a : (struct sockaddr *)&in;

	*fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || bind(*fd, sa, n) || listen(*fd, 1) || getsockname(*fd, sa, &n))
		return 0;
	return ntohs(family == AF_INET6 ? a.sin6_port : in.sin_port);
}

static void on_loopback(uint16_t port)
{
	options = (struct dbx_metrics_options){
		.has = true, .listen = dbx_addr_v4(INADDR_LOOPBACK), .port = port};
	dbx_scrape_change(scrape, &options);
}

static bool status_has(const char *part)
{
	struct dbx_strbuf b;
	bool has;

	json_t *o;

	dbx_strbuf_init(&b);
	dbx_strbuf_addc(&b, '{');
	dbx_scrape_status(scrape, &b);
	dbx_strbuf_addc(&b, '}');
	o = json_loads(b.s, 0, NULL);
	assert_non_null(o);
	json_decref(o);
	has = strstr(b.s, part) != NULL;
	dbx_strbuf_fini(&b);
	return has;
}

/* Somebody else may take a port between our letting it go and the listening: another one then. */
static void begin_on_any_port(void)
{
	int fd;

	for (int i = 0; i < 50 && !status_has("\"listening\":true"); i++) {
		uint16_t port = take_port(AF_INET, &fd);

		assert_true(port > 0);
		close(fd);
		on_loopback(port);
	}
	assert_true(status_has("\"listening\":true"));
}

static int begin(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	calls = 0;
	text_bytes = 100;
	text_rc = 0;
	assert_int_equal(dbx_scrape_open(&scrape, base, text, &calls), 0);
	assert_true(status_has("\"metrics\":null"));
	begin_on_any_port();
	return 0;
}

static int end(void **state)
{
	(void)state;
	dbx_scrape_close(&scrape);
	assert_null(scrape);
	event_base_free(base);
	return 0;
}

/* ---- clients ---- */

static void turn(void)
{
	assert_true(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
	usleep(200);
}

static int dial(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(options.port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(options.port)};
	bool is_v6 = options.listen.is_v6;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	time_t until = time(NULL) + PATIENCE_S;
	int rc;

	assert_true(fd >= 0);
	memcpy(&in.sin_addr, options.listen.a, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, options.listen.a, sizeof(in6.sin6_addr));
	/* Asked again until it is connected; the queue of the listener may be full. */
	do {
		rc = is_v6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
			   : connect(fd, (struct sockaddr *)&in, sizeof(in));
		rc = rc && errno != EISCONN ? -errno : 0;
		turn();
	} while ((rc == -EINPROGRESS || rc == -EALREADY) && time(NULL) < until);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static void say(int fd, const char *s, size_t n)
{
	time_t until = time(NULL) + PATIENCE_S;

	while (n) {
		ssize_t k = send(fd, s, n, 0);

		if (k < 0 && errno != EAGAIN)
			return; /* cut off: what was answered says why */
		turn();
		s += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
		if (time(NULL) > until)
			fail_msg("the request was not taken");
	}
}

/* All that comes until the end, or at least `least` bytes; the caller frees it. */
static char *hear(int fd, size_t least, size_t *len)
{
	char *b = malloc(BIG + 65536);
	time_t until = time(NULL) + PATIENCE_S;
	ssize_t k;

	assert_non_null(b);
	*len = 0;
	while (*len < least) {
		turn();
		k = recv(fd, b + *len, BIG + 65535 - *len, 0);
		if (k == 0 || (k < 0 && errno != EAGAIN))
			break;
		*len += k > 0 ? (size_t)k : 0;
		if (time(NULL) > until)
			fail_msg("no end after %zu bytes: %.200s", *len, b);
	}
	b[*len] = '\0';
	return b;
}

static char *ask(const char *request)
{
	int fd = dial();
	char *reply;
	size_t n;

	assert_true(fd >= 0);
	say(fd, request, strlen(request));
	reply = hear(fd, SIZE_MAX, &n);
	close(fd);
	return reply;
}

static void answers(const char *request, const char *begins, const char *has)
{
	char *reply = ask(request);

	if (strncmp(reply, begins, strlen(begins)) != 0 || !strstr(reply, has))
		fail_msg("to %.80s: %.300s", request, reply);
	free(reply);
}

/* The body is whole, and of one letter. */
static void is_text(const char *reply, size_t n, char letter)
{
	const char *body = strstr(reply, "\r\n\r\n"), *length = strstr(reply, "Content-Length: ");

	assert_int_equal(strncmp(reply, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(
		strstr(reply, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
	assert_non_null(body);
	assert_non_null(length);
	body += 4;
	assert_int_equal(strtoull(length + 16, NULL, 10), text_bytes);
	assert_int_equal(n - (size_t)(body - reply), text_bytes);
	for (size_t i = 0; i < text_bytes; i++)
		assert_int_equal(body[i], letter);
}

/* ---- tests ---- */

static void test_served(void **state)
{
	char *reply = ask(GET);

	(void)state;
	is_text(reply, strlen(reply), 'b');
	free(reply);
	answers("GET /metrics?a=b HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n");
	answers("GET /metrics HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200 ", "\r\n\r\n");
	assert_true(status_has("\"scrapes\":3,\"refused\":0,"));
}

static void test_refused(void **state)
{
	static const char *const paths[] = {"/",
					    "/metric",
					    "/metricsx",
					    "//metrics",
					    "/metrics/",
					    "/./metrics",
					    "/api/2.0/dbx-egress/status",
					    "/Metrics",
					    "/%6detrics"};
	static const char *const bad[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET /metrics\r\n\r\n",
		"GET /metrics HTTP/2.0\r\n\r\n",
		"GET /metrics HTTP/1.1x\r\n\r\n",
		"GET  /metrics HTTP/1.1\r\n\r\n",
		"GET http://x/metrics HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x02\r\n\r\n",
	};
	char request[128], *big;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n\r\n", paths[i]);
		answers(request, "HTTP/1.1 404 ", "\r\n\r\nGET /metrics is all that is served");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		answers(bad[i], "HTTP/1.1 400 ", "\r\n\r\n");
	answers("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 405 ",
		"\r\nAllow: GET\r\n");
	answers("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET\r\n");
	big = malloc(100001);
	assert_non_null(big);
	memset(big, 'a', 100000);
	big[100000] = '\0';
	memcpy(big, "GET /metrics HTTP/1.1\r\nX: ", 26);
	answers(big, "HTTP/1.1 431 ", "\r\n\r\n");
	free(big);
	assert_int_equal(calls, 0); /* none of it costs a look at the counters */
	text_rc = -EIO;
	answers(GET, "HTTP/1.1 500 ", "\r\n\r\n");
	text_rc = 0;
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
}

static void test_by_bytes(void **state)
{
	int fd = dial();
	char *reply;
	size_t n;

	(void)state;
	for (size_t i = 0; i < strlen(GET); i++) {
		say(fd, &GET[i], 1);
		turn();
	}
	shutdown(fd, SHUT_WR); /* nothing more to say, and still listening */
	reply = hear(fd, SIZE_MAX, &n);
	is_text(reply, n, 'b');
	free(reply);
	close(fd);
}

/* Asking often costs no more than a look at the counters in a second. */
static void test_kept_for_a_second(void **state)
{
	double start = dbx_monotonic_ms();

	(void)state;
	for (int i = 0; i < 200; i++)
		answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
	assert_true(calls >= 1 && calls <= 1 + (dbx_monotonic_ms() - start) / 1000);
}

/* A slow reader gets the text that it asked for, though there are others since. */
static void test_slow_reader(void **state)
{
	char *head, *rest, *all;
	size_t n, m;
	int fd;

	(void)state;
	text_bytes = BIG;
	fd = dial();
	say(fd, GET, strlen(GET));
	head = hear(fd, 1, &n);
	for (time_t until = time(NULL) + PATIENCE_S; calls < 3 && time(NULL) < until;) {
		free(ask(GET));
		turn();
	}
	assert_true(calls >= 3);
	rest = hear(fd, SIZE_MAX, &m);
	all = malloc(n + m + 1);
	assert_non_null(all);
	memcpy(all, head, n);
	memcpy(all + n, rest, m + 1);
	is_text(all, n + m, 'b');
	free(all);
	free(head);
	free(rest);
	close(fd);
}

/* Who takes a place and says nothing has to go; who asks is served. */
static void test_places(void **state)
{
	int idle[4 * DBX_SCRAPE_CONNECTIONS];
	char c;

	(void)state;
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		idle[i] = dial();
		assert_true(idle[i] >= 0);
		say(idle[i], "GET ", 4);
	}
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
	assert_false(status_has("\"evicted\":0,"));
	assert_true(recv(idle[0], &c, 1, 0) == 0 || errno == ECONNRESET); /* the oldest */
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		close(idle[i]);
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
}

static void test_address_in_use(void **state)
{
	char expect[64];
	int other;
	uint16_t port = take_port(AF_INET, &other);

	(void)state;
	on_loopback(port);
	snprintf(expect, sizeof(expect), "listening on 127.0.0.1:%u: Address already in use", port);
	assert_true(status_has("\"listening\":false"));
	assert_true(status_has(expect));
	dbx_scrape_retry(scrape);
	assert_true(status_has(expect));
	close(other);
	dbx_scrape_retry(scrape);
	assert_true(status_has("\"listening\":true"));
	assert_true(status_has("\"error\":null"));
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
	dbx_scrape_retry(scrape); /* changes nothing */
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
}

static void test_change(void **state)
{
	const struct dbx_metrics_options none = {.has = false};
	struct dbx_metrics_options foreign = {
		.has = true, .listen = dbx_addr_v4(0xc0000201), .port = 9479};
	uint16_t before = options.port;
	int fd = dial();
	char c;

	(void)state;
	turn();
	dbx_scrape_change(scrape, &options); /* the same: who is there stays */
	say(fd, GET, strlen(GET));
	free(hear(fd, 100, &(size_t){0}));
	close(fd);
	fd = dial();
	turn();
	dbx_scrape_change(scrape, &none);
	assert_true(status_has("\"metrics\":null"));
	assert_int_equal(dial(), -ECONNREFUSED);
	turn();
	assert_true(recv(fd, &c, 1, 0) == 0 || errno == ECONNRESET);
	close(fd);
	dbx_scrape_change(scrape, &foreign);
	assert_true(status_has("listening on 192.0.2.1:9479: Cannot assign requested address"));
	on_loopback(before); /* whose connections have ended, so that it is free */
	begin_on_any_port(); /* unless somebody else was faster */
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
}

static void test_v6(void **state)
{
	int fd;
	uint16_t port = take_port(AF_INET6, &fd);

	(void)state;
	if (!port) {
		print_message("no IPv6 here: not tested\n");
		skip();
	}
	close(fd);
	options = (struct dbx_metrics_options){
		.has = true, .listen = {.is_v6 = 1, .a = {[15] = 1}}, .port = port};
	dbx_scrape_change(scrape, &options);
	assert_true(status_has("\"listen\":\"[::1]:"));
	answers(GET, "HTTP/1.1 200 ", "\r\n\r\n");
}

static void test_closed_while_busy(void **state)
{
	int fd[DBX_SCRAPE_CONNECTIONS];

	(void)state;
	text_bytes = BIG;
	for (size_t i = 0; i < DBX_SCRAPE_CONNECTIONS; i++) {
		fd[i] = dial();
		if (i % 2)
			say(fd[i], GET, strlen(GET));
	}
	for (int i = 0; i < 20; i++)
		turn();
	dbx_scrape_close(&scrape);
	for (size_t i = 0; i < DBX_SCRAPE_CONNECTIONS; i++)
		close(fd[i]);
}

#define SCRAPE_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRAPE_TEST(test_served),
		SCRAPE_TEST(test_refused),
		SCRAPE_TEST(test_by_bytes),
		SCRAPE_TEST(test_kept_for_a_second),
		SCRAPE_TEST(test_slow_reader),
		SCRAPE_TEST(test_places),
		SCRAPE_TEST(test_address_in_use),
		SCRAPE_TEST(test_change),
		SCRAPE_TEST(test_v6),
		SCRAPE_TEST(test_closed_while_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
