/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replaydiff.h -- captures through replay and through a data plane, packet by packet, with all that both
 * remember: what the tests of each data plane share.
 *
 * A test says how its data plane judges a packet and how it takes over what the daemon does (names
 * learned, HTTP and QUIC decided), and runs a file; the captures and what must come of them are here.
 */
#ifndef DBX_TESTS_REPLAYDIFF_H
#define DBX_TESTS_REPLAYDIFF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/vec.h"
#include "common/vec_world.h"
#include "dbx/program.h"
#include "replay/replay_priv.h"

#define PACKETS_MAX 5000 /* of one capture */

static const char policy[] =
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": ["
#define NAME(name) "{\"destination\": \"" name "\", \"internet_destination_type\": \"DNS_NAME\"},"
	NAME("shop.example.com") NAME("*.google.com") NAME("*.gstatic.com") NAME(
		"*.youtube.com") NAME("*.facebook.com") NAME("*.cloudflare.com")
		NAME("*.mozilla.org") NAME("*.googlevideo.com") NAME("*.wireshark.org") NAME(
			"*.apple.com") "{\"destination\": \"198.51.100.0/24\", \"internet_destination_type\": \"IP_RANGE\"}]}}}";

static const char gateway[] =
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"dns\": {\"upstreams\": "
	"[\"192.0.2.53\"]}, \"names\": {\"quic\": \"inspect\"}, \"paths\": "
	"[{\"path\": \"nat\", \"interface\": \"up0\"}], \"workspaces\": [{\"workspace_id\": 1001, "
	"\"sources\": [{\"prefix\": \"10.200.0.0/16\"}, {\"prefix\": \"fd00:200::/64\"}]}], "
	"\"allowed_destinations\": ["
	"{\"label\": \"low\", \"prefixes\": [\"0.0.0.0/2\", \"2000::/4\"], \"protocol\": \"udp\", "
	"\"ports\": [123, \"6000-7000\"]}, "
	"{\"label\": \"ping\", \"prefixes\": [\"0.0.0.0/0\"], \"protocol\": \"icmp\", \"types\": [8]}]}}";

static const char binding[] = "{\"workspace_id\": 1001, \"network_policy_id\": \"np\"}";

static struct vec_world world;
static struct dbx_names *names;
static const char *plane_name;
static struct {
	size_t files, refused, packets, oversize, bad, decided;
	size_t by_reason[DBX_REASON_MAX];
} tally;

/* ---- the data plane's side: each test has its own ---- */

/* Frames that it does not take are given to neither. */
static bool fits(const struct dbx_captured *c);
/* Empty, as replay begins. */
static void begin(const struct dbx_replay *r);
static void put_learned(const struct dbx_learned_key *key, const struct dbx_learned *v);
static void put_bound(const struct dbx_bound_key *key, const struct dbx_bound *v);
/* The flow becomes v, and began when it did; false: there is none. */
static bool set_flow(const struct dbx_flow_key *key, const struct dbx_flow *v);
static void judge(uint64_t now, const struct dbx_replay_packet *p, struct dbx_result *out);
/* A packet that replay judges, or sees on its way back. */
static void judge_it(const char *path, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p);
static void run_file(const char *path);

/* ---- what the daemon does ---- */

/* In the data plane's time all of it lives on. */
static int teach(void *arg, const void *key, void *value)
{
	const struct dbx_bound_key *k = key;
	struct dbx_learned_key lk = {.policy_uid = k->policy_uid};
	struct dbx_learned l = {.expires_ns = UINT64_MAX};
	struct dbx_bound b = *(const struct dbx_bound *)value;

	(void)arg;
	b.expires_ns = UINT64_MAX;
	memcpy(lk.addr, k->addr, sizeof(lk.addr));
	put_learned(&lk, &l);
	put_bound(k, &b);
	return 0;
}

