/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_write.c -- what the generators of documents share.
 */
#include "common/gen_write.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gen_out(struct gen_writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dbx_strbuf_addv(&w->b, fmt, ap);
	va_end(ap);
}

void gen_document_end(struct gen_writer *w, const char *name)
{
	struct gen_doc *d = &w->m->docs[w->m->n_docs];

	if (w->m->n_docs == GEN_DOCS_MAX)
		abort();
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->len = w->b.len;
	d->text = dbx_strbuf_steal(&w->b);
	if (!d->text)
		abort();
	w->m->n_docs++;
}

void gen_clear_host_bits(struct gen_prefix *p)
{
	for (int bit = p->len; bit < (p->addr.is_v6 ? 128 : 32); bit++)
		p->addr.a[bit / 8] &= (uint8_t) ~(0x80 >> (bit & 7));
}

/* Short ones are rare, as they swallow everything else. */
static struct gen_prefix pick_prefix(struct gen_rand *r, bool is_v6)
{
	static const uint8_t lens4[] = {32, 32, 31, 30, 29, 28, 27, 26, 24, 17, 16, 15};
	static const uint8_t lens6[] = {128, 128, 127, 124, 123, 112, 97, 96, 95,
					65,  64,  63,  48,  33,  32,  31, 16};
	struct gen_prefix p = {.addr = gen_addr(r, is_v6)};

	p.len = is_v6 ? PICK(r, lens6) : PICK(r, lens4);
	if (gen_percent(r, 3))
		p.len = (uint8_t)gen_below(r, is_v6 ? 129 : 33);
	gen_clear_host_bits(&p);
	return p;
}

void gen_out_prefix(struct gen_writer *w, const struct gen_prefix *p, bool is_bare)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(p->addr.is_v6 ? AF_INET6 : AF_INET, p->addr.a, text, sizeof(text));
	if (is_bare)
		gen_out(w, "\"%s\"", text);
	else
		gen_out(w, "\"%s/%u\"", text, p->len);
	if (w->m->n_prefixes < GEN_PREFIXES_MAX)
		w->m->prefixes[w->m->n_prefixes++] = *p;
}

/* A prefix that is near one that something else uses already, every other time. */
struct gen_prefix gen_related_prefix(struct gen_writer *w)
{
	struct gen_prefix p = pick_prefix(w->r, gen_percent(w->r, 40));

	if (w->m->n_prefixes && gen_percent(w->r, 40)) {
		struct gen_prefix *of =
			&w->m->prefixes[gen_below(w->r, (uint32_t)w->m->n_prefixes)];

		p.addr = gen_addr_at(w->r, of);
		if (p.addr.is_v6 == of->addr.is_v6)
			p.len = (uint8_t)(of->len + gen_below(w->r, 3));
		if (p.len > (p.addr.is_v6 ? 128 : 32))
			p.len = p.addr.is_v6 ? 128 : 32;
		gen_clear_host_bits(&p);
	}
	return p;
}

void gen_out_prefixes(struct gen_writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gen_prefix p = gen_related_prefix(w);

		gen_out(w, "%s", i ? ", " : "");
		gen_out_prefix(w, &p, false);
	}
}

void gen_out_addresses(struct gen_writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gen_prefix p = pick_prefix(w->r, gen_percent(w->r, 40));

		p.len = p.addr.is_v6 ? 128 : 32;
		p.addr = gen_addr(w->r, p.addr.is_v6);
		gen_out(w, "%s", i ? ", " : "");
		gen_out_prefix(w, &p, true);
	}
}
