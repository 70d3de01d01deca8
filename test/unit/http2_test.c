/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/2 as it goes by: nghttp2's client and server talk through http_read(), and must understand
 * each other whatever is refused.
 */
#include "test/unit/cmocka_all.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/http_play.h"

struct end {
	nghttp2_session *session;
	bool is_server;
	unsigned n_requests; /* that the server saw */
	char text[8192];     /* what happened, in its words */
	size_t n_upload;     /* bytes that the client has yet to send */
	size_t n_answer;     /* bytes of each of the server's answers */
	bool is_slow;        /* the server does not answer until it is told to */
	int32_t open[8];
	unsigned n_open;
};

struct lab {
	struct play *play;
	struct end client, server;
	size_t piece;
};

__attribute__((format(printf, 2, 3))) static void say(struct end *end, const char *format, ...)
{
	size_t n = strlen(end->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(end->text + n, sizeof(end->text) - n, format, arguments);
	va_end(arguments);
}

/* --- the two ends --- */

static ssize_t give(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t n,
		    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	size_t *left = source->ptr;

	(void)session, (void)stream, (void)user;
	if (n > *left)
		n = *left;
	memset(bytes, 'x', n);
	*left -= n;
	if (*left == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define FIELD(name, value)                                                                         \
	{                                                                                          \
		(uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value),                \
			NGHTTP2_NV_FLAG_NONE                                                       \
	}

static size_t answer_left[16];

static void answer(struct end *server, int32_t stream)
{
	const nghttp2_nv fields[] = { FIELD(":status", "200"), FIELD("content-type", "text/plain"),
				      FIELD("server", "nghttp2") };
	size_t *left = &answer_left[(stream / 2) % 16];
	nghttp2_data_provider data = { .source.ptr = left, .read_callback = give };

	*left = server->n_answer;
	assert_int_equal(nghttp2_submit_response(server->session, stream, fields, 3, &data), 0);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct end *end = user;

	(void)session, (void)flags, (void)n_name;
	if (strcmp((const char *)name, ":path") == 0 || strcmp((const char *)name, ":status") == 0)
		say(end, "%d:%.*s ", frame->hd.stream_id, (int)n_value, value);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct end *end = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		say(end, "goaway %d ", frame->goaway.last_stream_id);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		say(end, "%d:reset ", frame->hd.stream_id);
	if (!end->is_server)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		end->n_requests++;
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		if (end->is_slow)
			end->open[end->n_open++] = frame->hd.stream_id;
		else
			answer(end, frame->hd.stream_id);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t n, void *user)
{
	struct end *end = user;

	(void)session, (void)flags;
	if (n > 0 && bytes[0] != 'x')
		say(end, "%d:'%.*s' ", stream, (int)n, bytes);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	(void)session;
	say(user, "%d.%u ", stream, error);
	return 0;
}

static void end_init(struct end *end, bool is_server, const nghttp2_settings_entry *settings,
		     size_t n)
{
	nghttp2_session_callbacks *callbacks;

	end->is_server = is_server;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (is_server)
		nghttp2_session_server_new(&end->session, callbacks, end);
	else
		nghttp2_session_client_new(&end->session, callbacks, end);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(end->session, NGHTTP2_FLAG_NONE, settings, n);
}

static int32_t ask(struct lab *lab, const char *method, const char *path, bool has_body,
		   const char *extra)
{
	const nghttp2_nv fields[] = { FIELD(":method", method),           FIELD(":scheme", "https"),
				      FIELD(":authority", "www.example"), FIELD(":path", path),
				      FIELD("user-agent", "test"),        FIELD("x-extra", extra) };
	nghttp2_data_provider data = { .source.ptr = &lab->client.n_upload, .read_callback = give };

	return nghttp2_submit_request(lab->client.session, NULL, fields, 6, has_body ? &data : NULL,
				      NULL);
}

/* --- the wire between them --- */

/* What one end has to say, through the engine, to the other. False: nothing. */
static bool carry(struct lab *lab, unsigned way)
{
	struct end *from = way == HTTP_TO_SERVER ? &lab->client : &lab->server;
	struct end *to = way == HTTP_TO_SERVER ? &lab->server : &lab->client;
	size_t *n_out = &lab->play->ways[way].n_out;
	const uint8_t *bytes;
	ssize_t n;
	bool has_moved = false;

	*n_out = 0;
	while ((n = nghttp2_session_mem_send(from->session, &bytes)) > 0) {
		play(lab->play, way, bytes, (size_t)n, lab->piece);
		has_moved = true;
	}
	assert_int_equal(n, 0);
	if (lab->play->refused)
		play(lab->play, way, NULL, 0, 0); /* as a relay that has nothing to read */
	has_moved |= *n_out > 0;
	n = nghttp2_session_mem_recv(to->session, lab->play->ways[way].out, *n_out);
	if (n < 0)
		print_message("%s\n", nghttp2_strerror((int)n));
	assert_int_equal(n, *n_out);
	return has_moved;
}

static void run(struct lab *lab)
{
	bool has_moved;

	do {
		has_moved = carry(lab, HTTP_TO_SERVER);
		has_moved |= carry(lab, HTTP_TO_CLIENT);
	} while (has_moved);
	if (lab->play->http->anomaly)
		print_message("%s\n", http_anomaly_text(lab->play->http->anomaly));
	assert_int_equal(lab->play->http->anomaly, HTTP_SOUND);
}

static struct lab *lab_new(const char *refused, size_t piece,
			   const nghttp2_settings_entry *settings, size_t n)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	lab->play = play_new(HTTP_2, refused);
	lab->piece = piece;
	lab->server.n_answer = 5;
	end_init(&lab->client, false, settings, n);
	end_init(&lab->server, true, NULL, 0);
	return lab;
}

static void lab_free(struct lab *lab)
{
	nghttp2_session_del(lab->client.session);
	nghttp2_session_del(lab->server.session);
	play_free(lab->play);
	free(lab);
}

static const size_t pieces[] = { 0, 1, 5, 9, 100 };
enum { N_PIECES = sizeof(pieces) / sizeof(pieces[0]) };

/* --- tests --- */

static void test_seen(void **state)
{
	char large[20000];

	(void)state;
	memset(large, 'z', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (unsigned i = 0; i < 2 * N_PIECES; i++) {
		struct lab *lab = lab_new(i % 2 ? "/no" : NULL, pieces[i / 2], NULL, 0);

		lab->server.n_answer = 100000;
		lab->client.n_upload = 70000;
		ask(lab, "GET", "/a?b=c", false, "");
		run(lab);
		ask(lab, "POST", "/b", true, large); /* CONTINUATION */
		ask(lab, "GET", "/c", false, "");
		run(lab);
		ask(lab, "GET", "/d", false, "");
		lab->server.is_slow = true;
		run(lab);
		nghttp2_submit_rst_stream(lab->client.session, 0, 7, NGHTTP2_CANCEL);
		run(lab);
		assert_string_equal(lab->play->log, "GET www.example /a?b=c 200 0/100000;"
						    "GET www.example /c 200 0/100000;"
						    "POST www.example /b 200 70000/100000;"
						    "GET www.example /d 0 0/0 C R;");
		assert_int_equal(lab->server.n_requests, 4);
		lab_free(lab);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct lab *lab = lab_new("/no", pieces[i], NULL, 0);

		run(lab);
		ask(lab, "GET", "/a", false, "");
		run(lab);
		lab->server.is_slow = true;
		ask(lab, "GET", "/b", false, "");
		ask(lab, "GET", "/no/c", false, "");
		ask(lab, "GET", "/d", false, "");
		run(lab);
		assert_false(http_is_settled(lab->play->http));
		answer(&lab->server, lab->server.open[0]);
		run(lab);
		assert_true(http_is_settled(lab->play->http));
		assert_string_equal(lab->server.text, "1:/a 1.0 3:/b 3.0 ");
		/* What came behind is to be asked again (7 is REFUSED_STREAM). */
		assert_string_equal(lab->client.text, "1:200 1.0 5:403 5:'<p>no</p>' 5.0 goaway 5 "
						      "7.7 3:200 3.0 ");
		assert_string_equal(lab->play->log, "GET www.example /a 200 0/5;"
						    "GET www.example /no/c 403 0/0 F;"
						    "GET www.example /b 200 0/5;");
		lab_free(lab);
	}
}

/* The very first request; and a client that keeps no table, whose decoder must be told so. */
static void test_refused_first(void **state)
{
	static const nghttp2_settings_entry small[] = { { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0 } };
	static const nghttp2_settings_entry large[] = {
		{ NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 65536 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 }
	};
	static const nghttp2_settings_entry closed[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
							   3 } };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const nghttp2_settings_entry *settings = i % 3 == 0   ? small
							 : i % 3 == 1 ? large
								      : closed;
		struct lab *lab = lab_new("/no", pieces[i / 3], settings, i % 3 == 1 ? 2 : 1);

		if (i >= 3)
			run(lab); /* settings are agreed on before */
		ask(lab, "GET", "/no", false, "");
		run(lab);
		assert_int_equal(lab->server.n_requests, 0);
		assert_string_equal(lab->client.text,
				    i % 3 == 2 ? "1:403 1.0 goaway 1 "
					       : "1:403 1:'<p>no</p>' 1.0 goaway 1 ");
		assert_true(http_is_settled(lab->play->http));
		lab_free(lab);
	}
}

/* A body that is on its way costs the client's window, which it gets back for the others. */
static void test_refused_upload(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct lab *lab = lab_new("/no", pieces[i], NULL, 0);

		run(lab);
		lab->client.n_upload = 1000000;
		ask(lab, "POST", "/no", true, "");
		run(lab);
		assert_int_equal(lab->server.n_requests, 0);
		assert_string_equal(lab->client.text, "1:403 1:'<p>no</p>' goaway 1 ");
		assert_int_equal(nghttp2_session_get_remote_window_size(lab->client.session),
				 65535);
		lab_free(lab);
	}
}