/* The daemon has decided: the data plane's flow becomes what replay's is. */
static bool decide(const struct dbx_replay_packet *p)
{
	const struct dbx_pkt *pkt = &p->v.pkt;
	struct dbx_flow_key key;
	struct dbx_flow f;

	memset(&key, 0, sizeof(key));
	dbx_names_addr(pkt->src, pkt->flags & DBX_PKT_F_IPV6, key.src);
	dbx_names_addr(pkt->dst, pkt->flags & DBX_PKT_F_IPV6, key.dst);
	key.domain = pkt->domain;
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	if (dbx_sim_flow_get(&key, &f) || f.kind == DBX_NAME_PORT_TLS || !set_flow(&key, &f))
		return false;
	tally.decided++;
	return true;
}

/* ---- both ---- */

static void show(const char *path, uint64_t n, const char *who, const struct dbx_result *r)
{
	fprintf(stderr, "%s: packet %llu: %s %s %s rule %llx\n", path, (unsigned long long)n, who,
		vec_verdict_name(r->verdict), vec_reason_slug(r->reason),
		(unsigned long long)r->rule_uid);
}

static bool are_equal(const struct dbx_result *x, const struct dbx_result *y)
{
	return x->verdict == y->verdict && x->reason == y->reason && x->rule_uid == y->rule_uid &&
	       x->path == y->path && x->workspace_id == y->workspace_id;
}

static void compare(const char *path, const struct dbx_captured *c,
		    const struct dbx_replay_packet *p)
{
	struct dbx_sim_verdict raw = p->v;
	struct dbx_result got;

	judge(c->time_ns, p, &got);
	if (got.reason == DBX_REASON_HELLO_HELD && raw.res.reason != DBX_REASON_HELLO_HELD &&
	    decide(p))
		judge(c->time_ns, p, &got);
	/* replay goes on to say what the resolver would */
	if (got.reason == DBX_REASON_DNS_STEERED)
		dbx_sim_packet(c->time_ns, DBX_PORT_ANY, p->frame, p->n_bytes, &raw);
	tally.packets++;
	tally.by_reason[got.reason]++;
	if (raw.by_daemon && got.reason == DBX_REASON_HELLO_HELD)
		return;
	if (are_equal(&got, &raw.res))
		return;
	tally.bad++;
	show(path, c->number, plane_name, &got);
	show(path, c->number, "replay", &raw.res);
}

/* ---- captures ---- */

/* What is done with each packet of a capture that replay judges, or sees on its way back. */
typedef void (*packet_fn)(const char *path, const struct dbx_captured *c,
			  const struct dbx_replay_packet *p);

/* Time hardly passes: what expires is another test's matter. */
static void run_packets(const char *path, struct dbx_replay *r, packet_fn fn)
{
	struct dbx_capture_error err;
	struct dbx_replay_packet p;
	struct dbx_capture *c;
	uint64_t learned = 0;
	struct dbx_captured k;

	assert_int_equal(dbx_capture_open(&c, path, &err), 0);
	while (dbx_capture_next(c, &k, &err) == 1 && k.number <= PACKETS_MAX) {
		k.time_ns = 1000000000000000000ull + k.number * 1000;
		if (k.is_foreign || !fits(&k)) {
			tally.oversize += fn == judge_it && !k.is_foreign;
			continue;
		}
		dbx_replay_packet(r, &k, &p);
		if (fn == judge_it && dbx_replay_counts(r)->learned != learned)
			dbx_sim_each_bound(teach, NULL);
		learned = dbx_replay_counts(r)->learned;
		if (fn && (p.kind == DBX_REPLAY_JUDGED || p.kind == DBX_REPLAY_BACK))
			fn(path, &k, &p);
	}
	dbx_capture_close(&c);
}

/* A first time through, for the names that a capture tells; false: it is none. */
static bool learn_file(const char *path, struct dbx_replay_opts *o)
{
	struct dbx_capture_error err = {""};
	struct dbx_capture *c;
	struct dbx_replay *r;

	if (dbx_capture_open(&c, path, &err)) {
		tally.refused++;
		return false;
	}
	dbx_capture_close(&c);
	tally.files++;
	*o = (struct dbx_replay_opts){.model = world.m,
				      .image = &world.img,
				      .names = names,
				      .workspace_id = 1001,
				      .hints = dbx_hints_new()};
	assert_int_equal(dbx_replay_open_to_learn(&r, o, o->hints, &err), 0);
	run_packets(path, r, NULL);
	dbx_replay_close(&r);
	return true;
}

