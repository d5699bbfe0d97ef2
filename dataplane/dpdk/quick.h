/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * quick.h -- packets of which all was looked up ahead (look.h): for most of them nothing remains but to
 * count and to drop or pass, without the steps of the program that come to the same. A part of program.c.
 *
 * What the image's outcome means, who is told, and what is counted under which key are the functions of
 * classify.h and event.h here too. Whatever needs more than that goes on in the program.
 */
#ifndef DBX_DPDK_QUICK_H
#define DBX_DPDK_QUICK_H

#include "dataplane/dpdk/view.h"
#include "dataplane/dpdk/walk.h"

/* Whether the frame came by the way that its source is bound to: dbx_binding_fits(). */
static __always_inline bool came_right(const struct dpk_source *s, const __u8 *frame)
{
	if (__builtin_expect(s->port && self->port != DBX_PORT_ANY && s->port != self->port, 0))
		return false;
	return !(s->flags & DBX_BINDING_F_MAC) || !memcmp(s->b->mac, frame + 6, 6);
}

static __always_inline const struct dpk_source *source_of(const struct dpk_looks *l, __u32 i)
{
	return &l->view->sources[l->source[i]];
}

/* Parsed again, by who needs all of the packet. */
static __always_inline void read_again(const struct dpk_looks *l, __u32 i, struct dbx_pkt *pkt)
{
	dbx_parse(l->frame[i], l->frame[i] + l->bytes[i], pkt);
}

/* As dbx_classify() leaves it before the outcome. */
static __always_inline void fill_result(const struct dpk_looks *l, __u32 i, struct dbx_result *res)
{
	const struct dpk_source *s = source_of(l, i);

	memset(res, 0, sizeof(*res));
	res->generation = l->view->hdr->generation;
	dbx_result_source(res, s->b);
	dbx_result_binding(res, s->b);
	res->class_id = l->class_id[i];
}

static __always_inline const struct dbx_outcome *outcome_of(const struct dpk_looks *l, __u32 i)
{
	return &l->view->outcomes[l->verdict[i] / 2];
}

/* All that the program does behind its look-ups. */
static __attribute__((noinline)) int judge_ahead(struct dpk_frame *f, const struct dpk_looks *l,
						 __u32 i)
{
	const struct dbx_image_header *hdr = (const void *)self->base;
	struct dbx_env env = {.image = (void *)self->base, .port = self->port};
	const struct dpk_source *s = source_of(l, i);
	struct dbx_result res;
	struct dbx_pkt pkt;
	struct way way;

	read_again(l, i, &pkt);
	fill_result(l, i, &res);
	dbx_classify_outcome(&env, hdr, s->b, s->p, outcome_of(l, i), &pkt, &res);
	memset(&way, 0, sizeof(way));
	find_way(&env, hdr, &res, &way);
	return act(f, &pkt, &res, &way);
}

/* Written out, for people or for a test. */
static __always_inline void show_quick(const struct dpk_looks *l, __u32 i, struct dbx_result *res,
				       struct dbx_pkt *pkt)
{
	read_again(l, i, pkt);
	fill_result(l, i, res);
	dbx_result_outcome(res, outcome_of(l, i), l->verdict[i] & DPK_B_DRY);
}

/* The first packets of flows, and those that join them. */
static __attribute__((noinline)) void tell_quick(const struct dpk_looks *l, __u32 i,
						 uint32_t ifindex)
{
	struct dbx_result res;
	struct dbx_pkt pkt;

	show_quick(l, i, &res, &pkt);
	event_note(&res, &pkt, ifindex, l->bytes[i]);
}

/* As far as events are compared by. */
static __always_inline void show_flow(const struct dpk_looks *l, __u32 i, struct dbx_result *res,
				      struct dbx_pkt *pkt)
{
	const struct dpk_verdict *v = &l->view->verdicts[l->verdict[i]];
	const struct dpk_source *s = source_of(l, i);

	res->generation = l->view->hdr->generation;
	res->workspace_id = s->workspace_id;
	res->rule_uid = v->rule_uid;
	res->reason = (__u16)v->key;
	res->verdict = (__u8)(v->key >> 16);
	res->path = (__u8)(v->key >> 24);
	res->product = s->product;
	pkt->flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS;
	pkt->frag = DBX_FRAG_NONE;
	pkt->proto = (__u8)(l->port[i] >> 16);
	pkt->dport = (__u16)l->port[i];
	pkt->domain = 0;
	pkt->src[0] = l->addr[0][0][i];
	pkt->dst[0] = l->addr[1][0][i];
	if (!(l->is_v6 >> i & 1))
		return;
	pkt->flags |= DBX_PKT_F_IPV6;
	for (int w = 1; w < 4; w++) {
		pkt->src[w] = l->addr[0][w][i];
		pkt->dst[w] = l->addr[1][w][i];
	}
}

/* Of these bits, those that did not come by the right way: the program says what becomes of them. */
static __always_inline __u64 all_wrong(const struct dpk_looks *l, __u64 bits)
{
	__u64 wrong = bits & l->astray;

	dpk_for_each(i, bits & l->ways)
		wrong |= (__u64)!came_right(source_of(l, i), l->frame[i]) << i;
	return wrong;
}

