/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/inspect.h"

#include <stdlib.h>

#include "base/hash.h"
#include "conn/worker.h"
#include "tap/recorder.h"

struct inspection {
	struct conn *conn;
	struct recorder *recorder;
	struct flow flow;
};

/* --- what is recorded --- */

/*
 * Programs that read captures know many protocols by their ports: there is no TLS any more, so the
 * port is the one of the same protocol without it.
 */
static uint16_t plain_port(uint16_t port)
{
	static const struct {
		uint16_t tls, plain;
	} ports[] = {
		{ 443, 80 },    { 8443, 8080 }, { 465, 25 },    { 563, 119 },   { 636, 389 },
		{ 853, 53 },    { 989, 20 },    { 990, 21 },    { 992, 23 },    { 993, 143 },
		{ 995, 110 },   { 3269, 3268 }, { 5061, 5060 }, { 5223, 5222 }, { 5671, 5672 },
		{ 6697, 6667 }, { 8883, 1883 },
	};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i].tls == port)
			return ports[i].plain;
	return port;
}

static void record(struct inspection *inspection, unsigned way, enum piece_kind kind,
		   const uint8_t *bytes, size_t n)
{
	struct piece piece = flow_piece(&inspection->flow, way, kind, n);

	recorder_put(inspection->recorder, &piece, bytes);
}

static void begin_flow(struct inspection *inspection)
{
	const struct conn *conn = inspection->conn;
	union addr server = conn->server_addr;
	uint64_t hash = hash_bytes(&conn->flow_id, sizeof(conn->flow_id));
	const uint32_t first[2] = { (uint32_t)(hash >> 32), (uint32_t)hash };

	if (config_of(conn)->capture.ports == CAPTURE_PORTS_PLAIN)
		addr_set_port(&server, plain_port(addr_port(&server)));
	flow_init(&inspection->flow, &conn->client_addr, &server, first);
	record(inspection, TO_SERVER, PIECE_OPEN, NULL, 0);
}

/* Each side that has not finished did so by a reset, or has its end from the engine. */
static void end_flow(struct inspection *inspection)
{
	const struct conn *conn = inspection->conn;
	bool is_reset = conn->end == END_CLIENT_RESET || conn->end == END_SERVER_RESET ||
			conn->end == END_NO_RESOURCES || conn->end == END_LATE_REQUEST;
	unsigned resets = conn->end == END_CLIENT_RESET ? TO_SERVER : TO_CLIENT;
	const bool *is_finished = inspection->flow.is_finished;

	if (is_finished[TO_SERVER] && is_finished[TO_CLIENT])
		return;
	if (is_reset && !is_finished[resets]) {
		record(inspection, resets, PIECE_RESET, NULL, 0);
		return;
	}
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		if (!is_finished[way])
			record(inspection, way, PIECE_FINISH, NULL, 0);
}

/* --- a connection --- */

void inspect_begin(struct conn *conn)
{
	struct recorder *recorder = conn->worker->engine->recorder;
	struct inspection *inspection;

	conn->verdict.is_captured &= recorder_wants_packets(recorder);
	inspection = conn->verdict.is_captured ? calloc(1, sizeof(*inspection)) : NULL;
	if (!inspection) {
		conn->verdict.is_captured = false;
		return;
	}
	*inspection = (struct inspection){ .conn = conn, .recorder = recorder };
	conn->inspection = inspection;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		relay_show(&conn->relay[way], inspection, way);
	begin_flow(inspection);
}

void inspect_end(struct conn *conn)
{
	if (!conn->inspection)
		return;
	end_flow(conn->inspection);
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		relay_show(&conn->relay[way], NULL, way);
	free(conn->inspection);
	conn->inspection = NULL;
}

void inspect_see(struct inspection *inspection, unsigned way, const uint8_t *bytes, size_t n)
{
	record(inspection, way, PIECE_DATA, bytes, n);
}

void inspect_finish(struct inspection *inspection, unsigned way)
{
	record(inspection, way, PIECE_FINISH, NULL, 0);
}
