/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/suites.h"

#include <string.h>

#include "base/names.h"

struct strength {
	unsigned secrecy, aead, bits, hash;
};

/* IANA's names say it all. */
static struct strength strength_of(uint16_t suite)
{
	const char *name = names_suite(suite);
	bool is_aead, is_sha1;

	if (!name)
		return (struct strength){ 0 };
	is_aead = strstr(name, "_GCM_") || strstr(name, "_CHACHA20_");
	is_sha1 = strcmp(name + strlen(name) - 4, "_SHA") == 0;
	return (struct strength){
		.secrecy = suite >> 8 == 0x13 || strstr(name, "DHE_"),
		.aead = is_aead,
		.bits = strstr(name, "_AES_128_") ? 128 : 256,
		.hash = is_aead || !is_sha1,
	};
}

bool suites_is_stronger(uint16_t suite, uint16_t other)
{
	struct strength a = strength_of(suite), b = strength_of(other);

	return a.secrecy > b.secrecy || a.aead > b.aead || a.bits > b.bits || a.hash > b.hash;
}

unsigned suites_for_client(const struct hello *hello, const struct tls_limits *limits,
			   uint16_t chosen, uint16_t ret_suites[SUITES_MAX])
{
	unsigned kept = 0;

	for (unsigned i = 0; i < hello->n_suites && kept < SUITES_MAX; i++) {
		uint16_t suite = hello->suites[i];

		if (suite >> 8 != 0x13 && codepoints_have(limits->suites, suite) &&
		    !suites_is_stronger(suite, chosen))
			ret_suites[kept++] = suite;
	}
	return kept;
}
