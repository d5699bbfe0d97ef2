/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * record.h -- one denied (or dry-run) flow over one interval, as one JSON line: the columns of the
 * vendor's system.access.outbound_network and our own object "x_dbx_egress" (egress-model 4.1, 4.3).
 */
#ifndef DBX_DAEMON_RECORD_H
#define DBX_DAEMON_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/uuid.h"
#include "dbx/abi.h"
#include "lib/addr.h"
#include "lib/strbuf.h"

#define DBX_RECORD_RCODE_NONE -1
#define DBX_RECORD_RDATA_MAX  8

/* Strings are never NULL, "" = none; they are valid during the call that hands the record out. */
struct dbx_record {
	char event_id[DBX_UUID_SIZE];
	bool is_open; /* the flow was just seen; its record, with this event_id, is still to come */
	struct dbx_event event; /* of the latest packet */
	const char *account_id;
	const char *policy_id;
	const char *name; /* that was asked for, offered or learned */
	int rcode;        /* as the resolver answered, or DBX_RECORD_RCODE_NONE */
	size_t n_rdata;
	struct dbx_addr rdata[DBX_RECORD_RDATA_MAX]; /* of that answer */
	const char *rule_text, *rule_doc, *rule_ptr;
	const char *interface;
	uint64_t packets, bytes;
	int64_t first_ms, last_ms; /* wall clock */
};

/* Adds the line, without a newline; it has none inside. Returns b->err. */
int dbx_record_line(const struct dbx_record *r, struct dbx_strbuf *b);

/* What the columns say, for those who do not read JSON. */
enum dbx_record_type { DBX_RECORD_DNS, DBX_RECORD_IP, DBX_RECORD_STORAGE };
enum dbx_record_type dbx_record_type(const struct dbx_record *r);
const char *dbx_record_type_name(enum dbx_record_type t);
const char *dbx_record_access_type(const struct dbx_record *r); /* "DROP", "DRY_RUN_DENIAL", ... */
/* Name, address or storage location; "" = the packet had none. */
void dbx_record_destination(const struct dbx_record *r, char out[300]);
/* Address of the event as text; "" = it has none. */
void dbx_record_addrs(const struct dbx_record *r, char src[DBX_ADDR_STRLEN],
		      char dst[DBX_ADDR_STRLEN]);

#endif
