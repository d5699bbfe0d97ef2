/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_tunnels.c -- which packets are the outside of a tunnel, and whose: to the header.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/compile_priv.h"

static void add_span(struct compiler *c, struct spans *s, const struct dbx_prefix *p, uint32_t flag)
{
	if (!p->addr.is_v6 && dbx_vec_push(s, dbx_compile_span(p, flag)))
		dbx_compile_fail(c, -ENOMEM);
}

static uint32_t add_flag(void *arg, uint32_t outer, uint32_t flag)
{
	(void)arg;
	return outer | flag;
}

/* Reference of the run of the spans' flags, by IPv4 address. */
static uint32_t run_of(struct compiler *c, struct spans *s)
{
	struct intervals iv = {0};
	struct dbx_run32 *run = NULL;
	uint32_t ref = DBX_LEAF;

	if (c->err || dbx_compile_sweep(c, s, add_flag, NULL, &iv))
		goto out;
	run = calloc(iv.n, sizeof(*run));
	if (!run) {
		dbx_compile_fail(c, -ENOMEM);
		goto out;
	}
	for (size_t i = 0; i < iv.n; i++)
		run[i] = (struct dbx_run32){(uint32_t)iv.v[i].first, DBX_LEAF | iv.v[i].value};
	while (iv.n > 1 && iv.v[iv.n - 1].first > UINT32_MAX)
		iv.n--; /* behind the last IPv4 address */
	ref = dbx_imgbuf_run32(&c->b, run, iv.n);
out:
	free(run);
	dbx_vec_fini(&iv);
	return ref;
}

int dbx_compile_tunnels(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct spans local = {0}, remotes = {0};

	for (size_t i = 0; i < g->n_tunnels; i++) {
		const struct dbx_tunnel *t = &g->tunnels[i];
		bool is_geneve = t->type == DBX_TUNNEL_GENEVE;

		*(is_geneve ? &c->b.hdr.geneve_port : &c->b.hdr.vxlan_port) = t->port;
		for (size_t k = 0; k < t->n_remotes; k++)
			add_span(c, &remotes, &t->remotes[k].prefix,
				 is_geneve ? DBX_TUNNEL_F_GENEVE : DBX_TUNNEL_F_VXLAN);
	}
	for (size_t i = 0; g->n_tunnels && i < g->n_addresses; i++)
		add_span(c, &local, &g->addresses[i].prefix, 1);
	c->b.hdr.tunnel_local = run_of(c, &local);
	c->b.hdr.tunnel_remotes = run_of(c, &remotes);
	dbx_vec_fini(&local);
	dbx_vec_fini(&remotes);
	return c->err;
}
