/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns.h -- rules on DNS messages: reading what a workload asks, refusing it, and reducing an
 * upstream's answer to what may be given and what must be learned from it.
 *
 * Pure: no socket, clock or log. Queries are read, and stored answers given, by small bounded code of
 * our own, since that happens for every packet; everything that is learned from or rewritten is read
 * by ldns, after a scan that bounds what ldns may be made to do. Any bytes are a legal input.
 */
#ifndef DBX_WIRE_DNS_H
#define DBX_WIRE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define DBX_DNS_HEADER_BYTES 12u
#define DBX_DNS_MSG_MAX      65535u
#define DBX_DNS_QUERY_MAX    4096u /* longest query that is read, over TCP too */
#define DBX_DNS_UDP_PLAIN    512u  /* what a client without EDNS takes over UDP */
#define DBX_DNS_UDP_MAX      1232u /* what is asked for, and given, over UDP: no fragments */
#define DBX_DNS_WIRE_MAX     255u  /* a name on the wire, RFC 1035 section 2.3.4 */
#define DBX_DNS_TEXT_SIZE    1024u /* buffer for a name as text, octets escaped as \DDD */
#define DBX_DNS_CHAIN_MAX    16u   /* CNAMEs that are followed in an answer */
#define DBX_DNS_ADDRS_MAX    512u  /* addresses of an answer */

enum dbx_dns_rcode {
	DBX_DNS_NOERROR = 0,
	DBX_DNS_FORMERR = 1,
	DBX_DNS_SERVFAIL = 2,
	DBX_DNS_NXDOMAIN = 3,
	DBX_DNS_NOTIMP = 4,
	DBX_DNS_REFUSED = 5,
	DBX_DNS_BADVERS = 16,
};

/* Extended DNS errors, RFC 8914 section 4. */
#define DBX_DNS_EDE_NONE     (-1)
#define DBX_DNS_EDE_OTHER    0
#define DBX_DNS_EDE_FILTERED 17
#define DBX_DNS_EDE_NETWORK  23

#define DBX_DNS_CLASS_IN 1u
enum dbx_dns_type {
	DBX_DNS_A = 1,
	DBX_DNS_NS = 2,
	DBX_DNS_CNAME = 5,
	DBX_DNS_SOA = 6,
	DBX_DNS_PTR = 12,
	DBX_DNS_MX = 15,
	DBX_DNS_TXT = 16,
	DBX_DNS_AAAA = 28,
	DBX_DNS_SRV = 33,
	DBX_DNS_NAPTR = 35,
	DBX_DNS_OPT = 41,
	DBX_DNS_DS = 43,
	DBX_DNS_RRSIG = 46,
	DBX_DNS_DNSKEY = 48,
	DBX_DNS_SVCB = 64,
	DBX_DNS_HTTPS = 65,
	DBX_DNS_IXFR = 251,
	DBX_DNS_AXFR = 252,
	DBX_DNS_ANY = 255,
	DBX_DNS_CAA = 257,
};

struct dbx_dns_query {
	uint16_t id;
	uint8_t opcode;
	bool rd, ad, cd;
	bool has_question; /* the rest is there; what stops earlier leaves it false */
	bool has_edns, want_dnssec;
	uint16_t udp_bytes; /* longest UDP reply that the client takes, clamped to our own limits */
	uint16_t qtype, qclass;
	uint8_t n_wire;
	uint8_t wire[DBX_DNS_WIRE_MAX];  /* qname as asked, uncompressed */
	uint8_t lower[DBX_DNS_WIRE_MAX]; /* the same in lower case */
	bool is_plain; /* letters, digits, '-' and '_' in every label: can be an entry of a policy */
	uint16_t n_name;
	char name[DBX_DNS_TEXT_SIZE]; /* lower case, no trailing dot, other octets as \DDD; root: "." */
};

/* What to do with a message from a client. */
enum dbx_dns_read {
	DBX_DNS_READ_OK,
	DBX_DNS_READ_DROP, /* no reply: too short for one, or itself a reply */
	DBX_DNS_READ_FORMERR,
	DBX_DNS_READ_NOTIMP,
	DBX_DNS_READ_BADVERS,
};

enum dbx_dns_read dbx_dns_query_read(const void *msg, size_t n, struct dbx_dns_query *q);

