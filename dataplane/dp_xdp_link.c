// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_link.c -- interfaces: a pinned bpf_link each, followed through renames and re-creation.
 *
 * A link belongs to a device, not to a name. A device that goes leaves a dead link (ifindex 0); one
 * that comes back under its old name is another device. Before a link is made, the port's name is
 * already in the ports map, so that no packet is judged without it.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

static int link_refresh(struct dp_link *l)
{
	struct bpf_link_info info = {0};
	uint32_t n = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(l->fd, &info, &n);

	if (rc)
		return rc;
	if (info.type != BPF_LINK_TYPE_XDP)
		return -ENOMSG;
	l->ifindex = info.xdp.ifindex;
	if (l->ifindex)
		l->port_ifindex = l->ifindex;
	l->prog_id = info.prog_id;
	return 0;
}

uint32_t dp_link_ifindex(int link_fd)
{
	struct dp_link l = {.fd = link_fd};

	return link_refresh(&l) ? 0 : l.ifindex;
}

static struct dp_link *link_by_name(struct dbx_dp *dp, const char *ifname)
{
	size_t i;

	for (i = 0; i < dp->n_links; i++) {
		if (!strcmp(dp->links[i].ifname, ifname))
			return &dp->links[i];
	}
	return NULL;
}

static struct dp_link *link_by_index(struct dbx_dp *dp, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < dp->n_links; i++) {
		if (dp->links[i].ifindex == ifindex && !link_refresh(&dp->links[i]) &&
		    dp->links[i].ifindex == ifindex)
			return &dp->links[i];
	}
	return NULL;
}

static struct dp_link *link_add(struct dbx_dp *dp, const char *ifname, int fd)
{
	struct dp_link *v = realloc(dp->links, (dp->n_links + 1) * sizeof(*v));

	if (!v)
		return NULL;
	dp->links = v;
	v += dp->n_links++;
	*v = (struct dp_link){.fd = fd};
	snprintf(v->ifname, sizeof(v->ifname), "%s", ifname);
	return v;
}

static void link_drop(struct dbx_dp *dp, struct dp_link *l)
{
	close(l->fd);
	*l = dp->links[--dp->n_links];
}

static int port_map(const struct dp_prog *p, uint32_t ifindex)
{
	return p->map[ifindex < DBX_PORTS_LOW ? DBX_MAP_PORTS : DBX_MAP_PORTS_HIGH];
}

static int port_set(const struct dp_prog *p, uint32_t ifindex, const char *ifname)
{
	uint64_t hash = dbx_port_hash(ifname);
	int fd = port_map(p, ifindex);

	return p->fd < 0 || fd < 0 ? 0 : bpf_map_update_elem(fd, &ifindex, &hash, BPF_ANY);
}

static void port_clear(const struct dp_prog *p, uint32_t ifindex)
{
	uint64_t none = 0;

	if (p->fd < 0 || !ifindex)
		return;
	if (ifindex < DBX_PORTS_LOW)
		bpf_map_update_elem(p->map[DBX_MAP_PORTS], &ifindex, &none, BPF_ANY);
	else
		bpf_map_delete_elem(p->map[DBX_MAP_PORTS_HIGH], &ifindex);
}

static int ports_set(struct dbx_dp *dp, uint32_t ifindex, const char *ifname)
{
	int rc = port_set(&dp->live, ifindex, ifname);

	return rc ? rc : port_set(&dp->next, ifindex, ifname);
}

static void ports_clear(struct dbx_dp *dp, uint32_t ifindex)
{
	port_clear(&dp->live, ifindex);
	port_clear(&dp->next, ifindex);
}

/* High ports of devices that are gone, so that the table cannot fill up; of low ones there is room. */
static void ports_sweep(struct dbx_dp *dp)
{
	int fd = dp->live.map[DBX_MAP_PORTS_HIGH];
	uint32_t key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!link_by_index(dp, key))
			ports_clear(dp, key);
	}
}

static int open_pin(void *arg, const char *dir, const char *name)
{
	struct dbx_dp *dp = arg;
	struct dp_link *l;
	char ifname[16];
	int fd;

	if (!dp_pin_link_ifname(name, ifname))
		return 0;
	fd = dp_pin_get(dir, name);
	if (fd < 0)
		return fd;
	l = link_add(dp, ifname, fd);
	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	if (link_refresh(l)) {
		link_drop(dp, l);
		return dp_pin_remove(dir, name);
	}
	return 0;
}

int dp_links_open(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc = dp_pin_each(dp->pin_dir, open_pin, dp);

	if (rc)
		return dp_fail(err, rc, "pin directory %s: cannot take up the links: %s",
			       dp->pin_dir, strerror(-rc));
	return 0;
}

void dp_links_close(struct dbx_dp *dp)
{
	while (dp->n_links)
		link_drop(dp, &dp->links[dp->n_links - 1]);
	free(dp->links);
	dp->links = NULL;
}

