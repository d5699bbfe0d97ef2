// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * term.c -- what terminfo knows of the terminal.
 */
#include "cli/term.h"

#include <unistd.h>

#include <curses.h>
#include <term.h>

bool dbx_term_is_known(void)
{
	int error;

	if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
		return false;
	del_curterm(cur_term);
	return true;
}
