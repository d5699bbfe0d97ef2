// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * capture.c -- which packets lcores copy, and who takes the copies.
 *
 * A capture is its connection's: it ends with it, by its deadline, or when it is told to. An image that
 * comes into force meanwhile changes nothing of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "dataplane/dpdk/request.h"

#define FLAGS (DBX_CAPTURE_F_DST | DBX_CAPTURE_F_IPV6 | DBX_CAPTURE_F_PROTO | DBX_CAPTURE_F_DPORT)

static bool is_capture(const struct dbx_capture *c)
{
	return c->snap_bytes && c->snap_bytes <= DBX_CAPTURE_SNAP_MAX && c->per_s &&
	       c->per_s <= DBX_CAPTURE_RATE_MAX && !(c->flags & ~FLAGS) && !c->zero && !c->zero2 &&
	       !(c->verdicts >> DBX_VERDICT_MAX);
}

/* What waits of it goes as well: nobody asks for it any more. */
static void forget(struct dpk_control *c)
{
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++) {
		struct dpk_connection *k = &c->conn[i];

		if (k->fd >= 0 && k->capture_id)
			k->n_pending = k->capture_id = 0;
	}
}

static struct dpk_connection *taker(struct dpk_control *c)
{
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++) {
		if (c->conn[i].fd >= 0 && c->conn[i].role == DBX_WIRE_ROLE_SAMPLES)
			return &c->conn[i];
	}
	return NULL;
}

static int start(struct dpk_control *c, const struct dbx_capture *want, struct dpk_request *r)
{
	struct dpk_connection *k = taker(c);
	struct dpk_capture *new;

	r->text = "capture: it asks for what there is not";
	if (!is_capture(want))
		return -EINVAL;
	r->text = "capture: nobody takes the copies";
	if (!k)
		return -ENOTCONN;
	r->text = NULL;
	new = malloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = (struct dpk_capture){*want, c->capture_id + 1};
	if (dpk_pipe_set_capture(c->lcores->pipe, new)) {
		free(new);
		return -ENOMEM;
	}
	forget(c);
	k->capture_id = ++c->capture_id;
	return 0;
}

int dpk_capture_do(struct dpk_control *c, struct dpk_request *r)
{
	const struct dbx_capture *want = r->body;
	int rc;

	if (want->until_ns)
		return start(c, want, r);
	rc = dpk_pipe_set_capture(c->lcores->pipe, NULL);
	if (rc)
		return rc;
	forget(c);
	dpk_request_settle(c);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What waits of a capture that is over is still for who takes it. */
void dpk_capture_tend(struct dpk_control *c)
{
	const struct dpk_capture *on = c->sh->capture;

	if (!on)
		return;
	for (unsigned int i = 0; i < DPK_CONNECTIONS_MAX; i++) {
		if (c->conn[i].fd >= 0 && c->conn[i].capture_id == on->id &&
		    now_ns() < on->want.until_ns)
			return;
	}
	dpk_pipe_set_capture(c->lcores->pipe, NULL); /* without memory: the next time */
}

/* The lcore that has the oldest one. */
static struct dpk_sampler *oldest(struct dpk_control *c, uint64_t id)
{
	struct dpk_sampler *best = NULL;
	uint64_t least = ~0ull, t;

	for (unsigned int i = 0; i < c->sh->n_cores; i++) {
		struct dpk_sampler *s = dpk_core_sampler(c->sh->cores[i]);

		t = dpk_sampler_next(s, id);
		if (t < least) {
			least = t;
			best = s;
		}
	}
	return best;
}

size_t dpk_capture_take(struct dpk_control *c, const struct dpk_connection *k, uint8_t *out,
			size_t room)
{
	struct dpk_sampler *s;
	size_t n = 0, one;

	for (unsigned int i = 0; i < DBX_WIRE_BATCH; i++) {
		s = oldest(c, k->capture_id);
		one = s ? dpk_sampler_take(s, out + n, room - n) : 0;
		if (!one)
			break;
		n += one;
	}
	return n;
}
