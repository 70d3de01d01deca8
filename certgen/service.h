/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_SERVICE_H
#define POSTERN_CERTGEN_SERVICE_H

#include "base/quota.h"
#include "certgen/cache.h"
#include "certgen/forge.h"
#include "certgen/limit.h"
#include "certgen/record.h"

/* A message in, its answer out; no sockets here, so that a test or a fuzzer can drive it. */

enum {
	SERVICE_CA_KINDS = CERTGEN_UNTRUSTED + 1,
	SERVICE_QUOTA_US = 60 * 1000000,
};

struct service {
	struct ca *ca[SERVICE_CA_KINDS]; /* by enum certgen_kind; NULL: not configured */
	struct cache *cache;
	int64_t max_lifetime; /* seconds */
	struct limit limit;   /* of uses of the keys */
	struct quota quota;   /* of each client's */
	unsigned per_client;  /* of those, in SERVICE_QUOTA_US; 0: no limit */
	struct record record; /* of uses of the keys */
	uint64_t quiet_until; /* ms: no line about these limits before */
};

/* What one socket has told us. Zero-initialised; service_session_deinit(). */
struct service_session {
	struct forge_key keys[WIRE_KEY_KINDS];
	struct cache_key hashes[WIRE_KEY_KINDS]; /* of each key's SubjectPublicKeyInfo */
};

/*
 * 0 with *ret_length bytes to send (none for a message without answer); -errno when the peer
 * should be dropped: -EBADMSG for one that broke the format. `now`: seconds since 1970.
 */
int service_handle(struct service *service, struct service_session *session, int64_t now,
		   const uint8_t *message, size_t n, uint8_t answer[CERTGEN_MESSAGE_MAX],
		   size_t *ret_length);

void service_session_deinit(struct service_session *session);
void service_deinit(struct service *service);

#endif
