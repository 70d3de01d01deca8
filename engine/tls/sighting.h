/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_SIGHTING_H
#define POSTERN_TLS_SIGHTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/certificate.h"
#include "tls/certreq.h"
#include "tls/hello.h"

/*
 * What a bystander can tell of a TLS connection whose first bytes he saw: in TLS 1.3 the name and
 * the version, before it also whether the server asked for a certificate, and whether the client
 * had one. No I/O: bytes of both directions in, facts out. What is not seen is never guessed.
 */

/* Did the server ask, in this connection's handshake? */
#define SIGHTING_ASKS(X)                                                                           \
	X(SIGHTING_UNSEEN, "unseen")       /* the bytes end, or break, before that */              \
	X(SIGHTING_ENCRYPTED, "encrypted") /* TLS 1.3 */                                           \
	X(SIGHTING_RESUMED, "resumed")     /* a session of before: nothing is asked again */       \
	X(SIGHTING_NOT_ASKED, "no")                                                                \
	X(SIGHTING_ASKED, "yes")

/* What did the client answer? */
#define SIGHTING_ANSWERS(X)                                                                        \
	X(SIGHTING_NO_ANSWER, "unseen")                                                            \
	X(SIGHTING_EMPTY, "empty")                                                                 \
	X(SIGHTING_CERTIFICATE, "certificate")

#define SIGHTING_ENUM(name, word) name,
enum sighting_ask { SIGHTING_ASKS(SIGHTING_ENUM) };
enum sighting_answer { SIGHTING_ANSWERS(SIGHTING_ENUM) };
#undef SIGHTING_ENUM

enum sighting_state {
	SIGHTING_MORE, /* more bytes could tell more */
	SIGHTING_DONE,
	SIGHTING_NOT_TLS,
	SIGHTING_UNREADABLE, /* begins as TLS, and the hello is broken or too large */
};

struct sighting {
	enum sighting_state state;
	/* With SIGHTING_MORE: not worth another look before one of them has so many bytes. */
	size_t needs_to_server, needs_to_client; /* SIZE_MAX: whatever comes does not matter */

	/* From here on zero unless the hello was read. */
	bool has_hello;
	char host[HELLO_HOST_MAX]; /* as in struct hello; "": none */
	uint16_t version;          /* that the server chose; 0: not seen */
	enum sighting_ask ask;
	enum sighting_answer answer;
	bool is_accepted; /* the server went on with it: its ChangeCipherSpec was seen */
	uint8_t server_alert, client_alert; /* fatal ones in the clear; 0: none */

	/* For the functions below. */
	uint8_t *messages; /* owned */
	const uint8_t *certificates, *request;
	size_t n_certificates, n_request;
};

/* 0 or -ENOMEM. *ret_sighting is owned: sighting_deinit(). */
int sighting_read(const uint8_t *to_server, size_t n_to_server, const uint8_t *to_client,
		  size_t n_to_client, struct sighting *ret_sighting);
void sighting_deinit(struct sighting *sighting);

/* The server's chain, leaf first, borrowed. The number of certificates put out; 0: not seen. */
unsigned sighting_chain(const struct sighting *sighting, struct der *ret_chain, unsigned n);

/* With SIGHTING_ASKED: what was asked. 0 or -ENOMEM. */
int sighting_request(const struct sighting *sighting, struct certreq *ret_request);

#endif
