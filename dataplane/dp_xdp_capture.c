// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_capture.c -- copies of packets, by a perf buffer for each CPU.
 *
 * The buffers live as long as a capture: without one there is neither memory nor a reader. The order
 * of start and stop leaves no moment in which the program copies and nobody takes.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

/*
 * 256 KiB a CPU, and a page of its state: within kernel.perf_event_mlock_kb (516), so that no
 * CAP_IPC_LOCK is needed.
 */
#define BUFFER_BYTES (256u << 10)

static int set_wanted(const struct dp_prog *p, const struct dbx_capture *want)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(p->map[DBX_MAP_CAPTURE_ON], &zero, want, BPF_ANY);
}

void dp_capture_clear(const struct dp_prog *p)
{
	const struct dbx_capture off = {.until_ns = 0};

	if (p->map[DBX_MAP_CAPTURE_ON] >= 0)
		set_wanted(p, &off);
}

/* Sums of what the CPUs have counted. out NULL: they begin anew. */
static int losses(const struct dp_prog *p, struct dbx_dp_loss *out)
{
	int n = libbpf_num_possible_cpus(), i, rc;
	struct dbx_capture_cpu *v;
	uint32_t zero = 0;

	if (n <= 0)
		return n ? n : -ENODEV;
	v = calloc((size_t)n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (out)
		rc = bpf_map_lookup_elem(p->map[DBX_MAP_CAPTURE_CPU], &zero, v);
	else
		rc = bpf_map_update_elem(p->map[DBX_MAP_CAPTURE_CPU], &zero, v, BPF_ANY);
	for (i = 0; i < n && !rc && out; i++) {
		out->limited += v[i].limited;
		out->lost += v[i].lost;
	}
	free(v);
	return rc;
}

/* What is none is left out: only the kernel writes there. */
static void take_sample(void *arg, int cpu, void *data, uint32_t size)
{
	struct dbx_dp *dp = arg;

	(void)cpu;
	if (dp->sample_fn)
		dp_sample_give(data, size, dp->sample_fn, dp->sample_arg);
}

static int refuse(struct dbx_dp_error *err, int rc)
{
	return dp_fail(err, rc, "capture: the kernel gives no buffer for copies of packets: %s%s",
		       strerror(-rc),
		       rc == -EPERM || rc == -EACCES ? "; CAP_PERFMON is needed" : "");
}

int dp_xdp_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			 struct dbx_dp_error *err)
{
	int fd = dp->live.map[DBX_MAP_SAMPLES], rc;

	if (dp->samples)
		return dp_fail(err, -EBUSY, "capture: another one is running");
	if (fd < 0 || dp->live.map[DBX_MAP_CAPTURE_ON] < 0)
		return dp_fail(err, -EOPNOTSUPP,
			       "capture: the packet program is of an earlier version, until the "
			       "next apply");
	dp_libbpf_listen();
	dp->capture_ended = false;
	dp->samples = perf_buffer__new(fd, BUFFER_BYTES / 4096, take_sample, NULL, dp, NULL);
	if (!dp->samples)
		return refuse(err, errno ? -errno : -ENOMEM);
	rc = losses(&dp->live, NULL);
	if (!rc)
		rc = set_wanted(&dp->live, want);
	if (!rc)
		return 0;
	perf_buffer__free(dp->samples);
	dp->samples = NULL;
	return refuse(err, rc);
}

int dp_xdp_capture_fd(struct dbx_dp *dp)
{
	return dp->samples ? perf_buffer__epoll_fd(dp->samples) : -1;
}

int dp_xdp_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg)
{
	int rc;

	if (!dp->samples)
		return dp->capture_ended ? -ENODEV : 0;
	dp->sample_fn = fn;
	dp->sample_arg = arg;
	rc = perf_buffer__consume(dp->samples);
	dp->sample_fn = NULL;
	return rc < 0 ? rc : 0;
}

int dp_xdp_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out)
{
	struct dbx_dp_loss sum = {0, 0};
	int rc = dp->samples ? losses(&dp->live, &sum) : 0;

	if (!rc)
		*out = sum;
	return rc;
}

void dp_xdp_capture_stop(struct dbx_dp *dp)
{
	dp->capture_ended = false;
	if (!dp->samples)
		return;
	dp_capture_clear(&dp->live);
	perf_buffer__free(dp->samples);
	dp->samples = NULL;
}

void dp_capture_end(struct dbx_dp *dp)
{
	bool was_on = dp->samples != NULL;

	dp_xdp_capture_stop(dp);
	dp->capture_ended = was_on;
}
