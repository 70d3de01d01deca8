#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Words that must be there, and words that may not.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

texts() { find . \( -name .git -o -path ./build \) -prune -o -type f "$@" -print; }

sources() {
	texts \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name CMakeLists.txt \
		-o -path ./dev -o -path ./.ci/run \)
}

# forbid MEANING PATTERN FILES...: no line of the files matches the extended pattern
forbid() {
	local meaning=$1 pattern=$2
	shift 2
	if grep -nHE -e "$pattern" "$@"; then
		echo "words: $meaning"
		status=1
	fi
}

mapfile -t all < <(sources)
mapfile -t code < <(find engine certgen -name '*.[ch]')
mapfile -t modules < <(find engine certgen -name '*.c')

licence='SPDX-License-Identifier: GPL-3.0-or-later'
unlicensed=$(
	grep -L -e "$licence" "${all[@]}" || true
	grep -nHm1 -e "$licence" "${all[@]}" | grep -vE '^[^:]*:[1-3]:' || true
)
if [ -n "$unlicensed" ]; then
	echo "$unlicensed"
	echo "words: no SPDX line at the top"
	status=1
fi
forbid "finish it, or file it" '\b(TO''DO|FIX''ME|XX''X)\b' "${all[@]}"
forbid "white space at the end of a line" '[[:blank:]]+$' "${all[@]}"
forbid "the two ends are client and server, never source and destination" \
	'(^|[^-[:alnum:]_])(src|dst)(_(fd|addr|sock))?($|[^[:alnum:]_=])' "${code[@]}" # src= is HTML
forbid "an optional part is a file of its own, not an #if" '^[[:space:]]*#[[:space:]]*if' \
	"${modules[@]}"
forbid "running out of something is an answer, not the end of the process" '\babort\(\);' "${code[@]}"

exit $status
