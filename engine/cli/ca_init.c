/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certgen/ca_make.h"
#include "cli/ca_paths.h"
#include "cli/file.h"

struct pair {
	const char *certificate, *key; /* paths */
	const char *subject;
};

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int put(const char *path, mode_t mode, const struct ca_bytes *bytes, bool is_forced)
{
	int r = file_write(path, mode, bytes->bytes, bytes->length, is_forced);

	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", path, strerror(-r));
	printf("%s: made\n", path);
	return CLI_OK;
}

/* What is there is kept unless forced: a CA that clients trust is not made again by mistake. */
static int make_pair(const struct pair *pair, enum ca_make_key kind, bool is_forced)
{
	struct ca_bytes key, certificate;
	struct ca_error error;

	for (int i = 0; i < 2 && !is_forced; i++) {
		const char *path = i == 0 ? pair->key : pair->certificate;

		if (is_there(path))
			return cli_fail(CLI_FAILURE,
					"%s: is there already, kept; --force replaces it", path);
	}
	int r = ca_make_root(pair->subject, kind, time(NULL), &key, &certificate, &error);

	if (r < 0)
		return cli_fail(r == -EINVAL ? CLI_USAGE : CLI_FAILURE, "%s", error.text);
	int code = put(pair->key, 0600, &key, is_forced);

	if (code == CLI_OK)
		code = put(pair->certificate, 0644, &certificate, is_forced);
	ca_bytes_deinit(&key);
	ca_bytes_deinit(&certificate);
	return code;
}

static int init(const struct cli *cli, enum ca_make_key kind)
{
	const struct config *config = cli->config;
	struct ca_paths paths;
	char host[41] = "", trusted[128], untrusted[128], when[16] = "";
	time_t now = time(NULL);

	/* Every appliance its own names, so that two of them never look like one CA. */
	gethostname(host, sizeof(host) - 1);
	for (char *at = host; *at != '\0'; at++) {
		if (*at == '/' || *at == '\\')
			*at = '-';
	}
	/* And the next CA another name than the one before, for whoever trusts both. */
	if (cli->next)
		strftime(when, sizeof(when), " %Y-%m-%d", gmtime(&now));
	snprintf(trusted, sizeof(trusted), "/CN=Postern CA %s%s", host, when);
	snprintf(untrusted, sizeof(untrusted), "/CN=Postern UNTRUSTED %s", host);
	ca_paths(cli, &paths);
	struct pair pair = { paths.certificate, paths.key, cli->subject ? cli->subject : trusted };
	int code = make_pair(&pair, kind, cli->force);

	if (code == CLI_USAGE || cli->next || config->ca.untrusted_certificate[0] == '\0')
		return code;
	pair = (struct pair){ config->ca.untrusted_certificate, config->ca.untrusted_key,
			      untrusted };
	int second = make_pair(&pair, kind, cli->force);

	return code != CLI_OK ? code : second;
}

int cli_ca_init(const struct cli *cli)
{
	int code = ca_paths_need_file(cli, "ca init");

	return code != CLI_OK ? code : init(cli, cli->rsa ? CA_MAKE_RSA : CA_MAKE_EC);
}
