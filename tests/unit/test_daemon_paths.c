// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_paths.c -- which routes the kernel has, before, during and after a change, and when
 * something of it fails. What the kernel then does is tested in tests/netns/test_paths.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "policy/read.h"

/* ---- a kernel that takes a table and marks, and fails on demand ---- */

static struct {
	char *table;      /* NULL: none */
	char marks[2048]; /* "up0 up1": interfaces of routes that are there, sorted */
	bool was_exact;
	int fail_set, fail_sync; /* the nth call from now, 0 = none */
	int n_set, n_sync, n_put_back;
	size_t n_missing; /* what the next sync finds missing */
	enum dbx_path_state state;
} kernel;

static int due(int *nth)
{
	return *nth && !--*nth;
}

static int fake_set(const struct dbx_pathset *s, struct dbx_fail *f)
{
	struct dbx_strbuf b;

	kernel.n_set++;
	if (due(&kernel.fail_set))
		return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "paths: set: injected");
	dbx_strbuf_init(&b);
	dbx_pathset_nft(s, &b);
	free(kernel.table);
	kernel.table = s->n ? dbx_strbuf_steal(&b) : NULL;
	dbx_strbuf_fini(&b);
	return 0;
}

static char *fake_list(void)
{
	return kernel.table ? strdup(kernel.table) : NULL;
}

static int fake_put_back(const char *listing, struct dbx_fail *f)
{
	(void)f;
	kernel.n_put_back++;
	free(kernel.table);
	kernel.table = strdup(listing);
	return 0;
}

static int fake_sync(struct dbx_pathset *s, bool exact, size_t *n_changed, struct dbx_fail *f)
{
	size_t n = 0;

	kernel.n_sync++;
	if (due(&kernel.fail_sync))
		return dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "paths: sync: injected");
	if (exact)
		kernel.marks[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].state[0] = s->v[i].state[1] = kernel.state;
		if (strstr(kernel.marks, s->v[i].ifname))
			continue;
		n = strlen(kernel.marks);
		snprintf(kernel.marks + n, sizeof(kernel.marks) - n, "%s%s", n ? " " : "",
			 s->v[i].ifname);
	}
	kernel.was_exact = exact;
	if (n_changed)
		*n_changed = kernel.n_missing;
	kernel.n_missing = 0;
	return 0;
}

static int fake_watch(int fds[2])
{
	fds[0] = fds[1] = -1;
	return 0;
}

static bool fake_changed(const int fds[2])
{
	(void)fds;
	return false;
}

static const struct dbx_paths_ops ops = {
	.set = fake_set,
	.list = fake_list,
	.put_back = fake_put_back,
	.sync = fake_sync,
	.watch = fake_watch,
	.changed = fake_changed,
};

static int setup(void **state)
{
	(void)state;
	dbx_log_init(DBX_LOG_ERROR);
	free(kernel.table);
	memset(&kernel, 0, sizeof(kernel));
	kernel.state = DBX_PATH_UP;
	return 0;
}

static bool has(const char *ifname)
{
	return strstr(kernel.marks, ifname) && kernel.table && strstr(kernel.table, ifname);
}

/* ---- models ---- */

#define ROUTE(path, ifname, rest) "{\"path\":\"" path "\",\"interface\":\"" ifname "\"" rest "}"
#define GATEWAY(routes)           "{\"gateway\":{\"name\":\"g\",\"paths\":[" routes "]}}"

static const char one[] = GATEWAY(ROUTE("nat", "up1", ",\"source_addresses\":[\"203.0.113.5\"]"));
static const char two[] = GATEWAY(ROUTE("nat", "up2", ",\"source_addresses\":[\"203.0.113.6\"]"));
static const char none[] = "{\"gateway\":{\"name\":\"g\"}}";

static struct dbx_model *model(const char *text)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	dbx_diag_init(&d);
	assert_non_null(m);
	assert_int_equal(dbx_read(m, "gw.json", text, strlen(text), DBX_DOC_GATEWAY, &d), 0);
	assert_int_equal(dbx_model_resolve(m, &d), 0);
	dbx_diag_fini(&d);
	return m;
}

