/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_ISSUING_H
#define POSTERN_POLICY_ISSUING_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/words.h"

/* The part of the configuration that is about forged certificates: who signs, and who records. */

enum {
	CONFIG_PATH_MAX = 512,
	CONFIG_NAME_MAX = 64,
};

/* Behind the path of a CA's certificate or key: the CA that is to follow, and the one before. */
#define CA_NEXT ".next"
#define CA_PREVIOUS ".previous"

struct config_ca {
	char certificate[CONFIG_PATH_MAX];
	char key[CONFIG_PATH_MAX];
	/* The CA that signs for `invalid: mirror`; both "": mirror is not possible. */
	char untrusted_certificate[CONFIG_PATH_MAX];
	char untrusted_key[CONFIG_PATH_MAX];
};

struct config_certgen {
	char program[CONFIG_PATH_MAX]; /* "": found beside posternd or in libexec */
	char user[CONFIG_NAME_MAX];
	uint64_t max_lifetime; /* ms; longest life of a forged leaf */
	unsigned rate, burst;  /* of new leaves */
	unsigned per_client;   /* of those, in a minute; 0: no limit */
};

struct config_audit {
	char issued[CONFIG_PATH_MAX]; /* or "none" */
	enum on_unrecorded on_failure;
	bool is_synced;
	unsigned size; /* MiB */
	unsigned n_files;
	uint64_t keep; /* ms */
};

#endif
