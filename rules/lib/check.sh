# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# postern-rules check: whether this machine is ready, a line for each thing that can be wrong.

worst=0
lines=

# line ok|warn|FAIL NAME TEXT [CURE]
line() {
	case $1 in
	warn) [ $worst -ge 1 ] || worst=1 ;;
	FAIL) worst=2 ;;
	esac
	if [ "$json" = yes ]; then
		lines="$lines${lines:+,$newline}  $(json_object result "$1" name "$2" text "$3" cure "${4-}")"
	else
		printf '%-4s  %-16s %s\n' "$1" "$2" "$3"
		[ -z "${4-}" ] || printf '%24s%s\n' "" "$4"
	fi
}

json_object() {
	object=
	while [ $# -gt 0 ]; do
		[ -z "$2" ] || object="$object${object:+, }\"$1\": \"$(json_text "$2")\""
		shift 2
	done
	echo "{$object}"
}

json_text() {
	printf %s "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g'
}

# either NAME TEXT-IF-GOOD TEXT-IF-BAD CURE WEIGHT COMMAND...
either() {
	name=$1 good=$2 bad=$3 cure=$4 weight=$5
	shift 5
	if "$@"; then line ok "$name" "$good"; else line "$weight" "$name" "$bad" "$cure"; fi
}

check() {
	check_interfaces
	check_sysctls
	either sets "there" "missing" "postern-rules up" FAIL has_sets
	check_rules
	for family in $(families); do
		either "routing $family" "mark 0x1 is delivered here" "missing or not complete" \
			"postern-rules up" FAIL is_routed "$family"
	done
	check_bridge
	check_device
	check_queue
	check_offload
	check_foreign
	check_masquerade
	check_conntrack
	check_mtu
	check_mode
	if [ "$json" = yes ]; then
		printf '{"worst": "%s", "checks": [\n%s\n]}\n' \
			"$(case $worst in 0) echo ok ;; 1) echo warn ;; *) echo FAIL ;; esac)" "$lines"
	fi
	exit $worst
}

check_interfaces() {
	for interface in $lan $wan $lan_ports $wan_ports; do
		either interface "$interface" "$interface: no such interface" \
			"name the clients' with --lan, the servers' with --wan" FAIL has_interface "$interface"
	done
}

check_sysctls() {
	while read -r key value; do
		weight=FAIL
		case $key in *icmp*) weight=warn ;; esac
		found=$(sysctl -n "$key" 2>/dev/null)
		either sysctl "$key = $value" "$key = $found" "sysctl -w '$key=$value'" $weight \
			[ "$found" = "$value" ]
	done <<-END
		$(settings)
	END
	line ok sysctl "src_valid_mark = $(sysctl -n net.ipv4.conf.all.src_valid_mark) (any will do)"
}

check_rules() {
	if [ "$backend" = nftables ]; then
		either rules "nftables" "missing, or for other interfaces" "postern-rules up" FAIL has_nft_rules
		return
	fi
	for family in $(families); do
		tool=$(tool_of "$family" "$(variant)")
		either rules "$tool" "$tool: missing, or for other interfaces" "postern-rules up" FAIL \
			has_rules "$tool"
		late=$(save "$tool" -t raw | sed -n '/-j POSTERN_JUDGE/,$p' | grep -e '-A PREROUTING.* --zone') ||
			late=
		[ -z "$late" ] || line warn zones "$tool: zones are assigned after our rules:" \
			"$(echo "$late" | head -n 1): load them first, then postern-rules up"
	done
}

check_bridge() {
	[ -n "$bridge" ] || return 0
	either bridge "frames of $bridge's ports are handed over" \
		"missing, or for other ports or another address of $bridge" "postern-rules up" FAIL has_bridge
	if problem=$(bridge_is_sound 2>&1); then
		line ok bridge "nothing comes between"
	else
		line FAIL bridge "${problem#postern-rules: }"
	fi
}

