// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * look.c -- what the image says of the packets of a burst, looked up for all of them at a time.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding, profile; root, run, class,
 * cell, rule set, outcome. One packet alone would wait for memory at each. Here all packets of a burst
 * take a step together: through the tables that were made of the image (view.h, walk.c), or, where these
 * have no answer (a tag, a table that is full), through the image itself, four searches at a time.
 *
 * Nothing is decided here. What is found are functions of image and tuple: test_dpdk_look.c holds them
 * against lookup.h and classify.h.
 */
#include "dataplane/dpdk/look.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/view.h"
#include "dataplane/dpdk/walk.h"

/* ---- frames ---- */

/* Whether more than the image has to be asked: the resolver, or a frame inside. */
static inline bool is_special(const struct dbx_image_header *hdr, const struct dpk_look *l)
{
	if (l->dport == 53 && (hdr->name_flags & DBX_NAMES_F_DNS))
		return true;
	return l->proto == DBX_PROTO_UDP && l->dport &&
	       (l->dport == hdr->vxlan_port || l->dport == hdr->geneve_port);
}

/* Any frame, by the parser itself. */
static __attribute__((noinline)) bool read_any(struct dpk_look *l)
{
	struct dbx_pkt pkt;
	const uint8_t *h = l->frame + 14;

	if (dbx_parse(l->frame, l->frame + l->frame_bytes, &pkt) != DBX_PARSE_GO_ON ||
	    pkt.frag != DBX_FRAG_NONE || !(pkt.flags & DBX_PKT_F_PORTS) ||
	    (pkt.flags & DBX_PKT_F_PROTO_UNKNOWN))
		return false;
	h += 4 * pkt.n_tags;
	l->addr_at = (uint8_t)(h - l->frame + (pkt.flags & DBX_PKT_F_IPV6 ? 8 : 12));
	l->proto = pkt.proto;
	l->flags = pkt.flags;
	l->n_tags = pkt.n_tags;
	l->domain = pkt.domain;
	l->dport = pkt.dport;
	return true;
}

/* TCP and UDP as dbx_parse_l4() has them; left: bytes of the packet, all of which are in the frame. */
static inline bool read_l4(struct dpk_look *l, const uint8_t *h, uint32_t left)
{
	uint32_t len;

	if (l->proto == DBX_PROTO_TCP && left >= 20)
		len = (h[12] >> 4) * 4u;
	else if (l->proto == DBX_PROTO_UDP && left >= 8)
		len = dbx_rd16(h + 4);
	else
		return false;
	l->dport = dbx_rd16(h + 2);
	return len <= left && len >= (l->proto == DBX_PROTO_TCP ? 20u : 8u);
}

/* Most frames: no tags, no options, no fragment, TCP or UDP; the rest is left to read_any(). */
static inline bool read_frame(struct dpk_look *l)
{
	const uint8_t *p = l->frame, *h = p + 14;
	uint32_t have = l->frame_bytes - 14u, left;
	uint16_t type;

	l->n_tags = 0;
	l->domain = 0;
	if (unlikely(l->frame_bytes < 14 + 20))
		return false;
	type = dbx_rd16(p + 12);
	if (likely(type == 0x0800 && h[0] == 0x45)) {
		left = dbx_rd16(h + 2);
		if (left <= have && left >= 20 && !(dbx_rd16(h + 6) & 0x3fff)) {
			l->proto = h[9];
			l->flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS;
			l->addr_at = 14 + 12;
			if (likely(read_l4(l, h + 20, left - 20)))
				return true;
		}
	} else if (type == 0x86dd && have >= 40 && h[0] >> 4 == 6) {
		left = dbx_rd16(h + 4);
		if (left <= have - 40) {
			l->proto = h[6];
			l->flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS | DBX_PKT_F_IPV6;
			l->addr_at = 14 + 8;
			if (likely(read_l4(l, h + 40, left)))
				return true;
		}
	}
	return read_any(l);
}

/* ---- searches ---- */

/* One entry, which the search of a run that is not there finds: dbx_run32_step(). */
static const struct dbx_run32 no_run32[1] = {{0, DBX_LEAF}};
static const struct dbx_run4 no_run4[1];

