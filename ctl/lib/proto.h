/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proto.h -- the IP protocols that documents, records and people call by name: icmp, tcp, udp, icmpv6,
 * sctp.
 */
#ifndef DBX_LIB_PROTO_H
#define DBX_LIB_PROTO_H

#include <stdint.h>

/* NULL: it has none, or is no protocol at all. */
const char *dbx_proto_name(int64_t proto);
/* The name, else the number, which is put into buf. */
#define DBX_PROTO_SIZE 4
const char *dbx_proto_text(uint8_t proto, char buf[DBX_PROTO_SIZE]);
/* The protocol of a name, in capitals or not; -1: of none. */
int dbx_proto_number(const char *name);

#endif
