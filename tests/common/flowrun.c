// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flowrun.c -- TCP flows through the kernel program, segment by segment, attached to nothing.
 *
 * The result of a packet is read where the program itself keeps it: in its scratch memory, which
 * begins with the packet and the result. A run stays on one CPU, so it is that CPU's.
 */
#include "common/flowrun.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "common/tinyimg.h"
#include "dbx/program.h"

static const uint8_t mac_gateway[6] = {2, 0, 0, 0, 0, 1}, mac_client[6] = {2, 0, 0, 0, 0, 2};

void *flowrun_make_image(const struct flowrun_opts *o, uint64_t policy_uid, size_t *n_bytes)
{
	struct tinyimg t = {.generation = 3, .reason = DBX_REASON_NAME_NOT_LEARNED};
	struct dbx_image_header *hdr;
	struct dbx_binding *b;
	struct dbx_outcome *out;

	if (o->dry_run)
		t.verdict = DBX_VERDICT_DRY_RUN;
	hdr = tinyimg_new(&t, n_bytes);
	if (!hdr)
		return NULL;
	hdr->name_ports = DBX_LEAF | o->kind;
	hdr->name_flags = o->name_flags;
	b = (void *)((uint8_t *)hdr + hdr->sec[DBX_SEC_BINDINGS].offset);
	b->policy_uid = policy_uid;
	out = (void *)((uint8_t *)hdr + hdr->sec[DBX_SEC_OUTCOMES].offset);
	out[1].flags |= DBX_OUTCOME_F_NAMES;
	tinyimg_seal(hdr, *n_bytes);
	return hdr;
}

int flowrun_image(struct flowrun *f, const struct flowrun_opts *o, uint64_t policy_uid)
{
	size_t n;
	void *image = flowrun_make_image(o, policy_uid, &n);
	int rc = image ? bpfrun_set_image(f->r, image, n) : -ENOMEM;

	f->o = *o;
	free(image);
	return rc;
}

static int pin_to_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int flowrun_open(struct flowrun *f, const struct flowrun_opts *o)
{
	uint32_t zero = 0;
	int rc = pin_to_one_cpu();

	memset(f, 0, sizeof(*f));
	f->secret = (struct dbx_secret){{123456789, 987654321}};
	f->sport = 20000;
	if (!rc)
		rc = bpfrun_open(&f->r, NULL);
	if (!rc)
		rc = bpf_map_update_elem(bpfrun_map_fd(f->r, DBX_MAP_SECRETS), &zero, &f->secret,
					 0);
	if (!rc)
		rc = flowrun_image(f, o, FLOWRUN_POLICY);
	flowrun_next(f);
	return rc;
}

void flowrun_close(struct flowrun *f)
{
	bpfrun_close(&f->r);
}

static void addresses(const struct flowrun *f, struct pkt_addr *src, struct pkt_addr *dst)
{
	pkt_addr_parse(f->o.is_v6 ? "fd66:1::10" : "10.66.1.10", src);
	pkt_addr_parse(f->o.is_v6 ? "2001:db8::7" : "203.0.113.7", dst);
}

