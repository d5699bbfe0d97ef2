#!/bin/bash
# test_layers.sh -- proves that dependencies point one way, as ARCHITECTURE.md draws them.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#	cli, daemon -> policy -> lib -> libc		daemon -> dataplane/dp.h
#	ebpf -> include/dbx		dataplane/dpdk -> ebpf, include/dbx		nothing -> tests
# Three proofs: includes, by text; undefined symbols of the archives and programs; and each header
# compiled alone, those of include/dbx for the host and for BPF.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

build=${DBX_BUILD:-build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# ---- includes -----------------------------------------------------------------------------------

# The #include lines with "" or <> in a folder, as "file:line:path".
includes() { # DIR
	grep -rnoE --include='*.[ch]' --include='*.def' '^#[[:space:]]*include[[:space:]]+[<"][^>"]+' "$1" |
		sed -E 's/#[[:space:]]*include[[:space:]]+[<"]//'
}

must_not() { # DIR WHAT REGEX
	[ -n "$(includes "$1" 2>/dev/null)" ] ||
		{ not_ok "$1 includes nothing of $2" "there is nothing in $1"; return; }
	none "$1 includes nothing of $2" "$(includes "$1" | grep -E ":($3)")"
}

check_includes() {
	# netinet/in.h is allowed: it names the protocols.
	local io='sys/socket|arpa|netlink|linux/|bpf/|event2|sqlite3|systemd|curl|pcap'

	must_not include "other folders" 'lib/|policy/|daemon/|cli/|dataplane/|tests/|ctl/|ebpf/'
	must_not ctl/lib "policy, programs, data plane" \
		'dbx/|policy/|daemon/|cli/|dataplane/|ebpf/|tests/|jansson'
	must_not ctl/policy "programs, data plane" 'daemon/|cli/|dataplane/|ebpf/|tests/|common/'
	must_not ctl/policy "files, sockets, kernel, events" "$io|stdio_ext|fcntl|unistd|time\\.h|lib/file"
	must_not ctl/wire "programs, policy, data plane" \
		'policy/|daemon/|cli/|dataplane/|ebpf/|tests/|common/|jansson'
	must_not ctl/wire "files, sockets, kernel, events" "$io|fcntl|unistd|time\\.h|lib/file"
	must_not ctl/cli "daemon, data plane, kernel" 'daemon/|dataplane/|ebpf/|bpf/|netlink|tests/|common/'
	must_not ctl/daemon "tool, kernel programs" 'cli/|ebpf/|bpf/|tests/|common/'
	must_not dataplane "control plane" 'daemon/|cli/|tests/|common/|event2|sqlite3'
	must_not ebpf "user space" 'lib/|policy/|daemon/|cli/|dataplane/|tests/|ctl/|common/|std(io|lib)'
	must_not dataplane/dpdk "control plane, drivers" 'lib/|policy/|daemon/|cli/|tests/|ctl/|dataplane/dp_'
	none "the daemon knows the data plane by dp.h alone" "$([ ! -d ctl/daemon ] ||
		includes ctl/daemon | grep ':dataplane/' | grep -v ':dataplane/dp\.h$')"
	none "jansson stays in readers, printers, events, API and output" "$(includes ctl |
		grep ':jansson' | grep -Ev '^ctl/(policy/(read|print|json)|daemon/|cli/)')"
}

# ---- symbols ------------------------------------------------------------------------------------

# Undefined symbols of an archive that the archive itself does not define.
wanted_symbols() { # ARCHIVE
	nm -u "$1" 2>/dev/null | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u >"$tmp/u"
	nm --defined-only "$1" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u >"$tmp/d"
	comm -23 "$tmp/u" "$tmp/d"
}

# What makes a library impure: files, sockets, clocks, processes, environment, printing, BPF.
impure='(__)?(open|openat|creat|fopen|fdopen|freopen|read|write|pread|pwrite|close|socket|connect|bind'
impure="$impure|listen|accept|send|sendto|sendmsg|recv|recvfrom|recvmsg|poll|select|epoll_.*|ioctl"
impure="$impure|printf|puts|putchar|fputs|fputc|fprintf|vfprintf|vprintf|fwrite|perror|syslog|vsyslog"
impure="$impure|stdout|stderr|stdin|time|clock|clock_gettime|gettimeofday|localtime.*|gmtime.*"
impure="$impure|nanosleep|sleep|usleep|getenv|secure_getenv|setenv|system|popen|fork|exec.*|exit|_exit"
impure="$impure|abort|kill|signal|sigaction|rand|random|srand|getrandom|pthread_.*|mmap|munmap|unlink"
impure="$impure|rename|stat|fstat|lstat|opendir|readdir|strtok|setlocale)(64|_chk|_2)?"

