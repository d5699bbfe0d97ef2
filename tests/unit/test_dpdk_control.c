// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_control.c -- the server of wire_dpdk.h: what the daemon may ask, and what nobody may.
 *
 * The driver's side of the same wire is tested by test_dp_dpdk.c and by the labs of tests/netns.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/dpdkbox.h"
#include "common/vec_world.h"
#include "controlcase.h"
#include "dataplane/dpdk/control.h"

#define VECTORS_DIR "tests/vectors"

static struct vec_world world;
static struct dpk_ports ports;
static struct dpk_lcores lcores = {.ports = &ports, .n = 1};
static struct dpk_control *control;
static pthread_t thread;
static char *const path = controlcase_path;

static const struct dbx_wire_state *state_of(int fd)
{
	assert_int_equal(ask(fd, DBX_WIRE_STATE, NULL, 0), 0);
	assert_int_equal(got->n_bytes, sizeof(*got) + sizeof(struct dbx_wire_state));
	return answer;
}

/* ---- images ---- */

static void an_image_comes_into_force(void **state)
{
	const struct dbx_image_header *hdr = world.image;
	int fd = greet(DBX_WIRE_ROLE_CONTROL);
	void *p;

	(void)state;
	assert_int_equal(commit(fd, hdr->generation), -EINVAL);
	assert_int_equal(send_image(fd, world.image, world.image_bytes, SEALS), 0);
	assert_false(state_of(fd)->has_image);
	assert_int_equal(commit(fd, hdr->generation + 1), -ESTALE);
	assert_int_equal(commit(fd, hdr->generation), 0);
	assert_true(state_of(fd)->has_image);
	assert_int_equal(state_of(fd)->checksum, hdr->checksum);
	assert_int_equal(ask(fd, DBX_WIRE_IMAGE_GET, NULL, 0), 0);
	assert_true(got_fd >= 0);
	p = mmap(NULL, world.image_bytes, PROT_READ, MAP_SHARED, got_fd, 0);
	assert_true(p != MAP_FAILED);
	assert_memory_equal(p, world.image, world.image_bytes);
	munmap(p, world.image_bytes);
	close(got_fd);
	close(fd);
}

/* Whatever is wrong with it, the one in force stays. */
static void a_bad_image_is_refused(void **state)
{
	int fd = greet(DBX_WIRE_ROLE_CONTROL);
	size_t n = world.image_bytes;
	uint8_t *copy = malloc(n + 4096);
	struct dbx_image_header *hdr = (struct dbx_image_header *)copy;
	struct dbx_wire_image w;
	uint32_t checksum = state_of(fd)->checksum;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, world.image, n);
	memset(copy + n, 0, 4096);
	w = (struct dbx_wire_image){n, hdr->generation, hdr->content_hash, hdr->checksum, 0};
	assert_int_equal(ask(fd, DBX_WIRE_IMAGE, &w, sizeof(w)), -EBADF);
	assert_int_equal(send_image(fd, copy, n, F_SEAL_SHRINK), -EINVAL);
	assert_int_equal(send_image(fd, copy, n, SEALS & ~F_SEAL_WRITE), -EINVAL);
	assert_int_equal(send_image(fd, copy, n + 4096, SEALS), -EINVAL);
	assert_int_equal(send_image(fd, copy, n - 1, SEALS), -EINVAL);
	assert_int_equal(send_image(fd, copy, 4096, SEALS), -EINVAL);
	copy[n / 2] ^= 1;
	assert_int_equal(send_image(fd, copy, n, SEALS), -EINVAL);
	copy[n / 2] ^= 1;
	hdr->magic ^= 1;
	assert_int_equal(send_image(fd, copy, n, SEALS), -EINVAL);
	hdr->magic ^= 1;
	hdr->abi++;
	assert_int_equal(send_image(fd, copy, n, SEALS), -EINVAL);
	hdr->abi--;
	hdr->n_kernel_chunks = 1u << 30;
	assert_int_equal(send_image(fd, copy, n, SEALS), -EINVAL);
	assert_int_equal(commit(fd, hdr->generation), -EINVAL);
	assert_int_equal(state_of(fd)->checksum, checksum);
	free(copy);
	close(fd);
}

static void what_was_not_committed_ends_with_its_connection(void **state)
{
	const struct dbx_image_header *hdr = world.image;
	int fd = greet(DBX_WIRE_ROLE_CONTROL);

	(void)state;
	assert_int_equal(send_image(fd, world.image, world.image_bytes, SEALS), 0);
	close(fd);
	fd = greet(DBX_WIRE_ROLE_CONTROL);
	assert_int_equal(commit(fd, hdr->generation), -EINVAL);
	assert_int_equal(send_image(fd, world.image, world.image_bytes, SEALS), 0);
	assert_int_equal(ask(fd, DBX_WIRE_ABORT, NULL, 0), 0);
	assert_int_equal(commit(fd, hdr->generation), -EINVAL);
	close(fd);
}

