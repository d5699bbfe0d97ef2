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

#endif
