/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * request.h -- what the control thread has in hand: its connections, and one request at a time.
 */
#ifndef DBX_DPDK_REQUEST_H
#define DBX_DPDK_REQUEST_H

#include "dataplane/dpdk/control.h"

#define DPK_CONNECTIONS_MAX 16u

struct dpk_connection {
	int fd; /* -1 = free */
	uint32_t role;
	struct dpk_image *staged;
	struct dbx_wire_counter *rows; /* of a walk over the counters */
	size_t n_rows;
	uint64_t capture_id; /* of the capture whose samples it takes, 0 = none */
	/* events: a message that found no room yet */
	uint8_t *pending;
	size_t n_pending;
};

struct dpk_control {
	struct dpk_lcores *lcores;
	struct dpk_shared *sh;
	struct dpk_core *core; /* of this thread: it judges nothing, but changes flows */
	struct dpk_fib_told told;
	struct dpk_connection conn[DPK_CONNECTIONS_MAX];
	struct dbx_wire_state state;
	uint64_t capture_id; /* of the latest capture */
	int listen_fd, epoll_fd, wake_fd;
	char path[108];
	uint8_t in[DBX_WIRE_MAX], out[DBX_WIRE_MAX];
};

/* A request that was read, and the answer to it. */
struct dpk_request {
	const struct dbx_wire_head *head;
	const void *body;
	size_t n_body;
	int fd; /* that came along, -1 = none; closed when the request is done */
	void *answer;
	size_t n_answer, room;
	int answer_fd;    /* -1 = none */
	const char *text; /* with a failure */
};

/* Carries it out; 0 or -errno. */
int dpk_request_do(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r);
void dpk_connection_forget(struct dpk_connection *k);

/* Name tables, as the operations of dataplane/dp.h that have these names. */
int dpk_names_learn(struct dpk_shared *sh, const struct dbx_bound_key *key,
		    const struct dbx_bound *bound);
int dpk_names_flow_set(struct dpk_core *core, struct dpk_shared *sh, const struct dbx_wire_flow *f);
/* Flows of a process before that were decided, from its file (kept.h). */
int dpk_names_flows_take(struct dpk_shared *sh, int fd);
/* A page of a table from *cursor on; returns the number of elements. */
uint32_t dpk_names_page(struct dpk_shared *sh, uint32_t table, uint64_t *cursor, void *out);

/* Captures: DBX_WIRE_CAPTURE, and the end of one that is over, or that nobody takes. */
int dpk_capture_do(struct dpk_control *c, struct dpk_request *r);
void dpk_capture_tend(struct dpk_control *c);
/* One message's body of samples; its size, or 0. */
size_t dpk_capture_take(struct dpk_control *c, const struct dpk_connection *k, uint8_t *out,
			size_t room);

/* Returns when no packet is being judged by what was in force before; waits for a second at most. */
void dpk_request_settle(struct dpk_control *c);

/* Sends what events there are; true when some wait for the reader. */
bool dpk_events_send(struct dpk_control *c, struct dpk_connection *k);
bool dpk_events_waiting(const struct dpk_control *c);

#endif
