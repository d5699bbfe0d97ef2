// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_capture.c -- capture: copies of judged packets from the running data plane to pcapng.
 *
 * The daemon ends the capture at one of its bounds. An interrupt ends it too: the file is whole at
 * every moment at which this program may be asked to stop.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/pcapng.h"
#include "lib/addr.h"
#include "lib/base64.h"
#include "policy/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FRAME_MAX      16384
#define INTERFACES_MAX 256
#define COMMENT_MAX    1024

struct capture {
	const struct dbx_cli *cli;
	const char *path;
	FILE *f;
	struct dbx_pcapng ng;
	char interfaces[INTERFACES_MAX][16]; /* that were described, by number */
	uint64_t snap;
	uint64_t packets, bytes; /* written */
	json_t *counts;          /* the latest of the daemon */
	char end[16];            /* why it ended, "" = not yet */
	int rc;                  /* of writing */
	bool is_bad;             /* a line that makes no sense */
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
	(void)sig;
	is_stopped = 1;
}

/* ---- packets ---- */

/* Number of the interface; describes it when it is new. -errno; -ENOSPC: there are too many. */
static int interface_of(struct capture *c, const char *name)
{
	uint32_t i;
	int rc;

	for (i = 0; i < c->ng.n_interfaces; i++) {
		if (!strncmp(c->interfaces[i], name, sizeof(c->interfaces[i]) - 1))
			return (int)i;
	}
	if (i == INTERFACES_MAX)
		return -ENOSPC;
	rc = dbx_pcapng_interface(&c->ng, name, "packets as workloads sent them",
				  DBX_PCAPNG_ETHERNET, (uint32_t)c->snap);
	if (rc)
		return rc;
	snprintf(c->interfaces[i], sizeof(c->interfaces[i]), "%s", name);
	return (int)i;
}

static const char *text_of(const char *slug)
{
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (!strcmp(slug, dbx_reason_slug((enum dbx_reason)i)))
			return dbx_reason_text((enum dbx_reason)i);
	}
	return "of a later version";
}

/* Verdict, reason, whose it is, and the rule. */
static void comment_of(const json_t *p, char *text)
{
	const json_t *rule = json_object_get(p, "rule");
	const char *reason = dbx_json_str(p, "reason"), *policy = dbx_json_str(p, "policy");
	const char *pointer = dbx_json_str(rule, "pointer");
	long long workspace = dbx_json_int(p, "workspace_id");
	char of[32] = "unknown";

	if (workspace)
		snprintf(of, sizeof(of), "%lld", workspace);
	snprintf(text, COMMENT_MAX,
		 "%s %s: %s; workspace: %s%s%.200s; path: %s%s%.200s%s%.200s%s%.200s",
		 dbx_json_str(p, "verdict"), reason, text_of(reason), of,
		 *policy ? "; policy: " : "", policy, dbx_json_str(p, "path"),
		 json_is_object(rule) ? "; rule: " : "", dbx_json_str(rule, "text"),
		 json_is_object(rule) ? " in " : "", dbx_json_str(rule, "document"),
		 *pointer ? " " : "", pointer);
}

static int write_packet(struct capture *c, const json_t *p)
{
	const char *data = dbx_json_str(p, "data"), *name = dbx_json_str(p, "interface");
	uint8_t frame[FRAME_MAX];
	char comment[COMMENT_MAX];
	size_t n_bytes = 0;
	int number, rc = dbx_base64_decode(data, strlen(data), frame, sizeof(frame), &n_bytes);
	long long wire = dbx_json_int(p, "frame_bytes");

	if (rc || !*name || wire < (long long)n_bytes || wire > UINT32_MAX) {
		c->is_bad = true;
		return 0;
	}
	number = interface_of(c, name);
	if (number < 0)
		return number;
	comment_of(p, comment);
	rc = dbx_pcapng_packet(&c->ng, &(const struct dbx_pcapng_packet){
					       .interface = (uint32_t)number,
					       .time_ns = (uint64_t)dbx_json_int(p, "time_ns"),
					       .data = frame,
					       .n_bytes = (uint32_t)n_bytes,
					       .n_wire_bytes = (uint32_t)wire,
					       .comment = comment,
				       });
	if (!rc) {
		c->packets++;
		c->bytes += n_bytes;
	}
	return rc;
}