static int prepare(struct dbx_paths *p, const char *text, struct dbx_fail *f)
{
	struct dbx_model *m = model(text);
	int rc = dbx_paths_prepare(p, m, f);

	dbx_model_free(&m);
	return rc;
}

static struct dbx_paths *opened(const char *text)
{
	struct dbx_paths *p;
	struct dbx_fail f;

	assert_int_equal(dbx_paths_open(&p, &ops, &f), 0);
	if (text) {
		assert_int_equal(prepare(p, text, &f), 0);
		dbx_paths_settle(p);
	}
	return p;
}

/* ---- sets ---- */

static void build(const char *text, struct dbx_pathset *s)
{
	struct dbx_model *m = model(text);

	*s = (struct dbx_pathset){NULL, 0, 0};
	assert_int_equal(dbx_pathset_build(m, s), 0);
	dbx_model_free(&m);
}

static char *text_of(const struct dbx_pathset *s)
{
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	dbx_pathset_nft(s, &b);
	return dbx_strbuf_steal(&b);
}

static void test_table_of_a_set(void **state)
{
	struct dbx_pathset s;
	char want[128], *text;

	(void)state;
	build(GATEWAY(ROUTE("nat", "up1", ",\"source_addresses\":[\"203.0.113.5\",\"2001:db8::5\"]") "," ROUTE(
		      "firewall", "up2", ",\"next_hops\":[\"192.0.2.1\"]")),
	      &s);
	assert_int_equal(s.n, 2);
	text = text_of(&s);
	for (size_t i = 0; i < s.n; i++) {
		snprintf(want, sizeof(want), "0x%08x . \"%s\"", s.v[i].mark, s.v[i].ifname);
		assert_non_null(strstr(text, want));
		assert_true(s.v[i].mark >> 16 == 0x0db6);
		snprintf(want, sizeof(want), "0x%08x : 203.0.113.5", s.v[i].mark);
		assert_true(!!strstr(text, want) == s.v[i].has_src[0]);
		snprintf(want, sizeof(want), "0x%08x . 2001:db8::5", s.v[i].mark);
		assert_true(!!strstr(text, want) == s.v[i].has_src[1]);
		assert_true(dbx_path_leads(&s.v[i], 0));
		/* A next hop of one family only: the other is not tried on the link. */
		assert_true(dbx_path_leads(&s.v[i], 1) == !s.v[i].has_hop[0]);
	}
	free(text);
	dbx_pathset_fini(&s);
	build(none, &s);
	text = text_of(&s);
	assert_null(strchr(text, '{'));
	assert_non_null(strstr(text, "delete table inet dbx_egress"));
	free(text);
	dbx_pathset_fini(&s);
}

static void test_union(void **state)
{
	struct dbx_pathset a, b, both, again;

	(void)state;
	build(one, &a);
	build(two, &b);
	assert_int_equal(dbx_pathset_union(&a, &b, &both), 0);
	assert_int_equal(both.n, 2);
	assert_true(both.v[0].mark < both.v[1].mark);
	assert_int_equal(dbx_pathset_union(&both, &a, &again), 0);
	assert_true(dbx_pathset_equal(&both, &again));
	assert_false(dbx_pathset_equal(&both, &a));
	assert_null(dbx_pathset_find(&a, b.v[0].mark));
	assert_ptr_equal(dbx_pathset_find(&both, both.v[1].mark), &both.v[1]);
	dbx_pathset_fini(&again);
	dbx_pathset_fini(&both);
	/* Two generations that mean different routes by one mark: neither may be taken. */
	b.v[0].mark = a.v[0].mark;
	assert_int_equal(dbx_pathset_union(&a, &b, &both), 0);
	assert_int_equal(both.n, 1);
	assert_true(both.v[0].is_barred);
	dbx_pathset_fini(&both);
	dbx_pathset_fini(&a);
	dbx_pathset_fini(&b);
}

