/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap/output.h"

struct events {
	struct output_queue queue;
	atomic_uint wanted; /* a set: of what some output takes */
	atomic_uint_fast64_t n_unmade;
	/* What was asked for; the main thread's. */
	struct output_options current[OUTPUTS_MAX];
	unsigned n_current;
};

int events_new(size_t queue, struct events **ret_events)
{
	struct events *events = calloc(1, sizeof(*events));
	pthread_condattr_t monotonic;

	if (!events || ring_init(&events->queue.ring, queue) < 0) {
		free(events);
		return -ENOMEM;
	}
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&events->queue.lock, NULL);
	pthread_cond_init(&events->queue.more, &monotonic);
	pthread_cond_init(&events->queue.over, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret_events = events;
	return 0;
}

/* The queue is locked. */
static void end_output(struct output *output)
{
	if (output->is_ended)
		return;
	output->is_ended = true;
	output->last = output->queue->ring.head;
	output->until = clock_us() / 1000 + OUTPUT_FLUSH_MS;
}

static void wake_all(struct output_queue *queue)
{
	pthread_cond_broadcast(&queue->more);
	pthread_cond_broadcast(&queue->over);
}

/* False: not all of them could end in time. */
static bool await_outputs(struct output_queue *queue)
{
	uint64_t until = clock_us() + 1500 * (uint64_t)OUTPUT_FLUSH_MS;
	struct timespec at = { .tv_sec = (time_t)(until / 1000000),
			       .tv_nsec = (long)(until % 1000000) * 1000 };
	int r = 0;

	while (queue->n_running > 0 && r == 0)
		r = pthread_cond_timedwait(&queue->over, &queue->lock, &at);
	return queue->n_running == 0;
}

void events_free(struct events *events)
{
	bool is_over;

	if (!events)
		return;
	pthread_mutex_lock(&events->queue.lock);
	for (struct output *output = events->queue.outputs; output; output = output->next)
		end_output(output);
	wake_all(&events->queue);
	is_over = await_outputs(&events->queue);
	pthread_mutex_unlock(&events->queue.lock);
	if (!is_over)
		return;
	ring_deinit(&events->queue.ring);
	pthread_cond_destroy(&events->queue.over);
	pthread_cond_destroy(&events->queue.more);
	pthread_mutex_destroy(&events->queue.lock);
	free(events);
}

/* --- the outputs --- */

static bool is_same(const struct output_options *a, const struct output_options *b)
{
	return a->kind == b->kind && a->events == b->events && strcmp(a->target, b->target) == 0 &&
	       a->max_size == b->max_size && a->keep == b->keep && a->transport == b->transport &&
	       strcmp(a->port, b->port) == 0 && a->format == b->format &&
	       a->facility == b->facility && a->is_cee == b->is_cee && a->stops == b->stops &&
	       a->is_synced == b->is_synced;
}

static bool is_among(const struct output_options *options, const struct output_options *all,
		     unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (is_same(&all[i], options))
			return true;
	return false;
}

/* The queue is locked. */
static struct output *find(struct output_queue *queue, const struct output_options *options)
{
	struct output *output = queue->outputs;

	while (output && (output->is_ended || !is_same(&output->options, options)))
		output = output->next;
	return output;
}

/* Files are opened before anything changes, so that a mistake is found now. */
static int open_files(const struct events *events, const struct output_options *outputs, unsigned n,
		      int *fds, char ret_error[EVENTS_ERROR_SIZE])
{
	char name[OUTPUT_NAME_MAX];

	for (unsigned i = 0; i < n; i++) {
		if ((outputs[i].kind != OUTPUT_FILE && outputs[i].kind != OUTPUT_STDOUT) ||
		    is_among(&outputs[i], events->current, events->n_current))
			continue;
		fds[i] = output_open(&outputs[i]);
		if (fds[i] >= 0)
			continue;
		output_name(&outputs[i], name);
		snprintf(ret_error, EVENTS_ERROR_SIZE, "log.outputs: %s: %s", name,
			 strerror(-fds[i]));
		return fds[i];
	}
	return 0;
}

static int start_new(struct events *events, const struct output_options *outputs, unsigned n,
		     int *fds, char ret_error[EVENTS_ERROR_SIZE])
{
	for (unsigned i = 0; i < n; i++) {
		int r;

		if (find(&events->queue, &outputs[i]))
			continue;
		r = output_start(&events->queue, &outputs[i], fds[i]);
		fds[i] = -1;
		if (r < 0) {
			snprintf(ret_error, EVENTS_ERROR_SIZE, "log.outputs: %s", strerror(-r));
			return r;
		}
	}
	return 0;
}

