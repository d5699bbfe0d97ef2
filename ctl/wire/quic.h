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
	DBX_QUIC_BAD, /* no packets of a version that is known, or not what belongs in an Initial */
	DBX_QUIC_LONG,
	DBX_QUIC_NONE, /* begins no connection: no Initial that its own connection id opens */
};

struct dbx_quic { /* all zero to begin with */
	struct dbx_hello hello;
	uint8_t seen[DBX_HELLO_BYTES / 8]; /* a bit for each byte of hello.msg */
};

/*
 * Which connection a client's datagram is of. A server that does not know the id derives the keys of a
 * new connection from it (RFC 9001 section 5.2): only an Initial that these keys open begins one.
 */
struct dbx_quic_id {
	uint32_t version;
	uint8_t n;
	uint8_t dcid[20];
};

/*
 * Reads the headers alone. DBX_QUIC_BAD unless all packets with a long header are of one version that
 * is known and of one id, and complete: then nobody can read the datagram as something else.
 */
enum dbx_quic_status dbx_quic_identify(const uint8_t *p, size_t n, struct dbx_quic_id *id);

/*
 * One UDP payload of that connection. What does not open is skipped, as servers do. Bytes of a hello
 * that differ from those that were seen before: DBX_QUIC_BAD, also after DONE.
 */
enum dbx_quic_status dbx_quic_read(struct dbx_quic *q, const uint8_t *p, size_t n);

#endif
