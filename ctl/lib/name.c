// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * name.c -- DNS names as policies write them: one canonical form, and how a pattern matches.
 */
#include "lib/name.h"
#include "lib/addr.h"

#include <errno.h>

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One sentence for characters that show what the writer meant instead of a name. */
static const char *why_bad_char(const char *in, size_t len)
{
	size_t i;

	if (memchr(in, '\0', len))
		return "has a NUL byte inside; accepted is a host name such as api.example.com";
	for (i = 0; i < len; i++) {
		if ((unsigned char)in[i] >= 0x80)
			return "is not ASCII; use the A-label, e.g. xn--bcher-kva.example";
	}
	if (memmem(in, len, "://", 3))
		return "has a scheme; accepted is the host name alone, e.g. api.example.com";
	if (memchr(in, '/', len))
		return "has a path; accepted is the host name alone, e.g. api.example.com";
	if (memchr(in, ':', len))
		return "has a port; accepted is the host name alone, e.g. api.example.com";
	if (memchr(in, '*', len))
		return "has a wildcard inside; accepted is the full host name, e.g. api.example.com";
	return "has a character that host names do not have; accepted are letters, digits, '-', '_' and '.'";
}

static bool is_ip_literal(const char *in, size_t len)
{
	char text[DBX_ADDR_STRLEN];
	struct dbx_addr a;

	if (len > 2 && in[0] == '[' && in[len - 1] == ']') {
		in++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(text) || memchr(in, '\0', len))
		return false;
	memcpy(text, in, len);
	text[len] = '\0';
	return dbx_addr_parse(text, &a) == 0;
}

static const char *why_bad_label(const char *label, size_t len)
{
	if (len == 0)
		return "has an empty label; accepted is e.g. api.example.com";
	if (len > LABEL_MAX)
		return "has a label of more than 63 characters; accepted are 1 to 63 in each";
	if (label[0] == '-' || label[len - 1] == '-')
		return "has a label that starts or ends with a hyphen; accepted is e.g. my-api.example.com";
	return NULL;
}

/* NULL, or what is wrong with the canonical characters of a name without its wildcard. */
static const char *why_bad_labels(const char *s, size_t len, size_t labels_min)
{
	size_t i, start = 0, n_labels = 0;
	const char *last, *why;

	for (i = 0; i <= len; i++) {
		if (i < len && s[i] != '.')
			continue;
		why = why_bad_label(s + start, i - start);
		if (why)
			return why;
		n_labels++;
		last = s + start;
		start = i + 1;
	}
	if (n_labels < labels_min)
		return "is a single label; accepted is a name below a top-level domain, e.g. example.com";
	/* No top-level domain is all digits (RFC 3696 section 2): 1.2.3 is a mistyped address. */
	if (strspn(last, "0123456789") == (size_t)(s + len - last))
		return "ends in a number, as an address does; accepted is a host name such as api.example.com";
	return NULL;
}

static const char *canon(const char *in, size_t len, unsigned int flags, char *buf)
{
	size_t i, skip = 0;

	if (len == 0)
		return "is empty; accepted is a host name such as api.example.com";
	if (is_ip_literal(in, len))
		return "is an IP address; accepted is a host name (addresses go into CIDR lists)";
	if (len > 2 && in[0] == '*' && in[1] == '.') {
		if (!(flags & DBX_NAME_WILDCARD_OK))
			return "is a wildcard; accepted here is the full host name, e.g. api.example.com";
		skip = 2;
	}
	if (in[len - 1] == '.' && len > skip + 1)
		len--;
	if (len > DBX_NAME_MAX)
		return "is longer than 253 characters; accepted is a host name such as api.example.com";
	for (i = 0; i < len; i++) {
		buf[i] = lower(in[i]);
		if (i >= skip && buf[i] != '.' && !is_label_char(buf[i]))
			return why_bad_char(in, len);
	}
	buf[len] = '\0';
	return why_bad_labels(buf + skip, len - skip, flags & DBX_NAME_SINGLE_OK ? 1 : 2);
}

int dbx_name_canon_n(const char *in, size_t len, unsigned int flags, char out[DBX_NAME_SIZE],
		     const char **why)
{
	char buf[DBX_NAME_SIZE];
	const char *bad;

	bad = canon(in, len, flags, buf);
	if (bad) {
		if (why)
			*why = bad;
		return -EINVAL;
	}
	strcpy(out, buf);
	return 0;
}

bool dbx_name_match(const char *pattern, const char *name)
{
	size_t n = strlen(name), k;

	if (pattern[0] != '*' || pattern[1] != '.')
		return strcmp(pattern, name) == 0;
	k = strlen(pattern + 1); /* ".x": the dot makes it whole labels */
	return n > k && strcmp(name + n - k, pattern + 1) == 0;
}
