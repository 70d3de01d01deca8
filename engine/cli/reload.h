/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_RELOAD_H
#define POSTERN_CLI_RELOAD_H

#include "policy/config.h"

enum reload {
	RELOAD_DONE,    /* the engine and the gate have it */
	RELOAD_NOBODY,  /* posternd does not run */
	RELOAD_REFUSED, /* it says why in its log, and goes on as before */
	RELOAD_SILENT,  /* it does not answer */
	RELOAD_FAILED,  /* it cannot be told, see errno */
};

/* Tells a running posternd to reload (SIGHUP), and waits for nothing: DONE is that it was told. */
enum reload reload_tell(const struct config *config);
/* The same, and waits for what comes of it. */
enum reload reload_await(const struct config *config);

#endif
