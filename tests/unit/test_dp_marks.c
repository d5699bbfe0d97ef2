// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_marks.c -- the mark of a packet's path: said in front of the frame, made the packet's by
 * egress_tc, followed by the host's routing, also behind a VXLAN device of the host.
 */
#include "unit/dp_way.h"

#include "common/flowrun.h"
#include "common/hellos.h"
#include "unit/dp_box.h"

#define PE_MARK  (DBX_MARK_PATH | 11)
#define SE_MARK  (DBX_MARK_PATH | 22)
#define NAT_MARK (DBX_MARK_PATH | 33)

static const struct way_opts marked = {
	.verdict = DBX_VERDICT_PASS,
	.reason = DBX_REASON_FULL_ACCESS,
	.marks = {PE_MARK, SE_MARK, NAT_MARK},
};

static void assert_mark(const struct pkt *p, uint32_t mark)
{
	const struct dbx_meta *m = (const void *)way.out;

	assert_int_equal(way.action, XDP_PASS);
	if (!mark) {
		assert_int_equal(way.n_out, p->n);
		assert_memory_equal(way.out, p->b, p->n);
		return;
	}
	assert_int_equal(way.n_out, sizeof(*m) + WAY_SEAL_BYTES + p->n);
	way_assert_sealed(way.out + sizeof(*m), p->b, p->n);
	assert_int_equal(m->what & 0xffff0000, DBX_META_MAGIC);
	assert_true(m->what & DBX_META_MARK);
	assert_int_equal(m->mark, mark);
	assert_false(m->what & (DBX_META_DNS | DBX_META_REPLY));
}

static void test_each_path_has_its_mark(void **state)
{
	static const uint32_t want[DBX_PATH_MAX] = {
		[DBX_PATH_PRIVATE_ENDPOINT] = PE_MARK,
		[DBX_PATH_SERVICE_ENDPOINT] = SE_MARK,
		[DBX_PATH_NAT] = NAT_MARK,
		[DBX_PATH_FIREWALL] = NAT_MARK,
	};
	struct way_opts o = marked;
	struct pkt p;
	int i;

	(void)state;
	for (o.path = DBX_PATH_LOCAL; o.path < DBX_PATH_MAX; o.path++) {
		way_use(&o);
		for (i = 0; i < 4; i++) {
			way_udp(&p, i & 1, 0, 40000, 20);
			way_send(&p, 0, 1);
			assert_mark(&p, want[o.path]);
		}
	}
}

static void test_a_tag_goes_along(void **state)
{
	const struct dbx_meta *m = (const void *)way.out;
	struct pkt p;

	(void)state;
	way_use(&marked);
	way_udp(&p, false, 100, 40000, 20);
	way_send(&p, 0, 1);
	assert_mark(&p, NAT_MARK);
	assert_true(m->what & DBX_META_TAGGED);
	assert_int_equal(m->tci, 100);
	assert_int_equal(m->n_tags, 1);
}

static void test_no_route_no_mark_no_word(void **state)
{
	struct way_opts o = marked;
	struct pkt p;

	(void)state;
	memset(o.marks, 0, sizeof(o.marks));
	way_use(&o);
	way_udp(&p, true, 0, 40000, 20);
	way_send(&p, 0, 1);
	assert_mark(&p, 0);
}

static void test_dry_run_leaves_marked_and_a_denial_says_nothing(void **state)
{
	struct way_opts o = marked;
	struct pkt p;

	(void)state;
	o.reason = DBX_REASON_NO_MATCH;
	o.verdict = DBX_VERDICT_DRY_RUN;
	way_use(&o);
	way_udp(&p, false, 0, 40000, 20);
	way_send(&p, 0, 1);
	assert_mark(&p, NAT_MARK);
	o.verdict = DBX_VERDICT_DROP;
	way_use(&o);
	assert_int_equal(way_send(&p, 0, 1), XDP_DROP);
	assert_int_equal(way.n_out, p.n);
}

/* What egress_flow, egress_hello and egress_name let through has the mark of the name's path. */
static void test_flows_by_name_are_marked(void **state)
{
	static const struct flowrun_opts tls = {.kind = DBX_NAME_PORT_TLS};
	const struct dbx_meta *m;
	struct dbx_image_header *hdr;
	struct hello h;
	struct flowrun f;
	size_t n;

	(void)state;
	assert_int_equal(flowrun_open(&f, &tls), 0);
	m = (const void *)f.out;
	hdr = flowrun_make_image(&tls, FLOWRUN_POLICY, &n);
	memcpy(((struct dbx_profile *)way_section(hdr, DBX_SEC_PROFILES))->marks, marked.marks,
	       sizeof(marked.marks));
	tinyimg_seal(hdr, n);
	assert_int_equal(bpfrun_set_image(f.r, hdr, n), 0);
	free(hdr);
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, "shop.example.com", 3600), 0);
	hello_make(&h, &(struct hello_opts){.sni = "shop.example.com"});
	flowrun_begin(&f);
	assert_int_equal(m->what, DBX_META_MAGIC | DBX_META_MARK);
	assert_int_equal(m->mark, NAT_MARK);
	memset(f.out, 0, sizeof(f.out));
	assert_true(flowrun_send(&f, ACK | PSH, 0, h.b, h.n));
	assert_int_equal(f.res.reason, DBX_REASON_LISTED_NAME);
	assert_int_equal(m->what, DBX_META_MAGIC | DBX_META_MARK);
	assert_int_equal(m->mark, NAT_MARK);
	way_assert_sealed(f.out + sizeof(*m), f.sent.b, f.sent.n);
	flowrun_close(&f);
}

