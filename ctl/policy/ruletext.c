/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ruletext.c -- what a rule says, in one line.
 */
#include "policy/ruletext.h"

#include <string.h>

#include "lib/hash.h"
#include "lib/proto.h"

uint64_t dbx_rule_uid(const char *policy_id, const char *text)
{
	uint64_t uid = dbx_hash64(policy_id, strlen(policy_id) + 1, 0);

	uid = dbx_hash64(text, strlen(text), uid);
	return uid + !uid; /* 0 stands for no rule */
}

void dbx_ruletext_policy(struct dbx_strbuf *b, const struct dbx_policy *p)
{
	dbx_strbuf_reset(b);
	dbx_strbuf_addf(b, "network policy %s (%s)", p->id, dbx_mode_name(p->mode));
}

void dbx_ruletext_internet(struct dbx_strbuf *b, const struct dbx_internet_dest *d, bool blocked)
{
	dbx_strbuf_reset(b);
	dbx_strbuf_addf(b, "%s %s %s", blocked ? "blocked" : "allowed",
			d->type == DBX_DEST_DNS_NAME ? "name" : "address range", d->destination);
}

void dbx_ruletext_storage(struct dbx_strbuf *b, const struct dbx_storage_dest *d)
{
	static const char *const types[] = {
		[DBX_STORAGE_UNSPECIFIED] = "unspecified",
		[DBX_STORAGE_AWS_S3] = "AWS_S3",
		[DBX_STORAGE_AZURE] = "AZURE_STORAGE",
		[DBX_STORAGE_GCS] = "GOOGLE_CLOUD_STORAGE",
		[DBX_STORAGE_CLOUDFLARE_R2] = "CLOUDFLARE_R2",
	};
	const char *name = d->bucket_name ? d->bucket_name : d->azure_account;
	const char *part = d->bucket_name ? d->region : d->azure_service;

	dbx_strbuf_reset(b);
	dbx_strbuf_addf(b, "allowed storage destination %s %s%s%s", types[d->type],
			name ? name : "", part ? " " : "", part ? part : "");
}

/* " tcp 443,8443-8451"; long lists end in "...". */
static void add_ports(struct dbx_strbuf *b, uint16_t proto, const struct dbx_port_range *ports,
		      size_t n)
{
	const int shift = proto == 1 || proto == 58 ? 8 : 0; /* ICMP: types */
	const char *name = dbx_proto_name(proto);
	const size_t start = b->len;

	if (proto == DBX_PROTO_ANY)
		return;
	if (name)
		dbx_strbuf_addf(b, " %s", name);
	else
		dbx_strbuf_addf(b, " protocol %u", proto);
	for (size_t i = 0; i < n; i++) {
		unsigned int lo = (unsigned int)ports[i].lo >> shift;
		unsigned int hi = (unsigned int)ports[i].hi >> shift;

		if (b->len - start > 80) {
			dbx_strbuf_add(b, "...");
			return;
		}
		dbx_strbuf_addf(b, lo == hi ? "%c%u" : "%c%u-%u", i ? ',' : ' ', lo, hi);
	}
}

void dbx_ruletext_dest(struct dbx_strbuf *b, enum dbx_dest_list list, const struct dbx_dest_set *s)
{
	static const char *const lists[] = {
		[DBX_LIST_BLOCKED] = "blocked_destinations",
		[DBX_LIST_PLATFORM] = "platform set",
		[DBX_LIST_STORAGE] = "workspace storage",
		[DBX_LIST_ALLOWED] = "allowed_destinations",
	};

	dbx_strbuf_reset(b);
	dbx_strbuf_addf(b, "%s \"%s\"", lists[list], s->label ? s->label : "");
	add_ports(b, s->proto, s->ports, s->n_ports);
}

void dbx_ruletext_service(struct dbx_strbuf *b, const struct dbx_service *s)
{
	dbx_strbuf_reset(b);
	dbx_strbuf_add(b, "gateway service");
	add_ports(b, s->proto, s->ports, s->n_ports);
}
