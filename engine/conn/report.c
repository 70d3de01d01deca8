/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "conn/conn.h"
#include "conn/worker.h"
#include "tap/json.h"
#include "tls/fingerprint.h"
#include "tls/sighting.h"
#include "tls/upstream.h"

#define WORD(name, word) word,

static json_t *text(const char *string)
{
	return json_text(string, strlen(string));
}

/* Leaves the key out when there is nothing to say. */
static void set_text(json_t *object, const char *key, const char *string)
{
	if (string && string[0] != '\0')
		json_object_set_new(object, key, text(string));
}

static void set_version(json_t *object, const char *key, uint16_t version)
{
	char number[8];
	const char *name = names_version(version);

	snprintf(number, sizeof(number), "0x%04x", version);
	set_text(object, key, name ? name : number);
}

/* --- the client's hello --- */

static json_t *alpn_of(const struct hello *hello)
{
	json_t *list = json_array();
	const uint8_t *name;
	size_t at = 0, n;

	while ((name = hello_alpn_next(hello, &at, &n)))
		json_array_append_new(list, json_text(name, n));
	return list;
}

static json_t *versions_of(const struct hello *hello)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < hello->versions.n; i++) {
		const char *name = names_version(hello->versions.at[i]);

		if (name)
			json_array_append_new(list, json_string(name));
	}
	if (hello->versions.n == 0 && names_version(hello->legacy_version))
		json_array_append_new(list, json_string(names_version(hello->legacy_version)));
	return list;
}

static json_t *hello_of(struct conn *conn, const struct hello *hello)
{
	char ja3[FINGERPRINT_JA3_SIZE];
	json_t *tls = json_object();

	fingerprint_ja3(hello, ja3);
	if (conn->ja4[0] == '\0')
		fingerprint_ja4(hello, conn->ja4);
	set_text(tls, "sni", hello->host);
	json_object_set_new(tls, "alpn", alpn_of(hello));
	json_object_set_new(tls, "versions", versions_of(hello));
	json_object_set_new(tls, "ja3", json_pack("{ss}", "hash", ja3));
	json_object_set_new(tls, "ja4", json_string(conn->ja4));
	json_object_set_new(tls, "ech", json_boolean(hello->has_ech));
	json_object_set_new(tls, "psk", json_boolean(hello->has_psk || hello->has_ticket));
	json_object_set_new(tls, "early_data", json_boolean(hello->has_early_data));
	json_object_set_new(tls, "post_handshake_auth",
			    json_boolean(hello->has_post_handshake_auth));
	json_object_set_new(tls, "hello_bytes", json_integer((json_int_t)hello->wire_length));
	return tls;
}

static void set_hello(json_t *event, struct conn *conn)
{
	struct hello hello;

	if (conn->hello)
		json_object_set_new(event, "tls", hello_of(conn, conn->hello));
	else if (conn->packed_hello &&
		 hello_parse(conn->packed_hello, conn->n_packed_hello, &hello) == HELLO_WHOLE)
		json_object_set_new(event, "tls", hello_of(conn, &hello));
}

/* --- the two legs --- */

static json_t *leg_of(const struct session *session)
{
	struct session_facts facts = session_facts(session);
	json_t *leg = json_object();

	if (facts.version != 0)
		set_version(leg, "version", facts.version);
	set_text(leg, "cipher", facts.cipher);
	if (facts.group != 0)
		set_text(leg, "group", names_group(facts.group));
	set_text(leg, "alpn", facts.alpn);
	if (facts.is_resumed)
		json_object_set_new(leg, "resumed", json_true());
	if (session_alert(session) != 0)
		set_text(leg, "alert", names_alert(session_alert(session)));
	return leg;
}

/* What the client offered, and by interception does not get. */
static void set_downgrade(json_t *event, const struct conn *conn)
{
	json_t *groups = json_array();

	for (unsigned i = 0; i < conn->hello->groups.n; i++)
		if (names_is_post_quantum(conn->hello->groups.at[i]))
			json_array_append_new(groups, text(names_group(conn->hello->groups.at[i])));
	if (json_array_size(groups) > 0)
		json_object_set_new(event, "downgrade", json_pack("{sO}", "groups", groups));
	json_decref(groups);
}

static void set_client_side(json_t *event, const struct conn *conn)
{
	json_object_set_new(event, "downstream", leg_of(conn->downstream));
	if (conn->hello)
		set_downgrade(event, conn);
}

