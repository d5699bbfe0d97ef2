// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sink_journal.c -- records to systemd's journal, their columns as fields.
 *
 * The journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not sd_journal_sendv(), which
 * waits while the journal is busy and calls a journal that is not there a success.
 */
#include "daemon/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/explain.h"

struct journal {
	struct dbx_sink sink;
	struct sockaddr_un to;
	int fd;
	struct dbx_strbuf b;
};

/* With a length, so that no value can begin a field of its own. */
static void field(struct dbx_strbuf *b, const char *key, const char *value, size_t n)
{
	unsigned char len[8];

	if (!n)
		return;
	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)((uint64_t)n >> (8 * i));
	dbx_strbuf_add(b, key);
	dbx_strbuf_addc(b, '\n');
	dbx_strbuf_addn(b, len, sizeof(len));
	dbx_strbuf_addn(b, value, n);
	dbx_strbuf_addc(b, '\n');
}

static void text(struct dbx_strbuf *b, const char *key, const char *value)
{
	field(b, key, value, strlen(value));
}

static void number(struct dbx_strbuf *b, const char *key, uint64_t n)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRIu64, n);
	text(b, key, value);
}

static void add_fields(struct dbx_strbuf *b, const struct dbx_record *r)
{
	const struct dbx_event *e = &r->event;
	char src[DBX_ADDR_STRLEN], dst[DBX_ADDR_STRLEN], where[300], message[900];

	dbx_record_addrs(r, src, dst);
	dbx_record_destination(r, where);
	snprintf(message, sizeof(message),
		 "%s %s: workspace %" PRIu64 ", %s to %s: %s (%" PRIu64 " packets)",
		 dbx_record_access_type(r), dbx_reason_slug((enum dbx_reason)e->reason),
		 (uint64_t)e->workspace_id, *src ? src : "unknown", *where ? where : "unknown",
		 dbx_reason_text((enum dbx_reason)e->reason), r->packets);
	text(b, "MESSAGE", message);
	text(b, "PRIORITY", e->verdict == DBX_VERDICT_DROP ? "4" : "5");
	text(b, "SYSLOG_IDENTIFIER", "dbx-egress");
	text(b, "DBX_ACCOUNT_ID", r->account_id);
	if (e->workspace_id)
		number(b, "DBX_WORKSPACE_ID", e->workspace_id);
	text(b, "DBX_EVENT_ID", r->event_id);
	text(b, "DBX_DESTINATION_TYPE", dbx_record_type_name(dbx_record_type(r)));
	text(b, "DBX_DESTINATION", where);
	text(b, "DBX_ACCESS_TYPE", dbx_record_access_type(r));
	if (e->workspace_id)
		text(b, "DBX_NETWORK_SOURCE_TYPE", dbx_product_name((enum dbx_product)e->product));
	text(b, "DBX_NETWORK_POLICY_ID", r->policy_id);
	text(b, "DBX_REASON", dbx_reason_slug((enum dbx_reason)e->reason));
	number(b, "DBX_GENERATION", e->generation);
	text(b, "DBX_SRC_IP", src);
	text(b, "DBX_DST_IP", dst);
	if (e->flags & DBX_EVENT_F_HAS_PORTS)
		number(b, "DBX_DST_PORT", e->dport);
	if (e->flags & DBX_EVENT_F_HAS_TUPLE)
		number(b, "DBX_IP_PROTO", e->proto);
	text(b, "DBX_NAME", r->name);
	text(b, "DBX_INTERFACE", r->interface);
	text(b, "DBX_RULE", r->rule_text);
	text(b, "DBX_RULE_DOCUMENT", r->rule_doc);
	text(b, "DBX_RULE_POINTER", r->rule_ptr);
	number(b, "DBX_PACKETS", r->packets);
	number(b, "DBX_BYTES", r->bytes);
}

static int journal_write(struct dbx_sink *s, const struct dbx_record *r, const char *line,
			 size_t len)
{
	struct journal *j = (struct journal *)s;
	int err;

	dbx_strbuf_reset(&j->b);
	add_fields(&j->b, r);
	field(&j->b, "DBX_RECORD", line, len);
	if (j->b.err) {
		err = ENOMEM;
	} else {
		if (sendto(j->fd, j->b.s, j->b.len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *)&j->to, sizeof(j->to)) == (ssize_t)j->b.len)
			return 0;
		err = errno;
	}
	snprintf(s->error, sizeof(s->error), "writing to %s: %s", j->to.sun_path, strerror(err));
	return -err;
}

static int journal_tick(struct dbx_sink *s, int64_t now_ms)
{
	(void)s;
	(void)now_ms;
	return 0;
}

static void journal_status(const struct dbx_sink *s, struct dbx_strbuf *b)
{
	(void)s;
	(void)b;
}

static void journal_close(struct dbx_sink *s)
{
	struct journal *j = (struct journal *)s;

	close(j->fd);
	dbx_strbuf_fini(&j->b);
	free(j);
}

static const struct dbx_sink_ops journal_ops = {
	.name = "journal",
	.write = journal_write,
	.tick = journal_tick,
	.status = journal_status,
	.close = journal_close,
};

struct dbx_sink *dbx_sink_journal_open(const char *socket_path)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->sink.ops = &journal_ops;
	j->to.sun_family = AF_UNIX;
	snprintf(j->to.sun_path, sizeof(j->to.sun_path), "%s", socket_path);
	dbx_strbuf_init(&j->b);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (j->fd < 0) {
		free(j);
		return NULL;
	}
	return &j->sink;
}
