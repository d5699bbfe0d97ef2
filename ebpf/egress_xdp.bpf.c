// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * egress_xdp.bpf.c -- judges every packet that a workload sends, on the receive side of the
 * gateway's workload-facing interfaces.
 *
 * The steps: pick the active image, read the frame, classify it (include/dbx/classify.h, the same
 * source as in the host tools), record it, drop or pass. Without an image everything is dropped.
 * Frames arrive linear: a driver with multi-buffer XDP refuses to attach this program to an MTU that
 * would need more than one buffer.
 */
#include <stddef.h>

#include "hooks.h"
#include "dbx/classify.h"
#include "record.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Filled in by the loader; how a running program is recognised (include/dbx/program.h). */
const volatile struct dbx_program_id program_id SEC(DBX_PROGRAM_ID_SECT) = {
	.magic = DBX_PROGRAM_MAGIC,
	.abi = DBX_ABI_VERSION,
	.n_chunks = DBX_IMAGE_CHUNKS,
};

/*
 * The fields of xdp_md are 32 bits in C and pointers to the verifier. Loaded by hand, they are 64
 * bits to the compiler too, which otherwise spills half a pointer.
 */
static __always_inline const void *frame_start(const struct xdp_md *ctx)
{
	const void *p;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(p)
		     : "r"(ctx), "i"(offsetof(struct xdp_md, data)));
	return p;
}

static __always_inline const void *frame_end(const struct xdp_md *ctx)
{
	const void *p;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(p)
		     : "r"(ctx), "i"(offsetof(struct xdp_md, data_end)));
	return p;
}

/*
 * A function of its own, so that the verifier walks the parser once, and the classifier once, not
 * the classifier after each way through the parser.
 */
__attribute__((noinline)) int parse_frame(struct xdp_md *ctx, struct dbx_pkt *pkt)
{
	if (!pkt)
		return DBX_REASON_TRUNCATED;
	return dbx_parse(frame_start(ctx), frame_end(ctx), pkt);
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

static __always_inline void judge(struct xdp_md *ctx, struct dbx_pkt *pkt, struct dbx_result *res)
{
	__u32 slot = 0;
	struct dbx_env env = {
		.image = bpf_map_lookup_elem(&images, &slot),
		.port = port_of(ctx->ingress_ifindex),
	};

	__builtin_memset(pkt, 0, sizeof(*pkt));
	dbx_classify_parsed(&env, parse_frame(ctx, pkt), pkt, res);
}

SEC("xdp")
int egress_xdp(struct xdp_md *ctx)
{
	struct dbx_result res;
	struct dbx_pkt pkt;

	judge(ctx, &pkt, &res);
	record_packet(&res, &pkt, ctx->ingress_ifindex, frame_end(ctx) - frame_start(ctx));
	return res.verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS;
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
	__u32 slot = 0;

	judge(ctx, &pkt, &res);
	out = bpf_map_lookup_elem(&probe, &slot);
	if (out) {
		out->result = res;
		out->pkt = pkt;
	}
	return res.verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS;
}
