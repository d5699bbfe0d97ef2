// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * proto.c -- the IP protocols that documents, records and people call by name.
 */
#include "lib/proto.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>

static const struct {
	uint8_t proto;
	const char *name;
} names[] = {
	{IPPROTO_ICMP, "icmp"},     {IPPROTO_TCP, "tcp"},   {IPPROTO_UDP, "udp"},
	{IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"},
};

const char *dbx_proto_name(int64_t proto)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].proto == proto)
			return names[i].name;
	}
	return NULL;
}

const char *dbx_proto_text(uint8_t proto, char buf[DBX_PROTO_SIZE])
{
	const char *name = dbx_proto_name(proto);

	if (name)
		return name;
	snprintf(buf, DBX_PROTO_SIZE, "%u", proto);
	return buf;
}

int dbx_proto_number(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].proto;
	}
	return -1;
}
