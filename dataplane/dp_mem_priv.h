/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_mem_priv.h -- the parts of the data plane in memory, to each other.
 */
#ifndef DBX_DATAPLANE_DP_MEM_PRIV_H
#define DBX_DATAPLANE_DP_MEM_PRIV_H

#include "dataplane/dp_mem.h"
#include "dbx/image.h"

/* Counts the call; non-zero when it is the one that shall fail. */
int dp_mem_fault(enum dbx_dp_mem_call call, const char *what, struct dbx_dp_error *err);

/* ---- dp_mem_names.c: see dp.h ---- */
void dp_mem_names_reset(void);
int dp_mem_secret(struct dbx_dp *dp, struct dbx_secret *out);
int dp_mem_learn(struct dbx_dp *dp, const struct dbx_bound_key *key, const struct dbx_bound *v);
int dp_mem_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *key);
int dp_mem_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *key, struct dbx_bound *out);
int dp_mem_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *key,
		       struct dbx_learned *out);
int dp_mem_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *key);
int dp_mem_learned_each(struct dbx_dp *dp,
			int (*fn)(void *arg, const struct dbx_learned_key *k,
				  const struct dbx_learned *v),
			void *arg);
int dp_mem_bound_each(struct dbx_dp *dp,
		      int (*fn)(void *arg, const struct dbx_bound_key *k,
				const struct dbx_bound *v),
		      void *arg);
int dp_mem_flows_each(struct dbx_dp *dp,
		      int (*fn)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v),
		      void *arg);
int dp_mem_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *key, const struct dbx_flow *v);
int dp_mem_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *key);
int dp_mem_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		 struct dbx_dp_error *err);
int dp_mem_name_event_fd(struct dbx_dp *dp);
int dp_mem_poll_name_events(struct dbx_dp *dp,
			    void (*fn)(void *arg, const struct dbx_name_event *e), void *arg);

/* ---- dp_mem_capture.c: see dp.h ---- */
void dp_mem_capture_reset(void);
int dp_mem_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			 struct dbx_dp_error *err);
int dp_mem_capture_fd(struct dbx_dp *dp);
int dp_mem_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg);
int dp_mem_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out);
void dp_mem_capture_stop(struct dbx_dp *dp);

#endif
