/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_model.c -- random documents: a gateway, its policies, NCCs, bindings and a feed.
 *
 * They are JSON text, so that the readers are exercised on the way. Nothing in them is refused by
 * the readers: what must be refused is the business of other tests.
 */
#include "common/gen.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"

#define N_POLICIES   4
#define N_NCCS       2
#define N_RULES      5 /* private endpoint rules of an NCC */
#define N_WORKSPACES 5
#define FIRST_ID     1001

static const char *const names[] = {"a.example.org",  "b.example.org",      "*.example.org",
				    "c.test.example", "*.deep.example.org", "x.deep.example.org"};
static const char *const accounts[] = {"lakeone", "laketwo"};
static const char *const tags[] = {"Storage", "Storage.EastUS2", "Storage.WestUS",
				   "Sql",     "AzureDatabricks", "Storage.eastus"};
static const char *const regions[] = {"eastus2", "WestUS", "eastus", ""};

#define PICK(r, a) ((a)[gen_below((r), sizeof(a) / sizeof(*(a)))])

struct writer {
	struct gen_rand *r;
	struct gen_model *m;
	struct dbx_strbuf b;
};

__attribute__((format(printf, 2, 3))) static void out(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dbx_strbuf_addv(&w->b, fmt, ap);
	va_end(ap);
}

static void document_end(struct writer *w, const char *name)
{
	struct gen_doc *d = &w->m->docs[w->m->n_docs];

	if (w->m->n_docs == GEN_DOCS_MAX)
		abort();
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->len = w->b.len;
	d->text = dbx_strbuf_steal(&w->b);
	if (!d->text)
		abort();
	w->m->n_docs++;
}

static void clear_host_bits(struct gen_prefix *p)
{
	for (int bit = p->len; bit < (p->addr.is_v6 ? 128 : 32); bit++)
		p->addr.a[bit / 8] &= (uint8_t) ~(0x80 >> (bit & 7));
}

/* Short ones are rare, as they swallow everything else. */
static struct gen_prefix pick_prefix(struct gen_rand *r, bool is_v6)
{
	static const uint8_t lens4[] = {32, 32, 31, 30, 29, 28, 27, 26, 24, 17, 16, 15};
	static const uint8_t lens6[] = {128, 128, 127, 124, 123, 112, 97, 96, 95,
					65,  64,  63,  48,  33,  32,  31, 16};
	struct gen_prefix p = {.addr = gen_addr(r, is_v6)};

	p.len = is_v6 ? PICK(r, lens6) : PICK(r, lens4);
	if (gen_percent(r, 3))
		p.len = (uint8_t)gen_below(r, is_v6 ? 129 : 33);
	clear_host_bits(&p);
	return p;
}

static void out_prefix(struct writer *w, const struct gen_prefix *p, bool is_bare)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(p->addr.is_v6 ? AF_INET6 : AF_INET, p->addr.a, text, sizeof(text));
	if (is_bare)
		out(w, "\"%s\"", text);
	else
		out(w, "\"%s/%u\"", text, p->len);
	if (w->m->n_prefixes < GEN_PREFIXES_MAX)
		w->m->prefixes[w->m->n_prefixes++] = *p;
}

/* A prefix that is near one that something else uses already, every other time. */
static struct gen_prefix related_prefix(struct writer *w)
{
	struct gen_prefix p = pick_prefix(w->r, gen_percent(w->r, 40));

	if (w->m->n_prefixes && gen_percent(w->r, 40)) {
		struct gen_prefix *of =
			&w->m->prefixes[gen_below(w->r, (uint32_t)w->m->n_prefixes)];

		p.addr = gen_addr_at(w->r, of);
		if (p.addr.is_v6 == of->addr.is_v6)
			p.len = (uint8_t)(of->len + gen_below(w->r, 3));
		if (p.len > (p.addr.is_v6 ? 128 : 32))
			p.len = p.addr.is_v6 ? 128 : 32;
		clear_host_bits(&p);
	}
	return p;
}

static void out_prefixes(struct writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gen_prefix p = related_prefix(w);

		out(w, "%s", i ? ", " : "");
		out_prefix(w, &p, false);
	}
}

static void out_addresses(struct writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gen_prefix p = pick_prefix(w->r, gen_percent(w->r, 40));

		p.len = p.addr.is_v6 ? 128 : 32;
		p.addr = gen_addr(w->r, p.addr.is_v6);
		out(w, "%s", i ? ", " : "");
		out_prefix(w, &p, true);
	}
}

