/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_wire_quic.c -- Initials are decrypted with the keys that RFC 9001 (A.1) and RFC 9369 (A.1) say,
 * and their CRYPTO frames put together in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "quiccase.h"
#include "wire/quic.h"

static const struct dbx_secret secret = {{1234567891, 987654321}};

static enum dbx_quic_status feed(struct dbx_quic *q, const struct known *k, const uint8_t *frames,
				 size_t n)
{
	uint8_t *packet = calloc(1, 1500), *exact;
	size_t len = protect(k, frames, n, packet);
	enum dbx_quic_status s;

	exact = malloc(len);
	memcpy(exact, packet, len);
	s = dbx_quic_read(q, exact, len);
	free(exact);
	free(packet);
	return s;
}

static void assert_name(const struct dbx_quic *q)
{
	struct dbx_said *said = calloc(1, sizeof(*said));

	dbx_hello_name(&q->hello, &secret, said);
	assert_int_equal(said->reason, 0);
	assert_int_equal(said->n_name, 9);
	assert_memory_equal(said->name, "good.test", 9);
	free(said);
}

static void test_whole(void **state)
{
	const struct known *all[] = {&v1, &v2};
	struct dbx_quic *q = malloc(sizeof(*q));
	uint8_t hello[128], frames[200];
	size_t n = make_hello(hello), len = add_crypto(frames, hello, 0, n);

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(q, 0, sizeof(*q));
		assert_int_equal(feed(q, all[i], frames, len), DBX_QUIC_DONE);
		assert_name(q);
	}
	free(q);
}

/* Two frames, in both orders, in one packet or two, for each cut. */
static void test_cuts(void **state)
{
	struct dbx_quic *q = malloc(sizeof(*q));
	uint8_t hello[128], frames[300];
	size_t n = make_hello(hello), len;

	(void)state;
	for (size_t cut = 1; cut < n; cut++) {
		memset(q, 0, sizeof(*q));
		len = add_crypto(frames, hello, cut, n - cut);
		frames[len++] = 1; /* PING */
		len += add_crypto(frames + len, hello, 0, cut);
		assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_DONE);
		assert_name(q);
		memset(q, 0, sizeof(*q));
		len = add_crypto(frames, hello, cut, n - cut);
		assert_int_equal(feed(q, &v2, frames, len), DBX_QUIC_MORE);
		len = add_crypto(frames, hello, 0, cut);
		assert_int_equal(feed(q, &v2, frames, len), DBX_QUIC_DONE);
		assert_name(q);
	}
	free(q);
}

static void test_bad(void **state)
{
	struct dbx_quic *q = calloc(1, sizeof(*q));
	uint8_t hello[128], frames[200], packet[1500];
	size_t n = make_hello(hello), len = add_crypto(frames, hello, 0, n), n_packet;
	static const uint8_t more[256];
	enum dbx_quic_status s;

	(void)state;
	n_packet = protect(&v1, frames, len, packet);
	for (size_t i = 0; i < n_packet; i++) {
		uint8_t *cut = malloc(i ? i : 1);

		memcpy(cut, packet, i);
		assert_int_equal(dbx_quic_read(q, cut, i), DBX_QUIC_BAD);
		free(cut);
		packet[i] ^= 0x10;
		s = dbx_quic_read(q, packet, n_packet);
		assert_true(s == DBX_QUIC_BAD || s == DBX_QUIC_NONE);
		packet[i] ^= 0x10;
	}
	/* the same byte told twice, differently */
	len = add_crypto(frames, hello, 0, 10);
	hello[6] ^= 1;
	len += add_crypto(frames + len, hello, 5, n - 5);
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_BAD);
	frames[0] = 8; /* STREAM: not in an Initial */
	memset(q, 0, sizeof(*q));
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_BAD);
	memcpy(frames, "\6\x80\0\x10\0\1x", 7); /* beyond what is looked at */
	memset(q, 0, sizeof(*q));
	assert_int_equal(feed(q, &v1, frames, 7), DBX_QUIC_LONG);
	/* a second hello behind the first */
	hello[6] ^= 1;
	len = add_crypto(frames, hello, 0, n);
	len += add_crypto(frames + len, more, n, 1);
	memset(q, 0, sizeof(*q));
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_BAD);
	free(q);
}

/* After the hello: what repeats it is the same connection's, what says another is not. */
static void test_repeated(void **state)
{
	struct dbx_quic *q = calloc(1, sizeof(*q));
	uint8_t hello[128], frames[200], ack[] = {2, 0, 0, 0, 0};
	size_t n = make_hello(hello), len = add_crypto(frames, hello, 0, n);

	(void)state;
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_DONE);
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_DONE);
	assert_int_equal(feed(q, &v1, ack, sizeof(ack)), DBX_QUIC_DONE);
	hello[40] ^= 1;
	len = add_crypto(frames, hello, 30, n - 30);
	assert_int_equal(feed(q, &v1, frames, len), DBX_QUIC_BAD);
	free(q);
}

/* Whose datagram it is: one version, one id, nothing that cannot be read. */
static void test_identified(void **state)
{
	struct dbx_quic_id id = {.version = 7};
	uint8_t hello[128], frames[200], p[3000];
	size_t n = add_crypto(frames, hello, 0, make_hello(hello)), n1, n2;

	(void)state;
	n1 = protect(&v1, frames, n, p);
	assert_int_equal(dbx_quic_identify(p, n1, &id), DBX_QUIC_MORE);
	assert_int_equal(id.version, 1);
	assert_int_equal(id.n, sizeof(dcid));
	assert_memory_equal(id.dcid, dcid, sizeof(dcid));
	n2 = n1 + protect(&v1, frames, n, p + n1);
	assert_int_equal(dbx_quic_identify(p, n2, &id), DBX_QUIC_MORE);
	memset(p + n2, 0, 100); /* padding behind; a packet with a short header */
	assert_int_equal(dbx_quic_identify(p, n2 + 100, &id), DBX_QUIC_MORE);
	p[n2] = 0x40;
	assert_int_equal(dbx_quic_identify(p, n2 + 100, &id), DBX_QUIC_MORE);
	p[n2] = 0xc0; /* a long header that ends too soon */
	assert_int_equal(dbx_quic_identify(p, n2 + 3, &id), DBX_QUIC_BAD);
	id.version = 7;
	p[n1 + 6] ^= 1; /* another id */
	assert_int_equal(dbx_quic_identify(p, n2, &id), DBX_QUIC_BAD);
	p[n1 + 6] ^= 1;
	p[n1 + 1] ^= 1; /* another version */
	assert_int_equal(dbx_quic_identify(p, n2, &id), DBX_QUIC_BAD);
	n2 = n1 + protect(&v2, frames, n, p + n1);
	assert_int_equal(dbx_quic_identify(p, n2, &id), DBX_QUIC_BAD);
	p[0] = 0xf0; /* Retry */
	assert_int_equal(dbx_quic_identify(p, n1, &id), DBX_QUIC_BAD);
	p[0] = 0x43;
	assert_int_equal(dbx_quic_identify(p, n1, &id), DBX_QUIC_BAD);
	assert_int_equal(id.version, 7);
	assert_int_equal(dbx_quic_identify(p + n1, n2 - n1, &id), DBX_QUIC_MORE);
	assert_int_equal(id.version, 0x6b3343cf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),      cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_bad),        cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_identified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
