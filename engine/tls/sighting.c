/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * Each look begins at the first byte again: that is simple, and `needs_*` keeps it cheap. A
 * direction is a flight: handshake records up to the first that is none. Their contents, put one
 * behind the other, are messages. The ChangeCipherSpec record ends what can be read.
 *
 *	client                          server
 *	ClientHello            ---->
 *	                       <----    ServerHello: TLS 1.3? Then the rest is encrypted.
 *	                                Certificate, ServerKeyExchange, CertificateRequest?
 *	                                ServerHelloDone
 *	Certificate?           ---->
 *	ClientKeyExchange, ...
 *	ChangeCipherSpec
 *	                       <----    ChangeCipherSpec, or an alert: not good enough
 *
 * A server that goes from its hello straight to ChangeCipherSpec resumes a session, and asks
 * nothing. RFC 5246 section 7.3; SSL 3.0 to TLS 1.1 differ in the grammar of the request alone.
 */
#include "tls/sighting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384 + 2048, /* RFC 5246 section 6.2.3 */
	RECORDS_MAX = 512,
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_MAJOR = 3,
	ALERT_FATAL = 2,
	VERSION_SSL3 = 0x0300,
	VERSION_TLS1_2 = 0x0303,
	VERSION_TLS1_3 = 0x0304,
	EXT_SUPPORTED_VERSIONS = 43,
};

enum message_type {
	MESSAGE_HELLO_REQUEST = 0,
	MESSAGE_SERVER_HELLO = 2,
	MESSAGE_CERTIFICATE = 11,
	MESSAGE_SERVER_KEY_EXCHANGE = 12,
	MESSAGE_CERTIFICATE_REQUEST = 13,
	MESSAGE_SERVER_HELLO_DONE = 14,
	MESSAGE_CERTIFICATE_STATUS = 22,
};

enum flight_end {
	FLIGHT_CUT,     /* by the end of the bytes */
	FLIGHT_CIPHER,  /* by ChangeCipherSpec */
	FLIGHT_ALERT,   /* by a fatal alert */
	FLIGHT_UNKNOWN, /* by anything else */
};

struct flight {
	enum flight_end end;
	uint8_t alert;
	size_t needs;      /* after FLIGHT_CUT: bytes that complete one more record */
	uint8_t *messages; /* owned */
	size_t n;
};

/* One record behind the handshake ones; false: the flight ends with it. */
static bool other_record(uint8_t type, struct reader content, struct flight *flight)
{
	flight->end = FLIGHT_UNKNOWN;
	if (type == RECORD_CHANGE_CIPHER_SPEC) {
		flight->end = FLIGHT_CIPHER;
	} else if (type == RECORD_ALERT && reader_left(&content) == 2) {
		if (reader_u8(&content) != ALERT_FATAL)
			return true; /* a warning: the handshake goes on */
		flight->end = FLIGHT_ALERT;
		flight->alert = reader_u8(&content);
	}
	return false;
}

static int flight_read(const uint8_t *bytes, size_t n, struct flight *ret_flight)
{
	struct reader r = reader_of(bytes, n);
	struct flight flight = { .end = FLIGHT_UNKNOWN, .messages = malloc(n ? n : 1) };

	if (!flight.messages)
		return -ENOMEM;
	for (unsigned records = 0; records < RECORDS_MAX; records++) {
		size_t begin = n - reader_left(&r);
		uint8_t type = reader_u8(&r);
		uint8_t major = reader_u8(&r);
		struct reader content;
		size_t length;

		(void)reader_u8(&r); /* minor version */
		length = reader_u16(&r);
		if (!reader_ok(&r)) {
			flight.end = FLIGHT_CUT;
			flight.needs = begin + RECORD_HEADER;
			break;
		}
		flight.end = FLIGHT_UNKNOWN;
		if (major != RECORD_MAJOR || length == 0 || length > RECORD_MAX)
			break;
		content = reader_of(reader_bytes(&r, length), length);
		if (!reader_ok(&r)) {
			flight.end = FLIGHT_CUT;
			flight.needs = begin + RECORD_HEADER + length;
			break;
		}
		if (type != RECORD_HANDSHAKE) {
			if (!other_record(type, content, &flight))
				break;
			continue;
		}
		memcpy(flight.messages + flight.n, content.at, length);
		flight.n += length;
	}
	*ret_flight = flight;
	return 0;
}

