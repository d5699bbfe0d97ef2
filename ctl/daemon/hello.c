// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hello.c -- flows whose name the daemon reads: HTTP request heads and QUIC Initials.
 */
#include "daemon/hello.h"

#include <stdlib.h>

struct dbx_hellos {
	struct dbx_core *core;
	void (*denied)(void *arg, const struct dbx_name_event *e, const char *name);
	void *arg;
	uint64_t http_allowed, http_denied, quic_allowed, quic_denied;
};

struct dbx_hellos *dbx_hellos_new(struct dbx_core *core,
				  void (*denied)(void *arg, const struct dbx_name_event *e,
						 const char *name),
				  void *arg)
{
	struct dbx_hellos *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->core = core;
	h->denied = denied;
	h->arg = arg;
	return h;
}

void dbx_hellos_free(struct dbx_hellos **h)
{
	free(*h);
	*h = NULL;
}

void dbx_hellos_event(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	(void)h, (void)e;
}

void dbx_hellos_sweep(struct dbx_hellos *h)
{
	(void)h;
}

void dbx_hellos_stats(const struct dbx_hellos *h, uint64_t *http_allowed, uint64_t *http_denied,
		      uint64_t *quic_allowed, uint64_t *quic_denied)
{
	*http_allowed = h->http_allowed;
	*http_denied = h->http_denied;
	*quic_allowed = h->quic_allowed;
	*quic_denied = h->quic_denied;
}
