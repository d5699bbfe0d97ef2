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

_Static_assert(XDP_PASS == XDP_DROP + 1, "one of them is made of the other");
_Static_assert(!((DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED) & ~0xff),
	       "they fit the masks");

/* Whether the frame came by the way that its source is bound to: dbx_binding_fits(). */
static __always_inline bool came_right(const struct dpk_look *l)
{
	if (__builtin_expect(l->s->port && self->port != DBX_PORT_ANY && l->s->port != self->port,
			     0))
		return false;
	return !(l->s->flags & DBX_BINDING_F_MAC) || !memcmp(l->s->b->mac, l->frame + 6, 6);
}

/* Parsed again, by who needs all of the packet. */
static __always_inline void read_again(const struct dpk_look *l, struct dbx_pkt *pkt)
{
	dbx_parse(l->frame, l->frame + l->frame_bytes, pkt);
}

/* As dbx_classify() leaves it before the outcome. */
static __always_inline void fill_result(const struct dpk_look *l,
					const struct dbx_image_header *hdr, struct dbx_result *res)
{
	memset(res, 0, sizeof(*res));
	res->generation = hdr->generation;
	dbx_result_source(res, l->s->b);
	dbx_result_binding(res, l->s->b);
	res->class_id = l->class_id;
}

/* All that the program does behind its look-ups. */
static __attribute__((noinline)) int judge_ahead(struct dpk_frame *f, const struct dpk_look *l)
{
	const struct dbx_image_header *hdr = (const void *)self->base;
	struct dbx_env env = {.image = (void *)self->base, .port = self->port};
	struct dbx_result res;
	struct dbx_pkt pkt;
	struct way way;

	read_again(l, &pkt);
	fill_result(l, hdr, &res);
	dbx_classify_outcome(&env, hdr, l->s->b, l->s->p, l->o, &pkt, &res);
	memset(&way, 0, sizeof(way));
	find_way(&env, hdr, &res, &way);
	return act(f, &pkt, &res, &way);
}

/* Written out, for people or for a test. */
static __always_inline void show_quick(const struct dpk_look *l, struct dbx_result *res,
				       struct dbx_pkt *pkt)
{
	read_again(l, pkt);
	fill_result(l, (const void *)self->base, res);
	dbx_result_outcome(res, l->o, l->s->flags & DBX_BINDING_F_DRY_RUN);
}

/* The first packets of flows, and those that join them. */
static __attribute__((noinline)) void tell_quick(const struct dpk_look *l, uint32_t ifindex)
{
	struct dbx_result res;
	struct dbx_pkt pkt;

	show_quick(l, &res, &pkt);
	event_note(&res, &pkt, ifindex, l->frame_bytes);
}

/* As far as events are compared by. */
static __always_inline void show_flow(const struct dpk_look *l, __u64 generation,
				      struct dbx_result *res, struct dbx_pkt *pkt)
{
	const __u8 *a = l->frame + l->addr_at;

	res->generation = generation;
	res->workspace_id = l->s->workspace_id;
	res->rule_uid = l->verdict->rule_uid;
	res->verdict = l->verdict->verdict;
	res->reason = l->verdict->reason;
	res->path = l->verdict->path;
	res->product = l->s->product;
	pkt->flags = l->flags;
	pkt->frag = DBX_FRAG_NONE;
	pkt->proto = l->proto;
	pkt->dport = l->dport;
	pkt->domain = l->domain;
	if (l->flags & DBX_PKT_F_IPV6) {
		for (int i = 0; i < 4; i++) {
			pkt->src[i] = dbx_rd32(a + 4 * i);
			pkt->dst[i] = dbx_rd32(a + 16 + 4 * i);
		}
	} else {
		pkt->src[0] = dbx_rd32(a);
		pkt->dst[0] = dbx_rd32(a + 4);
	}
}

/*
 * Whether nothing but counting is left to be done of it. Verdicts are as random as the packets: no branch
 * hangs on them. pass_needs: what of the image's flags is done to packets that pass.
 */
