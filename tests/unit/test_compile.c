/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_compile.c -- documents to an image: what fits, what is refused, and that the bytes repeat.
 *
 * Which verdict each entry leads to is the business of the vectors and of the differential test;
 * here are the compiler's own promises.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/judge.h"
#include "policy/read.h"

struct built {
	struct dbx_model *m;
	struct dbx_diag d;
	struct dbx_compile_stats stats;
	void *image;
	size_t n_bytes;
	struct dbx_image img;
	int rc;
};

static void read_text(struct built *b, const char *text)
{
	if (dbx_read(b->m, "test.json", text, strlen(text), DBX_DOC_UNKNOWN, &b->d)) {
		for (size_t i = 0; i < b->d.n; i++)
			print_error("%s %s: %s\n", b->d.v[i].code, b->d.v[i].ptr, b->d.v[i].text);
		fail();
	}
}

static void start(struct built *b)
{
	memset(b, 0, sizeof(*b));
	b->m = dbx_model_new();
	assert_non_null(b->m);
	dbx_diag_init(&b->d);
}

static void compile(struct built *b, uint64_t generation)
{
	struct dbx_compile_opts opts = {.generation = generation};
	const char *why = "";

	b->rc = dbx_compile(b->m, &opts, &b->image, &b->n_bytes, &b->stats, &b->d);
	if (b->rc)
		return;
	if (dbx_image_open(&b->img, b->image, b->n_bytes, &why))
		fail_msg("the compiler wrote an image that is refused: %s", why);
}

static void finish(struct built *b)
{
	free(b->image);
	dbx_diag_fini(&b->d);
	dbx_model_free(&b->m);
}

#define POLICY(id, rest) \
	"{\"network_policy_id\":\"" id "\",\"egress\":{\"network_access\":{" rest "}}}"
#define RESTRICTED "\"restriction_mode\":\"RESTRICTED_ACCESS\""
#define BIND(w, p) "{\"workspace_id\":" w ",\"network_policy_id\":\"" p "\"}"

static const char two_workspaces[] =
	"{\"gateway\":{\"interfaces\":[{\"name\":\"ws1\"}],\"workspaces\":["
	"{\"workspace_id\":1,\"sources\":[{\"prefix\":\"10.0.1.0/24\"},{\"prefix\":\"10.0.0.0/8\"}]},"
	"{\"workspace_id\":2,\"sources\":[{\"prefix\":\"10.0.2.0/24\"},"
	"{\"prefix\":\"10.0.1.0/24\",\"vlan\":7}]}]}}";

static uint8_t judge(const struct built *b, uint32_t src, uint32_t dst, uint32_t domain,
		     uint16_t port, struct dbx_result *res)
{
	struct dbx_pkt pkt = {
		.src = {src},
		.dst = {dst},
		.domain = domain,
		.dport = port,
		.proto = 6,
		.flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS,
	};

	dbx_judge_tuple(&b->img, &pkt, DBX_PORT_ANY, res);
	return res->reason;
}

static void same_documents_same_bytes(void **state)
{
	struct built a, b;

	(void)state;
	start(&a);
	start(&b);
	for (int i = 0; i < 2; i++) {
		struct built *x = i ? &b : &a;

		read_text(x, two_workspaces);
		read_text(x,
			  POLICY("np", RESTRICTED ",\"allowed_internet_destinations\":[{"
						  "\"destination\":\"198.51.100.0/24\","
						  "\"internet_destination_type\":\"IP_RANGE\"}]"));
		read_text(x, BIND("1", "np"));
		compile(x, 7 + (uint64_t)i);
		assert_int_equal(x->rc, 0);
	}
	assert_int_equal(a.n_bytes, b.n_bytes);
	assert_true(a.img.hdr->content_hash == b.img.hdr->content_hash);
	assert_int_not_equal(memcmp(a.image, b.image, a.n_bytes), 0);
	dbx_image_set_generation(b.image, 7);
	assert_memory_equal(a.image, b.image, a.n_bytes);
	finish(&a);
	finish(&b);
}

