/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * links.h -- keeps the data plane attached to the interfaces that the gateway document names.
 *
 * An interface is attached when it appears, again when it is re-created, and let go when the
 * document no longer names it. What the kernel says over netlink is only a hint to look again: a
 * lost message costs nothing once the next one, or the overrun, makes us look.
 */
#ifndef DBX_DAEMON_LINKS_H
#define DBX_DAEMON_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/fail.h"
#include "dataplane/dp.h"
#include "policy/model.h"

enum dbx_link_state { DBX_LINK_WAITING, DBX_LINK_ATTACHED, DBX_LINK_FAILED };

struct dbx_link {
	char name[16];
	uint32_t ifindex; /* that we are attached to, 0 = none */
	enum dbx_link_state state;
	bool is_wanted;
	char error[256];
};

struct dbx_links;

/* Opens the netlink socket and notes what the data plane is attached to already. */
int dbx_links_open(struct dbx_links **l, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		   struct dbx_fail *f);
void dbx_links_close(struct dbx_links **l); /* lets go: interfaces stay attached */

/* These too, without letting go of others. */
void dbx_links_also_want(struct dbx_links *l, const struct dbx_interface *v, size_t n);
/* The interfaces that shall be attached; others that are get detached. */
void dbx_links_want(struct dbx_links *l, const struct dbx_interface *v, size_t n);
int dbx_links_fd(const struct dbx_links *l);
void dbx_links_process(struct dbx_links *l); /* the socket is readable; never blocks */
void dbx_links_retry(struct dbx_links *l);   /* what failed, now and then */

const struct dbx_link *dbx_links_get(const struct dbx_links *l, size_t i); /* NULL past the end */
const char *dbx_link_state_name(enum dbx_link_state s);

#endif
