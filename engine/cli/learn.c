/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/seen.h"
#include "tap/capture.h"

/* All of one file, as far as it can be read. */
static int read_file(struct observer *observer, const char *path)
{
	char error[CAPTURE_ERROR_SIZE];
	struct capture *capture;
	struct capture_packet packet;
	int code = CLI_OK, r = 0;
	bool is_over = false;

	if (capture_open_file(path, &capture, error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error);
	while (r == 0 && !is_over) {
		switch (capture_next(capture, &packet)) {
		case CAPTURE_PACKET:
			r = observer_packet(observer, packet.bytes, packet.n);
			break;
		case CAPTURE_OTHER:
		case CAPTURE_IDLE:
			break;
		case CAPTURE_BROKEN:
			code = cli_fail(CLI_FAILURE, "%s: %s", path, capture_error(capture));
			is_over = true;
			break;
		case CAPTURE_END:
			is_over = true;
			break;
		}
	}
	capture_free(capture);
	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", path, strerror(-r)) : code;
}

/* What could be read is reported, whatever became of the rest. */
int cli_learn(const struct cli *cli)
{
	struct seen seen;
	int code, read = CLI_OK;

	if (cli->n_captures == 0)
		return cli_fail(CLI_USAGE, "learn: from which capture? --pcap FILE");
	if (cli->n_captures > CLI_CAPTURES_MAX)
		return cli_fail(CLI_USAGE, "learn: at most %d captures", CLI_CAPTURES_MAX);
	code = seen_init(&seen, cli);
	for (unsigned i = 0; code == CLI_OK && i < cli->n_captures; i++)
		if (read_file(&seen.observer, cli->captures[i]) != CLI_OK)
			read = CLI_FAILURE;
	if (code == CLI_OK)
		code = seen_report(&seen, cli);
	seen_deinit(&seen);
	return code == CLI_OK ? read : code;
}