/* ---- protocols and ports ---- */

static void out_types(struct writer *w)
{
	static const uint8_t types[] = {0, 3, 8, 128, 129, 133, 135, 255};
	uint32_t n = 1 + gen_below(w->r, 2);

	out(w, ", \"types\": [");
	for (uint32_t i = 0; i < n; i++) {
		uint8_t lo = PICK(w->r, types);

		out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 60))
			out(w, "%u", lo);
		else
			out(w, "\"%u-%u\"", lo, lo + gen_below(w->r, 256u - lo));
	}
	out(w, "]");
}

static void out_ports(struct writer *w)
{
	uint32_t n = 1 + gen_below(w->r, 3);

	out(w, ", \"ports\": [");
	for (uint32_t i = 0; i < n; i++) {
		uint16_t x = gen_port(w->r), y = gen_port(w->r);

		out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 60))
			out(w, "%u", x);
		else
			out(w, "\"%u-%u\"", x < y ? x : y, x < y ? y : x);
	}
	out(w, "]");
}

/* The rest of an entry, with a leading comma. */
static void out_service(struct writer *w, bool always)
{
	static const char *const ported[] = {"\"tcp\"", "\"tcp\"", "\"udp\"", "\"sctp\"",
					     "33",      "\"136\"", "6"};
	static const char *const icmps[] = {"\"icmp\"", "\"icmpv6\""};
	static const char *const others[] = {"\"any\"", "47", "\"50\"", "0", "255", "51", "59"};

	if (!always && gen_percent(w->r, 30))
		return;
	if (gen_percent(w->r, 65)) {
		out(w, ", \"protocol\": %s", PICK(w->r, ported));
		if (gen_percent(w->r, 75))
			out_ports(w);
	} else if (gen_percent(w->r, 60)) {
		out(w, ", \"protocol\": %s", PICK(w->r, icmps));
		if (gen_percent(w->r, 75))
			out_types(w);
	} else {
		out(w, ", \"protocol\": %s", PICK(w->r, others));
	}
}

/* ---- gateway ---- */

static bool is_taken(const struct gen_model *m, const struct gen_source *s)
{
	for (size_t i = 0; i < m->n_sources; i++) {
		const struct gen_source *o = &m->sources[i];

		if (o->prefix.len == s->prefix.len && o->vlan == s->vlan && o->inner == s->inner &&
		    o->is_vni == s->is_vni &&
		    !memcmp(&o->prefix.addr, &s->prefix.addr, sizeof(s->prefix.addr)))
			return true;
	}
	return false;
}

static bool pick_source(struct writer *w, int64_t workspace_id, struct gen_source *s)
{
	struct gen_rand *r = w->r;

	memset(s, 0, sizeof(*s));
	s->prefix = related_prefix(w);
	if (s->prefix.len < 8)
		s->prefix.len = 24;
	clear_host_bits(&s->prefix);
	s->workspace_id = workspace_id;
	if (gen_percent(r, 35))
		s->vlan = (uint16_t)(1 + gen_below(r, 3));
	if (s->vlan && gen_percent(r, 30))
		s->inner = (uint16_t)(1 + gen_below(r, 2));
	s->is_vni = !s->vlan && gen_percent(r, 5);
	if (gen_percent(r, 15))
		s->interface = (int)(1 + gen_below(r, 2));
	if (gen_percent(r, 10))
		s->mac = (int)(0x20 + gen_below(r, 2));
	return w->m->n_sources < GEN_SOURCES_MAX && !is_taken(w->m, s);
}

static void out_source(struct writer *w, const struct gen_source *s)
{
	static const char *const products[] = {"DBSQL", "ML_SERVING", "General Compute", "Apps"};

	out(w, "{\"prefix\": ");
	out_prefix(w, &s->prefix, false);
	if (s->vlan)
		out(w, ", \"vlan\": %u", s->vlan);
	if (s->inner)
		out(w, ", \"inner_vlan\": %u", s->inner);
	if (s->is_vni)
		out(w, ", \"vni\": 77");
	if (s->interface)
		out(w, ", \"interface\": \"ws%d\"", s->interface);
	if (s->mac)
		out(w, ", \"mac\": \"02:00:00:00:00:%02x\"", (unsigned int)s->mac);
	if (gen_percent(w->r, 25))
		out(w, ", \"network_source_type\": \"%s\"", PICK(w->r, products));
	out(w, "}");
}

