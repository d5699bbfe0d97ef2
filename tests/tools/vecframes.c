// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vecframes.c -- the packet vectors as lines that a script can send: one frame each.
 *
 * usage: vecframes DIR
 * VECTOR INTERFACE VERDICT REASON WORKSPACE SOURCE DESTINATION PROTOCOL PORT HEX
 * WORKSPACE, addresses and port are "-" where the vector does not state them or the frame has none.
 * Addresses are those of the outermost packet.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/vec.h"
#include "dbx/parse.h"

static void out_addr(const struct dbx_pkt *p, const dbx_u32 a[4])
{
	char text[INET6_ADDRSTRLEN];
	uint32_t net[4];

	if (!(p->flags & DBX_PKT_F_TUPLE)) {
		printf(" -");
		return;
	}
	for (int i = 0; i < 4; i++)
		net[i] = htonl(a[i]);
	printf(" %s",
	       inet_ntop(p->flags & DBX_PKT_F_IPV6 ? AF_INET6 : AF_INET, net, text, sizeof(text)));
}

static void out_step(const char *name, const struct vec_step *s)
{
	struct dbx_pkt p = {.flags = 0};

	dbx_parse(s->frame, s->frame + s->n_bytes, &p);
	printf("%s %s %s %s", name, s->interface, vec_verdict_name(s->verdict),
	       vec_reason_slug(s->reason));
	if (s->workspace_id < 0)
		printf(" -");
	else
		printf(" %" PRId64, s->workspace_id);
	out_addr(&p, p.src);
	out_addr(&p, p.dst);
	printf(" %d", p.proto);
	if (p.flags & DBX_PKT_F_PORTS)
		printf(" %d ", p.dport);
	else
		printf(" - ");
	for (size_t i = 0; i < s->n_bytes; i++)
		printf("%02x", s->frame[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct vec_table t = {0};

	if (argc != 2 || vec_read_dir(&t, argv[1])) {
		fprintf(stderr, "usage: vecframes DIR\n");
		return 2;
	}
	for (size_t i = 0; i < t.n; i++) {
		for (size_t k = 0; k < t.v[i].n_steps; k++)
			out_step(t.v[i].name, &t.v[i].steps[k]);
	}
	vec_fini(&t);
	return 0;
}
