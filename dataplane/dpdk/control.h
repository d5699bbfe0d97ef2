/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * control.h -- the server of include/dbx/wire_dpdk.h: one thread, beside those that judge.
 */
#ifndef DBX_DPDK_CONTROL_H
#define DBX_DPDK_CONTROL_H

#include "dataplane/dpdk/lcore.h"
#include "dbx/wire_dpdk.h"

struct dpk_control;

/* Listens on path. 0, or -errno with a sentence on standard error. */
int dpk_control_open(struct dpk_control **c, struct dpk_lcores *lcores, const char *path);
/* Serves until lcores->must_stop; dpk_control_wake() makes it look. */
void dpk_control_run(struct dpk_control *c);
void dpk_control_wake(struct dpk_control *c);
void dpk_control_close(struct dpk_control **c);
/* What HELLO answers. */
void dpk_control_state(struct dpk_control *c, struct dbx_wire_state *out);

/* How the process does: for the daemon, and for telemetry. */
void dpk_lcore_report(const struct dpk_lcores *l, unsigned int index, struct dbx_wire_lcore *out);
void dpk_port_report(const struct dpk_lcores *l, const struct dpk_port *p,
		     struct dbx_wire_port *out);

#endif
