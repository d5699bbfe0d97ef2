/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.c -- the classifier on the host, with a bounded memory of first fragments.
 */
#include "policy/judge.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define WAYS 4u /* entries that share a hash bucket */

struct frag {
	struct dbx_frag_key key;
	struct dbx_frag_value value;
	uint64_t used; /* 0 = free, else the time of its first fragment */
};

struct dbx_frags {
	size_t n_buckets;
	uint64_t clock;
	struct frag v[];
};

struct dbx_frags *dbx_frags_new(size_t max)
{
	size_t n = 1;
	struct dbx_frags *f;

	while (n * WAYS < max && n < ((size_t)1 << 24))
		n *= 2;
	f = calloc(1, sizeof(*f) + n * WAYS * sizeof(f->v[0]));
	if (f)
		f->n_buckets = n;
	return f;
}

void dbx_frags_free(struct dbx_frags **f)
{
	free(*f);
	*f = NULL;
}

void dbx_frags_clear(struct dbx_frags *f)
{
	memset(f->v, 0, f->n_buckets * WAYS * sizeof(f->v[0]));
}

static struct frag *bucket(struct dbx_frags *f, const struct dbx_frag_key *key)
{
	return &f->v[(dbx_hash64(key, sizeof(*key), 0) & (f->n_buckets - 1)) * WAYS];
}

static int frag_get(void *arg, const struct dbx_frag_key *key, struct dbx_frag_value *value)
{
	struct frag *b = bucket(arg, key);

	for (unsigned int i = 0; i < WAYS; i++) {
		if (b[i].used && !memcmp(&b[i].key, key, sizeof(*key))) {
			*value = b[i].value;
			return 1;
		}
	}
	return 0;
}

static void frag_put(void *arg, const struct dbx_frag_key *key, const struct dbx_frag_value *value)
{
	struct dbx_frags *f = arg;
	struct frag *b = bucket(f, key), *to = b;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (b[i].used && !memcmp(&b[i].key, key, sizeof(*key))) {
			to = &b[i];
			break;
		}
		if (b[i].used < to->used)
			to = &b[i];
	}
	to->key = *key;
	to->value = *value;
	to->used = ++f->clock;
}

static struct dbx_env env_of(const struct dbx_image *img, struct dbx_frags *frags, uint64_t port)
{
	struct dbx_env env = {.port = port};

	if (img) {
		env.base = img->base;
		env.n_chunks = img->hdr->n_kernel_chunks;
	}
	if (frags) {
		env.frag_get = frag_get;
		env.frag_put = frag_put;
		env.frag_arg = frags;
	}
	return env;
}

void dbx_judge_frame(const struct dbx_image *img, struct dbx_frags *frags, const void *frame,
		     size_t n_bytes, uint64_t port, struct dbx_pkt *pkt, struct dbx_result *res)
{
	struct dbx_env env = env_of(img, frags, port);
	struct dbx_pkt mine;

	dbx_classify_frame(&env, frame, (const uint8_t *)frame + n_bytes, pkt ? pkt : &mine, res);
}

static void judge_tuple(const struct dbx_env *env, const struct dbx_pkt *pkt,
			struct dbx_result *res)
{
	const struct dbx_image_header *hdr;
	struct dbx_pkt mine = *pkt;

	mine.flags |= DBX_PKT_F_NO_MAC;
	hdr = dbx_classify_start(env, res);
	if (hdr)
		dbx_classify(env, hdr, &mine, res);
}

void dbx_judge_tuple(const struct dbx_image *img, const struct dbx_pkt *pkt, uint64_t port,
		     struct dbx_result *res)
{
	struct dbx_env env = env_of(img, NULL, port);

	judge_tuple(&env, pkt, res);
}

static int is_learned(void *arg, const struct dbx_learned_key *key)
{
	(void)key;
	return *(const int *)arg;
}

void dbx_judge_learned(const struct dbx_image *img, const struct dbx_pkt *pkt, uint64_t port,
		       int learned, struct dbx_result *res)
{
	struct dbx_env env = env_of(img, NULL, port);

	env.learned = is_learned;
	env.learned_arg = &learned;
	judge_tuple(&env, pkt, res);
}

const struct dbx_binding *dbx_judge_source_words(const struct dbx_image *img,
						 const uint32_t words[4], bool is_v6,
						 uint32_t domain)
{
	struct dbx_env env = env_of(img, NULL, DBX_PORT_ANY);
	const struct dbx_image_header *hdr = dbx_classify_header(&env);
	const struct dbx_binding *b;
	uint32_t owner;

	if (!hdr)
		return NULL;
	owner = dbx_src_owner(&env, hdr, words, is_v6);
	b = dbx_owner_binding(&env, hdr, owner, domain);
	return b ? b : dbx_owner_binding(&env, hdr, owner, DBX_DOMAIN_ANY);
}

const struct dbx_binding *dbx_judge_source(const struct dbx_image *img, const struct dbx_addr *addr,
					   uint32_t domain)
{
	uint32_t words[4];

	dbx_judge_addr(addr, words);
	return dbx_judge_source_words(img, words, addr->is_v6, domain);
}

uint32_t dbx_judge_name_kind(const struct dbx_image *img, uint8_t proto, uint16_t port)
{
	const struct dbx_pkt pkt = {.proto = proto, .dport = port};
	struct dbx_env env = env_of(img, NULL, DBX_PORT_ANY);
	const struct dbx_image_header *hdr = dbx_classify_header(&env);

	return hdr ? dbx_name_kind(&env, hdr, &pkt) : DBX_NAME_PORT_NONE;
}

uint32_t dbx_judge_mark(const struct dbx_image *img, const struct dbx_result *res)
{
	struct dbx_env env = env_of(img, NULL, DBX_PORT_ANY);

	return img ? dbx_path_mark(&env, img->hdr, res) : 0;
}

void dbx_judge_addr(const struct dbx_addr *addr, uint32_t words[4])
{
	memset(words, 0, 4 * sizeof(words[0]));
	for (int i = 0; i < (addr->is_v6 ? 4 : 1); i++)
		words[i] = dbx_rd32(addr->a + i * 4);
}