/* The next whole message; false: there is none. */
static bool message_next(struct reader *r, uint8_t *ret_type, struct reader *ret_body)
{
	struct reader ahead = *r;
	uint8_t type = reader_u8(&ahead);
	struct reader body = reader_vector(&ahead, 3);

	if (!reader_ok(&ahead))
		return false;
	*r = ahead;
	*ret_type = type;
	*ret_body = body;
	return true;
}

/* RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3. 0: it is broken. */
static uint16_t server_version(struct reader r)
{
	uint16_t version = reader_u16(&r);
	struct reader extensions;

	(void)reader_bytes(&r, 32); /* random */
	(void)reader_vector(&r, 1); /* session id */
	(void)reader_bytes(&r, 2 + 1);
	if (!reader_ok(&r))
		return 0;
	extensions = reader_vector(&r, 2); /* may be missing altogether */
	while (reader_left(&extensions) > 0) {
		uint16_t type = reader_u16(&extensions);
		struct reader data = reader_vector(&extensions, 2);

		if (type == EXT_SUPPORTED_VERSIONS)
			version = reader_u16(&data);
		if (!reader_ok(&extensions) || !reader_ok(&data))
			return 0;
	}
	return version >= VERSION_SSL3 ? version : 0;
}

/* The server's messages behind its hello. True: it is done, and the client has to answer. */
static bool server_messages(struct reader r, struct sighting *s)
{
	enum sighting_ask ask = SIGHTING_NOT_ASKED;
	struct reader body;
	uint8_t type;

	while (message_next(&r, &type, &body)) {
		switch (type) {
		case MESSAGE_CERTIFICATE:
			s->certificates = body.at;
			s->n_certificates = reader_left(&body);
			break;
		case MESSAGE_CERTIFICATE_REQUEST:
			s->request = body.at;
			s->n_request = reader_left(&body);
			s->ask = ask = SIGHTING_ASKED;
			break;
		case MESSAGE_SERVER_HELLO_DONE:
			s->ask = ask;
			return true;
		case MESSAGE_HELLO_REQUEST:
		case MESSAGE_SERVER_KEY_EXCHANGE:
		case MESSAGE_CERTIFICATE_STATUS:
			break;
		default: /* a ticket: the session is resumed; or nothing that is known here */
			return false;
		}
	}
	return false;
}

/* Certificate is the client's first message, when it is asked. */
static enum sighting_answer answer_of(const struct flight *flight)
{
	struct reader r = reader_of(flight->messages, flight->n), body, list;
	uint8_t type;

	if (!message_next(&r, &type, &body) || type != MESSAGE_CERTIFICATE)
		return SIGHTING_NO_ANSWER;
	list = reader_vector(&body, 3);
	if (!reader_ok(&body))
		return SIGHTING_NO_ANSWER;
	return reader_left(&list) > 0 ? SIGHTING_CERTIFICATE : SIGHTING_EMPTY;
}

/* The client's second flight, and what the server says to it. */
static int read_answer(const uint8_t *to_server, size_t n, size_t hello_length,
		       const struct flight *server, struct sighting *s)
{
	struct flight client;
	int r = flight_read(to_server + hello_length, n - hello_length, &client);

	if (r < 0)
		return r;
	if (s->ask == SIGHTING_ASKED)
		s->answer = answer_of(&client);
	free(client.messages);
	s->is_accepted = client.end == FLIGHT_CIPHER && server->end == FLIGHT_CIPHER;
	s->client_alert = client.end == FLIGHT_ALERT ? client.alert : 0;
	s->server_alert = server->end == FLIGHT_ALERT ? server->alert : 0;
	if (client.end == FLIGHT_CUT && server->end == FLIGHT_CUT) {
		s->state = SIGHTING_MORE;
		s->needs_to_server = hello_length + client.needs;
		s->needs_to_client = server->needs; /* an alert may come at any time */
	} else if (client.end == FLIGHT_CIPHER && server->end == FLIGHT_CUT &&
		   s->ask == SIGHTING_ASKED) {
		s->state = SIGHTING_MORE;
		s->needs_to_client = server->needs;
	}
	return 0;
}

