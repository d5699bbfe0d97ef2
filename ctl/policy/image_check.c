/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image_check.c -- follows every reference of an image: runs, classes, bindings, rule sets, strings.
 *
 * A run may be reached from many places; it is looked at once for each meaning that it is given. A
 * forged image could overlap runs to make that expensive, so the work is bounded by a budget that an
 * honest image never reaches.
 */
#include "policy/image_check.h"

#include <stdlib.h>
#include <string.h>

#include "policy/imgbuf.h"

#define TUNNEL_FLAGS (DBX_TUNNEL_F_VXLAN | DBX_TUNNEL_F_GENEVE)
#define HEADER_FLAGS                                                                        \
	(DBX_NAMES_F_DNS | DBX_NAMES_F_ECH_DENY | DBX_IMAGE_F_FORWARD | DBX_IMAGE_F_QUIET | \
	 DBX_IMAGE_F_FIRST | DBX_IMAGE_F_SAMPLED)
#define BINDING_FLAGS \
	(DBX_BINDING_F_DRY_RUN | DBX_BINDING_F_MAC | DBX_BINDING_F_REJECT | DBX_BINDING_F_CLUSTER)
#define OUTCOME_FLAGS \
	(DBX_OUTCOME_F_WORKSPACE | DBX_OUTCOME_F_SOFT | DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD)

enum meaning { /* what a leaf of the run stands for; levels of a table follow each other */
	       M_CLASS0,
	       M_CLASS1,
	       M_CLASS2,
	       M_CLASS3,
	       M_OWNER4,
	       M_OWNER0,
	       M_OWNER1,
	       M_OWNER2,
	       M_OWNER3,
	       M_BINDING,
	       M_OUTCOME,
	       M_NAME_PORT,
	       M_TUNNEL,
	       M_MAX,
};

struct walk {
	const struct dbx_image *img;
	const struct dbx_run32 *runs;
	uint32_t n_runs;
	uint16_t *seen; /* one bit a meaning, for each index that a run starts at */
	uint64_t budget;
	const char *bad;
};

static uint32_t items(const struct dbx_image *img, enum dbx_section_id id)
{
	return img->hdr->sec[id].n_items;
}

static const char *check_value(struct walk *w, enum meaning m, uint32_t value, int depth);

static const char *check_leaf(struct walk *w, enum meaning m, uint32_t v)
{
	if (m <= M_CLASS3)
		return v < w->img->hdr->n_classes ? NULL : "a class is out of range";
	if (m <= M_OWNER3)
		return v ? check_value(w, M_BINDING, v, 0) : NULL;
	if (m == M_BINDING)
		return v <= items(w->img, DBX_SEC_BINDINGS) ? NULL : "a binding is out of range";
	if (m == M_NAME_PORT)
		return v < DBX_NAME_PORT_MAX ? NULL : "a port's name check is out of range";
	if (m == M_TUNNEL)
		return v & ~(uint32_t)TUNNEL_FLAGS ? "a tunnel's address is out of range" : NULL;
	return v < items(w->img, DBX_SEC_OUTCOMES) ? NULL : "an outcome is out of range";
}

/* The meaning of a run that is reached without DBX_SAME; M_MAX: there must be none. */
static enum meaning deeper(enum meaning m)
{
	switch (m) {
	case M_CLASS0:
	case M_CLASS1:
	case M_CLASS2:
	case M_OWNER0:
	case M_OWNER1:
	case M_OWNER2:
		return m + 1;
	default:
		return M_MAX;
	}
}

static const char *check_run(struct walk *w, enum meaning m, uint32_t ref, int depth)
{
	const uint32_t chunk = 1u << DBX_RUN32_SHIFT;
	const struct dbx_run32 *v = w->runs + ref;
	const char *bad = NULL;
	uint64_t n;

	if (ref >= w->n_runs)
		return "a run is out of range";
	if (w->seen[ref] & 1u << m)
		return NULL;
	w->seen[ref] |= (uint16_t)(1u << m);
	n = (uint64_t)v[0].start + 1;
	if (n > w->n_runs - ref || n > chunk - (ref & (chunk - 1)))
		return "a run crosses the end of its chunk";
	if (w->budget < n)
		return "its runs overlap";
	w->budget -= n;
	for (uint64_t i = 0; i < n && !bad; i++) {
		if (i > 1 && v[i].start <= v[i - 1].start)
			return "a run is not in order";
		if (!(v[i].value & DBX_LEAF) && (v[i].value & DBX_SAME))
			bad = depth ? "a run is split too deep"
				    : check_run(w, m, v[i].value & DBX_REF_MASK, 1);
		else if (v[i].value & DBX_LEAF)
			bad = check_leaf(w, m, v[i].value & DBX_VALUE_MASK);
		else if (deeper(m) == M_MAX)
			bad = "a table is too deep";
		else
			bad = check_run(w, deeper(m), v[i].value, 0);
	}
	return bad;
}

