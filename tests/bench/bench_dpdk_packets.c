// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_dpdk_packets.c -- what a packet costs in the pipeline of dbx-egress-dpdk, beside forwarding alone and
 * beside what DPDK has for the same rules: rte_hash with rte_fib, rte_hash with rte_acl.
 *
 * 1,000 workspaces, 200 policies, each of which allows TCP 443 to four of Azure's real service tags
 * (DBX_DATA=DIR: of DIR/ip-ranges; else those of rules/feeds). IPv4. The rivals look at protocol, port,
 * source and destination, and at nothing else; they remember, count and tell nothing. All four take the
 * same packets, made before, from the same net_ring queues and put them back, in turns within one run.
 * What each passes is compared with the classifier on the host: a row whose count differs is INVALID,
 * and the exit code 1. DBX_BENCH_QUICK=1: fewer rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_mbuf.h>

#include "common/bench.h"
#include "common/pkt.h"
#include "common/vec_world.h"
#include "dataplane/dpdk/pipe.h"
#include "lib/file.h"
#include "lib/strbuf.h"

#define WORKSPACES 1000u
#define POLICIES   200u
#define TAGS       4u  /* of a policy */
#define TAG_MAX    80u /* prefixes of a tag */
#define QUEUES     16u
#define QUEUE_LEN  992u /* packets in a queue, a multiple of the burst */
#define PACKETS    (QUEUES * QUEUE_LEN)
#define ROUNDS     15
#define CYCLES     20 /* of all packets in a round */
#define ROOM       65536u

struct range {
	uint32_t addr;
	uint8_t len;
};

static struct vec_world world;
static struct {
	struct range *v;
	size_t n;
} policies[POLICIES], all;
static struct rte_mempool *pool;
static uint16_t device;
static uint64_t n_expected; /* that pass, of PACKETS */
static int n_bad;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_dpdk_packets: %s (%s)\n", what, rte_strerror(rte_errno));
	exit(1);
}

static uint32_t mask_of(uint8_t len)
{
	return len ? ~0u << (32 - len) : 0;
}

/* ---- documents ---- */

static void read_feed(void)
{
	const char *data = getenv("DBX_DATA");
	char path[512], *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/ip-ranges/azure-public-20260427.json.gz",
		 data ? data : "");
	if (!data || dbx_file_read(path, 0, &text, &n)) {
		snprintf(path, sizeof(path), "rules/feeds/azure-public.json.gz");
		need(!dbx_file_read(path, 0, &text, &n), path);
	}
	need(!vec_world_init(&world) && !vec_world_add(&world, "azure.json", text, n), path);
	free(text);
	printf("# %s\n", path);
}

static struct range range_of(const struct dbx_prefix *p)
{
	const uint8_t *a = p->addr.a;

	return (struct range){
		(uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3], p->len};
}

static size_t add_ranges(const struct dbx_feed *f, uint32_t first, size_t n, struct range *v)
{
	size_t n_v = 0;

	for (uint32_t i = first; i < first + n; i++)
		if (!f->prefixes[i].prefix.addr.is_v6)
			v[n_v++] = range_of(&f->prefixes[i].prefix);
	return n_v;
}

/* A policy and the set that names its tags. */
static void add_policy(const struct dbx_feed *f, unsigned int p, struct dbx_strbuf *sets)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "{\"network_policy_id\": \"np-%u\", \"egress\": {\"network_access\": "
			 "{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}",
			 p);

	need(!vec_world_add(&world, "policy.json", text, (size_t)n), "policy");
	policies[p].v = calloc(TAGS, TAG_MAX * sizeof(struct range));
	need(policies[p].v, "memory");
	dbx_strbuf_addf(sets, "%s{\"label\": \"s%u\", \"service_tags\": [", p ? ", " : "", p);
	for (unsigned int i = 0; i < TAGS;) {
		const struct dbx_tag *t = &f->tags[bench_rnd((uint32_t)f->n_tags)];
		struct range some[TAG_MAX];

		if (t->n > TAG_MAX || !add_ranges(f, t->first, t->n, some))
			continue;
		policies[p].n += add_ranges(f, t->first, t->n, policies[p].v + policies[p].n);
		dbx_strbuf_addf(sets, "%s\"%s\"", i++ ? ", " : "", t->name);
	}
	dbx_strbuf_addf(sets,
			"], \"protocol\": \"tcp\", \"ports\": [443], \"network_policy_ids\": "
			"[\"np-%u\"]}",
			p);
}

