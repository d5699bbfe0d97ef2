/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns_resolver.h -- the gateway's resolver: answers what workloads ask, by the policy of each.
 *
 * A thread of its own with its own event loop; nothing in it blocks. The order that all rests on: an
 * answer's addresses are committed for the asking policy, then the answer leaves; no commit, no
 * answer. A name that is not allowed costs no upstream anything.
 */
#ifndef DBX_DAEMON_DNS_RESOLVER_H
#define DBX_DAEMON_DNS_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/fail.h"
#include "daemon/namer.h"
#include "lib/addr.h"
#include "policy/names.h"

struct dbx_dns;

/* Who sends a query, as the image knows it. */
struct dbx_dns_source {
	int64_t workspace_id;
	int product; /* enum dbx_product */
};

/*
 * What the resolver asks of others, each from its own thread; tests have their own. view: of one
 * generation, held while a batch of queries is judged; NULL: nothing is in force yet.
 */
struct dbx_dns_hooks {
	const struct dbx_view *(*view_get)(void *arg);
	void (*view_put)(void *arg, const struct dbx_view *v);
	/* False: no workspace has this address. */
	bool (*source)(const struct dbx_view *v, const struct dbx_addr *src,
		       struct dbx_dns_source *out);
	void (*decide)(const struct dbx_view *v, const struct dbx_dns_source *s, const char *name,
		       struct dbx_name_decision *out);
	/* "dns" of the gateway document; NULL: it has none. */
	const struct dbx_dns_options *(*options)(const struct dbx_view *v);
	int (*learn)(void *arg, const struct dbx_lesson *l);
	/* Names whose public addresses are to be guarded; NULL: there are none. */
	void (*each_guard)(const struct dbx_view *v,
			   void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
				      const char *name),
			   void *arg);
};

extern const struct dbx_dns_hooks dbx_dns_namer_hooks; /* arg: struct dbx_namer */

/* A query that was refused, or would have been, or failed. Valid during the call. */
struct dbx_dns_record {
	struct dbx_addr src, server; /* server: the address that was asked */
	uint16_t sport;
	bool is_tcp;
	bool has_source; /* source is known */
	struct dbx_dns_source source;
	uint64_t generation;
	const char *name; /* lower case, octets that host names do not have as \DDD */
	uint16_t qtype;
	uint16_t rcode;                    /* as given to the client */
	struct dbx_name_decision decision; /* verdict DROP or DRY_RUN, and its reason */
	const struct dbx_addr *addrs;      /* of the answer, when one was given */
	size_t n_addrs;
};

struct dbx_dns_opts {
	const struct dbx_dns_hooks *hooks;
	void *hooks_arg;
	int listen_port; /* 0: any free one (the same for all four sockets is not promised) */
	/*
	 * Sockets for queries that the kernel steers here, whatever address they are for: they can send
	 * from any address, and reachable on their own address they are not. Else: bound to listen_addr,
	 * or to the loopback addresses when that is NULL.
	 */
	bool transparent;
	const struct dbx_addr *listen4, *listen6;
	void (*log)(void *arg, const struct dbx_dns_record *r); /* may be NULL; resolver's thread */
	void *log_arg;
};

#define DBX_DNS_LATENCY_BUCKETS 24 /* bucket i: below 2^i microseconds, and not below 2^(i-1) */

/* Refused: policies say no, and nobody else is asked. Failed: SERVFAIL, of an upstream or our own. */
enum dbx_dns_outcome {
	DBX_DNS_IS_ANSWERED,
	DBX_DNS_IS_REFUSED,
	DBX_DNS_IS_FAILED,
	DBX_DNS_OUTCOMES
};

struct dbx_dns_stats {
	uint64_t queries; /* read or not */
	uint64_t garbage; /* not a query, or malformed */
	uint64_t allowed, denied, blocked, dry_run, no_identity, bad_type;
	uint64_t answered;
	uint64_t servfail; /* given to clients, whatever the cause */
	uint64_t commits, commit_failures;
	uint64_t cache_hits, cache_entries, cache_bytes, cache_evictions;
	uint64_t upstream_queries, upstream_timeouts, upstream_tcp;
	uint64_t upstream_bad; /* answers that do not belong to a question, or cannot be believed */
	uint64_t over_limit;   /* queries dropped: too many outstanding, in all or of one source */
	uint64_t send_failures;
	uint64_t tcp_accepted, tcp_refused, tcp_open;
	uint64_t outstanding;
	/* From reading a query to giving its answer, and all of that added up. */
	uint64_t latency[DBX_DNS_OUTCOMES][DBX_DNS_LATENCY_BUCKETS];
	uint64_t latency_us[DBX_DNS_OUTCOMES];
	uint64_t answered_privately; /* with the address of a private endpoint */
	uint64_t guards;             /* names whose public addresses are looked up */
	uint64_t guards_over;        /* those that were too many: they are not guarded */
	uint64_t guard_lookups, guard_failures;
	uint64_t refused[DBX_REASON_MAX]; /* questions that got no answer, by why */
};

int dbx_dns_start(struct dbx_dns **out, const struct dbx_dns_opts *o, struct dbx_fail *f);
void dbx_dns_stop(struct dbx_dns **d);
void dbx_dns_change(struct dbx_dns *d); /* another view is there: it need not wait for a query */
void dbx_dns_fds(const struct dbx_dns *d, int *udp4, int *tcp4, int *udp6, int *tcp6);
void dbx_dns_stats(const struct dbx_dns *d, struct dbx_dns_stats *out);

#endif
