// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * report.c -- how lcores and ports do: for the daemon (wire_dpdk.h) and for telemetry.
 */
#include <stdio.h>
#include <string.h>

#include "dataplane/dpdk/control.h"

static uint64_t get(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

void dpk_lcore_report(const struct dpk_lcores *l, unsigned int index, struct dbx_wire_lcore *out)
{
	const struct dpk_core_stats *s = dpk_core_stats(dpk_pipe_core(l->pipe, index));

	*out = (struct dbx_wire_lcore){
		.lcore = l->lcore_id[index],
		.n_queues = l->n_queues[index],
		.packets = get(&s->packets),
		.bursts = get(&s->bursts),
		.polls = get(&s->polls),
		.busy_cycles = get(&s->busy_cycles),
		.total_cycles = get(&s->total_cycles),
		.dropped = get(&s->dropped),
		.tx_dropped = get(&s->tx_dropped),
		.generation = get(&s->generation),
	};
}

static void report_device(const struct dpk_device *d, struct dbx_wire_port *out)
{
	struct rte_ether_addr mac;
	struct rte_eth_link link;
	struct rte_eth_stats s;

	if (d->id == DPK_NO_DEVICE)
		return;
	out->n_queues = d->n_rx;
	if (!rte_eth_macaddr_get(d->id, &mac))
		memcpy(out->mac, mac.addr_bytes, sizeof(out->mac));
	if (!rte_eth_link_get_nowait(d->id, &link)) {
		out->flags |= link.link_status ? DBX_WIRE_PORT_LINK_UP : 0;
		out->mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	}
	if (rte_eth_stats_get(d->id, &s))
		return;
	out->rx_packets = s.ipackets;
	out->rx_bytes = s.ibytes;
	out->tx_packets = s.opackets;
	out->tx_bytes = s.obytes;
	out->rx_missed = s.imissed;
	out->rx_nombuf = s.rx_nombuf;
}

void dpk_port_report(const struct dpk_lcores *l, const struct dpk_port *p,
		     struct dbx_wire_port *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->name, p->name, sizeof(out->name));
	snprintf(out->device, sizeof(out->device), "%.31s", p->net.name);
	snprintf(out->host, sizeof(out->host), "%.31s", p->host.name);
	out->ifindex = p->ifindex;
	out->flags = (p->is_workload ? DBX_WIRE_PORT_WORKLOAD : DBX_WIRE_PORT_UPLINK) |
		     (p->host.id != DPK_NO_DEVICE ? DBX_WIRE_PORT_HAS_HOST : 0);
	report_device(&p->net, out);
	for (unsigned int i = 0; i < l->n; i++) {
		const struct dpk_port_stats *s = &p->stats[i];

		out->tx_dropped += get(&s->tx_dropped);
		out->host_packets += get(&s->host_packets);
		out->host_dropped += get(&s->host_dropped);
		out->back_packets += get(&s->back_packets);
		out->fast_packets += get(&s->fast_packets);
	}
}
