// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * values.c -- values of options: numbers, protocols, ports, products.
 */
#include "cli/cli.h"
#include "cli/out.h"
#include "dbx/abi.h"
#include "policy/model.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Decimal digits alone; false when it is none or over max. */
static bool read_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s) || __builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}

int dbx_cli_u64(const struct dbx_cli *cli, enum dbx_opt_id id, uint64_t max, uint64_t *out)
{
	const char *s = cli->opt[id];

	if (!s || read_number(s, max, out))
		return 0;
	return dbx_cli_usage(cli->cmd, "--%s '%s': not a number of 0-%llu", dbx_opts[id].name, s,
			     (unsigned long long)max);
}

static const struct proto {
	const char *name;
	uint8_t number;
	bool has_ports;
	uint8_t echo; /* type of an echo request, 0 = not ICMP */
} protos[] = {
	{"tcp", 6, true, 0},       {"udp", 17, true, 0},       {"sctp", 132, true, 0},
	{"icmp", 1, false, 8},     {"icmpv6", 58, false, 128}, {"dccp", 33, true, 0},
	{"udplite", 136, true, 0},
};

static const struct proto *find_proto(const char *s, uint64_t number)
{
	size_t i;

	for (i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (s ? strcasecmp(protos[i].name, s) == 0 : protos[i].number == number)
			return &protos[i];
	}
	return NULL;
}

/* "8" or "8/0" -> type << 8 | code. */
static bool read_icmp_type(const char *s, uint16_t *out)
{
	const char *slash = strchr(s, '/');
	uint64_t type, code = 0;
	char head[8];

	if (slash) {
		if ((size_t)(slash - s) >= sizeof(head))
			return false;
		memcpy(head, s, (size_t)(slash - s));
		head[slash - s] = '\0';
		if (!read_number(slash + 1, 255, &code))
			return false;
		s = head;
	}
	if (!read_number(s, 255, &type))
		return false;
	*out = (uint16_t)(type << 8 | code);
	return true;
}

static int icmp_port(const struct dbx_cli *cli, const struct proto *p, uint16_t *port)
{
	const char *type = cli->opt[DBX_OPT_TYPE];

	if (!p || !p->echo) {
		*port = 0;
		if (type)
			return dbx_cli_usage(cli->cmd, "--type goes with --proto icmp or icmpv6");
		return 0;
	}
	*port = (uint16_t)(p->echo << 8);
	if (type && !read_icmp_type(type, port))
		return dbx_cli_usage(cli->cmd, "--type '%s': not a type of 0-255, or type/code",
				     type);
	return 0;
}

/* The protocol's own number, and its row when it has one. */
static int read_proto(const struct dbx_cli *cli, uint8_t *proto, const struct proto **row)
{
	const char *name = dbx_cli_has(cli, DBX_OPT_PROTO) ? cli->opt[DBX_OPT_PROTO] : "tcp";
	uint64_t number;

	*row = find_proto(name, 0);
	if (*row) {
		*proto = (*row)->number;
		return 0;
	}
	if (!read_number(name, 255, &number))
		return dbx_cli_usage(
			cli->cmd,
			"--proto '%s': not tcp, udp, sctp, icmp, icmpv6 or a number of 0-255",
			name);
	*row = find_proto(NULL, number);
	*proto = (uint8_t)number;
	return 0;
}

int dbx_cli_proto(const struct dbx_cli *cli, int *proto)
{
	const struct proto *row;
	uint8_t number;
	int rc;

	*proto = -1;
	if (!dbx_cli_has(cli, DBX_OPT_PROTO))
		return 0;
	rc = read_proto(cli, &number, &row);
	if (!rc)
		*proto = number;
	return rc;
}

int dbx_cli_proto_port(const struct dbx_cli *cli, uint8_t *proto, uint16_t *port)
{
	const struct proto *row;
	uint64_t n = 0;
	int rc;

	rc = read_proto(cli, proto, &row);
	if (!rc)
		rc = dbx_cli_u64(cli, DBX_OPT_PORT, 65535, &n);
	if (rc)
		return rc;
	if (!row || !row->has_ports) {
		/* --port 0 is how scripts say "none". */
		if (n)
			return dbx_cli_usage(cli->cmd, "--port %s: protocol %u has no ports%s",
					     cli->opt[DBX_OPT_PORT], *proto,
					     row ? "; say --type for ICMP" : "");
		return icmp_port(cli, row, port);
	}
	if (dbx_cli_has(cli, DBX_OPT_TYPE))
		return dbx_cli_usage(cli->cmd, "--type goes with --proto icmp or icmpv6");
	if (!dbx_cli_has(cli, DBX_OPT_PORT))
		return dbx_cli_usage(cli->cmd, "%s: protocol %s needs --port N", cli->cmd->name,
				     row->name);
	*port = (uint16_t)n;
	return 0;
}

/* "ML_SERVING", "MLServing" and "ml serving" are one. */
static bool same_product(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " _-");
		b += strspn(b, " _-");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

int dbx_cli_product(const struct dbx_cli *cli, int *product)
{
	const char *s = cli->opt[DBX_OPT_PRODUCT];
	int i;

	*product = -1;
	if (!s)
		return 0;
	for (i = 0; i < DBX_PRODUCT_MAX; i++) {
		if (same_product(s, dbx_product_name((enum dbx_product)i))) {
			*product = i;
			return 0;
		}
	}
	return dbx_cli_usage(
		cli->cmd,
		"--product '%s': not 'General Compute', DBSQL, MLServing, 'ML Build' or Apps", s);
}
