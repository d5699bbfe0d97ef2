/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_image.c -- an image that was cut, changed or forged is refused, and never read out of bounds.
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

#include "policy/compile.h"
#include "policy/image.h"
#include "policy/judge.h"
#include "policy/read.h"

static const char document[] =
	"{\"gateway\":{\"gateway_addresses\":[\"10.0.1.1\",\"fd00::1\"],\"workspaces\":["
	"{\"workspace_id\":1,\"sources\":[{\"prefix\":\"10.0.1.0/24\"},{\"prefix\":\"fd00::/64\"}]},"
	"{\"workspace_id\":2,\"sources\":[{\"prefix\":\"10.0.2.0/24\",\"vlan\":4}]}],"
	"\"allowed_destinations\":[{\"label\":\"x\",\"prefixes\":[\"192.0.2.0/24\",\"2001:db8::/33\"],"
	"\"protocol\":\"tcp\",\"ports\":[443,\"8000-8010\"]}]}}";

static const char policy[] =
	"{\"network_policy_id\":\"default-policy\",\"egress\":{\"network_access\":{"
	"\"restriction_mode\":\"RESTRICTED_ACCESS\"}}}";

struct fixture {
	uint8_t *good, *copy;
	size_t n;
};

static int setup(void **state)
{
	struct dbx_compile_opts opts = {.generation = 3};
	struct dbx_model *m = dbx_model_new();
	struct fixture *f = calloc(1, sizeof(*f));
	struct dbx_diag d;
	void *image;

	dbx_diag_init(&d);
	assert_int_equal(dbx_read(m, "g", document, strlen(document), DBX_DOC_UNKNOWN, &d), 0);
	assert_int_equal(dbx_read(m, "p", policy, strlen(policy), DBX_DOC_UNKNOWN, &d), 0);
	assert_int_equal(dbx_compile(m, &opts, &image, &f->n, NULL, &d), 0);
	f->good = image;
	f->copy = malloc(f->n);
	assert_non_null(f->copy);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->good);
	free(f->copy);
	free(f);
	return 0;
}

static struct dbx_image_header *fresh(struct fixture *f)
{
	memcpy(f->copy, f->good, f->n);
	return (struct dbx_image_header *)f->copy;
}

static const char *open_copy(const struct fixture *f, size_t n)
{
	struct dbx_image img;
	const char *why = NULL;

	return dbx_image_open(&img, f->copy, n, &why) ? why : NULL;
}

static void assert_refused(const char *why, const char *part)
{
	if (!why || !strstr(why, part))
		fail_msg("expected a refusal with \"%s\", got: %s", part, why ? why : "accepted");
}

static void good_image_opens(void **state)
{
	struct fixture *f = *state;

	fresh(f);
	assert_null(open_copy(f, f->n));
	assert_int_equal(((struct dbx_image_header *)f->good)->generation, 3);
}

static void every_cut_is_refused(void **state)
{
	struct fixture *f = *state;

	fresh(f);
	for (size_t n = 0; n < f->n; n += n < 4096 ? 1 : 9973)
		assert_non_null(open_copy(f, n));
	assert_non_null(open_copy(f, f->n - 1));
}

static void a_flipped_bit_is_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t at = 0; at < f->n; at += at < sizeof(struct dbx_image_header) ? 1 : 7919) {
		fresh(f);
		f->copy[at] ^= 0x10;
		assert_non_null(open_copy(f, f->n));
	}
}

static void foreign_headers_are_named(void **state)
{
	struct fixture *f = *state;

	fresh(f)->magic++;
	assert_refused(open_copy(f, f->n), "magic");
	fresh(f)->abi++;
	assert_refused(open_copy(f, f->n), "version");
	fresh(f)->n_bytes++;
	assert_refused(open_copy(f, f->n), "length");
	fresh(f)->n_kernel_chunks = UINT32_MAX;
	assert_refused(open_copy(f, f->n), "kernel part");
	fresh(f)->n_classes = 0;
	assert_refused(open_copy(f, f->n), "classes");
	fresh(f)->generation++;
	assert_refused(open_copy(f, f->n), "checksum");
}

