/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * program.h -- the kernel program, run by an lcore: what lcores share, what each has of its own.
 */
#ifndef DBX_DPDK_PROGRAM_H
#define DBX_DPDK_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/samples.h"
#include "dataplane/dpdk/tables.h"
#include "dbx/classify.h"
#include "dbx/names.h"
#include "dbx/program.h"

struct dpk_core;
struct dpk_fib;
struct rte_rcu_qsbr;
struct rte_ring;

#define DPK_CORES_MAX 128u /* that judge packets; one more thread of control */
#define DPK_EVENTS    8192u
#define DPK_NAMES     512u /* name events that wait for the daemon */

/* A policy image in force. What lcores hold of it they hold for a burst. */
struct dpk_image {
	const uint8_t *base;
	size_t n_bytes;
	uint32_t n_chunks;     /* the kernel's part */
	int fd;                /* memfd, -1 = none */
	struct dpk_view *view; /* NULL: nothing is looked up ahead */
};

/* What all lcores use; pointers that change are read once a burst. */
struct dpk_shared {
	struct rte_rcu_qsbr *qsbr;
	unsigned int n_cores;                      /* that judge */
	struct dpk_core *cores[DPK_CORES_MAX + 1]; /* the one behind them is of the control thread */
	const struct dpk_image *image;             /* NULL: everything is dropped */
	const struct dpk_fib *fib;                 /* NULL: all goes through the stack */
	const struct dpk_capture *capture;         /* NULL: no packet is copied */
	struct dpk_table *learned, *bound, *flows, *hellos, *buckets;
	struct dpk_recent *frags, *recent;
	struct dbx_secret secret;
	uint32_t steer; /* the resolver takes queries */
	int wake_fd;    /* an eventfd of who reads events, -1 = none */
	int is_asleep;  /* that reader waits on wake_fd */
};

/* For tests: what a packet was judged to be. */
struct dpk_seen {
	struct dbx_result res;
	struct dbx_pkt pkt;
};

/* What an lcore counts for people; written by it alone. */
struct dpk_core_stats {
	uint64_t packets, bursts, polls, busy_cycles, total_cycles, dropped, tx_dropped, generation;
};

int dpk_core_new(struct dpk_core **core, struct dpk_shared *shared, unsigned int index,
		 uint32_t counters_max);
void dpk_core_free(struct dpk_core **core);
struct dpk_core_stats *dpk_core_stats(struct dpk_core *core);
/* Name and packet events of this core; read by one thread. */
struct rte_ring *dpk_core_events(struct dpk_core *core);
struct rte_ring *dpk_core_name_events(struct dpk_core *core);
struct dpk_sampler *dpk_core_sampler(struct dpk_core *core);

/*
 * The calling thread is this core from here on, and image and fib are what they are now until it
 * says so again. NULL: no image.
 */
void dpk_core_online(struct dpk_core *core, bool on); /* as dpk_pipe_join(), dpk_pipe_leave() */
/* Once a second, of calls at any pace: packets that joined a flow are told of. begin() does it too. */
void dpk_core_sweep(struct dpk_core *core, uint64_t now_ns);
const struct dpk_image *dpk_core_begin(struct dpk_core *core, uint64_t now_ns);
void dpk_core_end(struct dpk_core *core); /* a quiescent state; wakes who reads events */
/* The interface by which the next frames came: its name's dbx_port_hash(). */
void dpk_core_port(struct dpk_core *core, uint64_t port_hash);
/* NULL: nobody wants to know. */
void dpk_core_watch(struct dpk_core *core, struct dpk_seen *seen);

/*
 * Between begin and end. Judges those of n packets of which nothing but the verdict is wanted, and returns
 * their bits; l->passes says which of them pass. seen: NULL, or n of them.
 */
uint64_t dpk_program_quick(struct dpk_core *core, struct dpk_looks *l, unsigned int n,
			   uint32_t ifindex, struct dpk_seen *seen);
/* What dpk_walker->flows() finds for one packet: its event_hash(). */
uint32_t dpk_program_flow(const struct dpk_looks *l, unsigned int i);
/* Judges packet i, its frame. Returns an XDP action; of DROP the verdict is counted already. */
int dpk_program_judge(struct dpk_frame *f, const struct dpk_looks *l, unsigned int i);
/* A frame on its way to a workload: false = it must not pass. */
bool dpk_program_back(const struct dpk_frame *f, uint32_t ifindex);
/* A frame from outside, past the stack: XDP_REDIRECT, or XDP_PASS. */
int dpk_program_inward(struct dpk_frame *f);
/* What the daemon changes in a flow: DBX_ORDER_*. */
unsigned int dpk_program_order(const struct dbx_flow_order *order);

void dpk_totals_add(struct dpk_core *core, struct dbx_counter v[DBX_TOTAL_MAX]);
/* Row *at of the core's counters, or the next one that is in use; 0 = there is none. */
int dpk_counters_next(struct dpk_core *core, uint32_t *at, struct dbx_counter_key *key,
		      struct dbx_counter *value);

#endif