/* Rows are in no cache where there are many: all of a burst are asked for before the first one is written. */
static __always_inline void fetch_rows(struct dpk_core *core, const struct dpk_looks *l, __u64 bits)
{
	dpk_for_each(i, bits)
		__builtin_prefetch(&core->rows.v[l->row[i] & core->rows.mask], 1);
}

/* Where the row is not the first one, or has no tag of this view yet. */
static __attribute__((noinline)) void count_row(struct dpk_core *core, const struct dpk_looks *l,
						__u64 i)
{
	const struct dpk_verdict *v = &l->view->verdicts[l->verdict[i]];
	const struct dpk_owed o = {
		.key = {source_of(l, i)->workspace_id, v->rule_uid, v->key},
		.hash = l->row[i],
		.value = {1, l->bytes[i]},
	};
	struct dpk_row *row = dpk_rows_put(&core->rows, &core->totals[DBX_TOTAL_UNKEYED], &o);

	if (!row)
		return;
	row->serial = l->view->serial;
	row->tag = l->tag[i];
}

static __always_inline void count_rows(struct dpk_core *core, const struct dpk_looks *l, __u64 bits)
{
	const __u64 serial = l->view->serial ? l->view->serial : ~0ull; /* which no row has */

	dpk_for_each(i, bits)
		if (!dpk_rows_hit(&core->rows, l->row[i], serial, l->tag[i], l->bytes[i]))
			count_row(core, l, i);
}

/* Few in a burst: of each, all its packets at once. */
static __always_inline void count_totals(struct dpk_core *core, const struct dpk_looks *l,
					 __u64 bits)
{
	while (bits) {
		uint64_t bytes, same;
		uint32_t which;

		same = dpk_walker->total(l, bits, &which, &bytes);
		core->totals[which].packets += (__u64)__builtin_popcountll(same);
		core->totals[which].bytes += bytes;
		bits &= ~same;
	}
}

uint32_t dpk_program_flow(const struct dpk_looks *l, unsigned int i)
{
	struct dbx_result res;
	struct dbx_pkt pkt;

	show_flow(l, i, &res, &pkt);
	return event_hash(&pkt, event_what(&res, &pkt));
}

static __always_inline void hash_flows(struct dpk_looks *l, __u64 bits)
{
	if (dpk_walker->flows(l, bits))
		return;
	dpk_for_each(i, bits)
		l->flow[i] = dpk_program_flow(l, (unsigned int)i);
}

/*
 * Of these bits, those of which event_join() would do more than to count them as lost, which is known without
 * a look at a slot. Beyond the pace of events these are the ones with a tag.
 */
static __always_inline __u64 count_lost(struct dpk_core *core, const struct dpk_looks *l,
					__u64 bits)
{
	struct dbx_counter *lost = &core->totals[DBX_TOTAL_EVENTS_LOST];
	__u64 none;

	if (core->pace.n - core->pace.base < DBX_PACE_EVENTS)
		return bits;
	none = bits & ~dpk_walker->tagged(l, bits, core->pace.tags);
	lost->packets += (__u64)__builtin_popcountll(none);
	lost->bytes += dpk_walker->bytes(l, none);
	return bits & ~none;
}

static void tell_all(struct dpk_core *core, struct dpk_looks *l, __u64 bits, uint32_t ifindex)
{
	hash_flows(l, bits);
	bits = count_lost(core, l, bits);
	dpk_for_each(i, bits) {
		const struct dbx_noted *slot = &core->noted[event_slot(l->flow[i])];

		__builtin_prefetch(slot, 1);
		__builtin_prefetch((const __u8 *)slot + 64, 1);
	}
	dpk_for_each(i, bits) {
		struct dbx_noted *slot = &core->noted[event_slot(l->flow[i])];
		struct dbx_result res;
		struct dbx_pkt pkt;

		show_flow(l, i, &res, &pkt);
		if (event_waits(slot, l->flow[i], &res, &pkt, ifindex, event_what(&res, &pkt),
				l->bytes[i]))
			continue;
		core->now++;
		tell_quick(l, i, ifindex);
	}
}

uint64_t dpk_program_quick(struct dpk_core *core, struct dpk_looks *l, unsigned int n,
			   uint32_t ifindex, struct dpk_seen *seen)
{
	const __u32 flags = l->looked ? l->view->hdr->name_flags : 0;
	__u64 done = l->looked & ~l->wants;

	/* what the image wants done to packets that pass */
	if (flags & (DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED))
		done &= ~l->passes;
	if (core->capture || !ifindex)
		done = 0;
	done &= ~all_wrong(l, done);
	fetch_rows(core, l, done);
	count_totals(core, l, done);
	if ((done & l->told) && !(flags & DBX_IMAGE_F_QUIET))
		tell_all(core, l, done & l->told, ifindex);
	if (done)
		count_rows(core, l, done);
	for (__u32 i = 0; i < n && seen; i++)
		if (done >> i & 1)
			show_quick(l, i, &seen[i].res, &seen[i].pkt);
	return done;
}

int dpk_program_judge(struct dpk_frame *f, const struct dpk_looks *l, unsigned int i)
{
	self->now++;
	if (!(l->looked >> i & 1) || !came_right(source_of(l, i), l->frame[i]))
		return egress_xdp(f);
	return judge_ahead(f, l, i);
}

#endif
