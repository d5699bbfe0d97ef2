/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_way.h -- what the tests of marks, quotas, answers, tunnels and fast forward share: an image of
 * one outcome that says how packets leave, and frames run through the program that is attached in
 * production, with what became of them.
 */
#ifndef DBX_TESTS_DP_WAY_H
#define DBX_TESTS_DP_WAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/bpfrun.h"
#include "common/pkt.h"
#include "common/tinyimg.h"
#include "dbx/program.h"

struct way_opts {
	uint8_t verdict, reason;
	uint8_t path; /* 0: NAT */
	uint32_t marks[3];
	bool reject;
	uint32_t reject_per_s;
	struct dbx_quota quota; /* of no limits: none */
	uint32_t flags;         /* of the header */
	const char *interface;  /* of the source; NULL = any */
	uint16_t vxlan_port, geneve_port;
	bool refuse_remotes;
	uint8_t outcome_flags;
	uint32_t domain;     /* the only one that the source is in; 0 = any */
	uint32_t name_ports; /* enum dbx_name_port of every port */
};

static inline void *way_section(struct dbx_image_header *hdr, enum dbx_section_id id)
{
	return (uint8_t *)hdr + hdr->sec[id].offset;
}

static inline void way_put_quota(struct dbx_image_header *hdr, struct dbx_binding *b,
				 const struct dbx_quota *q)
{
	struct dbx_section *s = &hdr->sec[DBX_SEC_QUOTAS];

	if (!q->bytes_per_s && !q->flows_per_s)
		return;
	s->chunk = hdr->sec[DBX_SEC_OUTCOMES].chunk + 1;
	s->offset = (uint64_t)s->chunk << DBX_CHUNK_SHIFT;
	s->n_items = 1;
	s->n_bytes = sizeof(*q);
	*(struct dbx_quota *)way_section(hdr, DBX_SEC_QUOTAS) = *q;
	((struct dbx_quota *)way_section(hdr, DBX_SEC_QUOTAS))->workspace_id = TINYIMG_WORKSPACE;
	b->quota = 1;
}

/* Owner run 1: only this domain has the binding. */
static inline void way_put_domain(struct dbx_image_header *hdr, uint32_t domain)
{
	struct dbx_run32 *run = way_section(hdr, DBX_SEC_RUNS32);

	if (!domain)
		return;
	hdr->sec[DBX_SEC_RUNS32].n_items = 4;
	hdr->sec[DBX_SEC_RUNS32].n_bytes = 4 * sizeof(*run);
	run[1] = (struct dbx_run32){2, DBX_LEAF}; /* three entries */
	run[2] = (struct dbx_run32){domain, DBX_LEAF | 1};
	run[3] = (struct dbx_run32){domain + 1, DBX_LEAF};
}

static inline void *way_image(const struct way_opts *o, size_t *n)
{
	struct tinyimg t = {.generation = 3,
			    .verdict = o->verdict,
			    .reason = o->reason,
			    .interface = o->interface};
	struct dbx_image_header *hdr = tinyimg_new(&t, n);
	struct dbx_outcome *out;
	struct dbx_binding *b;

	assert_non_null(hdr);
	b = way_section(hdr, DBX_SEC_BINDINGS);
	out = way_section(hdr, DBX_SEC_OUTCOMES);
	out[1].flags |= o->outcome_flags;
	if (o->path)
		out[1].path = o->path;
	if (o->reject)
		b->flags |= DBX_BINDING_F_REJECT;
	memcpy(((struct dbx_profile *)way_section(hdr, DBX_SEC_PROFILES))->marks, o->marks,
	       sizeof(o->marks));
	way_put_quota(hdr, b, &o->quota);
	way_put_domain(hdr, o->domain);
	hdr->reject_per_s = o->reject_per_s;
	hdr->name_flags = o->flags;
	hdr->name_ports = DBX_LEAF | o->name_ports;
	hdr->vxlan_port = o->vxlan_port;
	hdr->geneve_port = o->geneve_port;
	hdr->tunnel_local = DBX_LEAF | (o->vxlan_port || o->geneve_port);
	hdr->tunnel_remotes = DBX_LEAF;
	if (!o->refuse_remotes)
		hdr->tunnel_remotes |= DBX_TUNNEL_F_VXLAN | DBX_TUNNEL_F_GENEVE;
	tinyimg_seal(hdr, *n);
	return hdr;
}

