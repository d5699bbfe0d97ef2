// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_retry.c -- the second ClientHello, after a HelloRetryRequest: judged as the first, whatever
 * stands in front of it and however both sides cut their streams.
 *
 * A stream is the first hello, what the client may send behind it, and the second hello.
 */
#include "flowcase.h"

#define CCS   "\x14\x03\x03\x00\x01\x01"
#define EARLY "\x17\x03\x03\x00\x1d........early data........"
#define ALERT "\x15\x03\x03\x00\x02\x01\x5a"

_Static_assert(sizeof(EARLY "end") - 1 == 5 + 0x1d, "as long as its record says");

struct stream {
	struct hello h;
	size_t first;  /* bytes of the first hello */
	size_t second; /* where the second begins */
};

static void add(struct stream *s, const void *b, size_t n)
{
	memcpy(s->h.b + s->h.n, b, n);
	s->h.n += n;
}

/* The second hello says `name`. */
static void make(struct stream *s, const char *between, size_t n_between, const char *name,
		 size_t padding)
{
	struct hello_opts o = {.sni = GOOD, .padding = padding};
	struct hello again;

	hello_make(&s->h, &o);
	s->first = s->h.n;
	add(s, between, n_between);
	s->second = s->h.n;
	o.sni = name;
	hello_make(&again, &o);
	add(s, again.b, again.n);
}

/* The first hello has passed, and the server asks for another. */
static void retried(const struct stream *s)
{
	fresh();
	assert_true(segment(&s->h, 0, s->first));
	answer(s->first, true);
}

static void assert_free(const struct stream *s)
{
	struct dbx_flow flow;

	assert_true(flowrun_get(&f, &flow));
	assert_int_equal(flow.state, DBX_FLOW_ALLOWED);
	assert_int_equal(flow.watch, 0);
	assert_true(flowrun_send(&f, ACK, (uint32_t)s->h.n, "later", 5));
	assert_reason(LISTED_NAME);
}

/* Denied with the segment that was just sent; the server has nothing of the second hello. */
static void assert_over(const struct stream *s, size_t from)
{
	struct dbx_flow flow;
	size_t i;

	assert_reply();
	assert_true(flowrun_get(&f, &flow));
	assert_int_equal(flow.state, DBX_FLOW_DENIED);
	for (i = from; i < s->h.n; i++)
		assert_false(got[i]);
	assert_false(segment(&s->h, from, s->h.n));
	assert_reply();
	assert_false(flowrun_send(&f, ACK, (uint32_t)s->h.n, "later", 5));
}

static void test_the_same_name_passes(void **state)
{
	struct stream s;

	(void)state;
	make(&s, CCS, 6, "SHOP.example.com.", 0);
	retried(&s);
	assert_false(flowrun_send(&f, ACK, (uint32_t)s.h.n, "later", 5));
	assert_held();
	assert_true(segment(&s.h, s.first, s.h.n));
	assert_reason(LISTED_NAME);
	assert_true(f.res.rule_uid == FLOWRUN_RULE);
	assert_true(server_has(&s.h));
	assert_free(&s);
	make(&s, "", 0, GOOD, 0);
	retried(&s);
	assert_true(segment(&s.h, s.first, s.h.n));
	assert_free(&s);
}

static void test_another_name_is_denied(void **state)
{
	static const char *const names[] = {EVIL, "other." GOOD};
	struct stream s;
	size_t i;

	(void)state;
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, "other." GOOD, 3600), 0);
	for (i = 0; i < 2; i++) { /* one that is allowed here, too */
		make(&s, i ? CCS : "", i ? 6 : 0, names[i], 0);
		retried(&s);
		assert_false(segment(&s.h, s.first, s.h.n));
		assert_denied(NAME_MISMATCH);
		assert_over(&s, s.first);
	}
	make(&s, "", 0, NULL, 0);
	retried(&s);
	assert_false(segment(&s.h, s.first, s.h.n));
	assert_denied(NAME_MISSING);
	assert_over(&s, s.first);
}

