/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mockkafka.h -- librdkafka's mock cluster on loopback, and a reader of what arrived there.
 */
#ifndef DBX_TESTS_COMMON_MOCKKAFKA_H
#define DBX_TESTS_COMMON_MOCKKAFKA_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#define MOCK_BROKERS    3
#define MOCK_PARTITIONS 4

struct mock_kafka {
	rd_kafka_t *rk; /* what the cluster lives in; nothing is sent by it */
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers;
};

static inline int mock_kafka_start(struct mock_kafka *m, const char *topic)
{
	char why[256];

	m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	m->cluster = m->rk ? rd_kafka_mock_cluster_new(m->rk, MOCK_BROKERS) : NULL;
	if (!m->cluster ||
	    rd_kafka_mock_topic_create(m->cluster, topic, MOCK_PARTITIONS, MOCK_BROKERS))
		return -1;
	m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
	return 0;
}

static inline void mock_kafka_set(struct mock_kafka *m, int is_up)
{
	for (int32_t i = 1; i <= MOCK_BROKERS; i++) {
		if (is_up)
			rd_kafka_mock_broker_set_up(m->cluster, i);
		else
			rd_kafka_mock_broker_set_down(m->cluster, i);
	}
}

static inline void mock_kafka_stop(struct mock_kafka *m)
{
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
}

/* A consumer of the whole topic from its beginning; NULL: it could not be made. */
static inline rd_kafka_t *mock_kafka_reader(const char *brokers, const char *topic)
{
	rd_kafka_topic_partition_list_t *all;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char why[256];

	if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why)) ||
	    rd_kafka_conf_set(conf, "group.id", "reader", why, sizeof(why)) ||
	    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof(why)))
		return NULL;
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk)
		return NULL;
	rd_kafka_poll_set_consumer(rk);
	all = rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
	for (int32_t i = 0; i < MOCK_PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, all);
	rd_kafka_topic_partition_list_destroy(all);
	return rk;
}

static inline void mock_kafka_reader_close(rd_kafka_t *rk)
{
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

#endif
