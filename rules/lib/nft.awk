# SPDX-License-Identifier: GPL-3.0-or-later
# Reads what `nft list ruleset` prints, and follows a client's first packet to TCP port 443 of a
# server through chains that are not ours. -v lan="lan0 lan1". Tables of iptables-nft are left to
# iptables.awk: their base chains' names are capitals.

{ sub(/^[ \t]+/, "") }
$1 == "table" { family = $2; table = $2 " " $3; next }
$1 == "chain" { chain = $2; chains[table, chain] = 1; next }
$1 ~ /^(set|map|flowtable|counter|quota|ct|limit|secmark|synproxy)$/ && /\{$/ && chain == "" { other = 1; next }
$1 == "}" { if (other) other = 0; else chain = ""; next }
other || chain == "" || table ~ /^(inet|ip6?) postern$/ { next }
$1 == "type" && $3 == "hook" {
	if (chain ~ /^[A-Z]/ || family !~ /^(ip|ip6|inet)$/)
		next
	base[++n_base] = table SUBSEP chain
	type[table, chain] = $2
	hook[table, chain] = $4
	policy[table, chain] = /policy drop/ ? "drop" : "accept"
	next
}
{ rule[table, chain, ++n_rules[table, chain]] = $0 }

# What follows `words` in the line: a value, or a list without its braces. "" if they are not there.
function value_of(line, words,    text, parts) {
	if (!match(line, "(^| )" words " "))
		return ""
	text = substr(line, RSTART + RLENGTH)
	if (text ~ /^\{/) {
		match(text, /\}/)
		return substr(text, 2, RSTART - 2)
	}
	split(text, parts, " ")
	return parts[1]
}

function any_lan(names,    i, n, name) {
	gsub(/"/, "", names)
	n = split(names, name, /[, ]+/)
	for (i = 1; i <= n; i++)
		if (name[i] != "" && is_lan(name[i]))
			return 1
	return 0
}

# Whether the packet matches: 0 no, 2 yes, 1 unknown. With `leaving` it is the copy that goes out by
# postern1, untracked.
function matches(line,    value, rest) {
	if (leaving && line ~ /iif(name)? /)
		return 0
	if (leaving && line ~ /oif(name)? /) {
		if ((line ~ /oif(name)? != /) == (line ~ /oif(name)? [^v]*"postern1"/))
			return 0
		sub(/oif(name)? (!= )?(\{[^}]*\}|[^ ]+) ?/, "", line)
	}
	if (line ~ /iif(name)? != /) {
		if (any_lan(value_of(line, "iif(name)? !=")))
			return 0
	} else if (line ~ /iif(name)? [^v]/ && !any_lan(value_of(line, "iif(name)?")))
		return 0
	if (line ~ /(^| )(udp|icmp|icmpv6|igmp|sctp|esp|ah|arp|vlan|ether|pkttype|rt|dccp) / && line !~ /with icmp/)
		return 0
	value = value_of(line, "(meta l4proto|ip protocol|ip6 nexthdr)")
	if (value != "" && value !~ /(tcp|!=|^6$)/)
		return 0
	value = value_of(line, "tcp dport")
	if (value ~ /^[0-9]/ || line ~ /tcp dport \{/)
		if (!has_port(value, 443))
			return 0
	if (line ~ /tcp sport/ || line ~ /fib daddr type (local|multicast|broadcast)/ || line ~ /ct status /)
		return 0
	if (line ~ /ct state [^v]/ && value_of(line, "ct state") !~ (leaving ? "untracked" : "new"))
		return 0
	rest = line
	sub(/(accept|drop|reject|queue|jump|goto|return|continue|dnat|redirect|tproxy|vmap).*$/, "", rest)
	gsub(/(iif|iifname|tcp dport|ct state|meta l4proto|ip protocol) (\{[^}]*\}|!= [^ ]+|[^ ]+) ?/, "", rest)
	gsub(/counter packets [0-9]+ bytes [0-9]+ ?/, "", rest)
	if (!leaving)
		gsub(/meta mark & 0x0*1 == 0x0*1 ?/, "", rest)
	gsub(/log( (prefix "[^"]*"|level [a-z]+|flags [a-z]+|group [0-9]+))* ?/, "", rest)
	return rest ~ /^[ \t]*$/ ? 2 : 1
}

# The rule's verdict for the packet; with a verdict map, its element's.
function verdict_of(line,    value) {
	if (line ~ /ct state vmap/ && match(line, /[{, ]new : [a-z]+( [^ ,}]+)?/)) {
		value = substr(line, RSTART, RLENGTH)
		sub(/.*new : /, "", value)
		return value
	}
	if (line ~ /iif(name)? vmap/) {
		value = value_of(line, "vmap")
		return value_in(value)
	}
	if (line ~ / vmap /)
		return ""
	if (match(line, /(jump|goto) [^ ]+/))
		return substr(line, RSTART, RLENGTH)
	if (match(line, /(^| )(accept|drop|reject|return)( |$)/)) {
		value = substr(line, RSTART, RLENGTH)
		gsub(/ /, "", value)
		return value
	}
	return ""
}

function value_in(map,    i, n, element, pair, name) {
	n = split(map, element, /, */)
	for (i = 1; i <= n; i++) {
		split(element[i], pair, / : /)
		name = pair[1]
		gsub(/[" ]/, "", name)
		if (is_lan(name)) {
			sub(/ *$/, "", pair[2])
			return pair[2]
		}
	}
	return ""
}

function fate(table, chain, depth,    i, line, how, verdict, result, parts) {
	for (i = 1; i <= n_rules[table, chain] && depth < 12; i++) {
		line = rule[table, chain, i]
		how = matches(line)
		if (!how)
			continue
		verdict = verdict_of(line)
		result = ""
		if (verdict ~ /^(jump|goto)/) {
			split(verdict, parts, " ")
			result = fate(table, parts[2], depth + 1)
		} else if (verdict == "return" && how == 2)
			return ""
		else if (verdict == "accept")
			result = "accept"
		else if (verdict == "drop" || verdict == "reject")
			result = "drop"
		if (how == 2 && result != "") {
			if (result == "drop" && verdict !~ /^(jump|goto)/)
				culprit = table " " chain ": " line
			return result
		}
		if (result == "accept")
			doubt = 1
	}
	return ""
}

# `path` has the conditions on the way to this chain.
function follow(table, chain, depth, path,    i, line, how, verdict, parts) {
	for (i = 1; i <= n_rules[table, chain] && depth < 12; i++) {
		line = rule[table, chain, i]
		if (!matches(line))
			continue
		verdict = verdict_of(line)
		if (verdict ~ /^(jump|goto)/) {
			split(verdict, parts, " ")
			follow(table, parts[2], depth + 1, path " " line)
		} else
			judge(table " " chain ": " line, line, path " " line)
	}
}

function judge(name, line, path,    value) {
	if (changes_mark(line))
		report(leaving ? "warning" : "conflict", leaving ? "output" : "mark", name)
	if (leaving)
		return
	if (line ~ /(^| )(redirect|dnat|tproxy)( |$)/)
		report(path ~ / ip6? daddr / ? "warning" : "conflict", path ~ / ip6? daddr / ? "dnat" : "proxy", name)
	if (line ~ /(^| )notrack( |$)/)
		report("warning", "notrack", name)
	if (line ~ /fib saddr [^m]*iif/ && line !~ /fib saddr \. mark/ && line ~ /drop/)
		report("warning", "rpfilter", name)
	if (match(line, /(^| )ct mark set /)) {
		value = substr(line, RSTART + RLENGTH)
		if (value !~ /^(0x0*20|ct mark \| 0x0*20)( |$)/ && (value !~ /^ct mark / || touches(value)))
			report("conflict", "connmark", name)
	}
}

function changes_mark(line,    value) {
	if (!match(line, /(^| )(meta )?mark set /))
		return 0
	value = substr(line, RSTART + RLENGTH)
	return value !~ /^(meta )?mark / || touches(value)
}

# Whether "meta mark & 0xffffff00 | 0x1" changes bits that are ours.
function touches(value) {
	if (match(value, /& 0x[0-9a-f]+/) && common_bits(number(substr(value, RSTART + 2, RLENGTH - 2)), 241) != 241)
		return 1
	if (match(value, /[|^] 0x[0-9a-f]+/) && common_bits(number(substr(value, RSTART + 2, RLENGTH - 2)), 241))
		return 1
	return 0
}

END {
	for (i = 1; i <= n_base; i++) {
		split(base[i], key, SUBSEP)
		leaving = hook[base[i]] ~ /^(output|postrouting)$/
		if (leaving || hook[base[i]] == "prerouting")
			follow(key[1], key[2], 0, "")
		if (hook[base[i]] !~ /^(in|out)put$/ || type[base[i]] != "filter")
			continue
		doubt = 0
		culprit = ""
		result = fate(key[1], key[2], 0)
		if (result == "" && policy[base[i]] == "drop") {
			result = "drop"
			culprit = key[1] " " key[2] ": policy drop"
		}
		if (result == "drop" && leaving)
			report("warning", "output", culprit)
		else if (result == "drop")
			report(doubt ? "warning" : "conflict", doubt ? "maybe_input" : "input", culprit)
	}
	for (key_ in rule)
		if (match(rule[key_], /queue .*to [0-9-]+/)) {
			line = substr(rule[key_], RSTART, RLENGTH)
			sub(/.*to /, "", line)
			if (has_port(line, 4430) || has_port(line, 4431))
				report("conflict", "queue", rule[key_])
		}
}
