/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The floor: a relay that does only what no interception can do without, and no TLS. Its ends are
 * this program too; they do no cryptography and send what is of the right size.
 *	floor relay PORT			diverted connections
 *	floor server ADDRESS			their servers, at port 443
 *	floor client KIND ADDRESS COUNT		so many connections of that kind
 * Each in four processes, with one connection at a time in each: as many as the engines have.
 *
 * KIND full13, rsa13: one connection of TLS 1.3 with AES-128-GCM, full handshakes on both legs.
 * The sockets: accept, read the hello, connect, write a hello, read the server's flight, write
 * Finished, write our flight, read the client's Finished with its request, write the request, read
 * the answer, write it, read the server's end, close both after the client's end. Each flight is
 * one call.
 * The primitives, on each leg: X25519, a key pair and a secret; SHA-256 of the transcript, three
 * times finished; the HMACs of the key schedule (RFC 8446 section 7.1) that are not the same each
 * time, 19, with those of both Finished; four keys of AES-128-GCM, each for one record: flight,
 * Finished, request, answer. Once: the server's CertificateVerify is verified (P-256, or RSA-2048
 * with PSS), and our own signed with P-256.
 *
 * KIND full12, rsa12: the same of TLS 1.2. One more flight from each server's side; the 12 HMACs of
 * the PRF (RFC 5246 section 5); two keys, each for Finished and data; the ServerKeyExchange is
 * verified and our own signed.
 *
 * KIND gb128, gb256: 256 MiB from the server, in records of 16 KB, each opened with one key and
 * sealed with another; read and written as many at once as there are, up to 1 MB, for more gains
 * nothing.
 *
 * What is left out: the server's chain (verified once and remembered), the forged leaf (it is
 * there), X.509, parsing, policy, logs, timers, an event loop. Nothing is right in what is opened:
 * tags are computed and compared, with no regard to what comes out. X25519 is libsodium's, all else
 * libcrypto's, called in the way that costs least.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor_work.h"

/* The sizes of flights as OpenSSL and nginx have them with the chains of the lab. */
enum {
	PROCESSES = 4,
	HELLO_BYTES = 517,
	REQUEST_BYTES = 120,
	ANSWER_BYTES = 600,
	FINISHED13 = 58 + 6, /* ChangeCipherSpec in front */
	FINISHED12 = 45 + 6 + 51,
	SERVER_FINISHED12 = 6 + 51,
	SERVER_FLIGHT = 1700, /* of two certificates */
	SERVER_FLIGHT_RSA = 2400,
	OUR_FLIGHT = 900, /* of one */
	BULK_RECORD = 16384 + FLOOR_OVERHEAD,
	BULK_RECORDS = (256 << 20) / 16384,
	FLOOR_BUFFER = 1 << 20,
};

static unsigned char buffer[FLOOR_BUFFER];

static void check(bool is_well, const char *what)
{
	if (!is_well) {
		fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void send_all(int fd, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(fd, buffer + at, n - at, MSG_NOSIGNAL);

		check(sent > 0, "send");
		at += (size_t)sent;
	}
}

/* At least so many bytes, in one call if they are there; the number read, 0 at the end. */
static size_t receive(int fd, size_t least)
{
	size_t n = 0;

	while (n < least) {
		ssize_t got = recv(fd, buffer + n, sizeof(buffer) - n, 0);

		check(got >= 0, "recv");
		if (got == 0)
			return 0;
		n += (size_t)got;
	}
	return n;
}

static void set_option(int fd, int level, int name)
{
	int on = 1;

	check(setsockopt(fd, level, name, &on, sizeof(on)) == 0, "setsockopt");
}

static int listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1, address);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	set_option(fd, SOL_IP, IP_TRANSPARENT);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	check(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 511) == 0, "listen");
	return fd;
}

static int connect_to(const struct sockaddr_in *server)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0, "socket");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	check(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0, "connect");
	return fd;
}

/* The number of this one: 0 for the parent. */
static int become_many(void)
{
	for (int i = 1; i < PROCESSES; i++) {
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (pid == 0)
			return i;
	}
	return 0;
}

/* --- the ends --- */

static size_t server_flight(const struct floor_kind *kind)
{
	return kind->is_rsa ? SERVER_FLIGHT_RSA : SERVER_FLIGHT;
}

static void serve_bulk(int fd)
{
	enum { RECORDS = FLOOR_BUFFER / BULK_RECORD };

	for (unsigned left = BULK_RECORDS; left > 0;) {
		unsigned n = left < RECORDS ? left : RECORDS;

		send_all(fd, (size_t)n * BULK_RECORD);
		left -= n;
	}
}

/* The first byte of a hello is the number of its kind. */
static void serve(int fd)
{
	if (receive(fd, HELLO_BYTES) == 0)
		return;
	const struct floor_kind *kind = &floor_kinds[buffer[0] % FLOOR_N_KINDS];

	if (kind->is_bulk) {
		serve_bulk(fd);
		return;
	}
	send_all(fd, server_flight(kind));
	if (kind->is_12) {
		if (receive(fd, FINISHED12) == 0)
			return;
		send_all(fd, SERVER_FINISHED12);
		if (receive(fd, REQUEST_BYTES) == 0)
			return;
	} else if (receive(fd, FINISHED13 + REQUEST_BYTES) == 0) {
		return;
	}
	send_all(fd, ANSWER_BYTES);
}

