// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_reject.c -- denied packets that are answered: by what, to whom, how often; and those that
 * never are.
 */
#include "unit/dp_way.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "unit/dp_box.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static const struct way_opts answered = {
	.verdict = DBX_VERDICT_DROP,
	.reason = DBX_REASON_NO_MATCH,
	.reject = true,
	.reject_per_s = 1000000000,
};

/* RFC 1071, the plain way. */
static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	size_t i;

	for (i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static uint32_t rd32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The IP header of the answer to p: MAC and IP addresses turned round, the tag as it was. */
static const uint8_t *answer_ip(const struct pkt *p, bool is_v6, size_t n_tag, uint8_t proto)
{
	const struct dbx_meta *m = (const void *)way.out;
	const uint8_t *f = way.out + sizeof(*m), *ip = f + 14 + n_tag, *was = p->b + 14 + n_tag;
	size_t at = is_v6 ? 8 : 12, n = is_v6 ? 16 : 4, bytes;

	assert_int_equal(way.action, XDP_PASS);
	assert_true(way.n_out >= sizeof(*m) + 14 + n_tag + 40);
	assert_true((m->what & 0xffff0000) == DBX_META_MAGIC && (m->what & DBX_META_REPLY));
	assert_memory_equal(f, p->b + 6, 6);
	assert_memory_equal(f + 6, p->b, 6);
	assert_memory_equal(f + 12, p->b + 12, 2 + n_tag);
	assert_memory_equal(ip + at, was + at + n, n);
	assert_memory_equal(ip + at + n, was + at, n);
	bytes = is_v6 ? 40u + (rd32(ip + 4) >> 16) : rd32(ip) & 0xffff;
	assert_int_equal(bytes, way.n_out - sizeof(*m) - 14 - n_tag);
	assert_int_equal(ip[is_v6 ? 6 : 9], proto);
	assert_int_equal(ip[is_v6 ? 7 : 8], 64);
	if (!is_v6)
		assert_int_equal(sum(ip, 20, 0), 0xffff);
	return ip;
}

static uint32_t pseudo(const uint8_t *ip, bool is_v6, uint8_t proto, size_t n)
{
	return sum(ip + (is_v6 ? 8 : 12), is_v6 ? 32 : 8, (uint32_t)(proto + n));
}

static void assert_rst(const struct pkt *p, bool is_v6, size_t n_tag, uint32_t seq, uint32_t ack,
		       uint8_t flags)
{
	const uint8_t *ip = answer_ip(p, is_v6, n_tag, 6), *tcp = ip + (is_v6 ? 40 : 20);
	const uint8_t *was = p->b + 14 + n_tag + (is_v6 ? 40 : 20);

	assert_int_equal(sum(tcp, 20, pseudo(ip, is_v6, 6, 20)), 0xffff);
	assert_memory_equal(tcp, was + 2, 2);
	assert_memory_equal(tcp + 2, was, 2);
	assert_int_equal(rd32(tcp + 4), seq);
	assert_int_equal(rd32(tcp + 8), ack);
	assert_int_equal(tcp[12], 5 << 4);
	assert_int_equal(tcp[13], flags);
}

static void assert_icmp(const struct pkt *p, bool is_v6, size_t n_tag, uint8_t type, uint8_t code)
{
	const uint8_t proto = is_v6 ? 58 : 1, *ip = answer_ip(p, is_v6, n_tag, proto);
	const uint8_t *icmp = ip + (is_v6 ? 40 : 20);
	size_t n = (size_t)(way.out + way.n_out - icmp), n_quote = n - 8;
	size_t n_ip = p->n - 14 - n_tag;

	assert_int_equal(icmp[0], type);
	assert_int_equal(icmp[1], code);
	assert_int_equal(rd32(icmp + 4), 0);
	assert_int_equal(sum(icmp, n, is_v6 ? pseudo(ip, true, proto, n) : 0), 0xffff);
	assert_true(n_quote == (n_ip & ~(size_t)1) || (n_quote == 512 && n_ip > 512));
	assert_memory_equal(icmp + 8, p->b + 14 + n_tag, n_quote);
}

static void assert_silent(const struct pkt *p)
{
	assert_int_equal(way_send(p, 0, 1), XDP_DROP);
	assert_int_equal(way.n_out, p->n);
	assert_memory_equal(way.out, p->b, p->n);
}

static void test_tcp_gets_a_rst(void **state)
{
	struct pkt p;
	int i;

	(void)state;
	way_use(&answered);
	for (i = 0; i < 4; i++) {
		bool v6 = i & 1;
		uint16_t vlan = i & 2 ? 100 : 0;
		size_t tag = vlan ? 4 : 0;

		/* RFC 9293 section 3.10.7.1: no ACK: ours is 0, and acknowledges all of it */
		way_tcp(&p, v6, vlan, SYN, 0xffffffff, 77, 0);
		way_send(&p, 0, 1);
		assert_rst(&p, v6, tag, 0, 0, RST | ACK);
		way_tcp(&p, v6, vlan, SYN, 1000, 0, 300);
		way_send(&p, 0, 1);
		assert_rst(&p, v6, tag, 0, 1301, RST | ACK);
		way_tcp(&p, v6, vlan, FIN, 1000, 0, 3);
		way_send(&p, 0, 1);
		assert_rst(&p, v6, tag, 0, 1004, RST | ACK);
		/* ACK: what it acknowledges is our place */
		way_tcp(&p, v6, vlan, ACK | PSH, 5, 0xdeadbeef, 1000);
		way_send(&p, 0, 1);
		assert_rst(&p, v6, tag, 0xdeadbeef, 0, RST);
		way_tcp(&p, v6, vlan, RST, 5, 6, 0);
		assert_silent(&p);
		way_tcp(&p, v6, vlan, RST | ACK, 5, 6, 0);
		assert_silent(&p);
	}
}

static void test_all_else_is_told_prohibited(void **state)
{
	static const size_t sizes[] = {0, 1, 20, 21, 465, 600, 1400};
	struct pkt p;
	size_t i;
	int k;

	(void)state;
	way_use(&answered);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (k = 0; k < 4; k++) {
			way_udp(&p, k & 1, k & 2 ? 7 : 0, 40000, sizes[i]);
			way_send(&p, 0, 1);
			if (k & 1)
				assert_icmp(&p, true, k & 2 ? 4 : 0, 1, 1);
			else
				assert_icmp(&p, false, k & 2 ? 4 : 0, 3, 13);
		}
	}
	way_begin(&p, false, 0);
	pkt_icmp(&p, 8, 0);
	pkt_fill(&p, 30);
	pkt_end(&p);
	way_send(&p, 0, 1);
	assert_icmp(&p, false, 0, 3, 13);
	way_begin(&p, true, 0);
	pkt_icmp6(&p, 128, 0);
	pkt_fill(&p, 30);
	pkt_end(&p);
	way_send(&p, 0, 1);
	assert_icmp(&p, true, 0, 1, 1);
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
static void test_what_is_never_answered(void **state)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12, 0}, errors6[] = {1, 2, 3, 4, 100, 127};
	struct pkt p;
	size_t i;

	(void)state;
	way_use(&answered);
	for (i = 0; i < sizeof(errors4); i++) {
		way_begin(&p, false, 0);
		pkt_icmp(&p, errors4[i], 0);
		pkt_fill(&p, 30);
		pkt_end(&p);
		assert_silent(&p);
		way_begin(&p, true, 0);
		pkt_icmp6(&p, errors6[i], 0);
		pkt_fill(&p, 30);
		pkt_end(&p);
		assert_silent(&p);
	}
	way_udp(&p, false, 0, 40000, 20);
	p.b[0] |= 1; /* to many, on the link */
	assert_silent(&p);
	way_tcp(&p, true, 0, SYN, 1, 0, 0);
	p.b[0] |= 1;
	assert_silent(&p);
	way_udp(&p, false, 0, 40000, 20);
	p.b[14 + 16] = 239;
	assert_silent(&p);
	memset(p.b + 14 + 16, 255, 4);
	assert_silent(&p);
	way_udp(&p, true, 0, 40000, 20);
	p.b[14 + 24] = 0xff;
	assert_silent(&p);
}

