# SPDX-License-Identifier: GPL-3.0-or-later
# Reads what `ip rule` prints. -v preference= -v table= -v back=: ours, -v family=, -v lan=.

function is_for_lan(line) {
	if (!match(line, / iif [^ ]+/))
		return 1
	return is_lan(substr(line, RSTART + 5, RLENGTH - 5))
}

{
	at = $1 + 0
	to = $0
	sub(/.*lookup /, "", to)
	sub(/ .*/, "", to)
	rule = "ip " family " rule " $0
	gsub(/[ \t]+/, " ", rule)
}
at == preference && /fwmark 0x1\/0x1 iif / && to == table { next }
at == preference && /fwmark 0x30\/0x31 iif lo / && to == back { next }
at == preference { report("conflict", "preference", rule); next }
to == table || to == back { report("conflict", "table", rule); next }
0 < at && at < preference && to != "local" && to != "main" && !/fwmark/ && is_for_lan($0) {
	report("warning", "earlier", rule)
}
