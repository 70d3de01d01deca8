# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# Everything that is not a rule of the packet filter: policy routing, the devices, sysctls.

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
		[ $returns = no ] || echo postern0
		[ "$own" = no ] || echo lo
	} | sort -u | sed "s|\$| 0x1/0x1 $table|"
	[ $returns = no ] || echo "lo 0x30/0x31 $((table + 1))"
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
		[ $returns = no ] || ip "$family" route replace default dev postern0 \
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

# --- the pair of devices through which SYNs come back from behind FORWARD

# One MAC address at both ends, so that no neighbour has to be asked for, and given, so that nobody
# chooses another.
mac=02:50:53:54:4e:00

device_is_there() {
	ip -d link show dev postern1 2>/dev/null | grep -q 'veth'
}

has_veth() {
	device_is_there || {
		ip link add dev postern_try type veth peer name postern_try1 && ip link del dev postern_try
	} 2>/dev/null
}

# Whether this kernel can bring SYNs back. All goes well without, but asking the FORWARD rules of others.
look_for_return() {
	returns=no
	! has_veth || ! has_copy || returns=yes
}

# Loose reverse path filtering takes an address, or it drops everything. IPv6 takes a route to what the
# rules name as a neighbour.
device_up() {
	if [ $returns = no ]; then
		say "warning: this kernel cannot bring back what went through FORWARD (has it veth, and" \
			"$(copy_name)?): the FORWARD rules of others are not asked about what is intercepted"
		device_down
		return 0
	fi
	device_is_there || {
		device_down
		ip link add dev postern0 address $mac type veth peer name postern1 address $mac
	} || return 1
	for device in postern0 postern1; do
		! has_ipv6 || sysctl -q -w "net.ipv6.conf.$device.disable_ipv6=0" || return 1
		! has_ipv6 || ip link set dev $device addrgenmode none || return 1
		ip link set dev $device arp off multicast off mtu 65535 up || return 1
	done
	sysctl -q -w net.ipv4.conf.postern0.rp_filter=2 || return 1
	ip address replace 192.0.0.8/32 dev postern0 noprefixroute || return 1
	! has_ipv6 || ip -6 route replace 100::8/128 dev postern1
}

device_is_whole() {
	for device in postern0 postern1; do
		[ -n "$(ip link show dev $device up)" ] || return 1
	done
	! has_ipv6 || [ -n "$(ip -6 route show 100::8/128 dev postern1)" ]
}

# An older version's was a TUN device, without the other end.
device_down() {
	! has_interface postern0 || ip link del dev postern0
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
