// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_live.c -- the driver on real interfaces, with real clients and servers: TLS by its name,
 * resets, DNS steered to a socket, tags that an interface hides.
 *
 * w1 (10.66.1.10) -- ws1, the gateway, up1 -- srv (203.0.113.7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/flowrun.h"
#include "common/nsbox.h"
#include "dataplane/dp_xdp.h"

#define PINS NSBOX_BPFFS "/dbx-egress"
#define DIR  "/run/nsbox"

static char object_path[PATH_MAX];
static struct dbx_dp_opts opts = {.object_path = object_path, .pin_dir = PINS};
static const struct dbx_dp_ops *const ops = &dbx_dp_xdp;
static struct dbx_dp_error err;
static struct dbx_dp *dp;

#define assert_ok(call)                                               \
	do {                                                          \
		err.text[0] = '\0';                                   \
		int rc_ = (call);                                     \
		if (rc_)                                              \
			fail_msg("%s: %d: %s", #call, rc_, err.text); \
	} while (0)

static void commit(const struct flowrun_opts *o)
{
	size_t n;
	void *image = flowrun_make_image(o, FLOWRUN_POLICY, &n);

	assert_non_null(image);
	assert_ok(ops->prepare(dp, image, n, &err));
	assert_ok(ops->commit(dp, &err));
	free(image);
}

static uint64_t total_of(enum dbx_reason reason, enum dbx_verdict verdict)
{
	struct dbx_counter v[DBX_TOTAL_MAX];

	assert_ok(ops->totals(dp, v));
	return v[DBX_TOTAL_REASON_BASE + reason * DBX_VERDICT_MAX + verdict].packets;
}

static void learn(const char *name)
{
	struct dbx_bound_key key = {.policy_uid = FLOWRUN_POLICY,
				    .addr = {0, 0, 0xffff, 0xcb007107}};
	struct dbx_bound b = {.rule_uid = FLOWRUN_RULE};
	struct dbx_hash h = {{0, 0}};
	struct dbx_secret secret;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	b.expires_ns = ((uint64_t)ts.tv_sec + 3600) * 1000000000u;
	assert_ok(ops->secret(dp, &secret));
	while (*name)
		dbx_hash_byte(&h, &secret, (uint8_t)*name++);
	key.name = dbx_hash_value(&h);
	assert_ok(ops->learn(dp, &key, &b));
}

static void lab(void)
{
	nsbox_workload("w1", "ws1", 1);
	nsbox_must("ip netns add srv && ip -n srv link set lo up");
	nsbox_must("ip link add up1 type veth peer name eth0 netns srv");
	nsbox_must("ip addr add 203.0.113.1/24 dev up1 && ip link set up1 up");
	nsbox_must("ip -n srv addr add 203.0.113.7/24 dev eth0 && ip -n srv link set eth0 up");
	nsbox_must("ip -n srv route add default via 203.0.113.1");
	nsbox_must("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 "
		   "net.ipv4.conf.ws1.rp_filter=0");
	nsbox_must("cd " DIR " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
		   "-nodes -subj /CN=x -days 9 -keyout key -out cert");
}

static int setup(void **state)
{
	struct dbx_dp_state st;
	int rc;

	(void)state;
	lab();
	rc = ops->open(&dp, &opts, &st, &err);
	if (!rc)
		rc = ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	ops->close(&dp);
	nsbox_try("kill $(ip netns pids srv) $(ip netns pids w1); rm -f " DIR "/pid");
	if (getenv("DBX_DEBUG"))
		nsbox_try("cat /run/nsbox/server.log >&2; cp /run/nsbox/* /tmp/n1/dbg/");
	nsbox_must("ip netns del w1; ip netns del srv; sleep 0.1");
	nsbox_try("ip link del ws1; ip link del up1");
	return ops->uninstall(&opts, &err);
}

static const struct flowrun_opts tls = {.kind = DBX_NAME_PORT_TLS};

/* s_server has one client at a time: one that was reset on its side alone keeps it. */
static void start_server(void)
{
	nsbox_must("cd " DIR " && if [ -e pid ]; then kill $(cat pid); sleep 0.2; fi; "
		   "ip netns exec srv openssl s_server -accept 443 -www -cert cert -key key "
		   ">server.log 2>&1 & echo $! >" DIR "/pid; for i in $(seq 50); do "
		   "ip netns exec srv ss -ltn | grep -q :443 && exit 0; sleep 0.1; done; exit 1");
}

/* Payload of clients that came as far as the server, from now on; and marks. */
static void start_capture(void)
{
	nsbox_must("(ip netns exec srv tcpdump --immediate-mode -i eth0 -U -w " DIR
		   "/cap 'udp dst port 9 or dst port 443 and "
		   "(ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2)) != 0' >" DIR
		   "/capture.log 2>&1 &) ; for i in $(seq 200); do grep -q listening " DIR
		   "/capture.log && exit 0; sleep 0.1; done; exit 1");
}

/* A mark comes from the gateway: when the capture has it, it has all that came before. */
static int captured(void)
{
	nsbox_must("bash -c 'echo mark >/dev/udp/203.0.113.7/9'; "
		   "for i in $(seq 200); do test $(tcpdump -r " DIR "/cap udp 2>/dev/null | wc -l) "
		   "-gt 0 && exit 0; sleep 0.1; done; exit 1");
	return nsbox_try("exit $(tcpdump -r " DIR "/cap tcp 2>/dev/null | wc -l)");
}

static bool curl(const char *name, const char *more)
{
	return !nsbox_try("ip netns exec w1 curl -sk -m 3 %s -o /dev/null --resolve "
			  "%s:443:203.0.113.7 https://%s/",
			  more, name, name);
}

static void test_the_name_decides(void **state)
{
	(void)state;
	commit(&tls);
	start_server();
	assert_false(curl("shop.example.com", "")); /* nothing is learned */
	assert_true(total_of(DBX_REASON_NAME_NOT_LEARNED, DBX_VERDICT_DROP) > 0);
	learn("shop.example.com");
	assert_true(curl("shop.example.com", ""));
	assert_true(curl("shop.example.com", "--tls-max 1.2"));
	assert_true(total_of(DBX_REASON_LISTED_NAME, DBX_VERDICT_PASS) > 5);
	start_capture();
	/* 35: the connection was reset during the handshake, at once */
	assert_int_equal(nsbox_try("ip netns exec w1 curl -sk -m 3 --resolve evil.example.com:443:"
				   "203.0.113.7 https://evil.example.com/"),
			 35);
	assert_true(total_of(DBX_REASON_NAME_MISMATCH, DBX_VERDICT_DROP) > 0);
	assert_int_equal(nsbox_try("ip netns exec w1 curl -sk -m 3 https://203.0.113.7/"), 35);
	assert_true(total_of(DBX_REASON_NAME_MISSING, DBX_VERDICT_DROP) > 0);
	assert_int_equal(nsbox_try("ip netns exec w1 curl -s -m 3 http://203.0.113.7:443/"), 56);
	assert_true(total_of(DBX_REASON_NOT_TLS, DBX_VERDICT_DROP) > 0);
	/* not a byte of these came to the server; the next one's do, so the capture works */
	assert_int_equal(captured(), 0);
	start_server();
	assert_true(curl("shop.example.com", ""));
	nsbox_must("for i in $(seq 200); do test $(tcpdump -r " DIR "/cap tcp 2>/dev/null | wc -l) "
		   "-gt 0 && exit 0; sleep 0.1; done; exit 1");
}

/* A download goes on when the name is forgotten. */
static void test_large_transfer(void **state)
{
	(void)state;
	commit(&tls);
	learn("shop.example.com");
	nsbox_must("cd " DIR " && head -c 60000000 /dev/urandom >big && (ip netns exec srv openssl "
		   "s_server -accept 443 -WWW -cert cert -key key >server.log 2>&1 &); sleep 0.5");
	nsbox_must("ip netns exec w1 curl -sk -m 60 -o " DIR "/got --resolve "
		   "shop.example.com:443:203.0.113.7 https://shop.example.com/big && cmp " DIR
		   "/got " DIR "/big");
}

static const char hello_py[] =
	"import socket,ssl,sys,time\n"
	"def go(cuts):\n"
	" c=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT);c.check_hostname=False;c.verify_mode=0\n"
	" i,o=ssl.MemoryBIO(),ssl.MemoryBIO();t=c.wrap_bio(i,o,server_hostname='shop.example.com')\n"
	" s=socket.create_connection(('203.0.113.7',443),3);s.settimeout(5)\n"
	" s.setsockopt(socket.IPPROTO_TCP,socket.TCP_NODELAY,1)\n"
	" try: t.do_handshake()\n"
	" except ssl.SSLWantReadError: pass\n"
	" b=o.read();n=len(b);t0=time.monotonic()\n"
	" for k in range(cuts): s.sendall(b[n*k//cuts:n*(k+1)//cuts])\n"
	" i.write(s.recv(65536));d=time.monotonic()-t0\n"
	" while True:\n"
	"  try: t.do_handshake();break\n"
	"  except ssl.SSLWantReadError: s.sendall(o.read());i.write(s.recv(65536))\n"
	" s.close();return d*1000\n"
	"for cuts in (1,2,3,4,16):\n"
	" v=sorted(go(cuts) for _ in range(20))\n"
	" print('# hello in %2d segments: ms to the answer, median %.2f max %.2f'%(cuts,v[10],v[19]))\n";

static void test_hello_in_segments(void **state)
{
	FILE *out = fopen(DIR "/hello.py", "w");
	char line[200];

	(void)state;
	assert_non_null(out);
	fputs(hello_py, out);
	fclose(out);
	commit(&tls);
	learn("shop.example.com");
	start_server();
	nsbox_must("ip netns exec w1 python3 " DIR "/hello.py >" DIR "/delay");
	assert_true(total_of(DBX_REASON_HELLO_HELD, DBX_VERDICT_DROP) > 0);
	assert_int_equal(total_of(DBX_REASON_REPEAT_DIFFERS, DBX_VERDICT_DROP), 0);
	out = fopen(DIR "/delay", "r");
	while (fgets(line, sizeof(line), out))
		fputs(line, stderr);
	fclose(out);
}

static void test_dry_run_lets_pass(void **state)
{
	struct flowrun_opts dry = tls;

	(void)state;
	dry.dry_run = true;
	commit(&dry);
	learn("shop.example.com");
	start_server();
	assert_true(curl("evil.example.com", ""));
	assert_true(total_of(DBX_REASON_NAME_MISMATCH, DBX_VERDICT_DRY_RUN) > 0);
}

/* ---- UDP ---- */

static void test_quic_is_refused_with_icmp(void **state)
{
	struct flowrun_opts quic = {.kind = DBX_NAME_PORT_QUIC_DENY};

	(void)state;
	commit(&quic);
	learn("shop.example.com");
	/* ECONNREFUSED on the second send, or on recv */
	nsbox_must("ip netns exec w1 timeout 5 python3 -c \"\n"
		   "import socket\n"
		   "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(3)\n"
		   "s.connect(('203.0.113.7',443));s.send(b'q'*1200)\n"
		   "try: s.recv(9)\n"
		   "except ConnectionRefusedError: raise SystemExit(0)\n"
		   "raise SystemExit(1)\"");
	assert_true(total_of(DBX_REASON_QUIC_REFUSED, DBX_VERDICT_DROP) > 0);
}

/* ---- DNS ---- */

static int dns_socket(int type)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(5300)};
	int fd = socket(AF_INET, type, 0), one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, &one, sizeof(one)) ||
	    bind(fd, (void *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 8)))
		abort();
	return fd;
}

