#!/bin/bash
# test_help.sh -- what the tool says about itself: help, manual page, completion, usage errors.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-help.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export DBX_EGRESS_SOCKET=/nonexistent/socket

# ---- help ----

exits "help" 0 "$ctl" help
exits "--help" 0 "$ctl" --help
commands=$("$ctl" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\( dump\)\?\)  .*/\1/p' | sed 's/ *$//')
is "commands are listed" "$(printf '%s\n' "$commands" | head -n 1)" apply
while read -r c; do
	exits "help $c" 0 "$ctl" help "$c"
	like "help $c: usage" "$out" "^usage: dbx-egressctl $c"
	like "help $c: examples" "$out" "^  dbx-egressctl $c"
	# shellcheck disable=SC2086 # "image dump"
	exits "$c --help" 0 "$ctl" $c --help
done <<<"$commands"
none "help fits 100 columns" "$("$ctl" help | awk 'length > 100')"
exits "version" 0 "$ctl" version
like "version: the image's ABI" "$out" '^dbx-egressctl [0-9.]+ \(image ABI [0-9]+\)$'
exits "--version" 0 "$ctl" --version

# ---- usage errors ----

usage() { # REGEX ARG...
	local regex=$1
	shift
	exits "usage error: $*" 2 "$ctl" "$@"
	like "usage error: $*: the message" "$out" "$regex"
}
usage "unknown command 'aply'; did you mean 'apply'\?" aply
usage "unknown command 'frobnicate'" frobnicate
usage "option '--dryrun'; did you mean '--dry-run'\?" apply --dryrun x
usage "needs FILE" apply
usage "needs --output FILE" compile x.json
usage "one argument too many" status now
usage "option '--message' needs a value" apply --message
usage "'image' is followed by 'dump'" image
usage "protocol tcp needs --port N" explain -w 1 -d 1.1.1.1
usage "explain: needs --dst NAME.ADDR, or an event id" explain -w 1
usage "explain: needs --workspace ID, or an event id" explain
usage "give it alone" explain -w 1 0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11
usage "--port '99999': not a number of 0-65535" explain -w 1 -d 1.1.1.1 -p 99999
usage "--workspace 'x': not a number" explain -w x -d 1.1.1.1 -p 1
usage "--src '1.2': not an IP address" explain -w 1 -d 1.1.1.1 -p 1 --src 1.2
usage "completion 'zsh': only bash" completion zsh
exits "no command: exit 2" 2 "$ctl"
like "no command: the help" "$out" '^commands:'

# ---- colours ----

esc=$(printf '\033')
echo '{"network_policy_id":"np","egress":{"network_access":{"restriction_mode":"X"}}}' >np.json
unlike "no colours into a pipe" "$("$ctl" check np.json 2>&1)" "$esc"
if command -v script >/dev/null; then
	export TERM=xterm
	like "colours on a terminal" "$(script -qec "$ctl check np.json" /dev/null)" "$esc\[31merror:"
	unlike "--no-color" "$(script -qec "$ctl --no-color check np.json" /dev/null)" "$esc"
	unlike "NO_COLOR" "$(NO_COLOR=1 script -qec "$ctl check np.json" /dev/null)" "$esc"
	unlike "TERM=dumb" "$(TERM=dumb script -qec "$ctl check np.json" /dev/null)" "$esc"
else
	skip "colours on a terminal" "no script(1)"
fi

# ---- manual page ----

"$ctl" man >page.8
like "man: title" "$(cat page.8)" '^\.TH DBX'
while read -r c; do
	like "man: $c" "$(cat page.8)" "^\.SS $c"
done <<<"$commands"
if command -v groff >/dev/null; then
	none "man: groff has no complaint" "$(groff -man -Tutf8 -ww -z page.8 2>&1)"
else
	skip "man: groff has no complaint" "no groff"
fi

# ---- completion ----

"$ctl" completion bash >completion.bash
exits "completion: bash accepts it" 0 bash -n completion.bash
complete_line() { # WORD...: what completes the last word
	bash -c '
		. ./completion.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_dbx_egressctl
		printf "%s\n" "${COMPREPLY[@]}"' - dbx-egressctl "$@" 2>&1 | paste -sd' '
}
is "completion: a command" "$(complete_line ap)" apply
is "completion: the first word of two" "$(complete_line ima)" image
is "completion: the second word of two" "$(complete_line image '')" dump
is "completion: an option" "$(complete_line apply --dr)" --dry-run
is "completion: a global option" "$(complete_line apply --js)" --json
is "completion: behind a global option with a value" "$(complete_line --socket /x ap)" apply
is "completion: a reason" "$(complete_line stats --reason no-ma)" no-match
is "completion: a kind" "$(complete_line get net)" network-policy
is "completion: a protocol" "$(complete_line explain --proto icmpv)" icmpv6
is "completion: a file" "$(complete_line apply np)" np.json
is "completion: a command to help" "$(complete_line help rol)" rollback

done_testing
