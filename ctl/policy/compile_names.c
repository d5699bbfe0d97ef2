/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_names.c -- by protocol and port: how a flow to a learned address proves its name.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/compile_outcome.h"

/* Later entries do not overrule earlier ones: what the operator exempted comes first. */
static void add(struct dbx_outcomes *o, uint16_t proto, const struct dbx_port_range *ports,
		size_t n, enum dbx_name_port kind)
{
	const struct keyrange *keys;
	size_t n_keys;

	keys = dbx_compile_keys(o->c, proto, ports, n, &n_keys);
	dbx_outcomes_entry(o, keys, n_keys, (uint32_t)kind);
}

int dbx_compile_name_ports(struct compiler *c)
{
	static const struct dbx_port_range https = {443, 443}, http = {80, 80};
	const struct dbx_name_options *n = &c->m->gateway.names;
	struct dbx_outcomes o = {.c = c};
	const struct dbx_port_range *tls = n->has_tls_ports ? n->tls_ports : &https;
	size_t n_tls = n->has_tls_ports ? n->n_tls_ports : 1;

	for (size_t i = 0; i < n->n_unverified; i++)
		add(&o, n->unverified[i].proto, n->unverified[i].ports, n->unverified[i].n_ports,
		    DBX_NAME_PORT_UNVERIFIED);
	if (n_tls)
		add(&o, 6, tls, n_tls, DBX_NAME_PORT_TLS);
	if (n_tls && n->quic != DBX_QUIC_OFF)
		add(&o, 17, tls, n_tls,
		    n->quic == DBX_QUIC_INSPECT ? DBX_NAME_PORT_QUIC : DBX_NAME_PORT_QUIC_DENY);
	if (!n->has_http_ports)
		add(&o, 6, &http, 1, DBX_NAME_PORT_HTTP);
	else if (n->n_http_ports)
		add(&o, 6, n->http_ports, n->n_http_ports, DBX_NAME_PORT_HTTP);
	c->b.hdr.name_ports = dbx_outcomes_value(&o, DBX_NAME_PORT_NONE);
	c->b.hdr.name_flags |= (c->m->gateway.dns.has ? DBX_NAMES_F_DNS : 0) |
			       (n->ech_deny ? DBX_NAMES_F_ECH_DENY : 0);
	dbx_outcomes_fini(&o);
	return c->err;
}
