/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WORD(name, word) word,

const char *http_anomaly_text(enum http_anomaly anomaly)
{
	static const char *const words[] = { HTTP_ANOMALIES(WORD) };

	return words[anomaly];
}

const char *scan_verdict_text(enum scan_verdict verdict)
{
	static const char *const words[] = { SCAN_VERDICTS(WORD) };

	return words[verdict];
}

struct exchange *exchange_new(uint64_t number)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->number = number;
	exchange->began = clock_wall_us();
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->target)
		explicit_bzero(exchange->target, exchange->n_target);
	free(exchange->target);
	explicit_bzero(exchange, sizeof(*exchange));
	free(exchange);
}

void exchange_text(char *text, size_t room, const void *bytes, size_t n)
{
	if (n > room - 1)
		n = room - 1;
	if (n > 0)
		memcpy(text, bytes, n);
	text[n] = '\0';
}

bool exchange_set_target(struct exchange *exchange, const void *bytes, size_t n)
{
	char *target = malloc(n + 1);

	if (!target)
		return false;
	if (n > 0)
		memcpy(target, bytes, n);
	target[n] = '\0';
	if (exchange->target)
		explicit_bzero(exchange->target, exchange->n_target);
	free(exchange->target);
	exchange->target = target;
	exchange->n_target = n;
	return true;
}

void exchange_cut_target(struct exchange *exchange)
{
	/* Without memory for a shorter one it stays. */
	if (exchange->n_target > EXCHANGE_TARGET_KEPT)
		(void)exchange_set_target(exchange, exchange->target, EXCHANGE_TARGET_KEPT);
}

/* --- the host --- */

static bool is_name_byte(uint8_t byte)
{
	return ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_';
}

static bool is_address_byte(uint8_t byte)
{
	return ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f') || (byte >= '0' && byte <= '9') ||
	       byte == ':' || byte == '.';
}

/* Where the host ends: a name, or an address in brackets. NULL: it is neither. */
static const uint8_t *host_end(const struct reader *authority)
{
	const uint8_t *at = authority->at;

	if (at < authority->end && *at == '[') {
		for (at++; at < authority->end && is_address_byte(*at); at++)
			;
		return at < authority->end && *at == ']' ? at + 1 : NULL;
	}
	while (at < authority->end && is_name_byte(*at))
		at++;
	return at > authority->at ? at : NULL;
}

/* ":8443"; the digits may be missing. */
static bool is_port(const uint8_t *at, const uint8_t *end)
{
	if (at == end)
		return true;
	if (*at++ != ':' || end - at > 5)
		return false;
	for (; at < end; at++)
		if (*at < '0' || *at > '9')
			return false;
	return true;
}

bool exchange_set_host(struct exchange *exchange, struct reader authority)
{
	const uint8_t *end = host_end(&authority);
	size_t n = end ? (size_t)(end - authority.at) : 0;

	if (!end || !is_port(end, authority.end))
		return false;
	if (n > 1 && end[-1] == '.')
		n--;
	if (n >= sizeof(exchange->host))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = authority.at[i];

		exchange->host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
	}
	exchange->host[n] = '\0';
	return true;
}
