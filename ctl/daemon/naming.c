// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * naming.c -- names while the daemon runs: the resolver's life, name events, time.
 *
 * What the resolver refuses comes from its thread; it waits in a bounded list until the loop enters
 * it among the denials.
 */
#include "daemon/naming.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core_names.h"
#include "daemon/dns_route.h"
#include "daemon/hello.h"
#include "daemon/log.h"
#include "daemon/namer_impl.h"
#include "daemon/reset.h"

#define RECORDS_MAX  1024u
#define TIDY_SECONDS 300 /* rows of the state that nobody knows any more go this often */

struct record {
	struct dbx_event event;
	char policy[64];
	char name[256];
	int rcode;
	size_t n_rdata;
	struct dbx_addr rdata[DBX_RECORD_RDATA_MAX];
};

struct dbx_naming {
	struct dbx_core *core;
	struct dbx_denials *denials;
	struct dbx_records *flow_records;
	struct dbx_dns *dns;
	struct dbx_reset *reset;
	struct dbx_hellos *hellos;
	unsigned int seconds;
	char error[1024], save_error[256];
	struct dbx_naming_stats stats;
	pthread_mutex_t lock; /* of the following */
	struct record *records;
	size_t n_records;
	uint64_t n_lost;
};

/* ---- what the resolver refused ---- */

static void fill_event(const struct dbx_dns_record *r, struct dbx_event *e)
{
	size_t n = r->src.is_v6 ? 16 : 4;

	memset(e, 0, sizeof(*e));
	e->time_ns = dbx_namer_now();
	e->generation = r->generation;
	e->workspace_id = r->has_source ? (uint64_t)r->source.workspace_id : 0;
	e->rule_uid = r->decision.rule_uid;
	memcpy(e->src, r->src.a, n);
	memcpy(e->dst, r->server.a, n);
	e->sport = r->sport;
	e->dport = 53;
	e->reason = (uint16_t)r->decision.reason;
	e->verdict = (uint8_t)r->decision.verdict;
	e->proto = r->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	e->product = r->has_source ? (uint8_t)r->source.product : 0;
	e->flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS |
		   (r->src.is_v6 ? DBX_EVENT_F_IPV6 : 0);
}

static void on_record(void *arg, const struct dbx_dns_record *r)
{
	struct dbx_naming *n = arg;
	struct record *rec;

	pthread_mutex_lock(&n->lock);
	if (n->n_records < RECORDS_MAX) {
		rec = &n->records[n->n_records++];
		fill_event(r, &rec->event);
		snprintf(rec->policy, sizeof(rec->policy), "%s",
			 r->decision.policy_id ? r->decision.policy_id : "");
		snprintf(rec->name, sizeof(rec->name), "%s", r->name ? r->name : "");
		rec->rcode = r->rcode;
		rec->n_rdata = r->n_addrs < DBX_RECORD_RDATA_MAX ? r->n_addrs
								 : DBX_RECORD_RDATA_MAX;
		if (rec->n_rdata)
			memcpy(rec->rdata, r->addrs, rec->n_rdata * sizeof(*r->addrs));
	} else {
		n->n_lost++;
	}
	pthread_mutex_unlock(&n->lock);
}

static void enter(struct dbx_naming *n, const struct record *rec)
{
	const struct dbx_flow_note note = {
		.event = &rec->event,
		.policy_id = rec->policy,
		.name = rec->name,
		.rcode = rec->rcode,
		.rdata = rec->rdata,
		.n_rdata = rec->n_rdata,
		.time_ms = dbx_now_ms(),
	};

	dbx_denials_add(n->denials, &rec->event, rec->policy, rec->name, note.time_ms);
	dbx_records_add(n->flow_records, &note);
}

static void take_records(struct dbx_naming *n)
{
	struct record *mine = NULL;
	size_t n_mine;

	pthread_mutex_lock(&n->lock);
	n_mine = n->n_records;
	if (n_mine)
		mine = malloc(n_mine * sizeof(*mine));
	if (mine) {
		memcpy(mine, n->records, n_mine * sizeof(*mine));
		n->n_records = 0;
	}
	pthread_mutex_unlock(&n->lock);
	for (size_t i = 0; mine && i < n_mine; i++)
		enter(n, &mine[i]);
	free(mine);
}

/* ---- the resolver ---- */

static void failed(struct dbx_naming *n, const char *text)
{
	if (strcmp(n->error, text)) /* tried again every few seconds: said once */
		dbx_log_error("%s", text);
	snprintf(n->error, sizeof(n->error), "%s", text);
}

static void stop(struct dbx_naming *n)
{
	struct dbx_dp_error e = {""};

	if (!n->dns)
		return;
	if (n->core->ops->steer(n->core->dp, -1, -1, -1, -1, &e))
		dbx_log_warning("%s", e.text);
	dbx_dns_stop(&n->dns);
	dbx_log_info("the resolver has ended");
}

static int start(struct dbx_naming *n, struct dbx_fail *f)
{
	const struct dbx_dns_opts o = {
		.hooks = &dbx_dns_namer_hooks,
		.hooks_arg = n->core->namer,
		.listen_port = 53,
		.transparent = true,
		.log = on_record,
		.log_arg = n,
	};
	int udp4, tcp4, udp6, tcp6, rc;
	struct dbx_dp_error e = {""};

	rc = dbx_dns_start(&n->dns, &o, f);
	if (rc)
		return rc;
	dbx_dns_fds(n->dns, &udp4, &tcp4, &udp6, &tcp6);
	rc = n->core->ops->steer(n->core->dp, udp4, tcp4, udp6, tcp6, &e);
	if (rc) {
		dbx_dns_stop(&n->dns);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "%s", e.text);
	}
	dbx_log_info("the resolver takes the queries of workloads");
	return 0;
}

