// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hellos.c -- ClientHellos for tests, right by default and wrong on purpose, and a slow reader.
 */
#include "common/hellos.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dbx/hello.h"

/* ---- making ---- */

struct out {
	uint8_t *b;
	size_t n;
};

static void put8(struct out *o, unsigned int v)
{
	o->b[o->n++] = (uint8_t)v;
}

static void put16(struct out *o, size_t v)
{
	put8(o, (unsigned int)(v >> 8) & 0xff);
	put8(o, (unsigned int)v & 0xff);
}

static void put_bytes(struct out *o, const void *b, size_t n)
{
	memcpy(o->b + o->n, b, n);
	o->n += n;
}

static void put_fill(struct out *o, size_t n, unsigned int seed)
{
	while (n--) {
		seed = seed * 1103515245 + 12345;
		put8(o, seed >> 16 & 0xff);
	}
}

static void put_sni(struct out *o, const char *name, size_t n)
{
	put16(o, DBX_EXT_SNI);
	put16(o, n + 5);
	put16(o, n + 3);
	put8(o, 0);
	put16(o, n);
	put_bytes(o, name, n);
}

static void put_extensions(struct out *o, const struct hello_opts *opts)
{
	size_t at = o->n, n = opts->n_sni;

	put16(o, 0);
	put_bytes(o, "\x00\x17\x00\x00", 4); /* extended_master_secret */
	if (opts->sni)
		put_sni(o, opts->sni, n ? n : strlen(opts->sni));
	if (opts->second_sni)
		put_sni(o, opts->second_sni, strlen(opts->second_sni));
	put_bytes(o, "\x00\x2b\x00\x05\x04\x03\x04\x03\x03", 9); /* supported_versions */
	if (opts->ech) {
		put16(o, DBX_EXT_ECH);
		put16(o, 8);
		put_fill(o, 8, 4);
	}
	if (opts->padding) {
		put16(o, 51); /* key_share */
		put16(o, opts->padding);
		put_fill(o, opts->padding, 5);
	}
	o->b[at] = (uint8_t)((o->n - at - 2) >> 8);
	o->b[at + 1] = (uint8_t)(o->n - at - 2);
}

void hello_records(struct hello *out, const uint8_t *msg, size_t n_msg, size_t record, int minor)
{
	struct out o = {out->b, 0};
	size_t at, n;

	if (!record || record > 16384)
		record = 16384;
	for (at = 0; at < n_msg; at += n) {
		n = n_msg - at < record ? n_msg - at : record;
		put8(&o, 22);
		put8(&o, 3);
		put8(&o, (unsigned int)minor);
		put16(&o, n);
		put_bytes(&o, msg + at, n);
	}
	out->n = o.n;
}

void hello_make(struct hello *h, const struct hello_opts *opts)
{
	uint8_t msg[HELLO_MAX / 2];
	struct out o = {msg, 0};

	put8(&o, 1);
	put8(&o, 0);
	put16(&o, 0);
	put16(&o, 0x0303);
	put_fill(&o, 32, 1);
	put8(&o, 32);
	put_fill(&o, 32, 2);
	put16(&o, 6);
	put_bytes(&o, "\x13\x01\x13\x02\xc0\x2f", 6);
	put16(&o, 0x0100); /* one compression method: none */
	if (!opts->no_extensions)
		put_extensions(&o, opts);
	msg[1] = (uint8_t)((o.n - 4) >> 16);
	msg[2] = (uint8_t)((o.n - 4) >> 8);
	msg[3] = (uint8_t)(o.n - 4);
	hello_records(h, msg, o.n, opts->record, opts->version_minor ? opts->version_minor : 1);
}

/* ---- reading, slowly ---- */

struct in {
	const uint8_t *p, *end;
	bool bad;
};

static size_t get(struct in *in, int width)
{
	size_t v = 0;

	if (in->bad || in->end - in->p < width) {
		in->bad = true;
		return 0;
	}
	while (width--)
		v = v << 8 | *in->p++;
	return v;
}

static struct in get_vector(struct in *in, int width)
{
	size_t n = get(in, width);
	struct in part = {in->p, in->p + n, false};

	if (in->bad || n > (size_t)(in->end - in->p)) {
		in->bad = part.bad = true;
		return part;
	}
	in->p += n;
	return part;
}

