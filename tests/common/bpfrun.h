/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bpfrun.h -- the kernel program run on given frames (BPF_PROG_TEST_RUN), attached to nothing.
 *
 * Nothing is pinned, and nothing outlives bpfrun_close(). A few microseconds a frame. Needs root.
 */
#ifndef DBX_TESTS_BPFRUN_H
#define DBX_TESTS_BPFRUN_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/classify.h"

/* BPF_PROG_TEST_RUN takes no frame that is shorter than an Ethernet header, or longer than a page. */
#define BPFRUN_FRAME_MIN 14
#define BPFRUN_FRAME_MAX 3400

struct bpfrun;

/* object NULL: $DBX_BUILD/egress_xdp.bpf.o, or build/. All return 0 or -errno. */
int bpfrun_open(struct bpfrun **r, const char *object);
void bpfrun_close(struct bpfrun **r);

/*
 * The image is taken as it is: a damaged one is a test too. NULL: no image. Fragments are forgotten;
 * so are counters, when the image is so large that the program has to be loaded anew.
 */
int bpfrun_set_image(struct bpfrun *r, const void *image, size_t n_bytes);
int bpfrun_forget_fragments(struct bpfrun *r);

/*
 * Judges one frame as if it came in on the interface whose dbx_port_hash() is port (0: unknown).
 * out, pkt and xdp_action may be NULL. -ERANGE: the length is outside what the kernel takes.
 */
int bpfrun_frame(struct bpfrun *r, const void *frame, size_t n_bytes, uint64_t port,
		 struct dbx_result *out, struct dbx_pkt *pkt, uint32_t *xdp_action);

/* The same through the program that is attached in production: it counts and writes events. */
int bpfrun_enforce(struct bpfrun *r, const void *frame, size_t n_bytes, uint64_t port,
		   uint32_t repeat, uint32_t *xdp_action, uint32_t *ns_per_frame);

int bpfrun_totals(struct bpfrun *r, struct dbx_counter v[DBX_TOTAL_MAX]);
/* Packets and bytes counted under the key, over all CPUs; zeros when there is no such row. */
int bpfrun_counter(struct bpfrun *r, const struct dbx_counter_key *key, struct dbx_counter *c);
/* Puts on the ring what waits there; n_left: slots that it had no room for. */
int bpfrun_sweep(struct bpfrun *r, uint32_t *n_left);
/* Takes everything off the ring. */
int bpfrun_events(struct bpfrun *r, void (*fn)(void *arg, const struct dbx_event *e), void *arg);

/* fd of a map (enum dbx_program_map) or of the enforcing program, for what is not covered here. */
int bpfrun_map_fd(struct bpfrun *r, unsigned int map);
int bpfrun_prog_fd(struct bpfrun *r);
/* fd of any program of the object, by its name. */
int bpfrun_program(struct bpfrun *r, const char *name);

#endif
