// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * path_route.c -- the rules and routes that lead marked packets to their uplinks.
 *
 * Messages are built and read by hand: a gateway may have a million routes, and only the kernel can
 * leave out those of others (NETLINK_GET_STRICT_CHK).
 */
#include "daemon/path_route.h"
#include "daemon/nlwatch.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbx/image.h"
#include "lib/vec.h"

#define PRIORITY        54 /* of the rules; the resolver's is 53 */
#define PRIORITY_REFUSE 55 /* what has a mark of a path, and found no table */
#define METRIC          1
#define METRIC_REFUSE   0xf0000000u
#define DUMP_TRIES      5

/* A rule or a route, as far as ours differ from each other. All bytes are set: they are compared. */
struct row {
	uint8_t is_rule;
	uint8_t family; /* 0 IPv4, 1 IPv6 */
	uint8_t type;   /* RTN_*, FR_ACT_* */
	uint8_t has_gw;
	uint32_t table;
	uint32_t metric; /* or priority */
	uint32_t mark, mask;
	uint32_t ifindex;
	uint8_t gw[16];
};

struct rows {
	struct row *v;
	size_t n, cap;
	int err;
};

static const uint8_t families[] = {AF_INET, AF_INET6};

static bool has_v6(void)
{
	return access("/proc/net/if_inet6", F_OK) == 0;
}

static const struct row *find(const struct rows *rows, const struct row *r)
{
	dbx_vec_for_each(rows, e) {
		if (memcmp(e, r, sizeof(*r)) == 0)
			return e;
	}
	return NULL;
}

static void add(struct rows *rows, const struct row *r)
{
	if (dbx_vec_push(rows, *r))
		rows->err = -ENOMEM;
}

/* ---- what is wanted ---- */

static void want_rule(struct rows *out, int family, uint8_t action, uint32_t priority,
		      uint32_t mark, uint32_t mask)
{
	struct row r;

	memset(&r, 0, sizeof(r));
	r.is_rule = 1;
	r.family = (uint8_t)family;
	r.type = action;
	r.table = action == FR_ACT_TO_TBL ? mark : 0;
	r.metric = priority;
	r.mark = mark;
	r.mask = mask;
	add(out, &r);
}

static struct row route(const struct dbx_path_entry *e, int family, uint8_t type, uint32_t metric)
{
	struct row r;

	memset(&r, 0, sizeof(r));
	r.family = (uint8_t)family;
	r.type = type;
	r.table = e->mark;
	r.metric = metric;
	return r;
}

static uint32_t index_if_up(const char *name, enum dbx_path_state *state)
{
	uint32_t ifindex = if_nametoindex(name);
	struct ifreq req;
	int fd, rc;

	*state = DBX_PATH_NO_INTERFACE;
	if (!ifindex)
		return 0;
	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFFLAGS, &req);
	if (fd >= 0)
		close(fd);
	*state = rc == 0 && (req.ifr_flags & IFF_UP) ? DBX_PATH_UP : DBX_PATH_DOWN;
	return *state == DBX_PATH_UP ? ifindex : 0;
}

/* The usable route; false: none now, the state says why. */
static bool usable(struct dbx_path_entry *e, int family, struct row *r)
{
	if (family && !has_v6()) {
		e->state[family] = DBX_PATH_NO_FAMILY;
		return false;
	}
	*r = route(e, family, RTN_UNICAST, METRIC);
	r->ifindex = index_if_up(e->ifname, &e->state[family]);
	if (!r->ifindex)
		return false;
	if (!dbx_path_leads(e, family)) {
		e->state[family] = DBX_PATH_NO_HOP;
		return false;
	}
	if (e->has_hop[family]) {
		r->has_gw = 1;
		memcpy(r->gw, e->hop[family].a, sizeof(r->gw));
	}
	return true;
}

