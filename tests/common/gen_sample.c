/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_sample.c -- what packets should aim at, picked out of documents that were read.
 */
#include <string.h>

#include "common/gen.h"
#include "policy/model.h"

static struct gen_prefix prefix_of(const struct dbx_prefix *p)
{
	struct gen_prefix g = {.addr.is_v6 = p->addr.is_v6, .len = p->len};

	memcpy(g.addr.a, p->addr.a, sizeof(g.addr.a));
	return g;
}

static void sample_sources(struct gen_rand *r, const struct dbx_gateway *gw, struct gen_model *m)
{
	while (gw->n_workspaces && m->n_sources < GEN_SOURCES_MAX) {
		const struct dbx_workspace *ws =
			&gw->workspaces[gen_below(r, (uint32_t)gw->n_workspaces)];
		const struct dbx_source *s;

		if (!ws->n_sources)
			return;
		s = &ws->sources[gen_below(r, (uint32_t)ws->n_sources)];
		m->sources[m->n_sources++] = (struct gen_source){
			.prefix = prefix_of(&s->prefix),
			.workspace_id = ws->id,
			.vlan = s->domain & DBX_DOMAIN_QINQ ? s->domain >> 12 & 0xfff
							    : s->domain & 0xfff,
			.inner = s->domain & DBX_DOMAIN_QINQ ? s->domain & 0xfff : 0,
		};
	}
}

static void sample_sets(struct gen_rand *r, const struct dbx_dest_set *sets, size_t n_sets,
			size_t n, struct gen_model *m)
{
	for (size_t i = 0; n_sets && i < n && m->n_prefixes < GEN_PREFIXES_MAX; i++) {
		const struct dbx_dest_set *s = &sets[gen_below(r, (uint32_t)n_sets)];

		if (s->n_prefixes)
			m->prefixes[m->n_prefixes++] = prefix_of(
				&s->prefixes[gen_below(r, (uint32_t)s->n_prefixes)].prefix);
	}
}

static void sample_feeds(struct gen_rand *r, const struct dbx_model *from, size_t n,
			 struct gen_model *m)
{
	for (size_t i = 0; from->n_feeds && i < n && m->n_prefixes < GEN_PREFIXES_MAX; i++) {
		const struct dbx_feed *f = &from->feeds[gen_below(r, (uint32_t)from->n_feeds)];

		if (f->n_prefixes)
			m->prefixes[m->n_prefixes++] = prefix_of(
				&f->prefixes[gen_below(r, (uint32_t)f->n_prefixes)].prefix);
	}
}

void gen_sample(struct gen_rand *r, const struct dbx_model *from, struct gen_model *m)
{
	const struct dbx_gateway *gw = &from->gateway;

	memset(m, 0, sizeof(*m));
	sample_sources(r, gw, m);
	sample_sets(r, gw->platform, gw->n_platform, 40, m);
	sample_sets(r, gw->allowed, gw->n_allowed, 160, m);
	sample_sets(r, gw->blocked, gw->n_blocked, 40, m);
	sample_feeds(r, from, GEN_PREFIXES_MAX, m);
}
