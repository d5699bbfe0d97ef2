/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * naive.h -- a second, plain reading of the clouds' range files, to compare the real one with.
 *
 * Own JSON access, inet_pton for addresses, a flat list of (prefix, tag), and a sweep over sorted
 * prefixes for the answers. Nothing of the readers, the model or the compiler is used.
 */
#ifndef DBX_TESTS_NAIVE_H
#define DBX_TESTS_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct naive_addr {
	bool is_v6;
	uint8_t a[16]; /* an IPv4 address lies in the first four */
};

struct naive_entry {
	struct naive_addr first, last;
	uint32_t tag;
};

struct naive_feeds {
	char **tags;
	size_t n_tags, cap_tags;
	struct naive_entry *v;
	size_t n, cap;
};

/* Adds one range file as text, of any of the four clouds. -1: something in it is not understood. */
int naive_add(struct naive_feeds *f, const char *text, size_t len);
void naive_fini(struct naive_feeds *f);

/*
 * For every entry the addresses just before, first, last and just after (where there are such), in
 * ascending order, calls visit() with the names of all tags that contain the address, sorted and
 * without duplicates. Only every step-th address when step > 1. Stops at the first non-zero return.
 */
typedef int (*naive_fn)(void *arg, const struct naive_addr *a, const char *const *tags, size_t n);
int naive_visit(const struct naive_feeds *f, size_t step, naive_fn visit, void *arg);

#endif
