/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/service.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { QUIET_MS = 10000 };

/* Both are said by whoever found out, not for each request. */
static const char unrecorded[] = "it cannot be recorded";
static const char over_limit[] = "more are asked for than certgen.rate and certgen.burst allow";
static const char over_quota[] = "the client asks for more than certgen.per_client allows";

/* Certificates, back to back, as an answer carries them. */
struct chain {
	uint8_t bytes[CERTGEN_MESSAGE_MAX - WIRE_ANSWER_HEAD_MAX];
	size_t length;
};

static int take_keys(struct service_session *session, const uint8_t *message, size_t n)
{
	struct wire_keys keys;

	/* Once: the leaves already given out are for the keys that came first. */
	if (session->keys[0].spki_length > 0 || wire_parse_keys(message, n, &keys) < 0)
		return -EBADMSG;
	for (int i = 0; i < WIRE_KEY_KINDS; i++) {
		const uint8_t *der = keys.spki[i].der;
		size_t length = keys.spki[i].length;
		int r = forge_key_init(&session->keys[i], i, der, length);

		if (r == 0 && EVP_Q_digest(NULL, "SHA256", NULL, der, length,
					   session->hashes[i].bytes, NULL) != 1)
			r = -ENOMEM;
		if (r < 0) {
			service_session_deinit(session);
			return r;
		}
	}
	return 0;
}

static bool append(struct chain *chain, const struct cache_leaf *leaf, const struct ca *ca)
{
	size_t room = sizeof(chain->bytes) - chain->length;
	size_t n = wire_write_certificate(leaf->der, leaf->length, chain->bytes, room);

	if (n == 0 || ca->chain_length > room - n)
		return false;
	if (ca->chain_length > 0)
		memcpy(chain->bytes + n, ca->chain, ca->chain_length);
	chain->length = n + ca->chain_length;
	return true;
}

/* It may be a flood: a line now and then is enough. */
static bool may_speak(struct service *service, uint64_t now)
{
	if (now < service->quiet_until)
		return false;
	service->quiet_until = now + QUIET_MS;
	return true;
}

static bool is_in_limit(struct service *service)
{
	uint64_t now = clock_us() / 1000;

	if (limit_take(&service->limit, now))
		return true;
	if (may_speak(service, now))
		log_warning("more than %u new certificates a second, or %u at once, are asked for: "
			    "some are not signed (certgen.rate, certgen.burst)",
			    service->limit.rate, service->limit.burst);
	return false;
}

/* One client's flood must not use up what there is for all. */
static bool is_in_quota(struct service *service, const union addr *client)
{
	uint64_t now = clock_us();
	char text[ADDR_TEXT_MAX];

	if (service->per_client == 0 ||
	    quota_take(&service->quota, client, service->per_client, now))
		return true;
	if (may_speak(service, now / 1000))
		log_warning("%s asks for more than %u new certificates a minute: some are not "
			    "signed (certgen.per_client)",
			    addr_text(client, text), service->per_client);
	return false;
}

/* A leaf that nobody has yet: signed, recorded, remembered. */
static enum certgen_status make_leaf(struct service *service, const struct forge_order *order,
				     const union addr *client, struct forge_leaf *ret_leaf,
				     const char **ret_why)
{
	struct forge_leaf forged;
	struct record_use use = { .order = order, .client = client, .wall_us = clock_wall_us() };
	enum certgen_status status;

	/* Refused, not failed: nobody floods his way to on_failure: open. */
	if (!is_in_quota(service, client)) {
		*ret_why = over_quota;
		return CERTGEN_REFUSED;
	}
	if (!is_in_limit(service)) {
		*ret_why = over_limit;
		return CERTGEN_FAILED;
	}
	status = forge(order, &forged, ret_why);
	if (status == CERTGEN_REFUSED) /* the key was not used */
		return status;
	use.leaf = status == CERTGEN_OK ? &forged : NULL;
	if (record_write(&service->record, &use) < 0) {
		*ret_why = unrecorded;
		if (status == CERTGEN_OK && service->record.is_needed) {
			forge_leaf_deinit(&forged);
			status = CERTGEN_FAILED;
		}
	}
	if (status == CERTGEN_OK)
		*ret_leaf = forged;
	return status;
}

