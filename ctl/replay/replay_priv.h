/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay_priv.h -- what the parts of the replay share.
 */
#ifndef DBX_REPLAY_REPLAY_PRIV_H
#define DBX_REPLAY_REPLAY_PRIV_H

#include "lib/vec.h"
#include "replay/replay.h"
#include "replay/htab.h"

struct dbx_replay {
	struct dbx_replay_opts o;
	struct dbx_replay_counts counts;
	struct dbx_secret secret;
	uint64_t now_ns; /* time never goes back, whatever the capture says */
	uint64_t swept_ns;
	struct dbx_htab by_key; /* struct dbx_flow_key -> number of the flow */
	DBX_VEC(struct dbx_replay_flow *) flows;
	struct dbx_htab begun;   /* for workspace_id: struct dbx_flow_key of who began */
	struct dbx_prefix as[2]; /* what foreign sources are moved to, by family */
	bool has_as[2];
	uint64_t rule_uid; /* looked up last, and its rule */
	uint32_t rule;
	struct dbx_hints *gather; /* NULL: packets are judged */
	uint8_t kinds[2]
		     [65536]; /* for it, of TCP and UDP ports: 1 + enum dbx_name_port, 0 = unknown */
	struct dbx_replay_hellos *hellos;
	uint8_t frame[DBX_SIM_FRAME_MAX];
};

/* ---- replay_hints.c ---- */

void dbx_hints_answered(struct dbx_hints *h, const char *name);
void dbx_hints_said(struct dbx_hints *h, const struct dbx_sim_verdict *v);
/* Names that no answer has, as the documents of this replay allow them. */
void dbx_hints_learn(struct dbx_replay *r);
uint64_t dbx_replay_hash(const struct dbx_replay *r, const char *name);

/* ---- replay_names.c ---- */

/* A query of a workload that the resolver would answer: its verdict goes into *v and *flow (or NULL). */
void dbx_replay_query(struct dbx_replay *r, const uint8_t *frame, size_t n_bytes,
		      struct dbx_sim_verdict *v, char name[256]);
uint32_t dbx_replay_rule_of(struct dbx_replay *r, uint64_t uid);
/* What a server told a workload: learned when its policy allows the name. */
void dbx_replay_answer(struct dbx_replay *r, const struct dbx_pkt *pkt, const uint8_t *frame,
		       size_t n_bytes);

/* ---- replay_hello.c ---- */

/* Before a packet is judged: what the one before it said when it was judged again is not this one's. */
void dbx_replay_hello_begin(struct dbx_replay *r);
/*
 * Of the packet that was judged last: true when its payload completed what its flow says, and the
 * flow is decided. *name: as it was written, valid until the next packet.
 */
bool dbx_replay_hello(struct dbx_replay *r, const uint8_t **name, uint32_t *n_name);
/* After it: the datagram is held, but the daemon sends it on (ctl/daemon/relay.c), by this rule. */
bool dbx_replay_hello_sends(const struct dbx_replay *r, uint64_t *rule_uid);
int dbx_replay_hello_open(struct dbx_replay *r); /* after dbx_sim_open() */
void dbx_replay_hello_close(struct dbx_replay *r);

/* ---- replay_as.c ---- */

/* Which way a packet of a foreign source goes, and the frame with the workspace's address. */
int dbx_replay_as_open(struct dbx_replay *r, struct dbx_capture_error *err);
enum dbx_replay_kind dbx_replay_as(struct dbx_replay *r, const struct dbx_pkt *pkt,
				   const uint8_t **frame, size_t *n_bytes);

/* Any bytes, for people: what names do not have as \DDD. */
void dbx_replay_printable(const uint8_t *in, size_t n, char out[256]);

#endif