static void want(struct dbx_pathset *s, int family, struct rows *must, struct rows *may)
{
	struct row r;

	if (!s->n)
		return;
	want_rule(must, family, FR_ACT_UNREACHABLE, PRIORITY_REFUSE, DBX_MARK_PATH,
		  DBX_MARK_PATH_MASK);
	dbx_vec_for_each(s, e) {
		r = route(e, family, RTN_UNREACHABLE, METRIC_REFUSE);
		add(must, &r);
		if (!e->is_barred && usable(e, family, &r))
			add(may, &r);
		want_rule(must, family, FR_ACT_TO_TBL, PRIORITY, e->mark, UINT32_MAX);
	}
}

/* ---- what is there ---- */

static uint32_t u32(struct nlattr *a, uint32_t otherwise)
{
	return a && nla_len(a) >= 4 ? nla_get_u32(a) : otherwise;
}

static bool read_rule(struct nlmsghdr *h, struct row *r)
{
	const struct fib_rule_hdr *m = nlmsg_data(h);
	struct nlattr *tb[FRA_MAX + 1];

	if (!nlmsg_valid_hdr(h, sizeof(*m)) || nlmsg_parse(h, sizeof(*m), tb, FRA_MAX, NULL) < 0 ||
	    !tb[FRA_PROTOCOL] || nla_get_u8(tb[FRA_PROTOCOL]) != DBX_PATH_PROTOCOL)
		return false;
	memset(r, 0, sizeof(*r));
	r->is_rule = 1;
	r->family = m->family == AF_INET6;
	r->type = m->action;
	r->table = m->action == FR_ACT_TO_TBL ? u32(tb[FRA_TABLE], m->table) : 0;
	r->metric = u32(tb[FRA_PRIORITY], 0);
	r->mark = u32(tb[FRA_FWMARK], 0);
	r->mask = u32(tb[FRA_FWMASK], UINT32_MAX);
	return true;
}

static bool read_route(struct nlmsghdr *h, struct row *r)
{
	const struct rtmsg *m = nlmsg_data(h);
	struct nlattr *tb[RTA_MAX + 1], *gw;

	if (!nlmsg_valid_hdr(h, sizeof(*m)) || nlmsg_parse(h, sizeof(*m), tb, RTA_MAX, NULL) < 0 ||
	    m->rtm_protocol != DBX_PATH_PROTOCOL || m->rtm_dst_len)
		return false;
	memset(r, 0, sizeof(*r));
	r->family = m->rtm_family == AF_INET6;
	r->type = m->rtm_type;
	r->table = u32(tb[RTA_TABLE], m->rtm_table);
	r->metric = u32(tb[RTA_PRIORITY], 0);
	gw = tb[RTA_GATEWAY];
	if (r->type == RTN_UNICAST) /* IPv6 writes "lo" into those that refuse */
		r->ifindex = u32(tb[RTA_OIF], 0);
	if (gw && nla_len(gw) <= (int)sizeof(r->gw)) {
		r->has_gw = 1;
		memcpy(r->gw, nla_data(gw), (size_t)nla_len(gw));
	}
	return true;
}

static int on_row(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct rows *out = arg;
	struct row r;

	if (h->nlmsg_type == RTM_NEWRULE ? read_rule(h, &r)
					 : h->nlmsg_type == RTM_NEWROUTE && read_route(h, &r))
		add(out, &r);
	return NL_OK;
}

/* family: AF_*. The kernel filters routes by the protocol that the request has. */
static int dump_once(struct nl_sock *s, int type, uint8_t family)
{
	struct rtmsg route = {.rtm_family = family, .rtm_protocol = DBX_PATH_PROTOCOL};
	struct fib_rule_hdr rule = {.family = family};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_DUMP);
	int rc;

	if (!msg)
		return -NLE_NOMEM;
	rc = type == RTM_GETROUTE ? nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO)
				  : nlmsg_append(msg, &rule, sizeof(rule), NLMSG_ALIGNTO);
	if (!rc)
		rc = nl_send_auto(s, msg);
	nlmsg_free(msg);
	return rc < 0 ? rc : nl_recvmsgs_default(s);
}

