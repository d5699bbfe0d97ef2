// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_entries.c -- GET entries: each allow entry in force, what passed by it, and when last.
 *
 * Entries are known by what they say: as long as an entry stays as it is, its packets and its times go
 * on over applies and restarts. Packets are those of the program's counters, which a reboot begins
 * anew; the time of the last one is in the state, and outlives that.
 */
#include "daemon/api.h"
#include "daemon/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/usage.h"
#include "lib/idmap.h"

struct entries {
	const struct dbx_img_rule *rules; /* of the image in force */
	uint32_t n;
	struct dbx_idmap by_uid;
	struct dbx_counter *passed; /* by number of the rule */
};

/* Entries that somebody wrote to allow something; the rest is isolation and defaults. */
static bool is_allow(const char *ptr)
{
	static const char *const keys[] = {"/allowed_", "/platform_sets/", "/workspace_storage/",
					   "/private_endpoints/"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strstr(ptr, keys[i]))
			return true;
	}
	return false;
}

static int add_up(void *arg, const struct dbx_dp_counter *c)
{
	struct entries *e = arg;
	uint32_t i;

	if (c->key.verdict == DBX_VERDICT_PASS && dbx_idmap_get(&e->by_uid, c->key.rule_uid, &i)) {
		e->passed[i].packets += c->value.packets;
		e->passed[i].bytes += c->value.bytes;
	}
	return 0;
}

static int load(struct dbx_daemon *d, struct entries *e)
{
	int rc = 0;

	e->rules = dbx_image_section(&d->core.now.img, DBX_SEC_RULES, &e->n);
	e->passed = calloc((size_t)e->n + 1, sizeof(*e->passed));
	if (!e->passed)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->n && !rc; i++)
		rc = dbx_idmap_set(&e->by_uid, e->rules[i].uid, i);
	return rc ? rc : d->core.ops->counters(d->core.dp, add_up, e);
}

static void take_first(void *arg, const struct dbx_rule_name *r)
{
	*(int64_t *)arg = r->first_s;
}

static int out_entry(struct dbx_daemon *d, struct dbx_strbuf *b, const struct dbx_img_rule *r,
		     const struct dbx_counter *passed, struct dbx_fail *f)
{
	const struct dbx_image *img = &d->core.now.img;
	const char *doc = dbx_image_string(img, r->doc), *ptr = dbx_image_string(img, r->ptr);
	const char *policy = dbx_image_string(img, r->policy);
	char *file = NULL, *full_ptr = NULL;
	int64_t last_s = 0, first_s = 0;
	int rc = dbx_store_hit(d->core.store, r->uid, &last_s, f);

	if (rc)
		return rc;
	dbx_store_rule(d->core.store, r->uid, take_first, &first_s);
	dbx_docs_place(doc, ptr, &file, &full_ptr);
	dbx_strbuf_addf(b, "{\"rule_uid\":\"%016" PRIx64 "\",", (uint64_t)r->uid);
	dbx_out_string(b, "policy", policy[0] ? policy : NULL);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "rule", dbx_image_string(img, r->text));
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "document", file ? file : doc);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "pointer", full_ptr ? full_ptr : ptr);
	dbx_strbuf_addf(b, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
			(uint64_t)passed->packets, (uint64_t)passed->bytes);
	dbx_out_time(b, "first_time", first_s);
	dbx_strbuf_addc(b, ',');
	dbx_out_time(b, "last_time", last_s);
	dbx_strbuf_addc(b, '}');
	free(file);
	free(full_ptr);
	return 0;
}

static int out_entries(struct dbx_daemon *d, struct dbx_strbuf *b, const struct entries *e,
		       struct dbx_fail *f)
{
	const char *sep = "";
	int64_t begin_s = 0;
	int rc = dbx_store_hits_begin(d->core.store, &begin_s, f);

	dbx_strbuf_addf(b, "{\"generation\":%" PRIu64 ",", d->core.generation);
	dbx_out_time(b, "known_since", begin_s);
	dbx_strbuf_add(b, ",\"entries\":[");
	for (uint32_t i = 0; i < e->n && !rc; i++) {
		if (!is_allow(dbx_image_string(&d->core.now.img, e->rules[i].ptr)))
			continue;
		dbx_strbuf_add(b, sep);
		rc = out_entry(d, b, &e->rules[i], &e->passed[i], f);
		sep = ",\n";
	}
	dbx_strbuf_add(b, "],");
	dbx_out_string(b, "error",
		       *dbx_usage_error(d->core.usage) ? dbx_usage_error(d->core.usage) : NULL);
	dbx_strbuf_addc(b, '}');
	return rc;
}

void dbx_api_entries(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct entries e = {.n = 0};
	struct dbx_fail f;
	int rc;

	(void)req;
	if (!d->core.now.mem) {
		dbx_reply_error(reply, 409, "RESOURCE_CONFLICT",
				"nothing has been applied yet: there are no entries");
		return;
	}
	/* What cannot be written now is written later: the times are then of the sample before. */
	dbx_usage_sample(d->core.usage, dbx_now_ms() / 1000, &f);
	rc = load(d, &e);
	if (rc)
		dbx_fail_set(&f, rc, DBX_FAIL_INTERNAL, "reading the counters: %s",
			     dbx_process_why(rc));
	else
		rc = out_entries(d, &reply->body, &e, &f);
	if (rc) {
		dbx_strbuf_reset(&reply->body);
		dbx_reply_fail(reply, &f, NULL);
	}
	dbx_idmap_fini(&e.by_uid);
	free(e.passed);
}
