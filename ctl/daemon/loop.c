// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * loop.c -- the event loop: requests, links, denial and name events, signals, systemd's watchdog.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "daemon/denials.h"
#include "daemon/fib.h"
#include "daemon/forward.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/naming.h"
#include "daemon/paths.h"
#include "daemon/process.h"
#include "daemon/records.h"
#include "daemon/scrape.h"
#include "daemon/server.h"
#include "daemon/usage.h"

#define RETRY_S    5
#define EVENTS_MAX 24
#define PATHS_MS   100 /* who changes our routes without end makes us look no more often */
#define FIB_MS     5   /* routes and neighbours often change several at a time */
#define FIB_SHARE  10  /* a long table is read again when ten times as long has gone by */
#define SWEEPS_MAX 8   /* a second; what the ring has no room for then waits for the next one */
#define EVENTS_MS  250 /* drivers that have no descriptor to wait for are asked this often */

struct loop {
	struct dbx_daemon *d;
	struct event_base *base;
	struct dbx_server *server;
	struct event *events[EVENTS_MAX];
	size_t n_events;
	struct event *paths_timer;
	double paths_ms; /* of the last look */
	struct event *fib_timer;
	double fib_took_ms; /* the last reading */
};

/* ---- what systemd is told ---- */

static void tell_status(const struct loop *l)
{
	const struct dbx_core *c = &l->d->core;

	if (c->degraded[0])
		sd_notifyf(0, "STATUS=degraded: %s", c->degraded);
	else if (!c->generation)
		sd_notify(0, "STATUS=no policy applied yet: everything is denied");
	else
		sd_notifyf(0, "STATUS=generation %" PRIu64 ": %zu workspaces, %zu policies",
			   c->generation, c->model->gateway.n_workspaces, c->model->n_policies);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

/* ---- signals ---- */

static void on_term(evutil_socket_t sig, short what, void *arg)
{
	struct loop *l = arg;

	(void)what;
	dbx_log_info("%s: leaving; enforcement goes on", strsignal((int)sig));
	sd_notify(0, "STOPPING=1");
	event_base_loopbreak(l->base);
}

/* There is nothing to read again: documents come by the socket. systemd wants an answer though. */
static void on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct loop *l = arg;
	struct timespec t;

	(void)sig;
	(void)what;
	clock_gettime(CLOCK_MONOTONIC, &t);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	dbx_links_retry(l->d->links);
	sd_notify(0, "READY=1");
	tell_status(l);
}

/* ---- links ---- */

static void sync_forward(struct dbx_daemon *d)
{
	struct dbx_fail f = {.text = ""};

	dbx_forward_sync(&d->core, &f);
	if (f.text[0] && strncmp(d->forward_error, f.text, sizeof(d->forward_error) - 1) != 0)
		dbx_log_error("%s", f.text); /* tried again every few seconds: said once */
	snprintf(d->forward_error, sizeof(d->forward_error), "%.255s", f.text);
}

static void on_netlink(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	dbx_links_process(l->d->links);
	sync_forward(l->d);
}

static void check_paths(struct loop *l)
{
	l->paths_ms = dbx_monotonic_ms();
	dbx_paths_check(l->d->core.paths);
}

static void on_paths_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	check_paths(arg);
}

/* Somebody changed what is ours, perhaps: at once, but not more often than is good for us. */
static void on_paths(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval later = {.tv_usec = PATHS_MS * 1000};
	struct loop *l = arg;

	(void)fd, (void)what;
	if (!dbx_paths_told(l->d->core.paths))
		return;
	if (dbx_monotonic_ms() - l->paths_ms >= PATHS_MS)
		check_paths(l);
	else if (!evtimer_pending(l->paths_timer, NULL))
		evtimer_add(l->paths_timer, &later);
}

/* ---- routes, for a data plane that has its own ---- */

static void sync_fib(struct loop *l)
{
	double began = dbx_monotonic_ms();
	struct dbx_fail f = {.text = ""};
	struct dbx_daemon *d = l->d;

	if (!d->fib)
		return;
	dbx_fib_sync(d->fib, &f);
	l->fib_took_ms = dbx_monotonic_ms() - began;
	if (f.text[0] && strncmp(d->fib_error, f.text, sizeof(d->fib_error) - 1) != 0)
		dbx_log_error("%s", f.text);
	snprintf(d->fib_error, sizeof(d->fib_error), "%.255s", f.text);
}

static void on_fib_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	sync_fib(arg);
}

static void on_fib(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	double ms = FIB_MS + FIB_SHARE * l->fib_took_ms;
	const struct timeval soon = {.tv_sec = (time_t)(ms / 1000),
				     .tv_usec = (suseconds_t)(ms * 1000) % 1000000};

	(void)fd, (void)what;
	if (dbx_fib_told(l->d->fib) && !evtimer_pending(l->fib_timer, NULL))
		evtimer_add(l->fib_timer, &soon);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	dbx_links_retry(l->d->links);
	dbx_naming_retry(l->d->naming);
	dbx_scrape_retry(l->d->scrape);
	check_paths(l);
	sync_forward(l->d);
	sync_fib(l);
}