static inline void begin32(const struct dpk_view *v, struct dpk_search *s, uint32_t ref)
{
	const uint32_t n = 1u << DBX_RUN32_SHIFT;

	ref &= DBX_REF_MASK;
	s->at = ref < v->n_runs ? &v->runs[ref] : no_run32;
	s->room = ref < v->n_runs ? n - (ref & (n - 1)) : 1;
	rte_prefetch0(s->at);
}

static inline void begin4(const struct dpk_view *v, struct dpk_search *s, uint32_t ref)
{
	const uint32_t n = 1u << DBX_RUN4_SHIFT;

	s->at = ref < v->n_runs4 ? &v->runs4[ref] : no_run4;
	s->room = ref < v->n_runs4 ? n - (ref & (n - 1)) : 1;
	rte_prefetch0(s->at);
}

/* Entries of a run: the first one has their number less one in place of its start. */
#define LENGTH(type, s)                                                                   \
	(((const type *)(s)->at)->start < (s)->room ? ((const type *)(s)->at)->start + 1u \
						    : (s)->room)

/* One halving, without a branch; of a search that is done nothing changes. */
#define HALVE(type, at, key, n)                                                                \
	do {                                                                                   \
		uint32_t half_ = (n) >> 1;                                                     \
		const type *mid_ = (at) + half_;                                               \
                                                                                               \
		(at) = __builtin_expect_with_probability(mid_->start <= (key), 1, 0.5) ? mid_  \
										       : (at); \
		(n) -= half_;                                                                  \
	} while (0)

/* Four searches, which are in registers meanwhile; of both kinds of runs. */
#define SEARCH_FOUR(name, type)                                            \
	static inline void name(struct dpk_search *const *s)               \
	{                                                                  \
		const type *p0 = s[0]->at, *p1 = s[1]->at;                 \
		const type *p2 = s[2]->at, *p3 = s[3]->at;                 \
		uint32_t n0 = LENGTH(type, s[0]), n1 = LENGTH(type, s[1]); \
		uint32_t n2 = LENGTH(type, s[2]), n3 = LENGTH(type, s[3]); \
		const uint32_t k0 = s[0]->key, k1 = s[1]->key;             \
		const uint32_t k2 = s[2]->key, k3 = s[3]->key;             \
                                                                           \
		while ((n0 | n1 | n2 | n3) > 1) {                          \
			HALVE(type, p0, k0, n0);                           \
			HALVE(type, p1, k1, n1);                           \
			HALVE(type, p2, k2, n2);                           \
			HALVE(type, p3, k3, n3);                           \
		}                                                          \
		s[0]->at = p0;                                             \
		s[1]->at = p1;                                             \
		s[2]->at = p2;                                             \
		s[3]->at = p3;                                             \
	}

SEARCH_FOUR(search_four32, struct dbx_run32)
SEARCH_FOUR(search_four4, struct dbx_run4)

/* Of a burst; room for three more, so that there are always four. */
#define SEARCHES (2 * DPK_BURST + 3)

static inline unsigned int fill_up(struct dpk_search **s, unsigned int n, struct dpk_search *none)
{
	for (; n % 4; n++)
		s[n] = none;
	return n;
}

static inline void search4(struct dpk_search **s, unsigned int n)
{
	struct dpk_search none = {.at = no_run4, .room = 1};
	unsigned int n_all = fill_up(s, n, &none);

	for (unsigned int i = 0; i < n_all; i += 4)
		search_four4(s + i);
	for (unsigned int i = 0; i < n; i++)
		s[i]->value = DBX_LEAF | ((const struct dbx_run4 *)s[i]->at)->class_id;
}

/* A step is done: what it found, and whether it has to go on, as dbx_run32_entry(), dbx_walk6(). */
static inline bool goes_on(const struct dpk_view *v, struct dpk_search *s)
{
	uint32_t found = ((const struct dbx_run32 *)s->at)->value;

	s->value = found;
	if (likely(found & DBX_LEAF))
		return false;
	if ((found & DBX_SAME) && !s->is_again) {
		s->is_again = true;
	} else {
		if (!s->n_words)
			return false;
		s->n_words--;
		s->is_again = false;
		s->key = dbx_rd32(s->word);
		s->word += 4;
	}
	begin32(v, s, found);
	return true;
}