static const char *check_value(struct walk *w, enum meaning m, uint32_t value, int depth)
{
	if (m != M_BINDING && (value & DBX_LEAF))
		return check_leaf(w, m, value & DBX_VALUE_MASK);
	return check_run(w, m, value, depth);
}

static const char *check_table(struct walk *w, enum dbx_section_id id, enum meaning m)
{
	uint32_t n;
	const uint32_t *root = dbx_image_section(w->img, id, &n);
	const char *bad = n == DBX_ROOT_ENTRIES ? NULL : "a root table is not whole";

	for (uint32_t i = 0; i < n && !bad; i++)
		bad = check_value(w, m, root[i], 0);
	return bad;
}

static const char *check_run4(const struct dbx_image *img, const struct dbx_run4 *v, uint32_t n,
			      uint32_t ref, uint64_t *budget)
{
	const uint32_t chunk = 1u << DBX_RUN4_SHIFT;
	uint32_t len;

	if (ref >= n)
		return "a run is out of range";
	len = v[ref].start + 1u;
	if (len > n - ref || len > chunk - (ref & (chunk - 1)))
		return "a run crosses the end of its chunk";
	if (*budget < len)
		return "its runs overlap";
	*budget -= len;
	for (uint32_t i = 0; i < len; i++) {
		if (v[ref + i].class_id >= img->hdr->n_classes)
			return "a class is out of range";
		if (i > 1 && v[ref + i].start <= v[ref + i - 1].start)
			return "a run is not in order";
	}
	return NULL;
}

static const char *check_dst4(const struct dbx_image *img)
{
	uint32_t n_root, n;
	const uint32_t *root = dbx_image_section(img, DBX_SEC_DST4_ROOT, &n_root);
	const struct dbx_run4 *v = dbx_image_section(img, DBX_SEC_DST4_RUNS, &n);
	uint64_t budget = (uint64_t)n * 4 + DBX_ROOT_ENTRIES;
	const char *bad = n_root == DBX_ROOT_ENTRIES ? NULL : "a root table is not whole";

	for (uint32_t i = 0; i < n_root && !bad; i++) {
		if (!(root[i] & DBX_LEAF))
			bad = check_run4(img, v, n, root[i], &budget);
		else if ((root[i] & DBX_VALUE_MASK) >= img->hdr->n_classes)
			bad = "a class is out of range";
	}
	return bad;
}

static const char *check_bindings(const struct dbx_image *img)
{
	uint32_t n, n_quotas;
	const struct dbx_binding *b = dbx_image_section(img, DBX_SEC_BINDINGS, &n);
	const struct dbx_quota *quotas = dbx_image_section(img, DBX_SEC_QUOTAS, &n_quotas);

	for (uint32_t i = 0; i < n; i++) {
		if (b[i].profile >= items(img, DBX_SEC_PROFILES) ||
		    b[i].workspace >= items(img, DBX_SEC_WORKSPACES) ||
		    (b[i].policy != UINT32_MAX && b[i].policy >= items(img, DBX_SEC_POLICIES)))
			return "a binding points nowhere";
		if (b[i].product >= DBX_PRODUCT_MAX)
			return "a binding's product is out of range";
		if (b[i].flags & ~BINDING_FLAGS)
			return "a binding's flags are not known";
		if (b[i].quota > n_quotas ||
		    (b[i].quota && quotas[b[i].quota - 1].workspace_id != b[i].workspace_id))
			return "a binding's quota is not its workspace's";
	}
	return NULL;
}

static const char *check_quotas(const struct dbx_image *img)
{
	uint32_t n;
	const struct dbx_quota *q = dbx_image_section(img, DBX_SEC_QUOTAS, &n);

	for (uint32_t i = 0; i < n; i++)
		if ((!q[i].bytes_per_s && !q[i].flows_per_s) || !q[i].burst_ms ||
		    q[i].burst_ms > DBX_QUOTA_BURST_MAX || q[i].bytes_per_s > DBX_QUOTA_BYTES_MAX)
			return "a quota is out of range";
	return NULL;
}

static const char *check_profiles(struct walk *w)
{
	const struct dbx_image *img = w->img;
	uint32_t n, n_cells, n_sets = items(img, DBX_SEC_RULESETS);
	const struct dbx_profile *p = dbx_image_section(img, DBX_SEC_PROFILES, &n);
	const uint16_t *cells = dbx_image_section(img, DBX_SEC_CELLS, &n_cells);
	uint32_t n_classes = img->hdr->n_classes;
	const char *bad;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i].row > n_cells || n_classes > n_cells - p[i].row)
			return "a profile's row is out of range";
		for (int k = 0; k < 3; k++)
			if (p[i].marks[k] && (p[i].marks[k] & DBX_MARK_PATH_MASK) != DBX_MARK_PATH)
				return "a profile's mark is not one of a path";
		bad = check_value(w, M_OUTCOME, p[i].workspaces, 0);
		if (bad)
			return bad;
		for (uint32_t c = 0; c < n_classes; c++)
			if ((uint64_t)p[i].rulesets + cells[p[i].row + c] >= n_sets)
				return "a cell's rule set is out of range";
	}
	return NULL;
}

