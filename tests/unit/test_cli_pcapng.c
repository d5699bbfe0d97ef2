// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_pcapng.c -- the capture writer: what it writes, byte by byte and as libpcap reads it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DBX_HAVE_PCAP
#include <pcap/pcap.h>
#endif

#include "cli/pcapng.h"

static const uint8_t frame[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 'a', 'b', 'c'};

static const struct dbx_pcapng_packet packet = {
	.interface = 1,
	.time_ns = 1755767643512345678ull,
	.data = frame,
	.n_bytes = sizeof(frame),
	.n_wire_bytes = 1500,
	.comment = "DROP no-match",
};

static char *write_one(const struct dbx_pcapng_packet *k, size_t *n)
{
	struct dbx_pcapng p;
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	assert_non_null(f);
	assert_int_equal(dbx_pcapng_begin(&p, f, "a test"), 0);
	assert_int_equal(dbx_pcapng_interface(&p, "all", "", DBX_PCAPNG_ETHERNET, 65535), 0);
	assert_int_equal(
		dbx_pcapng_interface(&p, "denied", "what was denied", DBX_PCAPNG_ETHERNET, 65535),
		0);
	assert_int_equal(p.n_interfaces, 2);
	assert_int_equal(dbx_pcapng_packet(&p, k), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static uint32_t le32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static void blocks_are_whole(void **state)
{
	size_t n, at = 0, i;
	const uint32_t types[] = {0x0a0d0d0a, 1, 1, 6};
	char *text = write_one(&packet, &n);

	(void)state;
	for (i = 0; i < 4; i++) {
		uint32_t len = le32(text + at + 4);

		assert_int_equal(le32(text + at), types[i]);
		assert_int_equal(len % 4, 0);
		assert_true(at + len <= n);
		assert_int_equal(le32(text + at + len - 4), len);
		at += len;
	}
	assert_int_equal(at, n);
	free(text);
}

static void a_packet_byte_by_byte(void **state)
{
	size_t n;
	char *text = write_one(&packet, &n);
	const char *p = text + n - 76;

	(void)state;
	assert_int_equal(le32(p), 6);
	assert_int_equal(le32(p + 4), 76);
	assert_int_equal(le32(p + 8), 1);
	assert_int_equal((uint64_t)le32(p + 12) << 32 | le32(p + 16), packet.time_ns);
	assert_int_equal(le32(p + 20), 17);
	assert_int_equal(le32(p + 24), 1500);
	assert_memory_equal(p + 28, frame, 17);
	assert_memory_equal(p + 45, "\0\0\0", 3);
	assert_int_equal(le32(p + 48), 13u << 16 | 1); /* opt_comment, 13 bytes */
	assert_memory_equal(p + 52, "DROP no-match\0\0\0", 16);
	assert_int_equal(le32(p + 68), 0); /* opt_endofopt */
	free(text);
}

static void long_comments_are_cut_between_characters(void **state)
{
	struct dbx_pcapng_packet k = packet;
	char comment[DBX_PCAPNG_TEXT_MAX + 8], *text;
	size_t n;

	(void)state;
	memset(comment, 'x', sizeof(comment));
	memcpy(comment + DBX_PCAPNG_TEXT_MAX - 1, "\xc3\xa9", 2); /* would be cut in two */
	comment[sizeof(comment) - 1] = '\0';
	k.comment = comment;
	text = write_one(&k, &n);
	assert_int_equal(le32(text + n - 8 - DBX_PCAPNG_TEXT_MAX - 4) >> 16,
			 DBX_PCAPNG_TEXT_MAX - 1);
	free(text);
}

static void failures_are_told(void **state)
{
	struct dbx_pcapng_packet k = packet;
	struct dbx_pcapng p;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(dbx_pcapng_begin(&p, full, "a test"), -ENOSPC);
	assert_int_equal(dbx_pcapng_interface(&p, "x", "", DBX_PCAPNG_ETHERNET, 0), -ENOSPC);
	assert_int_equal(p.n_interfaces, 0);
	k.interface = 0;
	assert_int_equal(dbx_pcapng_packet(&p, &k), -EINVAL);
	fclose(full);
}

static void libpcap_reads_it(void **state)
{
#ifdef DBX_HAVE_PCAP
	struct dbx_pcapng_packet k = packet;
	char error[PCAP_ERRBUF_SIZE], *text;
	struct pcap_pkthdr *h;
	const u_char *data;
	pcap_t *cap;
	size_t n;
	FILE *f;

	(void)state;
	k.interface = 0;
	text = write_one(&k, &n);
	f = fmemopen(text, n, "r");
	cap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, error);
	assert_non_null(cap);
	assert_int_equal(pcap_datalink(cap), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(cap, &h, &data), 1);
	assert_int_equal(h->caplen, sizeof(frame));
	assert_int_equal(h->len, 1500);
	assert_int_equal(h->ts.tv_sec, 1755767643);
	assert_int_equal(h->ts.tv_usec, 512345678);
	assert_memory_equal(data, frame, sizeof(frame));
	assert_int_equal(pcap_next_ex(cap, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(cap);
	free(text);
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_whole),
		cmocka_unit_test(a_packet_byte_by_byte),
		cmocka_unit_test(long_comments_are_cut_between_characters),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(libpcap_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
