/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rawcase.h -- what tests of packets that the daemon writes share: flows by their text, and sums.
 */
#ifndef DBX_TESTS_RAWCASE_H
#define DBX_TESTS_RAWCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dbx/names.h"

static inline struct dbx_flow_key key_of(uint8_t proto, const char *src, uint16_t sport,
					 const char *dst, uint16_t dport)
{
	struct dbx_flow_key k = {.sport = sport, .dport = dport, .proto = proto};
	uint32_t *const at[2] = {k.src, k.dst};
	const char *const text[2] = {src, dst};
	uint8_t a[16];

	for (int i = 0; i < 2; i++) {
		bool v6 = strchr(text[i], ':');

		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, text[i], a), 1);
		at[i][2] = v6 ? 0 : 0xffff;
		for (int w = v6 ? 0 : 3, b = 0; w < 4; w++, b += 4)
			at[i][w] = (uint32_t)a[b] << 24 | (uint32_t)a[b + 1] << 16 |
				   (uint32_t)a[b + 2] << 8 | a[b + 3];
	}
	return k;
}

/* RFC 1071: the sum over data with its checksum is all ones. */
static inline uint16_t ones(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

#endif
