// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_forward.c -- the interfaces to which packets may be redirected past the host's stack.
 *
 * A packet that is redirected to an interface which cannot take it is lost, not passed to the stack;
 * so an interface is in the map only when the kernel says that it can. Before Linux 6.3 the kernel
 * cannot be asked: then an interface counts that has an XDP program, which is what drivers need to
 * set up their rings for it; veth, which needs more than that, does not.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

/* include/uapi/linux/netdev.h, Linux 6.3; the headers here may be older. */
#define NETDEV_CMD_DEV_GET        1
#define NETDEV_A_DEV_IFINDEX      1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_NDO_XMIT   4u
#define NETDEV_VERSION            1
#define ANSWER_BYTES              8192

/* A generic netlink request with one attribute. */
struct request {
	struct nlmsghdr nl;
	struct genlmsghdr gen;
	struct nlattr attr;
	char value[16];
};

/* Sends it and returns the bytes of the answer, or -errno, also the one that the kernel answers. */
static int ask(int fd, uint16_t family, uint8_t cmd, uint16_t type, const void *value, size_t n,
	       char answer[ANSWER_BYTES])
{
	struct request q = {
		.nl = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST},
		.gen = {.cmd = cmd, .version = NETDEV_VERSION},
		.attr = {.nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type},
	};
	const struct nlmsghdr *h = (const void *)answer;
	ssize_t got;

	memcpy(q.value, value, n);
	q.nl.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(NLA_HDRLEN + n));
	if (send(fd, &q, q.nl.nlmsg_len, 0) < 0)
		return -errno;
	got = recv(fd, answer, ANSWER_BYTES, 0);
	if (got < 0)
		return -errno;
	if ((size_t)got < NLMSG_HDRLEN + sizeof(int32_t) || h->nlmsg_len > (size_t)got)
		return -EPROTO;
	if (h->nlmsg_type == NLMSG_ERROR)
		return *(const int32_t *)NLMSG_DATA(h) ? *(const int32_t *)NLMSG_DATA(h) : -EPROTO;
	return (int)h->nlmsg_len;
}

/* The payload of an attribute that has at least n_want bytes, or NULL. */
static const void *attribute(const char *answer, int n_bytes, uint16_t type, size_t n_want)
{
	int at = (int)(NLMSG_HDRLEN + GENL_HDRLEN);

	while (at + NLA_HDRLEN <= n_bytes) {
		const struct nlattr *a = (const void *)(answer + at);

		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > n_bytes)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type && a->nla_len >= NLA_HDRLEN + n_want)
			return (const char *)a + NLA_HDRLEN;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

/* The kernel's XDP features of an interface; -ENOENT: it cannot be asked. */
static int features_of(int fd, uint32_t ifindex, uint64_t *out)
{
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
	const void *v;
	uint16_t family;
	int n = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "netdev", 7,
		    answer);

	if (n < 0)
		return n;
	v = attribute(answer, n, CTRL_ATTR_FAMILY_ID, sizeof(family));
	if (!v)
		return -ENOENT;
	memcpy(&family, v, sizeof(family));
	n = ask(fd, family, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &ifindex, sizeof(ifindex),
		answer);
	if (n < 0)
		return n;
	v = attribute(answer, n, NETDEV_A_DEV_XDP_FEATURES, sizeof(*out));
	if (!v)
		return -ENOENT;
	memcpy(out, v, sizeof(*out));
	return 0;
}

static bool is_veth(uint32_t ifindex)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq req = {.ifr_data = (void *)&info};
	int rc, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !if_indextoname(ifindex, req.ifr_name)) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	rc = ioctl(fd, SIOCETHTOOL, &req);
	close(fd);
	return rc || !strcmp(info.driver, "veth");
}

static bool takes_packets(uint32_t ifindex)
{
	int rc, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct timeval limit = {.tv_sec = 2};
	uint64_t features = 0;
	uint32_t id = 0;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	rc = features_of(fd, ifindex, &features);
	close(fd);
	if (!rc)
		return features & NETDEV_XDP_ACT_NDO_XMIT;
	return rc == -ENOENT && !bpf_xdp_query_id((int)ifindex, 0, &id) && id && !is_veth(ifindex);
}

static bool is_listed(const uint32_t *v, size_t n, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i] == ifindex)
			return true;
	}
	return false;
}

static void remove_others(int fd, const uint32_t *v, size_t n)
{
	uint32_t key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!is_listed(v, n, key))
			bpf_map_delete_elem(fd, &key);
	}
}

static int set(const struct dp_prog *p, const uint32_t *v, size_t n)
{
	int fd = p->map[DBX_MAP_FORWARD], rc;
	size_t i;

	if (p->fd < 0 || fd < 0)
		return 0; /* a program of an ABI that had none */
	remove_others(fd, v, n);
	for (i = 0; i < n; i++) {
		if (!takes_packets(v[i])) {
			bpf_map_delete_elem(fd, &v[i]);
			continue;
		}
		rc = bpf_map_update_elem(fd, &v[i], &v[i], BPF_ANY);
		if (rc && rc != -EINVAL && rc != -ENODEV) /* those: it is gone by now */
			return rc == -E2BIG ? -ENOSPC : rc;
	}
	return 0;
}

int dp_xdp_forward(struct dbx_dp *dp, const uint32_t *ifindex, size_t n, struct dbx_dp_error *err)
{
	int rc = set(&dp->live, ifindex, n);

	if (!rc)
		rc = set(&dp->next, ifindex, n);
	return rc ? dp_fail(err, rc, "fast forward: the kernel refused %zu interfaces: %s", n,
			    strerror(-rc))
		  : 0;
}
