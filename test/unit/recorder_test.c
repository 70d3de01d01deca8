/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole way, from several threads to files and to clients, read back by libpcap. */
#include "test/unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "tap/keylog.h"
#include "tap/recorder.h"

enum { THREADS = 4, PIECES = 400, SIZE = 3000 };

struct fixture {
	char folder[64], listen[80], keys[80];
	struct recorder *recorder;
	struct recorder_options options;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	strcpy(fixture->folder, "/tmp/recorder_test.XXXXXX");
	if (!mkdtemp(fixture->folder) || recorder_new(&fixture->recorder) < 0)
		return -1;
	snprintf(fixture->listen, sizeof(fixture->listen), "unix:%s/socket", fixture->folder);
	snprintf(fixture->keys, sizeof(fixture->keys), "%s/keys", fixture->folder);
	fixture->options = (struct recorder_options){
		.files = { fixture->folder, 1 << 20, 3600000, 100 },
	};
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	DIR *folder = opendir(fixture->folder);
	struct dirent *entry;

	recorder_free(fixture->recorder);
	while ((entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	closedir(folder);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static void set(struct fixture *fixture)
{
	const char *key;

	assert_int_equal(recorder_set_options(fixture->recorder, &fixture->options, &key), 0);
}

/* --- who writes --- */

static void put_connection(struct recorder *recorder, uint16_t port, unsigned n_pieces)
{
	static const uint8_t bytes[SIZE] = "plaintext";
	union addr client, server;
	struct flow flow;
	struct piece piece;

	addr_parse("192.0.2.1", port, &client);
	addr_parse("192.0.2.2", 80, &server);
	flow_init(&flow, &client, &server, (const uint32_t[]){ port, 0 });
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_OPEN, 0);
	recorder_put(recorder, &piece, NULL);
	for (unsigned i = 0; i < n_pieces; i++) {
		piece = flow_piece(&flow, i % 2, PIECE_DATA, SIZE);
		recorder_put(recorder, &piece, bytes);
	}
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_FINISH, 0);
	recorder_put(recorder, &piece, NULL);
}

struct writer {
	pthread_t thread;
	struct recorder *recorder;
	uint16_t port;
};

static void *write_some(void *argument)
{
	struct writer *writer = argument;

	put_connection(writer->recorder, writer->port, PIECES);
	return NULL;
}

/* 3 frames, 3 segments and an answer a piece, 2 frames. */
static unsigned frames_in(unsigned n_pieces)
{
	return 3 + 4 * n_pieces + 2;
}

/* --- who reads --- */

/* The packets of a file; times never go back. */
static unsigned read_file(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *packet;
	const u_char *bytes;
	int64_t last = 0;
	unsigned n = 0;
	int r;

	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	while ((r = pcap_next_ex(pcap, &packet, &bytes)) == 1) {
		int64_t now = (int64_t)packet->ts.tv_sec * 1000000 + packet->ts.tv_usec;

		assert_true(now >= last);
		last = now;
		n++;
	}
	assert_int_equal(r, PCAP_ERROR_BREAK); /* the end, and not in the middle of a packet */
	pcap_close(pcap);
	return n;
}

static unsigned read_folder(const struct fixture *fixture, unsigned *ret_files)
{
	DIR *folder = opendir(fixture->folder);
	struct dirent *entry;
	unsigned n = 0;

	*ret_files = 0;
	while ((entry = readdir(folder))) {
		char path[512];

		if (!strstr(entry->d_name, ".pcap"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", fixture->folder, entry->d_name);
		n += read_file(path);
		++*ret_files;
	}
	closedir(folder);
	return n;
}

static void await_packets(struct recorder *recorder, uint64_t n)
{
	for (unsigned i = 0; i < 2000 && recorder_counts(recorder).packets < n; i++)
		usleep(5000);
	assert_int_equal(recorder_counts(recorder).packets, n);
}

static void test_off(void **state)
{
	struct fixture *fixture = *state;

	fixture->options = (struct recorder_options){ 0 };
	set(fixture);
	assert_false(recorder_wants_packets(fixture->recorder));
	assert_false(recorder_wants_keys(fixture->recorder));
	put_connection(fixture->recorder, 1, 1);
	assert_int_equal(recorder_counts(fixture->recorder).packets, 0);
	assert_int_equal(recorder_counts(fixture->recorder).dropped, 0);
}

/* Files change while four threads write: each packet is in one of them, whole, and once. */
static void test_nothing_lost(void **state)
{
	struct fixture *fixture = *state;
	struct writer writers[THREADS];
	unsigned n_files;

	set(fixture);
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ .recorder = fixture->recorder,
					      .port = (uint16_t)(1000 + i) };
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_some, &writers[i]),
				 0);
	}
	set(fixture); /* a reload meanwhile */
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(writers[i].thread, NULL);
	await_packets(fixture->recorder, THREADS * frames_in(PIECES));
	assert_int_equal(recorder_counts(fixture->recorder).dropped, 0);
	assert_int_equal(recorder_counts(fixture->recorder).lost, 0);
	set(fixture);
	recorder_free(fixture->recorder);
	fixture->recorder = NULL;
	assert_int_equal(read_folder(fixture, &n_files), THREADS * frames_in(PIECES));
	assert_true(n_files > 4);
}

