/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hooks.h -- what the classifier asks of its surroundings (env.h), answered from maps.
 */
#ifndef DBX_EBPF_HOOKS_H
#define DBX_EBPF_HOOKS_H

#include "maps.h"

/* image: the inner map, looked up once a packet, so that a packet never sees two generations. */
struct dbx_env {
	void *image;
	dbx_u64 port;
};

static __always_inline const void *dbx_env_chunk(const struct dbx_env *env, dbx_u32 index)
{
	return env->image ? bpf_map_lookup_elem(env->image, &index) : 0;
}

static __always_inline int dbx_env_frag_get(const struct dbx_env *env,
					    const struct dbx_frag_key *key,
					    struct dbx_frag_value *value)
{
	const struct dbx_frag_value *v = bpf_map_lookup_elem(&frags, key);

	(void)env;
	if (!v)
		return 0;
	*value = *v;
	return 1;
}

static __always_inline void dbx_env_frag_put(const struct dbx_env *env,
					     const struct dbx_frag_key *key,
					     const struct dbx_frag_value *value)
{
	(void)env;
	bpf_map_update_elem(&frags, key, value, BPF_ANY);
}

static __always_inline int dbx_env_learned(const struct dbx_env *env,
					   const struct dbx_learned_key *key)
{
	struct dbx_learned *v = bpf_map_lookup_elem(&learned, key);

	(void)env;
	if (!v || v->expires_ns <= bpf_ktime_get_ns())
		return 0;
	v->hits++;
	_Static_assert(DBX_LEARNED_F_GUARD << 1 == DBX_ENV_GUARDED, "without a branch");
	return DBX_ENV_LEARNED | (v->flags & DBX_LEARNED_F_GUARD) << 1;
}

static __always_inline int dbx_env_dns_ready(const struct dbx_env *env)
{
	__u32 zero = 0, *ready = bpf_map_lookup_elem(&steer, &zero);

	(void)env;
	return ready && *ready;
}

#endif
