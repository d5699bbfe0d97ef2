/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * classify.h -- the one classifier: frame or tuple, and image, to verdict.
 *
 * Compiled unchanged for BPF (5.15 and later: bounded loops, one map lookup a chunk), for the host
 * tools and for DPDK. It reads nothing but the packet and the image, allocates nothing, and denies
 * whatever it cannot look up. See image.h for the structures, env.h for the hooks.
 */
#ifndef DBX_CLASSIFY_H
#define DBX_CLASSIFY_H

#include "lookup.h"
#include "parse.h"

#define DBX_NO_POLICY 0xffffffffu

struct dbx_result {
	dbx_u64 generation;
	dbx_u64 workspace_id; /* 0: not known */
	dbx_u64 rule_uid;     /* 0: none */
	dbx_u32 rule;         /* index + 1 into the image's rule table, 0 = none */
	dbx_u32 policy;       /* index into the image's policy table, DBX_NO_POLICY = none */
	dbx_u8 verdict;
	dbx_u8 reason;
	dbx_u8 path;
	dbx_u8 product;
	dbx_u32 class_id;
	dbx_u64 policy_uid;
	dbx_u8 flow; /* enum dbx_name_port: the flow itself has to be looked at; 0 = it has not */
	dbx_u8 dry_run;   /* the source is in dry-run */
	dbx_u8 name_path; /* path, should the name be allowed */
	dbx_u8 reject;    /* a denial may be answered: source and its binding are right */
	dbx_u8 guarded;   /* with flow: allowed as it stands, unless it names a guarded resource */
	dbx_u8 zero[3];
	dbx_u32 profile; /* index of the source's profile; with path it gives the mark */
	dbx_u32 quota;   /* index + 1 into the image's quotas, 0 = none */
};

/*
 * Outcome of rule set `index` for the packet's protocol and port, or NULL when the image lacks it.
 * *unsure is set when the ports are not known and matter.
 */
static __always_inline const struct dbx_outcome *
dbx_ruleset_outcome(const struct dbx_env *env, const struct dbx_image_header *hdr, dbx_u32 index,
		    const struct dbx_pkt *pkt, int *unsure)
{
	const struct dbx_section *runs = &hdr->sec[DBX_SEC_RUNS32];
	const dbx_u32 *set = dbx_item(env, &hdr->sec[DBX_SEC_RULESETS], index, DBX_RULESET_SHIFT,
				      sizeof(dbx_u32));
	dbx_u32 v, key = (dbx_u32)pkt->proto << 16;
	dbx_u64 low, high;

	if (!set)
		return 0;
	v = *set;
	if (v & DBX_LEAF)
		return dbx_outcome_at(env, hdr, v);
	if (pkt->flags & DBX_PKT_F_PORTS)
		return dbx_outcome_at(env, hdr, dbx_run32_find(env, runs, v, key | pkt->dport));
	/* one entry, not merely one value, must hold all ports: 0 and 65535 may be equal by chance */
	low = dbx_run32_entry(env, runs, v, key);
	high = dbx_run32_entry(env, runs, v, key | 0xffff);
	if (low != high) {
		*unsure = 1;
		return 0;
	}
	return dbx_outcome_at(env, hdr, (dbx_u32)low);
}

static __always_inline void dbx_result_set(struct dbx_result *res, dbx_u8 verdict, dbx_u8 reason,
					   dbx_u8 path)
{
	res->verdict = verdict;
	res->reason = reason;
	res->path = path;
}

static __always_inline void dbx_result_deny(struct dbx_result *res, dbx_u8 reason)
{
	dbx_result_set(res, DBX_VERDICT_DROP, reason, DBX_PATH_NONE);
}

static __always_inline void dbx_result_outcome(struct dbx_result *res, const struct dbx_outcome *o,
					       int dry_run)
{
	res->rule_uid = o->rule_uid;
	res->rule = o->rule;
	res->reason = o->reason;
	res->verdict = o->verdict;
	res->path = o->path;
	if ((o->flags & DBX_OUTCOME_F_SOFT) && dry_run)
		res->verdict = DBX_VERDICT_DRY_RUN;
	else if (o->verdict == DBX_VERDICT_DROP)
		res->path = DBX_PATH_NONE;
}

