#!/bin/bash
# test_old_kernel.sh -- Debian 12's own kernel (6.1) loads the program and judges every vector alike.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 1000
#
# The kernel that runs the other tests may be newer than those that gateways run. Here a small
# virtual machine (emulated: no KVM is needed) boots 6.1 with nothing but the test programs in its
# memory. The kernel package is only unpacked, never installed.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

build=$(realpath "${DBX_BUILD:-build}")
cache=$build/vm
tests="test_dp_compat test_dp_run test_dp_vectors test_dp_flows test_dp_tricks test_dp_retry test_dp_payload test_dp_guard"

kernel_package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n1
}

fetch_kernel() {
	local name
	ls "$cache"/boot/vmlinuz-* >/dev/null 2>&1 && return 0
	name=$(kernel_package)
	[ -n "$name" ] || return 1
	mkdir -p "$cache/deb"
	(cd "$cache/deb" && apt-get -qq download "$name") >"$cache/log" 2>&1 || return 1
	dpkg -x "$cache"/deb/"$name"*.deb "$cache/deb/x" || return 1
	mkdir -p "$cache/boot" && cp "$cache"/deb/x/boot/vmlinuz-* "$cache/boot/"
	rm -rf "$cache/deb"
}

# Programs, the libraries that they name, the kernel object and the vectors, as a cpio archive.
make_initrd() { # ROOT OUT
	local root=$1 t lib
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,build/tests,w/tests}
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$build/egress_xdp.bpf.o" "$root/build/"
	cp -r tests/vectors "$root/w/tests/"
	for t in $tests; do
		cp "$build/tests/$t" "$root/build/tests/"
		ldd "$build/tests/$t"
	done | grep -o '/[^ )]*' | sort -u | while read -r lib; do
		mkdir -p "$root$(dirname "$lib")"
		cp -L "$lib" "$root$lib"
	done
	cat >"$root/init" <<-END
		#!/bin/busybox sh
		/bin/busybox mount -t proc proc /proc
		/bin/busybox mount -t sysfs sysfs /sys
		/bin/busybox mount -t bpf bpf /sys/fs/bpf
		/bin/busybox mount -t devtmpfs dev /dev
		/bin/busybox ifconfig lo up
		cd /w
		export DBX_BUILD=/build
		echo "kernel \$(/bin/busybox uname -r)"
		for t in $tests; do
			/build/tests/\$t 2>&1
			echo "exit \$t \$?"
		done
		echo VM-DONE
		/bin/busybox poweroff -f
	END
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$2"
}

[ "$(uname -m)" = x86_64 ] || skip_all "the kernel image is for x86_64, this is $(uname -m)"
for tool in qemu-system-x86_64 busybox cpio dpkg apt-get; do
	command -v $tool >/dev/null || skip_all "$tool is not installed (make deps)"
done
fetch_kernel || skip_all "Debian's linux-image-cloud-amd64 cannot be downloaded here"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_initrd "$work/root" "$work/initrd"
timeout 900 qemu-system-x86_64 -accel tcg -cpu max -m 1024 -nographic -no-reboot \
	-kernel "$cache"/boot/vmlinuz-* -initrd "$work/initrd" \
	-append "console=ttyS0 quiet panic=-1" </dev/null 2>&1 | tr -d '\r' >"$work/log"

like "the machine ran to its end" "$(tail -n 200 "$work/log")" '^VM-DONE'
like "the kernel is 6.1" "$(cat "$work/log")" 'kernel 6\.1\.'
for t in $tests; do
	like "$t passes on it" "$(cat "$work/log")" "^exit $t 0\$"
done
grep -o '# [0-9]* instructions, .*' "$work/log"
done_testing
