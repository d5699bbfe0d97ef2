/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.c -- birth and death of the model, and the names of its enums.
 *
 * Every object owns what it points at; the tree is freed from the leaves, in the order of model.h.
 */
#include "policy/model.h"

#include <stdlib.h>

#include "policy/model_index.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Frees an array after its elements. */
#define free_all(v, n, fini)                        \
	do {                                        \
		for (size_t i_ = 0; i_ < (n); i_++) \
			fini(&(v)[i_]);             \
		free(v);                            \
	} while (0)

static void string_fini(char **s)
{
	free(*s);
}

static void doc_fini(struct dbx_doc *d)
{
	free(d->name);
}

static void internet_fini(struct dbx_internet_dest *d)
{
	free(d->destination);
	free(d->name);
	free(d->extra);
	free(d->where.ptr);
}

static void storage_fini(struct dbx_storage_dest *d)
{
	free(d->bucket_name);
	free(d->region);
	free(d->azure_account);
	free(d->azure_service);
	free(d->extra);
	free(d->where.ptr);
}

static void workspace_dest_fini(struct dbx_workspace_dest *d)
{
	free(d->extra);
	free(d->where.ptr);
}

static void policy_fini(struct dbx_policy *p)
{
	free(p->id);
	free(p->account_id);
	free(p->mode_text);
	free_all(p->allowed, p->n_allowed, internet_fini);
	free_all(p->storage, p->n_storage, storage_fini);
	free_all(p->workspaces, p->n_workspaces, workspace_dest_fini);
	free_all(p->blocked, p->n_blocked, internet_fini);
	free(p->ingress);
	free(p->ingress_dry_run);
	free(p->extra);
	free(p->extra_egress);
	free(p->extra_access);
	free(p->extra_enforcement);
	free(p->where.ptr);
}

void dbx_pe_rule_fini(struct dbx_pe_rule *r)
{
	free(r->rule_id);
	free(r->ncc_id);
	free(r->resource_id);
	free(r->group_id);
	free(r->endpoint_service);
	free_all(r->domain_names, r->n_domain_names, string_fini);
	free_all(r->resource_names, r->n_resource_names, string_fini);
	free(r->state_text);
	free(r->error_message);
	free(r->endpoint_name);
	free(r->vpc_endpoint_id);
	free(r->account_id);
	free(r->gcp_endpoint);
	free(r->extra);
	free(r->where.ptr);
}

static void ncc_fini(struct dbx_ncc *n)
{
	free(n->id);
	free(n->name);
	free(n->region);
	free(n->account_id);
	free(n->stable_ips);
	free_all(n->subnets, n->n_subnets, string_fini);
	free(n->target_region);
	free_all(n->target_services, n->n_target_services, string_fini);
	free(n->extra);
	free(n->extra_egress);
	free(n->extra_default);
	free(n->extra_stable);
	free(n->extra_service);
	free(n->extra_target);
	free(n->where.ptr);
}

static void option_fini(struct dbx_ws_option *o)
{
	free(o->policy_id);
	free(o->extra);
	free(o->where.ptr);
}

static void binding_fini(struct dbx_ncc_binding *b)
{
	free(b->ncc_id);
	free(b->extra);
	free(b->where.ptr);
}

static void source_fini(struct dbx_source *s)
{
	free(s->interface);
	free(s->cluster);
	free(s->extra);
	free(s->where.ptr);
}

static void quota_fini(struct dbx_quota_limits *q)
{
	free(q->extra);
	free(q->where.ptr);
}

static void workspace_fini(struct dbx_workspace *w)
{
	free(w->name);
	free_all(w->sources, w->n_sources, source_fini);
	quota_fini(&w->quota);
	free(w->extra);
	free(w->where.ptr);
}

static void prefix_ref_fini(struct dbx_prefix_ref *p)
{
	free(p->where.ptr);
}

static void tag_ref_fini(struct dbx_tag_ref *t)
{
	free(t->tag);
	free(t->cloud);
	free(t->where.ptr);
}

static void name_ref_fini(struct dbx_name_ref *n)
{
	free(n->name);
	free(n->where.ptr);
}

