#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a reader can hold in the head: see HACKING.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

mapfile -t files < <(find engine certgen test -name '*.[ch]')

awk '
	function wrong(what) { print FILENAME ": " what; bad = 1 }
	FNR == 1 { most = FILENAME ~ /\.h$/ ? 150 : 600 }
	FNR == most + 1 { wrong("more than " most " lines") }
	{
		text = $0
		columns = 0
		while ((at = index(text, "\t")) > 0) {
			columns += at - 1
			columns += 8 - columns % 8
			text = substr(text, at + 1)
		}
		if (columns + length(text) > 100)
			wrong(FNR ": wider than 100 columns")
	}
	END { exit bad }
' "${files[@]}" || status=1

# pmccabe prints: complexity (a switch counts as one), the same (each case counts), statements,
# first line, lines, file(line): function
pmccabe "${files[@]}" | awk '
	function wrong(what) { print $6 " " $7 " " what; bad = 1 }
	$5 > 60 { wrong("is " $5 " lines long, at most 60 may be") }
	$1 > 15 { wrong("has " $1 " ways through it, at most 15 may be") }
	END { exit bad }
' || status=1

exit $status
