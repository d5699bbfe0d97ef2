// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * propose.c -- from flows that were denied to the fewest entries that would allow them.
 *
 * A name is preferred over its addresses: a flow to an address that the name was answered with, on a
 * port whose name is checked, needs no entry of its own once the name is allowed.
 */
#include "policy/propose.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/vec.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/storage_host.h"

struct dbx_propose {
	struct dbx_propose_opts opts;
	DBX_VEC(struct dbx_propose_entry) list;
	struct dbx_strmap index;   /* key of an entry -> its number */
	struct dbx_strmap answers; /* policy and address -> number of the name that it answers */
	uint64_t lost;
};

#define KEY_SIZE 1024

/* ---- what may be proposed ---- */

struct subject { /* a flow as one entry would say it */
	const struct dbx_propose_flow *f;
	char name[DBX_NAME_SIZE]; /* canonical, "" = by address */
	struct dbx_storage_host host;
	enum dbx_propose_kind kind;
	const char *why;
};

/* A sentence for a reason that an allow entry does not change; NULL: one does. */
static const char *refused_reason(enum dbx_reason r)
{
	if (dbx_reason_kind(r) != DBX_KIND_SOFT)
		return "is refused in every mode: no allow entry changes that";
	switch (r) {
	case DBX_REASON_DNS_PATH_STYLE:
	case DBX_REASON_DNS_BARE_STORAGE:
	case DBX_REASON_DNS_ACCESS_POINT:
		return "would open every bucket of the service";
	case DBX_REASON_DNS_TYPE:
		return "is a type of query, which no entry allows";
	case DBX_REASON_QUIC_REFUSED:
		return "is QUIC, which the gateway document decides; clients fall back to TCP";
	case DBX_REASON_NAME_ENCRYPTED:
	case DBX_REASON_HTTP_NEXT_REQUEST:
	case DBX_REASON_HELLO_TOO_LONG:
		return "hides what it asks for: allow it only by hand";
	case DBX_REASON_FLOW_UNKNOWN:
	case DBX_REASON_FLOW_TABLE_FULL:
		return "was refused for the state of its connection, not by the policy";
	default:
		return NULL;
	}
}

static bool in_sets(const struct dbx_dest_set *v, size_t n, const struct subject *s)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; *s->name && k < v[i].n_names; k++) {
			if (dbx_name_match(v[i].names[k].name, s->name))
				return true;
		}
		for (size_t k = 0; !*s->name && k < v[i].n_prefixes; k++) {
			if (dbx_prefix_contains(&v[i].prefixes[k].prefix, &s->f->addr))
				return true;
		}
	}
	return false;
}

static bool in_dests(const struct dbx_internet_dest *v, size_t n, const struct subject *s)
{
	for (size_t i = 0; i < n; i++) {
		if (*s->name ? v[i].name && dbx_name_match(v[i].name, s->name)
			     : v[i].type == DBX_DEST_IP_RANGE &&
				       dbx_prefix_contains(&v[i].prefix, &s->f->addr))
			return true;
	}
	return false;
}

static int is_same_name(void *arg, const char *name)
{
	return strcmp(arg, name) == 0;
}

static bool in_storage(const struct dbx_policy *p, const struct subject *s)
{
	for (size_t i = 0; *s->name && i < p->n_storage; i++) {
		if (dbx_storage_names(&p->storage[i], is_same_name, (void *)s->name))
			return true;
	}
	return false;
}

static bool in_ports(const struct dbx_dest_set *v, const struct dbx_propose_flow *f)
{
	if (v->proto != DBX_PROTO_ANY && v->proto != f->proto)
		return false;
	for (size_t i = 0; i < v->n_ports; i++) {
		if (f->has_ports && f->port >= v->ports[i].lo && f->port <= v->ports[i].hi)
			return true;
	}
	return !v->n_ports;
}

static bool of_policy(const struct dbx_dest_set *v, const char *policy_id)
{
	for (size_t i = 0; i < v->n_policy_ids; i++) {
		if (!strcmp(v->policy_ids[i], policy_id))
			return true;
	}
	return !v->n_policy_ids;
}

static const char already_allowed[] = "is already allowed";