/* Ends the outputs that are none of these. The queue is locked. */
static void keep_only(struct events *events, const struct output_options *outputs, unsigned n)
{
	unsigned wanted = 0;

	for (struct output *output = events->queue.outputs; output; output = output->next) {
		if (!is_among(&output->options, outputs, n))
			end_output(output);
		if (!output->is_ended)
			wanted |= output->options.events;
	}
	atomic_store(&events->wanted, wanted);
	output_look_behind(&events->queue);
}

int events_configure(struct events *events, const struct output_options *outputs, unsigned n,
		     char ret_error[EVENTS_ERROR_SIZE])
{
	int fds[OUTPUTS_MAX];
	int r;

	for (unsigned i = 0; i < OUTPUTS_MAX; i++)
		fds[i] = -1;
	r = open_files(events, outputs, n, fds, ret_error);
	pthread_mutex_lock(&events->queue.lock);
	if (r == 0)
		r = start_new(events, outputs, n, fds, ret_error);
	if (r == 0) {
		events->n_current = n;
		for (unsigned i = 0; i < n; i++)
			events->current[i] = outputs[i];
	}
	keep_only(events, events->current, events->n_current);
	wake_all(&events->queue);
	pthread_mutex_unlock(&events->queue.lock);
	for (unsigned i = 0; i < OUTPUTS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

/* The thread goes on with it when it has written what it is at. */
static void hand_over(struct output_queue *queue, const struct output_options *options, int fd)
{
	struct output *output;

	pthread_mutex_lock(&queue->lock);
	output = find(queue, options);
	if (output) {
		int before = output->next_fd;

		output->next_fd = fd;
		fd = before;
	}
	wake_all(queue);
	pthread_mutex_unlock(&queue->lock);
	if (fd >= 0)
		close(fd);
}

void events_reopen(struct events *events)
{
	char name[OUTPUT_NAME_MAX];

	for (unsigned i = 0; i < events->n_current; i++) {
		const struct output_options *options = &events->current[i];
		int fd;

		if (options->kind != OUTPUT_FILE)
			continue;
		fd = output_open(options);
		if (fd >= 0) {
			hand_over(&events->queue, options, fd);
			continue;
		}
		output_name(options, name);
		log_error("log.outputs: %s: cannot be reopened, the old file goes on: %s", name,
			  strerror(-fd));
	}
}

/* --- events --- */

bool events_are_wanted(struct events *events, enum event_type type)
{
	return atomic_load_explicit(&events->wanted, memory_order_relaxed) & EVENT_BIT(type);
}

void events_put(struct events *events, enum event_type type, const char *text, size_t n)
{
	struct output_queue *queue = &events->queue;
	bool is_awaited;

	if (!events_are_wanted(events, type))
		return;
	if (!text || n > EVENT_MAX) {
		atomic_fetch_add(&events->n_unmade, 1);
		return;
	}
	pthread_mutex_lock(&queue->lock);
	(void)ring_put(&queue->ring, type, text, n); /* no queue is smaller than an event */
	output_look_behind(queue);
	is_awaited = queue->n_waiting > 0;
	pthread_mutex_unlock(&queue->lock);
	if (is_awaited)
		pthread_cond_broadcast(&queue->more);
}

void events_put_line(struct events *events, enum event_type type, struct line *line)
{
	bool is_whole = line_end(line);

	events_put(events, type, is_whole ? line->text : NULL, line->n);
}

unsigned events_count(struct events *events, struct events_count *ret_counts, unsigned n)
{
	unsigned i = 0;

	pthread_mutex_lock(&events->queue.lock);
	for (struct output *output = events->queue.outputs; output && i < n; output = output->next)
		if (!output->is_ended)
			ret_counts[i++] = (struct events_count){
				.name = output->name,
				.delivered = atomic_load(&output->n_delivered),
				.lost = atomic_load(&output->n_lost),
			};
	pthread_mutex_unlock(&events->queue.lock);
	return i;
}

bool events_are_behind(const struct events *events)
{
	return atomic_load_explicit(&events->queue.is_behind, memory_order_relaxed);
}

uint64_t events_unmade(struct events *events)
{
	return atomic_load(&events->n_unmade);
}