/* ---- names ---- */

static struct dbx_wire_bound binding(uint32_t i, uint64_t flags)
{
	struct dbx_wire_bound w;

	memset(&w, 0, sizeof(w));
	w.key.policy_uid = 5;
	w.key.addr[2] = 0xffff;
	w.key.addr[3] = i;
	w.key.name = 1000 + i;
	w.bound.expires_ns = 1000000 + i;
	w.bound.rule_uid = i;
	w.bound.flags = flags;
	return w;
}

static size_t walk(int fd, uint32_t table)
{
	struct dbx_wire_each e = {.table = table};
	const struct dbx_wire_page *page = answer;
	size_t n = 0;

	do {
		assert_int_equal(ask(fd, DBX_WIRE_EACH, &e, sizeof(e)), 0);
		assert_true(page->n <= DBX_WIRE_BATCH);
		n += page->n;
		e.cursor = page->next;
	} while (e.cursor);
	return n;
}

static void learn_many(int fd, uint32_t n)
{
	static struct dbx_wire_bound v[DBX_WIRE_BATCH];

	for (uint32_t i = 0; i < n; i += DBX_WIRE_BATCH) {
		for (uint32_t j = 0; j < DBX_WIRE_BATCH; j++)
			v[j] = binding(i + j, 0);
		assert_int_equal(ask(fd, DBX_WIRE_LEARN, v, sizeof(v)), 0);
	}
}

static void names_are_learned_and_forgotten(void **state)
{
	struct dbx_secret secret = {{3, 4}}, other = {{5, 6}}, none = {{0, 1}};
	struct dbx_wire_bound w = binding(7, DBX_BOUND_F_PRIVATE);
	struct dbx_learned_key k = {.policy_uid = 5, .addr = {0, 0, 0xffff, 7}};
	struct dbx_learned v;
	int fd = greet(DBX_WIRE_ROLE_CONTROL);

	(void)state;
	assert_int_equal(ask(fd, DBX_WIRE_SECRET_SET, &none, sizeof(none)), -EINVAL);
	assert_int_equal(ask(fd, DBX_WIRE_SECRET_SET, &secret, sizeof(secret)), 0);
	learn_many(fd, 1024);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_BOUND), 1024);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_LEARNED), 1024);
	assert_int_equal(ask(fd, DBX_WIRE_LEARNED_GET, &k, sizeof(k)), 0);
	memcpy(&v, answer, sizeof(v));
	assert_int_equal(v.expires_ns, 1000007);
	assert_int_equal(v.flags, 0);
	w.bound.expires_ns = 5;
	assert_int_equal(ask(fd, DBX_WIRE_LEARN, &w, sizeof(w)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_LEARNED_GET, &k, sizeof(k)), 0);
	memcpy(&v, answer, sizeof(v));
	assert_int_equal(v.expires_ns, 1000007); /* the later one */
	assert_int_equal(v.flags, DBX_LEARNED_F_GUARD);
	assert_int_equal(ask(fd, DBX_WIRE_UNLEARN, &w.key, sizeof(w.key)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_UNLEARN, &w.key, sizeof(w.key)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_BOUND_GET, &w.key, sizeof(w.key)), -ENOENT);
	assert_int_equal(ask(fd, DBX_WIRE_FORGET_ADDR, &k, sizeof(k)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_LEARNED_GET, &k, sizeof(k)), -ENOENT);
	assert_int_equal(ask(fd, DBX_WIRE_SECRET_SET, &secret, sizeof(secret)), 0);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_BOUND), 1023);
	assert_int_equal(ask(fd, DBX_WIRE_SECRET_SET, &other, sizeof(other)), 0);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_BOUND), 0);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_LEARNED), 0);
	close(fd);
}

static void flows_are_set_as_dp_h_says(void **state)
{
	struct dbx_wire_flow f;
	int fd = greet(DBX_WIRE_ROLE_CONTROL);

	(void)state;
	memset(&f, 0, sizeof(f));
	f.key.sport = 5;
	f.flow.state = DBX_FLOW_NONE;
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_SET, &f, sizeof(f)), -EINVAL);
	f.flow.state = DBX_FLOW_ALLOWED;
	f.flow.start_ns = 10;
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_SET, &f, sizeof(f)), 0);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_FLOWS), 1);
	f.flow.start_ns = 11;
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_SET, &f, sizeof(f)), -ESTALE);
	f.flow.start_ns = 10;
	f.flow.state = DBX_FLOW_DENIED;
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_SET, &f, sizeof(f)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_DEL, &f.key, sizeof(f.key)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_DEL, &f.key, sizeof(f.key)), 0);
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_FLOWS), 0);
	close(fd);
}

