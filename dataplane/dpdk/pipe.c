// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pipe.c -- the pipeline: bursts of packets in, what becomes of each out.
 *
 * A burst goes through each stage as a whole, so that the memory that one stage asks for is there when
 * the next one needs it: the frames' first bytes, what the image says of their tuples (look.c), and, for
 * those of which nothing more is wanted, the counters (quick.h). The others go through the program, one
 * by one.
 */
#include "dataplane/dpdk/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <rte_ether.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "dbx/hello.h"
#include "dbx/shim.h"

struct old {
	uint64_t token;
	struct dpk_image *image;
	struct dpk_fib *fib;
	struct dpk_capture *capture;
};

struct dpk_pipe {
	struct dpk_shared sh;
	struct old *old;
	size_t n_old, cap_old;
};

/* ---- what is open ---- */

static int open_tables(struct dpk_shared *sh)
{
	static unsigned int n_made;
	const struct {
		struct dpk_table **t;
		const char *name;
		uint32_t key, value, max;
	} v[] = {
		{&sh->learned, "learned", sizeof(struct dbx_learned_key),
		 sizeof(struct dbx_learned), DBX_LEARNED_MAX},
		{&sh->bound, "bound", sizeof(struct dbx_bound_key), sizeof(struct dbx_bound),
		 DBX_BOUND_MAX},
		{&sh->flows, "flows", sizeof(struct dbx_flow_key), sizeof(struct dbx_flow_slot),
		 DBX_FLOWS_MAX},
		{&sh->hellos, "hellos", sizeof(struct dbx_flow_key), sizeof(struct dbx_hello),
		 DBX_HELLOS_MAX},
		{&sh->buckets, "buckets", sizeof(uint64_t), sizeof(struct dbx_bucket),
		 DBX_BUCKETS_MAX},
	};
	char name[24];
	int rc = 0;

	n_made++;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]) && !rc; i++) {
		snprintf(name, sizeof(name), "dbx_%s_%u", v[i].name, n_made);
		rc = (v[i].t == &sh->flows ? dpk_table_open_kept : dpk_table_open)(
			v[i].t, name, v[i].key, v[i].value, v[i].max, sh->qsbr);
	}
	if (!rc)
		rc = dpk_recent_open(&sh->frags, sizeof(struct dbx_frag_key), DBX_FRAGS_MAX);
	return rc ? rc : dpk_recent_open(&sh->recent, sizeof(struct dbx_flow_key), DBX_RECENT_MAX);
}

int dpk_pipe_open(struct dpk_pipe **out, const struct dpk_pipe_opts *o)
{
	uint32_t rows = o->counters_max ? o->counters_max : DBX_COUNTERS_MAX;
	struct dpk_pipe *p;
	size_t n_bytes;
	int rc;

	if (!o->n_cores || o->n_cores > DPK_CORES_MAX)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	dpk_look_wide(true);
	p->sh.n_cores = o->n_cores;
	p->sh.wake_fd = -1;
	n_bytes = rte_rcu_qsbr_get_memsize(o->n_cores + 1);
	p->sh.qsbr = rte_zmalloc("dbx_qsbr", n_bytes, RTE_CACHE_LINE_SIZE);
	rc = p->sh.qsbr ? rte_rcu_qsbr_init(p->sh.qsbr, o->n_cores + 1) : -ENOMEM;
	rc = rc ? rc : open_tables(&p->sh);
	for (unsigned int i = 0; i <= o->n_cores && !rc; i++)
		rc = dpk_core_new(&p->sh.cores[i], &p->sh, i, rows);
	if (rc)
		dpk_pipe_close(&p);
	else
		*out = p;
	return rc;
}

static void free_old(struct old *o)
{
	dpk_image_free(o->image);
	dpk_fib_free(o->fib);
	free(o->capture);
}

