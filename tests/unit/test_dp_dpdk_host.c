// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_dpdk_host.c -- where the gateway's stack takes over from dbx-egress-dpdk: what has a shim
 * goes on with what was said of it, what has none was not judged and goes nowhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fakedpdk.h"
#include "common/nsbox.h"
#include "dataplane/dp.h"
#include "dbx/shim.h"

#define PIN_DIR NSBOX_BPFFS "/dpdk"

static const struct dbx_dp_ops *const ops = &dbx_dp_dpdk;
static char object_path[PATH_MAX];
static struct fakedpdk fake;
static struct dbx_dp_opts opts;
static struct dbx_dp_state st;
static struct dbx_dp_error err;
static struct dbx_dp *dp;
static int wire = -1; /* at the process's end of the pair */

static const uint8_t host_mac[6] = {2, 0, 0, 0, 1, 1}, peer_mac[6] = {2, 0, 0, 0, 1, 2};

static void open_wire(void)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	a.sll_ifindex = (int)nsbox_ifindex("hst0p");
	wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	assert_true(wire >= 0);
	assert_int_equal(bind(wire, (struct sockaddr *)&a, sizeof(a)), 0);
}

static int set_up(void **state)
{
	(void)state;
	fakedpdk_start(&fake);
	opts = (struct dbx_dp_opts){
		.socket_path = fake.path, .object_path = object_path, .pin_dir = PIN_DIR};
	nsbox_must(
		"ip link add hst0 mtu 1540 type veth peer name hst0p mtu 1540 && "
		"ip link set hst0 address 02:00:00:00:01:01 && "
		"ip link set hst0p address 02:00:00:00:01:02 && "
		"sysctl -qw net.ipv6.conf.hst0p.disable_ipv6=1 net.ipv6.conf.hst0.disable_ipv6=1 && "
		"ip link set hst0 up && ip link set hst0p up && "
		"ip addr add 10.66.1.1/24 dev hst0 && "
		"ip neigh add 10.66.1.10 lladdr 02:00:00:00:01:02 dev hst0 nud permanent");
	open_wire();
	dp = NULL;
	assert_int_equal(ops->probe(&opts, &err), 0);
	if (ops->open(&dp, &opts, &st, &err))
		fail_msg("%s", err.text);
	if (ops->attach(dp, nsbox_ifindex("hst0"), "hst0", &err))
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ops->close(&dp);
	assert_int_equal(ops->uninstall(&opts, &err), 0);
	close(wire);
	nsbox_must("ip link del hst0");
	fakedpdk_stop(&fake);
	return 0;
}