/*
 * Which of a profile's marks what leaves by the result's path has: 0 private endpoint, 1 service
 * endpoint, 2 NAT or, of an isolated workspace, the firewall; more than 2: none.
 */
static __always_inline dbx_u32 dbx_mark_index(const struct dbx_result *res)
{
	return res->path == DBX_PATH_FIREWALL ? 2 : res->path - DBX_PATH_PRIVATE_ENDPOINT;
}

/* Mark of what leaves by the result's path, 0 = none. */
static __always_inline dbx_u32 dbx_path_mark(const struct dbx_env *env,
					     const struct dbx_image_header *hdr,
					     const struct dbx_result *res)
{
	dbx_u32 which = dbx_mark_index(res);
	const struct dbx_profile *p;

	if (res->verdict == DBX_VERDICT_DROP || which > 2)
		return 0;
	p = dbx_item(env, &hdr->sec[DBX_SEC_PROFILES], res->profile, DBX_PROFILE_SHIFT, sizeof(*p));
	return p ? p->marks[which] : 0;
}

/* The destination is a workspace's prefix; blocked: rule set in which a DROP overrules a pass. */
static __always_inline void
dbx_classify_workspace(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       const struct dbx_binding *from, const struct dbx_profile *profile,
		       dbx_u32 blocked, const struct dbx_pkt *pkt, struct dbx_result *res)
{
	dbx_u32 owner = dbx_src_owner(env, hdr, pkt->dst, pkt->flags & DBX_PKT_F_IPV6);
	const struct dbx_binding *to = dbx_owner_binding(env, hdr, owner, from->domain);
	const struct dbx_outcome *o;
	int unsure = 0;

	dbx_result_deny(res, DBX_REASON_WORKSPACE_ISOLATION);
	if (!to)
		to = dbx_owner_binding(env, hdr, owner, DBX_DOMAIN_ANY);
	if (!to)
		return;
	if (to->workspace == from->workspace) {
		if ((from->flags & DBX_BINDING_F_CLUSTER) && to->cluster != from->cluster) {
			dbx_result_deny(res, DBX_REASON_CLUSTER_ISOLATION);
			return;
		}
		dbx_result_set(res, DBX_VERDICT_PASS, DBX_REASON_SAME_WORKSPACE, DBX_PATH_LOCAL);
	} else {
		dbx_u32 v = profile->workspaces;

		if (!(v & DBX_LEAF))
			v = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], v, to->workspace);
		o = dbx_outcome_at(env, hdr, v);
		if (!o)
			return;
		dbx_result_outcome(res, o, 0);
	}
	if (res->verdict != DBX_VERDICT_PASS || !blocked)
		return;
	o = dbx_ruleset_outcome(env, hdr, blocked, pkt, &unsure);
	if (o && o->verdict == DBX_VERDICT_PASS)
		return;
	res->rule = 0;
	res->rule_uid = 0;
	if (o)
		dbx_result_outcome(res, o, 0);
	else
		dbx_result_deny(res, unsure ? DBX_REASON_FRAGMENT_NO_FIRST : DBX_REASON_BAD_IMAGE);
}

/* Whether the frame came by the way that its source is bound to. */
static __always_inline int dbx_binding_fits(const struct dbx_env *env, const struct dbx_binding *b,
					    const struct dbx_pkt *pkt)
{
	dbx_u8 differs = 0;
	int i;

	if (b->port && env->port != DBX_PORT_ANY && b->port != env->port)
		return 0;
	if (!(b->flags & DBX_BINDING_F_MAC) || (pkt->flags & DBX_PKT_F_NO_MAC))
		return 1;
	for (i = 0; i < 6; i++)
		differs |= b->mac[i] ^ pkt->mac[i];
	return !differs;
}

/* The address as the tables of names.h are keyed. */
static __always_inline void dbx_names_addr(const dbx_u32 a[4], int is_v6, dbx_u32 out[4])
{
	out[0] = is_v6 ? a[0] : 0;
	out[1] = is_v6 ? a[1] : 0;
	out[2] = is_v6 ? a[2] : 0xffff;
	out[3] = is_v6 ? a[3] : a[0];
}

