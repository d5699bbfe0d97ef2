// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hello.c -- flows whose name the daemon reads: HTTP request heads and QUIC Initials.
 *
 * What they say and what becomes of them is wire/said.h's; here it is looked up, told and carried out.
 */
#include "daemon/hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hello_quic.h"
#include "daemon/namer_impl.h"
#include "wire/said.h"

#define WAIT_NS 30000000000ull

struct dbx_hellos {
	struct dbx_core *core;
	void (*denied)(void *arg, const struct dbx_name_event *e);
	void *arg;
	struct dbx_streams streams; /* HTTP */
	struct dbx_quics *quics;
	uint64_t http_allowed, http_denied, quic_allowed, quic_denied;
};

void dbx_hellos_sweep(struct dbx_hellos *h)
{
	dbx_quics_sweep(h->quics);
	dbx_streams_sweep(&h->streams, dbx_namer_now(), WAIT_NS);
}

/* ---- QUIC ---- */

/* False: nothing to decide. */
static bool read_quic(struct dbx_hellos *h, const struct dbx_name_event *e,
		      struct dbx_read_name *out, struct dbx_said *said, struct dbx_quic_conn **conn)
{
	const struct dbx_built *b = &h->core->now;

	switch (dbx_quics_add(h->quics, e, conn)) {
	case DBX_QUICS_HELD:
	case DBX_QUICS_PASS:
		return false;
	case DBX_QUICS_BAD:
		out->reason = DBX_REASON_QUIC_REFUSED;
		return true;
	case DBX_QUICS_LONG:
		out->reason = DBX_REASON_HELLO_TOO_LONG;
		return true;
	case DBX_QUICS_DECIDE:
		break;
	}
	dbx_said_quic(dbx_quics_hello(*conn), &h->core->namer->secret,
		      b->mem && b->img.hdr->name_flags & DBX_NAMES_F_ECH_DENY, said, out);
	return true;
}

/* ---- the decision ---- */

/* Policies may have changed since the packet: that of its workspace now. */
static uint64_t policy_of(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	const struct dbx_view *v = dbx_namer_view_get(h->core->namer);
	uint64_t uid = e->policy_uid;

	if (!v)
		return uid;
	uid = dbx_names_policy_of(v->names, (int64_t)e->event.workspace_id);
	dbx_namer_view_put(h->core->namer, v);
	return uid;
}

static void look_up(struct dbx_hellos *h, const struct dbx_name_event *e, uint64_t policy_uid,
		    struct dbx_read_name *f)
{
	struct dbx_bound_key key = {.policy_uid = policy_uid, .name = f->name};
	struct dbx_bound bound;
	int rc;

	memcpy(key.addr, e->key.dst, sizeof(key.addr));
	rc = f->reason ? -ENOENT : h->core->ops->bound_get(h->core->dp, &key, &bound);
	dbx_said_look_up(f, e, rc ? NULL : &bound, dbx_namer_now());
}

/* Whether what is refused passes, recorded: asked of a name that no policy lists. */
static bool is_dry_run(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	const struct dbx_view *v = dbx_namer_view_get(h->core->namer);
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};

	if (!v)
		return false;
	dbx_names_decide(v->names, (int64_t)e->event.workspace_id, e->event.product,
			 DBX_SAID_UNLISTED, &d);
	dbx_namer_view_put(h->core->namer, v);
	return d.verdict == DBX_VERDICT_DRY_RUN;
}

static void tell(struct dbx_hellos *h, const struct dbx_name_event *e,
		 const struct dbx_read_name *f, enum dbx_verdict verdict)
{
	struct dbx_name_event *said = malloc(sizeof(*said));

	if (!said)
		return;
	*said = *e;
	said->event.reason = (uint16_t)(f->reason ? f->reason : DBX_REASON_LISTED_NAME);
	said->event.verdict = (uint8_t)verdict;
	said->event.rule_uid = f->reason ? 0 : f->rule_uid;
	said->seq = e->isn;
	said->n_name = (uint8_t)(f->n_text > 255 ? 255 : f->n_text);
	if (said->n_name)
		memcpy(said->name, f->text, said->n_name);
	h->denied(h->arg, said);
	free(said);
}

