/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_OBSERVING_H
#define POSTERN_POLICY_OBSERVING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "policy/icap_url.h"
#include "policy/issuing.h"
#include "policy/rule.h"
#include "policy/words.h"

/* What the configuration says of those who look on: events, captures, HTTP, ICAP, metrics. */

struct config_web {
	char listen[CONFIG_NAME_MAX * 2]; /* as endpoint_read() takes it, or "none" */
	bool is_remote;                   /* it need not be this machine's own */
	char name[CONFIG_NAME_MAX];
	char token[CONFIG_PATH_MAX];   /* file, or "none" */
	char program[CONFIG_PATH_MAX]; /* "": found beside posternd or in libexec */
};

struct config_capture {
	char folder[CONFIG_PATH_MAX]; /* or "none" */
	char listen[CONFIG_PATH_MAX]; /* as local_parse() takes it, or "none" */
	bool is_default;
	enum capture_ports ports;
	unsigned size; /* MiB */
	uint64_t age;  /* ms */
	unsigned n_files;
};

struct config_http {
	bool events;
	char page[CONFIG_PATH_MAX]; /* "": the built-in one */
	enum action unreadable;     /* pass | block */
};

struct config_icap {
	char url[ICAP_URL_MAX]; /* "": bodies are not judged */
	bool is_default;        /* those of which no rule says it are */
	bool requests;          /* and of these, not only of responses */
	uint64_t timeout;       /* ms */
	enum action on_failure; /* pass | block */
	enum action oversized;  /* pass | block */
	uint64_t max_body;
	uint64_t max_memory;  /* for each worker */
	unsigned connections; /* of each worker */
};

struct config_log {
	struct output_options outputs[OUTPUTS_MAX];
	unsigned n_outputs;
	uint64_t queue;              /* bytes */
	uint64_t stats_interval;     /* ms */
	char level[CONFIG_NAME_MAX]; /* error | warning | info | debug */
};

#endif