static const char *check_outcomes(struct walk *w)
{
	uint32_t n, n_sets;
	const uint32_t *sets = dbx_image_section(w->img, DBX_SEC_RULESETS, &n_sets);
	const struct dbx_outcome *o = dbx_image_section(w->img, DBX_SEC_OUTCOMES, &n);
	const char *bad = NULL;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t max = o[i].flags & DBX_OUTCOME_F_WORKSPACE
				       ? n_sets
				       : items(w->img, DBX_SEC_RULES) + 1;

		if (o[i].verdict >= DBX_VERDICT_MAX || o[i].reason >= DBX_REASON_MAX ||
		    o[i].path >= DBX_PATH_MAX || o[i].rule >= max || (o[i].flags & ~OUTCOME_FLAGS))
			return "an outcome is out of range";
	}
	for (uint32_t i = 0; i < n_sets && !bad; i++)
		bad = check_value(w, M_OUTCOME, sets[i], 0);
	return bad;
}

static const char *check_people(const struct dbx_image *img)
{
	uint32_t n, n_sets, n_list, n_strings;
	const struct dbx_img_class *c = dbx_image_section(img, DBX_SEC_CLASSES, &n);
	const uint32_t *list = dbx_image_section(img, DBX_SEC_CLASS_SETS, &n_list);
	const char *strings = dbx_image_section(img, DBX_SEC_STRINGS, &n_strings);

	dbx_image_section(img, DBX_SEC_SETS, &n_sets);
	if (n != img->hdr->n_classes)
		return "the classes are not whole";
	for (uint32_t i = 0; i < n; i++)
		if (c[i].first > n_list || c[i].n > n_list - c[i].first)
			return "a class's sets are out of range";
	for (uint32_t i = 0; i < n_list; i++)
		if (list[i] >= n_sets)
			return "a set is out of range";
	if (!n_strings || strings[0] || strings[n_strings - 1])
		return "the strings are not terminated";
	return NULL;
}

static const char *check_flags(const struct dbx_image_header *h)
{
	uint32_t n = h->sample_per_million;

	if (h->name_flags & ~(uint32_t)HEADER_FLAGS)
		return "the header's flags are not known";
	if (h->name_flags & DBX_IMAGE_F_SAMPLED ? !n || n > 1000000 : n)
		return "the sample of allowed packets is not from 1 to 1,000,000 in a million";
	return NULL;
}

const char *dbx_image_check_refs(const struct dbx_image *img)
{
	struct walk w = {.img = img};

	w.runs = dbx_image_section(img, DBX_SEC_RUNS32, &w.n_runs);
	w.budget = (uint64_t)w.n_runs * 4 + 64;
	w.seen = calloc((size_t)w.n_runs + 1, sizeof(*w.seen));
	if (!w.seen)
		return "there is no memory to check it";
	if (!w.n_runs || !items(img, DBX_SEC_OUTCOMES) || !items(img, DBX_SEC_RULESETS))
		w.bad = "a section that cannot be empty is";
	if (!w.bad)
		w.bad = check_dst4(img);
	if (!w.bad)
		w.bad = check_table(&w, DBX_SEC_DST6_ROOT, M_CLASS0);
	if (!w.bad)
		w.bad = check_table(&w, DBX_SEC_SRC4_ROOT, M_OWNER4);
	if (!w.bad)
		w.bad = check_table(&w, DBX_SEC_SRC6_ROOT, M_OWNER0);
	if (!w.bad)
		w.bad = check_bindings(img);
	if (!w.bad)
		w.bad = check_profiles(&w);
	if (!w.bad)
		w.bad = check_outcomes(&w);
	if (!w.bad)
		w.bad = check_value(&w, M_NAME_PORT, img->hdr->name_ports, 0);
	if (!w.bad)
		w.bad = check_value(&w, M_TUNNEL, img->hdr->tunnel_local, 0);
	if (!w.bad)
		w.bad = check_value(&w, M_TUNNEL, img->hdr->tunnel_remotes, 0);
	if (!w.bad)
		w.bad = check_flags(img->hdr);
	if (!w.bad)
		w.bad = check_quotas(img);
	if (!w.bad)
		w.bad = check_people(img);
	free(w.seen);
	return w.bad;
}