static json_t *certificate_of(const struct conn *conn, const struct certificate *certificate)
{
	json_t *object, *sans;

	object = json_object();
	sans = json_array();
	set_text(object, "subject", certificate->subject);
	set_text(object, "issuerdn", certificate->issuer);
	set_text(object, "serial", certificate->serial);
	set_text(object, "fingerprint", certificate->fingerprint);
	set_text(object, "notbefore", certificate->not_before);
	set_text(object, "notafter", certificate->not_after);
	for (unsigned i = 0; i < certificate->n_sans && i < CERTIFICATE_SANS_MAX; i++)
		json_array_append_new(sans, text(certificate->sans[i]));
	json_object_set_new(object, "san", sans);
	if (conn->judgement)
		set_text(object, "verdict",
			 verify_text(conn->chain_verdict != VERIFY_OK ? conn->chain_verdict
								      : conn->judgement->verdict));
	return object;
}

/* Of a server that was not judged, as when something else was wrong, it is read here. */
static json_t *server_certificate(const struct conn *conn)
{
	struct certificate certificate;
	struct der der;

	if (conn->judgement)
		return conn->judgement->is_read ? certificate_of(conn, &conn->judgement->leaf)
						: NULL;
	if (upstream_chain(conn->upstream, &der, 1) != 1 || certificate_read(der, &certificate) < 0)
		return NULL;
	return certificate_of(conn, &certificate);
}

static json_t *request_of(const struct certreq *request)
{
	json_t *object = json_object(), *names = json_array();

	json_object_set_new(object, "requested", json_true());
	for (unsigned i = 0; i < request->n_kept; i++)
		json_array_append_new(names, text(request->names[i]));
	json_object_set_new(object, "ca_names", names);
	json_object_set_new(object, "n_ca_names", json_integer(request->n_names));
	return object;
}

void report_upstream(struct conn *conn)
{
	json_t *certificate;

	if (!conn->upstream || conn->report_upstream)
		return;
	conn->report_upstream = leg_of(conn->upstream);
	certificate = server_certificate(conn);
	if (certificate)
		json_object_set_new(conn->report_upstream, "certificate", certificate);
	if (upstream_request(conn->upstream))
		conn->report_request = request_of(upstream_request(conn->upstream));
	if (upstream_is_late(conn->upstream))
		json_object_set_new(conn->report_request, "late", json_true());
}

void report_answer(struct conn *conn, const struct sighting *sighting)
{
	static const char *const answers[] = { SIGHTING_ANSWERS(WORD) };

	if (sighting->ask != SIGHTING_ASKED)
		return;
	if (!conn->report_request)
		conn->report_request = json_pack("{sb}", "requested", 1);
	if (sighting->answer != SIGHTING_NO_ANSWER)
		set_text(conn->report_request, "answer", answers[sighting->answer]);
	if (sighting->server_alert != 0)
		set_text(conn->report_request, "alert", names_alert(sighting->server_alert));
}

void report_upstream_anew(struct conn *conn)
{
	json_decref(conn->report_upstream);
	json_decref(conn->report_request);
	conn->report_upstream = conn->report_request = NULL;
}

/* --- the line --- */

static void set_flow(json_t *event, const struct conn *conn)
{
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	json_object_set_new(event, "flow_id", json_integer((json_int_t)conn->flow_id));
	json_object_set_new(event, "src_ip", json_string(addr_text(&conn->client_addr, client)));
	json_object_set_new(event, "src_port", json_integer(addr_port(&conn->client_addr)));
	json_object_set_new(event, "dest_ip", json_string(addr_text(&conn->server_addr, server)));
	json_object_set_new(event, "dest_port", json_integer(addr_port(&conn->server_addr)));
	json_object_set_new(event, "proto", json_string("TCP"));
}

static json_t *durations_of(const struct conn *conn)
{
	static const struct {
		const char *key;
		enum conn_state state;
	} phases[] = {
		{ "hello", CONN_PEEKING },  { "dial", CONN_DIALLING }, { "probe", CONN_PROBING },
		{ "wait", CONN_WAITING },   { "forge", CONN_FORGING }, { "greet", CONN_GREETING },
		{ "redial", CONN_PASSING },
	};
	json_t *object = json_object();

	for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		uint64_t us = conn->spent[phases[i].state];

		if (us > 0)
			json_object_set_new(object, phases[i].key, json_real((double)us / 1000));
	}
	json_object_set_new(object, "total",
			    json_real((double)(clock_us() - conn->started) / 1000));
	return object;
}

