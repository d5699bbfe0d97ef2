/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namescase.h -- documents in short, and names asked of what they say.
 *
 * Names are asked as the resolver and the hello check ask them: brought into canonical form first;
 * what has none is asked as a name that no entry can be.
 */
#ifndef DBX_TESTS_UNIT_NAMESCASE_H
#define DBX_TESTS_UNIT_NAMESCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/gen.h"
#include "common/vec_world.h"
#include "lib/name.h"
#include "policy/names.h"
#include "policy/ruletext.h"

#define NO_NAME "\\" /* as in dns_ask.c */
#define WS      1
#define ANY     DBX_PRODUCT_GENERAL_COMPUTE

#define NAME(n)         "{\"destination\":\"" n "\",\"internet_destination_type\":\"DNS_NAME\"}"
#define POLICY(id, ...) POLICY_IN(id, "RESTRICTED_ACCESS", __VA_ARGS__)
#define POLICY_IN(id, mode, members)                                         \
	"{\"network_policy_id\":\"" id "\",\"egress\":{\"network_access\":{" \
	"\"restriction_mode\":\"" mode "\"" members "}}}"
#define ALLOWED(list) ",\"allowed_internet_destinations\":[" list "]"
#define BLOCKED(list) ",\"blocked_internet_destinations\":[" list "]"
#define STORAGE(list) ",\"allowed_storage_destinations\":[" list "]"
#define GATEWAY(members)                                                   \
	"{\"gateway\":{\"workspaces\":[{\"workspace_id\":1,\"sources\":["  \
	"{\"prefix\":\"10.1.0.0/24\"}]},{\"workspace_id\":2,\"sources\":[" \
	"{\"prefix\":\"10.2.0.0/24\"}]}]" members "}}"
#define OPTION(ws, np) "{\"workspace_id\":" ws ",\"network_policy_id\":\"" np "\"}"

static struct vec_world world;
static struct dbx_names *names;

static void end(void)
{
	dbx_names_free(&names);
	vec_world_fini(&world);
}

/* Documents, NULL behind the last; names know nothing of the model afterwards. */
static void begin(const char *const *docs)
{
	char name[32];

	assert_int_equal(vec_world_init(&world), 0);
	for (size_t i = 0; docs[i]; i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		if (!vec_world_add(&world, name, docs[i], strlen(docs[i])))
			continue;
		vec_findings_print(&world.diag);
		fail_msg("%s: %s", name, docs[i]);
	}
	assert_int_equal(vec_world_build(&world), 0);
	assert_int_equal(dbx_names_new(world.m, &names), 0);
}

static void begin_policy(const char *policy)
{
	const char *const docs[] = {GATEWAY(""), policy, OPTION("1", "np"), NULL};

	begin(docs);
}

static struct dbx_name_decision ask_n(const char *text, size_t n)
{
	char name[DBX_NAME_SIZE];
	struct dbx_name_decision d;

	if (dbx_name_canon_n(text, n, 0, name, NULL))
		strcpy(name, NO_NAME);
	dbx_names_decide(names, WS, ANY, name, &d);
	assert_non_null(d.policy_id);
	assert_non_null(d.rule_text);
	assert_non_null(d.rule_doc);
	assert_non_null(d.rule_ptr);
	return d;
}

static struct dbx_name_decision ask(const char *text)
{
	return ask_n(text, strlen(text));
}

#define PASSES(text) passes(text, #text, __LINE__)
#define DENIED(text) is_denied(text, DBX_REASON_DNS_DENIED, __LINE__)

static void passes(const char *text, const char *what, int line)
{
	struct dbx_name_decision d = ask(text);

	if (d.verdict != DBX_VERDICT_PASS || d.reason != DBX_REASON_LISTED_NAME ||
	    !d.needs_learning)
		fail_msg("line %d: %s: verdict %d reason %d", line, what, d.verdict, d.reason);
	assert_true(d.rule_uid && d.policy_uid && d.rule_text[0] && d.rule_ptr[0]);
}

static void is_denied(const char *text, enum dbx_reason reason, int line)
{
	struct dbx_name_decision d = ask(text);

	if (d.verdict != DBX_VERDICT_DROP || d.reason != reason)
		fail_msg("line %d: %s: verdict %d reason %d, not %d", line, text, d.verdict,
			 d.reason, reason);
	assert_false(d.needs_learning);
	if (reason != DBX_REASON_DNS_BLOCKED)
		assert_true(!d.rule_uid && !d.rule_text[0] && !d.rule_ptr[0]);
}

#endif
