// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * client.c -- one HTTP request to the daemon over its Unix socket.
 */
#include "cli/client.h"
#include "cli/findings.h"
#include "cli/out.h"
#include "lib/strbuf.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define API_PREFIX         "http://localhost/api/2.0/dbx-egress"
#define TIMEOUT_DEFAULT_S  60
#define TIMEOUT_MAX_S      86400
#define EXPECT_FROM_BYTES  ((size_t)8 << 20)
#define STATUS_TOO_LARGE   413
#define STATUS_IS_DONE(st) ((st) >= 200 && (st) < 300)

#define LINE_MAX_BYTES (1u << 20)

struct answer {
	struct dbx_strbuf body;
	size_t max_bytes;
	bool is_too_large;
	long status;
	/* Of a reply that goes on; else NULL. */
	dbx_client_line_fn on_line;
	void *on_line_arg;
	const volatile sig_atomic_t *stop; /* or NULL */
	CURL *curl;
	bool is_done;
};

/* Hands out the lines that are whole. 0: what is left waits; -1: enough. */
static int give_lines(struct answer *a)
{
	size_t from = 0;
	char *end;

	while (a->body.len > from && (end = memchr(a->body.s + from, '\n', a->body.len - from))) {
		size_t len = (size_t)(end - a->body.s) - from;

		if (len && !a->on_line(a->on_line_arg, a->body.s + from, len)) {
			a->is_done = true;
			return -1;
		}
		from += len + 1;
	}
	if (!from)
		return 0;
	memmove(a->body.s, a->body.s + from, a->body.len - from);
	a->body.len -= from;
	a->body.s[a->body.len] = '\0';
	return 0;
}

static size_t take_lines(char *bytes, size_t size, size_t n, struct answer *a)
{
	if (dbx_strbuf_addn(&a->body, bytes, size * n))
		return 0;
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &a->status);
	return STATUS_IS_DONE(a->status) && give_lines(a) ? 0 : size * n;
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;

	if (a->body.len + size * n > a->max_bytes) {
		a->is_too_large = true;
		return 0;
	}
	if (a->on_line)
		return take_lines(bytes, size, n, a);
	return dbx_strbuf_addn(&a->body, bytes, size * n) ? 0 : size * n;
}

/* Called by curl at least once a second. */
static int is_stopped(void *arg, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all, curl_off_t ul)
{
	struct answer *a = arg;

	(void)dl_all, (void)dl, (void)ul_all, (void)ul;
	if (*a->stop)
		a->is_done = true;
	return a->is_done;
}

static const char *socket_path(const struct dbx_cli *cli)
{
	const char *env = getenv(DBX_CLI_SOCKET_ENV);

	if (dbx_cli_has(cli, DBX_OPT_SOCKET))
		return cli->opt[DBX_OPT_SOCKET];
	return env && *env ? env : DBX_CLI_SOCKET_DEFAULT;
}

/* ---- setting up ---- */

static int set_request(CURL *c, const struct dbx_request *r, const char *url, const char *socket)
{
	int bad = 0;

	bad |= curl_easy_setopt(c, CURLOPT_URL, url);
	bad |= curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
	bad |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever the environment says */
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	if (r->body) {
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->n_body);
	}
	return bad ? -ENOMEM : 0;
}

static int set_limits(CURL *c, uint64_t timeout_s, struct curl_slist *headers, struct answer *a)
{
	int bad = 0;

	if (a->on_line) {
		bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
		bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)timeout_s);
	} else {
		bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)timeout_s);
	}
	if (a->stop) {
		bad |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		bad |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, is_stopped);
		bad |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, a);
	}
	bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_bytes);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	return bad ? -ENOMEM : 0;
}

/*
 * "Expect:" stops curl from waiting for "100 Continue" before a body. A very large one does wait, so
 * that a daemon that does not want it says so instead of hanging up in the middle.
 */
static struct curl_slist *make_headers(size_t n_body)
{
	static const char *const lines[] = {"Content-Type: application/json",
					    "User-Agent: " DBX_CLI_NAME "/" DBX_VERSION, "Expect:"};
	size_t i, n = sizeof(lines) / sizeof(lines[0]) - (n_body > EXPECT_FROM_BYTES);
	struct curl_slist *all = NULL, *more;

