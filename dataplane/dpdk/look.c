// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * look.c -- what the image says of the packets of a burst, looked up for all of them at a time.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding, profile; root, run, class,
 * cell, rule set, outcome. One packet alone would wait for memory at each, and for each step of a
 * search. Here all packets of a burst take a step together, and the next step begins when the memory of
 * the first is there; searches go on four at a time, since each waits for its own last step only.
 *
 * Nothing is decided here. What is found are functions of image and tuple: test_dpdk_look.c holds them
 * against lookup.h and classify.h.
 */
#include "dataplane/dpdk/look.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dataplane/dpdk/pipe.h"

/*
 * Sections as arrays: an item never crosses a chunk, and what lies in a chunk fills it, so that items
 * which follow each other do so in memory too. n: those that there are.
 */
struct view {
	const struct dbx_image_header *hdr;
	const uint32_t *src4, *dst4, *src6, *dst6; /* roots */
	const struct dbx_run32 *runs;
	const struct dbx_run4 *runs4;
	const struct dbx_binding *bindings;
	const struct dbx_profile *profiles;
	const uint16_t *cells;
	const uint32_t *sets;
	const struct dbx_outcome *outcomes;
	uint32_t n_runs, n_runs4, n_bindings, n_profiles, n_cells, n_sets, n_outcomes;
};

#define FILLS(type, shift) \
	_Static_assert(sizeof(type) << (shift) == DBX_CHUNK_BYTES, "as many as fill a chunk")
FILLS(struct dbx_run32, DBX_RUN32_SHIFT);
FILLS(struct dbx_run4, DBX_RUN4_SHIFT);
FILLS(struct dbx_binding, DBX_BINDING_SHIFT);
FILLS(struct dbx_profile, DBX_PROFILE_SHIFT);
FILLS(uint16_t, DBX_CELL_SHIFT);
FILLS(uint32_t, DBX_RULESET_SHIFT);
FILLS(struct dbx_outcome, DBX_OUTCOME_SHIFT);

static const void *array(const struct dpk_image *image, enum dbx_section_id id, uint32_t shift,
			 uint32_t *n)
{
	const struct dbx_section *s = &dpk_image_header(image)->sec[id];
	uint64_t max;

	*n = 0;
	if (s->chunk >= image->n_chunks)
		return NULL;
	max = (uint64_t)(image->n_chunks - s->chunk) << shift;
	*n = s->n_items < max ? s->n_items : (uint32_t)max;
	return image->base + ((uint64_t)s->chunk << DBX_CHUNK_SHIFT);
}

static const uint32_t *root(const struct dpk_image *image, enum dbx_section_id id)
{
	uint32_t n;

	return array(image, id, 0, &n);
}

/* false: there is none that can be used. */
static bool see(struct view *v, const struct dpk_image *m)
{
	v->hdr = dpk_image_header(m);
	if (!v->hdr || v->hdr->magic != DBX_IMAGE_MAGIC || v->hdr->abi != DBX_ABI_VERSION)
		return false;
	v->src4 = root(m, DBX_SEC_SRC4_ROOT);
	v->dst4 = root(m, DBX_SEC_DST4_ROOT);
	v->src6 = root(m, DBX_SEC_SRC6_ROOT);
	v->dst6 = root(m, DBX_SEC_DST6_ROOT);
	v->runs = array(m, DBX_SEC_RUNS32, DBX_RUN32_SHIFT, &v->n_runs);
	v->runs4 = array(m, DBX_SEC_DST4_RUNS, DBX_RUN4_SHIFT, &v->n_runs4);
	v->bindings = array(m, DBX_SEC_BINDINGS, DBX_BINDING_SHIFT, &v->n_bindings);
	v->profiles = array(m, DBX_SEC_PROFILES, DBX_PROFILE_SHIFT, &v->n_profiles);
	v->cells = array(m, DBX_SEC_CELLS, DBX_CELL_SHIFT, &v->n_cells);
	v->sets = array(m, DBX_SEC_RULESETS, DBX_RULESET_SHIFT, &v->n_sets);
	v->outcomes = array(m, DBX_SEC_OUTCOMES, DBX_OUTCOME_SHIFT, &v->n_outcomes);
	return v->src4 && v->dst4 && v->src6 && v->dst6;
}

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

