// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_stats.c -- totals and events of dbx-egress-dpdk, and how it is.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define EVENTS_AT_ONCE 256 /* messages; then other work has its turn */

int dp_dpdk_totals(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX])
{
	const size_t n = DBX_TOTAL_MAX * sizeof(*v);
	struct dbx_counter *all = malloc(n);
	int rc;

	if (!all)
		return -ENOMEM;
	rc = dp_wire_call(
		dp, DP_CALL(DBX_WIRE_TOTALS, .answer = all, .min = n, .max = n, .unit = sizeof(*v)),
		NULL);
	if (!rc && dp->host)
		rc = dp_host_totals(dp->host, all);
	if (!rc)
		memcpy(v, all, n);
	free(all);
	return rc;
}

int dp_dpdk_event_fd(struct dbx_dp *dp)
{
	return dp->epoll_fd;
}

int dp_dpdk_name_event_fd(struct dbx_dp *dp)
{
	return dp->name_epoll_fd;
}

/* The other end is gone, or says what it must not: connected anew by the timer. */
static void end_events(struct dbx_dp *dp, int *fd)
{
	close(*fd);
	*fd = -1;
	pthread_mutex_lock(&dp->lock);
	dp_sync_timer(dp, true);
	pthread_mutex_unlock(&dp->lock);
}

static int read_events(struct dbx_dp *dp, char *buf, dbx_dp_event_fn fn, void *arg)
{
	const struct dbx_event *e;
	const void *body = NULL;
	ssize_t n;
	int i;

	for (i = 0; i < EVENTS_AT_ONCE && dp->event_fd >= 0; i++) {
		n = dp_wire_event(dp->event_fd, DBX_WIRE_EVENT, buf, &body);
		if (!n)
			return 0;
		if (n < 0 || (size_t)n % sizeof(*e) || (size_t)n > DBX_WIRE_BATCH * sizeof(*e)) {
			end_events(dp, &dp->event_fd);
			return 0;
		}
		for (e = body; n > 0; n -= (ssize_t)sizeof(*e), e++)
			fn(arg, e);
	}
	return 0;
}

int dp_dpdk_poll_events(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg)
{
	char *buf = malloc(DBX_WIRE_MAX);
	uint64_t ticks;
	int rc;

	if (!buf)
		return -ENOMEM;
	if (read(dp->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN) {
		free(buf);
		return -errno;
	}
	rc = read_events(dp, buf, fn, arg);
	dp_sync_retry(dp);
	free(buf);
	return rc;
}

static bool is_name_event(const struct dbx_name_event *e, size_t n)
{
	const size_t bare = offsetof(struct dbx_name_event, payload);

	/* The record may end behind its padding, as a record of the kernel's ring does. */
	return n >= bare && e->n_payload <= sizeof(e->payload) && n >= bare + e->n_payload &&
	       n <= sizeof(*e);
}

int dp_dpdk_poll_name_events(struct dbx_dp *dp,
			     void (*fn)(void *arg, const struct dbx_name_event *e), void *arg)
{
	char *buf = malloc(DBX_WIRE_MAX);
	const void *body = NULL;
	ssize_t n;
	int i;

	if (!buf)
		return -ENOMEM;
	for (i = 0; i < EVENTS_AT_ONCE && dp->name_fd >= 0; i++) {
		n = dp_wire_event(dp->name_fd, DBX_WIRE_NAME_EVENT, buf, &body);
		if (!n)
			break;
		if (n < 0 || !is_name_event(body, (size_t)n)) {
			end_events(dp, &dp->name_fd);
			break;
		}
		fn(arg, body);
	}
	free(buf);
	return 0;
}

/* ---- how it is ---- */

static void end_text(char *text, size_t n)
{
	size_t i;

	text[n - 1] = '\0';
	for (i = 0; text[i]; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
}

static int read_process(struct dbx_dp *dp, struct dbx_dp_process *out)
{
	struct dp_call *lcores = DP_CALL(DBX_WIRE_LCORES, .answer = out->lcores,
					 .max = sizeof(out->lcores),
					 .unit = sizeof(out->lcores[0]));
	struct dp_call *ports = DP_CALL(DBX_WIRE_PORTS, .answer = out->ports,
					.max = sizeof(out->ports), .unit = sizeof(out->ports[0]));
	size_t i;
	int rc = dp_wire_call_locked(dp, lcores, NULL);

	if (!rc)
		rc = dp_wire_call_locked(dp, ports, NULL);
	if (rc)
		return rc;
	out->is_there = true;
	out->n_lcores = lcores->n_answer / sizeof(out->lcores[0]);
	out->n_ports = ports->n_answer / sizeof(out->ports[0]);
	for (i = 0; i < out->n_ports; i++) {
		end_text(out->ports[i].name, sizeof(out->ports[i].name));
		end_text(out->ports[i].device, sizeof(out->ports[i].device));
		end_text(out->ports[i].host, sizeof(out->ports[i].host));
	}
	return 0;
}

int dp_dpdk_process(struct dbx_dp *dp, struct dbx_dp_process *out)
{
	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&dp->lock);
	if (dp->fd >= 0)
		read_process(dp, out);
	out->pid = dp->peer.pid;
	out->counters_id = dp->peer.counters_id;
	out->tsc_hz = dp->peer.tsc_hz;
	out->n_reconnects = dp->n_reconnects;
	memcpy(out->version, dp->peer.version, sizeof(out->version));
	end_text(out->version, sizeof(out->version));
	pthread_mutex_unlock(&dp->lock);
	return 0;
}
