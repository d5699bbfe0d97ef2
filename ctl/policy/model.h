/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.h -- the documents as typed data: what readers fill and everything else works from.
 *
 * The model is the whole configuration of a gateway: it is built by reading documents one after
 * another (read.h), never edited in place, and freed whole. All strings are owned by the model.
 * Each entry that can decide a packet remembers where it was written: the document and the JSON
 * pointer in it. Unknown keys of an object are kept as compact JSON text in `extra` ("" or NULL =
 * none), so that printing loses nothing.
 */
#ifndef DBX_POLICY_MODEL_H
#define DBX_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"
#include "lib/addr.h"
#include "lib/name.h"

struct dbx_where {
	uint32_t doc; /* index into model.docs */
	char *ptr;    /* JSON pointer in that document, owned */
};

/* What a document is. One file may hold several (list answers), all of one kind. */
enum dbx_doc_kind {
	DBX_DOC_UNKNOWN,
	DBX_DOC_NETWORK_POLICY,
	DBX_DOC_NCC,
	DBX_DOC_PRIVATE_ENDPOINT_RULES, /* a rule, or the list call's answer */
	DBX_DOC_WORKSPACE_OPTION,       /* {workspace_id, network_policy_id} */
	DBX_DOC_NCC_BINDING,            /* {workspace_id, network_connectivity_config_id} */
	DBX_DOC_WORKSPACE,              /* egress-model 9.3: both bindings in one document */
	DBX_DOC_GATEWAY,
	DBX_DOC_AZURE_TAGS,
	DBX_DOC_AWS_RANGES,
	DBX_DOC_GOOGLE_RANGES,
	DBX_DOC_DATABRICKS_RANGES,
	DBX_DOC_KIND_MAX,
};

struct dbx_doc {
	enum dbx_doc_kind kind;
	char *name; /* file name or resource path, for messages */
};

/* ---- network policy (egress-model 1) ---- */

enum dbx_restriction_mode {
	DBX_MODE_UNSPECIFIED, /* also: no egress block. Denies everything */
	DBX_MODE_FULL_ACCESS,
	DBX_MODE_RESTRICTED_ACCESS,
};

enum dbx_dest_type { DBX_DEST_UNSPECIFIED, DBX_DEST_DNS_NAME, DBX_DEST_IP_RANGE };

struct dbx_internet_dest {
	char *destination; /* as written */
	char *name; /* DNS_NAME: canonical (lower case, no trailing dot, "*." kept); else NULL */
	struct dbx_prefix prefix; /* IP_RANGE only */
	enum dbx_dest_type type;
	char *extra;
	struct dbx_where where;
};

enum dbx_storage_type {
	DBX_STORAGE_UNSPECIFIED,
	DBX_STORAGE_AWS_S3,
	DBX_STORAGE_AZURE,
	DBX_STORAGE_GCS,
	DBX_STORAGE_CLOUDFLARE_R2,
};

struct dbx_storage_dest {
	enum dbx_storage_type type;
	char *bucket_name, *region;          /* NULL when absent */
	char *azure_account, *azure_service; /* NULL when absent */
	char *extra;
	struct dbx_where where;
};

struct dbx_workspace_dest { /* one workspace id of allowed_databricks_destinations */
	int64_t workspace_id;
	uint32_t group; /* index of the item it was written in */
	char *extra;    /* of that item, on the group's first id only */
	struct dbx_where where;
};

enum dbx_enforcement { DBX_ENFORCED, DBX_DRY_RUN };

#define DBX_FILTER_DBSQL      1
#define DBX_FILTER_ML_SERVING 2

struct dbx_policy {
	char *id;         /* network_policy_id */
	char *account_id; /* or NULL */
	bool has_egress, has_access;
	enum dbx_restriction_mode mode;
	char *mode_text; /* restriction_mode as written, or NULL */
	struct dbx_internet_dest *allowed;
	size_t n_allowed;
	struct dbx_storage_dest *storage;
	size_t n_storage;
	struct dbx_workspace_dest *workspaces;
	size_t n_workspaces;
	struct dbx_internet_dest *blocked;
	size_t n_blocked;
	bool has_enforcement;
	enum dbx_enforcement enforcement;
	unsigned int dry_run_filter;     /* DBX_FILTER_*; 0 with DRY_RUN = every product */
	char *ingress, *ingress_dry_run; /* compact JSON, passed through, or NULL */
	char *extra, *extra_egress, *extra_access, *extra_enforcement;
	struct dbx_where where;
};

/* ---- NCC (egress-model 2) ---- */

