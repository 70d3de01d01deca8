# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154 # the options are postern-rules' variables
# Loads the rules and the sets, and takes them away. Each load is one transaction in each table, so
# that no packet meets the old rules' absence or half of the new ones.

# The names that iptables has here: iptables-nft and iptables-legacy, or just iptables.
variants() {
	for variant in -nft -legacy; do
		! command -v "iptables$variant-restore" >/dev/null || echo "$variant"
	done
}

# The tool of that family: ip6tables-nft.
tool_of() {
	case $1 in -4) echo "iptables$2" ;; *) echo "ip6tables$2" ;; esac
}

# save TOOL [OPTION...]: what is loaded. It mutters about the other variant's tables.
save() {
	tool_save=$1-save
	shift
	"$tool_save" "$@" 2>/dev/null
}

# --- sets

sets_up() {
	[ "$backend" != nftables ] || return 0
	{
		if ipset -q test postern_unjudged 443; then
			grep -v '^add' "$here/postern.ipset" # its counter goes on
		else
			cat "$here/postern.ipset"
		fi
		if [ "$on_failure" = open ]; then
			echo del postern_closed 443
		else
			echo add postern_closed 443
		fi
	} | grep -v '^#' | ipset restore -exist
}

sets_names() {
	ipset list -n 2>/dev/null | grep '^postern_'
}

# The kernel lets a set go a little after the rules that asked it.
sets_down() {
	command -v ipset >/dev/null || return 0
	tries=50
	for set in $(sets_names); do
		until ipset destroy "$set" 2>/dev/null; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || { ipset destroy "$set"; return 1; }
			sleep 0.1
		done
	done
}

# --- iptables

# What is loaded and the new text become one text: old jumps of ours go as the new ones come, chains
# that the new text does not know go last. Without a new text: all of ours goes.
merged() {
	save "$1" | awk -v new="$2" '
		BEGIN { while (new != "" && (getline line <new) > 0) text[++n] = line; start() }
		function start() { deletions = flushes = chains = "" }
		function text_of(table, what,    i, inside, all) {
			for (i = 1; i <= n; i++) {
				if (text[i] ~ /^\*/)
					inside = text[i] == table
				else if (text[i] ~ /^COMMIT/)
					inside = 0
				else if (inside && (what == "" || index(text[i], what " ") == 1))
					all = all text[i] "\n"
			}
			return all
		}
		/^\*/ { table = $1; start() }
		/^:POSTERN_/ && text_of(table, $1) == "" {
			flushes = flushes "-F " substr($1, 2) "\n"
			chains = chains "-X " substr($1, 2) "\n"
		}
		/^-A/ && $2 !~ /^POSTERN_/ && / -j POSTERN_/ {
			sub(/^-A/, "-D")
			deletions = deletions $0 "\n"
		}
		/^COMMIT/ {
			body = text_of(table, "") flushes deletions chains
			if (body != "")
				printf "%s\n%sCOMMIT\n", table, body
			seen[table] = 1
		}
		END {
			for (i = 1; i <= n; i++)
				if (text[i] ~ /^\*/ && !(text[i] in seen))
					printf "%s\n%sCOMMIT\n", text[i], text_of(text[i], "")
		}'
}

# iptables_load VARIANT [TEXT]: without a text, unloads.
iptables_load() {
	for family in $(families); do
		tool=$(tool_of "$family" "$1")
		merged "$tool" "${2-}" >"$work/merged" || return 1
		[ ! -s "$work/merged" ] || "$tool-restore" -w -n <"$work/merged" || return 1
	done
}

# Chains and tables of iptables-nft itself that come into being by loading: FAMILY TABLE CHAIN, and
# FAMILY TABLE behind its chains.
chains_missing() {
	[ "$backend" = nft ] && command -v nft >/dev/null || return 0
	nft list chains | awk '
		/^table/ { table = $2 " " $3; there[table] = 1 }
		/^\tchain/ { there[table " " $2] = 1 }
		END {
			n = split("filter INPUT,filter FORWARD,filter OUTPUT,filter,nat PREROUTING,nat," \
				"raw PREROUTING,raw OUTPUT,raw,mangle PREROUTING,mangle FORWARD," \
				"mangle POSTROUTING,mangle OUTPUT,mangle", name, ",")
			for (i = 1; i <= n; i++) {
				if (!(("ip " name[i]) in there))
					print "ip " name[i]
				if (!(("ip6 " name[i]) in there))
					print "ip6 " name[i]
			}
		}'
}

