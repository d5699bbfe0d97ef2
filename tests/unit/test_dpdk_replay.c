// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_replay.c -- every packet of captures through replay, and through net_pcap and the pipeline of
 * dbx-egress-dpdk, with all that both remember: verdict, reason, rule and path must be the same.
 *
 * tests/data and, with DBX_DATA=DIR, all captures below DIR. What replay judges of a capture (whatever
 * its link type, with the workspace's addresses in it) is written as Ethernet to a file, which net_pcap
 * reads.
 */
#include "replaydiff.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "common/dpdkbox.h"
#include "dataplane/dpdk/pipe.h"

#define FRAME_MAX 60000u
#define IFINDEX   7u
#define DEVICE    "net_pcap0"

static struct dpk_pipe *pipe_;
static struct dpk_core *core;
static struct dpk_shared *sh;
static struct rte_mempool *pool;
static char frames[] = "/tmp/dbx-dpdk-replay.XXXXXX"; /* what net_pcap reads */
static FILE *frames_file;                             /* while they are written */
static struct rte_mbuf *received;                     /* the packet that is judged */
static uint16_t device;

/* ---- net_pcap ---- */

static void put_header(FILE *out)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, sigfigs, snaplen, link;
	} h = {0xa1b2c3d4, 2, 4, 0, 0, 65535, 1};

	assert_int_equal(fwrite(&h, sizeof(h), 1, out), 1);
}

static void put_frame(FILE *out, const uint8_t *frame, size_t n)
{
	uint32_t h[4] = {1, 0, (uint32_t)n, (uint32_t)n};

	assert_int_equal(fwrite(h, sizeof(h), 1, out), 1);
	assert_int_equal(fwrite(frame, 1, n, out), n);
}

static void open_device(void)
{
	const struct rte_eth_conf conf = {0};
	char args[128];

	snprintf(args, sizeof(args), "rx_pcap=%s", frames);
	assert_int_equal(rte_eal_hotplug_add("vdev", DEVICE, args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(DEVICE, &device), 0);
	assert_int_equal(rte_eth_dev_configure(device, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(device, 0, 64, SOCKET_ID_ANY, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(device, 0, 64, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(device), 0);
}

/* Nothing is left in it. */
static void close_device(void)
{
	struct rte_mbuf *m;

	assert_int_equal(rte_eth_rx_burst(device, 0, &m, 1), 0);
	assert_int_equal(rte_eth_dev_stop(device), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", DEVICE), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* The next frame, which must be this one. */
static void receive(const uint8_t *frame, size_t n)
{
	assert_int_equal(rte_eth_rx_burst(device, 0, &received, 1), 1);
	assert_int_equal(received->pkt_len, n);
	assert_int_equal(received->nb_segs, 1);
	assert_memory_equal(rte_pktmbuf_mtod(received, void *), frame, n);
}

/* ---- the pipeline's side ---- */

static void begin(const struct dbx_replay *r)
{
	dpk_table_clear(sh->learned);
	dpk_table_clear(sh->bound);
	dpk_table_clear(sh->flows);
	dpk_table_clear(sh->hellos);
	dpk_recent_clear(sh->frags);
	dpk_recent_clear(sh->recent);
	sh->secret = r->secret;
	sh->steer = 1;
}

static void put_learned(const struct dbx_learned_key *key, const struct dbx_learned *v)
{
	assert_int_equal(dpk_table_put(sh->learned, key, v, 0), 0);
}

static void put_bound(const struct dbx_bound_key *key, const struct dbx_bound *v)
{
	assert_int_equal(dpk_table_put(sh->bound, key, v, 0), 0);
}

static bool set_flow(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	struct dbx_flow_slot *slot = dpk_table_get(sh->flows, key);
	uint64_t start_ns;

	if (!slot)
		return false;
	start_ns = slot->flow.start_ns;
	slot->flow = *v;
	slot->flow.start_ns = start_ns;
	return true;
}

static void judge(uint64_t now, const struct dbx_replay_packet *p, struct dbx_result *out)
{
	struct rte_mbuf *m = rte_pktmbuf_copy(received, pool, 0, UINT32_MAX);
	struct dpk_seen seen = {0};
	struct dpk_out way;

	(void)p;
	assert_non_null(m);
	dpk_pipe_burst(core, IFINDEX, DBX_PORT_ANY, now, &m, 1, &way, &seen);
	assert_int_equal(way.way == DPK_DROP || way.way == DPK_BACK,
			 seen.res.verdict == DBX_VERDICT_DROP);
	rte_pktmbuf_free(m);
	*out = seen.res;
}

static void back(uint64_t now, struct rte_mbuf *m)
{
	struct dpk_out out;

	dpk_pipe_back(core, IFINDEX, now, &m, 1, &out);
}

static bool fits(const struct dbx_captured *c)
{
	return c->n_bytes <= FRAME_MAX;
}

static void judge_it(const char *path, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p)
{
	receive(p->frame, p->n_bytes);
	if (p->kind == DBX_REPLAY_JUDGED)
		compare(path, c, p);
	else
		back(c->time_ns, received);
	rte_pktmbuf_free(received);
}

/* ---- captures ---- */

static void write_it(const char *path, const struct dbx_captured *c,
		     const struct dbx_replay_packet *p)
{
	(void)path;
	(void)c;
	put_frame(frames_file, p->frame, p->n_bytes);
}

static void write_frames(const char *path, const struct dbx_replay_opts *o)
{
	struct dbx_capture_error err;
	struct dbx_replay *r;

	frames_file = fopen(frames, "w");
	assert_non_null(frames_file);
	put_header(frames_file);
	assert_int_equal(dbx_replay_open(&r, o, &err), 0);
	run_packets(path, r, write_it);
	dbx_replay_close(&r);
	assert_int_equal(fclose(frames_file), 0);
}

static void run_file(const char *path)
{
	struct dbx_replay_opts o;

	if (!learn_file(path, &o))
		return;
	write_frames(path, &o);
	open_device();
	judge_file(path, &o);
	close_device();
	dbx_hints_free(&o.hints);
}

static int setup(void **state)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 4096};
	struct dpk_image *img = NULL;
	int fd = mkstemp(frames);

	(void)state;
	if (fd < 0 || close(fd) || open_world() || dpdkbox_start())
		return -1;
	pool = rte_pktmbuf_pool_create("frames", 255, 0, 0, UINT16_MAX, SOCKET_ID_ANY);
	if (!pool || dpk_pipe_open(&pipe_, &o) ||
	    dpk_image_wrap(&img, world.image, world.img.hdr->n_kernel_chunks) ||
	    dpk_pipe_set_image(pipe_, img))
		return -1;
	core = dpk_pipe_core(pipe_, 0);
	sh = dpk_pipe_shared(pipe_);
	dpk_pipe_join(core);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dpk_pipe_leave(core);
	dpk_pipe_close(&pipe_);
	rte_mempool_free(pool);
	close_world();
	remove(frames);
	return rte_eal_cleanup();
}

int main(void)
{
	return run_captures("pipeline", setup, teardown);
}
