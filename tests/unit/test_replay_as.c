// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_replay_as.c -- a capture from elsewhere as one workspace's: who is the client, and its address.
 */
#include "replaycase.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BOTH    1001
#define ONLY_V4 1002
#define TAGGED  1003
#define ONE     1004 /* one address of each family */

static const char *const texts[] = {
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
	"{\"workspace_id\": 1001, \"sources\": [{\"prefix\": \"10.200.0.0/13\"}, "
	"{\"prefix\": \"fd00:200::/61\"}]}, "
	"{\"workspace_id\": 1002, \"sources\": [{\"prefix\": \"10.2.0.0/16\"}]}, "
	"{\"workspace_id\": 1003, \"sources\": [{\"prefix\": \"10.3.0.0/16\", \"vlan\": 7}]}, "
	"{\"workspace_id\": 1004, \"sources\": [{\"prefix\": \"10.4.0.9/32\"}, "
	"{\"prefix\": \"fd00:4::9/128\"}]}]}}",
	("{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": "
	 "{\"restriction_mode\": \"FULL_ACCESS\"}}}"),
	"{\"workspace_id\": 1001, \"network_policy_id\": \"np\"}",
};

static int load(void **state)
{
	(void)state;
	return documents(texts, sizeof(texts) / sizeof(texts[0]));
}

/* Source (or destination) of a frame of ours with the address taken for it. */
static struct dbx_addr end_of(const struct dbx_replay_packet *p, bool dst)
{
	struct dbx_addr a = {.is_v6 = p->frame[12] == 0x86};
	size_t n = a.is_v6 ? 16 : 4, at = 14 + (a.is_v6 ? 8 : 12) + (dst ? n : 0);

	assert_true(p->n_bytes >= at + n);
	memcpy(a.a, p->frame + at, n);
	return a;
}

static void assert_in(const struct dbx_addr *a, const char *prefix)
{
	struct dbx_prefix p;

	assert_int_equal(dbx_prefix_parse(prefix, 0, &p), 0);
	for (unsigned int i = 0; i < p.len; i++)
		assert_false((a->a[i / 8] ^ p.addr.a[i / 8]) >> (7 - i % 8) & 1);
	assert_int_equal(a->is_v6, p.addr.is_v6);
}

/* The client's packet is judged, the server's goes to it: the same address in both. */
static void a_flow_both_ways(void **state)
{
	static const struct {
		const char *client, *server, *prefix;
	} v[] = {
		{"192.0.2.77", "198.51.100.9", "10.200.0.0/13"},
		{"2001:db8::77", "2001:db8:1::9", "fd00:200::/61"},
	};
	struct dbx_replay *r = open_replay(BOTH, NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		static const uint16_t there[] = {40000, 443}, back[] = {443, 40000};
		struct dbx_addr client, again, server = addr(v[i].server), got;
		struct dbx_replay_packet p;
		struct frame f;

		put_tcp(&f, v[i].client, v[i].server, there, (const uint32_t[]){1, 0}, SYN, "", 0);
		packet(r, &f, &p);
		assert_int_equal(p.kind, DBX_REPLAY_JUDGED);
		assert_int_equal(p.v.res.workspace_id, BOTH);
		assert_int_equal(p.v.res.verdict, DBX_VERDICT_PASS);
		client = end_of(&p, false);
		assert_in(&client, v[i].prefix);
		got = end_of(&p, true);
		assert_memory_equal(got.a, server.a, sizeof(got.a));
		put_tcp(&f, v[i].server, v[i].client, back, (const uint32_t[]){9, 2}, SYN | ACK, "",
			0);
		packet(r, &f, &p);
		assert_int_equal(p.kind, DBX_REPLAY_BACK);
		again = end_of(&p, true);
		assert_memory_equal(again.a, client.a, sizeof(again.a));
		got = end_of(&p, false);
		assert_memory_equal(got.a, server.a, sizeof(got.a));
	}
	dbx_replay_close(&r);
}

