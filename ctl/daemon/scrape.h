/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scrape.h -- GET /metrics by TCP, and nothing else: for scrapers, which speak no Unix sockets.
 *
 * That an address cannot be listened on is a state that is shown and tried again, never a failure.
 */
#ifndef DBX_DAEMON_SCRAPE_H
#define DBX_DAEMON_SCRAPE_H

#include "lib/strbuf.h"
#include "policy/model.h"

struct event_base;
struct dbx_scrape;

#define DBX_SCRAPE_CONNECTIONS 8

/* The text to be served, 0 or -errno. It is kept for a second, so that asking often costs little. */
typedef int (*dbx_scrape_fn)(void *arg, struct dbx_strbuf *b);

/* Listens nowhere yet. 0 or -ENOMEM. */
int dbx_scrape_open(struct dbx_scrape **s, struct event_base *base, dbx_scrape_fn fn, void *arg);
void dbx_scrape_close(struct dbx_scrape **s);

/* What o says from now on; what is served already is cut off when the address is another. */
void dbx_scrape_change(struct dbx_scrape *s, const struct dbx_metrics_options *o);
void dbx_scrape_retry(struct dbx_scrape *s);                              /* every few seconds */
void dbx_scrape_status(const struct dbx_scrape *s, struct dbx_strbuf *b); /* "metrics":... */

#endif
