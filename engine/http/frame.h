/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_FRAME_H
#define POSTERN_HTTP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The frames of HTTP/2 (RFC 9113 section 4 and 6). */

enum { FRAME_HEADER = 9 };

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

enum {
	FRAME_ACK = 0x1,
	FRAME_END_STREAM = 0x1,
	FRAME_END_HEADERS = 0x4,
	FRAME_PADDED = 0x8,
	FRAME_HAS_PRIORITY = 0x20,
};

enum {
	SETTING_HEADER_TABLE_SIZE = 1,
	SETTING_INITIAL_WINDOW_SIZE = 4,
};

struct frame {
	uint32_t length; /* of the payload */
	uint8_t type, flags;
	uint32_t stream;
};

struct frame frame_read(const uint8_t header[FRAME_HEADER]);
/* Its bytes, without the payload. */
void frame_write(const struct frame *frame, uint8_t header[FRAME_HEADER]);
void frame_write_u32(uint32_t value, uint8_t bytes[4]);

/* Bytes of the payload before what it carries: length of padding, priority, promised stream. */
size_t frame_prefix(const struct frame *frame);
/* Bytes of the payload that are to be read whole: that prefix, a setting, a window. */
size_t frame_small(const struct frame *frame);
bool frame_is_of_block(const struct frame *frame);
/* Its stream and length may be. */
bool frame_is_sound(const struct frame *frame, bool is_client);

/*
 * The answer to a refused request: HEADERS with status 403, the page in DATA unless the window
 * (bytes that the client would take on a new stream) is too small for it, GOAWAY. No RST_STREAM for
 * what the client may still be uploading: some drop the answer with it. Nothing of it enters the
 * client's HPACK table; `table_size` is what the client must hear of it first, or UINT32_MAX. The
 * length; 0: `room` is too small.
 */
size_t frame_refusal(uint32_t stream, uint32_t table_size, const char *page, uint32_t window,
		     uint8_t *bytes, size_t room, size_t *ret_n_data);

#endif
