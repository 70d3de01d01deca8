/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/asked.h"

static enum on_outcome outcome(const struct config *config, enum asked asked)
{
	switch (asked) {
	case ASKED_ANYHOW:
		break;
	case ASKED_UNUSED:
		return config->client_certificate.unused;
	case ASKED_REQUIRED:
		return config->client_certificate.required;
	}
	return ON_OUTCOME_AS_REQUESTED;
}

enum action asked_action(const struct config *config, enum asked asked)
{
	switch (outcome(config, asked)) {
	case ON_OUTCOME_AS_REQUESTED:
		break;
	case ON_OUTCOME_PASS:
		return ACTION_PASS;
	case ON_OUTCOME_INTERCEPT:
		return ACTION_INTERCEPT;
	case ON_OUTCOME_BLOCK:
		return ACTION_BLOCK;
	}
	return config->client_certificate.requested;
}