enum dbx_pe_state {
	DBX_PE_UNSPECIFIED,
	DBX_PE_CREATING,
	DBX_PE_CREATE_FAILED,
	DBX_PE_INIT,
	DBX_PE_PENDING,
	DBX_PE_ESTABLISHED,
	DBX_PE_REJECTED,
	DBX_PE_DISCONNECTED,
	DBX_PE_EXPIRED,
};

enum dbx_pe_flavour {                        /* derived from the fields present */
		      DBX_PE_AZURE_RESOURCE, /* resource_id + group_id */
		      DBX_PE_AZURE_SERVICE,  /* resource_id + domain_names */
		      DBX_PE_AWS_S3,         /* endpoint_service ...s3 + resource_names */
		      DBX_PE_AWS_SERVICE,    /* endpoint_service + domain_names */
		      DBX_PE_GCP,            /* gcp_endpoint */
};

struct dbx_pe_rule {
	char *rule_id;
	char *ncc_id; /* network_connectivity_config_id, or of the parent object */
	enum dbx_pe_flavour flavour;
	char *resource_id, *group_id, *endpoint_service; /* or NULL */
	char **domain_names;
	size_t n_domain_names;
	char **resource_names;
	size_t n_resource_names;
	bool has_enabled, enabled;
	bool has_deactivated, deactivated;
	enum dbx_pe_state state;
	char *state_text; /* as written, or NULL */
	char *error_message, *endpoint_name, *vpc_endpoint_id, *account_id;
	int64_t creation_time_ms, updated_time_ms, deactivated_at_ms; /* 0 = absent */
	char *gcp_endpoint;                                           /* compact JSON, or NULL */
	char *extra;
	struct dbx_where where;
};

struct dbx_ncc {
	char *id, *name, *region, *account_id;
	int64_t creation_time_ms, updated_time_ms;
	struct dbx_prefix *stable_ips; /* default_rules.aws_stable_ip_rule.cidr_blocks */
	size_t n_stable_ips;
	bool has_service_endpoint; /* default_rules.azure_service_endpoint_rule */
	char **subnets;
	size_t n_subnets;
	char *target_region;
	char **target_services;
	size_t n_target_services;
	char *extra, *extra_egress, *extra_default, *extra_stable, *extra_service, *extra_target;
	struct dbx_where where;
};

/* ---- bindings ---- */

struct dbx_ws_option {
	int64_t workspace_id;
	char *policy_id;
	char *extra;
	struct dbx_where where;
};

struct dbx_ncc_binding {
	int64_t workspace_id;
	char *ncc_id;
	char *extra;
	struct dbx_where where;
};

/* ---- gateway: our own document ---- */

struct dbx_source {
	struct dbx_prefix prefix;
	uint32_t domain; /* abi.h: 0, VLAN, QINQ|..., VNI|... */
	char *interface; /* or NULL: any */
	bool has_mac;
	uint8_t mac[6];
	int product;   /* enum dbx_product, or -1: the workspace's */
	char *cluster; /* or NULL */
	char *extra;
	struct dbx_where where;
};

struct dbx_quota_limits { /* has: the document says so; 0 = no limit */
	bool has;
	uint64_t bytes_per_s; /* at most 10^12 */
	uint32_t flows_per_s; /* at most 10^9 */
	uint32_t burst_ms;    /* default 100, at most 10,000 */
	char *extra;
	struct dbx_where where;
};

struct dbx_workspace {
	int64_t id;
	char *name; /* or NULL */
	enum dbx_product product;
	struct dbx_source *sources;
	size_t n_sources;
	bool has_isolated, isolated;                   /* to the firewall instead of the internet */
	bool has_separate_clusters, separate_clusters; /* sources of other clusters are others */
	struct dbx_quota_limits quota;                 /* absent: the gateway's default_quota */
	char *extra;
	struct dbx_where where;
};

struct dbx_port_range {
	uint16_t lo, hi;
};

#define DBX_PROTO_ANY 0xffff
struct dbx_tag_ref {
	char *tag;      /* as written */
	char *cloud;    /* or NULL: any loaded feed */
	bool as_object; /* written as {"tag", "cloud"}, not as a string */
	struct dbx_where where;
};

struct dbx_prefix_ref {
	struct dbx_prefix prefix;
	struct dbx_where where;
};

struct dbx_name_ref {
	char *name; /* canonical */
	struct dbx_where where;
};

