// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_replay_capture.c -- captures of each link type, cut, torn and gzipped, as frames.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "replay/capture.h"

static const uint8_t ip4[] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
static const uint8_t ip6[40] = {0x60, 0, 0, 0, 0, 0, 59, 64};

struct file {
	uint8_t b[1024];
	size_t n;
};

static void put(struct file *f, const void *p, size_t n)
{
	assert_true(n <= sizeof(f->b) - f->n);
	memcpy(f->b + f->n, p, n);
	f->n += n;
}

static void begin(struct file *f, uint32_t link)
{
	const uint32_t head[] = {0xa1b23c4d, 2 | 4u << 16, 0, 0, 65535, link};

	f->n = 0;
	put(f, head, sizeof(head));
}

static void packet(struct file *f, const void *link, size_t n_link, const void *ip, size_t n_ip,
		   uint32_t n_lost)
{
	const uint32_t n = (uint32_t)(n_link + n_ip), head[] = {7, 5, n, n + n_lost};

	put(f, head, sizeof(head));
	if (n_link)
		put(f, link, n_link);
	put(f, ip, n_ip);
}

static struct dbx_capture *open_file(const struct file *f, const char *mode, char path[32])
{
	struct dbx_capture_error err = {""};
	struct dbx_capture *c;
	int fd;
	gzFile gz;

	strcpy(path, "/tmp/dbx-capture.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	gz = gzdopen(fd, mode); /* "wbT": as it is */
	assert_non_null(gz);
	assert_int_equal(gzwrite(gz, f->b, (unsigned int)f->n), f->n);
	assert_int_equal(gzclose(gz), Z_OK);
	if (dbx_capture_open(&c, path, &err)) {
		print_message("%s\n", err.text);
		c = NULL;
	}
	return c;
}

static void close_file(struct dbx_capture **c, const char *path)
{
	dbx_capture_close(c);
	assert_null(*c);
	unlink(path);
}

static const struct {
	uint32_t link;
	uint8_t head[20];
	size_t n_head;
	bool is_v6, is_foreign;
} links[] = {
	{101, {0}, 0, false, false},
	{101, {0}, 0, true, false},
	{228, {0}, 0, false, false},
	{229, {0}, 0, true, false},
	{0, {2, 0, 0, 0}, 4, false, false},
	{0, {0, 0, 0, 2}, 4, false, false}, /* of the other byte order */
	{0, {24, 0, 0, 0}, 4, true, false},
	{0, {30, 0, 0, 0}, 4, true, false},
	{0, {7, 0, 0, 0}, 4, false, true},
	{108, {0, 0, 0, 10}, 4, true, false},
	{9, {0xff, 3, 0, 0x21}, 4, false, false},
	{9, {0x21}, 1, false, false}, /* compressed */
	{9, {0, 0x57}, 2, true, false},
	{9, {0xff, 3, 0xc0, 0x21}, 4, false, true}, /* LCP */
	{113, {[14] = 8}, 16, false, false},
	{113, {[14] = 0x86, [15] = 0xdd}, 16, true, false},
	{276, {8}, 20, false, false},
	{276, {0x86, 0xdd}, 20, true, false},
};

static void each_link_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const uint8_t *ip = links[i].is_v6 ? ip6 : ip4;
		size_t n = links[i].is_v6 ? sizeof(ip6) : sizeof(ip4);
		struct dbx_capture_error err;
		struct dbx_captured p;
		struct dbx_capture *c;
		struct file f;
		char path[32];

		begin(&f, links[i].link);
		packet(&f, links[i].head, links[i].n_head, ip, n, 9);
		c = open_file(&f, "wbT", path);
		assert_non_null(c);
		assert_int_equal(dbx_capture_next(c, &p, &err), 1);
		assert_int_equal(p.number, 1);
		assert_int_equal(p.time_ns, 7000000005ull);
		assert_int_equal(p.is_foreign, links[i].is_foreign);
		if (!p.is_foreign) {
			assert_true(p.is_made);
			assert_int_equal(p.n_bytes, 14 + n);
			assert_int_equal(p.n_wire_bytes, 14 + n + 9);
			assert_memory_equal(p.frame + 12, links[i].is_v6 ? "\x86\xdd" : "\x08\0",
					    2);
			assert_memory_equal(p.frame + 14, ip, n);
		}
		assert_int_equal(dbx_capture_next(c, &p, &err), 0);
		close_file(&c, path);
	}
}

