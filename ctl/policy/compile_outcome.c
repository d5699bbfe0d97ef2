/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_outcome.c -- outcomes, the rules that they name, and rule sets over protocol and port.
 */
#include "policy/compile_outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/explain.h"

void dbx_outcomes_fini(struct dbx_outcomes *o)
{
	dbx_vec_fini(&o->entries);
	dbx_vec_fini(&o->cuts);
}

/* ---- rules ---- */

uint32_t dbx_compile_rule(struct compiler *c, const struct dbx_where *where, const char *policy_id,
			  const char *fmt, ...)
{
	struct dbx_img_rule rule = {0};
	struct dbx_strbuf text;
	uint32_t number;
	va_list ap;

	if (dbx_idmap_get(&c->rule_of, (uintptr_t)where, &number))
		return number;
	dbx_strbuf_init(&text);
	va_start(ap, fmt);
	dbx_strbuf_addv(&text, fmt, ap);
	va_end(ap);
	rule.uid = dbx_rule_uid(policy_id, text.s);
	rule.policy = dbx_imgbuf_string(&c->b, policy_id);
	rule.doc = dbx_imgbuf_string(&c->b, dbx_model_doc_name(c->m, where));
	rule.ptr = dbx_imgbuf_string(&c->b, where->ptr);
	rule.text = dbx_imgbuf_string(&c->b, text.s);
	number = dbx_imgbuf_add(&c->b, DBX_SEC_RULES, &rule, 1) + 1;
	if (text.err || c->text.err || dbx_idmap_set(&c->rule_of, (uintptr_t)where, number))
		dbx_compile_fail(c, -ENOMEM);
	dbx_strbuf_fini(&text);
	return number;
}

uint64_t dbx_compile_rule_uid(struct compiler *c, uint32_t rule)
{
	const struct dbx_img_rule *r;

	if (!rule || c->b.err)
		return 0;
	r = dbx_imgbuf_at(&c->b, DBX_SEC_RULES, rule - 1);
	return r->uid;
}

uint32_t dbx_compile_policy_rule(struct compiler *c, const struct dbx_policy *p)
{
	dbx_ruletext_policy(&c->text, p);
	return dbx_compile_rule(c, &p->where, p->id, "%s", c->text.s);
}

uint32_t dbx_compile_internet_rule(struct compiler *c, const struct dbx_policy *p,
				   const struct dbx_internet_dest *d, bool blocked)
{
	dbx_ruletext_internet(&c->text, d, blocked);
	return dbx_compile_rule(c, &d->where, p->id, "%s", c->text.s);
}

uint32_t dbx_compile_storage_rule(struct compiler *c, const struct dbx_policy *p,
				  const struct dbx_storage_dest *d)
{
	dbx_ruletext_storage(&c->text, d);
	return dbx_compile_rule(c, &d->where, p->id, "%s", c->text.s);
}

uint32_t dbx_compile_service_rule(struct compiler *c, const struct dbx_service *s)
{
	dbx_ruletext_service(&c->text, s);
	return dbx_compile_rule(c, &s->where, "", "%s", c->text.s);
}

uint32_t dbx_compile_dest_rule(struct compiler *c, enum dbx_dest_list list,
			       const struct dbx_dest_set *s)
{
	dbx_ruletext_dest(&c->text, list, s);
	return dbx_compile_rule(c, &s->where, "", "%s", c->text.s);
}

/* ---- outcomes ---- */

static uint32_t intern(struct dbx_outcomes *o, const struct dbx_outcome *out)
{
	struct compiler *c = o->c;
	uint32_t index;
	uint64_t h;

	for (uint64_t seed = 0;; seed++) {
		h = dbx_hash64(out, sizeof(*out), seed);
		if (!dbx_idmap_get(&c->outcome_of, h, &index))
			break;
		if (!memcmp(dbx_imgbuf_at(&c->b, DBX_SEC_OUTCOMES, index), out, sizeof(*out)))
			return index;
	}
	index = dbx_imgbuf_add(&c->b, DBX_SEC_OUTCOMES, out, 1);
	if (dbx_idmap_set(&c->outcome_of, h, index))
		dbx_compile_fail(c, -ENOMEM);
	return index;
}

uint32_t dbx_outcomes_add(struct dbx_outcomes *o, enum dbx_reason reason, uint8_t path,
			  uint32_t rule)
{
	struct dbx_outcome out = {
		.rule_uid = dbx_compile_rule_uid(o->c, rule),
		.rule = rule,
		.reason = (uint8_t)reason,
		.verdict = DBX_VERDICT_DROP,
		.path = path,
	};

	switch (dbx_reason_kind(reason)) {
	case DBX_KIND_PASS:
		out.verdict = DBX_VERDICT_PASS;
		if (o->has_guards && path >= DBX_PATH_SERVICE_ENDPOINT)
			out.flags = DBX_OUTCOME_F_GUARD;
		break;
	case DBX_KIND_SOFT:
		out.flags = DBX_OUTCOME_F_SOFT | (o->names_may_allow ? DBX_OUTCOME_F_NAMES : 0);
		break;
	case DBX_KIND_DROP:
		out.path = DBX_PATH_NONE;
		break;
	}
	return intern(o, &out);
}

