// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c -- dbx-egressctl: reads the command line and hands over to the command.
 */
#include "cli/cli.h"
#include "cli/out.h"

#include <curl/curl.h>

int main(int argc, char **argv)
{
	struct dbx_cli cli;
	int code;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	code = dbx_cli_parse(&cli, argc, argv);
	if (!code)
		code = dbx_out_finish(cli.cmd->run(&cli));
	dbx_cli_fini(&cli);
	curl_global_cleanup();
	return code;
}
