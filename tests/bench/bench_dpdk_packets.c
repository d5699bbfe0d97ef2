// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_dpdk_packets.c -- what a packet costs in the pipeline of dbx-egress-dpdk, beside forwarding
 * alone and what DPDK has for the same rules: rte_fib with rte_hash, and rte_acl.
 *
 * 1,000 workspaces, 200 policies over Azure's real service tags, both families, on one core. All rows take
 * the same packets, made before, from the same queues of net_ring, and put them back, in turns within one
 * run. A row that judges any packet otherwise than the classifier on the host, or whose sums by workspace
 * are not what they must be, is INVALID, and the exit code 1. Rivals come in two forms, dpdk_bench.h says
 * which, and each takes the vector instructions that are fastest here. They tell nobody of a denial, take
 * any frame to be from the interface of its source, remember no fragments and look into no tunnel: ours
 * does. Time is that of the thread, so that others who run on the core do not count.
 *
 * DBX_DATA=DIR      the range file of DIR/ip-ranges, else that of rules/feeds
 * DBX_BENCH_CORE    its number, else where this runs
 * DBX_BENCH_QUICK   fewer rounds, and not the ACL of all rules, which takes a minute to build
 * DBX_BENCH_MIX     OWN,TAGS[,OTHERS]: this mix alone, struct dpb_mix says of what
 * DBX_BENCH_FAMILY  4 or 6: this one alone
 * DBX_BENCH_ONLY    rows alone whose name has this
 * DBX_BENCH_ROUNDS  how many
 * DBX_BENCH_QUIET   ours tells nobody of a denial either: log.denied is off
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <rte_version.h>

#include "bench/dpdk_bench.h"
#include "common/bench.h"
#include "dataplane/dpdk/pipe.h"

#define QUEUES     16u
#define QUEUE_LEN  960u /* packets in a queue, a multiple of the burst */
#define PACKETS    (QUEUES * QUEUE_LEN)
#define ROUNDS     21
#define ROUNDS_MAX 1000
#define WARM_UP    1
#define CYCLES     5 /* of all packets in a round, after the first one */
#define BAR_NS     60.0
#define BAR_ACL    3.0

_Static_assert(DPB_BURST == DPK_BURST, "one burst for all");

static struct rte_mempool *pool;
static uint16_t device;
static struct dpk_core *core;
static int n_bad;
/* Of each packet of the queues: what they must add up to, by workspace: all, those that pass. */
static uint64_t want[DPB_WORKSPACES][2], want_passes;

/* ---- EAL ---- */

/*
 * libc's, for EAL: without huge pages it would take its memory from a memfd, which gets pages of 4 KiB, and
 * the rivals' tables would be slower than they are on any machine that is set up for DPDK. Without a
 * memfd it takes anonymous memory, of which madvise() makes pages of 2 MiB.
 */
int memfd_create(const char *name, unsigned int flags)
{
	(void)name;
	(void)flags;
	return -1;
}

static int make_large(const struct rte_memseg_list *list, void *arg)
{
	(void)arg;
	if (list->base_va && list->len)
		madvise(list->base_va, list->len, MADV_HUGEPAGE);
	return 0;
}

static void start_eal(void)
{
	static char prefix[64], cpu[16];
	static char *argv[] = {"bench",
			       "--no-huge",
			       "-m",
			       "4096",
			       "--no-pci",
			       "-l",
			       cpu,
			       "--no-telemetry",
			       "--log-level",
			       "4",
			       "--force-max-simd-bitwidth=512",
			       "--no-shconf",
			       "--file-prefix",
			       prefix,
			       NULL};
	const char *wanted = getenv("DBX_BENCH_CORE");

	snprintf(prefix, sizeof(prefix), "dbxbench%d", (int)getpid());
	snprintf(cpu, sizeof(cpu), "%d", wanted ? atoi(wanted) : sched_getcpu());
	dpb_need(rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) >= 0, "EAL");
	rte_memseg_list_walk(make_large, NULL);
	printf("# %s, core %s\n", rte_version(), cpu);
}