/* How a flow of this protocol and port proves its name, enum dbx_name_port. */
static __always_inline dbx_u32 dbx_name_kind(const struct dbx_env *env,
					     const struct dbx_image_header *hdr,
					     const struct dbx_pkt *pkt)
{
	dbx_u32 kind = hdr->name_ports;

	if (!(kind & DBX_LEAF))
		kind = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], kind,
				      (dbx_u32)pkt->proto << 16 | pkt->dport);
	return kind & DBX_VALUE_MASK;
}

static __always_inline void dbx_result_soft(struct dbx_result *res, dbx_u8 reason, dbx_u8 path)
{
	if (res->dry_run)
		dbx_result_set(res, DBX_VERDICT_DRY_RUN, reason, path);
	else
		dbx_result_deny(res, reason);
}

/*
 * The outcome o would deny, but the policy has names, and one has been learned for the address. The
 * port says how the flow proves that it speaks that name; who has state for flows goes on from
 * res->flow, everybody else sees the handshake.
 */
static __always_inline void dbx_classify_name(const struct dbx_env *env,
					      const struct dbx_image_header *hdr, int learned,
					      const struct dbx_pkt *pkt,
					      const struct dbx_outcome *o, struct dbx_result *res)
{
	dbx_u32 kind = dbx_name_kind(env, hdr, pkt);

	res->rule = 0;
	res->rule_uid = 0;
	res->name_path = o->path;
	if (kind == DBX_NAME_PORT_NONE || kind >= DBX_NAME_PORT_MAX) {
		dbx_result_soft(res, DBX_REASON_NAME_PORT, o->path);
	} else if (kind == DBX_NAME_PORT_UNVERIFIED && (learned & DBX_ENV_GUARDED)) {
		dbx_result_deny(res, DBX_REASON_PRIVATE_REQUIRED); /* nothing will tell its name */
	} else if (kind == DBX_NAME_PORT_UNVERIFIED) {
		dbx_result_set(res, DBX_VERDICT_PASS, DBX_REASON_NAME_UNVERIFIED, o->path);
	} else if (pkt->frag != DBX_FRAG_NONE) {
		dbx_result_deny(res, DBX_REASON_NAME_FRAGMENT);
	} else if (kind == DBX_NAME_PORT_QUIC_DENY) {
		dbx_result_soft(res, DBX_REASON_QUIC_REFUSED, o->path);
		res->flow = (dbx_u8)kind;
	} else {
		dbx_result_set(res, DBX_VERDICT_PASS, DBX_REASON_NAME_HANDSHAKE, o->path);
		res->flow = (dbx_u8)kind;
	}
}

/*
 * The outcome o passes, but the address is that of a resource which may only be reached over its
 * private endpoint: where the flow can tell its name, it must be another one. It goes on by o.
 */
static __always_inline void
dbx_classify_guarded(const struct dbx_env *env, const struct dbx_image_header *hdr,
		     const struct dbx_pkt *pkt, const struct dbx_outcome *o, struct dbx_result *res)
{
	dbx_u32 kind = dbx_name_kind(env, hdr, pkt);

	if (kind != DBX_NAME_PORT_TLS && kind != DBX_NAME_PORT_HTTP)
		return;
	if (pkt->frag != DBX_FRAG_NONE) {
		dbx_result_deny(res, DBX_REASON_NAME_FRAGMENT);
		return;
	}
	res->name_path = o->path;
	res->flow = (dbx_u8)kind;
	res->guarded = 1;
}

