/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image_dump.c -- a policy image as text: `dbx-egressctl image dump`.
 *
 * The same image gives the same text. The short form has the header and what each section holds; the
 * full form adds every table that a person may want to read, with names instead of numbers.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/strbuf.h"
#include "policy/explain.h"
#include "policy/image.h"
#include "policy/imgbuf.h"
#include "policy/model.h"

/* A text of a document: control characters escaped, so that it cannot forge a line. "" is none. */
static void add_text(struct dbx_strbuf *b, const struct dbx_image *img, uint32_t offset)
{
	const char *s = dbx_image_string(img, offset);

	if (!*s)
		dbx_strbuf_add(b, "none");
	for (; *s; s++) {
		if ((unsigned char)*s < 32 || *s == 127)
			dbx_strbuf_addf(b, "\\x%02x", (unsigned int)*s);
		else
			dbx_strbuf_addc(b, *s);
	}
}

static void add_header(struct dbx_strbuf *b, const struct dbx_image *img)
{
	const struct dbx_image_header *h = img->hdr;

	dbx_strbuf_addf(b,
			"policy image: abi %u, generation %" PRIu64 ", %" PRIu64
			" bytes (%u bytes in %u kernel chunks), %u classes\n"
			"content hash %016" PRIx64 ", checksum %08" PRIx32 "\n\nsections\n",
			h->abi, (uint64_t)h->generation, (uint64_t)h->n_bytes,
			h->n_kernel_chunks << DBX_CHUNK_SHIFT, h->n_kernel_chunks, h->n_classes,
			(uint64_t)h->content_hash, h->checksum);
	for (int i = 0; i < DBX_SEC_MAX; i++)
		dbx_strbuf_addf(b, "  %-11s %10u items %10" PRIu64 " bytes at %" PRIu64 "\n",
				dbx_section_shapes[i].name, h->sec[i].n_items,
				(uint64_t)h->sec[i].n_bytes, (uint64_t)h->sec[i].offset);
}

/* What the header says beyond the layout; nothing is said of what is not there. */
static void add_limits(struct dbx_strbuf *b, const struct dbx_image *img)
{
	const struct dbx_image_header *h = img->hdr;

	if (h->reject_per_s)
		dbx_strbuf_addf(b, "\nanswers to denials: %u a second and workspace\n",
				h->reject_per_s);
	if (h->name_flags & DBX_IMAGE_F_FORWARD)
		dbx_strbuf_add(b, "\nredirected past the host's stack: what needs no mark\n");
	if (h->name_flags & DBX_IMAGE_F_QUIET)
		dbx_strbuf_add(b, "\ndenials: counted, and not recorded\n");
	if (h->name_flags & DBX_IMAGE_F_FIRST)
		dbx_strbuf_add(b, "\nrecorded of what is allowed: the first packet of a flow\n");
	if (h->name_flags & DBX_IMAGE_F_SAMPLED)
		dbx_strbuf_addf(b, "\nrecorded of what is allowed: %u packets of a million\n",
				h->sample_per_million);
	if (h->vxlan_port)
		dbx_strbuf_addf(b, "\ntunnel: vxlan, UDP port %u\n", h->vxlan_port);
	if (h->geneve_port)
		dbx_strbuf_addf(b, "\ntunnel: geneve, UDP port %u\n", h->geneve_port);
}

static void add_outcome(struct dbx_strbuf *b, const struct dbx_image *img, uint32_t value)
{
	uint32_t n;
	const struct dbx_outcome *v = dbx_image_section(img, DBX_SEC_OUTCOMES, &n), *o;

	value &= DBX_VALUE_MASK;
	if (value >= n)
		return;
	o = &v[value];
	if (o->flags & DBX_OUTCOME_F_WORKSPACE) {
		dbx_strbuf_addf(b, "by owning workspace, blocked rule set %u", o->rule);
		return;
	}
	dbx_strbuf_addf(b, "%s%s %s", dbx_verdict_name(o->verdict),
			o->flags & DBX_OUTCOME_F_SOFT ? " (soft)" : "", dbx_reason_slug(o->reason));
	if (o->path)
		dbx_strbuf_addf(b, " path %s", dbx_path_name(o->path));
	if (o->flags & DBX_OUTCOME_F_GUARD)
		dbx_strbuf_add(b, " unless guarded");
	if (o->rule)
		dbx_strbuf_addf(b, " rule %u", o->rule - 1);
}