static void test_every_cut_of_the_second(void **state)
{
	struct stream good, evil;
	size_t cut;

	(void)state;
	make(&good, CCS, 6, GOOD, 600);
	make(&evil, CCS, 6, EVIL, 600);
	for (cut = good.first + 1; cut < good.h.n; cut++) {
		bool is_in_front = cut <= good.second;

		retried(&good);
		assert_int_equal(segment(&good.h, good.first, cut), is_in_front);
		assert_true(segment(&good.h, cut, good.h.n));
		assert_reason(LISTED_NAME);
		assert_true(segment(&good.h, good.first, cut));
		assert_true(server_has(&good.h));
		assert_free(&good);
		retried(&evil);
		assert_int_equal(segment(&evil.h, evil.first, cut), is_in_front);
		assert_false(segment(&evil.h, cut, evil.h.n));
		assert_denied(NAME_MISMATCH);
		assert_over(&evil, is_in_front ? cut : evil.first);
	}
}

/* Sent before the server has answered, as a client does that resumes. */
static void test_early_data(void **state)
{
	static const char early[] = EARLY "end" CCS EARLY "end" ALERT;
	size_t n = sizeof(early) - 1, cut;
	struct stream s;

	(void)state;
	for (cut = 1; cut <= n; cut++) {
		make(&s, early, n, cut & 1 ? GOOD : EVIL, 0);
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		assert_true(segment(&s.h, s.first, s.first + cut));
		assert_reason(LISTED_NAME);
		if (cut % 3)
			answer(s.first, true);
		if (cut < n)
			assert_true(segment(&s.h, s.first + cut, s.second));
		if (cut % 3 == 0)
			answer(s.first, true);
		assert_true(segment(&s.h, s.first, s.first + cut));
		if (cut & 1) {
			assert_true(segment(&s.h, s.second, s.h.n));
			assert_true(server_has(&s.h));
			assert_free(&s);
		} else {
			assert_false(segment(&s.h, s.second, s.h.n));
			assert_denied(NAME_MISMATCH);
			assert_over(&s, s.second);
		}
	}
	/* in one segment with the hello, and with the second */
	make(&s, early, n, GOOD, 0);
	fresh();
	assert_true(segment(&s.h, 0, s.first + 20));
	answer(s.first, true);
	assert_true(segment(&s.h, s.first + 20, s.h.n));
	assert_free(&s);
}

static void test_repeated_with_other_bytes(void **state)
{
	static const char early[] = EARLY "end";
	size_t n = sizeof(early) - 1, cut;
	struct stream s, other;

	(void)state;
	make(&s, early, n, GOOD, 0);
	make(&other, early, n, EVIL, 0);
	fresh();
	assert_true(segment(&s.h, 0, s.first));
	assert_true(segment(&s.h, s.first, s.second));
	cut = s.h.n - 10; /* behind the name */
	other.h.b[s.first + 9] ^= 1;
	assert_false(segment(&other.h, s.first, s.second));
	assert_reason(REPEAT_DIFFERS);
	answer(s.first, true);
	assert_false(segment(&other.h, s.first, s.second));
	assert_reason(REPEAT_DIFFERS);
	assert_false(segment(&s.h, s.second, cut));
	assert_held();
	assert_false(segment(&other.h, s.second, s.h.n));
	assert_reason(REPEAT_DIFFERS);
	assert_false(segment(&s.h, s.second + 1, s.h.n));
	assert_true(segment(&s.h, cut, s.h.n));
	assert_false(segment(&other.h, s.second, s.h.n));
	assert_reason(REPEAT_DIFFERS);
	assert_true(segment(&s.h, s.second, cut));
	assert_true(server_has(&s.h));
	flowrun_back(&f, ACK, (uint32_t)s.h.n);
	assert_true(flowrun_send(&f, ACK, (uint32_t)s.second, "x", 1));
}

