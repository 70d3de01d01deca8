/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "conn/describe.h"
#include "conn/worker.h"
#include "tls/upstream.h"

#define WORD(name, word) word,

enum { NAMES_BYTES = 64 * 1024 }; /* of the CAs that a server asks for, in one event */

static bool is_wanted(const struct conn *conn, enum event_type type)
{
	return events_are_wanted(conn->worker->engine->events, type);
}

static void put(struct worker *worker, enum event_type type)
{
	events_put_line(worker->engine->events, type, &worker->line);
}

/* --- the server's leg, which may be gone when the connection ends --- */

/* Of a server that was not judged, as when something else was wrong, it is read here. */
static void describe_server(struct line *line, const struct conn *conn)
{
	struct session_facts facts = session_facts(conn->upstream);
	struct certificate certificate;
	struct der der;

	line_text(line, "version", describe_version(facts.version));
	if (facts.is_resumed)
		line_flag(line, "session_resumed", true);
	if (facts.alpn) {
		line_list(line, "server_alpns");
		line_text(line, NULL, facts.alpn);
		line_list_end(line);
	}
	if (conn->judgement) {
		if (conn->judgement->is_read)
			describe_certificate(line, &conn->judgement->leaf);
	} else if (upstream_chain(conn->upstream, &der, 1) == 1 &&
		   certificate_read(der, &certificate) == 0) {
		describe_certificate(line, &certificate);
	}
}

static const char *verdict_of(const struct conn *conn)
{
	if (!conn->judgement)
		return NULL;
	return verify_text(conn->chain_verdict != VERIFY_OK ? conn->chain_verdict
							    : conn->judgement->verdict);
}

static void describe_request(struct line *line, const struct conn *conn,
			     const struct certreq *request)
{
	size_t before = line->n;

	line_flag(line, "requested", true);
	if (upstream_is_late(conn->upstream))
		line_flag(line, "late", true);
	line_list(line, "ca_names");
	for (unsigned i = 0; i < request->n_kept && line->n - before < NAMES_BYTES; i++)
		line_text(line, NULL, request->names[i]);
	line_list_end(line);
	line_number(line, "n_ca_names", request->n_names);
}

void report_upstream(struct conn *conn)
{
	struct line *line = &conn->worker->line;
	struct conn_notes *notes = &conn->notes;

	if (!conn->upstream || notes->upstream || !is_wanted(conn, EVENT_CONNECTION))
		return;
	line_note_begin(line);
	describe_session(line, conn->upstream);
	line_text(line, "verdict", verdict_of(conn));
	notes->upstream = line_note_end(line);
	line_note_begin(line);
	describe_server(line, conn);
	notes->tls = line_note_end(line);
	if (!upstream_request(conn->upstream))
		return;
	line_note_begin(line);
	describe_request(line, conn, upstream_request(conn->upstream));
	notes->request = line_note_end(line);
}

void report_upstream_anew(struct conn *conn)
{
	free(conn->notes.upstream);
	free(conn->notes.tls);
	free(conn->notes.request);
	conn->notes = (struct conn_notes){ 0 };
}

void report_answer(struct conn *conn, const struct sighting *sighting)
{
	if (sighting->ask != SIGHTING_ASKED)
		return;
	conn->notes.was_asked = true;
	conn->notes.answer = sighting->answer;
	conn->notes.answer_alert = sighting->server_alert;
}

static void describe_asking(struct line *line, const struct conn *conn)
{
	static const char *const answers[] = { SIGHTING_ANSWERS(WORD) };
	const struct conn_notes *notes = &conn->notes;

	if (!notes->request && !notes->was_asked)
		return;
	line_object(line, "client_certificate");
	line_note(line, notes->request);
	if (!notes->request)
		line_flag(line, "requested", true);
	if (notes->answer != SIGHTING_NO_ANSWER)
		line_text(line, "answer", answers[notes->answer]);
	if (notes->answer_alert != 0)
		line_text(line, "alert", names_alert(notes->answer_alert));
	line_object_end(line);
}

/* --- the connection --- */

/* What the client offered, and by interception does not get. */
static void describe_downgrade(struct line *line, const struct conn *conn)
{
	const struct hello *hello = conn->hello;
	bool is_any = false;

	for (unsigned i = 0; hello && i < hello->groups.n; i++) {
		if (!names_is_post_quantum(hello->groups.at[i]))
			continue;
		if (!is_any) {
			line_object(line, "downgrade");
			line_list(line, "groups");
		}
		is_any = true;
		line_text(line, NULL, names_group(hello->groups.at[i]));
	}
	if (is_any) {
		line_list_end(line);
		line_object_end(line);
	}
}