static void dest_set_fini(struct dbx_dest_set *s)
{
	free(s->label);
	free_all(s->prefixes, s->n_prefixes, prefix_ref_fini);
	free_all(s->tags, s->n_tags, tag_ref_fini);
	free_all(s->names, s->n_names, name_ref_fini);
	free(s->ports);
	free_all(s->policy_ids, s->n_policy_ids, string_fini);
	free(s->extra);
	free(s->where.ptr);
}

static void pe_address_fini(struct dbx_pe_address *p)
{
	free(p->rule_id);
	free(p->addrs);
	free(p->extra);
	free(p->where.ptr);
}

static void interface_fini(struct dbx_interface *i)
{
	free(i->name);
	free(i->extra);
	free(i->where.ptr);
}

static void service_fini(struct dbx_service *s)
{
	free(s->ports);
	free(s->extra);
	free(s->where.ptr);
}

static void upstream_fini(struct dbx_upstream *u)
{
	free(u->where.ptr);
}

static void unverified_fini(struct dbx_unverified *u)
{
	free(u->ports);
	free(u->extra);
	free(u->where.ptr);
}

static void names_fini(struct dbx_gateway *g)
{
	free_all(g->dns.upstreams, g->dns.n_upstreams, upstream_fini);
	free(g->dns.extra);
	free(g->dns.where.ptr);
	free(g->names.tls_ports);
	free(g->names.http_ports);
	free_all(g->names.unverified, g->names.n_unverified, unverified_fini);
	free(g->names.extra);
	free(g->names.where.ptr);
}

static void ncc_ref_fini(struct dbx_ncc_ref *n)
{
	free(n->ncc_id);
	free(n->where.ptr);
}

static void route_fini(struct dbx_path_route *r)
{
	free_all(r->ncc_ids, r->n_ncc_ids, ncc_ref_fini);
	free(r->interface);
	free(r->next_hops);
	free(r->source_addresses);
	free(r->extra);
	free(r->where.ptr);
}

static void tunnel_fini(struct dbx_tunnel *t)
{
	free_all(t->remotes, t->n_remotes, prefix_ref_fini);
	free(t->extra);
	free(t->where.ptr);
}

static void kafka_option_fini(struct dbx_kafka_option *o)
{
	free(o->key);
	free(o->value);
}

static void log_fini(struct dbx_log_options *l)
{
	free(l->file.path);
	free(l->file.extra);
	free(l->file.where.ptr);
	free_all(l->kafka.brokers, l->kafka.n_brokers, string_fini);
	free(l->kafka.topic);
	free_all(l->kafka.options, l->kafka.n_options, kafka_option_fini);
	free(l->kafka.options_file);
	free(l->kafka.extra);
	free(l->kafka.where.ptr);
	free(l->extra);
	free(l->where.ptr);
}

static void paths_fini(struct dbx_gateway *g)
{
	free_all(g->routes, g->n_routes, route_fini);
	free_all(g->tunnels, g->n_tunnels, tunnel_fini);
	free_all(g->reject.policy_ids, g->reject.n_policy_ids, string_fini);
	free(g->reject.extra);
	free(g->reject.where.ptr);
	free_all(g->forward.interfaces, g->forward.n_interfaces, interface_fini);
	free(g->forward.extra);
	free(g->forward.where.ptr);
	quota_fini(&g->default_quota);
	log_fini(&g->log);
	free(g->metrics.extra);
	free(g->metrics.where.ptr);
}

static void gateway_fini(struct dbx_gateway *g)
{
	free(g->name);
	free(g->account_id);
	free_all(g->interfaces, g->n_interfaces, interface_fini);
	free_all(g->addresses, g->n_addresses, prefix_ref_fini);
	free_all(g->services, g->n_services, service_fini);
	free_all(g->workspaces, g->n_workspaces, workspace_fini);
	free_all(g->private_endpoints, g->n_private_endpoints, pe_address_fini);
	free_all(g->platform, g->n_platform, dest_set_fini);
	free_all(g->storage, g->n_storage, dest_set_fini);
	free_all(g->allowed, g->n_allowed, dest_set_fini);
	free_all(g->blocked, g->n_blocked, dest_set_fini);
	names_fini(g);
	paths_fini(g);
	free(g->extra);
	free(g->where.ptr);
}

