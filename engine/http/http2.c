/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/2 as it goes by.
 *
 * The frames are walked, and what is in them is looked at as it comes. Who judges has the client's
 * HEADERS held back until the block is whole. Refusing it leaves a hole: the server's HPACK table
 * has not seen this block, so no later one can be understood by it. So a refusal is the beginning
 * of the end of the connection:
 *
 *     to the client   at the end of a frame, the answer (frame.c) and GOAWAY: it opens a new
 *                     connection for whatever it wants next, and again what it had begun behind
 *     to the server   nothing of streams behind the last that was let go; those before go on, but
 *                     their trailers, which could not be understood, become an empty DATA
 *
 * and when the streams that go on are over, so is the connection. Flow control stays exact: what is
 * cut out is given back to the client's window for the server, and what was put in is taken out of
 * the next windows that the client opens.
 */
#include "http/http2.h"

#include <errno.h>
#include <stdlib.h>

#include "http/block.h"
#include "http/cursor.h"
#include "http/frame.h"

enum {
	SETTINGS_MAX = 16, /* not acknowledged yet */
	WINDOW = 65535,    /* bytes, unless a setting says otherwise */
	WINDOWS_ROOM = 64, /* of HTTP_ROOM, for frames about windows */
};

#define NO_SIZE UINT32_MAX
enum fate { GOES, IS_HELD, IS_CUT };

/* One way: what its sender says. */
struct side {
	size_t n_preface; /* bytes that came */
	bool has_begun;   /* its first frame, SETTINGS, is over */
	uint8_t header[FRAME_HEADER];
	size_t n_header;
	struct frame frame;
	enum fate fate;
	size_t left;      /* of its payload */
	size_t n_padding; /* of that */
	uint8_t small[6]; /* a prefix, a setting, a number: what is looked at whole */
	size_t n_small, small_room;

	struct blocks *blocks;
	bool is_in_block;      /* nothing but CONTINUATION may come */
	bool is_ending_stream; /* the block's */
	bool is_decoded;       /* the block is */
	uint32_t block_stream;
	size_t n_block; /* bytes of its frames */
	enum block_kind kind;
	struct exchange *exchange; /* whose block it is; NULL: nobody's */

	uint32_t sizes[SETTINGS_MAX]; /* of the other way's table, until they are acknowledged */
	unsigned n_sizes;
	uint32_t size; /* in the settings that are read */
};

struct http2 {
	struct side sides[2];
	uint32_t last_stream;   /* that the client opened */
	uint32_t stream_window; /* what the client takes on a new stream */
	int64_t window;         /* and on the connection, now */
	uint32_t limit;         /* once something was refused: the last stream that goes on */
	uint32_t n_owed;        /* bytes put in, to be taken out of the client's next windows */
	uint32_t n_credit;      /* bytes cut out, to be given back to the client */
};

/* --- streams --- */

static struct exchange *find(struct http *http, uint32_t stream)
{
	struct exchange *exchange = http->first;

	while (exchange && exchange->stream != stream)
		exchange = exchange->next;
	return exchange;
}

static void end_exchange(struct http *http, struct exchange *exchange)
{
	for (unsigned way = HTTP_TO_SERVER; way <= HTTP_TO_CLIENT; way++) {
		struct side *side = &http->two->sides[way];

		if (side->exchange != exchange)
			continue;
		/* A request that is not whole was reset: it is to be judged nonetheless. */
		if (side->kind == BLOCK_REQUEST)
			http_fail(http, HTTP_BAD_GRAMMAR);
		side->exchange = NULL;
		blocks_forget(side->blocks);
	}
	http_end(http, exchange);
}

static void end_stream(struct http *http, unsigned way, uint32_t stream)
{
	struct exchange *exchange = find(http, stream);

	if (!exchange)
		return;
	if (way == HTTP_TO_SERVER)
		exchange->is_request_over = true;
	else
		exchange->is_response_over = true;
	if (exchange->is_request_over && exchange->is_response_over)
		end_exchange(http, exchange);
}

static void reset_stream(struct http *http, uint32_t stream)
{
	struct exchange *exchange = find(http, stream);

	if (!exchange)
		return;
	exchange->is_reset = !exchange->is_response_over;
	end_exchange(http, exchange);
}

/* --- refusing --- */

