// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * nsbox.c -- a network namespace, a mount namespace and a bpf file system for one test program.
 */
#include "common/nsbox.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define COMMAND_BYTES 1024

static int failed(const char *what)
{
	fprintf(stderr, "nsbox: %s: %s\n", what, strerror(errno));
	return -1;
}

int nsbox_enter(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return failed("unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return failed("make / private");
	if (mount("tmpfs", "/run", "tmpfs", 0, NULL))
		return failed("mount /run");
	if (mkdir("/run/nsbox", 0700) || mkdir(NSBOX_BPFFS, 0700))
		return failed("mkdir " NSBOX_BPFFS);
	if (mount("bpf", NSBOX_BPFFS, "bpf", 0, NULL))
		return failed("mount bpf");
	nsbox_must("ip link set lo up");
	return 0;
}

int nsbox_object(char path[PATH_MAX])
{
	const char *build = getenv("DBX_BUILD");
	char relative[400];

	snprintf(relative, sizeof(relative), "%s/egress_xdp.bpf.o", build ? build : "build");
	return realpath(relative, path) ? 0 : failed(relative);
}

static int run(const char *format, va_list ap, char command[COMMAND_BYTES])
{
	char line[COMMAND_BYTES + 64];
	int status;

	vsnprintf(command, COMMAND_BYTES, format, ap);
	snprintf(line, sizeof(line), "{ %s; } >/run/nsbox/out 2>&1", command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int nsbox_try(const char *format, ...)
{
	char command[COMMAND_BYTES];
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = run(format, ap, command);
	va_end(ap);
	return rc;
}

void nsbox_must(const char *format, ...)
{
	char command[COMMAND_BYTES];
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = run(format, ap, command);
	va_end(ap);
	if (!rc)
		return;
	fprintf(stderr, "nsbox: exit code %d: %s\n", rc, command);
	if (system("cat /run/nsbox/out >&2"))
		fprintf(stderr, "nsbox: no output\n");
	abort();
}

void nsbox_link(const char *name, const char *ifname, int n)
{
	nsbox_must("ip link add %s type veth peer name eth0 netns %s", ifname, name);
	nsbox_must("ip addr add 10.66.%d.1/24 dev %s", n, ifname);
	nsbox_must("ip addr add fd66:%d::1/64 dev %s nodad", n, ifname);
	nsbox_must("ip link set %s up", ifname);
	nsbox_must("ip -n %s addr add 10.66.%d.10/24 dev eth0", name, n);
	nsbox_must("ip -n %s addr add fd66:%d::10/64 dev eth0 nodad", name, n);
	nsbox_must("ip -n %s link set eth0 up", name);
	nsbox_must("ip -n %s route add default via 10.66.%d.1", name, n);
	nsbox_must("ip -n %s route add default via fd66:%d::1", name, n);
}

void nsbox_workload(const char *name, const char *ifname, int n)
{
	nsbox_must("ip netns add %s", name);
	nsbox_must("ip -n %s link set lo up", name);
	nsbox_link(name, ifname, n);
}

/*
 * What must pass has 5 s for it: after a time of denials the neighbour may still have to be resolved
 * anew. What must not pass gets no such time.
 */
#define MUST_PASS "ping -n -c 1 -i 0.2 -w 5"
#define MUST_NOT  "ping -n -c 1 -W 1"

bool nsbox_ping(const char *name, int n)
{
	return !nsbox_try("ip netns exec %s " MUST_PASS " 10.66.%d.1", name, n);
}

bool nsbox_ping6(const char *name, int n)
{
	return !nsbox_try("ip netns exec %s " MUST_PASS " fd66:%d::1", name, n);
}

bool nsbox_no_ping(const char *name, int n)
{
	return nsbox_try("ip netns exec %s " MUST_NOT " 10.66.%d.1", name, n) == 1;
}

bool nsbox_no_ping6(const char *name, int n)
{
	return nsbox_try("ip netns exec %s " MUST_NOT " fd66:%d::1", name, n) == 1;
}

uint32_t nsbox_ifindex(const char *ifname)
{
	return if_nametoindex(ifname);
}
