// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_events.c -- a flood of denials, each of another flow, against a daemon that records them: what
 * it costs beside the same flood with "denied": "off", and whether all of it adds up.
 *
 * One CPU generates, carries the packets over veth and refuses them; the daemon has the others. The two
 * take turns; time is that of the CPU, so that a busy machine does not decide. A round is INVALID, and
 * the table with it, when a packet is missing from the totals; when told and lost do not add up to them;
 * when records and what the daemon lost do not add up to told; or when the flood is not 100 times what
 * events are paced to.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "bench/wire.h"
#include "common/bench.h"
#include "common/nsbox.h"
#include "dataplane/dp_xdp.h"

#define N_PACKETS 1000000u
#define ROUNDS    9
#define WARM      3 /* rounds after which the daemon has all of its memory */
#define RATE      (double)DBX_PACE_EVENTS
#define BAR       1.05
#define RSS_MORE  1.05
#define PINS      NSBOX_BPFFS "/events"
#define DIR       "/run/nsbox"
#define SETTLE_S  20

static const char *build;
static int ns_here, ns_workload;
static pid_t daemon_pid;
static char invalid[256];

static void stop(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGTERM);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = 0;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_events: %s: %s\n", what, strerror(errno));
	stop();
	exit(1);
}

/* ---- the daemon ---- */

static void put(const char *name, const char *format, const char *word)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), DIR "/%s", name);
	f = fopen(path, "w");
	if (!f || fprintf(f, format, word) < 0 || fclose(f))
		die(path);
}

static const char gateway[] =
	"{\"gateway\":{\"interfaces\":[{\"name\":\"ws1\"}],"
	"\"log\":{\"interval_s\":1,\"denied\":\"%s\",\"file\":{\"path\":\"" DIR "/events.jsonl\","
	"\"rotate_bytes\":1048576,\"keep\":2}},"
	"\"workspaces\":[{\"workspace_id\":1001,"
	"\"sources\":[{\"prefix\":\"10.66.1.10/32\",\"interface\":\"ws1\"}]}]}}\n";
static const char policy[] = "{\"network_policy_id\":\"%s\",\"egress\":{\"network_access\":"
			     "{\"restriction_mode\":\"RESTRICTED_ACCESS\"}}}\n";
static const char option[] = "{\"workspace_id\":1001,\"network_policy_id\":\"%s\"}\n";

static void apply(const char *denied)
{
	put("gateway.json", gateway, denied);
	put("policy.json", policy, "np-one");
	put("option.json", option, "np-one");
	nsbox_must("cd " DIR " && %s/dbx-egressctl -s socket apply gateway.json policy.json "
		   "option.json",
		   build);
}

static void start(void)
{
	char program[512], object[512];
	int i;

	snprintf(program, sizeof(program), "%s/dbx-egressd", build);
	snprintf(object, sizeof(object), "%s/egress_xdp.bpf.o", build);
	daemon_pid = fork();
	if (!daemon_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* none is left behind, however this ends */
		execl(program, program, "--socket", DIR "/socket", "--state-dir", DIR "/state",
		      "--pin-dir", PINS, "--object", object, "--log-level", "error", (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < 300 && access(DIR "/socket", F_OK); i++)
		usleep(100000);
	apply("all");
}

static long rss_kib(void)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld kB", &kib);
	if (f)
		fclose(f);
	return kib;
}

/* Packets of records and of what the daemon lost; -1 while flows are open. */
static int64_t recorded(void)
{
	char command[600];
	json_t *d, *log;
	int64_t n = -1;
	FILE *f;

	snprintf(command, sizeof(command), "%s/dbx-egressctl -s " DIR "/socket --json status",
		 build);
	f = popen(command, "r");
	d = f ? json_loadf(f, 0, NULL) : NULL;
	log = json_object_get(d, "log");
	if (log && !json_integer_value(json_object_get(log, "open_flows")))
		n = json_integer_value(json_object_get(log, "packets")) +
		    json_integer_value(json_object_get(log, "lost_packets"));
	json_decref(d);
	if (f)
		pclose(f);
	return n;
}

/* ---- the flood ---- */

struct counts {
	uint64_t denied, told, lost;
	int64_t recorded;
};

static uint64_t total(int fd, uint32_t index)
{
	int i, n_cpus = libbpf_num_possible_cpus();
	struct dbx_counter v[1024];
	uint64_t n = 0;

	if (n_cpus > 1024 || bpf_map_lookup_elem(fd, &index, v))
		die("totals");
	for (i = 0; i < n_cpus; i++)
		n += v[i].packets;
	return n;
}

static struct counts counts(void)
{
	int fd = bpf_obj_get(PINS "/map_totals");
	struct counts c;

	if (fd < 0)
		die(PINS "/map_totals");
	c.denied = total(fd, DBX_REASON_NO_MATCH * DBX_VERDICT_MAX + DBX_VERDICT_DROP);
	c.told = total(fd, DBX_TOTAL_TOLD);
	c.lost = total(fd, DBX_TOTAL_EVENTS_LOST);
	c.recorded = recorded();
	close(fd);
	return c;
}

/* Flows that are open end, and what waits is swept, within seconds: nothing changes over a sweep. */
static struct counts settled(void)
{
	struct counts c = counts(), before;
	int i, n_same = 0;

	for (i = 0; i < SETTLE_S * 5 && n_same < 8; i++) {
		before = c;
		usleep(200000);
		c = counts();
		if (c.recorded >= 0 && !memcmp(&c, &before, sizeof(c)) &&
		    (uint64_t)c.recorded == c.told)
			n_same++;
		else
			n_same = 0;
	}
	return c;
}

/* Of this CPU for this thread alone: what else runs on the machine is not the variant's. */
static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ns of CPU time a packet. */
static double flood(const struct pkt *p, bool is_on)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = p->b, .data_size_in = (uint32_t)p->n,
		    .repeat = N_PACKETS, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "generate"));
	struct counts before = settled(), c;
	double start_s, took;

	if (setns(ns_workload, CLONE_NEWNET))
		die("setns");
	start_s = cpu_s();
	if (bpf_prog_test_run_opts(fd, &run))
		die("generate (BPF_F_TEST_XDP_LIVE_FRAMES needs Linux 5.18)");
	took = cpu_s() - start_s;
	if (setns(ns_here, CLONE_NEWNET))
		die("setns");
	c = settled();
	if (c.denied - before.denied != N_PACKETS)
		snprintf(invalid, sizeof(invalid), "%llu of %u packets were counted",
			 (unsigned long long)(c.denied - before.denied), N_PACKETS);
	else if (c.told - before.told + c.lost - before.lost != (is_on ? N_PACKETS : 0))
		snprintf(invalid, sizeof(invalid), "%llu told and %llu lost are not all packets",
			 (unsigned long long)(c.told - before.told),
			 (unsigned long long)(c.lost - before.lost));
	else if ((uint64_t)(c.recorded - before.recorded) != c.told - before.told)
		snprintf(invalid, sizeof(invalid), "%lld recorded of %llu told",
			 (long long)(c.recorded - before.recorded),
			 (unsigned long long)(c.told - before.told));
	else if (N_PACKETS / took < 100 * RATE)
		snprintf(invalid, sizeof(invalid), "%.0f packets a second are not 100 times %.0f",
			 N_PACKETS / took, RATE);
	else
		invalid[0] = '\0';
	if (is_on)
		fprintf(stderr, "# %.2f s: %llu told, %llu lost; daemon %ld KiB\n", took,
			(unsigned long long)(c.told - before.told),
			(unsigned long long)(c.lost - before.lost), rss_kib());
	return took * 1e9 / N_PACKETS;
}