/* The outcome depends on whether a name was learned for the destination, or guards it. */
static __always_inline void
dbx_classify_learned(const struct dbx_env *env, const struct dbx_image_header *hdr,
		     const struct dbx_binding *b, const struct dbx_pkt *pkt,
		     const struct dbx_outcome *o, struct dbx_result *res)
{
	struct dbx_learned_key key = {.policy_uid = b->policy_uid};
	int learned = 0;

	dbx_result_outcome(res, o, b->flags & DBX_BINDING_F_DRY_RUN);
	dbx_names_addr(pkt->dst, pkt->flags & DBX_PKT_F_IPV6, key.addr);
	if (b->policy_uid)
		learned = dbx_env_learned(env, &key);
	if (learned && (o->flags & DBX_OUTCOME_F_NAMES))
		dbx_classify_name(env, hdr, learned, pkt, o, res);
	else if (learned & DBX_ENV_GUARDED)
		dbx_classify_guarded(env, hdr, pkt, o, res);
	if (res->flow && dbx_domain_is_tunnel(pkt->domain)) {
		res->flow = 0;
		res->guarded = 0;
		dbx_result_deny(res, DBX_REASON_TUNNEL_NAME);
	}
}

/* A query to any server is the resolver's, RFC 1035 section 4.2. */
static __always_inline int dbx_is_dns(const struct dbx_image_header *hdr, const struct dbx_pkt *pkt)
{
	return (hdr->name_flags & DBX_NAMES_F_DNS) && (pkt->flags & DBX_PKT_F_PORTS) &&
	       pkt->dport == 53 && (pkt->proto == DBX_PROTO_UDP || pkt->proto == DBX_PROTO_TCP);
}

static __always_inline void dbx_classify_dns(const struct dbx_env *env, const struct dbx_pkt *pkt,
					     struct dbx_result *res)
{
	if (pkt->frag != DBX_FRAG_NONE)
		dbx_result_deny(res, DBX_REASON_NAME_FRAGMENT);
	else if (dbx_domain_is_tunnel(pkt->domain))
		dbx_result_deny(res, DBX_REASON_TUNNEL_NAME);
	else if (!dbx_env_dns_ready(env))
		dbx_result_deny(res, DBX_REASON_DNS_NOT_READY);
	else
		dbx_result_set(res, DBX_VERDICT_PASS, DBX_REASON_DNS_STEERED, DBX_PATH_LOCAL);
}

/* What the outcome of the rules makes of the packet. */
static __always_inline void
dbx_classify_outcome(const struct dbx_env *env, const struct dbx_image_header *hdr,
		     const struct dbx_binding *b, const struct dbx_profile *profile,
		     const struct dbx_outcome *o, const struct dbx_pkt *pkt, struct dbx_result *res)
{
	if (o->flags & DBX_OUTCOME_F_WORKSPACE)
		dbx_classify_workspace(env, hdr, b, profile, o->rule, pkt, res);
	else if (o->flags & (DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD))
		dbx_classify_learned(env, hdr, b, pkt, o, res);
	else
		dbx_result_outcome(res, o, b->flags & DBX_BINDING_F_DRY_RUN);
}

/*
 * Judges a tuple whose source binding is known. res holds workspace, policy, product and
 * generation already.
 */
static __always_inline void dbx_classify_dst(const struct dbx_env *env,
					     const struct dbx_image_header *hdr,
					     const struct dbx_binding *b, const struct dbx_pkt *pkt,
					     struct dbx_result *res)
{
	const struct dbx_profile *profile;
	const struct dbx_outcome *o;
	const dbx_u16 *cell;
	int unsure = 0;

	dbx_result_deny(res, DBX_REASON_BAD_IMAGE);
	profile = dbx_item(env, &hdr->sec[DBX_SEC_PROFILES], b->profile, DBX_PROFILE_SHIFT,
			   sizeof(*profile));
	if (!profile)
		return;
	res->class_id = dbx_dst_class(env, hdr, pkt->dst, pkt->flags & DBX_PKT_F_IPV6);
	if (res->class_id >= hdr->n_classes)
		return;
	cell = dbx_item(env, &hdr->sec[DBX_SEC_CELLS], profile->row + res->class_id, DBX_CELL_SHIFT,
			sizeof(*cell));
	if (!cell)
		return;
	o = dbx_ruleset_outcome(env, hdr, profile->rulesets + *cell, pkt, &unsure);
	if (!o) {
		if (unsure)
			dbx_result_deny(res, DBX_REASON_FRAGMENT_NO_FIRST);
		return;
	}
	dbx_classify_outcome(env, hdr, b, profile, o, pkt, res);
}

