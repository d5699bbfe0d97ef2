/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench.h -- what benchmarks share: prefixes, traffic, time, and the line of a result.
 *
 * Everything random comes from one seed, so two runs do the same work.
 */
#ifndef DBX_TESTS_BENCH_H
#define DBX_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/imgbuf.h"

#define BENCH_CLASSES 2000u

/* addr: the number of an address of either family; a host's length is 32 or 128. */
struct bench_prefix {
	dbx_wide addr;
	uint32_t class_id;
	uint8_t len;
};

struct bench_prefixes {
	struct bench_prefix *v; /* sorted by address, then length; no two the same */
	size_t n;
	bool is_v6;
};

uint32_t bench_rnd(uint32_t n);
double bench_now_s(void);
double bench_median(double *v, size_t n); /* sorts v */

/*
 * n prefixes like those of service tags: crowded into few blocks. IPv4: /20../32 in 600 blocks of
 * /14; IPv6: /32../128 in 2,000 blocks of /32.
 */
struct bench_prefixes bench_prefixes_make(size_t n, bool is_v6);
/* The prefixes of a family in a feed file of rules/feeds, each once. n = 0: not readable. */
struct bench_prefixes bench_prefixes_read(const char *path, bool is_v6);
void bench_prefixes_fini(struct bench_prefixes *p);

/* What longest-prefix matching makes of the address space; malloc'ed. */
struct dbx_interval *bench_intervals(const struct bench_prefixes *p, size_t *n);
uint32_t bench_find(const struct dbx_interval *v, size_t n, dbx_wide addr);
/*
 * An image whose destination table of that family is the intervals; malloc'ed. It blocks all that
 * comes from 10.66.1.0/24 by interface ws1.
 */
void *bench_image(const struct dbx_interval *v, size_t n, bool is_v6, size_t *n_bytes);

dbx_wide bench_inside(const struct bench_prefixes *p); /* an address of a random prefix */
/* Addresses of p, which are hosts, by Zipf's law with exponent 1.05. */
void bench_zipf(const struct bench_prefixes *p, dbx_wide *out, size_t n);
/* Uniform: 70 % in a random prefix, 30 % anywhere. Zipf: exponent 1.05 over 16,384 of those. */
void bench_traffic(const struct bench_prefixes *p, bool zipf, dbx_wide *out, size_t n);

#endif