static int join(const struct fixture *fixture)
{
	struct endpoint local;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(endpoint_parse(fixture->listen, &local));
	assert_int_equal(connect(fd, &local.sa, local.n), 0);
	return fd;
}

static void await_clients(struct recorder *recorder, unsigned n)
{
	for (unsigned i = 0; i < 2000 && recorder_counts(recorder).clients != n; i++)
		usleep(5000);
	assert_int_equal(recorder_counts(recorder).clients, n);
}

/* Into a file, up to a pause; what was sent is a file of its own. */
static unsigned receive(const struct fixture *fixture, int fd, const char *name)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	char path[512];
	int file;

	snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	while (poll(&poller, 1, 300) > 0) {
		uint8_t bytes[65536];
		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		assert_int_equal(write(file, bytes, (size_t)n), n);
	}
	close(file);
	return read_file(path);
}

static void test_live(void **state)
{
	struct fixture *fixture = *state;
	struct recorder *recorder = fixture->recorder;
	int first, second;

	fixture->options = (struct recorder_options){ .listen = fixture->listen };
	set(fixture);
	first = join(fixture);
	await_clients(recorder, 1);
	put_connection(recorder, 1, 2);
	await_packets(recorder, frames_in(2));
	second = join(fixture);
	await_clients(recorder, 2);
	set(fixture); /* a reload: they stay */
	put_connection(recorder, 2, 2);
	assert_int_equal(receive(fixture, first, "first"), 2 * frames_in(2));
	assert_int_equal(receive(fixture, second, "second"), frames_in(2)); /* a file, in mid-air */
	close(first);
	await_clients(recorder, 1);
	fixture->options.listen = NULL;
	set(fixture);
	await_clients(recorder, 0);
	close(second);
}

/* One who does not read loses whole packets, which are counted; the other loses none. */
static void test_slow_client(void **state)
{
	struct fixture *fixture = *state;
	struct recorder *recorder = fixture->recorder;
	unsigned n = 0, n_slow;
	uint64_t lost;
	int slow;

	fixture->options.listen = fixture->listen;
	fixture->options.files.size = 1 << 30;
	set(fixture);
	slow = join(fixture);
	await_clients(recorder, 1);
	for (unsigned i = 0; i < 8; i++) {
		put_connection(recorder, (uint16_t)(i + 1), PIECES);
		n += frames_in(PIECES);
		await_packets(recorder, n);
	}
	lost = recorder_counts(recorder).lost;
	assert_true(lost > 0);
	assert_int_equal(recorder_counts(recorder).dropped, 0);
	n_slow = receive(fixture, slow, "slow");
	close(slow);
	recorder_free(recorder);
	fixture->recorder = NULL;
	assert_int_equal(n_slow + lost, n);
	assert_int_equal(read_folder(fixture, &n_slow), n);
}

