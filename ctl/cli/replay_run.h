/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay_run.h -- one run of replay, and what is said of it.
 */
#ifndef DBX_CLI_REPLAY_RUN_H
#define DBX_CLI_REPLAY_RUN_H

#include "cli/cli.h"
#include "cli/pcapng.h"
#include "replay/replay.h"

/* Documents made ready to judge by. */
struct dbx_replay_side {
	struct dbx_model *m;
	struct dbx_names *names;
	struct dbx_image img;
	void *image;
	struct dbx_replay *replay;
};

struct dbx_replay_job {
	const struct dbx_cli *cli;
	const char *path;
	uint64_t workspace_id, limit;
	struct dbx_hints *hints;
	FILE *annotated;
	struct dbx_pcapng ng;
	int annotate_err;
	char damaged[512]; /* where the capture ends before its end, "" = it does not */
};

/* The rule of a flow or packet, or NULL; "TEXT", "DOCUMENT" and "POINTER" are strings of the image. */
const struct dbx_img_rule *dbx_replay_rule(const struct dbx_image *img, uint32_t rule);
/* "10.0.0.1 > 192.0.2.1:443", or what there is of it. */
void dbx_replay_ends(const struct dbx_pkt *p, char out[160]);

/* Flows and summary; an enum dbx_exit. */
int dbx_replay_out(const struct dbx_replay_job *j, const struct dbx_replay_side *s);
/* Flows that two sets of documents judge differently. */
int dbx_replay_out_diff(const struct dbx_replay_job *j, const struct dbx_replay_side *before,
			const struct dbx_replay_side *after);

#endif
