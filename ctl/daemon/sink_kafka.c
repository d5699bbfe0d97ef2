// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sink_kafka.c -- records as messages of a Kafka topic, keyed by workspace.
 *
 * Writing puts a copy into librdkafka's bounded queue and never waits; its threads do the rest. What
 * became of a record is told by a callback that runs when we ask for it, so on the event loop: a record
 * is "written" until its delivery failed, then it is lost instead. written - queued are delivered.
 *
 * Taking a handle down can wait for connections and look-ups of names, so a thread does it.
 */
#include "daemon/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef DBX_NO_RDKAFKA
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "lib/file.h"

#define FILE_MAX_BYTES 65536
#define RETRY_TICKS    5
#define FLUSH_MS       3000 /* what waits when the sink is closed has so long */
#define LEAVE_MS       5000 /* and the daemon waits so long for that when it ends */

struct kafka {
	struct dbx_sink sink;
	rd_kafka_t *rk; /* NULL: could not be made, or is made anew */
	char *brokers;  /* comma-separated */
	char *topic, *options_file;
	struct dbx_kafka_option *options;
	size_t n_options;
	uint64_t delivered;
	unsigned int brokers_up, ticks;
	char trouble[512];   /* until something is delivered; "" = none */
	bool is_unconnected; /* that is the trouble: a connection ends it too */
	bool is_ending;      /* after a fatal error: until the last record is accounted for */
	char why[256];       /* of the latest failed connection */
};

/* ---- taking handles down ---- */

static pthread_mutex_t leaving_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t leaving_changed = PTHREAD_COND_INITIALIZER;
static unsigned int n_leaving;

static void free_kafka(struct kafka *k)
{
	for (size_t i = 0; i < k->n_options; i++) {
		free(k->options[i].key);
		free(k->options[i].value);
	}
	free(k->options);
	free(k->brokers);
	free(k->topic);
	free(k->options_file);
	free(k);
}

/* Owns k: no other thread has it any more, so callbacks may run here. */
static void *leave(void *arg)
{
	struct kafka *k = arg;
	uint64_t lost = k->sink.lost;

	/* Of one that failed nothing waits, and its callbacks belong to what came after it. */
	if (k->topic && rd_kafka_flush(k->rk, FLUSH_MS)) {
		rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(k->rk, FLUSH_MS / 10);
	}
	if (k->sink.lost != lost)
		dbx_log_error("closing the Kafka topic %s: %" PRIu64
			      " records could not be delivered and are lost",
			      k->topic, k->sink.lost - lost);
	rd_kafka_destroy(k->rk);
	free_kafka(k);
	pthread_mutex_lock(&leaving_lock);
	n_leaving--;
	pthread_cond_broadcast(&leaving_changed);
	pthread_mutex_unlock(&leaving_lock);
	return NULL;
}

/* Signals are the event loop's. */
static void leave_by_itself(struct kafka *k)
{
	sigset_t all, before;
	pthread_t t;
	int rc;

	pthread_mutex_lock(&leaving_lock);
	n_leaving++;
	pthread_mutex_unlock(&leaving_lock);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t, NULL, leave, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		leave(k);
	else
		pthread_detach(t);
}

void dbx_sink_kafka_wait(void)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LEAVE_MS / 1000;
	pthread_mutex_lock(&leaving_lock);
	while (n_leaving && !rc)
		rc = pthread_cond_timedwait(&leaving_changed, &leaving_lock, &until);
	pthread_mutex_unlock(&leaving_lock);
}

/* ---- what librdkafka tells; called from rd_kafka_poll() and rd_kafka_flush() ---- */

__attribute__((format(printf, 2, 3))) static void trouble(struct kafka *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->trouble, sizeof(k->trouble), fmt, ap);
	va_end(ap);
	k->is_unconnected = false;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
	struct kafka *k = arg;

	(void)rk;
	if (!m->err) {
		k->delivered++;
		k->trouble[0] = '\0';
		return;
	}
	k->sink.written--;
	k->sink.lost++;
	trouble(k, "delivering to topic %s: %s%s%s", k->topic, rd_kafka_err2str(m->err),
		k->brokers_up || !k->why[0] ? "" : "; ", k->brokers_up ? "" : k->why);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	struct kafka *k = arg;

	(void)rk;
	switch (err) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		k->brokers_up = 0;
		trouble(k, "no broker of %s can be reached%s%s", k->brokers, k->why[0] ? ": " : "",
			k->why);
		k->is_unconnected = true;
		break;
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR__SSL:
		snprintf(k->why, sizeof(k->why), "%s", reason); /* of one: others may be well */
		break;
	case RD_KAFKA_RESP_ERR__FATAL:
		break; /* seen by the tick */
	default:
		trouble(k, "%s: %s", rd_kafka_err2str((rd_kafka_resp_err_t)err), reason);
		k->is_unconnected = true;
	}
}