static void fragment(struct pkt *p, bool tcp, uint16_t offset, bool more)
{
	struct pkt_ip4 ip = PKT_IP4_INIT;

	pkt_begin(p);
	pkt_eth(p, way_gateway, way_client, PKT_AUTO);
	pkt_addr_parse("10.66.1.10", &ip.src);
	pkt_addr_parse("203.0.113.7", &ip.dst);
	ip.id = 99;
	ip.more_fragments = more;
	ip.offset = offset;
	pkt_ip4(p, &ip);
	if (tcp)
		pkt_tcp(p, 40000, 443, PKT_AUTO, SYN);
	else
		pkt_udp(p, 17, 40000, 9999, PKT_AUTO);
	pkt_fill(p, tcp ? 20 : 24);
	pkt_end(p);
}

static void test_of_fragments_only_the_first(void **state)
{
	struct pkt p;

	(void)state;
	way_use(&answered);
	fragment(&p, false, 0, true);
	way_send(&p, 0, 1);
	assert_icmp(&p, false, 0, 3, 13);
	fragment(&p, false, 4, false);
	assert_silent(&p);
	fragment(&p, true, 0, true); /* how long it is, is not known: no RST */
	way_send(&p, 0, 1);
	assert_icmp(&p, false, 0, 3, 13);
}

