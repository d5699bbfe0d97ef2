// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_hello.c -- the name of a ClientHello: whole, in records of every size, and wrong in every way.
 *
 * The reader of the kernel program, on the host, against a slow one of its own (common/hellos.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hellos.h"
#include "dbx/hello.h"

static const struct dbx_secret secret = {{1234567, 7654321}};

struct said {
	int status, reason;
	size_t n_used;
	uint64_t hash;
	struct dbx_said said;
};

static void fast(const uint8_t *b, size_t n, struct said *out)
{
	static struct dbx_hello h;
	size_t i;

	memset(out, 0, sizeof(*out));
	memset(&h, 0xa5, sizeof(h)); /* what an earlier hello left behind must not matter */
	h.n = h.want = 0;
	h.rec_left = 0;
	h.n_hdr = h.status = 0;
	for (i = 0; i < n && h.status == DBX_HELLO_MORE; i++)
		dbx_hello_feed(&h, b[i]);
	out->status = h.status;
	out->n_used = i;
	if (h.status != DBX_HELLO_DONE)
		return;
	dbx_hello_name(&h, &secret, &out->said);
	out->reason = out->said.reason;
	out->hash = dbx_hash_value(&out->said.hash);
}

static uint64_t hash_of(const char *name)
{
	struct dbx_hash h = {{0, 0}};

	while (*name)
		dbx_hash_byte(&h, &secret, (uint8_t)*name++);
	return dbx_hash_value(&h);
}

/* Both readers; they must agree on everything. */
static struct said both(const uint8_t *b, size_t n)
{
	struct hello_said slow;
	struct said f;

	fast(b, n, &f);
	hello_naive(b, n, &slow);
	assert_int_equal(f.status, slow.status);
	if (f.status != DBX_HELLO_MORE)
		assert_int_equal(f.n_used, slow.n_used);
	if (f.status != DBX_HELLO_DONE)
		return f;
	assert_int_equal(f.reason, slow.reason);
	if (!f.reason)
		assert_true(f.hash == hash_of(slow.name));
	if (f.reason != DBX_REASON_NOT_TLS)
		assert_int_equal(f.said.has_ech, slow.ech);
	return f;
}

static void expect(const struct hello_opts *o, int reason, const char *name)
{
	struct hello h;
	struct said f;

	hello_make(&h, o);
	f = both(h.b, h.n);
	assert_int_equal(f.status, DBX_HELLO_DONE);
	assert_int_equal(f.n_used, h.n);
	assert_int_equal(f.reason, reason);
	if (name)
		assert_true(f.hash == hash_of(name));
}

static void test_names(void **state)
{
	char label63[70], longest[300];
	size_t i;

	(void)state;
	expect(&(struct hello_opts){.sni = "www.example.com"}, 0, "www.example.com");
	expect(&(struct hello_opts){.sni = "WWW.Example.COM."}, 0, "www.example.com");
	expect(&(struct hello_opts){.sni = "_x.a-b.example"}, 0, "_x.a-b.example");
	expect(&(struct hello_opts){.sni = "xn--bcher-kva.example"}, 0, "xn--bcher-kva.example");
	expect(&(struct hello_opts){.sni = "1.2.3.x4"}, 0, "1.2.3.x4");
	expect(&(struct hello_opts){.sni = NULL}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.no_extensions = true}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "localhost"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "203.0.113.7"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "a..example"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = ".example.com"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "example.com.."}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "*.example.com"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "a.exam ple"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "a.ex\0le", .n_sni = 7}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "b\xc3\xbc.example"}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "."}, DBX_REASON_NAME_MISSING, NULL);
	expect(&(struct hello_opts){.sni = "a.example", .second_sni = "b.example"},
	       DBX_REASON_NOT_TLS, NULL);
	memset(label63, 'a', sizeof(label63));
	strcpy(label63 + 63, ".de");
	expect(&(struct hello_opts){.sni = label63}, 0, label63);
	strcpy(label63 + 64, ".de");
	label63[63] = 'a';
	expect(&(struct hello_opts){.sni = label63}, DBX_REASON_NAME_MISSING, NULL);
	for (i = 0; i < 260; i++)
		longest[i] = i % 50 == 49 ? '.' : 'q';
	for (i = 250; i < 260; i++) {
		longest[i] = '\0';
		expect(&(struct hello_opts){.sni = longest}, i > 253 ? DBX_REASON_NAME_MISSING : 0,
		       i > 253    ? NULL
		       : i == 250 ? NULL
				  : longest);
		longest[i] = 'q';
	}
}

