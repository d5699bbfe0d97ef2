// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_record.c -- the line of a record: columns, types and nulls of egress-model 4.1 and 4.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/record.h"
#include "policy/explain.h"
#include "policy/storage_host.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct dbx_record sample(void)
{
	struct dbx_record r = {
		.event_id = "0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11",
		.event = {.generation = 42,
			  .workspace_id = UINT64_C(6182736450912837),
			  .rule_uid = 0xabc,
			  .src = {10, 12, 3, 7},
			  .dst = {203, 0, 113, 9},
			  .ifindex = 3,
			  .frame_bytes = 60,
			  .sport = 50000,
			  .dport = 443,
			  .reason = DBX_REASON_NO_MATCH,
			  .verdict = DBX_VERDICT_DROP,
			  .proto = IPPROTO_TCP,
			  .flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS},
		.account_id = "7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44",
		.policy_id = "np-prod",
		.name = "",
		.rcode = DBX_RECORD_RCODE_NONE,
		.rule_text = "default: deny",
		.rule_doc = "policy.json",
		.rule_ptr = "/egress/network_access",
		.interface = "ws1",
		.packets = 3,
		.bytes = 180,
		.first_ms = INT64_C(1787303643512),
		.last_ms = INT64_C(1787303645000),
	};

	return r;
}

static const char *const columns[] = {"account_id",       "workspace_id",        "event_id",
				      "destination_type", "destination",         "dns_event",
				      "ip_event",         "storage_event",       "event_time",
				      "access_type",      "network_source_type", "x_dbx_egress"};

/* One line, valid JSON, the columns in the vendor's order and no other. */
static json_t *line_of(const struct dbx_record *r)
{
	struct dbx_strbuf b;
	const char *key;
	json_t *j, *v;
	size_t i = 0;

	dbx_strbuf_init(&b);
	assert_int_equal(dbx_record_line(r, &b), 0);
	assert_null(strpbrk(b.s, "\n\r"));
	j = json_loads(b.s, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	json_object_foreach(j, key, v) {
		assert_true(i < COUNT(columns));
		assert_string_equal(key, columns[i++]);
	}
	assert_int_equal(i, COUNT(columns));
	dbx_strbuf_fini(&b);
	return j;
}

/* path: keys parted by '.'. */
static const json_t *at(const json_t *j, const char *path)
{
	char buf[128], *save = NULL;

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *k = strtok_r(buf, ".", &save); k; k = strtok_r(NULL, ".", &save)) {
		j = json_object_get(j, k);
		if (!j)
			fail_msg("%s is not there", path);
	}
	return j;
}

/* expected: as JSON. */
static void is(const json_t *j, const char *path, const char *expected)
{
	char *s = json_dumps(at(j, path), JSON_COMPACT | JSON_ENCODE_ANY);

	if (strcmp(s, expected))
		fail_msg("%s: %s, expected %s", path, s, expected);
	free(s);
}

static void test_ip_row(void **state)
{
	struct dbx_record r = sample();
	json_t *j = line_of(&r);

	(void)state;
	is(j, "account_id", "\"7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44\"");
	is(j, "workspace_id", "\"6182736450912837\"");
	is(j, "event_id", "\"0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11\"");
	is(j, "destination_type", "\"IP\"");
	is(j, "destination", "\"203.0.113.9\"");
	is(j, "dns_event", "null");
	is(j, "ip_event", "{\"ip_address\":\"203.0.113.9\"}");
	is(j, "storage_event", "null");
	is(j, "event_time", "\"2026-08-21T09:14:03.512\"");
	is(j, "access_type", "\"DROP\"");
	is(j, "network_source_type", "\"General Compute\"");
	is(j, "x_dbx_egress.network_policy_id", "\"np-prod\"");
	is(j, "x_dbx_egress.generation", "42");
	is(j, "x_dbx_egress.reason", "\"no-match\"");
	is(j, "x_dbx_egress.verdict", "\"DROP\"");
	is(j, "x_dbx_egress.path", "\"none\"");
	is(j, "x_dbx_egress.rule",
	   "{\"uid\":\"0000000000000abc\",\"text\":\"default: deny\",\"document\":\"policy.json\","
	   "\"pointer\":\"/egress/network_access\"}");
	is(j, "x_dbx_egress.src_ip", "\"10.12.3.7\"");
	is(j, "x_dbx_egress.src_port", "50000");
	is(j, "x_dbx_egress.dst_ip", "\"203.0.113.9\"");
	is(j, "x_dbx_egress.dst_port", "443");
	is(j, "x_dbx_egress.ip_proto", "6");
	is(j, "x_dbx_egress.domain", "null");
	is(j, "x_dbx_egress.interface", "\"ws1\"");
	is(j, "x_dbx_egress.name", "null");
	is(j, "x_dbx_egress.packets", "3");
	is(j, "x_dbx_egress.bytes", "180");
	is(j, "x_dbx_egress.first_time", "\"2026-08-21T09:14:03.512Z\"");
	is(j, "x_dbx_egress.last_time", "\"2026-08-21T09:14:05.000Z\"");
	assert_null(json_object_get(at(j, "x_dbx_egress"), "open"));
	json_decref(j);
}

