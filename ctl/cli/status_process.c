// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * status_process.c -- status: the process of the data plane, where it has one (dbx-egress-dpdk).
 */
#include "cli/status.h"

#include "cli/out.h"

static int print_lcores(const json_t *lcores)
{
	static const struct dbx_column cols[] = {
		{"lcore", true},   {"queues", true},        {"packets", true}, {"drops", true},
		{"no room", true}, {"cycles/packet", true}, {"busy", true}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 7);
	json_array_foreach(lcores, i, v) {
		const json_t *cycles = json_object_get(v, "cycles_per_packet");

		dbx_table_cell(&t, DBX_BOLD, "%lld", dbx_json_int(v, "lcore"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "queues"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "packets"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "dropped"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "tx_dropped"));
		if (json_is_number(cycles))
			dbx_table_cell(&t, DBX_PLAIN, "%.0f", json_number_value(cycles));
		else
			dbx_table_cell(&t, DBX_PLAIN, "-");
		dbx_table_cell(&t, DBX_PLAIN, "%.1f %%",
			       json_number_value(json_object_get(v, "busy_percent")));
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static int print_ports(const json_t *ports)
{
	static const struct dbx_column cols[] = {
		{"port", false},      {"device", false},  {"host", false},  {"link", false},
		{"queues", true},     {"received", true}, {"missed", true}, {"to host", true},
		{"lost there", true}, {"fast", true}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 10);
	json_array_foreach(ports, i, v) {
		const char *link = dbx_json_str(v, "link");
		long long missed = dbx_json_int(v, "rx_missed") + dbx_json_int(v, "rx_nombuf");
		long long lost = dbx_json_int(v, "host_dropped");

		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "name"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "device"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "host"));
		dbx_table_cell(&t, link[0] == 'u' ? DBX_GREEN : DBX_YELLOW, "%s", link);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "queues"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "rx_packets"));
		dbx_table_cell(&t, missed ? DBX_YELLOW : DBX_PLAIN, "%lld", missed);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "host_packets"));
		dbx_table_cell(&t, lost ? DBX_YELLOW : DBX_PLAIN, "%lld", lost);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "fast_packets"));
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

int dbx_status_process(const json_t *p)
{
	const json_t *routes = json_object_get(p, "routes");
	int code;

	if (!json_is_object(p))
		return 0;
	dbx_say("\n%-13s ", "process");
	dbx_say_in(stdout, DBX_PLAIN, "%s, pid %lld, ", dbx_json_str(p, "version"),
		   dbx_json_int(p, "pid"));
	if (dbx_json_true(p, "answers"))
		dbx_say_in(stdout, DBX_GREEN, "answers");
	else
		dbx_say_in(stdout, DBX_RED, "does not answer: nothing can be applied or learned");
	dbx_say("\n%-13s %lld, and %lld neighbours", "routes told", dbx_json_int(routes, "told"),
		dbx_json_int(routes, "neighbours"));
	if (*dbx_json_str(routes, "error"))
		dbx_say_in(stdout, DBX_RED, ", %s", dbx_json_str(routes, "error"));
	dbx_say("\n");
	code = print_lcores(json_object_get(p, "lcores"));
	return code ? code : print_ports(json_object_get(p, "ports"));
}
