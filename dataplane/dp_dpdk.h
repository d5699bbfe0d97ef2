/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_dpdk.h -- the parts of the driver of dbx-egress-dpdk; nothing outside dataplane/ and its tests
 * includes this.
 *
 * The process enforces by itself. The driver keeps what it has told (image, names, ports, routes,
 * whether the resolver is there), so that a process that was started anew is told all of it again, and
 * holds the file in which the process has its flows; counters are the process's alone.
 * While the process is away every request fails with -ENOTCONN: nothing is learned, nothing applied.
 */
#ifndef DBX_DATAPLANE_DP_DPDK_H
#define DBX_DATAPLANE_DP_DPDK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dataplane/dp.h"
#include "dataplane/dp_dpdk_host.h"
#include "dbx/image.h"
#include "dbx/wire_dpdk.h"

#define DP_DPDK_PORTS_MAX 64u

/* What was bound, by open addressing; a slot whose policy_uid is 0 is free. */
struct dp_mirror {
	struct dbx_wire_bound *v;
	size_t n, n_slots; /* n_slots: 0 or a power of two */
};

struct dp_port {
	struct dbx_wire_iface iface;
	bool is_known; /* the process has a port of that name */
};

/* A sealed memory file with an image; fd -1: none. */
struct dp_memfd {
	int fd;
	struct dbx_wire_image what;
};

struct dp_fib_table {
	struct dbx_wire_route *routes; /* in the order of their keys, as in `neighs` */
	struct dbx_wire_neigh *neighs;
	size_t n_routes, n_neighs;
};

struct dbx_dp {
	pthread_mutex_t lock; /* of all down to `fib`; names are told from another thread */
	int fd;               /* the control connection, -1: the process is away */
	uint32_t seq;
	char *in; /* DBX_WIRE_MAX bytes */
	struct dbx_wire_state peer;
	bool has_met; /* the process was there once: what we have is what it shall have */
	struct dbx_secret secret;
	struct dp_memfd now, next; /* in force; prepared */
	struct dp_mirror bound;
	int flows_fd;      /* file with the flows of the process that it came from; -1: none */
	uint64_t flows_id; /* counters_id of that process */
	bool is_steered;
	struct dp_port ports[DP_DPDK_PORTS_MAX];
	size_t n_ports;
	struct dbx_wire_iface forward[DBX_WIRE_BATCH];
	size_t n_forward;
	struct dp_fib_table fib;

	char path[108];
	struct dp_host *host; /* NULL: nothing is attached to interfaces (tests) */
	int event_fd, name_fd;
	int sample_fd; /* -1: no capture */
	bool capture_ended;
	int epoll_fd, name_epoll_fd;
	int timer_fd;         /* runs while a connection is missing */
	uint64_t retry_at_ms; /* CLOCK_MONOTONIC; a process that hangs is not asked all the time */
	bool adopted;
	uint32_t n_reconnects;
};

/* ---- dp_dpdk_wire.c: one connection ---- */

/* A request and what may be answered; n_answer: a multiple of `unit` (0: any), from min to max bytes. */
struct dp_call {
	enum dbx_wire_type type;
	const void *body;
	size_t n_body;
	const void *more; /* behind body; may be NULL */
	size_t n_more;
	void *answer;
	size_t min, max, unit;
	size_t n_answer;    /* out */
	const int *give_fd; /* NULL: none */
	int *take_fd;       /* NULL: the answer has none */
};

#define DP_CALL(type_, ...) (&(struct dp_call){.type = (type_), ##__VA_ARGS__})

/* Connects and says hello. *fd: the connection. */
int dp_wire_connect(struct dbx_dp *dp, enum dbx_wire_role role, int *fd,
		    struct dbx_wire_state *state, struct dbx_dp_error *err);
/* Asks and waits for the answer. What is not an answer to it ends the connection (-ENOTCONN). */
int dp_wire_call(struct dbx_dp *dp, struct dp_call *c, struct dbx_dp_error *err);
/* The same, lock held. */
int dp_wire_call_locked(struct dbx_dp *dp, struct dp_call *c, struct dbx_dp_error *err);
/* Reads one message of an event connection: bytes of its body, 0 = nothing waits, or -errno. */
ssize_t dp_wire_event(int fd, enum dbx_wire_type type, char *buf, const void **body);
void dp_wire_lost(struct dbx_dp *dp); /* lock held */

