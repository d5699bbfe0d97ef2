// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_tunnel.c -- VXLAN and Geneve frames through the program in production: judged by what is in
 * them, passed whole, and never asked for names. The verdicts themselves are in the vectors; on real
 * devices see test_dp_marks.c.
 */
#include "unit/dp_way.h"

#define VXLAN_PORT  4789
#define GENEVE_PORT 6081
#define VNI         0x123456u
#define POLICY      0x504f4c31ull

static const struct way_opts tunnelled = {
	.verdict = DBX_VERDICT_PASS,
	.reason = DBX_REASON_FULL_ACCESS,
	.vxlan_port = VXLAN_PORT,
	.geneve_port = GENEVE_PORT,
	.domain = DBX_DOMAIN_VNI | VNI,
};

/* The outside, and the Ethernet and IP headers of the inside. */
static void begin(struct pkt *p, bool is_geneve, uint32_t vni, uint16_t vlan)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;

	way_begin(p, false, 0);
	pkt_udp(p, 17, 50000, is_geneve ? GENEVE_PORT : VXLAN_PORT, PKT_AUTO);
	if (is_geneve)
		pkt_geneve(p, 0, 0x6558, vni, NULL, 0);
	else
		pkt_vxlan(p, 0x08000000, vni, 0);
	pkt_eth(p, way_gateway, way_client, PKT_AUTO);
	if (vlan)
		pkt_vlan(p, 0x8100, vlan, PKT_AUTO);
	pkt_addr_parse("10.1.1.1", &ip.src);
	pkt_addr_parse("198.51.100.9", &ip.dst);
	pkt_ip4(p, &ip);
}

static void frame(struct pkt *p, bool is_geneve, uint32_t vni, uint16_t dport)
{
	begin(p, is_geneve, vni, 0);
	pkt_udp(p, 17, 40000, dport, PKT_AUTO);
	pkt_fill(p, 40);
	pkt_end(p);
}

static void assert_denied_as(const struct pkt *p, enum dbx_reason reason)
{
	uint64_t before = way_total(reason, DBX_VERDICT_DROP);

	assert_int_equal(way_send(p, 0, 1), XDP_DROP);
	assert_int_equal(way_total(reason, DBX_VERDICT_DROP), before + 1);
}

static void test_judged_by_its_vni_and_passed_whole(void **state)
{
	struct dbx_result res;
	struct dbx_pkt pkt;
	struct pkt p;
	int geneve;

	(void)state;
	way_use(&tunnelled);
	for (geneve = 0; geneve < 2; geneve++) {
		frame(&p, geneve, VNI, 9999);
		assert_int_equal(way_send(&p, 0, 1), XDP_PASS);
		assert_int_equal(way.n_out, p.n);
		assert_memory_equal(way.out, p.b, p.n);
		assert_int_equal(bpfrun_frame(way.r, p.b, p.n, 0, &res, &pkt, NULL), 0);
		assert_int_equal(pkt.domain, DBX_DOMAIN_VNI | VNI);
		assert_int_equal(pkt.src[0], 0x0a010101);
		assert_int_equal(pkt.dst[0], 0xc6336409);
		assert_int_equal(pkt.dport, 9999);
		assert_int_equal(pkt.l4_offset, p.n - 48);
		frame(&p, geneve, VNI + 1, 9999);
		assert_denied_as(&p, DBX_REASON_UNKNOWN_SOURCE);
	}
	/* the same addresses outside of a tunnel are nobody's */
	way_udp(&p, false, 0, 40000, 20);
	assert_denied_as(&p, DBX_REASON_UNKNOWN_SOURCE);
}

static void test_what_is_wrong_with_the_tunnel(void **state)
{
	struct way_opts o = tunnelled;
	struct pkt p;

	(void)state;
	way_use(&o);
	begin(&p, false, VNI, 7);
	pkt_udp(&p, 17, 40000, 9999, PKT_AUTO);
	pkt_end(&p);
	assert_denied_as(&p, DBX_REASON_VLAN_DEPTH);
	frame(&p, false, VNI, 9999);
	p.b[14 + 20 + 8] = 0; /* no VNI */
	assert_denied_as(&p, DBX_REASON_BAD_TUNNEL);
	frame(&p, true, VNI, 9999);
	p.b[14 + 20 + 9] |= 0x40; /* options that must be understood */
	assert_denied_as(&p, DBX_REASON_BAD_TUNNEL);
	o.refuse_remotes = true;
	way_use(&o);
	frame(&p, true, VNI, 9999);
	assert_denied_as(&p, DBX_REASON_TUNNEL_REMOTE);
}

