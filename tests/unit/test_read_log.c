/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_log.c -- "log" of the gateway document: what is refused, defaults, and the way back.
 */
#include "unit/readcase.h"

#define LOG(rest)   "{'gateway':{'log':{" rest "}}}"
#define FILE_(rest) LOG("'file':{'path':'/var/log/d.jsonl'," rest "}")
#define F           "/gateway/log/file"
#define KAFKA(rest) LOG("'kafka':{'brokers':['k1.example.com:9092']," rest "}")
#define OPTION(one) KAFKA("'topic':'t','options':{" one "}")
#define K           "/gateway/log/kafka"
#define LISTEN(at)  "{'gateway':{'metrics':{'listen':'" at "'}}}"

static void test_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'gateway':{'log':true}}", DBX_SEV_ERROR, "wrong-type", "/gateway/log",
		 "an object"},
		{LOG("'interval_s':0"), DBX_SEV_ERROR, "bad-value", "/gateway/log/interval_s",
		 "1 to 3600"},
		{LOG("'interval_s':3601"), DBX_SEV_ERROR, "bad-value", "/gateway/log/interval_s",
		 NULL},
		{LOG("'journald':1"), DBX_SEV_ERROR, "wrong-type", "/gateway/log/journald", NULL},
		{LOG("'journal':true"), DBX_SEV_WARNING, "unknown-key", "/gateway/log/journal",
		 NULL},
		{LOG("'denied':true"), DBX_SEV_ERROR, "wrong-type", "/gateway/log/denied", NULL},
		{LOG("'denied':'some'"), DBX_SEV_ERROR, "bad-value", "/gateway/log/denied", "off"},
		{LOG("'allowed':'all'"), DBX_SEV_ERROR, "bad-value", "/gateway/log/allowed",
		 "sampled"},
		{LOG("'sample_per_million':0"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/log/sample_per_million", "1 to 1000000"},
		{LOG("'sample_per_million':1000001"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/log/sample_per_million", NULL},
		{LOG("'file':{}"), DBX_SEV_ERROR, "missing-key", F, "\"path\""},
		{LOG("'file':{'path':'d.jsonl'}"), DBX_SEV_ERROR, "bad-path", F "/path",
		 "absolute path"},
		{LOG("'file':{'path':'/'}"), DBX_SEV_ERROR, "bad-path", F "/path", NULL},
		{LOG("'file':{'path':'/var/log/'}"), DBX_SEV_ERROR, "bad-path", F "/path", NULL},
		{LOG("'file':{'path':'/var/../etc/x'}"), DBX_SEV_ERROR, "bad-path", F "/path",
		 "without"},
		{LOG("'file':{'path':'/var/..'}"), DBX_SEV_ERROR, "bad-path", F "/path", NULL},
		{LOG("'file':{'path':'/a\\u000ab'}"), DBX_SEV_ERROR, "bad-path", F "/path", NULL},
		{FILE_("'rotate_bytes':65535"), DBX_SEV_ERROR, "bad-value", F "/rotate_bytes",
		 "65536 to"},
		{FILE_("'rotate_s':-1"), DBX_SEV_ERROR, "bad-value", F "/rotate_s", NULL},
		{FILE_("'keep':1001"), DBX_SEV_ERROR, "bad-value", F "/keep", "0 to 1000"},
		{"{'gateway':{'metrics':{}}}", DBX_SEV_ERROR, "missing-key", "/gateway/metrics",
		 "listen"},
		{FILE_("'compress':true"), DBX_SEV_WARNING, "unknown-key", F "/compress", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_findings_of_kafka(void **state)
{
	static const struct read_case cases[] = {
		{LOG("'kafka':{'brokers':['k']}"), DBX_SEV_ERROR, "missing-key", K, "\"topic\""},
		{KAFKA("'topic':'a b'"), DBX_SEV_ERROR, "bad-topic", K "/topic", "249"},
		{KAFKA("'topic':'..'"), DBX_SEV_ERROR, "bad-topic", K "/topic", NULL},
		{LOG("'kafka':{'topic':'t','brokers':[]}"), DBX_SEV_ERROR, "bad-value",
		 K "/brokers", "empty"},
		{LOG("'kafka':{'topic':'t','brokers':['a,b']}"), DBX_SEV_ERROR, "bad-broker",
		 K "/brokers/0", "9092"},
		{OPTION("'sasl.password':'x'"), DBX_SEV_ERROR, "bad-option",
		 K "/options/sasl.password", "options_file"},
		{OPTION("'plugin.library.paths':'x'"), DBX_SEV_ERROR, "bad-option",
		 K "/options/plugin.library.paths", "runs code"},
		{OPTION("'test.mock.num.brokers':'3'"), DBX_SEV_ERROR, "bad-option",
		 K "/options/test.mock.num.brokers", "no real broker"},
		{OPTION("'bootstrap.servers':'x'"), DBX_SEV_ERROR, "bad-option",
		 K "/options/bootstrap.servers", "itself"},
		{OPTION("'Linger':'x'"), DBX_SEV_ERROR, "bad-option", K "/options/Linger", NULL},
		{OPTION("'linger.ms':'1\\u000a'"), DBX_SEV_ERROR, "bad-option",
		 K "/options/linger.ms", "control"},
		{OPTION("'linger.ms':5"), DBX_SEV_ERROR, "wrong-type", K "/options/linger.ms",
		 NULL},
		{KAFKA("'topic':'t','options':[]"), DBX_SEV_ERROR, "wrong-type", K "/options",
		 "linger.ms"},
		{KAFKA("'topic':'t','options_file':'x'"), DBX_SEV_ERROR, "bad-path",
		 K "/options_file", "kafka.conf"},
		{KAFKA("'topic':'t','key':'x'"), DBX_SEV_WARNING, "unknown-key", K "/key", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_defaults(void **state)
{
	struct dbx_model *m = read_clean(LOG("'file':{'path':'/var/log/d.jsonl'}"));
	const struct dbx_log_options *l = &m->gateway.log;

	(void)state;
	assert_true(l->has && l->file.has && !l->journald);
	assert_int_equal(l->interval_s, 10);
	assert_true(!l->denied_off && l->allowed == DBX_LOG_ALLOWED_OFF);
	assert_int_equal(l->sample_per_million, 1000);
	assert_string_equal(l->file.path, "/var/log/d.jsonl");
	assert_int_equal(l->file.rotate_bytes, 100 << 20);
	assert_int_equal(l->file.rotate_s, 86400);
	assert_int_equal(l->file.keep, 10);
	assert_string_equal(l->file.where.ptr, F);
	dbx_model_free(&m);
}

static void test_listen(void **state)
{
	static const char *const bad[] = {
		"",
		"127.0.0.1",
		":9479",
		"127.0.0.1:",
		"127.0.0.1:0",
		"::1",
		"::1:9479",
		"[::1]",
		"[::1]:",
		"[::1:9479",
		"[]:9479",
		"[127.0.0.1]:80",
		"127.0.0.1:080",
		"127.0.0.1:65536",
		"127.0.0.1:+80",
		"127.1:80",
		"localhost:80",
		"fe80::1%lo:80",
		"127.0.0.1:80 ",
		"127.0.0.1:99999999999",
	};
	struct dbx_model *m = read_clean(LISTEN("[2001:db8::1]:65535"));
	char text[200];

	(void)state;
	assert_true(m->gateway.metrics.has && m->gateway.metrics.listen.is_v6);
	assert_int_equal(m->gateway.metrics.port, 65535);
	assert_string_equal(m->gateway.metrics.where.ptr, "/gateway/metrics");
	dbx_model_free(&m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct read_case one[] = {{text, DBX_SEV_ERROR, "bad-address",
						 "/gateway/metrics/listen", "127.0.0.1:9479"}};

		snprintf(text, sizeof(text), LISTEN("%s"), bad[i]);
		RUN_CASES(one);
	}
}

/* Every option makes a difference, and comes back from print. */
static void test_way_back(void **state)
{
	static const char *const texts[] = {
		LOG(""),
		LOG("'interval_s':60"),
		LOG("'journald':true"),
		LOG("'denied':'off'"),
		LOG("'allowed':'first'"),
		LOG("'allowed':'sampled'"),
		LOG("'allowed':'sampled','sample_per_million':7"),
		LOG("'later':1"),
		FILE_("'keep':10"),
		LOG("'file':{'path':'/var/log/e.jsonl'}"),
		FILE_("'keep':0"),
		FILE_("'rotate_s':0"),
		FILE_("'rotate_bytes':65536"),
		FILE_("'later':1"),
		KAFKA("'topic':'t'"),
		KAFKA("'topic':'u'"),
		KAFKA("'topic':'t','later':1"),
		KAFKA("'topic':'t','options_file':'/etc/k.conf'"),
		LOG("'kafka':{'topic':'t','brokers':['a:1','[::1]:2']}"),
		OPTION("'linger.ms':'5','acks':'1'"),
		OPTION("'linger.ms':'6','acks':'1'"),
		OPTION("'linger.ms':'5'"),
		LISTEN("127.0.0.1:9479"),
		LISTEN("127.0.0.1:9480"),
		LISTEN("0.0.0.0:9479"),
		LISTEN("[::1]:9479"),
		"{'gateway':{}}",
	};
	struct dbx_model *m[sizeof(texts) / sizeof(texts[0])], *again;
	struct dbx_diag d;
	char *text;

	(void)state;
	dbx_diag_init(&d);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		m[i] = dbx_model_new();
		assert_int_equal(read_quoted(m[i], "doc", texts[i], &d), 0);
		text = dbx_print_gateway(&m[i]->gateway);
		assert_non_null(text);
		again = dbx_model_new();
		assert_int_equal(dbx_read(again, "doc", text, strlen(text), DBX_DOC_UNKNOWN, &d),
				 0);
		assert_true(dbx_model_equal(m[i], again));
		dbx_model_free(&again);
		free(text);
		for (size_t k = 0; k < i; k++)
			assert_false(dbx_model_equal(m[i], m[k]));
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		dbx_model_free(&m[i]);
	dbx_diag_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings), cmocka_unit_test(test_findings_of_kafka),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_listen),
		cmocka_unit_test(test_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
