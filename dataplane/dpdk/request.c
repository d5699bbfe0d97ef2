// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * request.c -- what each request of the daemon does (include/dbx/wire_dpdk.h).
 *
 * The size of each body is checked by the table below before its function is called.
 */
#include "dataplane/dpdk/kept.h"
#include "dataplane/dpdk/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>

#define COMMIT_WAIT_NS 1000000000ull

/* ---- answers ---- */

static int put(struct dpk_request *r, const void *data, size_t n)
{
	if (n > r->room - r->n_answer)
		return -ENOSPC;
	memcpy((uint8_t *)r->answer + r->n_answer, data, n);
	r->n_answer += n;
	return 0;
}

static int refuse(struct dpk_request *r, int rc, const char *text)
{
	r->text = text;
	return rc;
}

static int do_state(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	struct dbx_wire_state s;

	(void)k;
	dpk_control_state(c, &s);
	return put(r, &s, sizeof(s));
}

/* ---- the image ---- */

static int do_image(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_image *w = r->body;
	const struct dbx_image_header *hdr;
	struct dpk_image *img = NULL;
	int rc;

	(void)c;
	if (r->fd < 0)
		return refuse(r, -EBADF, "policy image: no file came along");
	rc = dpk_image_map(&img, r->fd, w->n_bytes, &r->text);
	if (rc)
		return rc;
	hdr = dpk_image_header(img);
	if (hdr->generation != w->generation || hdr->content_hash != w->content_hash ||
	    hdr->checksum != w->checksum) {
		dpk_image_free(img);
		return refuse(r, -EINVAL, "policy image: it is another one than was announced");
	}
	dpk_image_free(k->staged);
	k->staged = img;
	return 0;
}

static int do_image_get(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dpk_image *img = c->sh->image;
	const struct dbx_image_header *hdr = dpk_image_header(img);
	struct dbx_wire_image w;

	(void)k;
	if (!hdr || img->fd < 0)
		return -ENOENT;
	w = (struct dbx_wire_image){img->n_bytes, hdr->generation, hdr->content_hash, hdr->checksum,
				    0};
	r->answer_fd = img->fd;
	return put(r, &w, sizeof(w));
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * When this returns, no packet is being judged by what was in force before: the daemon takes names away
 * that only the former policy allowed. An lcore is never long in a burst; one that is stopped (a
 * debugger) must not stop the daemon too.
 */
void dpk_request_settle(struct dpk_control *c)
{
	uint64_t end = clock_ns() + COMMIT_WAIT_NS;

	while (dpk_pipe_reap(c->lcores->pipe) && clock_ns() < end) {
		dpk_core_end(c->core); /* this thread holds nothing of it */
		usleep(20);
	}
}

static int do_commit(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_generation *g = r->body;

	if (!k->staged)
		return refuse(r, -EINVAL, "commit: no policy image was sent");
	if (dpk_image_header(k->staged)->generation != g->generation)
		return refuse(r, -ESTALE, "commit: of another generation than was sent");
	if (dpk_pipe_set_image(c->lcores->pipe, k->staged))
		return -ENOMEM;
	k->staged = NULL;
	dpk_request_settle(c);
	return 0;
}

static int do_abort(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)c;
	(void)r;
	dpk_image_free(k->staged);
	k->staged = NULL;
	return 0;
}

/* ---- ports, routes ---- */

static int do_ports(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	struct dpk_ports *ports = c->lcores->ports;
	struct dbx_wire_port w;
	int rc = 0;

	(void)k;
	for (unsigned int i = 0; i < ports->n && !rc; i++) {
		dpk_port_report(c->lcores, ports->v[i], &w);
		rc = put(r, &w, sizeof(w));
	}
	return rc;
}

static bool is_name(const char name[16])
{
	return name[0] && memchr(name, 0, 16);
}

/* An index is that of one port: who had it before was renumbered. */
static void set_index(struct dpk_ports *ports, struct dpk_port *p, uint32_t ifindex)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		struct dpk_port *other = ports->v[i];

		if (other != p && other->ifindex == ifindex)
			__atomic_store_n(&other->ifindex, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&p->ifindex, ifindex, __ATOMIC_RELAXED);
}

static int do_port_set(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_iface *w = r->body;
	struct dpk_port *p;

	(void)k;
	if (!is_name(w->name) || !w->ifindex)
		return refuse(r, -EINVAL, "port: a name and an index are needed");
	p = dpk_port_named(c->lcores->ports, w->name);
	if (!p)
		return refuse(r, -ENODEV, "port: none has this name");
	set_index(c->lcores->ports, p, w->ifindex);
	return 0;
}

