// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_capture.c -- copies of packets that dbx-egress-dpdk makes, by a connection of their own.
 *
 * The capture is that connection's: whatever becomes of this daemon, the process ends it with it.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define MESSAGES_AT_ONCE 64 /* then other work has its turn */

/* The caller may have a duplicate of it, which must not keep it alive. */
static void hang_up(struct dbx_dp *dp)
{
	if (dp->sample_fd < 0)
		return;
	shutdown(dp->sample_fd, SHUT_RDWR);
	close(dp->sample_fd);
	dp->sample_fd = -1;
}

int dp_dpdk_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			  struct dbx_dp_error *err)
{
	struct dbx_wire_state state;
	int rc;

	if (dp->sample_fd >= 0)
		return dp_fail(err, -EBUSY, "capture: another one is running");
	dp->capture_ended = false;
	pthread_mutex_lock(&dp->lock);
	rc = dp_wire_connect(dp, DBX_WIRE_ROLE_SAMPLES, &dp->sample_fd, &state, err);
	if (!rc)
		rc = dp_wire_call_locked(
			dp, DP_CALL(DBX_WIRE_CAPTURE, .body = want, .n_body = sizeof(*want)), err);
	pthread_mutex_unlock(&dp->lock);
	if (rc)
		hang_up(dp);
	return rc;
}

int dp_dpdk_capture_fd(struct dbx_dp *dp)
{
	return dp->sample_fd;
}

static size_t bytes_of(const uint8_t *p, size_t n)
{
	struct dbx_sample s;

	if (n < sizeof(s))
		return 0;
	memcpy(&s, p, sizeof(s));
	return s.n_bytes <= n ? DBX_WIRE_SAMPLE_BYTES(s.n_bytes) : 0;
}

/* All of a message, or nothing of it. */
static int give(const uint8_t *p, size_t n, dbx_dp_sample_fn fn, void *arg)
{
	size_t at, one, count = 0;

	for (at = 0; at < n; at += one) {
		one = bytes_of(p + at, n - at);
		if (!one || one > n - at || ++count > DBX_WIRE_BATCH)
			return -EPROTO;
	}
	for (at = 0; at < n; at += one) {
		one = bytes_of(p + at, n - at);
		if (dp_sample_give(p + at, one, fn, arg))
			return -EPROTO;
	}
	return 0;
}

int dp_dpdk_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg)
{
	const void *body = NULL;
	ssize_t n = 1;
	char *buf;
	int i;

	if (dp->sample_fd < 0)
		return dp->capture_ended ? -ENODEV : 0;
	buf = malloc(DBX_WIRE_MAX);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < MESSAGES_AT_ONCE && n > 0; i++) {
		n = dp_wire_event(dp->sample_fd, DBX_WIRE_SAMPLE, buf, &body);
		if (n > 0 && give(body, (size_t)n, fn, arg))
			n = -EPROTO;
	}
	free(buf);
	if (n >= 0)
		return 0;
	hang_up(dp); /* the process is gone, or says what it must not */
	dp->capture_ended = true;
	return -ENODEV;
}

int dp_dpdk_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out)
{
	struct dbx_wire_loss w = {0, 0};
	int rc = 0;

	if (dp->sample_fd >= 0)
		rc = dp_wire_call(
			dp,
			DP_CALL(DBX_WIRE_LOSS, .answer = &w, .min = sizeof(w), .max = sizeof(w)),
			NULL);
	if (!rc)
		*out = (struct dbx_dp_loss){w.limited, w.lost};
	return rc;
}

void dp_dpdk_capture_stop(struct dbx_dp *dp)
{
	const struct dbx_capture off = {.until_ns = 0};

	dp->capture_ended = false;
	if (dp->sample_fd < 0)
		return;
	/* one that does not answer finds the connection ended */
	dp_wire_call(dp, DP_CALL(DBX_WIRE_CAPTURE, .body = &off, .n_body = sizeof(off)), NULL);
	hang_up(dp);
}
