/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nlwatch.h -- what the kernel says on a netlink socket that has joined groups.
 */
#ifndef DBX_DAEMON_NLWATCH_H
#define DBX_DAEMON_NLWATCH_H

#include <linux/netlink.h>
#include <stdbool.h>

/* Reads all that waits on fd, never blocks: whether one of the messages was about us, or may have been. */
bool dbx_nlwatch_read(int fd, bool (*is_ours)(const struct nlmsghdr *h));

#endif
