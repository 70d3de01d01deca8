# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# postern-rules print: everything that up would load, for rule sets of one's own.

# In comments: what the rules need besides.
print_needs() {
	echo "# Made by postern-rules print. These rules need, besides posternd:"
	echo "#"
	echo "#	ip tuntap add dev postern0 mode tun"
	echo "#	ip link set dev postern0 up"
	echo "#	ip address add 192.0.0.8/32 dev postern0 noprefixroute"
	echo "#	sysctl -w net.ipv4.conf.postern0.rp_filter=2"
	for family in $(families); do
		echo "#	ip $family route add local default dev lo table $table"
		echo "#	ip $family route add default dev postern0 table $((table + 1))"
		{
			for interface in $lan $wan postern0; do echo "$interface"; done
			[ "$own" = no ] || echo lo
		} | sort -u | while read -r interface; do
			echo "#	ip $family rule add pref $preference iif $interface fwmark 0x1/0x1 lookup $table"
		done
		echo "#	ip $family rule add pref $preference iif lo fwmark 0x30/0x31 lookup $((table + 1))"
	done
	settings | while read -r key value; do echo "#	sysctl -w '$key=$value'"; done
	echo "#"
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