static void out_workspace(struct writer *w, int64_t id)
{
	uint32_t n = 1 + gen_below(w->r, 4);
	const char *comma = "";

	out(w, "{\"workspace_id\": %" PRId64 ", \"network_source_type\": \"%s\", \"sources\": [",
	    id, gen_percent(w->r, 30) ? "DBSQL" : "General Compute");
	for (uint32_t i = 0; i < n; i++) {
		struct gen_source s;

		if (!pick_source(w, id, &s))
			continue;
		out(w, "%s", comma);
		out_source(w, &s);
		w->m->sources[w->m->n_sources++] = s;
		comma = ", ";
	}
	out(w, "]}");
}

static void out_policy_ids(struct writer *w)
{
	uint32_t first = gen_below(w->r, N_POLICIES), second = gen_below(w->r, N_POLICIES);

	out(w, ", \"network_policy_ids\": [\"np-%u\"", first);
	if (second != first && gen_percent(w->r, 50))
		out(w, ", \"np-%u\"", second);
	out(w, "]");
}

static void out_dest_sets(struct writer *w, const char *key, const char *prefix, uint32_t n,
			  bool has_policies)
{
	out(w, ",\n\"%s\": [", key);
	for (uint32_t i = 0; i < n; i++) {
		bool has_tags = gen_percent(w->r, 35);

		out(w, "%s{\"label\": \"%s-%u\"", i ? ",\n " : "", prefix, i);
		if (!has_tags || gen_percent(w->r, 40)) {
			out(w, ", \"prefixes\": [");
			out_prefixes(w, 1 + gen_below(w->r, 4));
			out(w, "]");
		}
		if (has_tags && gen_percent(w->r, 70))
			out(w, ", \"service_tags\": [\"%s\"]", PICK(w->r, tags));
		else if (has_tags)
			out(w, ", \"service_tags\": [{\"tag\": \"%s\", \"cloud\": \"Public\"}]",
			    PICK(w->r, tags));
		if (*key != 'b' && gen_percent(w->r, 12))
			out(w, ", \"names\": [\"a.example.org\"]");
		out_service(w, false);
		if (has_policies && gen_percent(w->r, 40))
			out_policy_ids(w);
		out(w, "}");
	}
	out(w, "]");
}

static void out_private_endpoints(struct writer *w, uint32_t n_nccs)
{
	const char *comma = "";

	out(w, ",\n\"private_endpoints\": [");
	for (uint32_t ncc = 0; ncc < n_nccs; ncc++) {
		for (uint32_t i = 0; i < N_RULES; i++) {
			if (gen_percent(w->r, 30))
				continue;
			out(w, "%s{\"rule_id\": \"pe-%u-%u\", \"addresses\": [", comma, ncc, i);
			out_addresses(w, 1 + gen_below(w->r, 2));
			out(w, "]}");
			comma = ", ";
		}
	}
	out(w, "]");
}

static void document_gateway(struct writer *w, uint32_t n_workspaces, uint32_t n_nccs)
{
	uint32_t n;

	out(w, "{\"gateway\": {\"name\": \"gen\", \"interfaces\": [{\"name\": \"ws1\"}, "
	       "{\"name\": \"ws2\"}],\n\"workspaces\": [");
	for (uint32_t i = 0; i < n_workspaces; i++) {
		out(w, "%s", i ? ",\n " : "");
		out_workspace(w, FIRST_ID + i);
	}
	out(w, "],\n\"gateway_addresses\": [");
	out_addresses(w, gen_below(w->r, 3));
	out(w, "],\n\"gateway_services\": [");
	n = gen_below(w->r, 4);
	for (uint32_t i = 0; i < n; i++) {
		out(w, "%s{\"x\": 0", i ? ", " : "");
		out_service(w, true);
		out(w, "}");
	}
	out(w, "]");
	out_private_endpoints(w, n_nccs);
	out_dest_sets(w, "platform_sets", "p", gen_below(w->r, 4), false);
	out_dest_sets(w, "workspace_storage", "s", gen_below(w->r, 3), false);
	out_dest_sets(w, "allowed_destinations", "a", gen_below(w->r, 7), true);
	out_dest_sets(w, "blocked_destinations", "b", gen_below(w->r, 4), true);
	out(w, "}}\n");
	document_end(w, "gateway.json");
}

