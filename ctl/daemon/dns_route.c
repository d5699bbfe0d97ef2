// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_route.c -- the rule and the routes by which the kernel delivers steered queries here.
 */
#include "daemon/dns_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "dbx/program.h"

#define TABLE    3509 /* 0x0db5 */
#define PRIORITY 53

static int change_rule(struct nl_sock *s, int family, bool add)
{
	struct rtnl_rule *r = rtnl_rule_alloc();
	int rc = -NLE_NOMEM;

	if (!r)
		return rc;
	rtnl_rule_set_family(r, family);
	rtnl_rule_set_table(r, TABLE);
	rtnl_rule_set_action(r, FR_ACT_TO_TBL);
	rtnl_rule_set_prio(r, PRIORITY);
	rtnl_rule_set_mark(r, DBX_MARK_DNS);
	rtnl_rule_set_mask(r, 0xffffffff);
	rc = add ? rtnl_rule_add(s, r, NLM_F_CREATE | NLM_F_EXCL) : rtnl_rule_delete(s, r, 0);
	rtnl_rule_put(r);
	return rc;
}

static struct rtnl_route *local_default(int family)
{
	static const uint8_t any[16];
	struct rtnl_route *r = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *dst = nl_addr_build(family, any, family == AF_INET ? 4 : 16);

	if (r && hop && dst) {
		nl_addr_set_prefixlen(dst, 0);
		rtnl_route_set_family(r, (uint8_t)family);
		rtnl_route_set_table(r, TABLE);
		rtnl_route_set_type(r, RTN_LOCAL);
		rtnl_route_set_scope(r, family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
		rtnl_route_set_protocol(r, RTPROT_STATIC);
		rtnl_route_set_dst(r, dst);
		rtnl_route_nh_set_ifindex(hop, (int)if_nametoindex("lo"));
		rtnl_route_add_nexthop(r, hop);
		hop = NULL;
	} else if (r) {
		rtnl_route_put(r);
		r = NULL;
	}
	if (hop)
		rtnl_route_nh_free(hop);
	if (dst)
		nl_addr_put(dst);
	return r;
}

static int change_route(struct nl_sock *s, int family, bool add)
{
	struct rtnl_route *r = local_default(family);
	int rc = -NLE_NOMEM;

	if (r)
		rc = add ? rtnl_route_add(s, r, NLM_F_CREATE | NLM_F_EXCL)
			 : rtnl_route_delete(s, r, 0);
	if (r)
		rtnl_route_put(r);
	return rc;
}

static bool is_done(int rc, bool add)
{
	return !rc || (add ? rc == -NLE_EXIST
			   : rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NOADDR || rc == -NLE_RANGE);
}

static int change(bool add, struct dbx_fail *f)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct nl_sock *s = nl_socket_alloc();
	const char *what = "a netlink socket";
	int rc = s ? nl_connect(s, NETLINK_ROUTE) : -NLE_NOMEM;

	for (int i = 0; i < 2 && is_done(rc, add); i++) {
		what = families[i] == AF_INET ? "the route of table 3509 (IPv4)"
					      : "the route of table 3509 (IPv6)";
		rc = change_route(s, families[i], add);
		if (!is_done(rc, add))
			break;
		what = families[i] == AF_INET ? "the rule of mark 0x0db50053 (IPv4)"
					      : "the rule of mark 0x0db50053 (IPv6)";
		rc = change_rule(s, families[i], add);
	}
	if (s)
		nl_socket_free(s);
	if (is_done(rc, add))
		return 0;
	return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "DNS: %s %s: %s",
			    add ? "adding" : "removing", what, nl_geterror(rc));
}

int dbx_dns_route_add(struct dbx_fail *f)
{
	return change(true, f);
}

int dbx_dns_route_remove(struct dbx_fail *f)
{
	return change(false, f);
}
