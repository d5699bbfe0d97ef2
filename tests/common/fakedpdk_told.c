// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fakedpdk_told.c -- what a process without DPDK keeps of what it is told.
 */
#include "common/fakedpdk_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fake_give(struct fake_answer *a, const void *v, size_t n)
{
	memcpy(a->body + a->n, v, n);
	a->n += n;
}

/* ---- what is told ---- */

static size_t find_bound(const struct fakedpdk *f, const struct dbx_bound_key *k)
{
	size_t i;

	for (i = 0; i < f->n_bound && memcmp(&f->bound[i].key, k, sizeof(*k)) != 0; i++)
		;
	return i;
}

static int learn(struct fakedpdk *f, const struct dbx_wire_bound *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++) {
		at = find_bound(f, &v[i].key);
		if (at == FAKE_TABLE)
			return -ENOSPC;
		f->bound[at] = v[i];
		f->n_bound += at == f->n_bound;
	}
	return 0;
}

static void page(struct fakedpdk *f, const struct dbx_wire_each *q, struct fake_answer *a)
{
	struct dbx_wire_page p = {0};
	size_t at = (size_t)q->cursor;

	if (q->table != DBX_WIRE_TABLE_BOUND || f->endless) {
		p.next = f->endless ? q->cursor + 1 : 0;
		p.n = f->page_n;
		fake_give(a, &p, sizeof(p));
		return;
	}
	p.n = f->n_bound - at < DBX_WIRE_BATCH ? (uint32_t)(f->n_bound - at) : DBX_WIRE_BATCH;
	p.next = at + p.n < f->n_bound ? at + p.n : 0;
	fake_give(a, &p, sizeof(p));
	fake_give(a, &f->bound[at], p.n * sizeof(f->bound[0]));
}

static int set_port(struct fakedpdk *f, const struct dbx_wire_iface *i)
{
	size_t at;

	if (!strcmp(i->name, "unknown"))
		return -ENODEV;
	for (at = 0; at < f->n_ports && strcmp(f->ports[at].name, i->name) != 0; at++)
		;
	f->ports[at] = *i;
	f->n_ports += at == f->n_ports;
	return 0;
}

static int del_port(struct fakedpdk *f, const struct dbx_wire_iface *i)
{
	size_t at;

	for (at = 0; at < f->n_ports; at++) {
		if (!strcmp(f->ports[at].name, i->name)) {
			f->ports[at] = f->ports[--f->n_ports];
			return 0;
		}
	}
	return -ENOENT;
}

static void put_route(struct fakedpdk *f, const struct dbx_wire_route *r)
{
	size_t i;

	for (i = 0; i < f->n_routes; i++) {
		const struct dbx_wire_route *o = &f->routes[i];

		if (o->family == r->family && o->prefix_len == r->prefix_len &&
		    !memcmp(o->dst, r->dst, 16))
			break;
	}
	if (r->op == DBX_WIRE_PUT) {
		f->n_put++;
		f->routes[i] = *r;
		f->kept_route[i] = true;
		f->n_routes += i == f->n_routes;
	} else if (i < f->n_routes) {
		f->n_del++;
		f->routes[i] = f->routes[--f->n_routes];
	}
}

static void put_neigh(struct fakedpdk *f, const struct dbx_wire_neigh *r)
{
	size_t i;

	for (i = 0; i < f->n_neighs; i++) {
		const struct dbx_wire_neigh *o = &f->neighs[i];

		if (o->ifindex == r->ifindex && !memcmp(o->addr, r->addr, 16))
			break;
	}
	if (r->op == DBX_WIRE_PUT) {
		f->n_put++;
		f->neighs[i] = *r;
		f->kept_neigh[i] = true;
		f->n_neighs += i == f->n_neighs;
	} else if (i < f->n_neighs) {
		f->n_del++;
		f->neighs[i] = f->neighs[--f->n_neighs];
	}
}

