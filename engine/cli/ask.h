/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_ASK_H
#define POSTERN_CLI_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "tls/certreq.h"
#include "tls/session.h"
#include "tls/verify.h"

/*
 * Asks a server whether it wants a client certificate, as the engine does: a handshake up to the
 * end of the server's first flight, in which nothing is sent but a hello. Blocking.
 */

enum ask_result {
	ASK_ASKED,
	ASK_NOT_ASKED,
	ASK_FAILED, /* ask.detail says why */
};

enum { ASK_TIMEOUT_MS = 8000 }; /* connect and handshake together */

struct ask {
	enum ask_result result;
	uint16_t version;       /* 0: not negotiated */
	struct certreq request; /* owned; after ASK_ASKED */
	bool is_judged;         /* the chain was, and the server has the key of its first one */
	enum verify_result verdict;
	bool has_key;
	uint8_t key_sha256[32];          /* of that certificate's key */
	char detail[VERIFY_DETAIL_SIZE]; /* of the failure or of the verdict; "" */
};

struct asker; /* what all questions share */

/*
 * `trust` is borrowed; NULL: chains are not judged. 0, -ENOMEM or -EIO (no randomness). One asker
 * at a time.
 */
int asker_new(const struct trust *trust, struct asker **ret_asker);
void asker_free(struct asker *asker);

/*
 * `host` "": the hello names none. Versions 0x0303 and 0x0304, both or one of them. NULL: no
 * memory. The result is owned: ask_free().
 */
struct ask *ask_server(const struct asker *asker, const char *host, const union addr *server,
		       uint16_t version_min, uint16_t version_max);
void ask_free(struct ask *ask);

#endif
