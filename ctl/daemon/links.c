// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * links.c -- keeps the data plane attached to the interfaces that the gateway document names.
 */
#include "daemon/links.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "lib/vec.h"

#define SOCKET_BUFFER_BYTES (1 << 20)
#define LINKS_MAX           4096

struct dbx_links {
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;
	struct nl_sock *sock;
	DBX_VEC(struct dbx_link) links;
};

const char *dbx_link_state_name(enum dbx_link_state s)
{
	static const char *const names[] = {"waiting", "attached", "failed"};

	return names[s];
}

static struct dbx_link *find(struct dbx_links *l, const char *name)
{
	dbx_vec_for_each(&l->links, e) {
		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static struct dbx_link *add(struct dbx_links *l, const char *name)
{
	struct dbx_link e = {.state = DBX_LINK_WAITING};

	snprintf(e.name, sizeof(e.name), "%s", name);
	return dbx_vec_push(&l->links, e) ? NULL : &l->links.v[l->links.n - 1];
}

/* ---- one interface ---- */

static void set_failed(struct dbx_link *e, const char *text)
{
	/* Tried again every few seconds: said once. */
	if (e->state != DBX_LINK_FAILED || strcmp(e->error, text) != 0)
		dbx_log_error("interface %s: %s", e->name, text);
	e->state = DBX_LINK_FAILED;
	snprintf(e->error, sizeof(e->error), "%s", text);
}

static void gone(struct dbx_links *l, struct dbx_link *e)
{
	dbx_log_warning("interface %s (index %u) is gone; it is attached again when it comes back",
			e->name, e->ifindex);
	l->ops->forget(l->dp, e->name);
	e->ifindex = 0;
	e->state = DBX_LINK_WAITING;
	e->error[0] = '\0';
}

static void attach(struct dbx_links *l, struct dbx_link *e, uint32_t ifindex)
{
	struct dbx_dp_error err = {""};

	if (l->ops->attach(l->dp, ifindex, e->name, &err)) {
		set_failed(e, err.text);
		return;
	}
	e->ifindex = ifindex;
	e->state = DBX_LINK_ATTACHED;
	e->error[0] = '\0';
	dbx_log_info("interface %s (index %u) is attached", e->name, ifindex);
}

static void reconcile(struct dbx_links *l, struct dbx_link *e)
{
	uint32_t ifindex = if_nametoindex(e->name);
	char other[IF_NAMESIZE];

	if (e->ifindex && ifindex != e->ifindex) {
		/* Renamed, not removed: what came in under this name is still judged there. */
		if (!ifindex && if_indextoname(e->ifindex, other)) {
			snprintf(e->error, sizeof(e->error),
				 "it was renamed to %s and stays attached there", other);
			return;
		}
		gone(l, e);
	}
	if (!ifindex) {
		if (!e->ifindex && e->state != DBX_LINK_WAITING) {
			e->state = DBX_LINK_WAITING;
			e->error[0] = '\0';
		}
		return;
	}
	if (e->ifindex == ifindex)
		e->error[0] = '\0';
	else
		attach(l, e, ifindex);
}

static void reconcile_all(struct dbx_links *l)
{
	dbx_vec_for_each(&l->links, e) {
		if (e->is_wanted)
			reconcile(l, e);
	}
}

/* Asks the driver instead of trusting what we were told: a message may have been lost. */
static void verify(struct dbx_links *l)
{
	struct dbx_dp_link *v = calloc(LINKS_MAX, sizeof(*v));
	size_t i, n = 0;

	if (!v || l->ops->links(l->dp, v, LINKS_MAX, &n)) {
		free(v);
		return;
	}
	dbx_vec_for_each(&l->links, e) {
		for (i = 0; i < n && strcmp(v[i].ifname, e->name) != 0; i++)
			;
		if (!e->ifindex)
			continue;
		if (i == n || v[i].ifindex != e->ifindex)
			gone(l, e);
		else if (!v[i].is_attached) /* a part is missing: the rest must not be let go for it */
			attach(l, e, e->ifindex);
	}
	free(v);
}

void dbx_links_retry(struct dbx_links *l)
{
	verify(l);
	reconcile_all(l);
}

/* ---- what is wanted ---- */

static void drop_unwanted(struct dbx_links *l)
{
	struct dbx_dp_error err = {""};
	size_t i, kept = 0;

	for (i = 0; i < l->links.n; i++) {
		struct dbx_link *e = &l->links.v[i];
		bool keep = e->is_wanted;

		if (!keep && e->ifindex && l->ops->detach(l->dp, e->name, &err)) {
			set_failed(e, err.text);
			keep = true;
		} else if (!keep && e->ifindex) {
			dbx_log_info("interface %s is detached: the gateway document no longer "
				     "names it",
				     e->name);
		}
		if (keep)
			l->links.v[kept++] = *e;
	}
	l->links.n = kept;
}

void dbx_links_also_want(struct dbx_links *l, const struct dbx_interface *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct dbx_link *e = find(l, v[i].name);

		if (!e && l->links.n < LINKS_MAX)
			e = add(l, v[i].name);
		if (e)
			e->is_wanted = true;
		else
			dbx_log_error("interface %s: no room to keep it", v[i].name);
	}
	reconcile_all(l);
}

void dbx_links_want(struct dbx_links *l, const struct dbx_interface *v, size_t n)
{
	dbx_vec_for_each(&l->links, e)
		e->is_wanted = false;
	dbx_links_also_want(l, v, n);
	drop_unwanted(l);
	reconcile_all(l);
}

const struct dbx_link *dbx_links_get(const struct dbx_links *l, size_t i)
{
	return l && i < l->links.n ? &l->links.v[i] : NULL;
}

/* ---- netlink ---- */

/*
 * A removal is believed at once: the same name, even the same index, may be taken again before we
 * look. Bridge ports send removals of their own (AF_BRIDGE) that mean something else.
 */
static int on_message(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *h = nlmsg_hdr(msg);
	const struct ifinfomsg *info;
	struct dbx_links *l = arg;

	if (h->nlmsg_type != RTM_DELLINK || !nlmsg_valid_hdr(h, sizeof(*info)))
		return NL_OK;
	info = nlmsg_data(h);
	if (info->ifi_family != AF_UNSPEC || info->ifi_index <= 0)
		return NL_OK;
	dbx_vec_for_each(&l->links, e) {
		if (e->ifindex == (uint32_t)info->ifi_index)
			gone(l, e);
	}
	return NL_OK;
}

int dbx_links_fd(const struct dbx_links *l)
{
	return nl_socket_get_fd(l->sock);
}

void dbx_links_process(struct dbx_links *l)
{
	int rc;

	do
		rc = nl_recvmsgs_default(l->sock);
	while (rc >= 0);
	/* An overrun (ENOBUFS) lost messages; looking at every interface makes up for them. */
	if (rc != -NLE_AGAIN) {
		dbx_log_warning("netlink: %s; looking at every interface again", nl_geterror(rc));
		verify(l);
	}
	reconcile_all(l);
}

static int open_socket(struct dbx_links *l, struct dbx_fail *f)
{
	int rc;

	l->sock = nl_socket_alloc();
	if (!l->sock)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	nl_socket_disable_seq_check(l->sock);
	nl_socket_modify_cb(l->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, l);
	rc = nl_connect(l->sock, NETLINK_ROUTE);
	if (!rc)
		rc = nl_socket_add_membership(l->sock, RTNLGRP_LINK);
	if (!rc)
		rc = nl_socket_set_nonblocking(l->sock);
	if (rc)
		return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "opening a netlink socket: %s",
				    nl_geterror(rc));
	/* More is better; the default works. */
	nl_socket_set_buffer_size(l->sock, SOCKET_BUFFER_BYTES, 0);
	return 0;
}

