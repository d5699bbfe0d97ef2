// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_propose.c -- flows to entries: order does not matter, reasons that no entry changes, groups.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/explain.h"
#include "policy/propose.h"

static struct dbx_propose_flow flow(const char *name, const char *addr, enum dbx_reason reason)
{
	struct dbx_propose_flow f = {.policy_id = "np",
				     .name = name,
				     .reason = reason,
				     .has_ports = true,
				     .proto = IPPROTO_TCP,
				     .port = 443,
				     .packets = 1,
				     .first_ms = 10,
				     .last_ms = 20};

	f.has_addr = addr && !dbx_addr_parse(addr, &f.addr);
	return f;
}

/* Kind of the only entry that the flow gives. */
static enum dbx_propose_kind kind_of(const struct dbx_propose_flow *f)
{
	struct dbx_propose_opts o = {0};
	struct dbx_propose *p = dbx_propose_new(&o);
	const struct dbx_propose_entry *v;
	enum dbx_propose_kind kind;
	size_t n;

	assert_non_null(p);
	assert_int_equal(dbx_propose_add(p, f), 0);
	assert_int_equal(dbx_propose_finish(p), 0);
	v = dbx_propose_entries(p, &n);
	assert_int_equal(n, 1);
	kind = v[0].kind;
	assert_true((kind == DBX_PROPOSE_LEFT_OUT) == (v[0].why != NULL));
	dbx_propose_free(&p);
	return kind;
}

static void never_hard_reasons(void **state)
{
	(void)state;
	for (int r = 0; r < DBX_REASON_MAX; r++) {
		struct dbx_propose_flow f = flow("", "203.0.113.9", (enum dbx_reason)r);

		if (dbx_reason_kind((enum dbx_reason)r) != DBX_KIND_SOFT)
			assert_int_equal(kind_of(&f), DBX_PROPOSE_LEFT_OUT);
	}
}

static void never_isolated(void **state)
{
	static const char *const addrs[] = {
		"127.0.0.1", "169.254.169.254", "168.63.129.16", "224.0.0.1", "240.0.0.1",
		"::1",       "fd00:ec2::254",   "fe80::1",       "0.0.0.0",   "255.255.255.255",
		"ff02::1",   "::ffff:192.0.2.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct dbx_propose_flow f = flow("", addrs[i], DBX_REASON_NO_MATCH);

		assert_int_equal(kind_of(&f), DBX_PROPOSE_LEFT_OUT);
	}
}

static void kinds(void **state)
{
	static const struct {
		const char *name;
		enum dbx_propose_kind kind;
	} cases[] = {{"", DBX_PROPOSE_ADDRESS},
		     {"Files.Example.com", DBX_PROPOSE_NAME},
		     {"b.s3.eu-west-1.amazonaws.com", DBX_PROPOSE_STORAGE},
		     {"contoso.blob.core.windows.net", DBX_PROPOSE_STORAGE},
		     {"b.storage.googleapis.com", DBX_PROPOSE_STORAGE},
		     {"storage.googleapis.com", DBX_PROPOSE_LEFT_OUT},
		     {"s3.eu-west-1.amazonaws.com", DBX_PROPOSE_LEFT_OUT},
		     {"<script>", DBX_PROPOSE_LEFT_OUT},
		     {"com", DBX_PROPOSE_LEFT_OUT}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_propose_flow f = flow(cases[i].name, "203.0.113.9", DBX_REASON_NO_MATCH);

		assert_int_equal(kind_of(&f), cases[i].kind);
	}
}

/* The address of the flow was the answer to the name; another port stays an entry of its own. */
static void order_is_nothing(void **state)
{
	struct dbx_propose_opts o = {0};

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		struct dbx_propose_flow f[3] = {flow("a.example.com", NULL, DBX_REASON_DNS_DENIED),
						flow("", "203.0.113.9", DBX_REASON_NO_MATCH),
						flow("", "203.0.113.9", DBX_REASON_NO_MATCH)};
		struct dbx_propose *p = dbx_propose_new(&o);
		const struct dbx_propose_entry *v;
		size_t n;

		f[0].rdata = &f[1].addr;
		f[0].n_rdata = 1;
		f[2].port = 5432;
		f[2].last_ms = 99;
		for (int i = 0; i < 3; i++)
			assert_int_equal(dbx_propose_add(p, &f[(i + turn) % 3]), 0);
		assert_int_equal(dbx_propose_finish(p), 0);
		v = dbx_propose_entries(p, &n);
		assert_int_equal(n, 2);
		assert_string_equal(v[0].name, "a.example.com");
		assert_int_equal(v[0].flows, 2);
		assert_int_equal(v[1].kind, DBX_PROPOSE_ADDRESS);
		assert_int_equal(v[1].port, 5432);
		assert_int_equal(v[1].last_ms, 99);
		dbx_propose_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_hard_reasons),
		cmocka_unit_test(never_isolated),
		cmocka_unit_test(kinds),
		cmocka_unit_test(order_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
