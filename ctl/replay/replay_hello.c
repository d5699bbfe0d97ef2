// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_hello.c -- flows whose name the daemon reads on the wire: HTTP request heads and QUIC Initials.
 *
 * Decided by wire/said.h, as ctl/daemon/hello.c does, from the same copies of payload that the kernel program hands
 * out, and at once: the packet that completed the hello is then judged again, as the repetition that
 * its client would send.
 */
#include "replay/replay_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/quic.h"
#include "wire/said.h"

struct dbx_replay_hellos {
	struct dbx_streams streams;
	bool has_event;
	bool sends; /* the datagram at hand leaves by the daemon */
	uint64_t rule_uid;
	struct dbx_name_event e; /* of the packet at hand */
	uint8_t name[256];
};

/* ---- what they say ---- */

static bool read_quic(const struct dbx_replay *r, struct dbx_stream *w, struct dbx_said *said,
		      struct dbx_read_name *out)
{
	const struct dbx_name_event *e = &r->hellos->e;

	if (!w->quic)
		w->quic = calloc(1, sizeof(*w->quic));
	if (!w->quic)
		return false; /* out of memory: held */
	switch (dbx_quic_read(w->quic, e->payload, e->n_payload)) {
	case DBX_QUIC_BAD:
		out->reason = DBX_REASON_QUIC_REFUSED;
		return true;
	case DBX_QUIC_LONG:
		out->reason = DBX_REASON_HELLO_TOO_LONG;
		return true;
	case DBX_QUIC_DONE:
		dbx_said_quic(&w->quic->hello, &r->secret,
			      r->o.image->hdr->name_flags & DBX_NAMES_F_ECH_DENY, said, out);
		return true;
	case DBX_QUIC_MORE:
	default:
		return false;
	}
}

/* ---- the decision ---- */

static void look_up(const struct dbx_replay *r, struct dbx_read_name *f)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_bound_key key = {.policy_uid = e->policy_uid, .name = f->name};
	struct dbx_bound bound;
	int rc;

	memcpy(key.addr, e->key.dst, sizeof(key.addr));
	rc = f->reason ? -ENOENT : dbx_sim_bound_get(&key, &bound);
	dbx_said_look_up(f, e, rc ? NULL : &bound, r->now_ns);
}

/* Whether what is refused passes, recorded: asked of a name that no policy lists. */
static bool is_dry_run(const struct dbx_replay *r)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};

	dbx_names_decide(r->o.names, (int64_t)e->event.workspace_id, e->event.product,
			 DBX_SAID_UNLISTED, &d);
	return d.verdict == DBX_VERDICT_DRY_RUN;
}

static bool decide(struct dbx_replay *r, const struct dbx_stream *w, struct dbx_read_name *f)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_flow v = {.policy_uid = {e->policy_uid, 0}, .last_ns = r->now_ns};
	bool is_http = e->kind == DBX_NAME_PORT_HTTP;

	look_up(r, f);
	dbx_said_flow(f, e, is_http ? w : NULL, &r->secret,
		      f->reason && !dbx_said_is_hard(f, e) && is_dry_run(r), &v);
	return !dbx_sim_flow_set(&e->key, &v);
}

static bool take(struct dbx_replay *r, const uint8_t **name, uint32_t *n_name)
{
	struct dbx_replay_hellos *h = r->hellos;
	struct dbx_read_name f = {.reason = 0};
	struct dbx_said said = {.reason = 0};
	struct dbx_stream **w = dbx_streams_find(&h->streams, &h->e, r->now_ns);
	bool done;

	if (!w)
		return false; /* out of memory: held */
	done = h->e.kind == DBX_NAME_PORT_HTTP ? dbx_said_http(*w, &h->e, &r->secret, &f)
					       : read_quic(r, *w, &said, &f);
	if (!done)
		return false;
	done = decide(r, *w, &f);
	h->sends = done && h->e.kind == DBX_NAME_PORT_QUIC && !f.reason;
	h->rule_uid = f.rule_uid;
	*n_name = (uint32_t)(f.n_text > 255 ? 255 : f.n_text);
	if (*n_name)
		memcpy(h->name, f.text, *n_name);
	*name = h->name;
	dbx_streams_drop(w);
	return done;
}

void dbx_replay_hello_begin(struct dbx_replay *r)
{
	r->hellos->has_event = false;
}

bool dbx_replay_hello(struct dbx_replay *r, const uint8_t **name, uint32_t *n_name)
{
	struct dbx_replay_hellos *h = r->hellos;

	h->sends = false;
	if (!h->has_event)
		return false;
	h->has_event = false;
	return take(r, name, n_name);
}

bool dbx_replay_hello_sends(const struct dbx_replay *r, uint64_t *rule_uid)
{
	*rule_uid = r->hellos->rule_uid;
	return r->hellos->sends;
}

/* ---- life ---- */

/* Decided when the program is through with the packet: its flow is not the daemon's before. */
static void keep(void *arg, const struct dbx_name_event *e)
{
	struct dbx_replay_hellos *h = arg;

	if (!e->n_payload)
		return; /* the program decided of this one */
	memcpy(&h->e, e, offsetof(struct dbx_name_event, payload) + e->n_payload);
	h->has_event = true;
}

int dbx_replay_hello_open(struct dbx_replay *r)
{
	r->hellos = calloc(1, sizeof(*r->hellos));
	if (!r->hellos)
		return -ENOMEM;
	dbx_sim_on_name_event(keep, r->hellos);
	return 0;
}

void dbx_replay_hello_close(struct dbx_replay *r)
{
	if (!r->hellos)
		return;
	dbx_streams_fini(&r->hellos->streams);
	free(r->hellos);
	r->hellos = NULL;
}
