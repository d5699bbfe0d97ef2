/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * client.h -- one HTTP request to the daemon over its Unix socket.
 *
 * Whatever goes wrong is told here, once; callers pass the exit code on.
 */
#ifndef DBX_CLI_CLIENT_H
#define DBX_CLI_CLIENT_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

#define DBX_CLIENT_JSON_MAX_BYTES  (64u << 20)
#define DBX_CLIENT_IMAGE_MAX_BYTES (256u << 20)

/* Our own resources, under /api/2.0/dbx-egress. */
struct dbx_request {
	const char *method; /* "GET", "POST", "DELETE" */
	const char *path;   /* "/status"; what stands in it must be URL-escaped */
	const char *body;   /* JSON, or NULL */
	size_t n_body;
	size_t max_bytes; /* of the answer; 0 = DBX_CLIENT_JSON_MAX_BYTES */
	const char *what; /* for messages: "apply", "list documents" */
};

/* An enum dbx_exit. With DBX_EXIT_DONE *body is the caller's to free. */
int dbx_client_fetch(const struct dbx_cli *cli, const struct dbx_request *r, char **body,
		     size_t *n_bytes);
/* The same for an answer that is a JSON object. */
int dbx_client_call(const struct dbx_cli *cli, const struct dbx_request *r, json_t **answer);
/* GET path. */
int dbx_client_get(const struct dbx_cli *cli, const char *path, const char *what, json_t **answer);
/*
 * GET of a reply that goes on: each line without its newline, empty ones left out, until fn says
 * false (DBX_EXIT_DONE) or the daemon ends it, which is an error. --timeout is for silence.
 */
typedef bool (*dbx_client_line_fn)(void *arg, const char *line, size_t len);
int dbx_client_lines(const struct dbx_cli *cli, const char *path, const char *what,
		     dbx_client_line_fn fn, void *arg);
/* The same; also done when *stop is set, as by a signal: seen within a second. */
int dbx_client_lines_until(const struct dbx_cli *cli, const char *path, const char *what,
			   dbx_client_line_fn fn, void *arg, const volatile sig_atomic_t *stop);
/* One part of a path, percent-encoded (RFC 3986 section 2.1); caller frees; NULL = no memory. */
char *dbx_client_escape(const char *part);

#endif
