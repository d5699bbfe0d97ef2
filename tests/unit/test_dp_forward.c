// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_forward.c -- packets redirected past the stack, on real interfaces: the hop limit, the
 * checksum, the MTU, what goes through the stack all the same, and a stream that arrives whole.
 *
 * Whether a packet went through the stack is told by the stack: it counts what it forwards.
 */
#include "unit/dp_way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/dp_box.h"

#define STREAM_BYTES (64u << 20)

static struct dbx_dp *dp;

static const struct way_opts forwarded = {
	.verdict = DBX_VERDICT_PASS,
	.reason = DBX_REASON_FULL_ACCESS,
	.flags = DBX_IMAGE_F_FORWARD,
};

static void use(const struct way_opts *o)
{
	size_t n;
	void *image = way_image(o, &n);

	assert_ok(ops->prepare(dp, image, n, &err));
	assert_ok(ops->commit(dp, &err));
	free(image);
}

/*
 * w1 -- ws1, up2 -- w2. A veth takes redirected frames when its peer has NAPI, by GRO. The workload
 * writes its checksums itself, as a frame that came over a wire has them.
 */
static void lab(void)
{
	nsbox_workload("w1", "ws1", 1);
	nsbox_workload("w2", "up2", 2);
	nsbox_must("ip netns exec w1 ethtool -K eth0 tx off");
	nsbox_must("ip netns exec w2 ethtool -K eth0 gro on");
	nsbox_must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	nsbox_must("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 10.66.2.10");
	nsbox_must("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 fd66:2::10");
}

static int wire_setup(void **state)
{
	struct dbx_dp_state st;
	int rc;

	(void)state;
	lab();
	rc = ops->open(&dp, &opts, &st, &err);
	return rc ? rc : ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err);
}

static int wire_teardown(void **state)
{
	(void)state;
	ops->close(&dp);
	nsbox_must("ip netns del w1; ip netns del w2");
	nsbox_try("ip link del ws1; ip link del up2");
	return ops->uninstall(&opts, &err);
}

/* Before 6.3 no kernel says whether a veth takes frames, and the driver uses none. */
static bool kernel_tells(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	return !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       major * 1000 + minor >= 6003;
}

static void forward_to_up2(void)
{
	uint32_t v = nsbox_ifindex("up2"), key = 0;

	if (!kernel_tells())
		skip();

	assert_ok(ops->forward(dp, &v, 1, &err));
	assert_int_equal(bpf_map_get_next_key(dp->live.map[DBX_MAP_FORWARD], NULL, &key), 0);
	assert_int_equal(key, v);
}

/* Packets that the stack has forwarded, both families. */
static uint64_t n_by_stack(void)
{
	char line[2048], key[64];
	FILE *f = fopen("/proc/self/net/snmp", "r");
	uint64_t n = 0, v;
	long long forwarding;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Ip: %lld %*d %*d %*d %*d %llu", &forwarding,
			   (unsigned long long *)&v) == 2)
			n += v;
	}
	fclose(f);
	f = fopen("/proc/self/net/snmp6", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %llu", key, (unsigned long long *)&v) == 2 &&
		    !strcmp(key, "Ip6OutForwDatagrams"))
			n += v;
	}
	fclose(f);
	return n;
}

static int in_namespace(const char *name)
{
	char path[64];
	int fd, rc;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
	close(fd);
	return rc;
}

static int socket_in(const char *name, int family, int type, int proto)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	assert_true(here >= 0);
	assert_int_equal(in_namespace(name), 0);
	fd = socket(family, type | SOCK_CLOEXEC, proto);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	close(here);
	assert_true(fd >= 0);
	return fd;
}

/* Receives UDP at port 7000 in w2. */
static int listen_udp(bool is_v6)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(7000)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(7000)};
	int fd = socket_in("w2", is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), one = 1;

	assert_int_equal(
		is_v6 ? bind(fd, (void *)&a6, sizeof(a6)) : bind(fd, (void *)&a4, sizeof(a4)), 0);
	assert_int_equal(setsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				    is_v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &one, sizeof(one)),
			 0);
	return fd;
}

/* Sends n bytes from w1 until the receiver has them; returns the hop limit that they came with. */
static int hop_limit_after(int fd, bool is_v6, int hops, size_t n)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(7000)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(7000)};
	int out = socket_in("w1", is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), i, got = -1;
	char data[2000] = {0}, in[2000], control[256];
	struct iovec v = {in, sizeof(in)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control};
	struct pollfd w = {.fd = fd, .events = POLLIN};
	struct cmsghdr *c;

	inet_pton(AF_INET6, "fd66:2::10", &a6.sin6_addr);
	inet_pton(AF_INET, "10.66.2.10", &a4.sin_addr);
	assert_int_equal(setsockopt(out, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				    is_v6 ? IPV6_UNICAST_HOPS : IP_TTL, &hops, sizeof(hops)),
			 0);
	for (i = 0; i < 40 && got < 0; i++) {
		sendto(out, data, n, 0, is_v6 ? (void *)&a6 : (void *)&a4,
		       is_v6 ? sizeof(a6) : sizeof(a4));
		if (poll(&w, 1, 500) < 1)
			continue;
		m.msg_controllen = sizeof(control);
		if (recvmsg(fd, &m, 0) != (ssize_t)n)
			continue;
		for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			memcpy(&got, CMSG_DATA(c), sizeof(got));
	}
	close(out);
	return got;
}

