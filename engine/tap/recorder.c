/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/recorder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap/keylog.h"
#include "tap/live.h"
#include "tap/packets.h"

enum { TEND_MS = 1000 };

struct item {
	struct item *next;
	uint64_t time; /* us since 1970 */
	bool is_keys;
	struct piece piece; /* its n: of the bytes, whatever they are */
	uint8_t bytes[];
};

/* Where it goes. Made by whoever sets options, used by the thread alone. */
struct outputs {
	struct spool *spool;
	struct live *live;
	struct keylog *keylog;
	bool keeps_live; /* that of before */
};

struct recorder {
	int wake; /* eventfd */
	pthread_t thread;
	bool is_running;
	atomic_bool is_stopping, is_leaving;
	atomic_bool wants_packets, wants_keys;
	atomic_size_t queued; /* bytes */
	char *listen;         /* where; of whoever sets options */

	pthread_mutex_t lock; /* of these */
	struct item *first, **end;
	struct outputs *next_outputs; /* not taken over yet */

	/* The thread's. */
	struct packets *packets;
	struct outputs *outputs;
	uint64_t lost_before; /* by outputs that are gone */

	atomic_bool has_files, has_listener;
	atomic_uint clients;
	atomic_uint_fast64_t n_packets, dropped, lost;
};

/* --- making --- */

static void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	spool_free(outputs->spool);
	live_free(outputs->live);
	keylog_free(outputs->keylog);
	free(outputs);
}

int recorder_new(struct recorder **ret_recorder)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int r = 0;

	if (!recorder)
		return -ENOMEM;
	pthread_mutex_init(&recorder->lock, NULL);
	recorder->end = &recorder->first;
	recorder->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (recorder->wake < 0)
		r = -errno;
	if (r == 0)
		r = packets_new(&recorder->packets);
	if (r < 0) {
		recorder_free(recorder);
		return r;
	}
	*ret_recorder = recorder;
	return 0;
}

static void wake(struct recorder *recorder)
{
	uint64_t one = 1;

	if (write(recorder->wake, &one, sizeof(one)) < 0)
		return; /* its counter is full: the thread is awake */
}

void recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return;
	if (recorder->is_running) {
		atomic_store(&recorder->is_stopping, true);
		wake(recorder);
		pthread_join(recorder->thread, NULL);
	}
	outputs_free(recorder->next_outputs);
	outputs_free(recorder->outputs);
	packets_free(recorder->packets);
	if (recorder->wake >= 0)
		close(recorder->wake);
	pthread_mutex_destroy(&recorder->lock);
	free(recorder->listen);
	free(recorder);
}

/* --- the queue --- */

bool recorder_wants_packets(const struct recorder *recorder)
{
	return atomic_load_explicit(&recorder->wants_packets, memory_order_relaxed);
}

bool recorder_wants_keys(const struct recorder *recorder)
{
	return atomic_load_explicit(&recorder->wants_keys, memory_order_relaxed);
}

static void append(struct recorder *recorder, struct item *item)
{
	bool was_empty;

	pthread_mutex_lock(&recorder->lock);
	item->time = clock_wall_us(); /* in here, so that times ascend as the items do */
	was_empty = !recorder->first;
	*recorder->end = item;
	recorder->end = &item->next;
	pthread_mutex_unlock(&recorder->lock);
	if (was_empty)
		wake(recorder);
}

static void put(struct recorder *recorder, const struct piece *piece, const void *bytes,
		bool is_keys)
{
	size_t size = sizeof(struct item) + piece->n;
	size_t before = atomic_fetch_add(&recorder->queued, size);
	struct item *item = before + size <= RECORDER_QUEUE ? malloc(size) : NULL;

	if (!item) {
		atomic_fetch_sub(&recorder->queued, size);
		atomic_fetch_add(&recorder->dropped, 1);
		return;
	}
	*item = (struct item){ .piece = *piece, .is_keys = is_keys };
	if (piece->n > 0)
		memcpy(item->bytes, bytes, piece->n);
	append(recorder, item);
}

void recorder_put(struct recorder *recorder, const struct piece *piece, const uint8_t *bytes)
{
	if (recorder_wants_packets(recorder))
		put(recorder, piece, bytes, false);
}

void recorder_put_keys(struct recorder *recorder, const char *line, size_t n)
{
	if (n > 0 && recorder_wants_keys(recorder))
		put(recorder, &(struct piece){ .n = n }, line, true);
}