static void add_workspaces(struct dbx_strbuf *b)
{
	for (unsigned int i = 0; i < WORKSPACES; i++) {
		char text[128];
		int n = snprintf(text, sizeof(text),
				 "{\"workspace_id\": %u, \"network_policy_id\": \"np-%u\"}",
				 1000 + i, i % POLICIES);

		need(!vec_world_add(&world, "option.json", text, (size_t)n), "option");
		dbx_strbuf_addf(b,
				"%s{\"workspace_id\": %u, \"sources\": [{\"prefix\": "
				"\"10.%u.%u.0/24\"}]}",
				i ? ", " : "", 1000 + i, 64 + i / 250, i % 250);
	}
}

static void make_world(void)
{
	const struct dbx_feed *f;
	struct dbx_strbuf b, sets;

	read_feed();
	f = &world.m->feeds[0];
	all.v = calloc(f->n_prefixes, sizeof(*all.v));
	need(all.v, "memory");
	all.n = add_ranges(f, 0, f->n_prefixes, all.v);
	dbx_strbuf_init(&b);
	dbx_strbuf_init(&sets);
	for (unsigned int p = 0; p < POLICIES; p++)
		add_policy(f, p, &sets);
	dbx_strbuf_add(&b,
		       "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [");
	add_workspaces(&b);
	dbx_strbuf_addf(&b, "], \"allowed_destinations\": [%s]}}", sets.s);
	need(!vec_world_add(&world, "gateway.json", b.s, b.len), "gateway");
	if (vec_world_build(&world)) {
		vec_findings_print(&world.diag);
		exit(1);
	}
	dbx_strbuf_fini(&b);
	dbx_strbuf_fini(&sets);
}

/* ---- packets ---- */

static uint32_t inside(const struct range *r)
{
	return r->addr | (bench_rnd(~0u) & ~mask_of(r->len));
}

/* A third goes to where its policy allows, a third to other ranges of Azure, a third anywhere. */
static uint32_t destination(unsigned int policy)
{
	switch (bench_rnd(3)) {
	case 0:
		return inside(&policies[policy].v[bench_rnd((uint32_t)policies[policy].n)]);
	case 1:
		return inside(&all.v[bench_rnd((uint32_t)all.n)]);
	default:
		return 0x0b000000u + bench_rnd(0x60000000u);
	}
}

static struct pkt_addr addr_of(uint32_t a)
{
	return (struct pkt_addr){
		false, {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a}};
}

static struct rte_mbuf *make_packet(void)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	unsigned int ws = bench_rnd(WORKSPACES);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct pkt_ip4 ip = PKT_IP4_INIT;
	struct vec_result host;
	struct pkt p;

	need(m, "mbuf");
	ip.src =
		addr_of(10u << 24 | (64 + ws / 250) << 16 | (ws % 250) << 8 | (2 + bench_rnd(250)));
	ip.dst = addr_of(destination(ws % POLICIES));
	pkt_begin(&p);
	pkt_eth(&p, macs[0], macs[1], PKT_AUTO);
	pkt_ip4(&p, &ip);
	pkt_tcp(&p, (uint16_t)(1024 + bench_rnd(60000)), bench_rnd(10) ? 443 : 22, PKT_AUTO, 2);
	pkt_end(&p);
	vec_world_host(&world, "ws1", p.b, p.n, &host);
	n_expected += host.verdict == DBX_VERDICT_PASS;
	memcpy(rte_pktmbuf_append(m, (uint16_t)p.n), p.b, p.n);
	return m;
}

/* What is sent by a queue of net_ring comes by it. */
static void open_device(void)
{
	const struct rte_eth_conf conf = {0};

	need(!rte_eal_hotplug_add("vdev", "net_ring0", ""), "net_ring");
	need(!rte_eth_dev_get_port_by_name("net_ring0", &device), "net_ring");
	need(!rte_eth_dev_configure(device, QUEUES, QUEUES, &conf), "configure");
	for (uint16_t q = 0; q < QUEUES; q++) {
		need(!rte_eth_rx_queue_setup(device, q, 1024, SOCKET_ID_ANY, NULL, pool), "queue");
		need(!rte_eth_tx_queue_setup(device, q, 1024, SOCKET_ID_ANY, NULL), "queue");
	}
	need(!rte_eth_dev_start(device), "start");
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct rte_mbuf *m = make_packet();

		need(rte_eth_tx_burst(device, (uint16_t)(i / QUEUE_LEN), &m, 1) == 1, "send");
	}
}