check_device() {
	if ! device_is_there; then
		line warn device "no postern0: FORWARD rules of others are not asked about what is intercepted" \
			"a kernel with veth and $(copy_name), then postern-rules up"
	elif [ "$(sysctl -n net.ipv4.conf.postern0.rp_filter)" != 2 ]; then
		line FAIL device "postern0 filters reverse paths strictly" \
			"sysctl -w net.ipv4.conf.postern0.rp_filter=2"
	elif ! device_is_whole; then
		line FAIL device "postern0 or postern1 is down, or 100::8 is not behind it" "postern-rules up"
	else
		line ok device postern0
	fi
}

check_queue() {
	if [ "$backend" != nftables ]; then
		line ok queue "NFQUEUE"
	elif has_queue; then
		line ok queue "nftables' queue"
	else
		line warn queue "this kernel has no queue for nftables: unknown servers are always intercepted," \
			"a kernel with CONFIG_NFT_QUEUE, or --backend nft (or legacy)"
	fi
}

check_foreign() {
	foreign_findings >"$work/findings"
	[ -s "$work/findings" ] || line ok "others' rules" "nothing that ours cannot stand beside"
	while read -r weight kind rule; do
		case $weight in conflict) weight=FAIL ;; *) weight=warn ;; esac
		line $weight "others' rules" "$rule" "$(foreign_meaning "$kind")"
	done <"$work/findings"
}

# What goes out with a client's address is not tracked, and so not masqueraded.
check_masquerade() {
	found=$({
		for each in $(variants); do
			for family in $(families); do save "$(tool_of "$family" "$each")" -t nat; done
		done | grep -E -e '-j (MASQUERADE|SNAT)'
		! command -v nft >/dev/null || nft list ruleset 2>/dev/null | grep -E '(^|[[:blank:]])(masquerade|snat)( |$)'
	} | head -n 1)
	if [ -n "$found" ] && [ "$(setting source appliance)" = client ]; then
		line FAIL masquerade "connections to servers have the clients' addresses, unmasqueraded, in spite of: $found" \
			"source: appliance"
	else
		line ok masquerade "${found:+there is some; }source: $(setting source appliance)"
	fi
}

check_conntrack() {
	most=$(sysctl -n net.netfilter.nf_conntrack_max 2>/dev/null || echo 0)
	now=$(sysctl -n net.netfilter.nf_conntrack_count 2>/dev/null || echo 0)
	room=$((most * 8 / 10 - now))
	[ "$most" -ge 65536 ] || room=0
	either conntrack "$now of $most connections" "$now of $most connections" \
		"a larger net.netfilter.nf_conntrack_max: a flood of SYNs takes 65536 in seconds" warn \
		[ $room -gt 0 ]
}

check_mtu() {
	mtus=
	for interface in $lan $wan; do
		mtus="$mtus $interface $(ip link show dev "$interface" 2>/dev/null | sed -n 's/.* mtu \([0-9]*\).*/\1/p')"
	done
	either mtu "$(echo "$mtus" | sed 's/^ //')" "net.ipv4.ip_no_pmtu_disc is set" \
		"sysctl -w net.ipv4.ip_no_pmtu_disc=0" warn [ "$(sysctl -n net.ipv4.ip_no_pmtu_disc)" = 0 ]
}

# set_has NAME: whether port 443 is in the set.
set_has() {
	if [ "$backend" = nftables ]; then
		nft list set inet postern "$1" 2>/dev/null | grep -q '[{ ]443[ ,]'
	else
		ipset -q test "postern_$1" 443
	fi
}

unjudged() {
	if [ "$backend" = nftables ]; then
		nft list counter inet postern unjudged 2>/dev/null | sed -n 's/.*packets \([0-9]*\).*/\1/p'
	else
		ipset list postern_unjudged 2>/dev/null | sed -n 's/^443 packets \([0-9]*\).*/\1/p'
	fi
}

check_mode() {
	mode=open
	! set_has closed || mode=closed
	count=$(unjudged)
	either mode "$mode; ${count:-0} new connections were not judged" \
		"$mode, and nobody judges: new connections are $(
			[ $mode = closed ] && echo dropped || echo forwarded)" \
		"start posternd (postern status)" warn set_has armed
}
