// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_run.c -- the kernel program on given frames: verdicts, counters, events, and frames that
 * are wrong in every way, against the same classifier on the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/pkt.h"
#include "common/tinyimg.h"
#include "dataplane/dp_xdp.h"
#include "policy/judge.h"
#include "unit/runcase.h"

#define N_RANDOM 200000u

static void use_image(const struct tinyimg *t)
{
	size_t n;
	void *image = tinyimg_new(t, &n);

	assert_non_null(image);
	assert_int_equal(bpfrun_set_image(prog, image, n), 0);
	free(image);
}

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};

static void udp_frame(struct pkt *p)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;

	pkt_addr_parse("10.66.1.10", &ip.src);
	pkt_addr_parse("203.0.113.7", &ip.dst);
	pkt_begin(p);
	pkt_eth(p, mac_a, mac_b, PKT_AUTO);
	pkt_ip4(p, &ip);
	pkt_udp(p, 17, 40000, 443, PKT_AUTO);
	pkt_fill(p, 20);
	pkt_end(p);
}

static void arp_frame(struct pkt *p)
{
	pkt_begin(p);
	pkt_eth(p, mac_a, mac_b, PKT_AUTO);
	pkt_arp(p);
	pkt_end(p);
}

static uint64_t total_of(enum dbx_reason reason, enum dbx_verdict verdict)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	assert_int_equal(bpfrun_totals(prog, v), 0);
	return v[DBX_TOTAL_REASON_BASE + reason * DBX_VERDICT_MAX + verdict].packets;
}

/* What holds before the first policy: nothing leaves, not even ARP, and it is counted. */
static void test_without_an_image_all_is_dropped(void **state)
{
	struct dbx_result res;
	uint32_t action;
	struct pkt p;

	(void)state;
	arp_frame(&p);
	assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &res, NULL, &action), 0);
	assert_int_equal(action, XDP_DROP);
	assert_int_equal(res.reason, DBX_REASON_NO_IMAGE);
	udp_frame(&p);
	assert_int_equal(bpfrun_enforce(prog, p.b, p.n, 0, 3, &action, NULL), 0);
	assert_int_equal(action, XDP_DROP);
	assert_int_equal(total_of(DBX_REASON_NO_IMAGE, DBX_VERDICT_DROP), 3);
}

static void test_verdicts_actions_and_counters(void **state)
{
	struct dbx_counter_key key = {.workspace_id = TINYIMG_WORKSPACE,
				      .rule_uid = TINYIMG_RULE_UID};
	struct tinyimg t = {.generation = 5};
	struct dbx_counter c, totals[DBX_TOTAL_MAX];
	struct dbx_result res;
	uint32_t action, v, n_left;
	struct pkt p;

	(void)state;
	udp_frame(&p);
	for (v = 0; v < DBX_VERDICT_MAX; v++) {
		t.verdict = (uint8_t)v;
		t.reason = v == DBX_VERDICT_PASS ? DBX_REASON_LISTED_TAG : DBX_REASON_NO_MATCH;
		use_image(&t);
		assert_int_equal(bpfrun_enforce(prog, p.b, p.n, 0, 10 + v, &action, NULL), 0);
		assert_int_equal(action, v == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS);
		assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &res, NULL, &action), 0);
		assert_int_equal(action, v == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS);
		assert_int_equal(res.verdict, v);
		assert_int_equal(res.reason, t.reason);
		assert_int_equal(res.workspace_id, TINYIMG_WORKSPACE);
		assert_int_equal(res.generation, 5);
	}
	/* The probe counts nothing; new images zeroed nothing. */
	for (v = 0; v < DBX_VERDICT_MAX; v++) {
		key.verdict = (uint8_t)v;
		key.reason = v == DBX_VERDICT_PASS ? DBX_REASON_LISTED_TAG : DBX_REASON_NO_MATCH;
		key.path = v == DBX_VERDICT_DROP ? DBX_PATH_NONE : DBX_PATH_NAT;
		assert_int_equal(bpfrun_counter(prog, &key, &c), 0);
		assert_int_equal(c.packets, 10 + v);
		assert_int_equal(c.bytes, (10 + v) * p.n);
		assert_int_equal(total_of(key.reason, v), 10 + v);
	}
	assert_int_equal(bpfrun_sweep(prog, &n_left), 0);
	assert_int_equal(bpfrun_totals(prog, totals), 0);
	assert_int_equal(totals[DBX_TOTAL_EVENTS].packets, 2 + 2);
	assert_int_equal(totals[DBX_TOTAL_TOLD].packets, 10 + 12);
	assert_int_equal(totals[DBX_TOTAL_TOLD].bytes, (10 + 12) * p.n);
	assert_int_equal(totals[DBX_TOTAL_EVENTS_LOST].packets, 0);
}

