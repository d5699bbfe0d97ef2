// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_image.c -- from a document to enforced: read, compile, prepare, commit, by number of prefixes.
 *
 * "flip" is what an update costs once its documents are checked: compile, prepare (copy, freeze, read
 * back) and commit, which returns after the last packet that was judged by the image before. After
 * each commit, frames to 2,000 addresses are run through the program in the kernel and compared with
 * the classifier on the host: a row with a difference is INVALID, and the exit code 1.
 * Bar: with the real Azure file, all of it under 1 s and the flip under 100 ms.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/bench.h"
#include "common/nsbox.h"
#include "common/pkt.h"
#include "dataplane/dp_xdp.h"
#include "lib/file.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/judge.h"
#include "policy/read.h"

#define FEED     "rules/feeds/azure-public.json.gz"
#define N_TAGS   2000u
#define N_FRAMES 2000u
#define ROUNDS   5

static const struct dbx_dp_ops *const ops = &dbx_dp_xdp;
static struct dbx_dp_error err;
static struct dbx_dp *dp;
static int n_bad;

static void die(const char *what)
{
	fprintf(stderr, "bench_image: %s\n", what);
	exit(1);
}

struct text {
	char *v;
	size_t n;
};

/* A feed in Azure's shape: n prefixes apart from each other, dealt out to N_TAGS tags. */
static struct text make_feed(uint32_t n)
{
	struct text t = {malloc((size_t)n * 24 + N_TAGS * 200 + 100), 0};
	uint32_t per_tag = (n + N_TAGS - 1) / N_TAGS, tag, i, done = 0;
	uint32_t step = 0xc0000000u / (n + 1) & ~15u;
	char *p = t.v;

	if (!p)
		die("out of memory");
	p += sprintf(p, "{\"changeNumber\": 1, \"cloud\": \"Public\", \"values\": [");
	for (tag = 0; done < n; tag++) {
		p += sprintf(
			p,
			"%s\n{\"name\": \"T%u\", \"id\": \"T%u\", \"properties\": {\"changeNumber\": 1, "
			"\"region\": \"\", \"platform\": \"Azure\", \"systemService\": \"\", "
			"\"addressPrefixes\": [",
			tag ? "," : "", tag, tag);
		for (i = 0; i < per_tag && done < n; i++, done++) {
			/* Neighbours belong to different tags. */
			uint32_t at = 0x0b000000u + (uint32_t)((uint64_t)done * 7919 % n) * step;

			p += sprintf(p, "%s\"%u.%u.%u.%u/%u\"", i ? "," : "", at >> 24,
				     at >> 16 & 255, at >> 8 & 255, at & 255, 28 + done % 5);
		}
		p += sprintf(p, "]}}");
	}
	p += sprintf(p, "]}");
	t.n = (size_t)(p - t.v);
	return t;
}

