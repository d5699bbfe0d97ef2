// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_opts.c -- command lines: what is understood, what is refused, values of options.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "dbx/abi.h"

#define ARGS_MAX 16

static struct dbx_cli cli;

/* The words of a line, parted by blanks; kept until the next call, as argv is kept by a program. */
static int parse(const char *line)
{
	static char buf[512];
	static char *argv[ARGS_MAX + 1];
	int argc = 0;
	char *word;

	dbx_cli_fini(&cli);
	snprintf(buf, sizeof(buf), "%s", line);
	argv[argc++] = (char *)(uintptr_t) "dbx-egressctl";
	for (word = strtok(buf, " "); word; word = strtok(NULL, " ")) {
		assert_in_range(argc, 0, ARGS_MAX - 1);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return dbx_cli_parse(&cli, argc, argv);
}

static int fini(void **state)
{
	(void)state;
	dbx_cli_fini(&cli);
	memset(&cli, 0, sizeof(cli));
	return 0;
}

static void globals_stand_anywhere(void **state)
{
	static const char *const lines[] = {"--json --socket /s status", "status --json -s /s",
					    "--json status --socket=/s", "-j -s/s status"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(cli.cmd->name, "status");
		assert_true(dbx_cli_has(&cli, DBX_OPT_JSON));
		assert_string_equal(cli.opt[DBX_OPT_SOCKET], "/s");
		assert_int_equal(cli.operands.n, 0);
	}
}

static void options_and_operands_mix(void **state)
{
	(void)state;
	assert_int_equal(parse("apply a.json -n b.json -m why - --force"), 0);
	assert_int_equal(cli.operands.n, 3);
	assert_string_equal(cli.operands.v[0], "a.json");
	assert_string_equal(cli.operands.v[1], "b.json");
	assert_string_equal(cli.operands.v[2], "-");
	assert_true(dbx_cli_has(&cli, DBX_OPT_DRY_RUN));
	assert_true(dbx_cli_has(&cli, DBX_OPT_FORCE));
	assert_string_equal(cli.opt[DBX_OPT_MESSAGE], "why");
	assert_int_equal(parse("check -- --odd.json -x"), 0);
	assert_int_equal(cli.operands.n, 2);
	assert_string_equal(cli.operands.v[0], "--odd.json");
}

static void two_word_command(void **state)
{
	(void)state;
	assert_int_equal(parse("image dump x.img --full"), 0);
	assert_string_equal(cli.cmd->name, "image dump");
	assert_int_equal(cli.operands.n, 1);
	assert_int_equal(parse("image"), DBX_EXIT_USAGE);
	assert_int_equal(parse("image burn"), DBX_EXIT_USAGE);
}

static void lists_take_what_follows(void **state)
{
	(void)state;
	assert_int_equal(parse("lookup --feeds a.json b.json 20.60.0.1 fe80::1"), 0);
	assert_int_equal(cli.list[DBX_OPT_FEEDS].n, 2);
	assert_int_equal(cli.operands.n, 2);
	assert_int_equal(parse("lookup 20.60.0.1 --feeds a.json --feeds b.json --policy d e -"), 0);
	assert_int_equal(cli.list[DBX_OPT_FEEDS].n, 2);
	assert_int_equal(cli.list[DBX_OPT_POLICY].n, 2);
	assert_int_equal(cli.operands.n, 2);
	/* What looks like an address is left for its own message. */
	assert_int_equal(parse("lookup --feeds a.json 300.1.1.1"), 0);
	assert_int_equal(cli.operands.n, 1);
	assert_int_equal(parse("explain -w 1 -d x.org -p 443 --policy dir/ f.json --json"), 0);
	assert_int_equal(cli.list[DBX_OPT_POLICY].n, 2);
	assert_true(dbx_cli_has(&cli, DBX_OPT_JSON));
	/* REPEAT takes one each time. */
	assert_int_equal(parse("diff --from a b c"), 0);
	assert_int_equal(cli.list[DBX_OPT_FROM].n, 1);
	assert_int_equal(cli.operands.n, 2);
}

static void mistakes_are_usage_errors(void **state)
{
	static const char *const lines[] = {
		"",
		"aply x",
		"apply",
		"apply --nope x",
		"apply -Z x",
		"status x",
		"apply --message",
		"status --json=1",
		"compile a.json",
		"explain one two",
		"rollback",
		"rollback 1 2",
		"--nope status",
		"-s",
		"get",
		"apply --full x",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i]) != DBX_EXIT_USAGE)
			fail_msg("'%s' is accepted", lines[i]);
	}
}

static void help_and_version_are_commands(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), 0);
	assert_string_equal(cli.cmd->name, "help");
	assert_int_equal(cli.operands.n, 0);
	assert_int_equal(parse("apply --help"), 0);
	assert_string_equal(cli.cmd->name, "help");
	assert_string_equal(cli.operands.v[0], "apply");
	assert_int_equal(parse("image dump -h"), 0);
	assert_string_equal(cli.operands.v[0], "image dump");
	assert_int_equal(parse("--version"), 0);
	assert_string_equal(cli.cmd->name, "version");
	assert_int_equal(parse("status -V"), 0);
	assert_string_equal(cli.cmd->name, "version");
}

