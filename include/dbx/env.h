/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * env.h -- what the classifier asks of its surroundings.
 *
 * Three hooks and one field. This file has them for a process that holds the image in memory (host
 * tools, DPDK); the kernel program defines DBX_ENV_OWN and its own before it includes classify.h:
 *
 *   struct dbx_env with a member `dbx_u64 port`: dbx_port_hash() of the receiving interface,
 *       0 = unknown (a source bound to an interface is then refused), DBX_PORT_ANY = not checked
 *   const void *dbx_env_chunk(env, index)   chunk of the image, DBX_CHUNK_BYTES long, or NULL
 *   int dbx_env_frag_get(env, key, value)   1 and *value when the first fragment is remembered
 *   void dbx_env_frag_put(env, key, value)  remembers it, replacing what the key had
 *   int dbx_env_learned(env, key)           DBX_ENV_LEARNED when a name was learned for the address,
 *       with DBX_ENV_GUARDED when it is guarded, else 0
 *   int dbx_env_dns_ready(env)              1 when the gateway's resolver takes queries
 */
#ifndef DBX_ENV_H
#define DBX_ENV_H

#include "image.h"
#include "names.h"

#define DBX_PORT_ANY    0xffffffffffffffffull
#define DBX_ENV_LEARNED 1
#define DBX_ENV_GUARDED 2

/* A datagram (RFC 791 section 3.2, RFC 8200 section 4.5), kept apart by domain. proto: 0 for IPv6. */
struct dbx_frag_key {
	dbx_u32 src[4];
	dbx_u32 dst[4];
	dbx_u32 domain;
	dbx_u32 id;
	dbx_u32 proto_v6; /* protocol | is IPv6 << 8 */
};

/* What the first fragment said; later ones are judged with it by the generation of their time. */
struct dbx_frag_value {
	dbx_u16 sport;
	dbx_u16 dport;
	dbx_u32 proto;
};

#ifndef DBX_ENV_OWN

struct dbx_env {
	const dbx_u8 *base; /* the image, or NULL */
	dbx_u32 n_chunks;
	dbx_u64 port;
	int (*frag_get)(void *arg, const struct dbx_frag_key *key, struct dbx_frag_value *value);
	void (*frag_put)(void *arg, const struct dbx_frag_key *key,
			 const struct dbx_frag_value *value);
	void *frag_arg;
	int (*learned)(void *arg, const struct dbx_learned_key *key); /* NULL: nothing is */
	void *learned_arg;
};

static __always_inline const void *dbx_env_chunk(const struct dbx_env *env, dbx_u32 index)
{
	return index < env->n_chunks ? env->base + ((dbx_u64)index << DBX_CHUNK_SHIFT) : 0;
}

static __always_inline int dbx_env_frag_get(const struct dbx_env *env,
					    const struct dbx_frag_key *key,
					    struct dbx_frag_value *value)
{
	return env->frag_get ? env->frag_get(env->frag_arg, key, value) : 0;
}

static __always_inline void dbx_env_frag_put(const struct dbx_env *env,
					     const struct dbx_frag_key *key,
					     const struct dbx_frag_value *value)
{
	if (env->frag_put)
		env->frag_put(env->frag_arg, key, value);
}

static __always_inline int dbx_env_learned(const struct dbx_env *env,
					   const struct dbx_learned_key *key)
{
	return env->learned ? env->learned(env->learned_arg, key) : 0;
}

static __always_inline int dbx_env_dns_ready(const struct dbx_env *env)
{
	(void)env;
	return 1;
}

#endif

_Static_assert(sizeof(struct dbx_frag_key) == 44, "fragment key");
_Static_assert(sizeof(struct dbx_frag_value) == 8, "fragment value");

#endif