/*
 * Once the daemon captures: what it refuses leaves an older file as it is. Payloads of others are in
 * it: for its owner alone.
 */
static int open_file(struct capture *c)
{
	int fd = STDOUT_FILENO;

	if (strcmp(c->path, "-") != 0)
		fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	c->f = fd < 0 ? NULL : fdopen(fd, "wb");
	return c->f ? dbx_pcapng_begin(&c->ng, c->f, DBX_CLI_NAME " " DBX_VERSION) : -errno;
}

/* False: no more lines are wanted. */
static bool on_line(void *arg, const char *line, size_t len)
{
	struct capture *c = arg;
	json_t *j = json_loadb(line, len, 0, NULL);
	const json_t *packet = json_object_get(j, "packet");
	json_t *counts = json_object_get(j, "counts");

	if (!c->f)
		c->rc = open_file(c);
	if (c->rc) {
		json_decref(j);
		return false;
	}
	if (packet) {
		c->rc = write_packet(c, packet);
	} else if (counts) {
		json_decref(c->counts);
		c->counts = json_incref(counts);
		snprintf(c->end, sizeof(c->end), "%s", dbx_json_str(j, "end"));
		/* Who reads along sees each packet within a second. */
		if (fflush(c->f))
			c->rc = -errno;
	} else if (!j) {
		c->is_bad = true;
	}
	json_decref(j);
	return !c->rc && !c->is_bad && !c->end[0];
}

/* ---- the request ---- */

/* What the daemon is asked, from options that mean the same there. */
static int add_numbers(const struct dbx_cli *cli, struct dbx_strbuf *path)
{
	static const struct {
		enum dbx_opt_id opt;
		const char *key;
		uint64_t max;
	} numbers[] = {
		{DBX_OPT_COUNT, "packets", UINT64_MAX},
		{DBX_OPT_SECONDS, "seconds", UINT64_MAX},
		{DBX_OPT_BYTES, "bytes", UINT64_MAX},
		{DBX_OPT_SNAP, "snap", UINT64_MAX},
		{DBX_OPT_RATE, "rate", UINT64_MAX},
		{DBX_OPT_PORT, "port", 65535},
		{DBX_OPT_WORKSPACE, "workspace", INT64_MAX},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t v = 0;

		if (!dbx_cli_has(cli, numbers[i].opt))
			continue;
		if (dbx_cli_u64(cli, numbers[i].opt, numbers[i].max, &v))
			return DBX_EXIT_USAGE;
		dbx_strbuf_addf(path, "%s=%" PRIu64 "&", numbers[i].key, v);
	}
	return 0;
}

static bool is_verdict(const char *s)
{
	bool found = !strcasecmp(s, "ALL");

	for (int i = 0; i < DBX_VERDICT_MAX && !found; i++)
		found = !strcasecmp(s, dbx_verdict_name((enum dbx_verdict)i));
	return found;
}

static int add_words(const struct dbx_cli *cli, struct dbx_strbuf *path)
{
	const char *verdict = cli->opt[DBX_OPT_VERDICT], *reason = cli->opt[DBX_OPT_REASON],
		   *dst = cli->opt[DBX_OPT_DST];
	char text[DBX_PREFIX_STRLEN];
	struct dbx_prefix p;
	int proto = -1;

	if (verdict && !is_verdict(verdict))
		return dbx_cli_usage(
			cli->cmd, "--verdict '%s': not DROP, DRY_RUN_DENIAL, PASS or ALL", verdict);
	if ((reason && dbx_cli_check_reason(cli, reason)) || dbx_cli_proto(cli, &proto))
		return DBX_EXIT_USAGE;
	if (dst && dbx_prefix_parse(dst, DBX_PREFIX_BARE_OK | DBX_PREFIX_CLEAR_HOST_BITS, &p))
		return dbx_cli_usage(cli->cmd, "--dst '%s': no address or prefix", dst);
	if (verdict)
		dbx_strbuf_addf(path, "verdict=%s&", verdict);
	if (reason)
		dbx_strbuf_addf(path, "reason=%s&", reason);
	if (proto >= 0)
		dbx_strbuf_addf(path, "proto=%d&", proto);
	if (dst)
		dbx_strbuf_addf(path, "dst=%s&", dbx_prefix_format(&p, text));
	return 0;
}