static void test_records_of_every_size(void **state)
{
	struct hello_opts o = {.sni = "shop.example.com", .padding = 1216, .ech = true};
	struct hello h;
	struct said f;

	(void)state;
	for (o.record = 1; o.record < 1500; o.record++) {
		hello_make(&h, &o);
		f = both(h.b, h.n);
		assert_int_equal(f.status, DBX_HELLO_DONE);
		assert_int_equal(f.reason, 0);
		assert_int_equal(f.n_used, h.n);
		assert_true(f.said.has_ech);
		assert_true(f.hash == hash_of("shop.example.com"));
	}
}

static void test_every_length_before_its_end(void **state)
{
	struct hello_opts o = {.sni = "shop.example.com", .padding = 300, .record = 100};
	struct hello h;
	size_t n;

	(void)state;
	hello_make(&h, &o);
	for (n = 0; n < h.n; n++)
		assert_int_equal(both(h.b, n).status, DBX_HELLO_MORE);
}

static void test_what_is_no_hello(void **state)
{
	static const char *const v[] = {
		"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", /* SSLv2 */
		"\x17\x03\x03\x00\x10zzzz",
		"\x16\x02\x00\x00\x10zzzz",
		"\x16\x03\x05\x00\x10zzzz",
		"\x16\x03\x01\x40\x01zzzz",
		"\x16\x03\x01\x01\x00\x02\x00\x00\x50",
		"\x16\x03\x01\x01\x00\x01\x01\x00\x28zzzz",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
	};
	struct hello_opts o = {.sni = "a.example", .record = 20};
	struct hello h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_true(both((const uint8_t *)v[i], 12).status > DBX_HELLO_DONE ||
			    both((const uint8_t *)v[i], 9).status > DBX_HELLO_DONE);
	/* an empty record, and another type, between the fragments of a hello */
	hello_make(&h, &o);
	h.b[25 + 3] = h.b[25 + 4] = 0;
	assert_int_equal(both(h.b, h.n).status, DBX_HELLO_BAD);
	hello_make(&h, &o);
	h.b[25] = 20;
	assert_int_equal(both(h.b, h.n).status, DBX_HELLO_BAD);
}

static void test_longest(void **state)
{
	struct hello_opts o = {.sni = "a.example"};
	size_t n_done = 0, n_long = 0;
	struct hello h;

	(void)state;
	for (o.padding = 3800; o.padding < 4200; o.padding++) {
		hello_make(&h, &o);
		if (h.n - 5 <= DBX_HELLO_BYTES) {
			assert_int_equal(both(h.b, h.n).status, DBX_HELLO_DONE);
			n_done++;
		} else {
			assert_int_equal(both(h.b, h.n).status, DBX_HELLO_LONG);
			n_long++;
		}
	}
	assert_true(n_done && n_long);
}

static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 8) % n;
}

static void test_one_changed_byte_and_more(void **state)
{
	struct hello_opts o = {.sni = "shop.example.com", .ech = true, .padding = 40};
	struct hello h;
	size_t at, i;
	int v;

	(void)state;
	hello_make(&h, &o);
	for (at = 0; at < h.n; at++) {
		uint8_t was = h.b[at];

		for (v = 0; v < 256; v++) {
			h.b[at] = (uint8_t)v;
			both(h.b, h.n);
		}
		h.b[at] = was;
	}
	for (i = 0; i < 200000; i++) {
		o.record = rnd(4) ? 0 : 1 + rnd(60);
		hello_make(&h, &o);
		for (v = (int)rnd(5); v >= 0; v--)
			h.b[rnd((uint32_t)h.n)] = (uint8_t)(rnd(3) ? rnd(6) : rnd(256));
		both(h.b, h.n - rnd(3));
	}
}

static void test_many_extensions(void **state)
{
	static uint8_t msg[2000];
	struct hello base, h;
	size_t n, i;

	(void)state;
	hello_make(&base, &(struct hello_opts){.no_extensions = true});
	for (i = 90; i < 110; i++) {
		n = base.n - 5;
		memcpy(msg, base.b + 5, n);
		msg[n++] = (uint8_t)(i * 4 >> 8);
		msg[n++] = (uint8_t)(i * 4);
		memset(msg + n, 0, i * 4);
		for (size_t k = 0; k < i; k++)
			msg[n + k * 4] = 0xaa;
		n += i * 4;
		msg[2] = (uint8_t)((n - 4) >> 8);
		msg[3] = (uint8_t)(n - 4);
		hello_records(&h, msg, n, 0, 1);
		assert_int_equal(both(h.b, h.n).reason, i > DBX_EXTENSIONS_MAX
								? DBX_REASON_NOT_TLS
								: DBX_REASON_NAME_MISSING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_records_of_every_size),
		cmocka_unit_test(test_every_length_before_its_end),
		cmocka_unit_test(test_what_is_no_hello),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_one_changed_byte_and_more),
		cmocka_unit_test(test_many_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