static __always_inline void dbx_frag_key_of(const struct dbx_pkt *pkt, struct dbx_frag_key *key)
{
	int i, is_v6 = !!(pkt->flags & DBX_PKT_F_IPV6);

	for (i = 0; i < 4; i++) {
		key->src[i] = pkt->src[i];
		key->dst[i] = pkt->dst[i];
	}
	key->domain = pkt->domain;
	key->id = pkt->frag_id;
	key->proto_v6 = is_v6 ? 1u << 8 : pkt->proto;
}

/* A first fragment is remembered, whatever its verdict; a later one learns its ports from it. */
static __always_inline void dbx_classify_fragment(const struct dbx_env *env, struct dbx_pkt *pkt)
{
	struct dbx_frag_value value = {pkt->sport, pkt->dport, pkt->proto};
	struct dbx_frag_key key;

	dbx_frag_key_of(pkt, &key);
	if (pkt->frag == DBX_FRAG_FIRST) {
		dbx_env_frag_put(env, &key, &value);
	} else if (dbx_env_frag_get(env, &key, &value)) {
		pkt->sport = value.sport;
		pkt->dport = value.dport;
		pkt->proto = (dbx_u8)value.proto;
		pkt->flags = (pkt->flags | DBX_PKT_F_PORTS) & ~DBX_PKT_F_PROTO_UNKNOWN;
	}
}

/* Whose the source says to be. */
static __always_inline void dbx_result_source(struct dbx_result *res, const struct dbx_binding *b)
{
	res->workspace_id = b->workspace_id;
	res->policy = b->policy;
	res->product = b->product;
	res->policy_uid = b->policy_uid;
	res->dry_run = !!(b->flags & DBX_BINDING_F_DRY_RUN);
}

/* And what follows from it, when the frame came by the way that the binding asks for. */
static __always_inline void dbx_result_binding(struct dbx_result *res, const struct dbx_binding *b)
{
	res->profile = b->profile;
	res->quota = b->quota;
	res->reject = !!(b->flags & DBX_BINDING_F_REJECT);
}

/* Judges a parsed packet. Later fragments leave with the ports of their first, when remembered. */
static __always_inline void dbx_classify(const struct dbx_env *env,
					 const struct dbx_image_header *hdr, struct dbx_pkt *pkt,
					 struct dbx_result *res)
{
	dbx_u32 owner = dbx_src_owner(env, hdr, pkt->src, pkt->flags & DBX_PKT_F_IPV6);
	const struct dbx_binding *b = dbx_owner_binding(env, hdr, owner, pkt->domain);

	if (!b) {
		dbx_result_deny(res, DBX_REASON_UNKNOWN_SOURCE);
		return;
	}
	dbx_result_source(res, b);
	if (!dbx_binding_fits(env, b, pkt)) {
		dbx_result_deny(res, DBX_REASON_SPOOFED_SOURCE);
		return;
	}
	dbx_result_binding(res, b);
	if (pkt->frag != DBX_FRAG_NONE)
		dbx_classify_fragment(env, pkt);
	if (pkt->flags & DBX_PKT_F_PROTO_UNKNOWN)
		dbx_result_deny(res, DBX_REASON_FRAGMENT_NO_FIRST);
	else if (dbx_is_dns(hdr, pkt))
		dbx_classify_dns(env, pkt, res);
	else
		dbx_classify_dst(env, hdr, b, pkt, res);
}

/* Prepares *res, and returns the header, or NULL with the denial in *res. */
static __always_inline const struct dbx_image_header *dbx_classify_start(const struct dbx_env *env,
									 struct dbx_result *res)
{
	const struct dbx_image_header *hdr = dbx_classify_header(env);

	__builtin_memset(res, 0, sizeof(*res));
	res->policy = DBX_NO_POLICY;
	if (!hdr) {
		dbx_result_deny(res, DBX_REASON_NO_IMAGE);
		return 0;
	}
	if (hdr->magic != DBX_IMAGE_MAGIC || hdr->abi != DBX_ABI_VERSION) {
		dbx_result_deny(res, DBX_REASON_BAD_IMAGE);
		return 0;
	}
	res->generation = hdr->generation;
	return hdr;
}

