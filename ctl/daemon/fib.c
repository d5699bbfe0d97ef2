// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fib.c -- the host's routes and neighbours, told to the data plane.
 *
 * Whatever the kernel announces only means to look again: everything is read anew and the driver
 * tells the process the difference, so that a lost announcement costs nothing.
 */
#include "daemon/fib.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fib_read.h"
#include "daemon/log.h"
#include "daemon/nlwatch.h"
#include "lib/vec.h"

#define SOCKET_BUFFER_BYTES (1 << 20)

struct dbx_fib {
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;
	struct nl_sock *told; /* announcements */
	struct nl_sock *asked;
	struct fib_rows rows;
	struct fib_neighs neighs;
	DBX_VEC(struct dbx_wire_route) routes;
	struct dbx_fib_stats stats;
	bool is_full; /* more routes than the process takes: said once */
};

static bool is_ours(const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return true;
	default:
		return false;
	}
}

static int open_sockets(struct dbx_fib *fib)
{
	int rc;

	fib->told = nl_socket_alloc();
	fib->asked = nl_socket_alloc();
	if (!fib->told || !fib->asked)
		return -NLE_NOMEM;
	nl_socket_disable_seq_check(fib->told);
	rc = nl_connect(fib->told, NETLINK_ROUTE);
	if (!rc)
		rc = nl_socket_add_memberships(fib->told, RTNLGRP_LINK, RTNLGRP_NEIGH,
					       RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
					       RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, 0);
	if (!rc)
		rc = nl_connect(fib->asked, NETLINK_ROUTE);
	if (!rc)
		nl_socket_set_buffer_size(fib->told, SOCKET_BUFFER_BYTES, 0);
	return rc;
}

int dbx_fib_open(struct dbx_fib **out, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		 struct dbx_fail *f)
{
	struct dbx_fib *fib;
	int rc;

	*out = NULL;
	if (!ops->fib)
		return 0;
	fib = calloc(1, sizeof(*fib));
	if (!fib)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	fib->ops = ops;
	fib->dp = dp;
	rc = open_sockets(fib);
	if (rc) {
		dbx_fib_close(&fib);
		return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL,
				    "opening a netlink socket for routes: %s", nl_geterror(rc));
	}
	*out = fib;
	return 0;
}

void dbx_fib_close(struct dbx_fib **fib)
{
	if (!*fib)
		return;
	if ((*fib)->told)
		nl_socket_free((*fib)->told);
	if ((*fib)->asked)
		nl_socket_free((*fib)->asked);
	dbx_vec_fini(&(*fib)->rows);
	dbx_vec_fini(&(*fib)->neighs);
	dbx_vec_fini(&(*fib)->routes);
	free(*fib);
	*fib = NULL;
}

int dbx_fib_fd(const struct dbx_fib *fib)
{
	return fib ? nl_socket_get_fd(fib->told) : -1;
}

bool dbx_fib_told(struct dbx_fib *fib)
{
	return dbx_nlwatch_read(nl_socket_get_fd(fib->told), is_ours);
}

/* ---- what the rows come to ---- */

/* Of one prefix: the table that is asked first, and in it the best metric, come first. */
static int compare_rows(const void *a, const void *b)
{
	const struct fib_row *x = a, *y = b;
	int order = dbx_dp_compare_prefix(&x->r, &y->r);

	if (order)
		return order;
	if (x->table != y->table)
		return x->table > y->table ? -1 : 1; /* local 255, main 254, default 253 */
	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

static bool covers(const struct dbx_wire_route *outer, const struct dbx_wire_route *inner)
{
	uint32_t bytes = outer->prefix_len / 8, bits = outer->prefix_len % 8;

	if (outer->family != inner->family || outer->prefix_len > inner->prefix_len ||
	    memcmp(outer->dst, inner->dst, bytes) != 0)
		return false;
	return !bits || (outer->dst[bytes] ^ inner->dst[bytes]) >> (8 - bits) == 0;
}

/* The table local is asked first, so its wider prefixes go before narrower ones of main. */
static bool is_local(const struct fib_rows *rows, const struct fib_row *e)
{
	dbx_vec_for_each(rows, l) {
		if (l->table == RT_TABLE_LOCAL && covers(&l->r, &e->r))
			return true;
	}
	return false;
}

/* rows[at .. end): one prefix. Equal metrics (IPv6) are several next hops. */
static struct dbx_wire_route decide(const struct fib_rows *rows, size_t at, size_t end)
{
	const struct fib_row *best = &rows->v[at];
	struct dbx_wire_route r = best->r;
	bool is_host = r.kind == DBX_WIRE_ROUTE_HOST || is_local(rows, best);
	size_t i;

	for (i = at; i < end; i++) {
		const struct fib_row *e = &rows->v[i];

		is_host |= e->is_odd;
		is_host |= i > at && e->table == best->table && e->metric == best->metric;
	}
	if (!is_host)
		return r;
	r.kind = DBX_WIRE_ROUTE_HOST;
	r.ifindex = r.mtu = 0;
	memset(r.gateway, 0, sizeof(r.gateway));
	return r;
}

static int make_routes(struct dbx_fib *fib)
{
	const struct fib_rows *rows = &fib->rows;
	size_t at, end;

	fib->routes.n = 0;
	if (rows->n)
		qsort(rows->v, rows->n, sizeof(rows->v[0]), compare_rows);
	for (at = 0; at < rows->n; at = end) {
		const struct dbx_wire_route *first = &rows->v[at].r;

		for (end = at + 1; end < rows->n && !dbx_dp_compare_prefix(first, &rows->v[end].r);
		     end++)
			;
		/* Where routes are not all that counts, none is told: no route is the stack's. */
		if (!fib->stats.is_plain[first->family == 6])
			continue;
		if (dbx_vec_push(&fib->routes, decide(rows, at, end)))
			return -ENOMEM;
	}
	return 0;
}

/* Too many for the process: none are told, so the stack forwards everything. */
static int read_all(struct dbx_fib *fib)
{
	int i, rc;

	fib->rows.max = DBX_WIRE_ROUTE_MAX;
	fib->neighs.max = DBX_WIRE_NEIGH_MAX;
	rc = fib_read_rules(fib->asked, fib->stats.is_plain);
	for (i = 0; i < 2; i++)
		fib->stats.is_plain[i] = fib->stats.is_plain[i] && fib_is_forwarding(i);
	if (!rc)
		rc = fib_read_routes(fib->asked, &fib->rows);
	if (!rc)
		rc = fib_read_neighs(fib->asked, &fib->neighs);
	if (rc == -E2BIG && !fib->is_full)
		dbx_log_warning("routes: more than %u routes or neighbours; the host's stack "
				"forwards all packets",
				DBX_WIRE_ROUTE_MAX);
	fib->is_full = rc == -E2BIG;
	if (rc == -E2BIG)
		fib->rows.n = fib->neighs.n = rc = 0;
	return rc;
}

int dbx_fib_sync(struct dbx_fib *fib, struct dbx_fail *f)
{
	struct dbx_dp_error e = {""};
	int rc = read_all(fib);

	if (!rc)
		rc = make_routes(fib);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "reading routes and neighbours: %s",
				    strerror(-rc));
	rc = fib->ops->fib(fib->dp, fib->routes.v, fib->routes.n, fib->neighs.v, fib->neighs.n, &e);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "fast forward: %s", e.text);
	fib->stats.n_routes = fib->routes.n;
	fib->stats.n_neighs = fib->neighs.n;
	return 0;
}

void dbx_fib_stats(const struct dbx_fib *fib, struct dbx_fib_stats *out)
{
	*out = fib->stats;
}