/* A dump that was interrupted may have missed some. */
static int dump(struct nl_sock *s, int type, int family, struct rows *out)
{
	size_t before = out->n;
	int rc = -NLE_DUMP_INTR, i;

	for (i = 0; i < DUMP_TRIES && rc == -NLE_DUMP_INTR; i++) {
		out->n = before;
		rc = dump_once(s, type, families[family]);
	}
	return rc < 0 ? rc : 0;
}

static int dump_all(struct nl_sock *s, struct rows *out)
{
	int f, rc = 0, n = has_v6() ? 2 : 1;

	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, on_row, out);
	for (f = 0; f < n && !rc; f++) {
		rc = dump(s, RTM_GETRULE, f, out);
		if (!rc)
			rc = dump(s, RTM_GETROUTE, f, out);
	}
	return out->err ? -NLE_NOMEM : rc;
}

/* ---- changing ---- */

static int put_rule(struct nl_msg *msg, const struct row *r)
{
	struct fib_rule_hdr m = {.family = families[r->family], .action = r->type};
	int rc = nlmsg_append(msg, &m, sizeof(m), NLMSG_ALIGNTO);

	if (!rc && r->table)
		rc = nla_put_u32(msg, FRA_TABLE, r->table);
	if (!rc)
		rc = nla_put_u32(msg, FRA_PRIORITY, r->metric);
	if (!rc)
		rc = nla_put_u32(msg, FRA_FWMARK, r->mark);
	if (!rc)
		rc = nla_put_u32(msg, FRA_FWMASK, r->mask);
	return rc ? rc : nla_put_u8(msg, FRA_PROTOCOL, DBX_PATH_PROTOCOL);
}

static int put_route(struct nl_msg *msg, const struct row *r)
{
	struct rtmsg m = {
		.rtm_family = families[r->family],
		.rtm_table = RT_TABLE_UNSPEC,
		.rtm_protocol = DBX_PATH_PROTOCOL,
		.rtm_type = r->type,
		/* The address of the next hop need not lie on a network of the interface. */
		.rtm_flags = r->has_gw ? RTNH_F_ONLINK : 0,
		.rtm_scope = r->family || r->has_gw || r->type != RTN_UNICAST ? RT_SCOPE_UNIVERSE
									      : RT_SCOPE_LINK,
	};
	int rc = nlmsg_append(msg, &m, sizeof(m), NLMSG_ALIGNTO);

	if (!rc)
		rc = nla_put_u32(msg, RTA_TABLE, r->table);
	if (!rc)
		rc = nla_put_u32(msg, RTA_PRIORITY, r->metric);
	if (!rc && r->has_gw)
		rc = nla_put(msg, RTA_GATEWAY, r->family ? 16 : 4, r->gw);
	if (!rc && r->ifindex)
		rc = nla_put_u32(msg, RTA_OIF, r->ifindex);
	return rc;
}

static int change(struct nl_sock *s, const struct row *r, bool make)
{
	static const int types[2][2] = {{RTM_DELROUTE, RTM_NEWROUTE}, {RTM_DELRULE, RTM_NEWRULE}};
	struct nl_msg *msg =
		nlmsg_alloc_simple(types[r->is_rule][make], make ? NLM_F_CREATE | NLM_F_EXCL : 0);
	int rc;

	if (!msg)
		return -NLE_NOMEM;
	rc = r->is_rule ? put_rule(msg, r) : put_route(msg, r);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = nl_send_sync(s, msg);
	if (rc < 0 && !make && (rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NODEV || rc == -NLE_NOADDR))
		return 0;
	return rc < 0 && !(make && rc == -NLE_EXIST) ? rc : 0;
}

struct sync {
	struct nl_sock *sock;
	struct rows there, must, may;
	size_t n_changed;
};

static int fail(const struct row *r, const char *verb, int rc, struct dbx_fail *f)
{
	return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "paths: %s the IPv%d %s of mark 0x%08x: %s",
			    verb, r->family ? 6 : 4, r->is_rule ? "rule" : "route",
			    r->is_rule ? r->mark : r->table, nl_geterror(rc));
}