static int table(const struct pkt *p)
{
	double t[2][ROUNDS], ratio[ROUNDS], m, median[2];
	long warm = 0, end;
	int r, on;

	for (r = 0; r < ROUNDS; r++) {
		for (on = 0; on < 2; on++) {
			apply(on ? "all" : "off");
			t[on][r] = flood(p, on);
			if (invalid[0]) {
				printf("INVALID: round %d, logging %s: %s\n", r + 1,
				       on ? "on" : "off", invalid);
				return 1;
			}
		}
		ratio[r] = t[1][r] / t[0][r];
		if (r == WARM - 1)
			warm = rss_kib();
	}
	end = rss_kib();
	m = bench_median(ratio, ROUNDS);
	for (on = 0; on < 2; on++) { /* sorts them */
		median[on] = bench_median(t[on], ROUNDS);
		printf("logging %-3s %8.0f [%.0f-%.0f]\n", on ? "on" : "off", median[on], t[on][0],
		       t[on][ROUNDS - 1]);
	}
	printf("on / off    %8.3f, bar %.2f: %s\n", m, BAR, m <= BAR ? "met" : "MISSED");
	printf("daemon      %8ld KiB after %d rounds, %ld KiB after %d: %s\n", warm, WARM, end,
	       ROUNDS, (double)end <= (double)warm * RSS_MORE ? "flat" : "MISSED");
	return m > BAR || (double)end > (double)warm * RSS_MORE;
}

int main(void)
{
	char path[512];
	uint32_t *addrs, i;
	struct pkt frame;
	cpu_set_t one;
	int n_bad;

	build = getenv("DBX_BUILD");
	build = realpath(build ? build : "build",
			 NULL); /* of a process's life; others run elsewhere */
	if (!build)
		die("the build folder (DBX_BUILD)");
	if (nsbox_enter())
		return 1;
	snprintf(path, sizeof(path), "%s/bench/wire.bpf.o", build);
	obj = bpf_object__open_file(path, NULL);
	if (!obj || bpf_object__load(obj))
		die(path);
	wire = section(".bss.wire");
	addrs = section(".bss.addrs");
	for (i = 0; i < N_ADDRS; i++)
		addrs[i] = __builtin_bswap32((10u << 24 | 1u << 23) + i);
	nsbox_workload("w1", "ws1", 1);
	ns_here = open("/proc/self/ns/net", O_RDONLY);
	ns_workload = open("/run/netns/w1", O_RDONLY);
	if (setns(ns_workload, CLONE_NEWNET))
		die("setns");
	wire->out_ifindex = nsbox_ifindex("eth0");
	if (setns(ns_here, CLONE_NEWNET))
		die("setns");
	start();
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	make_frame(&frame);
	printf("# ns of CPU time a packet (generate, veth, refuse), each of another flow; %u packets, "
	       "median of %d [min-max]\n",
	       N_PACKETS, ROUNDS);
	n_bad = table(&frame);
	stop();
	bpf_object__close(obj);
	return n_bad != 0;
}
