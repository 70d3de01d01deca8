/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/reader.h"
#include "certgen/ca_make.h"
#include "certgen/wire.h"

/* The messages, then the real postern-certgen behind real socket pairs. */

static uint8_t leaf_bytes[] = { 0x30, 0x01, 0x00 };

static size_t write_request(const struct certgen_request *request, uint8_t *message)
{
	size_t n = wire_write_request_head(request, message);

	assert_true(n > 0);
	memcpy(message + n, request->leaf, request->leaf_length);
	return n + request->leaf_length;
}

static void test_request(void **state)
{
	struct certgen_request request = {
		.id = 0x01020304,
		.kind = CERTGEN_UNTRUSTED,
		.key = CERTGEN_KEY_RSA,
		.host = "a.example",
		.client.v4 = { .sin_family = AF_INET, .sin_addr = { 0x01020304 } },
		.leaf = leaf_bytes, .leaf_length = sizeof(leaf_bytes),
	}, got;
	uint8_t message[WIRE_REQUEST_HEAD_MAX + sizeof(leaf_bytes) + 1];
	size_t n = write_request(&request, message);

	(void)state;
	assert_int_equal(wire_parse_request(message, n, &got), 0);
	assert_int_equal(got.id, request.id);
	assert_int_equal(got.kind, request.kind);
	assert_int_equal(got.key, request.key);
	assert_string_equal(got.host, request.host);
	assert_true(addr_equal(&got.client, &request.client));
	assert_memory_equal(got.leaf, leaf_bytes, sizeof(leaf_bytes));
	/* Neither shorter nor longer, and no other value where one is listed. */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_parse_request(message, i, &got), -EBADMSG);
	message[n] = 0;
	assert_int_equal(wire_parse_request(message, n + 1, &got), -EBADMSG);
	static const size_t places[] = { 0, 1, 6, 7, 8 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t was = message[places[i]];

		message[places[i]] = 9;
		assert_int_equal(wire_parse_request(message, n, &got), -EBADMSG);
		message[places[i]] = was;
	}
	message[15] = '\0'; /* within the host */
	assert_int_equal(wire_parse_request(message, n, &got), -EBADMSG);
}

static void test_request_client(void **state)
{
	struct certgen_request request = { .leaf = leaf_bytes, .leaf_length = sizeof(leaf_bytes) },
			       got;
	uint8_t message[WIRE_REQUEST_HEAD_MAX + sizeof(leaf_bytes)];
	size_t n = write_request(&request, message);

	(void)state;
	assert_int_equal(wire_parse_request(message, n, &got), 0);
	assert_int_equal(got.client.sa.sa_family, AF_UNSPEC);
	assert_true(addr_parse("2001:db8::7", 0, &request.client));
	n = write_request(&request, message);
	assert_int_equal(wire_parse_request(message, n, &got), 0);
	assert_true(addr_equal(&got.client, &request.client));
	message[8] = 15; /* its length: the rest is then another host, and the leaf other bytes */
	assert_int_equal(wire_parse_request(message, n, &got), -EBADMSG);
}

