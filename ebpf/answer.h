/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * answer.h -- what a TLS server answers to the hello: whether it wants another one.
 *
 * The first bytes of the server's stream are read in order, over any cut into segments: a client chooses
 * how small those are, by its window. A segment that would leave a gap in front of a byte that is to be
 * read is dropped, and the server repeats it. Only a ServerHello that is no HelloRetryRequest frees the
 * flow; where anything else comes first, what may follow the hello stays bounded (DBX_WATCH_ANSWER).
 */
#ifndef DBX_EBPF_ANSWER_H
#define DBX_EBPF_ANSWER_H

#include "flow.h"

#define ANSWER_BLOCK 64

/*
 * n_answer. Below ANSWER_HELLO: the next byte of the record with the ServerHello, 43 up to the end of
 * its random; ANSWER_LONG for 4 when the record has 256 bytes or more. ANSWER_ALERT and above: of an
 * alert in front of it (RFC 6066 section 3 lets a server warn of a name so).
 */
#define ANSWER_LONG  44
#define ANSWER_ALERT 64
#define ANSWER_HELLO 128 /* a ServerHello */
#define ANSWER_RETRY 129 /* a HelloRetryRequest */
#define ANSWER_OTHER 130 /* not TLS, as far as anybody can tell */

struct back {
	struct dbx_flow_key key;
	__u32 seq, ack;
	__u32 at;  /* payload, from the frame's start */
	__u32 end; /* of the IP packet, likewise */
	__u8 flags;
};

/* The random of a HelloRetryRequest, SHA-256 of those words (RFC 8446 section 4.1.3). */
static __always_inline __u8 retry_random(__u32 i)
{
	__u64 w = i < 8    ? 0xcf21ad74e59a6111
		  : i < 16 ? 0xbe1d8c021e65b891
		  : i < 24 ? 0xc2a211167abb8c5e
			   : 0x079e09e2c8a8339c;

	return w >> (56 - (i & 7) * 8);
}

static __always_inline __u32 alert_step(__u32 i, __u8 byte)
{
	if ((i == 1 && byte != 3) || (i == 3 && byte) || (i == 4 && byte != 2))
		return ANSWER_OTHER;
	return i == 6 ? 0 : ANSWER_ALERT + i + 1;
}

static __always_inline __u32 answer_step(__u32 at, __u8 byte)
{
	if (at >= ANSWER_ALERT)
		return alert_step(at - ANSWER_ALERT, byte);
	if (at == 0)
		return byte == 22 ? 1 : byte == 21 ? ANSWER_ALERT + 1 : ANSWER_OTHER;
	if ((at == 1 && byte != 3) || (at == 5 && byte != 2) || (at == 6 && byte) ||
	    (at == 4 && byte < 4 + 2 + 32)) /* all up to the random in one record */
		return ANSWER_OTHER;
	if (at == 3 && byte)
		return ANSWER_LONG;
	if (at == ANSWER_LONG)
		return 5;
	if (at < 9)
		return at + 1;
	if (byte != (at < 11 ? 3 : retry_random(at - 11)))
		return ANSWER_HELLO;
	return at == 42 ? ANSWER_RETRY : at + 1;
}

/* The step at hand. In a map, so that the verifier does not follow every history of it (hello.h). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} answer_at SEC(".maps");

/* The state behind the n bytes; *used: how many of them it took. */
static __always_inline __u32 answer_bytes(const __u8 bytes[ANSWER_BLOCK], __u32 n, __u32 was,
					  __u32 *used)
{
	__u32 zero = 0, i, *at = bpf_map_lookup_elem(&answer_at, &zero);

	*used = 0;
	if (!at)
		return was;
	*at = was;
	for (i = 0; i < ANSWER_BLOCK; i++) {
		DBX_IN_MEMORY();
		if (i >= n || *at >= ANSWER_HELLO)
			break;
		*at = answer_step(*at, bytes[i]);
	}
	*used = i;
	return *at;
}

/* A ServerHello proves that the server has the whole hello. -1: another packet was faster. */
static __always_inline int answer_note(struct dbx_flow_slot *slot, __u32 was, __u32 at, __u32 used)
{
	struct dbx_flow *f = &slot->flow;
	int same;

	bpf_spin_lock(&slot->lock);
	same = (f->watch & DBX_WATCH_ANSWER) && f->server_next == was;
	if (same) {
		f->server_next = was + used;
		f->n_answer = at;
		if (at == ANSWER_RETRY)
			f->watch = (f->watch & DBX_WATCH_PART) | DBX_WATCH_AGAIN;
		if (at == ANSWER_HELLO) {
			f->watch = 0;
			f->flags |= DBX_FLOW_F_DELIVERED;
		}
	}
	bpf_spin_unlock(&slot->lock);
	return same ? 0 : -1;
}

/* A segment of the server's, to a flow whose answer is not known. -1: it must not pass. */
static __always_inline int answer_read(struct __sk_buff *skb, struct dbx_flow_slot *slot,
				       const struct back *b)
{
	__u32 n = b->end - b->at, next = slot->flow.server_next, at = slot->flow.n_answer;
	__u32 skip = next - b->seq, part = slot->flow.watch & DBX_WATCH_PART, used;
	__u8 bytes[ANSWER_BLOCK] = {0};

	if (at >= ANSWER_HELLO)
		return 0;
	if (skip >= n) /* all of it was read before, or it lies behind what was not */
		return b->seq - next - 1 < ANSWER_BLOCK - 1 ? -1 : 0;
	n -= skip;
	if (n > ANSWER_BLOCK)
		n = ANSWER_BLOCK;
	asm volatile("" : "+r"(n));
	n = ((n - 1) & (ANSWER_BLOCK - 1)) + 1; /* the verifier of 6.1 forgets that it is not 0 */
	if (bpf_skb_load_bytes(skb, b->at + skip, bytes, n))
		return -1;
	at = answer_bytes(bytes, n, at, &used);
	if (answer_note(slot, next, at, used))
		return -1;
	if (at == ANSWER_HELLO && part)
		bpf_map_delete_elem(&hellos, (void *)&b->key);
	return 0;
}

#endif
