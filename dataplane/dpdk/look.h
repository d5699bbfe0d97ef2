/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * look.h -- what the image says of the packets of a burst, looked up for all of them at a time.
 */
#ifndef DBX_DPDK_LOOK_H
#define DBX_DPDK_LOOK_H

#include <stdint.h>

struct dpk_image;
struct dpk_view;

#define DPK_BURST 32u /* one bit of a word each */

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

/* An address of IPv6: two numbers, or its words by DPK_WORD(0 .. 3), for the processors that this runs on. */
union dpk_addr6 {
	uint64_t half[2];
	uint32_t word[4];
};
#define DPK_WORD(i) ((i) ^ 1)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of a number");

/*
 * The packets of a burst, by their number. Numbers are in host byte order. Of packets whose bit is not in
 * `looked` nothing holds but the frame: the program sees for itself.
 *
 * Looked up is what needs no more than the image for its verdict: IP, whole, with ports and without tags,
 * no query to the resolver, no tunnel. Whether the frame came by the way that its source is bound to was
 * not looked at.
 */
struct dpk_looks {
	const uint8_t *frame[DPK_BURST]; /* the caller's to set, as the bytes */
	uint32_t bytes[DPK_BURST] __attribute__((aligned(64)));
	/* addresses: IPv4, or the first word of IPv6, which has all of it in addr6, too; [1]: destination */
	uint32_t addr[2][DPK_BURST] __attribute__((aligned(64)));
	uint32_t port[DPK_BURST]
		__attribute__((aligned(64))); /* protocol << 16 | destination port */
	uint32_t found[2 * DPK_BURST]
		__attribute__((aligned(64)));                    /* sources, destinations: trie.h */
	uint32_t set[DPK_BURST] __attribute__((aligned(64)));    /* as the view's rules[] */
	uint32_t source[DPK_BURST] __attribute__((aligned(64))); /* the binding's index */
	uint32_t class_id[DPK_BURST] __attribute__((aligned(64)));
	uint32_t verdict[DPK_BURST] __attribute__((aligned(64))); /* index of one, see view.h */
	uint32_t bits[DPK_BURST] __attribute__((aligned(64)));    /* that one's */
	union dpk_addr6 addr6[DPK_BURST][2];
	const struct dpk_view *view;
	uint32_t is_v6;
	uint32_t looked;
	/* of these */
	uint32_t ways;   /* whether it came by the way of its source is to be asked, DPK_B_WAY */
	uint32_t wants;  /* something beyond the verdict is to be done, DPK_B_WANTED */
	uint32_t passes; /* DPK_B_PASSES */
	uint32_t told;   /* DPK_B_IS_TOLD */
};

/* n frames, whose bytes are there; n <= DPK_BURST. image: NULL: none, and nothing is looked up. */
void dpk_look_up(const struct dpk_image *image, struct dpk_looks *l, unsigned int n);

#endif
