// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_namer.c -- what the resolver asks, answered by the view in force and the namer.
 *
 * Packets reach the resolver after the kernel program checked their source against interface and MAC,
 * so the address alone says the workspace: in the untagged domain, or of its sole owner. An address
 * that several domains have, and the untagged one has not, is nobody's here.
 */
#include "daemon/dns_resolver.h"
#include "policy/judge.h"
#include "policy/model.h"

static const struct dbx_view *view_get(void *arg)
{
	return dbx_namer_view_get(arg);
}

static void view_put(void *arg, const struct dbx_view *v)
{
	dbx_namer_view_put(arg, v);
}

static bool source(const struct dbx_view *v, const struct dbx_addr *src, struct dbx_dns_source *out)
{
	const struct dbx_binding *b = dbx_judge_source(&v->img, src, 0);

	if (!b)
		return false;
	out->workspace_id = (int64_t)b->workspace_id;
	out->product = b->product;
	return true;
}

static void decide(const struct dbx_view *v, const struct dbx_dns_source *s, const char *name,
		   struct dbx_name_decision *out)
{
	dbx_names_decide(v->names, s->workspace_id, s->product, name, out);
}

static const struct dbx_dns_options *options(const struct dbx_view *v)
{
	const struct dbx_dns_options *o = &v->model->gateway.dns;

	return o->has ? o : NULL;
}

static int learn(void *arg, const struct dbx_lesson *l)
{
	return dbx_namer_learn(arg, l);
}

static void each_guard(const struct dbx_view *v,
		       void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
				  const char *name),
		       void *arg)
{
	dbx_names_each_guard(v->names, fn, arg);
}

const struct dbx_dns_hooks dbx_dns_namer_hooks = {
	.view_get = view_get,
	.view_put = view_put,
	.source = source,
	.decide = decide,
	.options = options,
	.learn = learn,
	.each_guard = each_guard,
};
