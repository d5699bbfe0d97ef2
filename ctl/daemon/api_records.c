// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_records.c -- GET records/{event_id}: a record as its line was written.
 */
#include "daemon/api.h"

#include <stdlib.h>

#include "daemon/records.h"

void dbx_api_record_get(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	struct dbx_fail f;
	char *line = NULL;

	if (dbx_records_get(d->records, req->param[0], &line, &f))
		dbx_reply_fail(reply, &f, NULL);
	else
		dbx_strbuf_add(&reply->body, line);
	free(line);
}
