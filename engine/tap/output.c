/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works. The thread takes as many events from the queue as it has room for, makes bytes of
 * them, and sends these until all are gone; only then it takes more. So what waits is in the queue,
 * which is bounded, and a collector that comes back gets what the queue still has. When the thread
 * comes back to the queue too late it learns how many events it missed, and tells that in the first
 * frame of what it takes next.
 *
 * What was sent in part goes on where it stopped, or, with another connection or file, from the
 * beginning of its frame.
 */
#include "tap/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap/events.h"
#include "tap/line.h"

enum {
	BATCH_SIZE = EVENT_MAX + sizeof(struct ring_record),
	PAUSE_US = 20000, /* when all is written: under load batches grow, not their number */
	WAIT_MS = 200,    /* for a collector that is busy, before anything else is looked at */
};

static uint64_t now_ms(void)
{
	return clock_us() / 1000;
}

/* --- what is missed, and how it is said --- */

void output_note_missed(struct output *output, uint64_t n)
{
	if (n == 0)
		return;
	atomic_fetch_add(&output->n_lost, n);
	if (!output->is_losing)
		log_error("log.outputs: %s: events are being lost", output->name);
	output->is_losing = true;
}

void output_look_behind(struct output_queue *queue)
{
	bool was_behind = atomic_load_explicit(&queue->is_behind, memory_order_relaxed);
	uint64_t most = queue->ring.size / (was_behind ? 4 : 2);
	bool is_behind = false;

	for (const struct output *output = queue->outputs; output; output = output->next)
		is_behind |= output->options.stops && !output->is_ended &&
			     queue->ring.head - output->reader.at > most;
	if (is_behind != was_behind)
		atomic_store(&queue->is_behind, is_behind);
}

/* While it cannot deliver: whether the queue has passed it. */
static void look_for_missed(struct output *output)
{
	uint64_t n;

	pthread_mutex_lock(&output->queue->lock);
	n = ring_missed(&output->queue->ring, &output->reader, output->options.events);
	pthread_mutex_unlock(&output->queue->lock);
	output->n_missed += n;
	output_note_missed(output, n);
}

static void fail(struct output *output, int error)
{
	if (!output->is_failing)
		log_warning("log.outputs: %s: %s; events wait in the queue", output->name,
			    strerror(error));
	output->is_failing = true;
}

static void note_success(struct output *output)
{
	uint64_t lost = atomic_load(&output->n_lost);

	if (!output->is_failing && !output->is_losing)
		return;
	log_info("log.outputs: %s: works again, %llu events were lost", output->name,
		 (unsigned long long)(lost - output->lost_when_good));
	output->lost_when_good = lost;
	output->is_failing = output->is_losing = false;
}

static int add_loss(struct output *output)
{
	struct line line = { 0 };
	int r = -ENOMEM;

	line_begin(&line, EVENT_LOST, clock_wall_us());
	line_object(&line, "lost");
	line_number(&line, "events", output->n_missed);
	line_object_end(&line);
	if (line_end(&line))
		r = outgoing_add(&output->outgoing, &output->options, EVENT_LOST, line.text,
				 line.n);
	line_deinit(&line);
	return r;
}

/* --- taking --- */

/* The queue is locked. */
static void rewind_if_read(struct output_queue *queue)
{
	for (const struct output *output = queue->outputs; output; output = output->next)
		if (!ring_is_read(&queue->ring, &output->reader))
			return;
	ring_rewind(&queue->ring);
}

/* The queue is locked. */
static void wait_for_more(struct output *output)
{
	struct output_queue *queue = output->queue;

	while (ring_is_read(&queue->ring, &output->reader) && !output->is_ended &&
	       output->next_fd < 0) {
		queue->n_waiting++;
		pthread_cond_wait(&queue->more, &queue->lock);
		queue->n_waiting--;
	}
}

static void make_outgoing(struct output *output, size_t n)
{
	struct ring_record record;

	outgoing_clear(&output->outgoing);
	if (output->n_missed > 0 && add_loss(output) == 0)
		output->n_missed = 0;
	for (size_t at = 0; at < n; at += sizeof(record) + record.n) {
		memcpy(&record, output->batch + at, sizeof(record));
		if (outgoing_add(&output->outgoing, &output->options, record.type,
				 (const char *)output->batch + at + sizeof(record), record.n) == 0)
			continue;
		output->n_missed++;
		output_note_missed(output, 1);
	}
}

/* False: there is nothing more to come. */
static bool take(struct output *output)
{
	struct output_queue *queue = output->queue;
	uint64_t n_missed, end;
	bool is_over;
	size_t n;

	pthread_mutex_lock(&queue->lock);
	wait_for_more(output);
	n_missed = ring_missed(&queue->ring, &output->reader, output->options.events);
	end = output->is_ended ? output->last : queue->ring.head;
	n = ring_read(&queue->ring, &output->reader, output->options.events, end, output->batch,
		      BATCH_SIZE, OUTGOING_MAX - 1);
	is_over = output->is_ended && n == 0;
	output->is_behind = !ring_is_read(&queue->ring, &output->reader);
	rewind_if_read(queue);
	output_look_behind(queue);
	pthread_mutex_unlock(&queue->lock);
	output->n_missed += n_missed;
	output_note_missed(output, n_missed);
	make_outgoing(output, n);
	return !is_over || output->outgoing.count > 0;
}

/* --- delivering --- */

static void close_it(struct output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
	/* Whoever comes next gets what was sent in part from its beginning. */
	output->outgoing.sent = outgoing_at(&output->outgoing);
}

/* After a rotation. */
static void adopt_next(struct output *output)
{
	int fd;

	pthread_mutex_lock(&output->queue->lock);
	fd = output->next_fd;
	output->next_fd = -1;
	pthread_mutex_unlock(&output->queue->lock);
	if (fd < 0)
		return;
	close_it(output);
	output_adopt(output, fd);
}

