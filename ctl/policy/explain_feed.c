/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_feed.c -- where a service tag's range comes from: the range file, its edition, its document.
 *
 * Range files change every week; who asks why a packet passes wants to know which edition said so.
 */
#include "policy/explain_feed.h"

#include <stdio.h>

struct search {
	const struct dbx_addr *a;
	const struct dbx_feed *feed;
	const struct dbx_tag *tag;
	const struct dbx_prefix *prefix; /* the longest so far */
};

static int look(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	struct search *s = arg;

	for (uint32_t i = 0; i < tag->n; i++) {
		const struct dbx_prefix *p = &feed->prefixes[tag->first + i].prefix;

		if (!dbx_prefix_contains(p, s->a) || (s->prefix && s->prefix->len >= p->len))
			continue;
		s->prefix = p;
		s->feed = feed;
		s->tag = tag;
	}
	return 0;
}

const char *dbx_explain_feed(const struct dbx_model *m, const struct dbx_tag_ref *t,
			     const struct dbx_addr *a, char buf[DBX_FEED_STRLEN])
{
	struct search s = {.a = a};
	char prefix[DBX_PREFIX_STRLEN];
	const char *doc;

	buf[0] = '\0';
	dbx_model_find_tags(m, t->tag, t->cloud, look, &s);
	if (!s.prefix)
		return buf;
	doc = dbx_model_doc_name(m, &s.feed->where);
	snprintf(buf, DBX_FEED_STRLEN, "%s of service tag %.100s (%.40s %.40s%s%.70s)",
		 dbx_prefix_format(s.prefix, prefix), s.tag->name, s.feed->cloud, s.feed->version,
		 doc[0] ? ", " : "", doc);
	return buf;
}
