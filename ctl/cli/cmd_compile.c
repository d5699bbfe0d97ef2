// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_compile.c -- compile: documents to a policy image; image dump: what an image holds.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/findings.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/file.h"
#include "policy/compile.h"
#include "policy/image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct compiled {
	void *image;
	size_t n_bytes;
	struct dbx_compile_stats stats;
	struct dbx_image view;
};

static json_t *stats_json(const struct compiled *c, const char *path)
{
	const struct dbx_compile_stats *s = &c->stats;
	const struct dbx_image_header *h = c->view.hdr;
	char hash[20];
	json_t *j;

	snprintf(hash, sizeof(hash), "%016" PRIx64, h->content_hash);
	j = json_pack("{s:I, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i}", "generation",
		      (json_int_t)h->generation, "content_hash", hash, "image_bytes",
		      (json_int_t)s->image_bytes, "kernel_bytes", (json_int_t)s->kernel_bytes,
		      "workspaces", s->n_workspaces, "policies", s->n_policies, "profiles",
		      s->n_profiles, "rows", s->n_rows, "sources", s->n_sources, "sets", s->n_sets);
	if (!j || json_object_set_new(j, "output", dbx_json_text(path)) ||
	    json_object_set_new(j, "classes", json_integer(s->n_classes)) ||
	    json_object_set_new(j, "rulesets", json_integer(s->n_rulesets)) ||
	    json_object_set_new(j, "outcomes", json_integer(s->n_outcomes)) ||
	    json_object_set_new(j, "rules", json_integer(s->n_rules)) ||
	    json_object_set_new(j, "intervals4", json_integer(s->n_intervals4)) ||
	    json_object_set_new(j, "intervals6", json_integer(s->n_intervals6)) ||
	    json_object_set_new(j, "names_waiting", json_integer(s->n_names))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static void say_stats(const struct compiled *c, const char *path)
{
	const struct dbx_compile_stats *s = &c->stats;
	const struct dbx_image_header *h = c->view.hdr;

	dbx_say("image        %s\n", path);
	dbx_say("generation   %" PRIu64 "\n", (uint64_t)h->generation);
	dbx_say("content      %016" PRIx64 "\n", (uint64_t)h->content_hash);
	dbx_say("bytes        %zu, of which %zu for the kernel\n", s->image_bytes, s->kernel_bytes);
	dbx_say("workspaces   %u with %u sources\n", s->n_workspaces, s->n_sources);
	dbx_say("policies     %u in %u profiles, %u distinct rows\n", s->n_policies, s->n_profiles,
		s->n_rows);
	dbx_say("sets         %u in %u classes\n", s->n_sets, s->n_classes);
	dbx_say("intervals    %u IPv4, %u IPv6\n", s->n_intervals4, s->n_intervals6);
	dbx_say("rules        %u in %u rule sets, %u outcomes\n", s->n_rules, s->n_rulesets,
		s->n_outcomes);
	dbx_say("names        %u waiting to be learned\n", s->n_names);
}

/* 0; -EINVAL or -E2BIG with errors in d; -ENOMEM. */
static int compile_operands(const struct dbx_cli *cli, uint64_t generation, struct compiled *c,
			    struct dbx_diag *d)
{
	struct dbx_compile_opts opts = {
		.generation = generation,
		.all_tags = dbx_cli_has(cli, DBX_OPT_ALL_TAGS),
	};
	struct dbx_model *m = NULL;
	const char *why = "";
	int rc;

	rc = dbx_offline_model(&cli->operands, DBX_OFFLINE_CHECK, &m, d, NULL);
	if (!rc)
		rc = dbx_compile(m, &opts, &c->image, &c->n_bytes, &c->stats, d);
	dbx_model_free(&m);
	if (rc)
		return rc;
	rc = dbx_image_open(&c->view, c->image, c->n_bytes, &why);
	if (rc)
		dbx_diag_add(d, DBX_SEV_ERROR, "bad-image", "", "",
			     "the compiled image does not pass its own check: %s", why);
	return rc;
}

static int write_image(const struct dbx_cli *cli, const struct compiled *c)
{
	const char *path = cli->opt[DBX_OPT_OUTPUT];
	json_t *j;
	int rc, code;

	rc = dbx_file_write(path, c->image, c->n_bytes, 0644);
	if (rc) {
		dbx_err("cannot write image %s: %s", path, strerror(-rc));
		return DBX_EXIT_REFUSED;
	}
	if (!dbx_out_is_json()) {
		say_stats(c, path);
		return DBX_EXIT_DONE;
	}
	j = stats_json(c, path);
	code = dbx_out_json(j);
	json_decref(j);
	return code;
}

int dbx_cmd_compile(const struct dbx_cli *cli)
{
	struct compiled c = {0};
	uint64_t generation = 0;
	json_t *findings;
	struct dbx_diag d;
	int rc, code;

	if (dbx_cli_u64(cli, DBX_OPT_GENERATION, INT64_MAX, &generation))
		return DBX_EXIT_USAGE;
	dbx_diag_init(&d);
	rc = compile_operands(cli, generation, &c, &d);
	if (rc) {
		code = dbx_offline_refuse(rc, &d, "compile");
		goto out;
	}
	findings = dbx_findings_json(&d);
	dbx_findings_print(findings, stderr, false);
	json_decref(findings);
	code = write_image(cli, &c);
out:
	free(c.image);
	dbx_diag_fini(&d);
	return code;
}

/* ---- image dump ---- */

static int read_image(const struct dbx_cli *cli, const char **name, char **bytes, size_t *n_bytes)
{
	struct dbx_request r = {.method = "GET",
				.path = "/image",
				.what = "get the image",
				.max_bytes = DBX_CLIENT_IMAGE_MAX_BYTES};
	int rc;

	if (!cli->operands.n) {
		*name = "of the daemon";
		return dbx_client_fetch(cli, &r, bytes, n_bytes);
	}
	*name = cli->operands.v[0];
	rc = dbx_file_read(*name, DBX_CLIENT_IMAGE_MAX_BYTES, bytes, n_bytes);
	if (!rc)
		return DBX_EXIT_DONE;
	dbx_err("cannot read image %s: %s", *name, dbx_file_why(rc));
	return DBX_EXIT_REFUSED;
}

static json_t *header_json(const struct dbx_image *img)
{
	static const char *const names[DBX_SEC_MAX] = {
		[DBX_SEC_DST4_ROOT] = "dst4_root",   [DBX_SEC_DST4_RUNS] = "dst4_runs",
		[DBX_SEC_DST6_ROOT] = "dst6_root",   [DBX_SEC_SRC4_ROOT] = "src4_root",
		[DBX_SEC_SRC6_ROOT] = "src6_root",   [DBX_SEC_RUNS32] = "runs32",
		[DBX_SEC_BINDINGS] = "bindings",     [DBX_SEC_PROFILES] = "profiles",
		[DBX_SEC_CELLS] = "cells",           [DBX_SEC_RULESETS] = "rulesets",
		[DBX_SEC_OUTCOMES] = "outcomes",     [DBX_SEC_QUOTAS] = "quotas",
		[DBX_SEC_INTERFACES] = "interfaces", [DBX_SEC_WORKSPACES] = "workspaces",
		[DBX_SEC_POLICIES] = "policies",     [DBX_SEC_NCCS] = "nccs",
		[DBX_SEC_RULES] = "rules",           [DBX_SEC_CLASSES] = "classes",
		[DBX_SEC_CLASS_SETS] = "class_sets", [DBX_SEC_SETS] = "sets",
		[DBX_SEC_STRINGS] = "strings",
	};
	const struct dbx_image_header *h = img->hdr;
	json_t *sections = json_object(), *j;
	char hash[20];
	int i;

	snprintf(hash, sizeof(hash), "%016" PRIx64, (uint64_t)h->content_hash);
	for (i = 0; i < DBX_SEC_MAX; i++)
		json_object_set_new(sections, names[i],
				    json_pack("{s:I, s:I}", "items", (json_int_t)h->sec[i].n_items,
					      "bytes", (json_int_t)h->sec[i].n_bytes));
	j = json_pack("{s:i, s:I, s:s, s:I, s:I, s:I, s:O}", "abi", h->abi, "generation",
		      (json_int_t)h->generation, "content_hash", hash, "bytes",
		      (json_int_t)h->n_bytes, "kernel_chunks", (json_int_t)h->n_kernel_chunks,
		      "classes", (json_int_t)h->n_classes, "sections", sections);
	json_decref(sections);
	return j;
}

static int dump(const struct dbx_image *img, bool full)
{
	char *text;
	json_t *j;
	int code;

	if (dbx_out_is_json()) {
		j = header_json(img);
		code = dbx_out_json(j);
		json_decref(j);
		return code;
	}
	text = dbx_image_dump(img, full);
	if (!text)
		return dbx_err_memory();
	dbx_say("%s", text);
	free(text);
	return DBX_EXIT_DONE;
}

int dbx_cmd_image_dump(const struct dbx_cli *cli)
{
	struct dbx_image img;
	const char *name, *why = "";
	char *bytes = NULL;
	size_t n_bytes = 0;
	int code;

	code = read_image(cli, &name, &bytes, &n_bytes);
	if (code)
		return code;
	if (dbx_image_open(&img, bytes, n_bytes, &why)) {
		dbx_err("cannot dump image %s: %s", name, why);
		code = DBX_EXIT_REFUSED;
	} else {
		code = dump(&img, dbx_cli_has(cli, DBX_OPT_FULL));
	}
	free(bytes);
	return code;
}
