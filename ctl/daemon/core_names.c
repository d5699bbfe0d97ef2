/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * core_names.c -- the part of a generation that the resolver sees.
 */
#include "daemon/core_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void release(struct dbx_view_parts *p)
{
	dbx_names_free(&p->names);
	dbx_model_free(&p->model);
	free(p->image);
	memset(p, 0, sizeof(*p));
}

/* The options alone: what the resolver may read of the gateway document. */
static int copy_options(const struct dbx_gateway *from, struct dbx_gateway *to)
{
	const struct dbx_dns_options *dns = &from->dns;

	to->dns = *dns;
	to->dns.upstreams = NULL;
	to->dns.n_upstreams = 0;
	to->dns.extra = NULL;
	to->dns.where.ptr = NULL;
	to->names.quic = from->names.quic;
	to->names.ech_deny = from->names.ech_deny;
	if (!dns->n_upstreams)
		return 0;
	to->dns.upstreams = calloc(dns->n_upstreams, sizeof(*dns->upstreams));
	if (!to->dns.upstreams)
		return -ENOMEM;
	to->dns.n_upstreams = dns->n_upstreams;
	for (size_t i = 0; i < dns->n_upstreams; i++) {
		to->dns.upstreams[i] = dns->upstreams[i];
		to->dns.upstreams[i].where.ptr = NULL;
	}
	return 0;
}

static int copy_image(const struct dbx_built *b, struct dbx_view_parts *out)
{
	size_t n = (size_t)b->img.hdr->n_kernel_chunks << DBX_CHUNK_SHIFT;

	out->image = malloc(n);
	if (!out->image)
		return -ENOMEM;
	memcpy(out->image, b->mem, n);
	out->img = (struct dbx_image){out->image, n, out->image};
	out->generation = b->img.hdr->generation;
	return 0;
}

int dbx_core_view_build(const struct dbx_model *m, const struct dbx_built *b,
			struct dbx_view_parts *out, struct dbx_fail *f)
{
	struct dbx_view_parts p = {.release = release, .model = dbx_model_new()};
	int rc = p.model ? copy_options(&m->gateway, &p.model->gateway) : -ENOMEM;

	if (!rc)
		rc = dbx_names_new(m, &p.names);
	if (!rc)
		rc = copy_image(b, &p);
	if (rc) {
		release(&p);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "building the index of names: %s",
				    strerror(-rc));
	}
	*out = p;
	return 0;
}
