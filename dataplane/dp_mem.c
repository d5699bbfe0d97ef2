// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_mem.c -- the data plane in memory: the same promises as the XDP driver, and faults on demand.
 *
 * For tests of the daemon. It keeps images, interfaces, counters and events, and judges nothing.
 */
#include "dataplane/dp_mem_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/dp_util.h"
#include "dbx/image.h"
#include "dbx/program.h"

#define LINKS_MAX    64u
#define COUNTERS_MAX 1024u
#define RING_MAX     1024u

struct dbx_dp {
	void *staged;
	size_t n_staged;
	bool adopted;
};

/* What the kernel would hold. */
static struct machine {
	bool is_open, was_opened;
	void *image;
	size_t n_image;
	struct dbx_dp_link links[LINKS_MAX];
	size_t n_links;
	struct dbx_counter totals[DBX_TOTAL_MAX];
	struct dbx_dp_counter counters[COUNTERS_MAX];
	size_t n_counters;
	struct dbx_event ring[RING_MAX];
	size_t n_ring, ring_max;
	int event_fd; /* + 1, 0 = none */
	uint32_t forward[DBX_FORWARD_MAX];
	size_t n_forward;
	unsigned int fail_in[DBX_DP_MEM_CALL_MAX];
	int fail_rc[DBX_DP_MEM_CALL_MAX];
	unsigned int n_calls[DBX_DP_MEM_CALL_MAX];
} machine;

static uint64_t n_resets;

void dbx_dp_mem_reset(void)
{
	free(machine.image);
	if (machine.event_fd)
		close(machine.event_fd - 1);
	memset(&machine, 0, sizeof(machine));
	n_resets++;
	dp_mem_names_reset();
	dp_mem_capture_reset();
}

void dbx_dp_mem_fail(enum dbx_dp_mem_call call, unsigned int nth, int rc)
{
	machine.fail_in[call] = nth;
	machine.fail_rc[call] = rc;
}

unsigned int dbx_dp_mem_calls(enum dbx_dp_mem_call call)
{
	return machine.n_calls[call];
}

const void *dbx_dp_mem_image(size_t *n_bytes)
{
	*n_bytes = machine.n_image;
	return machine.image;
}

void dbx_dp_mem_ring(unsigned int n_events)
{
	machine.ring_max = n_events < RING_MAX ? n_events : RING_MAX;
}

int dp_mem_fault(enum dbx_dp_mem_call call, const char *what, struct dbx_dp_error *err)
{
	machine.n_calls[call]++;
	if (!machine.fail_in[call] || --machine.fail_in[call])
		return 0;
	return dp_fail(err, machine.fail_rc[call], "%s: injected fault: %s", what,
		       strerror(-machine.fail_rc[call]));
}

static void add_total(unsigned int index, uint32_t bytes)
{
	machine.totals[index].packets++;
	machine.totals[index].bytes += bytes;
}

static void add_keyed(const struct dbx_event *e)
{
	struct dbx_counter_key key = {e->workspace_id, e->rule_uid, e->reason,
				      e->verdict,      e->path,     0};
	size_t i;

	for (i = 0; i < machine.n_counters; i++) {
		if (!memcmp(&machine.counters[i].key, &key, sizeof(key)))
			break;
	}
	if (i == COUNTERS_MAX) {
		add_total(DBX_TOTAL_UNKEYED, e->frame_bytes);
		return;
	}
	if (i == machine.n_counters)
		machine.counters[machine.n_counters++].key = key;
	machine.counters[i].value.packets++;
	machine.counters[i].value.bytes += e->frame_bytes;
}

void dbx_dp_mem_packet(const struct dbx_event *e)
{
	uint64_t one = 1;

	add_total(DBX_TOTAL_REASON_BASE + e->reason * DBX_VERDICT_MAX + e->verdict, e->frame_bytes);
	add_keyed(e);
	if (e->verdict == DBX_VERDICT_PASS)
		return;
	if (machine.n_ring == (machine.ring_max ? machine.ring_max : RING_MAX)) {
		add_total(DBX_TOTAL_EVENTS_LOST, e->frame_bytes);
		return;
	}
	machine.ring[machine.n_ring++] = *e;
	machine.totals[DBX_TOTAL_EVENTS].packets++;
	add_total(DBX_TOTAL_TOLD, e->frame_bytes);
	if (machine.event_fd && write(machine.event_fd - 1, &one, sizeof(one)) < 0)
		return; /* the counter is at its limit: the reader is awake already */
}