/*
 * Attach what the command line and the gateway document name. Where there is no such document,
 * because none has come yet, the state was lost or by a rollback, nothing says what to let go: what
 * is attached stays so, and denies.
 */
static void want_links(struct loop *l)
{
	const struct dbx_gateway *g = &l->d->core.model->gateway;
	size_t n = l->d->n_interfaces, i;
	struct dbx_interface *v;

	if (!n && !l->d->core.model->has_gateway) {
		dbx_log_warning("no interface is named yet: nothing is enforced until the gateway "
				"document names them, or --interface does");
		return;
	}
	v = calloc(n + g->n_interfaces + 1, sizeof(*v));
	if (!v) {
		dbx_log_error("attaching interfaces: out of memory; what is attached stays so");
		return;
	}
	for (i = 0; i < n; i++)
		v[i].name = (char *)l->d->interfaces[i];
	for (i = 0; i < g->n_interfaces; i++)
		v[n + i].name = g->interfaces[i].name;
	if (l->d->core.model->has_gateway)
		dbx_links_want(l->d->links, v, n + g->n_interfaces);
	else
		dbx_links_also_want(l->d->links, v, n);
	free(v);
}

static void on_change(void *arg)
{
	struct loop *l = arg;

	want_links(l);
	sync_forward(l->d);
	dbx_naming_change(l->d->naming);
	dbx_records_change(l->d->records);
	dbx_scrape_change(l->d->scrape, &l->d->core.model->gateway.metrics);
	tell_status(l);
}

/* ---- denials ---- */

static void add_denial(void *arg, const struct dbx_event *e)
{
	struct dbx_daemon *d = arg;
	int64_t age_ms = (int64_t)(dbx_monotonic_ms() - (double)e->time_ns / 1e6);
	const struct dbx_flow_note n = {
		.event = e,
		.policy_id = dbx_core_policy_of(&d->core, e),
		.rcode = DBX_RECORD_RCODE_NONE,
		.time_ms = dbx_now_ms() - (age_ms > 0 ? age_ms : 0),
	};

	if (e->verdict != DBX_VERDICT_PASS)
		dbx_denials_add(d->denials, e, n.policy_id, NULL, n.time_ms);
	dbx_records_add(d->records, &n);
}

/* What waits in the kernel is told of before flows end, so that it is in the record of its interval. */
static void sweep_denials(struct dbx_daemon *d)
{
	int i, rc = 1;

	for (i = 0; i < SWEEPS_MAX && rc > 0; i++) {
		rc = d->core.ops->sweep(d->core.dp);
		d->core.ops->poll_events(d->core.dp, add_denial, d);
	}
	if (rc < 0 && !d->sweep_failed)
		dbx_log_error("sweeping what waits to be recorded: %s", strerror(-rc));
	d->sweep_failed = rc < 0;
}

static void on_denials(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_daemon *d = ((struct loop *)arg)->d;

	(void)fd;
	(void)what;
	d->core.ops->poll_events(d->core.dp, add_denial, d);
	dbx_records_tick(d->records);
}

/* ---- names ---- */

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_daemon *d = ((struct loop *)arg)->d;

	(void)fd, (void)what;
	sweep_denials(d);
	dbx_naming_second(d->naming);
	dbx_usage_second(d->core.usage, dbx_now_ms() / 1000);
	dbx_records_second(d->records);
	dbx_process_watch(d);
}

static void on_names(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	dbx_naming_events(((struct loop *)arg)->d->naming);
}

/* ---- metrics ---- */

static int metrics(void *arg, struct dbx_strbuf *b)
{
	return dbx_metrics_text(arg, b);
}

/* ---- set-up ---- */

static int add(struct loop *l, evutil_socket_t fd, short what, event_callback_fn fn,
	       const struct timeval *t)
{
	struct event *e = event_new(l->base, fd, what, fn, l);

	if (!e || event_add(e, t)) {
		if (e)
			event_free(e);
		return -ENOMEM;
	}
	l->events[l->n_events++] = e;
	return 0;
}

static int add_paths(struct loop *l)
{
	int fds[2], i, rc = 0;

	if (!l->d->core.paths)
		return 0;
	l->paths_timer = evtimer_new(l->base, on_paths_timer, l);
	if (!l->paths_timer)
		return -ENOMEM;
	dbx_paths_fds(l->d->core.paths, fds);
	for (i = 0; i < 2 && !rc; i++) {
		if (fds[i] >= 0)
			rc = add(l, fds[i], EV_READ | EV_PERSIST, on_paths, NULL);
	}
	return rc;
}

