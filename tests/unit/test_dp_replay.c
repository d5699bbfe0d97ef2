/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_replay.c -- every packet of captures through replay and through the loaded kernel program,
 * with all that both remember: verdict, reason, rule and path must be the same.
 *
 * tests/data and, with DBX_DATA=DIR, all captures below DIR. What the program decided is read from the
 * one row of counters that it made. What the daemon does (names learned, HTTP and QUIC decided) is
 * done to the program as replay did it. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/bpfrun.h"
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

static struct bpfrun *kernel;
static struct vec_world world;
static struct dbx_names *names;
static struct {
	size_t files, refused, packets, oversize, bad, decided;
	size_t by_reason[DBX_REASON_MAX];
} tally;

/* ---- the program's side ---- */

static int map(unsigned int which)
{
	return bpfrun_map_fd(kernel, which);
}

static void empty(unsigned int which)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(map(which), NULL, key))
		assert_int_equal(bpf_map_delete_elem(map(which), key), 0);
}

static void begin(const struct dbx_replay *r)
{
	static const unsigned int tables[] = {DBX_MAP_FRAGS, DBX_MAP_LEARNED, DBX_MAP_BOUND,
					      DBX_MAP_FLOWS, DBX_MAP_HELLOS,  DBX_MAP_COUNTERS};
	uint32_t zero = 0, one = 1;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		empty(tables[i]);
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_SECRETS), &zero, &r->secret, 0), 0);
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_STEER), &zero, &one, 0), 0);
}

/* In the program's time all of it lives on. */
static int teach(void *arg, const void *key, void *value)
{
	const struct dbx_bound_key *k = key;
	struct dbx_learned_key lk = {.policy_uid = k->policy_uid};
	struct dbx_learned l = {.expires_ns = UINT64_MAX};
	struct dbx_bound b = *(const struct dbx_bound *)value;

	(void)arg;
	b.expires_ns = UINT64_MAX;
	memcpy(lk.addr, k->addr, sizeof(lk.addr));
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_LEARNED), &lk, &l, 0), 0);
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_BOUND), k, &b, 0), 0);
	return 0;
}

static void judge(const uint8_t *frame, size_t n, struct dbx_counter_key *out)
{
	struct dbx_counter_key second;

	assert_int_equal(bpfrun_enforce(kernel, frame, n, DBX_PORT_ANY, 1, NULL, NULL), 0);
	assert_int_equal(bpf_map_get_next_key(map(DBX_MAP_COUNTERS), NULL, out), 0);
	assert_int_equal(bpf_map_delete_elem(map(DBX_MAP_COUNTERS), out), 0);
	assert_int_not_equal(bpf_map_get_next_key(map(DBX_MAP_COUNTERS), NULL, &second), 0);
}

static void back(const uint8_t *frame, size_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)n);

	assert_int_equal(bpf_prog_test_run_opts(bpfrun_program(kernel, "egress_back"), &opts), 0);
}

/* The daemon has decided: the program's flow becomes what replay's is. */
static bool decide(const struct dbx_replay_packet *p)
{
	const struct dbx_pkt *pkt = &p->v.pkt;
	struct dbx_flow_slot slot;
	struct dbx_flow_key key;
	struct dbx_flow f;
	uint64_t start_ns;

	memset(&key, 0, sizeof(key));
	dbx_names_addr(pkt->src, pkt->flags & DBX_PKT_F_IPV6, key.src);
	dbx_names_addr(pkt->dst, pkt->flags & DBX_PKT_F_IPV6, key.dst);
	key.domain = pkt->domain;
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	if (dbx_sim_flow_get(&key, &f) || f.kind == DBX_NAME_PORT_TLS ||
	    bpf_map_lookup_elem(map(DBX_MAP_FLOWS), &key, &slot))
		return false;
	start_ns = slot.flow.start_ns;
	slot.flow = f;
	slot.flow.start_ns = start_ns;
	tally.decided++;
	return !bpf_map_update_elem(map(DBX_MAP_FLOWS), &key, &slot, 0);
}

/* ---- both ---- */

static void show(const char *path, uint64_t n, const char *who, int verdict, int reason,
		 uint64_t rule)
{
	fprintf(stderr, "%s: packet %llu: %s %s %s rule %llx\n", path, (unsigned long long)n, who,
		vec_verdict_name((enum dbx_verdict)verdict),
		vec_reason_slug((enum dbx_reason)reason), (unsigned long long)rule);
}

