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
	"{\"workspace_id\":1,\"quota\":{\"bytes_per_second\":1000},\"sources\":["
	"{\"prefix\":\"10.0.1.0/24\"},{\"prefix\":\"fd00::/64\"}]},"
	"{\"workspace_id\":2,\"sources\":[{\"prefix\":\"10.0.2.0/24\",\"vlan\":4}]}],"
	"\"tunnels\":[{\"type\":\"vxlan\",\"remotes\":[\"192.0.2.0/24\"]}],"
	"\"default_quota\":{\"new_flows_per_second\":5},"
	"\"paths\":[{\"path\":\"nat\",\"interface\":\"up0\"}],"
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
		DBX_SEC_CELLS,     DBX_SEC_RULESETS,  DBX_SEC_CLASSES,   DBX_SEC_QUOTAS,
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

/* One wrong number at a time, in what is not a table. */
static void *item(struct fixture *f, enum dbx_section_id id)
{
	return f->copy + fresh(f)->sec[id].offset;
}

static void assert_forged(struct fixture *f, const char *part)
{
	dbx_image_set_generation(f->copy, 9);
	assert_refused(open_copy(f, f->n), part);
}

static void forged_numbers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct dbx_outcome *o;

	((struct dbx_binding *)item(f, DBX_SEC_BINDINGS))->quota = 3;
	assert_forged(f, "quota is not its workspace's");
	((struct dbx_binding *)item(f, DBX_SEC_BINDINGS))->quota = 2;
	assert_forged(f, "quota is not its workspace's");
	((struct dbx_binding *)item(f, DBX_SEC_BINDINGS))->flags = 0x10;
	assert_forged(f, "binding's flags");
	((struct dbx_quota *)item(f, DBX_SEC_QUOTAS))->bytes_per_s = DBX_QUOTA_BYTES_MAX + 1;
	assert_forged(f, "quota is out of range");
	((struct dbx_quota *)item(f, DBX_SEC_QUOTAS))->burst_ms = 0;
	assert_forged(f, "quota is out of range");
	((struct dbx_quota *)item(f, DBX_SEC_QUOTAS))->burst_ms = DBX_QUOTA_BURST_MAX + 1;
	assert_forged(f, "quota is out of range");
	((struct dbx_quota *)item(f, DBX_SEC_QUOTAS))->bytes_per_s = 0;
	assert_forged(f, "quota is out of range");
	((struct dbx_profile *)item(f, DBX_SEC_PROFILES))->marks[2] ^= 0x10000;
	assert_forged(f, "mark");
	((struct dbx_profile *)item(f, DBX_SEC_PROFILES))->marks[0] = 0x0db50053;
	assert_forged(f, "mark");
	o = item(f, DBX_SEC_OUTCOMES);
	o[1].flags |= 0x80;
	assert_forged(f, "outcome is out of range");
	o = item(f, DBX_SEC_OUTCOMES);
	o[1].path = DBX_PATH_MAX;
	assert_forged(f, "outcome is out of range");
}

static void forged_headers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct dbx_image_header *h = fresh(f);

	h->tunnel_local = h->sec[DBX_SEC_RUNS32].n_items;
	assert_forged(f, "run is out of range");
	h = fresh(f);
	h->tunnel_remotes = DBX_LEAF | 4;
	assert_forged(f, "tunnel's address");
	fresh(f)->tunnel_remotes = DBX_LEAF | DBX_VALUE_MASK;
	assert_forged(f, "tunnel's address");
	h = fresh(f);
	h->tunnel_remotes = ((uint32_t *)(f->copy + h->sec[DBX_SEC_SRC4_ROOT].offset))[10 << 8];
	assert_false(h->tunnel_remotes & DBX_LEAF);
	assert_forged(f, "tunnel's address"); /* a run of another meaning */
	fresh(f)->name_flags = 0x100;
	assert_forged(f, "header's flags");
	fresh(f)->sample_per_million = 1;
	assert_forged(f, "sample");
	fresh(f)->name_flags |= DBX_IMAGE_F_SAMPLED;
	assert_forged(f, "sample");
	h = fresh(f);
	h->name_flags |= DBX_IMAGE_F_SAMPLED;
	h->sample_per_million = 1000001;
	assert_forged(f, "sample");
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

/* The same for frames in tunnels: references of the header, runs, and what is in the frame. */
static void tunnels_survive_garbage(void **state)
{
	/* EtherType, IPv4 from 192.0.2.7 to 10.0.1.1, UDP to 4789; lengths are filled in */
	static const uint8_t outside[28] = {8,  0,  0x45, 0, 0,    0,    0,    0,   0,
					    0,  64, 17,   0, 0,    192,  0,    2,   7,
					    10, 0,  1,    1, 0xc3, 0x50, 0x12, 0xb5};
	struct fixture *f = *state;
	uint64_t seed = 362436069362436069ull;

	for (int round = 0; round < 600; round++) {
		size_t n = 42 + (size_t)round % 90;
		struct dbx_image_header *h = fresh(f);
		struct dbx_image img = {f->copy, f->n, h};
		uint8_t *frame = malloc(n);
		struct dbx_result res;

		assert_non_null(frame);
		for (size_t i = 0; i < n; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			frame[i] = (uint8_t)(seed >> 56);
		}
		memcpy(frame + 12, outside, sizeof(outside));
		frame[17] = (uint8_t)(n - 14);
		frame[39] = (uint8_t)(n - 34);
		if (round & 1) {
			if (n >= 50)
				memcpy(frame + 42, "\x08\x00\x00\x00\x00\x00\x07\x00", 8);
		} else {
			h->tunnel_local = (uint32_t)(seed >> 20);
			h->tunnel_remotes = (uint32_t)(seed >> 11);
		}
		dbx_judge_frame(&img, NULL, frame, n, DBX_PORT_ANY, NULL, &res);
		assert_int_not_equal(res.reason, DBX_REASON_NO_IMAGE);
		if ((round & 1) && n < 50)
			assert_int_equal(res.reason, DBX_REASON_BAD_TUNNEL);
		free(frame);
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
		cmocka_unit_test(forged_numbers_are_refused),
		cmocka_unit_test(forged_headers_are_refused),
		cmocka_unit_test(the_classifier_survives_garbage),
		cmocka_unit_test(tunnels_survive_garbage),
		cmocka_unit_test(short_and_unaligned_input),
		cmocka_unit_test(class_of_an_address),
		cmocka_unit_test(dump_names_what_is_inside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
