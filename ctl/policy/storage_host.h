/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * storage_host.h -- what a host name says of the storage behind it: the way back of
 * dbx_storage_names() (egress-model section 6).
 */
#ifndef DBX_POLICY_STORAGE_HOST_H
#define DBX_POLICY_STORAGE_HOST_H

#include <stdbool.h>

#include "lib/name.h"
#include "policy/model.h"

struct dbx_storage_host {
	enum dbx_storage_type type; /* AWS_S3, AZURE or GCS */
	/* Bucket of S3 and GCS, account of Azure; "": the host serves every bucket. */
	char bucket[DBX_NAME_SIZE];
	char region[64];  /* S3; "" = the name does not tell */
	char service[16]; /* Azure: "blob", "dfs", ... */
};

/* name: canonical. False: no host of a storage service that policies can list. */
bool dbx_storage_host_parse(const char *name, struct dbx_storage_host *out);

#endif