static bool wanted(const struct dbx_naming *n)
{
	const struct dbx_core *c = n->core;

	return c->generation && c->model->has_gateway && c->model->gateway.dns.has;
}

void dbx_naming_change(struct dbx_naming *n)
{
	struct dbx_fail f = {.text = ""};
	int rc = 0;

	if (!n)
		return;
	if (!wanted(n)) {
		/* A daemon that could not restore its documents leaves what the kernel does. */
		if (n->core->model->has_gateway)
			stop(n);
		return;
	}
	rc = dbx_dns_route_add(&f);
	if (!rc && !n->dns)
		rc = start(n, &f);
	if (n->dns)
		dbx_dns_change(n->dns);
	if (rc)
		failed(n, f.text);
	else
		n->error[0] = '\0';
}

void dbx_naming_retry(struct dbx_naming *n)
{
	dbx_naming_change(n);
}

/* ---- name events ---- */

/* For people: what the client wrote, with octets that names do not have as \DDD. */
static void printable(const uint8_t *in, size_t n, char out[256])
{
	size_t at = 0;

	for (size_t i = 0; i < n && at + 5 < 256; i++) {
		if (in[i] > ' ' && in[i] < 127 && in[i] != '\\')
			out[at++] = (char)in[i];
		else
			at += (size_t)snprintf(out + at, 256 - at, "\\%03u", in[i]);
	}
	out[at] = '\0';
}

static void denied(void *arg, const struct dbx_name_event *e)
{
	struct dbx_naming *n = arg;
	char name[256];
	const struct dbx_flow_note note = {
		.event = &e->event,
		.policy_id = dbx_core_policy_of(n->core, &e->event),
		.name = name,
		.rcode = DBX_RECORD_RCODE_NONE,
		.time_ms = dbx_now_ms(),
	};

	printable(e->name, e->n_name, name);
	if (e->event.verdict != DBX_VERDICT_PASS)
		dbx_denials_add(n->denials, &e->event, note.policy_id, name, note.time_ms);
	dbx_records_add(n->flow_records, &note);
	if (e->event.verdict != DBX_VERDICT_DROP || e->key.proto != IPPROTO_TCP || !n->reset)
		return;
	if (dbx_reset_send(n->reset, &e->key, e->mark, e->seq))
		n->stats.resets_failed++;
	else
		n->stats.resets++;
}

static void on_name_event(void *arg, const struct dbx_name_event *e)
{
	struct dbx_naming *n = arg;

	n->stats.name_events++;
	if (e->n_payload)
		dbx_hellos_event(n->hellos, e);
	else
		denied(n, e);
}

int dbx_naming_fd(const struct dbx_naming *n)
{
	return n ? n->core->ops->name_event_fd(n->core->dp) : -1;
}

void dbx_naming_events(struct dbx_naming *n)
{
	if (!n)
		return;
	n->core->ops->poll_name_events(n->core->dp, on_name_event, n);
	take_records(n);
}

/* ---- time ---- */

void dbx_naming_second(struct dbx_naming *n)
{
	struct dbx_fail f;

	if (!n)
		return;
	dbx_namer_sweep(n->core->namer);
	dbx_hellos_sweep(n->hellos);
	if (!dbx_core_names_save(n->core, n->seconds++ % TIDY_SECONDS == TIDY_SECONDS - 1, &f)) {
		n->save_error[0] = '\0';
	} else if (!n->save_error[0]) {
		dbx_log_error("saving learned names: %s", f.text);
		snprintf(n->save_error, sizeof(n->save_error), "%.200s", f.text);
	}
}

/* ---- life ---- */

int dbx_naming_open(struct dbx_naming **out, struct dbx_core *core, struct dbx_denials *denials,
		    struct dbx_records *records, struct dbx_fail *f)
{
	struct dbx_naming *n;

	if (!core->namer)
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	n->core = core;
	n->denials = denials;
	n->flow_records = records;
	pthread_mutex_init(&n->lock, NULL);
	n->records = calloc(RECORDS_MAX, sizeof(*n->records));
	n->reset = dbx_reset_new();
	n->hellos = dbx_hellos_new(core, denied, n);
	*out = n;
	if (n->records && n->reset && n->hellos)
		return 0;
	dbx_naming_close(out);
	return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
}

/* The kernel goes on without us: names that it knows pass, queries are dropped until we are back. */
void dbx_naming_close(struct dbx_naming **np)
{
	struct dbx_naming *n = *np;
	struct dbx_fail f;

	if (!n)
		return;
	stop(n);
	dbx_core_names_save(n->core, false, &f);
	dbx_hellos_free(&n->hellos);
	dbx_reset_free(&n->reset);
	pthread_mutex_destroy(&n->lock);
	free(n->records);
	free(n);
	*np = NULL;
}

void dbx_naming_stats(const struct dbx_naming *n, struct dbx_naming_stats *out)
{
	*out = n->stats;
	out->has_resolver = n->dns;
	snprintf(out->error, sizeof(out->error), "%s", n->error);
	if (n->dns)
		dbx_dns_stats(n->dns, &out->dns);
	out->records_lost = n->n_lost;
	dbx_hellos_stats(n->hellos, &out->http_allowed, &out->http_denied, &out->quic_allowed,
			 &out->quic_denied);
}
