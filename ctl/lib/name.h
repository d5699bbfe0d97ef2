/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * name.h -- DNS names as policies write them: one canonical form, and how a pattern matches.
 *
 * Canonical: lower case, no trailing dot, at least two labels of letters, digits, hyphen and
 * underscore (RFC 1123 section 2.1; the underscore is what real zones use). Other scripts come as
 * A-labels (RFC 5890), since that is what is seen on the wire.
 */
#ifndef DBX_LIB_NAME_H
#define DBX_LIB_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DBX_NAME_MAX  253 /* longest name as text, RFC 1035 section 2.3.4 */
#define DBX_NAME_SIZE 256 /* buffer for a canonical name or pattern */

enum dbx_name_flags {
	DBX_NAME_WILDCARD_OK = 1 << 0, /* a leading "*." is accepted and kept */
	DBX_NAME_SINGLE_OK = 1 << 1,   /* one label will do: to look for names, not to allow them */
};

/*
 * Write the canonical form of in[0..len) to out. 0, or -EINVAL with out untouched and *why (may be
 * NULL) a constant sentence that follows the quoted name: what is wrong and what is accepted.
 */
int dbx_name_canon_n(const char *in, size_t len, unsigned int flags, char out[DBX_NAME_SIZE],
		     const char **why);

/* The same for a C string without wildcard. */
static inline int dbx_name_canon(const char *in, char out[DBX_NAME_SIZE], const char **why)
{
	return dbx_name_canon_n(in, strlen(in), 0, out, why);
}

/*
 * Both in canonical form. A plain pattern matches itself alone; "*.x" matches one or more labels
 * in front of x, and not x itself.
 */
bool dbx_name_match(const char *pattern, const char *name);

#endif