/* The bytes as a name, RFC 6066 section 3 and the house rules for names. */
static bool canonical(const uint8_t *b, size_t n, char out[256])
{
	size_t i, label = 0, n_labels = 1, digits = 0;

	if (n && b[n - 1] == '.')
		n--;
	if (!n || n > 253)
		return false;
	for (i = 0; i < n; i++) {
		int c = tolower(b[i]);

		out[i] = (char)c;
		if (c == '.') {
			if (!label)
				return false;
			label = digits = 0;
			n_labels++;
			continue;
		}
		if (b[i] > 127 || !(isalnum(c) || c == '-' || c == '_') || label == 63)
			return false;
		label++;
		digits += (size_t) !!isdigit(c);
	}
	out[n] = '\0';
	return label && label != digits && n_labels > 1;
}

static bool read_sni(struct in ext, struct hello_said *out, bool *seen, struct in *name)
{
	struct in list = get_vector(&ext, 2), host;

	(void)out;
	if (*seen || ext.bad || ext.p != ext.end || get(&list, 1) != 0)
		return false;
	host = get_vector(&list, 2);
	if (list.bad || list.p != list.end)
		return false;
	*seen = true;
	*name = host;
	return true;
}

static int read_message(const uint8_t *msg, size_t n, struct hello_said *out)
{
	struct in in = {msg + 4, msg + n, false}, exts, name = {0};
	bool has_sni = false;
	size_t n_exts = 0;

	if (get(&in, 2) >> 8 != 3)
		return DBX_REASON_NOT_TLS;
	in.p += 32;
	if (in.p[0] > 32)
		return DBX_REASON_NOT_TLS;
	get_vector(&in, 1);
	get_vector(&in, 2);
	get_vector(&in, 1);
	if (in.bad)
		return DBX_REASON_NOT_TLS;
	if (in.p == in.end)
		return DBX_REASON_NAME_MISSING;
	exts = get_vector(&in, 2);
	if (in.bad || in.p != in.end)
		return DBX_REASON_NOT_TLS;
	while (exts.p < exts.end) {
		size_t type = get(&exts, 2);
		struct in body = get_vector(&exts, 2);

		if (exts.bad || ++n_exts > DBX_EXTENSIONS_MAX)
			return DBX_REASON_NOT_TLS;
		if (type == DBX_EXT_SNI && !read_sni(body, out, &has_sni, &name))
			return DBX_REASON_NOT_TLS;
		out->ech |= type == DBX_EXT_ECH;
	}
	if (!has_sni || !canonical(name.p, (size_t)(name.end - name.p), out->name))
		return DBX_REASON_NAME_MISSING;
	return 0;
}

void hello_naive(const uint8_t *b, size_t n, struct hello_said *out)
{
	uint8_t msg[DBX_HELLO_BYTES];
	size_t at = 0, n_msg = 0, len, i, want = 0;

	memset(out, 0, sizeof(*out));
	out->status = DBX_HELLO_MORE;
	for (;;) {
		if (n - at < 5)
			return;
		len = (size_t)b[at + 3] << 8 | b[at + 4];
		out->n_used = at + 5;
		out->status = DBX_HELLO_BAD;
		if (b[at] != 22 || b[at + 1] != 3 || b[at + 2] > 4 || !len || len > 16384)
			return;
		at += 5;
		out->status = DBX_HELLO_MORE;
		for (i = 0; i < len; i++, at++) {
			if (at == n)
				return;
			msg[n_msg++] = b[at];
			out->n_used = at + 1;
			if (n_msg == 4)
				want = 4 + ((size_t)msg[1] << 16 | (size_t)msg[2] << 8 | msg[3]);
			if (msg[0] != 1 || (n_msg == 4 && want < 45))
				out->status = DBX_HELLO_BAD;
			else if (n_msg == 4 && want > DBX_HELLO_BYTES)
				out->status = DBX_HELLO_LONG;
			else if (n_msg > 4 && n_msg == want)
				out->status = DBX_HELLO_DONE;
			if (out->status != DBX_HELLO_MORE)
				break;
		}
		if (out->status != DBX_HELLO_MORE)
			break;
	}
	if (out->status == DBX_HELLO_DONE)
		out->reason = read_message(msg, n_msg, out);
}
