// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * nlwatch.c -- what the kernel says on a netlink socket that has joined groups.
 */
#include "daemon/nlwatch.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

bool dbx_nlwatch_read(int fd, bool (*is_ours)(const struct nlmsghdr *h))
{
	char buf[32768] __attribute__((aligned(8)));
	bool changed = false;
	ssize_t n;

	for (;;) {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* Messages were lost (ENOBUFS): one of them may have been about us. */
		if (n < 0 && errno == ENOBUFS) {
			changed = true;
			continue;
		}
		if (n <= 0)
			return changed;
		for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, (size_t)n);
		     h = NLMSG_NEXT(h, n))
			changed |= is_ours(h);
	}
}