static int do_port_del(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_iface *w = r->body;
	struct dpk_port *p = is_name(w->name) ? dpk_port_named(c->lcores->ports, w->name) : NULL;

	(void)k;
	if (!p || !p->ifindex)
		return -ENOENT;
	__atomic_store_n(&p->ifindex, 0, __ATOMIC_RELAXED);
	return 0;
}

static int remake_fib(struct dpk_control *c)
{
	struct dpk_fib *fib;
	int rc = dpk_fib_make(&c->told, &fib);

	if (rc)
		return rc;
	rc = dpk_pipe_set_fib(c->lcores->pipe, fib);
	if (rc)
		dpk_fib_free(fib);
	return rc;
}

static int do_forward(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_iface *w = r->body;
	size_t n = r->n_body / sizeof(*w);

	(void)k;
	for (size_t i = 0; i < n; i++) {
		if (!is_name(w[i].name) || !w[i].ifindex)
			return refuse(r, -EINVAL, "forward: a name and an index are needed");
	}
	c->told.n_ifaces = 0;
	for (size_t i = 0; i < n; i++) {
		struct dpk_port *p = dpk_port_named(c->lcores->ports, w[i].name);

		if (!p)
			continue;
		if (!p->is_workload) /* those are told by PORT_SET alone */
			set_index(c->lcores->ports, p, w[i].ifindex);
		c->told.ifaces[c->told.n_ifaces++] = w[i];
	}
	return remake_fib(c);
}

static int do_fib(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_fib *w = r->body;
	const struct dbx_wire_route *routes = (const void *)(w + 1);
	const uint64_t n = (uint64_t)w->n_routes + w->n_neighs;
	int rc;

	(void)k;
	if (n > 8 * DBX_WIRE_BATCH || w->flags & ~(DBX_WIRE_FIB_BEGIN | DBX_WIRE_FIB_END) ||
	    r->n_body != sizeof(*w) + w->n_routes * sizeof(*routes) +
				 w->n_neighs * sizeof(struct dbx_wire_neigh))
		return refuse(r, -EINVAL, "fib: its records do not fit its length");
	rc = dpk_fib_tell(&c->told, w, routes, (const void *)(routes + w->n_routes));
	if (rc)
		return refuse(r, rc, "fib: a record is none, or there are too many");
	return c->told.is_whole ? 0 : remake_fib(c);
}

/* ---- names and flows ---- */

static bool is_secret(const struct dbx_secret *s)
{
	return s->point[0] && s->point[0] < DBX_HASH_P && s->point[1] && s->point[1] < DBX_HASH_P;
}

static int do_secret_get(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	return put(r, &c->sh->secret, sizeof(c->sh->secret));
}

/* What was learned under another secret has hashes that nobody can say any more. */
static int do_secret_set(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_secret *s = r->body;
	struct dpk_shared *sh = c->sh;

	(void)k;
	if (!is_secret(s))
		return refuse(r, -EINVAL, "secret: its points are 1 to 2^31 - 2");
	if (!memcmp(&sh->secret, s, sizeof(*s)))
		return 0;
	dpk_table_clear(sh->learned);
	dpk_table_clear(sh->bound);
	dpk_table_clear(sh->flows);
	dpk_table_clear(sh->hellos);
	sh->secret = *s;
	return 0;
}

static int do_learn(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_bound *w = r->body;
	size_t n = r->n_body / sizeof(*w);
	int rc = 0;

	(void)k;
	for (size_t i = 0; i < n && !rc; i++)
		rc = dpk_names_learn(c->sh, &w[i].key, &w[i].bound);
	return rc;
}

static int gone(int rc)
{
	return rc == -ENOENT ? 0 : rc;
}

static int do_unlearn(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	return gone(dpk_table_del(c->sh->bound, r->body));
}

static int do_forget_addr(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	return gone(dpk_table_del(c->sh->learned, r->body));
}

static int do_bound_get(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const void *v = dpk_table_get(c->sh->bound, r->body);

	(void)k;
	return v ? put(r, v, sizeof(struct dbx_bound)) : -ENOENT;
}

static int do_learned_get(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const void *v = dpk_table_get(c->sh->learned, r->body);

	(void)k;
	return v ? put(r, v, sizeof(struct dbx_learned)) : -ENOENT;
}

static int do_flow_set(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_flow *f = r->body;

	(void)k;
	if (f->flow.state <= DBX_FLOW_NONE || f->flow.state > DBX_FLOW_DENIED ||
	    f->flow.n_cuts > 64 || f->flow.reason >= DBX_REASON_MAX)
		return refuse(r, -EINVAL, "flow: no such state");
	return dpk_names_flow_set(c->core, c->sh, f);
}

