# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# The rules' text for these options, from the drop-ins.

# each_line PLACEHOLDER INTERFACE...: lines that name the placeholder, once for each interface.
each_line() {
	awk -v placeholder="$1" -v names="$2" '
		BEGIN { n = split(names, name, " ") }
		!/^#/ && match($0, "-[io] " placeholder " ") {
			for (i = 1; i <= n; i++)
				print substr($0, 1, RSTART + 2) name[i] substr($0, RSTART + RLENGTH - 1)
			next
		}
		{ print }'
}

# Makes the lines live that begin with #WORD, for each word.
uncomment() {
	script=
	for word; do script="$script;s/^\\([[:blank:]]*\\)#$word /\\1/"; done
	sed "${script#;}"
}

# The words of the optional parts that are wanted.
parts() {
	[ "$own" = no ] || echo own
	[ -z "$(both_sides)" ] || echo redirect
	[ $returns = no ] || echo return
}

# The interfaces that have clients and servers both.
both_sides() {
	for interface in $lan; do
		for other in $wan; do
			[ "$interface" != "$other" ] || echo "$interface"
		done
	done
}

iptables_text() {
	# shellcheck disable=SC2046 # words
	uncomment $(parts) <"$here/postern.iptables" | each_line lan0 "$lan" | each_line wan0 "$wan" |
		sed "s/--on-port 8443 /--on-port $port /"
}

# "eth1", "eth2"
quoted() {
	echo "$1" | sed 's/[^ ][^ ]*/"&"/g; s/ /, /g'
}

nft_text() {
	# shellcheck disable=SC2046
	cat "$here/postern.nft" "$here/$(queue_file)" | uncomment $(parts) | sed \
		-e "s/^define lan = .*/define lan = { $(quoted "$lan") }/" \
		-e "s/^define wan = .*/define wan = { $(quoted "$wan") }/" \
		-e "s/ :8443 / :$port /"
	[ $returns = no ] || if has_ipv6; then cat; else sed '/^table ip6/,$d'; fi <"$here/postern-return.nft"
	echo "flush set inet postern closed"
	[ "$on_failure" = open ] || echo "add element inet postern closed { 443 }"
}

bridge_text() {
	sed -e "s/^define lan = .*/define lan = { $(quoted "$lan_ports") }/" \
		-e "s/^define wan = .*/define wan = { $(quoted "$wan_ports") }/" \
		-e "s/^define mac = .*/define mac = $(bridge_address)/" "$here/postern-bridge.nft"
}

bridge_address() {
	ip link show dev "$bridge" | sed -n 's/.*link\/ether \([^ ]*\) .*/\1/p'
}

# Whether this kernel has nftables' dup, or TEE for iptables: by trying it. iptables only warns, when it
# is not told to load it.
has_copy() {
	for family in $(families); do
		case $family in
		-4) inet=ip gateway=192.0.0.8 ;;
		-6) inet=ip6 gateway=100::8 ;;
		esac
		if [ "$backend" = nftables ]; then
			echo "add table $inet postern_try
				add chain $inet postern_try try
				add rule $inet postern_try try dup to $gateway device lo
				delete table $inet postern_try" | nft -f - 2>/dev/null || return 1
		else
			said=$(printf '*mangle\n-A POSTROUTING -j TEE --gateway %s\nCOMMIT\n' $gateway |
				"$(tool_of "$family" "$(variant)")-restore" --test -w -n 2>&1) || return 1
			case $said in *TEE*) return 1 ;; esac
		fi
	done
}

copy_name() {
	if [ "$backend" = nftables ]; then echo dup; else echo TEE; fi
}

# Whether this kernel has nftables' queue: by trying it.
queue_file() {
	if has_queue; then echo postern-queue.nft; else echo postern-noqueue.nft; fi
}

has_queue() {
	echo 'add table inet postern_try
		add chain inet postern_try try
		add rule inet postern_try try queue flags bypass to 4430
		delete table inet postern_try' | nft -f - 2>/dev/null
}