static void keep_event(void *arg, const struct dbx_event *e)
{
	*(struct dbx_event *)arg = *e;
}

static void test_event_says_what_was_denied(void **state)
{
	struct tinyimg t = {.generation = 6, .reason = DBX_REASON_PORT_NOT_LISTED};
	struct dbx_event e = {.ifindex = 0};
	struct pkt_addr addr;
	struct pkt p;

	(void)state;
	use_image(&t);
	udp_frame(&p);
	assert_int_equal(bpfrun_enforce(prog, p.b, p.n, 0, 1, NULL, NULL), 0);
	assert_int_equal(bpfrun_events(prog, keep_event, &e), 0);
	pkt_addr_parse("10.66.1.10", &addr);
	assert_memory_equal(e.src, addr.a, 4);
	pkt_addr_parse("203.0.113.7", &addr);
	assert_memory_equal(e.dst, addr.a, 4);
	assert_int_equal(e.generation, 6);
	assert_int_equal(e.workspace_id, TINYIMG_WORKSPACE);
	assert_true(e.rule_uid == TINYIMG_RULE_UID);
	assert_int_equal(e.sport, 40000);
	assert_int_equal(e.dport, 443);
	assert_int_equal(e.proto, 17);
	assert_int_equal(e.reason, DBX_REASON_PORT_NOT_LISTED);
	assert_int_equal(e.verdict, DBX_VERDICT_DROP);
	assert_int_equal(e.path, DBX_PATH_NONE);
	assert_int_equal(e.frame_bytes, p.n);
	assert_int_equal(e.flags, DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS);
	assert_true(e.time_ns > 0);
}

static void test_counts_stay_exact_when_the_table_is_full(void **state)
{
	struct tinyimg t = {.generation = 6, .reason = DBX_REASON_NO_MATCH};
	struct dbx_counter_key key = {.workspace_id = 1};
	struct dbx_counter zero[64] = {{0, 0}}, totals[DBX_TOTAL_MAX];
	struct pkt p;

	(void)state;
	use_image(&t);
	for (;; key.rule_uid++) {
		int rc = bpf_map_update_elem(bpfrun_map_fd(prog, DBX_MAP_COUNTERS), &key, zero, 0);

		if (rc == -E2BIG)
			break;
		assert_int_equal(rc, 0);
	}
	assert_true(key.rule_uid >= DBX_COUNTERS_MAX);
	udp_frame(&p);
	assert_int_equal(bpfrun_enforce(prog, p.b, p.n, 0, 100, NULL, NULL), 0);
	assert_int_equal(bpfrun_totals(prog, totals), 0);
	assert_int_equal(totals[DBX_TOTAL_UNKEYED].packets, 100);
	assert_int_equal(total_of(DBX_REASON_NO_MATCH, DBX_VERDICT_DROP), 100);
}

static void test_source_bound_to_an_interface(void **state)
{
	struct tinyimg t = {.generation = 1,
			    .verdict = DBX_VERDICT_PASS,
			    .reason = DBX_REASON_FULL_ACCESS,
			    .interface = "ws1"};
	struct dbx_result res;
	struct pkt p;

	(void)state;
	use_image(&t);
	udp_frame(&p);
	assert_int_equal(bpfrun_frame(prog, p.b, p.n, dbx_port_hash("ws1"), &res, NULL, NULL), 0);
	assert_int_equal(res.verdict, DBX_VERDICT_PASS);
	assert_int_equal(bpfrun_frame(prog, p.b, p.n, dbx_port_hash("ws2"), &res, NULL, NULL), 0);
	assert_int_equal(res.reason, DBX_REASON_SPOOFED_SOURCE);
	assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &res, NULL, NULL), 0);
	assert_int_equal(res.reason, DBX_REASON_SPOOFED_SOURCE);
}