/* 200 clients: each keeps its address over its flows, and few share one. */
static void clients_stay_apart(void **state)
{
	static struct dbx_addr v[200];
	struct dbx_replay *r = open_replay(BOTH, NULL);
	struct dbx_replay_packet p;
	size_t n_shared = 0;
	char client[32];
	struct frame f;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 200; i++) {
			struct dbx_addr a;

			snprintf(client, sizeof(client), "192.0.2.%zu", i);
			put_udp(&f, client, "198.51.100.9", (uint16_t)(3000 + round), 123, "x", 1);
			packet(r, &f, &p);
			assert_int_equal(p.v.res.workspace_id, BOTH);
			a = end_of(&p, false);
			if (round)
				assert_memory_equal(a.a, v[i].a, sizeof(a.a));
			v[i] = a;
		}
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i; k++)
			n_shared += !memcmp(v[i].a, v[k].a, sizeof(v[i].a));
	assert_true(n_shared < 5);
	dbx_replay_close(&r);
}

/* Where the first packet of a flow is not in the capture. */
static void from_the_middle(void **state)
{
	static const struct {
		uint16_t sport, dport;
		uint8_t proto, flags;
		enum dbx_replay_kind kind;
	} v[] = {
		{443, 40000, DBX_PROTO_TCP, ACK, DBX_REPLAY_BACK},
		{40000, 443, DBX_PROTO_TCP, ACK, DBX_REPLAY_JUDGED},
		{40001, 50001, DBX_PROTO_TCP, ACK, DBX_REPLAY_JUDGED},
		{40002, 50002, DBX_PROTO_TCP, SYN | ACK, DBX_REPLAY_BACK},
		{53, 4000, DBX_PROTO_UDP, 0, DBX_REPLAY_BACK},
		{123, 123, DBX_PROTO_UDP, 0, DBX_REPLAY_JUDGED},
		{5000, 53, DBX_PROTO_UDP, 0, DBX_REPLAY_JUDGED},
	};
	struct dbx_replay *r = open_replay(BOTH, NULL);
	struct dbx_replay_packet p;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const uint16_t ports[] = {v[i].sport, v[i].dport};
		char src[32], dst[32];

		/* pairs of hosts of their own, so that no flow is another's answer */
		snprintf(src, sizeof(src), "192.0.2.%zu", i);
		snprintf(dst, sizeof(dst), "198.51.100.%zu", i);
		if (v[i].proto == DBX_PROTO_TCP)
			put_tcp(&f, src, dst, ports, (const uint32_t[]){5, 6}, v[i].flags, "", 0);
		else
			put_udp(&f, src, dst, ports[0], ports[1], "", 0);
		/* what was found out stays, whatever the next packet looks like */
		for (int k = 0; k < 2; k++) {
			packet(r, &f, &p);
			assert_int_equal(p.kind, v[i].kind);
		}
	}
	dbx_replay_close(&r);
}

static void tags_are_taken_off(void **state)
{
	struct dbx_replay *r = open_replay(BOTH, NULL);
	struct dbx_replay_packet p;
	struct frame f;

	(void)state;
	for (int n_tags = 0; n_tags < 3; n_tags++) {
		put_ip(&f, n_tags, "192.0.2.1", "198.51.100.1", 47, 4);
		put32(&f, 0x01020304);
		packet(r, &f, &p);
		assert_int_equal(p.kind, DBX_REPLAY_JUDGED);
		assert_int_equal(p.n_bytes, 14 + 20 + 4);
		assert_memory_equal(p.frame + 12, "\x08\x00\x45", 3);
		assert_memory_equal(p.frame + 34, "\1\2\3\4", 4);
		assert_int_equal(p.v.res.workspace_id, BOTH);
	}
	dbx_replay_close(&r);
}

