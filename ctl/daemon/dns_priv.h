/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns_priv.h -- the resolver's parts and what they know of each other.
 *
 *	udp, tcp  --query-->  ask  --judged, not in cache-->  task  --attempts-->  upstream
 *	          <--reply--       <--committed, given------        <--answer-----
 *
 * Everything runs in the resolver's thread, inside dbx_dns_enter() and dbx_dns_leave(): between them
 * one view is held, and replies collect for one system call.
 */
#ifndef DBX_DAEMON_DNS_PRIV_H
#define DBX_DAEMON_DNS_PRIV_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/queue.h>

#include "daemon/dns_resolver.h"
#include "policy/model.h"
#include "wire/dns.h"

struct event;
struct event_base;
struct dbx_dns_conn;
struct dbx_dns_task;

#define DNS_ASKS_MAX         4096u /* outstanding questions of clients */
#define DNS_ASKS_SOURCE_MAX  1024u /* of one source address */
#define DNS_SHARES           4096u /* counters that sources are spread over */
#define DNS_CONNS_MAX        1024u
#define DNS_CONNS_SOURCE_MAX 64u
#define DNS_CONN_ASKS_MAX    64u /* outstanding on a connection; more wait in its socket */
#define DNS_CONN_OUT_BYTES   (256u << 10)
#define DNS_CONN_IDLE_S      10
#define DNS_UPSTREAM_TCP_MAX 128u
#define DNS_ATTEMPTS_MAX     16u
#define DNS_DEAD_MS          10000u
#define DNS_DEAD_AFTER       3u    /* timeouts in a row */
#define DNS_PRIVATE_TTL_S    10u   /* of answers for private endpoints: they may change any time */
#define DNS_ENTRY_BYTES      1024u /* memory of the cache: this for each entry that it may have */

#define DNS_COUNT(d, field) \
	__atomic_store_n(&(d)->stats.field, (d)->stats.field + 1, __ATOMIC_RELAXED)
#define DNS_SET(d, field, value) __atomic_store_n(&(d)->stats.field, (value), __ATOMIC_RELAXED)

union dns_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Where a query came from and where its reply goes. */
struct dns_client {
	union dns_sockaddr peer;
	struct dbx_addr src, server;
	uint32_t ifindex;
	bool is_tcp;
	struct dbx_dns_conn *conn; /* NULL: UDP, or the connection is gone */
};

/* A client's question that waits for an upstream. */
struct dns_ask {
	LIST_ENTRY(dns_ask) by_task, by_conn;
	struct dns_client client;
	struct dbx_dns_query q;
	uint64_t start_ns;
	bool is_guard; /* our own: there is no client */
};
LIST_HEAD(dns_asks, dns_ask);

struct dns_judgement {
	bool has_source;
	struct dbx_dns_source source;
	struct dbx_name_decision d;
	unsigned int rcode; /* when denied; DBX_DNS_NOERROR: no reply at all */
};

/* ---- cache ---- */

#define DNS_LESSONS 4u
struct dns_lesson { /* that the answer was committed for a policy, by a generation */
	uint64_t policy_uid, rule_uid, generation;
};

struct dns_key { /* what tells answers apart */
	uint64_t hash;
	const uint8_t *lower;
	uint8_t n_wire;
	uint8_t flags; /* DO and CD */
	uint16_t qtype;
};

struct dns_entry {
	LIST_ENTRY(dns_entry) by_hash;
	TAILQ_ENTRY(dns_entry) by_use;
	uint64_t hash;
	uint64_t read_ns;
	size_t n_bytes;
	struct dbx_dns_answer a;
	struct dns_lesson lessons[DNS_LESSONS];
	uint8_t next_lesson, n_wire, flags;
	uint16_t qtype;
	uint8_t lower[];
};