static void numbers(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(parse("compile -o x a"), 0);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, 100, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(parse("compile -o x -g 100 a"), 0);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, 100, &n), 0);
	assert_int_equal(n, 100);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, 99, &n), DBX_EXIT_USAGE);
	assert_int_equal(parse("compile -o x -g 0x10 a"), 0);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, 99, &n), DBX_EXIT_USAGE);
	assert_int_equal(parse("compile -o x -g 99999999999999999999999 a"), 0);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, UINT64_MAX, &n), DBX_EXIT_USAGE);
	assert_int_equal(parse("compile -o x -g -1 a"), 0);
	assert_int_equal(dbx_cli_u64(&cli, DBX_OPT_GENERATION, 99, &n), DBX_EXIT_USAGE);
	assert_int_equal(n, 100);
}

static void protocols_and_ports(void **state)
{
	static const struct {
		const char *options;
		int rc;
		uint8_t proto;
		uint16_t port;
	} t[] = {
		{"-p 443", 0, 6, 443},
		{"-p 443 -P TCP", 0, 6, 443},
		{"-p 0 -P udp", 0, 17, 0},
		{"-p 65535 -P 132", 0, 132, 65535},
		{"-P icmp", 0, 1, 8 << 8},
		{"-P icmp -p 0", 0, 1, 8 << 8},
		{"-P icmpv6", 0, 58, 128 << 8},
		{"-P 58 --type 1/4", 0, 58, 1 << 8 | 4},
		{"-P icmp --type 255/255", 0, 1, 0xffff},
		{"-P 47", 0, 47, 0},
		{"-P gre", DBX_EXIT_USAGE, 0, 0},
		{"-P 256", DBX_EXIT_USAGE, 0, 0},
		{"-P tcp", DBX_EXIT_USAGE, 0, 0},
		{"", DBX_EXIT_USAGE, 0, 0},
		{"-p 65536", DBX_EXIT_USAGE, 0, 0},
		{"-p http", DBX_EXIT_USAGE, 0, 0},
		{"-P icmp -p 80", DBX_EXIT_USAGE, 0, 0},
		{"-P 47 -p 80", DBX_EXIT_USAGE, 0, 0},
		{"-P icmp --type 256", DBX_EXIT_USAGE, 0, 0},
		{"-P icmp --type 8/", DBX_EXIT_USAGE, 0, 0},
		{"-P icmp --type 12345678/0", DBX_EXIT_USAGE, 0, 0},
		{"-p 443 --type 8", DBX_EXIT_USAGE, 0, 0},
		{"-P 47 --type 8", DBX_EXIT_USAGE, 0, 0},
	};
	char line[128];
	uint16_t port;
	uint8_t proto;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(line, sizeof(line), "explain -w 1 -d 1.1.1.1 %s", t[i].options);
		assert_int_equal(parse(line), 0);
		if (dbx_cli_proto_port(&cli, &proto, &port) != t[i].rc)
			fail_msg("'%s'", t[i].options);
		if (t[i].rc)
			continue;
		assert_int_equal(proto, t[i].proto);
		assert_int_equal(port, t[i].port);
	}
}

static void products(void **state)
{
	static const struct {
		const char *text;
		int product;
	} t[] = {
		{"DBSQL", DBX_PRODUCT_DBSQL},
		{"dbsql", DBX_PRODUCT_DBSQL},
		{"ML_SERVING", DBX_PRODUCT_ML_SERVING},
		{"MLServing", DBX_PRODUCT_ML_SERVING},
		{"general-compute", DBX_PRODUCT_GENERAL_COMPUTE},
	};
	char line[128];
	size_t i;
	int product;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(line, sizeof(line), "explain -w 1 -d 1.1.1.1 --product %s", t[i].text);
		assert_int_equal(parse(line), 0);
		assert_int_equal(dbx_cli_product(&cli, &product), 0);
		assert_int_equal(product, t[i].product);
	}
	assert_int_equal(parse("explain -w 1 -d 1.1.1.1"), 0);
	assert_int_equal(dbx_cli_product(&cli, &product), 0);
	assert_int_equal(product, -1);
	assert_int_equal(parse("explain -w 1 -d 1.1.1.1 --product DBSQ"), 0);
	assert_int_equal(dbx_cli_product(&cli, &product), DBX_EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(globals_stand_anywhere, fini),
		cmocka_unit_test_teardown(options_and_operands_mix, fini),
		cmocka_unit_test_teardown(two_word_command, fini),
		cmocka_unit_test_teardown(lists_take_what_follows, fini),
		cmocka_unit_test_teardown(mistakes_are_usage_errors, fini),
		cmocka_unit_test_teardown(help_and_version_are_commands, fini),
		cmocka_unit_test_teardown(numbers, fini),
		cmocka_unit_test_teardown(protocols_and_ports, fini),
		cmocka_unit_test_teardown(products, fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
