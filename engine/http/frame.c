/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/frame.h"

#include <stdio.h>
#include <string.h>

#include "base/reader.h"

struct frame frame_read(const uint8_t header[FRAME_HEADER])
{
	struct reader r = reader_of(header, FRAME_HEADER);
	struct frame frame;

	frame.length = reader_u24(&r);
	frame.type = reader_u8(&r);
	frame.flags = reader_u8(&r);
	frame.stream = reader_uint(&r, 4) & 0x7fffffff;
	return frame;
}

void frame_write_u32(uint32_t value, uint8_t bytes[4])
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

void frame_write(const struct frame *frame, uint8_t header[FRAME_HEADER])
{
	frame_write_u32(frame->length << 8 | frame->type, header);
	header[4] = frame->flags;
	frame_write_u32(frame->stream, header + 5);
}

size_t frame_prefix(const struct frame *frame)
{
	bool is_padded = frame->flags & FRAME_PADDED;

	switch (frame->type) {
	case FRAME_DATA:
		return is_padded;
	case FRAME_HEADERS:
		return is_padded + (frame->flags & FRAME_HAS_PRIORITY ? 5U : 0);
	case FRAME_PUSH_PROMISE:
		return is_padded + 4U;
	default:
		return 0;
	}
}

bool frame_is_of_block(const struct frame *frame)
{
	return frame->type == FRAME_HEADERS || frame->type == FRAME_PUSH_PROMISE ||
	       frame->type == FRAME_CONTINUATION;
}

size_t frame_small(const struct frame *frame)
{
	if (frame->type == FRAME_SETTINGS)
		return 6;
	if (frame->type == FRAME_WINDOW_UPDATE)
		return 4;
	return frame_prefix(frame);
}

bool frame_is_sound(const struct frame *frame, bool is_client)
{
	if (frame->length < frame_prefix(frame))
		return false;
	switch (frame->type) {
	case FRAME_DATA:
		return frame->stream != 0;
	case FRAME_HEADERS:
		return frame->stream != 0 && (!is_client || frame->stream % 2 == 1);
	case FRAME_PUSH_PROMISE:
		return frame->stream != 0 && !is_client;
	case FRAME_SETTINGS:
		return frame->stream == 0 && frame->length % 6 == 0 &&
		       (!(frame->flags & FRAME_ACK) || frame->length == 0);
	case FRAME_RST_STREAM:
		return frame->stream != 0 && frame->length == 4;
	case FRAME_WINDOW_UPDATE:
		return frame->length == 4;
	default:
		return true;
	}
}

/* --- the refusal --- */

struct writer {
	uint8_t *at;
	size_t room;
	bool is_full;
};

static void put(struct writer *writer, const void *bytes, size_t n)
{
	if (writer->is_full || n > writer->room) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->at, bytes, n);
	writer->at += n;
	writer->room -= n;
}

static void put_frame(struct writer *writer, uint8_t type, uint8_t flags, uint32_t stream,
		      const void *payload, size_t n)
{
	const struct frame frame = {
		.length = (uint32_t)n, .type = type, .flags = flags, .stream = stream
	};
	uint8_t header[FRAME_HEADER];

	frame_write(&frame, header);
	put(writer, header, sizeof(header));
	put(writer, payload, n);
}

/* An integer of RFC 7541 section 5.1; values here are below 2^21. */
static void put_integer(struct writer *writer, uint8_t first, unsigned bits, uint32_t value)
{
	uint32_t most = (1U << bits) - 1;
	uint8_t byte = first | (uint8_t)(value < most ? value : most);

	put(writer, &byte, 1);
	if (value < most)
		return;
	for (value -= most; value >= 0x80; value >>= 7) {
		byte = 0x80 | (value & 0x7f);
		put(writer, &byte, 1);
	}
	byte = (uint8_t)value;
	put(writer, &byte, 1);
}

/* Without indexing, its name from the static table (RFC 7541 section 6.2.2, appendix A). */
static void put_field(struct writer *writer, unsigned name, const char *value)
{
	put_integer(writer, 0x00, 4, name);
	put_integer(writer, 0x00, 7, (uint32_t)strlen(value));
	put(writer, value, strlen(value));
}

static size_t write_fields(uint8_t *block, size_t room, uint32_t table_size, size_t n_page)
{
	enum { STATUS = 8, CACHE_CONTROL = 24, CONTENT_LENGTH = 28, CONTENT_TYPE = 31 };
	struct writer writer = { .at = block, .room = room };
	char length[24];

	snprintf(length, sizeof(length), "%zu", n_page);
	if (table_size != UINT32_MAX)
		put_integer(&writer, 0x20, 5, table_size);
	put_field(&writer, STATUS, "403");
	put_field(&writer, CACHE_CONTROL, "no-store");
	put_field(&writer, CONTENT_LENGTH, length);
	put_field(&writer, CONTENT_TYPE, "text/html; charset=utf-8");
	return (size_t)(writer.at - block);
}

size_t frame_refusal(uint32_t stream, uint32_t table_size, const char *page, uint32_t window,
		     uint8_t *bytes, size_t room, size_t *ret_n_data)
{
	struct writer writer = { .at = bytes, .room = room };
	size_t n_page = page && strlen(page) <= window ? strlen(page) : 0;
	uint8_t block[128], numbers[8] = { 0 };
	size_t n_block = write_fields(block, sizeof(block), table_size, n_page);

	put_frame(&writer, FRAME_HEADERS, FRAME_END_HEADERS | (n_page > 0 ? 0 : FRAME_END_STREAM),
		  stream, block, n_block);
	if (n_page > 0)
		put_frame(&writer, FRAME_DATA, FRAME_END_STREAM, stream, page, n_page);
	frame_write_u32(stream, numbers);
	put_frame(&writer, FRAME_GOAWAY, 0, 0, numbers, sizeof(numbers));
	*ret_n_data = n_page;
	return writer.is_full ? 0 : (size_t)(writer.at - bytes);
}