static void add_key(struct dbx_strbuf *b, uint32_t key)
{
	dbx_strbuf_addf(b, "%u/%u", key >> 16, key & 0xffff);
}

static void add_ruleset(struct dbx_strbuf *b, const struct dbx_image *img, uint32_t index)
{
	uint32_t n_sets, n_runs, n;
	const uint32_t *sets = dbx_image_section(img, DBX_SEC_RULESETS, &n_sets);
	const struct dbx_run32 *runs = dbx_image_section(img, DBX_SEC_RUNS32, &n_runs), *v;

	if (index >= n_sets)
		return;
	if (sets[index] & DBX_LEAF) {
		add_outcome(b, img, sets[index]);
		return;
	}
	v = runs + (sets[index] & DBX_REF_MASK);
	n = v[0].start + 1; /* in bounds: the image was opened */
	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_add(b, "\n      from ");
		add_key(b, i ? v[i].start : 0);
		dbx_strbuf_add(b, ": ");
		if (v[i].value & DBX_LEAF)
			add_outcome(b, img, v[i].value);
		else
			dbx_strbuf_addf(b, "run %u", v[i].value & DBX_REF_MASK);
	}
}

static void add_workspaces(struct dbx_strbuf *b, const struct dbx_image *img)
{
	uint32_t n, n_pol, n_ncc;
	const struct dbx_img_workspace *w = dbx_image_section(img, DBX_SEC_WORKSPACES, &n);
	const struct dbx_img_policy *p = dbx_image_section(img, DBX_SEC_POLICIES, &n_pol);
	const struct dbx_img_ncc *k = dbx_image_section(img, DBX_SEC_NCCS, &n_ncc);

	dbx_strbuf_add(b, "\nworkspaces\n");
	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_addf(b, "  %" PRIu64 " \"", w[i].id);
		add_text(b, img, w[i].name);
		dbx_strbuf_addf(b, "\" profile %u policy ", w[i].profile);
		add_text(b, img, w[i].policy < n_pol ? p[w[i].policy].id : 0);
		dbx_strbuf_add(b, " ncc ");
		add_text(b, img, w[i].ncc < n_ncc ? k[w[i].ncc].id : 0);
		dbx_strbuf_addc(b, '\n');
	}
	dbx_strbuf_add(b, "\npolicies\n");
	for (uint32_t i = 0; i < n_pol; i++) {
		dbx_strbuf_add(b, "  ");
		add_text(b, img, p[i].id);
		dbx_strbuf_addf(b, " %s%s, %u names wait for learning\n", dbx_mode_name(p[i].mode),
				p[i].enforcement == DBX_DRY_RUN ? " dry-run" : "", p[i].n_names);
	}
}

static void add_rules(struct dbx_strbuf *b, const struct dbx_image *img)
{
	uint32_t n;
	const struct dbx_img_rule *r = dbx_image_section(img, DBX_SEC_RULES, &n);

	dbx_strbuf_add(b, "\nrules\n");
	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_addf(b, "  %u %016" PRIx64 " ", i, r[i].uid);
		add_text(b, img, r[i].text);
		dbx_strbuf_add(b, " (");
		add_text(b, img, r[i].doc);
		dbx_strbuf_addc(b, ' ');
		add_text(b, img, r[i].ptr);
		dbx_strbuf_add(b, ")\n");
	}
}

static void add_domain(struct dbx_strbuf *b, uint32_t domain)
{
	if (domain >> 30 == DBX_DOMAIN_VNI >> 30)
		dbx_strbuf_addf(b, "vni %u", domain & 0xffffffu);
	else if (domain >> 30 == DBX_DOMAIN_QINQ >> 30)
		dbx_strbuf_addf(b, "vlan %u.%u", domain >> 12 & 0xfffu, domain & 0xfffu);
	else if (domain)
		dbx_strbuf_addf(b, "vlan %u", domain);
	else
		dbx_strbuf_add(b, "untagged");
}

