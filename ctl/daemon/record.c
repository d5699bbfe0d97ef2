// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * record.c -- one flow over one interval as one JSON line.
 *
 * The columns come in the vendor's order, each of them always, null where there is nothing to say.
 * A storage host gives a STORAGE row that fills dns_event too, since readers look into both.
 */
#include "daemon/record.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/when.h"
#include "policy/explain.h"
#include "policy/storage_host.h"

static void text(struct dbx_strbuf *b, const char *key, const char *value)
{
	dbx_strbuf_addf(b, "\"%s\":", key);
	if (!value || !*value) {
		dbx_strbuf_add(b, "null");
		return;
	}
	dbx_strbuf_addc(b, '"');
	dbx_strbuf_add_json_escaped(b, value, strlen(value));
	dbx_strbuf_addc(b, '"');
}

static void add_text(struct dbx_strbuf *b, const char *key, const char *value)
{
	dbx_strbuf_addc(b, ',');
	text(b, key, value);
}

static struct dbx_addr addr_of(const struct dbx_event *e, const uint8_t a[16])
{
	struct dbx_addr out = {.is_v6 = (e->flags & DBX_EVENT_F_IPV6) != 0};

	memcpy(out.a, a, out.is_v6 ? 16 : 4);
	return out;
}

void dbx_record_addrs(const struct dbx_record *r, char src[DBX_ADDR_STRLEN],
		      char dst[DBX_ADDR_STRLEN])
{
	struct dbx_addr a;

	src[0] = dst[0] = '\0';
	if (!(r->event.flags & DBX_EVENT_F_HAS_TUPLE))
		return;
	a = addr_of(&r->event, r->event.src);
	dbx_addr_format(&a, src);
	a = addr_of(&r->event, r->event.dst);
	dbx_addr_format(&a, dst);
}

/* ---- type and destination ---- */

enum dbx_record_type dbx_record_type(const struct dbx_record *r)
{
	struct dbx_storage_host h;

	if (!r->name[0])
		return DBX_RECORD_IP;
	return dbx_storage_host_parse(r->name, &h) ? DBX_RECORD_STORAGE : DBX_RECORD_DNS;
}

const char *dbx_record_type_name(enum dbx_record_type t)
{
	static const char *const names[] = {
		[DBX_RECORD_DNS] = "DNS", [DBX_RECORD_IP] = "IP", [DBX_RECORD_STORAGE] = "STORAGE"};

	return names[t];
}

const char *dbx_record_access_type(const struct dbx_record *r)
{
	return r->event.verdict == DBX_VERDICT_PASS
		       ? "ALLOW"
		       : dbx_verdict_name((enum dbx_verdict)r->event.verdict);
}

/* "s3://bucket", "gs://bucket"; an Azure account and a host of many buckets by the host's name. */
static void location(const char *name, const struct dbx_storage_host *h, char out[300])
{
	if (h->type == DBX_STORAGE_AZURE || !h->bucket[0])
		snprintf(out, 300, "%s", name);
	else
		snprintf(out, 300, "%s://%s", h->type == DBX_STORAGE_GCS ? "gs" : "s3", h->bucket);
}

void dbx_record_destination(const struct dbx_record *r, char out[300])
{
	char src[DBX_ADDR_STRLEN], dst[DBX_ADDR_STRLEN];
	struct dbx_storage_host h;

	if (r->name[0] && dbx_storage_host_parse(r->name, &h)) {
		location(r->name, &h, out);
	} else if (r->name[0]) {
		snprintf(out, 300, "%s", r->name);
	} else {
		dbx_record_addrs(r, src, dst);
		snprintf(out, 300, "%s", dst);
	}
}

/* ---- the structs of the columns ---- */

/* rdata: of the resolver's answer, or where a flow that said the name went. */
static void out_dns(const struct dbx_record *r, const char *dst, struct dbx_strbuf *b)
{
	char addr[DBX_ADDR_STRLEN];
	bool is_answer = r->rcode != DBX_RECORD_RCODE_NONE;

	dbx_strbuf_add(b, ",\"dns_event\":");
	if (!r->name[0]) {
		dbx_strbuf_add(b, "null");
		return;
	}
	dbx_strbuf_addc(b, '{');
	text(b, "domain_name", r->name);
	if (is_answer)
		dbx_strbuf_addf(b, ",\"rcode\":%d,\"rdata\":[", r->rcode);
	else
		dbx_strbuf_add(b, ",\"rcode\":null,\"rdata\":[");
	for (size_t i = 0; is_answer && i < r->n_rdata && i < DBX_RECORD_RDATA_MAX; i++)
		dbx_strbuf_addf(b, "%s\"%s\"", i ? "," : "", dbx_addr_format(&r->rdata[i], addr));
	if (!is_answer && *dst)
		dbx_strbuf_addf(b, "\"%s\"", dst);
	dbx_strbuf_add(b, "]}");
}

static void out_ip(const struct dbx_record *r, const char *dst, struct dbx_strbuf *b)
{
	if (!r->name[0] && *dst)
		dbx_strbuf_addf(b, ",\"ip_event\":{\"ip_address\":\"%s\"}", dst);
	else
		dbx_strbuf_add(b, ",\"ip_event\":null");
}

/* The vendor's known reason is for a bucket that is not listed; else ours. Paths are encrypted. */
static void out_storage(const struct dbx_record *r, struct dbx_strbuf *b)
{
	struct dbx_storage_host h;
	char where[300];

	dbx_strbuf_add(b, ",\"storage_event\":");
	if (!r->name[0] || !dbx_storage_host_parse(r->name, &h)) {
		dbx_strbuf_add(b, "null");
		return;
	}
	location(r->name, &h, where);
	dbx_strbuf_addc(b, '{');
	text(b, "hostname", where);
	add_text(b, "path", NULL);
	if (r->event.verdict == DBX_VERDICT_PASS)
		add_text(b, "rejection_reason", NULL);
	else
		add_text(b, "rejection_reason",
			 h.bucket[0] ? "storage-bucket-path-denied"
				     : dbx_reason_slug((enum dbx_reason)r->event.reason));
	dbx_strbuf_addc(b, '}');
}

