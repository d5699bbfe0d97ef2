// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_quota.c -- new flows and bytes a second of a workspace, measured by the clock of the program
 * itself; what counts as a new flow; what happens when there is no room.
 */
#include "unit/dp_way.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define SECOND 1000000000ull

static const struct way_opts allowed = {
	.verdict = DBX_VERDICT_PASS,
	.reason = DBX_REASON_FULL_ACCESS,
};

static void use_quota(uint64_t bytes_per_s, uint32_t flows_per_s, uint32_t burst_ms)
{
	struct way_opts o = allowed;

	o.quota = (struct dbx_quota){
		.bytes_per_s = bytes_per_s, .flows_per_s = flows_per_s, .burst_ms = burst_ms};
	way_use(&o);
}

static bool passes(const struct pkt *p)
{
	uint32_t action = way_send(p, 0, 1);

	assert_true(action == XDP_PASS || action == XDP_DROP);
	return action == XDP_PASS;
}

/* The bucket is empty, whatever time has gone by; then the packet. */
static bool is_refused(const struct pkt *p)
{
	uint64_t id = TINYIMG_WORKSPACE;
	struct dbx_bucket b;
	int fd = bpfrun_map_fd(way.r, DBX_MAP_BUCKETS);

	assert_int_equal(bpf_map_lookup_elem(fd, &id, &b), 0);
	b.full_ns[DBX_LIMIT_FLOWS] = b.full_ns[DBX_LIMIT_BYTES] = way_now() + 1000 * SECOND;
	assert_int_equal(bpf_map_update_elem(fd, &id, &b, 0), 0);
	return !passes(p);
}

/*
 * Sends without a pause for a while; returns what passed. *span_ns: the time that went by; *lost_ns:
 * how much of it a bucket that was full missed, because this program was not running.
 */
static uint64_t flood(void (*send)(struct pkt *p, uint64_t i), uint64_t run_ns, uint64_t hold_ns,
		      uint64_t *span_ns, uint64_t *lost_ns)
{
	uint64_t first = way_now(), last = first, now, i = 0, n = 0;
	struct pkt p;

	*lost_ns = 0;
	do {
		send(&p, i++);
		n += passes(&p);
		now = way_now();
		if (now - last > hold_ns)
			*lost_ns += now - last - hold_ns;
		last = now;
	} while (now - first < run_ns);
	*span_ns = now - first;
	return n;
}

/* n units at `rate` in the time that went by, with a bucket that was full at first. */
static void assert_rate(const char *what, uint64_t n, uint64_t rate, uint64_t span_ns,
			uint64_t lost_ns, uint64_t hold_ns, uint64_t unit)
{
	double most = (double)rate * (double)(span_ns + hold_ns) / 1e9 + (double)unit;
	double least = (double)rate * (double)(span_ns - lost_ns) / 1e9 * 0.95;

	fprintf(stderr, "# %s: %.1f a second of %llu, over %llu ms, %llu ms not used\n", what,
		(double)n * 1e9 / (double)span_ns, (unsigned long long)rate,
		(unsigned long long)span_ns / 1000000, (unsigned long long)lost_ns / 1000000);
	assert_true((double)n <= most);
	assert_true((double)n >= least);
	if (!lost_ns) /* the bucket alone is less than 5 % of such a time */
		assert_true((double)n <= (double)rate * (double)span_ns / 1e9 * 1.05);
}

static void big_datagram(struct pkt *p, uint64_t i)
{
	(void)i;
	way_udp(p, false, 0, 40000, 1400);
}

static void test_bytes_a_second(void **state)
{
	const uint64_t rate = 4000000, hold = 100000000; /* what a busy machine can send, too */
	uint64_t span, lost, n;
	struct pkt p;

	(void)state;
	big_datagram(&p, 0);
	use_quota(rate, 0, 100);
	n = flood(big_datagram, 3 * SECOND, hold, &span, &lost);
	assert_rate("bytes", n * p.n, rate, span, lost, hold, p.n);
	assert_true(way_total(DBX_REASON_QUOTA_BYTES, DBX_VERDICT_DROP) > n / 100);
	assert_int_equal(way_total(DBX_REASON_QUOTA_FLOWS, DBX_VERDICT_DROP), 0);
}

static void syn(struct pkt *p, uint64_t i)
{
	way_tcp(p, i & 1, 0, SYN, (uint32_t)i, 0, 0);
}

static void new_tuple(struct pkt *p, uint64_t i)
{
	way_udp(p, false, 0, (uint16_t)(i >> 16), 20);
	p->b[14 + 20 + 2] = (uint8_t)(i >> 8);
	p->b[14 + 20 + 3] = (uint8_t)i;
}

