/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_peers.c -- what other egress filters get wrong: named regression tests, in the kernel.
 *
 * Each case of common/vec_peers.c through BPF_PROG_TEST_RUN, and what an update must not touch.
 * Needs root.
 */
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

#include "common/bpfrun.h"
#include "common/nsbox.h"
#include "common/pkt.h"
#include "common/vec.h"
#include "common/vec_peers.h"
#include "common/vec_world.h"
#include "dataplane/dp.h"

#define XDP_DROP 1
#define XDP_PASS 2

static struct vec_world world;
static struct bpfrun *kernel;

static void build(struct pkt *p, const char *text)
{
	const char *why;

	if (vec_frame(p, text, &why))
		fail_msg("%s: %s", text, why);
}

static void test_case(void **state)
{
	const struct peer_case *c = *state;

	assert_int_equal(bpfrun_set_image(kernel, world.image, world.image_bytes), 0);
	for (size_t i = 0; i < PEER_FRAMES_MAX && c->frames[i].frame; i++) {
		const struct peer_frame *f = &c->frames[i];
		struct dbx_result res;
		struct vec_result r;
		uint32_t action;
		struct pkt p;

		build(&p, f->frame);
		assert_int_equal(bpfrun_frame(kernel, p.b, p.n, dbx_port_hash(f->interface), &res,
					      NULL, &action),
				 0);
		if (res.verdict == f->verdict && res.reason == f->reason &&
		    action == (f->verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS))
			continue;
		vec_result_of(&world.img, &res, &r);
		fprintf(stderr, "  frame  %s\n  want   %s %s\n", f->frame,
			vec_verdict_name(f->verdict), vec_reason_slug(f->reason));
		vec_result_print("kernel", &r);
		fail();
	}
}

/* ---- updates ---- */

#define POLICY                                                                          \
	"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": " \
	"{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}"
