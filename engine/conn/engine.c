/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/told.h"
#include "policy/load.h"

int settings_new(struct config *config, struct settings **ret_settings,
		 struct config_error *ret_error)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	int r = settings ? trust_load(config->upstream.trust_store, &settings->trust) : -ENOMEM;

	if (r < 0) {
		snprintf(ret_error->text, sizeof(ret_error->text), "upstream.trust_store: %s: %s",
			 config->upstream.trust_store,
			 r == -EINVAL ? "no certificates in it" : strerror(-r));
		free(settings);
		return r;
	}
	if (getrandom(&settings->generation, sizeof(settings->generation), 0) < 0) {
		r = -errno;
		snprintf(ret_error->text, sizeof(ret_error->text), "random numbers: %s",
			 strerror(errno));
		trust_free(settings->trust);
		free(settings);
		return r;
	}
	atomic_init(&settings->n_refs, 1);
	settings->config = config;
	settings->limits = (struct tls_limits){
		.version_min = config->tls.minimum_version == TLS_VERSION_1_3 ? 0x0304 : 0x0303,
		.suites = &config->tls.suites,
		.groups = &config->tls.groups,
		.signature_algorithms = &config->tls.signature_algorithms,
	};
	*ret_settings = settings;
	return 0;
}

void settings_unref(struct settings *settings)
{
	if (!settings || atomic_fetch_sub(&settings->n_refs, 1) > 1)
		return;
	trust_free(settings->trust);
	config_free(settings->config);
	free(settings);
}

void engine_note_address(struct engine *engine, const struct config *config,
			 const union addr *server, bool has_asked)
{
	/* Nothing is lost when the gate does not hear it: the next connection tells it again. */
	if (config->learn.pass_addresses && exclusive_note(engine->exclusive, server, has_asked) &&
	    engine->gate_line >= 0)
		(void)told_send(engine->gate_line, server, (uint32_t)(config->gate.cache / 1000));
}

struct settings *engine_settings(struct engine *engine)
{
	struct settings *settings;

	pthread_mutex_lock(&engine->lock);
	settings = engine->settings;
	atomic_fetch_add(&settings->n_refs, 1);
	pthread_mutex_unlock(&engine->lock);
	return settings;
}

void engine_set_settings(struct engine *engine, struct settings *settings)
{
	struct settings *old;

	pthread_mutex_lock(&engine->lock);
	old = engine->settings;
	engine->settings = settings;
	pthread_mutex_unlock(&engine->lock);
	settings_unref(old);
}
