// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_replay.c -- every packet of captures through replay, and through net_pcap and the pipeline of
 * dbx-egress-dpdk, with all that both remember: verdict, reason, rule and path must be the same.
 *
 * tests/data and, with DBX_DATA=DIR, all captures below DIR. What replay judges of a capture (whatever
 * its link type, with the workspace's addresses in it) is written as Ethernet to a file, which net_pcap
 * reads. What the daemon does (names learned, HTTP and QUIC decided) is done to the pipeline as replay
 * did it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "common/dpdkbox.h"
#include "common/vec.h"
#include "common/vec_world.h"
#include "dataplane/dpdk/pipe.h"
#include "dbx/program.h"
#include "replay/replay_priv.h"

#define PACKETS_MAX 5000 /* of one capture */
#define FRAME_MAX   60000u
#define IFINDEX     7u
#define DEVICE      "net_pcap0"

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

static struct dpk_pipe *pipe_;
static struct dpk_core *core;
static struct dpk_shared *sh;
static struct rte_mempool *pool;
static struct vec_world world;
static struct dbx_names *names;
static char frames[] = "/tmp/dbx-dpdk-replay.XXXXXX"; /* what net_pcap reads */
static uint16_t device;
static struct {
	size_t files, refused, packets, oversize, bad, decided;
	size_t by_reason[DBX_REASON_MAX];
} tally;

/* ---- net_pcap ---- */

static void put_header(FILE *out)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, sigfigs, snaplen, link;
	} h = {0xa1b2c3d4, 2, 4, 0, 0, 65535, 1};

	assert_int_equal(fwrite(&h, sizeof(h), 1, out), 1);
}

static void put_frame(FILE *out, const uint8_t *frame, size_t n)
{
	uint32_t h[4] = {1, 0, (uint32_t)n, (uint32_t)n};

	assert_int_equal(fwrite(h, sizeof(h), 1, out), 1);
	assert_int_equal(fwrite(frame, 1, n, out), n);
}

