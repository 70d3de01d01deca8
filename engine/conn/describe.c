/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/describe.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "conn/worker.h"
#include "tls/fingerprint.h"

void describe_ends(struct line *line, const struct conn *conn)
{
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	line_number(line, "flow_id", conn->flow_id);
	line_text(line, "src_ip", addr_text(&conn->client_addr, client));
	line_number(line, "src_port", addr_port(&conn->client_addr));
	line_text(line, "dest_ip", addr_text(&conn->server_addr, server));
	line_number(line, "dest_port", addr_port(&conn->server_addr));
	line_text(line, "proto", "TCP");
}

const char *describe_version(uint16_t version)
{
	static const char *const names[] = { "SSLv3", "TLSv1", "TLS 1.1", "TLS 1.2", "TLS 1.3" };

	return version >= 0x0300 && version <= 0x0304 ? names[version - 0x0300] : NULL;
}

/* --- the client's hello --- */

static void describe_alpn(struct line *line, const struct hello *hello)
{
	const uint8_t *name;
	size_t at = 0, n;

	line_list(line, "client_alpns");
	while ((name = hello_alpn_next(hello, &at, &n)))
		line_bytes(line, NULL, name, n);
	line_list_end(line);
}

static void describe_versions(struct line *line, const struct hello *hello)
{
	line_list(line, "versions");
	for (unsigned i = 0; i < hello->versions.n; i++)
		line_text(line, NULL, names_version(hello->versions.at[i]));
	if (hello->versions.n == 0)
		line_text(line, NULL, names_version(hello->legacy_version));
	line_list_end(line);
}

static void describe_parsed(struct line *line, struct conn *conn, const struct hello *hello)
{
	char ja3[FINGERPRINT_JA3_SIZE];

	fingerprint_ja3(hello, ja3);
	if (conn->ja4[0] == '\0')
		fingerprint_ja4(hello, conn->ja4);
	line_text(line, "sni", hello->host);
	describe_alpn(line, hello);
	describe_versions(line, hello);
	line_object(line, "ja3");
	line_text(line, "hash", ja3);
	line_object_end(line);
	line_text(line, "ja4", conn->ja4);
	line_flag(line, "ech", hello->has_ech);
	line_flag(line, "psk", hello->has_psk || hello->has_ticket);
	line_flag(line, "early_data", hello->has_early_data);
	line_flag(line, "post_handshake_auth", hello->has_post_handshake_auth);
	line_number(line, "hello_bytes", hello->wire_length);
}

void describe_hello(struct line *line, struct conn *conn)
{
	struct hello hello;

	if (conn->hello)
		describe_parsed(line, conn, conn->hello);
	else if (conn->packed_hello &&
		 hello_parse(conn->packed_hello, conn->n_packed_hello, &hello) == HELLO_WHOLE)
		describe_parsed(line, conn, &hello);
}

/* --- certificates, sessions --- */

void describe_certificate(struct line *line, const struct certificate *certificate)
{
	line_text(line, "subject", certificate->subject);
	line_text(line, "issuerdn", certificate->issuer);
	line_text(line, "serial", certificate->serial);
	line_text(line, "fingerprint", certificate->sha1);
	line_text(line, "sha256", certificate->fingerprint);
	line_text(line, "notbefore", certificate->not_before);
	line_text(line, "notafter", certificate->not_after);
	line_list(line, "subjectaltname");
	for (unsigned i = 0; i < certificate->n_sans && i < CERTIFICATE_SANS_MAX; i++)
		line_text(line, NULL, certificate->sans[i]);
	line_list_end(line);
}

void describe_session(struct line *line, const struct session *session)
{
	struct session_facts facts = session_facts(session);
	char number[8];
	const char *name = names_version(facts.version);

	snprintf(number, sizeof(number), "0x%04x", facts.version);
	if (facts.version != 0)
		line_text(line, "version", name ? name : number);
	line_text(line, "cipher", facts.cipher);
	if (facts.group != 0)
		line_text(line, "group", names_group(facts.group));
	line_text(line, "alpn", facts.alpn);
	if (facts.is_resumed)
		line_flag(line, "resumed", true);
	if (session_alert(session) != 0)
		line_text(line, "alert", names_alert(session_alert(session)));
}

/* --- the flow --- */

/* What EVE calls the mechanism that ended a flow; NULL: its ends did. */
static const char *flow_reason(enum end end)
{
	if (end == END_CLIENT_TIMEOUT || end == END_SERVER_TIMEOUT || end == END_IDLE_TIMEOUT)
		return "timeout";
	return end == END_SHUTDOWN ? "shutdown" : NULL;
}

static const char *flow_state(const struct conn *conn)
{
	if (!conn->has_server)
		return "new";
	return flow_reason(conn->end) ? "established" : "closed";
}

void describe_rule(struct line *line, const struct verdict *verdict)
{
	if (!verdict->file)
		return;
	line_object(line, "rule");
	line_text(line, "file", verdict->file);
	line_number(line, "line", verdict->line);
	line_object_end(line);
}

void describe_flow(struct line *line, const struct conn *conn)
{
	uint64_t age = clock_us() - conn->started;

	line_object(line, "flow");
	line_number(line, "bytes_toserver",
		    conn->relay[TO_SERVER].bytes + conn->splice[TO_SERVER].bytes);
	line_number(line, "bytes_toclient",
		    conn->relay[TO_CLIENT].bytes + conn->splice[TO_CLIENT].bytes);
	line_time(line, "start", conn->started_wall);
	line_time(line, "end", conn->started_wall + age);
	line_number(line, "age", age / 1000000);
	line_text(line, "state", flow_state(conn));
	line_text(line, "reason", flow_reason(conn->end));
	if (conn->fate == FATE_BLOCK)
		line_text(line, "action", "drop");
	else if (conn->fate != FATE_INTERCEPT)
		line_text(line, "action", "pass");
	line_object_end(line);
}

void describe_durations(struct line *line, const struct conn *conn)
{
	static const struct {
		const char *key;
		enum conn_state state;
	} phases[] = {
		{ "hello", CONN_PEEKING },  { "dial", CONN_DIALLING },  { "probe", CONN_PROBING },
		{ "wait", CONN_WAITING },   { "hear", CONN_HEARING },   { "forge", CONN_FORGING },
		{ "greet", CONN_GREETING }, { "redial", CONN_PASSING },
	};

	line_object(line, "ms");
	for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (conn->spent[phases[i].state] > 0)
			line_ms(line, phases[i].key, conn->spent[phases[i].state]);
	line_ms(line, "total", clock_us() - conn->started);
	line_object_end(line);
}

/* --- what was learned --- */

void describe_entry(struct line *line, const char *key, const struct entry *entry)
{
	char value[ENTRY_TEXT_MAX];

	line_object(line, key);
	for (unsigned i = 0; i < ENTRY_N_FIELDS; i++)
		line_text(line, entry_field_name(i), entry_field_write(entry, i, value));
	line_object_end(line);
}