static void test_names_that_nft_would_misread(void **state)
{
	struct dbx_path_route r = {.path = DBX_PATH_NAT};
	struct dbx_model m = {.gateway = {.routes = &r, .n_routes = 1}};
	static const char *const bad[] = {"up*", "a\"b", "up\n", "a b", "\\", ""};
	struct dbx_pathset s;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.interface = (char *)bad[i];
		assert_int_equal(dbx_pathset_build(&m, &s), 0);
		assert_true(s.v[0].is_barred);
		text = text_of(&s);
		assert_null(strstr(text, "oifname"));
		assert_non_null(strstr(text, "counter drop"));
		free(text);
		dbx_pathset_fini(&s);
	}
}

/* ---- generations ---- */

static void test_union_before_exact_after(void **state)
{
	struct dbx_paths *p = opened(one);
	struct dbx_fail f;

	(void)state;
	assert_true(has("up1") && kernel.was_exact);
	assert_int_equal(prepare(p, two, &f), 0);
	assert_true(has("up1") && has("up2") && !kernel.was_exact);
	dbx_paths_settle(p);
	assert_true(has("up2") && kernel.was_exact);
	assert_false(has("up1"));
	assert_int_equal(prepare(p, one, &f), 0);
	dbx_paths_revert(p);
	assert_true(has("up2") && kernel.was_exact);
	assert_false(has("up1"));
	assert_int_equal(prepare(p, none, &f), 0);
	assert_true(has("up2"));
	dbx_paths_settle(p);
	assert_null(kernel.table);
	assert_string_equal(kernel.marks, "");
	dbx_paths_close(&p);
}

static void test_prepare_fails(void **state)
{
	struct dbx_paths *p = opened(one);
	struct dbx_paths_status s;
	struct dbx_fail f;

	(void)state;
	for (int i = 0; i < 2; i++) {
		*(i ? &kernel.fail_sync : &kernel.fail_set) = 1;
		assert_int_equal(prepare(p, two, &f), -EIO);
		assert_non_null(strstr(f.text, "injected"));
		assert_true(has("up1"));
		assert_false(has("up2"));
		dbx_paths_settle(p); /* there is nothing to settle */
		assert_true(has("up1"));
		dbx_paths_status(p, &s);
		assert_string_equal(s.error, "");
	}
	dbx_paths_close(&p);
}

static void test_settle_fails(void **state)
{
	struct dbx_paths *p = opened(one);
	struct dbx_paths_status s;
	struct dbx_fail f;

	(void)state;
	assert_int_equal(prepare(p, two, &f), 0);
	kernel.fail_sync = 1;
	dbx_paths_settle(p);
	dbx_paths_status(p, &s);
	assert_non_null(strstr(s.error, "injected"));
	assert_true(has("up2"));
	dbx_paths_check(p);
	dbx_paths_status(p, &s);
	assert_string_equal(s.error, "");
	assert_int_equal(s.n_restored, 0);
	assert_true(has("up2"));
	assert_false(has("up1"));
	dbx_paths_close(&p);
}

static void test_others_meddle(void **state)
{
	struct dbx_paths *p = opened(one);
	struct dbx_paths_status s;
	int n;

	(void)state;
	n = kernel.n_set;
	dbx_paths_check(p);
	assert_int_equal(kernel.n_set, n); /* what is there is not written again */
	free(kernel.table);
	kernel.table = NULL;
	dbx_paths_check(p);
	assert_true(has("up1"));
	kernel.table[0] = 'X';
	dbx_paths_check(p);
	assert_int_not_equal(kernel.table[0], 'X');
	kernel.n_missing = 1;
	dbx_paths_check(p);
	dbx_paths_status(p, &s);
	assert_int_equal(s.n_restored, 3);
	/* An interface that goes is not somebody who meddles. */
	kernel.n_missing = 1;
	kernel.state = DBX_PATH_DOWN;
	dbx_paths_check(p);
	dbx_paths_status(p, &s);
	assert_int_equal(s.n_restored, 3);
	kernel.fail_sync = 1;
	dbx_paths_check(p);
	dbx_paths_status(p, &s);
	assert_string_not_equal(s.error, "");
	dbx_paths_check(p);
	dbx_paths_status(p, &s);
	assert_string_equal(s.error, "");
	dbx_paths_close(&p);
}

