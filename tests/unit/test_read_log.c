/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_log.c -- "log" of the gateway document: what is refused, defaults, and the way back.
 */
#include "unit/readcase.h"

#define LOG(rest)   "{'gateway':{'log':{" rest "}}}"
#define FILE_(rest) LOG("'file':{'path':'/var/log/d.jsonl'," rest "}")
#define F           "/gateway/log/file"

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
		{FILE_("'compress':true"), DBX_SEV_WARNING, "unknown-key", F "/compress", NULL},
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
	assert_string_equal(l->file.path, "/var/log/d.jsonl");
	assert_int_equal(l->file.rotate_bytes, 100 << 20);
	assert_int_equal(l->file.rotate_s, 86400);
	assert_int_equal(l->file.keep, 10);
	assert_string_equal(l->file.where.ptr, F);
	dbx_model_free(&m);
}

/* Every option makes a difference, and comes back from print. */
static void test_way_back(void **state)
{
	static const char *const texts[] = {
		LOG(""),
		LOG("'interval_s':60"),
		LOG("'journald':true"),
		LOG("'later':1"),
		FILE_("'keep':10"),
		LOG("'file':{'path':'/var/log/e.jsonl'}"),
		FILE_("'keep':0"),
		FILE_("'rotate_s':0"),
		FILE_("'rotate_bytes':65536"),
		FILE_("'later':1"),
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
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
