# Makefile -- the only build entry; `make help` lists the targets.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Here: settings and targets. mk/config.mk finds libraries and sets flags, mk/rules.mk says how
# sources become programs. Everything that is made lies in O.

VERSION := 0.1.0

O      ?= build
PREFIX ?= /usr/local
V      ?= 0
FUZZ_SECONDS ?= 30

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# As many jobs as there are cores, said once: a sub-make takes them from the one above.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

.PHONY: help deps have-deps all tests asan clang-build fuzz-build demo demo-dpdk check lint check-layers fmt \
        bench fuzz install uninstall clean FORCE

include mk/config.mk
include mk/rules.mk

##  all           build every program, kernel object and test into O (the default)
all: have-deps tests $(addprefix $(O)/,$(ARCHIVES) $(PROGRAMS)) $(BPF_OBJS)
	$(if $(HAVE_DPDK),,@echo '  left out: dbx-egress-dpdk (no libdpdk here)')

##  tests         the unit tests and test tools alone
tests: $(addprefix $(O)/,$(UNIT_NAMES) $(TOOL_NAMES))

##  asan          programs and tests with ASan and UBSan, in O/asan/
asan: have-deps $(addprefix $(O)/asan/,$(ARCHIVES) $(PROGRAMS) $(UNIT_NAMES) $(TOOL_NAMES)) \
	$(BPF_OBJS:$(O)/%=$(O)/asan/%)

# That clang accepts everything that gcc does; nothing of it is run.
clang-build:
	$(Q)$(MAKE) CC=$(CLANG) O=$(O)/clang $(addprefix $(O)/clang/,$(ARCHIVES) $(PROGRAMS) \
		$(UNIT_NAMES) $(TOOL_NAMES) $(BENCH_NAMES))

fuzz-build: have-deps $(addprefix $(O)/fuzz/,$(FUZZ_NAMES))

##  help          this list
help:
	@echo 'usage: make [TARGET] [V=1] [O=build] [CC=gcc|clang] [PREFIX=/usr/local] [DESTDIR=]'
	@sed -n 's/^##  //p' $(MAKEFILE_LIST) | sort -u

##  deps          install the Debian packages that are missing (as root)
deps:
	$(Q)mk/deps.sh

have-deps:
	@$(PKG_CONFIG) --exists $(PKG_ALL) $(PKG_TUI) || { echo "missing: $$($(PKG_CONFIG) --print-errors \
	--short-errors --exists $(PKG_ALL) $(PKG_TUI) 2>&1 | sed -n "s/.*package '\([^']*\)'.*/\1/p" | sort -u | \
	paste -sd' '); run 'make deps' as root" >&2; exit 1; }

##  demo          two workspaces, a gateway, an internet in namespaces: see policies enforced (as root)
demo: deps
	$(Q)$(MAKE) $(addprefix $(O)/,dbx-egressctl dbx-egressd) $(BPF_OBJS)
	$(Q)DBX_BUILD=$(O) tests/netns/demo.sh

##  demo-dpdk     the same demo with dbx-egress-dpdk in front of the gateway (as root)
demo-dpdk: deps
	$(Q)$(MAKE) $(addprefix $(O)/,dbx-egressctl dbx-egressd) $(if $(SRC_DPDK),$(O)/dbx-egress-dpdk) $(BPF_OBJS)
	$(Q)LAB_DPDK=1 DBX_BUILD=$(O) tests/netns/demo.sh

##  check         build with gcc and clang, then every test, plain and under ASan/UBSan (as root)
check: deps
	$(Q)$(MAKE) all
	$(Q)$(MAKE) asan
	$(Q)$(MAKE) clang-build
	$(Q)$(MAKE) fuzz-build
	$(Q)DBX_BUILD=$(O) tests/run.sh

##  lint          format, clang-tidy, cppcheck, shell syntax, SPDX, file headers, forbidden words, lengths
lint:
	$(Q)DBX_BUILD=$(O) tests/lint/test_lint.sh

##  check-layers  prove that dependencies point one way: cli, daemon -> policy -> lib -> libc
check-layers: $(addprefix $(O)/,$(ARCHIVES) $(PROGRAMS))
	$(Q)DBX_BUILD=$(O) tests/lint/test_layers.sh

##  fmt           rewrite the C files in the house format
fmt:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

##  bench         build and run tests/bench
bench: have-deps $(addprefix $(O)/,$(BENCH_NAMES) $(PROGRAMS)) $(BPF_OBJS) $(BENCH_BPF_OBJS)
	$(Q)set -e; for b in $(addprefix $(O)/,$(BENCH_NAMES)) $(sort $(wildcard tests/bench/bench_*.sh)); do \
		echo "== $$b"; DBX_BUILD=$(O) $$(realpath $$b); done

##  fuzz          run each fuzz target for FUZZ_SECONDS (30)
fuzz: fuzz-build
	$(Q)set -e; for f in $(FUZZ_NAMES); do \
		DBX_BUILD=$(O) tests/fuzz/run.sh $$f $(FUZZ_SECONDS); done

##  install       programs, kernel objects, unit file and examples under DESTDIR and PREFIX
install: all
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' O='$(O)' mk/install.sh install

##  uninstall     remove what install put there; documents and state stay
uninstall:
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' O='$(O)' mk/install.sh uninstall

##  clean         remove O
clean:
	$(Q)rm -rf $(O)
