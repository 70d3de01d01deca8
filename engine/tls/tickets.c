/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * There are two keys: the one that seals, and the one that did before it, which still opens. After
 * TICKETS_LIFE_MS a new one takes the first place and the older of the two is overwritten. A ticket
 * holds the time at which it was sealed, so that none lives longer than that, whatever its key
 * does. Two lives after a session nobody can read its ticket any more, this process included.
 *
 * {name of the key, nonce, sealed {time, session}, tag}; the binding is authenticated with it. A
 * ticket that does not open costs at most one decryption, and without a known name not even that.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/tickets.h"

#include <mbedtls/gcm.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/reader.h"

enum {
	NAME = 8,
	NONCE = 12,
	TAG = 16,
	TIME = sizeof(uint64_t),
};

struct key {
	uint8_t name[NAME]; /* random, as is the rest */
	uint8_t bytes[32];
};

struct tickets {
	pthread_mutex_t lock;
	struct key keys[2]; /* the one that seals, the one before it */
	uint64_t made;      /* the former */
};

static bool fill(void *bytes, size_t n)
{
	return getrandom(bytes, n, 0) == (ssize_t)n;
}

struct tickets *tickets_new(uint64_t now)
{
	struct tickets *tickets = calloc(1, sizeof(*tickets));

	if (!tickets)
		return NULL;
	pthread_mutex_init(&tickets->lock, NULL);
	tickets->made = now;
	/* Both of them: a key of zeros would open what anybody sealed. */
	if (!fill(tickets->keys, sizeof(tickets->keys))) {
		tickets_free(tickets);
		return NULL;
	}
	return tickets;
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	pthread_mutex_destroy(&tickets->lock);
	explicit_bzero(tickets, sizeof(*tickets));
	free(tickets);
}

void tickets_rotate(struct tickets *tickets, uint64_t now)
{
	struct key key;

	/* Nobody else writes `made`. Without random numbers the old keys go on for a while. */
	if (now - tickets->made < TICKETS_LIFE_MS || !fill(&key, sizeof(key)))
		return;
	pthread_mutex_lock(&tickets->lock);
	tickets->keys[1] = tickets->keys[0];
	tickets->keys[0] = key;
	pthread_mutex_unlock(&tickets->lock);
	tickets->made = now;
	explicit_bzero(&key, sizeof(key));
}

/* --- sealing and opening --- */

/* The key of that name, or without a name the one that seals; the caller wipes it. */
static bool find_key(struct tickets *tickets, const uint8_t *name, struct key *ret_key)
{
	bool is_found = false;

	pthread_mutex_lock(&tickets->lock);
	for (unsigned i = 0; i < 2 && !is_found; i++) {
		is_found = !name || memcmp(name, tickets->keys[i].name, NAME) == 0;
		if (is_found)
			*ret_key = tickets->keys[i];
	}
	pthread_mutex_unlock(&tickets->lock);
	return is_found;
}

static bool prepare(mbedtls_gcm_context *gcm, const struct key *key)
{
	mbedtls_gcm_init(gcm);
	return mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, key->bytes, 256) == 0;
}

bool tickets_seal(struct tickets *tickets, const uint8_t binding[TICKETS_BINDING], uint64_t now,
		  const uint8_t *bytes, size_t n, uint8_t *ret_ticket)
{
	uint8_t plain[TIME + TICKETS_SESSION_MAX];
	uint8_t *nonce = ret_ticket + NAME, *sealed = nonce + NONCE;
	mbedtls_gcm_context gcm;
	struct key key;
	bool is_sealed;

	if (n > TICKETS_SESSION_MAX || !fill(nonce, NONCE) || !find_key(tickets, NULL, &key))
		return false;
	memcpy(ret_ticket, key.name, NAME);
	memcpy(plain, &now, TIME);
	memcpy(plain + TIME, bytes, n);
	is_sealed = prepare(&gcm, &key) &&
		    mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, TIME + n, nonce, NONCE,
					      binding, TICKETS_BINDING, plain, sealed, TAG,
					      sealed + TIME + n) == 0;
	mbedtls_gcm_free(&gcm);
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(plain, sizeof(plain));
	return is_sealed;
}

bool tickets_open(struct tickets *tickets, const uint8_t binding[TICKETS_BINDING], uint64_t now,
		  const uint8_t *ticket, size_t n, uint8_t ret_bytes[TICKETS_SESSION_MAX],
		  size_t *ret_n)
{
	uint8_t plain[TIME + TICKETS_SESSION_MAX];
	struct reader r = reader_of(ticket, n);
	const uint8_t *name = reader_bytes(&r, NAME), *nonce = reader_bytes(&r, NONCE);
	size_t length = n - TICKETS_OVERHEAD;
	const uint8_t *sealed = n < TICKETS_OVERHEAD ? NULL : reader_bytes(&r, TIME + length);
	const uint8_t *tag = reader_bytes(&r, TAG);
	mbedtls_gcm_context gcm;
	struct key key;
	uint64_t made;
	bool is_open;

	if (!sealed || !tag || length > TICKETS_SESSION_MAX || !find_key(tickets, name, &key))
		return false;
	is_open = prepare(&gcm, &key) &&
		  mbedtls_gcm_auth_decrypt(&gcm, TIME + length, nonce, NONCE, binding,
					   TICKETS_BINDING, tag, TAG, sealed, plain) == 0;
	mbedtls_gcm_free(&gcm);
	explicit_bzero(&key, sizeof(key));
	if (is_open) {
		memcpy(&made, plain, TIME);
		is_open = now - made < TICKETS_LIFE_MS;
	}
	if (is_open) {
		memcpy(ret_bytes, plain + TIME, length);
		*ret_n = length;
	}
	explicit_bzero(plain, sizeof(plain));
	return is_open;
}

/* --- for the library --- */

int tickets_write(void *use, const struct mbedtls_ssl_session *session, uint8_t *begin,
		  const uint8_t *end, size_t *ret_n, uint32_t *ret_lifetime)
{
	const struct tickets_use *its = use;
	uint8_t bytes[TICKETS_SESSION_MAX];
	size_t n = 0;
	bool is_made = mbedtls_ssl_session_save(session, bytes, sizeof(bytes), &n) == 0 &&
		       (size_t)(end - begin) >= n + TICKETS_OVERHEAD &&
		       tickets_seal(its->tickets, its->binding, clock_us() / 1000, bytes, n, begin);

	explicit_bzero(bytes, sizeof(bytes));
	*ret_n = n + TICKETS_OVERHEAD;
	*ret_lifetime = TICKETS_LIFE_MS / 1000;
	if (is_made)
		return 0;
	if (begin == end)
		return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	/* An error would end a session that is good: one that opens nothing, not to be kept. */
	*begin = 0;
	*ret_n = 1;
	*ret_lifetime = 0;
	return 0;
}

int tickets_parse(void *use, struct mbedtls_ssl_session *session, uint8_t *ticket, size_t n)
{
	const struct tickets_use *its = use;
	uint8_t bytes[TICKETS_SESSION_MAX];
	int r = MBEDTLS_ERR_SSL_INVALID_MAC;
	size_t length;

	if (!tickets_open(its->tickets, its->binding, clock_us() / 1000, ticket, n, bytes, &length))
		return r;
	r = mbedtls_ssl_session_load(session, bytes, length);
	explicit_bzero(bytes, sizeof(bytes));
	if (r != 0)
		return r;
	/* For early data alone, and not each of the library's ways on from here would free it. */
	mbedtls_free(session->ticket_alpn);
	session->ticket_alpn = NULL;
	return 0;
}