static void describe_tls(struct line *line, struct conn *conn)
{
	if (!conn->hello && !conn->packed_hello && !conn->notes.tls)
		return;
	line_object(line, "tls");
	describe_hello(line, conn);
	line_note(line, conn->notes.tls);
	line_object_end(line);
}

static void describe_verdict(struct line *line, const struct conn *conn)
{
	line_text(line, "fate", fate_text(conn->fate));
	line_text(line, "reason", reason_text(conn->reason));
	line_text(line, "end", end_text(conn->end));
	line_text(line, "detail", conn->detail);
	describe_rule(line, &conn->verdict);
}

void report_connection(struct conn *conn)
{
	struct worker *worker = conn->worker;
	struct line *line = &worker->line;

	atomic_fetch_add_explicit(&worker->n_ended[conn->fate], 1, memory_order_relaxed);
	if (!is_wanted(conn, EVENT_CONNECTION))
		return;
	report_upstream(conn);
	line_begin(line, EVENT_CONNECTION, clock_wall_us());
	describe_ends(line, conn);
	describe_verdict(line, conn);
	if (conn->is_relaying && conn->verdict.is_captured)
		line_flag(line, "captured", true);
	describe_tls(line, conn);
	describe_flow(line, conn);
	if (conn->notes.upstream) {
		line_object(line, "upstream");
		line_note(line, conn->notes.upstream);
		line_object_end(line);
	}
	if (conn->downstream) {
		line_object(line, "downstream");
		describe_session(line, conn->downstream);
		if (conn->familiar)
			line_flag(line, "early", true);
		line_object_end(line);
		describe_downgrade(line, conn);
	}
	describe_asking(line, conn);
	describe_durations(line, conn);
	put(worker, EVENT_CONNECTION);
}

/* --- what is known of servers --- */

static void begin(struct conn *conn, enum event_type type)
{
	line_begin(&conn->worker->line, type, clock_wall_us());
	describe_ends(&conn->worker->line, conn);
}

/*
 * What somebody should look at: the word of `what`, the number by which collectors tell alerts
 * apart (it never changes), how bad it is (1 is worst), whether the connection went on, and a
 * sentence.
 */
#define ALERTS(X)                                                                                  \
	X(ALERT_CLASS_CHANGED, "class_changed", 1, 3, true,                                        \
	  "server treats client certificates in another way than before")                          \
	X(ALERT_KEY_CHANGED, "key_changed", 2, 2, true,                                            \
	  "server proved another key than the one that was learned")                               \
	X(ALERT_CLIENT_LIMIT, "client_limit", 3, 2, true,                                          \
	  "client may have no more servers learned this hour")                                     \
	X(ALERT_NO_ROOM, "no_room", 4, 2, true, "no room for another learned server")              \
	X(ALERT_IMPOSTOR, "impostor", 5, 1, false,                                                 \
	  "another server answered in the place of a learned one")                                 \
	X(ALERT_PINNED, "pinned", 6, 3, false, "clients refuse the forged certificates of a host")

#define ALERT_ENUM(name, what, id, severity, goes_on, text) name,
enum alert_kind { ALERTS(ALERT_ENUM) };

static void begin_alert(struct conn *conn, enum alert_kind kind)
{
#define ALERT_ROW(name, what, id, severity, goes_on, text) { what, text, id, severity, goes_on },
	static const struct {
		const char *what, *text;
		unsigned id, severity;
		bool goes_on;
	} alerts[] = { ALERTS(ALERT_ROW) };
	struct line *line = &conn->worker->line;

	begin(conn, EVENT_ALERT);
	line_text(line, "what", alerts[kind].what);
	line_object(line, "alert");
	line_text(line, "action", alerts[kind].goes_on ? "allowed" : "blocked");
	line_number(line, "signature_id", alerts[kind].id);
	line_text(line, "signature", alerts[kind].text);
	line_text(line, "category", "postern");
	line_number(line, "severity", alerts[kind].severity);
	line_object_end(line);
}

/* The name that the client asked for, and what kind of client it is. */
static void describe_client(struct line *line, const struct conn *conn)
{
	line_object(line, "tls");
	line_text(line, "sni", conn->hello->host);
	line_text(line, "ja4", conn->ja4);
	line_object_end(line);
}