static void add_bindings(struct dbx_strbuf *b, const struct dbx_image *img)
{
	uint32_t n;
	const struct dbx_binding *v = dbx_image_section(img, DBX_SEC_BINDINGS, &n);
	const struct dbx_quota *q;

	dbx_strbuf_add(b, "\nbindings\n");
	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_addf(b, "  %u workspace %" PRIu64 " ", i, (uint64_t)v[i].workspace_id);
		add_domain(b, v[i].domain);
		if (v[i].cluster == UINT32_MAX)
			dbx_strbuf_add(b, " several clusters");
		else if (v[i].cluster)
			dbx_strbuf_addf(b, " cluster %u", v[i].cluster);
		if (v[i].quota)
			dbx_strbuf_addf(b, " quota %u", v[i].quota - 1);
		dbx_strbuf_addf(b, "%s%s%s%s\n",
				v[i].flags & DBX_BINDING_F_DRY_RUN ? " dry-run" : "",
				v[i].flags & DBX_BINDING_F_MAC ? " mac" : "",
				v[i].flags & DBX_BINDING_F_REJECT ? " reject" : "",
				v[i].flags & DBX_BINDING_F_CLUSTER ? " separate" : "");
	}
	q = dbx_image_section(img, DBX_SEC_QUOTAS, &n);
	dbx_strbuf_add(b, n ? "\nquotas\n" : "");
	for (uint32_t i = 0; i < n; i++)
		dbx_strbuf_addf(b,
				"  %u workspace %" PRIu64 ": %u new flows a second, %" PRIu64
				" bytes a second, bursts of %u ms\n",
				i, (uint64_t)q[i].workspace_id, q[i].flows_per_s,
				(uint64_t)q[i].bytes_per_s, q[i].burst_ms);
}

static void add_classes(struct dbx_strbuf *b, const struct dbx_image *img)
{
	static const char *const kinds[DBX_SET_KIND_MAX] = {
		"martian",    "multicast",        "link-local", "metadata",    "gateway",
		"workspaces", "private endpoint", "prefixes",   "service tag",
	};
	uint32_t n, n_list, n_sets;
	const struct dbx_img_class *c = dbx_image_section(img, DBX_SEC_CLASSES, &n);
	const uint32_t *list = dbx_image_section(img, DBX_SEC_CLASS_SETS, &n_list);
	const struct dbx_img_set *s = dbx_image_section(img, DBX_SEC_SETS, &n_sets);

	dbx_strbuf_add(b, "\nsets\n");
	for (uint32_t i = 0; i < n_sets; i++) {
		dbx_strbuf_addf(b, "  %u %s ", i,
				s[i].kind < DBX_SET_KIND_MAX ? kinds[s[i].kind] : "?");
		add_text(b, img, s[i].name);
		dbx_strbuf_addc(b, '\n');
	}
	dbx_strbuf_add(b, "\nclasses\n");
	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_addf(b, "  %u:", i);
		for (uint32_t k = 0; k < c[i].n; k++)
			dbx_strbuf_addf(b, " %u", list[c[i].first + k]);
		dbx_strbuf_addc(b, '\n');
	}
}

static void add_profiles(struct dbx_strbuf *b, const struct dbx_image *img)
{
	uint32_t n, n_cells;
	const struct dbx_profile *p = dbx_image_section(img, DBX_SEC_PROFILES, &n);
	const uint16_t *cells = dbx_image_section(img, DBX_SEC_CELLS, &n_cells);

	for (uint32_t i = 0; i < n; i++) {
		dbx_strbuf_addf(b, "\nprofile %u\n", i);
		if (p[i].marks[0] || p[i].marks[1] || p[i].marks[2])
			dbx_strbuf_addf(b, "  marks %08x %08x %08x\n", p[i].marks[0], p[i].marks[1],
					p[i].marks[2]);
		for (uint32_t k = 0; k < img->hdr->n_classes; k++) {
			dbx_strbuf_addf(b, "  class %u: ", k);
			add_ruleset(b, img, p[i].rulesets + cells[p[i].row + k]);
			dbx_strbuf_addc(b, '\n');
		}
	}
}

char *dbx_image_dump(const struct dbx_image *img, bool full)
{
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	add_header(&b, img);
	add_limits(&b, img);
	add_workspaces(&b, img);
	if (full) {
		add_bindings(&b, img);
		add_rules(&b, img);
		add_classes(&b, img);
		add_profiles(&b, img);
	}
	return dbx_strbuf_steal(&b);
}
