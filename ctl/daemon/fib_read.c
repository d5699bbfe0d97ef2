// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fib_read.c -- routes, rules and neighbours as the kernel has them.
 */
#include "daemon/fib_read.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/rtnl.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <string.h>

#include "lib/vec.h"

#define DUMP_TRIES 5 /* a table that changes while it is read is read again */

static size_t addr_bytes(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* An attribute that is an address of the family; false: it has another length. */
static bool take_addr(const struct nlattr *a, int family, uint8_t out[16])
{
	if ((size_t)nla_len(a) != addr_bytes(family))
		return false;
	memcpy(out, nla_data(a), addr_bytes(family));
	return true;
}

static uint32_t u32_of(const struct nlattr *a, uint32_t otherwise)
{
	return a && nla_len(a) == (int)sizeof(uint32_t) ? nla_get_u32(a) : otherwise;
}

static int dump(struct nl_sock *s, int type, int (*fn)(struct nl_msg *msg, void *arg), void *arg)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc = cb ? nl_rtgen_request(s, type, AF_UNSPEC, NLM_F_DUMP) : -NLE_NOMEM;

	if (rc >= 0) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, fn, arg);
		rc = nl_recvmsgs(s, cb);
	}
	if (cb)
		nl_cb_put(cb);
	return rc < 0 ? rc : 0;
}

/* *n is reset before each try. */
static int dump_all(struct nl_sock *s, int type, int (*fn)(struct nl_msg *msg, void *arg),
		    void *arg, size_t *n, const int *err)
{
	int i, rc = -NLE_DUMP_INTR;

	for (i = 0; i < DUMP_TRIES && rc == -NLE_DUMP_INTR; i++) {
		*n = 0;
		rc = dump(s, type, fn, arg);
	}
	rc = rc ? -EIO : 0;
	return *err ? *err : rc;
}

/* ---- routes ---- */

static uint32_t mtu_of(const struct nlattr *metrics)
{
	struct nlattr *tb[RTAX_MAX + 1];

	if (!metrics || nla_parse_nested(tb, RTAX_MAX, (struct nlattr *)metrics, NULL))
		return 0;
	return u32_of(tb[RTAX_MTU], 0);
}

/* One next hop, and nothing to it that the fast way does not do. */
static uint8_t kind_of(const struct rtmsg *m, struct nlattr *const tb[RTA_MAX + 1],
		       struct dbx_wire_route *r)
{
	if (m->rtm_type != RTN_UNICAST || tb[RTA_MULTIPATH] || tb[RTA_VIA] || tb[RTA_ENCAP] ||
	    tb[RTA_ENCAP_TYPE] || m->rtm_flags & (RTNH_F_LINKDOWN | RTNH_F_ONLINK) || !r->ifindex)
		return DBX_WIRE_ROUTE_HOST;
	if (!tb[RTA_GATEWAY])
		return DBX_WIRE_ROUTE_LINK;
	return take_addr(tb[RTA_GATEWAY], m->rtm_family, r->gateway) ? DBX_WIRE_ROUTE_VIA
								     : DBX_WIRE_ROUTE_HOST;
}

static int on_route(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *h = nlmsg_hdr(msg);
	const struct rtmsg *m = nlmsg_data(h);
	struct fib_row e = {.r = {.op = DBX_WIRE_PUT}};
	struct nlattr *tb[RTA_MAX + 1];
	struct fib_rows *out = arg;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*m), tb, RTA_MAX, NULL) ||
	    (m->rtm_family != AF_INET && m->rtm_family != AF_INET6) ||
	    m->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD))
		return NL_OK;
	e.table = u32_of(tb[RTA_TABLE], m->rtm_table);
	if (e.table != RT_TABLE_LOCAL && e.table != RT_TABLE_MAIN && e.table != RT_TABLE_DEFAULT)
		return NL_OK;
	if (tb[RTA_DST] && !take_addr(tb[RTA_DST], m->rtm_family, e.r.dst))
		return NL_OK;
	e.r.family = m->rtm_family == AF_INET ? 4 : 6;
	e.r.prefix_len = m->rtm_dst_len;
	e.r.ifindex = u32_of(tb[RTA_OIF], 0);
	e.r.mtu = mtu_of(tb[RTA_METRICS]);
	e.metric = u32_of(tb[RTA_PRIORITY], 0);
	e.is_odd = m->rtm_tos || m->rtm_src_len;
	e.r.kind = e.table == RT_TABLE_MAIN && !e.is_odd ? kind_of(m, tb, &e.r)
							 : DBX_WIRE_ROUTE_HOST;
	if (out->n == out->max)
		out->err = -E2BIG;
	else if (dbx_vec_push(out, e))
		out->err = -ENOMEM;
	return out->err ? NL_SKIP : NL_OK;
}

int fib_read_routes(struct nl_sock *s, struct fib_rows *out)
{
	out->err = 0;
	return dump_all(s, RTM_GETROUTE, on_route, out, &out->n, &out->err);
}

/* ---- neighbours ---- */