static void tag_fini(struct dbx_tag *t)
{
	free(t->name);
	free(t->region);
}

static void feed_fini(struct dbx_feed *f)
{
	free(f->cloud);
	free(f->version);
	free_all(f->tags, f->n_tags, tag_fini);
	free(f->prefixes);
	free(f->where.ptr);
}

struct dbx_model *dbx_model_new(void)
{
	return calloc(1, sizeof(struct dbx_model));
}

void dbx_model_free(struct dbx_model **mp)
{
	struct dbx_model *m = mp ? *mp : NULL;

	if (!m)
		return;
	dbx_model_index_free(m);
	free_all(m->docs, m->n_docs, doc_fini);
	free_all(m->policies, m->n_policies, policy_fini);
	free_all(m->nccs, m->n_nccs, ncc_fini);
	free_all(m->pe_rules, m->n_pe_rules, dbx_pe_rule_fini);
	free_all(m->options, m->n_options, option_fini);
	free_all(m->bindings, m->n_bindings, binding_fini);
	gateway_fini(&m->gateway);
	free_all(m->feeds, m->n_feeds, feed_fini);
	free(m);
	*mp = NULL;
}

static const char *name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

const char *dbx_doc_kind_name(enum dbx_doc_kind kind)
{
	static const char *const names[DBX_DOC_KIND_MAX] = {
		[DBX_DOC_UNKNOWN] = "unknown",
		[DBX_DOC_NETWORK_POLICY] = "network-policy",
		[DBX_DOC_NCC] = "ncc",
		[DBX_DOC_PRIVATE_ENDPOINT_RULES] = "private-endpoint-rules",
		[DBX_DOC_WORKSPACE_OPTION] = "workspace-option",
		[DBX_DOC_NCC_BINDING] = "ncc-binding",
		[DBX_DOC_WORKSPACE] = "workspace",
		[DBX_DOC_GATEWAY] = "gateway",
		[DBX_DOC_AZURE_TAGS] = "azure-tags",
		[DBX_DOC_AWS_RANGES] = "aws-ranges",
		[DBX_DOC_GOOGLE_RANGES] = "google-ranges",
		[DBX_DOC_DATABRICKS_RANGES] = "databricks-ranges",
	};

	return name_of(names, COUNT(names), kind);
}

/* As network_source_type of the vendor's denial log writes them (egress-model 4.1). */
const char *dbx_product_name(enum dbx_product product)
{
	static const char *const names[DBX_PRODUCT_MAX] = {
		[DBX_PRODUCT_GENERAL_COMPUTE] = "General Compute",
		[DBX_PRODUCT_DBSQL] = "DBSQL",
		[DBX_PRODUCT_ML_SERVING] = "MLServing",
		[DBX_PRODUCT_ML_BUILD] = "ML Build",
		[DBX_PRODUCT_APPS] = "Apps",
	};

	return name_of(names, COUNT(names), product);
}

const char *dbx_pe_state_name(enum dbx_pe_state state)
{
	static const char *const names[] = {
		[DBX_PE_UNSPECIFIED] = "UNSPECIFIED",
		[DBX_PE_CREATING] = "CREATING",
		[DBX_PE_CREATE_FAILED] = "CREATE_FAILED",
		[DBX_PE_INIT] = "INIT",
		[DBX_PE_PENDING] = "PENDING",
		[DBX_PE_ESTABLISHED] = "ESTABLISHED",
		[DBX_PE_REJECTED] = "REJECTED",
		[DBX_PE_DISCONNECTED] = "DISCONNECTED",
		[DBX_PE_EXPIRED] = "EXPIRED",
	};

	return name_of(names, COUNT(names), state);
}

const char *dbx_mode_name(enum dbx_restriction_mode mode)
{
	static const char *const names[] = {
		[DBX_MODE_UNSPECIFIED] = "RESTRICTION_MODE_UNSPECIFIED",
		[DBX_MODE_FULL_ACCESS] = "FULL_ACCESS",
		[DBX_MODE_RESTRICTED_ACCESS] = "RESTRICTED_ACCESS",
	};

	return name_of(names, COUNT(names), mode);
}
