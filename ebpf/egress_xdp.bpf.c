// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * egress_xdp.bpf.c -- judges every packet that a workload sends, on the receive side of the
 * gateway's workload-facing interfaces.
 *
 * The steps: pick the active image, read the frame, classify it (include/dbx/classify.h, the same
 * source as in the host tools), record it, drop or pass. A packet to an address that a name was
 * learned for goes on in egress_flow (flow_judge.h), which this program calls and never returns from.
 * Without an image everything is dropped.
 * Frames arrive linear: a driver with multi-buffer XDP refuses to attach this program to an MTU that
 * would need more than one buffer.
 */
#include "companion.h"
#include "hello_read.h"
#include "host.h"
#include "note.h"
#include "reply.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Filled in by the loader; how a running program is recognised (include/dbx/program.h). */
const volatile struct dbx_program_id program_id SEC(DBX_PROGRAM_ID_SECT) = {
	.magic = DBX_PROGRAM_MAGIC,
	.abi = DBX_ABI_VERSION,
	.n_chunks = DBX_IMAGE_CHUNKS,
};

/*
 * A function of its own, so that the verifier walks the parser once, and the classifier once, not
 * the classifier after each way through the parser.
 */
__attribute__((noinline)) int parse_frame(struct xdp_md *ctx, struct dbx_pkt *pkt, __u32 offset)
{
	if (!pkt)
		return DBX_REASON_TRUNCATED;
	return dbx_parse_at(frame_start(ctx), frame_end(ctx), offset & DBX_INNER_MAX, pkt);
}

/* Likewise, for the loop over a tunnel's options; n of them end where the inside begins. */
__attribute__((noinline)) int read_options(struct xdp_md *ctx, __u32 inside, __u32 n)
{
	return dbx_tunnel_options(frame_start(ctx), frame_end(ctx), (inside - n) & DBX_INNER_MAX,
				  n & DBX_TUNNEL_OPTIONS_MAX);
}

static __always_inline __u64 port_of(__u32 ifindex)
{
	__u64 *port;

	if (ifindex < DBX_PORTS_LOW) {
		port = bpf_map_lookup_elem(&ports, &ifindex);
		/* Keeps the two calls apart: one call on either map would not be inlined. */
		asm volatile("" : "+r"(port));
	} else {
		port = bpf_map_lookup_elem(&ports_high, &ifindex);
	}
	return port ? *port : 0;
}

/* What of the image matters once the verdict is known. The flow's own verdict keeps the path. */
static __always_inline void find_way(const struct dbx_env *env, const struct dbx_image_header *hdr,
				     const struct dbx_result *res, struct way *way)
{
	const struct dbx_quota *q;

	way->image_flags = hdr->name_flags;
	way->reject_per_s = hdr->reject_per_s;
	way->sample_per_million = hdr->sample_per_million;
	way->mark = dbx_path_mark(env, hdr, res);
	if (!res->quota)
		return;
	q = dbx_item(env, &hdr->sec[DBX_SEC_QUOTAS], res->quota - 1, DBX_QUOTA_SHIFT, sizeof(*q));
	way->bytes_per_s = q ? q->bytes_per_s : 1; /* an image that cannot be: next to nothing */
	way->flows_per_s = q ? q->flows_per_s : 1;
	way->burst_ms = q ? q->burst_ms : 0;
}

static __always_inline void judge(struct xdp_md *ctx, struct dbx_pkt *pkt, struct dbx_result *res,
				  struct way *way)
{
	__u32 slot = 0;
	struct dbx_env env = {
		.image = bpf_map_lookup_elem(&images, &slot),
		.port = port_of(ctx->ingress_ifindex),
	};
	const struct dbx_image_header *hdr = dbx_classify_start(&env, res);
	struct dbx_inner inner;
	int stop;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	__builtin_memset(way, 0, sizeof(*way));
	stop = parse_frame(ctx, pkt, 0);
	if (!hdr)
		return;
	stop = dbx_tunnel_open(&env, hdr, frame_start(ctx), frame_end(ctx), stop, pkt, &inner);
	if (inner.offset && inner.n_options)
		stop = read_options(ctx, inner.offset, inner.n_options);
	if (inner.offset && stop == DBX_PARSE_GO_ON) {
		stop = parse_frame(ctx, pkt, inner.offset);
		stop = dbx_tunnel_enter(&inner, stop, pkt);
	}
	dbx_classify_parsed(&env, hdr, stop, pkt, res);
	find_way(&env, hdr, res, way);
}

