// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_xdp.c -- the XDP driver on real interfaces: attach, commit, adopt, refuse, uninstall.
 */
#include "dp_box.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

static void test_denies_until_the_first_image(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_ok(ops->probe(&opts, &err));
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_false(st.has_image);
	assert_false(st.adopted);
	assert_true(nsbox_ping("w1", 1)); /* nothing is attached yet */
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_true(link_of(dp, "ws1").is_attached);
	assert_true(link_of(dp, "ws1").is_native);
	assert_true(nsbox_no_ping("w1", 1));
	assert_true(nsbox_no_ping6("w1", 1));
	assert_true(total_of(dp, DBX_REASON_NO_IMAGE, DBX_VERDICT_DROP) > 0);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	commit(dp, &pass_all);
	assert_true(nsbox_ping("w1", 1));
	assert_true(nsbox_ping6("w1", 1));
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->detach(dp, "ws1", &err));
	assert_true(nsbox_ping("w1", 1));
	assert_int_equal(ops->detach(dp, "ws1", &err), -ENOENT);
	ops->close(&dp);
	assert_null(dp);
}

static void test_outlives_the_daemon_and_is_adopted(void **state)
{
	struct sum before = {0, 0}, after = {0, 0};
	struct dbx_dp_state st, again;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->counters(dp, add_counter, &before));
	assert_true(before.workspace_packets > 0);
	assert_ok(ops->state(dp, &st));
	ops->close(&dp);
	assert_true(nsbox_ping("w1", 1));

	assert_ok(ops->open(&dp, &opts, &again, &err));
	assert_true(again.adopted);
	assert_false(again.upgraded);
	assert_true(again.has_image);
	assert_int_equal(again.generation, 7);
	assert_true(again.content_hash == st.content_hash && again.checksum == st.checksum);
	assert_string_equal(again.program_id, st.program_id);
	assert_true(link_of(dp, "ws1").is_attached);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->counters(dp, add_counter, &after));
	assert_true(after.packets > before.packets);
	ops->close(&dp);
}

static void test_interface_that_comes_back(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	uint32_t was;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, was = nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	nsbox_must("ip link del ws1");
	assert_false(link_of(dp, "ws1").is_attached);
	assert_ok(ops->forget(dp, "ws1"));
	assert_ok(ops->forget(dp, "ws1"));
	nsbox_link("w1", "ws1", 1);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_int_not_equal(was, nsbox_ifindex("ws1"));
	assert_true(nsbox_ping("w1", 1));

	/* Re-created while no daemon runs. */
	ops->close(&dp);
	nsbox_must("ip link del ws1");
	nsbox_link("w1", "ws1", 1);
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(st.adopted);
	assert_false(link_of(dp, "ws1").is_attached);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_true(link_of(dp, "ws1").is_attached);
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	ops->close(&dp);
}

static void test_renamed_interface_and_dotted_name(void **state)
{
	struct tinyimg bound = {.generation = 9,
				.verdict = DBX_VERDICT_PASS,
				.reason = DBX_REASON_FULL_ACCESS,
				.interface = "ws1.100"};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	struct stat info;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &bound);
	assert_true(nsbox_no_ping("w1", 1));
	assert_true(total_of(dp, DBX_REASON_SPOOFED_SOURCE, DBX_VERDICT_DROP) > 0);
	nsbox_must("ip link set ws1 name ws1.100");
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1.100"), "ws1.100", &err));
	assert_int_equal(stat(PINS "/link_ws1%2e100", &info), 0);
	assert_int_equal(stat(PINS "/link_ws1", &info), -1);
	assert_true(link_of(dp, "ws1.100").is_attached);
	assert_true(nsbox_ping("w1", 1));
	ops->close(&dp);
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(link_of(dp, "ws1.100").is_attached);

	/* The name ws1.100 goes to another device while the first one lives on. */
	nsbox_must("ip link set ws1.100 name was");
	nsbox_must("ip link add ws1.100 type bridge");
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1.100"), "ws1.100", &err));
	assert_false(link_of(dp, "ws1.100").is_native); /* a bridge has no XDP of its own */
	assert_true(link_of(dp, "ws1.100").is_attached);
	assert_ok(ops->attach(dp, nsbox_ifindex("was"), "was", &err));
	assert_true(link_of(dp, "was").is_native);
	nsbox_must("ip link del ws1.100");
	nsbox_must("ip link del was");
	ops->close(&dp);
}

/* The kernel counts interfaces up for ever: a port beyond the array is found in the hash table. */
static void test_interface_with_a_high_index(void **state)
{
	struct tinyimg bound = {.generation = 9,
				.verdict = DBX_VERDICT_PASS,
				.reason = DBX_REASON_FULL_ACCESS,
				.interface = "ws1"};
	uint32_t key = 0, index = DBX_PORTS_LOW + 70000;
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	int i;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	commit(dp, &bound);
	for (i = 0; i < 2; i++) {
		nsbox_must("ip link del ws1");
		nsbox_must("ip link add ws1 index %u type veth peer name eth0 netns w1", index + i);
		nsbox_must("ip addr add 10.66.1.1/24 dev ws1 && ip link set ws1 up");
		nsbox_must("ip -n w1 addr add 10.66.1.10/24 dev eth0 && ip -n w1 link set eth0 up");
		assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
		assert_int_equal(nsbox_ifindex("ws1"), index + i);
		assert_true(nsbox_ping("w1", 1));
	}
	assert_ok(ops->forget(dp, "ws1"));
	assert_int_equal(bpf_map_get_next_key(dp->live.map[DBX_MAP_PORTS_HIGH], NULL, &key),
			 -ENOENT);
	ops->close(&dp);
}

