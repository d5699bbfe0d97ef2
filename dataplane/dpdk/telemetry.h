/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * telemetry.h -- /dbx/status, /dbx/lcores, /dbx/ports and /dbx/counters of rte_telemetry.
 */
#ifndef DBX_DPDK_TELEMETRY_H
#define DBX_DPDK_TELEMETRY_H

#include "dataplane/dpdk/control.h"

/* c may be NULL. 0 or -errno. */
int dpk_telemetry_open(struct dpk_lcores *l, struct dpk_control *c);
/* From here on l is not looked at. */
void dpk_telemetry_close(void);

#endif
