// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * quicread.c -- UDP payloads as our QUIC parser reads them, one line each.
 *
 * Standard input: the number of the flow (four octets), the payload's length (two octets, both big
 * endian), the payload. Output: "more", "bad", "long", "none", or "done", a tab and the name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wire/quic.h"

#define FLOWS_MAX 65536

static struct dbx_quic *flows[FLOWS_MAX];

static void print_name(const struct dbx_quic *q)
{
	static const struct dbx_secret secret = {{1, 1}};
	static struct dbx_said said;

	said = (struct dbx_said){.reason = 0};
	dbx_hello_name(&q->hello, &secret, &said);
	printf("done\t%.*s\n", said.n_name, said.name);
}

int main(void)
{
	static const char *const words[] = {"more", "done", "bad", "long", "none"};
	uint8_t head[6], payload[65536];

	while (fread(head, sizeof(head), 1, stdin) == 1) {
		size_t flow = (size_t)head[2] << 8 | head[3], n = (size_t)head[4] << 8 | head[5];
		enum dbx_quic_status s;

		if (fread(payload, 1, n, stdin) != n)
			return 1;
		if (!flows[flow])
			flows[flow] = calloc(1, sizeof(*flows[flow]));
		if (!flows[flow])
			return 1;
		s = dbx_quic_read(flows[flow], payload, n);
		if (s == DBX_QUIC_DONE)
			print_name(flows[flow]);
		else
			puts(words[s]);
		if (s != DBX_QUIC_MORE) {
			free(flows[flow]);
			flows[flow] = NULL;
		}
	}
	for (size_t i = 0; i < FLOWS_MAX; i++)
		free(flows[i]);
	return 0;
}
