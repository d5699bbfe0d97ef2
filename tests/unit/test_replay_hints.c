// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_replay_hints.c -- names that hellos say, taken as learned where the capture has no answer.
 */
#include "replaycase.h"

#include <stdio.h>

#include "common/hellos.h"
#include "policy/explain.h"

#define WORKLOAD "10.200.0.5"
#define SHOP     "203.0.113.7"
#define OTHER    "203.0.113.8"
#define NXDOMAIN 3

static const char *const texts[] = {
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"dns\": {\"upstreams\": "
	"[\"192.0.2.53\"]}, \"workspaces\": [{\"workspace_id\": 1001, \"sources\": "
	"[{\"prefix\": \"10.200.0.0/16\"}]}]}}",
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": "
	"{\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": ["
	"{\"destination\": \"shop.example.com\", \"internet_destination_type\": \"DNS_NAME\"}, "
	"{\"destination\": \"*.many.example.com\", \"internet_destination_type\": \"DNS_NAME\"}"
	"]}}}",
	"{\"workspace_id\": 1001, \"network_policy_id\": \"np\"}",
};

static int load(void **state)
{
	(void)state;
	return documents(texts, sizeof(texts) / sizeof(texts[0]));
}

/* ---- packets ---- */

static void segment(struct dbx_replay *r, const char *server, uint16_t sport, uint16_t dport,
		    uint32_t seq, uint8_t flags, const void *data, size_t n,
		    struct dbx_replay_packet *p)
{
	const uint16_t ports[] = {sport, dport};
	struct frame f;

	put_tcp(&f, WORKLOAD, server, ports, (const uint32_t[]){seq, 501}, flags, data, n);
	packet(r, &f, p);
}

static void handshake(struct dbx_replay *r, const char *server, uint16_t sport, uint16_t dport)
{
	const uint16_t back[] = {dport, sport};
	struct dbx_replay_packet p;
	struct frame f;

	segment(r, server, sport, dport, 100, SYN, "", 0, &p);
	put_tcp(&f, server, WORKLOAD, back, (const uint32_t[]){500, 101}, SYN | ACK, "", 0);
	packet(r, &f, &p);
	segment(r, server, sport, dport, 101, ACK, "", 0, &p);
}

/* A connection in which a hello says the name, whole or in two segments. */
static void says(struct dbx_replay *r, const char *server, uint16_t sport, const char *name,
		 bool in_two, struct dbx_replay_packet *p)
{
	const struct hello_opts o = {.sni = name};
	struct hello h;
	size_t cut;

	hello_make(&h, &o);
	cut = in_two ? h.n / 2 : 0;
	handshake(r, server, sport, 443);
	if (cut)
		segment(r, server, sport, 443, 101, ACK | PSH, h.b, cut, p);
	segment(r, server, sport, 443, 101 + (uint32_t)cut, ACK | PSH, h.b + cut, h.n - cut, p);
}

static void put_name(struct frame *f, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		const uint8_t len = (uint8_t)n;

		put_bytes(f, &len, 1);
		put_bytes(f, name, n);
		name += n + (name[n] == '.');
	}
	put_bytes(f, "", 1);
}

/* A resolver's answer: the address for the name, or none. */
static void answers(struct dbx_replay *r, const char *name, const char *server, uint8_t rcode)
{
	const struct dbx_addr a = addr(server);
	const uint8_t head[] = {0, 7, 0x81, 0x80 | rcode, 0, 1, 0, !rcode, 0, 0, 0, 0};
	struct frame msg = {.n = 0}, f;
	struct dbx_replay_packet p;

	put_bytes(&msg, head, sizeof(head));
	put_name(&msg, name);
	put32(&msg, 0x00010001);
	if (!rcode) {
		put16(&msg, 0xc00c);
		put32(&msg, 0x00010001);
		put32(&msg, 30);
		put16(&msg, 4);
		put_bytes(&msg, a.a, 4);
	}
	put_udp(&f, "192.0.2.1", WORKLOAD, 53, 4001, msg.b, msg.n);
	packet(r, &f, &p);
	assert_int_equal(p.kind, DBX_REPLAY_BACK);
}

/* ---- two looks ---- */

static struct dbx_hints *hints;

static struct dbx_replay *first_look(void)
{
	const struct dbx_replay_opts o = options(0, NULL);
	struct dbx_capture_error err = {""};
	struct dbx_replay *r;

	hints = dbx_hints_new();
	assert_non_null(hints);
	if (dbx_replay_open_to_learn(&r, &o, hints, &err))
		fail_msg("%s", err.text);
	return r;
}

static struct dbx_replay *second_look(struct dbx_replay **first)
{
	dbx_replay_close(first);
	return open_replay(0, hints);
}

static void done(struct dbx_replay **second)
{
	dbx_replay_close(second);
	dbx_hints_free(&hints);
	assert_null(hints);
}

