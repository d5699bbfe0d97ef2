/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_addr.c -- random addresses and ports out of small universes.
 */
#include "common/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some stand next to each other, some with one between them: ranges join, or must not. */
static const uint16_t ports[] = {0,    1,    22,   23,   24,    53,    80,    443,   444,   446,
				 1023, 1024, 2048, 8443, 33024, 34559, 34816, 65533, 65534, 65535};

uint16_t gen_port(struct gen_rand *r)
{
	if (gen_percent(r, 4))
		return (uint16_t)gen_next(r);
	return (uint16_t)(ports[gen_below(r, sizeof(ports) / sizeof(*ports))] +
			  (gen_percent(r, 15) ? gen_below(r, 3) - 1 : 0));
}

/* Regions at which the tables split (16 and 32 bit borders), and those that no policy opens. */
static const char *const hot4[] = {
	"10.1.0.0",        "10.1.0.0",   "10.1.255.224",    "10.2.0.0",        "10.1.0.64",
	"192.0.2.0",       "100.64.0.0", "127.255.255.224", "169.254.169.224", "224.0.0.0",
	"255.255.255.224", "0.0.0.0",    "9.255.255.224",   "168.63.129.0"};
static const char *const hot6[] = {"fd66::",
				   "fd66::",
				   "fd66:0:0:1::",
				   "fd66:ffff:ffff:ffff:ffff:ffff:ffff:ffe0",
				   "2001:db8::",
				   "2001:db8:0:0:ffff:ffff:ffff:ffe0",
				   "2001:db8:0:0:0:1::",
				   "2001:db8::ffff:ffe0",
				   "2001:db8:0:1::",
				   "fe80::",
				   "ff02::",
				   "::",
				   "::ffff:0:0",
				   "fd00:ec2::240",
				   "100::"};

struct pkt_addr gen_addr(struct gen_rand *r, bool is_v6)
{
	struct pkt_addr a;
	int last = is_v6 ? 15 : 3;

	if (is_v6)
		pkt_addr_parse(hot6[gen_below(r, sizeof(hot6) / sizeof(*hot6))], &a);
	else
		pkt_addr_parse(hot4[gen_below(r, sizeof(hot4) / sizeof(*hot4))], &a);
	a.a[last] ^= (uint8_t)gen_below(r, 32);
	if (gen_percent(r, 10))
		a.a[gen_below(r, (uint32_t)last + 1)] ^= (uint8_t)(1u << gen_below(r, 8));
	return a;
}

/* One more or one less, without a border between families. */
static void step(struct pkt_addr *a, bool up)
{
	for (int i = a->is_v6 ? 15 : 3; i >= 0; i--) {
		a->a[i] = (uint8_t)(a->a[i] + (up ? 1 : -1));
		if (a->a[i] != (up ? 0 : 255))
			break;
	}
}

static void host_bits(struct gen_rand *r, const struct gen_prefix *p, int how, struct pkt_addr *a)
{
	int n_bits = a->is_v6 ? 128 : 32;

	for (int bit = p->len; bit < n_bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> (bit & 7));
		bool set = how == 1 || (how == 2 && (gen_next(r) >> 40 & 1));

		a->a[bit / 8] = (uint8_t)(set ? a->a[bit / 8] | mask : a->a[bit / 8] & ~mask);
	}
}

struct pkt_addr gen_addr_in(struct gen_rand *r, const struct gen_prefix *p)
{
	struct pkt_addr a = p->addr;

	host_bits(r, p, (int)gen_below(r, 3), &a);
	return a;
}

struct pkt_addr gen_addr_at(struct gen_rand *r, const struct gen_prefix *p)
{
	struct pkt_addr a = p->addr;

	switch (gen_below(r, 8)) {
	case 0: /* just before */
		host_bits(r, p, 0, &a);
		step(&a, false);
		break;
	case 1: /* just after */
		host_bits(r, p, 1, &a);
		step(&a, true);
		break;
	case 2:
	case 3:
		host_bits(r, p, 0, &a);
		break;
	case 4:
		host_bits(r, p, 1, &a);
		break;
	default:
		host_bits(r, p, 2, &a);
		break;
	}
	return a;
}

uint64_t gen_seed(const char *what)
{
	const char *s = getenv("DBX_SEED");
	struct timespec now;
	struct gen_rand r;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	r.state = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec;
	seed = s && *s ? strtoull(s, NULL, 0) : gen_next(&r) >> 16;
	printf("%s: DBX_SEED=%llu\n", what, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}
