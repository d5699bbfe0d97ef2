// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_replay.c -- replay: what documents would have done to the packets of a capture.
 */
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "cli/replay_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_DEFAULT 1000

static void side_fini(struct dbx_replay_side *s)
{
	dbx_replay_close(&s->replay);
	dbx_names_free(&s->names);
	free(s->image);
	dbx_model_free(&s->m);
}

static int prepare(struct dbx_replay_side *s, struct dbx_diag *d)
{
	const struct dbx_compile_opts opts = {.generation = 0};
	struct dbx_compile_stats stats;
	const char *why = "";
	size_t n_bytes;
	int rc;

	rc = dbx_compile(s->m, &opts, &s->image, &n_bytes, &stats, d);
	if (!rc) {
		rc = dbx_image_open(&s->img, s->image, n_bytes, &why);
		if (rc)
			dbx_diag_add(d, DBX_SEV_ERROR, "bad-image", "", "",
				     "the compiled image does not pass its own check: %s", why);
	}
	return rc ? rc : dbx_names_new(s->m, &s->names);
}

static int load(const struct dbx_words *paths, struct dbx_replay_side *s)
{
	struct dbx_diag d;
	int rc, code = DBX_EXIT_DONE;

	dbx_diag_init(&d);
	rc = dbx_offline_model(paths, DBX_OFFLINE_RESOLVE, &s->m, &d, NULL);
	if (!rc)
		rc = prepare(s, &d);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "replay");
	dbx_diag_fini(&d);
	return code;
}

/* ---- annotated captures ---- */

/* Verdict, reason, the way by which it leaves, rule. */
static void comment_of(const struct dbx_replay_side *s, const struct dbx_sim_verdict *v, char *text,
		       size_t n)
{
	const struct dbx_img_rule *r = dbx_replay_rule(&s->img, v->res.rule);
	char mark[32] = "";

	if (v->mark)
		snprintf(mark, sizeof(mark), ", mark 0x%x", v->mark);
	snprintf(text, n, "%s %s: %s; path: %s%s%s%.200s%s%.200s%s%.200s",
		 dbx_verdict_name((enum dbx_verdict)v->res.verdict),
		 dbx_reason_slug((enum dbx_reason)v->res.reason),
		 dbx_reason_text((enum dbx_reason)v->res.reason),
		 dbx_path_name((enum dbx_path)v->res.path), mark, r ? "; rule: " : "",
		 r ? dbx_image_string(&s->img, r->text) : "", r ? " in " : "",
		 r ? dbx_image_string(&s->img, r->doc) : "", r ? " " : "",
		 r ? dbx_image_string(&s->img, r->ptr) : "");
}

static int annotate(struct dbx_replay_job *j, const struct dbx_replay_side *s,
		    const struct dbx_captured *c, const struct dbx_replay_packet *p)
{
	bool denied = p->kind == DBX_REPLAY_JUDGED && p->v.res.verdict == DBX_VERDICT_DROP;
	struct dbx_pcapng_packet k = {
		.interface = denied,
		.time_ns = c->time_ns,
		.data = c->frame,
		.n_bytes = (uint32_t)c->n_bytes,
		.n_wire_bytes = (uint32_t)c->n_wire_bytes,
	};
	char text[1024];

	if (p->kind == DBX_REPLAY_JUDGED) {
		comment_of(s, &p->v, text, sizeof(text));
		k.comment = text;
	}
	return dbx_pcapng_packet(&j->ng, &k);
}

static int annotate_begin(struct dbx_replay_job *j)
{
	const char *path = j->cli->opt[DBX_OPT_ANNOTATE];
	int rc;

	if (!path)
		return DBX_EXIT_DONE;
	j->annotated = fopen(path, "wbe");
	rc = j->annotated ? dbx_pcapng_begin(&j->ng, j->annotated, DBX_CLI_NAME " " DBX_VERSION)
			  : -errno;
	if (!rc)
		rc = dbx_pcapng_interface(&j->ng, "passed", "what was let through, and replies",
					  DBX_PCAPNG_ETHERNET, 262144);
	if (!rc)
		rc = dbx_pcapng_interface(&j->ng, "denied", "what was denied", DBX_PCAPNG_ETHERNET,
					  262144);
	if (!rc)
		return DBX_EXIT_DONE;
	dbx_err("cannot write %s: %s", path, strerror(-rc));
	return DBX_EXIT_REFUSED;
}

static int annotate_end(struct dbx_replay_job *j, int code)
{
	if (!j->annotated)
		return code;
	if (fclose(j->annotated) && !j->annotate_err)
		j->annotate_err = -errno;
	j->annotated = NULL;
	if (!j->annotate_err)
		return code;
	dbx_err("cannot write %s: %s", j->cli->opt[DBX_OPT_ANNOTATE], strerror(-j->annotate_err));
	return DBX_EXIT_REFUSED;
}

/* ---- the run ---- */

static struct dbx_replay_opts options_of(const struct dbx_replay_job *j,
					 const struct dbx_replay_side *s)
{
	return (struct dbx_replay_opts){
		.model = s->m,
		.image = &s->img,
		.names = s->names,
		.workspace_id = (int64_t)j->workspace_id,
		.hints = j->hints,
	};
}

