// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_lookup.c -- address to class in the kernel: the product's tables against LPM_TRIE.
 *
 * Both are asked the same addresses in the same run, in turns; the base (the same program without a
 * lookup) is taken off. Before the clock runs, the answers of each to 65,536 addresses are compared
 * with a binary search over intervals: a row whose sums differ is INVALID, and the exit code 1.
 * Bars are those of the design's measurements. DBX_BENCH_QUICK=1: fewer rounds, small sets only.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/bench.h"
#include "dataplane/dp_xdp.h"

#define N_ADDRS  (1u << 20)
#define N_CHECK  65536u
#define REPEAT   1000000u
#define ROUNDS   5
#define N_CHUNKS 256u /* room for the largest image here */
#define FEED     "rules/feeds/azure-public.json.gz"

struct progress {
	uint64_t n, sum;
	uint32_t last;
};

static struct bpf_object *obj;
static struct progress *progress;
static uint32_t (*addrs)[4];
static int n_bad;

struct row {
	const char *name;
	size_t n; /* prefixes; 0 = those of the feed */
	bool is_v6, is_large;
	double bar_uniform, bar_zipf; /* how many times faster it must be; 0 = no bar */
};

static const struct row rows[] = {
	{"Azure v4", 0, false, false, 0, 0},     {"Azure v6", 0, true, false, 0, 0},
	{"100k v4", 100000, false, false, 8, 4}, {"100k v6", 100000, true, false, 4, 2.5},
	{"1M v4", 1000000, false, true, 6, 3},   {"1M v6", 1000000, true, true, 0, 0},
};

static void die(const char *what, int rc)
{
	fprintf(stderr, "bench_lookup: %s: %s\n", what, strerror(rc < 0 ? -rc : rc));
	exit(1);
}

static void *section(const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	void *p = map ? mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(map), 0)
		      : MAP_FAILED;

	if (p == MAP_FAILED)
		die(name, errno);
	return p;
}

static int prog_fd(const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(obj, name));
}

static void open_programs(void)
{
	const char *build = getenv("DBX_BUILD");
	char path[512];
	int template;

	snprintf(path, sizeof(path), "%s/bench/lookup.bpf.o", build ? build : "build");
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die(path, errno);
	template = dp_prog_set_room(obj, N_CHUNKS);
	if (template <0 || bpf_object__load(obj))
		die("load (root is needed)", errno);
	close(template);
	addrs = section(".bss.addrs");
	progress = section(".bss.progress");
}

static void set_image(const struct dbx_interval *v, size_t n, bool is_v6, size_t *n_bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	const struct dbx_image_header *hdr = bench_image(v, n, is_v6, n_bytes);
	uint32_t slot = 0;
	size_t bytes;
	void *p;
	int fd;

	if (!hdr)
		die("image", ENOMEM);
	bytes = (size_t)hdr->n_kernel_chunks << DBX_CHUNK_SHIFT;
	if (hdr->n_kernel_chunks > N_CHUNKS)
		die("image", E2BIG);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", 4, DBX_CHUNK_BYTES, N_CHUNKS, &opts);
	if (fd < 0)
		die("image map", fd);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("image map", errno);
	memcpy(p, hdr, bytes);
	munmap(p, bytes);
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "images"), &slot, &fd, 0))
		die("image slot", errno);
	close(fd);
	free((void *)hdr);
}

static void words_of(dbx_wide a, bool is_v6, uint32_t w[4])
{
	int i;

	memset(w, 0, 16);
	for (i = 3; is_v6 && i >= 0; i--, a >>= 32)
		w[i] = (uint32_t)a;
	if (!is_v6)
		w[0] = (uint32_t)a;
}

/* The trie is emptied by making the difference of two sets: it lives as long as the object. */
static void fill_trie(const struct bench_prefixes *p, bool remove)
{
	int fd = bpf_object__find_map_fd_by_name(obj, p->is_v6 ? "trie6" : "trie4"), j, rc;
	uint32_t key[5], w[4];
	size_t i;

	for (i = 0; i < p->n; i++) {
		words_of(p->v[i].addr, p->is_v6, w);
		key[0] = p->v[i].len;
		for (j = 0; j < 4; j++)
			key[1 + j] = __builtin_bswap32(w[j]);
		rc = remove ? bpf_map_delete_elem(fd, key)
			    : bpf_map_update_elem(fd, key, &p->v[i].class_id, BPF_ANY);
		if (rc)
			die("LPM_TRIE", rc);
	}
}