/* All cores have left. */
void dpk_pipe_close(struct dpk_pipe **pp)
{
	struct dpk_pipe *p = *pp;

	if (!p)
		return;
	for (unsigned int i = 0; i <= p->sh.n_cores; i++)
		dpk_core_free(&p->sh.cores[i]);
	for (size_t i = 0; i < p->n_old; i++)
		free_old(&p->old[i]);
	dpk_image_free((struct dpk_image *)p->sh.image);
	dpk_fib_free((struct dpk_fib *)p->sh.fib);
	free((struct dpk_capture *)p->sh.capture);
	dpk_table_close(&p->sh.learned);
	dpk_table_close(&p->sh.bound);
	dpk_table_close(&p->sh.flows);
	dpk_table_close(&p->sh.hellos);
	dpk_table_close(&p->sh.buckets);
	dpk_recent_close(&p->sh.frags);
	dpk_recent_close(&p->sh.recent);
	rte_free(p->sh.qsbr);
	free(p->old);
	free(p);
	*pp = NULL;
}

struct dpk_shared *dpk_pipe_shared(struct dpk_pipe *p)
{
	return &p->sh;
}

struct dpk_core *dpk_pipe_core(struct dpk_pipe *p, unsigned int index)
{
	return index <= p->sh.n_cores ? p->sh.cores[index] : NULL;
}

/* ---- images and forwarding tables ---- */

unsigned int dpk_pipe_reap(struct dpk_pipe *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_old; i++) {
		if (rte_rcu_qsbr_check(p->sh.qsbr, p->old[i].token, false) == 1)
			free_old(&p->old[i]);
		else
			p->old[n++] = p->old[i];
	}
	p->n_old = n;
	return (unsigned int)n;
}

/* Room for one more, before anything is changed. */
static int make_room(struct dpk_pipe *p)
{
	struct old *v;

	dpk_pipe_reap(p);
	if (p->n_old < p->cap_old)
		return 0;
	v = realloc(p->old, (p->cap_old + 16) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->old = v;
	p->cap_old += 16;
	return 0;
}

static void retire(struct dpk_pipe *p, struct old o)
{
	if (o.image || o.fib || o.capture) {
		o.token = rte_rcu_qsbr_start(p->sh.qsbr);
		p->old[p->n_old++] = o;
	}
	dpk_pipe_reap(p);
}

int dpk_pipe_set_image(struct dpk_pipe *p, struct dpk_image *image)
{
	if (make_room(p))
		return -ENOMEM;
	image = (void *)__atomic_exchange_n(&p->sh.image, image, __ATOMIC_ACQ_REL);
	retire(p, (struct old){.image = image});
	return 0;
}

int dpk_pipe_set_fib(struct dpk_pipe *p, struct dpk_fib *fib)
{
	if (make_room(p))
		return -ENOMEM;
	fib = (void *)__atomic_exchange_n(&p->sh.fib, fib, __ATOMIC_ACQ_REL);
	retire(p, (struct old){.fib = fib});
	return 0;
}

int dpk_pipe_set_capture(struct dpk_pipe *p, struct dpk_capture *capture)
{
	if (make_room(p))
		return -ENOMEM;
	capture = (void *)__atomic_exchange_n(&p->sh.capture, capture, __ATOMIC_ACQ_REL);
	retire(p, (struct old){.capture = capture});
	return 0;
}

/* ---- frames ---- */

/*
 * Makes one piece of a packet. What has no room in the first piece is cut off: the parser then finds
 * that the packet's own length says more, and what it does not need is not sent on either, so that what
 * leaves is what was judged.
 */
static void in_one_piece(struct rte_mbuf *m)
{
	m->pkt_len = 0; /* by the pieces: what the device says need not be true */
	for (const struct rte_mbuf *s = m; s; s = s->next)
		m->pkt_len += s->data_len;
	if (rte_pktmbuf_linearize(m) == 0)
		return;
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	m->pkt_len = m->data_len;
}

/* Frames that are not as the program wants them: in pieces, with a tag beside them, of another length. */
static __attribute__((noinline)) void mend(struct rte_mbuf **pm)
{
	struct rte_mbuf *m = *pm;

	if (m->nb_segs > 1)
		in_one_piece(m);
	m->pkt_len = m->data_len;
	/* a tag that the device took out belongs to what is judged; without room for it: no frame */
	if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && rte_vlan_insert(pm))
		rte_pktmbuf_trim(m, m->data_len);
	(*pm)->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_TX_VLAN);
}

