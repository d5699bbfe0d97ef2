# Makefile -- the only build entry; `make help` lists the targets.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Sources are found by folder, so a new file needs no line here. Everything that is made lies in O.
# The user-space code is built in variants by one set of rules: plain (O), with ASan and UBSan
# (O/asan), and, for the pure libraries, with libFuzzer's coverage (O/fuzz).

VERSION := 0.1.0

O      ?= build
PREFIX ?= /usr/local
V      ?= 0

# make's own default for CC is "cc"; only replace that, never what the caller asked for.
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG      ?= clang
PKG_CONFIG ?= pkg-config

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# ---- what the system has ------------------------------------------------------------------------

PKG_CTL    := jansson libcurl zlib
PKG_DAEMON := libbpf libelf zlib libnl-3.0 libnl-route-3.0 jansson libevent sqlite3 libsystemd
PKG_TEST   := cmocka
PKG_ALL    := $(sort $(PKG_CTL) $(PKG_DAEMON) $(PKG_TEST))

pkg_libs    = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
HAVE_PCAP  := $(shell $(PKG_CONFIG) --exists libpcap 2>/dev/null && echo libpcap)
HAVE_DPDK  := $(shell $(PKG_CONFIG) --exists libdpdk 2>/dev/null && echo libdpdk)
MULTIARCH  := $(shell gcc -print-multiarch 2>/dev/null)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKG_ALL) $(HAVE_PCAP) 2>/dev/null)
LIBS_POLICY := $(call pkg_libs,jansson zlib)
LIBS_CTL    := $(call pkg_libs,$(PKG_CTL) $(HAVE_PCAP))
LIBS_DP     := $(call pkg_libs,libbpf libelf zlib)
LIBS_DAEMON := $(call pkg_libs,$(PKG_DAEMON))
LIBS_TEST   := $(call pkg_libs,$(PKG_TEST))

# ---- flags --------------------------------------------------------------------------------------

INCLUDES := -I. -Iinclude -Ictl -Itests
WARN     := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
DEFS     := -D_GNU_SOURCE -DDBX_VERSION='"$(VERSION)"' -DDBX_LIBDIR='"$(PREFIX)/lib/dbx-egress"' \
            $(if $(HAVE_PCAP),-DDBX_HAVE_PCAP)
# No path of the build machine reaches the output.
REPRO    := -ffile-prefix-map=$(CURDIR)=.
CFLAGS   ?= -O2 -g
ALL_CFLAGS   := -std=gnu11 $(CFLAGS) $(WARN) $(REPRO) $(DEFS) $(INCLUDES) $(PKG_CFLAGS) -fPIE -pthread
PLAIN_CFLAGS := -fstack-protector-strong -D_FORTIFY_SOURCE=2
ALL_LDFLAGS  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(LDFLAGS)
SAN          := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SAN     := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
BPF_CFLAGS   := -O2 -g -target bpf -mcpu=v3 -Iinclude -I. -I/usr/include/$(MULTIARCH) \
                -Wall -Wextra -Werror $(REPRO)

# ---- sources ------------------------------------------------------------------------------------

