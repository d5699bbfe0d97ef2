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

_Static_assert(XDP_PASS == XDP_DROP + 1, "one of them is made of the other");

/* Whether the frame came by the way that its source is bound to. */
static __always_inline bool came_right(const struct dpk_look *l)
{
	const struct dbx_env env = {.port = self->port};
	struct dbx_pkt pkt;

	pkt.flags = 0;
	memcpy(pkt.mac, l->frame + 6, sizeof(pkt.mac));
	return dbx_binding_fits(&env, l->b, &pkt);
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
	dbx_result_source(res, l->b);
	dbx_result_binding(res, l->b);
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
	dbx_classify_outcome(&env, hdr, l->b, l->p, l->o, &pkt, &res);
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
	dbx_result_outcome(res, l->o, l->b->flags & DBX_BINDING_F_DRY_RUN);
}

/* The first packets of flows, and those that join them. */
static __attribute__((noinline)) void tell_quick(const struct dpk_look *l, uint32_t ifindex)
{
	struct dbx_result res;
	struct dbx_pkt pkt;

	show_quick(l, &res, &pkt);
	event_note(&res, &pkt, ifindex, l->frame_bytes);
}

/* What event_join() would have its flow's slot by. */
static __always_inline __u32 flow_hash(const struct dpk_look *l, const struct dbx_result *res)
{
	const __u8 *a = l->frame + l->addr_at;
	struct dbx_pkt pkt;

	pkt.flags = l->flags;
	pkt.frag = DBX_FRAG_NONE;
	pkt.proto = l->proto;
	pkt.dport = l->dport;
	if (l->flags & DBX_PKT_F_IPV6) {
		for (int i = 0; i < 4; i++) {
			pkt.src[i] = dbx_rd32(a + 4 * i);
			pkt.dst[i] = dbx_rd32(a + 16 + 4 * i);
		}
	} else {
		pkt.src[0] = dbx_rd32(a);
		pkt.dst[0] = dbx_rd32(a + 4);
	}
	return event_hash(&pkt, event_what(res, &pkt));
}

/*
 * Whether nothing but counting is left to be done of it; its result, as far as counters go. Verdicts are
 * as random as the packets: no branch hangs on them.
 */
static __always_inline bool is_quick(const struct dpk_look *l, __u32 image_flags,
				     struct dbx_result *res)
{
	const __u8 needs_more = DBX_OUTCOME_F_WORKSPACE | DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD;
	__u32 which, is_drop, mark, pass_needs;

	if (!l->o || (l->o->flags & needs_more) || l->b->quota || l->n_tags || !came_right(l))
		return false;
	dbx_result_outcome(res, l->o, l->b->flags & DBX_BINDING_F_DRY_RUN);
	is_drop = res->verdict == DBX_VERDICT_DROP;
	which = dbx_mark_index(res);
	mark = l->p->marks[which > 2 ? 0 : which] & (which > 2 ? 0 : ~0u);
	pass_needs = mark | (image_flags &
			     (DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED));
	return !((-is_drop & (l->b->flags & DBX_BINDING_F_REJECT)) | ((is_drop - 1) & pass_needs));
}

static __always_inline void count_quick(const struct dpk_look *l, const struct dbx_result *res)
{
	record_total(DBX_TOTAL_REASON_BASE + (__u32)res->reason * DBX_VERDICT_MAX + res->verdict,
		     l->frame_bytes);
	dpk_rows_add(&self->rows, &self->owing, &self->totals[DBX_TOTAL_UNKEYED],
		     l->b->workspace_id, res, l->frame_bytes);
}

/* Whether it is to be told of: its slot is then on the way into the cache. */
static __always_inline bool is_told(const struct dpk_look *l)
{
	struct dbx_result res;
	__u32 hash;

	dbx_result_outcome(&res, l->o, l->b->flags & DBX_BINDING_F_DRY_RUN);
	res.product = l->b->product;
	hash = flow_hash(l, &res);
	if (event_is_lost(&self->pace, hash)) {
		record_total(DBX_TOTAL_EVENTS_LOST, l->frame_bytes);
		return false;
	}
	__builtin_prefetch(&self->noted[event_slot(hash)], 1);
	__builtin_prefetch((const __u8 *)&self->noted[event_slot(hash)] + 64);
	return true;
}

void dpk_program_quick(struct dpk_core *core, const struct dpk_look *v, unsigned int n,
		       uint32_t ifindex, struct dpk_seen *seen, uint8_t *done)
{
	const struct dbx_image_header *hdr = (const void *)core->base;
	const __u32 image_flags = hdr ? hdr->name_flags : 0;
	const bool tells = !(image_flags & DBX_IMAGE_F_QUIET);
	__u8 told[DPK_BURST + 1];
	unsigned int n_told = 0, n_left = 0;

	memset(done, DPK_NOT_DONE, n);
	for (unsigned int i = 0; i < n && !core->capture; i++) {
		struct dbx_result res;

		if (!is_quick(&v[i], image_flags, &res))
			continue;
		count_quick(&v[i], &res);
		done[i] = XDP_DROP + (res.verdict != DBX_VERDICT_DROP);
		told[n_told] = (__u8)i;
		n_told += tells && res.verdict != DBX_VERDICT_PASS;
	}
	for (unsigned int i = 0; i < n_told; i++)
		if (is_told(&v[told[i]]))
			told[n_left++] = told[i];
	for (unsigned int i = 0; i < n && seen; i++)
		if (done[i] != DPK_NOT_DONE)
			show_quick(&v[i], &seen[i].res, &seen[i].pkt);
	for (unsigned int i = 0; i < n_left; i++) {
		core->now++;
		tell_quick(&v[told[i]], ifindex);
	}
}

int dpk_program_judge(struct dpk_frame *f, const struct dpk_look *l)
{
	self->now++;
	return l->o && came_right(l) ? judge_ahead(f, l) : egress_xdp(f);
}

#endif