/* ---- who may not ---- */

static void ends(int fd)
{
	while (await(fd)) /* a refusal may come first */
		;
	close(fd);
}

static void a_wrong_head_ends_the_connection(void **state)
{
	struct dbx_wire_hello h = {.abi = DBX_ABI_VERSION, .role = DBX_WIRE_ROLE_CONTROL};
	size_t n = sizeof(*sent) + sizeof(h);
	int fd;

	(void)state;
	for (int i = 0; i < 7; i++) {
		head_of(DBX_WIRE_HELLO, &h, sizeof(h));
		sent->magic ^= i == 0;
		sent->version += i == 1;
		sent->n_bytes += i == 2;
		sent->rc = i == 3;
		sent->zero = i == 4;
		fd = dial();
		send_raw(fd, i == 5 ? 10 : i == 6 ? 0 : n, -1);
		ends(fd);
	}
}

static void hello_comes_first(void **state)
{
	struct dbx_wire_hello h = {.abi = DBX_ABI_VERSION + 1, .role = DBX_WIRE_ROLE_CONTROL};
	int fd = dial();

	(void)state;
	assert_int_equal(ask(fd, DBX_WIRE_STATE, NULL, 0), -EPROTO);
	ends(fd);
	fd = dial();
	assert_int_equal(ask(fd, DBX_WIRE_HELLO, &h, sizeof(h)), -EPROTONOSUPPORT);
	ends(fd);
	h = (struct dbx_wire_hello){.abi = DBX_ABI_VERSION, .role = DBX_WIRE_ROLE_MAX};
	fd = dial();
	assert_int_equal(ask(fd, DBX_WIRE_HELLO, &h, sizeof(h)), -EPROTO);
	ends(fd);
}

static void each_length_is_checked(void **state)
{
	static const uint8_t body[4096];
	int fd = greet(DBX_WIRE_ROLE_CONTROL);

	(void)state;
	for (uint16_t type = DBX_WIRE_STATE; type <= DBX_WIRE_LCORES; type++) {
		assert_true(ask(fd, type, body, 1) < 0);
		assert_true(ask(fd, type, body, 4095) < 0);
	}
	for (uint16_t type = DBX_WIRE_CAPTURE; type <= DBX_WIRE_FLOWS_TAKE; type++) {
		assert_true(ask(fd, type, body, 1) < 0);
		assert_true(ask(fd, type, body, 4095) < 0);
	}
	assert_int_equal(ask(fd, DBX_WIRE_TYPE_MAX, NULL, 0), -EOPNOTSUPP);
	assert_int_equal(ask(fd, DBX_WIRE_HELLO, body, 8), -EOPNOTSUPP);
	assert_int_equal(ask(fd, DBX_WIRE_EVENT, body, 96), -EOPNOTSUPP);
	assert_int_equal(ask(fd, 0x7fff, NULL, 0), -EOPNOTSUPP);
	assert_true(state_of(fd)->pid == (uint32_t)getpid());
	close(fd);
}

static void garbage_changes_nothing(void **state)
{
	uint32_t checksum;
	int fd = greet(DBX_WIRE_ROLE_CONTROL);

	(void)state;
	srand(9);
	checksum = state_of(fd)->checksum;
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)(rand() % 700);
		uint16_t type = (uint16_t)(2 + rand() % DBX_WIRE_TYPE_MAX);

		if (type == DBX_WIRE_HELLO || type == DBX_WIRE_SECRET_SET)
			continue;
		for (size_t j = 0; j < n; j++)
			out[sizeof(*sent) + j] = (uint8_t)(rand() % 4 ? 0 : rand());
		head_of(type, NULL, 0);
		sent->n_bytes = (uint32_t)(sizeof(*sent) + n);
		send_raw(fd, sent->n_bytes, -1);
		assert_true(await(fd) >= sizeof(*got));
		if (got_fd >= 0)
			close(got_fd);
	}
	assert_int_equal(state_of(fd)->checksum, checksum);
	close(fd);
}

