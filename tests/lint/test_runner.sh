#!/bin/bash
# test_runner.sh -- the test runner itself: a suite that does not end well is never counted as good.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/tests/cli" "$tmp/build"
cp tests/run.sh "$tmp/tests/"

# Runs one suite with the given body; what the runner said is left in $said.
try() { # BODY
	{
		echo '#!/bin/bash'
		echo '# variants: plain'
		echo '# timeout: 2'
		echo "$1"
	} >"$tmp/tests/cli/test_it.sh"
	chmod +x "$tmp/tests/cli/test_it.sh"
	said=$(DBX_BUILD=$tmp/build "$tmp/tests/run.sh" 2>&1)
	status=$?
}

ends() { # WHAT BODY LAST_LINE STATUS
	try "$2"
	is "$1" "$(printf '%s\n' "$said" | tail -n1), exit $status" "$3, exit $4"
}

ends "passes are counted" 'echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2' \
	"2 passed, 0 failed, 0 skipped" 0
ends "failures are counted" 'echo "ok 1 - a"; echo "not ok 2 - b"; echo 1..2; exit 1' \
	"1 passed, 1 failed, 0 skipped" 1
like "a failure is shown" "$said" 'not ok 2 - b'
ends "skips are counted" 'echo "ok 1 - a"; echo "ok 2 - b # SKIP no moon"; echo 1..2' \
	"1 passed, 0 failed, 1 skipped" 0
like "a skip is shown with its reason" "$said" 'skipped: cli test_it.sh \(plain\): b # no moon'
ends "cmocka's skips are skips" 'echo 1..1; echo "# no sun"; echo "not ok 1 # SKIP a"' \
	"0 passed, 0 failed, 1 skipped" 0
ends "a suite may skip itself" 'echo "1..0 # SKIP not root"' "0 passed, 0 failed, 1 skipped" 0
ends "an empty suite is a failure" 'true' "0 passed, 1 failed, 0 skipped" 1
ends "a crash after passes is a failure" 'echo "ok 1 - a"; kill -SEGV $$' \
	"1 passed, 1 failed, 0 skipped" 1
ends "an exit status without a failure is a failure" 'echo "ok 1 - a"; echo 1..1; exit 3' \
	"1 passed, 1 failed, 0 skipped" 1
ends "fewer results than planned are a failure" 'echo 1..3; echo "ok 1 - a"' \
	"1 passed, 1 failed, 0 skipped" 1
ends "a suite that hangs is cut off" 'echo "ok 1 - a"; echo 1..1; sleep 30' \
	"1 passed, 1 failed, 0 skipped" 1
ends "a script that cannot start is a failure" 'exec /nonexistent' "0 passed, 1 failed, 0 skipped" 1

# Ended from outside, it ends what it runs, and that may clean up.
printf '%s\n' '#!/bin/bash' '# variants: plain' "trap 'echo cleaned >$tmp/cleaned' EXIT" \
	"trap 'exit 130' TERM" "echo \$\$ >$tmp/began" 'sleep 60' >"$tmp/tests/cli/test_it.sh"
DBX_BUILD=$tmp/build "$tmp/tests/run.sh" >/dev/null 2>&1 &
runner=$!
for _ in $(seq 100); do
	[ ! -s "$tmp/began" ] || break
	sleep 0.1
done
kill $runner
wait $runner
is "a runner that is ended says so" $? 130
is "its suite has cleaned up" "$(cat "$tmp/cleaned" 2>&1)" cleaned
none "and is gone" "$(ps -o args= -p "$(cat "$tmp/began")")"

rm "$tmp/tests/cli/test_it.sh"
DBX_BUILD=$tmp/build "$tmp/tests/run.sh" >/dev/null 2>&1
is "no suite at all is an error" $? 2
done_testing
