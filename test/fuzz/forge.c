/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certgen/ca_make.h"
#include "certgen/forge.h"

/* Whatever a hostile server shows, a leaf for it parses, keeps the profile and ends in time. */

enum { NOW = 1767225600, MAX_LIFETIME = 43200 }; /* 2026-01-01 */

static struct ca *ca;
static struct forge_key key;

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

/* A file in memory, as a path. */
static void put(const struct ca_bytes *bytes, char path[32])
{
	int fd = memfd_create("ca", 0);

	check(fd >= 0 && fchmod(fd, 0600) == 0 &&
	      write(fd, bytes->bytes, bytes->length) == (ssize_t)bytes->length);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static void set_up(void)
{
	struct ca_bytes key_pem, certificate_pem;
	struct ca_error error;
	char key_path[32], certificate_path[32];

	check(ca_make_root("/CN=Fuzz CA", CA_MAKE_EC, NOW, &key_pem, &certificate_pem, &error) ==
	      0);
	put(&key_pem, key_path);
	put(&certificate_pem, certificate_path);
	check(ca_load(certificate_path, key_path, NOW, &ca, &error) == 0);
	ca_bytes_deinit(&key_pem);
	ca_bytes_deinit(&certificate_pem);
	EVP_PKEY *pair = EVP_EC_gen("prime256v1");
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(pair, &spki);

	check(n > 0 && forge_key_init(&key, CERTGEN_KEY_EC, spki, (size_t)n) == 0);
	OPENSSL_free(spki);
	EVP_PKEY_free(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!ca)
		set_up();
	for (enum certgen_kind kind = CERTGEN_TRUSTED; kind <= CERTGEN_UNTRUSTED; kind++) {
		struct forge_order order = {
			.ca = ca,
			.kind = kind,
			.host = "host.example",
			.key = &key,
			.now = NOW,
			.max_lifetime = MAX_LIFETIME,
			.leaf = data,
			.leaf_length = size,
		};
		struct forge_leaf leaf;
		const char *why = NULL;
		enum certgen_status status = forge(&order, &leaf, &why);

		if (status != CERTGEN_OK) {
			check(status == CERTGEN_REFUSED && why);
			continue;
		}
		const uint8_t *at = leaf.der;
		X509 *x509 = d2i_X509(NULL, &at, (long)leaf.length);

		check(x509 && at == leaf.der + leaf.length);
		check((X509_get_extension_flags(x509) & EXFLAG_INVALID) == 0 &&
		      X509_check_ca(x509) == 0);
		check(X509_get_extended_key_usage(x509) == XKU_SSL_SERVER);
		check(leaf.not_before <= NOW && leaf.not_after > NOW &&
		      leaf.not_after <= NOW + MAX_LIFETIME);
		X509_free(x509);
		forge_leaf_deinit(&leaf);
	}
	return 0;
}