static void be_server(const char *address)
{
	int listener = listen_at(address, 443);

	(void)become_many();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		check(fd >= 0, "accept");
		serve(fd);
		close(fd);
	}
}

static void visit(const struct sockaddr_in *server, const struct floor_kind *kind)
{
	int fd = connect_to(server);

	buffer[0] = (unsigned char)(kind - floor_kinds);
	send_all(fd, HELLO_BYTES);
	if (kind->is_bulk) {
		while (receive(fd, 1) > 0)
			;
		close(fd);
		return;
	}
	check(receive(fd, OUR_FLIGHT) > 0, "no flight");
	if (kind->is_12) {
		send_all(fd, FINISHED12);
		check(receive(fd, SERVER_FINISHED12) > 0, "no Finished");
		send_all(fd, REQUEST_BYTES);
	} else {
		send_all(fd, FINISHED13 + REQUEST_BYTES);
	}
	check(receive(fd, ANSWER_BYTES) > 0, "no answer");
	check(receive(fd, 1) == 0, "no end");
	close(fd);
}

static void be_client(const struct floor_kind *kind, const char *address, int count)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(443) };
	int number = become_many(), status, is_well = 1;

	check(inet_pton(AF_INET, address, &server.sin_addr) == 1, address);
	for (int i = number; i < count; i += PROCESSES)
		visit(&server, kind);
	while (number == 0 && wait(&status) > 0)
		is_well &= status == 0;
	check(is_well, "one of the clients");
}

/* --- the relay --- */

static void relay_bulk(int client, int server)
{
	size_t have = 0;

	for (;;) {
		ssize_t got = recv(server, buffer + have, sizeof(buffer) - have, 0);

		check(got >= 0, "recv");
		if (got == 0)
			return;
		have += (size_t)got;
		size_t whole = have / BULK_RECORD * BULK_RECORD;

		for (size_t at = 0; at < whole; at += BULK_RECORD)
			floor_relay_record(buffer + at, BULK_RECORD - FLOOR_OVERHEAD);
		send_all(client, whole);
		have -= whole;
		memmove(buffer, buffer + whole, have);
	}
}

static void shake_hands13(const struct floor_kind *kind, int client, int server)
{
	check(receive(server, server_flight(kind)) > 0, "no flight");
	floor_shake_upstream(buffer, server_flight(kind));
	send_all(server, FINISHED13);
	floor_shake_downstream(buffer, OUR_FLIGHT);
	send_all(client, OUR_FLIGHT);
	check(receive(client, FINISHED13 + REQUEST_BYTES) > 0, "no request");
}

static void shake_hands12(const struct floor_kind *kind, int client, int server)
{
	check(receive(server, server_flight(kind)) > 0, "no flight");
	floor_shake_upstream(buffer, server_flight(kind));
	send_all(server, FINISHED12);
	check(receive(server, SERVER_FINISHED12) > 0, "no Finished");
	send_all(client, OUR_FLIGHT);
	check(receive(client, FINISHED12) > 0, "no Finished");
	floor_shake_downstream(buffer, OUR_FLIGHT);
	send_all(client, SERVER_FINISHED12);
	check(receive(client, REQUEST_BYTES) > 0, "no request");
}

static void relay(int client)
{
	struct sockaddr_in at;
	socklen_t n = sizeof(at);

	if (receive(client, HELLO_BYTES) == 0)
		return;
	const struct floor_kind *kind = &floor_kinds[buffer[0] % FLOOR_N_KINDS];

	check(getsockname(client, (struct sockaddr *)&at, &n) == 0, "getsockname");
	int server = connect_to(&at);

	floor_use(kind);
	send_all(server, HELLO_BYTES);
	if (kind->is_bulk) {
		relay_bulk(client, server);
	} else {
		(kind->is_12 ? shake_hands12 : shake_hands13)(kind, client, server);
		floor_relay_record(buffer, REQUEST_BYTES - FLOOR_OVERHEAD);
		send_all(server, REQUEST_BYTES);
		check(receive(server, ANSWER_BYTES) > 0, "no answer");
		floor_relay_record(buffer, ANSWER_BYTES - FLOOR_OVERHEAD);
		send_all(client, ANSWER_BYTES);
		check(receive(server, 1) == 0, "no end");
	}
	close(server);
	shutdown(client, SHUT_WR);
	(void)receive(client, 1);
}

static void be_relay(uint16_t port)
{
	int listener = listen_at("0.0.0.0", port);

	(void)become_many();
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		check(client >= 0, "accept");
		relay(client);
		close(client);
	}
}

int main(int argc, char **argv)
{
	const struct floor_kind *kind = argc == 5 ? floor_kind_find(argv[2]) : NULL;

	floor_init();
	if (argc == 3 && strcmp(argv[1], "relay") == 0)
		be_relay((uint16_t)strtol(argv[2], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "server") == 0)
		be_server(argv[2]);
	else if (kind && strcmp(argv[1], "client") == 0)
		be_client(kind, argv[3], (int)strtol(argv[4], NULL, 10));
	else
		return 2;
	return 0;
}