/* What is sent by a queue of net_ring comes by it. */
static void open_device(void)
{
	const struct rte_eth_conf conf = {0};

	pool = rte_pktmbuf_pool_create("frames", PACKETS + 1024, 0, sizeof(struct dpb_known), 512,
				       SOCKET_ID_ANY);
	dpb_need(pool, "mbufs");
	dpb_need(!rte_eal_hotplug_add("vdev", "net_ring0", ""), "net_ring");
	dpb_need(!rte_eth_dev_get_port_by_name("net_ring0", &device), "net_ring");
	dpb_need(!rte_eth_dev_configure(device, QUEUES, QUEUES, &conf), "configure");
	for (uint16_t q = 0; q < QUEUES; q++) {
		dpb_need(!rte_eth_rx_queue_setup(device, q, 1024, SOCKET_ID_ANY, NULL, pool), "rx");
		dpb_need(!rte_eth_tx_queue_setup(device, q, 1024, SOCKET_ID_ANY, NULL), "tx");
	}
	dpb_need(!rte_eth_dev_start(device), "start");
}

static void fill_queues(const struct dpb_mix *mix, bool is_v6)
{
	struct rte_mbuf *m;

	for (uint16_t q = 0; q < QUEUES; q++)
		while (rte_eth_rx_burst(device, q, &m, 1) == 1)
			rte_pktmbuf_free(m);
	memset(want, 0, sizeof(want));
	want_passes = 0;
	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct dpb_known *known;

		m = dpb_packet(pool, mix, is_v6);
		known = rte_mbuf_to_priv(m);
		want[known->workspace][0]++;
		want[known->workspace][1] += known->passes;
		want_passes += known->passes;
		dpb_need(rte_eth_tx_burst(device, (uint16_t)(i / QUEUE_LEN), &m, 1) == 1, "send");
	}
}

/* ---- rows ---- */

