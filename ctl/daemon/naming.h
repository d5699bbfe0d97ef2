/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * naming.h -- names while the daemon runs: the resolver's life, name events, time.
 */
#ifndef DBX_DAEMON_NAMING_H
#define DBX_DAEMON_NAMING_H

#include "daemon/core.h"
#include "daemon/denials.h"
#include "daemon/dns_resolver.h"
#include "daemon/namer.h"
#include "daemon/records.h"

struct dbx_naming;

/* NULL is a naming too, that of a driver without names: nothing happens. */
int dbx_naming_open(struct dbx_naming **n, struct dbx_core *core, struct dbx_denials *denials,
		    struct dbx_records *records, struct dbx_fail *f);
void dbx_naming_close(struct dbx_naming **n);
void dbx_naming_change(struct dbx_naming *n); /* other documents are in force */
void dbx_naming_retry(struct dbx_naming *n);  /* what failed, or was taken away by others */
void dbx_naming_second(struct dbx_naming *n); /* once a second */
int dbx_naming_fd(const struct dbx_naming *n);
void dbx_naming_events(struct dbx_naming *n); /* the descriptor is readable; never blocks */

struct dbx_naming_stats {
	bool has_resolver;
	char error[1024]; /* why the resolver does not run though it should */
	struct dbx_dns_stats dns;
	uint64_t name_events, resets, resets_failed, records_lost;
	uint64_t http_allowed, http_denied, quic_allowed, quic_denied;
};
void dbx_naming_stats(const struct dbx_naming *n, struct dbx_naming_stats *out);

#endif