/* UDP arrives only if the checksums are right; the stack has counted nothing. */
static void test_redirected_with_one_hop_less(void **state)
{
	static const int hops[] = {2, 64, 65, 128, 255};
	uint64_t before;
	size_t i, n;
	int fd, v6;

	(void)state;
	use(&forwarded);
	forward_to_up2();
	for (v6 = 0; v6 < 2; v6++) {
		fd = listen_udp(v6);
		hop_limit_after(fd, v6, 64, 10); /* neighbours are known then */
		before = n_by_stack();
		for (i = 0; i < sizeof(hops) / sizeof(hops[0]); i++) {
			for (n = 1; n < 1400; n += 333)
				assert_int_equal(hop_limit_after(fd, v6, hops[i], n), hops[i] - 1);
		}
		assert_int_equal(n_by_stack(), before);
		close(fd);
	}
	assert_true(total_of(dp, DBX_REASON_FULL_ACCESS, DBX_VERDICT_PASS) >= 50);
}

/* Every value of TTL and of a checksum that wraps: the header sums to what it must. */
static void test_the_checksum_is_right_at_every_value(void **state)
{
	int fd = listen_udp(false), i;
	uint64_t before;

	(void)state;
	use(&forwarded);
	forward_to_up2();
	hop_limit_after(fd, false, 64, 10);
	before = n_by_stack();
	for (i = 2; i < 256; i++)
		assert_int_equal(hop_limit_after(fd, false, i, 8), i - 1);
	assert_int_equal(n_by_stack(), before);
	close(fd);
}

static void test_the_last_hop_is_told(void **state)
{
	(void)state;
	use(&forwarded);
	forward_to_up2();
	assert_int_equal(nsbox_try("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 -t 1 10.66.2.10 | "
				   "grep -q 'From 10.66.1.1 .*Time to live exceeded'"),
			 0);
	assert_int_equal(nsbox_try("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 -t 1 fd66:2::10 | "
				   "grep -q 'From fd66:1::1 .*Hop limit'"),
			 0);
}

static void test_too_long_a_frame_is_told(void **state)
{
	int fd = listen_udp(false);
	uint64_t before;

	(void)state;
	nsbox_must("ip link set up2 mtu 1300");
	use(&forwarded);
	forward_to_up2();
	assert_int_equal(nsbox_try("ip netns exec w1 ping -n -c 3 -i 0.2 -w 10 -M do -s 1372 "
				   "10.66.2.10 | grep -qi 'mtu *= *1300'"),
			 0);
	assert_int_equal(nsbox_try("ip netns exec w1 ping -n -c 3 -i 0.2 -w 10 -M do -s 1352 "
				   "fd66:2::10 | grep -qi 'mtu *= *1300'"),
			 0);
	/* that of exactly this length is redirected */
	nsbox_must("ip -n w1 route flush cache; ip netns exec w1 ip -6 route flush cache");
	hop_limit_after(fd, false, 64, 10);
	before = n_by_stack();
	assert_int_equal(hop_limit_after(fd, false, 64, 1300 - 28), 63);
	assert_int_equal(n_by_stack(), before);
	close(fd);
}

/* What stays with the stack, and arrives. */
static void by_the_stack(const struct way_opts *o)
{
	int fd = listen_udp(false);
	uint64_t before;

	use(o);
	hop_limit_after(fd, false, 64, 10);
	before = n_by_stack();
	assert_int_equal(hop_limit_after(fd, false, 64, 10), 63);
	assert_true(n_by_stack() > before);
	close(fd);
}

static void test_what_stays_with_the_stack(void **state)
{
	struct way_opts o = forwarded;

	(void)state;
	forward_to_up2();
	o.marks[2] = DBX_MARK_PATH | 5;
	by_the_stack(&o);
	o.marks[2] = 0;
	o.path = DBX_PATH_LOCAL;
	by_the_stack(&o);
	o.path = 0;
	o.flags = 0;
	by_the_stack(&o);
	o.flags = DBX_IMAGE_F_FORWARD;
	assert_ok(ops->forward(dp, NULL, 0, &err));
	by_the_stack(&o);
}

/* A packet to the gateway itself, and one for which no neighbour is known yet. */
static void test_local_and_unresolved(void **state)
{
	(void)state;
	use(&forwarded);
	forward_to_up2();
	assert_true(nsbox_ping("w1", 1));
	assert_true(nsbox_ping6("w1", 1));
	nsbox_must("ip neigh flush dev up2; ip -6 neigh flush dev up2");
	nsbox_must("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 10.66.2.10");
	nsbox_must("ip neigh flush dev up2; ip -6 neigh flush dev up2");
	nsbox_must("ip netns exec w1 ping -n -c 1 -i 0.2 -w 10 fd66:2::10");
}

