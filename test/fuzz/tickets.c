/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What clients bring as a ticket. An even first byte: the rest is the ticket. An odd one: the rest
 * is the session inside a ticket that does open, as only this engine could have made it; with 2 in
 * it the ticket is for another binding, and must not.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tls/session.h"
#include "tls/tickets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tickets *tickets;

static struct tickets_use begin(void)
{
	if (!tickets) {
		if (tls_init() < 0)
			abort();
		tickets = tickets_new(clock_us() / 1000);
	}
	if (!tickets)
		abort();
	return (struct tickets_use){ .tickets = tickets, .binding = "here" };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tickets_use use = begin(), other = { .tickets = tickets, .binding = "elsewhere" };
	uint8_t choice = size > 0 ? data[0] : 0;
	mbedtls_ssl_session session;
	uint8_t *ticket;
	size_t n = size > 0 ? size - 1 : 0;
	int r;

	if ((choice & 1) && n > TICKETS_SESSION_MAX)
		n = TICKETS_SESSION_MAX;
	ticket = malloc(n + TICKETS_OVERHEAD);
	if (!ticket)
		abort();
	if (choice & 1) {
		if (!tickets_seal(tickets, choice & 2 ? other.binding : use.binding,
				  clock_us() / 1000, data + 1, n, ticket))
			abort();
		n += TICKETS_OVERHEAD;
	} else if (n > 0) {
		memcpy(ticket, data + 1, n);
	}
	mbedtls_ssl_session_init(&session);
	r = tickets_parse(&use, &session, ticket, n);
	/* The like of which a session of ours never is: it would have to be guessed. */
	if (r == 0 && (!(choice & 1) || (choice & 2)))
		abort();
	if (r == 0 && session.ticket_alpn)
		abort();
	mbedtls_ssl_session_free(&session);
	free(ticket);
	return 0;
}