static void compare(const char *path, uint64_t time_ns, const struct dbx_captured *c,
		    const struct dbx_replay_packet *p)
{
	struct dbx_sim_verdict raw = p->v;
	struct dbx_counter_key k;

	judge(p->frame, p->n_bytes, &k);
	if (k.reason == DBX_REASON_HELLO_HELD && raw.res.reason != DBX_REASON_HELLO_HELD &&
	    decide(p))
		judge(p->frame, p->n_bytes, &k);
	if (k.reason == DBX_REASON_DNS_STEERED) /* replay goes on to say what the resolver would */
		dbx_sim_packet(time_ns, DBX_PORT_ANY, p->frame, p->n_bytes, &raw);
	tally.packets++;
	tally.by_reason[k.reason]++;
	if (raw.by_daemon && k.reason == DBX_REASON_HELLO_HELD)
		return;
	if (k.verdict == raw.res.verdict && k.reason == raw.res.reason &&
	    k.rule_uid == raw.res.rule_uid && k.path == raw.res.path &&
	    k.workspace_id == raw.res.workspace_id)
		return;
	tally.bad++;
	show(path, c->number, "kernel", k.verdict, k.reason, k.rule_uid);
	show(path, c->number, "replay", raw.res.verdict, raw.res.reason, raw.res.rule_uid);
}

/* Frames that a test run does not take are given to neither. */
static bool fits(const struct dbx_captured *c)
{
	return c->n_bytes >= BPFRUN_FRAME_MIN && c->n_bytes <= BPFRUN_FRAME_MAX && !c->is_foreign;
}

/* Time hardly passes: what expires is another test's matter. */
static void run_packets(const char *path, struct dbx_replay *r, struct dbx_capture *c,
			bool with_kernel)
{
	struct dbx_capture_error err;
	struct dbx_replay_packet p;
	uint64_t learned = 0;
	struct dbx_captured k;

	while (dbx_capture_next(c, &k, &err) == 1 && k.number <= PACKETS_MAX) {
		k.time_ns = 1000000000000000000ull + k.number * 1000;
		if (!fits(&k)) {
			tally.oversize += with_kernel;
			continue;
		}
		dbx_replay_packet(r, &k, &p);
		if (!with_kernel)
			continue;
		if (dbx_replay_counts(r)->learned != learned)
			dbx_sim_each_bound(teach, NULL);
		learned = dbx_replay_counts(r)->learned;
		if (p.kind == DBX_REPLAY_JUDGED)
			compare(path, k.time_ns, &k, &p);
		else if (p.kind == DBX_REPLAY_BACK)
			back(p.frame, p.n_bytes);
	}
}

static void run_file(const char *path)
{
	struct dbx_replay_opts o = {
		.model = world.m, .image = &world.img, .names = names, .workspace_id = 1001};
	struct dbx_capture_error err = {""};
	struct dbx_capture *c;
	struct dbx_replay *r;

	if (dbx_capture_open(&c, path, &err)) {
		tally.refused++;
		return;
	}
	tally.files++;
	o.hints = dbx_hints_new();
	assert_int_equal(dbx_replay_open_to_learn(&r, &o, o.hints, &err), 0);
	run_packets(path, r, c, false);
	dbx_replay_close(&r);
	dbx_capture_close(&c);
	assert_int_equal(dbx_capture_open(&c, path, &err), 0);
	assert_int_equal(dbx_replay_open(&r, &o, &err), 0);
	begin(r);
	dbx_sim_each_bound(teach, NULL);
	run_packets(path, r, c, true);
	dbx_replay_close(&r);
	dbx_capture_close(&c);
	dbx_hints_free(&o.hints);
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
	printf("%zu captures (%zu refused), %zu packets judged, %zu longer than a test run takes, "
	       "%zu decided by the daemon, %zu differ:",
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
	char path[] = "/tmp/dbx-dp-replay.XXXXXX", command[256];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
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

static int setup(void **state)
{
	(void)state;
	if (vec_world_init(&world) ||
	    vec_world_add(&world, "policy.json", policy, strlen(policy)) ||
	    vec_world_add(&world, "gateway.json", gateway, strlen(gateway)) ||
	    vec_world_add(&world, "binding.json", binding, strlen(binding)) ||
	    vec_world_build(&world)) {
		vec_findings_print(&world.diag);
		return -1;
	}
	if (dbx_names_new(world.m, &names) || bpfrun_open(&kernel, NULL))
		return -1;
	return bpfrun_set_image(kernel, world.image, world.image_bytes);
}

static int teardown(void **state)
{
	(void)state;
	bpfrun_close(&kernel);
	dbx_names_free(&names);
	vec_world_fini(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_of_the_tree),
		cmocka_unit_test(captures_of_names),
		cmocka_unit_test(all_captures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
