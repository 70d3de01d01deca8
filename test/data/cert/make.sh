#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the servers' certificates that the tests forge: NAME.der, once, kept in the repository. The
# dates are fixed, so that a test may choose its own "now" (2026-01-01).
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# make NAME KEY SUBJECT "START END" EXTENSION...   (string_mask from $mask)
make() {
	local name=$1 key=$2 subject=$3 start=${4% *} end=${4#* }
	shift 4
	: > "$work/index.txt"
	cat > "$work/conf" <<-END
	[ca]
	default_ca = own
	[own]
	database = $work/index.txt
	new_certs_dir = $work
	rand_serial = yes
	default_md = sha256
	policy = any
	unique_subject = no
	x509_extensions = extensions
	[any]
	commonName = optional
	[req]
	string_mask = ${mask:-utf8only}
	distinguished_name = none
	[none]
	[extensions]
	$(printf '%s\n' "$@")
	END
	case $key in
	ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key" ;;
	rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key" ;;
	esac
	openssl req -new -utf8 -config "$work/conf" -key "$work/key" -subj "$subject" -out "$work/csr"
	openssl ca -batch -preserveDN -notext -selfsign -config "$work/conf" -keyfile "$work/key" -in "$work/csr" \
		-startdate "$start" -enddate "$end" -out "$work/pem"
	openssl x509 -in "$work/pem" -outform DER -out "$name.der"
}

long="20250101000000Z 20350101000000Z"
names=$(i=0; while [ $i -lt 600 ]; do printf 'DNS:host-%d.of.a.large.example,' $i; i=$((i + 1)); done)

make ec ec "/C=DE/O=Example/CN=ec.example" "$long" \
	"subjectAltName = DNS:ec.example,DNS:*.ec.example" "keyUsage = critical,digitalSignature" \
	"extendedKeyUsage = serverAuth,clientAuth" "tlsfeature = status_request" \
	"certificatePolicies = 1.3.6.1.4.1.99999.1" "authorityInfoAccess = OCSP;URI:http://ocsp.example/" \
	"crlDistributionPoints = URI:http://crl.example/c"
make rsa rsa "/O=Example/CN=rsa.example" "$long" "subjectAltName = DNS:rsa.example" \
	"keyUsage = critical,keyEncipherment,keyCertSign" "extendedKeyUsage = codeSigning,anyExtendedKeyUsage"
make utf8 ec "/O=Bäckerei Müller/CN=日本語 例" "$long" "subjectAltName = DNS:xn--r8jz45g.example"
mask=MASK:2048 make bmp ec "/O=Ünïcödé/CN=bmp.example" "$long" "subjectAltName = DNS:bmp.example"
mask=MASK:2 make multi_rdn ec "/O=Example+OU=Left+OU=Right/CN=multi.example+serialNumber=7" "$long" \
	"subjectAltName = DNS:multi.example"
make ip ec "/CN=192.0.2.7" "$long" "subjectAltName = IP:192.0.2.7,IP:2001:db8::7,DNS:ip.example"
make anonymous ec "/" "$long" "subjectAltName = critical,DNS:anonymous.example"
make no_san ec "/CN=cn-only.example" "$long" "basicConstraints = CA:FALSE"
make large ec "/CN=large.example" "$long" "subjectAltName = ${names}DNS:large.example"
make short ec "/CN=short.example" "20251231233000Z 20260101060000Z" "subjectAltName = DNS:short.example"
make expired ec "/CN=expired.example" "20240101000000Z 20250101000000Z" "subjectAltName = DNS:expired.example"
make ca rsa "/CN=ca.example" "$long" "subjectAltName = DNS:ca.example" "basicConstraints = critical,CA:TRUE"
make broken_san ec "/CN=broken.example" "$long" "subjectAltName = DER:30:05:82:09:61"
make empty_san ec "/CN=empty.example" "$long" "subjectAltName = DER:30:00"