static void words(const struct pkt_addr *a, uint32_t out[4])
{
	const uint8_t *p = a->a;
	int i;

	if (!a->is_v6) {
		out[0] = out[1] = 0;
		out[2] = 0xffff;
		out[3] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		return;
	}
	for (i = 0; i < 4; i++, p += 4)
		out[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int flowrun_learn(struct flowrun *f, uint64_t policy_uid, const char *name, int seconds)
{
	uint64_t expires = now_ns() + (uint64_t)((int64_t)seconds * 1000000000);
	struct dbx_learned_key lk = {.policy_uid = policy_uid};
	struct dbx_bound_key bk = {.policy_uid = policy_uid};
	struct dbx_learned l = {.expires_ns = now_ns() + 3600000000000ull};
	struct dbx_bound b = {.expires_ns = expires, .rule_uid = FLOWRUN_RULE};
	struct dbx_hash h = {{0, 0}};
	struct pkt_addr src, dst;
	int rc;

	addresses(f, &src, &dst);
	words(&dst, lk.addr);
	words(&dst, bk.addr);
	while (name && *name)
		dbx_hash_byte(&h, &f->secret, (uint8_t)*name++);
	bk.name = dbx_hash_value(&h);
	rc = bpf_map_update_elem(bpfrun_map_fd(f->r, DBX_MAP_LEARNED), &lk, &l, 0);
	return rc ? rc : bpf_map_update_elem(bpfrun_map_fd(f->r, DBX_MAP_BOUND), &bk, &b, 0);
}

void flowrun_next(struct flowrun *f)
{
	f->sport = f->sport == 60000 ? 20000 : f->sport + 1;
	f->isn = FLOWRUN_ISN;
	f->ack = 0x01020304;
}

static void ip_frame(const struct flowrun *f, struct pkt *p, bool back)
{
	struct pkt_ip4 ip4 = PKT_IP4_INIT;
	struct pkt_ip6 ip6 = PKT_IP6_INIT;
	struct pkt_addr src, dst, t;

	addresses(f, &src, &dst);
	if (back) {
		t = src;
		src = dst;
		dst = t;
	}
	ip4.src = ip6.src = src;
	ip4.dst = ip6.dst = dst;
	pkt_begin(p);
	pkt_eth(p, back ? mac_client : mac_gateway, back ? mac_gateway : mac_client, PKT_AUTO);
	if (f->o.vlan)
		pkt_vlan(p, 0x8100, f->o.vlan, PKT_AUTO);
	if (f->o.is_v6)
		pkt_ip6(p, &ip6);
	else
		pkt_ip4(p, &ip4);
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void run(struct flowrun *f)
{
	struct {
		struct dbx_pkt pkt __attribute__((aligned(8)));
		struct dbx_result res;
	} * v;
	uint32_t zero = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->sent.b,
		    .data_size_in = (uint32_t)f->sent.n, .data_out = f->out,
		    .data_size_out = sizeof(f->out));
	char *all;

	if (bpf_prog_test_run_opts(bpfrun_prog_fd(f->r), &opts))
		abort();
	f->action = opts.retval;
	f->n_out = opts.data_size_out;
	all = malloc(8192 * (size_t)libbpf_num_possible_cpus());
	if (!all || bpf_map_lookup_elem(bpfrun_map_fd(f->r, DBX_MAP_SCRATCH), &zero, all))
		abort();
	v = (void *)all;
	f->res = v->res;
	free(all);
}

bool flowrun_send(struct flowrun *f, uint8_t flags, uint32_t off, const void *data, size_t n)
{
	struct pkt *p = &f->sent;
	size_t at;

	ip_frame(f, p, false);
	at = p->n;
	pkt_tcp(p, f->sport, 443, PKT_AUTO, flags);
	put32(p->b + at + 4, f->isn + off - !!(flags & SYN));
	put32(p->b + at + 8, f->ack);
	pkt_raw(p, data, n);
	pkt_end(p);
	run(f);
	return f->action == XDP_PASS && f->res.verdict != DBX_VERDICT_DROP;
}

bool flowrun_udp(struct flowrun *f, const void *data, size_t n)
{
	ip_frame(f, &f->sent, false);
	pkt_udp(&f->sent, 17, f->sport, 443, PKT_AUTO);
	pkt_raw(&f->sent, data, n);
	pkt_end(&f->sent);
	run(f);
	return f->action == XDP_PASS && f->res.verdict != DBX_VERDICT_DROP;
}

static bool send_back(struct flowrun *f, uint8_t flags, uint32_t seq, uint32_t ack,
		      const void *data, size_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct pkt p;
	size_t at;

	ip_frame(f, &p, true);
	at = p.n;
	pkt_tcp(&p, 443, f->sport, PKT_AUTO, flags);
	put32(p.b + at + 4, seq);
	put32(p.b + at + 8, f->isn + ack);
	pkt_raw(&p, data, n);
	pkt_end(&p);
	opts.data_in = p.b;
	opts.data_size_in = (uint32_t)p.n;
	if (bpf_prog_test_run_opts(bpfrun_program(f->r, "egress_back"), &opts))
		abort();
	return (int)opts.retval == TC_ACT_UNSPEC;
}

void flowrun_back(struct flowrun *f, uint8_t flags, uint32_t off)
{
	if (!send_back(f, flags, f->ack - !!(flags & SYN), off, NULL, 0))
		abort();
}

bool flowrun_answer(struct flowrun *f, uint32_t ack, uint32_t off, const void *data, size_t n)
{
	return send_back(f, ACK | PSH, f->ack + off, ack, data, n);
}

void flowrun_server_hello(uint8_t out[FLOWRUN_ANSWER], bool retry)
{
	/* RFC 8446 section 4.1.3 */
	static const uint8_t random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
					   0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
					   0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
					   0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	static const uint8_t head[11] = {
		22, 3, 3, 0, FLOWRUN_ANSWER - 5, 2, 0, 0, FLOWRUN_ANSWER - 9, 3, 3};

	memset(out, 0x5a, FLOWRUN_ANSWER);
	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), random, sizeof(random));
	if (!retry)
		out[sizeof(head) + sizeof(random) - 1] ^= 1;
}

void flowrun_begin(struct flowrun *f)
{
	if (!flowrun_send(f, SYN, 0, NULL, 0))
		abort();
	flowrun_back(f, SYN | ACK, 0);
	if (!flowrun_send(f, ACK, 0, NULL, 0))
		abort();
}

void flowrun_key(const struct flowrun *f, struct dbx_flow_key *key)
{
	struct pkt_addr src, dst;

	addresses(f, &src, &dst);
	memset(key, 0, sizeof(*key));
	words(&src, key->src);
	words(&dst, key->dst);
	key->domain = f->o.vlan;
	key->sport = f->sport;
	key->dport = 443;
	key->proto = f->o.kind == DBX_NAME_PORT_QUIC ? 17 : 6;
}

bool flowrun_get(struct flowrun *f, struct dbx_flow *out)
{
	struct dbx_flow_slot slot;
	struct dbx_flow_key key;

	flowrun_key(f, &key);
	if (bpf_map_lookup_elem(bpfrun_map_fd(f->r, DBX_MAP_FLOWS), &key, &slot))
		return false;
	*out = slot.flow;
	return true;
}

void flowrun_forget(struct flowrun *f)
{
	struct dbx_flow_key key;

	while (!bpf_map_get_next_key(bpfrun_map_fd(f->r, DBX_MAP_FLOWS), NULL, &key))
		bpf_map_delete_elem(bpfrun_map_fd(f->r, DBX_MAP_FLOWS), &key);
	while (!bpf_map_get_next_key(bpfrun_map_fd(f->r, DBX_MAP_HELLOS), NULL, &key))
		bpf_map_delete_elem(bpfrun_map_fd(f->r, DBX_MAP_HELLOS), &key);
}
