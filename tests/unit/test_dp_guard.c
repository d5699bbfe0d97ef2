// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_guard.c -- addresses of a resource that may only be reached over its private endpoint, where
 * the policy allows the address itself: all may pass but what names the resource, or hides what it
 * names.
 */
#include "unit/flowcase.h"

#include <bpf/libbpf.h>

#include "common/tinyimg.h"

#define PRIVATE GOOD /* the resource */
#define OTHER   "www.example.net"

static struct flowrun_opts guarded = {.kind = DBX_NAME_PORT_TLS};

/* Full access, as it is compiled where the NCC has resources to guard. */
static void use_full_access(const struct flowrun_opts *o)
{
	struct dbx_image_header *hdr;
	struct dbx_outcome *out;
	size_t n;

	hdr = flowrun_make_image(o, FLOWRUN_POLICY, &n);
	assert_non_null(hdr);
	out = (void *)((uint8_t *)hdr + hdr->sec[DBX_SEC_OUTCOMES].offset);
	out[1].verdict = DBX_VERDICT_PASS;
	out[1].reason = DBX_REASON_FULL_ACCESS;
	out[1].flags = DBX_OUTCOME_F_GUARD;
	tinyimg_seal(hdr, n);
	assert_int_equal(bpfrun_set_image(f.r, hdr, n), 0);
	free(hdr);
	f.o = *o;
}

/* As the driver's learn() writes it. */
static void guard_address(void)
{
	struct dbx_learned_key lk = {.policy_uid = FLOWRUN_POLICY};
	struct dbx_learned l = {.expires_ns = UINT64_MAX, .flags = DBX_LEARNED_F_GUARD};
	struct dbx_bound_key bk = {.policy_uid = FLOWRUN_POLICY};
	struct dbx_bound b = {.expires_ns = UINT64_MAX, .flags = DBX_BOUND_F_PRIVATE};
	const char *name = PRIVATE;
	struct dbx_hash h = {{0, 0}};
	struct dbx_flow_key key;

	flowrun_key(&f, &key);
	memcpy(lk.addr, key.dst, sizeof(lk.addr));
	memcpy(bk.addr, key.dst, sizeof(bk.addr));
	while (*name)
		dbx_hash_byte(&h, &f.secret, (uint8_t)*name++);
	bk.name = dbx_hash_value(&h);
	assert_int_equal(bpf_map_update_elem(bpfrun_map_fd(f.r, DBX_MAP_LEARNED), &lk, &l, 0), 0);
	assert_int_equal(bpf_map_update_elem(bpfrun_map_fd(f.r, DBX_MAP_BOUND), &bk, &b, 0), 0);
}

static int guard_open(void **state)
{
	(void)state;
	return flowrun_open(&f, &guarded);
}

static int guard_setup(void **state)
{
	struct dbx_bound_key key;
	int fd = bpfrun_map_fd(f.r, DBX_MAP_BOUND);

	(void)state;
	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	flowrun_forget(&f);
	use_full_access(&guarded);
	guard_address();
	return 0;
}

#define assert_as_it_was()                                          \
	do {                                                        \
		assert_reason(FULL_ACCESS);                         \
		assert_int_equal(f.res.verdict, DBX_VERDICT_PASS);  \
		assert_int_equal(f.res.path, DBX_PATH_NAT);         \
		assert_int_equal(f.res.rule_uid, TINYIMG_RULE_UID); \
		assert_int_equal(f.action, XDP_PASS);               \
	} while (0)

static void test_another_name_passes_as_it_was(void **state)
{
	struct hello h;
	size_t cut;

	(void)state;
	hello_make(&h, &(struct hello_opts){.sni = OTHER});
	for (cut = 1; cut < h.n; cut += 37) {
		fresh();
		assert_as_it_was(); /* the handshake too */
		assert_false(segment(&h, 0, cut));
		assert_held();
		assert_true(segment(&h, cut, h.n));
		assert_as_it_was();
		assert_true(segment(&h, 0, cut));
		assert_as_it_was();
		assert_true(server_has(&h));
		answer(h.n, false);
		assert_true(flowrun_send(&f, ACK, (uint32_t)h.n, "later", 5));
		assert_as_it_was();
	}
}

static void refused(const struct hello *h, unsigned int reason)
{
	denied_whole(h, reason);
	assert_int_equal(f.res.verdict, DBX_VERDICT_DROP);
}

