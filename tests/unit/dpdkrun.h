/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dpdkrun.h -- one pipeline of dbx-egress-dpdk for a test, and frames for it that end where their memory
 * does, so that ASan sees a read behind them.
 */
#ifndef DBX_TESTS_DPDKRUN_H
#define DBX_TESTS_DPDKRUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "common/dpdkbox.h"
#include "common/gen_diff.h"
#include "dataplane/dpdk/pipe.h"

#define DPDKRUN_IFINDEX 7u
/* From burst to burst: quotas are full again, as those of an engine that has none. */
#define DPDKRUN_STEP_NS 2000000000ull

struct dpdkrun {
	struct rte_mempool *pool; /* without room of its own */
	struct dpk_pipe *pipe;
	struct dpk_core *core;
	uint64_t now;
};

static inline void dpdkrun_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* The EAL runs. */
static inline int dpdkrun_open(struct dpdkrun *r)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 4096};

	r->now = 1000000;
	r->pool = rte_pktmbuf_pool_create("dpdkrun", 1023, 0, 0, 0, SOCKET_ID_ANY);
	if (!r->pool || dpk_pipe_open(&r->pipe, &o))
		return -1;
	r->core = dpk_pipe_core(r->pipe, 0);
	dpk_pipe_join(r->core);
	dpk_pipe_shared(r->pipe)->steer = 1;
	return 0;
}

static inline void dpdkrun_close(struct dpdkrun *r)
{
	dpk_pipe_leave(r->core);
	dpk_pipe_close(&r->pipe);
	rte_mempool_free(r->pool);
}

static inline void dpdkrun_begin(void *arg, struct vec_world *w)
{
	struct dpdkrun *r = arg;
	struct dpk_image *img = NULL;

	dpdkrun_must(!dpk_image_wrap(&img, w->image, w->img.hdr->n_kernel_chunks), "image");
	dpdkrun_must(!dpk_pipe_set_image(r->pipe, img), "dpk_pipe_set_image");
}

static inline void dpdkrun_forget(void *arg, struct vec_world *w)
{
	struct dpdkrun *r = arg;

	(void)w;
	dpk_recent_clear(dpk_pipe_shared(r->pipe)->frags);
}

static inline void dpdkrun_free(void *addr, void *info)
{
	free(addr);
	free(info);
}

/* One piece: `head` bytes of room, the bytes, `tail` bytes of room, and nothing. */
static inline struct rte_mbuf *dpdkrun_piece(struct dpdkrun *r, const void *bytes, size_t n,
					     size_t head, size_t tail)
{
	struct rte_mbuf_ext_shared_info *info = calloc(1, sizeof(*info));
	size_t room = head + n + tail;
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	uint8_t *buf = malloc(room ? room : 1);

	dpdkrun_must(m && buf && info, "mbuf");
	info->free_cb = dpdkrun_free;
	info->fcb_opaque = info;
	rte_mbuf_ext_refcnt_set(info, 1);
	rte_pktmbuf_attach_extbuf(m, buf, RTE_BAD_IOVA, (uint16_t)room, info);
	m->data_off = (uint16_t)head;
	m->data_len = (uint16_t)n;
	m->pkt_len = m->data_len;
	if (n)
		memcpy(buf + head, bytes, n);
	return m;
}

static inline void dpdkrun_burst(struct dpdkrun *r, const char *interface, struct rte_mbuf **m,
				 unsigned int n, struct dpk_out *out, struct dpk_seen *seen)
{
	memset(seen, 0, n * sizeof(*seen));
	dpk_pipe_burst(r->core, DPDKRUN_IFINDEX, dbx_port_hash(interface),
		       r->now += DPDKRUN_STEP_NS, m, n, out, seen);
}

static inline void dpdkrun_result(const struct vec_world *w, const struct dpk_seen *seen,
				  const struct dpk_out *out, struct vec_result *v)
{
	vec_result_of(&w->img, &seen->res, v);
	v->mark = out->has_meta && (out->meta.what & DBX_META_MARK) ? out->meta.mark : 0;
	/* a denial may be answered */
	dpdkrun_must((out->way == DPK_DROP || out->way == DPK_BACK) ==
			     (v->verdict == DBX_VERDICT_DROP),
		     "way");
}

#endif
