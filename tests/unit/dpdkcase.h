/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dpdkcase.h -- what the tests of the driver of dbx-egress-dpdk share: the driver, a process for it that
 * does as it is told, and the event loop that has them meet.
 */
#ifndef DBX_TESTS_DPDKCASE_H
#define DBX_TESTS_DPDKCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fakedpdk.h"
#include "dataplane/dp_dpdk.h"

static const struct dbx_dp_ops *const ops = &dbx_dp_dpdk;
static struct fakedpdk fake;
static struct dbx_dp_opts opts;
static struct dbx_dp_state st;
static struct dbx_dp_error err;
static struct dbx_dp *dp;

static inline int set_up_closed(void **state)
{
	(void)state;
	fakedpdk_start(&fake);
	opts = (struct dbx_dp_opts){.socket_path = fake.path};
	dp = NULL;
	return 0;
}

static inline int set_up(void **state)
{
	set_up_closed(state);
	return ops->open(&dp, &opts, &st, &err);
}

static inline int tear_down(void **state)
{
	(void)state;
	ops->close(&dp);
	fakedpdk_stop(&fake);
	return 0;
}

static inline size_t n_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* The fake closes its ends when it gets to it. */
static inline void must_have_fds(size_t want)
{
	for (int i = 0; i < 2000 && n_fds() != want; i++)
		poll(NULL, 0, 10);
	assert_int_equal(n_fds(), want);
}

static inline void must_lose_role(uint32_t role)
{
	for (int i = 0; i < 2000 && fakedpdk_has_role(&fake, role); i++)
		poll(NULL, 0, 10);
	assert_false(fakedpdk_has_role(&fake, role));
}

static inline void be_evil(enum dbx_wire_type type, enum fake_evil evil)
{
	pthread_mutex_lock(&fake.lock);
	fake.evil_type = type;
	fake.evil = evil;
	pthread_mutex_unlock(&fake.lock);
}

static inline int ask_totals(void)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	return ops->totals(dp, v);
}

/* What came of events. */
static size_t n_events, n_names;
static struct dbx_event last_event;

static inline void take_event(void *arg, const struct dbx_event *e)
{
	(void)arg;
	last_event = *e;
	n_events++;
}

static inline void take_name(void *arg, const struct dbx_name_event *e)
{
	(void)arg;
	assert_true(e->n_payload <= sizeof(e->payload));
	n_names++;
}

static inline void turn_events(void)
{
	struct pollfd p = {ops->event_fd(dp), POLLIN, 0};

	poll(&p, 1, 10);
	assert_int_equal(ops->poll_events(dp, take_event, NULL), 0);
}

/* One turn of the event loop. */
static inline void turn(void)
{
	turn_events();
	assert_int_equal(ops->poll_name_events(dp, take_name, NULL), 0);
}

/* Connected, with both event connections; 20 s at most. */
static inline void must_recover(void)
{
	for (int i = 0; i < 2000; i++) {
		turn();
		if (!ask_totals() && fakedpdk_has_role(&fake, DBX_WIRE_ROLE_EVENTS) &&
		    fakedpdk_has_role(&fake, DBX_WIRE_ROLE_NAME_EVENTS))
			return;
	}
	fail_msg("the driver does not find back to the process");
}

#endif