static void an_empty_model_denies_everything(void **state)
{
	struct dbx_result res;
	struct built b;

	(void)state;
	start(&b);
	compile(&b, 1);
	assert_int_equal(b.rc, 0);
	assert_int_equal(judge(&b, 0x0a000001, 0x08080808, 0, 443, &res),
			 DBX_REASON_UNKNOWN_SOURCE);
	assert_int_equal(res.verdict, DBX_VERDICT_DROP);
	finish(&b);
}

static void the_longest_source_of_the_domain_wins(void **state)
{
	struct dbx_result res;
	struct built b;

	(void)state;
	start(&b);
	read_text(&b, two_workspaces);
	compile(&b, 1);
	assert_int_equal(b.rc, 0);
	judge(&b, 0x0a000201, 0x08080808, 0, 443, &res);
	assert_int_equal(res.workspace_id, 2);
	judge(&b, 0x0a000301, 0x08080808, 0, 443, &res);
	assert_int_equal(res.workspace_id, 1);
	judge(&b, 0x0a000101, 0x08080808, 7, 443, &res);
	assert_int_equal(res.workspace_id, 2);
	assert_int_equal(judge(&b, 0x0a000201, 0x08080808, 7, 443, &res),
			 DBX_REASON_UNKNOWN_SOURCE);
	assert_int_equal(judge(&b, 0x0a000101, 0x08080808, 8, 443, &res),
			 DBX_REASON_UNKNOWN_SOURCE);
	finish(&b);
}

/* Peers refuse overlapping prefixes, or let the last one win. */
static void overlapping_entries_keep_the_document_order(void **state)
{
	struct dbx_result res;
	struct built b;
	uint32_t n;
	const struct dbx_img_rule *rules;

	(void)state;
	start(&b);
	read_text(&b, two_workspaces);
	read_text(
		&b,
		POLICY("np", RESTRICTED
		       ",\"allowed_internet_destinations\":["
		       "{\"destination\":\"198.51.100.0/25\",\"internet_destination_type\":\"IP_RANGE\"},"
		       "{\"destination\":\"198.51.100.0/24\",\"internet_destination_type\":\"IP_RANGE\"}],"
		       "\"blocked_internet_destinations\":["
		       "{\"destination\":\"198.51.100.7/32\",\"internet_destination_type\":\"IP_RANGE\"}]"));
	read_text(&b, BIND("1", "np"));
	compile(&b, 1);
	assert_int_equal(b.rc, 0);
	rules = dbx_image_section(&b.img, DBX_SEC_RULES, &n);
	assert_int_equal(judge(&b, 0x0a000101, 0xc6336401, 0, 443, &res), DBX_REASON_LISTED_PREFIX);
	assert_string_equal(dbx_image_string(&b.img, rules[res.rule - 1].text),
			    "allowed address range 198.51.100.0/25");
	assert_int_equal(judge(&b, 0x0a000101, 0xc63364ff, 0, 443, &res), DBX_REASON_LISTED_PREFIX);
	assert_string_equal(dbx_image_string(&b.img, rules[res.rule - 1].text),
			    "allowed address range 198.51.100.0/24");
	assert_int_equal(judge(&b, 0x0a000101, 0xc6336407, 0, 443, &res), DBX_REASON_BLOCKED);
	finish(&b);
}

/* The uid of a rule is what it says: other entries before it do not change it. */
static void a_rule_keeps_its_uid(void **state)
{
	static const char *const lists[] = {
		"{\"destination\":\"198.51.100.0/24\",\"internet_destination_type\":\"IP_RANGE\"}",
		"{\"destination\":\"192.0.2.0/24\",\"internet_destination_type\":\"IP_RANGE\"},"
		"{\"destination\":\"198.51.100.0/24\",\"internet_destination_type\":\"IP_RANGE\"}",
	};
	struct dbx_result res[2];
	char text[1024];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct built b;

		start(&b);
		read_text(&b, two_workspaces);
		snprintf(text, sizeof(text),
			 POLICY("np", RESTRICTED ",\"allowed_internet_destinations\":[%s]"),
			 lists[i]);
		read_text(&b, text);
		read_text(&b, BIND("1", "np"));
		compile(&b, 1);
		assert_int_equal(judge(&b, 0x0a000101, 0xc6336401, 0, 443, &res[i]),
				 DBX_REASON_LISTED_PREFIX);
		finish(&b);
	}
	assert_true(res[0].rule_uid == res[1].rule_uid);
	assert_true(res[0].rule_uid != 0);
}

