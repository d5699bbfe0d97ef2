/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nsbox.h -- a network namespace, a mount namespace and a bpf file system for one test program.
 *
 * nsbox_enter() moves the whole process; nothing of it is seen outside, and all of it goes with the
 * process. Network namespaces made by `ip netns add` inside are private too. Needs root.
 */
#ifndef DBX_TESTS_NSBOX_H
#define DBX_TESTS_NSBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define NSBOX_BPFFS "/run/nsbox/bpf"

/* 0, or -1 with the reason on standard error. */
int nsbox_enter(void);
/* Where the kernel object of the build (DBX_BUILD) is. Likewise 0 or -1. */
int nsbox_object(char path[PATH_MAX]);

/* Runs a shell command, quietly unless it fails and must not; returns its exit code. */
int nsbox_try(const char *format, ...) __attribute__((format(printf, 1, 2)));
void nsbox_must(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A workload: namespace `name`, its eth0 at address (10.66.N.10/24, fd66:N::10/64) and, here, the
 * interface ifname at 10.66.N.1 and fd66:N::1.
 */
void nsbox_workload(const char *name, const char *ifname, int n);
/* The link alone: for an interface that goes and comes back. */
void nsbox_link(const char *name, const char *ifname, int n);
/* One echo from the workload to this side; true when the answer came. */
bool nsbox_ping(const char *name, int n);
bool nsbox_ping6(const char *name, int n);
bool nsbox_no_ping(const char *name, int n);
bool nsbox_no_ping6(const char *name, int n);

uint32_t nsbox_ifindex(const char *ifname); /* 0: no such interface */

#endif
