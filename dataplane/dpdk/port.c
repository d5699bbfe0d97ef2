// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * port.c -- the devices of the gateway: read from the command line, set up, started.
 */
#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

/* Makes Toeplitz give both directions of a flow the same queue (Woo and Park, 2012). */
#define SYMMETRIC_KEY_BYTES 64
static uint8_t symmetric_key[SYMMETRIC_KEY_BYTES];

/* ---- the command line ---- */

static int take(char *to, size_t room, const char *from, size_t n)
{
	if (!n || n >= room)
		return -1;
	memcpy(to, from, n);
	to[n] = 0;
	return 0;
}

int dpk_port_parse(struct dpk_ports *ports, const char *text, bool is_workload, const char **why)
{
	const char *eq = strchr(text, '='), *host = strstr(text, ",host=");
	struct dpk_port *p;

	*why = "form: NAME=DEVICE[,host=DEVICE]";
	if (!eq || (host && host < eq))
		return -EINVAL;
	if (ports->n == DPK_PORTS_MAX) {
		*why = "too many ports";
		return -EINVAL;
	}
	p = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*p));
	if (!p) {
		*why = "out of memory";
		return -ENOMEM;
	}
	memset(p, 0, sizeof(*p));
	p->is_workload = is_workload;
	p->net.id = p->host.id = DPK_NO_DEVICE;
	if (take(p->name, sizeof(p->name), text, (size_t)(eq - text)) ||
	    take(p->net.name, sizeof(p->net.name), eq + 1,
		 host ? (size_t)(host - eq - 1) : strlen(eq + 1)) ||
	    (host && take(p->host.name, sizeof(p->host.name), host + 6, strlen(host + 6))) ||
	    strpbrk(p->net.name, ",=") || strpbrk(p->host.name, ",=")) {
		free(p);
		return -EINVAL;
	}
	if (dpk_port_named(ports, p->name)) {
		*why = "the name is given twice";
		free(p);
		return -EINVAL;
	}
	p->hash = dbx_port_hash(p->name);
	ports->v[ports->n++] = p;
	return 0;
}

struct dpk_port *dpk_port_named(const struct dpk_ports *ports, const char *name)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		if (!strcmp(ports->v[i]->name, name))
			return ports->v[i];
	}
	return NULL;
}

struct dpk_port *dpk_port_indexed(const struct dpk_ports *ports, uint32_t ifindex)
{
	for (unsigned int i = 0; i < ports->n && ifindex; i++) {
		if (__atomic_load_n(&ports->v[i]->ifindex, __ATOMIC_RELAXED) == ifindex)
			return ports->v[i];
	}
	return NULL;
}

/* ---- devices ---- */

static int fail(const char *device, const char *what, int rc)
{
	fprintf(stderr, "dbx-egress-dpdk: device %s: %s: %s\n", device, what, strerror(-rc));
	return rc;
}

static uint16_t least(uint32_t a, uint32_t b)
{
	return (uint16_t)(a < b ? a : b);
}

/* Says what there is, to who gave another name. */
static int fail_unknown(const char *device)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	unsigned int n = 0;
	uint16_t id;

	fprintf(stderr, "dbx-egress-dpdk: device %s: no such DPDK device; ", device);
	RTE_ETH_FOREACH_DEV(id)
	{
		if (!rte_eth_dev_get_name_by_port(id, name))
			fprintf(stderr, "%s%s", n++ ? ", " : "there are: ", name);
	}
	fprintf(stderr, "%s\n",
		n ? "" : "there is none: -a ADDRESS or --vdev=NAME,... in front of --");
	return -ENODEV;
}

static bool is_used(const struct dpk_ports *ports, const struct dpk_device *d)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		const struct dpk_port *p = ports->v[i];

		if ((d != &p->net && d->id == p->net.id) || (d != &p->host && d->id == p->host.id))
			return true;
	}
	return false;
}

static int find_device(const struct dpk_ports *ports, struct dpk_device *d)
{
	char *end;
	unsigned long n = strtoul(d->name, &end, 10);

	if (!*end && n < RTE_MAX_ETHPORTS && rte_eth_dev_is_valid_port((uint16_t)n))
		d->id = (uint16_t)n;
	else if (rte_eth_dev_get_port_by_name(d->name, &d->id))
		d->id = DPK_NO_DEVICE;
	if (d->id == DPK_NO_DEVICE)
		return fail_unknown(d->name);
	if (!is_used(ports, d))
		return 0;
	fprintf(stderr, "dbx-egress-dpdk: device %s: given twice; each needs one of its own\n",
		d->name);
	d->id = DPK_NO_DEVICE;
	return -EEXIST;
}

