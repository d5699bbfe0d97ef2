// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk.c -- the DPDK driver: dbx-egress-dpdk judges, the daemon tells it by what.
 *
 * The process is the truth for what is in force, as the pinned program is for the XDP driver: open()
 * takes over its image and its names. Later the driver is what outlives the process (dp_dpdk_sync.c).
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define OPEN_TRIES   50 /* the two may be started at the same time */
#define OPEN_WAIT_NS 100000000

static int dpdk_probe(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	const char *path = o->socket_path ? o->socket_path : DBX_WIRE_PATH;

	if (strlen(path) >= sizeof(((struct dbx_dp *)0)->path))
		return dp_fail(err, -ENAMETOOLONG, "%s: too long for a Unix socket", path);
	/* What the interfaces of the stack need is what the XDP driver needs. */
	return o->object_path ? dbx_dp_xdp.probe(o, err) : 0;
}

static int dpdk_state(struct dbx_dp *dp, struct dbx_dp_state *state)
{
	struct dbx_wire_state s = {0};
	int rc;

	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_call_locked(
		dp, DP_CALL(DBX_WIRE_STATE, .answer = &s, .min = sizeof(s), .max = sizeof(s)),
		NULL);
	if (!rc)
		dp->peer = s;
	pthread_mutex_unlock(&dp->lock);
	if (rc)
		return rc;
	memset(state, 0, sizeof(*state));
	state->has_image = s.has_image;
	state->adopted = dp->adopted;
	if (s.has_image) {
		state->generation = s.generation;
		state->content_hash = s.content_hash;
		state->checksum = s.checksum;
	}
	state->counters_id = s.counters_id;
	snprintf(state->program_id, sizeof(state->program_id), "pid %u build %016llx", s.pid,
		 (unsigned long long)s.build);
	return 0;
}

static void dpdk_abort(struct dbx_dp *dp)
{
	pthread_mutex_lock(&dp->lock);
	if (dp->next.fd >= 0)
		dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_ABORT), NULL);
	dp_memfd_drop(&dp->next);
	pthread_mutex_unlock(&dp->lock);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void dpdk_close(struct dbx_dp **dpp)
{
	struct dbx_dp *dp = *dpp;

	if (!dp)
		return;
	dp_dpdk_capture_stop(dp);
	close_fd(dp->fd);
	close_fd(dp->event_fd);
	close_fd(dp->name_fd);
	close_fd(dp->flows_fd);
	close_fd(dp->timer_fd);
	close_fd(dp->epoll_fd);
	close_fd(dp->name_epoll_fd);
	dp_memfd_drop(&dp->now);
	dp_memfd_drop(&dp->next);
	dp_mirror_fini(&dp->bound);
	dp_fib_fini(&dp->fib);
	dp_host_close(&dp->host);
	pthread_mutex_destroy(&dp->lock);
	free(dp->in);
	free(dp);
	*dpp = NULL;
}

static struct dbx_dp *make(const struct dbx_dp_opts *o)
{
	struct dbx_dp *dp = calloc(1, sizeof(*dp));
	struct epoll_event ev = {.events = EPOLLIN};

	if (!dp)
		return NULL;
	pthread_mutex_init(&dp->lock, NULL);
	dp->fd = dp->event_fd = dp->name_fd = dp->sample_fd = dp->now.fd = dp->next.fd =
		dp->flows_fd = -1;
	snprintf(dp->path, sizeof(dp->path), "%s", o->socket_path ? o->socket_path : DBX_WIRE_PATH);
	dp->in = malloc(DBX_WIRE_MAX);
	dp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	dp->name_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	dp->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!dp->in || dp->epoll_fd < 0 || dp->name_epoll_fd < 0 || dp->timer_fd < 0 ||
	    epoll_ctl(dp->epoll_fd, EPOLL_CTL_ADD, dp->timer_fd, &ev))
		dpdk_close(&dp);
	return dp;
}

/* The interfaces that were attached before us: the process is told their indexes again. */
static int note_links(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_dp_link v[DP_DPDK_PORTS_MAX];
	size_t i, n = 0;
	int rc = dp->host ? dp_host_links(dp->host, v, DP_DPDK_PORTS_MAX, &n) : 0;

	if (rc)
		return dp_fail(err, rc, "listing what is attached: %s", strerror(-rc));
	for (i = 0; i < n && i < DP_DPDK_PORTS_MAX; i++) {
		if (v[i].is_attached)
			dp_dpdk_attach(dp, v[i].ifindex, v[i].ifname, NULL);
	}
	return 0;
}