/* Faster than any disk: what is put in is bounded, and each piece is either written or counted. */
static void test_queue_is_bounded(void **state)
{
	enum { LARGE = 1 << 20 };
	struct fixture *fixture = *state;
	struct recorder *recorder = fixture->recorder;
	uint8_t *bytes = calloc(1, LARGE);
	const unsigned n = 10 * RECORDER_QUEUE / LARGE, segments = (LARGE + 1459) / 1460 + 1;
	struct recorder_counts counts;
	union addr end;
	struct flow flow;

	assert_non_null(bytes);
	addr_parse("192.0.2.1", 1, &end);
	flow_init(&flow, &end, &end, (const uint32_t[]){ 0, 0 });
	fixture->options.files.files = 2;
	set(fixture);
	for (unsigned i = 0; i < n; i++) {
		struct piece piece = flow_piece(&flow, 0, PIECE_DATA, LARGE);

		recorder_put(recorder, &piece, bytes);
	}
	free(bytes);
	for (unsigned i = 0; i < 2000; i++) {
		counts = recorder_counts(recorder);
		if (counts.packets == segments * (n - counts.dropped))
			break;
		usleep(5000);
	}
	assert_int_equal(counts.packets, segments * (n - counts.dropped));
	assert_true(counts.dropped > 0 && counts.dropped < n);
}

static void test_keys(void **state)
{
	static const uint8_t random[32] = { 0x01, 0xab }, secret[48] = { 0xff, 0x10 };
	struct fixture *fixture = *state;
	char line[KEYLOG_LINE_MAX], text[512] = "", expected[512];
	struct stat stat_of;
	const char *key;
	size_t n = keylog_line("CLIENT_RANDOM", random, secret, sizeof(secret), line);
	int fd;

	snprintf(expected, sizeof(expected), "CLIENT_RANDOM 01ab%060d ff10%092d\n", 0, 0);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(line, expected, n);
	assert_int_equal(keylog_line("CLIENT_RANDOM", random, secret, KEYLOG_SECRET_MAX + 1, line),
			 0);
	fixture->options = (struct recorder_options){ .key_log = fixture->keys };
	set(fixture);
	assert_true(recorder_wants_keys(fixture->recorder));
	assert_false(recorder_wants_packets(fixture->recorder));
	recorder_put_keys(fixture->recorder, expected, n);
	recorder_free(fixture->recorder);
	fixture->recorder = NULL;
	assert_int_equal(stat(fixture->keys, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0600);
	fd = open(fixture->keys, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text) - 1), n);
	close(fd);
	assert_string_equal(text, expected);
	/* Others may read it: not a place for keys. What was in force goes on. */
	assert_int_equal(recorder_new(&fixture->recorder), 0);
	assert_int_equal(chmod(fixture->keys, 0640), 0);
	assert_int_equal(recorder_set_options(fixture->recorder, &fixture->options, &key), -EPERM);
	assert_string_equal(key, "tls.key_log");
	assert_false(recorder_wants_keys(fixture->recorder));
}

static void test_what_fails(void **state)
{
	struct fixture *fixture = *state;
	const char *key;

	set(fixture);
	fixture->options.files.folder = "/nonexistent";
	assert_int_equal(recorder_set_options(fixture->recorder, &fixture->options, &key), -ENOENT);
	assert_string_equal(key, "capture.folder");
	fixture->options.files.folder = fixture->folder;
	fixture->options.listen = "unix:/nonexistent/socket";
	assert_int_equal(recorder_set_options(fixture->recorder, &fixture->options, &key), -ENOENT);
	assert_string_equal(key, "capture.listen");
	put_connection(fixture->recorder, 1, 1);
	await_packets(fixture->recorder, frames_in(1));
}

int main(void)
{
#define WITH_RECORDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_RECORDER(test_off),
		WITH_RECORDER(test_nothing_lost),
		WITH_RECORDER(test_live),
		WITH_RECORDER(test_slow_client),
		WITH_RECORDER(test_queue_is_bounded),
		WITH_RECORDER(test_keys),
		WITH_RECORDER(test_what_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
