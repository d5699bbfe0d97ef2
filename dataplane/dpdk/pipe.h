/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pipe.h -- the pipeline: bursts of packets in, what becomes of each out. It has no ports.
 *
 * One struct dpk_pipe for the process; one struct dpk_core for each thread that judges. Images and
 * forwarding tables are put in place by one other thread, at any time, and taken away when all cores
 * have been quiescent since.
 */
#ifndef DBX_DPDK_PIPE_H
#define DBX_DPDK_PIPE_H

#include "dataplane/dpdk/fib.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/program.h"

struct rte_mbuf;
struct dpk_pipe;

struct dpk_pipe_opts {
	unsigned int n_cores;
	uint32_t counters_max; /* rows a core, 0 = DBX_COUNTERS_MAX */
};

enum dpk_way {
	DPK_DROP,
	DPK_HOST, /* to the stack, with the word that is in front of it */
	DPK_BACK, /* an answer, back out of the port that it came from */
	DPK_FAST, /* to the network of the interface `ifindex` */
};

/* What becomes of a packet. The mbuf is the caller's still, and begins with the frame. */
struct dpk_out {
	enum dpk_way way;
	uint32_t ifindex;
	bool has_meta;
	struct dbx_meta meta;
};

/* EAL must run. 0 or -errno. */
int dpk_pipe_open(struct dpk_pipe **p, const struct dpk_pipe_opts *o);
void dpk_pipe_close(struct dpk_pipe **p);
struct dpk_shared *dpk_pipe_shared(struct dpk_pipe *p);
/* index n_cores: one for the thread that changes flows, and judges nothing. */
struct dpk_core *dpk_pipe_core(struct dpk_pipe *p, unsigned int index);

/* The calling thread judges as this core, until it leaves: until then others wait for it. */
void dpk_pipe_join(struct dpk_core *core);
void dpk_pipe_leave(struct dpk_core *core);

/* Taken over, the former one is freed when nobody uses it; NULL: no image, everything is dropped. */
int dpk_pipe_set_image(struct dpk_pipe *p, struct dpk_image *image);
int dpk_pipe_set_fib(struct dpk_pipe *p, struct dpk_fib *fib);
int dpk_pipe_set_capture(struct dpk_pipe *p,
			 struct dpk_capture *capture); /* of malloc(); NULL: off */
/* Frees what nobody uses any more; returns how much still waits. */
unsigned int dpk_pipe_reap(struct dpk_pipe *p);

/*
 * n <= DPK_BURST packets of a workload-facing interface; ifindex 0: it is not known, all are dropped.
 * seen: NULL, or n records of what each was judged to be.
 */
void dpk_pipe_burst(struct dpk_core *core, uint32_t ifindex, uint64_t port_hash, uint64_t now_ns,
		    struct rte_mbuf **m, unsigned int n, struct dpk_out *out,
		    struct dpk_seen *seen);
/* Packets of the stack's to a workload: DPK_DROP or DPK_BACK (out of that workload's port). */
void dpk_pipe_back(struct dpk_core *core, uint32_t ifindex, uint64_t now_ns, struct rte_mbuf **m,
		   unsigned int n, struct dpk_out *out);
/* Packets from outside: DPK_FAST or DPK_HOST. */
void dpk_pipe_inward(struct dpk_core *core, uint32_t ifindex, uint64_t now_ns, struct rte_mbuf **m,
		     unsigned int n, struct dpk_out *out);
/* Puts the shim (dbx/shim.h) in front of a frame for the stack. -1: there is no room. */
int dpk_pipe_shim(struct rte_mbuf *m, const struct dpk_out *out);

#endif
