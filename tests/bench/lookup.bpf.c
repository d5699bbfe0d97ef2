// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lookup.bpf.c -- class lookups alone, timed by BPF_PROG_TEST_RUN: the product's, and LPM_TRIE.
 *
 * Each run takes the next address of a list; which one depends on the result before it, so that
 * lookups cannot overlap. The same program without a lookup is the base that is taken off; finding
 * the active image and its header is in all of them, since a packet does that once for everything.
 */
#include "ebpf/hooks.h"
#include "dbx/classify.h"

char _license[] SEC("license") = "Dual BSD/GPL";

#define N_ADDRS (1u << 20)

struct addr {
	__u32 word[4];
};

struct addr addrs[N_ADDRS] SEC(".bss.addrs"); /* host order, as struct dbx_pkt has them */
struct {
	__u64 n, sum;
	__u32 last;
} progress SEC(".bss.progress");

struct key4 {
	__u32 len;
	__u32 be;
};

struct key6 {
	__u32 len;
	__u32 be[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1u << 21);
	__type(key, struct key4);
	__type(value, __u32);
} trie4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1u << 21);
	__type(key, struct key6);
	__type(value, __u32);
} trie6 SEC(".maps");

static __always_inline __u32 with_nothing(const struct addr *a)
{
	return a->word[0] >> 24;
}

static __always_inline __u32 with_trie4(const struct addr *a)
{
	struct key4 key = {32, __builtin_bswap32(a->word[0])};
	__u32 *v = bpf_map_lookup_elem(&trie4, &key);

	return v ? *v : 0;
}

static __always_inline __u32 with_trie6(const struct addr *a)
{
	struct key6 key = {.len = 128};
	__u32 *v;
	int i;

	for (i = 0; i < 4; i++)
		key.be[i] = __builtin_bswap32(a->word[i]);
	v = bpf_map_lookup_elem(&trie6, &key);
	return v ? *v : 0;
}

#define LOOKUP(name, call)                                                           \
	SEC("xdp")                                                                   \
	int lookup_##name(struct xdp_md *ctx)                                        \
	{                                                                            \
		__u32 slot = 0, i = (__u32)progress.n++ + (progress.last >> 16);     \
		struct dbx_env env = {.image = bpf_map_lookup_elem(&images, &slot)}; \
		const struct dbx_image_header *hdr = dbx_classify_header(&env);      \
		struct addr a = addrs[i & (N_ADDRS - 1)];                            \
		__u32 found;                                                         \
                                                                                     \
		(void)ctx;                                                           \
		if (!hdr || hdr->magic != DBX_IMAGE_MAGIC)                           \
			return XDP_DROP;                                             \
		found = call;                                                        \
		progress.last = found;                                               \
		progress.sum += found;                                               \
		return XDP_PASS;                                                     \
	}

LOOKUP(nothing, with_nothing(&a))
LOOKUP(trie4, with_trie4(&a))
LOOKUP(trie6, with_trie6(&a))
LOOKUP(image4, dbx_dst_class(&env, hdr, a.word, 0))
LOOKUP(image6, dbx_dst_class(&env, hdr, a.word, 1))
