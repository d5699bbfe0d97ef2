/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term.h -- what terminfo knows of the terminal. Its own header defines macros with everyday names: only
 * term.c includes it.
 */
#ifndef DBX_CLI_TERM_H
#define DBX_CLI_TERM_H

#include <stdbool.h>

bool dbx_term_is_known(void); /* the terminal of standard output, by TERM */

#endif