static void test_dns_row_of_the_resolver(void **state)
{
	struct dbx_record r = sample();
	json_t *j;

	(void)state;
	r.name = "exfil.example.net";
	r.rcode = 3;
	j = line_of(&r);
	is(j, "destination_type", "\"DNS\"");
	is(j, "destination", "\"exfil.example.net\"");
	is(j, "dns_event", "{\"domain_name\":\"exfil.example.net\",\"rcode\":3,\"rdata\":[]}");
	is(j, "ip_event", "null");
	is(j, "storage_event", "null");
	is(j, "x_dbx_egress.name", "\"exfil.example.net\"");
	json_decref(j);

	/* In dry run the answer is given. */
	r.event.verdict = DBX_VERDICT_DRY_RUN;
	r.rcode = 0;
	r.n_rdata = 2;
	assert_int_equal(dbx_addr_parse("203.0.113.9", &r.rdata[0]), 0);
	assert_int_equal(dbx_addr_parse("2001:db8::9", &r.rdata[1]), 0);
	j = line_of(&r);
	is(j, "access_type", "\"DRY_RUN_DENIAL\"");
	is(j, "dns_event.rcode", "0");
	is(j, "dns_event.rdata", "[\"203.0.113.9\",\"2001:db8::9\"]");
	json_decref(j);
}

static void test_dns_row_of_a_flow(void **state)
{
	struct dbx_record r = sample();
	json_t *j;

	(void)state;
	r.name = "a\\\"b\\\\010.example.net"; /* what a client may say in its hello */
	r.event.reason = DBX_REASON_NAME_MISMATCH;
	j = line_of(&r);
	assert_string_equal(json_string_value(at(j, "dns_event.domain_name")), r.name);
	is(j, "dns_event.rcode", "null");
	is(j, "dns_event.rdata", "[\"203.0.113.9\"]");
	is(j, "destination_type", "\"DNS\"");
	json_decref(j);
}

static void test_storage_rows(void **state)
{
	static const struct {
		const char *name, *location, *why;
		enum dbx_reason reason;
	} cases[] = {
		{"my.bucket.s3.us-east-1.amazonaws.com", "s3://my.bucket",
		 "storage-bucket-path-denied", DBX_REASON_DNS_DENIED},
		{"b.s3.dualstack.eu-west-1.amazonaws.com", "s3://b", "storage-bucket-path-denied",
		 DBX_REASON_DNS_DENIED},
		{"b.s3-us-west-2.amazonaws.com", "s3://b", "storage-bucket-path-denied",
		 DBX_REASON_DNS_DENIED},
		{"b.s3.amazonaws.com", "s3://b", "storage-bucket-path-denied",
		 DBX_REASON_DNS_DENIED},
		{"s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "dns-path-style",
		 DBX_REASON_DNS_PATH_STYLE},
		{"contosodata.dfs.core.windows.net", "contosodata.dfs.core.windows.net",
		 "storage-bucket-path-denied", DBX_REASON_NO_MATCH},
		{"b.storage.googleapis.com", "gs://b", "storage-bucket-path-denied",
		 DBX_REASON_NO_MATCH},
		{"storage.googleapis.com", "storage.googleapis.com", "dns-bare-storage",
		 DBX_REASON_DNS_BARE_STORAGE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dbx_record r = sample();
		json_t *j;

		r.name = cases[i].name;
		r.rcode = 3;
		r.event.reason = cases[i].reason;
		j = line_of(&r);
		is(j, "destination_type", "\"STORAGE\"");
		assert_string_equal(json_string_value(at(j, "destination")), cases[i].location);
		assert_string_equal(json_string_value(at(j, "storage_event.hostname")),
				    cases[i].location);
		is(j, "storage_event.path", "null");
		assert_string_equal(json_string_value(at(j, "storage_event.rejection_reason")),
				    cases[i].why);
		assert_string_equal(json_string_value(at(j, "dns_event.domain_name")),
				    cases[i].name);
		is(j, "ip_event", "null");
		json_decref(j);
	}
}

static void test_no_storage_host(void **state)
{
	static const char *const names[] = {
		"example.com",
		"ec2.us-east-1.amazonaws.com",
		"amazonaws.com",
		"s3x.us-east-1.amazonaws.com",
		"b.s3.evil.amazonaws.com",
		"b.s3.us-east-1.amazonaws.com.example.net",
		"xamazonaws.com",
		"a.b.blob.core.windows.net",
		"blob.core.windows.net",
		"a.vault.core.windows.net",
		"googleapis.com",
		"xstorage.googleapis.com",
	};
	struct dbx_storage_host h;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (dbx_storage_host_parse(names[i], &h))
			fail_msg("%s is taken for a storage host", names[i]);
		assert_int_equal(h.type, DBX_STORAGE_UNSPECIFIED);
	}
	assert_true(dbx_storage_host_parse("b.s3.us-east-1.amazonaws.com", &h));
	assert_string_equal(h.bucket, "b");
	assert_string_equal(h.region, "us-east-1");
	assert_true(dbx_storage_host_parse("s3.s3.cn-north-1.amazonaws.com.cn", &h));
	assert_string_equal(h.bucket, "s3");
	assert_true(dbx_storage_host_parse("contoso.queue.core.windows.net", &h));
	assert_string_equal(h.bucket, "contoso");
	assert_string_equal(h.service, "queue");
}

