/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_gateway.c -- the gateway document.
 */
#include "policy/read.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/proto.h"
#include "policy/print_log.h"
#include "policy/print_names.h"
#include "policy/print_paths.h"

json_t *dbx_pr_protocol(uint16_t proto)
{
	const char *name = proto == DBX_PROTO_ANY ? "any" : dbx_proto_name(proto);

	return name ? json_string(name) : json_integer(proto);
}

void dbx_pr_ports(struct dbx_pr *p, json_t *o, const char *key, int shift,
		  const struct dbx_port_range *ports, size_t n)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < n; i++) {
		unsigned int lo = (unsigned int)ports[i].lo >> shift;
		unsigned int hi = (unsigned int)ports[i].hi >> shift;

		dbx_pr_push(p, list, lo == hi ? json_integer(lo) : json_sprintf("%u-%u", lo, hi));
	}
	dbx_pr_set(p, o, key, list);
}

static void print_ports(struct dbx_pr *p, json_t *o, uint16_t proto,
			const struct dbx_port_range *ports, size_t n)
{
	bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;

	if (n)
		dbx_pr_ports(p, o, icmp ? "types" : "ports", icmp ? 8 : 0, ports, n);
}

static json_t *print_tags(struct dbx_pr *p, const struct dbx_tag_ref *v, size_t n)
{
	json_t *list = dbx_pr_array(p), *o;

	for (size_t i = 0; i < n; i++) {
		if (!v[i].as_object) {
			dbx_pr_push(p, list, json_string(v[i].tag));
			continue;
		}
		o = dbx_pr_object(p, NULL);
		dbx_pr_text(p, o, "tag", v[i].tag);
		dbx_pr_text(p, o, "cloud", v[i].cloud);
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_set(struct dbx_pr *p, const struct dbx_dest_set *s)
{
	json_t *o = dbx_pr_object(p, s->extra), *names;

	dbx_pr_text(p, o, "label", s->label);
	if (s->n_prefixes)
		dbx_pr_set(p, o, "prefixes", dbx_pr_prefix_refs(p, s->prefixes, s->n_prefixes));
	if (s->n_tags)
		dbx_pr_set(p, o, "service_tags", print_tags(p, s->tags, s->n_tags));
	if (s->n_names) {
		names = dbx_pr_array(p);
		for (size_t i = 0; i < s->n_names; i++)
			dbx_pr_push(p, names, json_string(s->names[i].name));
		dbx_pr_set(p, o, "names", names);
	}
	if (s->proto != DBX_PROTO_ANY)
		dbx_pr_set(p, o, "protocol", dbx_pr_protocol(s->proto));
	print_ports(p, o, s->proto, s->ports, s->n_ports);
	dbx_pr_texts(p, o, "network_policy_ids", s->policy_ids, s->n_policy_ids);
	return o;
}

static void print_sets(struct dbx_pr *p, json_t *o, const char *key, const struct dbx_dest_set *v,
		       size_t n)
{
	json_t *list;

	if (!n)
		return;
	list = dbx_pr_array(p);
	for (size_t i = 0; i < n; i++)
		dbx_pr_push(p, list, print_set(p, &v[i]));
	dbx_pr_set(p, o, key, list);
}

static json_t *print_source(struct dbx_pr *p, const struct dbx_source *s)
{
	json_t *o = dbx_pr_object(p, s->extra);

	dbx_pr_set(p, o, "prefix", dbx_pr_prefix(p, &s->prefix));
	dbx_pr_text(p, o, "interface", s->interface);
	if (s->domain & DBX_DOMAIN_VNI) {
		dbx_pr_set(p, o, "vni", json_integer(s->domain & 0xffffff));
	} else if (s->domain & DBX_DOMAIN_QINQ) {
		dbx_pr_set(p, o, "vlan", json_integer(s->domain >> 12 & 0xfff));
		dbx_pr_set(p, o, "inner_vlan", json_integer(s->domain & 0xfff));
	} else if (s->domain) {
		dbx_pr_set(p, o, "vlan", json_integer(s->domain));
	}
	if (s->has_mac)
		dbx_pr_set(p, o, "mac",
			   json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1],
					s->mac[2], s->mac[3], s->mac[4], s->mac[5]));
	if (s->product >= 0)
		dbx_pr_text(p, o, "network_source_type",
			    dbx_product_name((enum dbx_product)s->product));
	dbx_pr_text(p, o, "cluster", s->cluster);
	return o;
}