static int mem_probe(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	(void)o;
	(void)err;
	return 0;
}

static int mem_state(struct dbx_dp *dp, struct dbx_dp_state *state)
{
	const struct dbx_image_header *hdr = machine.image;

	memset(state, 0, sizeof(*state));
	state->has_image = hdr != NULL;
	state->adopted = dp->adopted;
	if (hdr) {
		state->generation = hdr->generation;
		state->content_hash = hdr->content_hash;
		state->checksum = hdr->checksum;
	}
	snprintf(state->program_id, sizeof(state->program_id), "in memory");
	state->counters_id = n_resets + 1;
	return 0;
}

static int mem_open(struct dbx_dp **out, const struct dbx_dp_opts *o, struct dbx_dp_state *state,
		    struct dbx_dp_error *err)
{
	struct dbx_dp *dp;
	int rc = dp_mem_fault(DBX_DP_MEM_OPEN, "open", err);

	(void)o;
	if (rc)
		return rc;
	if (machine.is_open)
		return dp_fail(err, -EBUSY, "open: the data plane in memory is open already");
	dp = calloc(1, sizeof(*dp));
	if (dp && !machine.event_fd)
		machine.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1;
	if (!dp || !machine.event_fd) {
		free(dp);
		return dp_fail(err, -ENOMEM, "open: out of memory");
	}
	dp->adopted = machine.was_opened;
	machine.was_opened = true;
	machine.is_open = true;
	mem_state(dp, state);
	*out = dp;
	return 0;
}

static void mem_abort(struct dbx_dp *dp)
{
	free(dp->staged);
	dp->staged = NULL;
	dp->n_staged = 0;
}

static void mem_close(struct dbx_dp **dpp)
{
	if (!*dpp)
		return;
	mem_abort(*dpp);
	dp_mem_capture_stop(*dpp);
	free(*dpp);
	*dpp = NULL;
	machine.is_open = false;
}

static struct dbx_dp_link *find_link(const char *ifname)
{
	size_t i;

	for (i = 0; i < machine.n_links; i++) {
		if (!strcmp(machine.links[i].ifname, ifname))
			return &machine.links[i];
	}
	return NULL;
}

static int mem_attach(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		      struct dbx_dp_error *err)
{
	struct dbx_dp_link *l = find_link(ifname);
	int rc = dp_mem_fault(DBX_DP_MEM_ATTACH, ifname, err);

	(void)dp;
	if (rc)
		return rc;
	if (!ifindex || !ifname[0] || strlen(ifname) >= sizeof(l->ifname))
		return dp_fail(err, -EINVAL, "interface \"%s\" (%u): not an interface", ifname,
			       ifindex);
	if (!l && machine.n_links == LINKS_MAX)
		return dp_fail(err, -ENOSPC, "interface %s: one more than %u", ifname, LINKS_MAX);
	if (!l)
		l = &machine.links[machine.n_links++];
	*l = (struct dbx_dp_link){.ifindex = ifindex, .is_attached = true, .is_native = true};
	snprintf(l->ifname, sizeof(l->ifname), "%s", ifname);
	return 0;
}

static int mem_forget(struct dbx_dp *dp, const char *ifname)
{
	struct dbx_dp_link *l = find_link(ifname);

	(void)dp;
	if (l)
		*l = machine.links[--machine.n_links];
	return 0;
}

static int mem_detach(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err)
{
	int rc = dp_mem_fault(DBX_DP_MEM_DETACH, ifname, err);

	if (rc)
		return rc;
	if (!find_link(ifname))
		return dp_fail(err, -ENOENT, "interface %s: not attached", ifname);
	return mem_forget(dp, ifname);
}

static int mem_links(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n)
{
	size_t i;

	(void)dp;
	for (i = 0; i < machine.n_links && i < cap; i++)
		v[i] = machine.links[i];
	*n = machine.n_links;
	return 0;
}

static int mem_prepare(struct dbx_dp *dp, const void *image, size_t n_bytes,
		       struct dbx_dp_error *err)
{
	int rc = dp_mem_fault(DBX_DP_MEM_PREPARE, "prepare", err);
	void *copy;

