/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * quiccase.h -- Initials for tests, protected with the keys as RFC 9001 (A.1) and RFC 9369 (A.1) print
 * them, so that our derivation is not its own judge.
 */
#ifndef DBX_TESTS_QUICCASE_H
#define DBX_TESTS_QUICCASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

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

/* A ClientHello with the name good.test. */
static inline size_t make_hello(uint8_t *p)
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

static inline size_t add_crypto(uint8_t *out, const uint8_t *hello, size_t at, size_t n)
{
	out[0] = 6;
	out[1] = (uint8_t)(0x40 | at >> 8);
	out[2] = (uint8_t)at;
	out[3] = (uint8_t)(0x40 | n >> 8);
	out[4] = (uint8_t)n;
	memcpy(out + 5, hello + at, n);
	return 5 + n;
}

static inline size_t protect(const struct known *k, const uint8_t *frames, size_t n, uint8_t *out)
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

#endif
