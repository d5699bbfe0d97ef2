// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_feeds.c -- allow lists by service tag while range files come and go: verdicts by
 * protocol and port, what may not replace what, going back, and which edition explain names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"

#define APPLY    DBOX_OURS "/apply"
#define ROLLBACK DBOX_OURS "/rollback"

static const char gateway[] =
	"{\"gateway\":{\"interfaces\":[{\"name\":\"dbxnone1\"}],\"workspaces\":["
	"{\"workspace_id\":1001,\"sources\":[{\"prefix\":\"10.66.1.0/24\"},{\"prefix\":\"fd66:1::/64\"}]}],"
	"\"allowed_destinations\":[{\"label\":\"lake\",\"service_tags\":[\"Storage.EastUS2\"],"
	"\"protocol\":\"tcp\",\"ports\":[443,\"8000-8001\"]},"
	"{\"label\":\"s3\",\"service_tags\":[{\"tag\":\"S3/us-east-1\",\"cloud\":\"AWS\"}],"
	"\"protocol\":\"udp\",\"ports\":[9]}]}}";

#define TAG(name, prefixes)                                 \
	"{\"name\":\"" name "\",\"id\":\"" name             \
	"\",\"properties\":{\"changeNumber\":1,\"region\":" \
	"\"eastus2\",\"addressPrefixes\":[" prefixes "]}}"
#define AZURE(number, values) \
	"{\"changeNumber\":" number ",\"cloud\":\"Public\",\"values\":[" values "]}"
#define AWS(token, more)                                                                   \
	"{\"syncToken\":\"" token "\",\"createDate\":\"2026-08-" token "\",\"prefixes\":[" \
	"{\"ip_prefix\":\"3.5.0.0/19\",\"region\":\"us-east-1\",\"service\":\"S3\"}," more \
	"{\"ip_prefix\":\"3.6.0.0/19\",\"region\":\"eu-west-1\",\"service\":\"S3\"}],\"ipv6_prefixes\":[]}"

static const char azure_41[] = AZURE(
	"41", TAG("Storage.EastUS2",
		  "\"20.60.80.0/24\",\"20.60.81.0/24\",\"20.60.82.0/24\",\"2603:1030:40f::/49\""));
static const char azure_42[] = AZURE(
	"42", TAG("Storage.EastUS2",
		  "\"20.60.80.0/24\",\"20.60.81.0/24\",\"20.60.90.0/24\",\"20.60.90.128/25\""));
static const char azure_shrunk[] = AZURE("43", TAG("Storage.EastUS2", "\"20.60.80.0/24\""));
static const char azure_lost[] =
	AZURE("43", TAG("Storage.WestUS2", "\"20.60.80.0/24\",\"20.60.81.0/24\",\"20.60.82.0/24\","
					   "\"20.60.83.0/24\""));

static int apply(struct dbox *b, const char *options, const char *name, const char *document)
{
	char *body = dbox_envelope(options, name, document, NULL);
	int status = dbox_call(b, DBX_POST, APPLY, body);

	free(body);
	return status;
}

static void start(struct dbox *b)
{
	char *body = dbox_envelope(NULL, "gw.json", gateway, "np.json", dbox_policy, "opt.json",
				   dbox_option, "azure-41.json", azure_41, "aws.json",
				   AWS("20", ""), NULL);

	dbox_open(b);
	assert_int_equal(dbox_call(b, DBX_POST, APPLY, body), 200);
	free(body);
}

/* "VERDICT reason" of a packet of workspace 1001. */
static const char *judge(struct dbox *b, const char *dst, const char *protocol, int port)
{
	static char text[128];
	char body[256];

	snprintf(body, sizeof(body),
		 "{\"workspace_id\":1001,\"dst\":\"%s\",\"port\":%d,\"protocol\":\"%s\"}", dst,
		 port, protocol);
	if (dbox_call(b, DBX_POST, DBOX_OURS "/explain", body) != 200)
		fail_msg("%s: %s", body, dbox_get(b, "message"));
	snprintf(text, sizeof(text), "%s ", dbox_get(b, "verdict"));
	strncat(text, dbox_get(b, "reason"), 80);
	return text;
}

/* The step of the last explanation that tells of lists. */
static const char *listed_step(struct dbox *b)
{
	const json_t *steps = json_object_get(b->json, "steps"), *s;
	size_t i;

	json_array_foreach(steps, i, s) {
		if (!strcmp(json_string_value(json_object_get(s, "name")), "listed"))
			return json_string_value(json_object_get(s, "text"));
	}
	return "";
}

