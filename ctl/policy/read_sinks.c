// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * read_sinks.c -- "kafka" of the log, and "metrics": what the daemon tells whom by TCP.
 *
 * Documents are shown to whoever may read them, and kept with each revision: secrets do not belong
 * there, so options that hold one are accepted in the file of options only.
 */
#include "policy/read_sinks.h"

#include <stdlib.h>
#include <string.h>

#include "policy/read_log.h"

#define BROKERS_MAX    64
#define BROKER_MAX     262 /* a host name, a colon, a port */
#define TOPIC_MAX      249 /* Kafka's own limit */
#define OPTIONS_MAX    64
#define OPTION_KEY_MAX 100
#define OPTION_MAX     4096

#define SMALL  "abcdefghijklmnopqrstuvwxyz"
#define LARGE  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* ---- kafka ---- */

static bool is_of(const char *s, const char *accepted, size_t max)
{
	size_t n = strspn(s, accepted);

	return n && n <= max && !s[n];
}

static int read_broker(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	char q[RD_QUOTE_SIZE];

	if (!s)
		return 0;
	if (is_of(s, SMALL LARGE DIGITS ".-_:[]", BROKER_MAX))
		return dbx_rd_string(r, v, at, dst);
	dbx_rd_error(r, at, "bad-broker",
		     "read broker %s: accepted is a host and a port, for example "
		     "kafka1.example.com:9092 or [2001:db8::9]:9092",
		     dbx_rd_quote(s, q));
	return 0;
}

static int read_brokers(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_log_kafka *k = dst;

	if (json_is_array(v) && !json_array_size(v))
		dbx_rd_error(r, at, "bad-value",
			     "read brokers: the list is empty; write at least one, for example "
			     "[\"kafka1.example.com:9092\"]");
	return dbx_rd_list(r, v, at, BROKERS_MAX, read_broker, &k->brokers, &k->n_brokers);
}

static int read_topic(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	char q[RD_QUOTE_SIZE];

	if (!s)
		return 0;
	if (is_of(s, SMALL LARGE DIGITS "._-", TOPIC_MAX) && strcmp(s, ".") != 0 &&
	    strcmp(s, "..") != 0)
		return dbx_rd_string(r, v, at, dst);
	dbx_rd_error(r, at, "bad-topic",
		     "read topic %s: accepted are 1 to %d letters, digits, dots, hyphens and "
		     "underscores",
		     dbx_rd_quote(s, q), TOPIC_MAX);
	return 0;
}

static bool is_one_of(const char *key, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(key, v[i]) == 0)
			return true;
	}
	return false;
}

const char *dbx_kafka_option_refusal(const char *key, bool in_document)
{
	static const char *const ours[] = {"bootstrap.servers", "metadata.broker.list",
					   "statistics.interval.ms", "log.queue"};
	static const char *const code[] = {"plugin.library.paths", "sasl.kerberos.kinit.cmd"};
	static const char *const secret[] = {
		"sasl.password",
		"ssl.key.password",
		"ssl.key.pem",
		"ssl.keystore.password",
		"sasl.oauthbearer.config",
		"sasl.oauthbearer.client.secret",
	};

	if (!is_of(key, SMALL DIGITS "._", OPTION_KEY_MAX))
		return "accepted are names of librdkafka's options: small letters, digits, dots "
		       "and underscores";
	if (is_one_of(key, ours, sizeof(ours) / sizeof(ours[0])))
		return "the daemon sets it itself";
	if (is_one_of(key, code, sizeof(code) / sizeof(code[0])))
		return "it runs code in the daemon";
	if (strncmp(key, "test.", 5) == 0)
		return "records would go to no real broker";
	if (in_document && is_one_of(key, secret, sizeof(secret) / sizeof(secret[0])))
		return "it is a secret, and documents are shown to readers; write it as a line "
		       "\"key=value\" into the file of \"options_file\"";
	return NULL;
}