void report_learned(struct conn *conn, enum learned_note note, const struct entry *entry,
		    const struct entry *before)
{
	static const enum alert_kind alerts[] = {
		[LEARNED_CLASS_CHANGED] = ALERT_CLASS_CHANGED,
		[LEARNED_KEY_CHANGED] = ALERT_KEY_CHANGED,
		[LEARNED_LIMITED] = ALERT_CLIENT_LIMIT,
		[LEARNED_FULL] = ALERT_NO_ROOM,
	};
	bool is_news =
		note == LEARNED_ADDED ? entry->class != LEARN_NOTHING : note == LEARNED_GENERALISED;
	enum event_type type = is_news ? EVENT_LEARNED : EVENT_ALERT;
	struct line *line = &conn->worker->line;

	if ((!is_news && (note > LEARNED_FULL || note < LEARNED_CLASS_CHANGED)) ||
	    !is_wanted(conn, type))
		return;
	if (is_news) {
		begin(conn, type);
		line_text(line, "what", note == LEARNED_ADDED ? "added" : "generalised");
	} else {
		begin_alert(conn, alerts[note]);
	}
	describe_entry(line, "entry", entry);
	if (note == LEARNED_CLASS_CHANGED || note == LEARNED_KEY_CHANGED)
		describe_entry(line, "before", before);
	put(conn->worker, type);
}

void report_impostor(struct conn *conn)
{
	struct line *line = &conn->worker->line;

	if (!is_wanted(conn, EVENT_ALERT))
		return;
	begin_alert(conn, ALERT_IMPOSTOR);
	describe_client(line, conn);
	line_text(line, "detail", conn->detail);
	put(conn->worker, EVENT_ALERT);
}

void report_pinned(struct conn *conn, const struct pinned_count *count)
{
	struct line *line = &conn->worker->line;

	if (!is_wanted(conn, EVENT_ALERT))
		return;
	begin_alert(conn, ALERT_PINNED);
	describe_client(line, conn);
	line_object(line, "pinned");
	line_number(line, "refusals", count->refusals);
	line_number(line, "clients", count->clients);
	line_object_end(line);
	put(conn->worker, EVENT_ALERT);
}

/* --- certificates --- */

static void describe_chain(struct line *line, const struct conn *conn)
{
	struct der chain[VERIFY_CHAIN_MAX];
	unsigned n = upstream_chain(conn->upstream, chain, VERIFY_CHAIN_MAX);
	struct certificate certificate;

	line_list(line, "chain");
	for (unsigned i = 0; i < n && i < REPORT_CHAIN_MAX; i++) {
		if (certificate_read(chain[i], &certificate) < 0)
			continue;
		line_object(line, NULL);
		describe_certificate(line, &certificate);
		line_object_end(line);
	}
	line_list_end(line);
	line_number(line, "n_chain", n);
}

void report_unverified(struct conn *conn)
{
	struct line *line = &conn->worker->line;

	if (conn->is_own || !is_wanted(conn, EVENT_VERIFICATION))
		return;
	begin(conn, EVENT_VERIFICATION);
	describe_client(line, conn);
	line_object(line, "verification");
	line_text(line, "verdict", verify_text(conn->chain_verdict));
	line_text(line, "detail", conn->detail);
	describe_chain(line, conn);
	line_object_end(line);
	put(conn->worker, EVENT_VERIFICATION);
}

void report_issued(struct worker *worker, const struct conn *conn, const struct report_issue *issue)
{
	struct line *line = &worker->line;
	char sha256[CERTIFICATE_SHA256_SIZE];
	struct certificate certificate;

	if (!events_are_wanted(worker->engine->events, EVENT_ISSUED) ||
	    certificate_read(issue->leaf, &certificate) < 0)
		return;
	certificate_hex(issue->server_digest, sha256);
	line_begin(line, EVENT_ISSUED, clock_wall_us());
	if (conn)
		describe_ends(line, conn);
	line_object(line, "tls");
	line_text(line, "sni", issue->host);
	line_text(line, "sha256", sha256);
	line_object_end(line);
	line_object(line, "issued");
	line_text(line, "ca", issue->is_trusted ? "trusted" : "untrusted");
	describe_certificate(line, &certificate);
	line_text(line, "unrecorded", issue->unrecorded);
	line_object_end(line);
	put(worker, EVENT_ISSUED);
}