static void want_rss(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	uint64_t hf = info->flow_type_rss_offloads &
		      (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);

	if (!hf)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = hf;
	if (!info->hash_key_size || info->hash_key_size > SYMMETRIC_KEY_BYTES)
		return;
	for (int i = 0; i < SYMMETRIC_KEY_BYTES; i++)
		symmetric_key[i] = i & 1 ? 0x5a : 0x6d;
	conf->rx_adv_conf.rss_conf.rss_key = symmetric_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
}

static int set_queues(struct dpk_device *d, const struct dpk_port_opts *o, struct rte_mempool *pool)
{
	uint16_t n_rxd = o->ring_slots, n_txd = n_rxd;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &n_rxd, &n_txd);

	for (uint16_t q = 0; q < d->n_rx && !rc; q++)
		rc = rte_eth_rx_queue_setup(d->id, q, n_rxd, rte_eth_dev_socket_id(d->id), NULL,
					    pool);
	for (uint16_t q = 0; q < d->n_tx && !rc; q++)
		rc = rte_eth_tx_queue_setup(d->id, q, n_txd, rte_eth_dev_socket_id(d->id), NULL);
	return rc;
}

static int start_device(struct dpk_device *d, const struct dpk_port_opts *o,
			struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(d->id, &info);

	if (rc)
		return fail(d->name, "its limits cannot be read", rc);
	d->n_rx = least(o->n_cores, info.max_rx_queues);
	d->n_tx = least(o->n_cores, info.max_tx_queues);
	if (!d->n_rx || !d->n_tx)
		return fail(d->name, "it has no queues", -ENODEV);
	d->is_shared = d->n_tx < o->n_cores;
	if (d->n_rx > 1)
		want_rss(&conf, &info);
	rc = rte_eth_dev_configure(d->id, d->n_rx, d->n_tx, &conf);
	if (rc)
		return fail(d->name, "it refuses its configuration", rc);
	rc = set_queues(d, o, pool);
	if (rc)
		return fail(d->name, "it refuses its queues", rc);
	rc = rte_eth_dev_start(d->id);
	if (rc)
		return fail(d->name, "it does not start", rc);
	rc = rte_eth_promiscuous_enable(d->id);
	return rc && rc != -ENOTSUP ? fail(d->name, "it refuses promiscuous mode", rc) : 0;
}

static int find_all(const struct dpk_ports *ports, unsigned int *n)
{
	int rc = 0;

	*n = 0;
	for (unsigned int i = 0; i < ports->n && !rc; i++) {
		struct dpk_port *p = ports->v[i];

		rc = find_device(ports, &p->net);
		if (!rc && p->host.name[0])
			rc = find_device(ports, &p->host);
		*n += 1 + !!p->host.name[0];
	}
	return rc;
}

int dpk_ports_start(struct dpk_ports *ports, const struct dpk_port_opts *o)
{
	uint32_t n = o->n_mbufs;
	struct rte_mempool *pool;
	unsigned int n_devices;
	int rc = find_all(ports, &n_devices);

	if (rc)
		return rc;
	if (!n)
		n = n_devices * o->n_cores * o->ring_slots * 2 + o->n_cores * 512;
	pool = rte_pktmbuf_pool_create("dbx_frames", n, 256, 0,
				       (uint16_t)(o->mbuf_bytes + RTE_PKTMBUF_HEADROOM),
				       SOCKET_ID_ANY);
	if (!pool) {
		fprintf(stderr,
			"dbx-egress-dpdk: no memory for %u frames of %u bytes: give more "
			"with -m, or fewer with --mbufs\n",
			n, o->mbuf_bytes);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < ports->n && !rc; i++) {
		struct dpk_port *p = ports->v[i];

		rc = start_device(&p->net, o, pool);
		if (!rc && p->host.name[0])
			rc = start_device(&p->host, o, pool);
	}
	return rc;
}

static void stop_device(struct dpk_device *d)
{
	if (d->id == DPK_NO_DEVICE)
		return;
	rte_eth_dev_stop(d->id);
	rte_eth_dev_close(d->id);
	d->id = DPK_NO_DEVICE;
}

void dpk_ports_stop(struct dpk_ports *ports)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		stop_device(&ports->v[i]->net);
		stop_device(&ports->v[i]->host);
		free(ports->v[i]);
	}
	ports->n = 0;
	rte_mempool_free(rte_mempool_lookup("dbx_frames"));
}
