// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_compat.c -- the kernel program asks for nothing that Linux 5.15 does not have.
 *
 * The object is read, not believed: helpers, instructions, map types, flags and type information.
 * The bounds are those of include/uapi/linux/bpf.h and btf.h at v5.15; what came later is higher.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "dbx/program.h"

/* The verifier gives up at a million; older ones prune less than the one that runs here. */
#define STEPS_MAX 400000u

static struct bpf_object *obj;
static struct bpf_program *prog;

static int setup(void **state)
{
	const char *build = getenv("DBX_BUILD");
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/egress_xdp.bpf.o", build ? build : "build");
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return -errno;
	prog = bpf_object__find_program_by_name(obj, DBX_PROGRAM_NAME);
	return prog ? bpf_object__load(obj) : -ENOENT; /* subprograms are joined by loading */
}

static int teardown(void **state)
{
	(void)state;
	bpf_object__close(obj);
	return 0;
}

/* Each program that production loads. */
static void each_program(void (*check)(const struct bpf_program *p))
{
	struct bpf_program *p;
	size_t n = 0;

	bpf_object__for_each_program(p, obj) {
		if (!bpf_program__autoload(p))
			continue;
		check(p);
		n++;
	}
	assert_int_equal(n, 1 + DBX_PROG_XDP_MAX + DBX_PROG_TC_MAX);
}

static void check_helpers(const struct bpf_program *p)
{
	const struct bpf_insn *v = bpf_program__insns(p);
	size_t i, n = bpf_program__insn_cnt(p), n_helpers = 0;

	for (i = 0; i < n; i++) {
		if (v[i].code != (BPF_JMP | BPF_CALL))
			continue;
		if (v[i].src_reg == BPF_PSEUDO_CALL)
			continue;
		if (v[i].src_reg) /* BPF_PSEUDO_KFUNC_CALL: no kfunc is a stable interface */
			fail_msg("instruction %zu calls a kernel function", i);
		if (v[i].imm > BPF_FUNC_task_pt_regs) /* 175, the last of 5.15 */
			fail_msg("instruction %zu calls helper %d", i, v[i].imm);
		n_helpers++;
	}
	assert_true(n_helpers > 2);
}

static void test_helpers(void **state)
{
	(void)state;
	each_program(check_helpers);
}

/* -mcpu=v3 at most: v4 came with 6.6, atomics other than add with 5.12. */
static bool is_v4(const struct bpf_insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
		return i->off != 0; /* signed division, sign-extending move */
	case BPF_ALU64:
		return i->off != 0 || BPF_OP(i->code) == BPF_END; /* bswap */
	case BPF_JMP32:
		return BPF_OP(i->code) == BPF_JA; /* long jump */
	case BPF_LDX:
		return BPF_MODE(i->code) != BPF_MEM; /* sign-extending load */
	default:
		return false;
	}
}

static void check_instructions(const struct bpf_program *p)
{
	const struct bpf_insn *v = bpf_program__insns(p);
	size_t i, n = bpf_program__insn_cnt(p);

	for (i = 0; i < n; i++) {
		if (v[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			assert_true(v[i].src_reg <= BPF_PSEUDO_MAP_IDX_VALUE);
			i++;
		} else if (is_v4(&v[i])) {
			fail_msg("instruction %zu (code 0x%02x off %d) needs -mcpu=v4", i,
				 v[i].code, v[i].off);
		}
	}
}

static void test_instructions(void **state)
{
	(void)state;
	each_program(check_instructions);
}

static void check_flags(const struct bpf_program *p)
{
	assert_true(bpf_program__type(p) == BPF_PROG_TYPE_XDP ||
		    bpf_program__type(p) == BPF_PROG_TYPE_SCHED_CLS);
	assert_int_equal(bpf_program__flags(p), 0); /* multi-buffer came with 5.18 */
}

static void test_program_flags(void **state)
{
	(void)state;
	assert_int_equal(bpf_program__type(prog), BPF_PROG_TYPE_XDP);
	each_program(check_flags);
}

static void check_map(const struct bpf_map *map)
{
	const uint32_t flags_5_15 = (BPF_F_INNER_MAP << 1) - 1;

	if (bpf_map__type(map) > BPF_MAP_TYPE_TASK_STORAGE ||
	    (bpf_map__map_flags(map) & ~flags_5_15))
		fail_msg("map %s: type %d flags 0x%x", bpf_map__name(map), bpf_map__type(map),
			 bpf_map__map_flags(map));
}

static void test_maps(void **state)
{
	struct bpf_map *map;

	(void)state;
	bpf_object__for_each_map(map, obj) {
		check_map(map);
		if (bpf_map__inner_map(map))
			check_map(bpf_map__inner_map(map));
	}
}

static void test_type_information(void **state)
{
	const struct btf *btf = bpf_object__btf(obj);
	uint32_t i;

	(void)state;
	assert_non_null(btf);
	for (i = 1; i < btf__type_cnt(btf); i++)
		assert_true(btf_kind(btf__type_by_id(btf, i)) <= BTF_KIND_FLOAT);
}

static void check_room(const struct bpf_program *p)
{
	struct bpf_prog_info info = {0};
	uint32_t n = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &n), 0);
	fprintf(stderr, "# %s: %zu instructions, %u verifier steps, %u bytes jited\n",
		bpf_program__name(p), bpf_program__insn_cnt(p), info.verified_insns,
		info.jited_prog_len);
	assert_true(info.verified_insns < STEPS_MAX);
	assert_true(bpf_program__insn_cnt(p) < 16384);
}

