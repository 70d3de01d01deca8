/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/frames.h"

#include <string.h>

enum {
	ETHERNET = 14,
	IP4 = 20,
	IP6 = 40,
	TCP = 20,
	TCP_OPTIONS = 8, /* of a SYN */
	TTL = 64,
	PROTOCOL_TCP = 6,
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_IP6 = 0x86dd,
	DONT_FRAGMENT = 0x4000,
	WINDOW = 65535,
	WINDOW_SHIFT = 7, /* so that a whole piece may be under way */
};

enum flags { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

/* One segment, before it is written. */
struct segment {
	unsigned way;
	const union addr *from, *to;
	uint32_t number, acknowledged;
	uint8_t flags;
	const uint8_t *bytes;
	size_t n;
};

/* --- numbers --- */

void flow_init(struct flow *flow, const union addr *client, const union addr *server,
	       const uint32_t first[2])
{
	*flow = (struct flow){ .end = { *client, *server }, .next = { first[0], first[1] } };
}

struct piece flow_piece(struct flow *flow, unsigned way, enum piece_kind kind, size_t n)
{
	struct piece piece = {
		.kind = kind,
		.way = way,
		.from = flow->end[way],
		.to = flow->end[!way],
		.number = flow->next[way],
		.acknowledged = flow->next[!way],
		.n = n,
	};