/* What it may still do when it was told to end. */
static bool is_out_of_time(struct output *output)
{
	bool is_out;

	pthread_mutex_lock(&output->queue->lock);
	is_out = output->is_ended && now_ms() >= output->until;
	pthread_mutex_unlock(&output->queue->lock);
	return is_out;
}

/* Until it is worth another try, or it is told to end. */
static void pause_it(struct output *output)
{
	uint64_t until = clock_us() + 1000 * (uint64_t)OUTPUT_RETRY_MS;
	struct timespec at;
	bool was_ended;
	int r = 0;

	pthread_mutex_lock(&output->queue->lock);
	was_ended = output->is_ended;
	if (was_ended && until > 1000 * output->until)
		until = 1000 * output->until;
	at = (struct timespec){ .tv_sec = (time_t)(until / 1000000),
				.tv_nsec = (long)(until % 1000000) * 1000 };
	while (r == 0 && output->next_fd < 0 && output->is_ended == was_ended)
		r = pthread_cond_timedwait(&output->queue->over, &output->queue->lock, &at);
	pthread_mutex_unlock(&output->queue->lock);
}

static void turn_over_if_full(struct output *output)
{
	const struct outgoing *outgoing = &output->outgoing;
	int fd;

	if (output->options.max_size == 0 || !output->is_regular || output->size == 0 ||
	    output->size + outgoing->n - outgoing->sent <= output->options.max_size ||
	    outgoing_at(outgoing) != outgoing->sent)
		return;
	fd = output_rotate(&output->options, output->fd);
	if (fd < 0) {
		fail(output, -fd);
		return;
	}
	close_it(output);
	output_adopt(output, fd);
}

/* 0: all is gone. -EAGAIN: later. Other -errno: it has to be opened again, or is full. */
static int try_to_send(struct output *output)
{
	int r = 0;

	adopt_next(output);
	if (output->fd < 0)
		r = output_open(&output->options);
	if (r < 0)
		return r;
	if (output->fd < 0)
		output_adopt(output, r);
	turn_over_if_full(output);
	return output_send(output);
}

static void deliver(struct output *output)
{
	struct pollfd fd = { .events = POLLOUT };
	unsigned before = output->outgoing.done;
	int r;

	while ((r = try_to_send(output)) < 0) {
		if (r != -EAGAIN) {
			fail(output, -r);
			if (!output->is_regular)
				close_it(output);
		}
		if (is_out_of_time(output))
			break;
		fd.fd = output->fd;
		if (r == -EAGAIN)
			(void)poll(&fd, 1, WAIT_MS);
		else
			pause_it(output);
		look_for_missed(output);
	}
	atomic_fetch_add(&output->n_delivered, output->outgoing.done - before);
	if (r == 0 && output->options.is_synced && fdatasync(output->fd) < 0)
		fail(output, errno);
	else if (r == 0)
		note_success(output);
}

/* --- the thread --- */

/* At the end: what was not delivered is lost. */
static void count_rest(struct output *output)
{
	struct output_queue *queue = output->queue;
	uint64_t n = output->outgoing.count - output->outgoing.done;

	pthread_mutex_lock(&queue->lock);
	n += ring_missed(&queue->ring, &output->reader, output->options.events);
	n += ring_left(&queue->ring, &output->reader, output->options.events, output->last);
	pthread_mutex_unlock(&queue->lock);
	if (n > 0)
		log_error("log.outputs: %s: ended with %llu events undelivered", output->name,
			  (unsigned long long)n);
}

static void leave(struct output *output)
{
	struct output_queue *queue = output->queue;
	struct output **at = &queue->outputs;

	if (output->fd >= 0)
		close(output->fd);
	pthread_mutex_lock(&queue->lock);
	while (*at != output)
		at = &(*at)->next;
	*at = output->next;
	if (output->next_fd >= 0)
		close(output->next_fd);
	queue->n_running--;
	pthread_cond_broadcast(&queue->over);
	pthread_mutex_unlock(&queue->lock);
	free(output->outgoing.bytes);
	free(output->batch);
	free(output);
}

static void *run(void *argument)
{
	struct output *output = argument;
	int fd = output->fd < 0 ? output_open(&output->options) : -1;

	if (fd >= 0)
		output_adopt(output, fd);
	else if (output->fd < 0) /* said now, not when there is something to deliver */
		fail(output, -fd);
	while (take(output)) {
		adopt_next(output);
		if (output->outgoing.count == 0)
			continue;
		deliver(output);
		if (is_out_of_time(output))
			break;
		if (!output->is_behind)
			usleep(PAUSE_US);
	}
	count_rest(output);
	leave(output);
	return NULL;
}

static int start_thread(struct output *output)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all); /* signals are for others, and SIGPIPE is not for a pipe that broke */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attributes, run, output);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int output_start(struct output_queue *queue, const struct output_options *options, int fd)
{
	struct output *output = calloc(1, sizeof(*output));
	int r = -ENOMEM;

	if (output) {
		output->batch = malloc(BATCH_SIZE);
		output->queue = queue;
		output->options = *options;
		output_name(options, output->name);
		output->reader = ring_reader(&queue->ring);
		output->fd = output->next_fd = -1;
		if (fd >= 0)
			output_adopt(output, fd);
		r = output->batch ? start_thread(output) : -ENOMEM;
	}
	if (r < 0) {
		free(output ? output->batch : NULL);
		free(output);
		if (fd >= 0)
			close(fd);
		return r;
	}
	output->next = queue->outputs;
	queue->outputs = output;
	queue->n_running++;
	return 0;
}
