/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * equal.c -- whether two models say the same.
 *
 * Field by field and on purpose without help of the printers, so that "reading what was printed
 * gives an equal model" proves something about both. Not compared: names of documents, pointers,
 * and in which row of its file a feed's prefix stood.
 */
#include "policy/read.h"

#include <string.h>

static bool text_eq(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool prefix_eq(const struct dbx_prefix *a, const struct dbx_prefix *b)
{
	return a->len == b->len && !dbx_addr_cmp(&a->addr, &b->addr);
}

static bool addr_eq(const struct dbx_addr *a, const struct dbx_addr *b)
{
	return !dbx_addr_cmp(a, b);
}

static bool string_eq(char *const *a, char *const *b)
{
	return text_eq(*a, *b);
}

/* Fields of two structs a and b. */
#define TEXT(f) text_eq(a->f, b->f)
#define SAME(f) (a->f == b->f)
#define LIST(f, eq)                                             \
	({                                                      \
		bool eq_ = a->n_##f == b->n_##f;                \
		for (size_t i_ = 0; eq_ && i_ < a->n_##f; i_++) \
			eq_ = eq(&a->f[i_], &b->f[i_]);         \
		eq_;                                            \
	})

static bool internet_eq(const struct dbx_internet_dest *a, const struct dbx_internet_dest *b)
{
	return SAME(type) && TEXT(destination) && TEXT(name) && TEXT(extra) &&
	       prefix_eq(&a->prefix, &b->prefix);
}

static bool storage_eq(const struct dbx_storage_dest *a, const struct dbx_storage_dest *b)
{
	return SAME(type) && TEXT(bucket_name) && TEXT(region) && TEXT(azure_account) &&
	       TEXT(azure_service) && TEXT(extra);
}

static bool workspace_dest_eq(const struct dbx_workspace_dest *a,
			      const struct dbx_workspace_dest *b)
{
	return SAME(workspace_id) && SAME(group) && TEXT(extra);
}

static bool policy_eq(const struct dbx_policy *a, const struct dbx_policy *b)
{
	return TEXT(id) && TEXT(account_id) && SAME(has_egress) && SAME(has_access) && SAME(mode) &&
	       TEXT(mode_text) && LIST(allowed, internet_eq) && LIST(storage, storage_eq) &&
	       LIST(workspaces, workspace_dest_eq) && LIST(blocked, internet_eq) &&
	       SAME(has_enforcement) && SAME(enforcement) && SAME(dry_run_filter) &&
	       TEXT(ingress) && TEXT(ingress_dry_run) && TEXT(extra) && TEXT(extra_egress) &&
	       TEXT(extra_access) && TEXT(extra_enforcement);
}

static bool rule_eq(const struct dbx_pe_rule *a, const struct dbx_pe_rule *b)
{
	return TEXT(rule_id) && TEXT(ncc_id) && SAME(flavour) && TEXT(resource_id) &&
	       TEXT(group_id) && TEXT(endpoint_service) && LIST(domain_names, string_eq) &&
	       LIST(resource_names, string_eq) && SAME(has_enabled) && SAME(enabled) &&
	       SAME(has_deactivated) && SAME(deactivated) && SAME(state) && TEXT(state_text) &&
	       TEXT(error_message) && TEXT(endpoint_name) && TEXT(vpc_endpoint_id) &&
	       TEXT(account_id) && SAME(creation_time_ms) && SAME(updated_time_ms) &&
	       SAME(deactivated_at_ms) && TEXT(gcp_endpoint) && TEXT(extra);
}

static bool ncc_eq(const struct dbx_ncc *a, const struct dbx_ncc *b)
{
	return TEXT(id) && TEXT(name) && TEXT(region) && TEXT(account_id) &&
	       SAME(creation_time_ms) && SAME(updated_time_ms) && LIST(stable_ips, prefix_eq) &&
	       SAME(has_service_endpoint) && LIST(subnets, string_eq) && TEXT(target_region) &&
	       LIST(target_services, string_eq) && TEXT(extra) && TEXT(extra_egress) &&
	       TEXT(extra_default) && TEXT(extra_stable) && TEXT(extra_service) &&
	       TEXT(extra_target);
}

static bool option_eq(const struct dbx_ws_option *a, const struct dbx_ws_option *b)
{
	return SAME(workspace_id) && TEXT(policy_id) && TEXT(extra);
}

static bool binding_eq(const struct dbx_ncc_binding *a, const struct dbx_ncc_binding *b)
{
	return SAME(workspace_id) && TEXT(ncc_id) && TEXT(extra);
}

static bool source_eq(const struct dbx_source *a, const struct dbx_source *b)
{
	return prefix_eq(&a->prefix, &b->prefix) && SAME(domain) && TEXT(interface) &&
	       SAME(has_mac) && !memcmp(a->mac, b->mac, sizeof(a->mac)) && SAME(product) &&
	       TEXT(cluster) && TEXT(extra);
}

static bool quota_eq(const struct dbx_quota_limits *a, const struct dbx_quota_limits *b)
{
	return SAME(has) && SAME(bytes_per_s) && SAME(flows_per_s) && SAME(burst_ms) && TEXT(extra);
}

static bool workspace_eq(const struct dbx_workspace *a, const struct dbx_workspace *b)
{
	return SAME(id) && TEXT(name) && SAME(product) && LIST(sources, source_eq) &&
	       SAME(has_isolated) && SAME(isolated) && SAME(has_separate_clusters) &&
	       SAME(separate_clusters) && quota_eq(&a->quota, &b->quota) && TEXT(extra);
}

static bool port_eq(const struct dbx_port_range *a, const struct dbx_port_range *b)
{
	return SAME(lo) && SAME(hi);
}

static bool prefix_ref_eq(const struct dbx_prefix_ref *a, const struct dbx_prefix_ref *b)
{
	return prefix_eq(&a->prefix, &b->prefix);
}

static bool tag_ref_eq(const struct dbx_tag_ref *a, const struct dbx_tag_ref *b)
{
	return TEXT(tag) && TEXT(cloud) && SAME(as_object);
}

static bool name_ref_eq(const struct dbx_name_ref *a, const struct dbx_name_ref *b)
{
	return TEXT(name);
}

static bool set_eq(const struct dbx_dest_set *a, const struct dbx_dest_set *b)
{
	return TEXT(label) && LIST(prefixes, prefix_ref_eq) && LIST(tags, tag_ref_eq) &&
	       LIST(names, name_ref_eq) && SAME(proto) && LIST(ports, port_eq) &&
	       LIST(policy_ids, string_eq) && TEXT(extra);
}

static bool pe_address_eq(const struct dbx_pe_address *a, const struct dbx_pe_address *b)
{
	return TEXT(rule_id) && LIST(addrs, addr_eq) && SAME(has_private_required) &&
	       SAME(private_required) && TEXT(extra);
}

static bool interface_eq(const struct dbx_interface *a, const struct dbx_interface *b)
{
	return TEXT(name) && TEXT(extra);
}

static bool service_eq(const struct dbx_service *a, const struct dbx_service *b)
{
	return SAME(proto) && LIST(ports, port_eq) && TEXT(extra);
}

static bool upstream_eq(const struct dbx_upstream *a, const struct dbx_upstream *b)
{
	return addr_eq(&a->addr, &b->addr) && SAME(port);
}

static bool dns_eq(const struct dbx_dns_options *a, const struct dbx_dns_options *b)
{
	return SAME(has) && LIST(upstreams, upstream_eq) && SAME(timeout_ms) && SAME(attempt_ms) &&
	       SAME(cache_entries) && SAME(min_ttl_s) && SAME(max_ttl_s) && SAME(grace_s) &&
	       SAME(bare_suffix_match) && SAME(keep_ech) && SAME(ptr_forward) && TEXT(extra);
}

static bool unverified_eq(const struct dbx_unverified *a, const struct dbx_unverified *b)
{
	return SAME(proto) && LIST(ports, port_eq) && TEXT(extra);
}

static bool name_options_eq(const struct dbx_name_options *a, const struct dbx_name_options *b)
{
	return SAME(has) && SAME(has_tls_ports) && SAME(has_http_ports) &&
	       LIST(tls_ports, port_eq) && LIST(http_ports, port_eq) &&
	       LIST(unverified, unverified_eq) && SAME(quic) && SAME(ech_deny) && TEXT(extra);
}

static bool ncc_ref_eq(const struct dbx_ncc_ref *a, const struct dbx_ncc_ref *b)
{
	return TEXT(ncc_id);
}

static bool route_eq(const struct dbx_path_route *a, const struct dbx_path_route *b)
{
	return SAME(path) && LIST(ncc_ids, ncc_ref_eq) && TEXT(interface) &&
	       LIST(next_hops, addr_eq) && LIST(source_addresses, addr_eq) && TEXT(extra);
}

static bool tunnel_eq(const struct dbx_tunnel *a, const struct dbx_tunnel *b)
{
	return SAME(type) && SAME(port) && SAME(has_port) && LIST(remotes, prefix_ref_eq) &&
	       TEXT(extra);
}

static bool reject_eq(const struct dbx_reject *a, const struct dbx_reject *b)
{
	return SAME(has) && LIST(policy_ids, string_eq) && SAME(has_per_second) &&
	       SAME(per_second) && TEXT(extra);
}

static bool log_file_eq(const struct dbx_log_file *a, const struct dbx_log_file *b)
{
	return SAME(has) && TEXT(path) && SAME(rotate_bytes) && SAME(rotate_s) && SAME(keep) &&
	       TEXT(extra);
}

static bool kafka_option_eq(const struct dbx_kafka_option *a, const struct dbx_kafka_option *b)
{
	return TEXT(key) && TEXT(value);
}

static bool kafka_eq(const struct dbx_log_kafka *a, const struct dbx_log_kafka *b)
{
	return SAME(has) && LIST(brokers, string_eq) && TEXT(topic) &&
	       LIST(options, kafka_option_eq) && TEXT(options_file) && TEXT(extra);
}

static bool metrics_eq(const struct dbx_metrics_options *a, const struct dbx_metrics_options *b)
{
	return SAME(has) && !dbx_addr_cmp(&a->listen, &b->listen) && SAME(port) && TEXT(extra);
}

static bool log_eq(const struct dbx_log_options *a, const struct dbx_log_options *b)
{
	return SAME(has) && SAME(denied_off) && SAME(allowed) && SAME(sample_per_million) &&
	       SAME(interval_s) && log_file_eq(&a->file, &b->file) && SAME(journald) &&
	       kafka_eq(&a->kafka, &b->kafka) && TEXT(extra);
}

static bool forward_eq(const struct dbx_forward *a, const struct dbx_forward *b)
{
	return SAME(has) && LIST(interfaces, interface_eq) && TEXT(extra);
}

static bool paths_eq(const struct dbx_gateway *a, const struct dbx_gateway *b)
{
	return LIST(routes, route_eq) && LIST(tunnels, tunnel_eq) &&
	       reject_eq(&a->reject, &b->reject) && forward_eq(&a->forward, &b->forward) &&
	       quota_eq(&a->default_quota, &b->default_quota) && log_eq(&a->log, &b->log) &&
	       metrics_eq(&a->metrics, &b->metrics);
}

static bool gateway_eq(const struct dbx_gateway *a, const struct dbx_gateway *b)
{
	return TEXT(name) && TEXT(account_id) && LIST(interfaces, interface_eq) &&
	       LIST(addresses, prefix_ref_eq) && LIST(services, service_eq) &&
	       LIST(workspaces, workspace_eq) && LIST(private_endpoints, pe_address_eq) &&
	       LIST(platform, set_eq) && LIST(storage, set_eq) && LIST(allowed, set_eq) &&
	       LIST(blocked, set_eq) && SAME(feed_max_shrink_percent) && dns_eq(&a->dns, &b->dns) &&
	       name_options_eq(&a->names, &b->names) && paths_eq(a, b) && TEXT(extra);
}

static bool tag_eq(const struct dbx_tag *a, const struct dbx_tag *b)
{
	return TEXT(name) && TEXT(region) && SAME(change_number) && SAME(first) && SAME(n);
}

static bool feed_prefix_eq(const struct dbx_feed_prefix *a, const struct dbx_feed_prefix *b)
{
	return prefix_eq(&a->prefix, &b->prefix);
}

static bool feed_eq(const struct dbx_feed *a, const struct dbx_feed *b)
{
	return SAME(kind) && TEXT(cloud) && TEXT(version) && SAME(change_number) &&
	       LIST(tags, tag_eq) && LIST(prefixes, feed_prefix_eq) && SAME(content_hash);
}

bool dbx_model_equal(const struct dbx_model *a, const struct dbx_model *b)
{
	return LIST(policies, policy_eq) && LIST(nccs, ncc_eq) && LIST(pe_rules, rule_eq) &&
	       LIST(options, option_eq) && LIST(bindings, binding_eq) && SAME(has_gateway) &&
	       gateway_eq(&a->gateway, &b->gateway) && LIST(feeds, feed_eq);
}