/* ---- dp_dpdk_sync.c: a process that has to be told all of it ---- */
int dp_sync_open(struct dbx_dp *dp, struct dbx_dp_error *err);
void dp_sync_retry(struct dbx_dp *dp); /* connects what is not connected */
void dp_sync_timer(struct dbx_dp *dp, bool on);
/* Makes a sealed memory file of an image. */
int dp_memfd_make(const void *image, size_t n_bytes, struct dp_memfd *out);
void dp_memfd_drop(struct dp_memfd *m);

/* ---- dp_dpdk_mirror.c: names that were taught ---- */
int dp_mirror_put(struct dp_mirror *m, const struct dbx_bound_key *k, const struct dbx_bound *v);
void dp_mirror_del(struct dp_mirror *m, const struct dbx_bound_key *k);
bool dp_mirror_has(const struct dp_mirror *m, const struct dbx_bound_key *k);
void dp_mirror_fini(struct dp_mirror *m);

/* ---- dp_dpdk_names.c: see dp.h ---- */
int dp_dpdk_secret(struct dbx_dp *dp, struct dbx_secret *out);
int dp_dpdk_learn(struct dbx_dp *dp, const struct dbx_bound_key *k, const struct dbx_bound *v);
int dp_dpdk_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *k);
int dp_dpdk_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *k);
int dp_dpdk_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *k, struct dbx_bound *out);
int dp_dpdk_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *k,
			struct dbx_learned *out);
int dp_dpdk_learned_each(struct dbx_dp *dp,
			 int (*fn)(void *arg, const struct dbx_learned_key *k,
				   const struct dbx_learned *v),
			 void *arg);
int dp_dpdk_bound_each(struct dbx_dp *dp,
		       int (*fn)(void *arg, const struct dbx_bound_key *k,
				 const struct dbx_bound *v),
		       void *arg);
int dp_dpdk_flows_each(struct dbx_dp *dp,
		       int (*fn)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v),
		       void *arg);
int dp_dpdk_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *k, const struct dbx_flow *v);
int dp_dpdk_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *k);
int dp_dpdk_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		  struct dbx_dp_error *err);
int dp_dpdk_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg);
/* Calls fn for each element of a table; locked: the lock is held already. */
int dp_dpdk_walk(struct dbx_dp *dp, enum dbx_wire_table table, size_t unit, bool locked,
		 int (*fn)(void *arg, const void *element), void *arg);

/* ---- dp_dpdk_stats.c: totals, events, and how the process is ---- */
int dp_dpdk_totals(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX]);
int dp_dpdk_event_fd(struct dbx_dp *dp);
int dp_dpdk_poll_events(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg);
int dp_dpdk_name_event_fd(struct dbx_dp *dp);
int dp_dpdk_poll_name_events(struct dbx_dp *dp,
			     void (*fn)(void *arg, const struct dbx_name_event *e), void *arg);
int dp_dpdk_process(struct dbx_dp *dp, struct dbx_dp_process *out);

/* ---- dp_dpdk_capture.c: see dp.h ---- */
int dp_dpdk_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			  struct dbx_dp_error *err);
int dp_dpdk_capture_fd(struct dbx_dp *dp);
int dp_dpdk_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg);
int dp_dpdk_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out);
void dp_dpdk_capture_stop(struct dbx_dp *dp);

/* ---- dp_dpdk_port.c: interfaces and routes ---- */
int dp_dpdk_attach(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		   struct dbx_dp_error *err);
int dp_dpdk_detach(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err);
int dp_dpdk_forget(struct dbx_dp *dp, const char *ifname);
int dp_dpdk_links(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n);
int dp_dpdk_forward(struct dbx_dp *dp, const uint32_t *ifindex, size_t n, struct dbx_dp_error *err);
/* Lock held: tells one port, or all of it. -ENODEV is noted in the port, not returned. */
int dp_port_tell(struct dbx_dp *dp, struct dp_port *p, struct dbx_dp_error *err);
int dp_forward_tell(struct dbx_dp *dp, struct dbx_dp_error *err);

/* ---- dp_dpdk_fib.c: routes and neighbours ---- */
int dp_dpdk_fib(struct dbx_dp *dp, const struct dbx_wire_route *routes, size_t n_routes,
		const struct dbx_wire_neigh *neighs, size_t n_neighs, struct dbx_dp_error *err);
int dp_fib_tell(struct dbx_dp *dp, struct dbx_dp_error *err); /* lock held: the whole table */
void dp_fib_fini(struct dp_fib_table *t);

#endif
