#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# clang-tidy with the checks of .clang-tidy. It reads how files are compiled from a build folder;
# without one, or without clang-tidy, the check is skipped (77).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${POSTERN_BUILD:-build/release}

if [ ! -e "$build/compile_commands.json" ] || ! command -v clang-tidy >/dev/null; then
	echo "tidy: skipped, no clang-tidy or no compile_commands.json in $build"
	exit 77
fi
mapfile -t compiled < <(sed -nE "s#^ *\"file\": \"($PWD/(engine|certgen|test)/.*\.c)\".*#\1#p" \
	"$build/compile_commands.json" | sort -u)
files=()
for file in "${compiled[@]}"; do
	[ ! -e "$file" ] || files+=("$file") # the build folder may be older than a removal
done
# What it counts on stderr ("13 warnings generated") is about system headers.
printf '%s\n' "${files[@]}" |
	xargs -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet 2>/dev/null
