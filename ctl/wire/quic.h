/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * quic.h -- the ClientHello of a QUIC connection: Initial packets of versions 1 and 2 (RFC 9000, 9001,
 * 9369) are decrypted, as anybody may, and their CRYPTO frames put together.
 */
#ifndef DBX_WIRE_QUIC_H
#define DBX_WIRE_QUIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/hello.h"

enum dbx_quic_status {
	DBX_QUIC_MORE,
	DBX_QUIC_DONE, /* hello is whole: dbx_hello_name() may be asked */
	DBX_QUIC_BAD,  /* no Initial of a version that is known, or not what belongs in one */
	DBX_QUIC_LONG,
};

struct dbx_quic { /* all zero to begin with */
	struct dbx_hello hello;
	uint8_t seen[DBX_HELLO_BYTES / 8]; /* a bit for each byte of hello.msg */
};

/* One UDP payload. Packets in it that are not Initials are skipped. */
enum dbx_quic_status dbx_quic_read(struct dbx_quic *q, const uint8_t *p, size_t n);

#endif