/* ---- policies ---- */

static void out_internet(struct writer *w, uint32_t n, bool may_name)
{
	for (uint32_t i = 0; i < n; i++) {
		out(w, "%s{\"destination\": ", i ? ", " : "");
		if (may_name && gen_percent(w->r, 25)) {
			out(w, "\"%s\", \"internet_destination_type\": \"DNS_NAME\"}",
			    PICK(w->r, names));
		} else {
			out_prefixes(w, 1);
			out(w, ", \"internet_destination_type\": \"IP_RANGE\"}");
		}
	}
}

static void out_storage(struct writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 70))
			out(w,
			    "{\"storage_destination_type\": \"AZURE_STORAGE\", "
			    "\"azure_storage_account\": \"%s\", \"azure_storage_service\": \"%s\"}",
			    PICK(w->r, accounts), gen_percent(w->r, 50) ? "dfs" : "blob");
		else
			out(w, "{\"storage_destination_type\": \"AWS_S3\", "
			       "\"bucket_name\": \"lakeone\", \"region\": \"us-east-1\"}");
	}
}

static void out_enforcement(struct writer *w)
{
	static const char *const filters[] = {"", "\"DBSQL\"", "\"ML_SERVING\"",
					      "\"DBSQL\", \"ML_SERVING\""};

	if (gen_percent(w->r, 50))
		return;
	out(w,
	    ",\n\"policy_enforcement\": {\"enforcement_mode\": \"%s\", "
	    "\"dry_run_mode_product_filter\": [%s]}",
	    gen_percent(w->r, 80) ? "DRY_RUN" : "ENFORCED", PICK(w->r, filters));
}

static void document_policy(struct writer *w, const char *id)
{
	static const char *const modes[] = {"RESTRICTED_ACCESS", "RESTRICTED_ACCESS",
					    "RESTRICTED_ACCESS", "FULL_ACCESS",
					    "RESTRICTION_MODE_UNSPECIFIED"};
	bool is_wrapped = gen_percent(w->r, 20);
	char name[40];

	out(w, "%s{\"network_policy_id\": \"%s\", \"egress\": {\"network_access\": {\n",
	    is_wrapped ? "{\"network_policy\": " : "", id);
	out(w, "\"restriction_mode\": \"%s\",\n\"allowed_internet_destinations\": [",
	    PICK(w->r, modes));
	out_internet(w, gen_below(w->r, 5), true);
	out(w, "],\n\"blocked_internet_destinations\": [");
	out_internet(w, gen_below(w->r, 3), true);
	out(w, "],\n\"allowed_storage_destinations\": [");
	out_storage(w, gen_percent(w->r, 40) ? gen_below(w->r, 3) : 0);
	out(w, "],\n\"allowed_databricks_destinations\": [");
	if (gen_percent(w->r, 50))
		out(w, "{\"workspace_ids\": [%u, \"%u\"]}", FIRST_ID + gen_below(w->r, 3),
		    FIRST_ID + gen_below(w->r, 6));
	out(w, "]");
	out_enforcement(w);
	out(w, "}}}%s\n", is_wrapped ? "}" : "");
	snprintf(name, sizeof(name), "%s.json", id);
	document_end(w, name);
}

/* ---- NCCs ---- */

static void out_rule_target(struct writer *w)
{
	switch (gen_below(w->r, 3)) {
	case 0:
		out(w,
		    "\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/"
		    "Microsoft.Storage/storageAccounts/%s\", \"group_id\": \"%s\"",
		    PICK(w->r, accounts), gen_percent(w->r, 50) ? "dfs" : "blob");
		break;
	case 1:
		out(w,
		    "\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/"
		    "Microsoft.Network/privateLinkServices/pls\", \"domain_names\": [\"%s\"]",
		    gen_percent(w->r, 50) ? "a.example.org" : "x.deep.example.org");
		break;
	default:
		out(w,
		    "\"endpoint_service\": \"com.amazonaws.us-east-1.s3\", "
		    "\"resource_names\": [\"%s\"], \"enabled\": %s",
		    PICK(w->r, accounts), gen_percent(w->r, 70) ? "true" : "false");
	}
}