/* What the engine is given to put into its chain. */
static void test_certificates(void **state)
{
	uint8_t bytes[WIRE_CERTIFICATE_HEAD + sizeof(leaf_bytes)];

	(void)state;
	assert_int_equal(wire_write_certificate(leaf_bytes, 3, bytes, sizeof(bytes)), 6);
	assert_memory_equal(bytes, "\0\0\x03\x30\x01\0", 6);
	for (size_t room = 0; room < sizeof(bytes); room++)
		assert_int_equal(wire_write_certificate(leaf_bytes, 3, bytes, room), 0);
	assert_int_equal(wire_write_certificate(leaf_bytes, 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(
		wire_write_certificate(leaf_bytes, CERTGEN_MESSAGE_MAX + 1, bytes, SIZE_MAX), 0);
}

static void test_request_limits(void **state)
{
	struct certgen_request request = { .leaf = leaf_bytes, .leaf_length = sizeof(leaf_bytes) },
			       got;
	uint8_t message[WIRE_REQUEST_HEAD_MAX + sizeof(leaf_bytes)];

	(void)state;
	memset(request.host, 'a', CERTGEN_HOST_MAX - 1);
	assert_int_equal(wire_parse_request(message, write_request(&request, message), &got), 0);
	assert_string_equal(got.host, request.host);
	request.host[CERTGEN_HOST_MAX - 1] = 'a';
	assert_int_equal(certgen_send(-1, &request), -EMSGSIZE);
	request.host[0] = '\0';
	request.leaf_length = CERTGEN_MESSAGE_MAX;
	assert_int_equal(certgen_send(-1, &request), -EMSGSIZE);
	request.leaf_length = 0;
	assert_int_equal(
		wire_parse_request(message, wire_write_request_head(&request, message), &got),
		-EBADMSG);
}

static void test_keys(void **state)
{
	struct wire_keys keys = { .spki = { { leaf_bytes, 3 }, { leaf_bytes, 2 } } }, got;
	uint8_t message[WIRE_KEYS_MAX], large[WIRE_SPKI_MAX + 1];
	size_t n = wire_write_keys(&keys, message);
	enum wire_type type;

	(void)state;
	assert_int_equal(wire_type(message, n, &type), 0);
	assert_int_equal(type, WIRE_KEYS);
	assert_int_equal(wire_parse_keys(message, n, &got), 0);
	assert_int_equal(got.spki[CERTGEN_KEY_EC].length, 3);
	assert_int_equal(got.spki[CERTGEN_KEY_RSA].length, 2);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_parse_keys(message, i, &got), -EBADMSG);
	assert_int_equal(certgen_send_keys(-1, large, sizeof(large), large, 1), -EMSGSIZE);
	assert_int_equal(wire_type(message, 1, &type), -EBADMSG);
	message[0] = WIRE_VERSION + 1;
	assert_int_equal(wire_type(message, n, &type), -EBADMSG);
}

static void test_answer(void **state)
{
	const uint8_t chain[] = { 0, 0, 3, 0x30, 1, 0, 0, 0, 1, 7 };
	struct certgen_answer answer = { .id = 5, .chain = chain, .chain_length = sizeof(chain) },
			      got;
	uint8_t message[64];
	size_t n = wire_write_answer(&answer, message, sizeof(message));

	(void)state;
	assert_int_equal(wire_parse_answer(message, n, &got), 0);
	assert_int_equal(got.id, 5);
	assert_memory_equal(got.chain, chain, sizeof(chain));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(wire_parse_answer(message, i, &got), -EBADMSG);
		assert_int_equal(wire_write_answer(&answer, message, i), 0);
	}
	message[11 + 2] = 4; /* certificates that do not fill the chain */
	assert_int_equal(wire_parse_answer(message, n, &got), -EBADMSG);
	answer.chain_length = 0; /* OK without a certificate */
	n = wire_write_answer(&answer, message, sizeof(message));
	assert_int_equal(wire_parse_answer(message, n, &got), -EBADMSG);
	answer.status = CERTGEN_REFUSED;
	n = wire_write_answer(&answer, message, sizeof(message));
	assert_int_equal(wire_parse_answer(message, n, &got), -EBADMSG); /* not said why */
	strcpy(answer.why, "it is \x7f");
	n = wire_write_answer(&answer, message, sizeof(message));
	assert_int_equal(wire_parse_answer(message, n, &got), -EBADMSG);
	strcpy(answer.why, "it is late");
	n = wire_write_answer(&answer, message, sizeof(message));
	assert_int_equal(wire_parse_answer(message, n, &got), 0);
	assert_int_equal(got.status, CERTGEN_REFUSED);
	assert_string_equal(got.why, answer.why);
	answer.chain_length = sizeof(chain); /* refused, and yet a certificate */
	n = wire_write_answer(&answer, message, sizeof(message));
	assert_int_equal(wire_parse_answer(message, n, &got), -EBADMSG);
}