/* The leaf from the cache, else a new one. */
static enum certgen_status make_chain(struct service *service, struct service_session *session,
				      int64_t now, const struct certgen_request *request,
				      struct chain *chain, const char **ret_why)
{
	const struct ca *ca = service->ca[request->kind];
	struct forge_order order = {
		.ca = ca,
		.kind = request->kind,
		.host = request->host,
		.key = &session->keys[request->key],
		.now = now,
		.max_lifetime = service->max_lifetime,
		.leaf = request->leaf,
		.leaf_length = request->leaf_length,
	};
	struct forge_leaf forged;
	struct cache_leaf leaf;
	struct cache_key key;
	bool is_whole;

	*ret_why = "no keys were sent on this socket, or out of memory";
	if (order.key->spki_length == 0 ||
	    cache_key_of(request, &session->hashes[request->key], &key) < 0)
		return CERTGEN_FAILED;
	*ret_why = "";
	if (cache_get(service->cache, &key, now, &leaf)) {
		is_whole = append(chain, &leaf, ca);
	} else {
		enum certgen_status status =
			make_leaf(service, &order, &request->client, &forged, ret_why);

		if (status != CERTGEN_OK)
			return status;
		leaf = (struct cache_leaf){ forged.der, forged.length };
		is_whole = append(chain, &leaf, ca);
		if (is_whole &&
		    cache_put(service->cache, &key, &leaf, forged.not_before, forged.not_after) < 0)
			log_debug("a leaf could not be remembered");
		forge_leaf_deinit(&forged);
	}
	if (!is_whole)
		*ret_why = "it is too large";
	return is_whole ? CERTGEN_OK : CERTGEN_REFUSED;
}

static int answer_request(struct service *service, struct service_session *session, int64_t now,
			  const uint8_t *message, size_t n, uint8_t *answer, size_t *ret_length)
{
	struct certgen_request request;
	struct chain chain;
	const char *why = "this CA is not configured";
	enum certgen_status status = CERTGEN_NO_CA;

	if (wire_parse_request(message, n, &request) < 0)
		return -EBADMSG;
	chain.length = 0;
	if (service->ca[request.kind])
		status = make_chain(service, session, now, &request, &chain, &why);
	/* What a server can bring about is not worth a line in every log; what is wrong here is. */
	if (status == CERTGEN_FAILED && why != over_limit && why != unrecorded)
		log_warning("request %u failed: %s", request.id, why);
	else if (status != CERTGEN_OK)
		log_debug("request %u refused: %s", request.id, why);
	struct certgen_answer result = { .id = request.id,
					 .status = status,
					 .chain = chain.bytes,
					 .chain_length = chain.length };

	snprintf(result.why, sizeof(result.why), "%s%s%s", why, why == unrecorded ? ": " : "",
		 why == unrecorded ? strerror(service->record.error) : "");
	*ret_length = wire_write_answer(&result, answer, CERTGEN_MESSAGE_MAX);
	return 0;
}

int service_handle(struct service *service, struct service_session *session, int64_t now,
		   const uint8_t *message, size_t n, uint8_t answer[CERTGEN_MESSAGE_MAX],
		   size_t *ret_length)
{
	enum wire_type type;
	int r = wire_type(message, n, &type);

	if (r < 0)
		return r;
	switch (type) {
	case WIRE_KEYS:
		r = take_keys(session, message, n);
		if (r == 0)
			*ret_length = 0;
		return r;
	case WIRE_REQUEST:
		return answer_request(service, session, now, message, n, answer, ret_length);
	case WIRE_ANSWER:
		break;
	}
	return -EBADMSG;
}

void service_session_deinit(struct service_session *session)
{
	for (int i = 0; i < WIRE_KEY_KINDS; i++)
		forge_key_deinit(&session->keys[i]);
}

void service_deinit(struct service *service)
{
	for (int i = 0; i < SERVICE_CA_KINDS; i++)
		ca_free(service->ca[i]);
	cache_free(service->cache);
	quota_deinit(&service->quota);
}
