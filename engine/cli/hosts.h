/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_HOSTS_H
#define POSTERN_CLI_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "cli/ask.h"
#include "tls/sighting.h"

/* What was seen of each server: a host name at an address and port. */

enum {
	HOST_VERSIONS = 5, /* SSL 3.0 to TLS 1.3 */
	HOST_ASKS = SIGHTING_ASKED + 1,
	HOST_ANSWERS = SIGHTING_CERTIFICATE + 1,
	HOSTS_MAX = 100000,
};

/* Does this server ask for client certificates, as far as is known? */
enum host_asks {
	HOST_ASKS_YES,
	HOST_ASKS_UNKNOWN,
	HOST_ASKS_NO,
};

struct host {
	char name[HELLO_HOST_MAX]; /* "": the client named none */
	union addr server;
	unsigned connections;
	unsigned versions[HOST_VERSIONS]; /* connections by version, from 0x0300 on */
	unsigned asks[HOST_ASKS];         /* by enum sighting_ask */
	unsigned answers[HOST_ANSWERS];   /* by enum sighting_answer, of those asked */
	unsigned n_server_alerts, n_client_alerts;
	uint8_t server_alert, client_alert; /* the last of them */
	bool has_request;
	struct certreq request; /* the first that was seen */
	bool has_key;
	uint8_t key_sha256[32]; /* the key of the certificate last seen, and what of its chain */
	bool is_judged;
	enum verify_result verdict;
	struct ask *probe; /* NULL: was not probed */
};

struct hosts;

/* `trust` judges the chains seen, and is borrowed; NULL: they are not judged. NULL: no memory. */
struct hosts *hosts_new(const struct trust *trust);
void hosts_free(struct hosts *hosts);

/* One connection, its hello seen. 0; -ENOMEM; -ENOSPC when there are HOSTS_MAX already. */
int hosts_add(struct hosts *hosts, const union addr *server, const struct sighting *sighting);

unsigned hosts_count(const struct hosts *hosts);
/* Those that ask, the unknown ones, the others. Borrowed until a host is added. NULL: no memory. */
struct host *const *hosts_sorted(struct hosts *hosts);

enum host_asks host_asks(const struct host *host);
/* What it asked for, seen or probed; NULL: it did not, or the names are not known. */
const struct certreq *host_request(const struct host *host);
/* Whether its chain was judged, seen or probed. */
bool host_is_judged(const struct host *host, enum verify_result *ret_verdict);

#endif