static double run(int fd, uint32_t repeat)
{
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);

	memset(progress, 0, sizeof(*progress));
	if (bpf_prog_test_run_opts(fd, &opts))
		die("BPF_PROG_TEST_RUN", errno);
	return opts.duration;
}

/* The sum that the dependent walk through the addresses must give. */
static uint64_t expected_sum(const struct dbx_interval *v, size_t n, const dbx_wide *a)
{
	uint32_t i, last = 0;
	uint64_t sum = 0;

	for (i = 0; i < N_CHECK; i++) {
		last = bench_find(v, n, a[(i + (last >> 16)) & (N_ADDRS - 1)]);
		sum += last;
	}
	return sum;
}

static bool answers(int fd, uint64_t want, const char *who)
{
	run(fd, N_CHECK);
	if (progress->sum == want && progress->n == N_CHECK)
		return true;
	printf("INVALID: %s: sum %llu, not %llu\n", who, (unsigned long long)progress->sum,
	       (unsigned long long)want);
	n_bad++;
	return false;
}

static void print_row(const struct row *row, const char *traffic, double base, double trie,
		      double image, double bar)
{
	double ratio = (trie - base) / (image - base > 1 ? image - base : 1);

	printf("%-9s %-8s %8.0f %8.0f %7.1fx  ", row->name, traffic, trie - base, image - base,
	       ratio);
	if (!bar)
		printf("no bar\n");
	else
		printf("bar %.1fx: %s\n", bar, ratio >= bar ? "met" : "MISSED");
	if (bar && ratio < bar)
		n_bad++;
}

static void measure(const struct row *row, const struct bench_prefixes *p,
		    const struct dbx_interval *v, size_t n, bool zipf, int rounds)
{
	int base = prog_fd("lookup_nothing");
	int trie = prog_fd(row->is_v6 ? "lookup_trie6" : "lookup_trie4");
	int image = prog_fd(row->is_v6 ? "lookup_image6" : "lookup_image4");
	dbx_wide *a = calloc(N_ADDRS, sizeof(*a));
	double t[3][ROUNDS];
	uint64_t want;
	uint32_t i;
	int r;

	if (!a)
		die("addresses", ENOMEM);
	bench_traffic(p, zipf, a, N_ADDRS);
	for (i = 0; i < N_ADDRS; i++)
		words_of(a[i], row->is_v6, addrs[i]);
	want = expected_sum(v, n, a);
	free(a);
	if (!answers(trie, want, "LPM_TRIE") || !answers(image, want, "image"))
		return;
	for (r = 0; r < rounds; r++) {
		t[0][r] = run(base, REPEAT);
		t[1][r] = run(trie, REPEAT);
		t[2][r] = run(image, REPEAT);
	}
	print_row(row, zipf ? "zipf" : "uniform", bench_median(t[0], (size_t)rounds),
		  bench_median(t[1], (size_t)rounds), bench_median(t[2], (size_t)rounds),
		  zipf ? row->bar_zipf : row->bar_uniform);
}

int main(void)
{
	bool is_quick = getenv("DBX_BENCH_QUICK") != NULL;
	int rounds = is_quick ? 3 : ROUNDS;
	struct dbx_interval *v;
	size_t i, n, n_bytes;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	open_programs();
	printf("# net ns a lookup, each depending on the one before; %d rounds in turns, median\n",
	       rounds);
	printf("%-9s %-8s %8s %8s %8s\n", "prefixes", "traffic", "LPM_TRIE", "image", "ratio");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct bench_prefixes p;

		if (is_quick && row->is_large)
			continue;
		p = row->n ? bench_prefixes_make(row->n, row->is_v6)
			   : bench_prefixes_read(FEED, row->is_v6);
		if (!p.n)
			die(FEED, ENOENT);
		v = bench_intervals(&p, &n);
		set_image(v, n, row->is_v6, &n_bytes);
		fill_trie(&p, false);
		measure(row, &p, v, n, false, rounds);
		measure(row, &p, v, n, true, rounds);
		printf("# %s: %zu prefixes, %zu intervals, image %.1f MB\n", row->name, p.n, n,
		       (double)n_bytes / 1e6);
		fill_trie(&p, true);
		bench_prefixes_fini(&p);
		free(v);
	}
	bpf_object__close(obj);
	return n_bad != 0;
}
