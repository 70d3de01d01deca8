/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_ASKED_H
#define POSTERN_POLICY_ASKED_H

#include "policy/config.h"

/* What the owner wants of a server that asks for a client certificate, by what is known of it. */
enum asked {
	ASKED_ANYHOW,
	ASKED_UNUSED,   /* it serves those who have none, and nobody sent one */
	ASKED_REQUIRED, /* it refuses those who have none */
};

enum action asked_action(const struct config *config, enum asked asked);

#endif