/* The driver lets no such image through; should one get there all the same, nothing leaves. */
static void test_damaged_image_denies(void **state)
{
	struct tinyimg t = {.generation = 1, .verdict = DBX_VERDICT_PASS};
	struct dbx_image_header *hdr;
	struct dbx_result res;
	struct pkt p;
	size_t n;
	int i;

	(void)state;
	udp_frame(&p);
	for (i = -2; i < DBX_SEC_KERNEL_MAX; i++) {
		hdr = tinyimg_new(&t, &n);
		if (i == -2)
			hdr->magic ^= 1;
		else if (i == -1)
			hdr->abi++;
		else
			hdr->sec[i].chunk = 4711;
		assert_int_equal(bpfrun_set_image(prog, hdr, n), 0);
		assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &res, NULL, NULL), 0);
		if (i < 0)
			assert_int_equal(res.reason, DBX_REASON_BAD_IMAGE);
		if (i != DBX_SEC_DST4_ROOT && i != DBX_SEC_DST4_RUNS && i != DBX_SEC_DST6_ROOT &&
		    i != DBX_SEC_SRC6_ROOT && i != DBX_SEC_QUOTAS)
			assert_int_equal(res.verdict, DBX_VERDICT_DROP);
		free(hdr);
	}
}

/* ---- generations change while packets are judged ---- */

struct flipper {
	int images_fd;
	int inner[2];
	bool stop;
	uint32_t n_flips;
};

static int frozen_image(const struct tinyimg *t)
{
	struct dbx_dp_error err;
	int fd = -1;
	size_t n;
	void *image = tinyimg_new(t, &n);

	if (dp_image_load(image, n, DBX_IMAGE_CHUNKS, &fd, &err))
		fail_msg("%s", err.text);
	free(image);
	return fd;
}

static void *flip(void *arg)
{
	struct flipper *f = arg;

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		if (dp_image_activate(f->images_fd, f->inner[f->n_flips & 1]))
			break;
		f->n_flips++;
	}
	return NULL;
}

/* Odd generations pass, even ones drop: a result that says otherwise saw parts of both. */
static void test_no_packet_sees_two_generations(void **state)
{
	struct tinyimg t[2] = {
		{.generation = 1, .verdict = DBX_VERDICT_PASS, .reason = DBX_REASON_FULL_ACCESS},
		{.generation = 2, .verdict = DBX_VERDICT_DROP, .reason = DBX_REASON_NO_MATCH}};
	struct flipper f = {.images_fd = bpfrun_map_fd(prog, DBX_MAP_IMAGES)};
	uint32_t i, seen[3] = {0}, n_mixed = 0;
	struct dbx_result res;
	pthread_t thread;
	struct pkt p;

	(void)state;
	udp_frame(&p);
	f.inner[0] = frozen_image(&t[0]);
	f.inner[1] = frozen_image(&t[1]);
	assert_int_equal(dp_image_activate(f.images_fd, f.inner[1]), 0);
	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
	for (i = 0;
	     i < 5000000 && (i < 200000 || __atomic_load_n(&f.n_flips, __ATOMIC_RELAXED) < 100);
	     i++) {
		assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &res, NULL, NULL), 0);
		n_mixed += res.generation < 1 || res.generation > 2 ||
			   (res.generation == 1) != (res.verdict == DBX_VERDICT_PASS);
		seen[res.generation <= 2 ? res.generation : 0]++;
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close(f.inner[0]);
	close(f.inner[1]);
	fprintf(stderr, "# %u flips, %u and %u frames\n", f.n_flips, seen[1], seen[2]);
	assert_int_equal(n_mixed, 0);
	assert_true(f.n_flips >= 100 && seen[1] > 0 && seen[2] > 0);
}

/* ---- frames that are wrong in every way ---- */

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed += 0x9e3779b97f4a7c15ull;
	uint64_t z = seed;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ z >> 31) % n);
}

