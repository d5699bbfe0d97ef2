// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * paths.c -- keeps the host's routing and NAT as the generations in force need them.
 *
 * Invariant: `wanted` is what the kernel shall have now: the set of the generation in force, or while
 * one is prepared the union with its. Until the first prepare() of a start nothing is known of what a
 * daemon before us left, and nothing is taken away.
 */
#include "daemon/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/nft.h"
#include "daemon/path_route.h"
#include "lib/vec.h"

struct dbx_paths {
	const struct dbx_paths_ops *ops;
	int fds[2];
	struct dbx_pathset now, next, wanted;
	bool is_known;     /* a generation of this run is in force */
	bool is_preparing; /* between prepare() and settle() or revert() */
	bool is_behind;    /* the kernel does not have what is wanted */
	char *listing;     /* our table as it was listed once written; NULL: none */
	char *found;       /* the table that a daemon before us left, while it may be needed */
	uint64_t n_restored;
	char error[512];
};

/* ---- the kernel ---- */

static int kernel_watch(int fds[2])
{
	fds[0] = dbx_nft_watch();
	fds[1] = dbx_path_route_watch();
	return fds[0] < 0 || fds[1] < 0 ? -EIO : 0;
}

static bool kernel_changed(const int fds[2])
{
	bool nft = fds[0] >= 0 && dbx_nft_changed(fds[0]);
	bool route = fds[1] >= 0 && dbx_path_route_changed(fds[1]);

	return nft || route;
}

const struct dbx_paths_ops dbx_paths_kernel = {
	.set = dbx_nft_set,
	.list = dbx_nft_list,
	.put_back = dbx_nft_put_back,
	.sync = dbx_path_route_sync,
	.watch = kernel_watch,
	.changed = kernel_changed,
};

/* ---- putting a set there ---- */

/* Nothing is written when it is there, or when nothing is wanted and there is nothing. */
static int put_table(struct dbx_paths *p, const struct dbx_pathset *s, bool is_new,
		     struct dbx_fail *f)
{
	char *found = s->n || !p->is_known || p->listing ? p->ops->list() : NULL;
	bool is_there = found && p->listing && strcmp(found, p->listing) == 0;
	bool is_done = s->n ? is_there && !is_new : !found;
	int rc = 0;

	if (!p->is_known && !p->found)
		p->found = found;
	else
		free(found);
	if (is_done)
		return 0;
	rc = p->ops->set(s, f);
	if (rc)
		return rc;
	free(p->listing);
	p->listing = s->n ? p->ops->list() : NULL;
	return s->n && !p->listing ? dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL,
						  "paths: table inet " DBX_NFT_TABLE
						  " is gone as soon as it is written")
				   : 1;
}

static void take(struct dbx_pathset *to, struct dbx_pathset *from)
{
	dbx_pathset_fini(to);
	*to = *from;
	*from = (struct dbx_pathset){NULL, 0, 0};
}

/* The kernel gets s, and then s is what is wanted. */
static int put(struct dbx_paths *p, struct dbx_pathset *s, bool exact, struct dbx_fail *f)
{
	bool is_new = p->is_behind || !dbx_pathset_equal(s, &p->wanted);
	/* Nothing to add; what a daemon before us left is needed until the flip. */
	int rc = !exact && !s->n ? 0 : put_table(p, s, is_new, f);

	rc = rc < 0 ? rc : p->ops->sync(s, exact, NULL, f);
	if (!rc)
		take(&p->wanted, s);
	return rc;
}

static void fell_behind(struct dbx_paths *p, const struct dbx_fail *f)
{
	if (strcmp(p->error, f->text) != 0) /* tried again every few seconds: said once */
		dbx_log_error("%s", f->text);
	snprintf(p->error, sizeof(p->error), "%.500s", f->text);
	p->is_behind = true;
}

static void caught_up(struct dbx_paths *p)
{
	p->is_behind = false;
	p->error[0] = '\0';
}

/* ---- states, told when they change ---- */

static const char *describe(const struct dbx_path_entry *e, int family, char buf[192])
{
	switch (e->state[family]) {
	case DBX_PATH_UP:
		snprintf(buf, 192, "is up");
		break;
	case DBX_PATH_NO_INTERFACE:
		snprintf(buf, 192, "is not there: what would leave by it is refused");
		break;
	case DBX_PATH_DOWN:
		snprintf(buf, 192, "is down: what would leave by it is refused");
		break;
	case DBX_PATH_FAILED:
		snprintf(buf, 192, "takes no route (%s): what would leave by it is refused",
			 e->why[family]);
		break;
	default:
		return NULL;
	}
	return buf;
}

static void tell(const struct dbx_pathset *before, const struct dbx_pathset *after)
{
	const struct dbx_path_entry *old;
	char buf[192];
	int f;

	dbx_vec_for_each(after, e) {
		old = dbx_pathset_find(before, e->mark);
		for (f = 0; f < 2; f++) {
			if ((old && old->state[f] == e->state[f]) || !describe(e, f, buf))
				continue;
			dbx_log(e->state[f] == DBX_PATH_UP ? DBX_LOG_INFO : DBX_LOG_WARNING,
				"path of mark 0x%08x, IPv%d: %s %s", e->mark, f ? 6 : 4, e->ifname,
				buf);
		}
	}
}

