/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire.h -- what benchmarks share that send by wire.bpf.c: its variables, and the frame it is given.
 *
 * Who includes it says how it ends in die().
 */
#ifndef DBX_BENCH_WIRE_H
#define DBX_BENCH_WIRE_H

#include <stdint.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/pkt.h"

#define N_ADDRS (1u << 20)

struct wire {
	uint64_t n_sent, n_seen;
	uint32_t out_ifindex;
};

static struct bpf_object *obj;
static struct wire *wire;

static void die(const char *what);

static inline void *section(const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	void *p = mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(map), 0);

	if (p == MAP_FAILED)
		die(name);
	return p;
}

/* generate() writes the address over that of the frame. */
static inline void make_frame(struct pkt *p)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;
	uint8_t mac[6] = {2};

	pkt_addr_parse("10.66.1.10", &ip.src);
	pkt_addr_parse("192.0.2.1", &ip.dst);
	pkt_begin(p);
	pkt_eth(p, mac, mac, PKT_AUTO);
	pkt_ip4(p, &ip);
	pkt_udp(p, 17, 40000, 443, PKT_AUTO);
	pkt_fill(p, 18);
	pkt_end(p);
}

#endif