struct dns_cache;
struct dns_cache *dns_cache_new(uint64_t seed); /* NULL: out of memory */
void dns_cache_free(struct dns_cache **c);
/* Entries over the limit go, the least recently used first. */
void dns_cache_limit(struct dns_cache *c, size_t max_entries);
struct dns_key dns_cache_key(const struct dns_cache *c, const struct dbx_dns_query *q);
/* NULL: not there, or expired. Valid until the next put. */
struct dns_entry *dns_cache_get(struct dns_cache *c, const struct dns_key *k, uint64_t now_ns);
/* Takes what a holds over; the entry is NULL, and a untouched, when there is no memory for it. */
struct dns_entry *dns_cache_put(struct dns_cache *c, const struct dns_key *k,
				struct dbx_dns_answer *a, uint64_t now_ns);
void dns_cache_stats(const struct dns_cache *c, size_t *n, size_t *n_bytes, uint64_t *evictions);

/* ---- tasks and upstreams ---- */

/* Puts the question to the upstreams, or joins it to the same one that is out already. */
int dns_task_join(struct dbx_dns *d, const struct dns_key *k, struct dns_ask *ask);
void dns_tasks_fini(struct dbx_dns *d); /* asks are dropped */
struct dns_tasks;
int dns_tasks_init(struct dbx_dns *d);

struct dns_upstreams; /* of one list of the gateway document */
struct dns_attempt;
/* -ENOMEM, or *out; the old set lives as long as questions to it are out. */
int dns_upstreams_new(struct dbx_dns *d, const struct dbx_dns_options *o,
		      struct dns_upstreams **out);
void dns_upstreams_put(struct dns_upstreams **u);
struct dns_upstreams *dns_upstreams_get(struct dns_upstreams *u);
bool dns_upstreams_same(const struct dns_upstreams *u, const struct dbx_dns_options *o);
size_t dns_upstreams_count(const struct dns_upstreams *u);
/* The upstream to try after `after` (-1: the first), rather one that is not known to be dead. */
size_t dns_upstreams_pick(const struct dns_upstreams *u, int after, uint64_t now_ns);
void dns_upstream_missed(struct dns_upstreams *u, size_t i, uint64_t now_ns);
void dns_upstream_heard(struct dns_upstreams *u, size_t i);
void dns_upstream_refused(struct dns_upstreams *u, size_t i, uint64_t now_ns);

/*
 * Sends over UDP; msg's id is set here. *out is the registration: an answer that matches comes to
 * dns_task_heard(). 0 or -errno.
 */
int dns_attempt_udp(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t, uint8_t *msg,
		    size_t n, struct dns_attempt **out);
/* The same over TCP. */
int dns_attempt_tcp(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t, uint8_t *msg,
		    size_t n, struct dns_attempt **out);
void dns_attempt_end(struct dns_attempt **a);
size_t dns_attempt_upstream(const struct dns_attempt *a);
bool dns_attempt_is_tcp(const struct dns_attempt *a);
uint16_t dns_attempt_id(const struct dns_attempt *a);

/* What attempts report. The question as sent is the task's to compare. May end the attempt. */
void dns_task_heard(struct dbx_dns_task *t, struct dns_attempt *a, const uint8_t *msg, size_t n);
void dns_task_lost(struct dbx_dns_task *t, struct dns_attempt *a); /* refused, closed */

/* ---- asks ---- */

void dns_query_handle(struct dbx_dns *d, const struct dns_client *c, const uint8_t *msg, size_t n);
/* Judges anew, commits, replies, frees the ask. e NULL: no upstream answered. */
void dns_ask_finish(struct dbx_dns *d, struct dns_ask *ask, struct dns_entry *e);
void dns_ask_drop(struct dbx_dns *d, struct dns_ask *ask);

/* ---- guards ---- */

