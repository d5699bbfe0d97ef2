/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec_peers.h -- what other egress filters get wrong, as frames: each defect by its name.
 *
 * The frames of a case come one after another, under the documents of tests/vectors/policy.
 */
#ifndef DBX_TESTS_VEC_PEERS_H
#define DBX_TESTS_VEC_PEERS_H

#include <stddef.h>

#include "dbx/abi.h"

#define PEER_FRAMES_MAX 10

struct peer_frame {
	const char *interface;
	const char *frame; /* as in tests/vectors/README.md */
	enum dbx_verdict verdict;
	enum dbx_reason reason;
};

struct peer_case {
	const char *name;
	const char *seen_in;
	struct peer_frame frames[PEER_FRAMES_MAX];
};

extern const struct peer_case peer_cases[];
extern const size_t n_peer_cases;

#endif