	for (i = 0; i < n; i++) {
		more = curl_slist_append(all, lines[i]);
		if (!more) {
			curl_slist_free_all(all);
			return NULL;
		}
		all = more;
	}
	return all;
}

/* ---- telling what went wrong ---- */

static int tell_unreachable(const char *socket, const char *what, long os_errno)
{
	const char *hint = "";

	if (os_errno == ENOENT || os_errno == ECONNREFUSED)
		hint = "; is dbx-egressd running? --socket or " DBX_CLI_SOCKET_ENV
		       " name another socket";
	else if (os_errno == EACCES || os_errno == EPERM)
		hint = "; root and members of group dbx-egress may";
	dbx_err("cannot %s: no connection to the daemon at %s: %s%s", what, socket,
		os_errno ? strerror((int)os_errno) : "refused", hint);
	return DBX_EXIT_UNREACHABLE;
}

static int tell_broken(CURL *c, CURLcode rc, const struct dbx_request *r, const char *socket,
		       const struct answer *a, uint64_t timeout_s)
{
	bool is_write = strcmp(r->method, "GET") != 0;
	const char *unknown = is_write ? "; whether it took effect is not known, see '" DBX_CLI_NAME
					 " history'"
				       : "";
	long os_errno = 0;

	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &os_errno);
	if (rc == CURLE_COULDNT_CONNECT)
		return tell_unreachable(socket, r->what, os_errno);
	if (a->is_too_large) {
		dbx_err("cannot %s: the answer of the daemon at %s is larger than %zu MiB", r->what,
			socket, a->max_bytes >> 20);
		return DBX_EXIT_REFUSED;
	}
	if (rc == CURLE_OPERATION_TIMEDOUT) {
		dbx_err("cannot %s: the daemon at %s did not answer within %llu s%s", r->what,
			socket, (unsigned long long)timeout_s, unknown);
		return DBX_EXIT_UNREACHABLE;
	}
	if (rc == CURLE_OUT_OF_MEMORY || a->body.err)
		return dbx_err_memory();
	if (rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR ||
	    rc == CURLE_PARTIAL_FILE)
		dbx_err("cannot %s: the daemon at %s closed the connection before it had answered%s",
			r->what, socket, unknown);
	else
		dbx_err("cannot %s: the daemon at %s did not answer in HTTP: %s%s", r->what, socket,
			curl_easy_strerror(rc), unknown);
	return DBX_EXIT_UNREACHABLE;
}

/* An HTTP error: what the daemon says about it, or what there is. */
static int tell_refused(const struct dbx_request *r, const struct answer *a)
{
	json_t *j = json_loadb(a->body.s, a->body.len, 0, NULL);
	const char *code = dbx_json_str(j, "error_code"), *message = dbx_json_str(j, "message");
	const json_t *findings = json_object_get(j, "findings");

	if (!*message && a->status == STATUS_TOO_LARGE) {
		dbx_err("cannot %s: a request of %zu MiB is larger than the daemon takes; give fewer or smaller files at a time",
			r->what, r->n_body >> 20);
		json_decref(j);
		return DBX_EXIT_REFUSED;
	}
	if (!*message) {
		dbx_err("cannot %s: the daemon answered HTTP %ld: %.200s", r->what, a->status,
			a->body.len ? a->body.s : "(nothing)");
		json_decref(j);
		return DBX_EXIT_REFUSED;
	}
	dbx_findings_print(findings, stderr, false);
	/* One error is one message: the finding has said it, with file and pointer. */
	if (!dbx_findings_count(findings, "error"))
		dbx_err("cannot %s: %s%s%s%s", r->what, message, *code ? " [" : "", code,
			*code ? "]" : "");
	if (dbx_out_is_json())
		dbx_out_json(j);
	json_decref(j);
	return DBX_EXIT_REFUSED;
}

/* ---- asking ---- */

static int perform(const struct dbx_request *r, const char *socket, uint64_t timeout_s,
		   struct answer *a)
{
	struct curl_slist *headers = make_headers(r->n_body);
	CURL *c = curl_easy_init();
	char *url = NULL;
	int code;
	CURLcode rc;