/* Answers a datagram with the address that it was sent to, from that address. */
static void answer_udp(int fd)
{
	char text[64], control[256], buf[512];
	struct sockaddr_in from, to = {.sin_family = AF_INET};
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {&from, sizeof(from), &iov, 1, control, sizeof(control), 0};
	struct cmsghdr *c;
	int out, one = 1;

	if (recvmsg(fd, &m, 0) < 0)
		return;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_ORIGDSTADDR)
			memcpy(&to, CMSG_DATA(c), sizeof(to));
	}
	out = socket(AF_INET, SOCK_DGRAM, 0);
	if (setsockopt(out, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    setsockopt(out, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(out, (void *)&to, sizeof(to)))
		abort();
	inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text));
	sendto(out, text, strlen(text), 0, (void *)&from, sizeof(from));
	close(out);
}

static void answer_tcp(int listener)
{
	int fd = accept(listener, NULL, NULL);
	struct sockaddr_in me;
	socklen_t n = sizeof(me);
	char text[64], buf[64];

	if (fd < 0 || getsockname(fd, (void *)&me, &n))
		return;
	if (read(fd, buf, sizeof(buf)) > 0) {
		inet_ntop(AF_INET, &me.sin_addr, text, sizeof(text));
		if (write(fd, text, strlen(text)) < 0)
			abort();
	}
	close(fd);
}

