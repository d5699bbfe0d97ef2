// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lcore.c -- what an lcore does: takes bursts from its queues, has them judged, sends what passes.
 *
 * Run to completion: a packet is sent by the lcore that took it, in the turn in which it took it. A
 * device that has fewer queues than there are lcores is polled by some of them; its tx queues are then
 * shared under a lock.
 */
#include "dataplane/dpdk/lcore.h"

#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#define POLLS_TO_SLEEP 512u
#define QUEUES_MAX     (DPK_PORTS_MAX * 2)

/* One queue that this lcore polls. */
struct queue {
	struct dpk_port *port;
	uint16_t device, number;
	bool is_host;
};

/* Packets on their way to one device. */
struct batch {
	struct dpk_device *to;
	unsigned int n;
	struct rte_mbuf *m[DPK_BURST];
};

struct turn {
	struct dpk_lcores *l;
	struct dpk_core *core;
	struct dpk_core_stats *stats;
	unsigned int index;
	uint64_t now;
	struct rte_mbuf *drop[DPK_BURST];
	unsigned int n_drop;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The queue of a device that is this lcore's, if one is: no device has more of them than lcores. */
static unsigned int add_queue(const struct dpk_lcores *l, unsigned int index, struct dpk_port *port,
			      bool is_host, unsigned int shift, struct queue *v)
{
	const struct dpk_device *d = is_host ? &port->host : &port->net;

	for (uint16_t q = 0; d->id != DPK_NO_DEVICE && q < d->n_rx; q++) {
		if ((d->n_rx == l->n ? q : (q + shift) % l->n) != index)
			continue;
		*v = (struct queue){port, d->id, q, is_host};
		return 1;
	}
	return 0;
}

static uint16_t send_all(struct turn *t, struct dpk_device *d, struct rte_mbuf **m, uint16_t n)
{
	uint16_t queue = (uint16_t)(t->index % d->n_tx), sent;

	if (d->is_shared)
		rte_spinlock_lock(&d->tx_lock[queue]);
	sent = rte_eth_tx_burst(d->id, queue, m, n);
	if (d->is_shared)
		rte_spinlock_unlock(&d->tx_lock[queue]);
	if (sent < n)
		rte_pktmbuf_free_bulk(m + sent, n - sent);
	t->stats->tx_dropped += n - sent;
	return sent;
}

static void flush(struct turn *t, struct batch *b, uint64_t *n_sent, uint64_t *n_dropped)
{
	uint16_t sent;

	if (!b->n)
		return;
	sent = send_all(t, b->to, b->m, (uint16_t)b->n);
	*n_sent += sent;
	*n_dropped += b->n - sent;
	b->n = 0;
}

static void drop(struct turn *t, struct rte_mbuf *m)
{
	t->drop[t->n_drop++] = m;
}

static void free_dropped(struct turn *t)
{
	if (t->n_drop)
		rte_pktmbuf_free_bulk(t->drop, t->n_drop);
	t->n_drop = 0;
}

/* Past the stack. Most of a burst goes to one port: its packets are sent together. */
static void send_fast(struct turn *t, struct batch *b, struct dpk_port **last, uint32_t ifindex,
		      struct rte_mbuf *m)
{
	struct dpk_port *to = *last;