/* The only place that says which brokers there is a connection to. */
static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *arg)
{
	json_t *o = json_loadb(json, len, 0, NULL), *broker;
	struct kafka *k = arg;
	unsigned int up = 0;
	const char *name, *state;

	(void)rk;
	json_object_foreach(json_object_get(o, "brokers"), name, broker) {
		state = json_string_value(json_object_get(broker, "state"));
		up += state && strcmp(state, "UP") == 0;
	}
	json_decref(o);
	k->brokers_up = up;
	if (up)
		k->why[0] = '\0';
	if (up && k->is_unconnected)
		k->trouble[0] = '\0';
	return 0;
}

/* From any of its threads. What matters comes by on_error() too, once and not at each attempt. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level;
	dbx_log_debug("librdkafka: %s: %s", fac, text);
}

/* ---- the handle ---- */

static int set(struct kafka *k, rd_kafka_conf_t *conf, const char *key, const char *value)
{
	char why[256];

	if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	snprintf(k->sink.error, sizeof(k->sink.error), "setting the option %s: %s", key, why);
	return -EINVAL;
}

/* One line of the file of options, which is cut up. */
static int set_line(struct kafka *k, rd_kafka_conf_t *conf, char *line, unsigned int n)
{
	char *key = line + strspn(line, " \t\r"), *value = strchr(key, '='), *end;
	const char *why;

	if (!*key || *key == '#')
		return 0;
	why = value ? NULL : "key=value is expected";
	if (value) {
		for (end = value; end > key && strchr(" \t", end[-1]); end--)
			;
		*end = '\0';
		value += 1 + strspn(value + 1, " \t");
		for (end = value + strlen(value); end > value && strchr(" \t\r", end[-1]); end--)
			;
		*end = '\0';
		why = dbx_kafka_option_refusal(key, false);
	}
	if (!why)
		return set(k, conf, key, value);
	snprintf(k->sink.error, sizeof(k->sink.error), "reading %s, line %u: %s", k->options_file,
		 n, why);
	return -EINVAL;
}

/* A secret that others can read is none, and nobody else may say what is in it. */
static int open_options(struct kafka *k, int *fd)
{
	const char *why = NULL;
	struct stat st;

	*fd = open(k->options_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &st))
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "it is no regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		why = "it belongs to another user";
	else if (st.st_mode & 077)
		why = "others may read or write it; chmod 600 is expected";
	if (!why)
		return 0;
	snprintf(k->sink.error, sizeof(k->sink.error), "opening %s: %s", k->options_file, why);
	if (*fd >= 0)
		close(*fd);
	return -EACCES;
}

static int set_file(struct kafka *k, rd_kafka_conf_t *conf)
{
	char *text, *line, *rest;
	unsigned int n = 0;
	size_t len;
	int fd, rc;

	if (!k->options_file)
		return 0;
	rc = open_options(k, &fd);
	if (rc)
		return rc;
	rc = dbx_file_read_fd(fd, FILE_MAX_BYTES, &text, &len);
	close(fd);
	if (rc) {
		snprintf(k->sink.error, sizeof(k->sink.error), "reading %s: it %s", k->options_file,
			 dbx_file_why(rc));
		return rc;
	}
	for (rest = text; !rc && (line = strsep(&rest, "\n"));)
		rc = set_line(k, conf, line, ++n);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

/* Bounds first, so that options may set others; then what is ours. */
static int set_all(struct kafka *k, rd_kafka_conf_t *conf)
{
	static const char *const first[][2] = {
		{"client.id", "dbx-egress"},
		{"queue.buffering.max.messages", "100000"},
		{"queue.buffering.max.kbytes", "65536"},
		{"linger.ms", "100"},
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(first) / sizeof(first[0]); i++)
		rc = set(k, conf, first[i][0], first[i][1]);
	for (size_t i = 0; !rc && i < k->n_options; i++)
		rc = set(k, conf, k->options[i].key, k->options[i].value);
	if (!rc)
		rc = set_file(k, conf);
	if (!rc)
		rc = set(k, conf, "bootstrap.servers", k->brokers);
	if (!rc)
		rc = set(k, conf, "statistics.interval.ms", "2000");
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_stats_cb(conf, on_stats);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_opaque(conf, k);
	return rc;
}

static int make(struct kafka *k)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	int rc = set_all(k, conf);

	if (rc) {
		rd_kafka_conf_destroy(conf);
		return rc;
	}
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (k->rk)
		return 0;
	rd_kafka_conf_destroy(conf);
	snprintf(k->sink.error, sizeof(k->sink.error), "starting the Kafka producer: %s", why);
	return -EIO;
}

/* ---- the sink ---- */

static int kafka_write(struct dbx_sink *s, const struct dbx_record *r, const char *line, size_t len)
{
	struct kafka *k = (struct kafka *)s;
	rd_kafka_resp_err_t err;
	char key[24];
	int n = snprintf(key, sizeof(key), "%" PRIu64, (uint64_t)r->event.workspace_id);

	if (!k->rk || k->is_ending)
		return -EIO; /* s->error says why */
	err = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(k->topic), RD_KAFKA_V_KEY(key, (size_t)n),
				RD_KAFKA_V_VALUE((void *)line, len),
				RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	if (err) {
		char was[160];

		snprintf(was, sizeof(was), "%.150s", k->trouble);
		trouble(k, "writing to topic %s: %s%s%s", k->topic, rd_kafka_err2str(err),
			was[0] && !strstr(was, "writing to") ? "; " : "",
			strstr(was, "writing to") ? "" : was);
		snprintf(s->error, sizeof(s->error), "%s", k->trouble);
	}
	rd_kafka_poll(k->rk, 0);
	return err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? -ENOBUFS : err ? -EIO : 0;
}