static void a_tag_that_no_file_has_is_refused(void **state)
{
	struct built b;

	(void)state;
	start(&b);
	read_text(&b, "{\"gateway\":{\"workspaces\":[],\"allowed_destinations\":["
		      "{\"label\":\"x\",\"service_tags\":[\"Storage.Nowhere\"]}]}}");
	compile(&b, 1);
	assert_int_equal(b.rc, -EINVAL);
	assert_null(b.image);
	assert_string_equal(b.d.v[b.d.n - 1].code, "missing-tag");
	finish(&b);
}

/* 65,600 distinct ranges in one policy need as many classes: refused whole, with the count. */
static void what_does_not_fit_is_refused_whole(void **state)
{
	struct dbx_strbuf text;
	struct built b;

	(void)state;
	start(&b);
	read_text(&b, two_workspaces);
	dbx_strbuf_init(&text);
	dbx_strbuf_add(&text,
		       "{\"network_policy_id\":\"np\",\"egress\":{\"network_access\":{" RESTRICTED
		       ",\"allowed_internet_destinations\":[");
	for (int i = 0; i < 65600; i++)
		dbx_strbuf_addf(&text,
				"%s{\"destination\":\"20.%d.%d.0/25\","
				"\"internet_destination_type\":\"IP_RANGE\"}",
				i ? "," : "", i >> 8 & 0xff, i & 0xff);
	/* the last 64 reuse addresses of the first ones, so shift them into another block */
	dbx_strbuf_add(&text, "]}}}");
	assert_int_equal(text.err, 0);
	for (char *p = text.s;
	     (p = strstr(p, "\"20.0."));) { /* keep the first 256, move the rest */
		static int seen;

		if (++seen > 256)
			memcpy(p + 1, "21", 2);
		p += 2;
	}
	read_text(&b, text.s);
	dbx_strbuf_fini(&text);
	compile(&b, 1);
	assert_int_equal(b.rc, -E2BIG);
	assert_null(b.image);
	assert_string_equal(b.d.v[b.d.n - 1].code, "does-not-fit");
	assert_non_null(strstr(b.d.v[b.d.n - 1].text, "65535"));
	finish(&b);
}

/* One entry of many prefixes is one class: a million of them fit. */
static void a_long_list_of_one_entry_fits(void **state)
{
	struct dbx_strbuf text;
	struct dbx_result res;
	struct built b;

	(void)state;
	start(&b);
	read_text(&b, POLICY("np", RESTRICTED));
	read_text(&b, BIND("1", "np"));
	dbx_strbuf_init(&text);
	dbx_strbuf_add(&text, "{\"gateway\":{\"workspaces\":[{\"workspace_id\":1,\"sources\":["
			      "{\"prefix\":\"10.0.1.0/24\"}]}],\"allowed_destinations\":["
			      "{\"label\":\"many\",\"prefixes\":[");
	for (int i = 0; i < 60000; i++)
		dbx_strbuf_addf(&text, "%s\"%d.%d.%d.64/26\"", i ? "," : "", 20 + (i >> 16),
				i >> 8 & 0xff, i & 0xff);
	dbx_strbuf_add(&text, "]}]}}");
	read_text(&b, text.s);
	dbx_strbuf_fini(&text);
	compile(&b, 1);
	assert_int_equal(b.rc, 0);
	assert_true(b.stats.n_intervals4 >= 120000);
	assert_int_equal(judge(&b, 0x0a000101, 0x1400ff40, 0, 1, &res), DBX_REASON_LISTED_PREFIX);
	assert_int_equal(judge(&b, 0x0a000101, 0x1400ff80, 0, 1, &res), DBX_REASON_NO_MATCH);
	finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_documents_same_bytes),
		cmocka_unit_test(an_empty_model_denies_everything),
		cmocka_unit_test(the_longest_source_of_the_domain_wins),
		cmocka_unit_test(overlapping_entries_keep_the_document_order),
		cmocka_unit_test(a_rule_keeps_its_uid),
		cmocka_unit_test(a_tag_that_no_file_has_is_refused),
		cmocka_unit_test(what_does_not_fit_is_refused_whole),
		cmocka_unit_test(a_long_list_of_one_entry_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
