#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Includes point one way: conn -> {net, tls, http, policy, learn, tap} -> base. See HACKING.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

# folder: the folders whose headers its files may include, besides its own
declare -A may=(
	[engine]="base policy daemon"
	[engine/base]=""
	[engine/net]="base"
	[engine/crypto]="tls"
	[engine/tls]="base"
	[engine/http]="base"
	[engine/policy]="base"
	[engine/learn]="base"
	[engine/tap]="base"
	[engine/fleet]="base"
	[engine/gate]="base net tls policy"
	[engine/conn]="base net tls http policy learn tap certgen"
	[engine/daemon]="base net tls policy learn tap gate conn"
	[engine/cli]="base learn net tls policy tap fleet certgen web"
	[engine/web]="base learn policy"
	[certgen]="base"
)

# header (a pattern): the only files (patterns) that may include it
libraries=(
	'mbedtls/.*|psa/.*'  'engine/crypto/.*|engine/tls/(leaf\.c|mbed\.[ch]|mbed_(alert|io)\.c|mbed_keys\.[ch]|protect\.c|tickets\.c|label\.[ch]|binding\.[ch]|resumption\.c|resumption_mbed\.h|upstream\.c|downstream\.c|quic_keys\.c)'
	'openssl/.*'         '(engine/crypto|engine/tls|certgen)/.*|engine/fleet/(manifest|signing)\.c'
	'libp11\.h'          'certgen/ca_token\.c'
	'seccomp\.h'         'engine/base/syscalls\.h'
	'microhttpd\.h'      'engine/web/server\.c'
	'sodium.*'           'engine/base/hash\.c|engine/crypto/.*|engine/tls/.*|engine/web/token\.c'
	'yaml\.h'            'engine/policy/.*'
	'jansson\.h'         'engine/tap/journal\.c|engine/cli/.*|engine/fleet/manifest\.c'
	'sqlite3\.h'         'engine/learn/store_sqlite\.c'
	'hiredis/.*'         'engine/learn/store_redis\.c'
	'libpsl\.h'          'engine/learn/generalise\.c|engine/tls/trust\.c'
	'linux/netlink\.h|linux/netfilter/.*|libmnl/.*|libnetfilter_queue/.*' 'engine/net/(netlink|queue|sets_ipset|sets_nft)\.c'
	'llhttp\.h'          'engine/http/(http1|http1_held)\.c|engine/http/http1_side\.h'
	'nghttp2/.*'         'engine/http/block\.c'
	'pcap.*'             'engine/tap/(capture|packets)\.c'
)

wrong() {
	echo "$1: $2"
	status=1
}

while IFS=: read -r file line include; do
	folder=${file%/*}
	[ -v "may[$folder]" ] || wrong "$file" "test/lint/includes.sh does not know this folder"
	[[ $include =~ ([\"<])([^\">]+) ]] || { wrong "$file:$line" "an include without a name"; continue; }
	header=${BASH_REMATCH[2]}
	if [ "${BASH_REMATCH[1]}" = '"' ]; then
		[[ " ${folder##*/} ${may[$folder]:-} " == *" ${header%%/*} "* ]] ||
			wrong "$file:$line" "$folder may not include \"$header\""
		continue
	fi
	for ((i = 0; i < ${#libraries[@]}; i += 2)); do
		if [[ $header =~ ^(${libraries[i]})$ && ! $file =~ ^(${libraries[i + 1]})$ ]]; then
			wrong "$file:$line" "<$header> only in ${libraries[i + 1]}"
		fi
	done
done < <(grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' engine certgen)

exit $status