static json_t *bytes_of(const struct conn *conn)
{
	json_int_t n[2];

	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		uint64_t bytes = conn->relay[way].bytes + conn->splice[way].bytes;

		n[way] = (json_int_t)bytes;
	}
	return json_pack("{sIsI}", "to_server", n[TO_SERVER], "to_client", n[TO_CLIENT]);
}

static void put(const struct conn *conn, enum event_type type, json_t *event)
{
	char *line = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(event);
	events_put(conn->worker->engine->events, type, line, line ? strlen(line) : 0);
	free(line);
}

void report_connection(struct conn *conn)
{
	json_t *event = json_object();

	report_upstream(conn);
	json_object_set_new(event, "timestamp", json_time(conn->started_wall));
	json_object_set_new(event, "event_type", json_string("connection"));
	set_flow(event, conn);
	set_text(event, "fate", fate_text(conn->fate));
	set_text(event, "reason", reason_text(conn->reason));
	set_text(event, "end", end_text(conn->end));
	set_text(event, "detail", conn->detail);
	if (conn->verdict.file)
		json_object_set_new(event, "rule",
				    json_pack("{sosi}", "file", text(conn->verdict.file), "line",
					      (int)conn->verdict.line));
	set_hello(event, conn);
	if (conn->report_upstream)
		json_object_set(event, "upstream", conn->report_upstream);
	if (conn->downstream)
		set_client_side(event, conn);
	if (conn->report_request)
		json_object_set(event, "client_certificate", conn->report_request);
	json_object_set_new(event, "bytes", bytes_of(conn));
	json_object_set_new(event, "ms", durations_of(conn));
	put(conn, EVENT_CONNECTION, event);
}

/* --- what was learned --- */

static json_t *entry_of(const struct entry *entry)
{
	char value[ENTRY_TEXT_MAX];
	json_t *object = json_object();

	for (unsigned i = 0; i < ENTRY_N_FIELDS; i++)
		set_text(object, entry_field_name(i), entry_field_write(entry, i, value));
	return object;
}

static json_t *event_of(const struct conn *conn, const char *type, const char *what)
{
	json_t *event = json_object();

	json_object_set_new(event, "timestamp", json_time(clock_wall_us()));
	json_object_set_new(event, "event_type", json_string(type));
	set_flow(event, conn);
	set_text(event, "what", what);
	return event;
}

void report_learned(const struct conn *conn, enum learned_note note, const struct entry *entry,
		    const struct entry *before)
{
	/* NULL: nothing that anybody wants to hear of. */
	static const struct {
		enum event_type kind;
		const char *type, *what;
	} events[] = {
		[LEARNED_ADDED] = { EVENT_LEARNED, "learned", "added" },
		[LEARNED_GENERALISED] = { EVENT_LEARNED, "learned", "generalised" },
		[LEARNED_CLASS_CHANGED] = { EVENT_ALERT, "alert", "class_changed" },
		[LEARNED_KEY_CHANGED] = { EVENT_ALERT, "alert", "key_changed" },
		[LEARNED_LIMITED] = { EVENT_ALERT, "alert", "client_limit" },
		[LEARNED_FULL] = { EVENT_ALERT, "alert", "no_room" },
	};
	json_t *event;

	if (note > LEARNED_FULL || !events[note].type ||
	    (note == LEARNED_ADDED && entry->class == LEARN_NOTHING))
		return;
	event = event_of(conn, events[note].type, events[note].what);
	json_object_set_new(event, "entry", entry_of(entry));
	if (note == LEARNED_CLASS_CHANGED || note == LEARNED_KEY_CHANGED)
		json_object_set_new(event, "before", entry_of(before));
	put(conn, events[note].kind, event);
}

void report_impostor(const struct conn *conn)
{
	json_t *event = event_of(conn, "alert", "impostor");

	set_text(event, "host", conn->hello->host);
	set_text(event, "detail", conn->detail);
	put(conn, EVENT_ALERT, event);
}

void report_pinned(const struct conn *conn, const struct pinned_count *count)
{
	json_t *event = event_of(conn, "alert", "pinned");

	set_text(event, "host", conn->hello->host);
	json_object_set_new(event, "ja4", json_string(conn->ja4));
	json_object_set_new(event, "refusals", json_integer(count->refusals));
	json_object_set_new(event, "clients", json_integer(count->clients));
	put(conn, EVENT_ALERT, event);
}
