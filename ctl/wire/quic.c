// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * quic.c -- the ClientHello of a QUIC connection.
 */
#include "wire/quic.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define DATAGRAM_MAX 1500u
#define TAG          16u

struct version {
	uint32_t number;
	uint8_t initial; /* type of an Initial in the first byte */
	uint8_t salt[20];
	const char *key, *iv, *hp;
};

static const struct version versions[] = {
	{1,
	 0,
	 {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
	 "quic key",
	 "quic iv",
	 "quic hp"},
	{0x6b3343cf,
	 1,
	 {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
	 "quicv2 key",
	 "quicv2 iv",
	 "quicv2 hp"},
};

struct reader {
	const uint8_t *p;
	size_t n;
	bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static uint64_t number(struct reader *r, size_t n)
{
	const uint8_t *p = take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* RFC 9000 section 16. */
static uint64_t varint(struct reader *r)
{
	size_t n = r->n ? (size_t)1 << (r->p[0] >> 6) : 1;

	return number(r, n) & (UINT64_MAX >> (64 - 8 * n) >> 2);
}

/* ---- keys ---- */

static bool hmac(const uint8_t *key, size_t n_key, const uint8_t *data, size_t n, uint8_t out[32])
{
	unsigned int n_out = 32;

	return HMAC(EVP_sha256(), key, (int)n_key, data, n, out, &n_out) && n_out == 32;
}

/* HKDF-Expand-Label (RFC 8446 section 7.1) without context, of up to 32 bytes. */
static bool expand(const uint8_t secret[32], const char *label, uint8_t *out, size_t n)
{
	size_t n_label = strlen(label);
	uint8_t info[64] = {0, (uint8_t)n, (uint8_t)(6 + n_label), 't', 'l', 's', '1', '3', ' '};
	uint8_t block[32];

	memcpy(info + 9, label, n_label);
	info[9 + n_label] = 0; /* no context */
	info[10 + n_label] = 1;
	if (!hmac(secret, 32, info, 11 + n_label, block))
		return false;
	memcpy(out, block, n);
	return true;
}

struct keys {
	uint8_t key[16], iv[12], hp[16];
};

static bool derive(const struct version *v, const uint8_t *dcid, size_t n, struct keys *k)
{
	uint8_t initial[32], client[32];

	return hmac(v->salt, sizeof(v->salt), dcid, n, initial) &&
	       expand(initial, "client in", client, 32) && expand(client, v->key, k->key, 16) &&
	       expand(client, v->iv, k->iv, 12) && expand(client, v->hp, k->hp, 16);
}

static bool mask_of(const struct keys *k, const uint8_t sample[16], uint8_t mask[32])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, k->hp, NULL) &&
		  EVP_EncryptUpdate(c, mask, &n, sample, 16) && n == 16;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool decrypt(const struct keys *k, uint64_t pn, const uint8_t *aad, size_t n_aad,
		    const uint8_t *in, size_t n, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[12], tag[TAG];
	int n_out = 0;
	bool ok;

	memcpy(iv, k->iv, sizeof(iv));
	for (int i = 0; i < 8; i++)
		iv[11 - i] ^= (uint8_t)(pn >> (8 * i));
	memcpy(tag, in + n - TAG, TAG);
	ok = c && EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, iv) &&
	     EVP_DecryptUpdate(c, NULL, &n_out, aad, (int)n_aad) &&
	     EVP_DecryptUpdate(c, out, &n_out, in, (int)(n - TAG)) &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) &&
	     EVP_DecryptFinal_ex(c, out + n_out, &n_out) > 0;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

/* ---- frames ---- */

static bool has_byte(const struct dbx_quic *q, size_t i)
{
	return q->seen[i / 8] & 1u << i % 8;
}

static enum dbx_quic_status put_crypto(struct dbx_quic *q, uint64_t offset, const uint8_t *p,
				       size_t n)
{
	if (offset > DBX_HELLO_BYTES || n > DBX_HELLO_BYTES - offset)
		return DBX_QUIC_LONG;
	for (size_t i = 0; i < n; i++) {
		size_t at = (size_t)offset + i;

		if (has_byte(q, at) && q->hello.msg[at] != p[i])
			return DBX_QUIC_BAD; /* two versions of one byte: somebody lies */
		q->hello.msg[at] = p[i];
		q->seen[at / 8] |= (uint8_t)(1u << at % 8);
	}
	return DBX_QUIC_MORE;
}

/* Only what RFC 9000 section 12.4 allows in an Initial. */
static enum dbx_quic_status read_frames(struct dbx_quic *q, const uint8_t *p, size_t n)
{
	struct reader r = {p, n, false};
	enum dbx_quic_status s = DBX_QUIC_MORE;

	while (r.n && !r.bad && s == DBX_QUIC_MORE) {
		uint64_t type = varint(&r), offset, len;
		const uint8_t *data;

		switch (type) {
		case 0: /* PADDING */
		case 1: /* PING */
			break;
		case 2: /* ACK */
		case 3:
			varint(&r);
			varint(&r);
			len = varint(&r);
			varint(&r);
			for (uint64_t i = 0; i < len && !r.bad; i++)
				varint(&r), varint(&r);
			if (type == 3)
				varint(&r), varint(&r), varint(&r);
			break;
		case 6: /* CRYPTO */
			offset = varint(&r);
			len = varint(&r);
			data = len <= DATAGRAM_MAX ? take(&r, (size_t)len) : NULL;
			s = data ? put_crypto(q, offset, data, (size_t)len) : DBX_QUIC_BAD;
			break;
		case 0x1c: /* CONNECTION_CLOSE */
			return s;
		default:
			return DBX_QUIC_BAD;
		}
	}
	return r.bad ? DBX_QUIC_BAD : s;
}

/* Whether all of the message is there. */
static enum dbx_quic_status look(struct dbx_quic *q)
{
	struct dbx_hello *h = &q->hello;
	uint32_t want, i;

	for (i = 0; i < 4; i++)
		if (!has_byte(q, i))
			return DBX_QUIC_MORE;
	want = 4 + ((uint32_t)h->msg[1] << 16 | (uint32_t)h->msg[2] << 8 | h->msg[3]);
	if (h->msg[0] != 1 || want < 4 + 41)
		return DBX_QUIC_BAD;
	if (want > DBX_HELLO_BYTES)
		return DBX_QUIC_LONG;
	for (i = 4; i < want; i++)
		if (!has_byte(q, i))
			return DBX_QUIC_MORE;
	for (i = want; i < DBX_HELLO_BYTES; i++)
		if (has_byte(q, i))
			return DBX_QUIC_BAD; /* a second hello, which the server may ask for, is not sent so */
	h->n = h->want = want;
	h->status = DBX_HELLO_DONE;
	return DBX_QUIC_DONE;
}

/* ---- packets ---- */

struct packet {
	const struct version *v;
	const uint8_t *header, *dcid, *rest; /* rest: from the packet number on */
	size_t n_dcid, n_rest;
	bool initial;
};

static const struct version *version_of(uint64_t number)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].number == number)
			return &versions[i];
	return NULL;
}