/* An interface that would lose what is redirected to it is left out; one that goes, leaves. */
static void test_interfaces_that_cannot(void **state)
{
	const uint32_t up2 = nsbox_ifindex("up2");
	uint32_t v[3] = {nsbox_ifindex("lo"), up2, 999999}, key = 0;
	int map = dp->live.map[DBX_MAP_FORWARD];

	(void)state;
	forward_to_up2();
	assert_ok(ops->forward(dp, v, 3, &err));
	assert_int_equal(bpf_map_get_next_key(map, NULL, &key), 0);
	assert_int_equal(key, up2);
	assert_int_not_equal(bpf_map_get_next_key(map, &key, &key), 0);
	nsbox_must("ip netns exec w2 ethtool -K eth0 gro off");
	assert_ok(ops->forward(dp, v, 3, &err));
	assert_int_not_equal(bpf_map_get_next_key(map, NULL, &key), 0);
	by_the_stack(&forwarded);
	nsbox_must("ip netns exec w2 ethtool -K eth0 gro on");
	forward_to_up2();
	nsbox_must("ip link del up2");
	assert_int_not_equal(bpf_map_get_next_key(map, NULL, &key), 0);
	nsbox_link("w2", "up2", 2);
}

/* ---- a stream ---- */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 17);
}

static int connect_from_w1(bool is_v6)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(7001)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(7001)};
	int fd = socket_in("w1", is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET6, "fd66:2::10", &a6.sin6_addr);
	inet_pton(AF_INET, "10.66.2.10", &a4.sin_addr);
	assert_int_equal(is_v6 ? connect(fd, (void *)&a6, sizeof(a6))
			       : connect(fd, (void *)&a4, sizeof(a4)),
			 0);
	return fd;
}

static void send_stream(int fd)
{
	static uint8_t block[1 << 16];
	size_t at = 0, i;
	ssize_t n;

	while (at < STREAM_BYTES) {
		for (i = 0; i < sizeof(block); i++)
			block[i] = byte_at(at + i);
		for (i = 0; i < sizeof(block); i += (size_t)n) {
			n = write(fd, block + i, sizeof(block) - i);
			if (n <= 0)
				_exit(1);
		}
		at += sizeof(block);
	}
	_exit(0);
}

static size_t read_stream(int fd)
{
	static uint8_t block[1 << 16];
	struct pollfd w = {.fd = fd, .events = POLLIN};
	size_t at = 0, i;
	ssize_t n;

	while (poll(&w, 1, 60000) == 1) {
		n = read(fd, block, sizeof(block));
		if (n <= 0)
			break;
		for (i = 0; i < (size_t)n; i++) {
			if (block[i] != byte_at(at + i))
				return at + i;
		}
		at += (size_t)n;
	}
	return at;
}

/* The stack forwards nothing from the workload meanwhile: all of it is redirected. */
static void test_a_stream_arrives_whole(void **state)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(7001)};
	int listener = socket_in("w2", AF_INET6, SOCK_STREAM, 0), fd, in, v6, status, zero = 0;
	pid_t pid;

	(void)state;
	use(&forwarded);
	forward_to_up2();
	nsbox_must("mac=$(ip -n w2 -br link show eth0 | awk '{print $3}') && "
		   "ip neigh replace 10.66.2.10 lladdr $mac dev up2 nud permanent && "
		   "ip -6 neigh replace fd66:2::10 lladdr $mac dev up2 nud permanent");
	nsbox_must("nft 'table inet t { chain c { type filter hook forward priority 0; "
		   "iifname ws1 drop; }; }'");
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	assert_int_equal(bind(listener, (void *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 1), 0);
	for (v6 = 0; v6 < 2; v6++) {
		fd = connect_from_w1(v6);
		in = accept(listener, NULL, NULL);
		assert_true(in >= 0);
		pid = fork();
		if (!pid)
			send_stream(fd);
		close(fd);
		assert_int_equal(read_stream(in), STREAM_BYTES);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		close(in);
	}
	assert_true(total_of(dp, DBX_REASON_FULL_ACCESS, DBX_VERDICT_PASS) >
		    2 * STREAM_BYTES / 1500);
	close(listener);
	nsbox_must("nft delete table inet t");
}

#define WIRE(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE(test_redirected_with_one_hop_less),
		WIRE(test_the_checksum_is_right_at_every_value),
		WIRE(test_the_last_hop_is_told),
		WIRE(test_too_long_a_frame_is_told),
		WIRE(test_what_stays_with_the_stack),
		WIRE(test_local_and_unresolved),
		WIRE(test_interfaces_that_cannot),
		WIRE(test_a_stream_arrives_whole),
	};

	return box_enter() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
