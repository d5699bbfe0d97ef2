/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fakedpdk.h -- the control socket of dbx-egress-dpdk without DPDK: a thread that keeps what it is
 * told, and can be made to answer in every way in which a process must not.
 */
#ifndef DBX_TESTS_FAKEDPDK_H
#define DBX_TESTS_FAKEDPDK_H

#include <pthread.h>
#include <stdbool.h>

#include "dbx/wire_dpdk.h"

enum fake_evil {
	FAKE_GOOD,
	FAKE_MAGIC,
	FAKE_VERSION,
	FAKE_TYPE,
	FAKE_SEQ,
	FAKE_LENGTH,    /* n_bytes is not the message's */
	FAKE_ZERO,      /* a field that must be 0 */
	FAKE_RC_UP,     /* an error that is none */
	FAKE_RC_DOWN,   /* beyond every errno */
	FAKE_SHORT,     /* a head and nothing */
	FAKE_TINY,      /* less than a head */
	FAKE_LONG,      /* more than was asked for */
	FAKE_HUGE,      /* more than DBX_WIRE_MAX */
	FAKE_FDS,       /* right, with fds that nobody wants: must not leak */
	FAKE_LONG_TEXT, /* a refusal with a text that is too long */
	FAKE_DONE_GONE, /* carries it out and ends the connection */
	FAKE_GONE,      /* ends the connection */
	FAKE_EVIL_MAX,
};

#define FAKE_TABLE 2048
#define FAKE_TYPES 64

struct fakedpdk {
	char path[108];
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	int listen_fd, stop_fd[2];
	int fds[16]; /* connections; role beside it */
	uint32_t role[16];

	/* what is done with the next request of this type */
	enum dbx_wire_type evil_type;
	enum fake_evil evil;
	int refuse; /* rc of the next request of refuse_type */
	enum dbx_wire_type refuse_type;
	const char *refuse_text; /* may be NULL */
	bool endless;            /* pages without end */
	uint32_t page_n;         /* != 0: what pages say they hold */

	/* what it was told */
	struct dbx_wire_state state;
	struct dbx_secret secret;
	struct dbx_wire_image image, next;
	int image_fd, next_fd; /* -1: none */
	struct dbx_wire_bound bound[FAKE_TABLE];
	size_t n_bound;
	struct dbx_wire_flow flow;
	bool has_flow;
	bool is_steered;
	struct dbx_capture capture;
	int flows_fd;       /* its own, -1: none; made when it is asked for */
	uint64_t flows_ino; /* of the file that it was given */
	struct dbx_wire_iface ports[8];
	size_t n_ports;
	struct dbx_wire_iface forward[DBX_WIRE_BATCH];
	size_t n_forward;
	struct dbx_wire_route routes[8192];
	bool kept_route[8192];
	size_t n_routes;
	struct dbx_wire_neigh neighs[FAKE_TABLE];
	bool kept_neigh[FAKE_TABLE];
	size_t n_neighs;
	uint32_t n_asked[FAKE_TYPES]; /* requests by type */
	uint32_t n_put, n_del;        /* records of FIB */
	bool is_sealed;               /* the image that came last was */
};

/* A process that knows nothing, listening; path is made in a directory of its own. */
void fakedpdk_start(struct fakedpdk *f);
/* As if it was killed: every connection ends, the socket is refused. */
void fakedpdk_kill(struct fakedpdk *f);
/* Another process at the same path, which knows nothing. */
void fakedpdk_again(struct fakedpdk *f);
void fakedpdk_stop(struct fakedpdk *f);
/* Sends a message on the event connection of this role; n_fake: n_bytes in the head, 0 = the truth. */
void fakedpdk_event(struct fakedpdk *f, uint32_t role, enum dbx_wire_type type, const void *body,
		    size_t n, uint32_t n_fake);
bool fakedpdk_has_role(struct fakedpdk *f, uint32_t role);

#endif