#define GATEWAY(allowed)                                                          \
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [" \
	"{\"workspace_id\": 7, \"sources\": [{\"prefix\": \"10.0.0.0/8\"}]}], "   \
	"\"allowed_destinations\": [" allowed "]}}"
#define WEB  "{\"label\": \"web\", \"prefixes\": [\"192.0.2.0/24\"]}"
#define MAIL "{\"label\": \"mail\", \"prefixes\": [\"198.51.100.0/24\"]}"
#define TIME "{\"label\": \"time\", \"prefixes\": [\"203.0.113.0/24\"], \"protocol\": \"udp\"}"

static void load(struct vec_world *w, const char *gateway)
{
	assert_int_equal(vec_world_init(w), 0);
	assert_int_equal(vec_world_add(w, "default-policy.json", POLICY, strlen(POLICY)), 0);
	assert_int_equal(vec_world_add(w, "gateway.json", gateway, strlen(gateway)), 0);
	assert_int_equal(vec_world_build(w), 0);
	assert_int_equal(bpfrun_set_image(kernel, w->image, w->image_bytes), 0);
}

/* Sends n frames through the enforcing program; returns what is counted under their key. */
static uint64_t send(const char *text, uint32_t n, uint32_t want_action)
{
	struct dbx_counter_key key = {0};
	struct dbx_counter counter;
	struct dbx_result res;
	uint32_t action;
	struct pkt p;

	build(&p, text);
	assert_int_equal(bpfrun_enforce(kernel, p.b, p.n, dbx_port_hash("ws1"), n, &action, NULL),
			 0);
	assert_int_equal(action, want_action);
	assert_int_equal(bpfrun_frame(kernel, p.b, p.n, dbx_port_hash("ws1"), &res, NULL, NULL), 0);
	key.workspace_id = res.workspace_id;
	key.rule_uid = res.rule_uid;
	key.reason = res.reason;
	key.verdict = res.verdict;
	key.path = res.path;
	assert_int_equal(bpfrun_counter(kernel, &key, &counter), 0);
	assert_true(counter.bytes >= counter.packets * 14);
	return counter.packets;
}

/* bpfilter: a chain update zeroes its counters. The rules stand elsewhere in the second document. */
static void test_counters_are_zeroed_by_an_update(void **state)
{
	static const char mail[] = "ip4 10.0.0.1 198.51.100.25 tcp 40000 25";
	static const char denied[] = "ip4 10.0.0.1 203.0.113.1 tcp 40000 22 fill 10";
	struct vec_world before, after;
	uint64_t n_mail, n_denied;

	(void)state;
	load(&before, GATEWAY(WEB ", " MAIL));
	n_mail = send(mail, 5, XDP_PASS);
	n_denied = send(denied, 3, XDP_DROP);
	assert_int_equal(n_mail, 5);
	assert_int_equal(n_denied, 3);
	load(&after, GATEWAY(MAIL));
	assert_int_equal(send(mail, 2, XDP_PASS), n_mail + 2);
	assert_int_equal(send(denied, 1, XDP_DROP), n_denied + 1);
	vec_world_fini(&after);
	load(&after, GATEWAY(TIME ", " WEB ", " MAIL));
	assert_int_equal(send(mail, 1, XDP_PASS), n_mail + 3);
	vec_world_fini(&after);
	vec_world_fini(&before);
}

/* The same with the real driver, a real interface and real pings. */
#define PINGED(extra)                                                                   \
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"gateway_addresses\": " \
	"[\"10.66.7.1\"], \"gateway_services\": [" extra "{\"protocol\": \"icmp\", "    \
	"\"types\": [8]}], \"workspaces\": [{\"workspace_id\": 7, \"sources\": "        \
	"[{\"prefix\": \"10.66.7.0/24\"}]}]}}"

static char object_path[PATH_MAX];
static struct dbx_dp_error err;

static int add_ping(void *arg, const struct dbx_dp_counter *c)
{
	if (c->key.reason == DBX_REASON_GATEWAY_SERVICE)
		*(uint64_t *)arg += c->value.packets;
	return 0;
}

static void commit(struct dbx_dp *dp, const char *gateway)
{
	struct vec_world w;

	assert_int_equal(vec_world_init(&w), 0);
	assert_int_equal(vec_world_add(&w, "gateway.json", gateway, strlen(gateway)), 0);
	assert_int_equal(vec_world_build(&w), 0);
	if (dbx_dp_xdp.prepare(dp, w.image, w.image_bytes, &err) || dbx_dp_xdp.commit(dp, &err))
		fail_msg("%s", err.text);
	vec_world_fini(&w);
}

static void test_counters_are_zeroed_by_a_commit(void **state)
{
	struct dbx_dp_opts opts = {.object_path = object_path,
				   .pin_dir = NSBOX_BPFFS "/dbx-egress"};
	struct dbx_dp *dp = NULL;
	struct dbx_dp_state st;
	uint64_t before = 0, after = 0;

	(void)state;
	nsbox_workload("w7", "ws1", 7);
	assert_int_equal(dbx_dp_xdp.open(&dp, &opts, &st, &err), 0);
	assert_int_equal(dbx_dp_xdp.attach(dp, nsbox_ifindex("ws1"), "ws1", &err), 0);
	commit(dp, PINGED(""));
	assert_true(nsbox_ping("w7", 7));
	assert_true(nsbox_ping("w7", 7));
	assert_int_equal(dbx_dp_xdp.counters(dp, add_ping, &before), 0);
	assert_true(before >= 2);
	commit(dp, PINGED("{\"protocol\": \"tcp\", \"ports\": [53]}, "));
	assert_true(nsbox_ping("w7", 7));
	assert_int_equal(dbx_dp_xdp.counters(dp, add_ping, &after), 0);
	assert_int_equal(after, before + 1);
	dbx_dp_xdp.close(&dp);
	assert_int_equal(dbx_dp_xdp.uninstall(&opts, &err), 0);
}

/* Cilium, on a full map: part of the new policy is enforced. Here the old one stays, whole. */
static void test_policy_that_does_not_fit_is_applied_in_part(void **state)
{
	static const char text[] = "{\"gateway\": {\"interfaces\": [], \"workspaces\": [], "
				   "\"allowed_destinations\": [{\"label\": \"a\", \"prefixes\": "
				   "[\"192.0.2.0/24\", \"198.51.100.1/24\"]}]}}";
	struct vec_world running, next;

	(void)state;
	load(&running, GATEWAY(WEB));
	assert_int_equal(vec_world_init(&next), 0);
	assert_int_equal(vec_world_add(&next, "gateway.json", text, strlen(text)), -EINVAL);
	assert_null(next.image);
	send("ip4 10.0.0.1 192.0.2.1 tcp 40000 25", 1, XDP_PASS);
	send("ip4 10.0.0.1 198.51.100.25 tcp 40000 25", 1, XDP_DROP);
	vec_world_fini(&next);
	vec_world_fini(&running);
}

static int setup(void **state)
{
	(void)state;
	if (nsbox_object(object_path) || vec_world_load(&world, "tests/vectors/policy"))
		return -1;
	return nsbox_enter() || bpfrun_open(&kernel, object_path) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfrun_close(&kernel);
	vec_world_fini(&world);
	return 0;
}

#define N_FIXED 3

int main(void)
{
	const struct CMUnitTest fixed[N_FIXED] = {
		cmocka_unit_test(test_counters_are_zeroed_by_an_update),
		cmocka_unit_test(test_counters_are_zeroed_by_a_commit),
		cmocka_unit_test(test_policy_that_does_not_fit_is_applied_in_part),
	};
	struct CMUnitTest tests[64];
	size_t n = 0;

	for (size_t i = 0; i < n_peer_cases; i++)
		tests[n++] = (struct CMUnitTest){.name = peer_cases[i].name,
						 .test_func = test_case,
						 .initial_state = (void *)&peer_cases[i]};
	for (size_t i = 0; i < N_FIXED; i++)
		tests[n++] = fixed[i];
	return _cmocka_run_group_tests("test_dp_peers", tests, n, setup, teardown);
}