static pid_t resolver(int udp, int tcp)
{
	struct pollfd v[2] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};
	pid_t pid = fork();

	if (pid)
		return pid;
	while (poll(v, 2, 20000) > 0) {
		if (v[0].revents)
			answer_udp(udp);
		if (v[1].revents)
			answer_tcp(tcp);
	}
	_exit(0);
}

static bool ask(const char *type, const char *server)
{
	return !nsbox_try("ip netns exec w1 timeout 5 python3 -c \"\n"
			  "import socket\n"
			  "s=socket.socket(socket.AF_INET,socket.SOCK_%s);s.settimeout(1)\n"
			  "s.connect(('%s',53));s.send(b'query')\n"
			  "r=s.recv(99);raise SystemExit(r!=b'%s')\"",
			  type, server, server);
}

static void test_dns_is_steered(void **state)
{
	struct flowrun_opts o = tls;
	int udp, tcp;
	pid_t pid;

	(void)state;
	o.name_flags = DBX_NAMES_F_DNS;
	commit(&o);
	assert_false(ask("DGRAM", "8.8.8.8"));
	assert_true(total_of(DBX_REASON_DNS_NOT_READY, DBX_VERDICT_DROP) > 0);
	nsbox_must("ip rule add fwmark 0x0db50053 lookup 1053 && "
		   "ip route add local default dev lo table 1053");
	udp = dns_socket(SOCK_DGRAM);
	tcp = dns_socket(SOCK_STREAM);
	assert_ok(ops->steer(dp, udp, tcp, -1, -1, &err));
	pid = resolver(udp, tcp);
	assert_true(ask("DGRAM", "8.8.8.8"));
	assert_true(ask("STREAM", "8.8.8.8"));
	assert_true(ask("DGRAM", "203.0.113.7"));
	assert_true(ask("STREAM", "203.0.113.7"));
	assert_true(total_of(DBX_REASON_DNS_STEERED, DBX_VERDICT_PASS) > 4);
	/* the resolver dies: XDP still steers, and nothing passes by */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(udp);
	close(tcp);
	assert_false(ask("DGRAM", "203.0.113.7"));
	assert_false(ask("STREAM", "203.0.113.7"));
	assert_ok(ops->steer(dp, -1, -1, -1, -1, &err));
	assert_false(ask("DGRAM", "8.8.8.8"));
	nsbox_must("ip rule del fwmark 0x0db50053; ip route flush table 1053");
}

