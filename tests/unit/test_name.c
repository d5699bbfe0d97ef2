// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_name.c -- DNS names: the canonical form, what is refused and how it is said, matching.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/name.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void canonical_forms(void **state)
{
	static const char *const t[][2] = {
		{"pypi.org", "pypi.org"},
		{"PyPI.ORG", "pypi.org"},
		{"pypi.org.", "pypi.org"},
		{"*.pypi.org", "*.pypi.org"},
		{"*.PyPI.org.", "*.pypi.org"},
		{"_acme-challenge.example.com", "_acme-challenge.example.com"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"},
		{"1e100.net", "1e100.net"},
		{"a.4you", "a.4you"},
	};
	char out[DBX_NAME_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		const char *why = NULL;

		if (dbx_name_canon_n(t[i][0], strlen(t[i][0]), DBX_NAME_WILDCARD_OK, out, &why))
			fail_msg("%s %s", t[i][0], why);
		assert_string_equal(out, t[i][1]);
	}
}

static void refused_names(void **state)
{
	/* the name, and a word that the sentence must have */
	static const char *const t[][2] = {
		{"", "empty"},
		{".", "empty label"},
		{"..", "empty label"},
		{"a..example.com", "empty label"},
		{".example.com", "empty label"},
		{"example.com..", "empty label"},
		{"com", "single label"},
		{"com.", "single label"},
		{"*.com", "single label"},
		{"*", "wildcard"},
		{"*.", "wildcard"},
		{"a.*.example.com", "wildcard"},
		{"*example.com", "wildcard"},
		{"**.example.com", "wildcard"},
		{"*.*.example.com", "wildcard"},
		{"192.0.2.1", "IP address"},
		{"[2001:db8::1]", "IP address"},
		{"2001:db8::1", "IP address"},
		{"1.2.3", "number"},
		{"https://example.com", "scheme"},
		{"example.com/path", "path"},
		{"192.0.2.0/24", "path"},
		{"example.com:443", "port"},
		{"-a.example.com", "hyphen"},
		{"a-.example.com", "hyphen"},
		{"exa mple.com", "character"},
		{"example.com ", "character"},
		{"b\xc3\xbc"
		 "cher.example",
		 "ASCII"},
	};
	char out[DBX_NAME_SIZE] = "untouched";
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		const char *why = "";

		if (dbx_name_canon_n(t[i][0], strlen(t[i][0]), DBX_NAME_WILDCARD_OK, out, &why) !=
		    -EINVAL)
			fail_msg("\"%s\" was accepted as %s", t[i][0], out);
		if (!strstr(why, t[i][1]))
			fail_msg("\"%s\" %s: nothing of \"%s\"", t[i][0], why, t[i][1]);
		assert_string_equal(out, "untouched");
	}
	assert_int_equal(dbx_name_canon("*.example.com", out, NULL), -EINVAL);
	assert_int_equal(dbx_name_canon_n("a\0b.example.com", 15, 0, out, NULL), -EINVAL);
}

/* RFC 1035 section 2.3.4: 63 octets a label, 253 characters a name. */
/* What is looked for in names may be a top-level domain. */
static void single_labels(void **state)
{
	const unsigned int flags = DBX_NAME_WILDCARD_OK | DBX_NAME_SINGLE_OK;
	char out[DBX_NAME_SIZE];
	const char *why;

	(void)state;
	assert_int_equal(dbx_name_canon_n("*.Test.", 7, flags, out, &why), 0);
	assert_string_equal(out, "*.test");
	assert_int_equal(dbx_name_canon_n("com", 3, flags, out, &why), 0);
	assert_string_equal(out, "com");
	assert_int_equal(dbx_name_canon_n("12", 2, flags, out, &why), -EINVAL);
	assert_int_equal(dbx_name_canon_n("", 0, flags, out, &why), -EINVAL);
	assert_int_equal(dbx_name_canon_n("*.com", 5, DBX_NAME_SINGLE_OK, out, &why), -EINVAL);
}

static void lengths(void **state)
{
	char in[300], out[DBX_NAME_SIZE];
	size_t i;

	(void)state;
	memset(in, 'a', 63);
	strcpy(in + 63, ".example");
	assert_int_equal(dbx_name_canon(in, out, NULL), 0);
	memset(in, 'a', 64);
	strcpy(in + 64, ".example");
	assert_int_equal(dbx_name_canon(in, out, NULL), -EINVAL);
	for (i = 0; i < 254; i++)
		in[i] = i % 2 ? '.' : 'a';
	in[253] = '\0';
	assert_int_equal(dbx_name_canon(in, out, NULL), 0);
	assert_int_equal(strlen(out), 253);
	strcpy(in + 253, ".");
	assert_int_equal(dbx_name_canon(in, out, NULL), 0);
	assert_int_equal(strlen(out), 253);
	strcpy(in + 252, "aa");
	assert_int_equal(dbx_name_canon(in, out, NULL), -EINVAL);
}

static void matching(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} t[] = {
		{"pypi.org", "pypi.org", true},
		{"pypi.org", "www.pypi.org", false},
		{"pypi.org", "evilpypi.org", false},
		{"*.pypi.org", "www.pypi.org", true},
		{"*.pypi.org", "a.b.pypi.org", true},
		{"*.pypi.org", "pypi.org", false},
		{"*.pypi.org", "evilpypi.org", false},
		{"*.pypi.org", "www.pypi.org.evil.example", false},
		{"*.pypi.org", ".pypi.org", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		if (dbx_name_match(t[i].pattern, t[i].name) != t[i].matches)
			fail_msg("%s %s %s", t[i].pattern, t[i].matches ? "misses" : "matches",
				 t[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_forms), cmocka_unit_test(refused_names),
		cmocka_unit_test(single_labels),   cmocka_unit_test(lengths),
		cmocka_unit_test(matching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
