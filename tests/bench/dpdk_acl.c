// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dpdk_acl.c -- rivals of bench_dpdk_packets: the same rules in rte_acl.
 *
 * One ACL whose lines begin with the workspace's prefix; one whose lines begin with the policy, found by
 * rte_fib before; one for each policy. A line is a prefix, a protocol and a range of ports: any match
 * passes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_errno.h>

#include "bench/dpdk_bench.h"
#include "common/bench.h"

#define FIELDS 11u /* of the widest: IPv6 with a source */

RTE_ACL_RULE_DEF(dpb_rule, FIELDS);

/* What is looked up, network order: protocol, policy or source, destination, port. */
struct data {
	uint8_t proto, zero[3];
	rte_be32_t from[4], to[4];
	rte_be16_t dport, zero2;
};

struct dpb_counts dpb_one_counts, dpb_each_counts, dpb_whole_counts;

static struct rte_acl_ctx *one[2], *whole[2], *each[2][DPB_POLICIES];

/* ---- building ---- */

/* from: words that say from where; to: words of the destination. */
static void config_of(struct rte_acl_config *c, unsigned int n_from, bool is_prefix, bool is_v6)
{
	unsigned int n = 0, n_to = is_v6 ? 4 : 1;

	memset(c, 0, sizeof(*c));
	c->num_categories = 1;
	c->defs[n++] = (struct rte_acl_field_def){RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0,
						  offsetof(struct data, proto)};
	for (unsigned int i = 0; i < n_from; i++, n++)
		c->defs[n] = (struct rte_acl_field_def){
			is_prefix ? RTE_ACL_FIELD_TYPE_MASK : RTE_ACL_FIELD_TYPE_BITMASK, 4,
			(uint8_t)n, (uint8_t)n, (uint32_t)offsetof(struct data, from) + 4 * i};
	for (unsigned int i = 0; i < n_to; i++, n++)
		c->defs[n] = (struct rte_acl_field_def){
			RTE_ACL_FIELD_TYPE_MASK, 4, (uint8_t)n, (uint8_t)n,
			(uint32_t)offsetof(struct data, to) + 4 * i};
	c->defs[n] = (struct rte_acl_field_def){RTE_ACL_FIELD_TYPE_RANGE, 2, (uint8_t)n, (uint8_t)n,
						offsetof(struct data, dport)};
	c->defs[n + 1] = (struct rte_acl_field_def){RTE_ACL_FIELD_TYPE_RANGE, 2, (uint8_t)(n + 1),
						    (uint8_t)n, offsetof(struct data, zero2)};
	c->num_fields = n + 2;
}

/* A prefix of an address, as fields of 32 bits each. */
static unsigned int put_prefix(struct dpb_rule *r, unsigned int n, const struct dpb_prefix *p,
			       bool is_v6)
{
	for (int word = is_v6 ? 3 : 0; word >= 0; word--, n++) {
		int len = p->len - (is_v6 ? 32 * (3 - word) : 0);

		r->field[n].value.u32 = (uint32_t)(p->addr >> (32 * word));
		r->field[n].mask_range.u32 = len < 0 ? 0 : len > 32 ? 32 : (uint32_t)len;
	}
	return n;
}

static unsigned int put_end(struct dpb_rule *r, unsigned int n, const struct dpb_line *l,
			    bool is_v6)
{
	r->data = (struct rte_acl_rule_data){.category_mask = 1,
					     .priority = (int)(DPB_RULES - l->rule),
					     .userdata = 1u + l->rule};
	r->field[0].value.u8 = l->proto;
	r->field[0].mask_range.u8 = 0xff;
	n = put_prefix(r, n, &l->to, is_v6);
	r->field[n].value.u16 = l->lo;
	r->field[n].mask_range.u16 = l->hi;
	r->field[n + 1].value.u16 = 0;
	r->field[n + 1].mask_range.u16 = 0xffff;
	return n + 2;
}

static struct rte_acl_ctx *create(const char *name, unsigned int n_fields, size_t n_lines)
{
	const struct rte_acl_param param = {.name = name,
					    .socket_id = SOCKET_ID_ANY,
					    .rule_size = RTE_ACL_RULE_SZ(n_fields),
					    .max_rule_num = (uint32_t)n_lines + 1};
	struct rte_acl_ctx *ctx = rte_acl_create(&param);

	dpb_need(ctx, "rte_acl_create");
	return ctx;
}

static void put(struct rte_acl_ctx *ctx, const struct dpb_rule *r)
{
	dpb_need(!rte_acl_add_rules(ctx, (const struct rte_acl_rule *)r, 1), "rte_acl_add_rules");
}

/* What making a table takes; memory is that of the rules and of what is searched. */
struct building {
	double began;
	size_t bytes, n;
};

static struct building begin(void)
{
	return (struct building){bench_now_s(), dpb_memory(), 0};
}

