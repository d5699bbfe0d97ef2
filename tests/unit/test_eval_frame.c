// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_eval_frame.c -- the evaluator's parser at its edges, and its memory of first fragments.
 *
 * What a header may look like is the matter of tests/vectors; here: headers that end exactly at, one
 * byte before and one byte after what is there, and fragments in every order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pkt.h"
#include "common/vec_world.h"
#include "policy/explain.h"

#define SRC "10.66.8.5"   /* workspace 1008, policy np-bare */
#define DST "203.0.113.7" /* platform set: tcp 443 and 8443-8451 */

static struct vec_world world;
static struct dbx_eval memory;

static int setup(void **state)
{
	(void)state;
	return vec_world_load(&world, "tests/vectors/policy");
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	dbx_eval_fini(&memory);
	assert_int_equal(memory.n_frags, 0);
	return 0;
}

/* In memory of its exact size, so that a read past its end is seen. */
static enum dbx_reason judge_bytes(const uint8_t *b, size_t n, const char *interface,
				   struct dbx_eval_result *res)
{
	uint8_t *exact = malloc(n ? n : 1);

	assert_non_null(exact);
	memcpy(exact, b, n);
	dbx_eval_frame(&memory, world.m, exact, n, interface, res);
	free(exact);
	return res->reason;
}

static enum dbx_reason judge(struct pkt *p)
{
	struct dbx_eval_result res;

	pkt_end(p);
	return judge_bytes(p->b, p->n, NULL, &res);
}

static void begin(struct pkt *p)
{
	static const uint8_t gw[6] = {2, 0, 0, 0, 0, 0xfe}, host[6] = {2, 0, 0, 0, 0, 1};

	pkt_begin(p);
	pkt_eth(p, gw, host, PKT_AUTO);
}

struct ip4_opts {
	uint16_t id, offset;
	bool more;
	const char *src, *dst;
};

static void begin_ip4(struct pkt *p, struct ip4_opts o)
{
	struct pkt_ip4 h = PKT_IP4_INIT;

	begin(p);
	assert_true(pkt_addr_parse(o.src ? o.src : SRC, &h.src));
	assert_true(pkt_addr_parse(o.dst ? o.dst : DST, &h.dst));
	h.id = o.id;
	h.offset = o.offset;
	h.more_fragments = o.more;
	if (o.offset)
		h.proto = 6;
	pkt_ip4(p, &h);
}

static enum dbx_reason first(uint16_t id, uint16_t dport)
{
	struct pkt p;

	begin_ip4(&p, (struct ip4_opts){.id = id, .more = true});
	pkt_tcp(&p, 1000, dport, PKT_AUTO, 2);
	pkt_fill(&p, 4);
	return judge(&p);
}

static enum dbx_reason later(uint16_t id)
{
	struct pkt p;

	begin_ip4(&p, (struct ip4_opts){.id = id, .offset = 3});
	pkt_fill(&p, 16);
	return judge(&p);
}

/* Every shorter piece of a good frame is truncated, wherever it is cut. */
static void test_every_cut_is_truncated(void **state)
{
	struct dbx_eval_result res;
	struct pkt p;

	(void)state;
	begin_ip4(&p, (struct ip4_opts){0});
	pkt_tcp(&p, 1000, 443, PKT_AUTO, 2);
	pkt_end(&p);
	assert_int_equal(judge_bytes(p.b, p.n, NULL, &res), DBX_REASON_PLATFORM);
	for (size_t n = 0; n < p.n; n++) {
		assert_int_equal(judge_bytes(p.b, n, NULL, &res), DBX_REASON_TRUNCATED);
		assert_int_equal(res.verdict, DBX_VERDICT_DROP);
		assert_int_equal(res.workspace_id, 0);
	}
}

static void test_padding_is_not_payload(void **state)
{
	struct pkt p;

	(void)state;
	/* a UDP header whose length reaches into the padding of the frame */
	begin_ip4(&p, (struct ip4_opts){0});
	pkt_udp(&p, 17, 1000, 53, 12);
	pkt_pad(&p, 60);
	assert_int_equal(judge(&p), DBX_REASON_BAD_L4);
}

