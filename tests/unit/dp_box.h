/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_box.h -- what the tests of the XDP driver share: one workload, one pin directory, one image.
 *
 * Each test starts and ends with an empty pin directory; packets are real pings from a namespace.
 */
#ifndef DBX_TESTS_DP_BOX_H
#define DBX_TESTS_DP_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nsbox.h"
#include "common/tinyimg.h"
#include "dataplane/dp_xdp.h"

#define PINS NSBOX_BPFFS "/dbx-egress"

static char object_path[PATH_MAX];
static struct dbx_dp_opts opts = {.object_path = object_path, .pin_dir = PINS};
static const struct dbx_dp_ops *const ops = &dbx_dp_xdp;
static struct dbx_dp_error err;

#define assert_ok(call)                                               \
	do {                                                          \
		err.text[0] = '\0';                                   \
		int rc_ = (call);                                     \
		if (rc_)                                              \
			fail_msg("%s: %d: %s", #call, rc_, err.text); \
	} while (0)

static inline void commit(struct dbx_dp *dp, const struct tinyimg *t)
{
	assert_ok(tinyimg_apply(t, ops, dp, &err));
}

static const struct tinyimg pass_all = {
	.generation = 7, .verdict = DBX_VERDICT_PASS, .reason = DBX_REASON_FULL_ACCESS};
static const struct tinyimg drop_all = {
	.generation = 8, .verdict = DBX_VERDICT_DROP, .reason = DBX_REASON_NO_MATCH};

static inline uint64_t total_of(struct dbx_dp *dp, enum dbx_reason reason, enum dbx_verdict verdict)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	assert_ok(ops->totals(dp, v));
	return v[DBX_TOTAL_REASON_BASE + reason * DBX_VERDICT_MAX + verdict].packets;
}

static inline struct dbx_dp_link link_of(struct dbx_dp *dp, const char *ifname)
{
	struct dbx_dp_link v[16], none = {.ifindex = 0};
	size_t i, n = 0;

	assert_ok(ops->links(dp, v, 16, &n));
	for (i = 0; i < n; i++) {
		if (!strcmp(v[i].ifname, ifname))
			return v[i];
	}
	return none;
}

static inline int setup(void **state)
{
	(void)state;
	nsbox_workload("w1", "ws1", 1);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	nsbox_must("ip netns del w1");
	nsbox_try("ip link del ws1");
	return ops->uninstall(&opts, &err);
}

struct sum {
	uint64_t packets, workspace_packets;
};

static inline int add_counter(void *arg, const struct dbx_dp_counter *c)
{
	struct sum *s = arg;

	s->packets += c->value.packets;
	if (c->key.workspace_id == TINYIMG_WORKSPACE && c->key.rule_uid == TINYIMG_RULE_UID)
		s->workspace_packets += c->value.packets;
	return 0;
}

/* Finds the kernel object and moves the process into namespaces of its own; 0 = ready. */
static inline int box_enter(void)
{
	return nsbox_object(object_path) || nsbox_enter();
}

#endif
