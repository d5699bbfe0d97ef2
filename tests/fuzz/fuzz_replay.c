/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_replay.c -- any bytes as a capture, replayed by the documents of tests/data/replay.
 *
 * An input is a capture file. It is read as itself, and as a workspace's own traffic with the names
 * that its hellos say. Runs in the root of the source tree.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/vec_world.h"
#include "replay/replay.h"

#define PACKETS_MAX 300

static struct vec_world world;
static struct dbx_names *names;

static void load(void)
{
	if (names)
		return;
	if (vec_world_load(&world, "tests/data/replay/policy") || dbx_names_new(world.m, &names))
		abort();
}

/* What holds for every packet, and for the counts of all of them. */
static void check(const struct dbx_replay *r)
{
	const struct dbx_replay_counts *n = dbx_replay_counts(r);
	uint64_t of_flows = 0, verdicts = 0;

	for (size_t i = 0; i < dbx_replay_n_flows(r); i++) {
		const struct dbx_replay_flow *f = dbx_replay_flow(r, i);

		for (int v = 0; v < DBX_VERDICT_MAX; v++)
			of_flows += f->packets[v];
		if (f->verdict >= DBX_VERDICT_MAX || f->reason >= DBX_REASON_MAX ||
		    strlen(f->name) >= sizeof(f->name) || f->first_ns > f->last_ns)
			abort();
	}
	for (int v = 0; v < DBX_VERDICT_MAX; v++)
		verdicts += n->by_verdict[v];
	if (verdicts != n->judged || n->judged + n->back + n->foreign != n->packets ||
	    of_flows + n->flows_unlisted != n->judged)
		abort();
}

static void run(const char *path, struct dbx_replay *r)
{
	struct dbx_capture_error err;
	struct dbx_capture *c;
	struct dbx_captured k;
	struct dbx_replay_packet p;

	if (dbx_capture_open(&c, path, &err))
		return;
	while (dbx_capture_next(c, &k, &err) == 1 && k.number <= PACKETS_MAX) {
		if (k.n_bytes > k.n_wire_bytes && !k.is_made)
			abort();
		dbx_replay_packet(r, &k, &p);
		if (p.kind == DBX_REPLAY_JUDGED && p.v.res.verdict == DBX_VERDICT_DROP &&
		    p.v.action != DBX_SIM_DROP && p.v.res.reason != DBX_REASON_DNS_DENIED &&
		    p.v.res.reason != DBX_REASON_DNS_TYPE && p.v.res.reason != DBX_REASON_NO_POLICY)
			abort(); /* said to be denied, and let through */
	}
	dbx_capture_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dbx_replay_opts o = {.model = NULL};
	struct dbx_capture_error err;
	struct dbx_replay *r;
	char path[64];
	int fd;

	load();
	o.model = world.m;
	o.image = &world.img;
	o.names = names;
	fd = memfd_create("capture", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (dbx_replay_open(&r, &o, &err))
		abort();
	run(path, r);
	check(r);
	dbx_replay_close(&r);
	o.workspace_id = 1001;
	o.hints = dbx_hints_new();
	if (!o.hints || dbx_replay_open_to_learn(&r, &o, o.hints, &err))
		abort();
	run(path, r);
	dbx_replay_close(&r);
	if (dbx_replay_open(&r, &o, &err))
		abort();
	run(path, r);
	check(r);
	dbx_replay_close(&r);
	dbx_hints_free(&o.hints);
	close(fd);
	return 0;
}
