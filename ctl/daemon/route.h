/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route.h -- the table of paths, and matching against it.
 */
#ifndef DBX_DAEMON_ROUTE_H
#define DBX_DAEMON_ROUTE_H

#include "daemon/api.h"

struct dbx_route {
	enum dbx_method method;
	const char *pattern; /* "{}" is one path segment that becomes a parameter */
	dbx_handler_fn handle;
	bool writes;
	bool account; /* the first parameter is an account id, to be compared with the gateway's */
};

/*
 * The row for (method, path), its parameters decoded. NULL with *methods = 0 when no row has the
 * path, else with the methods that it takes.
 */
const struct dbx_route *dbx_route_find(enum dbx_method method, const char *path,
				       char param[DBX_API_PARAMS][DBX_API_PARAM_MAX],
				       unsigned int *methods);

/* "GET, PUT" for a 405. Constant buffer per call site's out. */
void dbx_route_methods(unsigned int methods, char out[64]);

/* Percent-decodes in[0..n) into out; false when it does not fit, is badly coded or holds a NUL. */
bool dbx_url_decode(const char *in, size_t n, bool plus_is_space, char *out, size_t n_out);

#endif
