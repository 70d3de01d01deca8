# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# Rules of others that ours cannot stand beside. Others' rules are read, never changed.

# Lines "WEIGHT KIND RULE", WEIGHT being conflict (postern-rules up refuses) or warning.
foreign_findings() {
	{
		foreign_iptables
		foreign_nft
		for family in $(families); do foreign_routing "$family"; done
	} | sort -u
}

# In the iptables that we use, our rules in INPUT and OUTPUT come first.
foreign_iptables() {
	for each in $(variants); do
		input=1
		[ "$each" != "$(variant)" ] || input=0
		for family in $(families); do
			save "$(tool_of "$family" "$each")" | awk -v lan="$lan" -v input=$input \
				-f "$here/lib/common.awk" -f "$here/lib/iptables.awk" |
				sed "s/^\\([a-z]* [a-z_]* \\)/\\1$(tool_of "$family" "$each") /"
		done
	done
}

foreign_nft() {
	! command -v nft >/dev/null || nft list ruleset 2>/dev/null |
		awk -v lan="$lan" -f "$here/lib/common.awk" -f "$here/lib/nft.awk"
}

# Others at our preference or in our tables; rules that take our packets elsewhere before ours.
foreign_routing() {
	back=$((table + 1))
	ip "$1" rule show 2>/dev/null | awk -v preference="$preference" -v table="$table" -v back="$back" \
		-v family="$1" -v lan="$lan" -f "$here/lib/common.awk" -f "$here/lib/routing.awk"
	ip "$1" route show table "$table" 2>/dev/null | grep -v '^local default dev lo' |
		sed "s/^/conflict table ip $1 route in table $table: /"
	ip "$1" route show table "$back" 2>/dev/null | grep -v '^default dev postern0' |
		sed "s/^/conflict table ip $1 route in table $back: /"
}

# What a kind of finding means, and the way out.
foreign_meaning() {
	case $1 in
	proxy) echo "sends the clients' connections to port 443 elsewhere: take it away, or limit it to" \
		"other interfaces" ;;
	dnat) echo "does not hold for connections to port 443 that posternd intercepts: exempt those with" \
		"connmark 0x20/0x30 if it shall" ;;
	notrack) echo "keeps connections from conntrack, which remembers our verdicts: exempt TCP and UDP" \
		"port 443" ;;
	rpfilter) echo "drops SYNs that come back through the device postern0: let it look at" \
		"the mark (--validmark, \`fib saddr . mark . iif\`) or exempt that device; or set" \
		"gate.forward_rules: ignore" ;;
	mark) echo "changes bits of packet marks that are ours (0xf1): give it a mask and other bits, as" \
		"in 0x100/0xff00" ;;
	connmark) echo "changes bits of connmarks that are ours (0x30): give it a mask and other bits, as" \
		"in 0x100/0xff00" ;;
	queue) echo "uses one of our queues, 4430 and 4431: give it another number" ;;
	preference) echo "has our preference: choose another with --preference" ;;
	table) echo "uses our routing tables, $table and $((table + 1)): choose others with --table" ;;
	earlier) echo "comes before our rules and may route what is ours away: choose a lower" \
		"--preference if it concerns the clients" ;;
	input) echo "drops what is delivered to posternd: ahead of it, accept packets with the mark 0x1" \
		"(iptables: -m mark --mark 0x1/0x1 -j ACCEPT; nft: meta mark & 0x1 == 0x1 accept)" ;;
	maybe_input) echo "may drop what is delivered to posternd, unless a rule ahead of it accepts" \
		"that; make sure with: accept packets with the mark 0x1" ;;
	output) echo "may drop the SYNs of what is intercepted, or change their mark, as they go out by the" \
		"device postern1: exempt that, or set gate.forward_rules: ignore" ;;
	esac
}

# Prints warnings; fails if there are conflicts, having named them.
foreign_is_clear() {
	foreign_findings >"$work/findings"
	clear=0
	while read -r weight kind rule; do
		[ "$weight" = warning ] || clear=1
		say "$weight: $rule"
		say "    $(foreign_meaning "$kind")"
	done <"$work/findings"
	return $clear
}