static void document_ncc(struct writer *w, uint32_t n)
{
	static const char *const states[] = {"ESTABLISHED", "ESTABLISHED", "ESTABLISHED",
					     "PENDING",     "REJECTED",    "EXPIRED"};
	char name[32];

	out(w,
	    "{\"network_connectivity_config_id\": \"ncc-%u\", \"name\": \"ncc-%u\", "
	    "\"region\": \"eastus2\", \"egress_config\": {\"default_rules\": {",
	    n, n);
	if (gen_percent(w->r, 70))
		out(w,
		    "\"azure_service_endpoint_rule\": {\"target_region\": \"%s\", \"subnets\": [], "
		    "\"target_services\": [%s]}",
		    PICK(w->r, regions), gen_percent(w->r, 80) ? "\"AZURE_BLOB_STORAGE\"" : "");
	out(w, "}, \"target_rules\": {\"azure_private_endpoint_rules\": [");
	for (uint32_t i = 0; i < N_RULES; i++) {
		out(w,
		    "%s{\"rule_id\": \"pe-%u-%u\", \"network_connectivity_config_id\": \"ncc-%u\", ",
		    i ? ",\n " : "", n, i, n);
		out_rule_target(w);
		out(w, ", \"connection_state\": \"%s\", \"deactivated\": %s}", PICK(w->r, states),
		    gen_percent(w->r, 10) ? "true" : "false");
	}
	out(w, "]}}}\n");
	snprintf(name, sizeof(name), "ncc-%u.json", n);
	document_end(w, name);
}

/* ---- feed and bindings ---- */

static void document_feed(struct writer *w)
{
	size_t n_tags = sizeof(tags) / sizeof(*tags);

	out(w, "{\"changeNumber\": 7, \"cloud\": \"Public\", \"values\": [");
	for (size_t i = 0; i < n_tags; i++) {
		const char *dot = strchr(tags[i], '.');

		out(w,
		    "%s{\"name\": \"%s\", \"id\": \"%s\", \"properties\": {\"changeNumber\": 1, "
		    "\"region\": \"%s\", \"regionId\": 0, \"platform\": \"Azure\", "
		    "\"systemService\": \"\", \"addressPrefixes\": [",
		    i ? ",\n " : "", tags[i], tags[i], dot ? dot + 1 : "");
		out_prefixes(w, gen_below(w->r, 6));
		out(w, "]}}");
	}
	out(w, "]}\n");
	document_end(w, "feed.json");
}

static void document_binding(struct writer *w, uint32_t id, uint32_t n_nccs)
{
	bool has_policy = !gen_percent(w->r, 12), has_ncc = n_nccs && gen_percent(w->r, 75);
	char name[32];

	if (!has_policy && !has_ncc)
		return;
	out(w, "{\"workspace_id\": %u", id);
	if (has_policy)
		out(w,
		    ", \"workspace_network_option\": {\"workspace_id\": %u, "
		    "\"network_policy_id\": \"np-%u\"}",
		    id, gen_below(w->r, N_POLICIES));
	if (has_ncc)
		out(w, ", \"workspace\": {\"network_connectivity_config_id\": \"ncc-%u\"}",
		    gen_below(w->r, n_nccs));
	out(w, "}\n");
	snprintf(name, sizeof(name), "ws-%u.json", id);
	document_end(w, name);
}

void gen_model(struct gen_rand *r, struct gen_model *m)
{
	uint32_t n_workspaces = 1 + gen_below(r, N_WORKSPACES), n_nccs = gen_below(r, N_NCCS + 1);
	struct writer w = {.r = r, .m = m};
	char id[16];

	memset(m, 0, sizeof(*m));
	dbx_strbuf_init(&w.b);
	document_feed(&w);
	for (uint32_t i = 0; i < N_POLICIES; i++) {
		snprintf(id, sizeof(id), "np-%u", i);
		document_policy(&w, id);
	}
	if (gen_percent(r, 40))
		document_policy(&w, "default-policy");
	for (uint32_t i = 0; i < n_nccs; i++)
		document_ncc(&w, i);
	for (uint32_t i = 0; i < n_workspaces; i++)
		document_binding(&w, FIRST_ID + i, n_nccs);
	document_gateway(&w, n_workspaces, n_nccs);
	dbx_strbuf_fini(&w.b);
}

void gen_model_fini(struct gen_model *m)
{
	for (size_t i = 0; i < m->n_docs; i++)
		free(m->docs[i].text);
	m->n_docs = 0;
}
