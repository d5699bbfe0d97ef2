// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * telemetry.c -- how the process does, for dpdk-telemetry.py.
 *
 * Called by the EAL's own threads. What is read are counts that one lcore each writes, and the header of
 * the image in force, which the control thread might retire meanwhile: its numbers come from the lcores.
 */
#include "dataplane/dpdk/telemetry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_telemetry.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dpk_lcores *lcores; /* NULL: there is nothing to tell any more */
static uint64_t started_id;

static const struct {
	const char *slug;
} reasons[DBX_REASON_MAX] = {
#define DBX_REASON(id, kind, slug, text) {slug},
#include "dbx/reasons.def"
#undef DBX_REASON
};

static int on_status(struct rte_tel_data *d)
{
	uint64_t generation = 0, packets = 0, dropped = 0;
	struct dbx_wire_lcore w;

	for (unsigned int i = 0; i < lcores->n; i++) {
		dpk_lcore_report(lcores, i, &w);
		packets += w.packets;
		dropped += w.dropped;
		if (w.generation > generation)
			generation = w.generation;
	}
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "version", DBX_VERSION);
	rte_tel_data_add_dict_int(d, "abi", DBX_ABI_VERSION);
	rte_tel_data_add_dict_int(
		d, "has_image",
		!!__atomic_load_n(&dpk_pipe_shared(lcores->pipe)->image, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_u64(d, "generation", generation);
	rte_tel_data_add_dict_u64(d, "counters_id", started_id);
	rte_tel_data_add_dict_int(d, "lcores", (int)lcores->n);
	rte_tel_data_add_dict_int(d, "ports", (int)lcores->ports->n);
	rte_tel_data_add_dict_u64(d, "packets", packets);
	rte_tel_data_add_dict_u64(d, "dropped", dropped);
	return 0;
}

static int on_lcores(struct rte_tel_data *d)
{
	struct dbx_wire_lcore w;
	struct rte_tel_data *one;
	char name[16];

	rte_tel_data_start_dict(d);
	for (unsigned int i = 0; i < lcores->n; i++) {
		one = rte_tel_data_alloc();
		if (!one)
			return -1;
		dpk_lcore_report(lcores, i, &w);
		rte_tel_data_start_dict(one);
		rte_tel_data_add_dict_int(one, "queues", (int)w.n_queues);
		rte_tel_data_add_dict_u64(one, "packets", w.packets);
		rte_tel_data_add_dict_u64(one, "bursts", w.bursts);
		rte_tel_data_add_dict_u64(one, "polls", w.polls);
		rte_tel_data_add_dict_u64(one, "busy_cycles", w.busy_cycles);
		rte_tel_data_add_dict_u64(one, "total_cycles", w.total_cycles);
		rte_tel_data_add_dict_u64(one, "cycles_per_packet",
					  w.packets ? w.busy_cycles / w.packets : 0);
		rte_tel_data_add_dict_u64(one, "dropped", w.dropped);
		rte_tel_data_add_dict_u64(one, "tx_dropped", w.tx_dropped);
		rte_tel_data_add_dict_u64(one, "generation", w.generation);
		snprintf(name, sizeof(name), "%u", w.lcore);
		rte_tel_data_add_dict_container(d, name, one, 0);
	}
	return 0;
}

static int on_ports(struct rte_tel_data *d)
{
	struct dbx_wire_port w;
	struct rte_tel_data *one;

	rte_tel_data_start_dict(d);
	for (unsigned int i = 0; i < lcores->ports->n; i++) {
		one = rte_tel_data_alloc();
		if (!one)
			return -1;
		dpk_port_report(lcores, lcores->ports->v[i], &w);
		rte_tel_data_start_dict(one);
		rte_tel_data_add_dict_string(one, "device", w.device);
		rte_tel_data_add_dict_string(one, "host", w.host);
		rte_tel_data_add_dict_int(one, "ifindex", (int)w.ifindex);
		rte_tel_data_add_dict_int(one, "queues", w.n_queues);
		rte_tel_data_add_dict_u64(one, "rx_packets", w.rx_packets);
		rte_tel_data_add_dict_u64(one, "tx_packets", w.tx_packets);
		rte_tel_data_add_dict_u64(one, "rx_missed", w.rx_missed);
		rte_tel_data_add_dict_u64(one, "tx_dropped", w.tx_dropped);
		rte_tel_data_add_dict_u64(one, "host_packets", w.host_packets);
		rte_tel_data_add_dict_u64(one, "host_dropped", w.host_dropped);
		rte_tel_data_add_dict_u64(one, "back_packets", w.back_packets);
		rte_tel_data_add_dict_u64(one, "fast_packets", w.fast_packets);
		rte_tel_data_add_dict_container(d, w.name, one, 0);
	}
	return 0;
}

/* Totals by verdict and reason; those of nothing are left out. */
static int on_counters(struct rte_tel_data *d)
{
	static const char *const verdicts[DBX_VERDICT_MAX] = {"drop", "pass", "dry-run"};
	struct dpk_shared *sh = dpk_pipe_shared(lcores->pipe);
	struct dbx_counter v[DBX_TOTAL_MAX];
	char name[RTE_TEL_MAX_STRING_LEN];

	memset(v, 0, sizeof(v));
	for (unsigned int i = 0; i < sh->n_cores; i++)
		dpk_totals_add(sh->cores[i], v);
	rte_tel_data_start_dict(d);
	for (unsigned int i = 0; i < DBX_REASON_MAX * DBX_VERDICT_MAX; i++) {
		if (!v[i].packets)
			continue;
		snprintf(name, sizeof(name), "%s_%s", verdicts[i % DBX_VERDICT_MAX],
			 reasons[i / DBX_VERDICT_MAX].slug);
		for (char *p = name; *p; p++) /* names may have letters, digits and _ */
			*p = *p == '-' ? '_' : *p;
		rte_tel_data_add_dict_u64(d, name, v[i].packets);
	}
	rte_tel_data_add_dict_u64(d, "unkeyed", v[DBX_TOTAL_UNKEYED].packets);
	rte_tel_data_add_dict_u64(d, "events", v[DBX_TOTAL_EVENTS].packets);
	rte_tel_data_add_dict_u64(d, "events_lost", v[DBX_TOTAL_EVENTS_LOST].packets);
	return 0;
}

static const struct {
	const char *cmd;
	int (*fn)(struct rte_tel_data *d);
	const char *help;
} commands[] = {
	{"/dbx/status", on_status, "What is enforced. No parameters"},
	{"/dbx/lcores", on_lcores, "Packets, drops, cycles of each lcore. No parameters"},
	{"/dbx/ports", on_ports, "Packets of each port. No parameters"},
	{"/dbx/counters", on_counters, "Packets by verdict and reason. No parameters"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int on_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int rc = -1;

	(void)params;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; lcores && i < N_COMMANDS; i++) {
		if (!strcmp(cmd, commands[i].cmd))
			rc = commands[i].fn(d);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int dpk_telemetry_open(struct dpk_lcores *l, struct dpk_control *c)
{
	struct dbx_wire_state s = {0};
	int rc = 0;

	if (c)
		dpk_control_state(c, &s);
	started_id = s.counters_id;
	lcores = l;
	for (size_t i = 0; i < N_COMMANDS && !rc; i++)
		rc = rte_telemetry_register_cmd(commands[i].cmd, on_command, commands[i].help);
	return rc;
}

void dpk_telemetry_close(void)
{
	pthread_mutex_lock(&lock);
	lcores = NULL;
	pthread_mutex_unlock(&lock);
}
