/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shim.h -- what dbx-egress-dpdk puts in front of each frame that it hands to the gateway's stack.
 *
 * Such a frame has been judged. egress_host (ebpf/host.h) takes the shim off at the interface where
 * the stack gets it, and gives its word to egress_tc as XDP metadata; a frame that comes there
 * without a shim was not judged, and is dropped. A stack without egress_host drops all of them, since
 * nobody listens to the EtherType (IEEE 802 Local Experimental EtherType 1).
 *
 * The interfaces between the process and the stack need an MTU that is DBX_SHIM_MTU larger: the shim,
 * and the tag of a seal (scratch.h).
 */
#ifndef DBX_SHIM_H
#define DBX_SHIM_H

#include "program.h"

#define DBX_SHIM_TYPE  0x88b5u
#define DBX_SHIM_MAGIC 0x53584244u /* "DBXS" */
#define DBX_SHIM_MTU   40u

struct dbx_shim {
	dbx_u8 dst[6]; /* those of the frame behind it, so that the device takes it */
	dbx_u8 src[6];
	dbx_u8 type[2];   /* DBX_SHIM_TYPE, network byte order */
	dbx_u8 n_meta[2]; /* sizeof(struct dbx_meta), or 0: meta is empty; network byte order */
	dbx_u32 magic;    /* DBX_SHIM_MAGIC, host byte order */
	struct dbx_meta meta;
};

_Static_assert(sizeof(struct dbx_shim) == 36, "shim");
_Static_assert(sizeof(struct dbx_shim) + 4 <= DBX_SHIM_MTU, "room for shim and seal");

#endif
