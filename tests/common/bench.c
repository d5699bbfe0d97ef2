// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench.c -- what benchmarks share: prefixes, traffic, time, and the line of a result.
 */
#include "common/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/file.h"
#include "policy/diag.h"
#include "policy/model.h"
#include "policy/read.h"

#define ZIPF_FLOWS 16384u

static uint64_t seed = 20260821;

static uint64_t rnd64(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t bench_rnd(uint32_t n)
{
	return (uint32_t)(rnd64() % n);
}

double bench_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int cmp_double(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), cmp_double);
	return v[n / 2];
}

static void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "bench: out of memory\n");
		exit(1);
	}
	return p;
}

static unsigned int bits_of(bool is_v6)
{
	return is_v6 ? 128 : 32;
}

/* Addresses under a prefix of length len, minus one. */
static dbx_wide rest_of(unsigned int len, bool is_v6)
{
	unsigned int host = bits_of(is_v6) - len;

	return host == 0 ? 0 : ~(dbx_wide)0 >> (128 - host);
}

static int cmp_prefix(const void *x, const void *y)
{
	const struct bench_prefix *a = x, *b = y;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return (int)a->len - (int)b->len;
}

static void sort_unique(struct bench_prefixes *p)
{
	size_t i, m = 0;

	qsort(p->v, p->n, sizeof(*p->v), cmp_prefix);
	for (i = 0; i < p->n; i++) {
		if (!m || cmp_prefix(&p->v[i], &p->v[m - 1]))
			p->v[m++] = p->v[i];
	}
	p->n = m;
}

static unsigned int random_len(bool is_v6)
{
	static const uint8_t v6[] = {32, 36, 40, 44, 48, 48, 48, 52, 56, 60, 64, 64, 112, 124, 128};

	if (is_v6)
		return v6[bench_rnd(sizeof(v6))];
	return bench_rnd(4) ? 24 + bench_rnd(9) : 20 + bench_rnd(5);
}

struct bench_prefixes bench_prefixes_make(size_t n, bool is_v6)
{
	struct bench_prefixes p = {need(calloc(n, sizeof(*p.v))), 0, is_v6};
	uint32_t block[2000], n_blocks = is_v6 ? 2000 : 600, i;

	for (i = 0; i < n_blocks; i++)
		block[i] = is_v6 ? 0x20000000u + bench_rnd(0x20000000u)
				 : (0x0b000000u + bench_rnd(0xd0000000u)) & ~0x3ffffu;
	while (p.n < n) {
		struct bench_prefix *x;

		for (x = &p.v[p.n]; x < p.v + n; x++) {
			x->len = (uint8_t)random_len(is_v6);
			x->class_id = 1 + bench_rnd(BENCH_CLASSES - 1);
			x->addr = block[bench_rnd(n_blocks)];
			if (is_v6)
				x->addr = x->addr << 96 | (dbx_wide)bench_rnd(~0u) << 64 | rnd64();
			else
				x->addr |= bench_rnd(1u << 18);
			x->addr &= ~rest_of(x->len, is_v6);
		}
		p.n = n;
		sort_unique(&p);
	}
	return p;
}

static dbx_wide number_of(const struct dbx_prefix *x)
{
	unsigned int i, n = x->addr.is_v6 ? 16 : 4;
	dbx_wide a = 0;

	for (i = 0; i < n; i++)
		a = a << 8 | x->addr.a[i];
	return a;
}

struct bench_prefixes bench_prefixes_read(const char *path, bool is_v6)
{
	struct bench_prefixes p = {NULL, 0, is_v6};
	struct dbx_model *m = need(dbx_model_new());
	struct dbx_diag d;
	char *text = NULL;
	size_t i, len;

	dbx_diag_init(&d);
	if (!dbx_file_read(path, 0, &text, &len) &&
	    !dbx_read(m, path, text, len, DBX_DOC_UNKNOWN, &d) && m->n_feeds) {
		p.v = need(calloc(m->feeds[0].n_prefixes, sizeof(*p.v)));
		for (i = 0; i < m->feeds[0].n_prefixes; i++) {
			const struct dbx_prefix *x = &m->feeds[0].prefixes[i].prefix;

			if (x->addr.is_v6 == is_v6)
				p.v[p.n++] = (struct bench_prefix){
					number_of(x), 1 + bench_rnd(BENCH_CLASSES - 1), x->len};
		}
		sort_unique(&p);
	}
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	return p;
}

void bench_prefixes_fini(struct bench_prefixes *p)
{
	free(p->v);
	p->v = NULL;
	p->n = 0;
}

struct sweep {
	struct dbx_interval *v;
	size_t n;
	dbx_wide last; /* of the address space */
};

/* From `first` on the value holds; a later word on the same address wins. */
static void put(struct sweep *s, dbx_wide first, uint32_t value)
{
	if (s->n && s->v[s->n - 1].first == first)
		s->n--;
	if (s->n && s->v[s->n - 1].value == value)
		return;
	s->v[s->n++] = (struct dbx_interval){first, value};
}

struct dbx_interval *bench_intervals(const struct bench_prefixes *p, size_t *n)
{
	struct sweep s = {need(calloc(2 * p->n + 2, sizeof(*s.v))), 0, rest_of(0, p->is_v6)};
	struct {
		dbx_wide last;
		uint32_t value;
	} open[130];
	unsigned int depth = 0;
	size_t i;

