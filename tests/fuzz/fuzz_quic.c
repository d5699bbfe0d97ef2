/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_quic.c -- any datagrams as the beginning of a QUIC connection; what an attacker who has the keys
 * may send, too, since everybody has the keys of an Initial.
 *
 * An input is a sequence of packets: a byte that says how, two bytes of length (big endian), the bytes.
 * How: 0: a datagram as it is; 1, 2: the frames of an Initial of version 1 or 2, which is protected here
 * with the keys of RFC 9001 (A.1) or RFC 9369 (A.1); other values: how % 3.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "wire/quic.h"

#define PACKET_MAX 1500u
#define FRAMES_MAX 1400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct known {
	uint8_t head[18]; /* as far as the source connection id and the token, both empty */
	uint8_t key[16], iv[12], hp[16];
};

/* Packet number of 4 bytes; destination connection id 8394c8f03e515708. */
static const struct known versions[] = {
	{{0xc3, 0, 0, 0, 1, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 8},
	 {0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1, 0xa2,
	  0x2d},
	 {0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c},
	 {0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33, 0xad, 0xed,
	  0xd2}},
	{{0xd3, 0x6b, 0x33, 0x43, 0xcf, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 8},
	 {0x8b, 0x1a, 0x0b, 0xc1, 0x21, 0x28, 0x42, 0x90, 0xa2, 0x9e, 0x09, 0x71, 0xb5, 0xcd, 0x04,
	  0x5d},
	 {0x91, 0xf7, 0x3e, 0x23, 0x51, 0xd8, 0xfa, 0x91, 0x66, 0x0e, 0x90, 0x9f},
	 {0x45, 0xb9, 0x5e, 0x15, 0x23, 0x5d, 0x6f, 0x45, 0xa6, 0xb1, 0x9c, 0xbc, 0xb0, 0x29, 0x4b,
	  0xa9}},
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* The whole packet; out has room for PACKET_MAX. */
static size_t protect(const struct known *k, const uint8_t *frames, size_t n, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[12], mask[32], *pn = out + 18;
	int len;

	memcpy(out, k->head, 16); /* ... and two empty lengths */
	out[16] = (uint8_t)(0x40 | (n + 20) >> 8);
	out[17] = (uint8_t)(n + 20);
	memcpy(pn, "\0\0\0\2", 4);
	memcpy(iv, k->iv, 12);
	iv[11] ^= 2;
	must(c && EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, iv));
	must(EVP_EncryptUpdate(c, NULL, &len, out, 22));
	must(EVP_EncryptUpdate(c, pn + 4, &len, frames, (int)n));
	must(EVP_EncryptFinal_ex(c, pn + 4 + n, &len));
	must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, pn + 4 + n));
	EVP_CIPHER_CTX_reset(c);
	must(EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, k->hp, NULL));
	must(EVP_EncryptUpdate(c, mask, &len, pn + 4, 16));
	EVP_CIPHER_CTX_free(c);
	out[0] ^= mask[0] & 0x0f;
	for (int i = 0; i < 4; i++)
		pn[i] ^= mask[1 + i];
	return 22 + n + 16;
}

static enum dbx_quic_status feed(struct dbx_quic *q, const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1); /* so that reading past the end is seen */
	enum dbx_quic_status s;

	must(exact);
	memcpy(exact, p, n);
	s = dbx_quic_read(q, exact, n);
	free(exact);
	return s;
}

/* What holds of a hello that is whole: all of it was said, and a name can be asked for. */
static void check_done(const struct dbx_quic *q)
{
	static const struct dbx_secret secret = {{1234567, 7654321}};
	const struct dbx_hello *h = &q->hello;
	struct dbx_said *said = calloc(1, sizeof(*said));

	must(said && h->status == DBX_HELLO_DONE && h->n == h->want);
	must(h->want >= 45 && h->want <= DBX_HELLO_BYTES && h->msg[0] == 1);
	must(h->want == 4 + ((uint32_t)h->msg[1] << 16 | (uint32_t)h->msg[2] << 8 | h->msg[3]));
	for (uint32_t i = 0; i < h->want; i++)
		must(q->seen[i / 8] >> i % 8 & 1);
	dbx_hello_name(h, &secret, said);
	must(said->reason || (said->n_name && said->at + said->len <= h->want));
	free(said);
}

/* A byte that was said once is never another one later. */
static void check_kept(const struct dbx_quic *before, const struct dbx_quic *q)
{
	for (size_t i = 0; i < DBX_HELLO_BYTES; i++)
		if (before->seen[i / 8] >> i % 8 & 1)
			must((q->seen[i / 8] >> i % 8 & 1) &&
			     q->hello.msg[i] == before->hello.msg[i]);
}

static enum dbx_quic_status packet(struct dbx_quic *q, unsigned int how, const uint8_t *p, size_t n)
{
	static struct dbx_quic before;
	uint8_t sealed[PACKET_MAX];
	enum dbx_quic_status s;

	before = *q;
	if (how) {
		n = protect(&versions[how - 1], p, n < FRAMES_MAX ? n : FRAMES_MAX, sealed);
		p = sealed;
	}
	s = feed(q, p, n);
	check_kept(&before, q);
	if (s == DBX_QUIC_DONE)
		check_done(q);
	/* and a copy of it says nothing new */
	if (s == DBX_QUIC_MORE) {
		before = *q;
		must(feed(q, p, n) == DBX_QUIC_MORE && !memcmp(&before, q, sizeof(*q)));
	}
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dbx_quic q;
	enum dbx_quic_status s = DBX_QUIC_MORE;

	memset(&q, 0, sizeof(q));
	while (size >= 3 && s == DBX_QUIC_MORE) {
		size_t n = (size_t)data[1] << 8 | data[2];
		unsigned int how = data[0] % 3;

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		s = packet(&q, how, data, n);
		data += n;
		size -= n;
	}
	return 0;
}
