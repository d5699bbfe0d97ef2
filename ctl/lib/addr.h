/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * addr.h -- IP addresses and prefixes of both families: text, order, containment.
 *
 * An address is kept in network byte order; an IPv4 address lies in a[0..3] and the other bytes are
 * zero, so equal addresses are equal bytes. IPv4-mapped IPv6 addresses stay IPv6.
 */
#ifndef DBX_LIB_ADDR_H
#define DBX_LIB_ADDR_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct dbx_addr {
	uint8_t is_v6;
	uint8_t a[16];
};

struct dbx_prefix {
	struct dbx_addr addr; /* no host bits set */
	uint8_t len;          /* 0..32 or 0..128 */
};

/* An unsigned number of 128 bits; an IPv4 address is its 32-bit value. */
struct dbx_u128 {
	uint64_t hi;
	uint64_t lo;
};

/* What dbx_prefix_parse can find wrong, each an errno of its own. */
enum dbx_prefix_err {
	DBX_PREFIX_NOT_ADDR = -EINVAL,         /* the part before "/" is no IP address */
	DBX_PREFIX_BAD_LEN = -ERANGE,          /* not a decimal number of 0..32 or 0..128 */
	DBX_PREFIX_NO_LEN = -ENODATA,          /* no "/", and DBX_PREFIX_BARE_OK not given */
	DBX_PREFIX_HOST_BITS = -EADDRNOTAVAIL, /* address bits set right of the length */
};

enum dbx_prefix_flags {
	DBX_PREFIX_BARE_OK = 1 << 0,         /* an address alone is a /32 or /128 */
	DBX_PREFIX_CLEAR_HOST_BITS = 1 << 1, /* accept host bits, and clear them */
};

#define DBX_ADDR_STRLEN   46 /* longest text of an address with its NUL */
#define DBX_PREFIX_STRLEN 50

/* 0 or -EINVAL. Strict: dotted quad without leading zeros, or RFC 4291 text without a zone. */
int dbx_addr_parse(const char *s, struct dbx_addr *out);
/* Both return buf; IPv6 as in RFC 5952. */
char *dbx_addr_format(const struct dbx_addr *a, char buf[DBX_ADDR_STRLEN]);
char *dbx_prefix_format(const struct dbx_prefix *p, char buf[DBX_PREFIX_STRLEN]);

/* "192.0.2.1:53", "[2001:db8::1]:53"; returns buf. */
#define DBX_ENDPOINT_STRLEN (DBX_ADDR_STRLEN + 8)
char *dbx_endpoint_format(const struct dbx_addr *a, uint16_t port, char buf[DBX_ENDPOINT_STRLEN]);

/* 0 or an enum dbx_prefix_err. */
int dbx_prefix_parse(const char *s, unsigned int flags, struct dbx_prefix *out);
/* A constant sentence with the accepted form for an error of dbx_prefix_parse. */
const char *dbx_prefix_why(int err);

/* IPv4 sorts before IPv6; then by value. <0, 0, >0. */
int dbx_addr_cmp(const struct dbx_addr *x, const struct dbx_addr *y);
/* By first address, then the shorter (wider) first: a container sorts before what it contains. */
int dbx_prefix_cmp(const struct dbx_prefix *x, const struct dbx_prefix *y);

struct dbx_addr dbx_prefix_first(const struct dbx_prefix *p);
struct dbx_addr dbx_prefix_last(const struct dbx_prefix *p);
bool dbx_prefix_contains(const struct dbx_prefix *p, const struct dbx_addr *a);
/* True when every address of inner is in outer; equal prefixes cover each other. */
bool dbx_prefix_covers(const struct dbx_prefix *outer, const struct dbx_prefix *inner);
bool dbx_prefix_overlaps(const struct dbx_prefix *x, const struct dbx_prefix *y);

/* The neighbour in the same family; false (out untouched) past either end of the space. */
bool dbx_addr_next(const struct dbx_addr *a, struct dbx_addr *out);
bool dbx_addr_prev(const struct dbx_addr *a, struct dbx_addr *out);

static inline struct dbx_addr dbx_addr_v4(uint32_t host_order)
{
	return (struct dbx_addr){.a = {(uint8_t)(host_order >> 24), (uint8_t)(host_order >> 16),
				       (uint8_t)(host_order >> 8), (uint8_t)host_order}};
}

static inline uint8_t dbx_addr_bits(const struct dbx_addr *a)
{
	return a->is_v6 ? 128 : 32;
}

struct dbx_u128 dbx_addr_to_u128(const struct dbx_addr *a);
struct dbx_addr dbx_addr_from_u128(struct dbx_u128 n, bool is_v6);

static inline int dbx_u128_cmp(struct dbx_u128 x, struct dbx_u128 y)
{
	if (x.hi != y.hi)
		return x.hi < y.hi ? -1 : 1;
	return x.lo < y.lo ? -1 : x.lo > y.lo;
}

/* Both wrap around. */
static inline struct dbx_u128 dbx_u128_add(struct dbx_u128 x, struct dbx_u128 y)
{
	struct dbx_u128 r = {.hi = x.hi + y.hi, .lo = x.lo + y.lo};

	r.hi += r.lo < x.lo;
	return r;
}

static inline struct dbx_u128 dbx_u128_sub(struct dbx_u128 x, struct dbx_u128 y)
{
	return (struct dbx_u128){.hi = x.hi - y.hi - (x.lo < y.lo), .lo = x.lo - y.lo};
}

/* n low bits set; n of 0..128. */
static inline struct dbx_u128 dbx_u128_low_bits(unsigned int n)
{
	if (n == 0)
		return (struct dbx_u128){0, 0};
	if (n <= 64)
		return (struct dbx_u128){0, UINT64_MAX >> (64 - n)};
	return (struct dbx_u128){UINT64_MAX >> (128 - n), UINT64_MAX};
}

#endif
