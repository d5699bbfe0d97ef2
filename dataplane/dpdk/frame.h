/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frame.h -- a frame as the kernel program sees it.
 */
#ifndef DBX_DPDK_FRAME_H
#define DBX_DPDK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* What the program judges, and what it leaves: as struct xdp_md, with where the frame has room. */
struct dpk_frame {
	uint8_t *data, *data_end, *data_meta;
	uint8_t *room, *room_end;
	uint32_t ingress_ifindex;
	uint32_t out_ifindex; /* of XDP_REDIRECT */
};

#endif