static json_t *print_workspaces(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_workspaces; i++) {
		const struct dbx_workspace *w = &g->workspaces[i];
		json_t *o = dbx_pr_object(p, w->extra), *sources = dbx_pr_array(p);

		dbx_pr_set(p, o, "workspace_id", json_integer(w->id));
		dbx_pr_text(p, o, "name", w->name);
		dbx_pr_text(p, o, "network_source_type", dbx_product_name(w->product));
		for (size_t k = 0; k < w->n_sources; k++)
			dbx_pr_push(p, sources, print_source(p, &w->sources[k]));
		dbx_pr_set(p, o, "sources", sources);
		if (w->has_isolated)
			dbx_pr_set(p, o, "isolated", json_boolean(w->isolated));
		if (w->has_separate_clusters)
			dbx_pr_set(p, o, "separate_clusters", json_boolean(w->separate_clusters));
		if (w->quota.has)
			dbx_pr_set(p, o, "quota", dbx_pr_quota(p, &w->quota));
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_private_endpoints(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *e = &g->private_endpoints[i];
		json_t *o = dbx_pr_object(p, e->extra);

		dbx_pr_text(p, o, "rule_id", e->rule_id);
		dbx_pr_set(p, o, "addresses", dbx_pr_addrs(p, e->addrs, e->n_addrs));
		if (e->has_private_required)
			dbx_pr_set(p, o, "private_required", json_boolean(e->private_required));
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_interfaces(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_interfaces; i++) {
		json_t *o = dbx_pr_object(p, g->interfaces[i].extra);

		dbx_pr_text(p, o, "name", g->interfaces[i].name);
		dbx_pr_push(p, list, o);
	}
	return list;
}

/* A gateway's address is one address, and is written as such. */
static json_t *print_addresses(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);
	char text[DBX_ADDR_STRLEN];

	for (size_t i = 0; i < g->n_addresses; i++)
		dbx_pr_push(p, list,
			    json_string(dbx_addr_format(&g->addresses[i].prefix.addr, text)));
	return list;
}

static json_t *print_services(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_services; i++) {
		const struct dbx_service *s = &g->services[i];
		json_t *o = dbx_pr_object(p, s->extra);

		dbx_pr_set(p, o, "protocol", dbx_pr_protocol(s->proto));
		print_ports(p, o, s->proto, s->ports, s->n_ports);
		dbx_pr_push(p, list, o);
	}
	return list;
}

char *dbx_print_gateway(const struct dbx_gateway *g)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, g->extra), *root = dbx_pr_object(&p, NULL);

	dbx_pr_text(&p, o, "name", g->name);
	dbx_pr_text(&p, o, "account_id", g->account_id);
	if (g->n_interfaces)
		dbx_pr_set(&p, o, "interfaces", print_interfaces(&p, g));
	if (g->n_addresses)
		dbx_pr_set(&p, o, "gateway_addresses", print_addresses(&p, g));
	if (g->n_services)
		dbx_pr_set(&p, o, "gateway_services", print_services(&p, g));
	if (g->n_workspaces)
		dbx_pr_set(&p, o, "workspaces", print_workspaces(&p, g));
	if (g->n_private_endpoints)
		dbx_pr_set(&p, o, "private_endpoints", print_private_endpoints(&p, g));
	print_sets(&p, o, "platform_sets", g->platform, g->n_platform);
	print_sets(&p, o, "workspace_storage", g->storage, g->n_storage);
	print_sets(&p, o, "allowed_destinations", g->allowed, g->n_allowed);
	print_sets(&p, o, "blocked_destinations", g->blocked, g->n_blocked);
	if (g->feed_max_shrink_percent)
		dbx_pr_set(&p, o, "feed_max_shrink_percent",
			   json_integer(g->feed_max_shrink_percent));
	if (g->dns.has)
		dbx_pr_set(&p, o, "dns", dbx_pr_dns(&p, &g->dns));
	if (g->names.has)
		dbx_pr_set(&p, o, "names", dbx_pr_names(&p, &g->names));
	dbx_pr_paths(&p, o, g);
	if (g->log.has)
		dbx_pr_set(&p, o, "log", dbx_pr_log(&p, &g->log));
	if (g->metrics.has)
		dbx_pr_set(&p, o, "metrics", dbx_pr_metrics(&p, &g->metrics));
	dbx_pr_set(&p, root, "gateway", o);
	return dbx_pr_finish(&p, root);
}