/* ---- what a burst meets: a bit for each packet that passes ---- */

static uint64_t now_ns = 1000000;

static uint32_t forward_only(struct rte_mbuf **m)
{
	(void)m;
	return ~0u;
}

static struct dpk_core *core;

static uint32_t ours(struct rte_mbuf **m)
{
	struct dpk_out out[DPK_BURST];
	uint32_t pass = 0;

	dpk_pipe_burst(core, 1, dbx_port_hash("ws1"), now_ns += 1000, m, DPK_BURST, out, NULL);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		pass |= (uint32_t)(out[i].way == DPK_HOST) << i;
	return pass;
}

static void open_ours(void)
{
	struct dpk_pipe_opts o = {.n_cores = 1};
	struct dpk_image *img = NULL;
	struct dpk_pipe *pipe;

	need(!dpk_pipe_open(&pipe, &o), "pipeline");
	core = dpk_pipe_core(pipe, 0);
	dpk_pipe_join(core);
	need(!dpk_image_wrap(&img, world.image, world.img.hdr->n_kernel_chunks), "image");
	need(!dpk_pipe_set_image(pipe, img), "image");
}

/* What both rivals take of a packet, for any they do not know: proto 0. */
struct tuple {
	uint8_t proto;
	uint8_t zero[3];
	rte_be32_t policy, dst;
	rte_be16_t dport, zero2;
};

static struct rte_hash *sources;
static uint32_t policy_of[ROOM];

/* Policies of a burst, by hash; tuples; ~0: nobody's. */
static void read_tuples(struct rte_mbuf **m, struct tuple *t)
{
	uint32_t keys[DPK_BURST];
	const void *key[DPK_BURST];
	int32_t at[DPK_BURST];

	for (unsigned int i = 0; i < DPK_BURST; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < DPK_BURST; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);
		uint32_t src;

		memset(&t[i], 0, sizeof(t[i]));
		memcpy(&src, p + 26, 4);
		memcpy(&t[i].dst, p + 30, 4);
		memcpy(&t[i].dport, p + 36, 2);
		if (m[i]->data_len >= 54 && p[12] == 8 && !p[13] && p[14] == 0x45 &&
		    !((p[20] & 0x3f) | p[21]))
			t[i].proto = p[23];
		keys[i] = rte_be_to_cpu_32(src) >> 8;
		key[i] = &keys[i];
	}
	rte_hash_lookup_bulk(sources, key, DPK_BURST, at);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		t[i].policy = at[i] < 0 ? ~0u : rte_cpu_to_be_32(policy_of[at[i]]);
}

static void open_sources(void)
{
	struct rte_hash_parameters p = {
		.name = "sources", .entries = ROOM / 2, .key_len = 4, .socket_id = SOCKET_ID_ANY};

	sources = rte_hash_create(&p);
	need(sources, "rte_hash");
	for (unsigned int i = 0; i < WORKSPACES; i++) {
		uint32_t key = 10u << 16 | (64 + i / 250) << 8 | i % 250;
		int32_t at = rte_hash_add_key(sources, &key);

		need(at >= 0 && at < (int32_t)ROOM, "rte_hash_add_key");
		policy_of[at] = i % POLICIES;
	}
}

static struct rte_fib *fib;
static uint64_t (*allows)[(POLICIES + 63) / 64]; /* by next hop */

static uint32_t by_fib(struct rte_mbuf **m)
{
	struct tuple t[DPK_BURST];
	uint32_t dst[DPK_BURST], pass = 0;
	uint64_t hop[DPK_BURST];

	read_tuples(m, t);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		dst[i] = rte_be_to_cpu_32(t[i].dst);
	rte_fib_lookup_bulk(fib, dst, hop, DPK_BURST);
	for (unsigned int i = 0; i < DPK_BURST; i++) {
		uint32_t policy = rte_be_to_cpu_32(t[i].policy);

		pass |= (uint32_t)(policy < POLICIES && t[i].proto == 6 &&
				   t[i].dport == rte_cpu_to_be_16(443) &&
				   (allows[hop[i]][policy / 64] >> policy % 64 & 1))
			<< i;
	}
	return pass;
}

struct allowed {
	struct range r;
	uint32_t policy;
};

static int cmp_allowed(const void *x, const void *y)
{
	const struct allowed *a = x, *b = y;

	if (a->r.addr != b->r.addr)
		return a->r.addr < b->r.addr ? -1 : 1;
	return (int)a->r.len - (int)b->r.len;
}