static void test_only_who_is_to_be_answered(void **state)
{
	static const uint8_t silent[] = {DBX_REASON_MARTIAN, DBX_REASON_MULTICAST,
					 DBX_REASON_QUOTA_BYTES, DBX_REASON_QUOTA_FLOWS,
					 DBX_REASON_REPEAT_DIFFERS};
	static const uint8_t spoken[] = {
		DBX_REASON_METADATA,  DBX_REASON_BLOCKED,          DBX_REASON_WORKSPACE_ISOLATION,
		DBX_REASON_NO_POLICY, DBX_REASON_PRIVATE_REQUIRED, DBX_REASON_CLUSTER_ISOLATION};
	struct way_opts o = answered;
	struct pkt p;
	size_t i;

	(void)state;
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	o.reject = false;
	way_use(&o);
	assert_silent(&p);
	o.reject = true;
	o.reject_per_s = 0;
	way_use(&o);
	assert_silent(&p);
	o.reject_per_s = 1000000;
	/* a source that is bound to another interface may be somebody else */
	o.interface = "ws1";
	way_use(&o);
	assert_int_equal(way_send(&p, dbx_port_hash("ws2"), 1), XDP_DROP);
	assert_int_equal(way.n_out, p.n);
	assert_int_equal(way_total(DBX_REASON_SPOOFED_SOURCE, DBX_VERDICT_DROP), 1);
	way_send(&p, dbx_port_hash("ws1"), 1);
	assert_rst(&p, false, 0, 0, 2, RST | ACK);
	o.interface = NULL;
	/* a source that nobody has */
	o.domain = 77;
	way_use(&o);
	assert_silent(&p);
	assert_int_equal(way_total(DBX_REASON_UNKNOWN_SOURCE, DBX_VERDICT_DROP), 1);
	o.domain = 0;
	for (i = 0; i < sizeof(silent); i++) {
		o.reason = silent[i];
		way_use(&o);
		assert_silent(&p);
	}
	for (i = 0; i < sizeof(spoken); i++) {
		o.reason = spoken[i];
		way_use(&o);
		way_send(&p, 0, 1);
		assert_rst(&p, false, 0, 0, 2, RST | ACK);
	}
}

/* What is wrong with the packet itself is never answered, nor what is in a tunnel. */
static void test_broken_and_tunnelled_packets_are_not_answered(void **state)
{
	struct way_opts o = answered;
	struct pkt p;

	(void)state;
	way_use(&o);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	p.b[14 + 20 + 12] = 4 << 4;
	assert_silent(&p);
	o.vxlan_port = 4789;
	way_use(&o);
	way_begin(&p, false, 0);
	pkt_udp(&p, 17, 40000, 4789, PKT_AUTO);
	pkt_vxlan(&p, 0x08000000, 42, 0);
	pkt_eth(&p, way_gateway, way_client, PKT_AUTO);
	{
		struct pkt_ip4 ip = PKT_IP4_INIT;

		pkt_addr_parse("10.1.1.1", &ip.src);
		pkt_addr_parse("203.0.113.7", &ip.dst);
		pkt_ip4(&p, &ip);
	}
	pkt_tcp(&p, 40000, 443, PKT_AUTO, SYN);
	pkt_end(&p);
	assert_silent(&p);
	assert_int_equal(way_total(DBX_REASON_NO_MATCH, DBX_VERDICT_DROP), 1);
}

/*
 * A flood. Upper bound: what the bucket holds, and the rate, over the time that really went by. Lower:
 * the rate, less what a bucket that was full missed because this program was not running.
 */