/* ---- on the wire ---- */

static struct dbx_dp *dp;

static void use(const struct way_opts *o)
{
	size_t n;
	void *image = way_image(o, &n);

	assert_ok(ops->prepare(dp, image, n, &err));
	assert_ok(ops->commit(dp, &err));
	free(image);
}

static bool reaches(const char *address)
{
	return !nsbox_try("ip netns exec w1 ping -n -c 1 -i 0.2 -w 5 %s", address);
}

static bool never_reaches(const char *address)
{
	return nsbox_try("ip netns exec w1 ping -n -c 2 -i 0.2 -W 1 %s", address) == 1;
}

/* 198.51.100.7 and 2001:db8:7::7 are behind w2, and only a packet with NAT_MARK has a route. */
static void lab(void)
{
	nsbox_workload("w1", "ws1", 1);
	nsbox_workload("w2", "up2", 2);
	nsbox_must("ip -n w2 addr add 198.51.100.7/32 dev lo");
	nsbox_must("ip -n w2 addr add 2001:db8:7::7/128 dev lo nodad");
	nsbox_must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
		   "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.ws1.rp_filter=0");
	nsbox_must("ip rule add fwmark 0x%x lookup 3633", NAT_MARK);
	nsbox_must("ip -6 rule add fwmark 0x%x lookup 3633", NAT_MARK);
	nsbox_must("ip route add 198.51.100.7 via 10.66.2.10 table 3633");
	nsbox_must("ip -6 route add 2001:db8:7::7 via fd66:2::10 table 3633");
}

static int wire_setup(void **state)
{
	struct dbx_dp_state st;
	int rc;

	(void)state;
	lab();
	rc = ops->open(&dp, &opts, &st, &err);
	return rc ? rc : ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err);
}

static int wire_teardown(void **state)
{
	(void)state;
	ops->close(&dp);
	nsbox_try("ip link del vx1");
	nsbox_must("ip netns del w1; ip netns del w2");
	nsbox_try("ip link del ws1; ip link del up2");
	nsbox_must("ip rule del fwmark 0x%x; ip -6 rule del fwmark 0x%x", NAT_MARK, NAT_MARK);
	return ops->uninstall(&opts, &err);
}

static void test_routing_follows_the_mark(void **state)
{
	struct way_opts o = marked;

	(void)state;
	use(&o);
	assert_true(reaches("198.51.100.7"));
	assert_true(reaches("2001:db8:7::7"));
	o.path = DBX_PATH_SERVICE_ENDPOINT;
	use(&o);
	assert_true(never_reaches("198.51.100.7"));
	assert_true(never_reaches("2001:db8:7::7"));
	o.path = DBX_PATH_FIREWALL;
	use(&o);
	assert_true(reaches("198.51.100.7"));
}

/* The host's VXLAN device unpacks the frame, and the packet in it still has the mark. */
static void test_the_mark_outlives_a_tunnel(void **state)
{
	struct way_opts o = marked;

	(void)state;
	nsbox_must(
		"ip link add vx1 type vxlan id 42 local 10.66.1.1 remote 10.66.1.10 dstport 4789");
	nsbox_must("ip addr add 10.77.0.1/24 dev vx1 && ip link set vx1 up");
	nsbox_must("sysctl -qw net.ipv4.conf.vx1.rp_filter=0");
	nsbox_must("ip -n w1 link add vx1 type vxlan id 42 local 10.66.1.10 remote 10.66.1.1 "
		   "dstport 4789");
	nsbox_must("ip -n w1 addr add 10.77.0.10/24 dev vx1 && ip -n w1 link set vx1 up");
	nsbox_must("ip -n w1 route add 198.51.100.7 via 10.77.0.1");
	o.vxlan_port = 4789;
	o.domain = DBX_DOMAIN_VNI | 42;
	use(&o);
	assert_true(reaches("198.51.100.7"));
	o.domain = DBX_DOMAIN_VNI | 43;
	use(&o);
	assert_true(never_reaches("198.51.100.7"));
	assert_true(total_of(dp, DBX_REASON_UNKNOWN_SOURCE, DBX_VERDICT_DROP) > 0);
	o.domain = DBX_DOMAIN_VNI | 42;
	o.refuse_remotes = true;
	use(&o);
	assert_true(never_reaches("198.51.100.7"));
	assert_true(total_of(dp, DBX_REASON_TUNNEL_REMOTE, DBX_VERDICT_DROP) > 0);
}

#define T(name)    cmocka_unit_test_setup_teardown(name, way_open, way_close)
#define WIRE(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_each_path_has_its_mark),
		T(test_a_tag_goes_along),
		T(test_no_route_no_mark_no_word),
		T(test_dry_run_leaves_marked_and_a_denial_says_nothing),
		cmocka_unit_test(test_flows_by_name_are_marked),
		WIRE(test_routing_follows_the_mark),
		WIRE(test_the_mark_outlives_a_tunnel),
	};

	return box_enter() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
