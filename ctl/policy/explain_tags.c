// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_tags.c -- the service tags, platform sets and private endpoints that contain dst.
 *
 * Of all loaded feeds, whether a policy names the tag or not: the list is what one would write next.
 */
#include "policy/explain_impl.h"

#include <stdlib.h>
#include <string.h>

struct tags {
	char **v;
	size_t n, cap;
};

static int add(struct tags *t, const char *name)
{
	char *copy = strdup(name);

	if (copy && dbx_vec_push(t, copy) == 0)
		return 0;
	free(copy);
	return -ENOMEM;
}

static int add_feed_tags(struct tags *t, const struct dbx_feed *f, const struct dbx_addr *dst)
{
	size_t i;
	uint32_t k;
	int rc = 0;

	for (i = 0; !rc && i < f->n_tags; i++) {
		const struct dbx_tag *tag = &f->tags[i];

		for (k = 0; k < tag->n; k++) {
			if (dbx_prefix_contains(&f->prefixes[tag->first + k].prefix, dst)) {
				rc = add(t, tag->name);
				break;
			}
		}
	}
	return rc;
}

static int add_platform(struct tags *t, const struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	size_t i, k;
	int rc = 0;

	for (i = 0; !rc && i < g->n_platform; i++) {
		const struct dbx_dest_set *s = &g->platform[i];
		bool is_in = !c->is_name && dbx_eval_in_set(c->m, s, &c->t.dst);

		for (k = 0; c->is_name && !is_in && k < s->n_names; k++)
			is_in = dbx_name_match(s->names[k].name, c->name);
		if (is_in)
			rc = add(t, s->label);
	}
	return rc;
}

static int add_endpoints(struct tags *t, const struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	size_t i, k;
	int rc = 0;

	if (c->is_name)
		return c->pe ? add(t, c->pe->rule_id) : 0;
	for (i = 0; !rc && i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *pe = &g->private_endpoints[i];

		for (k = 0; !rc && k < pe->n_addrs; k++) {
			if (dbx_addr_cmp(&pe->addrs[k], &c->t.dst) == 0)
				rc = add(t, pe->rule_id);
		}
	}
	return rc;
}

static int cmp_tags(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

int dbx_explain_tags(struct dbx_explain_ctx *c)
{
	struct tags t = {0};
	size_t i, n = 0;
	int rc = add_platform(&t, c);

	if (!rc)
		rc = add_endpoints(&t, c);
	for (i = 0; !rc && !c->is_name && i < c->m->n_feeds; i++)
		rc = add_feed_tags(&t, &c->m->feeds[i], &c->t.dst);
	if (t.n)
		qsort(t.v, t.n, sizeof(t.v[0]), cmp_tags);
	for (i = 0; i < t.n; i++) {
		if (n && strcmp(t.v[n - 1], t.v[i]) == 0)
			free(t.v[i]);
		else
			t.v[n++] = t.v[i];
	}
	c->out->tags = t.v;
	c->out->n_tags = n;
	return rc;
}