static void end(const struct building *b, const char *what, bool is_v6)
{
	printf("# rte_acl of %s, IPv%d: %zu rules, %.1f MB, built in %.1f s\n", what, is_v6 ? 6 : 4,
	       b->n, (double)(dpb_memory() - b->bytes) / 1e6, bench_now_s() - b->began);
}

static void open_one(bool is_v6)
{
	const struct dpb_side *s = &dpb_sides[is_v6];
	struct building b = begin();
	struct rte_acl_config c;
	struct dpb_rule r = {.data = {0}, .field = {{{0}, {0}}}};

	config_of(&c, 1, false, is_v6);
	one[is_v6] = create(is_v6 ? "one6" : "one4", c.num_fields, s->n_lines);
	for (size_t i = 0; i < s->n_lines; i++) {
		r.field[1].value.u32 = s->lines[i].policy;
		r.field[1].mask_range.u32 = ~0u;
		put_end(&r, 2, &s->lines[i], is_v6);
		put(one[is_v6], &r);
	}
	dpb_need(!rte_acl_build(one[is_v6], &c), "rte_acl_build");
	b.n = s->n_lines;
	end(&b, "policy and line", is_v6);
}

static void open_each(bool is_v6)
{
	const struct dpb_side *s = &dpb_sides[is_v6];
	struct building b = begin();
	struct rte_acl_config c;
	struct dpb_rule r = {.data = {0}, .field = {{{0}, {0}}}};
	char name[24];

	config_of(&c, 0, false, is_v6);
	for (unsigned int p = 0; p < DPB_POLICIES; p++) {
		size_t n = s->first[p + 1] - s->first[p];

		if (!n)
			continue;
		snprintf(name, sizeof(name), "each%d-%u", is_v6, p);
		each[is_v6][p] = create(name, c.num_fields, n);
		for (size_t i = s->first[p]; i < s->first[p + 1]; i++) {
			put_end(&r, 1, &s->lines[i], is_v6);
			put(each[is_v6][p], &r);
		}
		dpb_need(!rte_acl_build(each[is_v6][p], &c), "rte_acl_build");
	}
	b.n = s->n_lines;
	end(&b, "line, 200 of them", is_v6);
}

/* Each workspace's prefix with each line of its policy: what an ACL holds that nothing helps. */
static void open_whole(bool is_v6)
{
	const struct dpb_side *s = &dpb_sides[is_v6];
	struct dpb_rule r = {.data = {0}, .field = {{{0}, {0}}}};
	struct building b = begin();
	struct rte_acl_config c;

	config_of(&c, is_v6 ? 4 : 1, true, is_v6);
	for (unsigned int ws = 0; ws < DPB_WORKSPACES; ws++)
		b.n += s->first[dpb_policy_of(ws) + 1] - s->first[dpb_policy_of(ws)];
	whole[is_v6] = create(is_v6 ? "whole6" : "whole4", c.num_fields, b.n);
	for (unsigned int ws = 0; ws < DPB_WORKSPACES; ws++) {
		const struct dpb_prefix from = {dpb_source(ws, is_v6), is_v6 ? 64 : 24};
		unsigned int p = dpb_policy_of(ws);

		for (size_t i = s->first[p]; i < s->first[p + 1]; i++) {
			put_end(&r, put_prefix(&r, 1, &from, is_v6), &s->lines[i], is_v6);
			put(whole[is_v6], &r);
		}
	}
	dpb_need(!rte_acl_build(whole[is_v6], &c), "rte_acl_build");
	end(&b, "source and line", is_v6);
}

void dpb_acl_open(bool with_whole)
{
	for (int v6 = 0; v6 < 2; v6++) {
		open_one(v6);
		open_each(v6);
		if (with_whole)
			open_whole(v6);
	}
}

static bool select_all(enum rte_acl_classify_alg alg)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (rte_acl_set_ctx_classify(one[v6], alg) ||
		    (whole[v6] && rte_acl_set_ctx_classify(whole[v6], alg)))
			return false;
		for (unsigned int p = 0; p < DPB_POLICIES; p++)
			if (each[v6][p] && rte_acl_set_ctx_classify(each[v6][p], alg))
				return false;
	}
	return true;
}

const char *dpb_acl_select(unsigned int number)
{
	static const struct {
		const char *name;
		enum rte_acl_classify_alg alg;
	} v[] = {{"SSE", RTE_ACL_CLASSIFY_SSE},
		 {"AVX2", RTE_ACL_CLASSIFY_AVX2},
		 {"AVX-512x16", RTE_ACL_CLASSIFY_AVX512X16},
		 {"AVX-512x32", RTE_ACL_CLASSIFY_AVX512X32}};

	return number < sizeof(v) / sizeof(v[0]) && select_all(v[number].alg) ? v[number].name
									      : NULL;
}

/* ---- a burst ---- */