	if (!to || to->ifindex != ifindex) {
		to = dpk_port_indexed(t->l->ports, ifindex);
		if (!to) {
			drop(t, m);
			return;
		}
		if (*last)
			flush(t, b, &(*last)->stats[t->index].tx_packets,
			      &(*last)->stats[t->index].tx_dropped);
		*last = to;
		b->to = &to->net;
	}
	to->stats[t->index].fast_packets++;
	b->m[b->n++] = m;
}

static void send_host(struct turn *t, struct batch *b, struct dpk_port *port,
		      const struct dpk_out *out, struct rte_mbuf *m)
{
	if (b->to->id == DPK_NO_DEVICE || (port->is_workload && dpk_pipe_shim(m, out))) {
		port->stats[t->index].host_dropped++;
		drop(t, m);
		return;
	}
	b->m[b->n++] = m;
}

/* What came by a network: judged, if it is a workload's. */
static void from_network(struct turn *t, struct dpk_port *port, struct rte_mbuf **m, unsigned int n)
{
	uint32_t ifindex = __atomic_load_n(&port->ifindex, __ATOMIC_RELAXED);
	struct dpk_port_stats *stats = &port->stats[t->index];
	struct batch host = {.to = &port->host}, back = {.to = &port->net}, fast = {0};
	struct dpk_port *last = NULL;
	struct dpk_out out[DPK_BURST];

	if (port->is_workload)
		dpk_pipe_burst(t->core, ifindex, port->hash, t->now, m, n, out, NULL);
	else
		dpk_pipe_inward(t->core, ifindex, t->now, m, n, out);
	for (unsigned int i = 0; i < n; i++) {
		if (out[i].way == DPK_FAST)
			send_fast(t, &fast, &last, out[i].ifindex, m[i]);
		else if (out[i].way == DPK_HOST)
			send_host(t, &host, port, &out[i], m[i]);
		else if (out[i].way == DPK_BACK)
			back.m[back.n++] = m[i];
		else
			drop(t, m[i]);
	}
	if (last)
		flush(t, &fast, &last->stats[t->index].tx_packets,
		      &last->stats[t->index].tx_dropped);
	flush(t, &host, &stats->host_packets, &stats->host_dropped);
	flush(t, &back, &stats->tx_packets, &stats->tx_dropped);
	free_dropped(t);
}

/* What the stack sends: to a workload past egress_back, else as it is. */
static void from_host(struct turn *t, struct dpk_port *port, struct rte_mbuf **m, unsigned int n)
{
	struct dpk_port_stats *stats = &port->stats[t->index];
	struct batch out = {.to = &port->net};
	struct dpk_out way[DPK_BURST];
	uint64_t sent = 0;

	if (port->is_workload)
		dpk_pipe_back(t->core, port->ifindex, t->now, m, n, way);
	for (unsigned int i = 0; i < n; i++) {
		if (port->is_workload && way[i].way == DPK_DROP)
			drop(t, m[i]);
		else
			out.m[out.n++] = m[i];
	}
	flush(t, &out, &sent, &stats->tx_dropped);
	stats->tx_packets += sent;
	stats->back_packets += sent;
	free_dropped(t);
}

static void mark(struct turn *t)
{
	uint64_t *n = &t->l->turns[t->index].n;

	__atomic_store_n(n, *n + 1, __ATOMIC_RELEASE);
}

static unsigned int poll_queue(struct turn *t, const struct queue *q)
{
	struct rte_mbuf *m[DPK_BURST];
	uint16_t n = rte_eth_rx_burst(q->device, q->number, m, DPK_BURST);

	if (!n)
		return 0;
	t->now = clock_ns();
	mark(t);
	if (q->is_host)
		from_host(t, q->port, m, n);
	else
		from_network(t, q->port, m, n);
	mark(t);
	return n;
}

/* Nothing came in this turn. */
static void idle(struct turn *t, unsigned int n_idle, uint64_t since, uint64_t now)
{
	struct dpk_lcores *l = t->l;

	dpk_core_sweep(t->core, clock_ns());
	dpk_core_end(t->core);
	if (l->until_idle_ms && now - since > rte_get_tsc_hz() / 1000 * l->until_idle_ms)
		l->must_stop = 1;
	if (l->idle_us && n_idle > POLLS_TO_SLEEP) {
		dpk_pipe_leave(t->core); /* nobody has to wait for who sleeps */
		usleep(l->idle_us);
		dpk_pipe_join(t->core);
	}
}

void dpk_lcore_run(struct dpk_lcores *l, unsigned int index)
{
	struct turn t = {.l = l, .core = dpk_pipe_core(l->pipe, index), .index = index};
	struct queue queues[QUEUES_MAX];
	unsigned int n_queues = 0, n_idle = 0;
	uint64_t began = rte_rdtsc(), last = began, before, after;

	for (unsigned int i = 0; i < l->ports->n; i++) {
		n_queues += add_queue(l, index, l->ports->v[i], false, i, queues + n_queues);
		n_queues += add_queue(l, index, l->ports->v[i], true, i, queues + n_queues);
	}
	l->n_queues[index] = n_queues;
	t.stats = dpk_core_stats(t.core);
	dpk_pipe_join(t.core);
	while (!l->must_stop) {
		unsigned int n = 0;

		before = rte_rdtsc();
		for (unsigned int i = 0; i < n_queues; i++)
			n += poll_queue(&t, &queues[i]);
		after = rte_rdtsc();
		t.stats->polls++;
		t.stats->total_cycles = after - began;
		if (n) {
			t.stats->bursts++;
			t.stats->busy_cycles += after - before;
			last = after;
			n_idle = 0;
		} else {
			idle(&t, ++n_idle, last, after);
		}
	}
	dpk_pipe_leave(t.core);
}
