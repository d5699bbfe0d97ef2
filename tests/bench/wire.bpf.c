// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wire.bpf.c -- a packet generator, and two simple droppers to compare the product with.
 *
 * generate() runs as live frames (BPF_F_TEST_XDP_LIVE_FRAMES): it writes the next destination into
 * the frame and sends it out of the workload's interface.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

#define N_ADDRS (1u << 20)

__u32 addrs[N_ADDRS] SEC(".bss.addrs"); /* network byte order */
struct {
	__u64 n_sent, n_seen;
	__u32 out_ifindex;
} wire SEC(".bss.wire");

struct key4 {
	__u32 len;
	__u32 be;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1u << 21);
	__type(key, struct key4);
	__type(value, __u32);
} trie4 SEC(".maps");

static __always_inline struct iphdr *ipv4_of(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end || eth->h_proto != 0x0008)
		return 0;
	return ip;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4_of(ctx);

	if (!ip)
		return XDP_ABORTED;
	ip->daddr = addrs[wire.n_sent++ & (N_ADDRS - 1)];
	return bpf_redirect(wire.out_ifindex, 0);
}

SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	if (!ipv4_of(ctx))
		return XDP_PASS;
	wire.n_seen++;
	return XDP_DROP;
}

SEC("xdp")
int drop_trie(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4_of(ctx);
	struct key4 key = {.len = 32};

	if (!ip)
		return XDP_PASS;
	key.be = ip->daddr;
	if (!bpf_map_lookup_elem(&trie4, &key))
		return XDP_PASS;
	wire.n_seen++;
	return XDP_DROP;
}
