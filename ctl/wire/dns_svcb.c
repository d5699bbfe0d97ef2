// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_svcb.c -- SVCB and HTTPS records without what would lead a client past the name check.
 *
 * Address hints (RFC 9460 section 7.3) are addresses that nobody learned; ECH keys (RFC 9849) hide the
 * name that the flow speaks. Both are hints: a client does without them.
 */
#include "wire/dns_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MANDATORY = 0, KEY_IPV4HINT = 4, KEY_ECH = 5, KEY_IPV6HINT = 6 };

static bool is_removed(unsigned int key, bool keep_ech)
{
	return key == KEY_IPV4HINT || key == KEY_IPV6HINT || (key == KEY_ECH && !keep_ech);
}

/* Copies the parameters that stay; false: they cannot be read. */
static bool copy_params(const uint8_t *p, size_t n, bool keep_ech, uint8_t *to, size_t *n_to)
{
	int last = -1;

	*n_to = 0;
	while (n >= 4) {
		unsigned int key = dns_rd16(p);
		size_t len = dns_rd16(p + 2);

		if (len + 4 > n || (int)key <= last)
			return false;
		last = (int)key;
		for (size_t i = 0; key == KEY_MANDATORY && i < len; i += 2) {
			if (len % 2 || is_removed(dns_rd16(p + 4 + i), keep_ech))
				return false;
		}
		if (!is_removed(key, keep_ech)) {
			memcpy(to + *n_to, p, len + 4);
			*n_to += len + 4;
		}
		p += len + 4;
		n -= len + 4;
	}
	return n == 0;
}

/* The record's data as one string of octets, whichever fields ldns cut it into. */
static uint8_t *flatten(const ldns_rr *rr, size_t *n)
{
	uint8_t *p;

	*n = 0;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
		*n += ldns_rdf_size(ldns_rr_rdf(rr, i));
	p = malloc(*n + 1);
	if (!p)
		return NULL;
	*n = 0;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *f = ldns_rr_rdf(rr, i);

		memcpy(p + *n, ldns_rdf_data(f), ldns_rdf_size(f));
		*n += ldns_rdf_size(f);
	}
	return p;
}

static int replace_rdata(ldns_rr *rr, const uint8_t *data, size_t n)
{
	ldns_rdf *f = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, n, data), *old;

	if (!f)
		return -ENOMEM;
	while ((old = ldns_rr_pop_rdf(rr)))
		ldns_rdf_deep_free(old);
	if (!ldns_rr_push_rdf(rr, f)) {
		ldns_rdf_deep_free(f);
		return -ENOMEM;
	}
	return 0;
}

int dbx_dns_svcb_strip(ldns_rr *rr, bool keep_ech)
{
	size_t n, at = 2, n_params;
	uint8_t *data = flatten(rr, &n), *kept;
	int rc = -ENOENT;

	kept = malloc(n + 1);
	if (!data || !kept) {
		rc = -ENOMEM;
	} else if (n > 2 && dbx_dns_name_skip(data, n, &at) &&
		   copy_params(data + at, n - at, keep_ech, kept + at, &n_params)) {
		memcpy(kept, data, at);
		rc = at + n_params == n ? 0 : replace_rdata(rr, kept, at + n_params);
	}
	free(data);
	free(kept);
	return rc;
}