/* ---- the file ---- */

static int close_file(struct capture *c, int code)
{
	if (c->f && fclose(c->f) && !c->rc)
		c->rc = -errno;
	if (!c->rc)
		return code;
	dbx_err("cannot write %s: %s", c->path, strerror(-c->rc));
	return DBX_EXIT_REFUSED;
}

/* ---- what is said of it ---- */

static const char *why(const struct capture *c)
{
	static const struct {
		const char *end, *text;
	} ends[] = {
		{"packets", "as many as were asked for"},
		{"bytes", "no room for the next within the bytes that were asked for"},
		{"seconds", "the time is over"},
		{"program", "the gateway changed its packet program: begin anew"},
		{"error", "the gateway could not read on"},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!strcmp(c->end, ends[i].end))
			return ends[i].text;
	}
	return is_stopped ? "interrupted" : "the daemon is gone";
}

/* On standard error: the capture may be on the other one. */
static void tell(const struct capture *c)
{
	long long limited = dbx_json_int(c->counts, "limited");
	long long lost = dbx_json_int(c->counts, "lost"),
		  unsent = dbx_json_int(c->counts, "unsent");

	if (dbx_out_is_json() && strcmp(c->path, "-") != 0) {
		json_object_set_new(c->counts, "end", json_string(c->end));
		dbx_out_json(c->counts);
		return;
	}
	dbx_err("%s: %" PRIu64 " packets, %" PRIu64 " bytes: %s", c->path, c->packets, c->bytes,
		why(c));
	if (limited)
		dbx_err("%lld more were beyond the rate (--rate)", limited);
	if (lost + unsent)
		dbx_err("%lld more were lost: they came faster than they could be taken",
			lost + unsent);
}

static int run(struct capture *c, const char *path)
{
	const struct sigaction sa = {.sa_handler = on_signal};
	int code;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	code = dbx_client_lines_until(c->cli, path, "capture packets", on_line, c, &is_stopped);
	if (c->is_bad) {
		dbx_err("cannot capture packets any more: the daemon sent what this version does "
			"not know");
		code = DBX_EXIT_REFUSED;
	}
	if (c->counts && !c->rc)
		tell(c);
	if (!code && (!strcmp(c->end, "program") || !strcmp(c->end, "error")))
		code = DBX_EXIT_REFUSED;
	return code;
}

int dbx_cmd_capture(const struct dbx_cli *cli)
{
	struct capture c = {.cli = cli, .path = cli->opt[DBX_OPT_OUTPUT], .snap = FRAME_MAX};
	struct dbx_strbuf path;
	int code;

	if (!strcmp(c.path, "-") && isatty(STDOUT_FILENO))
		return dbx_cli_usage(cli->cmd, "a capture is not for a terminal: give a file, or "
					       "pipe it on");
	dbx_strbuf_init(&path);
	dbx_strbuf_add(&path, "/capture?");
	code = add_numbers(cli, &path);
	if (!code)
		code = add_words(cli, &path);
	if (!code)
		code = dbx_cli_u64(cli, DBX_OPT_SNAP, UINT32_MAX, &c.snap);
	if (!code)
		code = path.err ? dbx_err_memory() : run(&c, path.s);
	code = close_file(&c, code);
	json_decref(c.counts);
	dbx_strbuf_fini(&path);
	return code;
}
