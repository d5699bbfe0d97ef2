// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * http.c -- the host that a plain HTTP request asks for.
 */
#include "wire/http.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *s;
	size_t n;
};

struct head {
	struct span host, authority; /* of the Host field; of an absolute target */
	bool has_host, has_length;
	uint32_t length;
};

static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool same(struct span a, const char *s)
{
	return a.n == strlen(s) && !strncasecmp(a.s, s, a.n);
}

/* Up to c, which is skipped; false when it is not there. */
static bool cut(struct span *rest, char c, struct span *out)
{
	const char *at = memchr(rest->s, c, rest->n);

	if (!at)
		return false;
	*out = (struct span){rest->s, (size_t)(at - rest->s)};
	rest->n -= out->n + 1;
	rest->s = at + 1;
	return true;
}

static struct span trim(struct span v)
{
	while (v.n && (*v.s == ' ' || *v.s == '\t'))
		v.s++, v.n--;
	while (v.n && (v.s[v.n - 1] == ' ' || v.s[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* The port goes. False when it is none. */
static bool strip_port(struct span *v)
{
	const char *colon = memchr(v->s, ':', v->n);
	size_t n;

	if (!colon || (v->n && v->s[0] == '['))
		return true; /* an IPv6 literal is no name: for the caller to see */
	n = (size_t)(colon - v->s);
	for (size_t i = n + 1; i < v->n; i++)
		if (v->s[i] < '0' || v->s[i] > '9')
			return false;
	if (v->n - n > 6)
		return false;
	v->n = n;
	return true;
}

static bool read_target(struct span method, struct span target, struct head *h)
{
	static const char http[] = "http://";
	size_t n = strlen(http);

	if (!target.n || same(method, "CONNECT"))
		return false;
	if (target.s[0] == '/')
		return true;
	if (same(target, "*"))
		return same(method, "OPTIONS");
	if (target.n <= n || strncasecmp(target.s, http, n))
		return false;
	h->authority = (struct span){target.s + n, target.n - n};
	for (size_t i = 0; i < h->authority.n; i++) {
		if (strchr("/?#", h->authority.s[i])) {
			h->authority.n = i;
			break;
		}
	}
	return !memchr(h->authority.s, '@', h->authority.n) && strip_port(&h->authority);
}

static bool read_request_line(struct span line, struct head *h)
{
	struct span method, target;

	if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || !method.n)
		return false;
	for (size_t i = 0; i < method.n; i++)
		if (!is_token(method.s[i]))
			return false;
	if (line.n != 8 || (memcmp(line.s, "HTTP/1.1", 8) && memcmp(line.s, "HTTP/1.0", 8)))
		return false;
	return read_target(method, target, h);
}

static bool read_length(struct span v, struct head *h)
{
	uint64_t n = 0;

	if (h->has_length || !v.n || v.n > 10)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.s[i] < '0' || v.s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(v.s[i] - '0');
	}
	h->has_length = true;
	h->length = (uint32_t)n;
	return n <= DBX_HTTP_BODY_MAX;
}

static bool read_field(struct span line, struct head *h)
{
	struct span name;

	if (!cut(&line, ':', &name) || !name.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_token(name.s[i])) /* also a folded line, and a blank before the colon */
			return false;
	line = trim(line);
	if (same(name, "transfer-encoding"))
		return false;
	if (same(name, "content-length"))
		return read_length(line, h);
	if (!same(name, "host"))
		return true;
	if (h->has_host)
		return false;
	h->has_host = true;
	h->host = line;
	return strip_port(&h->host);
}

/* Lines end in CR LF, and neither is anywhere else; no other control characters but the tab. */
static bool is_plain(const uint8_t *p, size_t n, size_t total)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r') {
			if (i + 1 < total && p[i + 1] != '\n')
				return false;
		} else if (p[i] == '\n') {
			if (!i || p[i - 1] != '\r')
				return false;
		} else if ((p[i] < ' ' && p[i] != '\t') || p[i] == 127) {
			return false;
		}
	}
	return true;
}

static bool read_lines(struct span rest, struct head *h)
{
	struct span line;
	bool first = true;

	while (cut(&rest, '\n', &line)) {
		line.n--; /* the CR: is_plain() has seen it */
		if (!line.n)
			return !first;
		if (first ? !read_request_line(line, h) : !read_field(line, h))
			return false;
		first = false;
	}
	return false;
}

enum dbx_http_status dbx_http_read(const uint8_t *p, size_t n, struct dbx_http_head *out)
{
	size_t limit = n < DBX_HTTP_HEAD_MAX ? n : DBX_HTTP_HEAD_MAX;
	const uint8_t *end = memmem(p, limit, "\r\n\r\n", 4);
	size_t n_head = end ? (size_t)(end - p) + 4 : limit;
	struct head h = {.has_host = false};
	bool ok;

	memset(out, 0, sizeof(*out));
	if (n && !is_token((char)p[0]))
		return DBX_HTTP_BAD;
	if (!is_plain(p, n_head, n))
		return DBX_HTTP_BAD;
	if (!end)
		return n >= DBX_HTTP_HEAD_MAX ? DBX_HTTP_LONG : DBX_HTTP_MORE;
	ok = read_lines((struct span){(const char *)p, n_head}, &h);
	out->host = h.host.s;
	out->n_host = h.host.n;
	out->n_head = n_head;
	out->n_body = h.length;
	if (!ok || !h.has_host)
		return DBX_HTTP_BAD;
	if (h.authority.s &&
	    (h.authority.n != h.host.n || strncasecmp(h.authority.s, h.host.s, h.host.n)))
		return DBX_HTTP_BAD;
	return DBX_HTTP_DONE;
}