# Takes away those of these that nobody uses.
chains_trim() {
	command -v nft >/dev/null || return 0
	for what in chain table; do
		unused=$({ echo "$1"; nft -s list ruleset; } | awk -v what=$what '
			NF == (what == "chain" ? 3 : 2) && /^ip6? [a-z]+/ { made[$0] = 1; next }
			/^table/ { table = $2 " " $3; content[table] = 0; next }
			/^\tchain/ { chain = table " " $2; content[table]++; content[chain] = 0; next }
			/^\t[^}]/ { content[table]++ }
			/^\t\ttype .* policy accept;$/ { next }
			/^\t\t/ { content[chain]++ }
			END {
				for (name in made)
					if (name in content && !content[name])
						print "delete", what, name
			}')
		[ -z "$unused" ] || echo "$unused" | nft -f -
	done
}

# --- all of it

rules_text() {
	if [ "$backend" = nftables ]; then nft_text; else iptables_text; fi
}

rules_load() {
	case $backend in
	nftables) nft -f "$1" ;;
	*) iptables_load "$(variant)" "$1" ;;
	esac
}

variant() {
	case $backend in
	nft | legacy) echo "-$backend" ;;
	esac
}

# rules_trim [all]: the rules of other backends than the one in use, or of all.
rules_trim() {
	in_use=$backend
	[ "${1-}" != all ] || in_use=
	for each in $(variants); do
		[ "$each" = "-$in_use" ] || iptables_load "$each" || return 1
	done
	if [ -z "$(variants)" ] && command -v iptables-restore >/dev/null && [ "$in_use" != plain ]; then
		iptables_load "" || return 1
	fi
	bridge_trim "$@"
	[ "$in_use" = nftables ] || nft_trim || return 1
	case $in_use in '' | nftables) sets_down ;; esac
}

has_table() {
	command -v nft >/dev/null && nft list table inet postern >/dev/null 2>&1
}

nft_trim() {
	! command -v nft >/dev/null ||
		nft list tables | sed -nE 's/^table (inet|ip6?) postern$/delete &/p' | nft -f -
}

# --- the bridge's frames

# Refuses what would not be sound.
bridge_is_sound() {
	[ -n "$bridge" ] || return 0
	command -v nft >/dev/null || { say "--bridge takes nft"; return 1; }
	ip -d link show dev "$bridge" 2>/dev/null | grep -qw bridge || {
		say "$bridge: not a bridge"
		return 1
	}
	for interface in $lan_ports $wan_ports; do
		ip link show dev "$interface" 2>/dev/null | grep -q " master $bridge " || {
			say "$interface: not a port of $bridge"
			return 1
		}
	done
	for key in net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables; do
		[ "$(sysctl -n $key 2>/dev/null || echo 0)" = 0 ] || {
			say "$key = 1: bridged packets meet the rules too early, and TPROXY would be without" \
				"effect: sysctl -w $key=0"
			return 1
		}
	done
}

bridge_up() {
	[ -n "$bridge" ] || return 0
	bridge_text >"$work/bridge" && nft -f "$work/bridge"
}

# bridge_trim [all]
bridge_trim() {
	if [ "${1-}" = all ] || [ -z "$bridge" ]; then
		! command -v nft >/dev/null || nft delete table bridge postern 2>/dev/null || :
	fi
}

has_bridge() {
	loaded=$(nft list table bridge postern 2>/dev/null) || return 1
	for word in $lan_ports $wan_ports "$(bridge_address)"; do
		case $loaded in *"$word"*) ;; *) return 1 ;; esac
	done
}

# Whether what is loaded is what these options ask for.
has_rules() {
	loaded=$(save "$1") || return 1
	case $1 in ip6*) other=-4 ;; *) other=-6 ;; esac
	iptables_text | grep -v "^$other " | awk '
		!/^#/ && match($0, /-j POSTERN_[A-Z_]+/) { print substr($0, RSTART, RLENGTH) }
		/^(-[46] )?-[AI] [A-Z]+ -i/ && !/-i postern0 / { match($0, /-i [^ ]+ /); print substr($0, RSTART, RLENGTH) }
		/--on-port/ { match($0, /--on-port [0-9]+/); print substr($0, RSTART, RLENGTH) " " }' |
		sort -u | {
		while IFS= read -r part; do
			case $loaded in *"$part"*) ;; *) return 1 ;; esac
		done
	}
}

has_nft_rules() {
	loaded=$(nft list table inet postern 2>/dev/null) || return 1
	for interface in $lan $wan; do
		case $loaded in *"\"$interface\""*) ;; *) return 1 ;; esac
	done
	case $loaded in *"tproxy to :$port "*) ;; *) return 1 ;; esac
	[ $returns = no ] || nft list table ip postern >/dev/null 2>&1
}

has_sets() {
	if [ "$backend" = nftables ]; then has_table; return; fi
	there=$(sets_names)
	sed -n 's/^create \([^ ]*\) .*/\1/p' "$here/postern.ipset" | while read -r set; do
		echo "$there" | grep -qxF "$set" || return 1
	done
}
