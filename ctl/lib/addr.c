// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * addr.c -- IP addresses and prefixes of both families: text, order, containment.
 */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int dbx_addr_parse(const char *s, struct dbx_addr *out)
{
	struct dbx_addr a = {0};

	/* inet_pton is strict where it matters: no leading zeros in a quad, no blanks, no zone. */
	a.is_v6 = strchr(s, ':') != NULL;
	if (inet_pton(a.is_v6 ? AF_INET6 : AF_INET, s, a.a) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

char *dbx_addr_format(const struct dbx_addr *a, char buf[DBX_ADDR_STRLEN])
{
	inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->a, buf, DBX_ADDR_STRLEN);
	return buf;
}

char *dbx_endpoint_format(const struct dbx_addr *a, uint16_t port, char buf[DBX_ENDPOINT_STRLEN])
{
	char addr[DBX_ADDR_STRLEN];

	snprintf(buf, DBX_ENDPOINT_STRLEN, a->is_v6 ? "[%s]:%u" : "%s:%u", dbx_addr_format(a, addr),
		 port);
	return buf;
}

char *dbx_prefix_format(const struct dbx_prefix *p, char buf[DBX_PREFIX_STRLEN])
{
	char addr[DBX_ADDR_STRLEN];

	snprintf(buf, DBX_PREFIX_STRLEN, "%s/%u", dbx_addr_format(&p->addr, addr), p->len);
	return buf;
}

/* 1 to 3 digits without a leading zero, at most max; -1 for anything else. */
static int parse_len(const char *s, unsigned int max)
{
	unsigned int n = 0;
	size_t i;

	if (s[0] == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -1;
	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] < '0' || s[i] > '9' || i == 3)
			return -1;
		n = n * 10 + (unsigned int)(s[i] - '0');
	}
	return n <= max ? (int)n : -1;
}

/* Clear the bits right of len; true when one was set. */
static bool clear_host_bits(struct dbx_addr *a, unsigned int len)
{
	unsigned int i, n_bytes = dbx_addr_bits(a) / 8;
	bool was_set = false;

	for (i = 0; i < n_bytes; i++) {
		unsigned int keep = len > i * 8 ? len - i * 8 : 0;
		uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00u >> keep);

		was_set |= (a->a[i] & ~mask) != 0;
		a->a[i] &= mask;
	}
	return was_set;
}

int dbx_prefix_parse(const char *s, unsigned int flags, struct dbx_prefix *out)
{
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	char text[DBX_ADDR_STRLEN];
	struct dbx_prefix p;
	int len;

	if (n >= sizeof(text))
		return DBX_PREFIX_NOT_ADDR;
	memcpy(text, s, n);
	text[n] = '\0';
	if (dbx_addr_parse(text, &p.addr))
		return DBX_PREFIX_NOT_ADDR;
	if (!slash && !(flags & DBX_PREFIX_BARE_OK))
		return DBX_PREFIX_NO_LEN;
	len = slash ? parse_len(slash + 1, dbx_addr_bits(&p.addr)) : dbx_addr_bits(&p.addr);
	if (len < 0)
		return DBX_PREFIX_BAD_LEN;
	p.len = (uint8_t)len;
	if (clear_host_bits(&p.addr, p.len) && !(flags & DBX_PREFIX_CLEAR_HOST_BITS))
		return DBX_PREFIX_HOST_BITS;
	*out = p;
	return 0;
}

const char *dbx_prefix_why(int err)
{
	switch (err) {
	case DBX_PREFIX_NOT_ADDR:
		return "is not an IP prefix; accepted are 192.0.2.0/24 and 2001:db8::/32";
	case DBX_PREFIX_BAD_LEN:
		return "has a bad prefix length; accepted are 0 to 32 for IPv4 and 0 to 128 for IPv6";
	case DBX_PREFIX_NO_LEN:
		return "has no prefix length; write /32 for one IPv4 address, /128 for one IPv6 address";
	case DBX_PREFIX_HOST_BITS:
		return "has address bits set beyond its prefix length; clear them or lengthen the prefix";
	default:
		return "is a valid prefix";
	}
}

int dbx_addr_cmp(const struct dbx_addr *x, const struct dbx_addr *y)
{
	if (x->is_v6 != y->is_v6)
		return x->is_v6 ? 1 : -1;
	return memcmp(x->a, y->a, sizeof(x->a));
}

int dbx_prefix_cmp(const struct dbx_prefix *x, const struct dbx_prefix *y)
{
	int d = dbx_addr_cmp(&x->addr, &y->addr);

	return d ? d : (int)x->len - (int)y->len;
}

struct dbx_addr dbx_prefix_first(const struct dbx_prefix *p)
{
	return p->addr;
}

struct dbx_addr dbx_prefix_last(const struct dbx_prefix *p)
{
	struct dbx_u128 n = dbx_addr_to_u128(&p->addr);
	struct dbx_u128 host = dbx_u128_low_bits(dbx_addr_bits(&p->addr) - p->len);

	n.hi |= host.hi;
	n.lo |= host.lo;
	return dbx_addr_from_u128(n, p->addr.is_v6);
}

bool dbx_prefix_contains(const struct dbx_prefix *p, const struct dbx_addr *a)
{
	struct dbx_addr masked = *a;

	if (p->addr.is_v6 != a->is_v6)
		return false;
	clear_host_bits(&masked, p->len);
	return memcmp(masked.a, p->addr.a, sizeof(masked.a)) == 0;
}

bool dbx_prefix_covers(const struct dbx_prefix *outer, const struct dbx_prefix *inner)
{
	return outer->len <= inner->len && dbx_prefix_contains(outer, &inner->addr);
}

bool dbx_prefix_overlaps(const struct dbx_prefix *x, const struct dbx_prefix *y)
{
	return dbx_prefix_covers(x, y) || dbx_prefix_covers(y, x);
}

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static void store_be64(uint8_t *p, uint64_t n)
{
	int i;

	for (i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

struct dbx_u128 dbx_addr_to_u128(const struct dbx_addr *a)
{
	struct dbx_u128 n = {.hi = load_be64(a->a), .lo = load_be64(a->a + 8)};

	return a->is_v6 ? n : (struct dbx_u128){.lo = n.hi >> 32};
}

struct dbx_addr dbx_addr_from_u128(struct dbx_u128 n, bool is_v6)
{
	struct dbx_addr a = {.is_v6 = is_v6};

	if (!is_v6)
		return dbx_addr_v4((uint32_t)n.lo);
	store_be64(a.a, n.hi);
	store_be64(a.a + 8, n.lo);
	return a;
}

bool dbx_addr_next(const struct dbx_addr *a, struct dbx_addr *out)
{
	struct dbx_u128 n = dbx_addr_to_u128(a);

	if (dbx_u128_cmp(n, dbx_u128_low_bits(dbx_addr_bits(a))) == 0)
		return false;
	*out = dbx_addr_from_u128(dbx_u128_add(n, (struct dbx_u128){0, 1}), a->is_v6);
	return true;
}

bool dbx_addr_prev(const struct dbx_addr *a, struct dbx_addr *out)
{
	struct dbx_u128 n = dbx_addr_to_u128(a);

	if (n.hi == 0 && n.lo == 0)
		return false;
	*out = dbx_addr_from_u128(dbx_u128_sub(n, (struct dbx_u128){0, 1}), a->is_v6);
	return true;
}