/* A packet of each length below that of the link's own header: read, and never beyond its end. */
static void packets_shorter_than_their_link(void **state)
{
	static const uint8_t zero[20];

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct dbx_capture_error err;
		struct dbx_captured p;
		struct dbx_capture *c;
		struct file f;
		char path[32];

		begin(&f, links[i].link);
		for (size_t n = 0; n < 20; n++)
			packet(&f, NULL, 0, zero, n, 0);
		c = open_file(&f, "wbT", path);
		assert_non_null(c);
		for (size_t n = 0; n < 20; n++) {
			assert_int_equal(dbx_capture_next(c, &p, &err), 1);
			assert_true(p.is_foreign);
			assert_true(p.n_bytes >= 14 && p.n_bytes <= 14 + n);
		}
		close_file(&c, path);
	}
}

static void ethernet_as_it_is(void **state)
{
	static const char *const modes[] = {"wbT", "wb9"};
	struct dbx_capture_error err;
	struct dbx_captured p;
	struct dbx_capture *c;
	struct file f;
	char path[32];

	(void)state;
	begin(&f, 1);
	packet(&f, "\2\0\0\0\0\1\2\0\0\0\0\2\x08", 14, ip4, sizeof(ip4), 0);
	packet(&f, NULL, 0, ip4, 3, 40);
	for (size_t i = 0; i < 2; i++) {
		c = open_file(&f, modes[i], path);
		assert_non_null(c);
		assert_string_equal(dbx_capture_link_name(c), "EN10MB");
		assert_int_equal(dbx_capture_next(c, &p, &err), 1);
		assert_false(p.is_made || p.is_foreign);
		assert_int_equal(p.n_bytes, 14 + sizeof(ip4));
		assert_memory_equal(p.frame, f.b + 40, p.n_bytes);
		assert_int_equal(dbx_capture_next(c, &p, &err), 1);
		assert_int_equal(p.n_bytes, 3);
		assert_int_equal(p.n_wire_bytes, 43);
		assert_int_equal(dbx_capture_next(c, &p, &err), 0);
		close_file(&c, path);
	}
}

/* Wherever it ends: refused, or its packets and then the damage, said with the packet's number. */
static void torn_everywhere(void **state)
{
	struct dbx_capture_error err;
	struct dbx_captured p;
	struct dbx_capture *c;
	struct file f, torn;
	char path[32];
	int rc;

	(void)state;
	begin(&f, 1);
	packet(&f, NULL, 0, ip4, sizeof(ip4), 0);
	packet(&f, NULL, 0, ip6, sizeof(ip6), 0);
	for (torn = f, torn.n = 0; torn.n < f.n; torn.n++) {
		size_t first = 24 + 16 + sizeof(ip4);

		c = open_file(&torn, "wbT", path);
		assert_int_equal(c != NULL, torn.n >= 24);
		for (int i = 0; c && i < (torn.n >= first); i++)
			assert_int_equal(dbx_capture_next(c, &p, &err), 1);
		rc = c ? dbx_capture_next(c, &p, &err) : 0;
		if (c)
			assert_true(torn.n == 24 || torn.n == first ? rc == 0 : rc < 0);
		if (rc < 0)
			assert_non_null(
				strstr(err.text, torn.n < first ? "packet 1: " : "packet 2: "));
		close_file(&c, path);
	}
}

/* A hole reads as packets of no bytes, at no time: it is told from an empty packet, and ends it. */
static void zeros(void **state)
{
	static const uint8_t hole[64], empty[16] = {7};
	struct dbx_capture_error err = {""};
	struct dbx_captured p;
	struct dbx_capture *c;
	struct file f;
	char path[32];

	(void)state;
	begin(&f, 1);
	put(&f, empty, sizeof(empty));
	put(&f, hole, sizeof(hole));
	c = open_file(&f, "wbT", path);
	assert_non_null(c);
	assert_int_equal(dbx_capture_next(c, &p, &err), 1);
	assert_int_equal(p.n_bytes, 0);
	assert_true(dbx_capture_next(c, &p, &err) < 0);
	assert_string_equal(err.text,
			    "packet 2: nothing but zeros where its length and time should be");
	close_file(&c, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_type),
		cmocka_unit_test(packets_shorter_than_their_link),
		cmocka_unit_test(ethernet_as_it_is),
		cmocka_unit_test(torn_everywhere),
		cmocka_unit_test(zeros),
	};

#ifndef DBX_HAVE_PCAP
	print_message("built without libpcap: no capture is read\n");
	return sizeof(tests) ? 0 : 1;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
