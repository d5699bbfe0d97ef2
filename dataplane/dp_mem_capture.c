// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_mem_capture.c -- captures in the data plane in memory: what a test says was seen, by the rules of
 * the kernel program (ebpf/capture.h) but for rates.
 */
#include "dataplane/dp_mem_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define SAMPLES_MAX 64u

static struct {
	struct dbx_capture want; /* until_ns 0 = off */
	int fd;                  /* + 1, 0 = none */
	struct sample {
		struct dbx_event event;
		uint8_t frame[DBX_CAPTURE_SNAP_MAX];
		size_t n_bytes;
	} * v; /* [SAMPLES_MAX] */
	size_t n;
	struct dbx_dp_loss loss;
	bool ended;
} box;

static void close_all(void)
{
	if (box.fd)
		close(box.fd - 1);
	free(box.v);
	memset(&box, 0, sizeof(box));
}

void dp_mem_capture_reset(void)
{
	close_all();
}

const struct dbx_capture *dbx_dp_mem_capture(void)
{
	return box.want.until_ns ? &box.want : NULL;
}

void dbx_dp_mem_capture_end(void)
{
	close_all();
	box.ended = true;
}

static bool is_wanted(const struct dbx_event *e)
{
	const struct dbx_capture *c = &box.want;

	return (c->verdicts >> e->verdict & 1) &&
	       (c->reasons[e->reason >> 6] >> (e->reason & 63) & 1) &&
	       (!c->workspace_id || c->workspace_id == e->workspace_id);
}

void dbx_dp_mem_sample(const struct dbx_event *e, const void *frame, size_t n_bytes)
{
	uint64_t one = 1;
	struct sample *s;

	if (!box.want.until_ns || !is_wanted(e))
		return;
	if (box.n == SAMPLES_MAX) {
		box.loss.lost++;
		return;
	}
	s = &box.v[box.n++];
	s->event = *e;
	s->n_bytes = n_bytes < box.want.snap_bytes ? n_bytes : box.want.snap_bytes;
	memcpy(s->frame, frame, s->n_bytes);
	if (write(box.fd - 1, &one, sizeof(one)) < 0)
		return; /* the counter is at its limit: the reader is awake already */
}

int dp_mem_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			 struct dbx_dp_error *err)
{
	int rc = dp_mem_fault(DBX_DP_MEM_CAPTURE, "capture", err);

	(void)dp;
	if (rc)
		return rc;
	if (box.want.until_ns)
		return dp_fail(err, -EBUSY, "capture: another one is running");
	close_all();
	box.v = calloc(SAMPLES_MAX, sizeof(*box.v));
	box.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1;
	if (!box.v || !box.fd) {
		close_all();
		return dp_fail(err, -ENOMEM, "capture: out of memory");
	}
	box.want = *want;
	return 0;
}

int dp_mem_capture_fd(struct dbx_dp *dp)
{
	(void)dp;
	return box.fd - 1;
}

int dp_mem_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg)
{
	uint64_t n;
	size_t i;

	(void)dp;
	if (!box.want.until_ns)
		return box.ended ? -ENODEV : 0;
	if (read(box.fd - 1, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return -errno;
	for (i = 0; i < box.n; i++)
		fn(arg, &box.v[i].event, box.v[i].frame, box.v[i].n_bytes);
	box.n = 0;
	return 0;
}

int dp_mem_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out)
{
	(void)dp;
	*out = box.loss;
	return 0;
}

void dp_mem_capture_stop(struct dbx_dp *dp)
{
	(void)dp;
	close_all();
}
