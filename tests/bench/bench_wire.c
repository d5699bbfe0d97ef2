// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_wire.c -- packets refused on a real interface: the product, XDP with LPM_TRIE, nftables.
 *
 * One CPU generates, carries them over veth and enforces; every packet is to an address in a list of
 * 100,000 prefixes, and all of them must be counted as refused: a row that misses one is INVALID.
 * Variants take turns; the table has the median. The floor drops without looking.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "bench/wire.h"
#include "common/bench.h"
#include "common/nsbox.h"
#include "dataplane/dp_xdp.h"

#define N_PREFIXES 100000u
#define N_PACKETS  1000000u
#define ROUNDS     5
#define ATTEMPTS   4
#define FLOWS      8192u
#define NFT_FILE   "/run/nsbox/set.nft"

enum variant { FLOOR, TRIE, PRODUCT, NFT, N_VARIANTS };
static const char *const names[] = {"XDP, drops all (floor)", "XDP, LPM_TRIE", "dbx-egress",
				    "nftables, ingress, interval set"};

static const struct dbx_dp_ops *const ops = &dbx_dp_xdp;
static struct dbx_dp_error err;
static struct dbx_dp *dp;
static int ns_here, ns_workload;

static void die(const char *what)
{
	fprintf(stderr, "bench_wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int prog_fd(const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(obj, name));
}

static void go_to(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		die("setns");
}

static void open_all(const char *build)
{
	static char object[512];
	struct dbx_dp_opts opts = {.object_path = object, .pin_dir = NSBOX_BPFFS "/bench"};
	struct dbx_dp_state state;
	char path[512];

	snprintf(object, sizeof(object), "%s/egress_xdp.bpf.o", build);
	snprintf(path, sizeof(path), "%s/bench/wire.bpf.o", build);
	obj = bpf_object__open_file(path, NULL);
	if (!obj || bpf_object__load(obj))
		die(path);
	wire = section(".bss.wire");
	if (ops->open(&dp, &opts, &state, &err))
		die(err.text);
	nsbox_workload("w1", "ws1", 1);
	/* NAPI without XDP too, so that nftables gets the frames the same way. */
	nsbox_must("ethtool -K ws1 gro on");
	ns_here = open("/proc/self/ns/net", O_RDONLY);
	ns_workload = open("/run/netns/w1", O_RDONLY);
	go_to(ns_workload);
	wire->out_ifindex = nsbox_ifindex("eth0");
	go_to(ns_here);
}

static void write_nft_set(const struct dbx_interval *v, size_t n)
{
	FILE *f = fopen(NFT_FILE, "w");
	const char *comma = "";
	size_t i, j;

	if (!f)
		die(NFT_FILE);
	fprintf(f, "table netdev bench {\nset s { type ipv4_addr; flags interval; elements = {");
	for (i = 0; i < n; i = j + 1) {
		for (j = i; v[i].value && j + 1 < n && v[j + 1].value; j++)
			;
		if (!v[i].value)
			continue;
		uint32_t a = (uint32_t)v[i].first;
		uint32_t z = j + 1 < n ? (uint32_t)v[j + 1].first - 1 : ~0u;

		fprintf(f, "%s%u.%u.%u.%u-%u.%u.%u.%u", comma, a >> 24, a >> 16 & 255, a >> 8 & 255,
			a & 255, z >> 24, z >> 16 & 255, z >> 8 & 255, z & 255);
		comma = ",\n";
	}
	fprintf(f, "} }\nchain in { type filter hook ingress device ws1 priority 0;\n"
		   "ip daddr @s counter drop\n}\n}\n");
	fclose(f);
}

static void fill(const struct bench_prefixes *p, const struct dbx_interval *v, size_t n)
{
	int fd = bpf_object__find_map_fd_by_name(obj, "trie4");
	size_t i, n_bytes;
	void *image;

	for (i = 0; i < p->n; i++) {
		uint32_t key[2] = {p->v[i].len, __builtin_bswap32((uint32_t)p->v[i].addr)};

		if (bpf_map_update_elem(fd, key, &p->v[i].class_id, BPF_ANY))
			die("LPM_TRIE");
	}
	image = bench_image(v, n, false, &n_bytes);
	if (!image || ops->prepare(dp, image, n_bytes, &err) || ops->commit(dp, &err))
		die(err.text);
	free(image);
	write_nft_set(v, n);
}

static void make_traffic(const struct bench_prefixes *p, bool zipf)
{
	uint32_t *addrs = section(".bss.addrs"), i;
	dbx_wide *a;

	if (!zipf) {
		for (i = 0; i < N_ADDRS; i++)
			addrs[i] = __builtin_bswap32((uint32_t)bench_inside(p));
	} else {
		struct bench_prefixes some = {calloc(FLOWS, sizeof(*some.v)), FLOWS, false};

		a = calloc(N_ADDRS, sizeof(*a));
		if (!a || !some.v)
			die("traffic");
		for (i = 0; i < FLOWS; i++)
			some.v[i] = (struct bench_prefix){bench_inside(p), 1, 32};
		bench_zipf(&some, a, N_ADDRS);
		for (i = 0; i < N_ADDRS; i++)
			addrs[i] = __builtin_bswap32((uint32_t)a[i]);
		free(a);
		free(some.v);
	}
	munmap(addrs, N_ADDRS * sizeof(*addrs));
}

static uint64_t product_drops(void)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	if (ops->totals(dp, v))
		die("totals");
	return v[DBX_REASON_BLOCKED * DBX_VERDICT_MAX + DBX_VERDICT_DROP].packets;
}