static void test_tags(void **state)
{
	struct dbx_eval_result res;
	struct pkt_ip4 h = PKT_IP4_INIT;
	struct pkt p;

	(void)state;
	assert_true(pkt_addr_parse("10.66.31.1", &h.src));
	assert_true(pkt_addr_parse("8.8.8.8", &h.dst));
	begin(&p);
	pkt_vlan(&p, 0x88a8, 200, PKT_AUTO);
	pkt_vlan(&p, 0x8100, 7, PKT_AUTO);
	pkt_ip4(&p, &h);
	pkt_icmp(&p, 8, 0);
	pkt_end(&p);
	judge_bytes(p.b, p.n, NULL, &res);
	assert_int_equal(res.workspace_id, 1001);
	/* cut inside the second tag */
	assert_int_equal(judge_bytes(p.b, 21, NULL, &res), DBX_REASON_TRUNCATED);

	begin(&p);
	for (int i = 0; i < 3; i++)
		pkt_vlan(&p, 0x8100, 1, PKT_AUTO);
	pkt_ip4(&p, &h);
	assert_int_equal(judge(&p), DBX_REASON_VLAN_DEPTH);
}

/* The first decides by its ports, for those that follow in any order; another id is another datagram. */
static void test_fragments(void **state)
{
	(void)state;
	assert_int_equal(later(7), DBX_REASON_FRAGMENT_NO_FIRST);
	assert_int_equal(first(7, 443), DBX_REASON_PLATFORM);
	assert_int_equal(later(7), DBX_REASON_PLATFORM);
	assert_int_equal(later(7), DBX_REASON_PLATFORM);
	assert_int_equal(later(8), DBX_REASON_FRAGMENT_NO_FIRST);
	/* the id comes round again, for a datagram that may not leave */
	assert_int_equal(first(7, 25), DBX_REASON_PORT_NOT_LISTED);
	assert_int_equal(later(7), DBX_REASON_PORT_NOT_LISTED);
	assert_int_equal(memory.n_frags, 1);
}

static void test_payload_is_not_ports(void **state)
{
	struct pkt p;

	(void)state;
	assert_int_equal(first(9, 25), DBX_REASON_PORT_NOT_LISTED);
	begin_ip4(&p, (struct ip4_opts){.id = 9, .offset = 3});
	pkt_raw(&p, "\x03\xe8\x01\xbb\0\0\0\0\0\0\0\0\x50\x02\0\0\0\0\0\0", 20); /* "tcp 443" */
	assert_int_equal(judge(&p), DBX_REASON_PORT_NOT_LISTED);
}

/* What is remembered is what the first said, not how it fared: the policy may have changed since. */
static void test_later_fragment_meets_the_new_policy(void **state)
{
	struct dbx_dest_set *set = &world.m->gateway.platform[0];
	struct dbx_port_range was = set->ports[0];

	(void)state;
	assert_int_equal(first(11, 443), DBX_REASON_PLATFORM);
	set->ports[0] = (struct dbx_port_range){444, 444};
	assert_int_equal(later(11), DBX_REASON_PORT_NOT_LISTED);
	set->ports[0] = was;
	assert_int_equal(later(11), DBX_REASON_PLATFORM);
}

static void test_unknown_source_is_not_remembered(void **state)
{
	struct pkt p;

	(void)state;
	begin_ip4(&p, (struct ip4_opts){.id = 5, .more = true, .src = "172.16.0.9"});
	pkt_tcp(&p, 1000, 443, PKT_AUTO, 2);
	pkt_fill(&p, 4);
	assert_int_equal(judge(&p), DBX_REASON_UNKNOWN_SOURCE);
	assert_int_equal(memory.n_frags, 0);
}

/* Neither from a spoofed first to an honest later one, nor the other way. */
static void test_spoofed_fragments(void **state)
{
	struct dbx_eval_result res;
	struct pkt p, q;

	(void)state;
	begin_ip4(&p, (struct ip4_opts){.id = 5, .more = true, .src = "10.66.21.3"});
	pkt_tcp(&p, 1000, 443, PKT_AUTO, 2);
	pkt_fill(&p, 4);
	pkt_end(&p);
	begin_ip4(&q, (struct ip4_opts){.id = 5, .offset = 3, .src = "10.66.21.3"});
	pkt_fill(&q, 8);
	pkt_end(&q);
	assert_int_equal(judge_bytes(p.b, p.n, "ws2", &res), DBX_REASON_SPOOFED_SOURCE);
	assert_int_equal(memory.n_frags, 0);
	assert_int_equal(judge_bytes(q.b, q.n, "ws1", &res), DBX_REASON_FRAGMENT_NO_FIRST);
	assert_int_equal(judge_bytes(p.b, p.n, "ws1", &res), DBX_REASON_PLATFORM);
	assert_int_equal(judge_bytes(q.b, q.n, "ws2", &res), DBX_REASON_SPOOFED_SOURCE);
	assert_int_equal(judge_bytes(q.b, q.n, "ws1", &res), DBX_REASON_PLATFORM);
}

