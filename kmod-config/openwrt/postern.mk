# SPDX-License-Identifier: GPL-3.0-or-later
# For the Makefile of an OpenWrt package of postern, whose rules are those of one of the two:
#
#	include postern.mk
#	DEPENDS:=+libopenssl +libyaml +jansson ... $(POSTERN_DEPENDS_NFTABLES)
#
# The packages are those of the fragments beside this file.
POSTERN_DEPENDS_NFTABLES:=+ip-full +kmod-nft-core +nftables-json +kmod-nft-tproxy +kmod-nft-socket \
	+kmod-nf-conntrack +kmod-nft-fib +kmod-nft-nat +kmod-nft-queue +kmod-veth +kmod-nft-dup-inet \
	+kmod-nft-offload +kmod-nft-bridge
POSTERN_DEPENDS_IPTABLES:=+ip-full +iptables-nft +kmod-nft-compat +kmod-ipt-core +kmod-ipt-raw \
	+kmod-ipt-nat +IPV6:ip6tables-nft +IPV6:kmod-ip6tables +IPV6:kmod-ipt-raw6 \
	+IPV6:kmod-ipt-nat6 +kmod-ipt-tproxy +iptables-mod-tproxy +kmod-ipt-socket \
	+iptables-mod-socket +kmod-ipt-conntrack-extra +iptables-mod-conntrack-extra \
	+kmod-ipt-conntrack +kmod-ipt-extra +iptables-mod-extra +kmod-ipt-ipset +ipset \
	+kmod-ipt-nfqueue +iptables-mod-nfqueue +kmod-nfnetlink-queue +kmod-veth +kmod-ipt-tee \
	+iptables-mod-tee
