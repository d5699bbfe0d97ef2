/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flowrun.h -- TCP flows through the kernel program, segment by segment, attached to nothing.
 *
 * One workspace, one policy (FLOWRUN_POLICY), TLS on every TCP port; one address for which names may
 * be learned. The wire between the gateway and the server is what the program let pass.
 */
#ifndef DBX_TESTS_FLOWRUN_H
#define DBX_TESTS_FLOWRUN_H

#include "common/bpfrun.h"
#include "common/pkt.h"
#include "dbx/names.h"

#define FLOWRUN_POLICY 0x504f4c49435931ull
#define FLOWRUN_RULE   0x52554c45ull
#define FLOWRUN_ISN    0xfffff000u /* of the stream's first byte: it wraps */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct flowrun_opts {
	enum dbx_name_port kind; /* of every port */
	uint32_t name_flags;
	bool dry_run;
	bool is_v6;
	uint16_t vlan; /* 0 = none */
};

struct flowrun {
	struct bpfrun *r;
	struct flowrun_opts o;
	struct dbx_secret secret;
	uint16_t sport;
	uint32_t isn, ack;
	/* of the last packet */
	uint32_t action;
	struct dbx_result res;
	uint8_t out[4096]; /* what became of the frame, metadata in front */
	size_t n_out;
	struct pkt sent;
};

/* The image that says so; malloc'ed. */
void *flowrun_make_image(const struct flowrun_opts *o, uint64_t policy_uid, size_t *n_bytes);

int flowrun_open(struct flowrun *f, const struct flowrun_opts *o);
void flowrun_close(struct flowrun *f);
/* Another image and other options, the same maps. */
int flowrun_image(struct flowrun *f, const struct flowrun_opts *o, uint64_t policy_uid);
/* The address becomes known, and the name bound to it, for so many seconds from now (may be < 0). */
int flowrun_learn(struct flowrun *f, uint64_t policy_uid, const char *name, int seconds);

/* A new flow: another source port, nothing sent. */
void flowrun_next(struct flowrun *f);
/* One segment, its data at `off` of the stream; true when it passed. */
bool flowrun_send(struct flowrun *f, uint8_t flags, uint32_t off, const void *data, size_t n);
bool flowrun_udp(struct flowrun *f, const void *data, size_t n);
/* SYN, the server's SYN-ACK, ACK. */
void flowrun_begin(struct flowrun *f);
/* A segment of the server's, seen on its way to the workload: acknowledges up to `off`. */
void flowrun_back(struct flowrun *f, uint8_t flags, uint32_t off);
/* The same with data, at `off` of the server's stream; true when it went on to the workload. */
bool flowrun_answer(struct flowrun *f, uint32_t ack, uint32_t off, const void *data, size_t n);
/* The server's answer to a hello: its ServerHello, or, when retry, a HelloRetryRequest. */
#define FLOWRUN_ANSWER 95
void flowrun_server_hello(uint8_t out[FLOWRUN_ANSWER], bool retry);
/* The flow as the table has it; false when it has none. */
bool flowrun_get(struct flowrun *f, struct dbx_flow *out);
void flowrun_key(const struct flowrun *f, struct dbx_flow_key *key);
/* Empties the tables of flows and hellos. */
void flowrun_forget(struct flowrun *f);

#endif
