/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_SEEN_H
#define POSTERN_CLI_SEEN_H

#include "cli/cli.h"
#include "cli/observer.h"

/* What `learn` and `watch` have in common: before the first packet, and after the last one. */
struct seen {
	struct trust *trust; /* NULL: there is no trust store that can be read */
	struct hosts *hosts;
	uint16_t port; /* of servers; 443 unless told otherwise, 0: any */
	struct observer observer;
};

/* Exit code; says what is wrong. After a failure too, seen_deinit() is to be called. */
int seen_init(struct seen *seen, const struct cli *cli);
void seen_deinit(struct seen *seen);

/* Counts what is pending, probes what is unknown if that was wanted, and writes the report. */
int seen_report(struct seen *seen, const struct cli *cli);

/*
 * The trust store of the configuration or else the default one. NULL, and a warning, when it cannot
 * be read.
 */
struct trust *seen_trust(const struct cli *cli);

#endif