/* Large answers go on behind a refusal, within the client's window. */
static void test_windows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct lab *lab = lab_new("/no", pieces[i], NULL, 0);
		int32_t opened;

		lab->server.n_answer = 500000;
		lab->server.is_slow = true;
		ask(lab, "GET", "/large", false, "");
		ask(lab, "GET", "/no", false, "");
		run(lab);
		answer(&lab->server, 1);
		run(lab);
		assert_string_equal(lab->play->log, "GET www.example /no 403 0/0 F;"
						    "GET www.example /large 200 0/500000;");
		/* What the server may still send is what the client would take. */
		opened = nghttp2_session_get_remote_window_size(lab->server.session);
		assert_in_range(nghttp2_session_get_local_window_size(lab->client.session), opened,
				65535);
		lab_free(lab);
	}
}

/* HPACK goes on in trailers, which the server could not understand after a refusal. */
static void test_trailers(void **state)
{
	static const nghttp2_nv trailers[] = { FIELD("x-checksum", "1234") };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct lab *lab = lab_new("/no", 0, NULL, 0);
		const nghttp2_nv fields[] = { FIELD(":method", "POST"), FIELD(":scheme", "https"),
					      FIELD(":authority", "www.example"),
					      FIELD(":path", "/up") };
		int32_t stream;

		stream = nghttp2_submit_headers(lab->client.session, NGHTTP2_FLAG_NONE, -1, NULL,
						fields, 4, NULL);
		run(lab);
		if (i == 1) {
			ask(lab, "GET", "/no", false, "");
			run(lab);
		}
		nghttp2_submit_headers(lab->client.session, NGHTTP2_FLAG_END_STREAM, stream, NULL,
				       trailers, 1, NULL);
		run(lab);
		assert_string_equal(lab->server.text, "1:/up 1.0 ");
		assert_string_equal(lab->play->log, i == 0 ? "POST www.example /up 200 0/5;"
							   : "GET www.example /no 403 0/0 F;"
							     "POST www.example /up 200 0/5;");
		lab_free(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen),          cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_first), cmocka_unit_test(test_refused_upload),
		cmocka_unit_test(test_windows),       cmocka_unit_test(test_trailers),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
