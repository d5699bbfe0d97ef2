// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_kept.c -- flows of a process that died, read by the next from the file that it left: all that
 * were decided, nothing that is torn, and no file that is another's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "common/dpdkbox.h"
#include "dataplane/dpdk/kept.h"
#include "dataplane/dpdk/request.h"

#define MAX   64u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct rte_rcu_qsbr *qsbr;
static struct dpk_shared sh;

static struct dpk_table *table_of(uint32_t key_bytes, uint32_t value_bytes, uint32_t max)
{
	static int n;
	struct dpk_table *t;
	char name[24];

	snprintf(name, sizeof(name), "kept%d", n++);
	assert_int_equal(dpk_table_open_kept(&t, name, key_bytes, value_bytes, max, qsbr), 0);
	return t;
}

static struct dpk_table *flows_of(uint32_t max)
{
	return table_of(sizeof(struct dbx_flow_key), sizeof(struct dbx_flow_slot), max);
}

static struct dbx_flow_key key_of(uint32_t i)
{
	struct dbx_flow_key k;

	memset(&k, 0, sizeof(k));
	k.sport = (uint16_t)i;
	k.src[3] = i * 7919;
	return k;
}

static struct dbx_flow_slot slot_of(uint32_t i, uint8_t state)
{
	struct dbx_flow_slot s;

	memset(&s, 0, sizeof(s));
	s.flow.start_ns = 1000 + i;
	s.flow.state = state;
	s.flow.rule_uid = i;
	return s;
}

static void put(struct dpk_table *t, uint32_t i, const struct dbx_flow_slot *s)
{
	struct dbx_flow_key k = key_of(i);

	assert_int_equal(dpk_table_put(t, &k, s, 1), 0);
}

static const struct dbx_flow_slot *get(const struct dpk_table *t, uint32_t i)
{
	struct dbx_flow_key k = key_of(i);

	return dpk_table_get(t, &k);
}

static uint32_t count(const struct dpk_table *t)
{
	const void *key;
	uint32_t at = 0, n = 0;
	void *value;

	while (dpk_table_next(t, &key, &value, &at))
		n++;
	return n;
}

static int fd_of(const struct dpk_table *t)
{
	return dpk_kept_fd(dpk_table_kept(t));
}

static void begin_anew(void)
{
	dpk_table_close(&sh.flows);
	sh.flows = flows_of(MAX);
}

static void flows_that_were_decided_go_on(void **state)
{
	struct dpk_table *old = flows_of(MAX);
	struct dbx_flow_slot s;
	struct dbx_flow_key k;

	(void)state;
	for (uint32_t i = 0; i < MAX; i++) {
		s = slot_of(i, i % 2 ? DBX_FLOW_ALLOWED : DBX_FLOW_DENIED);
		s.flow.n_cuts = DBX_HELLO_CUTS;
		put(old, i, &s);
	}
	for (uint32_t i = 0; i < MAX; i += 4) {
		k = key_of(i);
		assert_int_equal(dpk_table_del(old, &k), 0);
	}
	begin_anew();
	s = slot_of(1, DBX_FLOW_HELLO); /* begun already with the new process: that one stays */
	put(sh.flows, 1, &s);
	assert_int_equal(dpk_names_flows_take(&sh, fd_of(old)), 0);
	assert_int_equal(count(sh.flows), MAX - MAX / 4);
	for (uint32_t i = 0; i < MAX; i++) {
		const struct dbx_flow_slot *v = get(sh.flows, i);

		assert_true(!v == !(i % 4));
		if (!v || i == 1)
			continue;
		assert_memory_equal(v, get(old, i), sizeof(*v));
		assert_int_equal(v->flow.rule_uid, i);
	}
	assert_int_equal(get(sh.flows, 1)->flow.state, DBX_FLOW_HELLO);
	dpk_table_close(&old);
}

static void what_is_undecided_or_torn_does_not(void **state)
{
	struct dpk_table *old = flows_of(MAX);

	(void)state;
	for (uint32_t i = 0; i < 11; i++) {
		struct dbx_flow_slot s = slot_of(i, DBX_FLOW_ALLOWED);

		s.flow.state = i == 1   ? DBX_FLOW_HELLO
			       : i == 2 ? DBX_FLOW_NONE
			       : i == 3 ? 77
					: s.flow.state;
		s.flow.watch = i == 4;
		s.flow.n_cuts = i == 5 ? DBX_HELLO_CUTS + 1 : i == 6 ? 255 : 3;
		s.flow.reason = i == 7 ? DBX_REASON_MAX : 1;
		s.flow.start_ns = i == 8 ? 0 : 5;
		s.lock = i == 9; /* an lcore was changing it */
		s.lease = i == 10;
		put(old, i, &s);
	}
	begin_anew();
	assert_int_equal(dpk_names_flows_take(&sh, fd_of(old)), 0);
	assert_int_equal(count(sh.flows), 1);
	assert_non_null(get(sh.flows, 0));
	dpk_table_close(&old);
}

