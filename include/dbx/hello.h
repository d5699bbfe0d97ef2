/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hello.h -- the name that a TLS flow says of itself: the SNI of its ClientHello.
 *
 * Fed byte by byte and in order, so that any cut into segments and any cut into TLS records gives the
 * same answer. One source for the kernel program and the host. All state lies in memory, none in
 * registers across bytes: that is what keeps the kernel's verifier from following every history.
 *
 * TLS: RFC 8446 sections 4.1.2 and 5.1 (RFC 5246 alike), RFC 6066 section 3, RFC 9849 (ECH).
 */
#ifndef DBX_HELLO_H
#define DBX_HELLO_H

#include "image.h"
#include "names.h"

enum dbx_hello_status {
	DBX_HELLO_MORE,    /* nothing decided yet */
	DBX_HELLO_DONE,    /* whole: dbx_hello_name() may be asked */
	DBX_HELLO_BAD,     /* not what belongs on such a port */
	DBX_HELLO_LONG,    /* longer than is looked at */
	DBX_HELLO_BETWEEN, /* among the records in front of a second hello */
};

struct dbx_hello {
	dbx_u32 n;        /* bytes in msg */
	dbx_u32 want;     /* bytes of the whole message, 0 = not known yet */
	dbx_u16 rec_left; /* bytes left of the record */
	dbx_u8 n_hdr;     /* bytes read of the record's header */
	dbx_u8 status;    /* enum dbx_hello_status */
	dbx_u8 hdr[8];
	dbx_u8 msg[DBX_HELLO_BYTES];
};

#define DBX_HELLO_MASK (DBX_HELLO_BYTES - 1)

/* Keeps the compiler from carrying fields in registers from one turn of a loop to the next. */
#define DBX_IN_MEMORY() __asm__ volatile("" ::: "memory")

/* ---- collecting ---- */

static __always_inline void dbx_hello_tls_header(struct dbx_hello *h, dbx_u8 byte)
{
	dbx_u32 len;

	h->hdr[h->n_hdr & 7] = byte;
	h->n_hdr++;
	if (h->n_hdr < 5)
		return;
	len = (dbx_u32)h->hdr[3] << 8 | h->hdr[4];
	h->n_hdr = 0;
	/* 22: handshake. An empty fragment of a handshake is forbidden (RFC 8446 section 5.1). */
	if (h->hdr[0] != 22 || h->hdr[1] != 3 || h->hdr[2] > 4 || !len || len > 16384)
		h->status = DBX_HELLO_BAD;
	else
		h->rec_left = (dbx_u16)len;
}

static __always_inline void dbx_hello_tls_body(struct dbx_hello *h, dbx_u8 byte)
{
	dbx_u32 n = h->n;

	if (n >= DBX_HELLO_BYTES) {
		h->status = DBX_HELLO_LONG;
		return;
	}
	h->msg[n & DBX_HELLO_MASK] = byte;
	n++;
	h->n = n;
	h->rec_left--;
	if (n == 1 && byte != 1) /* client_hello */
		h->status = DBX_HELLO_BAD;
	if (n == 4) {
		h->want = 4 + ((dbx_u32)h->msg[1] << 16 | (dbx_u32)h->msg[2] << 8 | h->msg[3]);
		if (h->want > DBX_HELLO_BYTES)
			h->status = DBX_HELLO_LONG;
		else if (h->want < 4 + 41) /* version, random, three empty vectors and one suite */
			h->status = DBX_HELLO_BAD;
	}
	if (n > 4 && n == h->want)
		h->status = DBX_HELLO_DONE;
}

/* The next byte of the stream. Only while the status is MORE. */
static __always_inline void dbx_hello_feed(struct dbx_hello *h, dbx_u8 byte)
{
	if (!h->rec_left)
		dbx_hello_tls_header(h, byte);
	else
		dbx_hello_tls_body(h, byte);
}

/*
 * The next byte behind a hello that is DONE, or in front of a second one (BETWEEN). There may stand
 * records of change_cipher_spec, alert and application_data, which is early data (RFC 8446 sections
 * 4.2.10 and 5); they are stepped over. A handshake record begins the second hello; behind a first
 * one that nobody has answered yet no client sends any.
 */
static __always_inline void dbx_hello_between(struct dbx_hello *h, dbx_u8 byte)
{
	dbx_u32 len;

	if (h->rec_left) {
		h->rec_left--;
		return;
	}
	h->hdr[h->n_hdr & 7] = byte;
	h->n_hdr++;
	if (h->n_hdr == 1 && byte == 22)
		h->status = h->status == DBX_HELLO_DONE ? DBX_HELLO_BAD : DBX_HELLO_MORE;
	if (h->n_hdr < 5)
		return;
	len = (dbx_u32)h->hdr[3] << 8 | h->hdr[4];
	h->n_hdr = 0;
	if ((h->hdr[0] != 20 && h->hdr[0] != 21 && h->hdr[0] != 23) || h->hdr[1] != 3 ||
	    len > 16384 + 256)
		h->status = DBX_HELLO_BAD;
	else
		h->rec_left = (dbx_u16)len;
}

/* ---- the name ---- */

/* What was said. Working fields too: see the head of this file. */
struct dbx_said {
	dbx_u16 reason; /* 0 (none), or why there is no name: NAME_MISSING, NOT_TLS */
	dbx_u8 has_ech;
	dbx_u8 n_name; /* of name */
	dbx_u32 at;    /* the name in msg, as it was said */
	dbx_u32 len;
	dbx_u32 pos, end;   /* working */
	dbx_u32 label;      /* working: bytes of the label at hand */
	dbx_u8 alpha, dots; /* working: the label has a letter; labels so far */
	dbx_u8 seen, zero;  /* working */
	struct dbx_hash hash;
	dbx_u8 name[256]; /* as it was said, any bytes */
};