/* --- the thread --- */

static void flush_packets(struct recorder *recorder)
{
	struct outputs *outputs = recorder->outputs;
	size_t n, n_header;
	unsigned count;
	const uint8_t *bytes = packets_bytes(recorder->packets, &n, &count);
	const uint8_t *header = packets_header(recorder->packets, &n_header);

	if (count == 0)
		return;
	if (outputs && outputs->spool)
		spool_write(outputs->spool, header, n_header, bytes, n, count);
	if (outputs && outputs->live)
		live_write(outputs->live, bytes, n, count);
	atomic_fetch_add(&recorder->n_packets, count);
	packets_clear(recorder->packets);
}

static void write_piece(struct recorder *recorder, const struct item *item)
{
	struct frames frames = frames_of(&item->piece, item->bytes);
	uint8_t frame[FRAMES_MAX];
	size_t n;

	while ((n = frames_next(&frames, frame)) > 0) {
		if (!packets_have_room(recorder->packets))
			flush_packets(recorder);
		packets_add(recorder->packets, item->time, frame, n);
	}
	explicit_bzero(frame, sizeof(frame));
}

static void write_item(struct recorder *recorder, const struct item *item)
{
	struct outputs *outputs = recorder->outputs;

	if (!item->is_keys)
		write_piece(recorder, item);
	else if (outputs && outputs->keylog)
		keylog_write(outputs->keylog, (const char *)item->bytes, item->piece.n);
}

static struct item *take_items(struct recorder *recorder)
{
	struct item *items;

	pthread_mutex_lock(&recorder->lock);
	items = recorder->first;
	recorder->first = NULL;
	recorder->end = &recorder->first;
	pthread_mutex_unlock(&recorder->lock);
	return items;
}

static void write_items(struct recorder *recorder)
{
	struct item *item = take_items(recorder), *next;

	for (; item; item = next) {
		size_t size = sizeof(*item) + item->piece.n;

		next = item->next;
		write_item(recorder, item);
		explicit_bzero(item, size);
		free(item);
		atomic_fetch_sub(&recorder->queued, size);
	}
	flush_packets(recorder);
}

static uint64_t lost_by(const struct outputs *outputs)
{
	uint64_t lost = 0;

	if (outputs && outputs->spool)
		lost += spool_lost(outputs->spool);
	if (outputs && outputs->live)
		lost += live_lost(outputs->live);
	return lost;
}

/* What comes from now on goes to the new ones. */
static void take_outputs(struct recorder *recorder)
{
	struct outputs *next, *old = recorder->outputs;

	pthread_mutex_lock(&recorder->lock);
	next = recorder->next_outputs;
	recorder->next_outputs = NULL;
	pthread_mutex_unlock(&recorder->lock);
	if (!next)
		return;
	if (old && next->keeps_live) {
		next->live = old->live;
		old->live = NULL;
	}
	recorder->lost_before += lost_by(old);
	outputs_free(old);
	recorder->outputs = next;
}

static void count(struct recorder *recorder)
{
	const struct outputs *outputs = recorder->outputs;

	atomic_store(&recorder->lost, recorder->lost_before + lost_by(outputs));
	atomic_store(&recorder->clients,
		     outputs && outputs->live ? live_clients(outputs->live) : 0);
}

/* One turn: waits for whatever it is, and does it. */
static void turn(struct recorder *recorder)
{
	struct pollfd fds[1 + LIVE_FDS] = { { .fd = recorder->wake, .events = POLLIN } };
	struct live *live = recorder->outputs ? recorder->outputs->live : NULL;
	size_t n_header;
	const uint8_t *header = packets_header(recorder->packets, &n_header);
	bool is_tended = live || (recorder->outputs && recorder->outputs->spool);
	uint64_t woken;

	if (live)
		live_fds(live, fds + 1);
	(void)poll(fds, live ? 1 + LIVE_FDS : 1, is_tended ? TEND_MS : -1);
	if ((fds[0].revents & POLLIN) && read(recorder->wake, &woken, sizeof(woken)) < 0)
		return;
	if (live)
		live_serve(live, fds + 1, header, n_header);
	take_outputs(recorder);
	write_items(recorder);
	live = recorder->outputs ? recorder->outputs->live : NULL;
	if (live && atomic_load(&recorder->is_leaving))
		live_leave(live);
	if (recorder->outputs && recorder->outputs->spool)
		spool_tend(recorder->outputs->spool);
	count(recorder);
}