/* The programs that go on find all of it in scratch memory. */
static __always_inline struct scratch *hand_over(struct xdp_md *ctx, const struct dbx_pkt *pkt,
						 const struct dbx_result *res,
						 const struct way *way)
{
	struct scratch *s = scratch_get();

	if (!s)
		return 0;
	s->pkt = *pkt;
	s->res = *res;
	s->way = *way;
	s->frame = frame_end(ctx) - frame_start(ctx);
	s->ifindex = ctx->ingress_ifindex;
	s->token = 0;
	s->seq = s->ack = s->flags = s->at = s->len = s->n_known = 0;
	s->reply = REPLY_NONE;
	s->event.n_name = 0;
	return s;
}

/* Nothing is to be said of it, limited or answered: conclude() would do no more than record it. */
static __always_inline int is_plain(const struct dbx_pkt *pkt, const struct dbx_result *res,
				    const struct way *way)
{
	if (res->verdict == DBX_VERDICT_DROP)
		return !res->reject;
	return res->reason != DBX_REASON_DNS_STEERED && !pkt->n_tags &&
	       !(way->image_flags &
		 (DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED)) &&
	       !(way->mark | way->flows_per_s | way->bytes_per_s);
}

/* The verdict is in *res: what becomes of the packet. */
static __always_inline int act(struct xdp_md *ctx, struct dbx_pkt *pkt, struct dbx_result *res,
			       struct way *way)
{
	struct scratch *s;
	int action;

	if (res->flow) { /* the flow has to be looked at: egress_flow goes on from here */
		if (hand_over(ctx, pkt, res, way))
			bpf_tail_call(ctx, &progs, DBX_PROG_FLOW);
		dbx_result_deny(res, DBX_REASON_FLOW_TABLE_FULL);
	}
	if (is_plain(pkt, res, way)) {
		DBX_ON_VERDICT(pkt, res);
		record_packet(res, pkt, way->image_flags, ctx->ingress_ifindex,
			      frame_end(ctx) - frame_start(ctx));
		capture(ctx, pkt, res, frame_end(ctx) - frame_start(ctx));
		return res->verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS;
	}
	action = conclude(ctx, pkt, res, way);
	if (action != CONCLUDE_REJECT)
		return action;
	s = hand_over(ctx, pkt, res, way);
	if (s) {
		s->reply = REPLY_REJECT;
		bpf_tail_call(ctx, &progs, DBX_PROG_REPLY);
	}
	return XDP_DROP;
}

SEC("xdp")
int egress_xdp(struct xdp_md *ctx)
{
	struct dbx_result res;
	struct dbx_pkt pkt;
	struct way way;

	judge(ctx, &pkt, &res, &way);
	return act(ctx, &pkt, &res, &way);
}

/* For tests alone, never loaded in production: the same judgement, with the result left to read. */
struct dbx_probe {
	struct dbx_result result;
	struct dbx_pkt pkt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dbx_probe);
} probe SEC(".maps");

SEC("?xdp")
int egress_probe(struct xdp_md *ctx)
{
	struct dbx_result res;
	struct dbx_probe *out;
	struct dbx_pkt pkt;
	struct way way;
	__u32 slot = 0;

	judge(ctx, &pkt, &res, &way);
	out = bpf_map_lookup_elem(&probe, &slot);
	if (out) {
		out->result = res;
		out->pkt = pkt;
	}
	return res.verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS;
}