static void sweep_fib(struct fakedpdk *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->n_routes; i++) {
		if (f->kept_route[i])
			f->routes[n++] = f->routes[i];
	}
	f->n_routes = n;
	for (i = n = 0; i < f->n_neighs; i++) {
		if (f->kept_neigh[i])
			f->neighs[n++] = f->neighs[i];
	}
	f->n_neighs = n;
}

static int fib(struct fakedpdk *f, const char *body, size_t n)
{
	const struct dbx_wire_fib *h = (const void *)body;
	const struct dbx_wire_route *r = (const void *)(h + 1);
	const struct dbx_wire_neigh *e;
	uint32_t i;

	if (n < sizeof(*h) ||
	    n != sizeof(*h) + h->n_routes * sizeof(*r) + h->n_neighs * sizeof(*e) ||
	    h->n_routes + h->n_neighs > 8 * DBX_WIRE_BATCH)
		return -EINVAL;
	if (h->flags & DBX_WIRE_FIB_BEGIN) {
		memset(f->kept_route, 0, sizeof(f->kept_route));
		memset(f->kept_neigh, 0, sizeof(f->kept_neigh));
	}
	for (i = 0; i < h->n_routes; i++)
		put_route(f, &r[i]);
	e = (const void *)(r + h->n_routes);
	for (i = 0; i < h->n_neighs; i++)
		put_neigh(f, &e[i]);
	if (h->flags & DBX_WIRE_FIB_END)
		sweep_fib(f);
	return 0;
}

static int take_image(struct fakedpdk *f, const struct dbx_wire_image *w, int fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (fd < 0)
		return -EBADF;
	f->is_sealed = (fcntl(fd, F_GET_SEALS) & seals) == seals;
	if (f->next_fd >= 0)
		close(f->next_fd);
	f->next_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	f->next = *w;
	return 0;
}

static int commit(struct fakedpdk *f, const struct dbx_wire_generation *g)
{
	if (f->next_fd < 0)
		return -EINVAL;
	if (g->generation != f->next.generation)
		return -ESTALE;
	if (f->image_fd >= 0)
		close(f->image_fd);
	f->image = f->next;
	f->image_fd = f->next_fd;
	f->next_fd = -1;
	f->state.has_image = 1;
	f->state.generation = f->image.generation;
	f->state.content_hash = f->image.content_hash;
	f->state.checksum = f->image.checksum;
	return 0;
}

/* ---- requests ---- */

static void on_names(struct fakedpdk *f, enum dbx_wire_type type, const void *body, size_t n,
		     struct fake_answer *a)
{
	const struct dbx_bound_key *k = body;
	size_t i;

	switch (type) {
	case DBX_WIRE_SECRET_GET:
		fake_give(a, &f->secret, sizeof(f->secret));
		break;
	case DBX_WIRE_SECRET_SET:
		if (f->state.has_secret && memcmp(&f->secret, body, sizeof(f->secret)) != 0)
			f->n_bound = 0;
		memcpy(&f->secret, body, sizeof(f->secret));
		f->state.has_secret = 1;
		break;
	case DBX_WIRE_LEARN:
		a->rc = n % sizeof(struct dbx_wire_bound)
				? -EINVAL
				: learn(f, body, n / sizeof(struct dbx_wire_bound));
		break;
	case DBX_WIRE_UNLEARN:
		i = find_bound(f, k);
		if (i < f->n_bound)
			f->bound[i] = f->bound[--f->n_bound];
		break;
	case DBX_WIRE_BOUND_GET:
		i = find_bound(f, k);
		if (i < f->n_bound)
			fake_give(a, &f->bound[i].bound, sizeof(f->bound[i].bound));
		else
			a->rc = -ENOENT;
		break;
	case DBX_WIRE_LEARNED_GET:
		a->rc = -ENOENT;
		break;
	case DBX_WIRE_FLOW_SET:
		memcpy(&f->flow, body, sizeof(f->flow));
		f->has_flow = true;
		break;
	case DBX_WIRE_FLOW_DEL:
		f->has_flow = false;
		break;
	default:
		break;
	}
}

