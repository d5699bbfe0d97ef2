#!/bin/bash
# test_demo.sh -- `make demo` shows what it promises, in time, and notices when it does not.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

why=$(lab_lacks)
[ -z "$why" ] || skip_all "$why"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

begin=$SECONDS
exits "the demo ends well" 0 tests/netns/demo.sh
took=$((SECONDS - begin))
[ $took -lt 60 ] && ok "within a minute: $took s" || not_ok "within a minute" "$took s"

rows=$(printf '%s\n' "$out" | grep -E '^  (analytics|engineering) ')
is "36 packets are shown" "$(printf '%s\n' "$rows" | wc -l)" 36
for client in 'curl -sm 1 http://[0-9]' 'curl -sm 1 http://\[' 'nc -zw' 'nc -uW' 'ping -c 1 -W 1 [0-9.]+ ' \
	'ping -c 1 -W 1 [0-9a-f]+:'; do
	like "clients: $client" "$rows" "$client"
done
for verdict in 'passed +PASS' 'denied +DROP' 'passed +DRY_RUN_DENIAL'; do
	like "verdicts: $verdict" "$rows" "$verdict"
done
like "a service tag decides" "$rows" 'http://13\.77\.112\.20:443/ .* passed +PASS +workspace-storage'
like "beside it is another region's" "$rows" 'http://13\.83\.72\.20:443/ .* denied +DROP +name-not-learned'
like "the second change takes away" "$rows" 'http://203\.0\.113\.10:80/ .* denied +DROP +name-not-learned'
like "and gives" "$rows" 'http://203\.0\.113\.20:443/ .* passed +PASS +listed-prefix'
unlike "nothing is wrong" "$out" WRONG

# The same demo with a policy that says something else must fail, and say where.
cp -r rules/demo "$tmp/demo"
sed -i 's/203\.0\.113\.66/203.0.113.67/' "$tmp/demo/before/policy-engineering.json"
export DEMO_RULES=$tmp/demo
exits "a policy that lets the wrong packet out makes it fail" 1 tests/netns/demo.sh
like "and the row is marked" "$out" 'http://203\.0\.113\.66:80/ .*passed .*WRONG: wanted denied'

none "no namespace is left" "$(ip netns list | grep -E '^dbx[0-9]+-' | while read -r ns _; do
	pid=${ns#dbx}
	[ -d "/proc/${pid%%-*}" ] || echo "$ns"
done)"
done_testing