static int read_option(struct dbx_rd *r, const char *key, const json_t *v,
		       const struct dbx_rd_at *at, struct dbx_log_kafka *k)
{
	const char *s = dbx_rd_text(r, v, at, "a string"), *why;
	struct dbx_kafka_option *o;
	char q[RD_QUOTE_SIZE];
	size_t len = s ? strlen(s) : 0;

	why = dbx_kafka_option_refusal(key, true);
	for (size_t i = 0; s && i < len && !why; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			why = "control characters are not accepted in its value";
	}
	if (s && len > OPTION_MAX)
		why = "its value is longer than 4096 bytes";
	if (why)
		dbx_rd_error(r, at, "bad-option", "read option %s: %s", dbx_rd_quote(key, q), why);
	if (why || !s)
		return 0;
	o = dbx_rd_append(&k->options, &k->n_options);
	if (!o)
		return -ENOMEM;
	o->key = strdup(key);
	o->value = strdup(s);
	return o->key && o->value ? 0 : -ENOMEM;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct dbx_kafka_option *)a)->key,
		      ((const struct dbx_kafka_option *)b)->key);
}

static int read_options(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_log_kafka *k = dst;
	const char *key;
	json_t *one;
	int rc = 0;

	if (!json_is_object(v)) {
		dbx_rd_error(r, at, "wrong-type",
			     "read options: accepted is an object of strings, for example "
			     "{\"linger.ms\": \"50\"}");
		return 0;
	}
	if (json_object_size(v) > OPTIONS_MAX) {
		dbx_rd_error(r, at, "too-many", "read options: at most %d are accepted",
			     OPTIONS_MAX);
		return 0;
	}
	json_object_foreach((json_t *)v, key, one) {
		if (!rc)
			rc = read_option(r, key, one, RD_KEY(at, key), k);
	}
	if (!rc && k->n_options)
		qsort(k->options, k->n_options, sizeof(k->options[0]), by_key);
	return rc;
}

static int read_options_file(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	return dbx_rd_path(r, v, at, "/etc/dbx-egress/kafka.conf", dst);
}

static const struct dbx_rd_field kafka_fields[] = {
	{"brokers", RD_REQUIRED, 0, read_brokers},
	{"topic", RD_REQUIRED, offsetof(struct dbx_log_kafka, topic), read_topic},
	{"options", 0, 0, read_options},
	{"options_file", 0, offsetof(struct dbx_log_kafka, options_file), read_options_file},
};
static const struct dbx_rd_shape kafka_shape =
	RD_SHAPE("a Kafka topic", kafka_fields, RD_UNKNOWN_KEEP);

int dbx_rd_kafka(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_log_kafka *k = dst;
	int rc = dbx_rd_where(r, at, &k->where);

	k->has = true;
	return rc ? rc : dbx_rd_object(r, v, at, &kafka_shape, k, &k->extra);
}

/* ---- metrics ---- */

/* 1 to 65535 in decimal, without leading zeros; else 0. */
static uint16_t port_of(const char *s)
{
	uint32_t n = 0;

	if (!is_of(s, DIGITS, 5) || *s == '0')
		return 0;
	for (; *s; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	return n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* "192.0.2.1:9479" or "[2001:db8::1]:9479". */
static bool parse_endpoint(const char *s, struct dbx_metrics_options *m)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	bool is_v6 = s[0] == '[';
	char text[DBX_ADDR_STRLEN];

	if (is_v6 && (n < 3 || colon[-1] != ']'))
		return false;
	if (is_v6) {
		s++;
		n -= 2;
	}
	if (!n || n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	m->port = port_of(colon + 1);
	return m->port && !dbx_addr_parse(text, &m->listen) && m->listen.is_v6 == is_v6;
}

static int read_listen(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	char q[RD_QUOTE_SIZE];

	if (s && !parse_endpoint(s, dst))
		dbx_rd_error(r, at, "bad-address",
			     "read listen %s: accepted is an IP address with a port, for example "
			     "127.0.0.1:9479 or [::1]:9479",
			     dbx_rd_quote(s, q));
	return 0;
}

static const struct dbx_rd_field metrics_fields[] = {
	{"listen", RD_REQUIRED, 0, read_listen},
};
static const struct dbx_rd_shape metrics_shape =
	RD_SHAPE("metrics", metrics_fields, RD_UNKNOWN_KEEP);

int dbx_rd_metrics(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_metrics_options *m = dst;
	int rc = dbx_rd_where(r, at, &m->where);

	m->has = true;
	return rc ? rc : dbx_rd_object(r, v, at, &metrics_shape, m, &m->extra);
}
