#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# doc/reasons.md has the very rows of engine/policy/reason.h: every word, and its meaning.
# shellcheck disable=SC2016 # backquotes are Markdown here, not commands
set -euo pipefail
cd "$(dirname "$0")/../.."

# X(NAME, "word", "meaning"), over one line or two.
declared=$(tr -d '\\\n\t' <engine/policy/reason.h | grep -oE 'X\([A-Z_]+, *"[^"]*", *"[^"]*"\)' |
	sed -E 's/X\([A-Z_]+, *"([^"]*)", *"([^"]*)"\)/| `\1` | \2 |/')
documented=$(grep -E '^\| `' doc/reasons.md)
[ -n "$declared" ] || { echo "engine/policy/reason.h: no list found"; exit 1; }
diff <(echo "$declared") <(echo "$documented") || {
	echo "doc/reasons.md: differs from engine/policy/reason.h"
	exit 1
}