uint32_t dbx_outcomes_workspace(struct dbx_outcomes *o, uint32_t blocked)
{
	struct dbx_outcome out = {
		.rule = blocked,
		.reason = DBX_REASON_WORKSPACE_ISOLATION,
		.verdict = DBX_VERDICT_DROP,
		.flags = DBX_OUTCOME_F_WORKSPACE,
	};

	return intern(o, &out);
}

/* ---- rule sets ---- */

void dbx_outcomes_entry(struct dbx_outcomes *o, const struct keyrange *keys, size_t n_keys,
			uint32_t outcome)
{
	struct dbx_entry e = {keys, n_keys, outcome};

	if (dbx_vec_push(&o->entries, e))
		dbx_compile_fail(o->c, -ENOMEM);
}

static int cmp_keyrange(const void *x, const void *y)
{
	const struct keyrange *a = x, *b = y;

	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

const struct keyrange *dbx_compile_keys(struct compiler *c, uint16_t proto,
					const struct dbx_port_range *ports, size_t n_ports,
					size_t *n)
{
	size_t n_in = n_ports ? n_ports : 1, last = 0;
	uint32_t base = (uint32_t)proto << 16;
	struct keyrange *k;

	*n = 0;
	if (proto == DBX_PROTO_ANY)
		return NULL;
	k = malloc(n_in * sizeof(*k));
	if (!k || dbx_vec_push(&c->keys, k)) {
		free(k);
		dbx_compile_fail(c, -ENOMEM);
		return NULL;
	}
	k[0] = (struct keyrange){base, base | 0xffff};
	for (size_t i = 0; i < n_ports; i++)
		k[i] = (struct keyrange){base | ports[i].lo, base | ports[i].hi};
	qsort(k, n_in, sizeof(*k), cmp_keyrange);
	for (size_t i = 1; i < n_in; i++) {
		if (k[i].lo > k[last].hi + 1)
			k[++last] = k[i];
		else if (k[i].hi > k[last].hi)
			k[last].hi = k[i].hi;
	}
	*n = last + 1;
	return k;
}

static bool has_key(const struct dbx_entry *e, uint32_t key)
{
	size_t lo = 0, hi = e->n_keys;

	if (!e->n_keys)
		return true;
	while (hi - lo > 1) { /* e->keys[lo].lo <= key, if any */
		size_t mid = lo + (hi - lo) / 2;

		if (e->keys[mid].lo <= key)
			lo = mid;
		else
			hi = mid;
	}
	return e->keys[lo].lo <= key && key <= e->keys[lo].hi;
}

static uint32_t outcome_at(const struct dbx_outcomes *o, uint32_t key, uint32_t otherwise)
{
	dbx_vec_for_each(&o->entries, e)
		if (has_key(e, key))
			return e->outcome;
	return otherwise;
}

static int cmp_u32(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

/* Keys at which the outcome may change. */
static void make_cuts(struct dbx_outcomes *o)
{
	int rc;

	o->cuts.n = 0;
	rc = dbx_vec_push(&o->cuts, 0u);
	dbx_vec_for_each(&o->entries, e) {
		for (size_t i = 0; i < e->n_keys && !rc; i++) {
			rc = dbx_vec_push(&o->cuts, e->keys[i].lo);
			if (!rc)
				rc = dbx_vec_push(&o->cuts, e->keys[i].hi + 1);
		}
		if (!e->n_keys)
			break; /* nobody behind it is heard */
	}
	if (rc)
		dbx_compile_fail(o->c, rc);
	else
		qsort(o->cuts.v, o->cuts.n, sizeof(*o->cuts.v), cmp_u32);
}

uint32_t dbx_outcomes_value(struct dbx_outcomes *o, uint32_t otherwise)
{
	struct dbx_run32 *run;
	uint32_t value;
	size_t n = 0;

	make_cuts(o);
	if (o->c->err)
		return DBX_LEAF;
	run = malloc(o->cuts.n * sizeof(*run));
	if (!run) {
		dbx_compile_fail(o->c, -ENOMEM);
		return DBX_LEAF;
	}
	for (size_t i = 0; i < o->cuts.n; i++) {
		uint32_t v = DBX_LEAF | outcome_at(o, o->cuts.v[i], otherwise);

		if (!n || run[n - 1].value != v)
			run[n++] = (struct dbx_run32){o->cuts.v[i], v};
	}
	value = dbx_imgbuf_run32(&o->c->b, run, n);
	free(run);
	return value;
}

uint32_t dbx_outcomes_ruleset(struct dbx_outcomes *o, uint32_t otherwise)
{
	uint32_t value = dbx_outcomes_value(o, otherwise);

	o->entries.n = 0;
	return dbx_imgbuf_add(&o->c->b, DBX_SEC_RULESETS, &value, 1);
}