static void judge_file(const char *path, const struct dbx_replay_opts *o)
{
	struct dbx_capture_error err;
	struct dbx_replay *r;

	assert_int_equal(dbx_replay_open(&r, o, &err), 0);
	begin(r);
	dbx_sim_each_bound(teach, NULL);
	run_packets(path, r, judge_it);
	dbx_replay_close(&r);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_F && strstr(path, ".pcap"))
		run_file(path);
	return 0;
}

static void finish(void)
{
	printf("%zu captures (%zu refused), %zu packets judged, %zu not taken, %zu decided by the "
	       "daemon, %zu differ:",
	       tally.files, tally.refused, tally.packets, tally.oversize, tally.decided, tally.bad);
	for (int i = 0; i < DBX_REASON_MAX; i++)
		if (tally.by_reason[i])
			printf(" %s %zu", vec_reason_slug((enum dbx_reason)i), tally.by_reason[i]);
	putchar('\n');
	assert_int_equal(tally.bad, 0);
	assert_true(tally.packets > 0);
}

/* ---- tests ---- */

static void captures_of_the_tree(void **state)
{
	(void)state;
	memset(&tally, 0, sizeof(tally));
	assert_int_equal(nftw("tests/data", visit, 8, FTW_PHYS), 0);
	finish();
	assert_true(tally.by_reason[DBX_REASON_LISTED_NAME] > 0);
	assert_true(tally.by_reason[DBX_REASON_DNS_STEERED] > 0);
}

/* What is learned from answers, spoken, forged; HTTP and QUIC. */
static void captures_of_names(void **state)
{
	static const char *const how[] = {"", "web"};
	char path[] = "/tmp/dbx-replay-names.XXXXXX", command[256];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	memset(&tally, 0, sizeof(tally));
	for (size_t i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "python3 tests/common/make_replay_pcap.py %s %s",
			 path, how[i]);
		assert_int_equal(system(command), 0);
		run_file(path);
	}
	remove(path);
	finish();
	assert_int_equal(tally.files, 2);
	assert_true(tally.decided >= 9);
	assert_true(tally.by_reason[DBX_REASON_NAME_MISMATCH] >= 3);
	/* and what the daemon sends on */
	assert_true(tally.by_reason[DBX_REASON_LISTED_NAME] >= 8);
	assert_true(tally.by_reason[DBX_REASON_HTTP_NEXT_REQUEST] > 0);
	assert_true(tally.by_reason[DBX_REASON_HELLO_HELD] > 0);
}

static void all_captures(void **state)
{
	const char *data = getenv("DBX_DATA");

	(void)state;
	if (!data || !*data)
		skip();
	memset(&tally, 0, sizeof(tally));
	assert_int_equal(nftw(data, visit, 8, FTW_PHYS), 0);
	finish();
}

/* ---- the world they are judged by ---- */

static int open_world(void)
{
	if (vec_world_init(&world) ||
	    vec_world_add(&world, "policy.json", policy, strlen(policy)) ||
	    vec_world_add(&world, "gateway.json", gateway, strlen(gateway)) ||
	    vec_world_add(&world, "binding.json", binding, strlen(binding)) ||
	    vec_world_build(&world)) {
		vec_findings_print(&world.diag);
		return -1;
	}
	return dbx_names_new(world.m, &names);
}

static void close_world(void)
{
	dbx_names_free(&names);
	vec_world_fini(&world);
}

static int run_captures(const char *plane, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_of_the_tree),
		cmocka_unit_test(captures_of_names),
		cmocka_unit_test(all_captures),
	};

	plane_name = plane;
	return cmocka_run_group_tests(tests, setup, teardown);
}

#endif
