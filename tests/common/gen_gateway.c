/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_gateway.c -- a random gateway document.
 */
#include "common/gen_write.h"

#include <inttypes.h>
#include <string.h>

/* ---- protocols and ports ---- */

static void out_types(struct gen_writer *w)
{
	static const uint8_t types[] = {0, 3, 8, 128, 129, 133, 135, 255};
	uint32_t n = 1 + gen_below(w->r, 2);

	gen_out(w, ", \"types\": [");
	for (uint32_t i = 0; i < n; i++) {
		uint8_t lo = PICK(w->r, types);

		gen_out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 60))
			gen_out(w, "%u", lo);
		else
			gen_out(w, "\"%u-%u\"", lo, lo + gen_below(w->r, 256u - lo));
	}
	gen_out(w, "]");
}

static void out_ports(struct gen_writer *w)
{
	uint32_t n = 1 + gen_below(w->r, 3);

	gen_out(w, ", \"ports\": [");
	for (uint32_t i = 0; i < n; i++) {
		uint16_t x = gen_port(w->r), y = gen_port(w->r);

		gen_out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 60))
			gen_out(w, "%u", x);
		else
			gen_out(w, "\"%u-%u\"", x < y ? x : y, x < y ? y : x);
	}
	gen_out(w, "]");
}

/* The rest of an entry, with a leading comma. */
static void out_service(struct gen_writer *w, bool always)
{
	static const char *const ported[] = {"\"tcp\"", "\"tcp\"", "\"udp\"", "\"sctp\"",
					     "33",      "\"136\"", "6"};
	static const char *const icmps[] = {"\"icmp\"", "\"icmpv6\""};
	static const char *const others[] = {"\"any\"", "47", "\"50\"", "0", "255", "51", "59"};

	if (!always && gen_percent(w->r, 30))
		return;
	if (gen_percent(w->r, 65)) {
		gen_out(w, ", \"protocol\": %s", PICK(w->r, ported));
		if (gen_percent(w->r, 75))
			out_ports(w);
	} else if (gen_percent(w->r, 60)) {
		gen_out(w, ", \"protocol\": %s", PICK(w->r, icmps));
		if (gen_percent(w->r, 75))
			out_types(w);
	} else {
		gen_out(w, ", \"protocol\": %s", PICK(w->r, others));
	}
}

/* ---- gateway ---- */

static bool is_taken(const struct gen_model *m, const struct gen_source *s)
{
	for (size_t i = 0; i < m->n_sources; i++) {
		const struct gen_source *o = &m->sources[i];

		if (o->prefix.len == s->prefix.len && o->vlan == s->vlan && o->inner == s->inner &&
		    o->vni == s->vni &&
		    !memcmp(&o->prefix.addr, &s->prefix.addr, sizeof(s->prefix.addr)))
			return true;
	}
	return false;
}

static bool pick_source(struct gen_writer *w, int64_t workspace_id, struct gen_source *s)
{
	struct gen_rand *r = w->r;

	memset(s, 0, sizeof(*s));
	s->prefix = gen_related_prefix(w);
	if (s->prefix.len < 8)
		s->prefix.len = 24;
	gen_clear_host_bits(&s->prefix);
	s->workspace_id = workspace_id;
	if (gen_percent(r, 35))
		s->vlan = (uint16_t)(1 + gen_below(r, 3));
	if (s->vlan && gen_percent(r, 30))
		s->inner = (uint16_t)(1 + gen_below(r, 2));
	if (!s->vlan && gen_percent(r, 20))
		s->vni = 77 + gen_below(r, 2) * 0xfff000;
	if (gen_percent(r, 15))
		s->interface = (int)(1 + gen_below(r, 2));
	if (gen_percent(r, 10))
		s->mac = (int)(0x20 + gen_below(r, 2));
	return w->m->n_sources < GEN_SOURCES_MAX && !is_taken(w->m, s);
}

static void out_source(struct gen_writer *w, const struct gen_source *s)
{
	static const char *const products[] = {"DBSQL", "ML_SERVING", "General Compute", "Apps"};

	gen_out(w, "{\"prefix\": ");
	gen_out_prefix(w, &s->prefix, false);
	if (s->vlan)
		gen_out(w, ", \"vlan\": %u", s->vlan);
	if (s->inner)
		gen_out(w, ", \"inner_vlan\": %u", s->inner);
	if (s->vni)
		gen_out(w, ", \"vni\": %u", s->vni);
	if (s->interface)
		gen_out(w, ", \"interface\": \"ws%d\"", s->interface);
	if (s->mac)
		gen_out(w, ", \"mac\": \"02:00:00:00:00:%02x\"", (unsigned int)s->mac);
	if (gen_percent(w->r, 25))
		gen_out(w, ", \"network_source_type\": \"%s\"", PICK(w->r, products));
	if (gen_percent(w->r, 30))
		gen_out(w, ", \"cluster\": \"c%u\"", gen_below(w->r, 3));
	gen_out(w, "}");
}