static int do_flow_del(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	dpk_table_del(c->sh->hellos, r->body);
	return gone(dpk_table_del(c->sh->flows, r->body));
}

static int do_flows_get(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	r->answer_fd = dpk_kept_fd(dpk_table_kept(c->sh->flows));
	return 0;
}

static int do_flows_take(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	int rc;

	(void)k;
	if (r->fd < 0)
		return refuse(r, -EBADF, "flows: no file came along");
	rc = dpk_names_flows_take(c->sh, r->fd);
	return rc ? refuse(r, rc, "flows: the file is not of this process's form, or has too many")
		  : 0;
}

static int do_steer(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	const struct dbx_wire_steer *w = r->body;

	(void)k;
	__atomic_store_n(&c->sh->steer, !!w->is_ready, __ATOMIC_RELAXED);
	return 0;
}

/* ---- counts ---- */

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct dbx_counter_key));
}

/* The rows of all lcores, those of one key made one. */
static int gather(struct dpk_control *c, struct dpk_connection *k)
{
	size_t cap = 1024, n = 0, m = 0;
	struct dbx_wire_counter *v = malloc(cap * sizeof(*v)), *more;
	uint32_t at;

	if (!v)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->sh->n_cores; i++) {
		for (at = 0; dpk_counters_next(c->sh->cores[i], &at, &v[n].key, &v[n].value);) {
			if (++n < cap)
				continue;
			more = realloc(v, (cap *= 2) * sizeof(*v));
			if (!more) {
				free(v);
				return -ENOMEM;
			}
			v = more;
		}
	}
	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		if (m && !by_key(&v[m - 1], &v[i])) {
			v[m - 1].value.packets += v[i].value.packets;
			v[m - 1].value.bytes += v[i].value.bytes;
		} else {
			v[m++] = v[i];
		}
	}
	free(k->rows);
	k->rows = v;
	k->n_rows = m;
	return 0;
}

static uint32_t counters_page(struct dpk_connection *k, uint64_t *cursor, void *out)
{
	uint64_t at = *cursor;
	uint32_t n = 0;

	*cursor = 0;
	if (at >= k->n_rows)
		return 0;
	n = k->n_rows - at < DBX_WIRE_BATCH ? (uint32_t)(k->n_rows - at) : DBX_WIRE_BATCH;
	memcpy(out, k->rows + at, n * sizeof(*k->rows));
	if (at + n < k->n_rows)
		*cursor = at + n;
	return n;
}

static int do_each(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	static const size_t bytes[DBX_WIRE_TABLE_MAX] = {
		[DBX_WIRE_TABLE_LEARNED] = sizeof(struct dbx_wire_learned),
		[DBX_WIRE_TABLE_BOUND] = sizeof(struct dbx_wire_bound),
		[DBX_WIRE_TABLE_FLOWS] = sizeof(struct dbx_wire_flow),
		[DBX_WIRE_TABLE_COUNTERS] = sizeof(struct dbx_wire_counter),
	};
	const struct dbx_wire_each *w = r->body;
	struct dbx_wire_page page = {.next = w->cursor};
	uint8_t *out = (uint8_t *)r->answer + sizeof(page);

	if (!w->table || w->table >= DBX_WIRE_TABLE_MAX)
		return refuse(r, -EINVAL, "walk: no such table");
	if (w->table != DBX_WIRE_TABLE_COUNTERS) {
		page.n = dpk_names_page(c->sh, w->table, &page.next, out);
	} else {
		int rc = w->cursor ? 0 : gather(c, k);

		if (rc)
			return rc;
		page.n = counters_page(k, &page.next, out);
	}
	memcpy(r->answer, &page, sizeof(page));
	r->n_answer = sizeof(page) + page.n * bytes[w->table];
	return 0;
}

static int do_totals(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	(void)k;
	memset(v, 0, sizeof(v));
	for (unsigned int i = 0; i < c->sh->n_cores; i++)
		dpk_totals_add(c->sh->cores[i], v);
	return put(r, v, sizeof(v));
}

static int do_lcores(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	struct dbx_wire_lcore w;
	int rc = 0;

	(void)k;
	for (unsigned int i = 0; i < c->lcores->n && !rc; i++) {
		dpk_lcore_report(c->lcores, i, &w);
		rc = put(r, &w, sizeof(w));
	}
	return rc;
}

/* ---- captures ---- */

static int do_capture(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	(void)k;
	return dpk_capture_do(c, r);
}

static int do_loss(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	struct dbx_wire_loss w = {0, 0};

	(void)k;
	for (unsigned int i = 0; i < c->sh->n_cores; i++)
		dpk_sampler_loss(dpk_core_sampler(c->sh->cores[i]), c->capture_id, &w.limited,
				 &w.lost);
	return put(r, &w, sizeof(w));
}