	open[0].last = s.last;
	open[0].value = 0;
	put(&s, 0, 0);
	for (i = 0; i <= p->n; i++) {
		/* Prefixes that end before this one give way to what is around them. */
		while (depth && (i == p->n || open[depth].last < p->v[i].addr)) {
			if (open[depth].last != s.last)
				put(&s, open[depth].last + 1, open[depth - 1].value);
			depth--;
		}
		if (i == p->n)
			break;
		open[++depth].last = p->v[i].addr | rest_of(p->v[i].len, p->is_v6);
		open[depth].value = p->v[i].class_id;
		put(&s, p->v[i].addr, p->v[i].class_id);
	}
	*n = s.n;
	return s.v;
}

uint32_t bench_find(const struct dbx_interval *v, size_t n, dbx_wide addr)
{
	size_t lo = 0, hi = n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].first <= addr)
			lo = mid;
		else
			hi = mid;
	}
	return v[lo].value;
}

/* Workspace 1001 sends from 10.66.1.0/24, and whatever it sends is blocked. */
static void add_judgement(struct dbx_imgbuf *b)
{
	const struct dbx_run32 owner = {0, DBX_LEAF | 1};
	const struct dbx_interval none = {0, 0};
	struct dbx_interval src[3] = {{0, 0}, {0x0a420100, 0}, {0x0a420200, 0}};
	struct dbx_binding binding = {.workspace_id = 1001};
	struct dbx_outcome outcome = {.rule_uid = 1, .reason = DBX_REASON_BLOCKED};
	struct dbx_profile profile = {.row = 0};
	uint16_t cells[BENCH_CLASSES];
	uint32_t set, i;

	src[1].value = dbx_imgbuf_add(b, DBX_SEC_RUNS32, &owner, 1);
	dbx_imgbuf_table(b, DBX_SEC_SRC4_ROOT, 0, src, 3);
	dbx_imgbuf_table(b, DBX_SEC_SRC6_ROOT, 1, &none, 1);
	binding.port = dbx_port_hash("ws1");
	dbx_imgbuf_add(b, DBX_SEC_BINDINGS, &binding, 1);
	set = DBX_LEAF | dbx_imgbuf_add(b, DBX_SEC_OUTCOMES, &outcome, 1);
	set = dbx_imgbuf_add(b, DBX_SEC_RULESETS, &set, 1);
	for (i = 0; i < BENCH_CLASSES; i++)
		cells[i] = (uint16_t)set;
	profile.row = dbx_imgbuf_add(b, DBX_SEC_CELLS, cells, BENCH_CLASSES);
	dbx_imgbuf_add(b, DBX_SEC_PROFILES, &profile, 1);
}

void *bench_image(const struct dbx_interval *v, size_t n, bool is_v6, size_t *n_bytes)
{
	const struct dbx_interval none = {0, 0};
	struct dbx_imgbuf b;
	void *image = NULL;
	size_t kernel_bytes;

	if (dbx_imgbuf_init(&b))
		return NULL;
	dbx_imgbuf_dst4(&b, is_v6 ? &none : v, is_v6 ? 1 : n);
	dbx_imgbuf_table(&b, DBX_SEC_DST6_ROOT, 1, is_v6 ? v : &none, is_v6 ? n : 1);
	add_judgement(&b);
	if (dbx_imgbuf_finish(&b, 1, BENCH_CLASSES, &image, n_bytes, &kernel_bytes))
		image = NULL;
	dbx_imgbuf_fini(&b);
	return image;
}

dbx_wide bench_inside(const struct bench_prefixes *p)
{
	const struct bench_prefix *x = &p->v[bench_rnd((uint32_t)p->n)];

	return x->addr | (((dbx_wide)rnd64() << 64 | rnd64()) & rest_of(x->len, p->is_v6));
}

static dbx_wide anywhere(const struct bench_prefixes *p)
{
	dbx_wide r = (dbx_wide)rnd64() << 64 | rnd64();

	return bench_rnd(10) < 7 ? bench_inside(p) : r & rest_of(0, p->is_v6);
}

void bench_zipf(const struct bench_prefixes *p, dbx_wide *out, size_t n)
{
	double *until = need(calloc(p->n, sizeof(*until))), sum = 0;
	size_t i, lo, hi;

	for (i = 0; i < p->n; i++)
		until[i] = sum += pow((double)(i + 1), -1.05);
	for (i = 0; i < n; i++) {
		double at = (double)(rnd64() >> 11) * 0x1p-53 * sum;

		for (lo = 0, hi = p->n - 1; lo < hi;) {
			size_t mid = (lo + hi) / 2;

			if (until[mid] < at)
				lo = mid + 1;
			else
				hi = mid;
		}
		out[i] = p->v[lo].addr;
	}
	free(until);
}

void bench_traffic(const struct bench_prefixes *p, bool zipf, dbx_wide *out, size_t n)
{
	struct bench_prefixes flows = {need(calloc(ZIPF_FLOWS, sizeof(*flows.v))), ZIPF_FLOWS,
				       p->is_v6};
	size_t i;

	for (i = 0; i < ZIPF_FLOWS; i++)
		flows.v[i].addr = anywhere(p);
	if (zipf)
		bench_zipf(&flows, out, n);
	for (i = 0; !zipf && i < n; i++)
		out[i] = anywhere(p);
	free(flows.v);
}