/* Everything behind a whole hello. */
static int read_handshake(const uint8_t *to_server, size_t n, size_t hello_length,
			  const struct flight *server, struct sighting *s)
{
	struct reader r = reader_of(server->messages, server->n), body;
	uint8_t type = 0;
	bool is_cut = server->end == FLIGHT_CUT;

	s->state = SIGHTING_DONE;
	if (message_next(&r, &type, &body) && type == MESSAGE_SERVER_HELLO)
		s->version = server_version(body);
	if (s->version >= VERSION_TLS1_3) {
		s->ask = SIGHTING_ENCRYPTED;
		return 0;
	}
	if (s->version && server_messages(r, s))
		return read_answer(to_server, n, hello_length, server, s);
	if (s->version && !s->certificates && server->end == FLIGHT_CIPHER)
		s->ask = SIGHTING_RESUMED;
	s->server_alert = server->end == FLIGHT_ALERT ? server->alert : 0;
	if (is_cut && (s->version || server->n == 0 || type == 0)) {
		s->state = SIGHTING_MORE;
		s->needs_to_client = server->needs;
	}
	return 0;
}

/* True: the hello is whole. */
static bool read_hello(const uint8_t *to_server, size_t n, struct sighting *s, size_t *ret_length)
{
	struct hello hello;

	switch (hello_parse(to_server, n, &hello)) {
	case HELLO_SHORT:
		s->state = SIGHTING_MORE;
		s->needs_to_server = hello.needed;
		return false;
	case HELLO_NOT_TLS:
		s->state = SIGHTING_NOT_TLS;
		return false;
	case HELLO_MALFORMED:
	case HELLO_TOO_LARGE:
		s->state = SIGHTING_UNREADABLE;
		return false;
	case HELLO_WHOLE:
		break;
	}
	s->has_hello = true;
	memcpy(s->host, hello.host, sizeof(s->host));
	*ret_length = hello.wire_length;
	return true;
}

int sighting_read(const uint8_t *to_server, size_t n_to_server, const uint8_t *to_client,
		  size_t n_to_client, struct sighting *ret_sighting)
{
	struct sighting s = { .needs_to_server = SIZE_MAX, .needs_to_client = SIZE_MAX };
	struct flight server;
	size_t hello_length;
	int r;

	if (!read_hello(to_server, n_to_server, &s, &hello_length)) {
		*ret_sighting = s;
		return 0;
	}
	r = flight_read(to_client, n_to_client, &server);
	if (r < 0)
		return r;
	s.messages = server.messages;
	r = read_handshake(to_server, n_to_server, hello_length, &server, &s);
	if (r < 0) {
		sighting_deinit(&s);
		return r;
	}
	*ret_sighting = s;
	return 0;
}

void sighting_deinit(struct sighting *sighting)
{
	if (!sighting)
		return;
	free(sighting->messages);
	*sighting = (struct sighting){ 0 };
}

unsigned sighting_chain(const struct sighting *sighting, struct der *ret_chain, unsigned n)
{
	struct reader r = reader_of(sighting->certificates, sighting->n_certificates);
	struct reader list = reader_vector(&r, 3);
	unsigned kept = 0;

	while (reader_left(&list) > 0 && kept < n) {
		struct reader der = reader_vector(&list, 3);

		if (!reader_ok(&list) || reader_left(&der) == 0)
			break;
		ret_chain[kept++] = (struct der){ .bytes = der.at, .n = reader_left(&der) };
	}
	return kept;
}

/* The request of TLS 1.1 and before has no list of algorithms: given an empty one, it is 1.2's. */
static int request_of_old(struct reader r, struct certreq *ret_request)
{
	size_t n = reader_left(&r);
	uint8_t *body = malloc(n + 2);
	const uint8_t *begin = r.at;
	size_t n_types;
	int e;

	if (!body)
		return -ENOMEM;
	(void)reader_vector(&r, 1); /* certificate_types */
	n_types = n - reader_left(&r);
	memcpy(body, begin, n_types);
	memset(body + n_types, 0, 2);
	memcpy(body + n_types + 2, begin + n_types, n - n_types);
	e = certreq_parse(body, n + 2, VERSION_TLS1_2, ret_request);
	free(body);
	return e;
}

int sighting_request(const struct sighting *sighting, struct certreq *ret_request)
{
	if (sighting->version < VERSION_TLS1_2)
		return request_of_old(reader_of(sighting->request, sighting->n_request),
				      ret_request);
	return certreq_parse(sighting->request, sighting->n_request, VERSION_TLS1_2, ret_request);
}
