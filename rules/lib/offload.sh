# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# The short way for what is passed, beside the rules of any backend, if the kernel takes it.

offload_text() {
	both=$(echo "$lan $wan" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/ $//')
	sed "s/^define both = .*/define both = { $(quoted "$both") }/" "$here/postern-offload.nft"
}

# Not with --bridge: its frames come in by ports, not by the interface that routes them.
offload_is_wanted() {
	[ "$offload" != no ] && [ -z "$bridge" ] && command -v nft >/dev/null
}

# Nothing depends on it: where it cannot be, all goes the long way.
offload_up() {
	if ! offload_is_wanted || ! offload_text | nft -f - 2>/dev/null; then offload_down; fi
}

offload_down() {
	! command -v nft >/dev/null || nft delete table inet postern_offload 2>/dev/null || :
}

# Whether this kernel has flowtables: by trying it.
has_flowtable() {
	echo 'add table inet postern_try
		add flowtable inet postern_try try { hook ingress priority 0; devices = { lo }; }
		add chain inet postern_try try
		add rule inet postern_try try flow add @try
		delete table inet postern_try' | nft -f - 2>/dev/null
}

has_offload() {
	loaded=$(nft list table inet postern_offload 2>/dev/null) || return 1
	for interface in $lan $wan; do
		case $loaded in *[\ \"]"$interface"[\ ,\"]*) ;; *) return 1 ;; esac
	done
}

check_offload() {
	if ! offload_is_wanted; then
		line ok offload "not wanted: what is passed is forwarded as everything is"
	elif ! has_flowtable; then
		line ok offload "this kernel has no flowtables: what is passed is forwarded as everything is"
	else
		either offload "what is passed takes the flowtable" "missing, or for other interfaces" \
			"postern-rules up" warn has_offload
	fi
}