static void test_client(void **state)
{
	struct certgen_request request = { .leaf = leaf_bytes, .leaf_length = sizeof(leaf_bytes) };
	struct certgen_answer answer;
	uint8_t buffer[64];
	int pair[2], r = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(certgen_receive(pair[0], buffer, sizeof(buffer), &answer), -EAGAIN);
	for (int i = 0; i < 100000 && r == 0; i++)
		r = certgen_send(pair[0], &request);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(send(pair[1], buffer, sizeof(buffer), 0), sizeof(buffer));
	assert_int_equal(certgen_receive(pair[0], buffer, 10, &answer), -EBADMSG);
	close(pair[1]); /* with unread messages: a reset */
	assert_int_equal(certgen_receive(pair[0], buffer, sizeof(buffer), &answer), -EPIPE);
	assert_int_equal(certgen_receive(pair[0], buffer, sizeof(buffer), &answer), -EPIPE);
	assert_int_equal(certgen_send(pair[0], &request), -EPIPE);
	close(pair[0]);
}

/* --- the process --- */

enum { N_SOCKETS = 2 };

static struct {
	char folder[64], certificate[96], key[96];
	uint8_t ec[256], rsa[512], leaf[32768];
	size_t ec_length, rsa_length, leaf_length;
	int fds[N_SOCKETS];
	pid_t pid;
} lab;

/* build/test/unit/x_test beside build/certgen/postern-certgen; POSTERN_CERTGEN names another. */
static void find_program(char path[PATH_MAX])
{
	char self[PATH_MAX] = "";
	const char *given = getenv("POSTERN_CERTGEN");

	if (given) {
		snprintf(path, PATH_MAX, "%s", given);
		return;
	}
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 64) > 0);
	snprintf(path, PATH_MAX, "%.4000s/../../certgen/postern-certgen", dirname(self));
}