/* The mark goes in front of the outer frame; the host's device unpacks it. */
static void test_marked_outside(void **state)
{
	const struct dbx_meta *m = (const void *)way.out;
	struct way_opts o = tunnelled;
	struct pkt p;

	(void)state;
	o.marks[2] = DBX_MARK_PATH | 9;
	way_use(&o);
	frame(&p, true, VNI, 9999);
	assert_int_equal(way_send(&p, 0, 1), XDP_PASS);
	assert_int_equal(way.n_out, sizeof(*m) + WAY_SEAL_BYTES + p.n);
	assert_int_equal(m->what, DBX_META_MAGIC | DBX_META_MARK);
	assert_int_equal(m->mark, DBX_MARK_PATH | 9);
	way_assert_sealed(way.out + sizeof(*m), p.b, p.n);
}

static void test_no_names_inside(void **state)
{
	struct dbx_learned_key lk = {.policy_uid = POLICY, .addr = {0, 0, 0xffff, 0xc6336409}};
	struct dbx_learned l = {.expires_ns = UINT64_MAX};
	struct way_opts o = tunnelled;
	struct dbx_image_header *hdr;
	uint32_t zero = 0, ready = 1;
	struct pkt p;
	size_t n;

	(void)state;
	o.flags = DBX_NAMES_F_DNS;
	o.verdict = DBX_VERDICT_DROP;
	o.reason = DBX_REASON_NAME_NOT_LEARNED;
	o.outcome_flags = DBX_OUTCOME_F_NAMES;
	o.name_ports = DBX_NAME_PORT_TLS;
	hdr = way_image(&o, &n);
	((struct dbx_binding *)way_section(hdr, DBX_SEC_BINDINGS))->policy_uid = POLICY;
	assert_int_equal(bpfrun_set_image(way.r, hdr, n), 0);
	free(hdr);
	assert_int_equal(bpf_map_update_elem(bpfrun_map_fd(way.r, DBX_MAP_STEER), &zero, &ready, 0),
			 0);
	frame(&p, false, VNI, 53);
	assert_denied_as(&p, DBX_REASON_TUNNEL_NAME);
	frame(&p, false, VNI, 443);
	assert_denied_as(&p, DBX_REASON_NAME_NOT_LEARNED);
	assert_int_equal(bpf_map_update_elem(bpfrun_map_fd(way.r, DBX_MAP_LEARNED), &lk, &l, 0), 0);
	assert_denied_as(&p, DBX_REASON_TUNNEL_NAME);
}

/* Bytes are those of the frame on the wire; flows are those inside. */
static void test_quotas_inside(void **state)
{
	struct way_opts o = tunnelled;
	uint64_t id = TINYIMG_WORKSPACE, now = way_now();
	struct dbx_bucket b;
	struct pkt p;
	int fd;

	(void)state;
	o.quota = (struct dbx_quota){.bytes_per_s = 1000, .flows_per_s = 1, .burst_ms = 1};
	way_use(&o);
	fd = bpfrun_map_fd(way.r, DBX_MAP_BUCKETS);
	frame(&p, true, VNI, 9999);
	assert_int_equal(way_send(&p, 0, 1), XDP_PASS);
	assert_int_equal(bpf_map_lookup_elem(fd, &id, &b), 0);
	/* one byte is a millisecond */
	assert_true(b.full_ns[DBX_LIMIT_BYTES] >= now + p.n * 1000000);
	assert_true(b.full_ns[DBX_LIMIT_BYTES] <= way_now() + p.n * 1000000);
	b.full_ns[DBX_LIMIT_FLOWS] = way_now() + 1000000000000ull;
	assert_int_equal(bpf_map_update_elem(fd, &id, &b, 0), 0);
	assert_int_equal(way_send(&p, 0, 1), XDP_PASS); /* the same flow */
	frame(&p, true, VNI, 9998);
	assert_denied_as(&p, DBX_REASON_QUOTA_FLOWS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, way_open, way_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_judged_by_its_vni_and_passed_whole),
		T(test_what_is_wrong_with_the_tunnel),
		T(test_marked_outside),
		T(test_no_names_inside),
		T(test_quotas_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