static void open_device(void)
{
	const struct rte_eth_conf conf = {0};
	char args[128];

	snprintf(args, sizeof(args), "rx_pcap=%s", frames);
	assert_int_equal(rte_eal_hotplug_add("vdev", DEVICE, args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(DEVICE, &device), 0);
	assert_int_equal(rte_eth_dev_configure(device, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(device, 0, 64, SOCKET_ID_ANY, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(device, 0, 64, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(device), 0);
}

/* Nothing is left in it. */
static void close_device(void)
{
	struct rte_mbuf *m;

	assert_int_equal(rte_eth_rx_burst(device, 0, &m, 1), 0);
	assert_int_equal(rte_eth_dev_stop(device), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", DEVICE), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* The next frame, which must be this one. */
static struct rte_mbuf *receive(const uint8_t *frame, size_t n)
{
	struct rte_mbuf *m = NULL;

	assert_int_equal(rte_eth_rx_burst(device, 0, &m, 1), 1);
	assert_int_equal(m->pkt_len, n);
	assert_int_equal(m->nb_segs, 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, n);
	return m;
}

/* ---- the pipeline's side ---- */

static void begin(const struct dbx_replay *r)
{
	dpk_table_clear(sh->learned);
	dpk_table_clear(sh->bound);
	dpk_table_clear(sh->flows);
	dpk_table_clear(sh->hellos);
	dpk_recent_clear(sh->frags);
	dpk_recent_clear(sh->recent);
	sh->secret = r->secret;
	sh->steer = 1;
}

/* All of it lives on. */
static int teach(void *arg, const void *key, void *value)
{
	const struct dbx_bound_key *k = key;
	struct dbx_learned_key lk = {.policy_uid = k->policy_uid};
	struct dbx_learned l = {.expires_ns = UINT64_MAX};
	struct dbx_bound b = *(const struct dbx_bound *)value;

	(void)arg;
	b.expires_ns = UINT64_MAX;
	memcpy(lk.addr, k->addr, sizeof(lk.addr));
	assert_int_equal(dpk_table_put(sh->learned, &lk, &l, 0), 0);
	assert_int_equal(dpk_table_put(sh->bound, k, &b, 0), 0);
	return 0;
}

static void judge(uint64_t now, const struct rte_mbuf *from, struct dpk_seen *seen)
{
	struct rte_mbuf *m = rte_pktmbuf_copy(from, pool, 0, UINT32_MAX);
	struct dpk_out out;

	assert_non_null(m);
	memset(seen, 0, sizeof(*seen));
	dpk_pipe_burst(core, IFINDEX, DBX_PORT_ANY, now, &m, 1, &out, seen);
	assert_int_equal(out.way == DPK_DROP || out.way == DPK_BACK,
			 seen->res.verdict == DBX_VERDICT_DROP);
	rte_pktmbuf_free(m);
}

static void back(uint64_t now, struct rte_mbuf *m)
{
	struct dpk_out out;

	dpk_pipe_back(core, IFINDEX, now, &m, 1, &out);
}

/* The daemon has decided: the pipeline's flow becomes what replay's is. */
static bool decide(const struct dbx_replay_packet *p)
{
	const struct dbx_pkt *pkt = &p->v.pkt;
	struct dbx_flow_slot *slot;
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
	slot = dpk_table_get(sh->flows, &key);
	if (!slot || dbx_sim_flow_get(&key, &f) || f.kind == DBX_NAME_PORT_TLS)
		return false;
	start_ns = slot->flow.start_ns;
	slot->flow = f;
	slot->flow.start_ns = start_ns;
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
		    const struct dbx_replay_packet *p, const struct rte_mbuf *m)
{
	struct dbx_sim_verdict raw = p->v;
	struct dpk_seen seen;

	judge(c->time_ns, m, &seen);
	if (seen.res.reason == DBX_REASON_HELLO_HELD && raw.res.reason != DBX_REASON_HELLO_HELD &&
	    decide(p))
		judge(c->time_ns, m, &seen);
	/* replay goes on to say what the resolver would */
	if (seen.res.reason == DBX_REASON_DNS_STEERED)
		dbx_sim_packet(c->time_ns, DBX_PORT_ANY, p->frame, p->n_bytes, &raw);
	tally.packets++;
	tally.by_reason[seen.res.reason]++;
	if (raw.by_daemon && seen.res.reason == DBX_REASON_HELLO_HELD)
		return;
	if (are_equal(&seen.res, &raw.res))
		return;
	tally.bad++;
	show(path, c->number, "pipeline", &seen.res);
	show(path, c->number, "replay", &raw.res);
}

/* ---- captures ---- */

/* What is done with each packet of a capture that replay judges, or sees on its way back. */
typedef void (*packet_fn)(const char *path, FILE *out, const struct dbx_captured *c,
			  const struct dbx_replay_packet *p);

static void write_it(const char *path, FILE *out, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p)
{
	(void)path;
	(void)c;
	put_frame(out, p->frame, p->n_bytes);
}

static void judge_it(const char *path, FILE *out, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p)
{
	struct rte_mbuf *m = receive(p->frame, p->n_bytes);

	(void)out;
	if (p->kind == DBX_REPLAY_JUDGED)
		compare(path, c, p, m);
	else
		back(c->time_ns, m);
	rte_pktmbuf_free(m);
}

/* Time hardly passes: what expires is another test's matter. */
static void run_packets(const char *path, struct dbx_replay *r, packet_fn fn, FILE *out)
{
	struct dbx_capture_error err;
	struct dbx_replay_packet p;
	struct dbx_capture *c;
	uint64_t learned = 0;
	struct dbx_captured k;

	assert_int_equal(dbx_capture_open(&c, path, &err), 0);
	while (dbx_capture_next(c, &k, &err) == 1 && k.number <= PACKETS_MAX) {
		k.time_ns = 1000000000000000000ull + k.number * 1000;
		if (k.is_foreign || k.n_bytes > FRAME_MAX) {
			tally.oversize += fn == judge_it && !k.is_foreign;
			continue;
		}
		dbx_replay_packet(r, &k, &p);
		if (fn == judge_it && dbx_replay_counts(r)->learned != learned)
			dbx_sim_each_bound(teach, NULL);
		learned = dbx_replay_counts(r)->learned;
		if (fn && (p.kind == DBX_REPLAY_JUDGED || p.kind == DBX_REPLAY_BACK))
			fn(path, out, &k, &p);
	}
	dbx_capture_close(&c);
}

static void write_frames(const char *path, const struct dbx_replay_opts *o)
{
	struct dbx_capture_error err;
	FILE *out = fopen(frames, "w");
	struct dbx_replay *r;

	assert_non_null(out);
	put_header(out);
	assert_int_equal(dbx_replay_open(&r, o, &err), 0);
	run_packets(path, r, write_it, out);
	dbx_replay_close(&r);
	assert_int_equal(fclose(out), 0);
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
	dbx_capture_close(&c);
	tally.files++;
	o.hints = dbx_hints_new();
	assert_int_equal(dbx_replay_open_to_learn(&r, &o, o.hints, &err), 0);
	run_packets(path, r, NULL, NULL);
	dbx_replay_close(&r);
	write_frames(path, &o);
	assert_int_equal(dbx_replay_open(&r, &o, &err), 0);
	begin(r);
	dbx_sim_each_bound(teach, NULL);
	open_device();
	run_packets(path, r, judge_it, NULL);
	close_device();
	dbx_replay_close(&r);
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
	printf("%zu captures (%zu refused), %zu packets judged, %zu too long, %zu decided by the "
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
	char path[] = "/tmp/dbx-dpdk-names.XXXXXX", command[256];
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
	assert_true(tally.by_reason[DBX_REASON_LISTED_NAME] >=
		    8); /* and what the daemon sends on */
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

static int setup(void **state)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 4096};
	struct dpk_image *img = NULL;
	int fd = mkstemp(frames);

	(void)state;
	if (fd < 0 || close(fd) || open_world() || dpdkbox_start())
		return -1;
	pool = rte_pktmbuf_pool_create("frames", 255, 0, 0, UINT16_MAX, SOCKET_ID_ANY);
	if (!pool || dpk_pipe_open(&pipe_, &o) ||
	    dpk_image_wrap(&img, world.image, world.img.hdr->n_kernel_chunks) ||
	    dpk_pipe_set_image(pipe_, img))
		return -1;
	core = dpk_pipe_core(pipe_, 0);
	sh = dpk_pipe_shared(pipe_);
	dpk_pipe_join(core);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dpk_pipe_leave(core);
	dpk_pipe_close(&pipe_);
	rte_mempool_free(pool);
	dbx_names_free(&names);
	vec_world_fini(&world);
	remove(frames);
	return rte_eal_cleanup();
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
