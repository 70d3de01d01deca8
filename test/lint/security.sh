#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # the backticks are Markdown's
# Every test that doc/security.md names is there: `lab.FILE Class.test`, `unit.NAME`, `fuzz.NAME`.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

missing() {
	echo "doc/security.md: no test $1"
	status=1
}

while read -r suite name; do
	case $suite in
	unit.*) [ -e "test/unit/${suite#*.}_test.c" ] || missing "$suite" ;;
	fuzz.*) [ -e "test/fuzz/${suite#*.}.c" ] || missing "$suite" ;;
	lab.*)
		file=test/lab/test_${suite#*.}.py
		[ -e "$file" ] || { missing "$suite"; continue; }
		[ -z "$name" ] || awk -v class="${name%.*}" -v test="${name#*.}" '
			/^class / { here = $2 ~ "^" class "[(:]" }
			here && $0 ~ "^    def " test "\\(" { found = 1 }
			END { exit !found }' "$file" || missing "$suite $name"
		;;
	esac
done < <(grep -oE '`(unit|fuzz|lab)\.[a-z0-9_]+( [A-Za-z]+\.test_[a-z0-9_]+)?`' doc/security.md | tr -d '`' | sort -u)
exit $status