static int wait_for_process(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	const struct timespec pause = {.tv_nsec = OPEN_WAIT_NS};
	int i, rc = 0;

	for (i = 0; i < OPEN_TRIES; i++) {
		rc = dp_sync_open(dp, err);
		if (rc != -ENOTCONN)
			return rc;
		nanosleep(&pause, NULL);
	}
	return rc;
}

static int dpdk_open(struct dbx_dp **out, const struct dbx_dp_opts *o, struct dbx_dp_state *state,
		     struct dbx_dp_error *err)
{
	struct dbx_dp *dp = make(o);
	int rc = 0;

	if (!dp)
		return dp_fail(err, -ENOMEM, "DPDK: out of memory or descriptors");
	if (o->object_path)
		rc = dp_host_open(&dp->host, o, err);
	if (!rc)
		rc = wait_for_process(dp, err);
	if (!rc)
		rc = note_links(dp, err);
	if (!rc) {
		dp->adopted = dp->now.fd >= 0;
		rc = dpdk_state(dp, state);
		if (rc)
			dp_fail(err, rc, "DPDK: the process left: %s", strerror(-rc));
	}
	if (rc)
		dpdk_close(&dp);
	else
		*out = dp;
	return rc;
}

static int dpdk_prepare(struct dbx_dp *dp, const void *image, size_t n_bytes,
			struct dbx_dp_error *err)
{
	struct dp_memfd m = {.fd = -1};
	int rc = dp_image_check(image, n_bytes, err);

	if (rc)
		return rc;
	rc = dp_memfd_make(image, n_bytes, &m);
	if (rc)
		return dp_fail(err, rc, "policy image: no memory for %zu bytes: %s", n_bytes,
			       strerror(-rc));
	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_call_locked(dp,
				 DP_CALL(DBX_WIRE_IMAGE, .body = &m.what, .n_body = sizeof(m.what),
					 .give_fd = &m.fd),
				 err);
	dp_memfd_drop(rc ? &m : &dp->next);
	if (!rc)
		dp->next = m;
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

static int dpdk_commit(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_wire_generation g;
	int rc;

	pthread_mutex_lock(&dp->lock);
	if (dp->next.fd < 0) {
		rc = dp_fail(err, -EINVAL, "commit: no policy image was prepared");
		goto out;
	}
	g.generation = dp->next.what.generation;
	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_COMMIT, .body = &g, .n_body = sizeof(g)),
				 err);
	if (rc)
		goto out;
	dp_memfd_drop(&dp->now);
	dp->now = dp->next;
	dp->next.fd = -1;
out:
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

/* Each lcore sweeps its own, once a second. */
static int dpdk_sweep(struct dbx_dp *dp)
{
	(void)dp;
	return 0;
}

/* The process enforces until it is stopped; what ends here is that the stack takes anything of it. */
static int dpdk_uninstall(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	return dbx_dp_xdp.uninstall(o, err);
}

const struct dbx_dp_ops dbx_dp_dpdk = {
	.name = "dpdk",
	.probe = dpdk_probe,
	.open = dpdk_open,
	.close = dpdk_close,
	.attach = dp_dpdk_attach,
	.detach = dp_dpdk_detach,
	.forget = dp_dpdk_forget,
	.links = dp_dpdk_links,
	.prepare = dpdk_prepare,
	.commit = dpdk_commit,
	.abort = dpdk_abort,
	.state = dpdk_state,
	.counters = dp_dpdk_counters,
	.totals = dp_dpdk_totals,
	.event_fd = dp_dpdk_event_fd,
	.poll_events = dp_dpdk_poll_events,
	.sweep = dpdk_sweep,
	.secret = dp_dpdk_secret,
	.learn = dp_dpdk_learn,
	.unlearn = dp_dpdk_unlearn,
	.bound_get = dp_dpdk_bound_get,
	.learned_get = dp_dpdk_learned_get,
	.forget_addr = dp_dpdk_forget_addr,
	.learned_each = dp_dpdk_learned_each,
	.bound_each = dp_dpdk_bound_each,
	.flows_each = dp_dpdk_flows_each,
	.flow_set = dp_dpdk_flow_set,
	.flow_del = dp_dpdk_flow_del,
	.steer = dp_dpdk_steer,
	.forward = dp_dpdk_forward,
	.capture_start = dp_dpdk_capture_start,
	.capture_fd = dp_dpdk_capture_fd,
	.capture_poll = dp_dpdk_capture_poll,
	.capture_loss = dp_dpdk_capture_loss,
	.capture_stop = dp_dpdk_capture_stop,
	.fib = dp_dpdk_fib,
	.process = dp_dpdk_process,
	.name_event_fd = dp_dpdk_name_event_fd,
	.poll_name_events = dp_dpdk_poll_name_events,
	.uninstall = dpdk_uninstall,
};