static struct allowed *all_allowed(size_t *n)
{
	struct allowed *v;

	*n = 0;
	for (unsigned int p = 0; p < POLICIES; p++)
		*n += policies[p].n;
	v = calloc(*n, sizeof(*v));
	need(v, "memory");
	*n = 0;
	for (unsigned int p = 0; p < POLICIES; p++)
		for (size_t i = 0; i < policies[p].n; i++)
			v[(*n)++] = (struct allowed){policies[p].v[i], p};
	qsort(v, *n, sizeof(*v), cmp_allowed);
	return v;
}

/* A prefix allows what the prefixes around it allow too: a FIB finds the longest alone. */
static void open_fib(void)
{
	struct rte_fib_conf conf = {.type = RTE_FIB_DIR24_8,
				    .max_routes = ROOM,
				    .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 32767}};
	size_t n, n_hops = 1, stack[33], depth = 0;
	struct allowed *v = all_allowed(&n);
	const struct allowed *hops[33];

	fib = rte_fib_create("rival", SOCKET_ID_ANY, &conf);
	allows = calloc(n + 1, sizeof(*allows));
	need(fib && allows, "rte_fib");
	for (size_t i = 0; i < n; i++) {
		const struct range *r = &v[i].r;

		while (depth &&
		       ((r->addr ^ hops[depth - 1]->r.addr) & mask_of(hops[depth - 1]->r.len)))
			depth--;
		if (!depth || hops[depth - 1]->r.len != r->len) {
			if (depth)
				memcpy(allows[n_hops], allows[stack[depth - 1]], sizeof(*allows));
			need(!rte_fib_add(fib, r->addr, r->len, n_hops), "rte_fib_add");
			hops[depth] = &v[i];
			stack[depth++] = n_hops++;
		}
		allows[stack[depth - 1]][v[i].policy / 64] |= 1ull << v[i].policy % 64;
	}
	printf("# rte_fib: %zu routes\n", n_hops - 1);
	free(v);
}

static struct rte_acl_ctx *acl;

RTE_ACL_RULE_DEF(rule, 5);

static uint32_t by_acl(struct rte_mbuf **m)
{
	const uint8_t *data[DPK_BURST];
	uint32_t found[DPK_BURST], pass = 0;
	struct tuple t[DPK_BURST];

	read_tuples(m, t);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		data[i] = (const uint8_t *)&t[i];
	rte_acl_classify(acl, data, found, DPK_BURST, 1);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		pass |= (uint32_t)(found[i] != 0) << i;
	return pass;
}

static struct rule acl_rule(const struct allowed *a)
{
	struct rule r = {.data = {.category_mask = 1, .priority = 1, .userdata = 1}};

	r.field[0] = (struct rte_acl_field){.value.u8 = 6, .mask_range.u8 = 0xff};
	r.field[1] = (struct rte_acl_field){.value.u32 = a->policy, .mask_range.u32 = ~0u};
	r.field[2] = (struct rte_acl_field){.value.u32 = a->r.addr, .mask_range.u32 = a->r.len};
	r.field[3] = (struct rte_acl_field){.value.u16 = 443, .mask_range.u16 = 443};
	r.field[4] = (struct rte_acl_field){.value.u16 = 0, .mask_range.u16 = 0xffff};
	return r;
}

static void open_acl(void)
{
	struct rte_acl_config conf = {
		.num_categories = 1,
		.num_fields = 5,
		.defs = {{RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(struct tuple, proto)},
			 {RTE_ACL_FIELD_TYPE_BITMASK, 4, 1, 1, offsetof(struct tuple, policy)},
			 {RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(struct tuple, dst)},
			 {RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(struct tuple, dport)},
			 {RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, offsetof(struct tuple, zero2)}}};
	struct rte_acl_param param = {.name = "rival",
				      .socket_id = SOCKET_ID_ANY,
				      .rule_size = RTE_ACL_RULE_SZ(5),
				      .max_rule_num = ROOM};
	double began;
	size_t n;
	struct allowed *v = all_allowed(&n);

	acl = rte_acl_create(&param);
	need(acl, "rte_acl");
	for (size_t i = 0; i < n; i++) {
		struct rule r = acl_rule(&v[i]);

		need(!rte_acl_add_rules(acl, (const struct rte_acl_rule *)&r, 1), "rte_acl rule");
	}
	began = bench_now_s();
	need(!rte_acl_build(acl, &conf), "rte_acl_build");
	printf("# rte_acl: %zu rules, built in %.1f s\n", n, bench_now_s() - began);
	free(v);
}

