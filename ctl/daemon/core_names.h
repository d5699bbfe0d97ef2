/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * core_names.h -- the part of a generation that the resolver sees, built beside the image.
 */
#ifndef DBX_DAEMON_CORE_NAMES_H
#define DBX_DAEMON_CORE_NAMES_H

#include "daemon/core.h"
#include "daemon/namer.h"

/*
 * What the resolver will judge by once this generation is in force: index of names, options, and a
 * copy of the image's kernel part, so that its thread never touches what the daemon's frees.
 */
int dbx_core_view_build(const struct dbx_model *m, const struct dbx_built *b,
			struct dbx_view_parts *out, struct dbx_fail *f);

/* At start: what the data plane learned before, with its texts, judged by what is in force now. */
int dbx_core_names_open(struct dbx_core *c, struct dbx_fail *f);
int dbx_core_names_restore(struct dbx_core *c, struct dbx_fail *f);

/*
 * Now and then: what was learned since goes to the state, in one transaction; all: and rows that
 * nobody knows any more go. What cannot be written is kept for the next time.
 */
int dbx_core_names_save(struct dbx_core *c, bool all, struct dbx_fail *f);

#endif