/* The producer will take nothing more: a new one is made when all that it had is accounted for. */
static bool is_fatal(struct kafka *k)
{
	struct kafka *old;
	char why[256];

	if (!k->is_ending) {
		if (!rd_kafka_fatal_error(k->rk, why, sizeof(why)))
			return false;
		trouble(k, "the Kafka producer failed and is started anew: %s", why);
		k->is_ending = true;
		rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	}
	old = rd_kafka_outq_len(k->rk) ? NULL : calloc(1, sizeof(*old));
	if (old) {
		old->rk = k->rk;
		k->rk = NULL;
		k->is_ending = false;
		leave_by_itself(old);
	}
	return true;
}

static int kafka_tick(struct dbx_sink *s, int64_t now_ms)
{
	struct kafka *k = (struct kafka *)s;

	(void)now_ms;
	if (!k->rk) {
		if (k->ticks++ % RETRY_TICKS)
			return -EIO;
		if (make(k))
			return -EIO;
		k->trouble[0] = '\0';
	}
	rd_kafka_poll(k->rk, 0);
	if (!is_fatal(k) && !k->trouble[0])
		return 0;
	snprintf(s->error, sizeof(s->error), "%s", k->trouble);
	return -EIO;
}

static void kafka_status(const struct dbx_sink *s, struct dbx_strbuf *b)
{
	const struct kafka *k = (const struct kafka *)s;

	dbx_strbuf_add(b, ",\"topic\":\"");
	dbx_strbuf_add_json_escaped(b, k->topic, strlen(k->topic));
	dbx_strbuf_addf(b, "\",\"queued\":%d,\"delivered\":%" PRIu64 ",\"brokers_up\":%u",
			k->rk ? rd_kafka_outq_len(k->rk) : 0, k->delivered, k->brokers_up);
}

static void kafka_close(struct dbx_sink *s)
{
	struct kafka *k = (struct kafka *)s;

	if (k->rk)
		leave_by_itself(k);
	else
		free_kafka(k);
}

static const struct dbx_sink_ops kafka_ops = {
	.name = "kafka",
	.is_queue = true,
	.write = kafka_write,
	.tick = kafka_tick,
	.status = kafka_status,
	.close = kafka_close,
};

static bool copy_options(struct kafka *k, const struct dbx_log_kafka *o)
{
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	for (size_t i = 0; i < o->n_brokers; i++)
		dbx_strbuf_addf(&b, "%s%s", i ? "," : "", o->brokers[i]);
	k->brokers = dbx_strbuf_steal(&b);
	k->topic = strdup(o->topic);
	k->options_file = o->options_file ? strdup(o->options_file) : NULL;
	k->options = calloc(o->n_options + 1, sizeof(*k->options));
	for (size_t i = 0; k->options && i < o->n_options; i++) {
		k->options[i].key = strdup(o->options[i].key);
		k->options[i].value = strdup(o->options[i].value);
		k->n_options++;
		if (!k->options[i].key || !k->options[i].value)
			return false;
	}
	return k->brokers && k->topic && k->options && !o->options_file == !k->options_file;
}

struct dbx_sink *dbx_sink_kafka_open(const struct dbx_log_kafka *o)
{
	struct kafka *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->sink.ops = &kafka_ops;
	if (!copy_options(k, o)) {
		free_kafka(k);
		return NULL;
	}
	make(k); /* what fails is said by the first tick, and tried again */
	return &k->sink;
}

#else

static int none_write(struct dbx_sink *s, const struct dbx_record *r, const char *line, size_t len)
{
	(void)s, (void)r, (void)line, (void)len;
	return -EOPNOTSUPP;
}

static int none_tick(struct dbx_sink *s, int64_t now_ms)
{
	(void)s, (void)now_ms;
	return -EOPNOTSUPP;
}

static void none_status(const struct dbx_sink *s, struct dbx_strbuf *b)
{
	(void)s, (void)b;
}

static void none_close(struct dbx_sink *s)
{
	free(s);
}

static const struct dbx_sink_ops none_ops = {
	.name = "kafka",
	.is_queue = true,
	.write = none_write,
	.tick = none_tick,
	.status = none_status,
	.close = none_close,
};

struct dbx_sink *dbx_sink_kafka_open(const struct dbx_log_kafka *o)
{
	struct dbx_sink *s = calloc(1, sizeof(*s));

	(void)o;
	if (!s)
		return NULL;
	s->ops = &none_ops;
	snprintf(s->error, sizeof(s->error),
		 "this dbx-egressd was built without librdkafka; build it where librdkafka-dev is "
		 "installed, or take \"kafka\" out of \"log\"");
	return s;
}

void dbx_sink_kafka_wait(void)
{
}

#endif