/* Destinations with an optional protocol and ports: platform sets, allow and deny lists. */
struct dbx_dest_set {
	char *label;
	struct dbx_prefix_ref *prefixes;
	size_t n_prefixes;
	struct dbx_tag_ref *tags;
	size_t n_tags;
	struct dbx_name_ref *names;
	size_t n_names;
	uint16_t proto;               /* IP protocol number, or DBX_PROTO_ANY */
	struct dbx_port_range *ports; /* none = every port; for ICMP(v6): type << 8 | code ranges */
	size_t n_ports;
	char **policy_ids; /* none = every policy */
	size_t n_policy_ids;
	char *extra;
	struct dbx_where where;
};

struct dbx_pe_address { /* rule_id -> private addresses */
	char *rule_id;
	struct dbx_addr *addrs;
	size_t n_addrs;
	bool has_private_required, private_required; /* default true */
	char *extra;
	struct dbx_where where;
};

struct dbx_interface {
	char *name;
	char *extra;
	struct dbx_where where;
};

struct dbx_service { /* offered by the gateway itself */
	uint16_t proto;
	struct dbx_port_range *ports;
	size_t n_ports;
	char *extra;
	struct dbx_where where;
};

struct dbx_upstream { /* a resolver that names are asked of */
	struct dbx_addr addr;
	uint16_t port;
	struct dbx_where where;
};

struct dbx_dns_options { /* "dns" of the gateway document: has = it is there */
	bool has;
	struct dbx_upstream *upstreams;
	size_t n_upstreams;
	uint32_t timeout_ms, attempt_ms;
	uint32_t cache_entries;
	uint32_t min_ttl_s, max_ttl_s, grace_s;
	bool bare_suffix_match; /* "example.com" stands for every name below it too */
	bool keep_ech;
	bool ptr_forward;
	char *extra;
	struct dbx_where where;
};

enum dbx_quic_mode { DBX_QUIC_DENY, DBX_QUIC_INSPECT, DBX_QUIC_OFF };

struct dbx_unverified { /* ports on which learned addresses need not prove their name */
	uint16_t proto;
	struct dbx_port_range *ports;
	size_t n_ports;
	char *extra;
	struct dbx_where where;
};

struct dbx_name_options { /* "names" of the gateway document; absent: the defaults */
	bool has;
	bool has_tls_ports, has_http_ports;
	struct dbx_port_range *tls_ports; /* default 443 */
	size_t n_tls_ports;
	struct dbx_port_range *http_ports; /* default 80 */
	size_t n_http_ports;
	struct dbx_unverified *unverified;
	size_t n_unverified;
	enum dbx_quic_mode quic;
	bool ech_deny;
	char *extra;
	struct dbx_where where;
};

struct dbx_ncc_ref {
	char *ncc_id;
	struct dbx_where where;
};

#define DBX_ROUTES_MAX 256 /* each one is a routing table and rules of the host */

/* How what takes a path leaves: the first entry that names the NCC, else the first for every NCC. */
struct dbx_path_route {
	enum dbx_path path; /* NAT, SERVICE_ENDPOINT, PRIVATE_ENDPOINT or FIREWALL */
	struct dbx_ncc_ref *ncc_ids;
	size_t n_ncc_ids; /* none = every NCC, and workspaces without one */
	char *interface;
	struct dbx_addr *next_hops; /* at most one of each family; none: on the link */
	size_t n_next_hops;
	struct dbx_addr
		*source_addresses; /* stable addresses; none of a family: as the workload sent */
	size_t n_source_addresses;
	char *extra;
	struct dbx_where where;
};

enum dbx_tunnel_type { DBX_TUNNEL_VXLAN, DBX_TUNNEL_GENEVE };

struct dbx_tunnel { /* at most one of each type */
	enum dbx_tunnel_type type;
	uint16_t port; /* UDP; default 4789 or 6081 */
	bool has_port;
	struct dbx_prefix_ref *remotes; /* IPv4: whose tunnel packets are taken */
	size_t n_remotes;
	char *extra;
	struct dbx_where where;
};

struct dbx_reject { /* "reject": denials of these policies are answered */
	bool has;
	char **policy_ids; /* none = every policy */
	size_t n_policy_ids;
	bool has_per_second;
	uint32_t per_second; /* answers a workspace gets at most; default 1000 */
	char *extra;
	struct dbx_where where;
};

struct dbx_forward { /* "fast_forward": interfaces to which packets may be redirected */
	bool has;
	struct dbx_interface *interfaces;
	size_t n_interfaces;
	char *extra;
	struct dbx_where where;
};

struct dbx_log_file { /* JSON lines of denied flows */
	bool has;
	char *path;
	uint64_t rotate_bytes;
	uint32_t rotate_s, keep; /* 0 s: not by age; keep: files beside the one that is written */
	char *extra;
	struct dbx_where where;
};