/* Of allowed flows, as the kernel program tells of those that it decides itself. */
static bool is_told(const struct dbx_hellos *h, const struct dbx_name_event *e)
{
	return h->core->model && h->core->model->gateway.log.allowed == DBX_LOG_ALLOWED_FIRST &&
	       !(e->event.flags & DBX_EVENT_F_GUARDED);
}

/* w: HTTP. 1: the flow may go on, 0: it may not, -1: it is another one by now. */
static int decide(struct dbx_hellos *h, const struct dbx_stream *w, const struct dbx_name_event *e,
		  struct dbx_read_name *f)
{
	struct dbx_flow v = {.policy_uid = {policy_of(h, e), 0}, .last_ns = dbx_namer_now()};
	bool is_http = e->kind == DBX_NAME_PORT_HTTP, dry_run;
	int rc;

	look_up(h, e, v.policy_uid[0], f);
	dry_run = f->reason && !dbx_said_is_hard(f, e) && is_dry_run(h, e);
	dbx_said_flow(f, e, w, &h->core->namer->secret, dry_run, &v);
	rc = h->core->ops->flow_set(h->core->dp, &e->key, &v);
	if (f->reason)
		tell(h, e, f, dry_run ? DBX_VERDICT_DRY_RUN : DBX_VERDICT_DROP);
	else if (!rc && is_told(h, e))
		tell(h, e, f, DBX_VERDICT_PASS);
	*(is_http     ? f->reason ? &h->http_denied : &h->http_allowed
	  : f->reason ? &h->quic_denied
		      : &h->quic_allowed) += 1;
	return rc ? -1 : v.state == DBX_FLOW_ALLOWED;
}

static void quic_event(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	struct dbx_read_name f = {.reason = 0};
	struct dbx_said said = {.reason = 0};
	struct dbx_quic_conn *conn = NULL;

	if (!read_quic(h, e, &f, &said, &conn))
		return;
	switch (decide(h, NULL, e, &f)) {
	case 0:
		dbx_quics_deny(h->quics, e);
		break;
	case 1:
		dbx_quics_allow(h->quics, e, conn);
		break;
	}
}

void dbx_hellos_event(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	struct dbx_read_name f = {.reason = 0};
	struct dbx_stream **w;

	if (e->kind == DBX_NAME_PORT_QUIC) {
		quic_event(h, e);
		return;
	}
	w = dbx_streams_find(&h->streams, e, dbx_namer_now());
	if (!w)
		return; /* out of memory: held, and repeated by the client */
	if (!dbx_said_http(*w, e, &h->core->namer->secret, &f))
		return;
	decide(h, *w, e, &f);
	dbx_streams_drop(w);
}

/* ---- life ---- */

struct dbx_hellos *dbx_hellos_new(struct dbx_core *core,
				  void (*denied)(void *arg, const struct dbx_name_event *e),
				  void *arg)
{
	struct dbx_hellos *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->core = core;
	h->denied = denied;
	h->arg = arg;
	h->quics = dbx_quics_new();
	if (!h->quics)
		dbx_hellos_free(&h);
	return h;
}

void dbx_hellos_free(struct dbx_hellos **h)
{
	if (!*h)
		return;
	dbx_streams_fini(&(*h)->streams);
	dbx_quics_free(&(*h)->quics);
	free(*h);
	*h = NULL;
}

void dbx_hellos_stats(const struct dbx_hellos *h, uint64_t *http_allowed, uint64_t *http_denied,
		      uint64_t *quic_allowed, uint64_t *quic_denied)
{
	*http_allowed = h->http_allowed;
	*http_denied = h->http_denied;
	*quic_allowed = h->quic_allowed;
	*quic_denied = h->quic_denied;
}