static void test_the_resource_is_refused(void **state)
{
	struct hello h;
	size_t cut;

	(void)state;
	hello_make(&h, &(struct hello_opts){.sni = PRIVATE});
	refused(&h, DBX_REASON_PRIVATE_REQUIRED);
	for (cut = 1; cut < h.n; cut += 61) {
		fresh();
		assert_false(segment(&h, 0, cut));
		assert_held();
		assert_false(segment(&h, cut, h.n));
		assert_denied(PRIVATE_REQUIRED);
		assert_int_equal(server_bytes(), 0);
	}
	hello_make(&h, &(struct hello_opts){.sni = "SHOP.Example.COM"});
	refused(&h, DBX_REASON_PRIVATE_REQUIRED);
}

static void test_never_softened(void **state)
{
	struct flowrun_opts o = guarded;
	struct hello h;

	(void)state;
	o.dry_run = true;
	use_full_access(&o);
	hello_make(&h, &(struct hello_opts){.sni = PRIVATE});
	refused(&h, DBX_REASON_PRIVATE_REQUIRED);
	/* nor where names decide, and the address is known for another name too */
	assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
	flowrun_forget(&f);
	refused(&h, DBX_REASON_PRIVATE_REQUIRED);
}

/* An address that is both: the listed name passes by name, the resource does not. */
static void test_where_names_decide(void **state)
{
	struct hello h;

	(void)state;
	assert_int_equal(flowrun_image(&f, &guarded, FLOWRUN_POLICY), 0);
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, OTHER, 3600), 0);
	guard_address();
	hello_make(&h, &(struct hello_opts){.sni = PRIVATE});
	refused(&h, DBX_REASON_PRIVATE_REQUIRED);
	hello_make(&h, &(struct hello_opts){.sni = OTHER});
	two_segments(&h, 50);
	denied(&(struct hello_opts){.sni = EVIL}, DBX_REASON_NAME_MISMATCH);
}

static void test_what_hides_its_name_is_refused(void **state)
{
	/* records in front of a hello that a lenient server skips, or versions that it ignores */
	static const uint8_t alert[] = {21, 3, 1, 0, 2, 1, 0}, ccs[] = {20, 3, 1, 0, 1, 1},
			     sslv2[] = {0x80, 0x2e, 1, 3, 1, 0, 21, 0, 0, 0, 16},
			     future[] = {22, 3, 9, 0, 5, 1, 0, 0, 1, 0};
	static const struct {
		const uint8_t *b;
		size_t n;
	} odd[] = {{alert, sizeof(alert)},
		   {ccs, sizeof(ccs)},
		   {sslv2, sizeof(sslv2)},
		   {future, sizeof(future)}};
	struct hello h;
	size_t i;

	(void)state;
	hello_make(&h, &(struct hello_opts){.sni = NULL});
	refused(&h, DBX_REASON_NAME_MISSING);
	hello_make(&h, &(struct hello_opts){.sni = OTHER, .second_sni = PRIVATE});
	refused(&h, DBX_REASON_NOT_TLS);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		memcpy(h.b, odd[i].b, odd[i].n);
		h.n = odd[i].n;
		refused(&h, DBX_REASON_NOT_TLS);
	}
	fresh();
	assert_false(flowrun_send(&f, ACK | PSH | URG, 0, "abc", 3));
	assert_denied(NOT_TLS);
}

static void test_what_is_not_tls_passes(void **state)
{
	static const char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";

	(void)state;
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_true(flowrun_send(&f, ACK | PSH, 0, ssh, sizeof(ssh) - 1));
	assert_as_it_was();
	assert_true(flowrun_send(&f, ACK | PSH, 0, ssh, sizeof(ssh) - 1));
	assert_as_it_was();
	/* but not as something else, the second time */
	assert_false(flowrun_send(&f, ACK | PSH, 0, "\x16\x03\x01-2.0-OpenSSH_9.2\r\n", 21));
	assert_reason(REPEAT_DIFFERS);
	assert_true(flowrun_send(&f, ACK | PSH, sizeof(ssh) - 1, "more", 4));
	assert_as_it_was();
}

/* What began before the address was guarded is begun anew by its client. */
static void test_a_flow_without_a_beginning(void **state)
{
	struct flowrun_opts o = guarded;

	(void)state;
	flowrun_next(&f);
	assert_false(flowrun_send(&f, ACK | PSH, 500, "data", 4));
	assert_denied(FLOW_UNKNOWN);
	assert_false(flowrun_send(&f, RST | ACK, 500, NULL, 0));
	assert_int_equal(f.action, XDP_DROP);
	o.dry_run = true;
	use_full_access(&o);
	flowrun_next(&f);
	assert_false(flowrun_send(&f, ACK | PSH, 500, "data", 4));
	assert_denied(FLOW_UNKNOWN);
}

