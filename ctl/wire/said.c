// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * said.c -- what a flow says of its name, and what becomes of it.
 *
 * What is kept of a stream is what its first copies said. A repetition that says something else changes
 * nothing here, and does not pass the kernel's check of the hash.
 */
#include "wire/said.h"

#include <stdlib.h>
#include <string.h>

#include "lib/name.h"
#include "wire/http.h"

/* ---- streams ---- */

static bool is_flow(const struct dbx_stream *w, const struct dbx_name_event *e)
{
	return w && w->start_ns == e->start_ns && !memcmp(&w->key, &e->key, sizeof(w->key));
}

struct dbx_stream **dbx_streams_find(struct dbx_streams *s, const struct dbx_name_event *e,
				     uint64_t now_ns)
{
	struct dbx_stream **oldest = &s->v[0];

	for (size_t i = 0; i < DBX_STREAMS_MAX; i++)
		if (is_flow(s->v[i], e))
			return &s->v[i];
	for (size_t i = 0; i < DBX_STREAMS_MAX && *oldest; i++)
		if (!s->v[i] || s->v[i]->since_ns < (*oldest)->since_ns)
			oldest = &s->v[i];
	dbx_streams_drop(oldest);
	*oldest = calloc(1, sizeof(**oldest));
	if (!*oldest)
		return NULL;
	(*oldest)->key = e->key;
	(*oldest)->start_ns = e->start_ns;
	(*oldest)->since_ns = now_ns;
	return oldest;
}

void dbx_streams_drop(struct dbx_stream **w)
{
	if (*w)
		free((*w)->quic);
	free(*w);
	*w = NULL;
}

void dbx_streams_sweep(struct dbx_streams *s, uint64_t now_ns, uint64_t age_ns)
{
	for (size_t i = 0; i < DBX_STREAMS_MAX; i++)
		if (s->v[i] && now_ns - s->v[i]->since_ns > age_ns)
			dbx_streams_drop(&s->v[i]);
}

void dbx_streams_fini(struct dbx_streams *s)
{
	for (size_t i = 0; i < DBX_STREAMS_MAX; i++)
		dbx_streams_drop(&s->v[i]);
}

/* ---- what they say ---- */

/* False: nothing new. */
static bool add_segment(struct dbx_stream *w, const struct dbx_name_event *e)
{
	uint32_t off = e->seq - e->isn, skip = w->n - off, n;

	if (off > w->n || skip >= e->n_payload)
		return false;
	n = e->n_payload - skip;
	if (n > sizeof(w->bytes) - w->n)
		n = (uint32_t)sizeof(w->bytes) - w->n;
	memcpy(w->bytes + w->n, e->payload + skip, n);
	w->n += n;
	if (w->n_cuts < DBX_HELLO_CUTS)
		w->cuts[w->n_cuts] = w->n;
	w->n_cuts++;
	return true;
}

bool dbx_said_http(struct dbx_stream *w, const struct dbx_name_event *e,
		   const struct dbx_secret *secret, struct dbx_read_name *out)
{
	char name[DBX_NAME_SIZE];
	struct dbx_http_head head;
	enum dbx_http_status s;

	if (!add_segment(w, e))
		return false;
	s = dbx_http_read(w->bytes, w->n, &head);
	if (s == DBX_HTTP_MORE && w->n_cuts < DBX_HELLO_CUTS)
		return false;
	out->text = (const uint8_t *)head.host;
	out->n_text = head.n_host;
	out->n_hello = (uint32_t)head.n_head;
	out->n_body = head.n_body;
	if (s == DBX_HTTP_BAD)
		out->reason = DBX_REASON_NOT_HTTP;
	else if (s != DBX_HTTP_DONE || w->n_cuts > DBX_HELLO_CUTS)
		out->reason = DBX_REASON_HELLO_TOO_LONG;
	else if (dbx_name_canon_n(head.host, head.n_host, 0, name, NULL))
		out->reason = DBX_REASON_NAME_MISSING;
	else
		out->name = dbx_said_hash(secret, name);
	return true;
}

void dbx_said_quic(const struct dbx_hello *hello, const struct dbx_secret *secret, bool deny_ech,
		   struct dbx_said *said, struct dbx_read_name *out)
{
	dbx_hello_name(hello, secret, said);
	out->reason = said->reason;
	if (said->has_ech && said->reason != DBX_REASON_NOT_TLS && deny_ech)
		out->reason = DBX_REASON_NAME_ENCRYPTED;
	out->name = dbx_hash_value(&said->hash);
	out->text = said->name;
	out->n_text = said->n_name;
}

/* ---- the decision ---- */

void dbx_said_look_up(struct dbx_read_name *f, const struct dbx_name_event *e,
		      const struct dbx_bound *bound, uint64_t now_ns)
{
	if (f->reason)
		return;
	if (!bound || bound->expires_ns <= now_ns)
		f->reason = e->event.flags & DBX_EVENT_F_GUARDED ? 0 : DBX_REASON_NAME_MISMATCH;
	else if (bound->flags & DBX_BOUND_F_PRIVATE)
		f->reason = DBX_REASON_PRIVATE_REQUIRED;
	else
		f->rule_uid = bound->rule_uid;
}

bool dbx_said_is_hard(const struct dbx_read_name *f, const struct dbx_name_event *e)
{
	return f->reason == DBX_REASON_PRIVATE_REQUIRED || (e->event.flags & DBX_EVENT_F_GUARDED);
}

/* What a repetition must hash to: at the end of each segment, and of the head. */
static void put_cuts(const struct dbx_stream *w, const struct dbx_secret *secret,
		     struct dbx_flow *v)
{
	struct dbx_hash hash = {{0, 0}};
	uint32_t cut = 0;

	for (uint32_t i = 0; i < v->n_hello && v->n_cuts < DBX_HELLO_CUTS; i++) {
		dbx_hash_byte(&hash, secret, w->bytes[i]);
		while (cut < w->n_cuts && w->cuts[cut] < i + 1)
			cut++;
		if (i + 1 == v->n_hello || (cut < w->n_cuts && w->cuts[cut] == i + 1)) {
			v->cuts[v->n_cuts].end = i + 1;
			v->cuts[v->n_cuts++].hash = hash;
		}
	}
	v->n_seen = v->n_hello;
}

void dbx_said_flow(const struct dbx_read_name *f, const struct dbx_name_event *e,
		   const struct dbx_stream *w, const struct dbx_secret *secret, bool dry_run,
		   struct dbx_flow *v)
{
	v->workspace_id = e->event.workspace_id;
	v->start_ns = e->start_ns;
	v->isn = e->isn;
	v->kind = e->kind;
	v->reason = (uint8_t)f->reason;
	v->state = f->reason && !dry_run ? DBX_FLOW_DENIED : DBX_FLOW_ALLOWED;
	if (f->reason) {
		v->flags = dry_run ? DBX_FLOW_F_DRY_RUN : 0;
		return;
	}
	v->name = f->name;
	v->rule_uid = f->rule_uid;
	v->n_hello = f->n_hello;
	v->n_body = f->n_body;
	if (w)
		put_cuts(w, secret, v);
}

uint64_t dbx_said_hash(const struct dbx_secret *secret, const char *name)
{
	struct dbx_hash h = {{0, 0}};

	for (; *name; name++)
		dbx_hash_byte(&h, secret, (uint8_t)*name);
	return dbx_hash_value(&h);
}
