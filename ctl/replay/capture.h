/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h -- reads captures (pcap, pcapng, either of them gzipped) packet by packet, as Ethernet.
 *
 * Whatever the file says, one packet is in memory at a time. Link types other than Ethernet get a
 * header of ours in front (DBX_CAPTURE_MAC), so that one classifier serves all.
 */
#ifndef DBX_REPLAY_CAPTURE_H
#define DBX_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbx_capture;

struct dbx_captured {
	uint64_t number;      /* from 1 */
	uint64_t time_ns;     /* since 1970 */
	const uint8_t *frame; /* Ethernet; until the next call */
	size_t n_bytes;       /* that are there */
	size_t n_wire_bytes;  /* that it had, as Ethernet */
	bool is_made;         /* the Ethernet header is ours */
	bool is_foreign; /* it carries nothing that is judged (no IP in the link's own header) */
};

struct dbx_capture_error {
	char text[512];
};

/*
 * path "-": standard input. 0, or -errno with a sentence: -EINVAL for what is no capture, or of a
 * link type that is not read.
 */
int dbx_capture_open(struct dbx_capture **out, const char *path, struct dbx_capture_error *err);
void dbx_capture_close(struct dbx_capture **c);
const char *dbx_capture_link_name(const struct dbx_capture *c); /* "EN10MB", ... */

/* 1 and *p; 0 at the end; -errno: the file ends inside a packet, or is damaged from here on. */
int dbx_capture_next(struct dbx_capture *c, struct dbx_captured *p, struct dbx_capture_error *err);

#endif
