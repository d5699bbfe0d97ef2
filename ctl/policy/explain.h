/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.h -- a verdict with every step that led to it.
 *
 * The verdict, reason, rule and path come from the classifier on the compiled image (the same code
 * as the wire); the steps are told from the model. When the independent evaluator disagrees,
 * explain says so instead of hiding it (finding "disagreement").
 */
#ifndef DBX_POLICY_EXPLAIN_H
#define DBX_POLICY_EXPLAIN_H

#include "policy/diag.h"
#include "policy/image.h"
#include "policy/model.h"

struct dbx_explain_query {
	int64_t workspace_id;
	const char *dst; /* address or DNS name, as given */
	uint16_t port;   /* host order */
	uint8_t proto;
	int product; /* enum dbx_product, or -1: that of the first source */
	bool has_src;
	struct dbx_addr src; /* else: first address of the workspace's first source */
	int64_t now_ms;      /* milliseconds since 1970, 0 = not known: days are not counted */
};

struct dbx_explain_step {
	/* "source", "isolation", "blocked", "mode", "private-endpoint", "implicit", "listed",
	   "default", "path"; with the result "info" also "guard", "quota", "reject" */
	char *name;
	char *result; /* "match", "no match", "continue", "deny", "allow", ... */
	char *text;
	char *doc, *ptr; /* "" = none */
};

struct dbx_explanation {
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	uint32_t mark; /* that it leaves with; 0 = none */
	char *via;     /* interface of its route, "" = none, or the host's routing */
	int64_t workspace_id;
	char *src, *dst; /* as judged; dst as given when it is a name */
	bool dst_is_name;
	uint16_t port;
	uint8_t proto;
	char *policy; /* id, "" = none */
	char *rule;   /* text of the rule, "" = none */
	char *rule_doc, *rule_ptr;
	uint64_t generation;
	char **tags; /* service tags, platform sets, private endpoints of dst, sorted */
	size_t n_tags;
	struct dbx_explain_step *steps;
	size_t n_steps;
	char *advice; /* smallest change that would allow it, "" when allowed */
};

/* 0; -EINVAL (unknown workspace, bad address or name: in d); -ENOMEM. Free with _fini. */
int dbx_explain(const struct dbx_model *m, const struct dbx_image *img,
		const struct dbx_explain_query *q, struct dbx_explanation *out, struct dbx_diag *d);
void dbx_explanation_fini(struct dbx_explanation *e);

/* As JSON object text (verdict, reason, policy, rule, path, steps[], ...), and as text for people. */
char *dbx_explanation_json(const struct dbx_explanation *e);
char *dbx_explanation_text(const struct dbx_explanation *e);

const char *dbx_reason_slug(enum dbx_reason r);
const char *dbx_reason_text(enum dbx_reason r);
enum dbx_reason_kind dbx_reason_kind(enum dbx_reason r);
const char *dbx_verdict_name(enum dbx_verdict v); /* "PASS", "DROP", "DRY_RUN_DENIAL" */
const char *dbx_path_name(enum dbx_path p); /* "none", "local", "private-endpoint", "nat", ... */

#endif