/* Nothing of this stream goes to the server. */
static bool is_left_out(const struct http *http, uint32_t stream)
{
	return http->has_refused && stream > http->two->limit;
}

static void refuse(struct http *http, struct exchange *exchange, const char *page)
{
	struct http2 *two = http->two;
	uint32_t table = blocks_lower_table(two->sides[HTTP_TO_CLIENT].blocks);
	uint32_t window = two->stream_window;
	size_t n_data = 0;

	if (two->window < window)
		window = two->window > 0 ? (uint32_t)two->window : 0;
	if (strcmp(exchange->method, "HEAD") == 0)
		page = NULL;
	http->has_refused = true;
	two->limit = exchange->stream - 1;
	http->answer = malloc(HTTP_ROOM - WINDOWS_ROOM);
	if (http->answer)
		http->n_answer = frame_refusal(exchange->stream, table, page, window, http->answer,
					       HTTP_ROOM - WINDOWS_ROOM, &n_data);
	two->window -= (int64_t)n_data;
	two->n_owed += (uint32_t)n_data;
	exchange->status = 403;
	end_exchange(http, exchange);
}

/* Between two frames for the client: what it is told in the server's place. */
static void put_answer(struct http *http, struct cursor *cursor)
{
	struct http2 *two = http->two;
	const struct frame window = { .type = FRAME_WINDOW_UPDATE, .length = 4 };
	uint8_t bytes[FRAME_HEADER + 4];

	if (http->answer) {
		cursor_put(cursor, http->answer, http->n_answer);
		http_drop_answer(http);
	}
	if (two->n_credit == 0)
		return;
	frame_write(&window, bytes);
	frame_write_u32(two->n_credit, bytes + FRAME_HEADER);
	cursor_put(cursor, bytes, sizeof(bytes));
	two->n_credit = 0;
}

/* --- blocks --- */

/* Whose block it is, and what. */
static void begin_request(struct http *http, struct side *side)
{
	struct http2 *two = http->two;
	uint32_t stream = side->frame.stream;

	side->kind = BLOCK_TRAILERS;
	side->exchange = find(http, stream);
	if (stream <= two->last_stream)
		return;
	two->last_stream = stream;
	side->kind = BLOCK_REQUEST;
	side->exchange = http_begin(http, stream);
}

static void begin_response(struct http *http, struct side *side)
{
	side->exchange = find(http, side->frame.stream);
	side->kind = side->exchange && side->exchange->status == 0 ? BLOCK_RESPONSE : BLOCK_OTHER;
}

static void begin_push(struct http *http, struct side *side)
{
	struct reader promised = reader_of(side->small + side->n_small - 4, 4);

	side->kind = BLOCK_REQUEST;
	side->exchange = http_begin(http, reader_uint(&promised, 4) & 0x7fffffff);
	if (side->exchange)
		side->exchange->is_pushed = side->exchange->is_request_over = true;
}

static void begin_block(struct http *http, unsigned way)
{
	struct side *side = &http->two->sides[way];
	enum http_anomaly anomaly;

	side->block_stream = side->frame.stream;
	side->is_ending_stream =
		side->frame.type == FRAME_HEADERS && (side->frame.flags & FRAME_END_STREAM) != 0;
	/* After a refusal what the client says is for nobody. */
	side->is_decoded = way == HTTP_TO_CLIENT || !http->has_refused;
	if (!side->is_decoded)
		return;
	if (side->frame.type == FRAME_PUSH_PROMISE)
		begin_push(http, side);
	else if (way == HTTP_TO_SERVER)
		begin_request(http, side);
	else
		begin_response(http, side);
	if (http->is_over)
		return;
	anomaly = blocks_begin(side->blocks, side->kind, side->exchange);
	if (anomaly != HTTP_SOUND)
		http_fail(http, anomaly);
}

static void end_request(struct http *http, struct side *side, struct exchange *exchange)
{
	bool is_tunnel =
		exchange->upgrade[0] != '\0' && strcasecmp(exchange->upgrade, "websocket") != 0;
	char *page = NULL;

	if (http_judge(http, exchange, &page)) {
		side->fate = GOES;
		if (is_tunnel && http_is_judged(http))
			http_fail(http, HTTP_TUNNEL);
	} else if (exchange->is_pushed) {
		http_fail(http, HTTP_UNSOLICITED);
	} else {
		side->fate = IS_CUT;
		refuse(http, exchange, page);
	}
	free(page);
}

