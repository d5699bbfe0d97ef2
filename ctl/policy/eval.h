/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * eval.h -- the slow, independent judge: straight from the model, by scanning.
 *
 * Shares no code with the classifier or the compiler (own packet parser, own prefix scan), so that
 * agreement of the two means something. Never used to enforce.
 */
#ifndef DBX_POLICY_EVAL_H
#define DBX_POLICY_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"
#include "policy/model.h"

struct dbx_eval_tuple { /* ports and domain in host order; addresses in struct dbx_addr */
	struct dbx_addr src, dst;
	uint32_t domain;
	const char *interface; /* NULL: not checked */
	bool has_mac;
	uint8_t mac[6];
	uint8_t proto;
	bool has_ports;        /* false: later fragment, ports unknown */
	uint16_t sport, dport; /* dport: type << 8 | code for ICMP and ICMPv6, 0 for portless */
};

struct dbx_eval_result {
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	int64_t workspace_id;         /* 0 = none */
	const char *policy_id;        /* NULL = none; owned by the model */
	const struct dbx_where *rule; /* NULL = none */
	uint32_t mark;                /* that it leaves with; 0 = none */
};

struct dbx_eval_frag { /* one remembered datagram: its key, and what its first fragment said */
	struct dbx_addr src, dst;
	uint32_t domain, id;
	uint8_t key_proto; /* 0 for IPv6 */
	uint8_t proto;
	uint16_t sport, dport;
};

struct dbx_eval { /* fragments seen so far; zero-initialised by the caller, unbounded list */
	struct dbx_eval_frag *frags;
	size_t n_frags, cap;
};

void dbx_eval_tuple(const struct dbx_model *m, const struct dbx_eval_tuple *t,
		    struct dbx_eval_result *res);

/* A whole Ethernet frame. interface NULL = not checked. */
void dbx_eval_frame(struct dbx_eval *e, const struct dbx_model *m, const uint8_t *frame,
		    size_t n_bytes, const char *interface, struct dbx_eval_result *res);
void dbx_eval_fini(struct dbx_eval *e);

#endif
