#!/bin/sh
# deps.sh -- install the Debian packages that the build and the tests need, if any is missing.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Debian 12 names. Nothing is downloaded, and root is not needed, when all are there.
set -eu

build="build-essential pkg-config git clang llvm libbpf-dev libelf-dev zlib1g-dev libnl-3-dev
	libnl-route-3-dev libjansson-dev libevent-dev libsqlite3-dev libsystemd-dev
	libnftables-dev libcurl4-gnutls-dev libpcap-dev libldns-dev libssl-dev librdkafka-dev
	libncurses-dev libdpdk-dev dpdk dpdk-dev"
tests="libcmocka-dev libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck python3
	python3-jsonschema valgrind bpftool prometheus tshark"
lab="iproute2 iputils-ping curl nginx-light netcat-openbsd socat tcpdump tmux ethtool nftables iperf3
	procps util-linux unbound dnsperf dnsmasq-base bind9-dnsutils
	gnutls-bin openssl golang-go chromium ngtcp2-client ngtcp2-server python3-cryptography
	qemu-system-x86 busybox-static cpio"

missing=
for p in $build $tests $lab; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
		missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: no apt-get here; install the counterparts of:$missing" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "deps.sh: not root; run: apt-get install$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 # a list of words
apt-get -qq install -y --no-install-recommends $missing >/dev/null
