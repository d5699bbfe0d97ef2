/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_dpdk_host.h -- the kernel's part of the DPDK driver: where the gateway's stack takes over from
 * the process (host= of a workload's port), egress_host takes the shim off (include/dbx/shim.h) and
 * egress_tc_host carries out what was said. Pinned: they outlive the daemon.
 */
#ifndef DBX_DATAPLANE_DP_DPDK_HOST_H
#define DBX_DATAPLANE_DP_DPDK_HOST_H

#include "dataplane/dp.h"

struct dp_host;

int dp_host_open(struct dp_host **h, const struct dbx_dp_opts *o, struct dbx_dp_error *err);
void dp_host_close(struct dp_host **h); /* lets go: what is attached stays */
int dp_host_attach(struct dp_host *h, uint32_t ifindex, const char *ifname,
		   struct dbx_dp_error *err);
int dp_host_detach(struct dp_host *h, const char *ifname, struct dbx_dp_error *err);
int dp_host_forget(struct dp_host *h, const char *ifname);
int dp_host_links(struct dp_host *h, struct dbx_dp_link *v, size_t cap, size_t *n);
int dp_host_steer(struct dp_host *h, int udp4, int tcp4, int udp6, int tcp6,
		  struct dbx_dp_error *err);
/* Adds what the kernel's programs dropped. */
int dp_host_totals(struct dp_host *h, struct dbx_counter v[DBX_TOTAL_MAX]);

#endif
