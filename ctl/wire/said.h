/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * said.h -- what a flow says of its name, from the copies of payload that the kernel program hands out,
 * and what becomes of the flow: HTTP request heads and QUIC hellos.
 *
 * Used by who decides on the wire (ctl/daemon/hello.c) and by who decides of a capture
 * (ctl/replay/replay_hello.c); tables, clock and policies are theirs. Times are nanoseconds of
 * CLOCK_MONOTONIC, or of the capture.
 */
#ifndef DBX_WIRE_SAID_H
#define DBX_WIRE_SAID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/hello.h"
#include "dbx/names.h"

struct dbx_quic;

/* A name that no policy lists: what is decided of it is decided of every refusal. */
#define DBX_SAID_UNLISTED "name-check.dbx-egress.invalid"

/* What was read of a stream, from its beginning on. */
struct dbx_stream {
	struct dbx_flow_key key;
	uint64_t start_ns, since_ns;
	uint32_t n;
	uint32_t n_cuts; /* segments; may be more than are kept */
	uint32_t cuts[DBX_HELLO_CUTS];
	uint8_t bytes[DBX_HELLO_BYTES];
	struct dbx_quic *quic; /* owned; for who keeps datagrams of a flow in one place (replay) */
};

#define DBX_STREAMS_MAX 1024u
struct dbx_streams {
	struct dbx_stream *v[DBX_STREAMS_MAX]; /* NULL: free */
};

/* text: as it was written, not owned; for people. */
struct dbx_read_name {
	uint32_t reason; /* enum dbx_reason; 0: the name may be looked up */
	uint64_t name, rule_uid;
	uint32_t n_hello, n_body;
	const uint8_t *text;
	size_t n_text;
};

/*
 * The stream of the event's flow, or a new one; the oldest gives way: its client repeats from the
 * beginning. NULL: out of memory.
 */
struct dbx_stream **dbx_streams_find(struct dbx_streams *s, const struct dbx_name_event *e,
				     uint64_t now_ns);
void dbx_streams_drop(struct dbx_stream **w); /* *w is free then */
/* Those that were begun more than age_ns ago. */
void dbx_streams_sweep(struct dbx_streams *s, uint64_t now_ns, uint64_t age_ns);
void dbx_streams_fini(struct dbx_streams *s);

/* False: nothing to decide yet. out->text lies in *w. */
bool dbx_said_http(struct dbx_stream *w, const struct dbx_name_event *e,
		   const struct dbx_secret *secret, struct dbx_read_name *out);
/* A hello that is whole. out->text lies in *said. */
void dbx_said_quic(const struct dbx_hello *hello, const struct dbx_secret *secret, bool deny_ech,
		   struct dbx_said *said, struct dbx_read_name *out);

/* As the kernel program decides of a ClientHello: bound (NULL: it is not) to the flow's address. */
void dbx_said_look_up(struct dbx_read_name *f, const struct dbx_name_event *e,
		      const struct dbx_bound *bound, uint64_t now_ns);
/* Never softened by dry-run: the name of a guarded resource, and what keeps one from being seen. */
bool dbx_said_is_hard(const struct dbx_read_name *f, const struct dbx_name_event *e);
/* What the flow becomes; w: NULL for QUIC. */
void dbx_said_flow(const struct dbx_read_name *f, const struct dbx_name_event *e,
		   const struct dbx_stream *w, const struct dbx_secret *secret, bool dry_run,
		   struct dbx_flow *v);

uint64_t dbx_said_hash(const struct dbx_secret *secret, const char *name);

#endif
