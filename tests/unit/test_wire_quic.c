/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_wire_quic.c -- Initials are decrypted with the keys that RFC 9001 (A.1) and RFC 9369 (A.1) say,
 * and their CRYPTO frames put together in any order.
 *
 * Packets are protected here with the keys as printed there, so that the derivation is what is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "wire/quic.h"

struct known {
	uint32_t version;
	uint8_t first; /* long header, Initial, packet number of 4 bytes */
	uint8_t key[16], iv[12], hp[16];
};

static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
static const struct known v1 = {
	1,
	0xc3,
	{0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1, 0xa2,
	 0x2d},
	{0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c},
	{0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33, 0xad, 0xed,
	 0xd2},
};
static const struct known v2 = {
	0x6b3343cf,
	0xd3,
	{0x8b, 0x1a, 0x0b, 0xc1, 0x21, 0x28, 0x42, 0x90, 0xa2, 0x9e, 0x09, 0x71, 0xb5, 0xcd, 0x04,
	 0x5d},
	{0x91, 0xf7, 0x3e, 0x23, 0x51, 0xd8, 0xfa, 0x91, 0x66, 0x0e, 0x90, 0x9f},
	{0x45, 0xb9, 0x5e, 0x15, 0x23, 0x5d, 0x6f, 0x45, 0xa6, 0xb1, 0x9c, 0xbc, 0xb0, 0x29, 0x4b,
	 0xa9},
};

static const struct dbx_secret secret = {{1234567891, 987654321}};

/* A ClientHello with the name good.test. */
static size_t make_hello(uint8_t *p)
{
	static const uint8_t sni[] = {0,   0,   0,   14,  0,   12,  0,   0,   9,
				      'g', 'o', 'o', 'd', '.', 't', 'e', 's', 't'};
	size_t n = 4;

	memset(p, 0, 128);
	p[0] = 1;
	p[n] = p[n + 1] = 3;
	n += 2 + 32 + 1; /* version, random, no session */
	p[n + 1] = 2;
	n += 4; /* one suite */
	p[n] = 1;
	n += 2; /* one compression */
	p[n + 1] = sizeof(sni);
	memcpy(p + n + 2, sni, sizeof(sni));
	n += 2 + sizeof(sni);
	p[3] = (uint8_t)(n - 4);
	return n;
}

static size_t add_crypto(uint8_t *out, const uint8_t *hello, size_t at, size_t n)
{
	out[0] = 6;
	out[1] = (uint8_t)(0x40 | at >> 8);
	out[2] = (uint8_t)at;
	out[3] = (uint8_t)(0x40 | n >> 8);
	out[4] = (uint8_t)n;
	memcpy(out + 5, hello + at, n);
	return 5 + n;
}

static size_t protect(const struct known *k, const uint8_t *frames, size_t n, uint8_t *out)
{
	uint8_t iv[12], mask[32], plain[1200] = {0};
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	size_t head = 0, total = n < 200 ? 200 : n;
	int len;

	memcpy(plain, frames, n); /* the rest is PADDING */
	out[head++] = k->first;
	for (int shift = 24; shift >= 0; shift -= 8)
		out[head++] = (uint8_t)(k->version >> shift);
	out[head++] = sizeof(dcid);
	memcpy(out + head, dcid, sizeof(dcid));
	head += sizeof(dcid);
	out[head++] = 0; /* source id */
	out[head++] = 0; /* token */
	out[head++] = (uint8_t)(0x40 | (total + 20) >> 8);
	out[head++] = (uint8_t)(total + 20);
	memset(out + head, 0, 3);
	out[head + 3] = 2; /* packet number */
	memcpy(iv, k->iv, 12);
	iv[11] ^= 2;
	EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, iv);
	EVP_EncryptUpdate(c, NULL, &len, out, (int)head + 4);
	EVP_EncryptUpdate(c, out + head + 4, &len, plain, (int)total);
	EVP_EncryptFinal_ex(c, out + head + 4 + total, &len);
	EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + head + 4 + total);
	EVP_CIPHER_CTX_reset(c);
	EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, k->hp, NULL);
	EVP_EncryptUpdate(c, mask, &len, out + head + 4, 16);
	EVP_CIPHER_CTX_free(c);
	out[0] ^= mask[0] & 0x0f;
	for (int i = 0; i < 4; i++)
		out[head + (size_t)i] ^= mask[1 + i];
	return head + 4 + total + 16;
}

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
