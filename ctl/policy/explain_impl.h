/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_impl.h -- what the files of explain share: one question while it is being answered.
 */
#ifndef DBX_POLICY_EXPLAIN_IMPL_H
#define DBX_POLICY_EXPLAIN_IMPL_H

#include "lib/name.h"
#include "lib/strbuf.h"
#include "lib/vec.h"
#include "policy/eval_impl.h"
#include "policy/explain.h"
#include "policy/judge.h"

struct dbx_explain_ctx {
	const struct dbx_model *m;
	const struct dbx_image *img;
	const struct dbx_explain_query *q;
	struct dbx_diag *d;
	struct dbx_explanation *out;
	DBX_VEC(struct dbx_explain_step) steps;
	int err; /* first -ENOMEM: every later step is left out */

	bool is_name;
	char name[DBX_NAME_SIZE]; /* canonical, when is_name */
	const struct dbx_workspace *ws;
	const struct dbx_source *source; /* NULL: the source is not one of the workspace */
	const struct dbx_policy *policy; /* NULL = none */
	const struct dbx_ncc *ncc;       /* NULL = none */
	const struct dbx_pe_rule *pe;    /* of dst or of the name, NULL = none */
	const struct dbx_where *by_name; /* the entry that allows the name, NULL = none */
	bool pe_is_judged;               /* dst of a name is the address of its private endpoint */
	bool pe_refuses; /* without a resolver: its rule, not effective, would refuse the name */
	struct dbx_eval_tuple t; /* what is judged; dst of a name: see explain_name.c */

	char said[DBX_NAME_SIZE]; /* canonical, "" = none: what the flow says */
	const struct dbx_names *names;
	struct dbx_name_decision asked;  /* of the name that is looked up: name, else said */
	struct dbx_name_decision saying; /* of said */
	const struct dbx_explain_learned
		*at;                  /* dst of a name is this one's; NULL = none is learned */
	struct dbx_result if_learned; /* the verdict on dst, should it be learned */
	bool names_decide; /* dst is an address, and what was learned for it decides in the end */
	bool no_packet;    /* the lookup was refused */
	const struct dbx_name_decision *rule_of; /* gives the rule; NULL: the classifier does */
};

/* Adds a step; where NULL = no place. */
__attribute__((format(printf, 5, 6))) void dbx_explain_say(struct dbx_explain_ctx *c,
							   const char *name, const char *result,
							   const struct dbx_where *where,
							   const char *fmt, ...);

/* The same; the place is that of the decision's rule. */
__attribute__((format(printf, 5, 6))) void dbx_explain_say_of(struct dbx_explain_ctx *c,
							      const char *name, const char *result,
							      const struct dbx_name_decision *d,
							      const char *fmt, ...);

/* "tcp 443", "icmp type 8 code 0", "protocol 47" */
#define DBX_PROTO_STRLEN 40
char *dbx_explain_proto(uint8_t proto, uint16_t port, char buf[DBX_PROTO_STRLEN]);

/* explain_steps.c */
void dbx_explain_addr_steps(struct dbx_explain_ctx *c);
bool dbx_explain_source_step(struct dbx_explain_ctx *c); /* false: it decides */
void dbx_explain_policy_step(struct dbx_explain_ctx *c, const char *full_access);
const char *dbx_explain_result(const struct dbx_explain_ctx *c); /* "allow", "deny", "dry-run" */

/* explain_path.c */
void dbx_explain_path_step(struct dbx_explain_ctx *c);
void dbx_explain_quota_step(struct dbx_explain_ctx *c);
void dbx_explain_reject_step(struct dbx_explain_ctx *c);

/* explain_pe.c */
/* "PENDING since ..., 3 of 14 days left, until ..." */
void dbx_explain_pe_state(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r,
			  struct dbx_strbuf *s);
bool dbx_explain_pe_is_required(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r);
void dbx_explain_pe_advice(const struct dbx_explain_ctx *c, struct dbx_strbuf *s);
void dbx_explain_guard_step(struct dbx_explain_ctx *c);

/* explain_guard.c: public addresses at which names are refused. */
/* A name that is guarded at dst: the one that is said, if it is; NULL = none is known of. */
const char *dbx_explain_guard(const struct dbx_explain_ctx *c);
bool dbx_explain_says_guard(const struct dbx_explain_ctx *c);
/* Concludes and tells that a name is refused: must is what the flow has to do. */
void dbx_explain_guard_refuses(struct dbx_explain_ctx *c, const char *step, const char *must);

/* The rule of the workspace's NCC that has the name, unless it is as if it were not there. */
const struct dbx_pe_rule *dbx_explain_pe_of(const struct dbx_explain_ctx *c, const char *name);

/* explain_name.c: picks what stands for the name (t.dst) before it is judged; then tells. */
void dbx_explain_name_pick(struct dbx_explain_ctx *c);
/* reason: how the packets fare. Sets pe_refuses. */
void dbx_explain_name_refused(struct dbx_explain_ctx *c, enum dbx_reason reason);
void dbx_explain_name_steps(struct dbx_explain_ctx *c);

/* explain_flow.c: a name through DNS, address and hello; an address by the names learned for it. */
void dbx_explain_flow_name_steps(struct dbx_explain_ctx *c);
void dbx_explain_flow_addr_steps(struct dbx_explain_ctx *c);
void dbx_explain_flow_query_steps(struct dbx_explain_ctx *c); /* a DNS query */
void dbx_explain_conclude(struct dbx_explain_ctx *c, enum dbx_verdict verdict,
			  enum dbx_reason reason, enum dbx_path path);
/* What is asked about is answered with the addresses of its private endpoint. */
bool dbx_explain_is_private(const struct dbx_explain_ctx *c);
/* Guards are none of them. name NULL: any. */
const struct dbx_explain_learned *dbx_explain_learned_at(const struct dbx_explain_ctx *c,
							 const char *name,
							 const struct dbx_addr *addr);

char *dbx_explain_advice(const struct dbx_explain_ctx *c); /* malloc'ed, NULL = no memory */
/* 0 or -ENOMEM; explain_tags.c */
int dbx_explain_tags(struct dbx_explain_ctx *c);

#endif