static void random_l4(struct pkt *p)
{
	switch (rnd(7)) {
	case 0:
		pkt_tcp(p, (uint16_t)rnd(65536), (uint16_t)rnd(65536), PKT_AUTO, 2);
		break;
	case 1:
		pkt_udp(p, rnd(2) ? 17 : 136, (uint16_t)rnd(65536), (uint16_t)rnd(65536), PKT_AUTO);
		break;
	case 2:
		pkt_sctp(p, 1, (uint16_t)rnd(65536));
		break;
	case 3:
		pkt_icmp(p, (uint8_t)rnd(256), (uint8_t)rnd(3));
		break;
	case 4:
		pkt_icmp6(p, (uint8_t)(128 + rnd(12)), (uint8_t)rnd(2));
		break;
	case 5:
		pkt_dccp(p, 1, (uint16_t)rnd(65536));
		break;
	default:
		pkt_proto(p, (uint8_t)rnd(256));
		break;
	}
	pkt_fill(p, rnd(64));
}

static void random_ip4(struct pkt *p)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;
	uint8_t options[40];
	uint32_t i;

	pkt_addr_parse("10.66.1.10", &ip.src);
	pkt_addr_parse(rnd(2) ? "203.0.113.7" : "10.66.1.11", &ip.dst);
	ip.id = (uint16_t)rnd(4);
	ip.more_fragments = !rnd(4);
	ip.offset = rnd(4) ? 0 : (uint16_t)rnd(8);
	if (!rnd(3)) {
		static const uint8_t kinds[] = {0, 1, 1, 1, 7, 68, 131, 137, 148};

		for (i = 0; i < sizeof(options); i++)
			options[i] = rnd(2) ? kinds[rnd(sizeof(kinds))] : (uint8_t)rnd(6);
		ip.options = options;
		ip.n_options = rnd(11) * 4;
	}
	pkt_ip4(p, &ip);
}

static void random_ip6(struct pkt *p)
{
	static const uint8_t kinds[] = {0, 43, 51, 60, 135, 139, 140}, zeros[14];
	struct pkt_ip6 ip = PKT_IP6_INIT;
	uint32_t n = rnd(4) ? rnd(3) : rnd(11);

	pkt_addr_parse("fd66:1::10", &ip.src);
	pkt_addr_parse(rnd(3) ? "2001:db8::7" : rnd(2) ? "ff02::1" : "fe80::1", &ip.dst);
	ip.hop_limit = rnd(2) ? 255 : 64;
	pkt_ip6(p, &ip);
	while (n--) {
		if (!rnd(3))
			pkt_frag6(p, PKT_AUTO, rnd(2) ? 0 : (uint16_t)rnd(8), rnd(2), rnd(4));
		else
			pkt_ext(p, kinds[rnd(sizeof(kinds))], PKT_AUTO, PKT_AUTO, zeros,
				rnd(3) ? 6 : 14);
	}
}

static void random_frame(struct pkt *p)
{
	uint32_t i, n;

	pkt_begin(p);
	pkt_eth(p, mac_a, mac_b, PKT_AUTO);
	for (n = rnd(3) ? 0 : rnd(4); n; n--)
		pkt_vlan(p, rnd(2) ? 0x8100 : 0x88a8, (uint16_t)rnd(65536), PKT_AUTO);
	n = rnd(12);
	if (n == 0)
		pkt_arp(p);
	else if (n < 6)
		random_ip4(p);
	else
		random_ip6(p);
	if (n)
		random_l4(p);
	pkt_end(p);
	if (!rnd(3)) {
		for (i = rnd(4); i; i--)
			p->b[12 + rnd((uint32_t)p->n - 12)] = (uint8_t)rnd(256);
	}
	if (!rnd(4) && p->n > BPFRUN_FRAME_MIN)
		p->n = BPFRUN_FRAME_MIN + rnd((uint32_t)p->n - BPFRUN_FRAME_MIN);
}

static void print_result(const char *who, const struct dbx_result *res, const struct dbx_pkt *pkt)
{
	fprintf(stderr, "  %s: verdict %u reason %u proto %u ports %u %u frag %u flags %u\n", who,
		res->verdict, res->reason, pkt->proto, pkt->sport, pkt->dport, pkt->frag,
		pkt->flags);
}

