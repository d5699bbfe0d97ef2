// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * print_log.c -- "log" and "metrics" of the gateway document; what is at its default is left out.
 */
#include "policy/print_log.h"

#include "policy/read_log.h"

static json_t *print_file(struct dbx_pr *p, const struct dbx_log_file *f)
{
	json_t *o = dbx_pr_object(p, f->extra);

	dbx_pr_text(p, o, "path", f->path);
	if (f->rotate_bytes != DBX_LOG_ROTATE_BYTES)
		dbx_pr_set(p, o, "rotate_bytes", json_integer((json_int_t)f->rotate_bytes));
	if (f->rotate_s != DBX_LOG_ROTATE_S)
		dbx_pr_set(p, o, "rotate_s", json_integer(f->rotate_s));
	if (f->keep != DBX_LOG_KEEP)
		dbx_pr_set(p, o, "keep", json_integer(f->keep));
	return o;
}

static json_t *print_kafka(struct dbx_pr *p, const struct dbx_log_kafka *k)
{
	json_t *o = dbx_pr_object(p, k->extra), *options;

	dbx_pr_texts(p, o, "brokers", k->brokers, k->n_brokers);
	dbx_pr_text(p, o, "topic", k->topic);
	dbx_pr_text(p, o, "options_file", k->options_file);
	if (!k->n_options)
		return o;
	options = dbx_pr_object(p, NULL);
	for (size_t i = 0; i < k->n_options; i++)
		dbx_pr_text(p, options, k->options[i].key, k->options[i].value);
	dbx_pr_set(p, o, "options", options);
	return o;
}

json_t *dbx_pr_metrics(struct dbx_pr *p, const struct dbx_metrics_options *m)
{
	json_t *o = dbx_pr_object(p, m->extra);
	char text[DBX_ENDPOINT_STRLEN];

	dbx_pr_text(p, o, "listen", dbx_endpoint_format(&m->listen, m->port, text));
	return o;
}

json_t *dbx_pr_log(struct dbx_pr *p, const struct dbx_log_options *l)
{
	json_t *o = dbx_pr_object(p, l->extra);

	if (l->denied_off)
		dbx_pr_text(p, o, "denied", "off");
	if (l->allowed != DBX_LOG_ALLOWED_OFF)
		dbx_pr_text(p, o, "allowed",
			    l->allowed == DBX_LOG_ALLOWED_FIRST ? "first" : "sampled");
	if (l->sample_per_million != DBX_LOG_SAMPLE)
		dbx_pr_set(p, o, "sample_per_million", json_integer(l->sample_per_million));
	if (l->interval_s != DBX_LOG_INTERVAL_S)
		dbx_pr_set(p, o, "interval_s", json_integer(l->interval_s));
	if (l->file.has)
		dbx_pr_set(p, o, "file", print_file(p, &l->file));
	if (l->journald)
		dbx_pr_set(p, o, "journald", json_true());
	if (l->kafka.has)
		dbx_pr_set(p, o, "kafka", print_kafka(p, &l->kafka));
	return o;
}