static __rte_always_inline void put_to(struct data *d, const struct dpb_keys *k, unsigned int i,
				       bool is_v6)
{
	d->proto = k->proto[i];
	if (is_v6)
		memcpy(d->to, k->dst6[i], 16);
	else
		d->to[0] = rte_cpu_to_be_32(k->dst4[i]);
	d->dport = rte_cpu_to_be_16(k->dport[i]);
	d->zero2 = 0;
}

static __rte_always_inline uint64_t conclude(struct dpb_counts *c, struct dpb_keys *k,
					     const uint32_t *found, const uint64_t *src,
					     bool is_job)
{
	uint64_t pass = 0;

	for (unsigned int i = 0; i < DPB_BURST; i++) {
		pass |= (uint64_t)(found[i] != 0) << i;
		if (is_job && found[i])
			k->why[i] = (uint8_t)found[i];
	}
	if (is_job)
		dpb_count(c, k, src);
	return pass;
}

static __rte_always_inline uint64_t by_whole(struct rte_mbuf **m, bool is_v6, bool is_job)
{
	const uint8_t *at[DPB_BURST];
	struct data d[DPB_BURST];
	uint32_t found[DPB_BURST];
	uint64_t src[DPB_BURST];
	struct dpb_keys k;

	dpb_read(m, &k, is_v6, is_job);
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		put_to(&d[i], &k, i, is_v6);
		if (is_v6)
			memcpy(d[i].from, k.src6[i], 16);
		else
			d[i].from[0] = rte_cpu_to_be_32(k.src4[i]);
		at[i] = (const uint8_t *)&d[i];
	}
	rte_acl_classify(whole[is_v6], at, found, DPB_BURST, 1);
	if (is_job) /* whom to count it for; a denied packet matched no line that would say */
		dpb_fib_source(&k, src, is_v6);
	return conclude(&dpb_whole_counts, &k, found, src, is_job);
}

DPB_BURST_BY(dpb_acl_whole, by_whole)

static __rte_always_inline uint64_t by_one(struct rte_mbuf **m, bool is_v6, bool is_job)
{
	const uint8_t *at[DPB_BURST];
	struct data d[DPB_BURST];
	uint32_t found[DPB_BURST];
	uint64_t src[DPB_BURST];
	struct dpb_keys k;

	dpb_read(m, &k, is_v6, is_job);
	dpb_fib_source(&k, src, is_v6);
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		uint32_t policy = src[i] ? dpb_policy_of((unsigned int)src[i] - 1) : ~0u;

		put_to(&d[i], &k, i, is_v6);
		d[i].from[0] = rte_cpu_to_be_32(policy);
		at[i] = (const uint8_t *)&d[i];
	}
	rte_acl_classify(one[is_v6], at, found, DPB_BURST, 1);
	return conclude(&dpb_one_counts, &k, found, src, is_job);
}

DPB_BURST_BY(dpb_acl_one, by_one)

/* Packets of a burst that have the same policy are classified together. */
static __rte_always_inline void classify_each(struct data *d, const uint64_t *src, uint32_t *found,
					      bool is_v6)
{
	uint64_t rest = ~0ull;
	uint32_t some[DPB_BURST];
	const uint8_t *at[DPB_BURST];
	uint8_t who[DPB_BURST];

	while (rest) {
		unsigned int first = (unsigned int)__builtin_ctzll(rest), n = 0;
		unsigned int policy = dpb_policy_of((unsigned int)src[first] - 1);
		const struct rte_acl_ctx *ctx = src[first] ? each[is_v6][policy] : NULL;

		for (unsigned int i = first; i < DPB_BURST; i++)
			if ((rest >> i & 1) && src[i] % DPB_POLICIES == src[first] % DPB_POLICIES &&
			    !src[i] == !src[first]) {
				rest &= ~(1ull << i);
				who[n] = (uint8_t)i;
				at[n++] = (const uint8_t *)&d[i];
			}
		memset(some, 0, n * sizeof(*some));
		if (ctx)
			rte_acl_classify(ctx, at, some, n, 1);
		for (unsigned int i = 0; i < n; i++)
			found[who[i]] = some[i];
	}
}

static __rte_always_inline uint64_t by_each(struct rte_mbuf **m, bool is_v6, bool is_job)
{
	struct data d[DPB_BURST];
	uint32_t found[DPB_BURST];
	uint64_t src[DPB_BURST];
	struct dpb_keys k;

	dpb_read(m, &k, is_v6, is_job);
	dpb_fib_source(&k, src, is_v6);
	for (unsigned int i = 0; i < DPB_BURST; i++)
		put_to(&d[i], &k, i, is_v6);
	classify_each(d, src, found, is_v6);
	return conclude(&dpb_each_counts, &k, found, src, is_job);
}

DPB_BURST_BY(dpb_acl_each, by_each)
