// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_upgrade.c -- the XDP driver changes its program under running traffic, without a gap:
 * another build, another ABI, an image that outgrows it; and it takes up what a crash left.
 */
#include "dp_box.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>

/* Another build: the same code with other bytes in its file. */
static void copy_object(const char *to)
{
	nsbox_must("cp %s %s && printf x >>%s", object_path, to, to);
}

static void test_upgrade_in_place_loses_no_packet(void **state)
{
	struct dbx_dp_opts other = {.object_path = "/run/nsbox/other.o", .pin_dir = PINS};
	struct dbx_dp_state st, now;
	struct dbx_dp *dp = NULL;

	(void)state;
	copy_object(other.object_path);
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	assert_ok(ops->state(dp, &st));
	ops->close(&dp);
	nsbox_must(
		"ip netns exec w1 ping -n -i 0.002 -c 750 -W 2 10.66.1.1 >/run/nsbox/flood & sleep 0.2");
	assert_ok(ops->open(&dp, &other, &now, &err));
	assert_true(now.adopted);
	assert_true(now.upgraded);
	assert_true(now.has_image);
	assert_int_equal(now.generation, 7);
	assert_string_not_equal(now.program_id, st.program_id);
	nsbox_must("for i in $(seq 150); do grep -q 'packet loss' /run/nsbox/flood && break; sleep "
		   "0.1; done; cat /run/nsbox/flood; grep -q ' 0%% packet loss' /run/nsbox/flood");
	ops->close(&dp);
	assert_ok(ops->open(&dp, &other, &st, &err));
	assert_false(st.upgraded);
	assert_string_equal(now.program_id, st.program_id);
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	ops->close(&dp);
}

/* A program of another ABI, pinned and attached with an image of its own that lets all pass. */
static void pin_foreign_abi(void)
{
	struct dbx_program_id ident = {DBX_PROGRAM_MAGIC, DBX_ABI_VERSION + 1, 1, DBX_IMAGE_CHUNKS,
				       0};
	struct bpf_object *obj = bpf_object__open_file(object_path, NULL);
	int fd, inner, link;
	uint32_t slot = 0;
	size_t n;
	void *image = tinyimg_new(&pass_all, &n);

	assert_non_null(obj);
	assert_ok(bpf_map__set_initial_value(bpf_object__find_map_by_name(obj, DBX_PROGRAM_ID_SECT),
					     &ident, sizeof(ident)));
	assert_ok(bpf_object__load(obj));
	fd = bpf_program__fd(bpf_object__find_program_by_name(obj, DBX_PROGRAM_NAME));
	assert_ok(dp_image_load(image, n, DBX_IMAGE_CHUNKS, &inner, &err));
	assert_ok(bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "images"), &slot, &inner,
				      0));
	link = bpf_link_create(fd, (int)nsbox_ifindex("ws1"), BPF_XDP, NULL);
	assert_true(link >= 0);
	mkdir(PINS, 0700);
	assert_ok(bpf_obj_pin(fd, PINS "/prog"));
	assert_ok(bpf_obj_pin(link, PINS "/link_ws1"));
	close(link);
	close(inner);
	free(image);
	bpf_object__close(obj);
}

static void test_other_abi_goes_on_until_the_first_commit(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	pin_foreign_abi();
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(st.adopted);
	assert_false(st.has_image);
	assert_false(st.upgraded);
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	assert_true(nsbox_ping("w1", 1));
	ops->close(&dp); /* a daemon that dies before it commits */
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_false(st.has_image);
	commit(dp, &drop_all);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->state(dp, &st));
	assert_true(st.upgraded);
	assert_int_equal(st.generation, 8);
	ops->close(&dp);
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(st.adopted && st.has_image && !st.upgraded);
	ops->close(&dp);
}

static void test_lost_pins_are_found_through_the_links(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	ops->close(&dp);
	nsbox_must("rm -f %s/prog %s/map_*", PINS, PINS);
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(st.adopted);
	assert_int_equal(st.generation, 7);
	nsbox_must("test -e %s/prog && test -e %s/map_counters", PINS, PINS);
	ops->close(&dp);
}