static void start(bool with_user)
{
	int theirs[N_SOCKETS];
	char program[PATH_MAX], fds[32];

	find_program(program);
	for (int i = 0; i < N_SOCKETS; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		lab.fds[i] = pair[0];
		theirs[i] = pair[1];
	}
	snprintf(fds, sizeof(fds), "%d,%d", theirs[0], theirs[1]);
	lab.pid = fork();
	if (lab.pid == 0) {
		for (int i = 0; i < N_SOCKETS; i++)
			fcntl(theirs[i], F_SETFD, 0);
		/* It forbids being traced, which is how the leak checker works. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl(program, program, "--certificate", lab.certificate, "--key", lab.key,
		      "--max-lifetime", "3600", "--fds", fds, with_user ? "--user" : "--log-level",
		      with_user ? "nobody" : "error", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < N_SOCKETS; i++)
		close(theirs[i]);
}

static int wait_for_end(void)
{
	int status = -1;

	assert_int_equal(waitpid(lab.pid, &status, 0), lab.pid);
	for (int i = 0; i < N_SOCKETS; i++)
		close(lab.fds[i]);
	return status;
}

static int receive(int fd, uint8_t *buffer, struct certgen_answer *ret_answer)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 20000), 1);
	return certgen_receive(fd, buffer, CERTGEN_MESSAGE_MAX, ret_answer);
}

static struct certgen_request request_of(uint32_t id)
{
	struct certgen_request request = { .id = id,
					   .leaf = lab.leaf,
					   .leaf_length = lab.leaf_length };

	strcpy(request.host, "host-1.of.a.large.example");
	return request;
}

/* The status of the answer; the leaf's bytes come back in `buffer`. */
static enum certgen_status ask(int fd, const struct certgen_request *request, uint8_t *buffer,
			       struct certgen_answer *ret_answer)
{
	assert_int_equal(certgen_send(fd, request), 0);
	assert_int_equal(receive(fd, buffer, ret_answer), 0);
	assert_int_equal(ret_answer->id, request->id);
	return ret_answer->status;
}

static void send_keys(int fd)
{
	assert_int_equal(certgen_send_keys(fd, lab.ec, lab.ec_length, lab.rsa, lab.rsa_length), 0);
}

static uint8_t first_buffer[CERTGEN_MESSAGE_MAX], second_buffer[CERTGEN_MESSAGE_MAX];

static void test_round_trips(void **state)
{
	struct certgen_answer first, second;
	struct certgen_request request = request_of(1);

	(void)state;
	start(false);
	assert_int_equal(ask(lab.fds[0], &request, first_buffer, &first),
			 CERTGEN_FAILED); /* no keys yet */
	send_keys(lab.fds[0]);
	send_keys(lab.fds[1]);
	assert_int_equal(ask(lab.fds[0], &request, first_buffer, &first), CERTGEN_OK);
	request.id = 2;
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &second), CERTGEN_OK);
	/* Two workers, one leaf. */
	assert_int_equal(first.chain_length, second.chain_length);
	assert_memory_equal(first.chain, second.chain, first.chain_length);
	struct reader chain = reader_of(first.chain, first.chain_length);
	struct reader leaf = reader_vector(&chain, 3);
	const uint8_t *at = leaf.at;
	X509 *x509 = d2i_X509(NULL, &at, (long)reader_left(&leaf));

	assert_non_null(x509);
	assert_true(at == leaf.end && reader_left(&chain) == 0);
	X509_free(x509);
	request.key = CERTGEN_KEY_RSA;
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &second), CERTGEN_OK);
	request.kind = CERTGEN_UNTRUSTED;
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &second), CERTGEN_NO_CA);
	request = request_of(3);
	request.leaf_length--;
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &second), CERTGEN_REFUSED);
	close(lab.fds[0]);
	request = request_of(4);
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &second), CERTGEN_OK);
	close(lab.fds[1]);
	int status = wait_for_end();

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Many requests before an answer is read: certgen waits, loses nothing and serves others. */
static void test_slow_reader(void **state)
{
	enum { N = 64 };
	struct certgen_request request = request_of(0);
	struct certgen_answer answer;
	uint32_t n_sent = 0, n_seen = 0;

	(void)state;
	start(false);
	send_keys(lab.fds[0]);
	send_keys(lab.fds[1]);
	for (; n_sent < N; n_sent++) {
		request.id = n_sent;
		int r = certgen_send(lab.fds[0], &request);

		if (r == -EAGAIN)
			break;
		assert_int_equal(r, 0);
	}
	assert_true(n_sent > 2);
	request.id = 1000;
	assert_int_equal(ask(lab.fds[1], &request, second_buffer, &answer), CERTGEN_OK);
	for (; n_seen < n_sent; n_seen++) {
		assert_int_equal(receive(lab.fds[0], first_buffer, &answer), 0);
		assert_int_equal(answer.id, n_seen);
		assert_int_equal(answer.status, CERTGEN_OK);
	}
	assert_int_equal(kill(lab.pid, SIGTERM), 0);
	int status = wait_for_end();

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "\x02", 1 },
		{ "\x01\x01", 2 },
		{ "\x02\x02", 2 },
		{ "\x02\x03\0\0\0\0\1\0\0\0\0", 11 },
		{ "\x02\x01\0\1\1\0\1\1", 8 },
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
	};
	struct certgen_request request = request_of(1);
	struct certgen_answer answer;

	(void)state;
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		start(false);
		send_keys(lab.fds[0]);
		send_keys(lab.fds[1]);
		if (i == 0)
			send_keys(lab.fds[1]); /* a second time */
		else
			assert_int_equal(send(lab.fds[1], bad[i - 1].bytes, bad[i - 1].n, 0),
					 (ssize_t)bad[i - 1].n);
		assert_int_equal(receive(lab.fds[1], second_buffer, &answer), -EPIPE);
		assert_int_equal(ask(lab.fds[0], &request, first_buffer, &answer), CERTGEN_OK);
		close(lab.fds[0]);
		int status = wait_for_end();

		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void test_swapped_keys(void **state)
{
	struct certgen_answer answer;

	(void)state;
	start(false);
	assert_int_equal(
		certgen_send_keys(lab.fds[0], lab.rsa, lab.rsa_length, lab.ec, lab.ec_length), 0);
	assert_int_equal(receive(lab.fds[0], first_buffer, &answer), -EPIPE);
	assert_int_equal(kill(lab.pid, SIGKILL), 0);
	assert_int_equal(receive(lab.fds[1], first_buffer, &answer), -EPIPE);
	assert_true(WIFSIGNALED(wait_for_end()));
}