static void test_protocol_and_ports(void **state)
{
	static const struct {
		const char *dst, *protocol;
		int port;
		const char *want;
	} packets[] = {
		{"20.60.80.1", "tcp", 443, "PASS listed-tag"},
		{"2603:1030:40f::9", "tcp", 8001, "PASS listed-tag"},
		{"20.60.80.1", "tcp", 8002, "DROP port-not-listed"},
		{"20.60.80.1", "tcp", 9, "DROP port-not-listed"},
		{"20.60.80.1", "udp", 443, "DROP port-not-listed"},
		{"20.60.83.1", "tcp", 443, "DROP no-match"},
		{"3.5.31.255", "udp", 9, "PASS listed-tag"},
		{"3.5.0.1", "tcp", 9, "DROP port-not-listed"},
		{"3.6.0.1", "udp", 9, "DROP no-match"}, /* S3, but of another region */
	};
	struct dbox b;

	(void)state;
	start(&b);
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		assert_string_equal(judge(&b, packets[i].dst, packets[i].protocol, packets[i].port),
				    packets[i].want);
	dbox_close(&b);
}

static void test_update_and_rollback(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	assert_string_equal(judge(&b, "20.60.90.200", "tcp", 443), "DROP no-match");
	assert_int_equal(apply(&b, NULL, "azure-42.json", azure_42), 200);
	assert_string_equal(dbox_get(&b, "feeds.0.version_before"), "41");
	assert_string_equal(dbox_get(&b, "feeds.0.entries_added"), "2");
	assert_string_equal(dbox_get(&b, "feeds.0.entries_removed"), "2");
	assert_string_equal(judge(&b, "20.60.90.200", "tcp", 443), "PASS listed-tag");
	assert_string_equal(judge(&b, "20.60.82.1", "tcp", 443), "DROP no-match");
	/* the policy's other tag is of another file, which did not change */
	assert_string_equal(judge(&b, "3.5.0.1", "udp", 9), "PASS listed-tag");
	assert_int_equal(dbox_call(&b, DBX_POST, ROLLBACK, "{\"revision\":1}"), 200);
	assert_string_equal(judge(&b, "20.60.90.200", "tcp", 443), "DROP no-match");
	assert_string_equal(judge(&b, "20.60.82.1", "tcp", 443), "PASS listed-tag");
	dbox_close(&b);
}

static void test_what_may_not_replace_it(void **state)
{
	static const struct {
		const char *document, *code, *ptr;
		bool force_helps;
	} bad[] = {
		{azure_41, "feed-number-falls", "/changeNumber: ", true},
		{azure_shrunk, "feed-shrinks", "/values: ", true},
		{azure_lost, "missing-tag",
		 "/gateway/allowed_destinations/0/service_tags/0: ", false},
	};
	struct dbox b;
	uint32_t sum;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		start(&b);
		assert_int_equal(apply(&b, NULL, "azure-42.json", azure_42), 200);
		sum = dbox_image_sum();
		assert_int_equal(apply(&b, NULL, "bad.json", bad[i].document), 400);
		if (strncmp(dbox_error(&b, bad[i].code), bad[i].ptr, strlen(bad[i].ptr)) != 0)
			fail_msg("%s: \"%s\"", bad[i].code, dbox_error(&b, bad[i].code));
		assert_int_equal(dbox_image_sum(), sum);
		assert_int_equal(b.d.core.generation, 2);
		assert_string_equal(judge(&b, "20.60.90.200", "tcp", 443), "PASS listed-tag");
		assert_int_equal(apply(&b, "\"force\":true", "bad.json", bad[i].document),
				 bad[i].force_helps ? 200 : 400);
		assert_int_equal(b.d.core.generation, bad[i].force_helps ? 3 : 2);
		dbox_close(&b);
	}
}

/* Which range of which edition of which file opens the address: the longest one is told. */
static void test_provenance(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	judge(&b, "20.60.80.1", "tcp", 443);
	assert_non_null(strstr(listed_step(&b), "by 20.60.80.0/24 of service tag Storage.EastUS2 "
						"(Public 41, azure-41.json), for tcp 443"));
	assert_int_equal(apply(&b, NULL, "azure-42.json", azure_42), 200);
	judge(&b, "20.60.90.200", "tcp", 443);
	assert_non_null(strstr(listed_step(&b), "by 20.60.90.128/25 of service tag Storage.EastUS2 "
						"(Public 42, azure-42.json)"));
	judge(&b, "20.60.90.1", "tcp", 80);
	assert_non_null(strstr(listed_step(&b), "by 20.60.90.0/24 of service tag Storage.EastUS2 "
						"(Public 42, azure-42.json), but not for tcp 80"));
	judge(&b, "3.5.0.1", "udp", 9);
	assert_non_null(
		strstr(listed_step(&b),
		       "by 3.5.0.0/19 of service tag S3/us-east-1 (AWS 2026-08-20, aws.json)"));
	assert_int_equal(dbox_call(&b, DBX_POST, ROLLBACK, "{\"revision\":1}"), 200);
	judge(&b, "20.60.80.1", "tcp", 443);
	assert_non_null(strstr(listed_step(&b), "(Public 41, azure-41.json)"));
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocol_and_ports),
		cmocka_unit_test(test_update_and_rollback),
		cmocka_unit_test(test_what_may_not_replace_it),
		cmocka_unit_test(test_provenance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
