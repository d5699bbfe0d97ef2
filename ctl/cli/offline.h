/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * offline.h -- from the operands of a command to a model, without a daemon.
 */
#ifndef DBX_CLI_OFFLINE_H
#define DBX_CLI_OFFLINE_H

#include "cli/cli.h"
#include "policy/diag.h"
#include "policy/model.h"

enum dbx_offline_depth {
	DBX_OFFLINE_READ,    /* each document by itself, and that no two contradict each other */
	DBX_OFFLINE_RESOLVE, /* and references between documents */
	DBX_OFFLINE_CHECK,   /* and everything that the daemon would refuse an apply for */
};

/*
 * 0; -EINVAL with errors in d, *m untouched; -ENOMEM. n_documents may be NULL; it is set also when
 * something is refused.
 */
int dbx_offline_model(const struct dbx_words *paths, enum dbx_offline_depth depth,
		      struct dbx_model **m, struct dbx_diag *d, size_t *n_documents);

/* The same for a model that was read already: 0, -EINVAL, -ENOMEM. */
int dbx_offline_judge(struct dbx_model *m, enum dbx_offline_depth depth, struct dbx_diag *d);

/* Milliseconds since 1970: now, or SOURCE_DATE_EPOCH so that output can be reproduced. */
int64_t dbx_offline_now_ms(void);

/* Tells what was refused, as "cannot <what>"; an enum dbx_exit for rc (not 0). */
int dbx_offline_refuse(int rc, const struct dbx_diag *d, const char *what);

#endif