check_symbols() {
	local lib=$build/libdbxlib.a policy=$build/libdbxpolicy.a dp=$build/libdbxdp.a

	if [ ! -s "$policy" ] || [ ! -s "$lib" ]; then
		not_ok "the archives are there to be looked at" "no $policy; run make first"
		return
	fi
	none "libdbxpolicy.a does no I/O, knows no clock, never exits" \
		"$(wanted_symbols "$policy" | grep -xE "$impure")"
	none "libdbxpolicy.a uses no library but jansson and libdbxlib" "$(wanted_symbols "$policy" |
		grep -E '^(bpf_|libbpf_|btf_|nl_|rtnl_|event_|evhttp_|evbuffer_|sqlite3_|sd_|curl_|pcap_|rte_)')"
	none "libdbxpolicy.a reads no file by libdbxlib" "$(wanted_symbols "$policy" | grep -E '^dbx_file_')"
	none "libdbxlib.a knows nothing of policies" "$(wanted_symbols "$lib" | grep -E '^(dbx_|json_)')"
	none "only file.c of libdbxlib.a does I/O" "$(for o in "$build"/obj/ctl/lib/*.o; do
		[ "${o##*/}" = file.o ] || wanted_symbols "$o" | grep -xE "$impure" | sed "s|^|${o##*/}: |"
	done)"
	none "libdbxwire.a does no I/O, knows no clock, never exits" \
		"$(wanted_symbols "$build/libdbxwire.a" | grep -xE "$impure")"
	none "libdbxwire.a knows nothing of policies, daemon and tool" "$(wanted_symbols "$build/libdbxwire.a" |
		grep -E '^(dbx_(policy|image|names|model|dp)_|event_|evhttp_|evbuffer_|sqlite3_|sd_|curl_|json_)')"
	none "libdbxdp.a knows nothing of daemon and tool" \
		"$(wanted_symbols "$dp" | grep -E '^(event_|evhttp_|evbuffer_|sqlite3_|sd_|curl_|json_)')"
	check_dpdk "$build/libdbxdpdk.a"
	check_linked dbx-egressctl 'libbpf|libnl|librte|libevent|libsqlite|libsystemd'
	check_linked dbx-egressd 'librte|libpcap'
}

# The process has its own way to everything: of this project's symbols none but its own.
check_dpdk() { # ARCHIVE
	local what="libdbxdpdk.a knows nothing of daemon, tool, drivers and policies"
	if [ ! -e dataplane/dpdk/program.c ] || pkg-config --exists libdpdk && [ ! -s "$1" ]; then
		not_ok "$what" "no $1; run make first"
	elif [ -s "$1" ]; then
		none "$what" "$(wanted_symbols "$1" | grep -E \
			'^(dbx_|dp_|event_|evhttp_|evbuffer_|sqlite3_|sd_|curl_|json_|bpf_|nl_|rtnl_|pcap_)')"
	else
		skip "$what" "no libdpdk here"
	fi
	check_linked dbx-egress-dpdk 'libbpf|libnl|libevent|libsqlite|libsystemd|libcurl|libjansson|libldns'
}

check_linked() { # PROGRAM REGEX
	if [ -x "$build/$1" ]; then
		none "$1 links none of what it may not" \
			"$(objdump -p "$build/$1" | awk '$1 == "NEEDED" { print $2 }' | grep -E "^($2)")"
	else
		skip "$1 links none of what it may not" "not built"
	fi
}

# Mutable data in the pure library would be a global; .data.rel.ro is constant after relocation.
mutable_data() { # ARCHIVE
	objdump -t "$1" | awk '$3 == "O" || $4 == "O" { print $(NF - 2), $NF }' |
		grep -E '^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)' | grep -v '^\.data\.rel\.ro'
}

check_globals() {
	[ -s "$build/libdbxpolicy.a" ] || return
	none "libdbxpolicy.a has no global state" "$(mutable_data "$build/libdbxpolicy.a")"
}

# A proof that cannot fail proves nothing.
check_itself() {
	cat >"$tmp/impure.c" <<-'C'
		#include <stdio.h>
		int counter;
		int impure(void);
		int impure(void)
		{
			return counter++ + (fopen("x", "r") != NULL);
		}
	C
	gcc -fPIE -c -o "$tmp/impure.o" "$tmp/impure.c" && ar rcs "$tmp/impure.a" "$tmp/impure.o"
	is "an archive that opens a file would be found" \
		"$(wanted_symbols "$tmp/impure.a" | grep -xE "$impure")" fopen
	is "a global variable would be found" "$(mutable_data "$tmp/impure.a")" ".bss counter"
}

# ---- headers alone ------------------------------------------------------------------------------

check_headers() {
	local h bad='' flags bpf dpdk more
	bpf="-target bpf -mcpu=v3 -Iinclude -I. -I/usr/include/$(gcc -print-multiarch)"
	flags="-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -I. -Iinclude -Ictl -Itests"
	dpdk=$(pkg-config --cflags libdpdk 2>/dev/null | sed 's/-I/-isystem /g')
	for h in $(git ls-files -co --exclude-standard 'include/*.h' 'ctl/*.h' 'dataplane/*.h'); do
		[ -f "$h" ] || continue
		case $h in
		dataplane/dpdk/rename.h | dataplane/dpdk/quick.h) continue ;; # parts of program.c
		dataplane/dpdk/*) [ -n "$dpdk" ] || continue && more=$dpdk ;;
		*) more= ;;
		esac
		echo "#include \"$PWD/$h\"" >"$tmp/one.c"
		# shellcheck disable=SC2086
		gcc $flags $more -fsyntax-only "$tmp/one.c" 2>"$tmp/err" || bad="$bad$h: $(head -n1 "$tmp/err")"$'\n'
	done
	none "each header compiles alone with gcc" "$bad"
	bad=
	for h in include/dbx/*.h; do
		echo "#include \"$PWD/$h\"" >"$tmp/one.c"
		# shellcheck disable=SC2086
		clang $bpf -O2 -Wall -Wextra -Werror -Wno-unused-function -c -o /dev/null "$tmp/one.c" \
			2>"$tmp/err" || bad="$bad$h: $(grep -m1 error: "$tmp/err")"$'\n'
	done
	none "each header of include/dbx compiles alone with clang for BPF" "$bad"
}

check_includes
check_symbols
check_globals
check_itself
check_headers
done_testing
