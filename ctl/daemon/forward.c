// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * forward.c -- tells the data plane to which interfaces packets may be redirected past the stack.
 */
#include "daemon/forward.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

int dbx_forward_sync(struct dbx_core *c, struct dbx_fail *f)
{
	const struct dbx_gateway *g = &c->model->gateway;
	struct dbx_dp_error e = {""};
	uint32_t *v;
	size_t n = 0, i;
	int rc;

	if (!c->ops->forward || !c->model->has_gateway)
		return 0;
	v = calloc(g->forward.n_interfaces + 1, sizeof(*v));
	if (!v)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	for (i = 0; i < g->forward.n_interfaces; i++) {
		v[n] = if_nametoindex(g->forward.interfaces[i].name);
		n += v[n] != 0;
	}
	rc = c->ops->forward(c->dp, v, n, &e);
	free(v);
	return rc ? dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "fast forward: %s", e.text) : 0;
}