/* What the documents that are added to already say; a blocked entry counts whatever its ports. */
static const char *known(const struct dbx_model *m, const struct subject *s)
{
	const struct dbx_policy *p = m ? dbx_model_policy(m, s->f->policy_id) : NULL;
	const struct dbx_gateway *g = m && m->has_gateway ? &m->gateway : NULL;

	if ((p && in_dests(p->blocked, p->n_blocked, s)) ||
	    (g && in_sets(g->blocked, g->n_blocked, s)))
		return "is blocked";
	if (p && (in_dests(p->allowed, p->n_allowed, s) || in_storage(p, s)))
		return already_allowed;
	for (size_t i = 0; g && i < g->n_allowed; i++) {
		const struct dbx_dest_set *v = &g->allowed[i];

		if (of_policy(v, s->f->policy_id) && in_sets(v, 1, s) &&
		    (*s->name || in_ports(v, s->f)))
			return already_allowed;
	}
	return NULL;
}

/* The destination that stands for the host, or false when it would not admit the very name. */
static bool is_listable(struct subject *s)
{
	struct dbx_storage_dest d = {.type = s->host.type};

	if (s->host.type == DBX_STORAGE_AZURE) {
		d.azure_account = s->host.bucket;
		d.azure_service = s->host.service;
	} else {
		d.bucket_name = s->host.bucket;
		d.region = *s->host.region ? s->host.region : NULL;
	}
	return dbx_storage_names(&d, is_same_name, s->name) == 1;
}

static const char *judge_address(const struct dbx_propose_flow *f)
{
	const char *kind = f->has_addr ? dbx_isolated_kind(&f->addr) : NULL;

	if (!f->has_addr)
		return "has neither a name nor an address";
	if (kind && !strcmp(kind, "metadata"))
		return "is an instance metadata or host service: never allowed";
	if (kind)
		return "is loopback, reserved, link-local or multicast: never allowed";
	return f->proto ? NULL : "has no protocol that an entry could name";
}

static void classify(const struct dbx_propose *p, const struct dbx_propose_flow *f,
		     struct subject *s)
{
	memset(s, 0, sizeof(*s));
	s->f = f;
	s->why = refused_reason(f->reason);
	s->kind = DBX_PROPOSE_ADDRESS;
	if (*f->name) {
		s->kind = DBX_PROPOSE_NAME;
		if (dbx_name_canon(f->name, s->name, NULL)) {
			snprintf(s->name, sizeof(s->name), "%s", f->name);
			s->why = "is not a name that a policy can list";
		} else if (dbx_storage_host_parse(s->name, &s->host)) {
			if (!s->host.bucket[0])
				s->why = "would open every bucket of the service";
			else if (is_listable(s))
				s->kind = DBX_PROPOSE_STORAGE;
		}
	} else if (!s->why) {
		s->why = judge_address(f);
	}
	if (!s->why && !*f->policy_id)
		s->why = "was under no policy";
	if (!s->why)
		s->why = known(p->opts.m, s);
	if (s->why)
		s->kind = DBX_PROPOSE_LEFT_OUT;
}

/* ---- adding ---- */

static void entry_fini(struct dbx_propose_entry *e)
{
	free(e->policy_id);
	free(e->name);
	free(e->bucket);
	free(e->region);
	free(e->service);
}

struct dbx_propose *dbx_propose_new(const struct dbx_propose_opts *o)
{
	struct dbx_propose *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->opts = *o;
	dbx_strmap_init(&p->index);
	dbx_strmap_init(&p->answers);
	return p;
}

void dbx_propose_free(struct dbx_propose **pp)
{
	struct dbx_propose *p = *pp;

	if (!p)
		return;
	dbx_vec_for_each(&p->list, e)
		entry_fini(e);
	dbx_vec_fini(&p->list);
	dbx_strmap_fini(&p->index);
	dbx_strmap_fini(&p->answers);
	free(p);
	*pp = NULL;
}