static void flows_are_handed_on(void **state)
{
	struct dbx_wire_flow f;
	int fd = greet(DBX_WIRE_ROLE_CONTROL), file;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.flow.state = DBX_FLOW_ALLOWED;
	f.flow.start_ns = 10;
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_SET, &f, sizeof(f)), 0);
	assert_int_equal(ask(fd, DBX_WIRE_FLOWS_GET, NULL, 0), 0);
	file = got_fd;
	assert_true(file >= 0);
	assert_int_equal(ask(fd, DBX_WIRE_FLOWS_TAKE, NULL, 0), -EBADF);
	assert_int_equal(ask_with(fd, DBX_WIRE_FLOWS_TAKE, NULL, 0, fd), -EINVAL);
	assert_int_equal(ask_with(fd, DBX_WIRE_FLOWS_TAKE, NULL, 0, file), 0); /* has it already */
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_FLOWS), 1);
	assert_int_equal(ask(fd, DBX_WIRE_FLOW_DEL, &f.key, sizeof(f.key)), 0);
	assert_int_equal(ask_with(fd, DBX_WIRE_FLOWS_TAKE, NULL, 0, file),
			 0); /* it is gone there too */
	assert_int_equal(walk(fd, DBX_WIRE_TABLE_FLOWS), 0);
	close(file);
	close(fd);
}

static void a_new_reader_of_events_takes_the_place_of_the_last(void **state)
{
	int first = greet(DBX_WIRE_ROLE_EVENTS), names = greet(DBX_WIRE_ROLE_NAME_EVENTS);
	int second = greet(DBX_WIRE_ROLE_EVENTS);
	struct pollfd p = {.fd = names, .events = POLLIN};

	(void)state;
	ends(first);
	assert_int_equal(poll(&p, 1, 0), 0);
	head_of(DBX_WIRE_STATE, NULL, 0);
	send_raw(second, sizeof(*sent), -1); /* who reads events asks nothing */
	ends(second);
	close(names);
}

static void more_connections_than_there_is_room(void **state)
{
	int fd[40];

	(void)state;
	for (int i = 0; i < 40; i++)
		fd[i] = dial();
	for (int i = 0; i < 40; i++)
		close(fd[i]);
	for (int i = 0;; i++) { /* until those that ended are noticed */
		struct dbx_wire_hello h = {.abi = DBX_ABI_VERSION, .role = DBX_WIRE_ROLE_CONTROL};
		int one = dial();

		head_of(DBX_WIRE_HELLO, &h, sizeof(h));
		send_raw(one, sent->n_bytes, -1);
		if (await(one)) {
			close(one);
			break;
		}
		close(one);
		assert_true(i < 1000);
		usleep(10000);
	}
}

static void only_one_process_listens(void **state)
{
	struct dpk_control *other = NULL;

	(void)state;
	assert_int_equal(dpk_control_open(&other, &lcores, path), -EADDRINUSE);
	assert_null(other);
	assert_true(greet(DBX_WIRE_ROLE_CONTROL) >= 0);
}

static void *serve(void *arg)
{
	dpk_control_run(arg);
	return NULL;
}

static int setup(void **state)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 1024};

	(void)state;
	snprintf(path, sizeof(controlcase_path), "/tmp/dbx-control-%d.sock", (int)getpid());
	if (dpdkbox_start() || vec_world_load(&world, VECTORS_DIR "/policy") ||
	    dpk_pipe_open(&lcores.pipe, &o) || dpk_control_open(&control, &lcores, path))
		return -1;
	return pthread_create(&thread, NULL, serve, control);
}

static int teardown(void **state)
{
	(void)state;
	lcores.must_stop = 1;
	dpk_control_wake(control);
	pthread_join(thread, NULL);
	dpk_control_close(&control);
	dpk_pipe_close(&lcores.pipe);
	vec_world_fini(&world);
	return access(path, F_OK) ? rte_eal_cleanup() : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_comes_into_force),
		cmocka_unit_test(a_bad_image_is_refused),
		cmocka_unit_test(what_was_not_committed_ends_with_its_connection),
		cmocka_unit_test(names_are_learned_and_forgotten),
		cmocka_unit_test(flows_are_set_as_dp_h_says),
		cmocka_unit_test(a_wrong_head_ends_the_connection),
		cmocka_unit_test(hello_comes_first),
		cmocka_unit_test(each_length_is_checked),
		cmocka_unit_test(garbage_changes_nothing),
		cmocka_unit_test(flows_are_handed_on),
		cmocka_unit_test(a_new_reader_of_events_takes_the_place_of_the_last),
		cmocka_unit_test(more_connections_than_there_is_room),
		cmocka_unit_test(only_one_process_listens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
