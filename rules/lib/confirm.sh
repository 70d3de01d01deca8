# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # the options are postern-rules' variables
# postern-rules up --confirm: the new rules stay if a connection through them works and somebody says
# that they shall.
#
# The connection is one of this machine itself, which is diverted for as long as it takes: what a
# client's meets from the verdict on, without a client's address, for which no answer would find back
# and which others' rules may well refuse.

# The new rules are loaded.
confirm() {
	trap 'confirm_undo "interrupted"' HUP INT TERM
	if [ -n "$host" ]; then
		self_test || confirm_undo "no connection to $host, port 443"
	fi
	if [ "$yes" = no ] && [ -t 0 ]; then
		ask || confirm_undo "not confirmed"
	fi
	trap 'exit 1' HUP INT TERM
}

confirm_undo() {
	trap '' HUP INT TERM
	say "$1: going back to what was before"
	undo
	exit 1
}

self_test() (
	own=yes
	routing_up && rules_text >"$work/own" && rules_load "$work/own" || exit 1
	result=0
	shake_hands || result=1
	own=$wanted_own
	rules_load "$text" && routing_trim || exit 1
	chains_trim "$made_now"
	exit $result
)

# Certificates are not what is tested.
shake_hands() {
	if command -v curl >/dev/null; then
		curl -sS -k -o /dev/null --connect-timeout "$timeout" --max-time "$timeout" "https://$host_in_url/"
	else
		timeout "$timeout" openssl s_client -connect "$host_in_url:443" </dev/null >/dev/null 2>&1
	fi
}

ask() {
	printf 'Keep these rules? They go in %s seconds if you do not say y: ' "$timeout"
	# coreutils' timeout would take the terminal away
	foreground=--foreground
	timeout --foreground 1 true 2>/dev/null || foreground=
	# shellcheck disable=SC2086,SC2016
	timeout $foreground "$timeout" sh -c 'read -r answer && [ "$answer" = y ]'
}