static uint64_t forward_only(struct rte_mbuf **m, unsigned int how)
{
	(void)m;
	(void)how;
	return ~0ull;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* As an lcore does for what it received. */
static uint64_t ours(struct rte_mbuf **m, unsigned int how)
{
	struct dpk_out out[DPK_BURST];
	uint64_t pass = 0;

	(void)how;
	dpk_pipe_burst(core, 1, dbx_port_hash("ws1"), clock_ns(), m, DPK_BURST, out, NULL);
	for (unsigned int i = 0; i < DPK_BURST; i++)
		pass |= (uint64_t)(out[i].way == DPK_HOST) << i;
	return pass;
}

static void open_ours(void)
{
	struct dpk_pipe_opts o = {.n_cores = 1};
	struct dpk_image *img = NULL;
	const char *why = "";
	struct dpk_pipe *pipe;
	size_t n_bytes;
	int fd = dpb_world_image(&n_bytes);

	dpb_need(!dpk_pipe_open(&pipe, &o), "pipeline");
	core = dpk_pipe_core(pipe, 0);
	dpk_pipe_join(core);
	dpb_need(!dpk_image_map(&img, fd, n_bytes, &why), why);
	dpb_need(!dpk_pipe_set_image(pipe, img), "image");
	printf("# dbx-egress-dpdk: image of %.1f MB\n", (double)n_bytes / 1e6);
}

typedef uint64_t sums[DPB_WORKSPACES][2];

static void sum_ours(const struct dpb_counts *c, sums v)
{
	struct dbx_counter_key key;
	struct dbx_counter value;
	uint32_t at = 0;

	(void)c;
	while (dpk_counters_next(core, &at, &key, &value)) {
		if (key.workspace_id - 1000 >= DPB_WORKSPACES)
			continue;
		v[key.workspace_id - 1000][0] += value.packets;
		v[key.workspace_id - 1000][1] += key.verdict == DBX_VERDICT_PASS ? value.packets
										 : 0;
	}
}

static void sum_rival(const struct dpb_counts *c, sums v)
{
	for (unsigned int ws = 0; ws < DPB_WORKSPACES; ws++)
		for (unsigned int why = 0; why < DPB_WHYS; why++) {
			v[ws][0] += c->by[ws + 1][why].packets;
			v[ws][1] += why && why <= DPB_RULES ? c->by[ws + 1][why].packets : 0;
		}
}

#define JOB(n, f, s, c)                                                                  \
	{                                                                                \
		.name = (n), .fn = (f), .how = DPB_JOB, .select = (s), .sum = sum_rival, \
		.counts = (c)                                                            \
	}
#define BARE(n, f, s)                                 \
	{                                             \
		.name = (n), .fn = (f), .select = (s) \
	}

static struct row {
	const char *name;
	dpb_burst fn;
	unsigned int how;
	const char *(*select)(unsigned int number);
	void (*sum)(const struct dpb_counts *c, sums v);
	const struct dpb_counts *counts;
	const char *selected;
	unsigned int number;
	double ns[ROUNDS_MAX], median, least;
	uint64_t n_packets, n_passed, n_differ;
	bool is_wrong;
} rows[] = {
	{.name = "forwarding only", .fn = forward_only},
	{.name = "dbx-egress-dpdk", .fn = ours, .how = DPB_JOB, .sum = sum_ours},
	JOB("rte_fib + rte_hash", dpb_fib_hash, dpb_fib_select, &dpb_hash_counts),
	JOB("rte_fib + array", dpb_fib_array, dpb_fib_select, &dpb_array_counts),
	JOB("rte_acl", dpb_acl_whole, dpb_acl_select, &dpb_whole_counts),
	JOB("rte_fib + rte_acl", dpb_acl_one, dpb_acl_select, &dpb_one_counts),
	JOB("rte_fib + 200 rte_acl", dpb_acl_each, dpb_acl_select, &dpb_each_counts),
	BARE("rte_fib + rte_hash", dpb_fib_hash, dpb_fib_select),
	BARE("rte_fib + array", dpb_fib_array, dpb_fib_select),
	BARE("rte_acl", dpb_acl_whole, dpb_acl_select),
	BARE("rte_fib + rte_acl", dpb_acl_one, dpb_acl_select),
};
enum { FORWARD, OURS, JOB_HASH, JOB_ARRAY, JOB_WHOLE, JOB_ONE, JOB_EACH, N_ROWS = 11 };
_Static_assert(sizeof(rows) / sizeof(rows[0]) == N_ROWS, "rows");

static bool is_quick(void)
{
	return getenv("DBX_BENCH_QUICK") != NULL;
}

static int n_rounds(void)
{
	const char *text = getenv("DBX_BENCH_ROUNDS");
	int n = text ? atoi(text) : is_quick() ? 5 : ROUNDS;

	return n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : n;
}

static bool is_chosen(const struct row *r)
{
	const char *only = getenv("DBX_BENCH_ONLY");

	if (r->fn == dpb_acl_whole && is_quick())
		return false;
	return !only || strstr(r->name, only);
}

static bool is_any(const char *of)
{
	for (unsigned int i = 0; i < N_ROWS; i++)
		if (strstr(rows[i].name, of) && is_chosen(&rows[i]))
			return true;
	return false;
}

/* ---- rounds ---- */

static void check(struct row *r, struct rte_mbuf **m, uint64_t pass)
{
	for (unsigned int i = 0; i < DPB_BURST && r->fn != forward_only; i++) {
		const struct dpb_known *known = rte_mbuf_to_priv(m[i]);

		r->n_differ += known->passes != (pass >> i & 1);
	}
}

/* All go back to where they came from: what is denied comes again, too. */
static __rte_always_inline void one_burst(struct row *r, uint16_t queue, unsigned int how,
					  bool is_check)
{
	static const uint8_t hop[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	struct rte_mbuf *m[DPB_BURST];
	uint64_t pass;

	dpb_need(rte_eth_rx_burst(device, queue, m, DPB_BURST) == DPB_BURST, "receive");
	pass = r->fn(m, how);
	if (is_check)
		check(r, m, pass);
	for (unsigned int i = 0; i < DPB_BURST; i++)
		if (pass >> i & 1)
			memcpy(rte_pktmbuf_mtod(m[i], void *), hop, sizeof(hop));
	dpb_need(rte_eth_tx_burst(device, queue, m, DPB_BURST) == DPB_BURST, "send");
	r->n_packets += DPB_BURST;
	r->n_passed += (uint64_t)__builtin_popcountll(pass);
}

/* What tells people of denials is another thread's to read. */
static void read_events(void)
{
	struct dbx_event e;

	while (!rte_ring_dequeue_elem(dpk_core_events(core), &e, sizeof(e)))
		;
}

static double thread_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void all_packets(struct row *r, unsigned int how, int cycles)
{
	for (int c = 0; c < cycles; c++)
		for (uint16_t q = 0; q < QUEUES; q++)
			for (unsigned int i = 0; i < QUEUE_LEN; i += DPB_BURST)
				one_burst(r, q, how, false);
}

/* The first pass finds in the caches what the row before has left there, and is not timed. */
static double one_round(struct row *r, bool is_v6, int cycles)
{
	unsigned int how = r->how | (is_v6 ? DPB_V6 : 0);
	double began;

	if (r->select)
		r->select(r->number);
	read_events();
	all_packets(r, how, WARM_UP);
	began = thread_s();
	all_packets(r, how, cycles);
	return (thread_s() - began) * 1e9 / (cycles * (double)PACKETS);
}

/* Each packet's verdict, then which of the library's functions is the fastest. */
static void prepare(struct row *r, bool is_v6)
{
	double best = 0;

	for (uint16_t q = 0; q < QUEUES; q++)
		for (unsigned int i = 0; i < QUEUE_LEN; i += DPB_BURST)
			one_burst(r, q, r->how | (is_v6 ? DPB_V6 : 0), true);
	for (unsigned int n = 0; r->select && n < 4; n++) {
		const char *name = r->select(n);
		unsigned int was = r->number;
		double ns;

		if (!name)
			continue;
		r->number = n;
		ns = one_round(r, is_v6, 2);
		ns = bench_median((double[]){ns, one_round(r, is_v6, 2), one_round(r, is_v6, 2)},
				  3);
		if (best && ns >= best) {
			r->number = was;
			continue;
		}
		best = ns;
		r->selected = name;
	}
	one_round(r, is_v6, 1);
	r->n_packets = r->n_passed = 0;
}

static void take_sums(const struct row *r, sums v)
{
	memset(v, 0, sizeof(sums));
	if (r->sum)
		r->sum(r->counts, v);
}

static void check_sums(struct row *r, sums before, uint64_t n_times)
{
	static sums after;

	if (!r->sum)
		return;
	take_sums(r, after);
	for (unsigned int ws = 0; ws < DPB_WORKSPACES; ws++)
		for (int i = 0; i < 2; i++)
			r->is_wrong |= after[ws][i] - before[ws][i] != want[ws][i] * n_times;
}

/* ---- results ---- */

static void print_row(struct row *r, int rounds)
{
	uint64_t n = (uint64_t)rounds * (WARM_UP + CYCLES);
	uint64_t passes = r->fn == forward_only ? PACKETS : want_passes;

	printf("%-22s %-5s %8.1f %8.1f %7.2f %8.1f %7.2f  %-10s", r->name,
	       r->fn == forward_only || r->fn == ours ? ""
	       : r->how & DPB_JOB                     ? "job"
						      : "bare",
	       r->median, r->least, 1e3 / r->median, r->median - rows[FORWARD].median,
	       rows[OURS].median > 0 ? r->median / rows[OURS].median : 0,
	       r->selected ? r->selected : "");
	if (r->n_packets == n * PACKETS && r->n_passed == n * passes && !r->n_differ &&
	    !r->is_wrong) {
		printf(" valid\n");
		return;
	}
	n_bad++;
	printf(" INVALID: %llu packets of %llu, %llu passed of %llu, %llu verdicts differ%s\n",
	       (unsigned long long)r->n_packets, (unsigned long long)n * PACKETS,
	       (unsigned long long)r->n_passed, (unsigned long long)(n * passes),
	       (unsigned long long)r->n_differ, r->is_wrong ? ", sums by workspace differ" : "");
}

static void print_bar(const char *what, double value, double bar, bool is_met)
{
	printf("target: %-44s %8.2f, bar %5.2f: %s\n", what, value, bar,
	       is_met ? "PASS" : "MISSED");
}

/* How many times ours a row that does the same job takes. */
static void print_ratio(const char *what, const struct row *r, double bar)
{
	double times = r->median / rows[OURS].median;

	if (is_chosen(r) && is_chosen(&rows[OURS]))
		print_bar(what, times, bar, times >= bar);
}

static void print_bars(void)
{
	double over = rows[OURS].median - rows[FORWARD].median;

	if (is_chosen(&rows[OURS]) && is_chosen(&rows[FORWARD]))
		print_bar("ns over forwarding, at most", over, BAR_NS, over <= BAR_NS);
	print_ratio("rte_acl of the same rules / ours, at least", &rows[JOB_WHOLE], BAR_ACL);
	print_ratio("rte_acl behind rte_fib / ours, at least", &rows[JOB_ONE], BAR_ACL);
	print_ratio("rte_fib + rte_hash / ours, at least", &rows[JOB_HASH], 1);
}

static void read_totals(struct dbx_counter v[DBX_TOTAL_MAX])
{
	memset(v, 0, sizeof(*v) * DBX_TOTAL_MAX);
	dpk_totals_add(core, v);
}

static void print_told(const struct dbx_counter *before)
{
	static struct dbx_counter now[DBX_TOTAL_MAX];
	uint64_t told, lost;

	read_totals(now);
	told = now[DBX_TOTAL_TOLD].packets - before[DBX_TOTAL_TOLD].packets;
	lost = now[DBX_TOTAL_EVENTS_LOST].packets - before[DBX_TOTAL_EVENTS_LOST].packets;
	printf("# denials of ours: %llu packets told of in events, %llu beyond the pace of events; "
	       "others wait in their flow's slot\n",
	       (unsigned long long)told, (unsigned long long)lost);
}

static void run_rounds(bool is_v6, int rounds)
{
	static sums before[N_ROWS];
	static struct dbx_counter totals[DBX_TOTAL_MAX];

	for (unsigned int i = 0; i < N_ROWS; i++)
		take_sums(&rows[i], before[i]);
	read_totals(totals);
	for (int n = 0; n < rounds; n++)
		for (unsigned int i = 0; i < N_ROWS; i++)
			if (is_chosen(&rows[i]))
				rows[i].ns[n] = one_round(&rows[i], is_v6, CYCLES);
	for (unsigned int i = 0; i < N_ROWS; i++) {
		if (!is_chosen(&rows[i]))
			continue;
		check_sums(&rows[i], before[i], (uint64_t)rounds * (WARM_UP + CYCLES));
		rows[i].median = bench_median(rows[i].ns, (size_t)rounds);
		rows[i].least = rows[i].ns[0]; /* sorted by now */
	}
	if (is_chosen(&rows[OURS]))
		print_told(totals);
}

static void table(const struct dpb_mix *mix, bool is_v6, int rounds)
{
	const char *family = getenv("DBX_BENCH_FAMILY");

	if (family && (family[0] == '6') != is_v6)
		return;
	fill_queues(mix, is_v6);
	printf("\n== IPv%d, %s: %u %% to where the policy allows, %u %% to where another does, %u %% to any "
	       "range, %u %% anywhere; %.1f %% pass\n",
	       is_v6 ? 6 : 4, mix->name, mix->own, mix->others, mix->tags,
	       100 - mix->own - mix->others - mix->tags, 100.0 * (double)want_passes / PACKETS);
	for (unsigned int i = 0; i < N_ROWS; i++) {
		struct row *r = &rows[i];

		r->n_differ = r->n_packets = r->n_passed = 0;
		r->median = r->least = 0;
		r->is_wrong = false;
		if (is_chosen(r))
			prepare(r, is_v6);
	}
	run_rounds(is_v6, rounds);
	printf("%-22s %-5s %8s %8s %7s %8s %7s  (ns a packet, %d rounds in turns)\n", "", "",
	       "median", "least", "Mpps", "over fwd", "/ ours", rounds);
	for (unsigned int i = 0; i < N_ROWS; i++)
		if (is_chosen(&rows[i]))
			print_row(&rows[i], rounds);
	print_bars();
}

int main(void)
{
	static const struct dpb_mix mixes[] = {
		{"random", 0, 25, 25}, {"allowed", 100, 0, 0}, {"mixed", 70, 10, 10}};
	int rounds = n_rounds();
	const char *text = getenv("DBX_BENCH_MIX");
	struct dpb_mix asked = {.name = "as asked"};

	start_eal();
	dpb_world_make();
	open_ours();
	dpb_rivals_open(is_any("rte_acl"), is_chosen(&rows[JOB_WHOLE]));
	open_device();
	if (text) {
		dpb_need(sscanf(text, "%u,%u,%u", &asked.own, &asked.tags, &asked.others) >= 2 &&
				 asked.own <= 100 && asked.tags <= 100 && asked.others <= 100 &&
				 asked.own + asked.tags + asked.others <= 100,
			 "DBX_BENCH_MIX: not percentages of which the sum is at most 100");
		table(&asked, false, rounds);
		table(&asked, true, rounds);
		return n_bad != 0;
	}
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
		table(&mixes[i], false, rounds);
		table(&mixes[i], true, rounds);
	}
	return n_bad != 0;
}
