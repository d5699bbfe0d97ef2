/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * port.h -- the devices of the gateway, in pairs: the one that packets come in by from a network, and
 * the one that leads to the stack's interface of the same name (host=).
 */
#ifndef DBX_DPDK_PORT_H
#define DBX_DPDK_PORT_H

#include "dataplane/dpdk/program.h"

#include <rte_ethdev.h>
#include <rte_spinlock.h>

#define DPK_PORTS_MAX   64u
#define DPK_QUEUES_MAX  DPK_CORES_MAX
#define DPK_NO_DEVICE   0xffffu
#define DPK_DEVICE_NAME 64

/* A DPDK device, set up with as many queues as there are lcores, or as it has. */
struct dpk_device {
	char name[DPK_DEVICE_NAME];
	uint16_t id; /* of ethdev, or DPK_NO_DEVICE */
	uint16_t n_rx, n_tx;
	bool is_shared; /* fewer tx queues than lcores */
	rte_spinlock_t tx_lock[DPK_QUEUES_MAX];
};

/* What one lcore counts of a port. */
struct dpk_port_stats {
	uint64_t tx_packets, tx_dropped, host_packets, host_dropped, back_packets, fast_packets;
} __rte_cache_aligned;

struct dpk_port {
	char name[16]; /* of the gateway's interface */
	bool is_workload;
	uint64_t hash;    /* dbx_port_hash(name) */
	uint32_t ifindex; /* of that interface, told by the daemon; 0 = not told */
	struct dpk_device net, host;
	struct dpk_port_stats stats[DPK_CORES_MAX];
};

struct dpk_ports {
	struct dpk_port *v[DPK_PORTS_MAX];
	unsigned int n;
};

struct dpk_port_opts {
	unsigned int n_cores;
	uint32_t n_mbufs;    /* 0 = as many as the rings hold, and a burst a core */
	uint32_t mbuf_bytes; /* of a frame in one piece */
	uint16_t ring_slots;
};

/* "NAME=DEVICE[,host=DEVICE]"; 0 or -EINVAL with *why. */
int dpk_port_parse(struct dpk_ports *ports, const char *text, bool is_workload, const char **why);
/* Sets all devices up and starts them. 0, or -errno with a sentence on standard error. */
int dpk_ports_start(struct dpk_ports *ports, const struct dpk_port_opts *o);
void dpk_ports_stop(struct dpk_ports *ports);
struct dpk_port *dpk_port_named(const struct dpk_ports *ports, const char *name);
struct dpk_port *dpk_port_indexed(const struct dpk_ports *ports, uint32_t ifindex);

#endif
