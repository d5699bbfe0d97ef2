/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_replay.c -- every packet of captures through replay and through the loaded kernel program,
 * with all that both remember: verdict, reason, rule and path must be the same.
 *
 * tests/data and, with DBX_DATA=DIR, all captures below DIR. What the program decided is read from the
 * one row of counters that it made. Needs root.
 */
#include "replaydiff.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/bpfrun.h"

static struct bpfrun *kernel;

static int map(unsigned int which)
{
	return bpfrun_map_fd(kernel, which);
}

static void empty(unsigned int which)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(map(which), NULL, key))
		assert_int_equal(bpf_map_delete_elem(map(which), key), 0);
}

static void begin(const struct dbx_replay *r)
{
	static const unsigned int tables[] = {DBX_MAP_FRAGS, DBX_MAP_LEARNED, DBX_MAP_BOUND,
					      DBX_MAP_FLOWS, DBX_MAP_HELLOS,  DBX_MAP_COUNTERS};
	uint32_t zero = 0, one = 1;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		empty(tables[i]);
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_SECRETS), &zero, &r->secret, 0), 0);
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_STEER), &zero, &one, 0), 0);
}

static void put_learned(const struct dbx_learned_key *key, const struct dbx_learned *v)
{
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_LEARNED), key, v, 0), 0);
}

static void put_bound(const struct dbx_bound_key *key, const struct dbx_bound *v)
{
	assert_int_equal(bpf_map_update_elem(map(DBX_MAP_BOUND), key, v, 0), 0);
}

static bool set_flow(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	struct dbx_flow_slot slot;
	uint64_t start_ns;

	if (bpf_map_lookup_elem(map(DBX_MAP_FLOWS), key, &slot))
		return false;
	start_ns = slot.flow.start_ns;
	slot.flow = *v;
	slot.flow.start_ns = start_ns;
	return !bpf_map_update_elem(map(DBX_MAP_FLOWS), key, &slot, 0);
}

static void judge(uint64_t now, const struct dbx_replay_packet *p, struct dbx_result *out)
{
	struct dbx_counter_key k, second;

	(void)now;
	assert_int_equal(bpfrun_enforce(kernel, p->frame, p->n_bytes, DBX_PORT_ANY, 1, NULL, NULL),
			 0);
	assert_int_equal(bpf_map_get_next_key(map(DBX_MAP_COUNTERS), NULL, &k), 0);
	assert_int_equal(bpf_map_delete_elem(map(DBX_MAP_COUNTERS), &k), 0);
	assert_int_not_equal(bpf_map_get_next_key(map(DBX_MAP_COUNTERS), NULL, &second), 0);
	*out = (struct dbx_result){.workspace_id = k.workspace_id,
				   .rule_uid = k.rule_uid,
				   .verdict = k.verdict,
				   .reason = k.reason,
				   .path = k.path};
}

static void back(const uint8_t *frame, size_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)n);

	assert_int_equal(bpf_prog_test_run_opts(bpfrun_program(kernel, "egress_back"), &opts), 0);
}

static bool fits(const struct dbx_captured *c)
{
	return c->n_bytes >= BPFRUN_FRAME_MIN && c->n_bytes <= BPFRUN_FRAME_MAX;
}

static void judge_it(const char *path, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p)
{
	if (p->kind == DBX_REPLAY_JUDGED)
		compare(path, c, p);
	else
		back(p->frame, p->n_bytes);
}

static void run_file(const char *path)
{
	struct dbx_replay_opts o;

	if (!learn_file(path, &o))
		return;
	judge_file(path, &o);
	dbx_hints_free(&o.hints);
}

static int setup(void **state)
{
	(void)state;
	if (open_world() || bpfrun_open(&kernel, NULL))
		return -1;
	return bpfrun_set_image(kernel, world.image, world.image_bytes);
}

static int teardown(void **state)
{
	(void)state;
	bpfrun_close(&kernel);
	close_world();
	return 0;
}

int main(void)
{
	return run_captures("kernel", setup, teardown);
}
