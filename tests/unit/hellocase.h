/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hellocase.h -- a daemon's part that reads hellos, over the data plane in memory: two policies, learned
 * names, one flow at a time, and what is told of it.
 */
#ifndef DBX_TESTS_UNIT_HELLOCASE_H
#define DBX_TESTS_UNIT_HELLOCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hello.h"
#include "daemon/namer_impl.h"
#include "dataplane/dp_mem.h"
#include "policy/read.h"

#define ISN      0xffffffe0u /* of the stream's first byte: it wraps within the head */
#define START_NS 7u
#define RULE     42u
#define WS       1

#define HEAD "POST /upload HTTP/1.1\r\nHost: Good.Test.:80\r\nContent-Length: 11\r\n\r\n"
#define BODY "hello=world"
#define NEXT "GET /next HTTP/1.1\r\nHost: other.test\r\n\r\n"

static struct dbx_dp *dp;
static struct dbx_namer *namer;
static struct dbx_core core;
static struct dbx_hellos *hellos;
static struct dbx_name_event last; /* what was told of as denied */
static unsigned int n_told;

/* ---- a world of two policies ---- */

static void read_one(struct dbx_model *m, const char *text)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	assert_int_equal(dbx_read(m, "x.json", text, strlen(text), DBX_DOC_UNKNOWN, &d), 0);
	dbx_diag_fini(&d);
}

static void release(struct dbx_view_parts *p)
{
	dbx_names_free(&p->names);
	dbx_model_free(&p->model);
}

/* Workspace 1 has policy `of`; np-dry is in dry-run for DBSQL. */
static struct dbx_view_parts parts(const char *of)
{
#define NAME(n) "{\"destination\":\"" n "\",\"internet_destination_type\":\"DNS_NAME\"}"
#define NP(id, more)                                                         \
	"{\"network_policy_id\":\"" id "\",\"egress\":{\"network_access\":{" \
	"\"restriction_mode\":\"RESTRICTED_ACCESS\"," more                   \
	"\"allowed_internet_destinations\":[" NAME("good.test") "," NAME("also.test") "]}}}"
	struct dbx_view_parts p = {.release = release, .model = dbx_model_new()};
	struct dbx_diag d;
	char text[256];

	read_one(p.model, NP("np-a", ""));
	read_one(p.model, NP("np-b", ""));
	read_one(p.model, NP("np-dry", "\"policy_enforcement\":{\"enforcement_mode\":\"DRY_RUN\","
				       "\"dry_run_mode_product_filter\":[\"DBSQL\"]},"));
	read_one(p.model, "{\"gateway\":{\"workspaces\":[{\"workspace_id\":1,\"sources\":["
			  "{\"prefix\":\"10.0.0.0/24\"}]}]}}");
	snprintf(text, sizeof(text), "{\"workspace_id\":1,\"network_policy_id\":\"%s\"}", of);
	read_one(p.model, text);
	dbx_diag_init(&d);
	assert_int_equal(dbx_model_resolve(p.model, &d), 0);
	dbx_diag_fini(&d);
	assert_int_equal(dbx_names_new(p.model, &p.names), 0);
	return p;
}

static void settle(const char *of)
{
	struct dbx_view_parts p = parts(of);

	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	dbx_namer_settle(namer, &p);
}

static void learn(const char *policy, const char *name, const char *a)
{
	struct dbx_lesson l = {.policy_uid = dbx_policy_uid(policy),
			       .rule_uid = RULE,
			       .name = name,
			       .n_addrs = 1,
			       .ttl_s = 600};
	struct dbx_addr v;

	assert_int_equal(dbx_addr_parse(a, &v), 0);
	l.addrs = &v;
	assert_int_equal(dbx_namer_learn(namer, &l), 0);
}

static void on_denied(void *arg, const struct dbx_name_event *e)
{
	assert_ptr_equal(arg, &core);
	last = *e;
	n_told++;
}

