// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_tc.c -- the companions of the XDP program at clsact, and the interface made fit for them.
 *
 * A filter belongs to its device: it goes with it, and outlives the daemon. The qdisc is left when
 * the filters go, because others may have filters there.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

#define HANDLE   0x0db5u /* ours among the filters of that priority */
#define PRIORITY 1u      /* before anybody else may let a packet through */

static const enum bpf_tc_attach_point points[DBX_PROG_TC_MAX] = {
	[DBX_PROG_TC_IN] = BPF_TC_INGRESS,
	[DBX_PROG_TC_OUT] = BPF_TC_EGRESS,
};

static uint32_t prog_id_of(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t n = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &n) ? 0 : info.id;
}

/* Id of the program in our filter, 0 = there is none. */
static uint32_t filter_prog(uint32_t ifindex, int which)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = points[which]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

bool dp_tc_present(uint32_t ifindex, const struct dp_prog *p)
{
	int i;

	dp_libbpf_listen();
	for (i = 0; i < DBX_PROG_TC_MAX; i++) {
		if (p->companion[i] >= 0 && !filter_prog(ifindex, i))
			return false;
	}
	return true;
}

int dp_tc_attach(uint32_t ifindex, const struct dp_prog *p)
{
	LIBBPF_OPTS(bpf_tc_hook, qdisc, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int i, rc;

	dp_libbpf_listen();
	rc = bpf_tc_hook_create(&qdisc);
	if (rc && rc != -EEXIST)
		return rc;
	for (i = 0, rc = 0; i < DBX_PROG_TC_MAX && !rc; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = points[i]);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY,
			    .prog_fd = p->companion[i], .flags = BPF_TC_F_REPLACE);

		if (p->companion[i] >= 0 && filter_prog(ifindex, i) != prog_id_of(p->companion[i]))
			rc = bpf_tc_attach(&hook, &opts);
	}
	return rc;
}

int dp_tc_detach(uint32_t ifindex)
{
	int i, rc = 0;

	dp_libbpf_listen();
	for (i = 0; i < DBX_PROG_TC_MAX && !rc; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = points[i]);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

		if (filter_prog(ifindex, i))
			rc = bpf_tc_detach(&hook, &opts);
	}
	return rc;
}

void dp_tc_show_tags(const char *ifname)
{
	struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq req = {.ifr_data = (void *)&v};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (!ioctl(fd, SIOCETHTOOL, &req) && (v.data & ETH_FLAG_RXVLAN)) {
		v.cmd = ETHTOOL_SFLAGS;
		v.data &= ~(uint32_t)ETH_FLAG_RXVLAN;
		ioctl(fd, SIOCETHTOOL, &req); /* egress_tc drops what stays hidden */
	}
	close(fd);
}
