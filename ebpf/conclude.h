/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * conclude.h -- what becomes of a packet after its verdict: quota, record, and the way by which it
 * leaves, or whether its denial is answered.
 */
#ifndef DBX_EBPF_CONCLUDE_H
#define DBX_EBPF_CONCLUDE_H

#include "capture.h"
#include "forward.h"
#include "quota.h"

/* Beside enum xdp_action: dropped, and egress_reply is to answer. */
#define CONCLUDE_REJECT 16

/* What was said for the frame could not be carried. */
static __always_inline __u8 untold_reason(__u32 what, __u32 mark)
{
	return what   ? DBX_REASON_DNS_NOT_READY
	       : mark ? DBX_REASON_MARK_LOST
		      : DBX_REASON_VLAN_HIDDEN;
}

#define REASON_BIT(id) (DBX_REASON_##id < 64 ? 1ull << (DBX_REASON_##id & 63) : 0)

/*
 * Denials after the check of the source that are not answered: by no path to an answer, or because
 * the sender shall try again. Those of paths, quotas and tunnels stand at the end of the list.
 */
static __always_inline int is_silent(__u8 reason)
{
	const __u64 low = REASON_BIT(BAD_IMAGE) | REASON_BIT(FRAGMENT_NO_FIRST) |
			  REASON_BIT(MARTIAN) | REASON_BIT(MULTICAST) | REASON_BIT(VLAN_HIDDEN) |
			  REASON_BIT(DNS_NOT_READY) | REASON_BIT(HELLO_HELD) |
			  REASON_BIT(REPEAT_DIFFERS);

	_Static_assert(DBX_REASON_REPEAT_DIFFERS < 64, "all in one word");
	return reason < 64 ? low >> reason & 1 : reason >= DBX_REASON_QUOTA_FLOWS;
}

/* An ICMP message that is itself an error, or on the link (RFC 1122 section 3.2.2, RFC 4443 2.4 e). */
static __always_inline int is_icmp_error(const struct dbx_pkt *pkt)
{
	__u8 type = pkt->dport >> 8;

	if (pkt->flags & DBX_PKT_F_IPV6)
		return pkt->proto == DBX_PROTO_ICMPV6 &&
		       (type < 128 || (type >= 133 && type <= 137));
	return pkt->proto == DBX_PROTO_ICMP && type != 8 && type != 13 && type != 15 && type != 17;
}

/*
 * Whether a denial may be answered: the source is who it says, and the answer goes to it alone. No
 * answer to what may have gone to many.
 */
static __always_inline int is_answered(const struct dbx_pkt *pkt, const struct dbx_result *res)
{
	int to_many = pkt->flags & DBX_PKT_F_IPV6 ? pkt->dst[0] >> 24 == 0xff
						  : pkt->dst[0] >= 0xe0000000u;

	return res->reject && !is_silent(res->reason) && !to_many && pkt->frag != DBX_FRAG_LATER &&
	       !dbx_domain_is_tunnel(pkt->domain) && !is_icmp_error(pkt);
}

/*
 * A packet that leaves is told of where the gateway document wants it. Not what stays on the link or
 * goes to the resolver; and of flows that say a name, the hello that does, with the name (flow_allow()).
 */
static __always_inline int pass_is_told(const struct dbx_pkt *pkt, const struct dbx_result *res,
					const struct way *way)
{
	if (way->event_out || res->reason == DBX_REASON_ARP ||
	    res->reason == DBX_REASON_NEIGHBOUR_DISCOVERY || res->reason == DBX_REASON_DNS_STEERED)
		return 0;
	if (way->image_flags & DBX_IMAGE_F_SAMPLED)
		return (__u64)bpf_get_prandom_u32() * 1000000 >> 32 < way->sample_per_million;
	return (way->image_flags & DBX_IMAGE_F_FIRST) && way->is_new &&
	       pkt->frag != DBX_FRAG_LATER && res->reason != DBX_REASON_NAME_HANDSHAKE &&
	       res->reason != DBX_REASON_LISTED_NAME;
}

/*
 * The end of every packet: records the verdict, once, and says what to do, an XDP action or
 * CONCLUDE_REJECT. A function of its own, so that the verifier walks it once.
 */
__attribute__((noinline)) int conclude(struct xdp_md *ctx, struct dbx_pkt *pkt,
				       struct dbx_result *res, struct way *way)
{
	__u8 *p = frame_start(ctx), *end = frame_end(ctx), reason = 0;
	__u32 bytes = end - p, what, mark;

	if (!pkt || !res || !way)
		return XDP_DROP;
	what = res->reason == DBX_REASON_DNS_STEERED ? DBX_META_DNS : 0;
	mark = way->mark;
	if (res->verdict != DBX_VERDICT_DROP) {
		if (!what && ((way->flows_per_s || way->bytes_per_s) ||
			      (way->image_flags & DBX_IMAGE_F_FIRST)))
			reason = quota_pass(p, end, pkt, res->workspace_id, way);
		if (!reason && tell_companion(ctx, pkt, what, mark))
			reason = untold_reason(what, mark);
		if (reason)
			dbx_result_deny(res, reason);
	}
	DBX_ON_VERDICT(pkt, res);
	if (res->reason == DBX_REASON_HELLO_HELD || way->event_out)
		record_counts(res, bytes);
	else
		record_packet(res, pkt, way->image_flags, ctx->ingress_ifindex, bytes);
	if (DBX_TELLS && res->verdict == DBX_VERDICT_PASS && pass_is_told(pkt, res, way))
		event_note(res, pkt, ctx->ingress_ifindex, bytes);
	capture(ctx, pkt, res, bytes);
	if (res->verdict == DBX_VERDICT_DROP)
		return is_answered(pkt, res) && reply_allowed(res->workspace_id, way->reject_per_s)
			       ? CONCLUDE_REJECT
			       : XDP_DROP;
	if ((way->image_flags & DBX_IMAGE_F_FORWARD) && !mark && res->path > DBX_PATH_LOCAL)
		return fast_forward(ctx, pkt);
	return XDP_PASS;
}

/* The same for the programs that go on from egress_xdp; they have the packet in scratch memory. */
static __always_inline int finish(struct xdp_md *ctx, struct scratch *s)
{
	int action = conclude(ctx, &s->pkt, &s->res, &s->way);

	if (action == CONCLUDE_REJECT && !s->reply)
		s->reply = REPLY_REJECT;
	if (s->res.verdict == DBX_VERDICT_DROP && s->reply)
		bpf_tail_call(ctx, &progs, DBX_PROG_REPLY);
	return action == CONCLUDE_REJECT ? XDP_DROP : action;
}

#endif