/* -ENOLINK: the device went away meanwhile; nothing to enforce on then. */
static int link_run(struct dp_link *l, const struct dp_prog *p)
{
	int rc = bpf_link_update(l->fd, p->fd, NULL);

	if (rc == -ENOLINK) {
		l->ifindex = 0;
		return 0;
	}
	if (!rc)
		l->prog_id = p->id;
	return rc;
}

int dp_links_switch(struct dbx_dp *dp, const struct dp_prog *from, const struct dp_prog *to,
		    struct dbx_dp_error *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < dp->n_links && !rc; i++) {
		struct dp_link *l = &dp->links[i];

		if (link_refresh(l) || !l->ifindex || l->prog_id == to->id)
			continue;
		rc = port_set(to, l->ifindex, l->ifname);
		if (!rc)
			rc = dp_tc_attach(l->ifindex, to);
		if (!rc)
			rc = link_run(l, to);
		if (rc)
			dp_fail(err, rc, "interface %s: cannot put the new program on it: %s",
				l->ifname, strerror(-rc));
	}
	while (rc && i--) {
		if (dp->links[i].prog_id != to->id || !from || from->fd < 0)
			continue;
		link_run(&dp->links[i], from);
		if (from->companion[0] >= 0)
			dp_tc_attach(dp->links[i].ifindex, from);
	}
	return rc;
}

static int mtu_of(const char *ifname)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;

	if (fd < 0)
		return 0;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (!ioctl(fd, SIOCGIFMTU, &req))
		mtu = req.ifr_mtu;
	close(fd);
	return mtu;
}

static int explain_refusal(uint32_t ifindex, const char *ifname, int rc, struct dbx_dp_error *err)
{
	struct bpf_prog_info info = {0};
	uint32_t id = 0, n = sizeof(info);
	char now[IF_NAMESIZE];
	int fd, mtu;

	if ((rc == -EBUSY || rc == -EEXIST) && !bpf_xdp_query_id((int)ifindex, 0, &id) && id) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd >= 0) {
			bpf_obj_get_info_by_fd(fd, &info, &n);
			close(fd);
		}
		return dp_fail(
			err, rc,
			"interface %s: XDP program %u (\"%s\") holds it; detach that one first: ip link set dev %s xdp off",
			ifname, id, info.name, ifname);
	}
	if (!if_indextoname(ifindex, now))
		return dp_fail(err, -ENODEV, "interface %s: ifindex %u is gone", ifname, ifindex);
	mtu = mtu_of(ifname);
	if (rc == -ERANGE || rc == -EINVAL || mtu > 1500)
		return dp_fail(
			err, rc,
			"interface %s: the driver refuses XDP: %s; its MTU is %d (and the peer's counts on veth): frames must fit one page, up to about 3,500 bytes",
			ifname, strerror(-rc), mtu);
	return dp_fail(err, rc, "interface %s: cannot attach the program: %s", ifname,
		       strerror(-rc));
}

/* Native; generic where the driver has no XDP, because to enforce matters more than to be fast. */
static int link_create(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		       struct dbx_dp_error *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct dp_link *l;
	char name[64];
	int fd, rc;

	fd = bpf_link_create(dp->live.fd, (int)ifindex, BPF_XDP, &opts);
	if (fd == -EOPNOTSUPP) {
		opts.flags = XDP_FLAGS_SKB_MODE;
		fd = bpf_link_create(dp->live.fd, (int)ifindex, BPF_XDP, &opts);
	}
	if (fd < 0)
		return explain_refusal(ifindex, ifname, fd, err);
	dp_pin_link_name(ifname, name);
	rc = dp_pin_put(dp->pin_dir, name, fd);
	l = rc ? NULL : link_add(dp, ifname, fd);
	if (!l) {
		dp_pin_remove(dp->pin_dir, name);
		close(fd);
		rc = rc ? rc : -ENOMEM;
		return dp_fail(err, rc, "interface %s: cannot pin its link: %s", ifname,
			       strerror(-rc));
	}
	return link_refresh(l);
}

static int link_rename(struct dbx_dp *dp, struct dp_link *l, const char *ifname)
{
	char old[64], fresh[64];
	int rc;

	dp_pin_link_name(l->ifname, old);
	dp_pin_link_name(ifname, fresh);
	rc = dp_pin_put(dp->pin_dir, fresh, l->fd);
	if (!rc)
		rc = dp_pin_remove(dp->pin_dir, old);
	if (!rc)
		snprintf(l->ifname, sizeof(l->ifname), "%s", ifname);
	return rc;
}

/*
 * Frees the name ifname for the device ifindex. A dead link goes. A living one is of a device that
 * was renamed since: it stays in force, under a name that no interface can have.
 */