struct dns_guards;
int dns_guards_init(struct dbx_dns *d);
void dns_guards_fini(struct dbx_dns *d);
void dns_guards_take(struct dbx_dns *d); /* those of the view: all are looked up now */
/* An upstream answered q; whoever asked. */
void dns_guards_heard(struct dbx_dns *d, const struct dbx_dns_query *q, const struct dns_entry *e);
/* A look-up of ours is over. e NULL: no upstream answered. */
void dns_guards_done(struct dbx_dns *d, const struct dbx_dns_query *q, const struct dns_entry *e);

/* ---- sockets ---- */

/* A buffer for a reply of at most *cap octets, then its length. */
uint8_t *dns_reply_begin(struct dbx_dns *d, const struct dns_client *c, size_t *cap);
void dns_reply_end(struct dbx_dns *d, const struct dns_client *c, size_t n);

struct dns_udp;
int dns_udp_open(struct dbx_dns *d, int fd, bool is_v6, struct dns_udp **out);
void dns_udp_close(struct dns_udp **u);
uint8_t *dns_udp_begin(struct dns_udp *u);
void dns_udp_end(struct dns_udp *u, const struct dns_client *c, size_t n);
void dns_udp_flush(struct dns_udp *u);

struct dns_tcp;
int dns_tcp_open(struct dbx_dns *d, int fd4, int fd6, struct dns_tcp **out);
void dns_tcp_close(struct dns_tcp **t);
void dns_tcp_resume(struct dns_tcp *t); /* connections that waited for their asks */
void dns_conn_write(struct dbx_dns_conn *c, uint8_t *framed,
		    size_t n); /* 2 octets of room before */
void dns_conn_ask_add(struct dbx_dns_conn *c, struct dns_ask *ask);
void dns_conn_ask_remove(struct dns_ask *ask);

/* socket + bind + options; fd, or -errno with f */
int dns_socket_open(const struct dbx_dns_opts *o, bool is_v6, bool is_tcp, struct dbx_fail *f);

/* ---- the resolver ---- */

struct dbx_dns {
	struct dbx_dns_opts o;
	struct event_base *base;
	pthread_t thread;
	bool has_thread;
	int fds[4]; /* as in dbx_dns_fds() */
	int wake[2];
	struct event *wake_event;
	struct dns_udp *udp4, *udp6;
	struct dns_tcp *tcp;
	uint64_t seed;
	/* between enter and leave */
	const struct dbx_view *view;
	const struct dbx_dns_options *options; /* of view; NULL: none */
	uint64_t now_ns;                       /* CLOCK_MONOTONIC */
	uint64_t asked_ns;                     /* when the query that is being answered was read */
	bool options_stale;                    /* the generation has changed since enter */
	/* of the last generation that was seen */
	uint64_t generation;
	uint64_t serial;                 /* of the view that the options were taken from */
	struct dns_upstreams *upstreams; /* NULL: none */
	struct dbx_dns_rules rules;
	struct dns_cache *cache;
	struct dns_tasks *tasks;
	struct dns_guards *guards;
	size_t n_asks, n_upstream_tcp;
	uint16_t shares[DNS_SHARES];
	uint8_t tcp_buf[2 + DBX_DNS_MSG_MAX]; /* of a reply */
	uint8_t udp_buf[DBX_DNS_MSG_MAX];     /* of an upstream's answer */
	struct dbx_dns_query q;               /* of the query at hand */
	struct dbx_dns_stats stats;
};

void dbx_dns_enter(struct dbx_dns *d);
void dbx_dns_leave(struct dbx_dns *d);
/* Between them: the view in force now. The cache stays as it is until the next enter. */
void dbx_dns_look_again(struct dbx_dns *d);
uint64_t dns_now_ns(void);
void dns_random(void *to, size_t n); /* not to be guessed */
/* Counter of a source's outstanding asks. */
uint16_t *dns_share(struct dbx_dns *d, const struct dbx_addr *src);
void dns_addr_of(const union dns_sockaddr *sa, struct dbx_addr *out);
socklen_t dns_sockaddr_of(const struct dbx_addr *a, uint16_t port, union dns_sockaddr *out);

#endif
