/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/keys.h"

#include <string.h>

#define BIT(n) (1U << (n))
#define ALL (~0U)
#define WORD(constant, text) text,
#define WORDS(list, bits)                                                                          \
	{                                                                                          \
		.type = VALUE_WORD, .words = (list), .allowed = (bits)                             \
	}

static const char *const action_words[] = { ACTIONS(WORD) NULL };
static const char *const source_words[] = { SOURCES(WORD) NULL };
static const char *const invalid_words[] = { ON_INVALIDS(WORD) NULL };
static const char *const ocsp_words[] = { OCSPS(WORD) NULL };
static const char *const failure_words[] = { ON_FAILURES(WORD) NULL };
static const char *const reload_words[] = { ON_RELOADS(WORD) NULL };
static const char *const overload_words[] = { ON_OVERLOADS(WORD) NULL };
static const char *const forward_words[] = { FORWARD_RULES(WORD) NULL };
static const char *const quic_words[] = { QUICS(WORD) NULL };
static const char *const outcome_words[] = { ON_OUTCOMES(WORD) NULL };
static const char *const pinned_words[] = { ON_PINNED(WORD) NULL };
static const char *const version_words[] = { TLS_VERSIONS(WORD) NULL };
static const char *const downgrade_words[] = { ON_DOWNGRADES(WORD) NULL };
static const char *const unrecorded_words[] = { ON_UNRECORDED(WORD) NULL };
static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const capture_ports_words[] = { CAPTURE_PORTS(WORD) NULL };
static const char *const none_words[] = { "none", NULL };

static const struct value_kind boolean = { .type = VALUE_BOOL };
static const struct value_kind mark = { .type = VALUE_MARK };
static const struct value_kind duration = { .type = VALUE_DURATION };
static const struct value_kind duration_or_none = { .type = VALUE_DURATION, .words = none_words };
static const struct value_kind address4 = { .type = VALUE_ADDRESS, .family = AF_INET };
static const struct value_kind address6 = { .type = VALUE_ADDRESS, .family = AF_INET6 };
static const struct value_kind port = { .type = VALUE_NUMBER, .min = 1, .max = 65535 };
static const struct value_kind workers = { .type = VALUE_NUMBER, .min = 0, .max = 1024 };
static const struct value_kind count = { .type = VALUE_NUMBER, .min = 1, .max = 10000000 };
static const struct value_kind user = { .type = VALUE_USER };
static const struct value_kind path = { .type = VALUE_PATH };
static const struct value_kind ca_key = { .type = VALUE_PATH, .prefix = "pkcs11:" };
static const struct value_kind optional_path = { .type = VALUE_PATH, .may_be_empty = true };
static const struct value_kind queue_size = { .type = VALUE_SIZE, .min = 1, .max = 1024 };
static const struct value_kind path_or_none = { .type = VALUE_PATH, .words = none_words };
static const struct value_kind capture_ports = WORDS(capture_ports_words, ALL);
static const struct value_kind local = { .type = VALUE_LOCAL };
static const struct value_kind icap_url = { .type = VALUE_ICAP_URL };
static const struct value_kind icap_connections = { .type = VALUE_NUMBER, .min = 1, .max = 256 };
static const struct value_kind icap_size = { .type = VALUE_SIZE, .min = 1, .max = 4095 };
static const struct value_kind store = { .type = VALUE_STORE };
static const struct value_kind endpoint = { .type = VALUE_ENDPOINT };
static const struct value_kind host = { .type = VALUE_HOST };
static const struct value_kind limit = { .type = VALUE_NUMBER, .min = 0, .max = 1000000 };
static const struct value_kind level = { .type = VALUE_LABEL, .words = level_words };
static const struct value_kind source = WORDS(source_words, ALL);
static const struct value_kind on_invalid = WORDS(invalid_words, ALL);
static const struct value_kind ocsp = WORDS(ocsp_words, ALL);
static const struct value_kind on_failure = WORDS(failure_words, ALL);
static const struct value_kind on_reload = WORDS(reload_words, ALL);
static const struct value_kind on_overload = WORDS(overload_words, ALL);
static const struct value_kind forward_rules = WORDS(forward_words, ALL);
static const struct value_kind quic = WORDS(quic_words, ALL);
static const struct value_kind on_outcome = WORDS(outcome_words, ALL);
static const struct value_kind on_pinned = WORDS(pinned_words, ALL);
static const struct value_kind tls_version = WORDS(version_words, ALL);
static const struct value_kind on_downgrade = WORDS(downgrade_words, ALL);
static const struct value_kind suites = { .type = VALUE_CODES, .registry = &registry_suites };
static const struct value_kind groups = { .type = VALUE_CODES, .registry = &registry_groups };
static const struct value_kind signatures = { .type = VALUE_CODES,
					      .registry = &registry_signatures };
static const struct value_kind on_unrecorded = WORDS(unrecorded_words, ALL);
static const struct value_kind queue = { .type = VALUE_NUMBER, .min = 0, .max = 65534 };
static const struct value_kind any_fate = WORDS(action_words, ALL);
static const struct value_kind pass_or_block =
	WORDS(action_words, BIT(ACTION_PASS) | BIT(ACTION_BLOCK));

#define KEY(name, member, kind, fallback, meaning)                                                 \
	{ name, offsetof(struct config, member), sizeof(((struct config *)NULL)->member), &kind,   \
	  fallback },
#define DESCRIPTION(name, member, kind, fallback, meaning) { name, fallback, meaning },

const struct key keys_all[KEYS_N] = { KEYS(KEY) };
static const struct config_key descriptions[KEYS_N] = { KEYS(DESCRIPTION) };

const struct config_key *config_keys(unsigned *ret_n)
{
	*ret_n = KEYS_N;
	return descriptions;
}

const struct key *keys_find(const char *name)
{
	for (unsigned i = 0; i < KEYS_N; i++) {
		if (strcmp(keys_all[i].name, name) == 0)
			return &keys_all[i];
	}
	return NULL;
}

/* Keys, and groups of keys with a dot behind them. What is not named is the box's own. */
static const char *const shared[] = {
	"default",
	"on_failure",
	"on_reload",
	"overload.",
	"quic",
	"hello.",
	"tls.",
	"ca.certificate",
	"ca.untrusted_certificate",
	"certgen.max_lifetime",
	"audit.on_failure",
	"upstream.",
	"downstream.",
	"client_certificate.",
	"gate.cache",
	"gate.forward_rules",
	"learn.nothing_ttl",
	"learn.siblings",
	"learn.per_client",
	"learn.approval",
	"learn.ttl",
	"learn.pass_addresses",
	"pinned.",
	"timeouts.",
};

bool key_is_shared(const struct key *key)
{
	for (unsigned i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		size_t n = strlen(shared[i]);

		if (strncmp(key->name, shared[i], n) == 0 &&
		    (shared[i][n - 1] == '.' || key->name[n] == '\0'))
			return true;
	}
	return false;
}

bool config_text(const struct config *config, const char *name, char *text, size_t size)
{
	const struct key *key = keys_find(name);

	if (key)
		value_write(key->kind, (const char *)config + key->offset, text, size);
	return key != NULL;
}
