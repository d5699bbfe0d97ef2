// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * events.c -- what lcores note of packets and names, carried to the daemon.
 *
 * Each lcore has a ring of its own of either kind; who finds it full counts the event as lost. Nothing
 * is taken from a ring that the reader has no room for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/dpdk/request.h"

#define SENDING_TRIES 400
#define SENDING_US    50
#define SENT_AT_ONCE  256 /* messages of a connection; then others have their turn */

static void fill_head(struct dbx_wire_head *h, uint16_t type, size_t n_bytes)
{
	memset(h, 0, sizeof(*h));
	h->magic = DBX_WIRE_MAGIC;
	h->version = DBX_WIRE_VERSION;
	h->type = type;
	h->n_bytes = (uint32_t)n_bytes;
}

/* One message of packet events, from any core; its size, or 0. */
static size_t take_events(struct dpk_control *c, uint8_t *out)
{
	struct dbx_wire_head *h = (struct dbx_wire_head *)out;
	uint8_t *p = out + sizeof(*h);
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->sh->n_cores && n < DBX_WIRE_BATCH; i++)
		n += rte_ring_sc_dequeue_burst_elem(
			dpk_core_events(c->sh->cores[i]), p + n * sizeof(struct dbx_event),
			sizeof(struct dbx_event), DBX_WIRE_BATCH - n, NULL);
	if (!n)
		return 0;
	fill_head(h, DBX_WIRE_EVENT, sizeof(*h) + n * sizeof(struct dbx_event));
	return h->n_bytes;
}

/*
 * The daemon acts on a name event at once: its RST must not overtake a packet that was judged before
 * and has not been sent yet. Bounded, since an lcore may have no CPU for a while.
 */
static void await_sending(const struct dpk_control *c, unsigned int core)
{
	const uint64_t *turn = &c->lcores->turns[core].n,
		       was = __atomic_load_n(turn, __ATOMIC_ACQUIRE);

	for (int i = 0; i < SENDING_TRIES && was & 1; i++) {
		if (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != was)
			return;
		usleep(SENDING_US);
	}
}

static size_t take_name_event(struct dpk_control *c, uint8_t *out)
{
	struct dbx_wire_head *h = (struct dbx_wire_head *)out;
	struct dbx_name_event e;
	size_t n;

	for (unsigned int i = 0; i < c->sh->n_cores; i++) {
		if (rte_ring_sc_dequeue_elem(dpk_core_name_events(c->sh->cores[i]), &e, sizeof(e)))
			continue;
		if (i < c->lcores->n)
			await_sending(c, i);
		n = offsetof(struct dbx_name_event, payload) + e.n_payload;
		memcpy(out + sizeof(*h), &e, n);
		fill_head(h, DBX_WIRE_NAME_EVENT, sizeof(*h) + n);
		return h->n_bytes;
	}
	return 0;
}

static size_t take_samples(struct dpk_control *c, const struct dpk_connection *k, uint8_t *out)
{
	struct dbx_wire_head *h = (struct dbx_wire_head *)out;
	size_t n = dpk_capture_take(c, k, out + sizeof(*h), DBX_WIRE_MAX - sizeof(*h));

	if (!n)
		return 0;
	fill_head(h, DBX_WIRE_SAMPLE, sizeof(*h) + n);
	return h->n_bytes;
}

static size_t take_any(struct dpk_control *c, const struct dpk_connection *k, uint8_t *out)
{
	switch (k->role) {
	case DBX_WIRE_ROLE_EVENTS:
		return take_events(c, out);
	case DBX_WIRE_ROLE_NAME_EVENTS:
		return take_name_event(c, out);
	default:
		return take_samples(c, k, out);
	}
}

/* 1: sent; 0: no room; -1: the connection is broken. */
static int send_pending(struct dpk_connection *k)
{
	ssize_t n = send(k->fd, k->pending, k->n_pending, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
	k->n_pending = 0;
	return 1;
}

bool dpk_events_send(struct dpk_control *c, struct dpk_connection *k)
{
	int rc;

	if (!k->pending)
		k->pending = malloc(DBX_WIRE_MAX);
	if (!k->pending)
		return false;
	for (int i = 0; i < SENT_AT_ONCE; i++) {
		if (!k->n_pending)
			k->n_pending = take_any(c, k, k->pending);
		if (!k->n_pending)
			return false;
		rc = send_pending(k);
		if (rc < 0)
			shutdown(k->fd, SHUT_RDWR); /* the loop sees its end */
		if (rc <= 0)
			return rc == 0;
	}
	return true;
}

/* Whether there is something to send, for which somebody is there. */
bool dpk_events_waiting(const struct dpk_control *c)
{
	bool events = false, names = false, samples = false;

	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++) {
		if (c->conn[i].fd < 0 || c->conn[i].n_pending)
			continue;
		events |= c->conn[i].role == DBX_WIRE_ROLE_EVENTS;
		names |= c->conn[i].role == DBX_WIRE_ROLE_NAME_EVENTS;
		samples |= c->conn[i].role == DBX_WIRE_ROLE_SAMPLES;
	}
	for (unsigned int i = 0; i < c->sh->n_cores; i++) {
		if ((events && !rte_ring_empty(dpk_core_events(c->sh->cores[i]))) ||
		    (names && !rte_ring_empty(dpk_core_name_events(c->sh->cores[i]))) ||
		    (samples && dpk_sampler_waits(dpk_core_sampler(c->sh->cores[i]))))
			return true;
	}
	return false;
}