	flow->next[way] += (uint32_t)n;
	if (kind == PIECE_OPEN) { /* a SYN counts as a byte, and so does a FIN */
		flow->next[way]++;
		flow->next[!way]++;
	}
	if (kind == PIECE_FINISH) {
		flow->next[way]++;
		flow->is_finished[way] = true;
	}
	return piece;
}

/* --- bytes --- */

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

static uint8_t *put_addr(uint8_t *at, const union addr *addr)
{
	size_t n;
	const uint8_t *bytes = addr_bytes(addr, &n);

	memcpy(at, bytes, n);
	return at + n;
}

/* Of RFC 1071, not folded yet. */
static uint64_t sum(uint64_t sum, const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
	if (i < n)
		sum += (uint64_t)bytes[i] << 8;
	return sum;
}

static uint16_t checksum(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* --- headers --- */

static bool is_ip4(const struct segment *segment)
{
	return segment->from->sa.sa_family == AF_INET;
}

/* Addresses of our own making (the bit for that is set), which say who is who. */
static uint8_t *put_ethernet(uint8_t *at, const struct segment *segment)
{
	/* Who sends which way: the client, the server. */
	static const uint8_t senders[2][6] = { { 0x02, 0, 0, 0, 0, 1 }, { 0x02, 0, 0, 0, 0, 2 } };

	memcpy(at, senders[!segment->way], 6);
	memcpy(at + 6, senders[segment->way], 6);
	return put16(at + 12, is_ip4(segment) ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
}

static uint8_t *put_ip4(uint8_t *start, const struct segment *segment, size_t n)
{
	uint8_t *at = start;

	*at++ = 4 << 4 | IP4 / 4;
	*at++ = 0;
	at = put16(at, (unsigned)(IP4 + n));
	at = put16(at, 0); /* nobody may cut it, so it needs no number (RFC 6864) */
	at = put16(at, DONT_FRAGMENT);
	*at++ = TTL;
	*at++ = PROTOCOL_TCP;
	at = put16(at, 0);
	at = put_addr(at, segment->from);
	at = put_addr(at, segment->to);
	put16(start + 10, checksum(sum(0, start, IP4)));
	return at;
}

static uint8_t *put_ip6(uint8_t *at, const struct segment *segment, size_t n)
{
	at = put32(at, 6U << 28);
	at = put16(at, (unsigned)n);
	*at++ = PROTOCOL_TCP;
	*at++ = TTL;
	at = put_addr(at, segment->from);
	return put_addr(at, segment->to);
}

static uint8_t *put_options(uint8_t *at, unsigned mss)
{
	*at++ = 2; /* the longest segment */
	*at++ = 4;
	at = put16(at, mss);
	*at++ = 1;
	*at++ = 3; /* how the window is counted */
	*at++ = 3;
	*at++ = WINDOW_SHIFT;
	return at;
}

static size_t longest(const union addr *addr)
{
	return FRAMES_MTU - TCP - (addr->sa.sa_family == AF_INET ? IP4 : IP6);
}

static void put_tcp(uint8_t *start, const struct segment *segment, size_t n)
{
	size_t options = segment->flags & SYN ? TCP_OPTIONS : 0;
	uint8_t pseudo[2 * 16 + 4], *end = pseudo, *at = start;

	at = put16(at, addr_port(segment->from));
	at = put16(at, addr_port(segment->to));
	at = put32(at, segment->number);
	at = put32(at, segment->flags & ACK ? segment->acknowledged : 0);
	at = put16(at, (unsigned)((TCP + options) / 4 << 12 | segment->flags));
	at = put16(at, WINDOW);
	at = put32(at, 0); /* checksum, urgent pointer */
	if (options)
		at = put_options(at, (unsigned)longest(segment->from));
	if (segment->n > 0)
		memcpy(at, segment->bytes, segment->n);

	end = put_addr(end, segment->from);
	end = put_addr(end, segment->to);
	end = put16(end, PROTOCOL_TCP);
	end = put16(end, (unsigned)n);
	put16(start + 16, checksum(sum(sum(0, pseudo, (size_t)(end - pseudo)), start, n)));
}

static size_t write_frame(const struct segment *segment, uint8_t *frame)
{
	size_t n = TCP + (segment->flags & SYN ? TCP_OPTIONS : 0) + segment->n;
	uint8_t *at = put_ethernet(frame, segment);

	at = is_ip4(segment) ? put_ip4(at, segment, n) : put_ip6(at, segment, n);
	put_tcp(at, segment, n);
	return (size_t)(at - frame) + n;
}

/* --- frames --- */

/* A frame of a piece that holds nothing of its plaintext, which comes before. */
struct step {
	bool is_answer;
	uint8_t flags;
	uint8_t sent, answered; /* bytes counted before it, from the sender and from the other */
};

static const struct {
	unsigned n;
	struct step steps[3];
} kinds[] = {
	[PIECE_OPEN] = { 3,
			 { { false, SYN, 0, 0 },
			   { true, SYN | ACK, 1, 0 },
			   { false, ACK, 1, 1 } } },
	[PIECE_DATA] = { 1, { { true, ACK, 0, 0 } } },
	[PIECE_FINISH] = { 2, { { false, FIN | ACK, 0, 0 }, { true, ACK, 1, 0 } } },
	[PIECE_RESET] = { 1, { { false, RST | ACK, 0, 0 } } },
};

struct frames frames_of(const struct piece *piece, const uint8_t *bytes)
{
	return (struct frames){ .piece = piece, .bytes = bytes };
}

static struct segment next_data(struct frames *frames)
{
	const struct piece *piece = frames->piece;
	size_t left = piece->n - frames->at, n = longest(&piece->from);
	struct segment segment = {
		.way = piece->way,
		.from = &piece->from,
		.to = &piece->to,
		.number = piece->number + (uint32_t)frames->at,
		.acknowledged = piece->acknowledged,
		.flags = left <= n ? PSH | ACK : ACK,
		.bytes = frames->bytes + frames->at,
		.n = left < n ? left : n,
	};

	frames->at += segment.n;
	return segment;
}

static struct segment next_step(struct frames *frames)
{
	const struct piece *piece = frames->piece;
	const struct step *step = &kinds[piece->kind].steps[frames->step++];
	uint32_t sent = piece->number + (uint32_t)piece->n + step->sent;
	uint32_t answered = piece->acknowledged + step->answered;

	return (struct segment){
		.way = step->is_answer ? !piece->way : piece->way,
		.from = step->is_answer ? &piece->to : &piece->from,
		.to = step->is_answer ? &piece->from : &piece->to,
		.number = step->is_answer ? answered : sent,
		.acknowledged = step->is_answer ? sent : answered,
		.flags = step->flags,
	};
}

size_t frames_next(struct frames *frames, uint8_t frame[FRAMES_MAX])
{
	const struct piece *piece = frames->piece;
	struct segment segment;

	if (frames->at < piece->n)
		segment = next_data(frames);
	else if (frames->step < kinds[piece->kind].n)
		segment = next_step(frames);
	else
		return 0;
	return write_frame(&segment, frame);
}