/* No stream may be shifted under the check: data waits for the server's word on where it begins. */
static void test_data_waits_for_the_server(void **state)
{
	struct flowrun_opts o = guarded;
	struct hello h;
	int dry;

	(void)state;
	hello_make(&h, &(struct hello_opts){.sni = OTHER});
	for (dry = 0; dry < 2; dry++) {
		o.dry_run = dry;
		use_full_access(&o);
		flowrun_next(&f);
		assert_true(flowrun_send(&f, SYN, 0, NULL, 0));
		assert_false(flowrun_send(&f, ACK | PSH, 0, h.b, h.n));
		assert_held();
		flowrun_back(&f, SYN | ACK, 0);
		assert_true(flowrun_send(&f, ACK | PSH, 0, h.b, h.n));
		assert_as_it_was();
	}
}

static void test_other_ports_and_addresses(void **state)
{
	struct flowrun_opts o = guarded;
	struct dbx_flow flow;

	(void)state;
	for (o.kind = 0; o.kind < DBX_NAME_PORT_MAX; o.kind++) {
		if (o.kind == DBX_NAME_PORT_TLS || o.kind == DBX_NAME_PORT_HTTP)
			continue;
		use_full_access(&o);
		flowrun_next(&f);
		flowrun_udp(&f, "x", 1);
		assert_int_equal(f.action, XDP_PASS);
		assert_false(flowrun_get(&f, &flow));
	}
	/* an address that nothing was learned for */
	use_full_access(&guarded);
	f.o.is_v6 = true;
	flowrun_next(&f);
	assert_int_equal((flowrun_send(&f, ACK | PSH, 500, "data", 4), f.action), XDP_PASS);
	assert_false(flowrun_get(&f, &flow));
	f.o.is_v6 = false;
}

/* ---- HTTP, and the daemon's answer ---- */

static struct dbx_name_event last;

static int take(void *arg, void *data, size_t size)
{
	(void)arg;
	memcpy(&last, data, size < sizeof(last) ? size : sizeof(last));
	return 0;
}

static void test_http_is_handed_over_as_guarded(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n";
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct flowrun_opts o = {.kind = DBX_NAME_PORT_HTTP};
	struct dbx_flow_order order;
	struct ring_buffer *ring;

	(void)state;
	use_full_access(&o);
	ring = ring_buffer__new(bpfrun_map_fd(f.r, DBX_MAP_NAME_EVENTS), take, NULL, NULL);
	assert_non_null(ring);
	assert_true(ring_buffer__consume(ring) >= 0); /* those of the other tests */
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_as_it_was();
	assert_false(flowrun_send(&f, ACK | PSH, 0, head, sizeof(head) - 1));
	assert_held();
	assert_true(ring_buffer__consume(ring) == 1);
	assert_true(last.event.flags & DBX_EVENT_F_GUARDED);
	assert_int_equal(last.n_payload, sizeof(head) - 1);
	memset(&order, 0, sizeof(order));
	assert_true(flowrun_get(&f, &order.flow));
	flowrun_key(&f, &order.key);
	order.flow.state = DBX_FLOW_ALLOWED;
	order.flow.flags = DBX_FLOW_F_DELIVERED;
	order.flow.n_hello = sizeof(head) - 1;
	opts.data_in = &order;
	opts.data_size_in = sizeof(order);
	assert_int_equal(bpf_prog_test_run_opts(bpfrun_program(f.r, "egress_note"), &opts), 0);
	assert_int_equal(opts.retval, DBX_ORDER_DONE);
	assert_true(flowrun_send(&f, ACK | PSH, 0, head, sizeof(head) - 1));
	assert_as_it_was();
	assert_false(flowrun_send(&f, ACK | PSH, sizeof(head) - 1, head, sizeof(head) - 1));
	assert_denied(HTTP_NEXT_REQUEST);
	ring_buffer__free(ring);
}

#define G(name) cmocka_unit_test_setup(name, guard_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		G(test_another_name_passes_as_it_was),
		G(test_the_resource_is_refused),
		G(test_never_softened),
		G(test_where_names_decide),
		G(test_what_hides_its_name_is_refused),
		G(test_what_is_not_tls_passes),
		G(test_a_flow_without_a_beginning),
		G(test_data_waits_for_the_server),
		G(test_other_ports_and_addresses),
		G(test_http_is_handed_over_as_guarded),
	};

	return cmocka_run_group_tests(tests, guard_open, teardown);
}