/* ---- the companion ---- */

static void test_without_the_companion_it_is_not_attached(void **state)
{
	struct dbx_dp_link v[4];
	size_t n;

	(void)state;
	commit(&tls);
	assert_ok(ops->links(dp, v, 4, &n));
	assert_true(n == 1 && v[0].is_attached);
	nsbox_must("tc qdisc del dev ws1 clsact");
	assert_ok(ops->links(dp, v, 4, &n));
	assert_false(v[0].is_attached);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_ok(ops->links(dp, v, 4, &n));
	assert_true(v[0].is_attached);
	assert_ok(ops->detach(dp, "ws1", &err));
	nsbox_must("test -z \"$(tc filter show dev ws1 ingress; tc filter show dev ws1 egress)\"");
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
}

/* In a child: the namespace w1's eth0 puts a tag beside each frame it sends, not into it. */
static void hide_tags(uint16_t vid)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0x0081},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = vid},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "hide", "GPL", insns, 5, NULL), status;
	pid_t pid = fork();

	if (!pid) {
		int ns = open("/run/netns/w1", O_RDONLY | O_CLOEXEC), rc = 0;

		rc = ns < 0 || setns(ns, CLONE_NEWNET);
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("eth0"),
			    .attach_point = BPF_TC_EGRESS);
		LIBBPF_OPTS(bpf_tc_opts, tc, .prog_fd = fd, .handle = 1, .priority = 1,
			    .flags = BPF_TC_F_REPLACE);
		if (!rc) {
			bpf_tc_hook_create(&hook);
			rc = bpf_tc_attach(&hook, &tc);
		}
		_exit(!!rc);
	}
	close(fd);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* One UDP frame with these tags in it. */
