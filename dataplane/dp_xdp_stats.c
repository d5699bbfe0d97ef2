// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_stats.c -- counters, totals and events, read from the program that enforces.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define BATCH 1024u /* keys a call; the kernel never splits a bucket over two calls */

static struct dbx_counter sum(const struct dbx_counter *per_cpu, int n_cpus)
{
	struct dbx_counter c = {0, 0};
	int i;

	for (i = 0; i < n_cpus; i++) {
		c.packets += per_cpu[i].packets;
		c.bytes += per_cpu[i].bytes;
	}
	return c;
}

int dp_xdp_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg)
{
	int fd = dp->live.map[DBX_MAP_COUNTERS], n_cpus = libbpf_num_possible_cpus(), rc = 0,
	    end = 0;
	struct dbx_counter_key *keys = NULL;
	struct dbx_counter *values = NULL;
	uint64_t at = 0; /* the kernel's own place in the table */
	uint32_t i, n;
	bool begun = false;

	if (n_cpus <= 0)
		return n_cpus ? n_cpus : -ENODEV;
	keys = calloc(BATCH, sizeof(*keys));
	values = calloc((size_t)BATCH * (size_t)n_cpus, sizeof(*values));
	if (!keys || !values)
		rc = -ENOMEM;
	while (!rc && !end) {
		n = BATCH;
		end = bpf_map_lookup_batch(fd, begun ? &at : NULL, &at, keys, values, &n, NULL);
		begun = true;
		if (end && end != -ENOENT)
			rc = end;
		for (i = 0; i < n && !rc; i++) {
			struct dbx_dp_counter c = {keys[i],
						   sum(values + i * (size_t)n_cpus, n_cpus)};

			rc = fn(arg, &c);
		}
	}
	free(keys);
	free(values);
	return rc;
}

int dp_xdp_totals(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX])
{
	int fd = dp->live.map[DBX_MAP_TOTALS], n_cpus = libbpf_num_possible_cpus(), rc = 0;
	struct dbx_counter *per_cpu, out[DBX_TOTAL_MAX];
	uint32_t i;

	if (n_cpus <= 0)
		return n_cpus ? n_cpus : -ENODEV;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (i = 0; i < DBX_TOTAL_MAX && !rc; i++) {
		rc = bpf_map_lookup_elem(fd, &i, per_cpu);
		out[i] = sum(per_cpu, n_cpus);
	}
	free(per_cpu);
	if (!rc)
		memcpy(v, out, sizeof(out));
	return rc;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct dbx_dp *dp = arg;

	if (size == sizeof(struct dbx_event) && dp->event_fn)
		dp->event_fn(dp->event_arg, data);
	return 0;
}

static int take_name_event(void *arg, void *data, size_t size)
{
	const struct dbx_name_event *e = data;
	struct dbx_dp *dp = arg;

	if (dp->name_fn && size >= offsetof(struct dbx_name_event, payload) &&
	    size >= offsetof(struct dbx_name_event, payload) + e->n_payload)
		dp->name_fn(dp->name_arg, e);
	return 0;
}

static int ring_open(struct dbx_dp *dp, int map_fd, int epoll_fd, ring_buffer_sample_fn fn,
		     struct ring_buffer **out)
{
	struct epoll_event ev = {.events = EPOLLIN};

	*out = ring_buffer__new(map_fd, fn, dp, NULL);
	if (!*out)
		return -errno;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(*out), &ev) ? -errno : 0;
}

static void ring_close(int epoll_fd, struct ring_buffer **ring)
{
	if (!*ring)
		return;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, ring_buffer__epoll_fd(*ring), NULL);
	ring_buffer__free(*ring);
	*ring = NULL;
}

/* A program of another ABI that is still in force has events, but none on names. */
int dp_ring_open(struct dbx_dp *dp)
{
	int rc;

	dp_ring_close(dp);
	rc = ring_open(dp, dp->live.map[DBX_MAP_EVENTS], dp->epoll_fd, take_event, &dp->ring);
	if (!rc && dp->live.map[DBX_MAP_NAME_EVENTS] >= 0)
		rc = ring_open(dp, dp->live.map[DBX_MAP_NAME_EVENTS], dp->name_epoll_fd,
			       take_name_event, &dp->name_ring);
	return rc;
}

void dp_ring_close(struct dbx_dp *dp)
{
	ring_close(dp->epoll_fd, &dp->ring);
	ring_close(dp->name_epoll_fd, &dp->name_ring);
}

int dp_xdp_event_fd(struct dbx_dp *dp)
{
	return dp->epoll_fd;
}

int dp_xdp_poll_events(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg)
{
	int rc;

	if (!dp->ring)
		return 0;
	dp->event_fn = fn;
	dp->event_arg = arg;
	rc = ring_buffer__consume(dp->ring);
	dp->event_fn = NULL;
	return rc < 0 ? rc : 0;
}

/* A program of another ABI that is still in force tells of each packet. */
int dp_xdp_sweep(struct dbx_dp *dp)
{
	struct dbx_sweep_order o = {.magic = DBX_SWEEP_MAGIC};
	struct bpf_map_info info = {0};
	uint32_t n_info = sizeof(info);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &o, .data_size_in = sizeof(o),
		    .data_out = &o, .data_size_out = sizeof(o));
	int rc;

	if (dp->live.note < 0)
		return 0;
	rc = bpf_obj_get_info_by_fd(dp->live.map[DBX_MAP_NOTED], &info, &n_info);
	while (!rc && o.at < info.max_entries) {
		rc = bpf_prog_test_run_opts(dp->live.note, &opts);
		if (!rc && opts.retval != DBX_ORDER_DONE)
			rc = -EPROTO;
	}
	return rc ? rc : o.n_left > 0;
}