/* RFC 9000 section 17.2. False: not a whole packet that a client of this version sends. */
static bool read_header(struct reader *r, struct packet *p)
{
	uint8_t first, type;

	p->header = r->p;
	first = (uint8_t)number(r, 1);
	p->v = version_of(number(r, 4));
	p->n_dcid = (size_t)number(r, 1);
	p->dcid = take(r, p->n_dcid);
	take(r, (size_t)number(r, 1));
	if (r->bad || !p->v || p->n_dcid > 20)
		return false;
	type = (uint8_t)((first >> 4 & 3) - p->v->initial) & 3; /* version 2 counts from one */
	if (type == 3)
		return false; /* Retry: a server's, and it has no length */
	p->initial = type == 0;
	if (p->initial)
		take(r, (size_t)varint(r)); /* token */
	p->n_rest = (size_t)varint(r);
	p->rest = take(r, p->n_rest);
	return !r->bad;
}

/* The plain text, of n bytes. False: the packet is not protected with the keys of its own id. */
static bool open_initial(const struct packet *p, uint8_t plain[DATAGRAM_MAX], size_t *n)
{
	uint8_t aad[DATAGRAM_MAX], mask[32];
	size_t n_head = (size_t)(p->rest - p->header), n_pn;
	uint64_t pn = 0;
	struct keys k;

	if (p->n_rest < 4 + 16 || n_head + 4 > sizeof(aad) || p->n_rest > DATAGRAM_MAX)
		return false;
	if (!derive(p->v, p->dcid, p->n_dcid, &k) || !mask_of(&k, p->rest + 4, mask))
		return false;
	memcpy(aad, p->header, n_head + 4);
	aad[0] ^= mask[0] & 0x0f;
	n_pn = (aad[0] & 3) + 1u;
	for (size_t i = 0; i < n_pn; i++) {
		aad[n_head + i] ^= mask[1 + i];
		pn = pn << 8 | aad[n_head + i];
	}
	if (p->n_rest < n_pn + TAG)
		return false;
	*n = p->n_rest - n_pn - TAG;
	return decrypt(&k, pn, aad, n_head + n_pn, p->rest + n_pn, p->n_rest - n_pn, plain);
}

enum dbx_quic_status dbx_quic_identify(const uint8_t *p, size_t n, struct dbx_quic_id *id)
{
	struct reader r = {p, n, false};
	struct dbx_quic_id got = {.version = 0};
	struct packet k;

	while (r.n && r.p[0] & 0x80) {
		if (!read_header(&r, &k))
			return DBX_QUIC_BAD;
		if (got.version && (got.version != k.v->number || got.n != k.n_dcid ||
				    memcmp(got.dcid, k.dcid, k.n_dcid)))
			return DBX_QUIC_BAD;
		got.version = k.v->number;
		got.n = (uint8_t)k.n_dcid;
		memcpy(got.dcid, k.dcid, k.n_dcid);
	}
	if (!got.version)
		return DBX_QUIC_BAD;
	*id = got;
	return DBX_QUIC_MORE;
}

enum dbx_quic_status dbx_quic_read(struct dbx_quic *q, const uint8_t *p, size_t n)
{
	enum dbx_quic_status s = DBX_QUIC_MORE;
	struct reader r = {p, n, false};
	uint8_t plain[DATAGRAM_MAX];
	bool any = false, opened = false;
	size_t n_plain;
	struct packet k;

	while (r.n && r.p[0] & 0x80 && s == DBX_QUIC_MORE) {
		if (!read_header(&r, &k))
			return DBX_QUIC_BAD;
		any = true;
		if (!k.initial || !open_initial(&k, plain, &n_plain))
			continue;
		opened = true;
		s = read_frames(q, plain, n_plain);
	}
	if (s != DBX_QUIC_MORE)
		return s;
	return opened ? look(q) : any ? DBX_QUIC_NONE : DBX_QUIC_BAD;
}
