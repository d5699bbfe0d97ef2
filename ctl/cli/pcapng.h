/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pcapng.h -- writes captures with comments (draft-ietf-opsawg-pcapng), one section, little-endian.
 *
 * A block is put together in memory and written whole, so that a file that is cut off at the end of
 * a write is a capture all the same.
 */
#ifndef DBX_CLI_PCAPNG_H
#define DBX_CLI_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct dbx_pcapng {
	FILE *f;               /* the caller's */
	uint32_t n_interfaces; /* described so far: the next one's number */
};

#define DBX_PCAPNG_ETHERNET 1    /* LINKTYPE_ETHERNET */
#define DBX_PCAPNG_TEXT_MAX 4096 /* bytes of a comment or name; what is longer is cut */

struct dbx_pcapng_packet {
	uint32_t interface;
	uint64_t time_ns; /* since 1970 */
	const void *data;
	uint32_t n_bytes;      /* that are there */
	uint32_t n_wire_bytes; /* that the packet had */
	const char *comment;   /* UTF-8, or NULL */
};

/* Each returns 0 or -errno of the write; -EINVAL for an interface that was not described. */
int dbx_pcapng_begin(struct dbx_pcapng *p, FILE *f, const char *application);
int dbx_pcapng_interface(struct dbx_pcapng *p, const char *name, const char *description,
			 uint16_t link_type, uint32_t snap_bytes);
int dbx_pcapng_packet(struct dbx_pcapng *p, const struct dbx_pcapng_packet *k);

#endif
