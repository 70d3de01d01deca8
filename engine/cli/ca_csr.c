/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "certgen/ca_make.h"
#include "cli/cli.h"
#include "cli/file.h"

int cli_ca_csr(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = CLI_CONFIG, *output = NULL;
	struct config *config;
	struct ca_bytes bytes;
	struct ca_error error;
	int c;

	while ((c = cli_option(argc, argv, options)) != -1) {
		if (c == 'c')
			path = optarg;
		else if (c == 'o')
			output = optarg;
		else
			return CLI_USAGE;
	}
	if (cli_has_extra(argc, argv) || cli_load(path, &config) != CLI_OK)
		return CLI_USAGE;
	int r = ca_make_request(config->ca.certificate, config->ca.key, &bytes, &error);

	config_free(config);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	r = file_print(output, bytes.bytes, bytes.length);
	ca_bytes_deinit(&bytes);
	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", output ? output : "stdout", strerror(-r))
		     : CLI_OK;
}