static void test_bad_start(void **state)
{
	(void)state;
	assert_int_equal(chmod(lab.key, 0644), 0);
	start(false);
	int status = wait_for_end();

	assert_int_equal(chmod(lab.key, 0600), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static bool status_has(const char *line)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", lab.pid);
	FILE *file = fopen(path, "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = '\0';
	if (file)
		fclose(file);
	return strstr(text, line) != NULL;
}

/* Only root can give its identity away: elsewhere there is nothing to see. */
static void test_privileges(void **state)
{
	struct certgen_request request = request_of(1);
	struct certgen_answer answer;
	struct passwd *nobody = getpwnam("nobody");
	char line[64];

	(void)state;
	if (geteuid() != 0 || !nobody)
		skip();
	start(true);
	send_keys(lab.fds[0]);
	assert_int_equal(ask(lab.fds[0], &request, first_buffer, &answer), CERTGEN_OK);
	snprintf(line, sizeof(line), "Uid:\t%u\t%u\t%u\t%u\n", nobody->pw_uid, nobody->pw_uid,
		 nobody->pw_uid, nobody->pw_uid);
	assert_true(status_has(line));
	assert_true(status_has("CapInh:\t0000000000000000\n"));
	assert_true(status_has("CapPrm:\t0000000000000000\n"));
	assert_true(status_has("CapEff:\t0000000000000000\n"));
	assert_true(status_has("CapBnd:\t0000000000000000\n"));
	assert_true(status_has("CapAmb:\t0000000000000000\n"));
	assert_true(status_has("NoNewPrivs:\t1\n"));
	close(lab.fds[0]);
	close(lab.fds[1]);
	int status = wait_for_end();

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_file(const char *path, const struct ca_bytes *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes->bytes, bytes->length), (ssize_t)bytes->length);
	close(fd);
}

static size_t new_spki(EVP_PKEY *key, uint8_t *der)
{
	int n = i2d_PUBKEY(key, &der);

	EVP_PKEY_free(key);
	assert_true(n > 0);
	return (size_t)n;
}

static int set_up(void **state)
{
	struct ca_bytes key, certificate;
	struct ca_error error;
	FILE *file = fopen(POSTERN_TEST_DATA "/cert/large.der", "r");

	(void)state;
	strcpy(lab.folder, "/tmp/postern-wire.XXXXXX");
	if (!file || !mkdtemp(lab.folder) ||
	    ca_make_root("/CN=Wire Test CA", CA_MAKE_EC, time(NULL), &key, &certificate, &error) <
		    0)
		return -1;
	lab.leaf_length = fread(lab.leaf, 1, sizeof(lab.leaf), file);
	fclose(file);
	snprintf(lab.certificate, sizeof(lab.certificate), "%s/crt", lab.folder);
	snprintf(lab.key, sizeof(lab.key), "%s/key", lab.folder);
	write_file(lab.certificate, &certificate);
	write_file(lab.key, &key);
	ca_bytes_deinit(&key);
	ca_bytes_deinit(&certificate);
	lab.ec_length = new_spki(EVP_EC_gen("prime256v1"), lab.ec);
	lab.rsa_length = new_spki(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), lab.rsa);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(lab.certificate);
	unlink(lab.key);
	return rmdir(lab.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),        cmocka_unit_test(test_request_limits),
		cmocka_unit_test(test_request_client), cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_keys),           cmocka_unit_test(test_answer),
		cmocka_unit_test(test_client),         cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_slow_reader),    cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_swapped_keys),   cmocka_unit_test(test_bad_start),
		cmocka_unit_test(test_privileges),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
