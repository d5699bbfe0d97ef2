/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.h -- a verdict with every step that led to it.
 *
 * The verdict, reason, rule and path come from the classifier on the compiled image (the same code
 * as the wire); the steps are told from the model. When the independent evaluator disagrees,
 * explain says so instead of hiding it (finding "disagreement").
 *
 * A name is followed through DNS, the address that it was learned with, and the name that the flow
 * says; the resolver's index and the classifier are asked for that too. What was learned is live
 * state: the daemon hands it in. Without it, the lookup that would teach it is taken for granted.
 */
#ifndef DBX_POLICY_EXPLAIN_H
#define DBX_POLICY_EXPLAIN_H

#include "policy/diag.h"
#include "policy/image.h"
#include "policy/model.h"
#include "policy/names.h"

/* An address that the workspace's policy knows by a name. */
struct dbx_explain_learned {
	char *name; /* canonical */
	struct dbx_addr addr;
	uint64_t expires_in_s;
	bool is_guard; /* refused at this address: private-required */
};

struct dbx_explain_query {
	int64_t workspace_id;
	const char *dst; /* address or DNS name, as given */
	uint16_t port;   /* host order */
	uint8_t proto;
	int product; /* enum dbx_product, or -1: that of the first source */
	bool has_src;
	struct dbx_addr src; /* else: first address of the workspace's first source */
	int64_t now_ms;      /* milliseconds since 1970, 0 = not known: days are not counted */
	const char *name;    /* what the flow says (SNI, Host); NULL: dst, when that is a name */
	const struct dbx_names *names; /* of the model; NULL: built for the question */
	bool is_live;                  /* learned[] is all that is known of dst and of name */
	const struct dbx_explain_learned *learned;
	size_t n_learned;
};

struct dbx_explain_step {
	/* "source", "isolation", "blocked", "mode", "private-endpoint", "implicit", "listed",
	   "default", "path"; of names also "name", "dns", "address", "tls", "http", "quic", "port",
	   "tunnel"; with the result "info" also "guard", "quota", "reject" */
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
	char *said;   /* name that the flow says, "" = none */
	bool has_dns; /* a name was asked about, and the gateway has a resolver */
	enum dbx_verdict dns_verdict;
	enum dbx_reason dns_reason;
	char *dns_rule, *dns_doc, *dns_ptr; /* "" = none */
	bool is_private; /* the resolver answers with the addresses of a private endpoint: */
	struct dbx_addr *answer;
	size_t n_answer;
	char *alias; /* name in the private zone, "" = none */
	bool is_live,
		needs_lookup; /* needs_lookup: dst is not known to be learned; the verdict is for after */
	struct dbx_explain_learned *learned; /* guards are among them */
	size_t n_learned;
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
