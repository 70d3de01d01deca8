/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "certgen/ca_facts.h"
#include "cli/ca_paths.h"

static const char *time_text(int64_t seconds, char text[32])
{
	time_t time = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&time, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return "-";
	return text;
}

static int show(const char *title, const char *certificate, const char *key)
{
	struct ca_facts facts;
	struct ca_error error;
	char text[32];

	if (ca_facts(certificate, &facts, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	time_t now = time(NULL);
	const char *state = now < facts.not_before  ? " (not yet)"
			    : now > facts.not_after ? " (expired)"
						    : "";

	printf("%s\n", title);
	printf("  subject      %s\n", facts.subject);
	printf("  issuer       %s\n", facts.issuer);
	printf("  not before   %s\n", time_text(facts.not_before, text));
	printf("  not after    %s%s\n", time_text(facts.not_after, text), state);
	printf("  sha256       %s\n", facts.fingerprint);
	printf("  key type     %s\n", facts.key);
	printf("  certificate  %s\n", certificate);
	printf("  key          %s\n", key);
	return CLI_OK;
}

int cli_ca_show(const struct cli *cli)
{
	const struct config *config = cli->config;
	struct ca_paths next;
	int code = show("trusted CA", config->ca.certificate, config->ca.key);

	ca_paths_of(config, CA_NEXT, &next);
	if (code == CLI_OK && access(next.certificate, F_OK) == 0)
		code = show("next CA, for `postern ca rotate`", next.certificate, next.key);
	if (code == CLI_OK && config->ca.untrusted_certificate[0] != '\0')
		code = show("untrusted CA", config->ca.untrusted_certificate,
			    config->ca.untrusted_key);
	return code;
}
