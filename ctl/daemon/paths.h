/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * paths.h -- keeps the host's routing and NAT as the generations in force need them.
 *
 * A packet leaves with the mark of its route. Before a flip the kernel has the routes of the old and
 * of the new generation, after it exactly the new; so at no time does a packet carry a mark that
 * leads nowhere. What others remove is put back; what is not ours is never touched.
 */
#ifndef DBX_DAEMON_PATHS_H
#define DBX_DAEMON_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/fail.h"
#include "daemon/pathset.h"
#include "policy/model.h"

struct dbx_paths;

/* What sets are put into; tests have their own. As in nft.h and path_route.h. */
struct dbx_paths_ops {
	int (*set)(const struct dbx_pathset *s, struct dbx_fail *f);
	char *(*list)(void);
	int (*put_back)(const char *listing, struct dbx_fail *f);
	int (*sync)(struct dbx_pathset *s, bool exact, size_t *n_changed, struct dbx_fail *f);
	int (*watch)(int fds[2]); /* 0, or -errno: nothing tells, looking now and then must do */
	bool (*changed)(const int fds[2]);
};

extern const struct dbx_paths_ops dbx_paths_kernel;

int dbx_paths_open(struct dbx_paths **p, const struct dbx_paths_ops *ops, struct dbx_fail *f);
void dbx_paths_close(struct dbx_paths **p); /* lets go: what is in the kernel stays */

/* Before the flip. On failure all is as it was. */
int dbx_paths_prepare(struct dbx_paths *p, const struct dbx_model *next, struct dbx_fail *f);
void dbx_paths_settle(struct dbx_paths *p); /* after it; what fails is tried again by check() */
void dbx_paths_revert(struct dbx_paths *p); /* there was none */

/* Descriptors that are readable when something changed; -1: none. */
void dbx_paths_fds(const struct dbx_paths *p, int fds[2]);
bool dbx_paths_told(struct dbx_paths *p); /* reads them: is a check due? */
/* Looks at the kernel and puts back what is not there any more. */
void dbx_paths_check(struct dbx_paths *p);

struct dbx_paths_status {
	const char *error;   /* "" = what the generation in force needs is there */
	uint64_t n_restored; /* how often others had changed something of ours */
};
void dbx_paths_status(const struct dbx_paths *p, struct dbx_paths_status *out);
/* As by the last look; NULL: no route of the generation in force has the mark. */
const struct dbx_path_entry *dbx_paths_entry(const struct dbx_paths *p, uint32_t mark);

/* Removes all that is ours from the kernel. */
int dbx_paths_uninstall(struct dbx_fail *f);

#endif
