/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ring_init(struct ring *ring, size_t size)
{
	*ring = (struct ring){ .bytes = malloc(size), .size = size };
	return ring->bytes ? 0 : -ENOMEM;
}

void ring_deinit(struct ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

static size_t place(const struct ring *ring, uint64_t at)
{
	return (size_t)((at - ring->base) % ring->size);
}

static void copy_in(struct ring *ring, uint64_t at, const void *bytes, size_t n)
{
	size_t first = ring->size - place(ring, at);

	if (first > n)
		first = n;
	memcpy(ring->bytes + place(ring, at), bytes, first);
	memcpy(ring->bytes, (const uint8_t *)bytes + first, n - first);
}

static void copy_out(const struct ring *ring, uint64_t at, void *bytes, size_t n)
{
	size_t first = ring->size - place(ring, at);

	if (first > n)
		first = n;
	memcpy(bytes, ring->bytes + place(ring, at), first);
	memcpy((uint8_t *)bytes + first, ring->bytes, n - first);
}

static void drop_oldest(struct ring *ring)
{
	struct ring_record record;

	copy_out(ring, ring->tail, &record, sizeof(record));
	ring->tail += sizeof(record) + record.n;
	ring->n_taken[record.type]++;
}

bool ring_put(struct ring *ring, enum event_type type, const void *bytes, size_t n)
{
	struct ring_record record = { .n = (uint32_t)n, .type = type };
	size_t whole = sizeof(record) + n;

	if (n > UINT32_MAX || whole > ring->size)
		return false;
	while (ring->head + whole - ring->tail > ring->size)
		drop_oldest(ring);
	copy_in(ring, ring->head, &record, sizeof(record));
	copy_in(ring, ring->head + sizeof(record), bytes, n);
	ring->head += whole;
	ring->n_put[type]++;
	return true;
}

struct ring_reader ring_reader(const struct ring *ring)
{
	struct ring_reader reader = { .at = ring->head };

	memcpy(reader.n_past, ring->n_put, sizeof(reader.n_past));
	return reader;
}

uint64_t ring_missed(const struct ring *ring, struct ring_reader *reader, uint32_t types)
{
	uint64_t n = 0;

	if (reader->at >= ring->tail)
		return 0;
	for (unsigned type = 0; type < EVENT_N_TYPES; type++)
		if (types & EVENT_BIT(type))
			n += ring->n_taken[type] - reader->n_past[type];
	memcpy(reader->n_past, ring->n_taken, sizeof(reader->n_past));
	reader->at = ring->tail;
	return n;
}

size_t ring_read(const struct ring *ring, struct ring_reader *reader, uint32_t types, uint64_t end,
		 uint8_t *bytes, size_t room, unsigned most)
{
	struct ring_record record;
	size_t used = 0;

	while (reader->at < end && most > 0) {
		copy_out(ring, reader->at, &record, sizeof(record));
		if (types & EVENT_BIT(record.type)) {
			if (used + sizeof(record) + record.n > room)
				break;
			copy_out(ring, reader->at, bytes + used, sizeof(record) + record.n);
			used += sizeof(record) + record.n;
			most--;
		}
		reader->at += sizeof(record) + record.n;
		reader->n_past[record.type]++;
	}
	return used;
}

uint64_t ring_left(const struct ring *ring, struct ring_reader *reader, uint32_t types,
		   uint64_t end)
{
	struct ring_record record;
	uint64_t n = 0;

	for (; reader->at < end; reader->at += sizeof(record) + record.n) {
		copy_out(ring, reader->at, &record, sizeof(record));
		n += (types & EVENT_BIT(record.type)) != 0;
	}
	return n;
}

void ring_rewind(struct ring *ring)
{
	ring->tail = ring->base = ring->head;
	memcpy(ring->n_taken, ring->n_put, sizeof(ring->n_taken));
}
