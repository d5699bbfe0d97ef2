// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daemon_kafka.c -- a Kafka cluster on loopback, and what arrives in a topic of it.
 *
 * usage: daemon_kafka TOPIC
 * The first line on standard output is the list of brokers; then comes each message as a line: key,
 * blank, value. Lines on standard input: "down", "up". Ends with its standard input.
 *
 * What is read while brokers are down comes when they are back.
 */
#include <stdio.h>

#ifndef DBX_NO_RDKAFKA
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/mockkafka.h"

/* False at the end of standard input. */
static int obey(struct mock_kafka *m)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	char line[64];
	ssize_t n;

	if (poll(&p, 1, 0) <= 0)
		return 1;
	n = read(0, line, sizeof(line) - 1);
	if (n <= 0)
		return 0;
	line[n] = '\0';
	if (strstr(line, "down"))
		mock_kafka_set(m, 0);
	if (strstr(line, "up"))
		mock_kafka_set(m, 1);
	return 1;
}

int main(int argc, char **argv)
{
	struct mock_kafka m;
	rd_kafka_t *rk;

	if (argc != 2 || mock_kafka_start(&m, argv[1]))
		return 2;
	rk = mock_kafka_reader(m.brokers, argv[1]);
	if (!rk)
		return 2;
	printf("%s\n", m.brokers);
	fflush(stdout);
	while (obey(&m)) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 100);

		if (msg && !msg->err) {
			printf("%.*s %.*s\n", (int)msg->key_len, (const char *)msg->key,
			       (int)msg->len, (const char *)msg->payload);
			fflush(stdout);
		}
		if (msg)
			rd_kafka_message_destroy(msg);
	}
	mock_kafka_reader_close(rk);
	mock_kafka_stop(&m);
	return 0;
}

#else

int main(void)
{
	fprintf(stderr, "daemon_kafka: built without librdkafka\n");
	return 77;
}

#endif