static __always_inline bool is_quick(const struct dpk_look *l, __u32 pass_needs)
{
	const struct dpk_verdict *v = l->verdict;
	const struct dpk_source *s = l->s;

	if (!v)
		return false;
	return !(v->needs_more | s->marks[v->mark_at] | (pass_needs & v->if_pass) |
		 (s->rejects & v->if_drop) | s->has_quota | l->n_tags) &&
	       came_right(l);
}

static __always_inline void count_quick(struct dpk_core *core, const struct dpk_look *l)
{
	const struct dpk_verdict *v = l->verdict;
	struct dbx_counter *total = &core->totals[v->total];

	total->packets++;
	total->bytes += l->frame_bytes;
	dpk_rows_add(&core->rows, &core->owing, &core->totals[DBX_TOTAL_UNKEYED],
		     l->s->workspace_id, v->rule_uid, v->key, l->frame_bytes);
}

/* A denial that more is to be done of than to count it as lost, and the hash of its flow. */
struct note {
	__u32 hash;
	__u32 i;
};

/* Of these, v[which[..]], the slots are then on the way into the cache. Returns how many there are. */
static unsigned int find_slots(struct dpk_core *core, const struct dpk_look *v, const __u8 *which,
			       unsigned int n, struct note *notes)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct dpk_look *l = &v[which[i]];
		struct dbx_result res;
		struct dbx_pkt pkt;
		__u32 hash;

		show_flow(l, 0, &res, &pkt);
		hash = event_hash(&pkt, event_what(&res, &pkt));
		if (event_is_lost(&core->pace, hash)) {
			record_total(DBX_TOTAL_EVENTS_LOST, l->frame_bytes);
			continue;
		}
		__builtin_prefetch(&core->noted[event_slot(hash)], 1);
		__builtin_prefetch((const __u8 *)&core->noted[event_slot(hash)] + 64, 1);
		notes[k++] = (struct note){hash, which[i]};
	}
	return k;
}

static void tell_all(struct dpk_core *core, const struct dpk_look *v, const __u8 *which,
		     unsigned int n, uint32_t ifindex)
{
	const __u64 generation = ((const struct dbx_image_header *)core->base)->generation;
	struct note notes[DPK_BURST];

	n = find_slots(core, v, which, n, notes);
	for (unsigned int i = 0; i < n; i++) {
		const struct dpk_look *l = &v[notes[i].i];
		struct dbx_noted *slot = &core->noted[event_slot(notes[i].hash)];
		struct dbx_result res;
		struct dbx_pkt pkt;

		show_flow(l, generation, &res, &pkt);
		if (event_waits(slot, notes[i].hash, &res, &pkt, ifindex, event_what(&res, &pkt),
				l->frame_bytes))
			continue;
		core->now++;
		tell_quick(l, ifindex);
	}
}

void dpk_program_quick(struct dpk_core *core, const struct dpk_look *v, unsigned int n,
		       uint32_t ifindex, struct dpk_seen *seen, uint8_t *done)
{
	const struct dbx_image_header *hdr = (const void *)core->base;
	const __u32 image_flags = hdr ? hdr->name_flags : 0;
	const __u32 pass_needs = image_flags &
				 (DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED);
	const __u8 tells = !(image_flags & DBX_IMAGE_F_QUIET);
	__u8 told[DPK_BURST + 1];
	unsigned int n_told = 0;

	memset(done, DPK_NOT_DONE, DPK_BURST);
	for (unsigned int i = 0; i < n && !core->capture; i++) {
		if (!is_quick(&v[i], pass_needs))
			continue;
		count_quick(core, &v[i]);
		done[i] = XDP_DROP + (v[i].verdict->if_pass & 1);
		told[n_told] = (__u8)i;
		n_told += v[i].verdict->is_told & tells;
	}
	if (n_told)
		tell_all(core, v, told, n_told, ifindex);
	for (unsigned int i = 0; i < n && seen; i++)
		if (done[i] != DPK_NOT_DONE)
			show_quick(&v[i], &seen[i].res, &seen[i].pkt);
}

int dpk_program_judge(struct dpk_frame *f, const struct dpk_look *l)
{
	self->now++;
	return l->verdict && came_right(l) ? judge_ahead(f, l) : egress_xdp(f);
}

#endif
