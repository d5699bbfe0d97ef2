// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_look.c -- what a burst has looked up ahead is what parse.h, lookup.h and classify.h say of
 * each packet alone, on images of real size and with runs that are as long as they may be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/gen_big.h"
#include "common/pkt.h"
#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/program.h"
#include "dataplane/dpdk/view.h"
#include "dataplane/dpdk/walk.h"

#define BURSTS 4000
#define FRAME  200
#define PAGE   4096u

static uint8_t *pages; /* for each frame one, and one behind it that cannot be read */
static struct {
	size_t looked, v6, owned, found, left_out, wanted, astray, told, tagged;
	size_t deepest[4]; /* IPv6 destinations that are searched in this word, at least */
} tally;

static uint32_t any32(void)
{
	return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

/* An address on either side of where a run of the image changes, or any. */
static uint32_t some_word(const struct dbx_env *env, const struct dbx_image_header *hdr,
			  bool is_dst4)
{
	const struct dbx_section *s = &hdr->sec[is_dst4 ? DBX_SEC_DST4_RUNS : DBX_SEC_RUNS32];
	uint32_t any = any32(), i;
	const struct dbx_run32 *r32;
	const struct dbx_run4 *r4;

	if (rand() % 4 == 0 || !s->n_items)
		return any;
	i = any % s->n_items;
	if (!is_dst4) {
		r32 = dbx_item(env, s, i, DBX_RUN32_SHIFT, sizeof(*r32));
		return r32->start - (uint32_t)(rand() % 2);
	}
	r4 = dbx_item(env, s, i, DBX_RUN4_SHIFT, sizeof(*r4));
	return (any & 0xffff0000u) | (uint16_t)(r4->start - rand() % 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static struct pkt_addr addr4(uint32_t v)
{
	struct pkt_addr a = {0};

	put32(a.a, v);
	return a;
}

/* Of a workspace, mostly. */
static uint32_t source4(const struct dbx_env *env, const struct dbx_image_header *hdr)
{
	return rand() % 4 ? 0x0a010000u + (any32() & 0x1ffff) : some_word(env, hdr, false);
}

static struct pkt_addr source6(void)
{
	struct pkt_addr a = {.is_v6 = true};

	put32(a.a, 0xfd660001u + (uint32_t)rand() % 2);
	if (rand() % 4 == 0)
		put32(a.a + 4, any32());
	put32(a.a + 12, any32() & 0xffff);
	return a;
}

static uint32_t length_of(const struct dbx_run32 *r, uint32_t ref)
{
	const uint32_t room = (1u << DBX_RUN32_SHIFT) - ref % (1u << DBX_RUN32_SHIFT);

	return r->start < room ? r->start + 1 : room;
}

/* A word within some entry of the run, at either end of it or between; *ref: what is said of it. */
static uint32_t word_within(const struct dbx_env *env, const struct dbx_image_header *hdr,
			    uint32_t *ref, uint32_t first, uint32_t last)
{
	const struct dbx_section *s = &hdr->sec[DBX_SEC_RUNS32];
	const uint32_t at = *ref & DBX_REF_MASK;
	const struct dbx_run32 *r = dbx_item(env, s, at, DBX_RUN32_SHIFT, sizeof(*r));
	uint32_t n = length_of(r, at), i = any32() % n;
	bool is_same;

	for (int more = rand() % 8; more && (r[i].value & DBX_LEAF); more--)
		i = any32() % n; /* one that goes on, if it can be */
	first = i ? r[i].start : first;
	last = i + 1 < n ? r[i + 1].start - 1 : last;
	is_same = !(r[i].value & DBX_LEAF) && (r[i].value & DBX_SAME);
	*ref = r[i].value;
	if (is_same)
		return word_within(env, hdr, ref, first, last);
	switch (any32() % 3) {
	case 0:
		return first;
	case 1:
		return last;
	default:
		return first + any32() % (last - first + 1u ? last - first + 1u : ~0u);
	}
}

/* The first 16 bits of IPv6 destinations of which the image says more. */
static uint16_t long_tops[DBX_ROOT_ENTRIES];
static size_t n_long;

static void find_long(const struct dbx_env *env, const struct dbx_image_header *hdr)
{
	const uint32_t *root = dbx_env_chunk(env, hdr->sec[DBX_SEC_DST6_ROOT].chunk);

	n_long = 0;
	for (uint32_t i = 0; i < DBX_ROOT_ENTRIES; i++)
		if (!(root[i] & DBX_LEAF))
			long_tops[n_long++] = (uint16_t)i;
}

/* Down through the image's runs, whose words belong together then. */
static struct pkt_addr destination6(const struct dbx_env *env, const struct dbx_image_header *hdr)
{
	const uint32_t *root = dbx_env_chunk(env, hdr->sec[DBX_SEC_DST6_ROOT].chunk);
	struct pkt_addr a = {.is_v6 = true};
	uint32_t top = n_long && any32() % 16 ? long_tops[any32() % n_long] : any32() & 0xffff;
	uint32_t ref = root[top];

	for (int i = 0; i < 4; i++)
		put32(a.a + 4 * i, any32());
	put32(a.a, top << 16 | (any32() & 0xffff));
	for (int word = 0; word < 4 && !(ref & DBX_LEAF); word++) {
		put32(a.a + 4 * word,
		      word ? word_within(env, hdr, &ref, 0, ~0u)
			   : word_within(env, hdr, &ref, top << 16, top << 16 | 0xffff));
		tally.deepest[word]++;
	}
	if (any32() % 8 == 0) /* beside it */
		a.a[any32() % 16] ^= (uint8_t)(1u << any32() % 8);
	return a;
}

static void add_l4(struct pkt *p)
{
	uint16_t port = rand() % 4 ? (uint16_t)(rand() % 2 ? 443 : 53) : (uint16_t)rand();

	switch (rand() % 5) {
	case 0:
		pkt_udp(p, DBX_PROTO_UDP, 1000, port, PKT_AUTO);
		break;
	case 1:
		pkt_icmp(p, 8, 0);
		break;
	default:
		pkt_tcp(p, 1000, port, PKT_AUTO, 2);
	}
}

/*
 * Whole frames, some of them with bytes that are not what they should be, or cut. They end where their page
 * does: nobody may read on.
 */
static void make_frame(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       struct dpk_looks *l, unsigned int i)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct pkt_ip4 ip = PKT_IP4_INIT;
	struct pkt_ip6 ip6 = PKT_IP6_INIT;
	struct pkt p;

	pkt_begin(&p);
	pkt_eth(&p, macs[0], macs[1], PKT_AUTO);
	for (int i = rand() % 8; i > 5; i--)
		pkt_vlan(&p, 0x8100, (uint16_t)(rand() % 4), PKT_AUTO);
	if (rand() % 3) {
		ip.src = addr4(source4(env, hdr));
		ip.dst = addr4(some_word(env, hdr, true));
		pkt_ip4(&p, &ip);
	} else {
		ip6.src = source6();
		ip6.dst = destination6(env, hdr);
		pkt_ip6(&p, &ip6);
	}
	add_l4(&p);
	pkt_end(&p);
	if (rand() % 8 == 0)
		p.b[12 + (size_t)rand() % (p.n - 12)] ^= (uint8_t)(1 << rand() % 8);
	if (rand() % 16 == 0)
		p.n = (size_t)rand() % (p.n + 1);
	l->bytes[i] = (uint32_t)p.n;
	l->frame[i] = memcpy(pages + (2 * i + 1) * PAGE - p.n, p.b, p.n);
}

static bool is_for_the_image(const struct dbx_image_header *hdr, const struct dbx_pkt *pkt,
			     int stop)
{
	return stop == DBX_PARSE_GO_ON && pkt->frag == DBX_FRAG_NONE && !pkt->n_tags &&
	       (pkt->flags & DBX_PKT_F_PORTS) && !(pkt->flags & DBX_PKT_F_PROTO_UNKNOWN) &&
	       !((hdr->name_flags & DBX_NAMES_F_DNS) && pkt->dport == 53) &&
	       !(pkt->proto == DBX_PROTO_UDP && pkt->dport &&
		 (pkt->dport == hdr->vxlan_port || pkt->dport == hdr->geneve_port));
}

struct wanted {
	const struct dbx_outcome *o;
	const struct dbx_binding *b;
	const struct dbx_profile *p;
	uint32_t class_id;
};

/* By the functions of one packet; NULL: there is none. */
static const struct dbx_outcome *one_by_one(const struct dbx_env *env,
					    const struct dbx_image_header *hdr,
					    const struct dbx_pkt *pkt, struct wanted *l)
{
	int is_v6 = pkt->flags & DBX_PKT_F_IPV6, unsure = 0;
	uint32_t owner = dbx_src_owner(env, hdr, pkt->src, is_v6);
	const uint16_t *cell;

	l->class_id = dbx_dst_class(env, hdr, pkt->dst, is_v6);
	l->b = dbx_owner_binding(env, hdr, owner, pkt->domain);
	tally.owned += !!owner;
	if (!l->b || l->class_id >= hdr->n_classes)
		return NULL;
	l->p = dbx_item(env, &hdr->sec[DBX_SEC_PROFILES], l->b->profile, DBX_PROFILE_SHIFT,
			sizeof(*l->p));
	cell = l->p ? dbx_item(env, &hdr->sec[DBX_SEC_CELLS], l->p->row + l->class_id,
			       DBX_CELL_SHIFT, sizeof(*cell))
		    : NULL;
	return cell ? dbx_ruleset_outcome(env, hdr, l->p->rulesets + *cell, pkt, &unsure) : NULL;
}

/* By which the frames of a burst come. */
static uint64_t port;
/* Whether flows were hashed by dpk_walker->flows(). */
static bool has_flows;

static uint64_t some_port(const struct dpk_view *v)
{
	switch (v->n_ways ? rand() % 4 : 0) {
	case 0:
		return DBX_PORT_ANY;
	case 1:
		return any32();
	default:
		return v->ways[any32() % v->n_ways];
	}
}

/* Address and port by which it was looked up. */
static bool is_key(const struct dpk_looks *l, unsigned int i, const struct dbx_pkt *pkt)
{
	bool is_v6 = pkt->flags & DBX_PKT_F_IPV6;
	size_t n_differ = 0;

	for (int w = 0; w < (is_v6 ? 4 : 1); w++)
		n_differ += l->addr[0][w][i] != pkt->src[w] || l->addr[1][w][i] != pkt->dst[w];
	return !n_differ && is_v6 == (l->is_v6 >> i & 1) &&
	       l->port[i] == ((uint32_t)pkt->proto << 16 | pkt->dport);
}

/* What is not in both of these is done already when the verdict is known. */
static bool is_wanted(const struct dbx_binding *b, const struct dbx_profile *p,
		      const struct dbx_result *res, const struct dbx_outcome *o)
{
	const uint8_t more = DBX_OUTCOME_F_WORKSPACE | DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD;
	bool is_drop = res->verdict == DBX_VERDICT_DROP;
	unsigned int mark = is_drop ? 3 : dbx_mark_index(res);

	return (o->flags & more) || b->quota || (is_drop && (b->flags & DBX_BINDING_F_REJECT)) ||
	       (mark < 3 && p->marks[mark]);
}

/* Which row counts it; of which flow it is, to be told of. */
static bool is_row(const struct dpk_looks *l, unsigned int i, uint64_t workspace_id,
		   const struct dpk_verdict *v)
{
	const uint64_t key[DPK_KEY_WORDS] = {workspace_id, v->rule_uid, v->key};

	return l->row[i] == dpk_row_hash(key) &&
	       l->tag[i] == (dpk_hash_workspace(workspace_id) |
			     (uint64_t)dpk_hash_rest(v->rule_uid, v->key) << 32) &&
	       (!(l->told >> i & 1) || !has_flows || l->flow[i] == dpk_program_flow(l, i));
}

/* Bound to another interface than `port`; of no more than this is asked by number. */
static bool is_way(const struct dpk_looks *l, unsigned int i, const struct dbx_binding *b)
{
	bool is_astray = b->port && port != DBX_PORT_ANY && b->port != port;

	tally.astray += is_astray;
	return (l->astray >> i & 1) == is_astray &&
	       (l->ways >> i & 1) == !!(b->flags & DBX_BINDING_F_MAC);
}

static bool is_verdict(const struct dpk_looks *l, unsigned int i, const struct wanted *want)
{
	const struct dpk_source *s = &l->view->sources[l->source[i]];
	const struct dpk_verdict *v = &l->view->verdicts[l->verdict[i]];
	struct dbx_result res = {0};

	dbx_result_outcome(&res, want->o, want->b->flags & DBX_BINDING_F_DRY_RUN);
	tally.told += l->told >> i & 1;
	return is_row(l, i, want->b->workspace_id, v) && is_way(l, i, want->b) &&
	       &l->view->outcomes[l->verdict[i] / 2] == want->o && s->b == want->b &&
	       s->p == want->p && l->class_id[i] == want->class_id && v->rule_uid == res.rule_uid &&
	       v->key == ((uint64_t)res.reason | res.verdict << 16 | res.path << 24) &&
	       (l->passes >> i & 1) == (res.verdict != DBX_VERDICT_DROP) &&
	       (l->told >> i & 1) == (res.verdict != DBX_VERDICT_PASS) &&
	       (l->wants >> i & 1) == is_wanted(want->b, want->p, &res, want->o);
}

/* An image whose runs are out of order: of these nothing is looked up ahead. */
static bool is_damaged;

/* No outcome where there is one is a packet that the program judges: slow, and seldom; none here. */
static bool is_right(const struct dbx_env *env, const struct dbx_image_header *hdr,
		     const struct dpk_looks *l, unsigned int i)
{
	const bool is_looked = l->looked >> i & 1;
	struct wanted want = {0};
	struct dbx_pkt pkt;
	int stop = dbx_parse(l->frame[i], l->frame[i] + l->bytes[i], &pkt);

	if (!is_for_the_image(hdr, &pkt, stop)) {
		tally.left_out++;
		return !is_looked;
	}
	tally.looked++;
	tally.v6 += !!(pkt.flags & DBX_PKT_F_IPV6);
	want.o = one_by_one(env, hdr, &pkt, &want);
	if (!want.o || !is_looked)
		return !is_looked && (!want.o || is_damaged);
	tally.found++;
	tally.wanted += l->wants >> i & 1;
	return is_key(l, i, &pkt) && is_verdict(l, i, &want);
}

/* Sums over those of a burst that are told of. Tags are those of every other one, and of others. */
static size_t compare_sums(struct dpk_looks *l)
{
	static uint16_t tags[DBX_NOTED_SLOTS];
	const uint64_t some = l->looked & l->told & ((uint64_t)any32() << 32 | any32());
	uint64_t want = 0, bytes = 0;

	dpk_for_each(i, l->looked & l->told)
		l->flow[i] = dpk_program_flow(l, (unsigned int)i);
	for (unsigned int i = 0; i < DBX_NOTED_SLOTS; i++)
		tags[i] = (uint16_t)(any32() | 1);
	dpk_for_each(i, some & 0x5555555555555555)
		tags[l->flow[i] % DBX_NOTED_SLOTS] = (uint16_t)(l->flow[i] >> 16 | 1);
	dpk_for_each(i, some) {
		bool is_tag = tags[l->flow[i] % DBX_NOTED_SLOTS] ==
			      (uint16_t)(l->flow[i] >> 16 | 1);

		want |= (uint64_t)is_tag << i;
		bytes += l->bytes[i];
		tally.tagged += is_tag;
	}
	return (dpk_walker->tagged(l, some, tags) != want) + (dpk_walker->bytes(l, some) != bytes);
}

static size_t compare(const struct vec_world *w)
{
	struct dbx_env env = {.base = w->image, .n_chunks = w->img.hdr->n_kernel_chunks};
	struct dpk_image *img = NULL;
	struct dpk_looks looks;
	size_t n_bad = 0;

	assert_int_equal(dpk_image_wrap(&img, w->image, env.n_chunks), 0);
	find_long(&env, w->img.hdr);
	for (int b = 0; b < BURSTS; b++) {
		unsigned int n = 1 + (unsigned int)rand() % DPK_BURST;

		memset(&looks, 0xff, sizeof(looks));
		for (unsigned int i = 0; i < n; i++)
			make_frame(&env, w->img.hdr, &looks, i);
		port = some_port(img->view);
		dpk_look_up(img, port, &looks, n);
		has_flows = dpk_walker->flows(&looks, looks.looked & looks.told);
		for (unsigned int i = 0; i < n; i++)
			n_bad += !is_right(&env, w->img.hdr, &looks, i);
		n_bad += compare_sums(&looks);
	}
	dpk_image_free(img);
	return n_bad;
}

/* On this processor, and on one without AVX-512. */
static size_t compare_both(const struct vec_world *w)
{
	size_t n_bad;

	dpk_look_wide(false);
	n_bad = compare(w);
	return dpk_look_wide(true) ? n_bad + compare(w) : n_bad;
}

/* Some sources to interfaces, and some to addresses of Ethernet. */
static void bind_some(const struct vec_world *w)
{
	struct dbx_env env = {.base = w->image, .n_chunks = w->img.hdr->n_kernel_chunks};
	const struct dbx_section *s = &w->img.hdr->sec[DBX_SEC_BINDINGS];

	for (uint32_t i = 0; i < s->n_items; i++) {
		struct dbx_binding *b = (void *)dbx_item(&env, s, i, DBX_BINDING_SHIFT, sizeof(*b));

		b->port = i % 3 ? 0x1234567800000000ull + i % 7 : 0;
		b->flags = (uint8_t)(b->flags | (i % 5 ? 0 : DBX_BINDING_F_MAC));
		b->product = i % 4;
	}
}

static void check(int (*make)(struct vec_world *w), size_t n_owned_min)
{
	struct vec_world w;

	assert_int_equal(make(&w), 0);
	bind_some(&w);
	srand(1);
	memset(&tally, 0, sizeof(tally));
	assert_int_equal(compare_both(&w), 0);
	printf("%zu looked up (%zu IPv6), %zu of them owned, %zu with an outcome, of which %zu want "
	       "more; %zu left out\n",
	       tally.looked, tally.v6, tally.owned, tally.found, tally.wanted, tally.left_out);
	printf("%zu that came by another interface, %zu told of\n", tally.astray, tally.told);
	printf("searched in the first word of IPv6 and on: %zu, %zu, %zu, %zu\n", tally.deepest[0],
	       tally.deepest[1], tally.deepest[2], tally.deepest[3]);
	assert_true(tally.owned >= n_owned_min && tally.found >= n_owned_min / 2);
	assert_true(tally.deepest[3] > 1000);
	assert_true(tally.v6 > BURSTS && tally.left_out > BURSTS && tally.told > BURSTS);
	assert_true(tally.astray > BURSTS && tally.tagged > BURSTS);
	vec_world_fini(&w);
}

static void real_feeds(void **state)
{
	(void)state;
	check(gen_big_feeds, 10000);
}

/* Starts of entries change places, and with them the lengths of runs. */
static void damage(const struct vec_world *w)
{
	struct dbx_env env = {.base = w->image, .n_chunks = w->img.hdr->n_kernel_chunks};
	const struct dbx_section *s = &w->img.hdr->sec[DBX_SEC_RUNS32];
	struct dbx_run32 *r[2];
	uint32_t i, start;

	for (int k = 0; k < 500; k++) {
		i = any32() % (s->n_items - 1);
		for (uint32_t j = 0; j < 2; j++)
			r[j] = (void *)dbx_item(&env, s, i + j, DBX_RUN32_SHIFT, sizeof(*r[j]));
		start = r[0]->start;
		r[0]->start = r[1]->start;
		r[1]->start = start;
	}
}

static void runs_out_of_order(void **state)
{
	struct vec_world w;

	(void)state;
	assert_int_equal(gen_big_feeds(&w), 0);
	srand(2);
	memset(&tally, 0, sizeof(tally));
	damage(&w);
	is_damaged = true;
	assert_int_equal(compare_both(&w), 0);
	is_damaged = false;
	printf("%zu looked up, %zu of them with an outcome\n", tally.looked, tally.found);
	assert_true(tally.found > 1000);
	vec_world_fini(&w);
}

static void longest_runs(void **state)
{
	(void)state;
	check(gen_big_runs, 10000);
}

static void without_an_image_nothing_is_looked_up(void **state)
{
	struct dpk_looks looks;
	uint8_t frame[FRAME] = {0};

	(void)state;
	memset(&looks, 0xff, sizeof(looks));
	looks.frame[0] = frame;
	looks.bytes[0] = sizeof(frame);
	dpk_look_up(NULL, DBX_PORT_ANY, &looks, 1);
	assert_int_equal(looks.looked, 0);
}

static int setup(void **state)
{
	const size_t n = 2 * DPK_BURST * (size_t)PAGE;

	(void)state;
	pages = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -1;
	for (size_t i = PAGE; i < n; i += 2 * (size_t)PAGE)
		if (mprotect(pages + i, PAGE, PROT_NONE))
			return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(pages, 2 * DPK_BURST * (size_t)PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_feeds),
		cmocka_unit_test(longest_runs),
		cmocka_unit_test(runs_out_of_order),
		cmocka_unit_test(without_an_image_nothing_is_looked_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