static void *recorder_main(void *argument)
{
	struct recorder *recorder = argument;

	while (!atomic_load(&recorder->is_stopping))
		turn(recorder);
	take_outputs(recorder);
	write_items(recorder);
	return NULL;
}

static int start(struct recorder *recorder)
{
	sigset_t all, old;
	int r;

	if (recorder->is_running)
		return 0;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&recorder->thread, NULL, recorder_main, recorder);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	recorder->is_running = r == 0;
	return -r;
}

/* --- options --- */

/*
 * Listening where it did already, it would meet itself. One that leaves listens nowhere anew: the
 * next engine does, perhaps at the same path.
 */
static int open_listener(const struct recorder *recorder, const char *listen,
			 struct outputs *outputs)
{
	struct endpoint endpoint;

	if (!listen)
		return 0;
	outputs->keeps_live = recorder->listen && strcmp(recorder->listen, listen) == 0;
	if (outputs->keeps_live || atomic_load(&recorder->is_leaving))
		return 0;
	return endpoint_parse(listen, &endpoint) ? live_new(&endpoint, &outputs->live) : -EINVAL;
}

static int outputs_new(const struct recorder *recorder, const struct recorder_options *options,
		       struct outputs **ret_outputs, const char **ret_what)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));
	int r = outputs ? 0 : -ENOMEM;

	*ret_what = "capture.folder";
	if (r == 0 && options->files.folder)
		r = spool_new(&options->files, &outputs->spool);
	if (r == 0) {
		*ret_what = "tls.key_log";
		r = options->key_log ? keylog_new(options->key_log, &outputs->keylog) : 0;
	}
	if (r == 0) {
		*ret_what = "capture.listen";
		r = open_listener(recorder, options->listen, outputs);
	}
	if (r < 0) {
		outputs_free(outputs);
		return r;
	}
	*ret_outputs = outputs;
	return 0;
}

/* Those that were not taken over yet hold a listener that these may want to keep. */
static void hand_over(struct recorder *recorder, struct outputs *outputs)
{
	struct outputs *old;

	pthread_mutex_lock(&recorder->lock);
	old = recorder->next_outputs;
	if (old && outputs->keeps_live) {
		outputs->live = old->live;
		outputs->keeps_live = old->keeps_live;
		old->live = NULL;
	}
	recorder->next_outputs = outputs;
	pthread_mutex_unlock(&recorder->lock);
	outputs_free(old);
	wake(recorder);
}

int recorder_set_options(struct recorder *recorder, const struct recorder_options *options,
			 const char **ret_what)
{
	bool is_on = options->files.folder || options->listen || options->key_log;
	char *listen = options->listen ? strdup(options->listen) : NULL;
	struct outputs *outputs = NULL;
	int r = options->listen && !listen ? -ENOMEM : 0;

	*ret_what = "capture.listen";
	if (r == 0)
		r = outputs_new(recorder, options, &outputs, ret_what);
	if (r == 0 && is_on) {
		r = start(recorder);
		if (r < 0)
			outputs_free(outputs);
	}
	if (r < 0) {
		free(listen);
		return r;
	}
	hand_over(recorder, outputs);
	free(recorder->listen);
	recorder->listen = listen;
	atomic_store(&recorder->has_files, options->files.folder != NULL);
	atomic_store(&recorder->has_listener, listen != NULL);
	atomic_store(&recorder->wants_packets, options->files.folder || listen);
	atomic_store(&recorder->wants_keys, options->key_log != NULL);
	return 0;
}

void recorder_leave(struct recorder *recorder)
{
	atomic_store(&recorder->is_leaving, true);
	wake(recorder);
}

struct recorder_counts recorder_counts(struct recorder *recorder)
{
	return (struct recorder_counts){
		.has_files = atomic_load(&recorder->has_files),
		.has_listener = atomic_load(&recorder->has_listener),
		.has_key_log = atomic_load(&recorder->wants_keys),
		.clients = atomic_load(&recorder->clients),
		.packets = atomic_load(&recorder->n_packets),
		.dropped = atomic_load(&recorder->dropped),
		.lost = atomic_load(&recorder->lost),
	};
}
