#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints, for each parser in parsers.txt, the share of its lines that run: by the kept inputs of its
# fuzz target alone, and with its unit tests. Fails below 95 % of the latter. The argument is a build
# with --coverage.
set -euo pipefail
build=$(realpath "${1:?usage: coverage.sh BUILD}")
cd "$(dirname "$0")/../.."
least=95

# Of all that ran since the counters were removed.
lines_of() {
	local source=$1 object
	object=$(find "$build" -name "$(basename "$source").gcda" -path "*$(dirname "$source")/*" | head -n 1)
	[ -n "$object" ] || { echo 0; return; }
	gcov -n "$object" 2>/dev/null |
		awk -v file="File '$PWD/$source'" '$0 == file { found = 1; next }
			found { split($2, part, /[:%]/); print part[2]; exit }'
}

forget() { find "$build" -name '*.gcda' -delete; }

status=0
printf '%-32s %10s %10s\n' parser fuzzed 'and tested'
while read -r source targets tests; do
	case $source in '' | '#'*) continue ;; esac
	forget
	for target in ${targets//+/ }; do
		"$build/test/fuzz/fuzz_$target" "test/fuzz/corpus/$target" >/dev/null
	done
	fuzzed=$(lines_of "$source")
	for test in $tests; do "$build/test/unit/${test}_test" >/dev/null 2>&1; done
	tested=$(lines_of "$source")
	note=
	awk -v a="$tested" -v b="$least" 'BEGIN { exit !(a < b) }' && { note=' below '$least; status=1; }
	printf '%-32s %8s %% %8s %%%s\n' "$source" "$fuzzed" "$tested" "$note"
done <test/fuzz/parsers.txt
exit $status
