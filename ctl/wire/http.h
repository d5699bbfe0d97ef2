/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http.h -- the host that a plain HTTP request asks for (RFC 9112), read strictly: where two servers
 * might read a request differently, it is refused.
 */
#ifndef DBX_WIRE_HTTP_H
#define DBX_WIRE_HTTP_H

#include <stddef.h>
#include <stdint.h>

#define DBX_HTTP_HEAD_MAX 4096u
#define DBX_HTTP_BODY_MAX 0x7fffffffu

enum dbx_http_status {
	DBX_HTTP_MORE, /* the head is not whole yet */
	DBX_HTTP_DONE,
	DBX_HTTP_BAD,  /* not a request that all would read alike */
	DBX_HTTP_LONG, /* no end within DBX_HTTP_HEAD_MAX */
};

struct dbx_http_head {
	const char *host; /* as written, without the port; into the head */
	size_t n_host;
	size_t n_head;   /* bytes up to and with the empty line */
	uint32_t n_body; /* Content-Length, 0 when there is none */
};

/* out is filled when DONE is returned; host and n_host also when BAD follows them, else n_host 0. */
enum dbx_http_status dbx_http_read(const uint8_t *p, size_t n, struct dbx_http_head *out);

#endif
