/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/flight.h"

#include <stdlib.h>
#include <string.h>

/* A full table must be an answer, not an abort(). The hash is made by the key. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* One probe. The first of those in the list makes it, the others wait; nobody: it is gone. */
struct flight {
	UT_hash_handle hh;
	struct learned_waiter *waiters;
	struct key key;
};

void flights_init(struct flights *flights)
{
	pthread_mutex_init(&flights->lock, NULL);
	flights->flights = NULL;
}

static void flight_drop(struct flights *flights, struct flight *flight)
{
	HASH_DEL(flights->flights, flight);
	free(flight);
}

void flights_deinit(struct flights *flights)
{
	while (flights->flights)
		flight_drop(flights, flights->flights);
	pthread_mutex_destroy(&flights->lock);
}

static struct flight *flight_of(struct flights *flights, const struct key *key)
{
	unsigned hash = (unsigned)key->hash;
	struct flight *flight;

	HASH_FIND_BYHASHVALUE(hh, flights->flights, key->bytes, key->n, hash, flight);
	if (flight)
		return flight;
	flight = calloc(1, sizeof(*flight));
	if (!flight)
		return NULL;
	flight->key = *key;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, flights->flights, flight->key.bytes, flight->key.n, hash,
				    flight);
	if (flight->hh.tbl)
		return flight;
	free(flight); /* uthash could not grow */
	return NULL;
}

enum learned_turn flights_begin(struct flights *flights, const struct key *key,
				struct learned_waiter *waiter)
{
	enum learned_turn turn = LEARNED_TURN_PROBE;
	struct flight *flight;

	pthread_mutex_lock(&flights->lock);
	flight = flight_of(flights, key);
	waiter->flight = flight;
	if (flight) {
		if (flight->waiters)
			turn = LEARNED_TURN_WAIT;
		DL_APPEND(flight->waiters, waiter);
	}
	waiter->turn = turn;
	pthread_mutex_unlock(&flights->lock);
	return turn;
}

enum learned_turn flights_turn(struct flights *flights, const struct learned_waiter *waiter)
{
	enum learned_turn turn;

	pthread_mutex_lock(&flights->lock);
	turn = waiter->turn;
	pthread_mutex_unlock(&flights->lock);
	return turn;
}

/* Off the list; the turn is what it learns of it. */
static void leave(struct learned_waiter *waiter, enum learned_turn turn)
{
	DL_DELETE(waiter->flight->waiters, waiter);
	waiter->flight = NULL;
	waiter->turn = turn;
}

void flights_end(struct flights *flights, struct learned_waiter *waiter)
{
	struct flight *flight;

	pthread_mutex_lock(&flights->lock);
	flight = waiter->flight;
	if (flight && waiter->turn == LEARNED_TURN_PROBE) {
		leave(waiter, LEARNED_TURN_DONE);
		while (flight->waiters) {
			struct learned_waiter *other = flight->waiters;

			leave(other, LEARNED_TURN_DONE);
			other->wake(other);
		}
		flight_drop(flights, flight);
	}
	pthread_mutex_unlock(&flights->lock);
}

void flights_cancel(struct flights *flights, struct learned_waiter *waiter)
{
	struct flight *flight;

	pthread_mutex_lock(&flights->lock);
	flight = waiter->flight;
	if (flight) {
		leave(waiter, LEARNED_TURN_DONE);
		struct learned_waiter *next = flight->waiters;

		if (!next) {
			flight_drop(flights, flight);
		} else if (next->turn == LEARNED_TURN_WAIT) {
			next->turn = LEARNED_TURN_PROBE;
			next->wake(next);
		}
	}
	pthread_mutex_unlock(&flights->lock);
}