static void search32(const struct dpk_view *v, struct dpk_search **s, unsigned int n)
{
	struct dpk_search none = {.at = no_run32, .room = 1};

	while (n) {
		unsigned int n_left = 0, n_all = fill_up(s, n, &none);

		for (unsigned int i = 0; i < n_all; i += 4)
			search_four32(s + i);
		for (unsigned int i = 0; i < n; i++)
			if (unlikely(goes_on(v, s[i])))
				s[n_left++] = s[i];
		n = n_left;
	}
}

static inline uint32_t leaf(uint32_t value)
{
	return value & DBX_LEAF ? value & DBX_VALUE_MASK : 0;
}

/* ---- without a tag: by the tables of the view ---- */

static inline void put_keys(const struct dpk_look *l, unsigned int n_words, struct dpk_walk *src,
			    struct dpk_walk *dst, unsigned int i)
{
	const uint8_t *a = l->frame + l->addr_at;

	for (unsigned int word = 0; word < n_words; word++) {
		src->key[word][i] = dbx_rd32(a + 4 * word);
		dst->key[word][i] = dbx_rd32(a + 4 * (n_words + word));
	}
}

/*
 * Of one family. Keys that are not set lead somewhere, which nobody looks at. Those of which a table has
 * no room for the answer are added to rest.
 */
static unsigned int by_tries(const struct dpk_view *v, bool is_v6, struct dpk_look **l,
			     unsigned int n, struct dpk_look **rest, unsigned int *n_rest)
{
	const unsigned int n_words = is_v6 ? 4 : 1;
	uint32_t rules[DPK_BURST];
	struct dpk_walk src, dst;
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++)
		put_keys(l[i], n_words, &src, &dst, i);
	for (unsigned int word = 0; word < n_words; word++)
		for (unsigned int i = n; i < DPK_BURST; i++)
			src.key[word][i] = dst.key[word][i] = 0;
	dpk_walk(v, is_v6, &src, &dst, rules, n);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t s = src.value[i], d = dst.value[i];

		if (unlikely(s == DPK_TRIE_ABSENT || d == DPK_TRIE_ABSENT)) {
			rest[(*n_rest)++] = l[i];
			continue;
		}
		if (unlikely(!rules[i]))
			continue;
		l[i]->class_id = d & DBX_VALUE_MASK;
		l[i]->s = &v->sources[(s & DBX_VALUE_MASK) - 1];
		l[i]->dst.value = rules[i];
		l[k++] = l[i];
	}
	return k;
}

/* ---- any other: by the image itself ---- */

static inline uint32_t word(const struct dpk_look *l, unsigned int i)
{
	return dbx_rd32(l->frame + l->addr_at + 4 * i);
}

static inline void fetch_roots(const struct dpk_view *v, struct dpk_look *l)
{
	if (l->flags & DBX_PKT_F_IPV6) {
		l->src.key = word(l, 0);
		l->dst.key = word(l, 4);
		rte_prefetch0(&v->src6[l->src.key >> 16]);
		rte_prefetch0(&v->dst6[l->dst.key >> 16]);
	} else {
		l->src.key = word(l, 0);
		l->dst.key = word(l, 1);
		rte_prefetch0(&v->src4[l->src.key >> 16]);
		rte_prefetch0(&v->dst4[l->dst.key >> 16]);
	}
}

/* Which of them goes on to a run is as random as the addresses are: no branch. */
static inline void begin_key(const struct dpk_view *v, struct dpk_search *s, const uint32_t *root,
			     const uint8_t *next, uint16_t n_words, struct dpk_search **list,
			     unsigned int *n)
{
	s->value = root[s->key >> 16];
	s->is_again = false;
	s->n_words = n_words;
	s->word = next;
	list[*n] = s;
	*n += !(s->value & DBX_LEAF);
	begin32(v, s, s->value);
}

/* Class and owner, searched: both end in value. */
static void search_addresses(const struct dpk_view *v, struct dpk_look *const *l, unsigned int n)
{
	struct dpk_search *list[SEARCHES], *list4[SEARCHES];
	unsigned int k = 0, k4 = 0;

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *a = l[i]->frame + l[i]->addr_at;
		struct dpk_search *d = &l[i]->dst;

		if (l[i]->flags & DBX_PKT_F_IPV6) {
			begin_key(v, &l[i]->src, v->src6, a + 4, 3, list, &k);
			begin_key(v, d, v->dst6, a + 20, 3, list, &k);
			continue;
		}
		begin_key(v, &l[i]->src, v->src4, NULL, 0, list, &k);
		d->value = v->dst4[d->key >> 16];
		d->key &= 0xffff;
		list4[k4] = d;
		k4 += !(d->value & DBX_LEAF);
		begin4(v, d, d->value);
	}
	search4(list4, k4);
	search32(v, list, k);
}