/* What flows say, by a run over the capture before the one that counts. */
static int gather(struct dbx_replay_job *j, struct dbx_replay_side *s)
{
	const struct dbx_replay_opts o = options_of(j, s);
	struct dbx_capture_error err = {""};
	struct dbx_replay *r = NULL;
	struct dbx_capture *c = NULL;
	struct dbx_replay_packet p;
	struct dbx_captured k;
	int rc;

	if (!strcmp(j->path, "-") || !s->m->gateway.dns.has)
		return DBX_EXIT_DONE;
	j->hints = dbx_hints_new();
	if (!j->hints)
		return dbx_err_memory();
	rc = dbx_replay_open_to_learn(&r, &o, j->hints, &err);
	if (!rc)
		rc = dbx_capture_open(&c, j->path, &err);
	while (!rc && dbx_capture_next(c, &k, &err) == 1)
		dbx_replay_packet(r, &k, &p);
	dbx_capture_close(&c);
	dbx_replay_close(&r);
	if (!rc)
		return DBX_EXIT_DONE;
	dbx_err("%s", err.text);
	return DBX_EXIT_REFUSED;
}

static int run(struct dbx_replay_job *j, struct dbx_replay_side *s)
{
	const struct dbx_replay_opts o = options_of(j, s);
	struct dbx_capture_error err = {""};
	struct dbx_capture *c = NULL;
	struct dbx_replay_packet p;
	struct dbx_captured k;
	int rc;

	rc = dbx_replay_open(&s->replay, &o, &err);
	if (!rc)
		rc = dbx_capture_open(&c, j->path, &err);
	if (rc) {
		dbx_err("%s", err.text);
		return DBX_EXIT_REFUSED;
	}
	while ((rc = dbx_capture_next(c, &k, &err)) == 1) {
		dbx_replay_packet(s->replay, &k, &p);
		if (j->annotated && !j->annotate_err)
			j->annotate_err = annotate(j, s, &k, &p);
	}
	dbx_capture_close(&c);
	/* What was read before the damage counts; the exit code tells that it is not all. */
	if (rc)
		snprintf(j->damaged, sizeof(j->damaged), "%s", err.text);
	return DBX_EXIT_DONE;
}

static int replay_one(struct dbx_replay_job *j, const struct dbx_words *paths,
		      struct dbx_replay_side *s)
{
	int code = load(paths, s);

	if (!code)
		code = gather(j, s);
	return code ? code : run(j, s);
}

static int replay_two(struct dbx_replay_job *j, const struct dbx_words *paths)
{
	struct dbx_replay_side side[2] = {{0}, {0}};
	int code = 0;

	for (size_t i = 0; !code && i < 2; i++) {
		const struct dbx_words one = {.v = paths->v + i, .n = 1, .cap = 0};

		dbx_hints_free(&j->hints);
		code = replay_one(j, &one, &side[i]);
	}
	if (!code)
		code = dbx_replay_out_diff(j, &side[0], &side[1]);
	side_fini(&side[1]);
	side_fini(&side[0]);
	return code;
}

static int check_words(const struct dbx_cli *cli)
{
	size_t n_diff = cli->list[DBX_OPT_DIFF].n;

	if (!n_diff && !cli->list[DBX_OPT_POLICY].n)
		return dbx_cli_usage(cli->cmd, "--policy or --diff says by which documents");
	if (!n_diff)
		return 0;
	if (n_diff != 2)
		return dbx_cli_usage(cli->cmd, "--diff takes two: the old documents and the new");
	if (cli->list[DBX_OPT_POLICY].n || cli->opt[DBX_OPT_ANNOTATE])
		return dbx_cli_usage(cli->cmd, "--diff goes without --policy and --annotate");
	if (!strcmp(cli->operands.v[0], "-"))
		return dbx_cli_usage(cli->cmd, "--diff reads the capture twice: give a file");
	return 0;
}

int dbx_cmd_replay(const struct dbx_cli *cli)
{
	struct dbx_replay_job j = {.cli = cli, .path = cli->operands.v[0], .limit = FLOWS_DEFAULT};
	struct dbx_replay_side s = {0};
	int code = check_words(cli);

	if (!code)
		code = dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &j.workspace_id);
	if (!code)
		code = dbx_cli_u64(cli, DBX_OPT_LIMIT, SIZE_MAX, &j.limit);
	if (!code && cli->list[DBX_OPT_DIFF].n) {
		code = replay_two(&j, &cli->list[DBX_OPT_DIFF]);
	} else if (!code) {
		code = annotate_begin(&j);
		if (!code)
			code = replay_one(&j, &cli->list[DBX_OPT_POLICY], &s);
		code = annotate_end(&j, code);
		if (!code)
			code = dbx_replay_out(&j, &s);
	}
	if (!code && j.damaged[0]) {
		dbx_err("%s ends before its end: %s", j.path, j.damaged);
		code = DBX_EXIT_REFUSED;
	}
	dbx_hints_free(&j.hints);
	side_fini(&s);
	return code;
}
