/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "policy/load.h"

static void decide(const struct config *config, const char *host)
{
	struct subject subject = { .host = host };
	struct verdict verdict;

	if (!addr_parse("2001:db8::1", 443, &subject.server) ||
	    !addr_parse("10.9.1.1", 40000, &subject.client))
		abort();
	verdict = ruleset_decide(config->rules, &subject);
	if (!verdict.file != !verdict.line || !*action_text(verdict.action))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct config *config = NULL;
	struct config_error error;

	if (config_parse((const char *)bytes, n, "fuzz/main.yaml", &config, &error) < 0) {
		if (config || strncmp(error.text, "fuzz/", 5) != 0 || strpbrk(error.text, "\r\n"))
			abort();
		return 0;
	}
	decide(config, "");
	decide(config, "gov");
	decide(config, "www.ads7.bank.example");
	config_free(config);
	return 0;
}