/* A process that is killed while it writes: what its file has is what it had put, and not taken away. */
static void a_process_that_is_killed(void **state)
{
	/* memory of the EAL is shared with the child: nobody can use this table any more, or close it */
	static struct dpk_table *old;
	int go[2], status;
	pid_t pid;
	char c;

	(void)state;
	old = flows_of(MAX);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		for (uint32_t i = 0;; i++) {
			struct dbx_flow_slot s = slot_of(i % 32, DBX_FLOW_ALLOWED);
			struct dbx_flow_key k = key_of(i % 32);

			dpk_table_put(old, &k, &s, 1);
			if (i == 100000 && write(go[1], "x", 1) < 0)
				_exit(1);
			k = key_of((i + 16) % 32);
			dpk_table_del(old, &k);
		}
	}
	assert_int_equal(read(go[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	begin_anew();
	assert_int_equal(dpk_names_flows_take(&sh, fd_of(old)), 0);
	assert_in_range(count(sh.flows), 15, 17);
	for (uint32_t i = 0; i < 32; i++) {
		const struct dbx_flow_slot *v = get(sh.flows, i);

		assert_true(!v || v->flow.rule_uid == i);
	}
	close(go[0]);
	close(go[1]);
}

/* The bytes of a file in another one. */
static int copy_of(int fd, size_t more, int seals)
{
	int to = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;
	uint8_t *p;

	assert_int_equal(fstat(fd, &st), 0);
	p = calloc(1, (size_t)st.st_size + more);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, (size_t)st.st_size, 0), st.st_size);
	assert_int_equal(write(to, p, (size_t)st.st_size + more), st.st_size + (ssize_t)more);
	assert_int_equal(fcntl(to, F_ADD_SEALS, seals), 0);
	free(p);
	return to;
}

static void refuse(int fd, bool ours)
{
	assert_int_equal(dpk_names_flows_take(&sh, fd), -EINVAL);
	assert_int_equal(count(sh.flows), 0);
	if (ours)
		close(fd);
}

static void a_file_of_another_form_is_refused(void **state)
{
	struct dpk_table *old = flows_of(MAX), *more = flows_of(MAX * 2),
			 *other = table_of(sizeof(struct dbx_flow_key) - 4,
					   sizeof(struct dbx_flow_slot), MAX);
	struct dbx_flow_slot s = slot_of(3, DBX_FLOW_ALLOWED);
	int fd;

	(void)state;
	put(old, 3, &s);
	put(more, 3, &s);
	begin_anew();
	refuse(fd_of(more), false);
	refuse(fd_of(other), false);
	refuse(copy_of(fd_of(old), 8, SEALS), true);
	refuse(copy_of(fd_of(old), 0, F_SEAL_GROW), true); /* it might shrink under the reader */
	refuse(open("/dev/zero", O_RDONLY), true);
	refuse(-1, false);
	for (unsigned int at = 0; at < 64; at++) { /* each byte of its head */
		uint8_t b;

		fd = copy_of(fd_of(old), 0, SEALS);
		assert_int_equal(pread(fd, &b, 1, at), 1);
		b ^= 1;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		refuse(fd, true);
	}
	fd = copy_of(fd_of(old), 0, SEALS);
	assert_int_equal(dpk_names_flows_take(&sh, fd), 0);
	assert_int_equal(count(sh.flows), 1);
	close(fd);
	dpk_table_close(&old);
	dpk_table_close(&more);
	dpk_table_close(&other);
}

static int setup(void **state)
{
	(void)state;
	if (dpdkbox_start())
		return -1;
	qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(4), RTE_CACHE_LINE_SIZE);
	if (!qsbr || rte_rcu_qsbr_init(qsbr, 4))
		return -1;
	sh.flows = flows_of(MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dpk_table_close(&sh.flows);
	rte_free(qsbr);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_that_were_decided_go_on),
		cmocka_unit_test(what_is_undecided_or_torn_does_not),
		cmocka_unit_test(a_process_that_is_killed),
		cmocka_unit_test(a_file_of_another_form_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
