// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_gateway.c -- the gateway document: tags that no feed has, prefixes that can never decide,
 * interfaces and policies that are named but not there.
 */
#include "policy/check_impl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "policy/eval_impl.h"
#include "policy/explain.h"

struct set_list {
	const char *name; /* key in the document */
	const struct dbx_dest_set *v;
	size_t n;
	bool is_deny;
};

enum { N_LISTS = 4 };

static void lists_of(const struct dbx_gateway *g, struct set_list out[N_LISTS])
{
	out[0] = (struct set_list){"platform_sets", g->platform, g->n_platform, false};
	out[1] = (struct set_list){"workspace_storage", g->storage, g->n_storage, false};
	out[2] = (struct set_list){"allowed_destinations", g->allowed, g->n_allowed, false};
	out[3] = (struct set_list){"blocked_destinations", g->blocked, g->n_blocked, true};
}

struct tag_count {
	uint64_t n_prefixes;
};

static int count_prefixes(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	struct tag_count *t = arg;

	(void)feed;
	t->n_prefixes += tag->n;
	return 0;
}

static void check_tag(struct dbx_check_ctx *c, const struct dbx_tag_ref *t)
{
	struct tag_count n = {0};

	if (dbx_model_find_tags(c->m, t->tag, t->cloud, count_prefixes, &n) <= 0) {
		DBX_SAY(c, DBX_SEV_ERROR, "missing-tag", &t->where,
			"service tag %s is in no loaded range file%s%s; apply the file that has it, "
			"or correct the name (case does not matter)",
			t->tag, t->cloud ? " of cloud " : "", t->cloud ? t->cloud : "");
		return;
	}
	if (n.n_prefixes == 0)
		DBX_SAY(c, DBX_SEV_WARNING, "empty-tag", &t->where,
			"service tag %s has no prefixes: it matches nothing", t->tag);
	if (!t->cloud && dbx_model_count_clouds(c->m, t->tag) > 1)
		DBX_SAY(c, DBX_SEV_WARNING, "ambiguous-tag", &t->where,
			"service tag %s is in the files of several clouds and stands for all of "
			"them; write {\"tag\": \"%s\", \"cloud\": \"...\"} to choose one",
			t->tag, t->tag);
}

static void check_policy_ids(struct dbx_check_ctx *c, const struct dbx_dest_set *s)
{
	size_t i;

	for (i = 0; i < s->n_policy_ids; i++) {
		if (!dbx_model_policy(c->m, s->policy_ids[i]))
			DBX_SAY(c, DBX_SEV_WARNING, "unknown-policy", &s->where,
				"%s names policy %s, which does not exist: the entry does not apply "
				"to it",
				s->label, s->policy_ids[i]);
	}
}

/* A prefix that lies in a range which no entry opens (and none needs to block). */
static void check_special(struct dbx_check_ctx *c, const struct dbx_prefix_ref *p)
{
	enum dbx_reason reason = dbx_eval_special_prefix(&p->prefix);
	char text[DBX_PREFIX_STRLEN];

	if (reason != DBX_REASON_MAX)
		DBX_SAY(c, DBX_SEV_WARNING, "shadowed", &p->where,
			"%s is always denied as %s, whatever this entry says",
			dbx_prefix_format(&p->prefix, text), dbx_reason_slug(reason));
}

static void check_sets(struct dbx_check_ctx *c, const struct set_list *l)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		const struct dbx_dest_set *s = &l->v[i];

		for (k = 0; k < s->n_tags; k++)
			check_tag(c, &s->tags[k]);
		for (k = 0; k < s->n_prefixes; k++)
			check_special(c, &s->prefixes[k]);
		check_policy_ids(c, s);
		if (c->m->gateway.dns.has)
			continue; /* the resolver learns them */
		if (s->n_names && l->is_deny)
			DBX_SAY(c, DBX_SEV_WARNING, "waiting-for-names", &s->where,
				"%s blocks by name; names are compiled and wait for name learning, "
				"and until then block nothing",
				s->label);
		else if (s->n_names)
			DBX_SAY(c, DBX_SEV_WARNING, "waiting-for-names", &s->where,
				"%s allows by name; names are compiled and wait for name learning, "
				"and until then are denied as name-not-learned",
				s->label);
	}
}

static bool prefix_is_covered(void *arg, const struct dbx_cover_item *inner,
			      const struct dbx_cover_item *outer)
{
	struct dbx_check_ctx *c = arg;
	char in[DBX_PREFIX_STRLEN], out[DBX_PREFIX_STRLEN];

	if (outer->is_deny != inner->is_deny && !outer->is_deny)
		return false; /* a hole in an allow: what a deny list is for */
	DBX_SAY(c, DBX_SEV_WARNING, "shadowed", inner->where,
		"%s of %s never decides: %s %s it at %s", dbx_prefix_format(&inner->prefix, in),
		inner->set->label, dbx_prefix_format(&outer->prefix, out),
		outer->is_deny ? "blocks" : "contains", outer->where->ptr);
	return true;
}

static size_t add_prefixes(struct dbx_cover_item *items, size_t n, const struct set_list *l)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		for (k = 0; k < l->v[i].n_prefixes; k++, n++) {
			items[n] = (struct dbx_cover_item){
				.prefix = l->v[i].prefixes[k].prefix,
				.is_deny = l->is_deny,
				.proto = l->v[i].proto,
				.ports = l->v[i].ports,
				.n_ports = l->v[i].n_ports,
				.set = &l->v[i],
				.where = &l->v[i].prefixes[k].where,
				.order = n,
			};
		}
	}
	return n;
}