static void test_what_is_not_known_is_null(void **state)
{
	struct dbx_record r = sample();
	json_t *j;

	(void)state;
	r.event.flags = 0;
	r.event.workspace_id = 0;
	r.event.rule_uid = 0;
	r.event.reason = DBX_REASON_NOT_IP;
	r.account_id = r.policy_id = r.interface = "";
	j = line_of(&r);
	is(j, "account_id", "null");
	is(j, "workspace_id", "null");
	is(j, "network_source_type", "null");
	is(j, "destination_type", "\"IP\"");
	is(j, "destination", "null");
	is(j, "ip_event", "null");
	is(j, "x_dbx_egress.network_policy_id", "null");
	is(j, "x_dbx_egress.rule", "null");
	is(j, "x_dbx_egress.src_ip", "null");
	is(j, "x_dbx_egress.dst_port", "null");
	is(j, "x_dbx_egress.ip_proto", "null");
	is(j, "x_dbx_egress.interface", "null");
	json_decref(j);
}

static void test_domains_and_icmp(void **state)
{
	static const struct {
		uint32_t domain;
		const char *json;
	} cases[] = {
		{100, "{\"vlan\":100}"},
		{DBX_DOMAIN_QINQ | 100 << 12 | 7, "{\"vlan\":100,\"inner_vlan\":7}"},
		{DBX_DOMAIN_VNI | 0xffffff, "{\"vni\":16777215}"},
	};
	struct dbx_record r = sample();
	json_t *j;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		r.event.domain = cases[i].domain;
		j = line_of(&r);
		is(j, "x_dbx_egress.domain", cases[i].json);
		json_decref(j);
	}
	r.event.proto = IPPROTO_ICMPV6;
	r.event.flags |= DBX_EVENT_F_IPV6;
	r.event.dport = 128 << 8 | 1;
	r.is_open = true;
	j = line_of(&r);
	is(j, "x_dbx_egress.dst_port", "null");
	is(j, "x_dbx_egress.icmp_type", "128");
	is(j, "x_dbx_egress.icmp_code", "1");
	is(j, "x_dbx_egress.src_ip", "\"a0c:307::\"");
	is(j, "x_dbx_egress.open", "true");
	json_decref(j);
}

/* Each reason, verdict and product has its line, with its own words. */
static void test_every_reason(void **state)
{
	(void)state;
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		for (int v = 0; v < DBX_VERDICT_MAX; v++) {
			static const char *const access[] = {"DROP", "ALLOW", "DRY_RUN_DENIAL"};
			struct dbx_record r = sample();
			json_t *j;

			r.event.reason = (uint16_t)i;
			r.event.verdict = (uint8_t)v;
			r.event.product = (uint8_t)(i % DBX_PRODUCT_MAX);
			r.event.path = (uint8_t)(i % DBX_PATH_MAX);
			j = line_of(&r);
			assert_string_equal(json_string_value(at(j, "x_dbx_egress.reason")),
					    dbx_reason_slug((enum dbx_reason)i));
			assert_string_equal(json_string_value(at(j, "access_type")), access[v]);
			assert_string_equal(json_string_value(at(j, "network_source_type")),
					    dbx_product_name(i % DBX_PRODUCT_MAX));
			assert_string_equal(json_string_value(at(j, "x_dbx_egress.path")),
					    dbx_path_name(i % DBX_PATH_MAX));
			json_decref(j);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_row),
		cmocka_unit_test(test_dns_row_of_the_resolver),
		cmocka_unit_test(test_dns_row_of_a_flow),
		cmocka_unit_test(test_storage_rows),
		cmocka_unit_test(test_no_storage_host),
		cmocka_unit_test(test_what_is_not_known_is_null),
		cmocka_unit_test(test_domains_and_icmp),
		cmocka_unit_test(test_every_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
