/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * eval_impl.h -- what the files of the evaluator share: scans of the model for one address.
 *
 * Everything here is a plain scan, on purpose: no table, no cache, no order but that of the
 * documents. explain tells its steps with the same scans.
 */
#ifndef DBX_POLICY_EVAL_IMPL_H
#define DBX_POLICY_EVAL_IMPL_H

#include "policy/eval.h"

/* eval_match.c */
bool dbx_eval_in_prefix(const struct dbx_prefix *p, const struct dbx_addr *a);

/* One of gateway_addresses: never a source, whatever prefix it is in. */
bool dbx_eval_is_gateway(const struct dbx_model *m, const struct dbx_addr *a);
/* Reason of an address that no policy opens (decision order 1), DBX_REASON_MAX when it is none. */
enum dbx_reason dbx_eval_special(const struct dbx_addr *dst);
/* The same for a prefix that lies in such a range as a whole. */
enum dbx_reason dbx_eval_special_prefix(const struct dbx_prefix *p);
bool dbx_eval_in_tag(const struct dbx_model *m, const struct dbx_tag_ref *ref,
		     const struct dbx_addr *a);
bool dbx_eval_ports_match(uint16_t want_proto, const struct dbx_port_range *ports, size_t n_ports,
			  uint8_t proto, uint16_t port);
bool dbx_eval_set_applies(const struct dbx_dest_set *s, const struct dbx_policy *p);

enum dbx_eval_hit { DBX_EVAL_HIT_NONE, DBX_EVAL_HIT_PREFIX, DBX_EVAL_HIT_TAG };
enum dbx_eval_hit dbx_eval_in_set(const struct dbx_model *m, const struct dbx_dest_set *s,
				  const struct dbx_addr *a);

/* The source that owns an address in a domain (longest prefix), and its workspace; NULL = none. */
const struct dbx_source *dbx_eval_binding(const struct dbx_model *m, uint32_t domain,
					  const struct dbx_addr *a,
					  const struct dbx_workspace **ws);
/*
 * Who owns a destination, seen from a domain. False: the address is in no workspace. *ws is NULL
 * when it is, but several workspaces use it in other domains.
 */
bool dbx_eval_owner(const struct dbx_model *m, uint32_t domain, const struct dbx_addr *a,
		    const struct dbx_workspace **ws);
/* Whether an address of the source's own workspace is in a cluster that is kept apart from its own. */
bool dbx_eval_other_cluster(const struct dbx_model *m, const struct dbx_workspace *ws,
			    const struct dbx_source *from, uint32_t domain,
			    const struct dbx_addr *a);

/* eval_endpoint.c */
/* The private endpoint rule that decides an address for an NCC; false: no endpoint has it. */
bool dbx_eval_endpoint(const struct dbx_model *m, const struct dbx_ncc *ncc,
		       const struct dbx_addr *a, const struct dbx_pe_rule **rule, bool *is_own);
/* The first entry that allows the policy's workspaces a name of the rule, NULL = none. */
const struct dbx_where *dbx_eval_endpoint_entry(const struct dbx_model *m,
						const struct dbx_policy *p,
						const struct dbx_pe_rule *r, const char *region);

/* The way out of an allowed packet that is neither local nor to a private endpoint. */
enum dbx_path dbx_eval_path(const struct dbx_model *m, const struct dbx_workspace *ws,
			    const struct dbx_ncc *ncc, const struct dbx_addr *dst);
/* The route that what leaves by a path takes, NULL = the host's routing. */
const struct dbx_path_route *dbx_eval_route(const struct dbx_model *m, const struct dbx_ncc *ncc,
					    enum dbx_path path);
bool dbx_eval_is_dry_run(const struct dbx_policy *p, enum dbx_product product);
enum dbx_product dbx_eval_product(const struct dbx_workspace *ws, const struct dbx_source *s);
/* True when the policy, or a set of the gateway that applies to it, allows something by name. */
bool dbx_eval_has_names(const struct dbx_model *m, const struct dbx_policy *p);

#endif