static uint16_t sum_of(const uint8_t *p, size_t n)
{
	uint32_t s = 0;
	size_t i;

	for (i = 0; i < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* An echo request of 10.66.1.10 to 10.66.1.1 behind n_tags tags; returns its bytes. */
static size_t echo(uint8_t *p, const uint16_t *tags, size_t n_tags, uint8_t id)
{
	uint8_t *ip = p + 14 + n_tags * 4;
	static const uint8_t addr[8] = {10, 66, 1, 10, 10, 66, 1, 1};
	uint16_t sum;
	size_t i;

	memset(p, 0, 14 + n_tags * 4 + 60);
	memcpy(p, host_mac, 6);
	memcpy(p + 6, peer_mac, 6);
	for (i = 0; i < n_tags; i++) {
		p[12 + i * 4] = 0x81;
		p[14 + i * 4] = (uint8_t)(tags[i] >> 8);
		p[15 + i * 4] = (uint8_t)tags[i];
	}
	p[12 + n_tags * 4] = 8;
	ip[0] = 0x45, ip[3] = 60, ip[8] = 64, ip[9] = 1;
	memcpy(ip + 12, addr, 8);
	sum = sum_of(ip, 20);
	ip[10] = (uint8_t)(sum >> 8), ip[11] = (uint8_t)sum;
	ip[20] = 8, ip[24] = id;
	sum = sum_of(ip + 20, 40);
	ip[22] = (uint8_t)(sum >> 8), ip[23] = (uint8_t)sum;
	return (size_t)(ip - p) + 60;
}

static void send_frame(const uint8_t *p, size_t n)
{
	assert_int_equal(send(wire, p, n, 0), (ssize_t)n);
}

static struct dbx_shim shim_of(const struct dbx_meta *m)
{
	struct dbx_shim s = {.type = {DBX_SHIM_TYPE >> 8, DBX_SHIM_TYPE & 0xff},
			     .magic = DBX_SHIM_MAGIC};

	memcpy(s.dst, host_mac, 6);
	memcpy(s.src, peer_mac, 6);
	if (m) {
		s.n_meta[1] = sizeof(*m);
		s.meta = *m;
	}
	return s;
}

static void send_with(const struct dbx_shim *s, const uint8_t *p, size_t n)
{
	uint8_t buf[256];

	memcpy(buf, s, sizeof(*s));
	memcpy(buf + sizeof(*s), p, n);
	send_frame(buf, sizeof(*s) + n);
}

/* The answer to the echo of this id came, in a frame that ends in it; n_ms: how long to wait. */
static bool answered(uint8_t id, int n_ms)
{
	struct pollfd p = {wire, POLLIN, 0};
	uint8_t buf[2048];
	struct sockaddr_ll a;
	socklen_t n_a;
	ssize_t n;

	while (poll(&p, 1, n_ms) > 0) {
		n_a = sizeof(a);
		n = recvfrom(wire, buf, sizeof(buf), 0, (struct sockaddr *)&a, &n_a);
		if (n >= 74 && a.sll_pkttype != PACKET_OUTGOING && buf[n - 40] == 0 &&
		    buf[n - 36] == id && buf[n - 60] == 0x45)
			return true;
	}
	return false;
}

static uint64_t dropped(enum dbx_reason reason)
{
	static struct dbx_counter v[DBX_TOTAL_MAX];

	assert_int_equal(ops->totals(dp, v), 0);
	return v[DBX_TOTAL_REASON_BASE + (unsigned int)reason * DBX_VERDICT_MAX + DBX_VERDICT_DROP]
		.packets;
}

/* Sent and dropped: waits for the count, not for time to pass. */
static void must_drop(enum dbx_reason reason, uint64_t want)
{
	int i;

	for (i = 0; i < 2000 && dropped(reason) < want; i++)
		poll(NULL, 0, 10);
	assert_int_equal(dropped(reason), want);
}

/* One packet got there. */
static void must_count(const char *list)
{
	int i;

	for (i = 0; i < 100 && nsbox_try("%s | grep -q 'counter packets 1 '", list); i++)
		poll(NULL, 0, 50);
	nsbox_must("%s | grep -q 'counter packets 1 '", list);
}

static void test_shim_is_taken_off(void **state)
{
	struct dbx_shim s = shim_of(NULL);
	uint8_t p[128];
	size_t n;

	(void)state;
	n = echo(p, NULL, 0, 1);
	send_with(&s, p, n);
	assert_true(answered(1, 5000));
	assert_int_equal(dropped(DBX_REASON_NOT_JUDGED), 0);
}

static void test_no_shim_no_way(void **state)
{
	struct dbx_shim s;
	uint8_t p[128];
	size_t n = echo(p, NULL, 0, 2);

	(void)state;
	send_frame(p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 1);
	s = shim_of(NULL);
	s.magic ^= 1;
	send_with(&s, p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 2);
	s = shim_of(NULL);
	s.n_meta[1] = 8;
	send_with(&s, p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 3);
	s = shim_of(NULL);
	send_frame((uint8_t *)&s, sizeof(s) - 1);
	must_drop(DBX_REASON_NOT_JUDGED, 4);
	s.type[1]++;
	send_with(&s, p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 5);
	assert_false(answered(2, 0));
}

static void test_tags(void **state)
{
	const uint16_t tag = 100;
	struct dbx_meta m = {.what = DBX_META_MAGIC | DBX_META_TAGGED, .tci = tag, .n_tags = 1};
	struct dbx_shim s = shim_of(&m);
	uint8_t p[128];
	size_t n = echo(p, &tag, 1, 3);

	(void)state;
	/* Behind the companion: not each kernel has devices for tags. */
	nsbox_must(
		"nft add table netdev t && nft 'add chain netdev t in { type filter hook ingress "
		"device hst0 priority 0; policy accept; }' && "
		"nft add rule netdev t in vlan id 100 counter");
	send_with(&s, p, n);
	must_count("nft list table netdev t");
	/* A tag that nothing was said of is none that was judged. */
	s = shim_of(NULL);
	n = echo(p, &tag, 1, 4);
	send_with(&s, p, n);
	must_drop(DBX_REASON_VLAN_HIDDEN, 1);
	must_count("nft list table netdev t");
	nsbox_must("nft delete table netdev t");
}

static void test_marks(void **state)
{
	const uint16_t seal = DBX_SEAL_TCI;
	struct dbx_meta m = {.what = DBX_META_MAGIC | DBX_META_MARK, .mark = 0x2a};
	struct dbx_shim s = shim_of(&m);
	uint8_t p[128];
	size_t n = echo(p, &seal, 1, 5);

	(void)state;
	nsbox_must(
		"nft add table ip t && "
		"nft 'add chain ip t in { type filter hook input priority 0; policy accept; }' && "
		"nft add rule ip t in meta mark 0x2a counter");
	send_with(&s, p, n);
	assert_true(answered(5, 5000));
	must_count("nft list table ip t");
	/* Without the seal the mark is refused: the companion takes nothing on trust. */
	n = echo(p, NULL, 0, 6);
	send_with(&s, p, n);
	must_drop(DBX_REASON_VLAN_HIDDEN, 1);
	nsbox_must("nft delete table ip t");
}

/* It stays when the daemon goes, and is taken up by the next one, counts and all. */
static void test_outlives_the_daemon(void **state)
{
	struct dbx_shim s = shim_of(NULL);
	struct dbx_dp_link v[4];
	uint8_t p[128];
	size_t n;

	(void)state;
	n = echo(p, NULL, 0, 7);
	send_frame(p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 1);
	ops->close(&dp);
	send_with(&s, p, n);
	assert_true(answered(7, 5000));
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(dropped(DBX_REASON_NOT_JUDGED), 1);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_true(v[0].is_attached);
	assert_string_equal(v[0].ifname, "hst0");
	assert_int_equal(fake.n_ports, 1);
	n = echo(p, NULL, 0, 8);
	send_with(&s, p, n);
	assert_true(answered(8, 5000));
	send_frame(p, n);
	must_drop(DBX_REASON_NOT_JUDGED, 2);
	nsbox_must("tc filter del dev hst0 ingress");
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_false(v[0].is_attached);
	assert_int_equal(ops->attach(dp, nsbox_ifindex("hst0"), "hst0", &err), 0);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_true(v[0].is_attached);
	assert_int_equal(ops->detach(dp, "hst0", &err), 0);
	n = echo(p, NULL, 0, 9);
	send_frame(p, n);
	assert_true(answered(9, 5000));
	assert_int_equal(fake.n_ports, 0);
}

static void test_not_beside_xdp(void **state)
{
	struct dbx_dp_opts other = opts;
	struct dbx_dp *xdp = NULL, *second = NULL;

	(void)state;
	other.pin_dir = NSBOX_BPFFS "/xdp";
	assert_int_equal(dbx_dp_xdp.open(&xdp, &other, &st, &err), 0);
	dbx_dp_xdp.close(&xdp);
	assert_int_equal(ops->open(&second, &other, &st, &err), -EBUSY);
	assert_non_null(strstr(err.text, "--uninstall"));
	assert_int_equal(dbx_dp_xdp.uninstall(&other, &err), 0);
	assert_int_equal(ops->open(&second, &other, &st, &err), 0);
	ops->close(&second);
	assert_int_equal(ops->uninstall(&other, &err), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_shim_is_taken_off),   T(test_no_shim_no_way), T(test_tags), T(test_marks),
		T(test_outlives_the_daemon), T(test_not_beside_xdp),
	};

	if (nsbox_object(object_path) || nsbox_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