static void test_the_storm_limit(void **state)
{
	const uint64_t rate = 2000, hold_ns = 100000000, run_ns = 2000000000;
	struct way_opts o = answered;
	uint64_t first, last, now, answers = 0, sent = 0, idle_ns = 0, span_ns;
	struct pkt p;

	(void)state;
	o.reject_per_s = (uint32_t)rate;
	way_use(&o);
	way_tcp(&p, false, 0, SYN, 1, 0, 0);
	first = last = way_now();
	do {
		way_send(&p, 0, 1);
		sent++;
		answers += way.action == XDP_PASS;
		now = way_now();
		if (now - last > hold_ns)
			idle_ns += now - last - hold_ns;
		last = now;
	} while (now - first < run_ns);
	span_ns = now - first;
	fprintf(stderr, "# %llu denied packets in %llu ms: %llu answers, %llu a second allowed\n",
		(unsigned long long)sent, (unsigned long long)span_ns / 1000000,
		(unsigned long long)answers, (unsigned long long)rate);
	assert_true(sent > 2 * answers);
	assert_true(answers <= (span_ns + hold_ns) / (1000000000 / rate) + 1);
	assert_true(answers >= (span_ns - idle_ns) / (1000000000 / rate) * 95 / 100);
	assert_int_equal(way_total(DBX_REASON_NO_MATCH, DBX_VERDICT_DROP), sent);
}

/* ---- on the wire ---- */

static struct dbx_dp *dp;

static int wire_setup(void **state)
{
	struct dbx_dp_state st;
	struct way_opts o = answered;
	void *image;
	size_t n;
	int rc;

	nsbox_workload("w1", "ws1", 1);
	rc = ops->open(&dp, &opts, &st, &err);
	if (!rc)
		rc = ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err);
	(void)state;
	o.reject_per_s = 1000;
	image = way_image(&o, &n);
	if (!rc)
		rc = ops->prepare(dp, image, n, &err);
	if (!rc)
		rc = ops->commit(dp, &err);
	free(image);
	return rc;
}

static int wire_teardown(void **state)
{
	ops->close(&dp);
	return teardown(state);
}

/* errno of a connection (or, datagram: of an exchange) in the workload's namespace; 0 = none came. */
static int try_from_workload(const char *address, int type)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(80)};
	bool v6 = inet_pton(AF_INET6, address, &to6.sin6_addr) == 1;
	int fd, ns = open("/run/netns/w1", O_RDONLY | O_CLOEXEC), status;
	struct pollfd w = {.events = POLLIN | POLLOUT};
	socklen_t n = sizeof(status);
	pid_t pid = fork();

	if (!pid) {
		inet_pton(AF_INET, address, &to4.sin_addr);
		status = setns(ns, CLONE_NEWNET);
		fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0);
		w.fd = fd;
		if (status || fd < 0)
			_exit(255);
		status = connect(fd, v6 ? (void *)&to6 : (void *)&to4,
				 v6 ? sizeof(to6) : sizeof(to4));
		if (type == SOCK_DGRAM) {
			w.events = POLLIN;
			if (send(fd, "x", 1, 0) < 0)
				_exit(errno);
		}
		if (poll(&w, 1, 20000) < 1)
			_exit(0);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &n);
		_exit(status);
	}
	close(ns);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_clients_fail_at_once(void **state)
{
	(void)state;
	nsbox_must("mac=$(ip -br link show ws1 | awk '{print $3}') && "
		   "ip -n w1 neigh replace 10.66.1.1 lladdr $mac dev eth0 nud permanent && "
		   "ip -n w1 -6 neigh replace fd66:1::1 lladdr $mac dev eth0 nud permanent");
	assert_int_equal(try_from_workload("203.0.113.7", SOCK_STREAM), ECONNREFUSED);
	assert_int_equal(try_from_workload("2001:db8::7", SOCK_STREAM), ECONNREFUSED);
	assert_int_equal(try_from_workload("203.0.113.7", SOCK_DGRAM), EHOSTUNREACH);
	assert_int_equal(try_from_workload("2001:db8::7", SOCK_DGRAM), EACCES);
}

#define T(name) cmocka_unit_test_setup_teardown(name, way_open, way_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_tcp_gets_a_rst),
		T(test_all_else_is_told_prohibited),
		T(test_what_is_never_answered),
		T(test_of_fragments_only_the_first),
		T(test_only_who_is_to_be_answered),
		T(test_broken_and_tunnelled_packets_are_not_answered),
		T(test_the_storm_limit),
		cmocka_unit_test_setup_teardown(test_clients_fail_at_once, wire_setup,
						wire_teardown),
	};

	return box_enter() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