/* ---- rows ---- */

typedef uint32_t (*burst_fn)(struct rte_mbuf **m);

static struct row {
	const char *name;
	burst_fn fn;
	double ns[ROUNDS];
	uint64_t n_passed, n_packets;
} rows[] = {
	{.name = "forwarding only", .fn = forward_only},
	{.name = "dbx-egress-dpdk", .fn = ours},
	{.name = "rte_hash + rte_fib", .fn = by_fib},
	{.name = "rte_hash + rte_acl", .fn = by_acl},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* All go back to where they came from: what is denied comes again, too. */
static void one_burst(struct row *r, uint16_t queue)
{
	struct rte_mbuf *m[DPK_BURST];
	uint32_t pass;

	need(rte_eth_rx_burst(device, queue, m, DPK_BURST) == DPK_BURST, "receive");
	pass = r->fn(m);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		if (pass >> i & 1) {
			static const uint8_t hop[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

			memcpy(rte_pktmbuf_mtod(m[i], void *), hop, sizeof(hop));
		}
	need(rte_eth_tx_burst(device, queue, m, DPK_BURST) == DPK_BURST, "send");
	r->n_packets += DPK_BURST;
	r->n_passed += (uint64_t)__builtin_popcount(pass);
}

static double one_round(struct row *r)
{
	double began = bench_now_s();

	for (int c = 0; c < CYCLES; c++)
		for (uint16_t q = 0; q < QUEUES; q++)
			for (unsigned int i = 0; i < QUEUE_LEN; i += DPK_BURST)
				one_burst(r, q);
	return (bench_now_s() - began) * 1e9 / (CYCLES * (double)PACKETS);
}

static void print_row(struct row *r, int rounds, double base, double mine)
{
	double least = r->ns[0], median = bench_median(r->ns, (size_t)rounds);
	uint64_t want = r->fn == forward_only ? PACKETS : n_expected;

	for (int i = 0; i < rounds; i++)
		least = r->ns[i] < least ? r->ns[i] : least;
	printf("%-20s %8.1f %8.1f %8.1f  %6.2f", r->name, median, least, median - base,
	       median / mine);
	if (r->n_packets == (uint64_t)rounds * CYCLES * PACKETS &&
	    r->n_passed == (uint64_t)rounds * CYCLES * want) {
		printf("  %llu of %u pass\n", (unsigned long long)want, PACKETS);
		return;
	}
	printf("  INVALID: %.1f of %u pass, not %llu\n", (double)r->n_passed / (rounds * CYCLES),
	       PACKETS, (unsigned long long)want);
	n_bad++;
}

static void start_eal(void)
{
	static char prefix[64];
	static char *argv[] = {
		"bench",          "--no-huge",   "-m", "2048",          "--no-pci", "-l", "0",
		"--no-telemetry", "--log-level", "4",  "--file-prefix", prefix,     NULL};

	snprintf(prefix, sizeof(prefix), "dbxbench%d", (int)getpid());
	need(rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) >= 0, "EAL");
}

int main(void)
{
	int rounds = getenv("DBX_BENCH_QUICK") ? 3 : ROUNDS;

	start_eal();
	make_world();
	printf("# image %.1f MB, %zu prefixes of Azure\n", (double)world.image_bytes / 1e6, all.n);
	pool = rte_pktmbuf_pool_create("frames", PACKETS + 1024, 0, 0, 512, SOCKET_ID_ANY);
	need(pool, "mbufs");
	open_ours();
	open_sources();
	open_fib();
	open_acl();
	open_device();
	for (size_t i = 0; i < ROWS; i++) { /* once to fill caches, not counted */
		one_round(&rows[i]);
		rows[i].n_packets = rows[i].n_passed = 0;
	}
	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < ROWS; i++)
			rows[i].ns[r] = one_round(&rows[i]);
	printf("%-20s %8s %8s %8s  %6s  (ns a packet, %d rounds in turns)\n", "", "median", "least",
	       "over fwd", "/ ours", rounds);
	double base = bench_median(rows[0].ns, (size_t)rounds);
	double mine = bench_median(rows[1].ns, (size_t)rounds);

	for (size_t i = 0; i < ROWS; i++)
		print_row(&rows[i], rounds, base, mine);
	return n_bad != 0;
}