static const char gateway_head[] =
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [{\"workspace_id\": 1001,"
	"\"sources\": [{\"prefix\": \"10.66.1.0/24\", \"interface\": \"ws1\"}]}],"
	"\"allowed_destinations\": [{\"label\": \"all\", \"protocol\": \"tcp\", \"ports\": [443],"
	"\"service_tags\": [";
static const char policy[] =
	"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": "
	"{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}";

/* A gateway that lets workspace 1001 reach every tag with an even number. */
static struct text make_gateway(const struct dbx_feed *f)
{
	struct text t = {malloc(sizeof(gateway_head) + 100 + f->n_tags * 200), 0};
	char *p = t.v;
	size_t i;

	if (!p)
		die("out of memory");
	p = stpcpy(p, gateway_head);
	for (i = 0; i < f->n_tags; i += 2)
		p += sprintf(p, "%s\"%s\"", i ? "," : "", f->tags[i].name);
	p = stpcpy(p, "]}]}}");
	t.n = (size_t)(p - t.v);
	return t;
}

static struct dbx_model *read_all(const struct text *feed, double *read_s)
{
	struct dbx_model *m = dbx_model_new();
	double start = bench_now_s();
	struct dbx_diag d;
	struct text gateway;

	dbx_diag_init(&d);
	if (!m || dbx_read(m, "feed.json", feed->v, feed->n, DBX_DOC_UNKNOWN, &d))
		die("the feed is refused");
	gateway = make_gateway(&m->feeds[0]);
	if (dbx_read(m, "gateway.json", gateway.v, gateway.n, DBX_DOC_UNKNOWN, &d) ||
	    dbx_read(m, "policy.json", policy, strlen(policy), DBX_DOC_UNKNOWN, &d) ||
	    dbx_model_resolve(m, &d)) {
		if (d.n)
			fprintf(stderr, "%s: %s: %s\n", d.v[0].doc, d.v[0].ptr, d.v[0].text);
		die("the documents are refused");
	}
	*read_s = bench_now_s() - start;
	free(gateway.v);
	dbx_diag_fini(&d);
	return m;
}

struct times {
	double compile, prepare, commit;
};

static void apply(const struct dbx_model *m, uint64_t generation, void **image, size_t *n,
		  struct times *t)
{
	struct dbx_compile_opts opts = {.generation = generation, .all_tags = true};
	struct dbx_compile_stats stats;
	struct dbx_diag d;
	double at[4];

	dbx_diag_init(&d);
	at[0] = bench_now_s();
	if (dbx_compile(m, &opts, image, n, &stats, &d)) {
		if (d.n)
			fprintf(stderr, "%s\n", d.v[0].text);
		die("the model is refused");
	}
	at[1] = bench_now_s();
	if (ops->prepare(dp, *image, *n, &err))
		die(err.text);
	at[2] = bench_now_s();
	if (ops->commit(dp, &err))
		die(err.text);
	at[3] = bench_now_s();
	*t = (struct times){at[1] - at[0], at[2] - at[1], at[3] - at[2]};
	dbx_diag_fini(&d);
}

static void make_frame(struct pkt *p, uint32_t dst)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;
	uint8_t mac[6] = {2};

	pkt_addr_parse("10.66.1.10", &ip.src);
	ip.dst = (struct pkt_addr){.a = {(uint8_t)(dst >> 24), (uint8_t)(dst >> 16),
					 (uint8_t)(dst >> 8), (uint8_t)dst}};
	pkt_begin(p);
	pkt_eth(p, mac, mac, PKT_AUTO);
	pkt_ip4(p, &ip);
	pkt_tcp(p, 40000, 443, PKT_AUTO, 2);
	pkt_end(p);
}

/* Frames that the kernel judges unlike the host; *n_pass: how many both let through. */
static uint32_t compare(const struct dbx_model *m, const void *image, size_t n, uint32_t *n_pass)
{
	const struct dbx_feed *f = &m->feeds[0];
	uint32_t i, j, n_differ = 0, ifindex = 1;
	uint64_t port = dbx_port_hash("ws1");
	struct dbx_image img;
	const char *why;

	if (dbx_image_open(&img, image, n, &why))
		die(why);
	if (bpf_map_update_elem(dp->live.map[DBX_MAP_PORTS], &ifindex, &port, 0))
		die("ports");
	for (i = 0, *n_pass = 0; i < N_FRAMES; i++) {
		const struct dbx_prefix *x =
			&f->prefixes[bench_rnd((uint32_t)f->n_prefixes)].prefix;
		LIBBPF_OPTS(bpf_test_run_opts, run);
		struct dbx_result res;
		uint32_t dst = 0;
		struct pkt p;

		for (j = 0; j < 4; j++)
			dst = dst << 8 | x->addr.a[j];
		make_frame(&p, dst + (i % 3 == 2 ? 1u << (32 - (x->len & 31)) : 0));
		run.data_in = p.b;
		run.data_size_in = (uint32_t)p.n;
		if (bpf_prog_test_run_opts(dp->live.fd, &run))
			die("BPF_PROG_TEST_RUN");
		dbx_judge_frame(&img, NULL, p.b, p.n, port, NULL, &res);
		n_differ += (run.retval == XDP_PASS) != (res.verdict != DBX_VERDICT_DROP);
		*n_pass += run.retval == XDP_PASS;
	}
	return n_differ;
}

static void row(const char *name, const struct text *feed, bool has_bar)
{
	double read_s, compile[ROUNDS], prepare[ROUNDS], commit[ROUNDS], flip[ROUNDS], c, p, k, f;
	struct dbx_model *m = read_all(feed, &read_s);
	static uint64_t generation;
	uint32_t n_pass = 0, n_differ;
	void *image = NULL;
	struct times t;
	size_t n = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		free(image);
		apply(m, ++generation, &image, &n, &t);
		compile[i] = t.compile;
		prepare[i] = t.prepare;
		commit[i] = t.commit;
		flip[i] = t.compile + t.prepare + t.commit;
	}
	n_differ = compare(m, image, n, &n_pass);
	c = bench_median(compile, ROUNDS);
	p = bench_median(prepare, ROUNDS);
	k = bench_median(commit, ROUNDS);
	f = bench_median(flip, ROUNDS);
	printf("%-12s %9zu %8.1f %9.0f %9.1f %9.1f %9.1f %9.1f  ", name, m->feeds[0].n_prefixes,
	       (double)n / 1e6, read_s * 1e3, c * 1e3, p * 1e3, k * 1e3, f * 1e3);
	if (n_differ || !n_pass || n_pass == N_FRAMES)
		printf("INVALID: %u of %u frames differ, %u passed\n", n_differ, N_FRAMES, n_pass);
	else if (has_bar)
		printf("bar 100 ms, 1 s: %s\n", f < 0.1 && f + read_s < 1 ? "met" : "MISSED");
	else
		printf("no bar\n");
	n_bad += n_differ || !n_pass || n_pass == N_FRAMES ||
		 (has_bar && !(f < 0.1 && f + read_s < 1));
	free(image);
	dbx_model_free(&m);
}

int main(void)
{
	static const struct {
		const char *name;
		uint32_t n;
	} made[] = {
		{"1,000", 1000}, {"10,000", 10000}, {"100,000", 100000}, {"1,000,000", 1000000}};
	struct dbx_dp_opts opts = {.pin_dir = NSBOX_BPFFS "/bench"};
	const char *build = getenv("DBX_BUILD");
	char object[512];
	struct dbx_dp_state state;
	struct text feed = {NULL, 0};
	size_t i;

	snprintf(object, sizeof(object), "%s/egress_xdp.bpf.o", build ? build : "build");
	opts.object_path = object;
	if (dbx_file_read(FEED, 0, &feed.v, &feed.n))
		die(FEED);
	if (nsbox_enter() || ops->open(&dp, &opts, &state, &err))
		die(err.text);
	printf("# ms, median of %d; prefixes of the feed, all its tags compiled\n", ROUNDS);
	printf("%-12s %9s %8s %9s %9s %9s %9s %9s\n", "feed", "prefixes", "MB", "read", "compile",
	       "prepare", "commit", "flip");
	row("Azure", &feed, true);
	free(feed.v);
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		feed = make_feed(made[i].n);
		row(made[i].name, &feed, false);
		free(feed.v);
	}
	ops->close(&dp);
	return n_bad != 0;
}
