/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * look.h -- what the image says of the packets of a burst, looked up for all of them at a time.
 */
#ifndef DBX_DPDK_LOOK_H
#define DBX_DPDK_LOOK_H

#include <stdbool.h>
#include <stdint.h>

struct dpk_image;
struct dpk_view;

#define DPK_BURST 64u /* one bit of a word each */

/* The bits of the first n packets, n <= DPK_BURST. */
static inline uint64_t dpk_first(unsigned int n)
{
	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

/* The lowest bit of those that are set; one must be. */
static inline unsigned int dpk_lowest(uint64_t bits)
{
#if defined(__x86_64__)
	/* TZCNT where there is one, and BSF, which says the same and takes several times as long, elsewhere */
	__asm__("rep bsfq %0, %0" : "+r"(bits)::"cc");
	return (unsigned int)bits;
#else
	return (unsigned int)__builtin_ctzll(bits);
#endif
}

/* Packets by their bits, in their order. */
#define dpk_for_each(i, bits)                                                           \
	for (uint64_t left_ = (bits), i; left_ && (i = (uint64_t)dpk_lowest(left_), 1); \
	     left_ &= left_ - 1)

/*
 * The packets of a burst, by their number. Numbers are in host byte order. Of packets whose bit is not in
 * `looked` nothing holds but the frame: the program sees for itself.
 *
 * Looked up is what needs no more than the image for its verdict: IP, whole, with ports and without tags,
 * no query to the resolver, no tunnel.
 */
struct dpk_looks {
	const uint8_t *frame[DPK_BURST]; /* the caller's to set, as the bytes */
	uint32_t bytes[DPK_BURST] __attribute__((aligned(64)));
	/* addresses by their words, of which IPv4 has the first one alone; [1]: destination */
	uint32_t addr[2][4][DPK_BURST] __attribute__((aligned(64)));
	uint32_t port[DPK_BURST]
		__attribute__((aligned(64))); /* protocol << 16 | destination port */
	uint32_t found[2][DPK_BURST] __attribute__((aligned(64))); /* of these: trie.h */
	uint32_t set[DPK_BURST] __attribute__((aligned(64)));      /* as the view's rules[] */
	uint32_t source[DPK_BURST] __attribute__((aligned(64)));   /* the binding's index */
	uint32_t class_id[DPK_BURST] __attribute__((aligned(64)));
	uint32_t verdict[DPK_BURST] __attribute__((aligned(64))); /* index of one, see view.h */
	uint32_t bits[DPK_BURST] __attribute__((aligned(64)));    /* that one's */
	uint32_t row[DPK_BURST] __attribute__((aligned(64)));     /* hash of the counter's key */
	uint64_t tag[DPK_BURST] __attribute__((aligned(64)));     /* its short form */
	uint32_t flow[DPK_BURST] __attribute__((aligned(64))); /* of who is told of: event_hash() */
	const struct dpk_view *view;
	uint32_t n, way;
	uint64_t is_v6;
	uint64_t looked;
	/* of these */
	uint64_t astray; /* it came by another interface than its source is bound to */
	uint64_t ways; /* whether it came by the way of its source is still to be asked, DPK_B_WAY */
	uint64_t wants;  /* something beyond the verdict is to be done, DPK_B_WANTED */
	uint64_t passes; /* DPK_B_PASSES */
	uint64_t told;   /* DPK_B_IS_TOLD */
};

/*
 * n frames, whose bytes are there; n <= DPK_BURST. port: dbx_port_hash() of their interface, or
 * DBX_PORT_ANY. image: NULL: none, and nothing is looked up.
 */
void dpk_look_up(const struct dpk_image *image, uint64_t port, struct dpk_looks *l, unsigned int n);

/* Vector instructions, where the processor has them: off until this is said. Returns whether it has. */
bool dpk_look_wide(bool on);

#endif
