// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_events.c -- what the kernel program tells of packets: joined by flow, lost when there is no
 * room, and never more or less than what was counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "common/pkt.h"
#include "common/tinyimg.h"
#include "dbx/program.h"
#include "unit/runcase.h"

#define TCP_SYN 0x02
#define TCP_ACK 0x10

struct sums {
	uint64_t events, packets, bytes;
	struct dbx_event last;
};

static void use(enum dbx_verdict verdict, uint32_t flags, uint32_t sample)
{
	struct tinyimg t = {.generation = 5,
			    .verdict = (uint8_t)verdict,
			    .reason = verdict == DBX_VERDICT_PASS ? DBX_REASON_LISTED_TAG
								  : DBX_REASON_NO_MATCH};
	struct dbx_image_header *hdr;
	size_t n;
	void *image = tinyimg_new(&t, &n);

	assert_non_null(image);
	hdr = image;
	hdr->name_flags = flags;
	hdr->sample_per_million = sample;
	tinyimg_seal(image, n);
	assert_int_equal(bpfrun_set_image(prog, image, n), 0);
	free(image);
}

/* To the nth of many addresses. */
static void frame(struct pkt *p, uint32_t nth, uint16_t sport, int tcp_flags)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;
	const uint8_t mac[6] = {2};

	pkt_addr_parse("10.66.1.10", &ip.src);
	pkt_addr_parse("198.18.0.0", &ip.dst);
	ip.dst.a[1] = (uint8_t)(ip.dst.a[1] + (nth >> 16 & 1));
	ip.dst.a[2] = (uint8_t)(nth >> 8);
	ip.dst.a[3] = (uint8_t)nth;
	pkt_begin(p);
	pkt_eth(p, mac, mac, PKT_AUTO);
	pkt_ip4(p, &ip);
	if (tcp_flags)
		pkt_tcp(p, sport, 443, 5, (uint8_t)tcp_flags);
	else
		pkt_udp(p, 17, sport, 443, PKT_AUTO);
	pkt_fill(p, 20);
	pkt_end(p);
}

static void send(const struct pkt *p, uint32_t n)
{
	assert_int_equal(bpfrun_enforce(prog, p->b, p->n, 0, n, NULL, NULL), 0);
}

static void add(void *arg, const struct dbx_event *e)
{
	struct sums *s = arg;

	s->events++;
	s->packets += 1 + e->more_packets;
	s->bytes += e->frame_bytes + e->more_bytes;
	s->last = *e;
}

static struct sums take(void)
{
	struct sums s = {0};

	assert_int_equal(bpfrun_events(prog, add, &s), 0);
	return s;
}

static uint32_t sweep(void)
{
	uint32_t n_left;

	assert_int_equal(bpfrun_sweep(prog, &n_left), 0);
	return n_left;
}

static struct dbx_counter total(unsigned int index)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	assert_int_equal(bpfrun_totals(prog, v), 0);
	return v[index];
}

static struct dbx_counter denied(void)
{
	return total(DBX_REASON_NO_MATCH * DBX_VERDICT_MAX + DBX_VERDICT_DROP);
}

static struct dbx_counter passed(void)
{
	return total(DBX_REASON_LISTED_TAG * DBX_VERDICT_MAX + DBX_VERDICT_PASS);
}

/* All on one CPU: slots are by CPU. */
static void stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* ---- denials ---- */

static void test_packets_of_a_flow_are_joined(void **state)
{
	struct pkt p;
	struct sums s;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	frame(&p, 1, 40000, 0);
	send(&p, 1000);
	s = take();
	assert_int_equal(s.events, 1); /* at once */
	assert_int_equal(s.packets, 1);
	assert_int_equal(s.bytes, p.n);
	frame(&p, 1, 40001, 0); /* a client that tries again: the same flow to people */
	send(&p, 500);
	assert_int_equal(take().events, 0);
	assert_int_equal(sweep(), 0);
	s = take();
	assert_int_equal(s.events, 1);
	assert_int_equal(s.packets, 1499);
	assert_int_equal(s.bytes, 1499 * p.n);
	assert_int_equal(s.last.reason, DBX_REASON_NO_MATCH);
	assert_int_equal(s.last.dport, 443);
	assert_memory_equal(s.last.dst, "\xc6\x12\x00\x01", 4);
	assert_int_equal(s.last.frame_bytes, p.n);
	/* It goes on to be joined, and begins anew when nothing came for a whole turn of the sweep. */
	send(&p, 1);
	sweep();
	assert_int_equal(take().packets, 1);
	sweep();
	assert_int_equal(take().events, 0);
	send(&p, 2);
	assert_int_equal(take().events, 1);
	sweep();
	assert_int_equal(take().packets, 1);
	assert_int_equal(total(DBX_TOTAL_TOLD).packets, denied().packets);
	assert_int_equal(total(DBX_TOTAL_TOLD).bytes, denied().bytes);
	assert_int_equal(total(DBX_TOTAL_EVENTS_LOST).packets, 0);
}

