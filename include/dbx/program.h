/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * program.h -- what the kernel program and the driver that loads it agree on: the maps, by name, and
 * the record by which a program that is already in the kernel is recognised.
 */
#ifndef DBX_PROGRAM_H
#define DBX_PROGRAM_H

#include "abi.h"

/*
 * The maps of egress_xdp. The kernel keeps 15 characters of a name.
 *   images    array of maps, one slot: the active image, an array of chunks (image.h)
 *   counters  per-CPU hash, dbx_counter_key -> dbx_counter
 *   totals    per-CPU array, enum dbx_total -> dbx_counter
 *   events    ring buffer of struct dbx_event
 *   ports     array, ifindex -> dbx_port_hash() of the interface's name
 *   ports_high  hash, the same for an ifindex that is beyond the array
 *   frags     LRU hash, datagram -> what its first fragment met
 */
#define DBX_PROGRAM_MAPS(X)       \
	X(IMAGES, images)         \
	X(COUNTERS, counters)     \
	X(TOTALS, totals)         \
	X(EVENTS, events)         \
	X(PORTS, ports)           \
	X(PORTS_HIGH, ports_high) \
	X(FRAGS, frags)

enum dbx_program_map {
#define DBX_PROGRAM_MAP(id, name) DBX_MAP_##id,
	DBX_PROGRAM_MAPS(DBX_PROGRAM_MAP)
#undef DBX_PROGRAM_MAP
		DBX_MAP_MAX,
};

#define DBX_PROGRAM_NAME    "egress_xdp"
#define DBX_COUNTERS_MAX    65536u /* default of dbx_dp_opts.counters_max */
#define DBX_EVENTS_BYTES    (1u << 20)
#define DBX_PORTS_LOW       4096u /* ifindex from here on: ports_high */
#define DBX_PORTS_MAX       4096u
#define DBX_IMAGE_CHUNKS    32u /* 8 MiB: default of n_chunks */
#define DBX_FRAGS_MAX       65536u
#define DBX_PROGRAM_MAGIC   0x50584244u /* "DBXP" */
#define DBX_PROGRAM_ID_SECT ".rodata.id"

/*
 * Read-only to everybody once loaded. build: hash of the object file, set by the loader.
 *
 * n_chunks: how many chunks an image of this program has room for. It is the same for every image,
 * because then the compiler of the kernel turns each look-up of a chunk into a few instructions; a
 * call instead, ten times a packet, costs more than the rest of the classifier. A larger image needs
 * the program loaded anew (dp_xdp.c).
 */
struct dbx_program_id {
	dbx_u32 magic;
	dbx_u32 abi;
	dbx_u64 build;
	dbx_u32 n_chunks;
	dbx_u32 zero;
};

#endif
