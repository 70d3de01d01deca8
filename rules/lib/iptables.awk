# SPDX-License-Identifier: GPL-3.0-or-later
# Reads what iptables-save prints, and follows a client's first packet to TCP port 443 of a server
# through rules that are not ours. -v lan="lan0 lan1" -v input=1: also whether INPUT would drop it, or
# OUTPUT the copy that goes out by postern1.

/^\*/ { table = substr($1, 2) }
/^:/ { policy[table, substr($1, 2)] = $2 }
/^-A POSTERN_/ || / -j POSTERN_/ { next }
/^-A/ { rule[table, $2, ++n_rules[table, $2]] = $0 }

# The word after an option.
function after(line, option,    at, words) {
	at = index(line, " " option " ")
	if (!at)
		return ""
	split(substr(line, at + length(option) + 2), words, " ")
	return words[1]
}

# Whether the packet matches: 0 no, 2 yes, 1 unknown.
function matches(line,    rest, word) {
	rest = line
	sub(/ -[jg] .*/, "", rest)
	sub(/^-A [^ ]+/, "", rest)
	gsub(/ -m comment --comment ("([^"\\]|\\.)*"|[^ ]+)/, "", rest)
	rest = rest " "
	if (leaving && rest ~ / -i /)
		return 0
	if (leaving && rest ~ / -o /) {
		if ((rest ~ / ! -o /) == (after(rest, "-o") == "postern1"))
			return 0
		sub(/ (! )?-o [^ ]+ /, " ", rest)
	}
	if (rest ~ / ! -i / && is_lan(after(rest, "-i")))
		return 0
	sub(/ ! -i [^ ]+ /, " ", rest)
	word = after(rest, "-i")
	if (word != "" && !is_lan(word))
		return 0
	word = after(rest, "-p")
	if (word != "" && word != "tcp" && rest !~ / ! -p /)
		return 0
	if (rest ~ / --dports? / && rest !~ / ! --dports? / &&
	    !has_port(after(rest, "--dport") after(rest, "--dports"), 443))
		return 0
	if (rest ~ / --sports? / || rest ~ / --tcp-flags [^ ]+ (RST|NONE|FIN|ACK)/)
		return 0
	if (rest ~ /[^!] --(ctstate|state) / &&
	    after(rest, "--ctstate") after(rest, "--state") !~ (leaving ? "UNTRACKED" : "NEW"))
		return 0
	if (rest ~ /[^!] --dst-type LOCAL / || rest ~ / --(dst-type (MULTICAST|BROADCAST)|ctstatus|ctorigdst)/)
		return 0
	gsub(/ -m (tcp|conntrack|state|multiport|mark|addrtype) /, " ", rest)
	gsub(/ -[ip] [^ ]+ /, "  ", rest)
	gsub(/ ! --dst-type LOCAL /, " ", rest)
	gsub(/ --(dports?|ctstate|state) [^ ]+/, "", rest)
	if (!leaving)
		gsub(/ --mark 0x1\/0x1 /, " ", rest)
	gsub(/ --tcp-flags FIN,SYN,RST,ACK SYN /, " ", rest)
	return rest ~ /^ *$/ ? 2 : 1
}

function least(a, b) { return a < b ? a : b }

# Follows the packet, which is in the chain for sure (2) or perhaps (1), up to rules of interest.
function follow(table, chain, sure, depth, path,    i, line, target, how) {
	for (i = 1; i <= n_rules[table, chain] && depth < 12; i++) {
		line = rule[table, chain, i]
		how = least(sure, matches(line))
		if (!how)
			continue
		target = after(line, "-j") after(line, "-g")
		if ((table, target) in policy)
			follow(table, target, how, depth + 1, path line)
		else
			judge(table, line, target, path line)
	}
}

function judge(table, line, target, path,    value, mask) {
	line = "-t " table " " line
	if (leaving && target != "MARK")
		return
	if (target ~ /^(REDIRECT|DNAT|TPROXY)$/)
		report(path ~ / -d / ? "warning" : "conflict", path ~ / -d / ? "dnat" : "proxy", line)
	if (target == "CT" && line ~ /--notrack/ || target == "NOTRACK")
		report("warning", "notrack", line)
	if (line ~ /-m rpfilter/ && line !~ /--validmark/ && target == "DROP")
		report("warning", "rpfilter", line)
	if (line ~ /--set-x?mark/) {
		split(after(line, "--set-xmark") after(line, "--set-mark"), value, "/")
		mask = value[2] == "" ? 255 : common_bits(number(value[2]), 255)
		if (target == "MARK" && (common_bits(mask, 241) || common_bits(number(value[1]), 241)))
			report(leaving ? "warning" : "conflict", leaving ? "output" : "mark", line)
		if (target == "CONNMARK" && common_bits(mask, 48) && line !~ / 0x20\/0x30$/)
			report("conflict", "connmark", line)
	}
	if (target == "CONNMARK" && line ~ /--restore-mark/) {
		value[1] = after(line, "--nfmask")
		if (value[1] == "" || common_bits(number(value[1]), 241))
			report("conflict", "mark", line)
	}
}

# What becomes of it in a chain of filter: "accept", "drop", or "" at its end. Sets `doubt` if a rule
# that may match would accept it, `culprit` to the rule that dropped it.
function fate(chain, depth,    i, line, target, how, result) {
	for (i = 1; i <= n_rules["filter", chain] && depth < 12; i++) {
		line = rule["filter", chain, i]
		how = matches(line)
		if (!how)
			continue
		target = after(line, "-j") after(line, "-g")
		result = ""
		if (target == "ACCEPT")
			result = "accept"
		else if (target ~ /^(DROP|REJECT)$/)
			result = "drop"
		else if (target == "RETURN" && how == 2)
			return ""
		else if (("filter", target) in policy)
			result = fate(target, depth + 1)
		if (how == 2 && result != "") {
			if (result == "drop" && target ~ /^(DROP|REJECT)$/)
				culprit = "-t filter " line
			return result
		}
		if (result == "accept")
			doubt = 1
	}
	return ""
}

# The same for a chain of the kernel's, whose end is its policy.
function last(chain,    result) {
	doubt = 0
	result = fate(chain, 0)
	if (result == "" && policy["filter", chain] == "DROP") {
		result = "drop"
		culprit = "-t filter -P " chain " DROP"
	}
	return result
}

function queues(    key, line, ends) {
	for (key in rule) {
		line = rule[key]
		if (line !~ / -j NFQUEUE/)
			continue
		split(after(line, "--queue-num") after(line, "--queue-balance"), ends, ":")
		if (ends[2] == "")
			ends[2] = ends[1]
		if (ends[1] + 0 <= 4431 && ends[2] + 0 >= 4430)
			report("conflict", "queue", line)
	}
}

END {
	follow("raw", "PREROUTING", 2, 0, "")
	follow("mangle", "PREROUTING", 2, 0, "")
	follow("nat", "PREROUTING", 2, 0, "")
	queues()
	if (input && last("INPUT") == "drop")
		report(doubt ? "warning" : "conflict", doubt ? "maybe_input" : "input", culprit)
	if (!input)
		exit
	leaving = 1
	follow("mangle", "OUTPUT", 2, 0, "")
	follow("mangle", "POSTROUTING", 2, 0, "")
	if (last("OUTPUT") == "drop")
		report("warning", "output", culprit)
}
