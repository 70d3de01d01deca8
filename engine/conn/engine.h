/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_ENGINE_H
#define POSTERN_CONN_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "base/status.h"
#include "conn/redirects.h"
#include "learn/exclusive.h"
#include "learn/learn.h"
#include "learn/pinned.h"
#include "policy/config.h"
#include "tap/events.h"
#include "tap/recorder.h"
#include "tls/leaf.h"
#include "tls/limits.h"
#include "tls/tickets.h"
#include "tls/verify.h"

/*
 * What all workers share. A reload makes new settings; each connection keeps those it began with.
 */
struct settings {
	atomic_uint n_refs;
	struct config *config;    /* owned */
	struct tls_limits limits; /* what it says of them */
	char *page;               /* the template of http.page; owned */
	pthread_mutex_t lock;     /* of trust, which follows its files */
	struct trust *trust;      /* counted */
	uint64_t tried;           /* ms: when it was last looked whether they changed */
	uint64_t generation;      /* random: nobody has to count */
};

/* Takes the configuration over; it stays the caller's when this fails. 0 or -errno, with text. */
int settings_new(struct config *config, struct settings **ret_settings,
		 struct config_error *ret_error);
struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings);
/* What chains are judged by now; counted. */
struct trust *settings_trust(struct settings *settings);
/* Loads it anew if its files have changed. By one thread, as often as it likes. */
void settings_refresh(struct settings *settings, uint64_t now);

struct engine {
	pthread_mutex_t lock; /* of settings */
	struct settings *settings;
	struct learned *learned;
	struct exclusive *exclusive;
	struct pinned *pinned;
	struct events *events;
	struct recorder *recorder;
	struct leaf_keys *leaf_keys;
	struct tickets *tickets;
	struct status *status;   /* shared with the other processes */
	struct metrics *metrics; /* as well */
	struct redirects redirects;
	int gate_line;          /* for told_send(); -1: none */
	atomic_uint kernel_tls; /* enum kernel_tls: what this kernel can do, if it is wanted */
	unsigned n_workers;
	unsigned room; /* connections that the limit on descriptors has room for */
	atomic_uint n_connections;
	atomic_uint_fast64_t n_flows;
	atomic_bool is_draining; /* another engine accepts from now on */
	atomic_bool is_stopping;
};

/* A server of this address asked for a certificate, or did not: the gate may have to know. */
void engine_note_address(struct engine *engine, const struct config *config,
			 const union addr *server, bool has_asked);

/* The settings of now, counted. */
struct settings *engine_settings(struct engine *engine);
/* Puts the new settings in force; takes over the caller's reference. */
void engine_set_settings(struct engine *engine, struct settings *settings);

#endif