/* Policy last: it is the one part that may hold any character. */
static bool make_key(const struct subject *s, char key[KEY_SIZE])
{
	const struct dbx_propose_flow *f = s->f;
	char addr[DBX_ADDR_STRLEN] = "";
	int n;

	if (*s->name) {
		if (s->kind == DBX_PROPOSE_STORAGE)
			n = snprintf(key, KEY_SIZE, "s %d %s %s %s %s", s->host.type,
				     s->host.bucket, s->host.region, s->host.service, f->policy_id);
		else
			n = snprintf(key, KEY_SIZE, "n %d %s %s", s->kind, s->name, f->policy_id);
	} else {
		if (f->has_addr)
			dbx_addr_format(&f->addr, addr);
		n = snprintf(key, KEY_SIZE, "a %d %s %u %d %s", s->kind, addr, f->proto,
			     f->has_ports ? f->port : -1, f->policy_id);
	}
	return n > 0 && n < KEY_SIZE;
}

static int set_texts(struct dbx_propose_entry *e, const struct subject *s)
{
	e->policy_id = strdup(s->f->policy_id);
	e->name = strdup(s->name);
	e->bucket = strdup(s->host.bucket);
	e->region = strdup(s->host.region);
	e->service = strdup(s->host.service);
	if (e->policy_id && e->name && e->bucket && e->region && e->service)
		return 0;
	entry_fini(e);
	return -ENOMEM;
}

static int new_entry(struct dbx_propose *p, const struct subject *s, const char *key)
{
	struct dbx_propose_entry e = {.kind = s->kind,
				      .addr = s->f->addr,
				      .proto = s->f->proto,
				      .has_ports = s->f->has_ports,
				      .port = s->f->port,
				      .storage_type = s->host.type,
				      .reason = s->f->reason,
				      .why = s->why,
				      .names = 1,
				      .first_ms = s->f->first_ms,
				      .last_ms = s->f->last_ms};
	int rc = set_texts(&e, s);

	if (rc)
		return rc;
	rc = dbx_strmap_put(&p->index, key, p->list.n);
	if (!rc)
		rc = dbx_vec_push(&p->list, e);
	if (rc)
		entry_fini(&e);
	return rc;
}

static void count(struct dbx_propose_entry *e, uint64_t flows, uint64_t packets, int64_t first_ms,
		  int64_t last_ms)
{
	e->flows += flows;
	e->packets += packets;
	if (first_ms < e->first_ms)
		e->first_ms = first_ms;
	if (last_ms > e->last_ms)
		e->last_ms = last_ms;
}

static bool answer_key(const char *policy_id, const struct dbx_addr *a, char key[KEY_SIZE])
{
	char addr[DBX_ADDR_STRLEN];
	int n = snprintf(key, KEY_SIZE, "%s %s", dbx_addr_format(a, addr), policy_id);

	return n > 0 && n < KEY_SIZE;
}

static int note_answers(struct dbx_propose *p, const struct dbx_propose_flow *f, uint64_t number)
{
	char key[KEY_SIZE];
	int rc = 0;

	for (size_t i = 0; i < f->n_rdata && !rc; i++) {
		if (answer_key(f->policy_id, &f->rdata[i], key))
			rc = dbx_strmap_put(&p->answers, key, number);
		if (rc == -EEXIST)
			rc = 0;
	}
	return rc;
}

int dbx_propose_add(struct dbx_propose *p, const struct dbx_propose_flow *f)
{
	char key[KEY_SIZE];
	struct subject s;
	uint64_t number;
	int rc;

	classify(p, f, &s);
	if (!make_key(&s, key)) {
		p->lost++;
		return 0;
	}
	if (!dbx_strmap_get(&p->index, key, &number)) {
		if (p->list.n >= DBX_PROPOSE_MAX) {
			p->lost++;
			return 0;
		}
		number = p->list.n;
		rc = new_entry(p, &s, key);
		if (rc)
			return rc;
	}
	count(&p->list.v[number], 1, f->packets, f->first_ms, f->last_ms);
	/* Its addresses need no entry of their own, whether the name is proposed or allowed. */
	if (s.name[0] && (s.kind != DBX_PROPOSE_LEFT_OUT || s.why == already_allowed))
		return note_answers(p, f, number);
	return 0;
}

/* ---- grouping ---- */

static void fold(struct dbx_propose_entry *into, struct dbx_propose_entry *e)
{
	count(into, e->flows, e->packets, e->first_ms, e->last_ms);
	e->flows = 0; /* gone: swept at the end */
}

static bool in_port_list(const struct dbx_port_range *v, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++) {
		if (port >= v[i].lo && port <= v[i].hi)
			return true;
	}
	return false;
}