/* ---- our own object ---- */

static void out_domain(uint32_t domain, struct dbx_strbuf *b)
{
	dbx_strbuf_add(b, ",\"domain\":");
	if (domain & DBX_DOMAIN_VNI)
		dbx_strbuf_addf(b, "{\"vni\":%u}", domain & 0xffffff);
	else if (domain & DBX_DOMAIN_QINQ)
		dbx_strbuf_addf(b, "{\"vlan\":%u,\"inner_vlan\":%u}", domain >> 12 & 0xfff,
				domain & 0xfff);
	else if (domain)
		dbx_strbuf_addf(b, "{\"vlan\":%u}", domain & 0xfff);
	else
		dbx_strbuf_add(b, "null");
}

static void out_ports(const struct dbx_event *e, struct dbx_strbuf *b)
{
	bool has = e->flags & DBX_EVENT_F_HAS_PORTS;
	bool icmp = e->proto == IPPROTO_ICMP || e->proto == IPPROTO_ICMPV6;

	if (has && icmp)
		dbx_strbuf_addf(b,
				",\"src_port\":null,\"dst_port\":null,\"icmp_type\":%u,"
				"\"icmp_code\":%u",
				e->dport >> 8, e->dport & 0xff);
	else if (has)
		dbx_strbuf_addf(b, ",\"src_port\":%u,\"dst_port\":%u", e->sport, e->dport);
	else
		dbx_strbuf_add(b, ",\"src_port\":null,\"dst_port\":null");
	if (e->flags & DBX_EVENT_F_HAS_TUPLE)
		dbx_strbuf_addf(b, ",\"ip_proto\":%u", e->proto);
	else
		dbx_strbuf_add(b, ",\"ip_proto\":null");
}

static void out_rule(const struct dbx_record *r, struct dbx_strbuf *b)
{
	if (!r->event.rule_uid) {
		dbx_strbuf_add(b, ",\"rule\":null");
		return;
	}
	dbx_strbuf_addf(b, ",\"rule\":{\"uid\":\"%016" PRIx64 "\"", (uint64_t)r->event.rule_uid);
	add_text(b, "text", r->rule_text);
	add_text(b, "document", r->rule_doc);
	add_text(b, "pointer", r->rule_ptr);
	dbx_strbuf_addc(b, '}');
}

static void out_extension(const struct dbx_record *r, const char *src, const char *dst,
			  struct dbx_strbuf *b)
{
	const struct dbx_event *e = &r->event;
	char first[DBX_TIME_SIZE], last[DBX_TIME_SIZE];

	dbx_strbuf_add(b, ",\"x_dbx_egress\":{");
	text(b, "network_policy_id", r->policy_id);
	dbx_strbuf_addf(b, ",\"generation\":%" PRIu64, (uint64_t)e->generation);
	add_text(b, "reason", dbx_reason_slug((enum dbx_reason)e->reason));
	add_text(b, "verdict", dbx_verdict_name((enum dbx_verdict)e->verdict));
	add_text(b, "path", dbx_path_name((enum dbx_path)e->path));
	out_rule(r, b);
	add_text(b, "src_ip", src);
	add_text(b, "dst_ip", dst);
	out_ports(e, b);
	out_domain(e->domain, b);
	add_text(b, "interface", r->interface);
	add_text(b, "name", r->name);
	dbx_strbuf_addf(b, ",\"fragment\":%s", e->flags & DBX_EVENT_F_FRAGMENT ? "true" : "false");
	dbx_strbuf_addf(b, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64, r->packets, r->bytes);
	dbx_strbuf_addf(b, ",\"first_time\":\"%s\",\"last_time\":\"%s\"",
			dbx_time_format(r->first_ms, DBX_TIME_MS, first),
			dbx_time_format(r->last_ms, DBX_TIME_MS, last));
	if (r->is_open)
		dbx_strbuf_add(b, ",\"open\":true");
	dbx_strbuf_addc(b, '}');
}

int dbx_record_line(const struct dbx_record *r, struct dbx_strbuf *b)
{
	const struct dbx_event *e = &r->event;
	char src[DBX_ADDR_STRLEN], dst[DBX_ADDR_STRLEN], where[300], when[DBX_TIME_SIZE];

	dbx_record_addrs(r, src, dst);
	dbx_record_destination(r, where);
	dbx_strbuf_addc(b, '{');
	text(b, "account_id", r->account_id);
	if (e->workspace_id)
		dbx_strbuf_addf(b, ",\"workspace_id\":\"%" PRIu64 "\"", (uint64_t)e->workspace_id);
	else
		dbx_strbuf_add(b, ",\"workspace_id\":null");
	add_text(b, "event_id", r->event_id);
	add_text(b, "destination_type", dbx_record_type_name(dbx_record_type(r)));
	add_text(b, "destination", where);
	out_dns(r, dst, b);
	out_ip(r, dst, b);
	out_storage(r, b);
	add_text(b, "event_time", dbx_time_format(r->first_ms, DBX_TIME_MS_NO_ZONE, when));
	add_text(b, "access_type", dbx_record_access_type(r));
	add_text(b, "network_source_type",
		 e->workspace_id ? dbx_product_name((enum dbx_product)e->product) : NULL);
	out_extension(r, src, dst, b);
	return dbx_strbuf_addc(b, '}');
}