static void test_verifier_has_room(void **state)
{
	(void)state;
	each_program(check_room);
}

/* ---- calls that remain ---- */

/* A kernel function that the program was given, by its distance from __bpf_call_base. */
struct callee {
	char name[64];
	int32_t distance;
	uint32_t n_calls;
};

static struct callee callees[64];
static size_t n_callees;

static void count_call(int32_t distance)
{
	size_t i = 0;

	while (i < n_callees && callees[i].distance != distance)
		i++;
	assert_true(i < sizeof(callees) / sizeof(callees[0]));
	callees[i].distance = distance;
	callees[i].n_calls++;
	if (i == n_callees)
		n_callees++;
}

/* The instructions as the verifier left them: calls of helpers name kernel addresses by now. */
static void count_calls(const struct bpf_program *p)
{
	static struct bpf_insn insns[32768];
	struct bpf_prog_info info = {
		.xlated_prog_insns = (uintptr_t)insns,
		.xlated_prog_len = sizeof(insns),
	};
	uint32_t n = sizeof(info), i;

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &n), 0);
	assert_true(info.xlated_prog_len <= sizeof(insns));
	for (i = 0; i < info.xlated_prog_len / sizeof(insns[0]); i++) {
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW))
			i++;
		else if (insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg)
			count_call(insns[i].imm);
	}
}

/* Returns the address of __bpf_call_base, 0 where the kernel tells no addresses. */
static uint64_t call_base(FILE *f)
{
	unsigned long long address;
	char line[512], name[64];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %63s", &address, name) == 2 &&
		    strcmp(name, "__bpf_call_base") == 0)
			return address;
	}
	return 0;
}

static void name_callees(FILE *f, uint64_t base)
{
	unsigned long long address;
	char line[512], name[64];
	size_t i;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %63s", &address, name) != 2)
			continue;
		for (i = 0; i < n_callees; i++) {
			if (address == base + (uint64_t)(int64_t)callees[i].distance)
				snprintf(callees[i].name, sizeof(callees[i].name), "%s", name);
		}
	}
}

/*
 * Functions that may not be called: what a look-up becomes in an array, or in an array of maps, when
 * the kernel did not write it out in place, and the general one when it could not tell which map it
 * would be. Per-CPU arrays are written out since Linux 6.10 only.
 */
static bool is_slow_look_up(const char *name)
{
	return strcmp(name, "array_map_lookup_elem") == 0 ||
	       strcmp(name, "array_of_map_lookup_elem") == 0 ||
	       strcmp(name, "bpf_map_lookup_elem") == 0;
}

/*
 * Look-ups in arrays, the image's chunks above all, must be inlined by the kernel: a call each would
 * double the cost of a packet. Each call that is left is named, in every program.
 */
static void test_look_ups_of_chunks_are_inlined(void **state)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	uint64_t base = f ? call_base(f) : 0;
	bool has_hash = false, has_slow = false;
	size_t i;

	(void)state;
	each_program(count_calls);
	if (!base) {
		if (f)
			fclose(f);
		skip(); /* no addresses, no names */
	}
	rewind(f);
	name_callees(f, base);
	fclose(f);
	for (i = 0; i < n_callees; i++) {
		if (callees[i].distance == BPF_FUNC_tail_call) /* an instruction, shown as a call */
			continue;
		fprintf(stderr, "# %2u calls of %s\n", callees[i].n_calls, callees[i].name);
		assert_true(callees[i].name[0]);
		has_hash |= strstr(callees[i].name, "htab_map_lookup_elem") != NULL;
		has_slow |= is_slow_look_up(callees[i].name);
	}
	assert_true(has_hash); /* these are never written out whole: the names are the right ones */
	assert_false(has_slow);
}

/* What tests alone need is not loaded in production. */
static void test_the_probe_stays_out(void **state)
{
	const struct bpf_program *probe = bpf_object__find_program_by_name(obj, "egress_probe");

	(void)state;
	assert_non_null(probe);
	assert_false(bpf_program__autoload(probe));
	assert_true(bpf_program__fd(probe) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_program_flags),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_type_information),
		cmocka_unit_test(test_verifier_has_room),
		cmocka_unit_test(test_look_ups_of_chunks_are_inlined),
		cmocka_unit_test(test_the_probe_stays_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