/* A forger mends the checksum; the references are checked all the same. */
static void forged_references_are_refused(void **state)
{
	static const enum dbx_section_id ids[] = {
		DBX_SEC_DST4_ROOT, DBX_SEC_DST4_RUNS, DBX_SEC_DST6_ROOT, DBX_SEC_SRC4_ROOT,
		DBX_SEC_SRC6_ROOT, DBX_SEC_RUNS32,    DBX_SEC_BINDINGS,  DBX_SEC_PROFILES,
		DBX_SEC_CELLS,     DBX_SEC_RULESETS,  DBX_SEC_CLASSES,
	};
	struct fixture *f = *state;
	int refused = 0;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct dbx_image_header *h = fresh(f);

		memset(f->copy + h->sec[ids[i]].offset, 0x7f, h->sec[ids[i]].n_bytes);
		dbx_image_set_generation(f->copy, 9);
		refused += open_copy(f, f->n) != NULL;
	}
	assert_int_equal(refused, sizeof(ids) / sizeof(ids[0]));
}

/* Whatever lies in the tables, the classifier stays inside the image (run under ASan). */
static void the_classifier_survives_garbage(void **state)
{
	struct fixture *f = *state;
	struct dbx_image img;
	uint64_t seed = 88172645463325252ull;

	for (int round = 0; round < 300; round++) {
		struct dbx_image_header *h = fresh(f);
		int id = round % DBX_SEC_KERNEL_MAX;
		struct dbx_pkt pkt = {.flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS, .proto = 6};
		struct dbx_result res;

		for (size_t i = 0; i < h->sec[id].n_bytes; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			if (seed & 1)
				f->copy[h->sec[id].offset + i] = (uint8_t)(seed >> 8);
		}
		img = (struct dbx_image){f->copy, f->n, h};
		for (uint32_t k = 0; k < 200; k++) {
			pkt.src[0] = k & 1 ? 0x0a000101 + k : 0xfd000000;
			pkt.dst[0] = (uint32_t)(seed >> 3) * (k + 1);
			pkt.flags = (uint8_t)(DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS |
					      (k & 1 ? 0 : DBX_PKT_F_IPV6));
			dbx_judge_tuple(&img, &pkt, DBX_PORT_ANY, &res);
		}
	}
}

static void short_and_unaligned_input(void **state)
{
	struct fixture *f = *state;
	struct dbx_image img;
	const char *why = NULL;

	assert_int_equal(dbx_image_open(&img, f->good, 0, &why), -EINVAL);
	assert_non_null(why);
	assert_int_equal(dbx_image_open(&img, f->good + 1, f->n - 1, &why), -EINVAL);
}

static void class_of_an_address(void **state)
{
	struct fixture *f = *state;
	struct dbx_image img;
	struct dbx_addr in, out, in6;
	const char *why;

	assert_int_equal(dbx_image_open(&img, f->good, f->n, &why), 0);
	assert_int_equal(dbx_addr_parse("192.0.2.9", &in), 0);
	assert_int_equal(dbx_addr_parse("198.51.100.1", &out), 0);
	assert_int_equal(dbx_addr_parse("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", &in6), 0);
	assert_int_equal(dbx_image_class(&img, &out), 0);
	assert_int_not_equal(dbx_image_class(&img, &in), 0);
	assert_int_equal(dbx_image_class(&img, &in), dbx_image_class(&img, &in6));
}

static void dump_names_what_is_inside(void **state)
{
	struct fixture *f = *state;
	struct dbx_image img;
	const char *why;
	char *text;

	assert_int_equal(dbx_image_open(&img, f->good, f->n, &why), 0);
	text = dbx_image_dump(&img, true);
	assert_non_null(text);
	assert_non_null(strstr(text, "generation 3,"));
	assert_non_null(strstr(text, "default-policy RESTRICTED_ACCESS"));
	assert_non_null(strstr(text, "allowed_destinations \"x\" tcp 443,8000-8010"));
	assert_non_null(strstr(text, "from 6/443: PASS listed-prefix path nat rule"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_image_opens),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(a_flipped_bit_is_refused),
		cmocka_unit_test(foreign_headers_are_named),
		cmocka_unit_test(forged_references_are_refused),
		cmocka_unit_test(the_classifier_survives_garbage),
		cmocka_unit_test(short_and_unaligned_input),
		cmocka_unit_test(class_of_an_address),
		cmocka_unit_test(dump_names_what_is_inside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