static int begin(void **state)
{
	const struct dbx_dp_opts none = {.pin_dir = NULL};
	struct dbx_namer_opts o = {.ops = &dbx_dp_mem};
	struct dbx_dp_state s;
	struct dbx_dp_error e;

	(void)state;
	dbx_dp_mem_reset();
	assert_int_equal(dbx_dp_mem.open(&dp, &none, &s, &e), 0);
	o.dp = dp;
	assert_int_equal(dbx_namer_new(&namer, &o), 0);
	settle("np-a");
	learn("np-a", "good.test", "192.0.2.1");
	learn("np-a", "also.test", "192.0.2.2");
	core = (struct dbx_core){.ops = &dbx_dp_mem, .dp = dp, .namer = namer};
	hellos = dbx_hellos_new(&core, on_denied, &core);
	assert_non_null(hellos);
	n_told = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	dbx_hellos_free(&hellos);
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	return 0;
}

/* ---- one flow after another ---- */

static struct dbx_name_event event; /* of the flow: what each segment has of it */

static void put_addr(const char *text, uint32_t out[4])
{
	struct dbx_bound_key k;
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(text, &a), 0);
	dbx_namer_key(1, &a, 1, &k);
	memcpy(out, k.addr, sizeof(k.addr));
}

static void open_flow(const char *policy, enum dbx_name_port kind)
{
	static uint16_t sport = 1024;
	struct dbx_flow f = {
		.policy_uid = {dbx_policy_uid(policy), 0},
		.workspace_id = WS,
		.start_ns = START_NS,
		.last_ns = 1,
		.isn = ISN,
		.state = DBX_FLOW_HELLO,
		.kind = (uint8_t)kind,
	};

	memset(&event, 0, sizeof(event));
	put_addr("10.0.0.9", event.key.src);
	put_addr("192.0.2.1", event.key.dst);
	event.key.sport = ++sport;
	event.key.dport = 80;
	event.key.proto = kind == DBX_NAME_PORT_QUIC ? 17 : 6;
	event.isn = ISN;
	event.policy_uid = dbx_policy_uid(policy);
	event.start_ns = START_NS;
	event.kind = (uint8_t)kind;
	event.event.workspace_id = WS;
	event.event.product = DBX_PRODUCT_GENERAL_COMPUTE;
	event.event.reason = DBX_REASON_HELLO_HELD;
	event.event.rule_uid = 999;
	dbx_dp_mem_flow(&event.key, &f);
}

static void close_flow(void)
{
	dbx_dp_mem.flow_del(dp, &event.key);
}

static void give(uint32_t off, const char *bytes, size_t n)
{
	struct dbx_name_event e = event;

	assert_true(n && n <= sizeof(e.payload));
	e.seq = ISN + off;
	e.n_payload = (uint16_t)n;
	memcpy(e.payload, bytes, n);
	dbx_hellos_event(hellos, &e);
}

struct wanted {
	const struct dbx_flow_key *key;
	struct dbx_flow flow;
};

static int find_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	struct wanted *w = arg;

	if (memcmp(k, w->key, sizeof(*k)))
		return 0;
	w->flow = *f;
	return 1;
}

static struct dbx_flow flow(void)
{
	struct wanted w = {.key = &event.key};

	assert_int_equal(dbx_dp_mem.flows_each(dp, find_flow, &w), 1);
	return w.flow;
}

static uint64_t hits(const char *policy, const char *name, const char *a)
{
	struct dbx_bound_key k;
	struct dbx_bound b;
	struct dbx_addr v;

	assert_int_equal(dbx_addr_parse(a, &v), 0);
	dbx_namer_key(dbx_policy_uid(policy), &v, dbx_namer_hash(namer, name), &k);
	assert_int_equal(dbx_dp_mem.bound_get(dp, &k, &b), 0);
	return b.hits;
}

static struct dbx_hash hash_of(const char *bytes, size_t n)
{
	struct dbx_hash h = {{0, 0}};

	for (size_t i = 0; i < n; i++)
		dbx_hash_byte(&h, &namer->secret, (uint8_t)bytes[i]);
	return h;
}

#endif