	if (!c || !headers || asprintf(&url, API_PREFIX "%s", r->path) < 0 ||
	    set_request(c, r, url, socket) || set_limits(c, timeout_s, headers, a)) {
		code = dbx_err_memory();
		goto out;
	}
	a->curl = c;
	rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
	if (a->is_done)
		code = DBX_EXIT_DONE;
	else if (rc)
		code = tell_broken(c, rc, r, socket, a, timeout_s);
	else
		code = STATUS_IS_DONE(a->status) ? DBX_EXIT_DONE : tell_refused(r, a);
out:
	free(url);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	return code;
}

/* One request by what the command line says of socket and time. */
static int ask(const struct dbx_cli *cli, const struct dbx_request *r, struct answer *a)
{
	const char *socket = socket_path(cli);
	uint64_t timeout_s = TIMEOUT_DEFAULT_S;

	if (dbx_cli_u64(cli, DBX_OPT_TIMEOUT, TIMEOUT_MAX_S, &timeout_s))
		return DBX_EXIT_USAGE;
	if (!timeout_s) /* to curl 0 means forever */
		return dbx_cli_usage(cli->cmd, "--timeout '%s': not a number of 1-%d",
				     cli->opt[DBX_OPT_TIMEOUT], TIMEOUT_MAX_S);
	if (strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return dbx_cli_usage(cli->cmd, "socket '%s': the path is longer than %zu bytes",
				     socket, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	return perform(r, socket, timeout_s, a);
}

int dbx_client_lines(const struct dbx_cli *cli, const char *path, const char *what,
		     dbx_client_line_fn fn, void *arg)
{
	return dbx_client_lines_until(cli, path, what, fn, arg, NULL);
}

int dbx_client_lines_until(const struct dbx_cli *cli, const char *path, const char *what,
			   dbx_client_line_fn fn, void *arg, const volatile sig_atomic_t *stop)
{
	const struct dbx_request r = {.method = "GET", .path = path, .what = what};
	struct answer a = {
		.max_bytes = LINE_MAX_BYTES, .on_line = fn, .on_line_arg = arg, .stop = stop};
	int code;

	dbx_strbuf_init(&a.body);
	code = ask(cli, &r, &a);
	if (!code && !a.is_done) {
		dbx_err("cannot %s any more: the daemon ended the stream", what);
		code = DBX_EXIT_UNREACHABLE;
	}
	dbx_strbuf_fini(&a.body);
	return code;
}

int dbx_client_fetch(const struct dbx_cli *cli, const struct dbx_request *r, char **body,
		     size_t *n_bytes)
{
	struct answer a = {.max_bytes = r->max_bytes ? r->max_bytes : DBX_CLIENT_JSON_MAX_BYTES};
	int code;

	dbx_strbuf_init(&a.body);
	code = ask(cli, r, &a);
	if (code == DBX_EXIT_DONE) {
		*n_bytes = a.body.len;
		*body = a.body.len ? dbx_strbuf_steal(&a.body) : strdup("");
		if (!*body)
			code = dbx_err_memory();
	}
	dbx_strbuf_fini(&a.body);
	return code;
}

int dbx_client_call(const struct dbx_cli *cli, const struct dbx_request *r, json_t **answer)
{
	json_error_t why;
	char *body = NULL;
	size_t n_bytes = 0;
	json_t *j;
	int code;

	code = dbx_client_fetch(cli, r, &body, &n_bytes);
	if (code)
		return code;
	j = json_loadb(body, n_bytes, 0, &why);
	if (!json_is_object(j)) {
		dbx_err("cannot %s: the daemon's answer is no JSON object%s%s", r->what,
			j ? "" : ": ", j ? "" : why.text);
		json_decref(j);
		free(body);
		return DBX_EXIT_REFUSED;
	}
	free(body);
	*answer = j;
	return DBX_EXIT_DONE;
}

int dbx_client_get(const struct dbx_cli *cli, const char *path, const char *what, json_t **answer)
{
	struct dbx_request r = {.method = "GET", .path = path, .what = what};

	return dbx_client_call(cli, &r, answer);
}

char *dbx_client_escape(const char *part)
{
	struct dbx_strbuf b;
	const char *s;

	dbx_strbuf_init(&b);
	for (s = part; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
			dbx_strbuf_addc(&b, *s);
		else
			dbx_strbuf_addf(&b, "%%%02X", (unsigned char)*s);
	}
	if (!b.len)
		return strdup("");
	return dbx_strbuf_steal(&b);
}
