/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h -- copies of judged packets: which ones are wanted, and what comes with each.
 */
#ifndef DBX_CAPTURE_H
#define DBX_CAPTURE_H

#include "abi.h"

#define DBX_CAPTURE_SNAP_MAX 9216u /* bytes of a copy; linear frames are no longer */
#define DBX_CAPTURE_RATE_MAX 1000000u

/* Which packets, the only element of map capture_on. A deadline ends it, whatever becomes of the daemon. */
#define DBX_CAPTURE_F_DST   1
#define DBX_CAPTURE_F_IPV6  2 /* dst is */
#define DBX_CAPTURE_F_PROTO 4
#define DBX_CAPTURE_F_DPORT 8
struct dbx_capture {
	dbx_u64 until_ns;     /* CLOCK_MONOTONIC; 0 = off */
	dbx_u64 workspace_id; /* 0 = all */
	dbx_u64 reasons[4];   /* a bit each */
	dbx_u32 verdicts;     /* a bit each */
	dbx_u32 flags;        /* DBX_CAPTURE_F_* */
	dbx_u32 dst[4];       /* in host byte order, IPv4 in the first */
	dbx_u32 mask[4];
	dbx_u16 dport;
	dbx_u8 proto;
	dbx_u8 zero;
	dbx_u32 snap_bytes;
	dbx_u32 per_s; /* packets of a CPU */
	dbx_u32 zero2;
};

/* What map samples gives for a packet; the copy is behind it. event.frame_bytes: of the whole frame. */
#define DBX_SAMPLE_F_SEALED 1 /* an outer tag DBX_SEAL_TCI, that the packet did not come with */
struct dbx_sample {
	struct dbx_event event;
	dbx_u32 n_bytes;
	dbx_u32 flags;
};

/* Of a CPU. */
struct dbx_capture_cpu {
	dbx_u64 window_ns; /* when its second began */
	dbx_u64 n;         /* packets in it */
	dbx_u64 limited;   /* packets beyond the rate */
	dbx_u64 lost;      /* packets that found the buffer full */
	struct dbx_sample sample;
};

_Static_assert(DBX_REASON_MAX <= 256, "a bit for each reason");
_Static_assert(sizeof(struct dbx_capture) == 104, "capture");
_Static_assert(sizeof(struct dbx_sample) == sizeof(struct dbx_event) + 8, "sample");

#endif
