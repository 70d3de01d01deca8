/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca_facts.h"
#include "cli/ca_paths.h"

int cli_ca_export(const struct cli *cli)
{
	enum ca_export form = cli->der ? CA_EXPORT_DER : CA_EXPORT_PEM;
	struct ca_paths paths;
	struct ca_bytes bytes;
	struct ca_error error;
	int code;

	ca_paths(cli, &paths);
	if (ca_facts_export(paths.certificate, form, &bytes, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	code = cli_print(cli, bytes.bytes, bytes.length);
	ca_bytes_deinit(&bytes);
	return code;
}