/* What a daemon before us left stays until a generation of ours is in force. */
static void test_start(void **state)
{
	struct dbx_paths *p = opened(two);
	struct dbx_fail f;
	char *left;

	(void)state;
	dbx_paths_close(&p);
	assert_true(has("up2"));
	left = strdup(kernel.table);
	p = opened(NULL);
	dbx_paths_check(p);
	assert_true(has("up2"));
	assert_int_equal(prepare(p, one, &f), 0);
	assert_non_null(strstr(kernel.marks, "up2"));
	dbx_paths_revert(p);
	assert_string_equal(kernel.table, left);
	assert_non_null(strstr(kernel.marks, "up2"));
	kernel.fail_sync = 1;
	assert_int_equal(prepare(p, one, &f), -EIO);
	assert_string_equal(kernel.table, left);
	assert_int_equal(prepare(p, one, &f), 0);
	dbx_paths_settle(p);
	assert_true(has("up1"));
	assert_false(has("up2"));
	free(left);
	dbx_paths_close(&p);
	p = opened(NULL); /* and documents without a path */
	assert_int_equal(prepare(p, none, &f), 0);
	assert_true(has("up1"));
	dbx_paths_settle(p);
	assert_null(kernel.table);
	assert_string_equal(kernel.marks, "");
	dbx_paths_close(&p);
}

/* Without a path nothing is asked of a host that has no nftables. */
static void test_no_paths(void **state)
{
	struct dbx_paths *p = opened(none);

	(void)state;
	dbx_paths_check(p);
	assert_int_equal(kernel.n_set, 0);
	dbx_paths_close(&p);
}

/* ---- in an apply ---- */

static void open_with_paths(struct dbox *b)
{
	struct dbx_fail f;

	dbox_open(b);
	assert_int_equal(dbx_paths_open(&b->d.core.paths, &ops, &f), 0);
}

static int apply(struct dbox *b, const char *gateway)
{
	char *body = dbox_envelope(NULL, "gw.json", gateway, NULL);
	int status = dbox_call(b, DBX_POST, DBOX_OURS "/apply", body);

	free(body);
	return status;
}

static void test_apply(void **state)
{
	struct dbox b;

	(void)state;
	open_with_paths(&b);
	assert_int_equal(apply(&b, one), 200);
	assert_true(has("up1"));
	kernel.fail_set = 1;
	assert_int_equal(apply(&b, two), 500);
	assert_non_null(strstr(b.answer, "injected"));
	assert_true(has("up1"));
	assert_false(has("up2"));
	assert_int_equal(apply(&b, two), 200);
	assert_true(has("up2"));
	assert_false(has("up1"));
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_string_equal(dbox_get(&b, "paths.routes.0.interface"), "up2");
	assert_string_equal(dbox_get(&b, "paths.routes.0.ipv4"), "up");
	assert_non_null(strstr(b.answer, "no interface has the source address 203.0.113.6"));
	dbox_close(&b);
}

/* The flip itself fails: the routes of the generation that stays in force are all there is. */
static void test_flip_fails(void **state)
{
	struct dbox b;

	(void)state;
	open_with_paths(&b);
	assert_int_equal(apply(&b, dbox_gateway), 200);
	assert_int_equal(kernel.n_set, 0);
	dbx_dp_mem_fail(DBX_DP_MEM_COMMIT, 1, -EIO);
	assert_int_equal(apply(&b, two), 500);
	assert_null(kernel.table);
	assert_string_equal(kernel.marks, "");
	assert_int_equal(apply(&b, two), 200);
	assert_true(has("up2"));
	dbox_close(&b);
}

static int finish(void **state)
{
	(void)state;
	free(kernel.table);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_table_of_a_set, setup),
		cmocka_unit_test_setup(test_union, setup),
		cmocka_unit_test_setup(test_names_that_nft_would_misread, setup),
		cmocka_unit_test_setup(test_union_before_exact_after, setup),
		cmocka_unit_test_setup(test_prepare_fails, setup),
		cmocka_unit_test_setup(test_settle_fails, setup),
		cmocka_unit_test_setup(test_others_meddle, setup),
		cmocka_unit_test_setup(test_start, setup),
		cmocka_unit_test_setup(test_no_paths, setup),
		cmocka_unit_test_setup(test_apply, setup),
		cmocka_unit_test_setup(test_flip_fails, setup),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