/* Behind an interim one more follows. */
static void end_response(struct exchange *exchange, unsigned status)
{
	exchange->status = status < 200 ? 0 : status;
	exchange->is_upgraded = exchange->upgrade[0] != '\0' && status / 100 == 2;
}

/* Trailers that the server could not understand: in their place the end of the stream alone. */
static void put_end(struct http *http, const struct side *side, struct cursor *cursor)
{
	const struct frame frame = { .type = FRAME_DATA,
				     .flags = FRAME_END_STREAM,
				     .stream = side->block_stream };
	struct exchange *exchange = find(http, side->block_stream);
	uint8_t header[FRAME_HEADER];

	if (!side->is_ending_stream || !exchange || exchange->is_request_over)
		return;
	frame_write(&frame, header);
	cursor_put(cursor, header, sizeof(header));
}

static void end_block(struct http *http, unsigned way, struct cursor *cursor)
{
	struct side *side = &http->two->sides[way];
	struct exchange *exchange = side->exchange;
	enum http_anomaly anomaly;
	unsigned status = 0;

	side->exchange = NULL;
	if (!side->is_decoded) {
		put_end(http, side, cursor);
	} else {
		anomaly = blocks_end(side->blocks, &status);
		if (anomaly != HTTP_SOUND) {
			http_fail(http, anomaly);
			return;
		}
		if (side->kind == BLOCK_REQUEST)
			end_request(http, side, exchange);
		else if (side->kind == BLOCK_RESPONSE && exchange)
			end_response(exchange, status);
		else if (side->fate == IS_HELD)
			side->fate = GOES;
	}
	if (side->is_ending_stream && !http->is_over)
		end_stream(http, way, side->block_stream);
}

/* --- settings and windows --- */

static void read_setting(struct http *http, unsigned way)
{
	struct side *side = &http->two->sides[way];
	struct reader r = reader_of(side->small, sizeof(side->small));
	unsigned setting = reader_u16(&r);
	uint32_t value = reader_uint(&r, 4);

	if (setting == SETTING_HEADER_TABLE_SIZE)
		side->size = value;
	if (setting == SETTING_INITIAL_WINDOW_SIZE && way == HTTP_TO_SERVER)
		http->two->stream_window = value;
}

/* A table may grow from now on; that it shrinks is certain once the other end has agreed. */
static void end_settings(struct http *http, unsigned way)
{
	struct side *side = &http->two->sides[way];
	struct side *other = &http->two->sides[!way];

	side->has_begun = true;
	if (side->frame.flags & FRAME_ACK) {
		if (other->n_sizes == 0) {
			http_fail(http, HTTP_BAD_GRAMMAR);
			return;
		}
		if (other->sizes[0] != NO_SIZE)
			blocks_set_table(side->blocks, other->sizes[0]);
		other->n_sizes--;
		memmove(other->sizes, other->sizes + 1, other->n_sizes * sizeof(other->sizes[0]));
		return;
	}
	if (side->n_sizes == SETTINGS_MAX) {
		http_fail(http, HTTP_TOO_MANY);
		return;
	}
	side->sizes[side->n_sizes++] = side->size;
	if (side->size != NO_SIZE)
		blocks_raise_table(other->blocks, side->size);
}

/* What the client opens on the connection; a part of it may be for what the server never sent. */
static void end_window(struct http *http, struct cursor *cursor)
{
	struct http2 *two = http->two;
	struct side *side = &two->sides[HTTP_TO_SERVER];
	struct reader r = reader_of(side->small, 4);
	uint32_t more = reader_uint(&r, 4) & 0x7fffffff;

	two->window += more;
	if (side->fate != IS_HELD)
		return;
	if (more > two->n_owed) {
		side->fate = GOES;
		frame_write_u32(more - two->n_owed, cursor->bytes + cursor->out - 4);
		two->n_owed = 0;
	} else {
		side->fate = IS_CUT;
		two->n_owed -= more;
	}
}

/* --- frames --- */

