/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_paths.c -- random paths, tunnels, answers to denials, quotas.
 */
#include "common/gen_write.h"

#include <string.h>

static void out_quota_body(struct gen_writer *w)
{
	uint32_t which = 1 + gen_below(w->r, 3); /* flows, bytes, both */

	gen_out(w, "{");
	if (which & 1)
		gen_out(w, "\"new_flows_per_second\": %u", 1 + gen_below(w->r, 1000));
	if (which & 2)
		gen_out(w, "%s\"bytes_per_second\": %u", which & 1 ? ", " : "",
			1 + gen_below(w->r, 100000000));
	if (gen_percent(w->r, 50))
		gen_out(w, ", \"burst_ms\": %u", 1 + gen_below(w->r, 10000));
	gen_out(w, "}");
}

void gen_out_workspace_limits(struct gen_writer *w)
{
	if (gen_percent(w->r, 20))
		gen_out(w, ", \"isolated\": %s", gen_percent(w->r, 80) ? "true" : "false");
	if (gen_percent(w->r, 35))
		gen_out(w, ", \"separate_clusters\": %s", gen_percent(w->r, 80) ? "true" : "false");
	if (gen_percent(w->r, 30)) {
		gen_out(w, ", \"quota\": ");
		out_quota_body(w);
	}
}

/* Of each family one, or none. */
static void out_pair(struct gen_writer *w, const char *key, const char *v4, const char *v6)
{
	uint32_t which = gen_below(w->r, 4), last = 1 + gen_below(w->r, 3);

	if (!which)
		return;
	gen_out(w, ", \"%s\": [", key);
	if (which & 1)
		gen_out(w, "\"%s.%u\"", v4, last);
	if (which & 2)
		gen_out(w, "%s\"%s::%u\"", which & 1 ? ", " : "", v6, last);
	gen_out(w, "]");
}

static void out_ncc_ids(struct gen_writer *w, uint32_t n_nccs)
{
	uint32_t first = gen_below(w->r, n_nccs + 1);

	if (first == n_nccs)
		return; /* for every NCC */
	gen_out(w, ", \"ncc_ids\": [\"ncc-%u\"", first);
	if (first + 1 < n_nccs && gen_percent(w->r, 30))
		gen_out(w, ", \"ncc-%u\"", first + 1);
	gen_out(w, "]");
}

/* Entries may meet: the first one for an NCC counts. */
static void out_routes(struct gen_writer *w, uint32_t n_nccs)
{
	static const char *const paths[] = {"nat", "service_endpoint", "private_endpoint",
					    "firewall"};
	uint32_t n = gen_below(w->r, 7);

	gen_out(w, ",\n\"paths\": [");
	for (uint32_t i = 0; i < n; i++) {
		gen_out(w, "%s{\"path\": \"%s\", \"interface\": \"up%u\"", i ? ",\n " : "",
			PICK(w->r, paths), gen_below(w->r, 3));
		out_ncc_ids(w, n_nccs);
		out_pair(w, "next_hops", "192.0.2", "2001:db8:2");
		out_pair(w, "source_addresses", "203.0.113", "2001:db8:5");
		gen_out(w, "}");
	}
	gen_out(w, "]");
}

static void out_tunnel(struct gen_writer *w, const char *type, const char *comma)
{
	struct gen_tunnel *t = &w->m->tunnels[w->m->n_tunnels++];

	*t = (struct gen_tunnel){*type == 'g', *type == 'g' ? 6081 : 4789};
	gen_out(w, "%s{\"type\": \"%s\", \"remotes\": [\"192.0.2.0/24\"", comma, type);
	if (gen_percent(w->r, 30))
		gen_out(w, ", \"198.51.100.7\"");
	gen_out(w, "]");
	if (gen_percent(w->r, 20)) {
		t->port = *type == 'v' ? 8472 : 6082;
		gen_out(w, ", \"port\": %u", t->port);
	}
	gen_out(w, "}");
}

static void out_tunnels(struct gen_writer *w)
{
	uint32_t which = gen_below(w->r, 4);

	gen_out(w, ",\n\"tunnels\": [");
	if (which & 1)
		out_tunnel(w, "vxlan", "");
	if (which & 2)
		out_tunnel(w, "geneve", which & 1 ? ", " : "");
	gen_out(w, "]");
}

void gen_out_paths(struct gen_writer *w, uint32_t n_nccs)
{
	out_routes(w, n_nccs);
	out_tunnels(w);
	if (gen_percent(w->r, 40)) {
		gen_out(w, ",\n\"reject\": {\"per_second\": %u", 1 + gen_below(w->r, 5000));
		if (gen_percent(w->r, 50))
			gen_out(w, ", \"policy_ids\": [\"np-%u\"]", gen_below(w->r, GEN_POLICIES));
		gen_out(w, "}");
	}
	if (gen_percent(w->r, 30))
		gen_out(w, ",\n\"fast_forward\": {\"interfaces\": [\"up0\"%s]}",
			gen_percent(w->r, 50) ? ", \"up1\"" : "");
	if (gen_percent(w->r, 30)) {
		gen_out(w, ",\n\"default_quota\": ");
		out_quota_body(w);
	}
}