#define DBX_EXT_SNI        0
#define DBX_EXT_ECH        0xfe0d
#define DBX_EXTENSIONS_MAX 96

static __always_inline dbx_u32 dbx_msg8(const struct dbx_hello *h, dbx_u32 at)
{
	return h->msg[at & DBX_HELLO_MASK];
}

static __always_inline dbx_u32 dbx_msg16(const struct dbx_hello *h, dbx_u32 at)
{
	return dbx_msg8(h, at) << 8 | dbx_msg8(h, at + 1);
}

/* Steps over a vector whose length is in `width` bytes; 0 when it does not fit. */
static __always_inline int dbx_hello_skip(const struct dbx_hello *h, struct dbx_said *s, int width)
{
	dbx_u32 len;

	if (s->pos + (dbx_u32)width > h->want)
		return 0;
	len = width == 1 ? dbx_msg8(h, s->pos) : dbx_msg16(h, s->pos);
	s->pos += (dbx_u32)width + len;
	return s->pos <= h->want;
}

/* The body of server_name: a list with exactly one host_name. */
static __always_inline void dbx_hello_sni(const struct dbx_hello *h, struct dbx_said *s, dbx_u32 at,
					  dbx_u32 len)
{
	if (s->seen || len < 5 || dbx_msg16(h, at) != len - 2 || dbx_msg8(h, at + 2) != 0 ||
	    dbx_msg16(h, at + 3) != len - 5) {
		s->reason = DBX_REASON_NOT_TLS;
		return;
	}
	s->seen = 1;
	s->at = at + 5;
	s->len = len - 5;
}

static __always_inline void dbx_hello_tls(const struct dbx_hello *h, struct dbx_said *s)
{
	int i;

	s->reason = DBX_REASON_NOT_TLS;
	s->pos = 4 + 2 + 32;
	if (dbx_msg8(h, 4) != 3 || dbx_msg8(h, s->pos) > 32 || !dbx_hello_skip(h, s, 1) ||
	    !dbx_hello_skip(h, s, 2) || !dbx_hello_skip(h, s, 1))
		return;
	s->reason = 0;
	if (s->pos == h->want)
		return; /* no extensions: no name */
	if (s->pos + 2 > h->want || s->pos + 2 + dbx_msg16(h, s->pos) != h->want) {
		s->reason = DBX_REASON_NOT_TLS;
		return;
	}
	s->pos += 2;
	for (i = 0; i < DBX_EXTENSIONS_MAX; i++) {
		dbx_u32 at, type, len;

		DBX_IN_MEMORY();
		at = s->pos;
		if (at >= h->want || s->reason)
			break;
		type = dbx_msg16(h, at);
		len = dbx_msg16(h, at + 2);
		if (at + 4 > h->want || at + 4 + len > h->want) {
			s->reason = DBX_REASON_NOT_TLS;
			break;
		}
		if (type == DBX_EXT_SNI)
			dbx_hello_sni(h, s, at + 4, len);
		if (type == DBX_EXT_ECH)
			s->has_ech = 1;
		s->pos = at + 4 + len;
	}
	if (s->pos < h->want && !s->reason)
		s->reason = DBX_REASON_NOT_TLS; /* more extensions than anybody sends */
}

static __always_inline dbx_u8 dbx_lower(dbx_u8 c)
{
	return c >= 'A' && c <= 'Z' ? (dbx_u8)(c + 32) : c;
}

/*
 * The bytes at..at + len as a canonical name (lib/name.h): hashed, and kept as they were said. Not a
 * name, or an address: NAME_MISSING.
 */
static __always_inline void dbx_said_name(const struct dbx_hello *h, struct dbx_said *s,
					  const struct dbx_secret *secret)
{
	dbx_u32 i, len = s->len;

	s->label = s->alpha = s->dots = 0;
	s->n_name = (dbx_u8)(len > 255 ? 255 : len);
	if (len && dbx_msg8(h, s->at + len - 1) == '.')
		len--;
	s->end = len;
	if (!len || len > 253)
		s->reason = DBX_REASON_NAME_MISSING;
	for (i = 0; i < 255; i++) {
		dbx_u8 said, c;

		DBX_IN_MEMORY();
		said = (dbx_u8)dbx_msg8(h, s->at + i);
		c = dbx_lower(said);
		if (i < s->n_name)
			s->name[i] = said;
		if (i >= s->end)
			continue;
		if (c == '.') {
			if (!s->label)
				s->reason = DBX_REASON_NAME_MISSING;
			s->label = 0;
			s->alpha = 0;
			s->dots = 1;
		} else {
			if (c < '0' || c > '9')
				s->alpha = 1;
			if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			      c == '_') ||
			    s->label >= 63)
				s->reason = DBX_REASON_NAME_MISSING;
			s->label++;
		}
		dbx_hash_byte(&s->hash, secret, c);
	}
	/* a last label without a letter is an IPv4 address (RFC 6066 forbids them), one label none */
	if (!s->label || !s->alpha || !s->dots)
		s->reason = DBX_REASON_NAME_MISSING;
}

/*
 * The name of a hello that is DONE; *s zeroed by the caller. reason 0: s->hash is its canonical name.
 */
static __always_inline void dbx_hello_name(const struct dbx_hello *h,
					   const struct dbx_secret *secret, struct dbx_said *s)
{
	dbx_hello_tls(h, s);
	if (s->reason)
		return;
	if (s->seen)
		dbx_said_name(h, s, secret);
	else
		s->reason = DBX_REASON_NAME_MISSING;
}

#endif
