// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c -- dbx-egress-dpdk: the same policy and the same verdicts as the kernel program, in a process
 * that takes packets from the device itself.
 *
 * Every lcore of the EAL judges; one more thread serves the daemon. Without an image everything is
 * dropped, and the image that is in force stays so while the daemon is away.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/dpdk/args.h"
#include "dataplane/dpdk/telemetry.h"

static struct dpk_lcores lcores;
static struct dpk_control *control;

static void on_signal(int signal)
{
	(void)signal;
	lcores.must_stop = 1;
}

static int say(const char *what, int rc)
{
	fprintf(stderr, "dbx-egress-dpdk: %s: %s\n", what, strerror(-rc));
	return rc;
}

static int run_lcore(void *arg)
{
	unsigned int id = rte_lcore_id();

	(void)arg;
	for (unsigned int i = 0; i < lcores.n; i++) {
		if (lcores.lcore_id[i] == id)
			dpk_lcore_run(&lcores, i);
	}
	return 0;
}

static void *run_control(void *arg)
{
	(void)arg;
	dpk_control_run(control);
	return NULL;
}

static int find_lcores(void)
{
	unsigned int id;

	RTE_LCORE_FOREACH(id)
	{
		if (lcores.n == DPK_CORES_MAX)
			return -E2BIG;
		lcores.lcore_id[lcores.n++] = id;
	}
	return 0;
}

/* For trials: without a daemon, nobody says which index the ports' interfaces have. */
static int load_image(struct dpk_args *a)
{
	struct dpk_image *img;
	const char *why;
	int rc = dpk_image_load(&img, a->image, &why);

	if (rc) {
		fprintf(stderr, "dbx-egress-dpdk: %s: %s\n", a->image, why);
		return rc;
	}
	for (unsigned int i = 0; i < a->ports.n; i++)
		a->ports.v[i]->ifindex = i + 1;
	return dpk_pipe_set_image(lcores.pipe, img);
}

static int open_all(struct dpk_args *a)
{
	struct dpk_pipe_opts po = {.counters_max = a->counters_max};
	struct dpk_port_opts o = {
		.n_mbufs = a->n_mbufs, .mbuf_bytes = a->mbuf_bytes, .ring_slots = a->ring_slots};
	int rc = find_lcores();

	po.n_cores = o.n_cores = lcores.n;
	rc = rc ? rc : dpk_pipe_open(&lcores.pipe, &po);
	if (rc)
		return say("no memory for the tables: give more with -m", rc);
	lcores.ports = &a->ports;
	lcores.idle_us = a->idle_us;
	lcores.until_idle_ms = a->until_idle_ms;
	if (a->image)
		rc = load_image(a);
	if (!rc)
		rc = dpk_ports_start(&a->ports, &o);
	if (!rc && a->socket[0])
		rc = dpk_control_open(&control, &lcores, a->socket);
	if (!rc && dpk_telemetry_open(&lcores, control))
		say("telemetry is not to be had", -ENOTSUP); /* all else works */
	return rc;
}

static int run(void)
{
	pthread_t thread;
	int rc = 0;

	if (control)
		rc = -rte_ctrl_thread_create(&thread, "dbx-control", NULL, run_control, NULL);
	if (rc)
		return say("no thread for control", -abs(rc));
	fprintf(stderr, "dbx-egress-dpdk: ready: %u lcores, %u ports\n", lcores.n, lcores.ports->n);
	rte_eal_mp_remote_launch(run_lcore, NULL, CALL_MAIN);
	rte_eal_mp_wait_lcore();
	if (control) {
		dpk_control_wake(control);
		pthread_join(thread, NULL);
	}
	return 0;
}

static void close_all(struct dpk_args *a)
{
	dpk_telemetry_close();
	dpk_control_close(&control);
	dpk_ports_stop(&a->ports);
	dpk_pipe_close(&lcores.pipe);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct dpk_args args;
	char **eal = NULL;
	int n_eal, at, rc;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		dpk_args_usage(stdout);
		return 0;
	}
	at = dpk_args_eal(argc, argv, &n_eal, &eal);
	rc = at < 0 ? at : dpk_args_read(&args, argc - at, argv + at);
	if (rc) {
		free(eal);
		return rc < 0;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (rte_eal_init(n_eal, eal) < 0) {
		free(eal);
		fprintf(stderr,
			"dbx-egress-dpdk: the EAL does not start (%s): its messages are above; "
			"without huge pages it needs --no-huge\n",
			rte_strerror(rte_errno));
		return 1;
	}
	rc = open_all(&args);
	if (!rc)
		rc = run();
	close_all(&args);
	rte_eal_cleanup();
	free(eal);
	return !!rc;
}
