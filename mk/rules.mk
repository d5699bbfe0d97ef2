# rules.mk -- how sources become objects, archives and programs.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The user-space code is built in variants, each in a folder of its own, by one set of rules:
#	$(O)		plain
#	$(O)/asan	with ASan and UBSan
#	$(O)/fuzz	with libFuzzer's coverage (pure libraries and fuzz targets only)
# Sources are found by folder, so a new file needs no line here.

SRC_LIB    := $(sort $(wildcard ctl/lib/*.c))
SRC_POLICY := $(sort $(wildcard ctl/policy/*.c))
SRC_WIRE   := $(sort $(wildcard ctl/wire/*.c))
SRC_REPLAY := $(sort $(wildcard ctl/replay/*.c))
SRC_DP     := $(sort $(wildcard dataplane/*.c))
SRC_CLI    := $(sort $(wildcard ctl/cli/*.c))
SRC_DAEMON := $(sort $(wildcard ctl/daemon/*.c))
SRC_COMMON := $(sort $(wildcard tests/common/*.c))
SRC_UNIT   := $(sort $(wildcard tests/unit/test_*.c))
SRC_TOOLS  := $(sort $(wildcard tests/tools/*.c))
SRC_BENCH  := $(sort $(wildcard tests/bench/bench_*.c))
SRC_FUZZ   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
SRC_BPF    := $(sort $(wildcard ebpf/*.bpf.c))
SRC_DPDK   := $(if $(HAVE_DPDK),$(sort $(wildcard dataplane/dpdk/*.c)))
SRC_BENCH_DPDK := $(if $(HAVE_DPDK),$(sort $(wildcard tests/bench/dpdk_*.c)))
# Without DPDK, what is named after it is left out.
ifeq ($(HAVE_DPDK),)
SRC_UNIT   := $(filter-out tests/unit/test_dpdk_%,$(SRC_UNIT))
SRC_TOOLS  := $(filter-out tests/tools/dpdk_%,$(SRC_TOOLS))
SRC_BENCH  := $(filter-out tests/bench/bench_dpdk%,$(SRC_BENCH))
endif
SRC_ALL    := $(SRC_LIB) $(SRC_POLICY) $(SRC_WIRE) $(SRC_REPLAY) $(SRC_DP) $(SRC_CLI) $(SRC_DAEMON) \
              $(SRC_COMMON) $(SRC_UNIT) $(SRC_TOOLS) $(SRC_BENCH) $(SRC_FUZZ) $(SRC_DPDK) $(SRC_BENCH_DPDK)

BPF_OBJS    := $(patsubst ebpf/%.bpf.c,$(O)/%.bpf.o,$(SRC_BPF))
BENCH_BPF_OBJS := $(patsubst tests/%.bpf.c,$(O)/%.bpf.o,$(sort $(wildcard tests/bench/*.bpf.c)))
PROGRAMS    := $(if $(SRC_CLI),dbx-egressctl) $(if $(SRC_DAEMON),dbx-egressd) \
               $(if $(SRC_DPDK),dbx-egress-dpdk)
ARCHIVES    := libdbxlib.a libdbxpolicy.a libdbxwire.a libdbxreplay.a libdbxdp.a libdbxtest.a \
              $(if $(SRC_DPDK),libdbxdpdk.a)
UNIT_NAMES  := $(SRC_UNIT:tests/unit/%.c=tests/%)
TOOL_NAMES  := $(SRC_TOOLS:tests/tools/%.c=tests/tools/%)
BENCH_NAMES := $(SRC_BENCH:tests/bench/%.c=bench/%)
FUZZ_NAMES  := $(SRC_FUZZ:tests/fuzz/%.c=%)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# $(call objs,DIR,SOURCES)
objs = $(patsubst %.c,$(1)/obj/%.o,$(2))

# A file that changes only when its text does: what depends on it is made again exactly then.
# $(call stamp,FILE,TEXT)
define stamp
$(1): FORCE
	@mkdir -p $$(@D); printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || \
		printf '%s\n' '$(subst ','\'',$(2))' > $$@
endef

# $(call archive,DIR,NAME,SOURCES)
define archive
$(1)/$(2): $(call objs,$(1),$(3)) $(1)/.sources
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$(filter %.o,$$^)
endef

# $(call program,DIR,PATH,OBJECTS,ARCHIVES,LIBS): the stamps are in the way of $^, hence the filter.
define program
$(1)/$(2): $(3) $(addprefix $(1)/,$(4)) $(1)/.sources
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(VARIANT_CC_$(1)) $$(VARIANT_LD_$(1)) $(ALL_LDFLAGS) -o $$@ \
		$$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(5)
endef

# What a unit test links beyond the pure libraries follows from its name.
PURE     := libdbxpolicy.a libdbxlib.a
of_dp     = $(filter tests/unit/test_dp_%,$(1))
of_dpdk   = $(filter tests/unit/test_dpdk_% tests/tools/dpdk_% tests/bench/bench_dpdk%,$(1))
of_daemon = $(filter tests/unit/test_daemon_%,$(1))
of_cli    = $(filter tests/unit/test_cli_%,$(1))
of_wire   = $(filter tests/unit/test_wire_% tests/unit/test_daemon_% tests/unit/test_cli_% \
            tests/unit/test_replay_% tests/unit/test_dp_replay%,$(1))
of_replay = $(filter tests/unit/test_replay_% tests/unit/test_cli_% tests/unit/test_dp_replay%,$(1))
test_objs     = $(call objs,$(1),$(2) \
                $(if $(call of_daemon,$(2)),$(filter-out %/main.c,$(SRC_DAEMON))) \
                $(if $(call of_cli,$(2)),$(filter-out %/main.c,$(SRC_CLI))))
test_archives = libdbxtest.a $(if $(call of_replay,$(1)),libdbxreplay.a) \
                $(if $(call of_wire,$(1)),libdbxwire.a) $(PURE) \
                $(if $(call of_dp,$(1))$(call of_daemon,$(1)),libdbxdp.a) \
                $(if $(call of_dpdk,$(1)),libdbxdpdk.a libdbxdp.a libdbxreplay.a libdbxwire.a)
test_libs     = $(LIBS_TEST) $(LIBS_POLICY) -lm $(if $(call of_dp,$(1)),$(LIBS_DP)) \
                $(if $(call of_daemon,$(1)),$(LIBS_DAEMON)) $(if $(call of_cli,$(1)),$(LIBS_CTL)) \
                $(if $(call of_wire,$(1)),$(LIBS_WIRE)) $(if $(HAVE_PCAP),-lpcap) \
                $(if $(call of_dpdk,$(1)),$(LIBS_DPDK) $(LIBS_DP) $(LIBS_WIRE))
# Test tools and benchmarks may use everything but the two programs; daemon_* have the daemon's parts.
tool_objs     = $(call objs,$(1),$(2) \
                $(if $(filter tests/tools/daemon_%,$(2)),$(filter-out %/main.c,$(SRC_DAEMON))))
tool_libs     = $(TOOL_LIBS) $(if $(filter tests/tools/daemon_%,$(1)),$(LIBS_DAEMON)) \
                $(if $(call of_dpdk,$(1)),$(LIBS_DPDK))
TOOL_ARCHIVES := libdbxtest.a libdbxdp.a libdbxreplay.a libdbxwire.a $(PURE)
tool_archives = $(if $(call of_dpdk,$(1)),libdbxdpdk.a) $(TOOL_ARCHIVES)
TOOL_LIBS     := $(LIBS_DP) $(LIBS_POLICY) $(LIBS_WIRE) $(if $(HAVE_PCAP),-lpcap) -lm

# $(call variant,DIR,CC,CFLAGS,LDFLAGS)
define variant
VARIANT_CC_$(1) := $(2)
VARIANT_LD_$(1) := $(4)

$(1)/obj/%.o: %.c $(1)/.flags | have-deps
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $(2) $(ALL_CFLAGS) $(3) -MMD -MP -c -o $$@ $$<

$(foreach p,dataplane/dpdk/% tests/unit/test_dpdk_% tests/tools/dpdk_% tests/bench/bench_dpdk% \
	tests/bench/dpdk_%,
$(1)/obj/$(p).o: $(p).c $(1)/.flags | have-deps
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $(2) $(ALL_CFLAGS) $(DPDK_CFLAGS) $(3) -MMD -MP -c -o $$@ $$<
)

$(call stamp,$(1)/.flags,$(2) $(ALL_CFLAGS) $(3))
$(call stamp,$(1)/.sources,$(SRC_ALL))

$(call archive,$(1),libdbxlib.a,$(SRC_LIB))
$(call archive,$(1),libdbxpolicy.a,$(SRC_POLICY))
$(call archive,$(1),libdbxwire.a,$(SRC_WIRE))
$(call archive,$(1),libdbxreplay.a,$(SRC_REPLAY))
$(call archive,$(1),libdbxdp.a,$(SRC_DP))
$(call archive,$(1),libdbxdpdk.a,$(filter-out %/main.c,$(SRC_DPDK)))
$(call archive,$(1),libdbxtest.a,$(SRC_COMMON))

$(call program,$(1),dbx-egressctl,$(call objs,$(1),$(SRC_CLI)),libdbxreplay.a libdbxwire.a \
	$(PURE),$(LIBS_CTL) $(LIBS_WIRE) -lm)
$(call program,$(1),dbx-egressd,$(call objs,$(1),$(SRC_DAEMON)),libdbxdp.a libdbxwire.a \
	$(PURE),$(LIBS_DAEMON) -lm)
$(if $(SRC_DPDK),$(call program,$(1),dbx-egress-dpdk,$(call \
	objs,$(1),dataplane/dpdk/main.c),libdbxdpdk.a,$(LIBS_DPDK)))

$(foreach t,$(SRC_UNIT),$(eval $(call program,$(1),$(t:tests/unit/%.c=tests/%),$(call \
	test_objs,$(1),$(t)),$(call test_archives,$(t)),$(call test_libs,$(t)))))
$(foreach t,$(SRC_TOOLS),$(eval $(call program,$(1),$(t:tests/tools/%.c=tests/tools/%),$(call \
	tool_objs,$(1),$(t)),$(call tool_archives,$(t)),$(call tool_libs,$(t)))))
endef

$(eval $(call variant,$(O),$(CC),$(PLAIN_CFLAGS),))
$(eval $(call variant,$(O)/asan,$(CC),$(SAN),$(SAN)))
$(eval $(call variant,$(O)/fuzz,$(CLANG),$(FUZZ_SAN) -Wno-missing-prototypes,$(FUZZ_SAN)))

$(foreach t,$(SRC_BENCH),$(eval $(call program,$(O),$(t:tests/bench/%.c=bench/%),$(call \
	objs,$(O),$(t) $(if $(call of_dpdk,$(t)),$(SRC_BENCH_DPDK))),$(call tool_archives,$(t)),$(call \
	tool_libs,$(t)))))
$(foreach t,$(SRC_FUZZ),$(eval $(call program,$(O)/fuzz,$(t:tests/fuzz/%.c=%),$(call \
	objs,$(O)/fuzz,$(t)),libdbxtest.a libdbxreplay.a libdbxwire.a $(PURE),-fsanitize=fuzzer \
	$(LIBS_POLICY) $(LIBS_WIRE) $(if $(HAVE_PCAP),-lpcap) -lm)))

# ---- kernel programs ----------------------------------------------------------------------------

$(eval $(call stamp,$(O)/.bpfflags,$(CLANG) $(BPF_CFLAGS)))

# BTF stays in: the loader needs it for map types, and stack traces read better with it.
$(O)/%.bpf.o: ebpf/%.bpf.c $(O)/.bpfflags | have-deps
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/bench/%.bpf.o: tests/bench/%.bpf.c $(O)/.bpfflags
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

# The same object beside the programs with sanitizers, so that O/asan is a whole build to test.
$(O)/asan/%.bpf.o: $(O)/%.bpf.o
	$(Q)mkdir -p $(@D) && cp $< $@

-include $(shell test -d $(O) && find $(O) -name '*.d')