static inline void begin32(const struct view *v, struct dpk_search *s, uint32_t ref)
{
	const uint32_t n = 1u << DBX_RUN32_SHIFT;

	ref &= DBX_REF_MASK;
	s->at = ref < v->n_runs ? &v->runs[ref] : no_run32;
	s->room = ref < v->n_runs ? n - (ref & (n - 1)) : 1;
	rte_prefetch0(s->at);
}

static inline void begin4(const struct view *v, struct dpk_search *s, uint32_t ref)
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
static inline bool goes_on(const struct view *v, struct dpk_search *s)
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

static void search32(const struct view *v, struct dpk_search **s, unsigned int n)
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

/* Most runs by domain have one entry. */
static void search_short32(const struct view *v, struct dpk_search **s, unsigned int n)
{
	unsigned int n_left = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct dbx_run32 *run = s[i]->at;

		if (run->start || unlikely(!(run->value & DBX_LEAF)))
			s[n_left++] = s[i];
		else
			s[i]->value = run->value;
	}
	search32(v, s, n_left);
}

static inline uint32_t leaf(uint32_t value)
{
	return value & DBX_LEAF ? value & DBX_VALUE_MASK : 0;
}

/* ---- steps ---- */

static inline uint32_t word(const struct dpk_look *l, unsigned int i)
{
	return dbx_rd32(l->frame + l->addr_at + 4 * i);
}

static inline void fetch_roots(const struct view *v, struct dpk_look *l)
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
static inline void begin_key(const struct view *v, struct dpk_search *s, const uint32_t *root,
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
static void search_addresses(const struct view *v, struct dpk_look *const *l, unsigned int n)
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
static void search_owners(const struct view *v, struct dpk_look *const *l, unsigned int n)
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
	search_short32(v, list, n);
}

/* Keeps those that have a binding. */
static unsigned int find_bindings(const struct view *v, struct dpk_look **l, unsigned int n)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = leaf(l[i]->src.value) - 1;

		if (at >= v->n_bindings)
			continue;
		l[i]->b = &v->bindings[at];
		rte_prefetch0(l[i]->b);
		l[k++] = l[i];
	}
	return k;
}

/* Profile and cell, of those whose class there is. */
static unsigned int find_cells(const struct view *v, struct dpk_look **l, unsigned int n,
			       const uint16_t **cells)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = l[i]->b->profile;

		if (at >= v->n_profiles || l[i]->class_id >= v->hdr->n_classes)
			continue;
		l[i]->p = &v->profiles[at];
		at = l[i]->p->row + l[i]->class_id;
		if (at >= v->n_cells)
			continue;
		cells[k] = &v->cells[at];
		rte_prefetch0(cells[k]);
		l[k++] = l[i];
	}
	return k;
}

static unsigned int find_sets(const struct view *v, struct dpk_look **l, unsigned int n,
			      const uint16_t *const *cells, const uint32_t **sets)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = l[i]->p->rulesets + *cells[i];

		if (at >= v->n_sets)
			continue;
		sets[k] = &v->sets[at];
		rte_prefetch0(sets[k]);
		l[k++] = l[i];
	}
	return k;
}

/* By protocol and port, where the set has more than one outcome: dbx_ruleset_outcome(). */
static void search_ports(const struct view *v, struct dpk_look *const *l, unsigned int n,
			 const uint32_t *const *sets)
{
	struct dpk_search *list[SEARCHES];
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct dpk_search *s = &l[i]->dst;

		s->value = *sets[i];
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
		rte_prefetch0(l[i]->o);
	}
}

void dpk_look_up(const struct dpk_image *image, struct dpk_look *v, unsigned int n)
{
	const uint16_t *cells[DPK_BURST];
	const uint32_t *sets[DPK_BURST];
	struct dpk_look *l[DPK_BURST];
	struct view view;
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++)
		v[i].o = NULL;
	if (!see(&view, image))
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (!read_frame(&v[i]) || is_special(view.hdr, &v[i]))
			continue;
		fetch_roots(&view, &v[i]);
		l[k++] = &v[i];
	}
	search_addresses(&view, l, k);
	search_owners(&view, l, k);
	k = find_bindings(&view, l, k);
	k = find_cells(&view, l, k, cells);
	k = find_sets(&view, l, k, cells, sets);
	search_ports(&view, l, k, sets);
}