static bool is_in_place(const struct side *side)
{
	const struct frame *frame = &side->frame;

	if (side->is_in_block != (frame->type == FRAME_CONTINUATION) ||
	    (side->is_in_block && frame->stream != side->block_stream))
		return false;
	return side->has_begun || (frame->type == FRAME_SETTINGS && !(frame->flags & FRAME_ACK));
}

/* Of what the client sends, when somebody judges. */
static enum fate fate_of(const struct http *http, const struct frame *frame)
{
	if (frame->type == FRAME_HEADERS || frame->type == FRAME_CONTINUATION)
		return http->has_refused ? IS_CUT : IS_HELD;
	if (frame->stream != 0)
		return is_left_out(http, frame->stream) ? IS_CUT : GOES;
	return frame->type == FRAME_WINDOW_UPDATE && http->two->n_owed > 0 ? IS_HELD : GOES;
}

static void end_small(struct http *http, unsigned way)
{
	struct side *side = &http->two->sides[way];
	const struct frame *frame = &side->frame;

	if (frame->type == FRAME_SETTINGS) {
		read_setting(http, way);
		side->n_small = side->left > 0 ? 0 : side->n_small;
		return;
	}
	if (frame_prefix(frame) > 0 && (frame->flags & FRAME_PADDED))
		side->n_padding = side->small[0];
	if (side->n_padding > side->left)
		http_fail(http, HTTP_BAD_GRAMMAR);
	else if (frame->type == FRAME_HEADERS || frame->type == FRAME_PUSH_PROMISE)
		begin_block(http, way);
}

static void begin_frame(struct http *http, unsigned way, struct cursor *cursor)
{
	struct side *side = &http->two->sides[way];
	struct frame *frame = &side->frame;

	*frame = frame_read(side->header);
	side->left = frame->length;
	side->n_padding = side->n_small = 0;
	side->small_room = frame_small(frame);
	side->size = NO_SIZE;
	side->fate = way == HTTP_TO_SERVER && http_is_judged(http) ? fate_of(http, frame) : GOES;
	side->n_block = (side->is_in_block ? side->n_block : 0) + FRAME_HEADER + frame->length;
	if (!is_in_place(side) || !frame_is_sound(frame, way == HTTP_TO_SERVER)) {
		http_fail(http, HTTP_BAD_GRAMMAR);
		return;
	}
	if (frame_is_of_block(frame) && side->n_block > HTTP_HEAD_MAX) {
		http_fail(http, HTTP_TOO_LARGE);
		return;
	}
	if (side->fate == IS_CUT)
		cursor->out = cursor->unit;
	if (frame->type == FRAME_DATA && way == HTTP_TO_CLIENT)
		http->two->window -= frame->length;
	if (frame->type == FRAME_DATA && side->fate == IS_CUT)
		http->two->n_credit += frame->length;
	if (side->small_room == 0)
		end_small(http, way);
}

static void end_frame(struct http *http, unsigned way, struct cursor *cursor)
{
	struct side *side = &http->two->sides[way];
	const struct frame *frame = &side->frame;
	bool was_held = side->fate == IS_HELD;

	side->n_header = 0;
	side->is_in_block = frame_is_of_block(frame) && !(frame->flags & FRAME_END_HEADERS);
	if (side->is_in_block && was_held)
		return;
	if (frame_is_of_block(frame) && !side->is_in_block)
		end_block(http, way, cursor);
	else if (frame->type == FRAME_DATA && (frame->flags & FRAME_END_STREAM))
		end_stream(http, way, frame->stream);
	else if (frame->type == FRAME_RST_STREAM)
		reset_stream(http, frame->stream);
	else if (frame->type == FRAME_SETTINGS)
		end_settings(http, way);
	else if (frame->type == FRAME_WINDOW_UPDATE && frame->stream == 0 && way == HTTP_TO_SERVER)
		end_window(http, cursor);
	if (was_held && side->fate == IS_CUT)
		cursor->out = cursor->unit;
	cursor->unit = cursor->out;
}

/* --- bytes --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What a frame carries, without what is around it. */
static void read_content(struct http *http, unsigned way, const uint8_t *bytes, size_t n)
{
	struct side *side = &http->two->sides[way];
	enum http_anomaly anomaly = HTTP_SOUND;
	struct exchange *exchange;

	if (frame_is_of_block(&side->frame) && side->is_decoded)
		anomaly = blocks_feed(side->blocks, bytes, n);
	if (anomaly != HTTP_SOUND)
		http_fail(http, anomaly);
	exchange = side->frame.type == FRAME_DATA ? find(http, side->frame.stream) : NULL;
	if (exchange && way == HTTP_TO_SERVER)
		exchange->request_bytes += n;
	else if (exchange)
		exchange->response_bytes += n;
}