/* What the systemd unit leaves to the daemon: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct hdr = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct cap[2] = {{0}};
	const uint32_t keep[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN};
	size_t i;

	for (i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
		cap[keep[i] / 32].permitted |= 1u << keep[i] % 32;
		cap[keep[i] / 32].effective |= 1u << keep[i] % 32;
	}
	return (int)syscall(SYS_capset, &hdr, cap);
}

/* Runs in a child; the number says which step failed. */
static int work_without_sys_admin(void)
{
	struct tinyimg large = pass_all;
	const struct dbx_capture capture = {.until_ns = 1, .per_s = 1};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	size_t n;
	void *image = tinyimg_new(&drop_all, &n);

	if (drop_capabilities())
		return 1;
	if (ops->probe(&opts, &err) || ops->open(&dp, &opts, &st, &err))
		return 2;
	if (!st.adopted || !st.has_image || st.generation != 7)
		return 3;
	if (ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err))
		return 4;
	if (ops->prepare(dp, image, n, &err) || ops->commit(dp, &err))
		return 5;
	if (ops->state(dp, &st) || st.generation != 8)
		return 6;
	if (ops->capture_start(dp, &capture, &err))
		return 9;
	ops->capture_stop(dp);
	free(image);
	large.n_extra_chunks = DBX_IMAGE_CHUNKS;
	image = tinyimg_new(&large, &n);
	if (ops->prepare(dp, image, n, &err) || ops->commit(dp, &err))
		return 7;
	ops->close(&dp);
	if (ops->open(&dp, &opts, &st, &err) || st.generation != 7 || !st.adopted)
		return 8;
	ops->close(&dp);
	free(image);
	return 0;
}

static void test_works_without_sys_admin(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	int status, rc;
	pid_t pid;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	ops->close(&dp);
	pid = fork();
	if (!pid) {
		rc = work_without_sys_admin();
		if (rc)
			fprintf(stderr, "step %d: %s\n", rc, err.text);
		_exit(rc);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(nsbox_ping("w1", 1));
}

/* An image beyond the program's room brings a larger program along, with all its counters. */
static void test_image_that_outgrows_the_program(void **state)
{
	struct tinyimg large = drop_all;
	struct sum before = {0, 0}, after = {0, 0};
	struct dbx_dp_state st, now;
	struct dbx_dp *dp = NULL;
	void *image;
	size_t n;

	(void)state;
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, &pass_all);
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->state(dp, &st));
	assert_ok(ops->counters(dp, add_counter, &before));
	large.n_extra_chunks = 3 * DBX_IMAGE_CHUNKS;
	image = tinyimg_new(&large, &n);
	assert_ok(ops->prepare(dp, image, n, &err));
	assert_true(nsbox_ping("w1", 1));
	ops->abort(dp);
	assert_ok(ops->state(dp, &now));
	assert_memory_equal(&st, &now, sizeof(st));
	assert_ok(ops->prepare(dp, image, n, &err));
	assert_ok(ops->state(dp, &now));
	assert_memory_equal(&st, &now, sizeof(st));
	assert_ok(ops->commit(dp, &err));
	free(image);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->state(dp, &now));
	assert_int_equal(now.generation, 8);
	assert_false(now.upgraded);
	assert_ok(ops->counters(dp, add_counter, &after));
	assert_true(after.packets > before.packets);
	ops->close(&dp);
	assert_ok(ops->open(&dp, &opts, &now, &err));
	assert_true(now.adopted && !now.upgraded && now.generation == 8);
	commit(dp, &pass_all); /* a small one fits too */
	assert_true(nsbox_ping("w1", 1));
	ops->close(&dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_upgrade_in_place_loses_no_packet),
		T(test_other_abi_goes_on_until_the_first_commit),
		T(test_lost_pins_are_found_through_the_links),
		T(test_works_without_sys_admin),
		T(test_image_that_outgrows_the_program),
#undef T
	};

	if (box_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