static uint32_t run_random(uint64_t from, uint32_t n, uint64_t by_reason[DBX_REASON_MAX])
{
	struct tinyimg t = {
		.generation = 2, .verdict = DBX_VERDICT_PASS, .reason = DBX_REASON_FULL_ACCESS};
	struct dbx_frags *frags = dbx_frags_new(65536);
	struct dbx_result host, kernel;
	struct dbx_pkt host_pkt, kernel_pkt;
	struct dbx_image img;
	uint32_t i, action, n_bad = 0;
	struct pkt p;
	void *image;

	seed = from;
	image = tinyimg_new(&t, &img.n_bytes);
	img.base = image;
	img.hdr = image;
	assert_non_null(frags);
	assert_int_equal(bpfrun_set_image(prog, image, img.n_bytes), 0);
	for (i = 0; i < n; i++) {
		random_frame(&p);
		dbx_judge_frame(&img, frags, p.b, p.n, 0, &host_pkt, &host);
		assert_int_equal(bpfrun_frame(prog, p.b, p.n, 0, &kernel, &kernel_pkt, &action), 0);
		by_reason[kernel.reason]++;
		if (!memcmp(&host, &kernel, sizeof(host)) &&
		    !memcmp(&host_pkt, &kernel_pkt, sizeof(host_pkt)) &&
		    (action == XDP_DROP) == (kernel.verdict == DBX_VERDICT_DROP))
			continue;
		if (n_bad++ < 10) {
			fprintf(stderr, "frame %u of seed %llu (%zu bytes):\n", i,
				(unsigned long long)from, p.n);
			print_result("host", &host, &host_pkt);
			print_result("kernel", &kernel, &kernel_pkt);
		}
	}
	dbx_frags_free(&frags);
	free(image);
	return n_bad;
}

static void test_random_frames_as_on_the_host(void **state)
{
	static const enum dbx_reason met[] = {
		DBX_REASON_TRUNCATED,     DBX_REASON_NOT_IP,
		DBX_REASON_VLAN_DEPTH,    DBX_REASON_BAD_IPV4,
		DBX_REASON_BAD_IPV6,      DBX_REASON_BAD_L4,
		DBX_REASON_SOURCE_ROUTED, DBX_REASON_EXT_HEADER_LIMIT,
		DBX_REASON_FRAGMENT_TINY, DBX_REASON_BAD_ND,
		DBX_REASON_ARP,           DBX_REASON_NEIGHBOUR_DISCOVERY,
		DBX_REASON_FULL_ACCESS,
	};
	uint64_t by_reason[DBX_REASON_MAX] = {0}, fresh = (uint64_t)time(NULL);
	size_t i;

	(void)state;
	assert_int_equal(run_random(20240229, N_RANDOM, by_reason), 0);
	/* A generator that misses a case proves nothing about it. */
	for (i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		if (by_reason[met[i]] < 50)
			fail_msg("reason %d was met %llu times", met[i],
				 (unsigned long long)by_reason[met[i]]);
	}
	fprintf(stderr, "# fresh seed %llu\n", (unsigned long long)fresh);
	assert_int_equal(run_random(fresh, N_RANDOM / 10, by_reason), 0);
}

static void test_lengths_that_the_kernel_refuses(void **state)
{
	uint8_t frame[5000] = {0};

	(void)state;
	assert_int_equal(bpfrun_frame(prog, frame, 13, 0, NULL, NULL, NULL), -ERANGE);
	assert_int_equal(bpfrun_frame(prog, frame, 14, 0, NULL, NULL, NULL), 0);
	assert_int_equal(bpfrun_frame(prog, frame, BPFRUN_FRAME_MAX, 0, NULL, NULL, NULL), 0);
	assert_int_equal(bpfrun_frame(prog, frame, 5000, 0, NULL, NULL, NULL), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_without_an_image_all_is_dropped),
		T(test_verdicts_actions_and_counters),
		T(test_event_says_what_was_denied),
		T(test_counts_stay_exact_when_the_table_is_full),
		T(test_source_bound_to_an_interface),
		T(test_damaged_image_denies),
		T(test_no_packet_sees_two_generations),
		T(test_random_frames_as_on_the_host),
		T(test_lengths_that_the_kernel_refuses),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
