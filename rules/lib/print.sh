# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# postern-rules print: everything that up would load, for rule sets of one's own.

# In comments: what the rules need besides.
print_needs() {
	echo "# Made by postern-rules print. These rules need, besides posternd:"
	echo "#"
	[ $returns = no ] || print_device
	for family in $(families); do
		echo "#	ip $family route add local default dev lo table $table"
		[ $returns = no ] || echo "#	ip $family route add default dev postern0 table $((table + 1))"
		routing_wanted | while read -r interface mark to; do
			echo "#	ip $family rule add pref $preference iif $interface fwmark $mark lookup $to"
		done
	done
	settings | while read -r key value; do echo "#	sysctl -w '$key=$value'"; done
	echo "#"
}

print_device() {
	echo "#	ip link add dev postern0 address $mac type veth peer name postern1 address $mac"
	for device in postern0 postern1; do
		! has_ipv6 || echo "#	ip link set dev $device addrgenmode none"
		echo "#	ip link set dev $device arp off multicast off mtu 65535 up"
	done
	echo "#	ip address add 192.0.0.8/32 dev postern0 noprefixroute"
	! has_ipv6 || echo "#	ip -6 route add 100::8/128 dev postern1"
	echo "#	sysctl -w net.ipv4.conf.postern0.rp_filter=2"
}

print() {
	print_needs
	[ -z "$bridge" ] || echo "# And, for $bridge, by nft -f: $here/postern-bridge.nft"
	! offload_is_wanted || echo "# And, if the kernel has flowtables, by nft -f: $here/postern-offload.nft"
	if [ "$backend" = nftables ]; then
		echo "# Load this file with: nft -f FILE"
		nft_text
		return
	fi
	echo "# Load this file with: iptables-restore -n FILE; ip6tables-restore -n FILE"
	echo "# Ahead of it, the sets: ipset restore -exist <$here/postern.ipset"
	[ "$on_failure" = open ] || echo "# and: ipset -exist add postern_closed 443"
	iptables_text
}
