/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_captures.c -- every frame of real captures: the kernel program against the host.
 *
 * tests/data/pcap, and with DBX_DATA=DIR also DIR/pcap. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/gen_kernel.h"
#include "common/gen_pcap.h"
#include "unit/runcase.h"

static void run(const char *dir)
{
	struct gen_pair pair = gen_kernel_pair(prog);
	struct gen_pcap_tally t;

	assert_int_equal(gen_pcap_run(&pair, dir, &t), 0);
	gen_pcap_print(&t);
	assert_int_equal(t.n_bad, 0);
	/* That the made-up gateway lets something through, and not everything. */
	assert_true(t.by_verdict[DBX_VERDICT_PASS] > 0);
	assert_true(t.by_verdict[DBX_VERDICT_DROP] > 0);
}

static void test_captures(void **state)
{
	(void)state;
	run("tests/data/pcap");
}

static void test_more_captures(void **state)
{
	const char *data = getenv("DBX_DATA");
	char dir[512];

	(void)state;
	if (!data || !*data)
		skip();
	snprintf(dir, sizeof(dir), "%s/pcap", data);
	run(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captures),
		cmocka_unit_test(test_more_captures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
