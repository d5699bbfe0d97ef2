/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile.h -- model to policy image, in the decision order of egress-model 3.3.
 *
 * Pure: the same model gives the same bytes. Refuses, with a finding that names the object and the
 * count, whatever does not fit; nothing is ever cut.
 */
#ifndef DBX_POLICY_COMPILE_H
#define DBX_POLICY_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/diag.h"
#include "policy/model.h"

struct dbx_compile_opts {
	uint64_t generation;
	bool all_tags; /* a set for every tag of every feed, not only for those named */
};

struct dbx_compile_stats {
	uint32_t n_workspaces, n_policies, n_profiles, n_rows, n_sources;
	uint32_t n_sets, n_classes, n_rulesets, n_outcomes, n_rules;
	uint32_t n_intervals4, n_intervals6;
	uint32_t n_names; /* names waiting for learning */
	size_t image_bytes, kernel_bytes;
};

/* *image is malloc'ed (caller frees). 0, -EINVAL (errors in d), -E2BIG (does not fit; in d), -ENOMEM. */
int dbx_compile(const struct dbx_model *m, const struct dbx_compile_opts *opts, void **image,
		size_t *n_bytes, struct dbx_compile_stats *stats, struct dbx_diag *d);

/* "martian", "multicast", "link-local" or "metadata": what no document can allow; NULL = neither. */
const char *dbx_isolated_kind(const struct dbx_addr *a);

#endif
