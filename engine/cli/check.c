/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certgen/ca.h"
#include "cli/check.h"

static int check_ca(const struct config *config)
{
	struct ca *trusted = NULL, *untrusted = NULL;
	struct ca_error error;
	int r = ca_load(config->ca.certificate, config->ca.key, time(NULL), &trusted, &error);

	if (r == 0 && config->ca.untrusted_certificate[0] != '\0') {
		r = ca_load(config->ca.untrusted_certificate, config->ca.untrusted_key, time(NULL),
			    &untrusted, &error);
		if (r == 0)
			r = ca_check_apart(trusted, untrusted, &error);
	}
	ca_free(trusted);
	ca_free(untrusted);
	return r < 0 ? cli_fail(CLI_USAGE, "%s", error.text) : CLI_OK;
}

static int check_trust_store(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cli_fail(CLI_USAGE, "%s: %s", path, strerror(errno));
	close(fd);
	return CLI_OK;
}

int check_config(const struct config *config)
{
	int code = check_ca(config);

	return code == CLI_OK ? check_trust_store(config->upstream.trust_store) : code;
}

int cli_check(const struct cli *cli)
{
	int code = check_config(cli->config);

	if (code == CLI_OK)
		printf("%s: ok\n", cli->config_path);
	return code;
}
