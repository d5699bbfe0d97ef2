#!/bin/bash
# test_install.sh -- what `make install` puts where, that it works there, and `make uninstall`.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# variants: plain
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

O=${DBX_BUILD:-build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export O DESTDIR=$tmp/root PREFIX=/opt/dbx

exits "install" 0 mk/install.sh install
root=$DESTDIR$PREFIX
for f in sbin/dbx-egressd bin/dbx-egressctl; do
	[ -x "$root/$f" ] && ok "$f is there" || not_ok "$f is there"
done
for f in lib/dbx-egress/egress_xdp.bpf.o share/doc/dbx-egress/LICENSE \
	share/dbx-egress/schema/gateway.schema.json share/man/man1/dbx-egressctl.1 \
	share/bash-completion/completions/dbx-egressctl lib/sysusers.d/dbx-egress.conf \
	share/doc/dbx-egress/examples/hardened-connectivity/gateway.json; do
	[ -s "$root/$f" ] && ok "$f is there" || not_ok "$f is there"
done
# With the process come its unit and its manual, without it neither.
process=absent
[ ! -e "$O/dbx-egress-dpdk" ] || process=there
for f in sbin/dbx-egress-dpdk lib/systemd/system/dbx-egress-dpdk.service share/man/man8/dbx-egress-dpdk.8; do
	is "$f is $process" "$([ -s "$root/$f" ] && echo there || echo absent)" $process
done
if [ $process = there ]; then
	like "its unit starts what was installed" "$(cat "$root/lib/systemd/system/dbx-egress-dpdk.service")" \
		"^ExecStart=$PREFIX/sbin/dbx-egress-dpdk "
	for option in $("$root/sbin/dbx-egress-dpdk" --help | grep -oE '^  --[a-z-]+' | grep -v -- --help); do
		like "its manual knows $option" "$(sed 's/\\-/-/g' "$root/share/man/man8/dbx-egress-dpdk.8")" \
			"(^|[^a-z-])(f[BR])?$option"
	done
fi
exits "the installed tool runs" 0 "$root/bin/dbx-egressctl" version
exits "the installed examples are good" 0 "$root/bin/dbx-egressctl" check \
	"$root/share/doc/dbx-egress/examples/hardened-connectivity" rules/feeds/azure-public.json.gz
units=$(find "$root/lib/systemd" -name '*.service' 2>/dev/null)
if [ -n "$units" ]; then
	# shellcheck disable=SC2086 # a list of files
	like "the unit starts what was installed" "$(cat $units)" "^ExecStart=$PREFIX/sbin/dbx-egressd"
	# shellcheck disable=SC2086
	unlike "nothing in it is left to fill in" "$(cat $units)" '@[A-Z]+@'
else
	not_ok "there is a unit file"
fi
none "nothing points into the build tree" "$(grep -rlF "$PWD" "$root" | head)"
exits "a second install replaces the first" 0 mk/install.sh install
touch "$root/share/doc/dbx-egress/mine"
exits "uninstall" 0 mk/install.sh uninstall
is "uninstall leaves what it did not bring" "$(find "$root" -type f | sed "s|$root/||")" \
	share/doc/dbx-egress/mine
done_testing
