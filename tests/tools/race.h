/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * race.h -- the world of the race soak, as its client, its server and tests/netns/race_dns.py know it.
 *
 * Names wN.race.test, cN.race.test (an alias) and eN.exact.test are allowed, each with 8 addresses of
 * RACE_ADDRS that change with every answer; never*.race.test is allowed and nobody asks for it;
 * *.barred.test is not. What lies behind the pool is reachable, and no name has it.
 */
#ifndef DBX_TESTS_RACE_H
#define DBX_TESTS_RACE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RACE_PORT   443
#define RACE_ADDRS  4000u /* the pool: 198.18.0.0 + i, 2001:db8:18:: + i */
#define RACE_NET4   0xc6120000u
#define RACE_BEHIND 4096u /* i of the first address that no name has */

static inline bool race_is_v4(const struct sockaddr_in6 *a)
{
	return a->sin6_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);
}

/* Which of the pool an address is; UINT32_MAX: none. */
static inline uint32_t race_index(const struct sockaddr_in6 *a)
{
	static const uint8_t net6[12] = {0x20, 1, 0x0d, 0xb8, 0, 0x18};
	const uint8_t *b = a->sin6_addr.s6_addr;
	uint32_t low = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];

	if (race_is_v4(a))
		return low - RACE_NET4;
	return memcmp(b, net6, 12) ? UINT32_MAX : low;
}

static inline bool race_addr_is_barred(const struct sockaddr_in6 *local)
{
	return race_index(local) >= RACE_ADDRS;
}

/* Workload 2, and of workload 1 the second address: none of their trials may pass. */
static inline bool race_source_is_barred(const struct sockaddr_in6 *peer)
{
	const uint8_t *b = peer->sin6_addr.s6_addr;

	if (race_is_v4(peer))
		return b[14] == 2 || b[15] == 66;
	return b[3] == 2 || b[15] == 0x66;
}

static inline bool race_ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && !strcmp(s + n - m, end);
}

static inline bool race_name_may_pass(const char *name)
{
	return (race_ends_with(name, ".race.test") && strncmp(name, "never", 5) != 0) ||
	       race_ends_with(name, ".exact.test");
}

static inline void race_addr_text(const struct sockaddr_in6 *a, char text[INET6_ADDRSTRLEN])
{
	if (race_is_v4(a))
		inet_ntop(AF_INET, a->sin6_addr.s6_addr + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &a->sin6_addr, text, INET6_ADDRSTRLEN);
}

#endif