struct dbx_kafka_option { /* of librdkafka */
	char *key, *value;
};

/*
 * Why an option of librdkafka is not accepted, as a constant sentence; NULL: it is. in_document: also
 * refuses what is secret.
 */
const char *dbx_kafka_option_refusal(const char *key, bool in_document);

struct dbx_log_kafka { /* records to a topic */
	bool has;
	char **brokers;
	size_t n_brokers;
	char *topic;
	struct dbx_kafka_option *options; /* by key */
	size_t n_options;
	char *options_file; /* or NULL: further ones, those that are secret */
	char *extra;
	struct dbx_where where;
};

struct dbx_metrics_options { /* "metrics": where they can be scraped */
	bool has;
	struct dbx_addr listen;
	uint16_t port;
	char *extra;
	struct dbx_where where;
};

enum dbx_log_allowed { DBX_LOG_ALLOWED_OFF, DBX_LOG_ALLOWED_FIRST, DBX_LOG_ALLOWED_SAMPLED };

struct dbx_log_options { /* "log": of which flows there are records, and where they go */
	bool has;
	bool denied_off;              /* "denied": "off" */
	enum dbx_log_allowed allowed; /* packets of a flow that is allowed */
	uint32_t sample_per_million;
	uint32_t interval_s; /* a flow's packets are added up for so long; 10 without "log" */
	struct dbx_log_file file;
	bool journald;
	struct dbx_log_kafka kafka;
	char *extra;
	struct dbx_where where;
};

struct dbx_gateway {
	char *name, *account_id; /* or NULL */
	struct dbx_interface *interfaces;
	size_t n_interfaces;
	struct dbx_prefix_ref *addresses; /* gateway_addresses, /32 and /128 */
	size_t n_addresses;
	struct dbx_service *services;
	size_t n_services;
	struct dbx_workspace *workspaces;
	size_t n_workspaces;
	struct dbx_pe_address *private_endpoints;
	size_t n_private_endpoints;
	struct dbx_dest_set *platform;
	size_t n_platform;
	struct dbx_dest_set *storage; /* workspace_storage */
	size_t n_storage;
	struct dbx_dest_set *allowed; /* allowed_destinations */
	size_t n_allowed;
	struct dbx_dest_set *blocked; /* blocked_destinations */
	size_t n_blocked;
	uint32_t feed_max_shrink_percent; /* 0 = default of 20 */
	struct dbx_dns_options dns;
	struct dbx_name_options names;
	struct dbx_path_route *routes; /* "paths" */
	size_t n_routes;
	struct dbx_tunnel *tunnels;
	size_t n_tunnels;
	struct dbx_reject reject;
	struct dbx_forward forward;
	struct dbx_quota_limits default_quota;
	struct dbx_log_options log;
	struct dbx_metrics_options metrics;
	char *extra; /* of later versions: kept */
	struct dbx_where where;
};

/* ---- range feeds (egress-model 5) ---- */

struct dbx_tag {
	char *name;   /* Azure "Storage.EastUS2"; AWS "S3/us-east-1"; Google "GoogleCloud/us-east4";
			 Databricks "Databricks/azure/eastus2/outbound" */
	char *region; /* "" = global */
	uint32_t change_number; /* Azure only */
	uint32_t first, n;      /* into feed.prefixes */
};

struct dbx_feed_prefix {
	struct dbx_prefix prefix;
	uint32_t item; /* Azure: index in addressPrefixes; else index of the row it was written in */
};

struct dbx_feed {
	enum dbx_doc_kind kind;
	char *cloud;   /* "Public", "AzureChina", ... ; "AWS"; "Google"; "Databricks" */
	char *version; /* changeNumber, createDate, creationTime or timestampSeconds, as text */
	uint64_t change_number; /* monotonic by contract: changeNumber, syncToken, timestampSeconds */
	struct dbx_tag *tags;
	size_t n_tags;
	struct dbx_feed_prefix *prefixes;
	size_t n_prefixes;
	uint64_t content_hash; /* of tags and prefixes, not of the number */
	struct dbx_where where;
};

/* ---- all of it ---- */

struct dbx_model {
	struct dbx_doc *docs;
	size_t n_docs;
	struct dbx_policy *policies;
	size_t n_policies;
	struct dbx_ncc *nccs;
	size_t n_nccs;
	struct dbx_pe_rule *pe_rules; /* parent echo and list answer merged by rule_id */
	size_t n_pe_rules;
	struct dbx_ws_option *options;
	size_t n_options;
	struct dbx_ncc_binding *bindings;
	size_t n_bindings;
	bool has_gateway;
	struct dbx_gateway gateway;
	struct dbx_feed *feeds;
	size_t n_feeds;
	struct dbx_model_index *index; /* private: makes the look-ups below fast after resolving */
	bool broken;                   /* a read failed: good for freeing only */
};