SRC_LIB    := $(sort $(wildcard ctl/lib/*.c))
SRC_POLICY := $(sort $(wildcard ctl/policy/*.c))
SRC_DP     := $(sort $(wildcard dataplane/*.c))
SRC_CLI    := $(sort $(wildcard ctl/cli/*.c))
SRC_DAEMON := $(sort $(wildcard ctl/daemon/*.c))
SRC_COMMON := $(sort $(wildcard tests/common/*.c))
SRC_UNIT   := $(sort $(wildcard tests/unit/test_*.c))
SRC_TOOLS  := $(sort $(wildcard tests/tools/*.c))
SRC_BENCH  := $(sort $(wildcard tests/bench/bench_*.c))
SRC_FUZZ   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
SRC_BPF    := $(sort $(wildcard ebpf/*.bpf.c))
SRC_DPDK   := $(sort $(wildcard dataplane/dpdk/*.c))
SRC_ALL    := $(SRC_LIB) $(SRC_POLICY) $(SRC_DP) $(SRC_CLI) $(SRC_DAEMON) $(SRC_COMMON) \
              $(SRC_UNIT) $(SRC_TOOLS) $(SRC_BENCH) $(SRC_FUZZ) $(SRC_DPDK)

BPF_OBJS := $(patsubst ebpf/%.bpf.c,$(O)/%.bpf.o,$(SRC_BPF))
PROGRAMS := $(if $(SRC_CLI),dbx-egressctl) $(if $(SRC_DAEMON),dbx-egressd)
ARCHIVES := libdbxlib.a libdbxpolicy.a libdbxdp.a libdbxtest.a

# ---- one variant of the user-space code ---------------------------------------------------------

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

# Libraries that a unit test needs beyond the pure ones, by its name.
test_objs     = $(if $(filter tests/unit/test_daemon_%,$(2)),$(call objs,$(1),$(filter-out %/main.c,$(SRC_DAEMON)))) \
                $(if $(filter tests/unit/test_cli_%,$(2)),$(call objs,$(1),$(filter-out %/main.c,$(SRC_CLI))))
test_archives = libdbxtest.a libdbxpolicy.a libdbxlib.a \
                $(if $(filter tests/unit/test_dp_% tests/unit/test_daemon_%,$(1)),libdbxdp.a)
test_libs     = $(LIBS_TEST) $(LIBS_POLICY) -lm \
                $(if $(filter tests/unit/test_dp_%,$(1)),$(LIBS_DP)) \
                $(if $(filter tests/unit/test_daemon_%,$(1)),$(LIBS_DAEMON)) \
                $(if $(filter tests/unit/test_cli_%,$(1)),$(LIBS_CTL))

# $(call variant,DIR,CC,CFLAGS,LDFLAGS)
define variant
VARIANT_CC_$(1) := $(2)
VARIANT_LD_$(1) := $(4)

$(1)/obj/%.o: %.c $(1)/.flags
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $(2) $(ALL_CFLAGS) $(3) -MMD -MP -c -o $$@ $$<

$(call stamp,$(1)/.flags,$(2) $(ALL_CFLAGS) $(3))
$(call stamp,$(1)/.sources,$(SRC_ALL))

$(call archive,$(1),libdbxlib.a,$(SRC_LIB))
$(call archive,$(1),libdbxpolicy.a,$(SRC_POLICY))
$(call archive,$(1),libdbxdp.a,$(SRC_DP))
$(call archive,$(1),libdbxtest.a,$(SRC_COMMON))

$(call program,$(1),dbx-egressctl,$(call objs,$(1),$(SRC_CLI)),libdbxpolicy.a libdbxlib.a,$(LIBS_CTL) -lm)
$(call program,$(1),dbx-egressd,$(call objs,$(1),$(SRC_DAEMON)),libdbxdp.a libdbxpolicy.a libdbxlib.a,$(LIBS_DAEMON) -lm)

$(foreach t,$(SRC_UNIT),$(eval $(call program,$(1),$(t:tests/unit/%.c=tests/%),$(call objs,$(1),$(t)) $(call test_objs,$(1),$(t)),$(call test_archives,$(t)),$(call test_libs,$(t)))))
$(foreach t,$(SRC_TOOLS),$(eval $(call program,$(1),$(t:tests/tools/%.c=tests/tools/%),$(call objs,$(1),$(t)),libdbxtest.a libdbxdp.a libdbxpolicy.a libdbxlib.a,$(LIBS_DP) $(LIBS_POLICY) $(if $(HAVE_PCAP),-lpcap) -lm)))
endef

$(eval $(call variant,$(O),$(CC),$(PLAIN_CFLAGS),))
$(eval $(call variant,$(O)/asan,$(CC),$(SAN),$(SAN)))
$(eval $(call variant,$(O)/fuzz,$(CLANG),$(FUZZ_SAN) -Wno-missing-prototypes,$(FUZZ_SAN)))

$(foreach t,$(SRC_BENCH),$(eval $(call program,$(O),$(t:tests/bench/%.c=bench/%),$(call objs,$(O),$(t)),libdbxtest.a libdbxdp.a libdbxpolicy.a libdbxlib.a,$(LIBS_DP) $(LIBS_POLICY) -lm)))
$(foreach t,$(SRC_FUZZ),$(eval $(call program,$(O)/fuzz,$(t:tests/fuzz/%.c=%),$(call objs,$(O)/fuzz,$(t)),libdbxtest.a libdbxpolicy.a libdbxlib.a,-fsanitize=fuzzer $(LIBS_POLICY) -lm)))

# ---- kernel programs ----------------------------------------------------------------------------

$(eval $(call stamp,$(O)/.bpfflags,$(CLANG) $(BPF_CFLAGS)))

# BTF stays in: the loader needs it for map types, and stack traces read better with it.
$(O)/%.bpf.o: ebpf/%.bpf.c $(O)/.bpfflags
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

# ---- targets ------------------------------------------------------------------------------------

UNIT_NAMES := $(SRC_UNIT:tests/unit/%.c=tests/%)
TOOL_NAMES := $(SRC_TOOLS:tests/tools/%.c=tests/tools/%)

.PHONY: help deps have-deps all tests asan clang-build demo check lint check-layers fmt bench fuzz \
        install uninstall clean FORCE
FORCE:

##  all           build every program, kernel object and test into $(O)/ (the default)
all: have-deps $(addprefix $(O)/,$(ARCHIVES) $(PROGRAMS)) $(BPF_OBJS) tests dpdk-note

##  tests         the unit tests and test tools alone
tests: $(addprefix $(O)/,$(UNIT_NAMES) $(TOOL_NAMES))

##  asan          programs and unit tests with ASan and UBSan, in $(O)/asan/
asan: have-deps $(addprefix $(O)/asan/,$(ARCHIVES) $(PROGRAMS) $(UNIT_NAMES))

##  help          this list
help:
	@echo 'usage: make [TARGET] [V=1] [O=build] [CC=gcc|clang] [PREFIX=/usr/local] [DESTDIR=]'
	@sed -n 's/^##  //p' $(MAKEFILE_LIST) | sort -u

##  deps          install the Debian packages that are missing (as root)
deps:
	$(Q)mk/deps.sh

have-deps:
	@$(PKG_CONFIG) --exists $(PKG_ALL) || { echo "missing: $$($(PKG_CONFIG) --print-errors \
	--short-errors --exists $(PKG_ALL) 2>&1 | sed -n "s/.*package '\([^']*\)'.*/\1/p" | sort -u | \
	paste -sd' '); run 'make deps' as root" >&2; exit 1; }

.PHONY: dpdk-note
ifneq ($(and $(HAVE_DPDK),$(SRC_DPDK)),)
dpdk-note: $(O)/dbx-egress-dpdk
DPDK_CFLAGS := $(shell $(PKG_CONFIG) --cflags libdpdk)
$(O)/dbx-egress-dpdk: $(SRC_DPDK) $(wildcard dataplane/dpdk/*.h include/dbx/*) $(O)/.flags
	$(call say,DPDK,$@)
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(REPRO) $(DEFS) -Iinclude -I. $(DPDK_CFLAGS) -o $@ \
		$(SRC_DPDK) $(call pkg_libs,libdpdk)
else
dpdk-note:
	@echo '  libdpdk not found / not built yet: dbx-egress-dpdk left out'
endif

##  demo          two workspaces, a gateway and an internet in namespaces: see policies enforced (as root)
demo: deps
	$(Q)$(MAKE) all
	$(Q)DBX_BUILD=$(O) tests/netns/demo.sh

##  check         build with gcc and clang, lint, layers, all tests plain and under ASan/UBSan (as root)
check: deps
	$(Q)$(MAKE) all
	$(Q)$(MAKE) asan
	$(Q)$(MAKE) clang-build
	$(Q)DBX_BUILD=$(O) tests/run.sh

# That clang accepts everything that gcc does; nothing of it is run.
clang-build:
	$(Q)$(MAKE) CC=$(CLANG) O=$(O)/clang $(addprefix $(O)/clang/,$(PROGRAMS) $(UNIT_NAMES) $(TOOL_NAMES))

##  lint          format, clang-tidy, cppcheck, shell syntax, SPDX, file headers, forbidden words, lengths
lint:
	$(Q)tests/lint/test_lint.sh --full

##  check-layers  prove that dependencies point one way (DESIGN: cli, daemon -> policy -> lib -> libc)
check-layers: $(O)/libdbxpolicy.a $(O)/libdbxlib.a
	$(Q)DBX_BUILD=$(O) tests/lint/test_layers.sh

##  fmt           rewrite the C files in the house format
fmt:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

##  bench         build and run tests/bench
bench: have-deps $(SRC_BENCH:tests/bench/%.c=$(O)/bench/%) $(addprefix $(O)/,$(PROGRAMS)) $(BPF_OBJS)
	$(Q)set -e; for b in $(SRC_BENCH:tests/bench/%.c=$(O)/bench/%) $(sort $(wildcard tests/bench/bench_*.sh)); do \
		echo "== $$b"; DBX_BUILD=$(O) ./$$b; done

##  fuzz          run each fuzz target for FUZZ_SECONDS (30)
FUZZ_SECONDS ?= 30
fuzz: have-deps $(SRC_FUZZ:tests/fuzz/%.c=$(O)/fuzz/%)
	$(Q)set -e; for f in $(SRC_FUZZ:tests/fuzz/%.c=%); do \
		new=$(O)/fuzz/corpus/$$f; seed=tests/fuzz/corpus/$${f#fuzz_}; dict=tests/fuzz/$${f#fuzz_}.dict; \
		mkdir -p $$new; echo "== $$f"; \
		$(O)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=$(O)/fuzz/ \
			$$(test -f $$dict && echo -dict=$$dict) $$new $$(test -d $$seed && echo $$seed); done

##  install       programs, kernel objects, unit file and examples under DESTDIR and PREFIX
install: all
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' O='$(O)' mk/install.sh install

##  uninstall     remove what install put there; documents and state stay
uninstall:
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' O='$(O)' mk/install.sh uninstall

##  clean         remove $(O)/
clean:
	$(Q)rm -rf $(O)

-include $(shell test -d $(O) && find $(O) -name '*.d')