static __rte_always_inline void take_mbuf(struct rte_mbuf **pm)
{
	const uint64_t tags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_TX_VLAN;

	if (unlikely((*pm)->nb_segs > 1 || ((*pm)->ol_flags & tags) ||
		     (*pm)->pkt_len != (*pm)->data_len))
		mend(pm);
}

static void make_frame(struct rte_mbuf *m, uint32_t ifindex, struct dpk_frame *f)
{
	f->data = f->data_meta = rte_pktmbuf_mtod(m, uint8_t *);
	f->data_end = f->data + m->data_len;
	f->room = m->buf_addr;
	f->room_end = f->room + m->buf_len;
	f->ingress_ifindex = ifindex;
}

static void take_frame(struct rte_mbuf **pm, uint32_t ifindex, struct dpk_frame *f)
{
	take_mbuf(pm);
	make_frame(*pm, ifindex, f);
}

static void give_frame(struct rte_mbuf *m, const struct dpk_frame *f)
{
	m->data_off = (uint16_t)(f->data - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(f->data_end - f->data);
	m->pkt_len = m->data_len;
}

static void read_meta(const struct dpk_frame *f, struct dpk_out *out)
{
	out->has_meta = f->data - f->data_meta == sizeof(out->meta);
	if (out->has_meta)
		memcpy(&out->meta, f->data_meta, sizeof(out->meta));
}

static void conclude(struct rte_mbuf *m, const struct dpk_frame *f, int action, struct dpk_out *out)
{
	out->way = DPK_DROP;
	out->has_meta = false;
	switch (action) {
	case XDP_PASS:
		out->way = DPK_HOST;
		read_meta(f, out);
		if (out->has_meta && (out->meta.what & DBX_META_REPLY))
			out->way = DPK_BACK;
		break;
	case XDP_TX:
		out->way = DPK_BACK;
		break;
	case XDP_REDIRECT:
		out->way = DPK_FAST;
		out->ifindex = f->out_ifindex;
		break;
	default:
		return;
	}
	give_frame(m, f);
}

/* Frames of a burst, each with its first bytes on the way into the cache. */
static void take_frames(struct rte_mbuf **m, unsigned int n, struct dpk_looks *l)
{
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(m[i]);
	for (unsigned int i = 0; i < n; i++) {
		take_mbuf(&m[i]);
		l->frame[i] = rte_pktmbuf_mtod(m[i], const uint8_t *);
		l->bytes[i] = m[i]->data_len;
		rte_prefetch0(l->frame[i]);
		/* where the transport header of IPv6 goes on, if the frame does */
	}
}

static void judge(struct dpk_core *core, uint32_t ifindex, struct rte_mbuf *m,
		  const struct dpk_looks *l, unsigned int i, struct dpk_out *out,
		  struct dpk_seen *seen)
{
	struct dpk_frame f;

	make_frame(m, ifindex, &f);
	dpk_core_watch(core, seen);
	conclude(m, &f, dpk_program_judge(&f, l, i), out);
}

/* Those of which nothing but the verdict is wanted; returns the others. */
static uint64_t judge_quickly(struct dpk_core *core, uint32_t ifindex, struct dpk_looks *l,
			      unsigned int n, struct dpk_out *out, struct dpk_seen *seen)
{
	const uint64_t done = dpk_program_quick(core, l, n, ifindex, seen);
	const uint64_t passes = done & l->passes;

	_Static_assert(DPK_DROP == 0 && DPK_HOST == 1, "a bit");
	for (unsigned int i = 0; i < n; i++) {
		out[i].way = passes >> i & 1;
		out[i].has_meta = false;
	}
	return dpk_first(n) & ~done;
}

void dpk_pipe_burst(struct dpk_core *core, uint32_t ifindex, uint64_t port_hash, uint64_t now_ns,
		    struct rte_mbuf **m, unsigned int n, struct dpk_out *out, struct dpk_seen *seen)
{
	struct dpk_core_stats *stats = dpk_core_stats(core);
	const struct dpk_image *image = dpk_core_begin(core, now_ns);
	struct dpk_looks looks;
	unsigned int n_go_on;
	uint64_t left;

	dpk_core_port(core, port_hash);
	take_frames(m, n, &looks);
	dpk_look_up(image, port_hash, &looks, n);
	left = judge_quickly(core, ifindex, &looks, n, out, seen);
	n_go_on = (unsigned int)__builtin_popcountll(~left & looks.passes);
	dpk_for_each(i, left) {
		if (ifindex) /* else it came by no interface that is known */
			judge(core, ifindex, m[i], &looks, i, &out[i], seen ? &seen[i] : NULL);
		n_go_on += out[i].way != DPK_DROP;
	}
	stats->dropped += n - n_go_on;
	dpk_core_watch(core, NULL);
	stats->packets += n;
	stats->generation = image ? dpk_image_header(image)->generation : 0;
	dpk_core_end(core);
}

void dpk_pipe_back(struct dpk_core *core, uint32_t ifindex, uint64_t now_ns, struct rte_mbuf **m,
		   unsigned int n, struct dpk_out *out)
{
	struct dpk_frame f;

	dpk_core_begin(core, now_ns);
	for (unsigned int i = 0; i < n; i++) {
		take_frame(&m[i], ifindex, &f);
		out[i].has_meta = false;
		out[i].way = dpk_program_back(&f, ifindex) ? DPK_BACK : DPK_DROP;
	}
	dpk_core_end(core);
}

void dpk_pipe_inward(struct dpk_core *core, uint32_t ifindex, uint64_t now_ns, struct rte_mbuf **m,
		     unsigned int n, struct dpk_out *out)
{
	struct dpk_frame f;

	dpk_core_begin(core, now_ns);
	for (unsigned int i = 0; i < n; i++) {
		take_frame(&m[i], ifindex, &f);
		conclude(m[i], &f, ifindex ? dpk_program_inward(&f) : XDP_PASS, &out[i]);
		if (out[i].way == DPK_FAST && !dpk_program_back(&f, out[i].ifindex))
			out[i].way = DPK_DROP;
	}
	dpk_core_end(core);
}

int dpk_pipe_shim(struct rte_mbuf *m, const struct dpk_out *out)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct dbx_shim *s;

	if (m->data_len < 12)
		return -1;
	s = (struct dbx_shim *)rte_pktmbuf_prepend(m, sizeof(*s));
	if (!s)
		return -1;
	memcpy(s->dst, frame, sizeof(s->dst));
	memcpy(s->src, frame + sizeof(s->dst), sizeof(s->src));
	s->type[0] = DBX_SHIM_TYPE >> 8;
	s->type[1] = DBX_SHIM_TYPE & 0xff;
	s->n_meta[0] = 0;
	s->n_meta[1] = out->has_meta ? sizeof(s->meta) : 0;
	s->magic = DBX_SHIM_MAGIC;
	if (out->has_meta)
		s->meta = out->meta;
	else
		memset(&s->meta, 0, sizeof(s->meta));
	return 0;
}

/* ---- threads ---- */

void dpk_pipe_join(struct dpk_core *core)
{
	dpk_core_online(core, true);
}

void dpk_pipe_leave(struct dpk_core *core)
{
	dpk_core_online(core, false);
}