/* Does the gateway check a name on this port, so that an allowed name lets the flow pass? */
static bool is_named_port(const struct dbx_model *m, const struct dbx_propose_entry *e)
{
	const struct dbx_name_options *o = m && m->has_gateway ? &m->gateway.names : NULL;
	bool tls = e->port == 443, http = e->port == 80;

	if (e->proto != IPPROTO_TCP || !e->has_ports)
		return false;
	if (o && o->has_tls_ports)
		tls = in_port_list(o->tls_ports, o->n_tls_ports, e->port);
	if (o && o->has_http_ports)
		http = in_port_list(o->http_ports, o->n_http_ports, e->port);
	return tls || http;
}

static void fold_answers(struct dbx_propose *p)
{
	char key[KEY_SIZE];
	uint64_t number;

	dbx_vec_for_each(&p->list, e) {
		if (e->kind == DBX_PROPOSE_ADDRESS && is_named_port(p->opts.m, e) &&
		    answer_key(e->policy_id, &e->addr, key) &&
		    dbx_strmap_get(&p->answers, key, &number))
			fold(&p->list.v[number], e);
	}
}

/* The part of a name after its first label, when that has two labels itself: never "*.com". */
static const char *parent(const struct dbx_propose_entry *e)
{
	const char *dot = e->kind == DBX_PROPOSE_NAME ? strchr(e->name, '.') : NULL;

	return dot && strchr(dot + 1, '.') ? dot + 1 : NULL;
}

static int by_parent(const void *x, const void *y)
{
	const struct dbx_propose_entry *a = x, *b = y;
	const char *pa = parent(a), *pb = parent(b);
	int d = strcmp(a->policy_id, b->policy_id);

	if (!d)
		d = strcmp(pa ? pa : "", pb ? pb : "");
	return d ? d : strcmp(a->name, b->name);
}

/* v[0] becomes "*.x", the others go. */
static int make_wildcard(struct dbx_propose_entry *v, size_t n)
{
	char name[DBX_NAME_SIZE + 2], *copy;

	snprintf(name, sizeof(name), "*.%s", parent(v));
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 1; i < n; i++)
		fold(&v[0], &v[i]);
	v[0].names = n;
	free(v[0].name);
	v[0].name = copy;
	return 0;
}

static int group_names(struct dbx_propose *p)
{
	struct dbx_propose_entry *v = p->list.v;
	size_t n;
	int rc = 0;

	if (!p->opts.wildcards || !p->list.n)
		return 0;
	qsort(v, p->list.n, sizeof(*v), by_parent);
	for (size_t i = 0; i < p->list.n && !rc; i += n) {
		for (n = 1; i + n < p->list.n && parent(&v[i]) && parent(&v[i + n]) &&
			    !strcmp(v[i].policy_id, v[i + n].policy_id) &&
			    !strcmp(parent(&v[i]), parent(&v[i + n]));
		     n++)
			;
		if (parent(&v[i]) && n > 1 && n >= p->opts.wildcards)
			rc = make_wildcard(&v[i], n);
	}
	return rc;
}

static int by_all(const void *x, const void *y)
{
	const struct dbx_propose_entry *a = x, *b = y;
	int d = strcmp(a->policy_id, b->policy_id);

	if (!d)
		d = (int)a->kind - (int)b->kind;
	if (!d)
		d = strcmp(a->name, b->name);
	if (!d)
		d = dbx_addr_cmp(&a->addr, &b->addr);
	if (!d)
		d = (int)a->proto - (int)b->proto;
	return d ? d : (int)a->port - (int)b->port;
}

int dbx_propose_finish(struct dbx_propose *p)
{
	size_t n = 0;
	int rc;

	fold_answers(p);
	rc = group_names(p);
	for (size_t i = 0; i < p->list.n; i++) {
		if (p->list.v[i].flows)
			p->list.v[n++] = p->list.v[i];
		else
			entry_fini(&p->list.v[i]);
	}
	p->list.n = n;
	if (n)
		qsort(p->list.v, n, sizeof(*p->list.v), by_all);
	return rc;
}

const struct dbx_propose_entry *dbx_propose_entries(const struct dbx_propose *p, size_t *n)
{
	*n = p->list.n;
	return p->list.v;
}

uint64_t dbx_propose_lost(const struct dbx_propose *p)
{
	return p->lost;
}