/* Who has the source address, by domain: dbx_owner_binding(). */
static void search_owners(const struct dpk_view *v, struct dpk_look *const *l, unsigned int n)
{
	struct dpk_search *list[SEARCHES];

	for (unsigned int i = 0; i < n; i++) {
		struct dpk_search *s = &l[i]->src;

		l[i]->class_id = leaf(l[i]->dst.value);
		s->key = l[i]->domain;
		s->n_words = 0;
		s->is_again = false;
		begin32(v, s, leaf(s->value) ? leaf(s->value) : ~0u);
		list[i] = s;
	}
	search32(v, list, n);
}

static unsigned int by_image(const struct dpk_view *v, struct dpk_look **l, unsigned int n)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++)
		fetch_roots(v, l[i]);
	search_addresses(v, l, n);
	search_owners(v, l, n);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = leaf(l[i]->src.value) - 1;

		if (at >= v->n_bindings || v->rows[at] == DPK_NO_ROW ||
		    l[i]->class_id >= v->hdr->n_classes)
			continue;
		l[i]->s = &v->sources[at];
		l[i]->dst.value = v->rules[v->rows[at] + l[i]->class_id];
		if (l[i]->dst.value)
			l[k++] = l[i];
	}
	return k;
}

/* ---- what both have in common ---- */

/* By protocol and port, where the set has more than one outcome: dbx_ruleset_outcome(). */
static void search_ports(const struct dpk_view *v, struct dpk_look *const *l, unsigned int n)
{
	struct dpk_search *list[SEARCHES];
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct dpk_search *s = &l[i]->dst;

		s->key = (uint32_t)l[i]->proto << 16 | l[i]->dport;
		s->n_words = 0;
		s->is_again = false;
		list[k] = s;
		k += !(s->value & DBX_LEAF);
		begin32(v, s, s->value);
	}
	search32(v, list, k);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = l[i]->dst.value & DBX_VALUE_MASK;

		if (!(l[i]->dst.value & DBX_LEAF) || at >= v->n_outcomes)
			continue;
		l[i]->o = &v->outcomes[at];
		l[i]->verdict = &v->verdicts[at][l[i]->s->is_dry];
		rte_prefetch0(l[i]->verdict);
	}
}

/* Packets that need no more than a look, by family, and those with a tag. */
static void sort_packets(const struct dpk_view *v, struct dpk_look *looks, unsigned int n,
			 struct dpk_look *(*l)[DPK_BURST], unsigned int *k)
{
	_Static_assert(DBX_PKT_F_IPV6 == 1, "the number of a family");
	for (unsigned int i = 0; i < n; i++) {
		struct dpk_look *one = &looks[i];
		unsigned int which;

		one->verdict = NULL;
		if (unlikely(!read_frame(one) || is_special(v->hdr, one)))
			continue;
		which = one->domain ? 2 : one->flags & DBX_PKT_F_IPV6;
		l[which][k[which]++] = one;
	}
}

void dpk_look_up(const struct dpk_image *image, struct dpk_look *looks, unsigned int n)
{
	const struct dpk_view *v = image ? image->view : NULL;
	struct dpk_look *l[3][DPK_BURST], *all[DPK_BURST];
	unsigned int k[3] = {0}, n_all = 0;

	if (!v) {
		for (unsigned int i = 0; i < n; i++)
			looks[i].verdict = NULL;
		return;
	}
	sort_packets(v, looks, n, l, k);
	for (unsigned int i = 0; i < 2; i++)
		k[i] = k[i] ? by_tries(v, i, l[i], k[i], l[2], &k[2]) : 0;
	k[2] = k[2] ? by_image(v, l[2], k[2]) : 0;
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int j = 0; j < k[i]; j++)
			all[n_all++] = l[i][j];
	search_ports(v, all, n_all);
}
