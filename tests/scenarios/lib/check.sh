# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# Checks and their count. A scenario goes on after a failed check, and ends at a failed `need`.
# Uses OUT (directory for what is kept of the scenario) and SCENARIO (its name). Progress goes to descriptor 3, which no
# check takes for a command's output.

say() { printf '%s\n' "$*" >&3; }

ok() { # WORDS
	printf 'ok    %s: %s\n' "$SCENARIO" "$1" >&3
	echo ok >>"$OUT/results"
}

bad() { # WORDS [DETAIL]
	printf 'FAIL  %s: %s\n' "$SCENARIO" "$1" >&3
	[ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/        | /' | head -n 40 >&3
	echo "FAIL $1" >>"$OUT/results"
}

# check WORDS CMD...: is what WORDS say true? CMD's output is shown when it is not. CMD runs in this shell: it may set
# variables.
check() {
	local words=$1
	shift
	if "$@" >"$OUT/last" 2>&1; then ok "$words"; else bad "$words" "$(cat "$OUT/last")"; fi
}

# same WORDS WANT GOT
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "want: $2${newline}got:  $3"; fi
}
newline=$'\n'

# need WORDS CMD...: a check without which the rest makes no sense.
need() {
	local words=$1
	shift
	if "$@" >"$OUT/last" 2>&1; then return 0; fi
	bad "$words" "$(cat "$OUT/last")"
	exit 1
}

# until_true SECONDS CMD...: polls from outside, every half a second or as PAUSE says; for what has no cheaper way to wait.
until_true() {
	local end=$((SECONDS + $1)) out
	shift
	until out=$("$@" 2>&1); do
		((SECONDS < end)) || {
			printf '%s\n' "not within the time: $*" "$out"
			return 1
		}
		sleep "${PAUSE:-0.5}"
	done
}

passed() { grep -c '^ok' "$OUT/results" 2>/dev/null || :; }
failed() { grep -c '^FAIL' "$OUT/results" 2>/dev/null || :; }
