// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * records.c -- denials of packet program and resolver to records: flows, sinks, what is kept.
 */
#include "daemon/records.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/recstore.h"
#include "daemon/sink.h"

#define IFNAMES 16

struct dbx_records {
	struct dbx_core *core;
	struct dbx_flowlog *flows;
	struct dbx_sinks sinks;
	struct dbx_recstore *kept;     /* or NULL */
	uint64_t n_added, n_not_added; /* to what is kept */
	uint64_t n_kept_before;        /* at the commit before */
	int64_t second_ms;             /* of the other clock: the last dbx_records_second() */
	char kept_error[256];
	/* What describe() hands out. */
	uint64_t rule_uid;
	char *rule_text, *rule_doc, *rule_ptr;
	struct {
		uint32_t ifindex;
		char name[IF_NAMESIZE];
	} ifnames[IFNAMES];
};

/* ---- what a record says beside the event ---- */

static void forget_rule(struct dbx_records *r)
{
	free(r->rule_text);
	free(r->rule_doc);
	free(r->rule_ptr);
	r->rule_text = r->rule_doc = r->rule_ptr = NULL;
	r->rule_uid = 0;
}

static void take_rule(void *arg, const struct dbx_rule_name *n)
{
	struct dbx_records *r = arg;

	r->rule_text = strdup(n->text);
	if (dbx_docs_place(n->doc, n->ptr, &r->rule_doc, &r->rule_ptr))
		r->rule_doc = r->rule_ptr = NULL;
}

static const char *ifname(struct dbx_records *r, uint32_t ifindex)
{
	size_t i = ifindex % IFNAMES;

	if (!ifindex)
		return "";
	if (r->ifnames[i].ifindex != ifindex) {
		r->ifnames[i].ifindex = ifindex;
		if (!if_indextoname(ifindex, r->ifnames[i].name))
			r->ifnames[i].name[0] = '\0';
	}
	return r->ifnames[i].name;
}

static const char *or_none(const char *s)
{
	return s ? s : "";
}

static void describe(void *arg, struct dbx_record *rec)
{
	struct dbx_records *r = arg;
	const struct dbx_model *m = r->core->model;

	if (rec->event.rule_uid != r->rule_uid) {
		forget_rule(r);
		r->rule_uid = rec->event.rule_uid;
		if (r->rule_uid)
			dbx_store_rule(r->core->store, r->rule_uid, take_rule, r);
	}
	rec->rule_text = or_none(r->rule_text);
	rec->rule_doc = or_none(r->rule_doc);
	rec->rule_ptr = or_none(r->rule_ptr);
	rec->account_id = m->has_gateway ? or_none(m->gateway.account_id) : "";
	rec->interface = ifname(r, rec->event.ifindex);
}

/* ---- where it goes ---- */

static void keep(struct dbx_records *r, const struct dbx_record *rec, const char *line, size_t len)
{
	const struct dbx_recstore_row row = {.event_id = rec->event_id,
					     .line = line,
					     .len = len,
					     .last_ms = rec->last_ms,
					     .is_allowed = rec->event.verdict == DBX_VERDICT_PASS};
	struct dbx_fail f;

	if (r->kept && !dbx_recstore_add(r->kept, &row, &f)) {
		r->n_added++;
		return;
	}
	r->n_not_added++;
	if (r->kept && !r->kept_error[0]) {
		dbx_log_error("%s", f.text);
		snprintf(r->kept_error, sizeof(r->kept_error), "%.250s", f.text);
	}
}

static void on_record(void *arg, const struct dbx_record *rec, const char *line, size_t len)
{
	struct dbx_records *r = arg;

	dbx_sinks_write(&r->sinks, rec, line, len);
	keep(r, rec, line, len);
}

void dbx_records_add(struct dbx_records *r, const struct dbx_flow_note *n)
{
	struct dbx_flow_note note = *n;

	if (!r || (n->event->verdict != DBX_VERDICT_PASS && r->core->model->has_gateway &&
		   r->core->model->gateway.log.denied_off))
		return;
	if (!note.policy_id || !note.policy_id[0])
		note.policy_id = dbx_core_policy_of(r->core, n->event);
	dbx_flowlog_add(r->flows, &note, (int64_t)dbx_monotonic_ms());
}

/* ---- time ---- */

void dbx_records_tick(struct dbx_records *r)
{
	if (r)
		dbx_flowlog_tick(r->flows, r->second_ms);
}

static uint64_t kept(const struct dbx_records *r)
{
	return r->n_added - (r->kept ? dbx_recstore_undone(r->kept) : 0);
}