/* Some of the frame's payload, of which there is more. */
static void read_payload(struct http *http, unsigned way, struct cursor *cursor)
{
	struct side *side = &http->two->sides[way];
	const uint8_t *bytes = cursor->bytes + cursor->in;
	size_t n = least(cursor->end - cursor->in, side->left);

	if (side->n_small < side->small_room) {
		n = least(n, side->small_room - side->n_small);
		memcpy(side->small + side->n_small, bytes, n);
		side->n_small += n;
		side->left -= n;
		cursor_take(cursor, n, side->fate != IS_CUT);
		if (side->n_small == side->small_room)
			end_small(http, way);
		return;
	}
	if (side->left > side->n_padding) {
		n = least(n, side->left - side->n_padding);
		read_content(http, way, bytes, n);
	}
	side->left -= n;
	cursor_take(cursor, n, side->fate != IS_CUT);
}

static void read_preface(struct http *http, struct side *side, struct cursor *cursor)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	size_t n = least(cursor->end - cursor->in, strlen(preface) - side->n_preface);

	if (memcmp(cursor->bytes + cursor->in, preface + side->n_preface, n) != 0)
		http_fail(http, HTTP_BAD_GRAMMAR);
	side->n_preface += n;
	cursor_take(cursor, n, true);
	cursor->unit = cursor->out;
}

static bool is_between_frames(const struct side *side)
{
	return side->has_begun && side->n_header == 0 && !side->is_in_block;
}

static void walk(struct http *http, unsigned way, struct cursor *cursor)
{
	enum { PREFACE = 24 };
	struct side *side = &http->two->sides[way];

	while (!http->is_over) {
		size_t n;

		if (way == HTTP_TO_CLIENT && is_between_frames(side))
			put_answer(http, cursor);
		if (cursor->in == cursor->end)
			return;
		if (way == HTTP_TO_SERVER && side->n_preface < PREFACE) {
			read_preface(http, side, cursor);
			continue;
		}
		if (side->n_header == FRAME_HEADER) {
			read_payload(http, way, cursor);
		} else {
			n = least(cursor->end - cursor->in, FRAME_HEADER - side->n_header);
			memcpy(side->header + side->n_header, cursor->bytes + cursor->in, n);
			side->n_header += n;
			cursor_take(cursor, n, true);
			if (side->n_header == FRAME_HEADER)
				begin_frame(http, way, cursor);
		}
		if (side->n_header == FRAME_HEADER && side->left == 0 && !http->is_over)
			end_frame(http, way, cursor);
	}
}

size_t http2_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n)
{
	struct side *side = &http->two->sides[way];
	struct cursor cursor = { .bytes = bytes, .in = n_held, .out = n_held, .end = *n };

	walk(http, way, &cursor);
	/* What was not looked at any more, behind what was. */
	*n = cursor.out + (cursor.end - cursor.in);
	if (cursor.in != cursor.out)
		memmove(bytes + cursor.out, bytes + cursor.in, cursor.end - cursor.in);
	if (way == HTTP_TO_CLIENT || !http_is_judged(http) ||
	    (side->n_header == FRAME_HEADER && side->fate != IS_HELD))
		return *n;
	return cursor.unit;
}

int http2_new(struct http2 **ret_two)
{
	struct http2 *two = calloc(1, sizeof(*two));

	if (!two)
		return -ENOMEM;
	two->stream_window = two->window = WINDOW;
	if (blocks_new(&two->sides[HTTP_TO_SERVER].blocks) < 0 ||
	    blocks_new(&two->sides[HTTP_TO_CLIENT].blocks) < 0) {
		http2_free(two);
		return -ENOMEM;
	}
	*ret_two = two;
	return 0;
}

void http2_free(struct http2 *two)
{
	if (!two)
		return;
	blocks_free(two->sides[HTTP_TO_SERVER].blocks);
	blocks_free(two->sides[HTTP_TO_CLIENT].blocks);
	free(two);
}
