/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_PINNED_H
#define POSTERN_LEARN_PINNED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Clients that refuse our forged leaf though they trust our CA: they know the server's own
 * certificate ("pinning"). In memory only and bounded, what waited longest makes room; any thread
 * may call. `now` is clock_us().
 *
 * A client is a program at an address. A host is pinned for it when it refused the host's leaf
 * itself and when `refusals` refusals by `clients` addresses are known, all within `window`. Those
 * of a client that lacks our CA do not count, and a client lacks it
 *   - whose address took no leaf of any host within the window, or
 *   - which refused more than PINNED_REFUSED_HOSTS hosts within the window, and took none.
 * This is asked anew each time: a client that shows its trust later has its refusals counted from
 * then on, and one that is found to lack the CA has them no longer counted.
 */
struct pinned;

enum {
	PINNED_REFUSED_HOSTS = 4,
	PINNED_TIMES = 16, /* one client's refusals of one host count no more than this */

	PINNED_ADDRESSES = 65536,
	PINNED_PROGRAMS = 65536,      /* over all addresses; only those that took a leaf */
	PINNED_REFUSALS = 32768,      /* pairs of client and host */
	PINNED_HOST_REFUSALS = 4096,  /* the same, for one host */
	PINNED_ADDRESS_REFUSALS = 256 /* the same, for one address */
};

struct pinned_options {
	unsigned refusals, clients; /* 0 is as 1 */
	uint64_t window;            /* us */
};

struct pinned_client {
	union addr address;  /* its port does not matter */
	const char *program; /* fingerprint of its hello (JA4); 39 characters count */
};

struct pinned_count {
	unsigned refusals, clients; /* of a host, within the window, by those that have our CA */
};

enum pinned_finding {
	PINNED_NOT_YET,    /* counted */
	PINNED_UNTRUSTING, /* the client lacks our CA, which is another matter */
	PINNED_NEW,        /* with this refusal the host is found to be pinned by this client */
	PINNED_KNOWN,      /* it was already */
};

/* NULL: no memory. */
struct pinned *pinned_new(const struct pinned_options *options);
void pinned_free(struct pinned *pinned);
void pinned_set_options(struct pinned *pinned, const struct pinned_options *options);

/*
 * The client took our leaf for the host, or refused it. Hosts are compared byte by byte: in lower
 * case, please. Without memory a leaf taken is forgotten at once, and so is a refusal (NOT_YET).
 */
void pinned_accepted(struct pinned *pinned, const struct pinned_client *client, const char *host,
		     uint64_t now);
enum pinned_finding pinned_refused(struct pinned *pinned, const struct pinned_client *client,
				   const char *host, uint64_t now, struct pinned_count *ret_count);

/* Whether the host is pinned for this client. */
bool pinned_is(struct pinned *pinned, const struct pinned_client *client, const char *host,
	       uint64_t now);

#endif
