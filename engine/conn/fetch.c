/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/fetch.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "conn/worker.h"
#include "tls/aia.h"
#include "tls/ocsp.h"

_Static_assert(sizeof(struct fetch_order) + OCSP_URL_SIZE + OCSP_REQUEST_MAX <= FETCH_MESSAGE_MAX,
	       "an order would not fit");
_Static_assert((int)AIA_URL_SIZE <= (int)OCSP_URL_SIZE && (int)AIA_SIZE_MAX <= (int)OCSP_ANSWER_MAX,
	       "nor would an address, or an answer");

void fetch_line_init(struct fetch_line *line, int fd)
{
	*line = (struct fetch_line){ .sock = { .fd = fd, .readable = true, .writable = true } };
}

void fetch_line_deinit(struct fetch_line *line)
{
	sock_close(&line->sock);
}

uint64_t fetch_send(struct conn *c, const char *url, const uint8_t *body, size_t n_body)
{
	struct fetch_line *line = &c->worker->fetch;
	const struct config *config = config_of(c);
	struct fetch_order order = {
		.number = line->last + 1,
		.mark = config->mark_upstream,
		.timeout_s = (uint32_t)((config->timeouts.ocsp + 999) / 1000),
		.n_url = (uint32_t)strlen(url),
		.n_body = (uint32_t)n_body,
		.may_be_private = config->upstream.ocsp_private,
	};
	uint8_t message[FETCH_MESSAGE_MAX];
	size_t n = sizeof(order);

	if (line->sock.fd < 0 || order.n_url >= OCSP_URL_SIZE || n_body > OCSP_REQUEST_MAX)
		return 0;
	memcpy(message, &order, n);
	memcpy(message + n, url, order.n_url);
	n += order.n_url;
	if (n_body > 0)
		memcpy(message + n, body, n_body);
	n += n_body;
	line->sock.writable = true; /* full is not for long */
	if (sock_send(&line->sock, message, n) != (ssize_t)n)
		return 0;
	return ++line->last;
}

static void settle(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n)
{
	if (!revocation_settle(worker, number, bytes, n))
		(void)issuers_settle(worker, number, bytes, n);
}

/* Nobody will answer any more. */
static void lose(struct worker *worker)
{
	log_error(
		"the fetcher is gone: authorities are not asked until the engine is started again");
	sock_close(&worker->fetch.sock);
	revocation_lose(worker);
	issuers_lose(worker);
}

void fetch_receive(struct worker *worker)
{
	static const size_t header = sizeof(uint64_t);
	struct fetch_line *line = &worker->fetch;
	uint8_t message[sizeof(uint64_t) + OCSP_ANSWER_MAX];
	uint64_t number;
	ssize_t n;

	line->sock.readable = true;
	while ((n = sock_recv(&line->sock, message, sizeof(message))) >= (ssize_t)header) {
		memcpy(&number, message, header);
		settle(worker, number, message + header, (size_t)n - header);
	}
	if (n != -EAGAIN)
		lose(worker);
	worker_wake_waiting(worker);
}
