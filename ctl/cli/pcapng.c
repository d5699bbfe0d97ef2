// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pcapng.c -- writes captures with comments (draft-ietf-opsawg-pcapng), one section, little-endian.
 *
 * Everything in a block is padded to 32 bits, and its length stands at both ends.
 */
#include "cli/pcapng.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/strbuf.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MARK 0x1a2b3c4du

enum option {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_IF_NAME = 2,
	OPT_IF_DESCRIPTION = 3,
	OPT_SECTION_APPLICATION = 4,
	OPT_IF_TSRESOL = 9,
};

static void put16(struct dbx_strbuf *b, uint16_t v)
{
	v = htole16(v);
	dbx_strbuf_addn(b, &v, sizeof(v));
}

static void put32(struct dbx_strbuf *b, uint32_t v)
{
	v = htole32(v);
	dbx_strbuf_addn(b, &v, sizeof(v));
}

static void put_padded(struct dbx_strbuf *b, const void *data, size_t n)
{
	static const char zero[4];

	dbx_strbuf_addn(b, data, n);
	dbx_strbuf_addn(b, zero, (4 - (n & 3)) & 3);
}

static void put_option(struct dbx_strbuf *b, enum option code, const void *value, size_t n)
{
	put16(b, (uint16_t)code);
	put16(b, (uint16_t)n);
	put_padded(b, value, n);
}

/* Not longer than may be, and not cut inside a character of UTF-8. */
static void put_text(struct dbx_strbuf *b, enum option code, const char *text)
{
	size_t n;

	if (!text || !*text)
		return;
	n = strlen(text);
	if (n > DBX_PCAPNG_TEXT_MAX)
		n = DBX_PCAPNG_TEXT_MAX;
	while (n && n < strlen(text) && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	put_option(b, code, text, n);
}

static void begin(struct dbx_strbuf *b, uint32_t type)
{
	dbx_strbuf_init(b);
	put32(b, type);
	put32(b, 0); /* the length, known at the end */
}

static int end(struct dbx_strbuf *b, FILE *f)
{
	uint32_t total = htole32((uint32_t)b->len + 4);
	int rc;

	put32(b, (uint32_t)b->len + 4);
	rc = b->err;
	if (!rc) {
		memcpy(b->s + 4, &total, sizeof(total));
		errno = 0;
		if (fwrite(b->s, 1, b->len, f) != b->len)
			rc = errno ? -errno : -EIO;
	}
	dbx_strbuf_fini(b);
	return rc;
}

int dbx_pcapng_begin(struct dbx_pcapng *p, FILE *f, const char *application)
{
	struct dbx_strbuf b;

	*p = (struct dbx_pcapng){.f = f};
	begin(&b, BLOCK_SECTION);
	put32(&b, BYTE_ORDER_MARK);
	put16(&b, 1);
	put16(&b, 0);
	put32(&b, 0xffffffff); /* length of the section: not stated */
	put32(&b, 0xffffffff);
	put_text(&b, OPT_SECTION_APPLICATION, application);
	put_option(&b, OPT_END, "", 0);
	return end(&b, f);
}

int dbx_pcapng_interface(struct dbx_pcapng *p, const char *name, const char *description,
			 uint16_t link_type, uint32_t snap_bytes)
{
	static const uint8_t nanoseconds = 9;
	struct dbx_strbuf b;
	int rc;

	begin(&b, BLOCK_INTERFACE);
	put16(&b, link_type);
	put16(&b, 0);
	put32(&b, snap_bytes);
	put_text(&b, OPT_IF_NAME, name);
	put_text(&b, OPT_IF_DESCRIPTION, description);
	put_option(&b, OPT_IF_TSRESOL, &nanoseconds, 1);
	put_option(&b, OPT_END, "", 0);
	rc = end(&b, p->f);
	if (!rc)
		p->n_interfaces++;
	return rc;
}

int dbx_pcapng_packet(struct dbx_pcapng *p, const struct dbx_pcapng_packet *k)
{
	struct dbx_strbuf b;

	if (k->interface >= p->n_interfaces)
		return -EINVAL;
	begin(&b, BLOCK_PACKET);
	put32(&b, k->interface);
	put32(&b, (uint32_t)(k->time_ns >> 32));
	put32(&b, (uint32_t)k->time_ns);
	put32(&b, k->n_bytes);
	put32(&b, k->n_wire_bytes);
	put_padded(&b, k->data, k->n_bytes);
	if (k->comment && *k->comment) {
		put_text(&b, OPT_COMMENT, k->comment);
		put_option(&b, OPT_END, "", 0);
	}
	return end(&b, p->f);
}