/* How a type is treated, whoever asks. */
enum dbx_dns_type_rule {
	DBX_DNS_TYPE_FORWARD,
	DBX_DNS_TYPE_PTR,     /* by the gateway's own option */
	DBX_DNS_TYPE_REFUSED, /* of bulk or of many: ANY, AXFR, IXFR */
	DBX_DNS_TYPE_NOTIMP,  /* not known */
};
enum dbx_dns_type_rule dbx_dns_type_rule(uint16_t qtype);
/* "AAAA", or "TYPE65280" in buf. */
const char *dbx_dns_type_name(uint16_t qtype, char buf[16]);

/*
 * A reply without records: the question, rcode, and for clients with EDNS an extended error (ede
 * DBX_DNS_EDE_NONE: none; text may be NULL). Returns its length, at most cap (>= 512).
 */
size_t dbx_dns_error_write(const struct dbx_dns_query *q, unsigned int rcode, int ede,
			   const char *text, uint8_t *out, size_t cap);

/*
 * An answer that no upstream gave: the addresses of the asked family (types A and AAAA), of the name
 * itself or, cname not "", of the name that it is an alias for; for other types the alias alone, or
 * nothing. cname: canonical (lib/name.h). Over cap (>= 512): truncated (TC). Returns the length.
 */
size_t dbx_dns_private_write(const struct dbx_dns_query *q, const char *cname,
			     const struct dbx_addr *addrs, size_t n_addrs, uint32_t ttl_s,
			     uint8_t *out, size_t cap);

/* A question of our own for a canonical name: as if a client had asked it. */
void dbx_dns_query_make(struct dbx_dns_query *q, const char *name, uint16_t qtype);

/*
 * The query as sent upstream: id, the case of the letters as in `wire` (q->n_wire octets), and an OPT
 * of our own: nothing of the client but the name and the DO and CD bits. Returns its length.
 */
#define DBX_DNS_UPSTREAM_QUERY_MAX (DBX_DNS_HEADER_BYTES + DBX_DNS_WIRE_MAX + 4 + 11)
size_t dbx_dns_upstream_write(const struct dbx_dns_query *q, uint16_t id, const uint8_t *wire,
			      uint8_t out[DBX_DNS_UPSTREAM_QUERY_MAX]);

/* Does a datagram of an upstream answer the question that was sent so? */
enum dbx_dns_match {
	DBX_DNS_MATCH_NO,
	DBX_DNS_MATCH_CASE, /* but for the case of letters */
	DBX_DNS_MATCH_YES,
};
enum dbx_dns_match dbx_dns_match(const void *msg, size_t n, const uint8_t *sent, size_t n_sent);
/* Of a message that matched. */
bool dbx_dns_is_truncated(const void *msg);
unsigned int dbx_dns_rcode(const void *msg);

/* ---- answers ---- */

struct dbx_dns_rules {
	uint32_t min_ttl_s, max_ttl_s; /* TTLs are moved into this range */
	bool keep_ech;
};

/* An answer as it may be given to anybody who may ask: all memory is its own. */
struct dbx_dns_answer {
	uint8_t *wire; /* header, question in lower case, sections; no OPT */
	uint16_t n_wire;
	uint8_t rcode;
	bool is_authentic; /* the upstream says that it validated (AD) */
	bool may_keep;
	uint32_t ttl_s;   /* of the record that goes first */
	uint16_t *ttl_at; /* offsets of the records' TTLs */
	size_t n_ttls;
	struct dbx_addr *addrs; /* at the end of the chain from qname */
	size_t n_addrs;
};

/*
 * Reads what an upstream says to q (id and question were compared) and keeps: of the answer section
 * the chain from qname with its signatures, address hints and ECH keys of SVCB and HTTPS removed; of
 * the authority section what proves an absence; of the additional section nothing.
 * 0; -EBADMSG: not to be believed (malformed, loops, too many records); -ENOMEM.
 */
int dbx_dns_answer_read(const void *msg, size_t n, const struct dbx_dns_query *q,
			const struct dbx_dns_rules *rules, struct dbx_dns_answer *out);
void dbx_dns_answer_fini(struct dbx_dns_answer *a);

/*
 * The answer as given to q, age_s after it was read: id, flags and case of the question as asked,
 * TTLs less the age, an OPT when the client had one. Over cap (>= 512): truncated (TC), without
 * records. Returns the length.
 */
size_t dbx_dns_answer_write(const struct dbx_dns_answer *a, const struct dbx_dns_query *q,
			    uint32_t age_s, uint8_t *out, size_t cap);

#endif
