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

#include "common/gen_big.h"
#include "common/pkt.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/view.h"
#include "dataplane/dpdk/walk.h"

#define BURSTS 4000
#define FRAME  200

static uint8_t *frames[DPK_BURST]; /* malloc'ed with their exact size */
static struct {
	size_t looked, v6, owned, found, left_out;
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

/* Words as the tables have them, so that searches go deep. */
static struct pkt_addr destination6(const struct dbx_env *env, const struct dbx_image_header *hdr)
{
	static const uint32_t first[] = {0x20010db8, 0x26031000, 0x2a050000, 0x26009000};
	struct pkt_addr a = {.is_v6 = true};

	put32(a.a, first[rand() % 4] + (rand() % 2 ? any32() & 0xfff : 0));
	put32(a.a + 4, rand() % 2 ? 0xffff0000 : some_word(env, hdr, false));
	put32(a.a + 8, rand() % 2 ? any32() & 0xffff : some_word(env, hdr, false));
	put32(a.a + 12, any32());
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

/* Whole frames, some of them with bytes that are not what they should be, or cut. */
static size_t make_frame(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 uint8_t **out)
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
	free(*out);
	*out = malloc(p.n ? p.n : 1);
	assert_non_null(*out);
	memcpy(*out, p.b, p.n);
	return p.n;
}

static bool is_for_the_image(const struct dbx_image_header *hdr, const struct dbx_pkt *pkt,
			     int stop)
{
	return stop == DBX_PARSE_GO_ON && pkt->frag == DBX_FRAG_NONE &&
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

/* No outcome where there is one is a packet that the program judges: slow, and seldom; none here. */
static bool is_right(const struct dbx_env *env, const struct dbx_image_header *hdr,
		     const struct dpk_look *l)
{
	struct wanted want = {0};
	struct dbx_pkt pkt;
	int stop = dbx_parse(l->frame, l->frame + l->frame_bytes, &pkt);

	if (!is_for_the_image(hdr, &pkt, stop)) {
		tally.left_out++;
		return !l->verdict;
	}
	tally.looked++;
	tally.v6 += !!(pkt.flags & DBX_PKT_F_IPV6);
	want.o = one_by_one(env, hdr, &pkt, &want);
	if (!want.o || !l->verdict)
		return !want.o && !l->verdict;
	tally.found++;
	return l->o == want.o && l->s->b == want.b && l->s->p == want.p &&
	       l->class_id == want.class_id && l->dport == pkt.dport && l->proto == pkt.proto &&
	       l->flags == pkt.flags && l->n_tags == pkt.n_tags && l->domain == pkt.domain &&
	       dbx_rd32(l->frame + l->addr_at) == pkt.src[0];
}

static size_t compare(const struct vec_world *w)
{
	struct dbx_env env = {.base = w->image, .n_chunks = w->img.hdr->n_kernel_chunks};
	struct dpk_image *img = NULL;
	struct dpk_look looks[DPK_BURST];
	size_t n_bad = 0;

	assert_int_equal(dpk_image_wrap(&img, w->image, env.n_chunks), 0);
	for (int b = 0; b < BURSTS; b++) {
		unsigned int n = 1 + (unsigned int)rand() % DPK_BURST;

		memset(looks, 0xff, sizeof(looks));
		for (unsigned int i = 0; i < n; i++) {
			looks[i].frame_bytes = (uint16_t)make_frame(&env, w->img.hdr, &frames[i]);
			looks[i].frame = frames[i];
		}
		dpk_look_up(img, looks, n);
		for (unsigned int i = 0; i < n; i++)
			n_bad += !is_right(&env, w->img.hdr, &looks[i]);
	}
	dpk_image_free(img);
	return n_bad;
}

static void check(int (*make)(struct vec_world *w), size_t n_owned_min)
{
	struct vec_world w;

	assert_int_equal(make(&w), 0);
	srand(1);
	memset(&tally, 0, sizeof(tally));
	dpk_walk_wide(false);
	assert_int_equal(compare(&w), 0);
	if (dpk_walk_wide(true))
		assert_int_equal(compare(&w), 0);
	printf("%zu looked up (%zu IPv6), %zu of them owned, %zu with an outcome; %zu left out\n",
	       tally.looked, tally.v6, tally.owned, tally.found, tally.left_out);
	assert_true(tally.owned >= n_owned_min && tally.found >= n_owned_min / 2);
	assert_true(tally.v6 > BURSTS && tally.left_out > BURSTS);
	vec_world_fini(&w);
}

static void real_feeds(void **state)
{
	(void)state;
	check(gen_big_feeds, 10000);
}

static void longest_runs(void **state)
{
	(void)state;
	check(gen_big_runs, 10000);
}

static void without_an_image_nothing_is_looked_up(void **state)
{
	struct dpk_look look;
	uint8_t frame[FRAME] = {0};

	(void)state;
	memset(&look, 0xff, sizeof(look));
	look.frame = frame;
	look.frame_bytes = sizeof(frame);
	dpk_look_up(NULL, &look, 1);
	assert_null(look.verdict);
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DPK_BURST; i++)
		free(frames[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_feeds),
		cmocka_unit_test(longest_runs),
		cmocka_unit_test(without_an_image_nothing_is_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