/* Between two generations (not exact) only what stands in the way of another goes. */
static bool is_surplus(const struct sync *y, const struct row *r, bool exact)
{
	if (find(&y->must, r) || find(&y->may, r))
		return false;
	if (exact)
		return true;
	dbx_vec_for_each(&y->may, e) {
		if (!r->is_rule && e->family == r->family && e->table == r->table &&
		    e->metric == r->metric)
			return true;
	}
	return false;
}

static int remove_surplus(struct sync *y, bool exact, struct dbx_fail *f)
{
	int rc;

	dbx_vec_for_each(&y->there, e) {
		if (!is_surplus(y, e, exact))
			continue;
		rc = change(y->sock, e, false);
		if (rc)
			return fail(e, "removing", rc, f);
		y->n_changed++;
	}
	return 0;
}

static int make_missing(struct sync *y, struct dbx_pathset *s, struct dbx_fail *f)
{
	struct dbx_path_entry *e;
	int rc;

	/* Refusals first, rules last: a packet that gets into a table finds it whole. */
	for (int rules = 0; rules < 2; rules++) {
		dbx_vec_for_each(&y->must, r) {
			if (r->is_rule != rules || find(&y->there, r))
				continue;
			rc = change(y->sock, r, true);
			if (rc)
				return fail(r, "adding", rc, f);
			y->n_changed++;
		}
	}
	dbx_vec_for_each(&y->may, r) {
		if (find(&y->there, r))
			continue;
		rc = change(y->sock, r, true);
		if (!rc) {
			y->n_changed++;
			continue;
		}
		e = (struct dbx_path_entry *)dbx_pathset_find(s, r->table);
		e->state[r->family] = DBX_PATH_FAILED;
		snprintf(e->why[r->family], sizeof(e->why[0]), "%s", nl_geterror(rc));
	}
	return 0;
}

static int connect_strictly(struct sync *y, struct dbx_fail *f)
{
	int one = 1, rc;

	y->sock = nl_socket_alloc();
	rc = y->sock ? nl_connect(y->sock, NETLINK_ROUTE) : -NLE_NOMEM;
	if (rc)
		return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "paths: a netlink socket: %s",
				    nl_geterror(rc));
	/* Without it (before 4.20) every route is read, and those of others are passed over. */
	setsockopt(nl_socket_get_fd(y->sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one,
		   sizeof(one));
	return 0;
}

int dbx_path_route_sync(struct dbx_pathset *s, bool exact, size_t *n_changed, struct dbx_fail *f)
{
	struct sync y = {.sock = NULL};
	int rc = connect_strictly(&y, f), nl;

	if (rc)
		goto out;
	want(s, 0, &y.must, &y.may);
	if (has_v6()) {
		want(s, 1, &y.must, &y.may);
	} else {
		dbx_vec_for_each(s, e)
			e->state[1] = DBX_PATH_NO_FAMILY;
	}
	nl = y.must.err || y.may.err ? -NLE_NOMEM : dump_all(y.sock, &y.there);
	if (nl)
		rc = dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "paths: reading rules and routes: %s",
				  nl_geterror(nl));
	if (!rc)
		rc = remove_surplus(&y, exact, f);
	if (!rc)
		rc = make_missing(&y, s, f);
	if (n_changed)
		*n_changed = y.n_changed;
out:
	nl_socket_free(y.sock);
	dbx_vec_fini(&y.there);
	dbx_vec_fini(&y.must);
	dbx_vec_fini(&y.may);
	return rc;
}

/* ---- watching ---- */

int dbx_path_route_watch(void)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
				     RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		close(fd);
		return -1;
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i]))) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

static bool concerns_us(const struct nlmsghdr *h)
{
	const struct rtmsg *m = nlmsg_data(h);

	switch (h->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE: /* a routing daemon changes thousands */
		return nlmsg_valid_hdr(h, sizeof(*m)) && m->rtm_protocol == DBX_PATH_PROTOCOL;
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return true;
	default:
		return false;
	}
}

bool dbx_path_route_changed(int fd)
{
	return dbx_nlwatch_read(fd, concerns_us);
}
