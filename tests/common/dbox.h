/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dbox.h -- a daemon without a loop or a socket: a state directory of its own, the data plane in
 * memory, and requests by function call.
 */
#ifndef DBX_TESTS_DBOX_H
#define DBX_TESTS_DBOX_H

#include <jansson.h>

#include "daemon/api.h"
#include "dataplane/dp_mem.h"

struct dbox {
	struct dbx_daemon d;
	char dir[64];
	char db[96];
	char *answer; /* of the last call, NUL-terminated */
	json_t *json; /* the same parsed, NULL when it is no JSON */
};

/* Both fail the test when they cannot. */
void dbox_open(struct dbox *b);   /* a new state directory; the data plane as after a reboot */
void dbox_reopen(struct dbox *b); /* as after a restart of the daemon */
void dbox_close(struct dbox *b);  /* and everything it made is removed */

/* One request as root; the HTTP status. body NULL: none. */
int dbox_call(struct dbox *b, enum dbx_method method, const char *path_and_query, const char *body);
int dbox_call_as(struct dbox *b, bool may_read, bool may_write, enum dbx_method method,
		 const char *path_and_query, const char *body);

/* {"documents":[{"source":..., "document":...}, ...]} of pairs (name, JSON), NULL at the end. */
char *dbox_envelope(const char *options, ...);

/* A member of the last answer by its path ("findings.0.code"); "" when absent. Numbers as text. */
const char *dbox_get(struct dbox *b, const char *path);

/* "POINTER: text" of the first error of a code in the last answer's findings; "" when there is none. */
const char *dbox_error(struct dbox *b, const char *code);

/* Checksum of the image in force, 0 = none: equal means byte-identical. */
uint32_t dbox_image_sum(void);

/* A gateway with workspaces 1001 and 1002; a policy; an option. Constant texts. */
extern const char dbox_gateway[], dbox_policy[], dbox_open_policy[], dbox_option[], dbox_ncc[];
/* The same workspaces, and a private address for the rule r-1 of dbox_ncc, which waits for approval. */
extern const char dbox_gateway_private[];

#define DBOX_OURS    "/api/2.0/dbx-egress"
#define DBOX_ACCOUNT "7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44"
#define DBOX_VENDOR  "/api/2.0/accounts/" DBOX_ACCOUNT

#endif
