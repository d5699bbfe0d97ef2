/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp.h -- the data plane behind one table: what the daemon may ask of a driver.
 *
 * A driver is a transaction on generations: prepare() builds and verifies the inactive side and may
 * fail; commit() is one pointer and cannot fail half-way; abort() forgets what was prepared. All
 * functions are called from the daemon's only thread. They return 0 or -errno and write a sentence
 * (what was attempted, on what, why) into err.
 */
#ifndef DBX_DATAPLANE_DP_H
#define DBX_DATAPLANE_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dbx/abi.h"
#include "dbx/capture.h"
#include "dbx/names.h"
#include "dbx/wire_dpdk.h"

struct dbx_dp;

struct dbx_dp_error {
	char text[512];
};

struct dbx_dp_opts {
	const char *object_path; /* egress_xdp.bpf.o */
	const char *pin_dir;     /* e.g. /sys/fs/bpf/dbx-egress */
	uint32_t counters_max;   /* 0 = default */
	const char *socket_path; /* of dbx-egress-dpdk; NULL = DBX_WIRE_PATH */
};

struct dbx_dp_state {
	bool has_image;
	bool adopted;        /* pinned program and maps were found and kept */
	bool upgraded;       /* the pinned program was of another build and was replaced in place */
	uint64_t generation; /* of the active image */
	uint64_t content_hash;
	uint32_t checksum;
	char program_id[64];  /* kernel's program id and tag */
	uint64_t counters_id; /* another one: the counters began anew; unique until a reboot */
};

struct dbx_dp_link {
	char ifname[16];
	uint32_t ifindex;
	bool is_attached;
	bool is_native;
};

struct dbx_dp_counter {
	struct dbx_counter_key key;
	struct dbx_counter value; /* summed over CPUs */
};

/* How the process of a driver that has one is. */
#define DBX_DP_LCORES_MAX 128u
#define DBX_DP_PORTS_MAX  64u
struct dbx_dp_process {
	bool is_there; /* else the rest is what it was when it was seen last, without lcores and ports */
	uint32_t pid;
	uint32_t n_reconnects;
	uint64_t counters_id;
	uint64_t tsc_hz;
	char version[32];
	size_t n_lcores, n_ports;
	struct dbx_wire_lcore lcores[DBX_DP_LCORES_MAX];
	struct dbx_wire_port ports[DBX_DP_PORTS_MAX];
};

typedef void (*dbx_dp_event_fn)(void *arg, const struct dbx_event *e);
typedef int (*dbx_dp_counter_fn)(void *arg, const struct dbx_dp_counter *c);

/* frame: as it came, n_bytes of e->frame_bytes. */
typedef void (*dbx_dp_sample_fn)(void *arg, const struct dbx_event *e, const uint8_t *frame,
				 size_t n_bytes);

struct dbx_dp_loss {      /* packets that a capture missed */
	uint64_t limited; /* beyond the rate */
	uint64_t lost;    /* that found no room */
};