/* A second hello before anybody asked: in the segment of the first, in its record, or behind it. */
static void test_nobody_asked(void **state)
{
	struct stream s;
	size_t from;

	(void)state;
	make(&s, CCS, 6, GOOD, 0);
	for (from = s.second + 1; from <= s.h.n; from += 17) {
		fresh();
		assert_false(segment(&s.h, 0, from));
		assert_denied(NOT_TLS);
		assert_int_equal(server_bytes(), 0);
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		assert_false(segment(&s.h, s.first, from));
		assert_held();
	}
	assert_false(segment(&s.h, s.first, s.h.n));
	assert_held();
	answer(s.first, false); /* it was of a TLS 1.2 handshake, for all that is known */
	assert_true(segment(&s.h, s.first, s.h.n));
	/* two messages in one record */
	make(&s, "", 0, GOOD, 0);
	s.h.b[3] = (uint8_t)((s.h.n - 10) >> 8);
	s.h.b[4] = (uint8_t)(s.h.n - 10);
	memmove(s.h.b + s.first, s.h.b + s.first + 5, s.h.n - s.first - 5);
	s.h.n -= 5;
	for (from = s.first; from <= s.h.n; from += s.h.n - s.first) {
		fresh();
		assert_false(segment(&s.h, 0, from));
		assert_denied(NOT_TLS);
		assert_int_equal(server_bytes(), 0);
	}
}

/* The server's answer in every cut, as a small window makes it. */
static void test_every_cut_of_the_answer(void **state)
{
	uint8_t b[7 + FLOWRUN_ANSWER] = ALERT;
	struct stream s;
	struct dbx_flow flow;
	size_t cut, step, at;

	(void)state;
	make(&s, "", 0, EVIL, 0);
	for (cut = 1; cut < 2 * sizeof(b); cut++) {
		bool retry = cut & 1;

		flowrun_server_hello(b + 7, retry);
		step = cut >= sizeof(b) ? cut % 40 + 1 : 0;
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		for (at = 0; at < sizeof(b); at += step ? step : at ? sizeof(b) - at : cut) {
			size_t end = at + (step ? step : at ? sizeof(b) - at : cut);

			end = end < sizeof(b) ? end : sizeof(b);
			if (end < 40) /* one that leaves a gap comes again */
				assert_false(flowrun_answer(&f, (uint32_t)s.first, (uint32_t)at + 1,
							    b + at + 1, 9));
			assert_true(flowrun_answer(&f, (uint32_t)s.first, (uint32_t)at, b + at,
						   end - at));
		}
		assert_true(flowrun_get(&f, &flow));
		assert_int_equal(flow.watch, retry ? DBX_WATCH_AGAIN : 0);
		assert_int_equal(segment(&s.h, s.first, s.h.n), !retry);
		if (retry)
			assert_denied(NAME_MISMATCH);
	}
}

/* What is no ServerHello frees nothing. */
static void test_other_answers(void **state)
{
	static const char texts[][96] = {
		/* zeros behind them */
		"220 mail.example.com ESMTP ready, and a line that is long enough\r\n",
		"\x15\x03\x03\x00\x02\x02\x28",
		"\x16\x03\x03\x00\x5a\x01\x00\x00\x56\x03\x03 a client hello, of a kind that is as long",
		"\x16\x03\x03\x00\x04\x02\x00\x00\x56\x16\x03\x03 in records that are too short for it",
	};
	static const size_t n[] = {60, 7, 60, 60};
	uint8_t b[FLOWRUN_ANSWER];
	struct stream s;
	size_t i;

	(void)state;
	make(&s, CCS, 6, EVIL, 0);
	for (i = 0; i < 4; i++) {
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		assert_true(flowrun_answer(&f, (uint32_t)s.first, 0, texts[i], n[i]));
		if (i != 1) { /* behind an alert, it may come */
			flowrun_server_hello(b, false);
			flowrun_answer(&f, (uint32_t)s.first, (uint32_t)n[i], b, sizeof(b));
		}
		assert_true(segment(&s.h, s.first, s.second));
		assert_false(segment(&s.h, s.second, s.h.n));
		assert_held();
	}
	/* of another connection: not where this stream begins */
	fresh();
	assert_true(segment(&s.h, 0, s.first));
	flowrun_server_hello(b, false);
	assert_true(flowrun_answer(&f, (uint32_t)s.first, 5000, b, sizeof(b)));
	assert_true(flowrun_answer(&f, (uint32_t)s.first, (uint32_t)-5000, b, sizeof(b)));
	assert_false(segment(&s.h, s.second, s.h.n));
	assert_held();
}

