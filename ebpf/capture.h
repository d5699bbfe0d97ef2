/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h -- copies of judged packets for who asked for them (include/dbx/capture.h).
 *
 * Off, which is nearly always, it costs a look into one array. A copy never changes a verdict.
 */
#ifndef DBX_EBPF_CAPTURE_H
#define DBX_EBPF_CAPTURE_H

#include "scratch.h"

#define CAPTURE_WINDOW_NS 1000000000ull

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dbx_capture);
} capture_on SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dbx_capture_cpu);
} capture_cpu SEC(".maps");

/* As many elements as there are CPUs: set by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

static __always_inline int capture_goes_there(const struct dbx_capture *c,
					      const struct dbx_pkt *pkt)
{
	int i;

	if (!(pkt->flags & DBX_PKT_F_TUPLE) ||
	    !(pkt->flags & DBX_PKT_F_IPV6) != !(c->flags & DBX_CAPTURE_F_IPV6))
		return 0;
	for (i = 0; i < 4; i++) {
		if ((pkt->dst[i] ^ c->dst[i]) & c->mask[i])
			return 0;
	}
	return 1;
}

static __always_inline int capture_wants(const struct dbx_capture *c, const struct dbx_pkt *pkt,
					 const struct dbx_result *res)
{
	if (!(c->verdicts >> (res->verdict & 31) & 1) ||
	    !(c->reasons[res->reason >> 6 & 3] >> (res->reason & 63) & 1))
		return 0;
	if (c->workspace_id && c->workspace_id != res->workspace_id)
		return 0;
	if ((c->flags & DBX_CAPTURE_F_PROTO) &&
	    (!(pkt->flags & DBX_PKT_F_TUPLE) || pkt->proto != c->proto))
		return 0;
	if ((c->flags & DBX_CAPTURE_F_DPORT) &&
	    (!(pkt->flags & DBX_PKT_F_PORTS) || pkt->dport != c->dport))
		return 0;
	return !(c->flags & DBX_CAPTURE_F_DST) || capture_goes_there(c, pkt);
}

static __always_inline int capture_may(struct dbx_capture_cpu *cpu, const struct dbx_capture *c,
				       __u64 now)
{
	if (now - cpu->window_ns >= CAPTURE_WINDOW_NS) {
		cpu->window_ns = now;
		cpu->n = 0;
	}
	if (cpu->n >= c->per_s) {
		cpu->limited++;
		return 0;
	}
	cpu->n++;
	return 1;
}

/* bytes: of the frame as it came; one that is longer now has been sealed (scratch.h). */
__attribute__((noinline)) int capture_copy(struct xdp_md *ctx, struct dbx_pkt *pkt,
					   struct dbx_result *res, __u32 bytes)
{
	__u32 zero = 0, n = (__u8 *)frame_end(ctx) - (__u8 *)frame_start(ctx), want;
	const struct dbx_capture *c = bpf_map_lookup_elem(&capture_on, &zero);
	struct dbx_capture_cpu *cpu = bpf_map_lookup_elem(&capture_cpu, &zero);
	__u64 now = bpf_ktime_get_ns();

	if (!pkt || !res || !c || !cpu || now >= c->until_ns || !capture_wants(c, pkt, res) ||
	    !capture_may(cpu, c, now))
		return 0;
	record_fill(&cpu->sample.event, res, pkt, ctx->ingress_ifindex, bytes);
	cpu->sample.flags = n > bytes ? DBX_SAMPLE_F_SEALED : 0;
	want = c->snap_bytes + (n > bytes ? 4 : 0);
	if (n > want)
		n = want;
	if (n > DBX_CAPTURE_SNAP_MAX + 4)
		n = DBX_CAPTURE_SNAP_MAX + 4;
	cpu->sample.n_bytes = n;
	if (bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU | (__u64)n << 32, &cpu->sample,
				  sizeof(cpu->sample)))
		cpu->lost++;
	return 0;
}

static __always_inline void capture(struct xdp_md *ctx, struct dbx_pkt *pkt, struct dbx_result *res,
				    __u32 bytes)
{
	__u32 zero = 0;
	const struct dbx_capture *c = bpf_map_lookup_elem(&capture_on, &zero);

	if (c && c->until_ns)
		capture_copy(ctx, pkt, res, bytes);
}

#endif