/* ---- all of them ---- */

/* A body is `bytes` long, or n times that with n in min..max. */
static const struct {
	int (*fn)(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r);
	size_t bytes, min, max;
} requests[DBX_WIRE_TYPE_MAX] = {
	[DBX_WIRE_STATE] = {do_state, 0, 0, 0},
	[DBX_WIRE_IMAGE] = {do_image, sizeof(struct dbx_wire_image), 1, 1},
	[DBX_WIRE_IMAGE_GET] = {do_image_get, 0, 0, 0},
	[DBX_WIRE_COMMIT] = {do_commit, sizeof(struct dbx_wire_generation), 1, 1},
	[DBX_WIRE_ABORT] = {do_abort, 0, 0, 0},
	[DBX_WIRE_PORTS] = {do_ports, 0, 0, 0},
	[DBX_WIRE_PORT_SET] = {do_port_set, sizeof(struct dbx_wire_iface), 1, 1},
	[DBX_WIRE_PORT_DEL] = {do_port_del, sizeof(struct dbx_wire_iface), 1, 1},
	[DBX_WIRE_SECRET_GET] = {do_secret_get, 0, 0, 0},
	[DBX_WIRE_SECRET_SET] = {do_secret_set, sizeof(struct dbx_secret), 1, 1},
	[DBX_WIRE_LEARN] = {do_learn, sizeof(struct dbx_wire_bound), 1, DBX_WIRE_BATCH},
	[DBX_WIRE_UNLEARN] = {do_unlearn, sizeof(struct dbx_bound_key), 1, 1},
	[DBX_WIRE_FORGET_ADDR] = {do_forget_addr, sizeof(struct dbx_learned_key), 1, 1},
	[DBX_WIRE_BOUND_GET] = {do_bound_get, sizeof(struct dbx_bound_key), 1, 1},
	[DBX_WIRE_LEARNED_GET] = {do_learned_get, sizeof(struct dbx_learned_key), 1, 1},
	[DBX_WIRE_EACH] = {do_each, sizeof(struct dbx_wire_each), 1, 1},
	[DBX_WIRE_FLOW_SET] = {do_flow_set, sizeof(struct dbx_wire_flow), 1, 1},
	[DBX_WIRE_FLOW_DEL] = {do_flow_del, sizeof(struct dbx_flow_key), 1, 1},
	[DBX_WIRE_TOTALS] = {do_totals, 0, 0, 0},
	[DBX_WIRE_STEER] = {do_steer, sizeof(struct dbx_wire_steer), 1, 1},
	[DBX_WIRE_FORWARD] = {do_forward, sizeof(struct dbx_wire_iface), 0, DBX_WIRE_BATCH},
	/* its own lengths say how long it is */
	[DBX_WIRE_FIB] = {do_fib, 16, 1, DBX_WIRE_MAX / 16},
	[DBX_WIRE_LCORES] = {do_lcores, 0, 0, 0},
	[DBX_WIRE_CAPTURE] = {do_capture, sizeof(struct dbx_capture), 1, 1},
	[DBX_WIRE_LOSS] = {do_loss, 0, 0, 0},
	[DBX_WIRE_FLOWS_GET] = {do_flows_get, 0, 0, 0},
	[DBX_WIRE_FLOWS_TAKE] = {do_flows_take, 0, 0, 0},
};

_Static_assert(sizeof(struct dbx_wire_fib) == 16 && sizeof(struct dbx_wire_route) % 16 == 0 &&
		       sizeof(struct dbx_wire_neigh) % 16 == 0,
	       "what the table above says of FIB");

int dpk_request_do(struct dpk_control *c, struct dpk_connection *k, struct dpk_request *r)
{
	unsigned int type = r->head->type;
	size_t bytes;
	int rc;

	if (type >= DBX_WIRE_TYPE_MAX || !requests[type].fn)
		return refuse(r, -EOPNOTSUPP, "no such request");
	bytes = requests[type].bytes;
	if (bytes ? r->n_body % bytes || r->n_body / bytes < requests[type].min ||
			    r->n_body / bytes > requests[type].max
		  : r->n_body)
		return refuse(r, -EINVAL, "the length of the request is not that of its type");
	/* what is found in tables is held until this is done */
	dpk_pipe_join(c->core);
	rc = requests[type].fn(c, k, r);
	dpk_pipe_leave(c->core);
	return rc;
}

void dpk_connection_forget(struct dpk_connection *k)
{
	dpk_image_free(k->staged);
	free(k->rows);
	free(k->pending);
	*k = (struct dpk_connection){.fd = -1};
}
