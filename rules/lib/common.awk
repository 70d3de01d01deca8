# SPDX-License-Identifier: GPL-3.0-or-later
# What the readers of others' rules have in common. Findings are lines "WEIGHT KIND RULE", which
# foreign.sh explains. WEIGHT is conflict or warning.

function report(weight, kind, rule) {
	if (!reported[kind, rule]++)
		print weight, kind, rule
}

# "0x1f", "31" -> 31
function number(text,    i, n) {
	text = tolower(text)
	if (text !~ /^0x/)
		return text + 0
	for (i = 3; i <= length(text); i++)
		n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return n
}

# The bits of two numbers that both have, among the low eight, which are those of our marks.
function common_bits(a, b,    bit, n) {
	for (bit = 1; bit < 256; bit *= 2)
		if (int(a / bit) % 2 && int(b / bit) % 2)
			n += bit
	return n + 0
}

# Whether "80,443" or "400:500" or "400-500" has this port.
function has_port(ports, port,    i, n, part, ends) {
	n = split(ports, part, /[, ]+/)
	for (i = 1; i <= n; i++) {
		if (split(part[i], ends, /[:-]/) < 2)
			ends[2] = ends[1]
		if (part[i] != "" && ends[1] + 0 <= port && port <= ends[2] + 0)
			return 1
	}
	return 0
}

# Whether the interface, which may end with an asterisk of that firewall, is one of the clients'.
function is_lan(name,    i, n, each) {
	n = split(lan, each, " ")
	for (i = 1; i <= n; i++)
		if (name == each[i] ||
		    name ~ /[+*]$/ && index(each[i], substr(name, 1, length(name) - 1)) == 1)
			return 1
	return 0
}
