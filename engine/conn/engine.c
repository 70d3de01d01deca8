/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "http/page.h"
#include "net/told.h"
#include "policy/load.h"

enum {
	REFRESH_MS = 2000,
	RETRY_MS = 30000, /* when it failed */
};

static int load_trust(const struct config *config, struct trust **ret_trust,
		      struct config_error *ret_error)
{
	char next[CONFIG_PATH_MAX + sizeof(CA_NEXT)];
	char previous[CONFIG_PATH_MAX + sizeof(CA_PREVIOUS)];
	struct trust_sources sources = {
		.store = config->upstream.trust_store,
		.crls = config->upstream.crls,
		.own = { config->ca.certificate, config->ca.untrusted_certificate, next, previous },
	};
	char path[TRUST_PATH_SIZE];
	int r;

	snprintf(next, sizeof(next), "%s" CA_NEXT, config->ca.certificate);
	snprintf(previous, sizeof(previous), "%s" CA_PREVIOUS, config->ca.certificate);
	r = trust_load(&sources, ret_trust, path);
	if (r < 0)
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "what servers are verified against: %s: %s", path, trust_problem(r));
	return r;
}

static int load_page(const struct config *config, char **ret_page, struct config_error *ret_error)
{
	int r = page_load(config->http.page, ret_page);

	if (r < 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "http.page: %s: %s",
			 config->http.page, r == -EFBIG ? "more than 8 KiB" : strerror(-r));
	return r;
}

int settings_new(struct config *config, struct settings **ret_settings,
		 struct config_error *ret_error)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	int r;

	if (!settings) {
		snprintf(ret_error->text, sizeof(ret_error->text), "no memory");
		return -ENOMEM;
	}
	r = load_trust(config, &settings->trust, ret_error);
	if (r == 0)
		r = load_page(config, &settings->page, ret_error);
	if (r == 0 && getrandom(&settings->generation, sizeof(settings->generation), 0) < 0) {
		r = -errno;
		snprintf(ret_error->text, sizeof(ret_error->text), "random numbers: %s",
			 strerror(errno));
	}
	if (r < 0) {
		trust_free(settings->trust);
		free(settings->page);
		free(settings);
		return r;
	}
	pthread_mutex_init(&settings->lock, NULL);
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

struct settings *settings_ref(struct settings *settings)
{
	atomic_fetch_add(&settings->n_refs, 1);
	return settings;
}

void settings_unref(struct settings *settings)
{
	if (!settings || atomic_fetch_sub(&settings->n_refs, 1) > 1)
		return;
	trust_free(settings->trust);
	pthread_mutex_destroy(&settings->lock);
	config_free(settings->config);
	free(settings->page);
	free(settings);
}

struct trust *settings_trust(struct settings *settings)
{
	struct trust *trust;

	pthread_mutex_lock(&settings->lock);
	trust = trust_ref(settings->trust);
	pthread_mutex_unlock(&settings->lock);
	return trust;
}

void settings_refresh(struct settings *settings, uint64_t now)
{
	struct config_error error;
	struct trust *trust, *old = settings->trust;

	if (now < settings->tried + REFRESH_MS)
		return;
	settings->tried = now;
	if (!trust_is_stale(old))
		return;
	if (load_trust(settings->config, &trust, &error) < 0) {
		log_error("%s: what was read before stays in force", error.text);
		settings->tried = now + RETRY_MS - REFRESH_MS;
		return;
	}
	pthread_mutex_lock(&settings->lock);
	settings->trust = trust;
	pthread_mutex_unlock(&settings->lock);
	trust_free(old);
	log_info("certificate files have changed: %s", settings->config->upstream.trust_store);
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
	settings = settings_ref(engine->settings);
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
