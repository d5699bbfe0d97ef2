// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_port.c -- interfaces: a name of the documents is an interface of the gateway's stack, to
 * which the process hands what it does not forward itself, and a port of the process.
 *
 * Attached means both: egress_host takes the shims off, and the process knows the interface's index.
 * A stack to which the process hands frames before egress_host is there drops them for their EtherType.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/dp_util.h"
#include "dbx/shim.h"

/* What routes need to know of an interface; -ENODEV: it is gone. */
static int iface_of(uint32_t ifindex, struct dbx_wire_iface *out)
{
	int rc = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct dbx_wire_iface i = {.ifindex = ifindex, .mtu = 0};
	struct ifreq req = {0};

	if (fd < 0)
		return -errno;
	if (!if_indextoname(ifindex, req.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &req)) {
		rc = -ENODEV;
		goto out;
	}
	memcpy(i.name, req.ifr_name, sizeof(i.name));
	memcpy(i.mac, req.ifr_hwaddr.sa_data, sizeof(i.mac));
	if (!ioctl(fd, SIOCGIFMTU, &req) && req.ifr_mtu > 0)
		i.mtu = (uint32_t)req.ifr_mtu;
	*out = i;
out:
	close(fd);
	return rc;
}

static struct dp_port *find(struct dbx_dp *dp, const char *ifname)
{
	size_t i;

	for (i = 0; i < dp->n_ports; i++) {
		if (!strcmp(dp->ports[i].iface.name, ifname))
			return &dp->ports[i];
	}
	return NULL;
}

int dp_port_tell(struct dbx_dp *dp, struct dp_port *p, struct dbx_dp_error *err)
{
	int rc = dp_wire_call_locked(
		dp, DP_CALL(DBX_WIRE_PORT_SET, .body = &p->iface, .n_body = sizeof(p->iface)), err);

	p->is_known = !rc;
	return rc == -ENODEV ? 0 : rc;
}

static int tell_new(struct dbx_dp *dp, const struct dbx_wire_iface *iface, struct dbx_dp_error *err)
{
	struct dp_port *p = find(dp, iface->name), fresh = {.iface = *iface};
	int rc;

	if (!p && dp->n_ports == DP_DPDK_PORTS_MAX)
		return dp_fail(err, -ENOSPC,
			       "interface %s: %u ports are the most that there can be", iface->name,
			       DP_DPDK_PORTS_MAX);
	rc = dp_port_tell(dp, &fresh, err);
	if (!rc && !fresh.is_known)
		rc = dp_fail(
			err, -ENODEV,
			"interface %s: the DPDK process has no port of that name; start it with "
			"--workload %s=PORT,host=PORT",
			iface->name, iface->name);
	if (rc)
		return rc;
	if (!p)
		p = &dp->ports[dp->n_ports++];
	*p = fresh;
	return 0;
}

/* The process drops what comes in there from now on. One that is away drops it when it comes back. */
static int untell(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err)
{
	struct dp_port *p;
	int rc = 0;

	pthread_mutex_lock(&dp->lock);
	p = find(dp, ifname);
	if (p)
		rc = dp_wire_call_locked(
			dp,
			DP_CALL(DBX_WIRE_PORT_DEL, .body = &p->iface, .n_body = sizeof(p->iface)),
			err);
	if (rc == -ENOENT)
		rc = 0;
	if (p && !rc)
		*p = dp->ports[--dp->n_ports];
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

int dp_dpdk_attach(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		   struct dbx_dp_error *err)
{
	struct dbx_wire_iface iface;
	int rc;

	if (!ifindex || !ifname[0] || strlen(ifname) > 15)
		return dp_fail(err, -EINVAL, "interface \"%s\" (%u): not an interface", ifname,
			       ifindex);
	rc = iface_of(ifindex, &iface);
	if (rc)
		return dp_fail(err, rc, "interface %s: ifindex %u: %s", ifname, ifindex,
			       strerror(-rc));
	/* What is behind the port: the rest is for the shim. */
	iface.mtu -= iface.mtu > DBX_SHIM_MTU ? DBX_SHIM_MTU : iface.mtu;
	memset(iface.name, 0, sizeof(iface.name));
	snprintf(iface.name, sizeof(iface.name), "%s", ifname);
	pthread_mutex_lock(&dp->lock);
	rc = tell_new(dp, &iface, err);
	pthread_mutex_unlock(&dp->lock);
	if (rc || !dp->host)
		return rc;
	rc = dp_host_attach(dp->host, ifindex, ifname, err);
	if (rc)
		untell(dp, ifname, NULL);
	return rc;
}

int dp_dpdk_detach(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err)
{
	bool is_there;
	int rc;

	pthread_mutex_lock(&dp->lock);
	is_there = find(dp, ifname) != NULL;
	pthread_mutex_unlock(&dp->lock);
	if (!is_there && !dp->host)
		return dp_fail(err, -ENOENT, "interface %s: not attached", ifname);
	rc = untell(dp, ifname, err);
	return !rc && dp->host ? dp_host_detach(dp->host, ifname, err) : rc;
}

int dp_dpdk_forget(struct dbx_dp *dp, const char *ifname)
{
	int rc = untell(dp, ifname, NULL);

	return !rc && dp->host ? dp_host_forget(dp->host, ifname) : rc;
}

int dp_dpdk_links(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n)
{
	int rc = dp->host ? dp_host_links(dp->host, v, cap, n) : 0;
	size_t i;

	if (rc)
		return rc;
	pthread_mutex_lock(&dp->lock);
	if (!dp->host) {
		for (i = 0; i < dp->n_ports && i < cap; i++) {
			memset(&v[i], 0, sizeof(v[i]));
			memcpy(v[i].ifname, dp->ports[i].iface.name, sizeof(v[i].ifname));
			v[i].ifindex = dp->ports[i].iface.ifindex;
			v[i].is_attached = true;
		}
		*n = dp->n_ports;
	}
	for (i = 0; i < *n && i < cap; i++) {
		const struct dp_port *p = find(dp, v[i].ifname);

		v[i].is_attached = v[i].is_attached && p && p->is_known &&
				   p->iface.ifindex == v[i].ifindex;
	}
	pthread_mutex_unlock(&dp->lock);
	return 0;
}

int dp_forward_tell(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	return dp_wire_call_locked(dp,
				   DP_CALL(DBX_WIRE_FORWARD, .body = dp->forward,
					   .n_body = dp->n_forward * sizeof(dp->forward[0])),
				   err);
}

/* Told only when it is another set: the daemon asks every few seconds. */
int dp_dpdk_forward(struct dbx_dp *dp, const uint32_t *ifindex, size_t n, struct dbx_dp_error *err)
{
	struct dbx_wire_iface v[DBX_WIRE_BATCH] = {0};
	size_t i, n_v = 0;
	int rc = 0;

	for (i = 0; i < n && n_v < DBX_WIRE_BATCH; i++)
		n_v += iface_of(ifindex[i], &v[n_v]) == 0;
	pthread_mutex_lock(&dp->lock);
	if (n_v != dp->n_forward || memcmp(v, dp->forward, n_v * sizeof(v[0])) != 0) {
		memcpy(dp->forward, v, sizeof(v));
		dp->n_forward = n_v;
		rc = dp_forward_tell(dp, err);
	}
	pthread_mutex_unlock(&dp->lock);
	return rc == -ENOTCONN ? 0 : rc; /* told when it is back */
}