static void test_tiny_fragments(void **state)
{
	struct pkt p;

	(void)state;
	begin_ip4(&p, (struct ip4_opts){.id = 6, .more = true});
	pkt_proto(&p, 6);
	pkt_fill(&p, 16); /* four bytes short of a TCP header */
	assert_int_equal(judge(&p), DBX_REASON_FRAGMENT_TINY);
	begin_ip4(&p, (struct ip4_opts){.id = 6, .offset = 1});
	pkt_fill(&p, 16);
	assert_int_equal(judge(&p), DBX_REASON_FRAGMENT_TINY);
	assert_int_equal(memory.n_frags, 0);
	begin_ip4(&p, (struct ip4_opts){.id = 6, .offset = 2, .more = true});
	pkt_fill(&p, 12); /* not a multiple of eight */
	assert_int_equal(judge(&p), DBX_REASON_BAD_IPV4);
	begin_ip4(&p, (struct ip4_opts){.id = 6, .offset = 8190});
	pkt_fill(&p, 15); /* 65,520 + 15 bytes is the most that a datagram holds */
	assert_int_equal(judge(&p), DBX_REASON_FRAGMENT_NO_FIRST);
	begin_ip4(&p, (struct ip4_opts){.id = 6, .offset = 8190});
	pkt_fill(&p, 16);
	assert_int_equal(judge(&p), DBX_REASON_BAD_IPV4);
}

static void begin_ip6(struct pkt *p)
{
	struct pkt_ip6 h = PKT_IP6_INIT;

	begin(p);
	assert_true(pkt_addr_parse("fd66:8::5", &h.src));
	assert_true(pkt_addr_parse("2001:db8:c0::7", &h.dst));
	pkt_ip6(p, &h);
}

/* The first hides its transport behind another header; the later names that header only. */
static void test_ip6_fragment_with_a_header_inside(void **state)
{
	struct pkt p;

	(void)state;
	begin_ip6(&p);
	pkt_frag6(&p, PKT_DST_OPTS, 4, false, 99);
	pkt_fill(&p, 16);
	assert_int_equal(judge(&p), DBX_REASON_FRAGMENT_NO_FIRST);
	begin_ip6(&p);
	pkt_frag6(&p, PKT_AUTO, 0, true, 99);
	pkt_ext(&p, PKT_DST_OPTS, PKT_AUTO, PKT_AUTO, (const uint8_t *)"\1\4\0\0\0\0", 6);
	pkt_tcp(&p, 1000, 443, PKT_AUTO, 2);
	pkt_fill(&p, 4);
	assert_int_equal(judge(&p), DBX_REASON_PLATFORM);
	begin_ip6(&p);
	pkt_frag6(&p, PKT_DST_OPTS, 4, false, 99);
	pkt_fill(&p, 16);
	assert_int_equal(judge(&p), DBX_REASON_PLATFORM);
}

/* Eight extension headers are walked, the ninth is too many. */
static void test_extension_header_limit(void **state)
{
	struct pkt p;

	(void)state;
	for (int n = 8; n <= 9; n++) {
		begin_ip6(&p);
		for (int i = 0; i < n; i++)
			pkt_ext(&p, PKT_DST_OPTS, PKT_AUTO, PKT_AUTO,
				(const uint8_t *)"\1\4\0\0\0\0", 6);
		pkt_tcp(&p, 1000, 443, PKT_AUTO, 2);
		assert_int_equal(judge(&p),
				 n == 8 ? DBX_REASON_PLATFORM : DBX_REASON_EXT_HEADER_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_every_cut_is_truncated, forget),
		cmocka_unit_test_teardown(test_padding_is_not_payload, forget),
		cmocka_unit_test_teardown(test_tags, forget),
		cmocka_unit_test_teardown(test_fragments, forget),
		cmocka_unit_test_teardown(test_payload_is_not_ports, forget),
		cmocka_unit_test_teardown(test_later_fragment_meets_the_new_policy, forget),
		cmocka_unit_test_teardown(test_unknown_source_is_not_remembered, forget),
		cmocka_unit_test_teardown(test_spoofed_fragments, forget),
		cmocka_unit_test_teardown(test_tiny_fragments, forget),
		cmocka_unit_test_teardown(test_ip6_fragment_with_a_header_inside, forget),
		cmocka_unit_test_teardown(test_extension_header_limit, forget),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