static int on_neigh(struct nl_msg *msg, void *arg)
{
	const uint16_t valid = NUD_PERMANENT | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
	const struct nlmsghdr *h = nlmsg_hdr(msg);
	const struct ndmsg *m = nlmsg_data(h);
	struct dbx_wire_neigh e = {.op = DBX_WIRE_PUT};
	struct nlattr *tb[NDA_MAX + 1];
	struct fib_neighs *out = arg;

	if (h->nlmsg_type != RTM_NEWNEIGH ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*m), tb, NDA_MAX, NULL) ||
	    (m->ndm_family != AF_INET && m->ndm_family != AF_INET6) || !(m->ndm_state & valid) ||
	    m->ndm_flags & NTF_PROXY || !tb[NDA_DST] || !tb[NDA_LLADDR] ||
	    nla_len(tb[NDA_LLADDR]) != (int)sizeof(e.mac) ||
	    !take_addr(tb[NDA_DST], m->ndm_family, e.addr))
		return NL_OK;
	e.family = m->ndm_family == AF_INET ? 4 : 6;
	e.ifindex = (uint32_t)m->ndm_ifindex;
	memcpy(e.mac, nla_data(tb[NDA_LLADDR]), sizeof(e.mac));
	if (out->n == out->max)
		out->err = -E2BIG;
	else if (dbx_vec_push(out, e))
		out->err = -ENOMEM;
	return out->err ? NL_SKIP : NL_OK;
}

int fib_read_neighs(struct nl_sock *s, struct fib_neighs *out)
{
	out->err = 0;
	return dump_all(s, RTM_GETNEIGH, on_neigh, out, &out->n, &out->err);
}

/* ---- rules ---- */

/* Priorities of the rules that lead everything to a table, 0 = there is none (plus one, else). */
struct rules {
	uint64_t table[2][256];
	bool is_odd[2];
};

static bool has_selector(const struct fib_rule_hdr *m, struct nlattr *const tb[FRA_MAX + 1])
{
	static const int selectors[] = {FRA_IIFNAME,     FRA_OIFNAME,         FRA_UID_RANGE,
					FRA_IP_PROTO,    FRA_L3MDEV,          FRA_SPORT_RANGE,
					FRA_DPORT_RANGE, FRA_TUN_ID,          FRA_FLOW,
					FRA_GOTO,        FRA_SUPPRESS_IFGROUP};
	size_t i;

	for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		if (tb[selectors[i]])
			return true;
	}
	return m->dst_len || m->src_len || m->tos ||
	       (tb[FRA_SUPPRESS_PREFIXLEN] && u32_of(tb[FRA_SUPPRESS_PREFIXLEN], 0) != UINT32_MAX);
}

/* A rule of a mark says nothing of a packet that has none. */
static bool wants_mark(const struct fib_rule_hdr *m, struct nlattr *const tb[FRA_MAX + 1])
{
	uint32_t mark = u32_of(tb[FRA_FWMARK], 0);

	return !(m->flags & FIB_RULE_INVERT) && mark & u32_of(tb[FRA_FWMASK], UINT32_MAX);
}

static int on_rule(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *h = nlmsg_hdr(msg);
	const struct fib_rule_hdr *m = nlmsg_data(h);
	struct nlattr *tb[FRA_MAX + 1];
	struct rules *out = arg;
	uint64_t *slot;
	uint32_t table;
	int which;

	if (h->nlmsg_type != RTM_NEWRULE ||
	    nlmsg_parse((struct nlmsghdr *)h, sizeof(*m), tb, FRA_MAX, NULL) ||
	    (m->family != AF_INET && m->family != AF_INET6))
		return NL_OK;
	which = m->family == AF_INET6;
	if (wants_mark(m, tb))
		return NL_OK;
	table = u32_of(tb[FRA_TABLE], m->table);
	if (m->flags & FIB_RULE_INVERT || m->action != FR_ACT_TO_TBL || has_selector(m, tb) ||
	    (table != RT_TABLE_LOCAL && table != RT_TABLE_MAIN && table != RT_TABLE_DEFAULT)) {
		out->is_odd[which] = true;
		return NL_OK;
	}
	slot = &out->table[which][table];
	if (!*slot || *slot > 1 + (uint64_t)u32_of(tb[FRA_PRIORITY], 0))
		*slot = 1 + (uint64_t)u32_of(tb[FRA_PRIORITY], 0);
	return NL_OK;
}

int fib_read_rules(struct nl_sock *s, bool is_plain[2])
{
	struct rules all;
	int i, err = 0, rc, tries = DUMP_TRIES;

	do {
		memset(&all, 0, sizeof(all));
		rc = dump(s, RTM_GETRULE, on_rule, &all);
	} while (rc == -NLE_DUMP_INTR && --tries);
	if (rc)
		err = -EIO;
	for (i = 0; i < 2 && !err; i++) {
		const uint64_t *t = all.table[i];

		is_plain[i] = !all.is_odd[i] && t[RT_TABLE_LOCAL] && t[RT_TABLE_MAIN] &&
			      t[RT_TABLE_LOCAL] < t[RT_TABLE_MAIN] &&
			      (!t[RT_TABLE_DEFAULT] || t[RT_TABLE_MAIN] < t[RT_TABLE_DEFAULT]);
	}
	return err;
}

bool fib_is_forwarding(int which)
{
	static const char *const paths[2] = {
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/ipv6/conf/all/forwarding",
	};
	FILE *f = fopen(paths[which], "re");
	int c = f ? fgetc(f) : '0';

	if (f)
		fclose(f);
	return c != '0' && c != EOF;
}