/* The workspace's own packets are what they are, and so is what it has no source for. */
static void what_stays(void **state)
{
	struct dbx_replay *r = open_replay(ONLY_V4, NULL);
	struct dbx_replay_packet p;
	struct frame f;

	(void)state;
	put_udp(&f, "10.2.0.5", "198.51.100.1", 4000, 123, "x", 1);
	packet(r, &f, &p);
	assert_ptr_equal(p.frame, f.b);
	assert_int_equal(p.v.res.workspace_id, ONLY_V4);
	put_udp(&f, "10.200.0.5", "198.51.100.1", 4000, 123, "x", 1);
	packet(r, &f, &p);
	assert_ptr_equal(p.frame, f.b);
	assert_int_equal(p.v.res.workspace_id, BOTH); /* another's: not taken over */
	put_udp(&f, "2001:db8::1", "2001:db8::2", 4000, 123, "x", 1);
	packet(r, &f, &p);
	assert_ptr_equal(p.frame, f.b);
	assert_int_equal(p.v.res.reason, DBX_REASON_UNKNOWN_SOURCE);
	/* without a workspace, strangers are strangers */
	dbx_replay_close(&r);
	r = open_replay(0, NULL);
	put_udp(&f, "192.0.2.1", "198.51.100.1", 4000, 123, "x", 1);
	packet(r, &f, &p);
	assert_ptr_equal(p.frame, f.b);
	assert_int_equal(p.v.res.reason, DBX_REASON_UNKNOWN_SOURCE);
	dbx_replay_close(&r);
}

/* All bits of the address are the prefix's. */
static void one_address(void **state)
{
	struct dbx_replay *r = open_replay(ONE, NULL);
	struct dbx_replay_packet p;
	struct dbx_addr a;
	struct frame f;

	(void)state;
	put_udp(&f, "192.0.2.1", "198.51.100.1", 4000, 123, "x", 1);
	packet(r, &f, &p);
	a = end_of(&p, false);
	assert_in(&a, "10.4.0.9/32");
	put_udp(&f, "2001:db8::1", "2001:db8::2", 4000, 123, "x", 1);
	packet(r, &f, &p);
	a = end_of(&p, false);
	assert_in(&a, "fd00:4::9/128");
	dbx_replay_close(&r);
}

/* Cut at every byte: nothing is read or written beyond what is there (ASan watches). */
static void cut_anywhere(void **state)
{
	static const uint16_t ports[] = {40000, 443};
	struct dbx_replay *r = open_replay(BOTH, NULL);
	struct dbx_replay_packet p;
	struct frame whole;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		put_tcp(&whole, v6 ? "2001:db8::1" : "192.0.2.1",
			v6 ? "2001:db8::2" : "198.51.100.1", ports, (const uint32_t[]){1, 2}, ACK,
			"data", 4);
		for (size_t n = 0; n <= whole.n; n++) {
			uint8_t *exact = malloc(n ? n : 1);
			const struct dbx_captured c = {.number = 1,
						       .time_ns = clock_ns,
						       .frame = exact,
						       .n_bytes = n,
						       .n_wire_bytes = whole.n};

			assert_non_null(exact);
			memcpy(exact, whole.b, n);
			dbx_replay_packet(r, &c, &p);
			assert_int_equal(p.kind, DBX_REPLAY_JUDGED);
			assert_true(p.n_bytes <= whole.n);
			free(exact);
		}
	}
	assert_int_equal(dbx_replay_counts(r)->cut, dbx_replay_counts(r)->packets - 2);
	dbx_replay_close(&r);
}

static void refused(void **state)
{
	static const struct {
		int64_t workspace_id;
		const char *why;
	} v[] = {
		{4711, "no document has workspace 4711"},
		{TAGGED,
		 "workspace 1003 has no source that is free of VLAN, VNI, interface and MAC"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct dbx_replay_opts o = options(v[i].workspace_id, NULL);
		struct dbx_capture_error err = {""};
		struct dbx_replay *r = NULL;

		assert_int_equal(dbx_replay_open(&r, &o, &err), -EINVAL);
		assert_string_equal(err.text, v[i].why);
		assert_null(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_both_ways), cmocka_unit_test(clients_stay_apart),
		cmocka_unit_test(from_the_middle),  cmocka_unit_test(tags_are_taken_off),
		cmocka_unit_test(what_stays),       cmocka_unit_test(one_address),
		cmocka_unit_test(cut_anywhere),     cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, load, forget);
}
