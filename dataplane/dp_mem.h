/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_mem.h -- the data plane in memory: what a test may look at, and the faults it may ask for.
 *
 * There is one for the process, as there is one kernel for a machine: it outlives close(), and the
 * next open() adopts it. Not for use from several threads.
 */
#ifndef DBX_DATAPLANE_DP_MEM_H
#define DBX_DATAPLANE_DP_MEM_H

#include "dataplane/dp.h"

enum dbx_dp_mem_call {
	DBX_DP_MEM_OPEN,
	DBX_DP_MEM_ATTACH,
	DBX_DP_MEM_DETACH,
	DBX_DP_MEM_PREPARE,
	DBX_DP_MEM_COMMIT,
	DBX_DP_MEM_LEARN,
	DBX_DP_MEM_STEER,
	DBX_DP_MEM_FORWARD,
	DBX_DP_MEM_CAPTURE,
	DBX_DP_MEM_CALL_MAX,
};

/* As after a reboot: no image, no interface, no counter, no fault. */
void dbx_dp_mem_reset(void);
/* The nth call from now on (1 = the next) returns rc and changes nothing; nth 0 takes that back. */
void dbx_dp_mem_fail(enum dbx_dp_mem_call call, unsigned int nth, int rc);
/* Calls since the reset, failed ones too. */
unsigned int dbx_dp_mem_calls(enum dbx_dp_mem_call call);
/* The active image, NULL before the first commit. */
const void *dbx_dp_mem_image(size_t *n_bytes);
/* A packet: counted in totals and under its key; with an event when it is not a PASS. */
void dbx_dp_mem_packet(const struct dbx_event *e);
/* Room for names: 0 = every learn() of something new fails with -ENOSPC. Reset: as in the kernel. */
void dbx_dp_mem_names_max(size_t n_learned, size_t n_bound, size_t n_flows);
/* A flow, as packets would have made it; a name event, as the kernel program would have written it. */
void dbx_dp_mem_flow(const struct dbx_flow_key *key, const struct dbx_flow *v);
void dbx_dp_mem_name_event(const struct dbx_name_event *e);
/* What steer() was given last: udp4, tcp4, udp6, tcp6. */
const int *dbx_dp_mem_socks(void);
/* What forward() was given last. */
const uint32_t *dbx_dp_mem_forward(size_t *n);
/*
 * A packet that was judged, for a capture that wants it: by verdict, reason and workspace alone.
 * Up to 64 wait for capture_poll, more are lost. What capture_start() was given, NULL = none runs; its
 * end, as by a change of programs.
 */
void dbx_dp_mem_sample(const struct dbx_event *e, const void *frame, size_t n_bytes);
const struct dbx_capture *dbx_dp_mem_capture(void);
void dbx_dp_mem_capture_end(void);
/* Events wait for poll_events up to this number (0 = the default, 1,024); more are lost. */
void dbx_dp_mem_ring(unsigned int n_events);

#endif