static int name_free(struct dbx_dp *dp, uint32_t ifindex, const char *ifname)
{
	struct dp_link *l = link_by_name(dp, ifname);
	char aside[16];

	if (!l)
		return 0;
	if (link_refresh(l) || !l->ifindex)
		return dp_xdp_forget(dp, ifname);
	if (l->ifindex == ifindex)
		return 0;
	snprintf(aside, sizeof(aside), "if%%%u", l->ifindex);
	return link_rename(dp, l, aside);
}

/*
 * Before XDP, so that no packet which XDP passes on for the companion goes its own way. A program of
 * an ABI that had none goes on without.
 */
static int companions(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		      struct dbx_dp_error *err)
{
	int rc;

	if (dp->live.companion[0] < 0)
		return 0;
	dp_tc_show_tags(ifname);
	rc = dp_tc_attach(ifindex, &dp->live);
	if (!rc)
		return 0;
	if (rc == -ENODEV || rc == -EINVAL) {
		char now[IF_NAMESIZE];

		if (!if_indextoname(ifindex, now))
			return dp_fail(err, -ENODEV, "interface %s: ifindex %u is gone", ifname,
				       ifindex);
	}
	return dp_fail(err, rc,
		       "interface %s: cannot attach the companion program at clsact: %s: %s",
		       ifname, strerror(-rc), dp_libbpf_said());
}

int dp_xdp_attach(struct dbx_dp *dp, uint32_t ifindex, const char *ifname, struct dbx_dp_error *err)
{
	struct dp_link *l;
	int rc;

	if (!ifindex || !ifname[0] || strlen(ifname) > 15)
		return dp_fail(err, -EINVAL, "interface \"%s\" (%u): not an interface", ifname,
			       ifindex);
	rc = name_free(dp, ifindex, ifname);
	l = rc ? NULL : link_by_index(dp, ifindex);
	if (l && strcmp(l->ifname, ifname))
		rc = link_rename(dp, l, ifname);
	if (!rc)
		rc = ports_set(dp, ifindex, ifname);
	if (rc)
		return dp_fail(err, rc, "interface %s: cannot note its name: %s", ifname,
			       strerror(-rc));
	rc = companions(dp, ifindex, ifname, err);
	if (rc)
		return rc;
	if (!l) {
		rc = link_create(dp, ifindex, ifname, err);
		if (rc) {
			ports_clear(dp, ifindex);
			dp_tc_detach(ifindex);
		}
		return rc;
	}
	if (l->prog_id == dp->live.id)
		return 0;
	rc = link_run(l, &dp->live);
	return rc ? dp_fail(err, rc, "interface %s: cannot put the program on it: %s", ifname,
			    strerror(-rc))
		  : 0;
}

int dp_xdp_detach(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err)
{
	struct dp_link *l = link_by_name(dp, ifname);
	int rc;

	if (!l)
		return dp_fail(err, -ENOENT, "interface %s: not attached", ifname);
	rc = bpf_link_detach(l->fd);
	if (rc && rc != -ENOLINK && l->ifindex)
		return dp_fail(err, rc, "interface %s: cannot detach: %s", ifname, strerror(-rc));
	rc = l->ifindex ? dp_tc_detach(l->ifindex) : 0;
	if (rc && rc != -ENODEV)
		return dp_fail(err, rc, "interface %s: cannot detach the companion program: %s",
			       ifname, strerror(-rc));
	return dp_xdp_forget(dp, ifname);
}

int dp_xdp_forget(struct dbx_dp *dp, const char *ifname)
{
	struct dp_link *l = link_by_name(dp, ifname);
	char name[64];
	int rc;

	if (!l)
		return 0;
	dp_pin_link_name(ifname, name);
	rc = dp_pin_remove(dp->pin_dir, name);
	if (rc)
		return rc;
	ports_clear(dp, l->port_ifindex);
	link_drop(dp, l);
	ports_sweep(dp);
	return 0;
}

int dp_xdp_links(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n)
{
	size_t i;

	for (i = 0; i < dp->n_links && i < cap; i++) {
		LIBBPF_OPTS(bpf_xdp_query_opts, query);
		struct dp_link *l = &dp->links[i];

		if (link_refresh(l))
			l->ifindex = 0;
		memset(&v[i], 0, sizeof(v[i]));
		snprintf(v[i].ifname, sizeof(v[i].ifname), "%s", l->ifname);
		v[i].ifindex = l->ifindex;
		v[i].is_attached = l->ifindex && (dp->live.companion[0] < 0 ||
						  dp_tc_present(l->ifindex, &dp->live));
		v[i].is_native = l->ifindex && !bpf_xdp_query((int)l->ifindex, 0, &query) &&
				 query.attach_mode == XDP_ATTACHED_DRV;
	}
	*n = dp->n_links;
	return 0;
}