static void out_workspace(struct gen_writer *w, int64_t id)
{
	uint32_t n = 1 + gen_below(w->r, 4);
	const char *comma = "";

	gen_out(w,
		"{\"workspace_id\": %" PRId64 ", \"network_source_type\": \"%s\", \"sources\": [",
		id, gen_percent(w->r, 30) ? "DBSQL" : "General Compute");
	for (uint32_t i = 0; i < n; i++) {
		struct gen_source s;

		if (!pick_source(w, id, &s))
			continue;
		gen_out(w, "%s", comma);
		out_source(w, &s);
		w->m->sources[w->m->n_sources++] = s;
		comma = ", ";
	}
	gen_out(w, "]");
	gen_out_workspace_limits(w);
	gen_out(w, "}");
}

static void out_policy_ids(struct gen_writer *w)
{
	uint32_t first = gen_below(w->r, GEN_POLICIES), second = gen_below(w->r, GEN_POLICIES);

	gen_out(w, ", \"network_policy_ids\": [\"np-%u\"", first);
	if (second != first && gen_percent(w->r, 50))
		gen_out(w, ", \"np-%u\"", second);
	gen_out(w, "]");
}

static void out_dest_sets(struct gen_writer *w, const char *key, const char *prefix, uint32_t n,
			  bool has_policies)
{
	gen_out(w, ",\n\"%s\": [", key);
	for (uint32_t i = 0; i < n; i++) {
		bool has_tags = gen_percent(w->r, 35);

		gen_out(w, "%s{\"label\": \"%s-%u\"", i ? ",\n " : "", prefix, i);
		if (!has_tags || gen_percent(w->r, 40)) {
			gen_out(w, ", \"prefixes\": [");
			gen_out_prefixes(w, 1 + gen_below(w->r, 4));
			gen_out(w, "]");
		}
		if (has_tags && gen_percent(w->r, 70))
			gen_out(w, ", \"service_tags\": [\"%s\"]",
				gen_tags[gen_below(w->r, (uint32_t)gen_n_tags)]);
		else if (has_tags)
			gen_out(w, ", \"service_tags\": [{\"tag\": \"%s\", \"cloud\": \"Public\"}]",
				gen_tags[gen_below(w->r, (uint32_t)gen_n_tags)]);
		if (*key != 'b' && gen_percent(w->r, 12))
			gen_out(w, ", \"names\": [\"a.example.org\"]");
		out_service(w, false);
		if (has_policies && gen_percent(w->r, 40))
			out_policy_ids(w);
		gen_out(w, "}");
	}
	gen_out(w, "]");
}

/* In any order, and some addresses belong to several rules, of one NCC or of two. */
static void out_private_endpoints(struct gen_writer *w, uint32_t n_nccs)
{
	uint32_t n = n_nccs * GEN_RULES, turn = gen_below(w->r, n + 1);
	size_t first = w->m->n_prefixes;
	const char *comma = "";

	gen_out(w, ",\n\"private_endpoints\": [");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t rule = (turn + i * 3) % n; /* 3 divides neither 5 nor 10 */
		uint32_t n_own = (uint32_t)(w->m->n_prefixes - first);

		if (gen_percent(w->r, 30))
			continue;
		gen_out(w, "%s{\"rule_id\": \"pe-%u-%u\", \"addresses\": [", comma,
			rule / GEN_RULES, rule % GEN_RULES);
		if (n_own && gen_percent(w->r, 50)) {
			struct gen_prefix again = w->m->prefixes[first + gen_below(w->r, n_own)];

			gen_out_prefix(w, &again, true);
			gen_out(w, ", ");
		}
		gen_out_addresses(w, 1 + gen_below(w->r, 2));
		gen_out(w, "]}");
		comma = ", ";
	}
	gen_out(w, "]");
}

/* Also where tunnels end. */
static void out_gateways(struct gen_writer *w)
{
	struct gen_model *m = w->m;
	size_t first = m->n_prefixes;

	gen_out_addresses(w, gen_below(w->r, 4));
	for (size_t i = first; i < m->n_prefixes; i++)
		m->gateways[m->n_gateways++] = m->prefixes[i].addr;
}

void gen_document_gateway(struct gen_writer *w, uint32_t n_workspaces, uint32_t n_nccs)
{
	uint32_t n;

	gen_out(w, "{\"gateway\": {\"name\": \"gen\", \"interfaces\": [{\"name\": \"ws1\"}, "
		   "{\"name\": \"ws2\"}],\n\"workspaces\": [");
	for (uint32_t i = 0; i < n_workspaces; i++) {
		gen_out(w, "%s", i ? ",\n " : "");
		out_workspace(w, GEN_FIRST_ID + i);
	}
	gen_out(w, "],\n\"gateway_addresses\": [");
	out_gateways(w);
	gen_out(w, "],\n\"gateway_services\": [");
	n = gen_below(w->r, 4);
	for (uint32_t i = 0; i < n; i++) {
		gen_out(w, "%s{\"x\": 0", i ? ", " : "");
		out_service(w, true);
		gen_out(w, "}");
	}
	gen_out(w, "]");
	out_private_endpoints(w, n_nccs);
	out_dest_sets(w, "platform_sets", "p", gen_below(w->r, 4), false);
	out_dest_sets(w, "workspace_storage", "s", gen_below(w->r, 3), false);
	out_dest_sets(w, "allowed_destinations", "a", gen_below(w->r, 7), true);
	out_dest_sets(w, "blocked_destinations", "b", gen_below(w->r, 4), true);
	gen_out_paths(w, n_nccs);
	gen_out(w, "}}\n");
	gen_document_end(w, "gateway.json");
}
