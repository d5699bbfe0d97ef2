/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * host.h -- egress_host: where the gateway's stack gets what dbx-egress-dpdk has judged
 * (include/dbx/shim.h). It stands in the place of egress_xdp, and judges nothing: a frame without a
 * shim has passed nobody, and is dropped.
 */
#ifndef DBX_EBPF_HOST_H
#define DBX_EBPF_HOST_H

#include "dbx/shim.h"
#include "scratch.h"

static __always_inline int not_judged(const struct xdp_md *ctx)
{
	record_total(DBX_TOTAL_REASON_BASE + DBX_REASON_NOT_JUDGED * DBX_VERDICT_MAX +
			     DBX_VERDICT_DROP,
		     (__u8 *)frame_end(ctx) - (__u8 *)frame_start(ctx));
	return XDP_DROP;
}

/* Loaded by the driver of dbx-egress-dpdk alone. */
SEC("?xdp")
int egress_host(struct xdp_md *ctx)
{
	const struct dbx_shim *shim = frame_start(ctx);
	struct dbx_meta meta, *out;
	__u32 n_meta;

	if ((void *)(shim + 1) > frame_end(ctx) || dbx_rd16(shim->type) != DBX_SHIM_TYPE ||
	    shim->magic != DBX_SHIM_MAGIC)
		return not_judged(ctx);
	n_meta = dbx_rd16(shim->n_meta);
	meta = shim->meta;
	if (n_meta && n_meta != sizeof(meta))
		return not_judged(ctx);
	if (bpf_xdp_adjust_head(ctx, sizeof(*shim)))
		return not_judged(ctx);
	if (!n_meta)
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(meta)))
		return not_judged(ctx);
	out = CTX_POINTER(ctx, data_meta);
	if ((void *)(out + 1) > frame_start(ctx))
		return not_judged(ctx);
	*out = meta;
	return XDP_PASS;
}

#endif