/* What the kernel enforces from before we started. */
static int note_adopted(struct dbx_links *l, struct dbx_fail *f)
{
	struct dbx_dp_link *v = calloc(LINKS_MAX, sizeof(*v));
	size_t i, n = 0;
	int rc;

	if (!v)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	rc = l->ops->links(l->dp, v, LINKS_MAX, &n);
	for (i = 0; i < n && !rc; i++) {
		struct dbx_link *e = v[i].is_attached ? add(l, v[i].ifname) : NULL;

		if (e) {
			e->ifindex = v[i].ifindex;
			e->state = DBX_LINK_ATTACHED;
		}
	}
	free(v);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "listing attached interfaces: %s",
				    strerror(-rc));
	return 0;
}

int dbx_links_open(struct dbx_links **out, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		   struct dbx_fail *f)
{
	struct dbx_links *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	l->ops = ops;
	l->dp = dp;
	rc = open_socket(l, f);
	if (!rc)
		rc = note_adopted(l, f);
	if (rc)
		dbx_links_close(&l);
	else
		*out = l;
	return rc;
}

void dbx_links_close(struct dbx_links **l)
{
	if (!*l)
		return;
	nl_socket_free((*l)->sock);
	dbx_vec_fini(&(*l)->links);
	free(*l);
	*l = NULL;
}