static void test_new_flows_a_second(void **state)
{
	const uint64_t rate = 1000, hold = 100000000;
	uint64_t span, lost, n;

	(void)state;
	use_quota(0, (uint32_t)rate, 100);
	n = flood(syn, 2500 * (SECOND / 1000), hold, &span, &lost);
	assert_rate("connections", n, rate, span, lost, hold, 1);
	n = flood(new_tuple, 2500 * (SECOND / 1000), hold, &span, &lost);
	assert_rate("datagram flows", n, rate, span, lost, hold, 1);
	assert_int_equal(way_total(DBX_REASON_QUOTA_BYTES, DBX_VERDICT_DROP), 0);
}

/* While the bucket is empty, only what is no new flow passes. */
static void test_what_is_a_new_flow(void **state)
{
	struct pkt p;
	int i;

	(void)state;
	use_quota(0, 1, 1);
	way_udp(&p, false, 0, 1111, 20);
	for (i = 0; i < 50; i++)
		assert_true(passes(&p)); /* the same one */
	way_udp(&p, false, 0, 1112, 20);
	assert_true(is_refused(&p));
	assert_true(way_total(DBX_REASON_QUOTA_FLOWS, DBX_VERDICT_DROP) > 0);
	way_udp(&p, true, 0, 1111, 20);
	assert_true(is_refused(&p));
	way_udp(&p, false, 9, 1111, 20); /* another domain */
	assert_true(is_refused(&p));
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	assert_true(is_refused(&p));
	way_tcp(&p, false, 0, SYN | ACK, 1, 2, 0); /* answers somebody else's */
	assert_true(passes(&p));
	way_tcp(&p, false, 0, ACK, 1, 2, 100);
	assert_true(passes(&p));
	way_udp(&p, false, 0, 1111, 20); /* that it was refused others does not end it */
	assert_true(passes(&p));
}

/* A later fragment is of the flow of its first. */
static void test_fragments_begin_no_flow(void **state)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;
	struct pkt p;
	int i;

	(void)state;
	use_quota(0, 1, 1);
	for (i = 0; i < 5; i++) {
		pkt_begin(&p);
		pkt_eth(&p, way_gateway, way_client, PKT_AUTO);
		pkt_addr_parse("10.66.1.10", &ip.src);
		pkt_addr_parse("203.0.113.7", &ip.dst);
		ip.id = 5;
		ip.more_fragments = !i;
		ip.offset = (uint16_t)(i * 4);
		pkt_ip4(&p, &ip);
		if (i)
			pkt_proto(&p, 17);
		else
			pkt_udp(&p, 17, 1111, 9999, 8 + 24 + 4 * 32);
		pkt_fill(&p, i ? 32 : 24);
		pkt_end(&p);
		assert_true(passes(&p));
	}
}

/* A tuple that was idle for long is a new one. */
static void test_an_idle_flow_is_new_again(void **state)
{
	struct dbx_flow_key key = {.src = {0, 0, 0xffff, 0x0a42010a},
				   .dst = {0, 0, 0xffff, 0xcb007107},
				   .sport = 1111,
				   .dport = 9999,
				   .proto = 17};
	int fd = bpfrun_map_fd(way.r, DBX_MAP_RECENT);
	uint64_t seen;
	struct pkt p;

	(void)state;
	use_quota(0, 1, 1);
	way_udp(&p, false, 0, 1111, 20);
	assert_true(passes(&p));
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &seen), 0);
	assert_true(way_now() - seen < 60 * SECOND);
	assert_true(passes(&p));
	seen -= DBX_QUOTA_IDLE_NS;
	assert_int_equal(bpf_map_update_elem(fd, &key, &seen, 0), 0);
	assert_true(is_refused(&p));
}

/* Of a packet that one limit refuses, the other is not charged. */
static void test_both_or_neither(void **state)
{
	uint64_t id = TINYIMG_WORKSPACE;
	struct dbx_bucket was, b;
	struct pkt p;
	int i, fd = bpfrun_map_fd(way.r, DBX_MAP_BUCKETS);

	(void)state;
	use_quota(1000000000, 1, 1);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	assert_true(passes(&p));
	assert_int_equal(bpf_map_lookup_elem(fd, &id, &was), 0);
	for (i = 0; i < 100; i++) {
		was.full_ns[DBX_LIMIT_FLOWS] = way_now() + 1000 * SECOND;
		assert_int_equal(bpf_map_update_elem(fd, &id, &was, 0), 0);
		assert_false(passes(&p));
		assert_int_equal(bpf_map_lookup_elem(fd, &id, &b), 0);
		assert_int_equal(b.full_ns[DBX_LIMIT_BYTES], was.full_ns[DBX_LIMIT_BYTES]);
		assert_memory_equal(b.rest, was.rest, sizeof(b.rest));
	}
	assert_int_equal(way_total(DBX_REASON_QUOTA_FLOWS, DBX_VERDICT_DROP), 100);
}

