/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.h -- the packets of a capture, judged by documents: as the gateway would have done.
 *
 * Packets from sources of workspaces are judged; what goes to them (and comes from elsewhere) is
 * looked at for what it proves: servers' answers, and the addresses of names in DNS answers. Memory
 * is bounded: flows beyond DBX_REPLAY_FLOWS_MAX are judged and counted, but not listed.
 */
#ifndef DBX_REPLAY_REPLAY_H
#define DBX_REPLAY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/image.h"
#include "policy/model.h"
#include "policy/names.h"
#include "replay/capture.h"
#include "replay/sim.h"

#define DBX_REPLAY_FLOWS_MAX 262144u

struct dbx_replay;

/* The caller's, for as long as the replay lives. One replay at a time (sim.h). */
struct dbx_replay_opts {
	const struct dbx_model *model;
	const struct dbx_image *image;
	const struct dbx_names *names;
	/*
	 * Not 0: who begins a flow and is nobody's source is taken for this workspace: its addresses are
	 * replaced by some of the workspace's first untagged source prefix of the family.
	 */
	int64_t workspace_id;
	struct dbx_hints *hints; /* or NULL */
};

/*
 * What flows of a capture said, for captures that lack the DNS answers behind them: a name that no
 * answer of the capture has is taken as learned for each address at which a hello said it. Gathered
 * by a run of its own over the same capture.
 */
struct dbx_hints;
struct dbx_hints *dbx_hints_new(void); /* NULL: out of memory */
void dbx_hints_free(struct dbx_hints **h);
size_t dbx_hints_used(const struct dbx_hints *h); /* (address, name) pairs of the last run */

enum dbx_replay_kind {
	DBX_REPLAY_JUDGED,
	DBX_REPLAY_BACK,    /* on its way to a workload: not judged */
	DBX_REPLAY_FOREIGN, /* nothing that is judged */
};

struct dbx_replay_flow {
	struct dbx_pkt pkt; /* of its first packet: addresses, ports, protocol, domain */
	uint64_t workspace_id;
	uint64_t first_ns, last_ns;
	uint64_t first_packet; /* its number in the capture */
	uint64_t packets[DBX_VERDICT_MAX];
	uint64_t bytes; /* as captured frames had on the wire */
	uint64_t held;  /* packets that waited for more of a hello; they are among the DROPs */
	enum dbx_verdict verdict; /* what became of the flow */
	enum dbx_reason reason;
	uint32_t rule; /* index + 1 into the image's rules, 0 = none */
	uint32_t policy;
	char name[256]; /* asked for, or said; printable; "" = none */
};

struct dbx_replay_packet {
	enum dbx_replay_kind kind;
	struct dbx_sim_verdict v;     /* JUDGED */
	struct dbx_replay_flow *flow; /* NULL: beyond what is listed */
	const uint8_t *frame; /* as it was judged: with the workspace's address; until the next one */
	size_t n_bytes;
};

struct dbx_replay_counts {
	uint64_t packets, judged, back, foreign;
	uint64_t cut; /* shorter than they were on the wire */
	uint64_t by_verdict[DBX_VERDICT_MAX];
	uint64_t by_reason[DBX_REASON_MAX][DBX_VERDICT_MAX];
	uint64_t flows_unlisted; /* packets of flows beyond the list */
	uint64_t learned;        /* (address, name) pairs from DNS answers */
};

/* hints: are gathered into it, and what the packets meet does not matter; o->hints is not used. */
int dbx_replay_open_to_learn(struct dbx_replay **out, const struct dbx_replay_opts *o,
			     struct dbx_hints *hints, struct dbx_capture_error *err);
int dbx_replay_open(struct dbx_replay **out, const struct dbx_replay_opts *o,
		    struct dbx_capture_error *err);
void dbx_replay_close(struct dbx_replay **r);
void dbx_replay_packet(struct dbx_replay *r, const struct dbx_captured *c,
		       struct dbx_replay_packet *out);
const struct dbx_replay_counts *dbx_replay_counts(const struct dbx_replay *r);
/* In the order of their first packets. */
size_t dbx_replay_n_flows(const struct dbx_replay *r);
const struct dbx_replay_flow *dbx_replay_flow(const struct dbx_replay *r, size_t i);

#endif