static bool has_same_states(const struct dbx_pathset *a, const struct dbx_pathset *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++) {
		if (memcmp(a->v[i].state, b->v[i].state, sizeof(a->v[i].state)) != 0)
			return false;
	}
	return a->n == b->n;
}

/* ---- generations ---- */

int dbx_paths_prepare(struct dbx_paths *p, const struct dbx_model *next, struct dbx_fail *f)
{
	struct dbx_pathset both = {NULL, 0, 0};
	int rc;

	dbx_pathset_fini(&p->next);
	rc = dbx_pathset_build(next, &p->next);
	if (!rc)
		rc = dbx_pathset_union(&p->now, &p->next, &both);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "out of memory");
	p->is_preparing = true;
	rc = put(p, &both, false, f);
	dbx_pathset_fini(&both);
	if (rc) {
		p->is_behind = true;
		dbx_paths_revert(p);
	}
	return rc;
}

/* Exactly `now`, from whatever is there. */
static void make_exact(struct dbx_paths *p)
{
	struct dbx_pathset s = {NULL, 0, 0};
	struct dbx_fail f;

	if (dbx_pathset_copy(&p->now, &s)) {
		dbx_fail_set(&f, -ENOMEM, DBX_FAIL_INTERNAL, "paths: out of memory");
		fell_behind(p, &f);
		return;
	}
	if (put(p, &s, true, &f)) {
		take(&p->wanted, &s);
		fell_behind(p, &f);
	} else {
		caught_up(p);
	}
	dbx_pathset_fini(&s);
}

void dbx_paths_settle(struct dbx_paths *p)
{
	static const struct dbx_pathset none;
	struct dbx_pathset before = p->now;

	if (!p->is_preparing)
		return;
	p->now = p->next;
	p->next = none;
	p->is_preparing = false;
	make_exact(p);
	p->is_known = true;
	free(p->found);
	p->found = NULL;
	tell(&before, &p->wanted);
	dbx_pathset_fini(&before);
}

void dbx_paths_revert(struct dbx_paths *p)
{
	struct dbx_fail f;

	if (!p->is_preparing)
		return;
	p->is_preparing = false;
	dbx_pathset_fini(&p->next);
	if (p->is_known) {
		make_exact(p);
		return;
	}
	/* At start what the generation in force needs is what was found: routes were only added. */
	dbx_pathset_fini(&p->wanted);
	if (p->found && p->ops->put_back(p->found, &f))
		dbx_log_error("%s", f.text);
}

/* ---- keeping it ---- */

void dbx_paths_check(struct dbx_paths *p)
{
	struct dbx_pathset s = {NULL, 0, 0};
	size_t n_changed = 0;
	struct dbx_fail f = {.text = ""};
	int table, rc;

	if (!p || !p->is_known || (!p->wanted.n && !p->is_behind))
		return;
	if (dbx_pathset_copy(&p->wanted, &s))
		return;
	table = put_table(p, &s, p->is_behind, &f);
	rc = table < 0 ? table : p->ops->sync(&s, true, &n_changed, &f);
	if (rc) {
		fell_behind(p, &f);
		goto out;
	}
	if (!p->is_behind && (table || (n_changed && has_same_states(&s, &p->wanted)))) {
		p->n_restored++;
		dbx_log_warning("paths: somebody changed %s; it was put back",
				table ? "table inet " DBX_NFT_TABLE : "our rules or routes");
	}
	tell(&p->wanted, &s);
	take(&p->wanted, &s);
	caught_up(p);
out:
	dbx_pathset_fini(&s);
}

bool dbx_paths_told(struct dbx_paths *p)
{
	return p->ops->changed(p->fds);
}

void dbx_paths_fds(const struct dbx_paths *p, int fds[2])
{
	fds[0] = p ? p->fds[0] : -1;
	fds[1] = p ? p->fds[1] : -1;
}

void dbx_paths_status(const struct dbx_paths *p, struct dbx_paths_status *out)
{
	out->error = p->error;
	out->n_restored = p->n_restored;
}

const struct dbx_path_entry *dbx_paths_entry(const struct dbx_paths *p, uint32_t mark)
{
	return dbx_pathset_find(&p->wanted, mark);
}

/* ---- life ---- */

int dbx_paths_open(struct dbx_paths **out, const struct dbx_paths_ops *ops, struct dbx_fail *f)
{
	struct dbx_paths *p = calloc(1, sizeof(*p));

	if (!p)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	p->ops = ops;
	p->fds[0] = p->fds[1] = -1;
	if (ops->watch(p->fds))
		dbx_log_warning("paths: the kernel does not tell of changes of %s; they are looked "
				"for every few seconds",
				p->fds[0] < 0 ? "tables" : "routes");
	*out = p;
	return 0;
}

void dbx_paths_close(struct dbx_paths **pp)
{
	struct dbx_paths *p = *pp;

	if (!p)
		return;
	for (int i = 0; i < 2; i++) {
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	}
	dbx_pathset_fini(&p->now);
	dbx_pathset_fini(&p->next);
	dbx_pathset_fini(&p->wanted);
	free(p->listing);
	free(p->found);
	free(p);
	*pp = NULL;
}

int dbx_paths_uninstall(struct dbx_fail *f)
{
	struct dbx_pathset none = {NULL, 0, 0};
	char *found = dbx_nft_list();
	int rc = found ? dbx_nft_set(&none, f) : 0;

	free(found);
	return rc ? rc : dbx_path_route_sync(&none, true, NULL, f);
}