/* What was owed at a slow rate is not owed at a fast one; a bucket holds 64 KiB at any rate. */
static void test_a_changed_limit_is_in_force_at_once(void **state)
{
	uint64_t first, n = 0;
	struct pkt p;

	(void)state;
	use_quota(1, 0, 1);
	big_datagram(&p, 0);
	while (passes(&p))
		n++;
	assert_in_range(n, 65535 / p.n, 65535 / p.n + 1);
	use_quota(100000000, 0, 10);
	first = way_now();
	while (!passes(&p))
		assert_true(way_now() - first < 20 * SECOND);
	use_quota(0, 0, 0);
	for (n = 0; n < 1000; n++)
		assert_true(passes(&p));
}

/* Soft denials of a policy in dry-run leave, and count; a quota is not softened. */
static void test_dry_run_is_limited_too(void **state)
{
	struct way_opts o = {.verdict = DBX_VERDICT_DRY_RUN, .reason = DBX_REASON_NO_MATCH};
	struct pkt p;

	(void)state;
	o.quota = (struct dbx_quota){.flows_per_s = 1, .burst_ms = 1};
	way_use(&o);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	assert_true(passes(&p));
	assert_true(is_refused(&p));
	assert_int_equal(way_total(DBX_REASON_NO_MATCH, DBX_VERDICT_DRY_RUN), 1);
	assert_int_equal(way_total(DBX_REASON_QUOTA_FLOWS, DBX_VERDICT_DROP), 1);
}

static void test_a_denied_packet_costs_nothing(void **state)
{
	struct way_opts o = {.verdict = DBX_VERDICT_DROP, .reason = DBX_REASON_NO_MATCH};
	uint64_t id = TINYIMG_WORKSPACE;
	struct dbx_bucket b;
	struct pkt p;

	(void)state;
	o.quota = (struct dbx_quota){.flows_per_s = 1, .bytes_per_s = 1, .burst_ms = 1};
	way_use(&o);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	assert_false(passes(&p));
	assert_int_not_equal(bpf_map_lookup_elem(bpfrun_map_fd(way.r, DBX_MAP_BUCKETS), &id, &b),
			     0);
}

static void test_no_room_for_a_bucket_denies(void **state)
{
	int fd = bpfrun_map_fd(way.r, DBX_MAP_BUCKETS);
	struct dbx_bucket none = {0};
	uint64_t id;
	struct pkt p;

	(void)state;
	for (id = 1u << 20; !bpf_map_update_elem(fd, &id, &none, BPF_NOEXIST); id++)
		assert_true(id < (2u << 20));
	use_quota(0, 1000, 100);
	way_udp(&p, false, 0, 1, 20);
	assert_false(passes(&p));
	assert_int_equal(way_total(DBX_REASON_QUOTA_FLOWS, DBX_VERDICT_DROP), 1);
	use_quota(1000000, 0, 100);
	assert_false(passes(&p));
	assert_int_equal(way_total(DBX_REASON_QUOTA_BYTES, DBX_VERDICT_DROP), 1);
	id = 1u << 20;
	assert_int_equal(bpf_map_delete_elem(fd, &id), 0);
	assert_true(passes(&p));
}

/* An image that names a quota which it has not. */
static void test_a_quota_that_is_not_there(void **state)
{
	struct dbx_image_header *hdr;
	struct pkt p;
	size_t n;

	(void)state;
	hdr = way_image(&allowed, &n);
	((struct dbx_binding *)way_section(hdr, DBX_SEC_BINDINGS))->quota = 5;
	assert_int_equal(bpfrun_set_image(way.r, hdr, n), 0);
	free(hdr);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	assert_true(passes(&p));
	assert_true(is_refused(&p));
}

#define T(name) cmocka_unit_test_setup_teardown(name, way_open, way_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bytes_a_second),
		T(test_new_flows_a_second),
		T(test_what_is_a_new_flow),
		T(test_fragments_begin_no_flow),
		T(test_an_idle_flow_is_new_again),
		T(test_both_or_neither),
		T(test_a_changed_limit_is_in_force_at_once),
		T(test_dry_run_is_limited_too),
		T(test_a_denied_packet_costs_nothing),
		T(test_no_room_for_a_bucket_denies),
		T(test_a_quota_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
