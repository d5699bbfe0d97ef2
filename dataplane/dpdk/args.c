// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * args.c -- the command line of dbx-egress-dpdk.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dpdk/args.h"
#include "dbx/wire_dpdk.h"

#define MEMORY_MB "768" /* without huge pages; the kernel gives what is touched */

static const char usage[] =
	"usage: dbx-egress-dpdk [EAL OPTIONS] -- [OPTIONS]\n"
	"  --workload NAME=DEVICE[,host=DEVICE]  packets of workloads come in here, and are judged\n"
	"  --uplink NAME=DEVICE[,host=DEVICE]    the way out, for what passes by the stack\n"
	"                 NAME: the gateway's interface as the documents know it. DEVICE: name or\n"
	"                 number of a DPDK port; that of host= leads to the interface NAME\n"
	"  --socket PATH       where dbx-egressd finds this process (" DBX_WIRE_PATH ");\n"
	"                      '': nowhere\n"
	"  --image FILE        a policy image to begin with, for trials without dbx-egressd\n"
	"  --idle-us N         sleep so long when there is nothing to do; 0: poll always (50)\n"
	"  --until-idle-ms N   end when nothing has come for so long\n"
	"  --ring N            slots of each queue (1024)\n"
	"  --mbufs N           frames in memory (as many as the queues hold)\n"
	"  --mbuf-bytes N      of a frame; longer ones come in pieces, and do not pass (2048)\n"
	"  --counters N        rows of counters an lcore (65536)\n"
	"  --help\n";

void dpk_args_usage(FILE *to)
{
	fputs(usage, to);
}

static bool is_option(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && (!arg[n] || arg[n] == '=');
}

int dpk_args_eal(int argc, char **argv, int *n_eal, char ***eal)
{
	bool no_huge = false, has_memory = false;
	char **v = calloc((size_t)argc + 3, sizeof(*v));
	int n = 0, i;

	if (!v)
		return -ENOMEM;
	for (i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		no_huge |= is_option(argv[i], "--no-huge");
		has_memory |= !strncmp(argv[i], "-m", 2) || is_option(argv[i], "--socket-mem");
		v[n++] = argv[i];
	}
	if (no_huge && !has_memory) {
		v[n++] = (char *)"-m";
		v[n++] = (char *)MEMORY_MB;
	}
	*n_eal = n;
	*eal = v;
	return i < argc ? i : argc - 1;
}

static int number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || v < min || v > max) {
		fprintf(stderr, "dbx-egress-dpdk: --%s %s: a number from %u to %u is needed\n",
			name, text, min, max);
		return -EINVAL;
	}
	*out = (uint32_t)v;
	return 0;
}

enum { WORKLOAD = 256, UPLINK, SOCKET, IMAGE, IDLE, UNTIL_IDLE, RING, MBUFS, MBUF_BYTES, COUNTERS };

static const struct option options[] = {
	{"workload", required_argument, NULL, WORKLOAD},
	{"uplink", required_argument, NULL, UPLINK},
	{"socket", required_argument, NULL, SOCKET},
	{"image", required_argument, NULL, IMAGE},
	{"idle-us", required_argument, NULL, IDLE},
	{"until-idle-ms", required_argument, NULL, UNTIL_IDLE},
	{"ring", required_argument, NULL, RING},
	{"mbufs", required_argument, NULL, MBUFS},
	{"mbuf-bytes", required_argument, NULL, MBUF_BYTES},
	{"counters", required_argument, NULL, COUNTERS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int take_port(struct dpk_args *a, const char *text, bool is_workload)
{
	const char *why;
	int rc = dpk_port_parse(&a->ports, text, is_workload, &why);

	if (rc)
		fprintf(stderr, "dbx-egress-dpdk: --%s %s: %s\n",
			is_workload ? "workload" : "uplink", text, why);
	return rc;
}

static int take(struct dpk_args *a, int option, const char *text)
{
	uint32_t ring = 0;
	int rc;

	switch (option) {
	case WORKLOAD:
	case UPLINK:
		return take_port(a, text, option == WORKLOAD);
	case SOCKET:
		a->socket = text;
		return 0;
	case IMAGE:
		a->image = text;
		return 0;
	case IDLE:
		return number("idle-us", text, 0, 10000, &a->idle_us);
	case UNTIL_IDLE:
		return number("until-idle-ms", text, 1, 3600000, &a->until_idle_ms);
	case RING:
		rc = number("ring", text, 32, 32768, &ring);
		a->ring_slots = (uint16_t)ring;
		return rc;
	case MBUFS:
		return number("mbufs", text, 1024, 1u << 24, &a->n_mbufs);
	case MBUF_BYTES:
		return number("mbuf-bytes", text, 256, 65000, &a->mbuf_bytes);
	case COUNTERS:
		return number("counters", text, 16, 1u << 24, &a->counters_max);
	case 'h':
		dpk_args_usage(stdout);
		return 1;
	default:
		dpk_args_usage(stderr);
		return -EINVAL;
	}
}

int dpk_args_read(struct dpk_args *a, int argc, char **argv)
{
	int option, rc = 0;

	*a = (struct dpk_args){
		.socket = DBX_WIRE_PATH, .idle_us = 50, .mbuf_bytes = 2048, .ring_slots = 1024};
	optind = 1;
	argv[0] = (char *)"dbx-egress-dpdk"; /* it is "--"; messages begin with it */
	while (!rc && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		rc = take(a, option, optarg);
	if (!rc && optind < argc) {
		fprintf(stderr, "dbx-egress-dpdk: %s: no option\n", argv[optind]);
		rc = -EINVAL;
	}
	if (!rc && !a->ports.n) {
		fprintf(stderr,
			"dbx-egress-dpdk: no ports: give --workload NAME=DEVICE behind --\n");
		rc = -EINVAL;
	}
	return rc;
}