static void on_status(struct fakedpdk *f, enum dbx_wire_type type, struct fake_answer *a)
{
	struct dbx_wire_lcore lcore = {.lcore = 1, .packets = 10, .busy_cycles = 500};
	struct dbx_wire_port port = {.flags = DBX_WIRE_PORT_WORKLOAD};
	struct dbx_counter *totals = (void *)a->body;

	if (type == DBX_WIRE_LCORES) {
		fake_give(a, &lcore, sizeof(lcore));
		fake_give(a, &lcore, sizeof(lcore));
	} else if (type == DBX_WIRE_PORTS) {
		memset(port.name, '\x1b', sizeof(port.name)); /* no end, and nothing to print */
		fake_give(a, &port, sizeof(port));
	} else {
		memset(totals, 0, DBX_TOTAL_MAX * sizeof(*totals));
		totals[DBX_TOTAL_EVENTS].packets = 77 + f->n_bound;
		a->n = DBX_TOTAL_MAX * sizeof(*totals);
	}
}

static void on_image(struct fakedpdk *f, enum dbx_wire_type type, const void *body, int fd,
		     struct fake_answer *a)
{
	if (type == DBX_WIRE_IMAGE) {
		a->rc = take_image(f, body, fd);
	} else if (type == DBX_WIRE_COMMIT) {
		a->rc = commit(f, body);
	} else if (type == DBX_WIRE_ABORT) {
		if (f->next_fd >= 0)
			close(f->next_fd);
		f->next_fd = -1;
	} else if (f->image_fd < 0) {
		a->rc = -ENOENT;
	} else {
		fake_give(a, &f->image, sizeof(f->image));
		a->fd = f->image_fd;
	}
}

void fake_carry_out(struct fakedpdk *f, enum dbx_wire_type type, const void *body, size_t n, int fd,
		    struct fake_answer *a)
{
	struct stat st = {0};

	switch (type) {
	case DBX_WIRE_HELLO:
	case DBX_WIRE_STATE:
		fake_give(a, &f->state, sizeof(f->state));
		break;
	case DBX_WIRE_IMAGE:
	case DBX_WIRE_IMAGE_GET:
	case DBX_WIRE_COMMIT:
	case DBX_WIRE_ABORT:
		on_image(f, type, body, fd, a);
		break;
	case DBX_WIRE_PORT_SET:
		a->rc = set_port(f, body);
		break;
	case DBX_WIRE_PORT_DEL:
		a->rc = del_port(f, body);
		break;
	case DBX_WIRE_EACH:
		page(f, body, a);
		break;
	case DBX_WIRE_STEER:
		f->is_steered = ((const struct dbx_wire_steer *)body)->is_ready;
		break;
	case DBX_WIRE_FORWARD:
		memcpy(f->forward, body, n);
		f->n_forward = n / sizeof(f->forward[0]);
		break;
	case DBX_WIRE_FIB:
		a->rc = fib(f, body, n);
		break;
	case DBX_WIRE_CAPTURE:
		memcpy(&f->capture, body, sizeof(f->capture));
		break;
	case DBX_WIRE_FLOWS_GET:
		if (f->flows_fd < 0)
			f->flows_fd = memfd_create("flows", MFD_CLOEXEC);
		a->fd = f->flows_fd;
		break;
	case DBX_WIRE_FLOWS_TAKE:
		a->rc = fstat(fd, &st) ? -EBADF : 0;
		f->flows_ino = st.st_ino;
		break;
	case DBX_WIRE_LOSS:
		fake_give(a, &(struct dbx_wire_loss){3, 4}, sizeof(struct dbx_wire_loss));
		break;
	case DBX_WIRE_LCORES:
	case DBX_WIRE_PORTS:
	case DBX_WIRE_TOTALS:
		on_status(f, type, a);
		break;
	default:
		on_names(f, type, body, n, a);
		break;
	}
}
