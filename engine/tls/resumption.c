/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The library could save sessions itself. But it takes tickets of TLS 1.3 only while it reads the
 * session, which after the handshake it does not; and it would keep, parse and copy the server's
 * certificate with each. So its structure is filled here with what a handshake needs, and nothing
 * else.
 *
 * Private members used of mbedtls_ssl_session: all that are named below; of mbedtls_ssl_context:
 * hostname, session.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/resumption.h"

#include <errno.h>
#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

#include "tls/label.h"
#include "tls/mbed.h"

enum {
	SECONDS_MAX = 86400,
	NO_HINT = 300, /* of a server of TLS 1.2 that leaves it to us */
};

struct resumption {
	mbedtls_ssl_session session;
};

void resumption_free(struct resumption *resumption)
{
	if (!resumption)
		return;
	mbedtls_ssl_session_free(&resumption->session); /* wipes it */
	free(resumption);
}

uint32_t resumption_seconds(const struct resumption *resumption)
{
	uint32_t seconds = resumption->session.ticket_lifetime;

	if (seconds == 0)
		return NO_HINT;
	return seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
}

static struct resumption *resumption_new(const uint8_t *ticket, size_t n)
{
	struct resumption *resumption = calloc(1, sizeof(*resumption));

	if (!resumption)
		return NULL;
	mbedtls_ssl_session_init(&resumption->session);
	resumption->session.endpoint = MBEDTLS_SSL_IS_CLIENT;
	if (n == 0)
		return resumption;
	resumption->session.ticket = calloc(1, n); /* the library frees it, by this allocator */
	if (!resumption->session.ticket) {
		resumption_free(resumption);
		return NULL;
	}
	memcpy(resumption->session.ticket, ticket, n);
	resumption->session.ticket_len = n;
	return resumption;
}

struct resumption *resumption_of_session(const struct session *session)
{
	const mbedtls_ssl_session *its = session->mbed->ssl.session;
	struct resumption *resumption;

	if (!its || (its->ticket_len == 0 && its->id_len == 0))
		return NULL;
	resumption = resumption_new(its->ticket, its->ticket_len);
	if (!resumption)
		return NULL;
	resumption->session.tls_version = its->tls_version;
	resumption->session.ciphersuite = its->ciphersuite;
	resumption->session.ticket_lifetime = its->ticket_lifetime;
	resumption->session.start = its->start;
	resumption->session.encrypt_then_mac = its->encrypt_then_mac;
	resumption->session.mfl_code = its->mfl_code;
	resumption->session.id_len = its->id_len;
	memcpy(resumption->session.id, its->id, sizeof(its->id));
	memcpy(resumption->session.master, its->master, sizeof(its->master));
	return resumption;
}

void resumption_secret_keep(struct resumption_secret *secret, const struct session *session)
{
	const mbedtls_ssl_session *its = session->mbed->ssl.session;

	secret->suite = its->ciphersuite;
	secret->hash = (mbedtls_md_type_t)mbedtls_ssl_ciphersuite_from_id(its->ciphersuite)->mac;
	secret->n = mbedtls_md_get_size(mbedtls_md_info_from_type(secret->hash));
	if (secret->n > sizeof(secret->bytes))
		secret->n = 0;
	memcpy(secret->bytes, its->app_secrets.resumption_master_secret, secret->n);
}

struct resumption *resumption_of_ticket(const struct resumption_secret *secret, struct reader body)
{
	uint32_t lifetime = reader_uint(&body, 4), age_add = reader_uint(&body, 4);
	struct reader nonce = reader_vector(&body, 1), ticket = reader_vector(&body, 2);
	struct label label = { .text = "resumption", .n_context = reader_left(&nonce) };
	size_t n = reader_left(&ticket);
	struct resumption *resumption;

	(void)reader_vector(&body, 2);
	if (!reader_ok(&body) || reader_left(&body) != 0 || n == 0 || lifetime == 0 || !secret->n)
		return NULL;
	label.context = reader_bytes(&nonce, label.n_context);
	resumption = resumption_new(reader_bytes(&ticket, n), n);
	if (!resumption)
		return NULL;
	resumption->session.tls_version = MBEDTLS_SSL_VERSION_TLS1_3;
	resumption->session.ciphersuite = secret->suite;
	resumption->session.ticket_lifetime = lifetime < SECONDS_MAX ? lifetime : SECONDS_MAX;
	resumption->session.ticket_age_add = age_add;
	resumption->session.ticket_flags = MBEDTLS_SSL_TLS1_3_TICKET_ALLOW_PSK_EPHEMERAL_RESUMPTION;
	resumption->session.ticket_reception_time = mbedtls_ms_time();
	resumption->session.resumption_key_len = (uint8_t)secret->n;
	if (label_expand(secret->hash, secret->bytes, secret->n, label,
			 resumption->session.resumption_key, secret->n) < 0) {
		resumption_free(resumption);
		return NULL;
	}
	return resumption;
}

bool resumption_offer(struct session *session, const struct resumption *resumption)
{
	mbedtls_ssl_session offered = resumption->session; /* its parts are borrowed */

	if (offered.tls_version == MBEDTLS_SSL_VERSION_TLS1_3)
		offered.hostname = session->mbed->ssl.hostname;
	return mbedtls_ssl_set_session(&session->mbed->ssl, &offered) == 0;
}