/* What differs in any column of a record is never joined. */
static void test_what_differs_is_told_apart(void **state)
{
	struct pkt p;
	uint32_t i;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	for (i = 0; i < 300; i++) {
		frame(&p, i, 40000, 0);
		send(&p, 1);
		frame(&p, i, 40000, TCP_SYN);
		send(&p, 1);
	}
	assert_int_equal(take().events, 600);
	use(DBX_VERDICT_DRY_RUN, 0, 0);
	send(&p, 1);
	assert_int_equal(take().last.verdict, DBX_VERDICT_DRY_RUN);
	sweep();
	assert_int_equal(take().events, 0);
}

/* More flows than slots, in any order: whatever happens to each, the sums are right. */
static void test_sums_are_exact_with_more_flows_than_slots(void **state)
{
	struct sums s = {0}, t;
	unsigned int seed = 1;
	uint32_t i, k;
	struct pkt p;
	int n;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < 1500; k++) {
			frame(&p, (uint32_t)rand_r(&seed) % (i % 3 ? 6000 : 100), 40000, 0);
			for (n = rand_r(&seed) % 4; n >= 0; n--)
				send(&p, 1);
		}
		if (i % 5 == 4)
			assert_int_equal(sweep(), 0);
		t = take();
		s.packets += t.packets;
		s.bytes += t.bytes;
	}
	assert_int_equal(sweep(), 0);
	t = take();
	s.packets += t.packets;
	s.bytes += t.bytes;
	assert_int_equal(total(DBX_TOTAL_TOLD).packets, s.packets);
	assert_int_equal(total(DBX_TOTAL_TOLD).bytes, s.bytes);
	assert_int_equal(s.packets + total(DBX_TOTAL_EVENTS_LOST).packets, denied().packets);
	assert_int_equal(s.bytes + total(DBX_TOTAL_EVENTS_LOST).bytes, denied().bytes);
}

/* Between two sweeps a CPU tells of so many and no more; what has a slot goes on joining. */
static void test_pace(void **state)
{
	struct sums s, t;
	struct pkt p;
	uint32_t i;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	for (i = 0; i < DBX_PACE_EVENTS + 100; i++) {
		frame(&p, i, 40000, 0);
		send(&p, 1);
	}
	s = take();
	assert_int_equal(s.events, DBX_PACE_EVENTS);
	assert_int_equal(total(DBX_TOTAL_EVENTS_LOST).packets, 100);
	frame(&p, 0, 40000, 0); /* the first of all has a slot */
	send(&p, 5);
	assert_int_equal(total(DBX_TOTAL_EVENTS_LOST).packets, 100);
	assert_int_equal(sweep(), 0);
	t = take();
	assert_int_equal(t.packets, 5);
	frame(&p, DBX_PACE_EVENTS + 7, 40000, 0); /* and now there is room again */
	send(&p, 1);
	assert_int_equal(take().packets, 1);
}

/* Nobody reads: flows that have no slot are lost, and counted; those that have one wait. */
static void test_lost_is_what_found_no_room(void **state)
{
	uint32_t i, round;
	struct sums s, t;
	struct pkt p;
	int rc = 0;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	for (round = 0; round < 10; round++) {
		frame(&p, 0, 40000, 0); /* the second joins, and keeps the slot */
		send(&p, 2);
		for (i = 2; i < 3000; i++) {
			frame(&p, round * 3000 + i, 40000, 0);
			send(&p, 1);
		}
		rc = sweep();
	}
	assert_true(rc > 0); /* the ring is full: what joined since waits */
	frame(&p, 0, 40000, 0);
	send(&p, 700);
	assert_true(total(DBX_TOTAL_EVENTS_LOST).packets > 30000 - 10000);
	assert_true(sweep() > 0);
	s = take();
	assert_int_equal(sweep(), 0);
	t = take();
	assert_int_equal(t.events, 1);
	assert_true(t.packets >= 700);
	assert_int_equal(denied().packets, 30700);
	assert_int_equal(s.packets + t.packets + total(DBX_TOTAL_EVENTS_LOST).packets, 30700);
	assert_int_equal(s.bytes + t.bytes + total(DBX_TOTAL_EVENTS_LOST).bytes, denied().bytes);
	/* And the ring works again once it was read. */
	sweep();
	assert_int_equal(take().events, 0);
}

/* ---- packets and the sweep at the same time ---- */

static struct {
	bool is_done;
	unsigned int seed;
} race;