static __always_inline int dbx_tunnel_has(const struct dbx_env *env,
					  const struct dbx_image_header *hdr, dbx_u32 table,
					  dbx_u32 addr, dbx_u32 flag)
{
	if (!(table & DBX_LEAF))
		table = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], table, addr);
	return (table & DBX_LEAF) && (table & flag);
}

/*
 * dbx_parse() read a frame to pkt, and stop returned: is it the outside of a tunnel to this gateway?
 * Then inner->offset is where dbx_tunnel_options(), if there are any, dbx_parse_at() and
 * dbx_tunnel_enter() go on, else 0. Returns stop, or the reason of a tunnel packet that is refused. A first fragment would be put together by the host.
 */
static __always_inline int dbx_tunnel_open(const struct dbx_env *env,
					   const struct dbx_image_header *hdr, const void *data,
					   const void *end, int stop, const struct dbx_pkt *pkt,
					   struct dbx_inner *inner)
{
	int is_geneve = pkt->dport == hdr->geneve_port;

	inner->offset = 0;
	if (stop != DBX_PARSE_GO_ON || pkt->domain || pkt->proto != DBX_PROTO_UDP || !pkt->dport ||
	    pkt->frag == DBX_FRAG_LATER || (pkt->flags & DBX_PKT_F_IPV6))
		return stop;
	if (!is_geneve && pkt->dport != hdr->vxlan_port)
		return stop;
	if (!dbx_tunnel_has(env, hdr, hdr->tunnel_local, pkt->dst[0], 1))
		return stop;
	if (!dbx_tunnel_has(env, hdr, hdr->tunnel_remotes, pkt->src[0],
			    is_geneve ? DBX_TUNNEL_F_GENEVE : DBX_TUNNEL_F_VXLAN))
		return DBX_REASON_TUNNEL_REMOTE;
	if (pkt->frag != DBX_FRAG_NONE)
		return DBX_REASON_BAD_TUNNEL;
	stop = dbx_tunnel_read(data, end, pkt, is_geneve, inner);
	if (stop != DBX_PARSE_GO_ON)
		inner->offset = 0;
	return stop;
}

/* What dbx_parse() returned and filled in, to *res. Apart, for the verifier's sake: see ebpf/. */
static __always_inline void dbx_classify_parsed(const struct dbx_env *env,
						const struct dbx_image_header *hdr, int stop,
						struct dbx_pkt *pkt, struct dbx_result *res)
{
	if (stop == DBX_REASON_ARP || stop == DBX_REASON_NEIGHBOUR_DISCOVERY)
		dbx_result_set(res, DBX_VERDICT_PASS, (dbx_u8)stop, DBX_PATH_LOCAL);
	else if (stop != DBX_PARSE_GO_ON)
		dbx_result_deny(res, (dbx_u8)stop);
	else
		dbx_classify(env, hdr, pkt, res);
}

/* The whole of it: a frame to *res; *pkt is what was read of it, inside a tunnel if it is one. */
static __always_inline void dbx_classify_frame(const struct dbx_env *env, const void *data,
					       const void *end, struct dbx_pkt *pkt,
					       struct dbx_result *res)
{
	const struct dbx_image_header *hdr = dbx_classify_start(env, res);
	int stop = dbx_parse(data, end, pkt);
	struct dbx_inner inner;

	if (!hdr)
		return;
	stop = dbx_tunnel_open(env, hdr, data, end, stop, pkt, &inner);
	if (inner.offset && inner.n_options)
		stop = dbx_tunnel_options(data, end, inner.offset - inner.n_options,
					  inner.n_options);
	if (inner.offset && stop == DBX_PARSE_GO_ON) {
		stop = dbx_parse_at(data, end, inner.offset, pkt);
		stop = dbx_tunnel_enter(&inner, stop, pkt);
	}
	dbx_classify_parsed(env, hdr, stop, pkt, res);
}

_Static_assert(sizeof(struct dbx_result) == 64, "result");

#endif
