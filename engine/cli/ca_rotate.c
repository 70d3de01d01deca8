/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certgen/ca.h"
#include "cli/ca_paths.h"
#include "cli/reload.h"

/*
 * The next CA takes the place of the one in force, which stays beside it as the previous one. The
 * two files cannot change in one step: the key goes first, and whoever is interrupted in between
 * starts the command again, which finds the certificate alone and goes on there.
 */

void ca_paths_of(const struct config *config, const char *suffix, struct ca_paths *ret_paths)
{
	snprintf(ret_paths->certificate, sizeof(ret_paths->certificate), "%s%s",
		 config->ca.certificate, suffix);
	snprintf(ret_paths->key, sizeof(ret_paths->key), "%s%s", config->ca.key, suffix);
}

void ca_paths(const struct cli *cli, struct ca_paths *ret_paths)
{
	ca_paths_of(cli->config, cli->next ? CA_NEXT : "", ret_paths);
}

int ca_paths_need_file(const struct cli *cli, const char *command)
{
	if (!ca_token_is_uri(cli->config->ca.key))
		return CLI_OK;
	return cli_fail(CLI_FAILURE, "%s: ca.key is in a token, where other tools look after it",
			command);
}

static int check(const char *certificate, const char *key)
{
	struct ca_error error;
	struct ca *ca;

	if (ca_load(certificate, key, time(NULL), &ca, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	ca_free(ca);
	return CLI_OK;
}

/* What is there is kept under another name; then `from` takes its place. */
static int replace(const char *from, const char *path, const char *previous)
{
	if (unlink(previous) < 0 && errno != ENOENT)
		return cli_fail(CLI_FAILURE, "%s: %s", previous, strerror(errno));
	if (link(path, previous) < 0 && errno != ENOENT)
		return cli_fail(CLI_FAILURE, "%s: %s", previous, strerror(errno));
	if (rename(from, path) < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", from, strerror(errno));
	return CLI_OK;
}

/* A posternd that runs takes it up at once; one that does not, when it starts. */
static int tell(const struct config *config)
{
	enum reload reload = reload_tell(config);

	if (reload == RELOAD_FAILED)
		return cli_fail(CLI_FAILURE, "posternd cannot be told to reload: %s",
				strerror(errno));
	printf("%s: in force%s\n", config->ca.certificate,
	       reload == RELOAD_DONE ? ", posternd was told to reload" : " when posternd starts");
	return CLI_OK;
}

int cli_ca_rotate(const struct cli *cli)
{
	struct ca_paths now, next, previous;
	int code = ca_paths_need_file(cli, "ca rotate");

	if (code != CLI_OK)
		return code;
	ca_paths_of(cli->config, "", &now);
	ca_paths_of(cli->config, CA_NEXT, &next);
	ca_paths_of(cli->config, CA_PREVIOUS, &previous);
	bool is_begun = access(next.key, F_OK) < 0 && access(next.certificate, F_OK) == 0;

	code = check(next.certificate, is_begun ? now.key : next.key);
	if (code == CLI_OK && !is_begun)
		code = replace(next.key, now.key, previous.key);
	if (code == CLI_OK)
		code = replace(next.certificate, now.certificate, previous.certificate);
	sync();
	return code == CLI_OK ? tell(cli->config) : code;
}
