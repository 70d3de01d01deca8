/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CLIENT_H
#define POSTERN_CERTGEN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The engine's end of the socket pair to certgen. Never blocks, opens nothing, keeps no table of
 * what is outstanding: the caller matches answers by id. One socket (SOCK_SEQPACKET) per worker.
 */

enum certgen_kind {
	CERTGEN_TRUSTED,   /* signed by the appliance's CA: only for a server that verified */
	CERTGEN_UNTRUSTED, /* by the second CA that nobody trusts: the client's own warning shows */
};

enum certgen_key {
	CERTGEN_KEY_EC,  /* P-256 */
	CERTGEN_KEY_RSA, /* 2048 bits */
};

enum {
	CERTGEN_MESSAGE_MAX = 128 * 1024,
	CERTGEN_HOST_MAX = 256,
	CERTGEN_WHY_MAX = 128, /* with its NUL */
};

struct certgen_request {
	uint32_t id; /* chosen by the caller, comes back in the answer */
	enum certgen_kind kind;
	enum certgen_key key;        /* which of the engine's leaf keys the leaf is for */
	char host[CERTGEN_HOST_MAX]; /* the name the client asked for; "" when it sent none */
	union addr client;           /* for the record of issued leaves; AF_UNSPEC: not known */
	const uint8_t *leaf; /* the server's own certificate, DER, borrowed during the call */
	size_t leaf_length;
};

enum certgen_status {
	CERTGEN_OK,
	CERTGEN_REFUSED, /* unreadable, no name at all, outside the CA's life or names... */
	CERTGEN_NO_CA,   /* this kind of CA is not configured */
	CERTGEN_FAILED,  /* it could not be signed or recorded, or too many were */
};

/*
 * Certificates lie back to back as {u24 length, DER}, leaf first, then the CA chain without a
 * self-signed root.
 */
struct certgen_answer {
	uint32_t id;
	enum certgen_status status;
	/* One line, printable. Of an OK: "", or why the leaf could not be recorded. */
	char why[CERTGEN_WHY_MAX];
	const uint8_t *chain; /* points into the buffer given to certgen_receive() */
	size_t chain_length;
};

/*
 * The public halves (SubjectPublicKeyInfo, DER) of the engine's leaf keys: the first message on
 * each socket, sent once; they belong to that socket. Returns as certgen_send() does.
 */
int certgen_send_keys(int fd, const uint8_t *ec_spki, size_t ec_length, const uint8_t *rsa_spki,
		      size_t rsa_length);

/* 0; -EAGAIN when the socket is full; -EPIPE or -ECONNRESET when certgen is gone; -EMSGSIZE. */
int certgen_send(int fd, const struct certgen_request *request);

/*
 * 0; -EAGAIN when nothing is there; -EPIPE when certgen is gone; -EBADMSG for an answer that breaks
 * the format.
 */
int certgen_receive(int fd, uint8_t *buffer, size_t size, struct certgen_answer *ret_answer);

#endif