static void test_too_much_and_wrong(void **state)
{
	static const char junk[][9] = {"\x18\x03\x03\x00\x01", "GET / HT", "\x17\x03\x03\x60\x01",
				       "\x16\x03\x03\x00\x04\x0b"};
	struct hello_opts o = {.sni = GOOD, .padding = 5000};
	static const char *early = "\x17\x03\x03\x00\x01.";
	struct stream s;
	struct hello again;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		make(&s, junk[i], 9, GOOD, 0);
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		assert_false(segment(&s.h, s.first, s.second));
		assert_held();
		answer(s.first, true);
		assert_false(segment(&s.h, s.first, s.second));
		assert_denied(NOT_TLS);
		assert_over(&s, s.first);
	}
	make(&s, "", 0, GOOD, 0);
	hello_make(&again, &o);
	s.h.n = s.second;
	add(&s, again.b, again.n);
	retried(&s);
	assert_false(segment(&s.h, s.first, s.first + 1400));
	assert_denied(HELLO_TOO_LONG);
	/* as many segments as a hello may have; the server's answer frees, or it is too much */
	for (i = 0; i < 2; i++) {
		make(&s, "", 0, GOOD, 0);
		s.h.n = s.first;
		while (s.h.n < s.first + 20 * 6)
			add(&s, early, 6);
		fresh();
		assert_true(segment(&s.h, 0, s.first));
		for (s.second = s.first; s.second < s.first + 15 * 6; s.second += 6)
			assert_true(segment(&s.h, s.second, s.second + 6));
		assert_false(segment(&s.h, s.second, s.second + 6));
		assert_held();
		answer(s.first, i);
		if (!i) {
			assert_true(segment(&s.h, s.second, s.second + 6));
			continue;
		}
		assert_false(segment(&s.h, s.second, s.second + 6));
		assert_denied(HELLO_TOO_LONG);
	}
}

static void test_urgent_and_reset(void **state)
{
	struct stream s;

	(void)state;
	make(&s, CCS, 6, EVIL, 0);
	retried(&s);
	assert_false(flowrun_send(&f, ACK | URG, (uint32_t)s.first, s.h.b + s.first, 6));
	assert_held();
	assert_false(flowrun_send(&f, ACK | URG, (uint32_t)s.first, NULL, 0));
	assert_held();
	assert_false(flowrun_send(&f, RST, (uint32_t)s.first, s.h.b + s.first, 6));
	assert_held();
	assert_true(flowrun_send(&f, ACK, (uint32_t)s.first, NULL, 0));
	assert_true(flowrun_send(&f, ACK | FIN, (uint32_t)s.first, NULL, 0));
}

static void test_dry_run_and_ipv6(void **state)
{
	struct flowrun_opts o = tls;
	struct stream s;

	(void)state;
	make(&s, CCS, 6, EVIL, 0);
	o.dry_run = true; /* nothing is held, and nothing seen of the second */
	assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
	retried(&s);
	assert_true(segment(&s.h, s.first, s.h.n));
	o.dry_run = false;
	o.is_v6 = true;
	o.vlan = 100;
	assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, GOOD, 3600), 0);
	retried(&s);
	assert_false(segment(&s.h, s.first, s.h.n));
	assert_denied(NAME_MISMATCH);
	make(&s, CCS, 6, GOOD, 0);
	retried(&s);
	assert_true(segment(&s.h, s.first, s.h.n));
	assert_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_the_same_name_passes),      T(test_another_name_is_denied),
		T(test_every_cut_of_the_second),   T(test_early_data),
		T(test_repeated_with_other_bytes), T(test_nobody_asked),
		T(test_every_cut_of_the_answer),   T(test_other_answers),
		T(test_too_much_and_wrong),        T(test_urgent_and_reset),
		T(test_dry_run_and_ipv6),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
