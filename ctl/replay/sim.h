/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sim.h -- the kernel program, run by a process: the same source, on tables instead of maps.
 *
 * What a frame meets here it meets on the wire, by construction. There is one program and one set of
 * maps, so one simulation at a time and one thread. Time is the caller's: that of the packets.
 */
#ifndef DBX_REPLAY_SIM_H
#define DBX_REPLAY_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/classify.h"
#include "dbx/names.h"

#define DBX_SIM_FRAME_MAX 65600u /* longer ones are cut, as a capture would */

/* What the program does with a packet; the same numbers as enum xdp_action. */
enum dbx_sim_action {
	DBX_SIM_ABORTED,
	DBX_SIM_DROP,
	DBX_SIM_PASS,
	DBX_SIM_TX,
	DBX_SIM_REDIRECT,
};

struct dbx_sim_verdict {
	struct dbx_result res;
	struct dbx_pkt pkt;
	enum dbx_sim_action action;
	uint32_t mark;       /* that it leaves with, for the routing of its path; 0 = none */
	uint32_t n_name;     /* bytes of what its hello said, 0 = it has not decided one */
	const uint8_t *name; /* any bytes; until the next packet */
	bool by_daemon; /* the program holds it, and the daemon sends it on (replay.c says so) */
};

/* Begins anew, with empty tables. secret: as the daemon has it, any one will do. 0 or -ENOMEM. */
int dbx_sim_open(const struct dbx_secret *secret);
void dbx_sim_close(void);

/* image: checked (dbx_image_open), the caller's, must stay. resolver: queries are taken. */
void dbx_sim_image(const void *image, uint32_t n_kernel_chunks, bool resolver);

/* port: dbx_port_hash() of the interface by which the frame came. time_ns: never goes back. */
void dbx_sim_packet(uint64_t time_ns, uint64_t port, const void *frame, size_t n_bytes,
		    struct dbx_sim_verdict *out);

/* A frame on its way to a workload: what it proves of a flow is noted. */
void dbx_sim_back(uint64_t time_ns, const void *frame, size_t n_bytes);

/* As dbx_dp_ops (dataplane/dp.h). */
int dbx_sim_learn(const struct dbx_bound_key *key, const struct dbx_bound *bound);
int dbx_sim_bound_get(const struct dbx_bound_key *key, struct dbx_bound *out);
int dbx_sim_flow_get(const struct dbx_flow_key *key, struct dbx_flow *out);
/* All that is learned: fn returns 0. */
void dbx_sim_each_bound(int (*fn)(void *arg, const void *key, void *value), void *arg);
int dbx_sim_flow_set(const struct dbx_flow_key *key, const struct dbx_flow *v);

/*
 * While on, every address counts as learned and every name as bound to it: to find out what flows
 * say, not what becomes of them.
 */
void dbx_sim_assume_names(bool on);

/* Called while a packet is judged; e is valid during the call. NULL: nobody is. */
void dbx_sim_on_name_event(void (*fn)(void *arg, const struct dbx_name_event *e), void *arg);

/* What has expired by time_ns goes: as the daemon's sweep does once a second. */
void dbx_sim_sweep(uint64_t time_ns);

#endif
