/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/names.h"

const struct registry registry_suites = {
	.example = "TLS_AES_128_GCM_SHA256",
	.name = names_suite,
	.all = { 30, { 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9, 0xc02f,
		       0xc030, 0xcca8, /* from here on for old servers */
		       0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027,
		       0xc028, 0x009e, 0x009f, 0xccaa, 0x0033, 0x0039, 0x0067,
		       0x006b, 0x009c, 0x009d, 0x002f, 0x0035, 0x003c, 0x003d } },
	.n_recommended = 9,
};

const struct registry registry_groups = {
	.example = "x25519",
	.name = names_group,
	.all = { 8, { 29, 23, 24, 25, 30, 256, 257, 258 } },
	.n_recommended = 8,
};

const struct registry registry_signatures = {
	.example = "ecdsa_secp256r1_sha256",
	.name = names_signature,
	.all = { 9, { 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601 } },
	.n_recommended = 9,
};

bool codepoints_have(const struct codepoints *codepoints, uint16_t code)
{
	for (unsigned i = 0; i < codepoints->n; i++)
		if (codepoints->at[i] == code)
			return true;
	return false;
}

/* The code whose name is these n characters; 0: none. */
static uint16_t find(const struct registry *registry, const char *text, size_t n)
{
	for (unsigned i = 0; i < registry->all.n; i++) {
		const char *name = registry->name(registry->all.at[i]);

		if (strlen(name) == n && memcmp(name, text, n) == 0)
			return registry->all.at[i];
	}
	return 0;
}

static struct codepoints first(const struct registry *registry, uint16_t n)
{
	struct codepoints codepoints = registry->all;

	codepoints.n = n;
	return codepoints;
}

bool registry_read(const struct registry *registry, const char *text,
		   struct codepoints *ret_codepoints)
{
	struct codepoints read = { 0 };

	if (strcmp(text, "all") == 0 || strcmp(text, "recommended") == 0) {
		*ret_codepoints =
			first(registry, text[0] == 'a' ? registry->all.n : registry->n_recommended);
		return true;
	}
	for (;;) {
		size_t n;
		uint16_t code;

		text += strspn(text, " ");
		n = strcspn(text, ", ");
		code = find(registry, text, n);
		if (code == 0 || codepoints_have(&read, code))
			return false;
		read.at[read.n++] = code;
		text += n + strspn(text + n, " ");
		if (*text == '\0')
			break;
		if (*text++ != ',')
			return false;
	}
	*ret_codepoints = read;
	return true;
}

static bool is_first(const struct registry *registry, const struct codepoints *codepoints,
		     uint16_t n)
{
	return codepoints->n == n &&
	       memcmp(codepoints->at, registry->all.at, n * sizeof(codepoints->at[0])) == 0;
}

void registry_write(const struct registry *registry, const struct codepoints *codepoints,
		    char *text, size_t size)
{
	size_t at = 0;

	if (is_first(registry, codepoints, registry->all.n)) {
		snprintf(text, size, "all");
		return;
	}
	if (is_first(registry, codepoints, registry->n_recommended)) {
		snprintf(text, size, "recommended");
		return;
	}
	text[0] = '\0';
	for (unsigned i = 0; i < codepoints->n && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i > 0 ? ", " : "",
				       registry->name(codepoints->at[i]));
}
