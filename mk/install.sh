#!/bin/sh
# install.sh -- `make install` and `make uninstall`: one list of files drives both.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: DESTDIR= PREFIX=/usr/local O=build mk/install.sh install|uninstall
# Documents, state and pinned kernel objects are the operator's: neither verb touches them.
set -eu

: "${DESTDIR:=}" "${PREFIX:=/usr/local}" "${O:=build}"
verb=${1:-}

# One line a file: mode, source, destination below PREFIX.
list() {
	echo "755 $O/dbx-egressd sbin/dbx-egressd"
	echo "755 $O/dbx-egressctl bin/dbx-egressctl"
	if [ -e "$O/dbx-egress-dpdk" ]; then
		echo "755 $O/dbx-egress-dpdk sbin/dbx-egress-dpdk"
		echo "644 packaging/dbx-egress-dpdk.service lib/systemd/system/dbx-egress-dpdk.service"
		echo "644 packaging/man/dbx-egress-dpdk.8 share/man/man8/dbx-egress-dpdk.8"
	fi
	for f in "$O"/*.bpf.o; do
		echo "644 $f lib/dbx-egress/${f##*/}"
	done
	for f in packaging/*.service packaging/*.socket; do
		[ ! -e "$f" ] || [ "$f" = packaging/dbx-egress-dpdk.service ] || echo "644 $f lib/systemd/system/${f##*/}"
	done
	for f in packaging/*.sysusers; do
		[ ! -e "$f" ] || echo "644 $f lib/sysusers.d/$(basename "$f" .sysusers).conf"
	done
	for f in packaging/man/*.[1-8]; do
		[ ! -e "$f" ] || [ "$f" = packaging/man/dbx-egress-dpdk.8 ] || echo "644 $f share/man/man${f##*.}/${f##*/}"
	done
	echo "644 $O/dbx-egressctl.1 share/man/man1/dbx-egressctl.1"
	echo "644 $O/dbx-egressctl.bash share/bash-completion/completions/dbx-egressctl"
	echo "644 LICENSE share/doc/dbx-egress/LICENSE"
	for f in README.md ARCHITECTURE.md; do
		[ ! -e "$f" ] || echo "644 $f share/doc/dbx-egress/$f"
	done
	find rules -type f ! -path 'rules/feeds/*' ! -path 'rules/schema/*' | sort |
		sed 's|^rules/\(.*\)$|644 & share/doc/dbx-egress/examples/\1|'
	find rules/schema -type f | sort | sed 's|^rules/\(.*\)$|644 & share/dbx-egress/\1|'
}

# A unit file names programs by their installed path; the rest is copied as it is.
install_file() {
	case $2 in
	*.service | *.socket)
		mkdir -p "${3%/*}"
		sed "s|@PREFIX@|$PREFIX|g" "$2" >"$3"
		chmod "$1" "$3"
		;;
	*)
		install -D -m "$1" "$2" "$3"
		;;
	esac
}

case $verb in
install)
	"$O/dbx-egressctl" man >"$O/dbx-egressctl.1"
	"$O/dbx-egressctl" completion bash >"$O/dbx-egressctl.bash"
	list | while read -r mode source path; do
		install_file "$mode" "$source" "$DESTDIR$PREFIX/$path"
	done
	;;
uninstall)
	list | while read -r _ _ path; do
		rm -f "$DESTDIR$PREFIX/$path"
	done
	for d in lib/dbx-egress share/doc/dbx-egress share/dbx-egress; do
		[ ! -d "$DESTDIR$PREFIX/$d" ] || find "$DESTDIR$PREFIX/$d" -depth -type d -empty -delete
	done
	;;
*)
	echo "usage: install.sh install|uninstall" >&2
	exit 2
	;;
esac