struct dbx_dp_ops {
	const char *name;
	/* Says why this driver cannot work here (kernel, privilege, bpffs), or 0. */
	int (*probe)(const struct dbx_dp_opts *o, struct dbx_dp_error *err);
	/* Loads or adopts program and maps. Before the first commit everything is denied. */
	int (*open)(struct dbx_dp **dp, const struct dbx_dp_opts *o, struct dbx_dp_state *state,
		    struct dbx_dp_error *err);
	void (*close)(struct dbx_dp **dp); /* lets go; enforcement goes on */
	/* Attaches to an interface and notes dbx_port_hash(ifname) for its ifindex. Idempotent. */
	int (*attach)(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		      struct dbx_dp_error *err);
	int (*detach)(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err);
	/* The interface is gone from the kernel: forget link and port. */
	int (*forget)(struct dbx_dp *dp, const char *ifname);
	int (*links)(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n);
	/* image: checked with dbx_image_open by the caller. The old image stays until commit. */
	int (*prepare)(struct dbx_dp *dp, const void *image, size_t n_bytes,
		       struct dbx_dp_error *err);
	int (*commit)(struct dbx_dp *dp, struct dbx_dp_error *err);
	void (*abort)(struct dbx_dp *dp);
	int (*state)(struct dbx_dp *dp, struct dbx_dp_state *state);
	int (*counters)(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg);
	int (*totals)(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX]);
	int (*event_fd)(struct dbx_dp *dp); /* for the event loop; -1 = none */
	int (*poll_events)(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg); /* never blocks */
	/*
	 * Puts packets that wait to be told of with others of their flow among the events. 1: there was no
	 * room for all of them. To be called once a second.
	 */
	int (*sweep)(struct dbx_dp *dp);
	/*
	 * Names. learn() makes an address known to a policy and binds a name to it, in this order:
	 * binding, then address; -ENOSPC when a table is full, nothing changed then. Keys and values as
	 * in include/dbx/names.h. The *_each walks may miss or repeat entries that change meanwhile;
	 * fn returns 0 to go on. These, and only these, may be called from another thread.
	 */
	int (*secret)(struct dbx_dp *dp, struct dbx_secret *out);
	int (*learn)(struct dbx_dp *dp, const struct dbx_bound_key *key,
		     const struct dbx_bound *bound);
	int (*unlearn)(struct dbx_dp *dp, const struct dbx_bound_key *key); /* the binding alone */
	int (*forget_addr)(struct dbx_dp *dp, const struct dbx_learned_key *key);
	int (*bound_get)(struct dbx_dp *dp, const struct dbx_bound_key *key,
			 struct dbx_bound *out); /* -ENOENT */
	int (*learned_get)(struct dbx_dp *dp, const struct dbx_learned_key *key,
			   struct dbx_learned *out); /* -ENOENT */
	int (*learned_each)(struct dbx_dp *dp,
			    int (*fn)(void *arg, const struct dbx_learned_key *k,
				      const struct dbx_learned *v),
			    void *arg);
	int (*bound_each)(struct dbx_dp *dp,
			  int (*fn)(void *arg, const struct dbx_bound_key *k,
				    const struct dbx_bound *v),
			  void *arg);
	int (*flows_each)(struct dbx_dp *dp,
			  int (*fn)(void *arg, const struct dbx_flow_key *k,
				    const struct dbx_flow *v),
			  void *arg);
	/*
	 * Changes a flow, or makes one. Of a flow that is there, start_ns must be the same, else -ESTALE
	 * (it was begun anew). policy_uid is always taken. The rest is taken when v is DENIED, or when v
	 * is ALLOWED and the flow, HTTP or QUIC, waits for its decision; v of the same state as the flow
	 * changes nothing else; any other v: -ESTALE, with policy_uid taken all the same. A name that
	 * lets its flow through this way counts as a hit where it is bound.
	 */
	int (*flow_set)(struct dbx_dp *dp, const struct dbx_flow_key *key,
			const struct dbx_flow *v);
	int (*flow_del)(struct dbx_dp *dp, const struct dbx_flow_key *key);
	/* Sockets that take steered queries (transparent, bound, listening); -1 = none. */
	int (*steer)(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		     struct dbx_dp_error *err);
	/*
	 * Interfaces to which packets that need no mark may be redirected (all others go through the
	 * host's stack); replaces the set. An interface that cannot take them is left out, not an error.
	 */
	int (*forward)(struct dbx_dp *dp, const uint32_t *ifindex, size_t n,
		       struct dbx_dp_error *err);
	/*
	 * The host's routes and neighbours, in any order, for a driver that does not use the kernel's
	 * own; replaces what was told before. NULL: not needed.
	 */
	int (*fib)(struct dbx_dp *dp, const struct dbx_wire_route *routes, size_t n_routes,
		   const struct dbx_wire_neigh *neighs, size_t n_neighs, struct dbx_dp_error *err);
	int (*process)(struct dbx_dp *dp, struct dbx_dp_process *out); /* NULL: there is none */
	int (*name_event_fd)(struct dbx_dp *dp);
	int (*poll_name_events)(struct dbx_dp *dp,
				void (*fn)(void *arg, const struct dbx_name_event *e), void *arg);
	/*
	 * Copies of judged packets, one capture at a time: -EBUSY. want->until_ns ends it in the kernel
	 * whatever becomes of the daemon. poll never blocks; -ENODEV: the program was replaced, and the
	 * capture is over. Copies that wait when it is stopped are forgotten.
	 */
	int (*capture_start)(struct dbx_dp *dp, const struct dbx_capture *want,
			     struct dbx_dp_error *err);
	int (*capture_fd)(struct dbx_dp *dp); /* for the event loop; -1 = no capture */
	int (*capture_poll)(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg);
	int (*capture_loss)(struct dbx_dp *dp, struct dbx_dp_loss *out); /* since its start */
	void (*capture_stop)(struct dbx_dp *dp);
	/* Removes links, pins, everything: `dbx-egressd --uninstall`. */
	int (*uninstall)(const struct dbx_dp_opts *o, struct dbx_dp_error *err);
};

extern const struct dbx_dp_ops dbx_dp_xdp;
extern const struct dbx_dp_ops dbx_dp_dpdk;
extern const struct dbx_dp_ops dbx_dp_mem; /* in memory: tests, and injected faults */

/* The order of routes: the daemon finds the best of a prefix by it, a driver what has changed. */
static inline int dbx_dp_compare_prefix(const struct dbx_wire_route *x,
					const struct dbx_wire_route *y)
{
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->prefix_len != y->prefix_len)
		return x->prefix_len < y->prefix_len ? -1 : 1;
	return memcmp(x->dst, y->dst, sizeof(x->dst));
}

#endif