static void send_tagged(const char *tags)
{
	nsbox_must(
		"ip netns exec w1 python3 -c \"\n"
		"import socket,struct\n"
		"s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('eth0',0))\n"
		"m=bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':',''))\n"
		"p=bytes.fromhex('45000020000000004011337a')\n"
		"p+=socket.inet_aton('10.66.1.10')+socket.inet_aton('203.0.113.7')\n"
		"p+=struct.pack('>HHHH',999,53,12,0)+b'abcd'\n"
		"t=b''.join(struct.pack('>HH',0x8100,int(v)) for v in '%s'.split())\n"
		"s.send(b'\\xff'*6+m+t+struct.pack('>H',0x800)+p)\"",
		tags);
	nsbox_must("sleep 0.05");
}

/* Tags in the frame, and one that the interface hides (0 = none). */
static const struct tags {
	const char *in_frame;
	uint16_t hidden;
} tags[] = {
	{"", 0},    {"100", 0},   {"100 7", 0}, {"0", 0},       {"4095", 0},
	{"", 100},  {"100", 100}, {"7", 100},   {"100", 7},     {"7 100", 7},
	{"7 7", 7}, {"0", 100},   {"", 4095},   {"4095", 4095}, {"100", 4095},
};

/* What egress_tc makes of such a frame that XDP lets pass for this reason. */
static void see_tags(const struct tags *t, enum dbx_reason reason)
{
	uint64_t passed = total_of(reason, DBX_VERDICT_PASS);
	uint64_t hidden = total_of(DBX_REASON_VLAN_HIDDEN, DBX_VERDICT_DROP);

	if (t->hidden)
		hide_tags(t->hidden);
	send_tagged(t->in_frame);
	passed = total_of(reason, DBX_VERDICT_PASS) - passed;
	hidden = total_of(DBX_REASON_VLAN_HIDDEN, DBX_VERDICT_DROP) - hidden;
	fprintf(stderr, "# in the frame \"%s\", hidden %u: XDP passed %u, dropped as hidden %u\n",
		t->in_frame, t->hidden, (unsigned int)passed, (unsigned int)hidden);
	assert_int_equal(hidden > 0, t->hidden > 0);
}

static void test_tags_that_are_seen_and_hidden(void **state)
{
	struct flowrun_opts o = {.kind = DBX_NAME_PORT_UNVERIFIED};
	size_t i;

	(void)state;
	commit(&o);
	learn("shop.example.com");
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		see_tags(&tags[i], DBX_REASON_NAME_UNVERIFIED);
}

/* Queries are sealed: egress_tc must find the frame's own tags again, and the hidden one. */
static void test_tags_of_queries(void **state)
{
	struct flowrun_opts o = {.kind = DBX_NAME_PORT_UNVERIFIED, .name_flags = DBX_NAMES_F_DNS};
	struct pollfd udp = {dns_socket(SOCK_DGRAM), POLLIN, 0};
	int tcp = dns_socket(SOCK_STREAM);
	char buf[8];
	size_t i;

	(void)state;
	commit(&o);
	nsbox_must("ip rule add fwmark 0x0db50053 lookup 1053 && "
		   "ip route add local default dev lo table 1053");
	assert_ok(ops->steer(dp, udp.fd, tcp, -1, -1, &err));
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		see_tags(&tags[i], DBX_REASON_DNS_STEERED);
		if (!*tags[i].in_frame && !tags[i].hidden) {
			assert_int_equal(poll(&udp, 1, 5000), 1);
			assert_int_equal(read(udp.fd, buf, sizeof(buf)), 4);
			assert_memory_equal(buf, "abcd", 4);
		}
	}
	assert_int_equal(total_of(DBX_REASON_DNS_NOT_READY, DBX_VERDICT_DROP), 0);
	assert_ok(ops->steer(dp, -1, -1, -1, -1, &err));
	close(udp.fd);
	close(tcp);
	nsbox_must("ip rule del fwmark 0x0db50053; ip route flush table 1053");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_the_name_decides),
		T(test_large_transfer),
		T(test_hello_in_segments),
		T(test_dry_run_lets_pass),
		T(test_quic_is_refused_with_icmp),
		T(test_dns_is_steered),
		T(test_without_the_companion_it_is_not_attached),
		T(test_tags_that_are_seen_and_hidden),
		T(test_tags_of_queries),
#undef T
	};

	if (nsbox_object(object_path) || nsbox_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