static void *packets(void *arg)
{
	uint32_t i;
	struct pkt p;

	(void)arg;
	stay_on(0);
	for (i = 0; i < 100; i++) {
		frame(&p, (uint32_t)rand_r(&race.seed) % 40, 40000, 0);
		send(&p, 6000);
	}
	__atomic_store_n(&race.is_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void test_sums_are_exact_while_it_is_swept(void **state)
{
	struct sums s = {0}, t;
	pthread_t thread;
	bool is_done;

	(void)state;
	use(DBX_VERDICT_DROP, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, packets, NULL), 0);
	do {
		is_done = __atomic_load_n(&race.is_done, __ATOMIC_ACQUIRE);
		sweep();
		t = take();
		s.events += t.events;
		s.packets += t.packets;
		s.bytes += t.bytes;
	} while (!is_done);
	pthread_join(thread, NULL);
	assert_int_equal(denied().packets, 600000);
	assert_int_equal(s.packets + total(DBX_TOTAL_EVENTS_LOST).packets, 600000);
	assert_int_equal(s.bytes + total(DBX_TOTAL_EVENTS_LOST).bytes, denied().bytes);
	assert_int_equal(total(DBX_TOTAL_EVENTS).packets, s.events);
	assert_true(s.events < 600000 / 2); /* else nothing was joined */
}

/* ---- what the gateway document says ---- */

static void test_quiet_is_counted_alone(void **state)
{
	struct pkt p;

	(void)state;
	use(DBX_VERDICT_DROP, DBX_IMAGE_F_QUIET, 0);
	frame(&p, 1, 40000, 0);
	send(&p, 100);
	sweep();
	assert_int_equal(take().events, 0);
	assert_int_equal(denied().packets, 100);
	assert_int_equal(total(DBX_TOTAL_EVENTS_LOST).packets, 0);
	use(DBX_VERDICT_PASS, 0, 0);
	send(&p, 100);
	sweep();
	assert_int_equal(take().events, 0); /* what is allowed is not told of unless asked for */
}

static void test_first_packet_of_allowed_flows(void **state)
{
	struct sums s;
	struct pkt p;

	(void)state;
	use(DBX_VERDICT_PASS, DBX_IMAGE_F_FIRST, 0);
	frame(&p, 1, 40000, 0);
	send(&p, 100);
	s = take();
	assert_int_equal(s.events, 1);
	assert_int_equal(s.last.verdict, DBX_VERDICT_PASS);
	assert_int_equal(s.last.reason, DBX_REASON_LISTED_TAG);
	assert_int_equal(s.last.path, DBX_PATH_NAT);
	sweep();
	assert_int_equal(take().events, 0);
	/* TCP: by its SYN, and never by what follows. */
	frame(&p, 2, 40000, TCP_ACK);
	send(&p, 10);
	frame(&p, 2, 40000, TCP_SYN | TCP_ACK);
	send(&p, 10);
	assert_int_equal(take().events, 0);
	frame(&p, 2, 40000, TCP_SYN);
	send(&p, 1);
	frame(&p, 2, 40000, TCP_ACK);
	send(&p, 10);
	assert_int_equal(take().events, 1);
	frame(&p, 2, 40001, TCP_SYN); /* the next connection, joined as denials are */
	send(&p, 1);
	sweep();
	assert_int_equal(take().packets, 1);
	assert_int_equal(passed().packets, 132);
	assert_int_equal(total(DBX_TOTAL_TOLD).packets, 3);
}

static void test_sample_of_allowed_packets(void **state)
{
	const uint32_t n = 400000;
	struct sums s, t;
	struct pkt p;

	(void)state;
	frame(&p, 1, 40000, 0);
	use(DBX_VERDICT_PASS, DBX_IMAGE_F_SAMPLED, 1000000);
	send(&p, n);
	s = take();
	sweep();
	t = take();
	assert_int_equal(s.packets + t.packets, n);
	assert_int_equal(s.bytes + t.bytes, passed().bytes);
	/* One in a hundred: ten standard deviations (63) to either side. */
	use(DBX_VERDICT_PASS, DBX_IMAGE_F_SAMPLED, 10000);
	send(&p, n);
	s = take();
	sweep();
	t = take();
	assert_in_range(s.packets + t.packets, 4000 - 630, 4000 + 630);
	assert_int_equal(passed().packets, 2 * n);
}

/* Address resolution and the like are no flows of anybody. */
static void test_the_link_is_not_told_of(void **state)
{
	const uint8_t mac[6] = {2};
	struct pkt p;

	(void)state;
	use(DBX_VERDICT_PASS, DBX_IMAGE_F_SAMPLED, 1000000);
	pkt_begin(&p);
	pkt_eth(&p, mac, mac, PKT_AUTO);
	pkt_arp(&p);
	pkt_end(&p);
	send(&p, 10);
	sweep();
	assert_int_equal(take().events, 0);
	assert_int_equal(total(DBX_REASON_ARP * DBX_VERDICT_MAX + DBX_VERDICT_PASS).packets, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_packets_of_a_flow_are_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_differs_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums_are_exact_with_more_flows_than_slots,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_pace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_is_what_found_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums_are_exact_while_it_is_swept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_quiet_is_counted_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_packet_of_allowed_flows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sample_of_allowed_packets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_link_is_not_told_of, setup, teardown),
	};

	stay_on(1 % (int)sysconf(_SC_NPROCESSORS_ONLN));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
