# config.mk -- what the system has, and the flags that follow from it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

# make's own default for CC is "cc"; only replace that, never what the caller asked for.
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG      ?= clang
PKG_CONFIG ?= pkg-config

# ---- libraries: what each program may link ------------------------------------------------------

PKG_CTL    := jansson libcurl zlib
PKG_DAEMON := libbpf libelf zlib libnl-3.0 libnl-route-3.0 jansson libevent sqlite3 libsystemd libnftables
PKG_WIRE   := ldns libcrypto
PKG_TEST   := cmocka
PKG_ALL    := $(sort $(PKG_CTL) $(PKG_DAEMON) $(PKG_WIRE) $(PKG_TEST))

pkg_libs    = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
HAVE_PCAP  := $(shell $(PKG_CONFIG) --exists libpcap 2>/dev/null && echo libpcap)
HAVE_RDKAFKA := $(shell $(PKG_CONFIG) --exists rdkafka 2>/dev/null && echo rdkafka)
HAVE_DPDK  := $(shell $(PKG_CONFIG) --exists libdpdk 2>/dev/null && echo libdpdk)
MULTIARCH  := $(shell gcc -print-multiarch 2>/dev/null)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKG_ALL) $(HAVE_PCAP) $(HAVE_RDKAFKA) 2>/dev/null)
LIBS_POLICY := $(call pkg_libs,jansson zlib)
# Its --cflags ask for an older POSIX than ours: libraries only.
PKG_TUI     := ncursesw
LIBS_CTL    := $(call pkg_libs,$(PKG_CTL) $(PKG_TUI) $(HAVE_PCAP))
LIBS_DP     := $(call pkg_libs,libbpf libelf zlib)
LIBS_WIRE   := $(call pkg_libs,$(PKG_WIRE))
LIBS_DAEMON := $(call pkg_libs,$(PKG_DAEMON) $(PKG_WIRE) $(HAVE_RDKAFKA))
LIBS_DPDK   := $(if $(HAVE_DPDK),$(call pkg_libs,libdpdk))
# Headers of others are not ours to warn about.
DPDK_CFLAGS := $(if $(HAVE_DPDK),$(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libdpdk)))
LIBS_TEST   := $(call pkg_libs,$(PKG_TEST))

# ---- flags --------------------------------------------------------------------------------------

CFLAGS   ?= -O2 -g
INCLUDES := -I. -Iinclude -Ictl -Itests
WARN     := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
DEFS     := -D_GNU_SOURCE -DDBX_VERSION='"$(VERSION)"' -DDBX_LIBDIR='"$(PREFIX)/lib/dbx-egress"' \
            $(if $(HAVE_PCAP),-DDBX_HAVE_PCAP)$(if $(HAVE_RDKAFKA),, -DDBX_NO_RDKAFKA)
# No path of the build machine reaches the output.
REPRO    := -ffile-prefix-map=$(CURDIR)=.

ALL_CFLAGS   := -std=gnu11 $(CFLAGS) $(WARN) $(REPRO) $(DEFS) $(INCLUDES) $(PKG_CFLAGS) -fPIE -pthread
ALL_LDFLAGS  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(LDFLAGS)
PLAIN_CFLAGS := -fstack-protector-strong -D_FORTIFY_SOURCE=2
SAN          := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SAN     := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
BPF_CFLAGS   := -O2 -g -target bpf -mcpu=v3 -Iinclude -I. -I/usr/include/$(MULTIARCH) \
                -Wall -Wextra -Werror $(REPRO)