/* ---- frames through the program ---- */

struct way {
	struct bpfrun *r;
	uint32_t action;
	uint8_t out[PKT_MAX + 256]; /* metadata in front */
	size_t n_out;
};

static struct way way;

static inline int way_open(void **state)
{
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
	return bpfrun_open(&way.r, NULL);
}

static inline int way_close(void **state)
{
	(void)state;
	bpfrun_close(&way.r);
	return 0;
}

static inline void way_use(const struct way_opts *o)
{
	size_t n;
	void *image = way_image(o, &n);

	assert_int_equal(bpfrun_set_image(way.r, image, n), 0);
	free(image);
}

static inline uint32_t way_send(const struct pkt *p, uint64_t port, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->n,
		    .data_out = way.out, .data_size_out = sizeof(way.out), .repeat = (int)repeat);
	uint32_t loopback = 1;

	assert_int_equal(
		bpf_map_update_elem(bpfrun_map_fd(way.r, DBX_MAP_PORTS), &loopback, &port, 0), 0);
	assert_int_equal(bpf_prog_test_run_opts(bpfrun_prog_fd(way.r), &opts), 0);
	way.action = opts.retval;
	way.n_out = opts.data_size_out;
	return way.action;
}

#define WAY_SEAL_BYTES 4

/* The frame at out is the one at in, sealed: an outer tag that only the companion takes off. */
static inline void way_assert_sealed(const uint8_t *out, const uint8_t *in, size_t n)
{
	static const uint8_t seal[WAY_SEAL_BYTES] = {0x81, 0x00, DBX_SEAL_TCI >> 8,
						     DBX_SEAL_TCI & 0xff};

	assert_memory_equal(out, in, 12);
	assert_memory_equal(out + 12, seal, sizeof(seal));
	assert_memory_equal(out + 12 + sizeof(seal), in + 12, n - 12);
}

static inline uint64_t way_total(enum dbx_reason reason, enum dbx_verdict verdict)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	assert_int_equal(bpfrun_totals(way.r, v), 0);
	return v[DBX_TOTAL_REASON_BASE + reason * DBX_VERDICT_MAX + verdict].packets;
}

static inline uint64_t way_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const uint8_t way_gateway[6] = {2, 0, 0, 0, 0, 1}, way_client[6] = {2, 0, 0, 0, 0, 2};

/* Ethernet, tag and IP from the workload to a server. */
static inline void way_begin(struct pkt *p, bool is_v6, uint16_t vlan)
{
	struct pkt_ip4 ip4 = PKT_IP4_INIT;
	struct pkt_ip6 ip6 = PKT_IP6_INIT;

	pkt_begin(p);
	pkt_eth(p, way_gateway, way_client, PKT_AUTO);
	if (vlan)
		pkt_vlan(p, 0x8100, vlan, PKT_AUTO);
	pkt_addr_parse(is_v6 ? "fd66:1::10" : "10.66.1.10", is_v6 ? &ip6.src : &ip4.src);
	pkt_addr_parse(is_v6 ? "2001:db8::7" : "203.0.113.7", is_v6 ? &ip6.dst : &ip4.dst);
	if (is_v6)
		pkt_ip6(p, &ip6);
	else
		pkt_ip4(p, &ip4);
}

static inline void way_udp(struct pkt *p, bool is_v6, uint16_t vlan, uint16_t sport, size_t n)
{
	way_begin(p, is_v6, vlan);
	pkt_udp(p, 17, sport, 9999, PKT_AUTO);
	pkt_fill(p, n);
	pkt_end(p);
}

static inline void way_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void way_tcp(struct pkt *p, bool is_v6, uint16_t vlan, uint8_t flags, uint32_t seq,
			   uint32_t ack, size_t n)
{
	size_t at;

	way_begin(p, is_v6, vlan);
	at = p->n;
	pkt_tcp(p, 40000, 443, PKT_AUTO, flags);
	way_put32(p->b + at + 4, seq);
	way_put32(p->b + at + 8, ack);
	pkt_fill(p, n);
	pkt_end(p);
}

#endif
