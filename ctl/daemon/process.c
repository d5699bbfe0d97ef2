// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.c -- how the process of the data plane is (dbx-egress-dpdk), for people.
 */
#include "daemon/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fib.h"
#include "daemon/log.h"

static struct dbx_dp_process *ask(struct dbx_daemon *d)
{
	struct dbx_dp_process *p;

	if (!d->core.ops->process)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p && d->core.ops->process(d->core.dp, p)) {
		free(p);
		p = NULL;
	}
	return p;
}

const char *dbx_process_why(int rc)
{
	return rc == -ENOTCONN ? "the DPDK process does not answer" : strerror(-rc);
}

void dbx_process_watch(struct dbx_daemon *d)
{
	struct dbx_dp_process *p = ask(d);

	if (!p)
		return;
	if (!p->is_there && d->process_was_there)
		dbx_log_error(
			"the DPDK process (pid %u) does not answer: it enforces what it was "
			"told, if it lives; nothing can be applied or learned until it answers",
			p->pid);
	else if (p->is_there && !d->process_was_there)
		dbx_log_info("the DPDK process (pid %u, %s) answers", p->pid, p->version);
	d->process_was_there = p->is_there;
	free(p);
}

static void out_lcore(struct dbx_strbuf *b, const struct dbx_wire_lcore *l)
{
	dbx_strbuf_addf(b,
			"{\"lcore\":%u,\"queues\":%u,\"packets\":%" PRIu64 ",\"bursts\":%" PRIu64
			",\"dropped\":%" PRIu64 ",\"tx_dropped\":%" PRIu64
			",\"image_generation\":%" PRIu64 ",\"busy_percent\":%.1f,",
			l->lcore, l->n_queues, (uint64_t)l->packets, (uint64_t)l->bursts,
			(uint64_t)l->dropped, (uint64_t)l->tx_dropped, (uint64_t)l->generation,
			l->total_cycles ? 100.0 * (double)l->busy_cycles / (double)l->total_cycles
					: 0.0);
	if (l->packets)
		dbx_strbuf_addf(b, "\"cycles_per_packet\":%.1f}",
				(double)l->busy_cycles / (double)l->packets);
	else
		dbx_strbuf_add(b, "\"cycles_per_packet\":null}");
}

static void out_port(struct dbx_strbuf *b, const struct dbx_wire_port *p)
{
	dbx_strbuf_addc(b, '{');
	dbx_out_string(b, "name", p->name);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "device", p->device);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "host", p->flags & DBX_WIRE_PORT_HAS_HOST ? p->host : NULL);
	dbx_strbuf_addf(b, ",\"role\":\"%s\",\"link\":\"%s\",\"ifindex\":%u,\"queues\":%u",
			p->flags & DBX_WIRE_PORT_UPLINK ? "uplink" : "workload",
			p->flags & DBX_WIRE_PORT_LINK_UP ? "up" : "down", p->ifindex, p->n_queues);
#define OUT(field) dbx_strbuf_addf(b, ",\"" #field "\":%" PRIu64, (uint64_t)p->field)
	OUT(rx_packets), OUT(rx_bytes), OUT(tx_packets), OUT(tx_bytes);
	OUT(rx_missed), OUT(rx_nombuf), OUT(tx_dropped);
	OUT(host_packets), OUT(host_dropped), OUT(back_packets), OUT(fast_packets);
#undef OUT
	dbx_strbuf_addc(b, '}');
}

static void out_routes(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_fib_stats s;

	if (!d->fib) {
		dbx_strbuf_add(b, "\"routes\":null");
		return;
	}
	dbx_fib_stats(d->fib, &s);
	dbx_strbuf_addf(b, "\"routes\":{\"told\":%zu,\"neighbours\":%zu,\"ipv4\":%s,\"ipv6\":%s,",
			s.n_routes, s.n_neighs, s.is_plain[0] ? "true" : "false",
			s.is_plain[1] ? "true" : "false");
	dbx_out_string(b, "error", d->fib_error[0] ? d->fib_error : NULL);
	dbx_strbuf_addc(b, '}');
}

void dbx_out_process(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_dp_process *p = ask(d);
	size_t i;

	if (!p) {
		dbx_strbuf_add(b, "\"process\":null");
		return;
	}
	dbx_strbuf_addf(b, "\"process\":{\"answers\":%s,\"pid\":%u,\"reconnects\":%u,",
			p->is_there ? "true" : "false", p->pid, p->n_reconnects);
	dbx_out_string(b, "version", p->version);
	dbx_strbuf_addf(b, ",\"tsc_hz\":%" PRIu64 ",", p->tsc_hz);
	out_routes(d, b);
	dbx_strbuf_add(b, ",\"lcores\":[");
	for (i = 0; i < p->n_lcores; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_lcore(b, &p->lcores[i]);
	}
	dbx_strbuf_add(b, "],\"ports\":[");
	for (i = 0; i < p->n_ports; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_port(b, &p->ports[i]);
	}
	dbx_strbuf_add(b, "]}");
	free(p);
}
