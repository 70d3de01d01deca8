# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# Everything that is not a rule of the packet filter: policy routing, the device, sysctls.

has_ipv6() {
	[ -e /proc/sys/net/ipv6 ]
}

families() {
	echo -4
	! has_ipv6 || echo -6
}

# --- policy routing. What has the mark 0x1 is delivered here. The rules name the interfaces because a
# bare mark would also catch the lookups that src_valid_mark and tcp_fwmark_accept make.
#
# The last rule answers firewalls that ask whether a packet came from where its answer would go to
# (firewalld does, in IPv6): SYNs that came back through postern0 (0x30) did. No packet is sent so: what
# is sent from here has not that mark.

# The rules' selectors: INTERFACE MARK TABLE.
routing_wanted() {
	{
		for interface in $lan $wan; do echo "$interface"; done
		echo postern0
		[ "$own" = no ] || echo lo
	} | sort -u | sed "s|\$| 0x1/0x1 $table|"
	! device_is_there || echo "lo 0x30/0x31 $((table + 1))"
}

# Those of that family that are there.
routing_found() {
	ip "$1" rule show pref "$preference" 2>/dev/null |
		sed -n 's/.*from all fwmark \([^ ]*\) iif \([^ ]*\) .*lookup \([0-9]*\) *$/\2 \1 \3/p' |
		grep -E " (0x1/0x1 $table|0x30/0x31 $((table + 1)))\$"
}

routing_up() {
	for family in $(families); do
		ip "$family" route replace local default dev lo table "$table" || return 1
		! device_is_there || ip "$family" route replace default dev postern0 \
			table $((table + 1)) || return 1
		there=$(routing_found "$family")
		routing_wanted | while read -r interface mark to; do
			echo "$there" | grep -qxF "$interface $mark $to" ||
				ip "$family" rule add pref "$preference" iif "$interface" \
					fwmark "$mark" lookup "$to" || exit 1
		done || return 1
	done
}

# Takes away what is not wanted (any more), or all.
routing_trim() {
	for family in $(families); do
		wanted=
		[ "${1-}" = all ] || wanted=$(routing_wanted)
		routing_found "$family" | while read -r interface mark to; do
			echo "$wanted" | grep -qxF "$interface $mark $to" ||
				ip "$family" rule del pref "$preference" iif "$interface" \
					fwmark "$mark" lookup "$to"
		done
		[ "${1-}" = all ] || continue
		ip "$family" route del local default dev lo table "$table" 2>/dev/null || :
		ip "$family" route del default dev postern0 table $((table + 1)) 2>/dev/null || :
	done
}

is_routed() {
	ip "$1" route show table "$table" 2>/dev/null | grep -q '^local default' || return 1
	there=$(routing_found "$1")
	routing_wanted | while read -r wanted; do
		echo "$there" | grep -qxF "$wanted" || exit 1
	done
}

# --- the device by which posternd's gate brings SYNs back

device_is_there() {
	[ -e /sys/class/net/postern0/tun_flags ] || ip tuntap show 2>/dev/null | grep -q '^postern0:'
}

# Loose reverse path filtering takes an address, or it drops everything: 192.0.0.8 is IPv4's dummy
# (RFC 7600). Without the kernel's TUN all goes well but asking the FORWARD rules of others.
device_up() {
	if ! device_is_there; then
		user=$(setting gate.user postern-gate)
		id "$user" >/dev/null 2>&1 || user=root
		ip tuntap add dev postern0 mode tun user "$user" 2>/dev/null || {
			say "warning: no device postern0 (has the kernel TUN?): the FORWARD rules of" \
				"others are not asked about what is intercepted"
			return 0
		}
	fi
	ip link set dev postern0 addrgenmode none 2>/dev/null || :
	sysctl -q -w net.ipv4.conf.postern0.rp_filter=2 || return 1
	ip link set dev postern0 up && ip address replace 192.0.0.8/32 dev postern0 noprefixroute
}

device_down() {
	! device_is_there || ip link del dev postern0
}

# --- sysctls

# Every sysctl that this machine has: its name and value.
settings() {
	{
		sed -n 's/^\([a-z].*[^ ]\) *= *\(.*\)/\1 \2/p' "$sysctls"
		for interface in $(both_sides); do # clients shall not be told to go past this machine
			echo net.ipv4.conf.all.send_redirects 0
			! has_interface "$interface" || echo "net/ipv4/conf/$interface/send_redirects 0"
		done
	} | if has_ipv6; then cat; else grep -v '^net\.ipv6'; fi
}

has_interface() {
	ip link show dev "$1" >/dev/null 2>&1
}

# Remembers in `saved` what a sysctl was before it was changed first: NAME OURS BEFORE.
sysctls_up() {
	while read -r key value; do
		before=$(sysctl -n "$key") || return 1
		[ "$before" != "$value" ] || continue
		echo "$saved" | grep -q "^$key " || saved="$saved${saved:+$newline}$key $value $before"
		sysctl -q -w "$key=$value" || return 1
	done <<-END
		$(settings)
	END
}

# Back to what they were, unless somebody changed them since. Forwarding stays: a router that stops
# to inspect goes on to route.
sysctls_down() {
	echo "$1" | while read -r key ours before; do
		case $key in '' | *forward*) continue ;; esac
		[ "$(sysctl -n "$key" 2>/dev/null)" != "$ours" ] || sysctl -q -w "$key=$before"
	done
}

is_set() {
	settings | while read -r key value; do
		[ "$(sysctl -n "$key")" = "$value" ] || return 1
	done
}
