// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * streamread.c -- TCP streams as our readers of ClientHellos and of HTTP heads read them, a line each.
 *
 * usage: streamread hello|http
 * Standard input: streams, each behind its length (four octets, big endian). Output, fields with tabs:
 * status ("more", "done", "bad", "long"), bytes used, and of a hello the length of its handshake
 * message, 1 when it has ECH, why there is no name ("" when there is one), the name as it was said; of a
 * head the length of the body, and the host as written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbx/hello.h"
#include "policy/explain.h"
#include "wire/http.h"

static const char *const words[] = {"more", "done", "bad", "long"};

/* For a table: octets that a name does not have as \DDD. */
static void print_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] > ' ' && p[i] < 127 && p[i] != '\\')
			putchar(p[i]);
		else
			printf("\\%03u", p[i]);
	}
	putchar('\n');
}

static void read_hello(const uint8_t *p, size_t n)
{
	static const struct dbx_secret secret = {{1, 1}};
	struct dbx_hello *h = calloc(1, sizeof(*h));
	struct dbx_said said;
	size_t used = 0;

	if (!h)
		exit(1);
	memset(&said, 0, sizeof(said));
	while (used < n && h->status == DBX_HELLO_MORE)
		dbx_hello_feed(h, p[used++]);
	if (h->status == DBX_HELLO_DONE)
		dbx_hello_name(h, &secret, &said);
	printf("%s\t%zu\t%u\t%u\t%s\t", words[h->status], used, h->want ? h->want - 4 : 0,
	       said.has_ech, said.reason ? dbx_reason_slug((enum dbx_reason)said.reason) : "");
	print_text(said.name, said.n_name);
	free(h);
}

static void read_head(const uint8_t *p, size_t n)
{
	struct dbx_http_head h = {.host = ""};
	enum dbx_http_status s = dbx_http_read(p, n, &h);
	bool has_host = s == DBX_HTTP_DONE || s == DBX_HTTP_BAD;

	printf("%s\t%zu\t%u\t", words[s], s == DBX_HTTP_DONE ? h.n_head : 0,
	       s == DBX_HTTP_DONE ? h.n_body : 0);
	print_text((const uint8_t *)h.host, has_host ? h.n_host : 0);
}

int main(int argc, char **argv)
{
	uint8_t prefix[4];

	if (argc != 2)
		return 2;
	while (fread(prefix, 4, 1, stdin) == 1) {
		size_t n = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 |
			   (size_t)prefix[2] << 8 | prefix[3];
		uint8_t *p = malloc(n ? n : 1); /* its exact size: reading past the end is seen */

		if (!p || (n && fread(p, n, 1, stdin) != 1))
			return 1;
		if (!strcmp(argv[1], "hello"))
			read_hello(p, n);
		else
			read_head(p, n);
		free(p);
	}
	return 0;
}