#define assert_fate(p, want_verdict, want_reason)                                       \
	do {                                                                            \
		assert_int_equal((p).v.res.verdict, DBX_VERDICT_##want_verdict);        \
		assert_string_equal(dbx_reason_slug((enum dbx_reason)(p).v.res.reason), \
				    want_reason);                                       \
	} while (0)

static void a_name_without_an_answer(void **state)
{
	struct dbx_replay_packet p;
	struct dbx_replay *r = open_replay(0, NULL);

	(void)state;
	says(r, SHOP, 5000, "shop.example.com", false, &p);
	assert_fate(p, DROP, "name-not-learned");
	dbx_replay_close(&r);
	for (int in_two = 0; in_two < 2; in_two++) {
		r = first_look();
		says(r, SHOP, 5000, "Shop.Example.COM", in_two, &p);
		r = second_look(&r);
		assert_int_equal(dbx_hints_used(hints), 1);
		says(r, SHOP, 5000, "Shop.Example.COM", in_two, &p);
		assert_fate(p, PASS, "listed-name");
		says(r, SHOP, 5001, "evil.example.net", false, &p);
		assert_fate(p, DROP, "name-mismatch");
		says(r, OTHER, 5002, "shop.example.com", false, &p);
		assert_fate(p, DROP, "name-not-learned"); /* said at another address */
		done(&r);
	}
}

/* An answer, whenever it comes and whatever it says, is the only teacher of its name. */
static void a_name_with_an_answer(void **state)
{
	struct dbx_replay_packet p;
	struct dbx_replay *r = first_look();

	(void)state;
	says(r, OTHER, 5000, "shop.example.com", false, &p); /* forged */
	answers(r, "shop.example.com", SHOP, 0);
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 0);
	says(r, OTHER, 5000, "shop.example.com", false, &p);
	assert_fate(p, DROP, "name-not-learned");
	answers(r, "shop.example.com", SHOP, 0);
	says(r, SHOP, 5001, "shop.example.com", false, &p);
	assert_fate(p, PASS, "listed-name");
	done(&r);
}

static void an_error_is_no_answer(void **state)
{
	struct dbx_replay_packet p;
	struct dbx_replay *r = first_look();

	(void)state;
	answers(r, "shop.example.com", SHOP, NXDOMAIN);
	says(r, SHOP, 5000, "shop.example.com", false, &p);
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 1);
	done(&r);
}

static void only_what_documents_allow(void **state)
{
	static const char *const bad[] = {"evil.example.net", "203.0.113.7", "example.com"};
	struct dbx_replay_packet p;
	struct dbx_replay *r = first_look();

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		says(r, SHOP, 5000 + i, bad[i], false, &p);
	/* of a port whose flows say no name, and of datagrams, nothing is read */
	handshake(r, SHOP, 5010, 22);
	segment(r, SHOP, 5010, 22, 101, ACK | PSH, "shop.example.com", 16, &p);
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 0);
	done(&r);
}

static void plain_http(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
	struct dbx_replay_packet p;
	struct dbx_replay *r = first_look();

	(void)state;
	handshake(r, SHOP, 5000, 80);
	segment(r, SHOP, 5000, 80, 101, ACK | PSH, get, sizeof(get) - 1, &p);
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 1);
	handshake(r, SHOP, 5000, 80);
	segment(r, SHOP, 5000, 80, 101, ACK | PSH, get, sizeof(get) - 1, &p);
	assert_fate(p, PASS, "listed-name");
	done(&r);
}

/* A pair of address and name is one hint, however often it is said. */
static void each_pair_once(void **state)
{
	struct dbx_replay_packet p;
	struct dbx_replay *r = first_look();

	(void)state;
	for (uint16_t i = 0; i < 40; i++)
		says(r, i % 2 ? SHOP : OTHER, 5000 + i,
		     i % 4 < 2 ? "shop.example.com" : "a.many.example.com", false, &p);
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 4);
	done(&r);
}

/* A capture with more names than are kept: memory stays bounded, and what is kept is used. */
static void more_names_than_are_kept(void **state)
{
	struct dbx_replay *r = first_look();
	struct dbx_sim_verdict v = {.n_name = 0};
	char name[64];

	(void)state;
	v.pkt.dst[0] = 0xcb007107;
	v.res.workspace_id = 1001;
	for (int i = 0; i < 70000; i++) {
		v.n_name = (uint32_t)snprintf(name, sizeof(name), "h%d.many.example.com", i);
		v.name = (const uint8_t *)name;
		dbx_hints_said(hints, &v);
	}
	r = second_look(&r);
	assert_int_equal(dbx_hints_used(hints), 65536);
	done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_without_an_answer),
		cmocka_unit_test(a_name_with_an_answer),
		cmocka_unit_test(an_error_is_no_answer),
		cmocka_unit_test(only_what_documents_allow),
		cmocka_unit_test(plain_http),
		cmocka_unit_test(each_pair_once),
		cmocka_unit_test(more_names_than_are_kept),
	};

	return cmocka_run_group_tests(tests, load, forget);
}