	if (!rc)
		rc = dp_image_check(image, n_bytes, err);
	if (rc)
		return rc;
	if (dp_image_checksum(image, image, n_bytes) !=
	    ((const struct dbx_image_header *)image)->checksum)
		return dp_fail(err, -EBADMSG, "policy image: the checksum does not fit the bytes");
	copy = malloc(n_bytes);
	if (!copy)
		return dp_fail(err, -ENOMEM, "prepare: out of memory");
	memcpy(copy, image, n_bytes);
	mem_abort(dp);
	dp->staged = copy;
	dp->n_staged = n_bytes;
	return 0;
}

static int mem_commit(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc = dp_mem_fault(DBX_DP_MEM_COMMIT, "commit", err);

	if (rc)
		return rc;
	if (!dp->staged)
		return dp_fail(err, -EINVAL, "commit: no policy image was prepared");
	free(machine.image);
	machine.image = dp->staged;
	machine.n_image = dp->n_staged;
	dp->staged = NULL;
	dp->n_staged = 0;
	return 0;
}

static int mem_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg)
{
	size_t i;
	int rc = 0;

	(void)dp;
	for (i = 0; i < machine.n_counters && !rc; i++)
		rc = fn(arg, &machine.counters[i]);
	return rc;
}

static int mem_totals(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX])
{
	(void)dp;
	memcpy(v, machine.totals, sizeof(machine.totals));
	return 0;
}

static int mem_event_fd(struct dbx_dp *dp)
{
	(void)dp;
	return machine.event_fd - 1;
}

static int mem_poll_events(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg)
{
	uint64_t n;
	size_t i;

	(void)dp;
	if (read(machine.event_fd - 1, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return -errno;
	for (i = 0; i < machine.n_ring; i++)
		fn(arg, &machine.ring[i]);
	machine.n_ring = 0;
	return 0;
}

/* Each packet has an event of its own here. */
static int mem_sweep(struct dbx_dp *dp)
{
	(void)dp;
	return 0;
}

static int mem_forward(struct dbx_dp *dp, const uint32_t *ifindex, size_t n,
		       struct dbx_dp_error *err)
{
	int rc = dp_mem_fault(DBX_DP_MEM_FORWARD, "forward", err);

	(void)dp;
	if (rc)
		return rc;
	if (n > DBX_FORWARD_MAX)
		return dp_fail(err, -ENOSPC, "forward: more than %u interfaces", DBX_FORWARD_MAX);
	if (n)
		memcpy(machine.forward, ifindex, n * sizeof(*ifindex));
	machine.n_forward = n;
	return 0;
}

const uint32_t *dbx_dp_mem_forward(size_t *n)
{
	*n = machine.n_forward;
	return machine.forward;
}

static int mem_uninstall(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	(void)o;
	(void)err;
	if (!machine.is_open)
		dbx_dp_mem_reset();
	return 0;
}

const struct dbx_dp_ops dbx_dp_mem = {
	.name = "mem",
	.probe = mem_probe,
	.open = mem_open,
	.close = mem_close,
	.attach = mem_attach,
	.detach = mem_detach,
	.forget = mem_forget,
	.links = mem_links,
	.prepare = mem_prepare,
	.commit = mem_commit,
	.abort = mem_abort,
	.state = mem_state,
	.counters = mem_counters,
	.totals = mem_totals,
	.event_fd = mem_event_fd,
	.poll_events = mem_poll_events,
	.sweep = mem_sweep,
	.secret = dp_mem_secret,
	.learn = dp_mem_learn,
	.unlearn = dp_mem_unlearn,
	.bound_get = dp_mem_bound_get,
	.learned_get = dp_mem_learned_get,
	.forget_addr = dp_mem_forget_addr,
	.learned_each = dp_mem_learned_each,
	.bound_each = dp_mem_bound_each,
	.flows_each = dp_mem_flows_each,
	.flow_set = dp_mem_flow_set,
	.flow_del = dp_mem_flow_del,
	.steer = dp_mem_steer,
	.forward = mem_forward,
	.capture_start = dp_mem_capture_start,
	.capture_fd = dp_mem_capture_fd,
	.capture_poll = dp_mem_capture_poll,
	.capture_loss = dp_mem_capture_loss,
	.capture_stop = dp_mem_capture_stop,
	.name_event_fd = dp_mem_name_event_fd,
	.poll_name_events = dp_mem_poll_name_events,
	.uninstall = mem_uninstall,
};