static uint64_t nft_drops(void)
{
	char line[256] = "";
	unsigned long long n = 0;
	FILE *f =
		popen("nft -t list chain netdev bench in | sed -n 's/.*counter packets //p'", "r");

	if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "%llu", &n) != 1)
		n = 0;
	if (f)
		pclose(f);
	return n;
}

static uint64_t refused(enum variant v)
{
	if (v == PRODUCT)
		return product_drops();
	return v == NFT ? nft_drops() : wire->n_seen;
}

static void set_up(enum variant v)
{
	uint32_t ifindex = nsbox_ifindex("ws1");
	int rc = 0;

	if (v == PRODUCT)
		rc = ops->attach(dp, ifindex, "ws1", &err);
	else if (v == NFT)
		nsbox_must("nft -f " NFT_FILE);
	else
		rc = bpf_xdp_attach((int)ifindex, prog_fd(v == TRIE ? "drop_trie" : "drop_all"),
				    XDP_FLAGS_DRV_MODE, NULL);
	if (rc)
		die(v == PRODUCT ? err.text : "attach");
}

static void take_down(enum variant v)
{
	if (v == PRODUCT)
		ops->detach(dp, "ws1", &err);
	else if (v == NFT)
		nsbox_must("nft delete table netdev bench");
	else
		bpf_xdp_detach((int)nsbox_ifindex("ws1"), XDP_FLAGS_DRV_MODE, NULL);
}

/* ns a packet; below zero: the counts were wrong. */
static double measure(enum variant v, const struct pkt *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->b, .data_size_in = (uint32_t)p->n,
		    .repeat = N_PACKETS, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
	uint64_t before = refused(v), seen;
	double start, took;

	wire->n_sent = 0;
	go_to(ns_workload);
	start = bench_now_s();
	if (bpf_prog_test_run_opts(prog_fd("generate"), &run))
		die("generate (BPF_F_TEST_XDP_LIVE_FRAMES needs Linux 5.18)");
	took = bench_now_s() - start;
	go_to(ns_here);
	usleep(20000);
	seen = refused(v) - before;
	if (seen == N_PACKETS)
		return took * 1e9 / N_PACKETS;
	fprintf(stderr, "# not counted: %s: %llu of %u packets were refused\n", names[v],
		(unsigned long long)seen, N_PACKETS);
	return -1;
}

/* Bars: total time against nftables, and against XDP with LPM_TRIE. */
static int table(const struct pkt *p, const char *traffic, double bar_trie, double bar_nft)
{
	double t[N_VARIANTS][ROUNDS], m[N_VARIANTS];
	int r, v, i, n_bad = 0;

	for (r = 0; r < ROUNDS; r++) {
		for (v = 0; v < N_VARIANTS; v++) {
			set_up((enum variant)v);
			/* On a busy machine the queue of veth can overflow: that is not the variant's. */
			for (t[v][r] = -1, i = 0; t[v][r] < 0 && i < ATTEMPTS; i++)
				t[v][r] = measure((enum variant)v, p);
			take_down((enum variant)v);
			n_bad += t[v][r] < 0;
		}
	}
	if (n_bad) {
		printf("INVALID: %s: packets were not counted as refused, %d times\n", traffic,
		       n_bad);
		return n_bad;
	}
	for (v = 0; v < N_VARIANTS; v++) {
		m[v] = bench_median(t[v], ROUNDS);
		printf("%-34s %-8s %8.0f [%.0f-%.0f]\n", names[v], traffic, m[v], t[v][0],
		       t[v][ROUNDS - 1]);
	}
	printf("%-8s LPM_TRIE / dbx-egress %.1fx, bar %.1fx: %s; nftables / dbx-egress %.1fx, bar "
	       "%.1fx: %s\n",
	       traffic, m[TRIE] / m[PRODUCT], bar_trie,
	       m[TRIE] / m[PRODUCT] >= bar_trie ? "met" : "MISSED", m[NFT] / m[PRODUCT], bar_nft,
	       m[NFT] / m[PRODUCT] >= bar_nft ? "met" : "MISSED");
	return m[TRIE] / m[PRODUCT] < bar_trie || m[NFT] / m[PRODUCT] < bar_nft;
}

int main(void)
{
	const char *build = getenv("DBX_BUILD");
	struct bench_prefixes p;
	struct dbx_interval *v;
	int n_bad = 0;
	cpu_set_t one;
	struct pkt frame;
	size_t n;

	if (nsbox_enter())
		return 1;
	open_all(build ? build : "build");
	p = bench_prefixes_make(N_PREFIXES, false);
	v = bench_intervals(&p, &n);
	fill(&p, v, n);
	make_frame(&frame);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	printf("# ns a packet on one CPU (generate, veth, refuse); %u packets, median of %d [min-max]\n",
	       N_PACKETS, ROUNDS);
	make_traffic(&p, false);
	n_bad += table(&frame, "uniform", 2.5, 4);
	make_traffic(&p, true);
	n_bad += table(&frame, "zipf", 1.5, 4);
	ops->close(&dp);
	bpf_object__close(obj);
	bench_prefixes_fini(&p);
	free(v);
	return n_bad != 0;
}
