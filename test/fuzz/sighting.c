/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both directions in one input, the length of the first one before them. What a shorter look knows
 * is what a longer one knows, and a look that was said not to be worth it is not, but that a hello
 * may break before it is whole.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "tls/sighting.h"

static struct sighting look(const uint8_t *to_server, size_t n_to_server, const uint8_t *to_client,
			    size_t n_to_client)
{
	uint8_t *one = malloc(n_to_server ? n_to_server : 1);
	uint8_t *other = malloc(n_to_client ? n_to_client : 1);
	struct sighting sighting;

	assert(one && other);
	if (n_to_server > 0)
		memcpy(one, to_server, n_to_server);
	if (n_to_client > 0)
		memcpy(other, to_client, n_to_client);
	assert(sighting_read(one, n_to_server, other, n_to_client, &sighting) == 0);
	free(one);
	free(other);
	return sighting;
}

static void check(const struct sighting *sighting)
{
	struct certreq request;
	struct der chain[4];
	unsigned n = sighting_chain(sighting, chain, 4);

	for (unsigned i = 0; i < n; i++)
		assert(chain[i].n > 0 && chain[i].bytes >= sighting->messages);
	assert(strlen(sighting->host) < HELLO_HOST_MAX);
	assert(sighting->has_hello || sighting->ask == SIGHTING_UNSEEN);
	assert(sighting->answer == SIGHTING_NO_ANSWER || sighting->ask == SIGHTING_ASKED);
	if (sighting->ask != SIGHTING_ASKED)
		return;
	assert(sighting_request(sighting, &request) == 0);
	certreq_deinit(&request);
}

static void compare(const struct sighting *early, const struct sighting *last)
{
	if (early->has_hello)
		assert(last->has_hello && strcmp(early->host, last->host) == 0);
	if (early->version)
		assert(early->version == last->version);
	if (early->ask != SIGHTING_UNSEEN)
		assert(early->ask == last->ask);
	if (early->answer != SIGHTING_NO_ANSWER)
		assert(early->answer == last->answer);
	if (early->state != SIGHTING_MORE)
		assert(early->state == last->state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	struct reader to_server = reader_vector(&r, 2);
	size_t n_to_server = reader_left(&to_server), n_to_client = reader_left(&r);
	struct sighting early, last;

	if (!reader_ok(&r))
		return 0;
	last = look(to_server.at, n_to_server, r.at, n_to_client);
	check(&last);
	early = look(to_server.at, n_to_server / 2, r.at, n_to_client / 2);
	check(&early);
	compare(&early, &last);
	if (early.state == SIGHTING_MORE && n_to_server < early.needs_to_server &&
	    n_to_client < early.needs_to_client)
		assert(last.state == SIGHTING_UNREADABLE ||
		       (last.state == SIGHTING_MORE && last.ask == early.ask));
	sighting_deinit(&early);
	early = look(to_server.at, n_to_server, r.at, n_to_client / 2);
	compare(&early, &last);
	sighting_deinit(&early);
	sighting_deinit(&last);
	return 0;
}
