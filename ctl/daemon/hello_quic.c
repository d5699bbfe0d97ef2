// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hello_quic.c -- QUIC connections whose hello is read.
 *
 * Bounded: CONNS_MAX connections, HELD_MAX datagrams of each. The one that was silent longest gives
 * way; what then comes of it is judged as new, or held until its client repeats its hello.
 */
#include "daemon/hello_quic.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/namer_impl.h"

#define CONNS_MAX 1024u
#define HELD_MAX  4u
#define WAIT_NS   30000000000ull

struct datagram {
	size_t n;
	uint8_t b[];
};

struct dbx_quic_conn {
	struct dbx_flow_key key;
	uint64_t start_ns, used_ns;
	struct dbx_quic_id id;
	struct dbx_quic quic;
	bool allowed;
	size_t n_held;
	struct datagram *held[HELD_MAX];
};

struct dbx_quics {
	struct dbx_relay *relay;
	struct dbx_quic_conn *conns[CONNS_MAX]; /* NULL: free */
};

static void conn_free(struct dbx_quic_conn **c)
{
	if (!*c)
		return;
	for (size_t i = 0; i < (*c)->n_held; i++)
		free((*c)->held[i]);
	free(*c);
	*c = NULL;
}

static bool is_flow(const struct dbx_quic_conn *c, const struct dbx_name_event *e)
{
	return c && c->start_ns == e->start_ns && !memcmp(&c->key, &e->key, sizeof(c->key));
}

static bool same_id(const struct dbx_quic_id *a, const struct dbx_quic_id *b)
{
	return a->version == b->version && a->n == b->n && !memcmp(a->dcid, b->dcid, a->n);
}

static struct dbx_quic_conn *find(struct dbx_quics *q, const struct dbx_name_event *e,
				  const struct dbx_quic_id *id)
{
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (is_flow(q->conns[i], e) && same_id(&q->conns[i]->id, id))
			return q->conns[i];
	return NULL;
}

static struct dbx_quic_conn *add(struct dbx_quics *q, const struct dbx_name_event *e,
				 const struct dbx_quic_id *id)
{
	struct dbx_quic_conn **at = &q->conns[0], *c;

	for (size_t i = 0; i < CONNS_MAX && *at; i++)
		if (!q->conns[i] || q->conns[i]->used_ns < (*at)->used_ns)
			at = &q->conns[i];
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL; /* held; its client repeats */
	conn_free(at);
	*at = c;
	c->key = e->key;
	c->start_ns = e->start_ns;
	c->id = *id;
	return c;
}

static void hold(struct dbx_quic_conn *c, const struct dbx_name_event *e)
{
	struct datagram *d;

	if (c->n_held >= HELD_MAX)
		return;
	d = malloc(sizeof(*d) + e->n_payload);
	if (!d)
		return;
	d->n = e->n_payload;
	memcpy(d->b, e->payload, e->n_payload);
	c->held[c->n_held++] = d;
}

static enum dbx_quics_step send_on(struct dbx_quics *q, const struct dbx_name_event *e)
{
	/* lost: repeated */
	dbx_relay_send(q->relay, &e->key, e->mark, e->payload, e->n_payload);
	return DBX_QUICS_PASS;
}

/* One that begins nothing. seq: the kernel says that the flow is allowed. */
static enum dbx_quics_step add_other(struct dbx_quics *q, const struct dbx_name_event *e,
				     struct dbx_quic_conn *c)
{
	if (c ? c->allowed : e->seq)
		return send_on(q, e);
	if (c)
		hold(c, e); /* 0-RTT, behind a hello that is not whole yet */
	return DBX_QUICS_HELD;
}

static enum dbx_quics_step add_initial(struct dbx_quics *q, const struct dbx_name_event *e,
				       struct dbx_quic_conn *c, enum dbx_quic_status s)
{
	switch (s) {
	case DBX_QUIC_BAD:
		return DBX_QUICS_BAD;
	case DBX_QUIC_LONG:
		return DBX_QUICS_LONG;
	case DBX_QUIC_NONE:
		return add_other(q, e, c);
	case DBX_QUIC_MORE:
		hold(c, e);
		return DBX_QUICS_HELD;
	case DBX_QUIC_DONE:
		break;
	}
	if (c->allowed)
		return send_on(q, e);
	hold(c, e);
	return DBX_QUICS_DECIDE;
}

enum dbx_quics_step dbx_quics_add(struct dbx_quics *q, const struct dbx_name_event *e,
				  struct dbx_quic_conn **conn)
{
	struct dbx_quic fresh = {.seen = {0}};
	struct dbx_quic_conn *c;
	enum dbx_quic_status s;
	struct dbx_quic_id id;

	if (dbx_quic_identify(e->payload, e->n_payload, &id))
		return DBX_QUICS_BAD;
	c = find(q, e, &id);
	s = dbx_quic_read(c ? &c->quic : &fresh, e->payload, e->n_payload);
	if (!c && s != DBX_QUIC_NONE && s != DBX_QUIC_BAD && s != DBX_QUIC_LONG) {
		c = add(q, e, &id);
		if (!c)
			return DBX_QUICS_HELD;
		c->quic = fresh;
	}
	if (c)
		c->used_ns = dbx_namer_now();
	*conn = c;
	return add_initial(q, e, c, s);
}

const struct dbx_hello *dbx_quics_hello(const struct dbx_quic_conn *conn)
{
	return &conn->quic.hello;
}

void dbx_quics_allow(struct dbx_quics *q, const struct dbx_name_event *e,
		     struct dbx_quic_conn *conn)
{
	if (!conn) {
		send_on(q, e);
		return;
	}
	conn->allowed = true;
	for (size_t i = 0; i < conn->n_held; i++) {
		dbx_relay_send(q->relay, &conn->key, e->mark, conn->held[i]->b, conn->held[i]->n);
		free(conn->held[i]);
	}
	conn->n_held = 0;
}

/*
 * Only of untagged clients: by their address alone, routing may find another. The kernel program
 * answers those when they repeat.
 */
void dbx_quics_deny(struct dbx_quics *q, const struct dbx_name_event *e)
{
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (is_flow(q->conns[i], e))
			conn_free(&q->conns[i]);
	if (!e->key.domain)
		dbx_relay_refuse(q->relay, &e->key, e->payload, e->n_payload);
}

void dbx_quics_sweep(struct dbx_quics *q)
{
	uint64_t now = dbx_namer_now();

	for (size_t i = 0; i < CONNS_MAX; i++)
		if (q->conns[i] && now - q->conns[i]->used_ns > WAIT_NS)
			conn_free(&q->conns[i]);
}

struct dbx_quics *dbx_quics_new(void)
{
	struct dbx_quics *q = calloc(1, sizeof(*q));

	if (q)
		q->relay = dbx_relay_new();
	if (q && !q->relay)
		dbx_quics_free(&q);
	return q;
}

void dbx_quics_free(struct dbx_quics **q)
{
	if (!*q)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++)
		conn_free(&(*q)->conns[i]);
	dbx_relay_free(&(*q)->relay);
	free(*q);
	*q = NULL;
}