struct dbx_model *dbx_model_new(void);     /* NULL: out of memory */
void dbx_model_free(struct dbx_model **m); /* clears *m; NULL is fine */

/* Look-ups by id; NULL = none. */
const struct dbx_policy *dbx_model_policy(const struct dbx_model *m, const char *id);
const struct dbx_ncc *dbx_model_ncc(const struct dbx_model *m, const char *id);
const struct dbx_pe_rule *dbx_model_pe_rule(const struct dbx_model *m, const char *rule_id);
const struct dbx_workspace *dbx_model_workspace(const struct dbx_model *m, int64_t id);
const char *dbx_model_doc_name(const struct dbx_model *m, const struct dbx_where *w);

/* Policy of a workspace: its option, else "default-policy", else NULL. *explicit_id: as bound. */
const struct dbx_policy *dbx_model_policy_of(const struct dbx_model *m, int64_t workspace_id,
					     const char **explicit_id);
const struct dbx_ncc *dbx_model_ncc_of(const struct dbx_model *m, int64_t workspace_id);

/*
 * The route of a path for an NCC (NULL: none), or NULL: the host's routing. isolated is for
 * DBX_PATH_FIREWALL. And the mark of a route: DBX_MARK_PATH | a number that follows from what it says,
 * never 0, no two alike in a model; so a route that stays keeps its mark over generations.
 */
const struct dbx_path_route *dbx_model_route(const struct dbx_model *m, enum dbx_path path,
					     const char *ncc_id);
uint32_t dbx_model_route_mark(const struct dbx_model *m, const struct dbx_path_route *r);

/* NCC id for dbx_scope_uid(): that of the workspace's NCC when it has rules, else NULL. */
const char *dbx_model_scope_ncc(const struct dbx_model *m, const struct dbx_ncc *ncc);

/* Effective = ESTABLISHED, not deactivated, and for S3 enabled (egress-model 2.4). */
bool dbx_pe_rule_is_effective(const struct dbx_pe_rule *r);
/* What the gateway document says of a rule, or NULL; and whether the private addresses are required, as
 * they are where it says nothing. */
const struct dbx_pe_address *dbx_model_pe_address(const struct dbx_model *m, const char *rule_id);
bool dbx_pe_address_is_required(const struct dbx_pe_address *a);

/*
 * The names that a rule or a storage destination stands for (egress-model 6), canonical, one per
 * call of add(); returns 0 or what add() returned. Unknown group ids and services add nothing.
 */
typedef int (*dbx_name_fn)(void *arg, const char *name);
int dbx_pe_rule_names(const struct dbx_pe_rule *r, const char *ncc_region, dbx_name_fn add,
		      void *arg);
int dbx_storage_names(const struct dbx_storage_dest *d, dbx_name_fn add, void *arg);
/*
 * Of this NCC, required, and with names: the public addresses of what it stands for are refused. So
 * they are while it is not effective, or the public path would be open then.
 */
bool dbx_model_pe_guards(const struct dbx_model *m, const struct dbx_pe_rule *r,
			 const struct dbx_ncc *ncc);
/* The same name in the private DNS zone of the rule's service; false: there is none, out untouched. */
bool dbx_pe_rule_private_name(const struct dbx_pe_rule *r, const char *name,
			      char out[DBX_NAME_SIZE]);

/*
 * Tags that a reference names, compared without case; cloud NULL = all loaded feeds. A name without
 * '/' also means the AWS service in every region. Calls add() for each; returns how many, or what
 * add() returned when negative.
 */
typedef int (*dbx_tag_fn)(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag);
int dbx_model_find_tags(const struct dbx_model *m, const char *name, const char *cloud,
			dbx_tag_fn add, void *arg);
int dbx_model_count_clouds(const struct dbx_model *m, const char *name); /* feeds that have it */

const char *dbx_doc_kind_name(enum dbx_doc_kind kind);  /* "network-policy", "gateway", ... */
const char *dbx_product_name(enum dbx_product product); /* "DBSQL", "General Compute", ... */
const char *dbx_pe_state_name(enum dbx_pe_state state); /* "ESTABLISHED", ... */
const char *dbx_mode_name(enum dbx_restriction_mode mode);

#endif