static int add_fib(struct loop *l, struct dbx_fail *f)
{
	int rc = dbx_fib_open(&l->d->fib, l->d->core.ops, l->d->core.dp, f);

	if (rc || !l->d->fib)
		return rc;
	l->fib_timer = evtimer_new(l->base, on_fib_timer, l);
	if (!l->fib_timer || add(l, dbx_fib_fd(l->d->fib), EV_READ | EV_PERSIST, on_fib, NULL))
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	sync_fib(l);
	return 0;
}

static int add_events(struct loop *l)
{
	const struct timeval retry = {.tv_sec = RETRY_S}, poll = {.tv_usec = EVENTS_MS * 1000};
	const struct timeval second = {.tv_sec = 1};
	int fd = l->d->core.ops->event_fd(l->d->core.dp);
	int name_fd = dbx_naming_fd(l->d->naming);
	uint64_t watchdog_us;
	int rc;

	rc = add(l, SIGTERM, EV_SIGNAL | EV_PERSIST, on_term, NULL);
	if (!rc)
		rc = add(l, SIGINT, EV_SIGNAL | EV_PERSIST, on_term, NULL);
	if (!rc)
		rc = add(l, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hup, NULL);
	if (!rc)
		rc = add(l, dbx_links_fd(l->d->links), EV_READ | EV_PERSIST, on_netlink, NULL);
	if (!rc)
		rc = add(l, -1, EV_PERSIST, on_retry, &retry);
	if (!rc && fd >= 0)
		rc = add(l, fd, EV_READ | EV_PERSIST, on_denials, NULL);
	if (!rc)
		rc = add(l, -1, EV_PERSIST, on_second, &second);
	if (!rc && name_fd >= 0)
		rc = add(l, name_fd, EV_READ | EV_PERSIST, on_names, NULL);
	if (!rc)
		rc = add(l, -1, EV_PERSIST, on_names, &poll);
	/* Also by time: a ring that is being filled slowly may not wake us. */
	if (!rc)
		rc = add(l, -1, EV_PERSIST, on_denials, &poll);
	if (!rc && sd_watchdog_enabled(0, &watchdog_us) > 0) {
		const struct timeval t = {
			.tv_sec = (time_t)(watchdog_us / 2 / 1000000),
			.tv_usec = (suseconds_t)(watchdog_us / 2 % 1000000),
		};

		rc = add(l, -1, EV_PERSIST, on_watchdog, &t);
	}
	return rc;
}

static int start(struct loop *l, const char *socket_path, struct dbx_fail *f)
{
	int rc;

	l->base = event_base_new();
	l->d->denials = dbx_denials_new(DBX_DENIALS_MAX);
	if (!l->base || !l->d->denials)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	rc = dbx_links_open(&l->d->links, l->d->core.ops, l->d->core.dp, f);
	if (rc)
		return rc;
	if (dbx_records_open(&l->d->records, &l->d->core, l->d->records_path) ||
	    dbx_scrape_open(&l->d->scrape, l->base, metrics, l->d))
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	rc = dbx_naming_open(&l->d->naming, &l->d->core, l->d->denials, l->d->records, f);
	if (rc)
		return rc;
	rc = add_events(l);
	if (!rc)
		rc = add_paths(l);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "setting up the event loop: %s",
				    strerror(-rc));
	rc = add_fib(l, f);
	if (rc)
		return rc;
	l->d->core.on_change = on_change;
	l->d->core.on_change_arg = l;
	want_links(l);
	sync_forward(l->d);
	dbx_naming_change(l->d->naming);
	dbx_scrape_change(l->d->scrape, &l->d->core.model->gateway.metrics);
	return dbx_server_open(&l->server, l->base, socket_path, l->d, f);
}

int dbx_loop_run(struct dbx_daemon *d, const char *socket_path, struct dbx_fail *f)
{
	struct loop l = {.d = d};
	size_t i;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	rc = start(&l, socket_path, f);
	if (!rc) {
		dbx_log_info("version %s listens on %s", DBX_VERSION, socket_path);
		sd_notify(0, "READY=1");
		tell_status(&l);
		if (event_base_dispatch(l.base) < 0)
			rc = dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "the event loop failed");
	}
	dbx_server_close(&l.server);
	dbx_scrape_close(&d->scrape);
	for (i = 0; i < l.n_events; i++)
		event_free(l.events[i]);
	if (l.paths_timer)
		event_free(l.paths_timer);
	if (l.fib_timer)
		event_free(l.fib_timer);
	dbx_fib_close(&d->fib);
	d->core.on_change = NULL;
	if (d->records)
		sweep_denials(d);
	dbx_naming_close(&d->naming);
	dbx_records_close(&d->records);
	dbx_links_close(&d->links);
	dbx_denials_free(&d->denials);
	if (l.base)
		event_base_free(l.base);
	libevent_global_shutdown();
	return rc;
}