/* Within allowed_destinations, and of it against blocked_destinations. */
static int check_shadows(struct dbx_check_ctx *c, const struct set_list *allowed,
			 const struct set_list *blocked)
{
	struct dbx_cover_item *items;
	size_t i, n = 0;

	for (i = 0; i < allowed->n; i++)
		n += allowed->v[i].n_prefixes;
	for (i = 0; i < blocked->n; i++)
		n += blocked->v[i].n_prefixes;
	items = calloc(n + 1, sizeof(items[0]));
	if (!items)
		return -ENOMEM;
	n = add_prefixes(items, 0, allowed);
	n = add_prefixes(items, n, blocked);
	dbx_check_cover(items, n, prefix_is_covered, c);
	free(items);
	return 0;
}

static int check_interfaces(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct dbx_strmap names;
	size_t i, k;
	int rc = 0;

	dbx_strmap_init(&names);
	for (i = 0; !rc && i < g->n_interfaces; i++)
		rc = dbx_strmap_set(&names, g->interfaces[i].name, i);
	for (i = 0; !rc && i < g->n_workspaces; i++) {
		for (k = 0; k < g->workspaces[i].n_sources; k++) {
			const struct dbx_source *s = &g->workspaces[i].sources[k];

			if (s->interface && !dbx_strmap_get(&names, s->interface, NULL))
				DBX_SAY(c, DBX_SEV_WARNING, "unknown-interface", &s->where,
					"the source is bound to interface %s, which is not in "
					"\"interfaces\": its packets are never seen there",
					s->interface);
		}
	}
	dbx_strmap_fini(&names);
	if (!rc && g->n_interfaces == 0)
		DBX_SAY(c, DBX_SEV_WARNING, "no-interfaces", &g->where,
			"the gateway document names no interface: nothing is enforced until it does");
	return rc;
}

/* A private address that an earlier step of the decision order takes. */
static void check_endpoint_address(struct dbx_check_ctx *c, const struct dbx_pe_address *pe)
{
	char text[DBX_ADDR_STRLEN];
	size_t i;

	for (i = 0; i < pe->n_addrs; i++) {
		enum dbx_reason reason = dbx_eval_special(&pe->addrs[i]);

		if (reason != DBX_REASON_MAX)
			DBX_SAY(c, DBX_SEV_WARNING, "shadowed", &pe->where,
				"the private address %s of rule %s is %s: it is judged as that",
				dbx_addr_format(&pe->addrs[i], text), pe->rule_id,
				dbx_reason_slug(reason));
	}
}

static bool is_served(const struct dbx_gateway *g, uint16_t port)
{
	for (size_t i = 0; i < g->n_services; i++) {
		const struct dbx_service *s = &g->services[i];

		if (s->proto != IPPROTO_TCP && s->proto != DBX_PROTO_ANY)
			continue;
		if (!s->n_ports)
			return true;
		for (size_t k = 0; k < s->n_ports; k++) {
			if (s->ports[k].lo <= port && s->ports[k].hi >= port)
				return true;
		}
	}
	return false;
}

/*
 * Metrics tell of all workspaces, and whoever reaches them may read them. Loopback nobody reaches;
 * addresses of the gateway are closed but for its services; any other address of this host is a
 * destination like the rest of the world, to which a policy may let packets.
 */
static void check_metrics(struct dbx_check_ctx *c)
{
	static const struct dbx_addr any[2] = {{.is_v6 = 0}, {.is_v6 = 1}};
	static const struct dbx_addr loopback6 = {.is_v6 = 1, .a = {[15] = 1}};
	const struct dbx_gateway *g = &c->m->gateway;
	const struct dbx_addr *at = &g->metrics.listen;
	bool is_any = !dbx_addr_cmp(&any[at->is_v6], at), is_own = is_any && g->n_addresses;
	char text[DBX_ADDR_STRLEN + 4];

	if (!g->metrics.has || (at->is_v6 ? !dbx_addr_cmp(at, &loopback6) : at->a[0] == 127))
		return;
	for (size_t i = 0; i < g->n_addresses; i++)
		is_own |= !dbx_addr_cmp(&g->addresses[i].prefix.addr, at);
	if (is_own && is_served(g, g->metrics.port))
		DBX_SAY(c, DBX_SEV_WARNING, "metrics-exposed", &g->metrics.where,
			"the metrics of all workspaces can be read by each of them: port %u is among "
			"gateway_services; listen on another address or port",
			g->metrics.port);
	else if (is_any || !is_own)
		DBX_SAY(c, DBX_SEV_WARNING, "metrics-exposed", &g->metrics.where,
			"%s not in gateway_addresses: workspaces whose policy lets packets there can read "
			"the metrics of all; %s, or listen on 127.0.0.1",
			is_any ? "it listens on every address, also those that are"
			       : strcat(dbx_addr_format(at, text), " is"),
			is_any ? "name one that is" : "add it there");
}

int dbx_check_gateway(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct set_list lists[N_LISTS];
	size_t i;
	int rc;

	if (!c->m->has_gateway)
		return 0;
	lists_of(g, lists);
	for (i = 0; i < N_LISTS; i++)
		check_sets(c, &lists[i]);
	for (i = 0; i < g->n_private_endpoints; i++)
		check_endpoint_address(c, &g->private_endpoints[i]);
	if (g->n_services && !g->n_addresses)
		DBX_SAY(c, DBX_SEV_WARNING, "no-gateway-address", &g->services[0].where,
			"gateway_services are offered at gateway_addresses, and there are none");
	check_metrics(c);
	rc = check_interfaces(c);
	return rc ? rc : check_shadows(c, &lists[2], &lists[3]);
}
