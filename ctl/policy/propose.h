/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * propose.h -- from flows that were denied to the fewest entries that would allow them.
 *
 * Pure: flows in any order give the same proposal. Nothing is proposed that isolation, a blocked
 * entry or the reason itself forbids; what is left out is kept, with why.
 */
#ifndef DBX_POLICY_PROPOSE_H
#define DBX_POLICY_PROPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"
#include "lib/addr.h"
#include "policy/model.h"

#define DBX_PROPOSE_MAX 65536 /* entries, left out ones included; flows over that are counted */

struct dbx_propose_opts {
	const struct dbx_model
		*m; /* documents to add to, or NULL: nothing is allowed or blocked yet */
	unsigned int wildcards; /* so many names right below x become "*.x"; 0: never */
};

struct dbx_propose_flow { /* strings may be "", never NULL */
	const char *policy_id;
	const char *name;
	enum dbx_reason reason;
	bool has_addr;  /* of the packet's destination; a query's is the resolver's: not given */
	bool has_ports; /* else every port of the protocol */
	struct dbx_addr addr;
	uint8_t proto;
	uint16_t port;                /* ICMP: type << 8 | code */
	const struct dbx_addr *rdata; /* that the name was answered with */
	size_t n_rdata;
	uint64_t packets;
	int64_t first_ms, last_ms;
};

enum dbx_propose_kind {
	DBX_PROPOSE_NAME,    /* allowed_internet_destinations */
	DBX_PROPOSE_STORAGE, /* allowed_storage_destinations */
	DBX_PROPOSE_ADDRESS, /* allowed_destinations of the gateway */
	DBX_PROPOSE_LEFT_OUT,
};

struct dbx_propose_entry {
	enum dbx_propose_kind kind;
	char *policy_id;
	char *name; /* "" = an address */
	struct dbx_addr addr;
	uint8_t proto; /* of an address */
	bool has_ports;
	uint16_t port;
	enum dbx_storage_type storage_type; /* STORAGE */
	char *bucket, *region, *service;    /* "" = none; bucket: of Azure, the account */
	enum dbx_reason reason;             /* of the first flow */
	const char *why;                    /* LEFT_OUT: a constant sentence */
	uint64_t flows, packets, names;     /* names: that a "*.x" stands for */
	int64_t first_ms, last_ms;
};

struct dbx_propose;

struct dbx_propose *dbx_propose_new(const struct dbx_propose_opts *o); /* NULL: out of memory */
void dbx_propose_free(struct dbx_propose **p);
int dbx_propose_add(struct dbx_propose *p, const struct dbx_propose_flow *f); /* 0 or -ENOMEM */
/* Groups and sorts: by policy, kind, name and address. 0 or -ENOMEM. No add after it. */
int dbx_propose_finish(struct dbx_propose *p);
const struct dbx_propose_entry *dbx_propose_entries(const struct dbx_propose *p, size_t *n);
uint64_t dbx_propose_lost(const struct dbx_propose *p); /* flows over DBX_PROPOSE_MAX */

#endif
