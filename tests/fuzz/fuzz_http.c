/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_http.c -- any bytes as the head of an HTTP request: what was read lies inside it, and what
 * follows the head changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dbx_http_head h, again;
	uint8_t *p;

	if (dbx_http_read(data, size, &h) != DBX_HTTP_DONE)
		return 0;
	must(h.n_head <= size && h.n_head <= DBX_HTTP_HEAD_MAX && h.n_body <= DBX_HTTP_BODY_MAX);
	must((const uint8_t *)h.host >= data &&
	     (const uint8_t *)h.host + h.n_host <= data + h.n_head);
	must(!memcmp(data + h.n_head - 4, "\r\n\r\n", 4));
	p = malloc(h.n_head);
	must(p != NULL);
	memcpy(p, data, h.n_head);
	must(dbx_http_read(p, h.n_head, &again) == DBX_HTTP_DONE);
	must(again.n_host == h.n_host && again.n_body == h.n_body);
	must(dbx_http_read(p, h.n_head - 1, &again) != DBX_HTTP_DONE);
	free(p);
	return 0;
}