static void test_another_program_holds_the_interface(void **state)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	int fd;

	(void)state;
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody_else", "GPL", insns, 2, NULL);
	assert_true(fd >= 0);
	assert_ok(bpf_xdp_attach((int)nsbox_ifindex("ws1"), fd, 0, NULL));
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err) < 0);
	assert_non_null(strstr(err.text, "ws1"));
	assert_non_null(strstr(err.text, "somebody_else"));
	assert_ok(bpf_xdp_detach((int)nsbox_ifindex("ws1"), 0, NULL));
	close(fd);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_int_equal(ops->attach(dp, 4711, "ws7", &err), -ENODEV);
	assert_int_equal(ops->attach(dp, 0, "ws7", &err), -EINVAL);
	ops->close(&dp);
}

static void test_mtu_that_needs_several_buffers(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	nsbox_must("ip link set ws1 mtu 9000 && ip -n w1 link set eth0 mtu 9000");
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err) < 0);
	assert_non_null(strstr(err.text, "MTU is 9000"));
	nsbox_must("ip link set ws1 mtu 1500 && ip -n w1 link set eth0 mtu 1500");
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	ops->close(&dp);
}

static void test_bad_image_changes_nothing(void **state)
{
	struct dbx_image_header *hdr;
	struct dbx_dp_state st, now;
	struct dbx_dp *dp = NULL;
	uint8_t *image;
	size_t n;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	commit(dp, &pass_all);
	assert_ok(ops->state(dp, &st));
	image = tinyimg_new(&drop_all, &n);
	hdr = (struct dbx_image_header *)image;
	image[n - 1] ^= 1;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EBADMSG);
	image[n - 1] ^= 1;
	image[DBX_CHUNK_BYTES * 5 + 3] ^= 0x80;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EBADMSG);
	image[DBX_CHUNK_BYTES * 5 + 3] ^= 0x80;
	assert_int_equal(ops->prepare(dp, image, n - 1, &err), -EINVAL);
	assert_int_equal(ops->prepare(dp, image, 16, &err), -EINVAL);
	assert_int_equal(ops->prepare(dp, NULL, 0, &err), -EINVAL);
	hdr->magic++;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EINVAL);
	hdr->magic--;
	hdr->abi++;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EINVAL);
	hdr->abi--;
	hdr->n_kernel_chunks = 1u << 30;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EINVAL);
	hdr->n_kernel_chunks = (uint32_t)(n >> DBX_CHUNK_SHIFT);
	assert_int_equal(ops->commit(dp, &err), -EINVAL); /* nothing was prepared */
	assert_ok(ops->prepare(dp, image, n, &err));
	ops->abort(dp);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	assert_ok(ops->state(dp, &now));
	assert_memory_equal(&st, &now, sizeof(st));
	free(image);
	ops->close(&dp);
}

static void count_event(void *arg, const struct dbx_event *e)
{
	uint64_t *n = arg;

	if (e->workspace_id == TINYIMG_WORKSPACE && e->generation == 8 &&
	    e->reason == DBX_REASON_NO_MATCH && (e->flags & DBX_EVENT_F_HAS_TUPLE) &&
	    e->ifindex == nsbox_ifindex("ws1") && !memcmp(e->src, "\x0a\x42\x01\x0a", 4))
		*n += 1 + e->more_packets;
}

static void test_events_of_real_packets(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	uint64_t n = 0;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(ops->event_fd(dp) >= 0);
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &drop_all);
	nsbox_try("ip netns exec w1 ping -n -i 0.01 -c 20 -W 1 10.66.1.1");
	assert_ok(ops->poll_events(dp, count_event, &n));
	assert_in_range(n, 1, 19); /* the rest waits, by CPU */
	assert_ok(ops->sweep(dp));
	assert_ok(ops->poll_events(dp, count_event, &n));
	assert_int_equal(n, 20);
	n = 0;
	assert_ok(ops->sweep(dp));
	assert_ok(ops->poll_events(dp, count_event, &n));
	assert_int_equal(n, 0);
	ops->close(&dp);
}

static void test_refusals_of_open(void **state)
{
	struct dbx_dp_opts o = opts;
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	o.pin_dir = "/run/nsbox/plain";
	assert_int_equal(ops->open(&dp, &o, &st, &err), -EINVAL);
	assert_non_null(strstr(err.text, "mount -t bpf"));
	assert_int_equal(access(o.pin_dir, F_OK), -1);
	o.pin_dir = "/run/nsbox/no/such";
	assert_int_equal(ops->open(&dp, &o, &st, &err), -ENOENT);
	o = opts;
	o.object_path = "/run/nsbox/missing.o";
	assert_int_equal(ops->open(&dp, &o, &st, &err), -ENOENT);
	assert_non_null(strstr(err.text, "missing.o"));
	assert_int_equal(ops->probe(&o, &err), -ENOENT);
	o.object_path = "/bin/sh";
	assert_true(ops->open(&dp, &o, &st, &err) < 0);
	assert_non_null(strstr(err.text, "/bin/sh"));
	assert_null(dp);
}

static void test_uninstall(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->uninstall(&opts, &err)); /* even while a daemon holds it all */
	assert_true(nsbox_ping("w1", 1));
	assert_int_equal(access(PINS, F_OK), -1);
	ops->close(&dp);
	assert_ok(ops->uninstall(&opts, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_denies_until_the_first_image),
		T(test_outlives_the_daemon_and_is_adopted),
		T(test_interface_that_comes_back),
		T(test_renamed_interface_and_dotted_name),
		T(test_interface_with_a_high_index),
		T(test_another_program_holds_the_interface),
		T(test_mtu_that_needs_several_buffers),
		T(test_bad_image_changes_nothing),
		T(test_events_of_real_packets),
		T(test_refusals_of_open),
		T(test_uninstall),
#undef T
	};

	if (box_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