void dbx_records_second(struct dbx_records *r)
{
	struct dbx_fail f;

	if (!r)
		return;
	memset(r->ifnames, 0, sizeof(r->ifnames));
	r->second_ms = (int64_t)dbx_monotonic_ms();
	dbx_records_tick(r);
	dbx_sinks_tick(&r->sinks, dbx_now_ms());
	if (!r->kept)
		return;
	if (dbx_recstore_commit(r->kept, &f)) {
		if (!r->kept_error[0])
			dbx_log_error("%s", f.text);
		snprintf(r->kept_error, sizeof(r->kept_error), "%.250s", f.text);
	} else if (kept(r) != r->n_kept_before) {
		r->kept_error[0] = '\0'; /* that there was nothing to commit says nothing */
	}
	r->n_kept_before = kept(r);
}

void dbx_records_change(struct dbx_records *r)
{
	const struct dbx_model *m;
	const struct dbx_log_options *o;

	if (!r)
		return;
	m = r->core->model;
	o = &m->gateway.log; /* all zero without a gateway document */
	forget_rule(r);      /* its place may be another now */
	dbx_flowlog_set_interval(r->flows, o->interval_s ? o->interval_s : DBX_FLOWLOG_INTERVAL_S);
	dbx_sinks_configure(&r->sinks, o, dbx_now_ms());
}

/* ---- life ---- */

int dbx_records_open(struct dbx_records **out, struct dbx_core *core, const char *path)
{
	struct dbx_records *r = calloc(1, sizeof(*r));
	struct dbx_fail f;

	if (!r)
		return -ENOMEM;
	r->core = core;
	r->flows = dbx_flowlog_new(DBX_FLOWLOG_MAX, describe, r);
	if (!r->flows) {
		free(r);
		return -ENOMEM;
	}
	dbx_flowlog_subscribe(r->flows, DBX_FLOWLOG_ENDED, on_record, r);
	if (path && dbx_recstore_open(&r->kept, path, DBX_RECSTORE_MAX, &f)) {
		dbx_log_error("%s; explain will find no records", f.text);
		snprintf(r->kept_error, sizeof(r->kept_error), "%.250s", f.text);
	}
	dbx_records_change(r);
	*out = r;
	return 0;
}

void dbx_records_close(struct dbx_records **rp)
{
	struct dbx_records *r = *rp;

	if (!r)
		return;
	dbx_flowlog_flush(r->flows);
	dbx_sinks_close(&r->sinks);
	dbx_recstore_close(&r->kept);
	dbx_flowlog_free(&r->flows);
	forget_rule(r);
	free(r);
	*rp = NULL;
}

struct dbx_flowlog *dbx_records_flowlog(struct dbx_records *r)
{
	return r ? r->flows : NULL;
}

struct dbx_recstore *dbx_records_kept(struct dbx_records *r, struct dbx_fail *f)
{
	if (r && r->kept)
		return r->kept;
	dbx_fail_set(f, -ENOENT, DBX_FAIL_NOT_FOUND, "no records are kept%s%s",
		     r && r->kept_error[0] ? ": " : "", r ? r->kept_error : "");
	return NULL;
}

const struct dbx_sinks *dbx_records_sinks(const struct dbx_records *r)
{
	return &r->sinks;
}

int dbx_records_get(struct dbx_records *r, const char *event_id, char **line, struct dbx_fail *f)
{
	struct dbx_recstore *kept = dbx_records_kept(r, f);
	int rc = kept ? dbx_recstore_get(kept, event_id, line, f) : -ENOENT;

	/* monitor gave its event_id when the flow was first seen. */
	return rc && r && !dbx_flowlog_line(r->flows, event_id, line) ? 0 : rc;
}

void dbx_records_status(struct dbx_records *r, struct dbx_strbuf *b)
{
	struct dbx_flowlog_stats s;

	if (!r) {
		dbx_strbuf_add(b, "\"log\":null");
		return;
	}
	dbx_flowlog_stats(r->flows, &s);
	dbx_strbuf_addf(b,
			"\"log\":{\"open_flows\":%zu,\"max_flows\":%zu,\"records\":%" PRIu64
			",\"packets\":%" PRIu64 ",\"lost_events\":%" PRIu64
			",\"lost_packets\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"not_kept\":%" PRIu64
			",\"kept_error\":",
			s.open, s.max, s.records, s.packets, s.lost_events, s.lost_packets, kept(r),
			r->n_not_added + r->n_added - kept(r));
	if (r->kept_error[0]) {
		dbx_strbuf_addc(b, '"');
		dbx_strbuf_add_json_escaped(b, r->kept_error, strlen(r->kept_error));
		dbx_strbuf_addc(b, '"');
	} else {
		dbx_strbuf_add(b, "null");
	}
	dbx_strbuf_add(b, ",\"sinks\":");
	dbx_sinks_status(&r->sinks, b);
	dbx_strbuf_addc(b, '}');
}
