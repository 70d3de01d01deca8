/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "tap/events.h"

enum { QUEUE = 1 << 20, PATIENCE_MS = 20000 };

static char folder[64], path[128], rotated[128], collector[128];
static struct events *events;

static struct output_options output_of(enum output_kind kind, const char *target)
{
	struct output_options options = { .kind = kind, .events = EVENT_ALL, .keep = 2 };

	snprintf(options.target, sizeof(options.target), "%s", target);
	return options;
}

static int configure(const struct output_options *outputs, unsigned n)
{
	char error[EVENTS_ERROR_SIZE] = "";
	int r = events_configure(events, outputs, n, error);

	assert_int_equal(r < 0, *error != '\0');
	return r;
}

static int setup(void **state)
{
	struct output_options file;

	(void)state;
	strcpy(folder, "/tmp/postern-events-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/events", folder);
	snprintf(rotated, sizeof(rotated), "%s/events.1", folder);
	snprintf(collector, sizeof(collector), "%s/socket", folder);
	file = output_of(OUTPUT_FILE, path);
	assert_int_equal(events_new(QUEUE, &events), 0);
	assert_int_equal(configure(&file, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	events_free(events);
	events = NULL;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void put(int n)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"n\":%d}", n);
	events_put(events, EVENT_CONNECTION, text, strlen(text));
}

static void put_large(unsigned count)
{
	static char text[1000];

	memset(text, ' ', sizeof(text));
	text[0] = '{';
	text[sizeof(text) - 1] = '}';
	while (count-- > 0)
		events_put(events, EVENT_CONNECTION, text, sizeof(text));
}

/* What is queued for the outputs of now is with them, or this fails. */
static void flush(void)
{
	for (unsigned i = 0; i < PATIENCE_MS / 2; i++) {
		struct events_count counts[OUTPUTS_MAX];
		uint64_t before[OUTPUTS_MAX];
		unsigned n = events_count(events, counts, OUTPUTS_MAX);
		bool is_still = true;

		for (unsigned j = 0; j < n; j++)
			before[j] = counts[j].delivered;
		usleep(30000);
		n = events_count(events, counts, OUTPUTS_MAX);
		for (unsigned j = 0; j < n; j++)
			is_still &= before[j] == counts[j].delivered;
		if (is_still)
			return;
	}
	fail();
}

/* Counts the lines of a file; each must be an object, and `n` in it is added up. */
static unsigned read_lines(const char *file_path, json_int_t *ret_sum)
{
	static char line[65536];
	FILE *file = fopen(file_path, "r");
	json_int_t sum = 0;
	unsigned n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(event);
		assert_int_equal(line[strlen(line) - 1], '\n');
		sum += json_integer_value(json_object_get(event, "n"));
		json_decref(event);
		n++;
	}
	fclose(file);
	if (ret_sum)
		*ret_sum = sum;
	return n;
}

static struct events_count count_of(const char *name)
{
	struct events_count counts[OUTPUTS_MAX];
	unsigned n = events_count(events, counts, OUTPUTS_MAX);

	for (unsigned i = 0; i < n; i++)
		if (strstr(counts[i].name, name))
			return counts[i];
	fail_msg("no output %s", name);
	return counts[0];
}

/* --- files --- */

static void test_append(void **state)
{
	struct stat st;

	(void)state;
	put(1);
	put(2);
	flush();
	assert_int_equal(read_lines(path, NULL), 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(count_of("file").delivered, 2);
}

static void test_end_flushes(void **state)
{
	char file[128];

	(void)state;
	strcpy(file, path);
	for (unsigned i = 0; i < 3000; i++)
		put(1);
	events_free(events);
	events = NULL;
	assert_int_equal(read_lines(file, NULL), 3000);
}

static void test_rotate(void **state)
{
	(void)state;
	put(1);
	flush();
	assert_int_equal(rename(path, rotated), 0);
	put(2);
	flush();
	assert_int_equal(read_lines(rotated, NULL), 2);
	events_reopen(events);
	assert_int_equal(access(path, F_OK), 0); /* at once */
	put(3);
	flush();
	assert_int_equal(read_lines(rotated, NULL), 2);
	assert_int_equal(read_lines(path, NULL), 1);
}

static void test_reopen_fails(void **state)
{
	(void)state;
	assert_int_equal(rename(path, rotated), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	events_reopen(events);
	put(1);
	flush();
	assert_int_equal(read_lines(rotated, NULL), 1);
}

static void test_rotates_by_size(void **state)
{
	struct output_options file = output_of(OUTPUT_FILE, path);
	char name[160];
	struct stat st;
	unsigned n = 0;

	(void)state;
	file.max_size = 100000;
	assert_int_equal(configure(&file, 1), 0);
	for (unsigned i = 0; i < 40; i++) {
		put_large(10);
		flush();
	}
	for (unsigned i = 0; i <= 2; i++) {
		snprintf(name, sizeof(name), i > 0 ? "%s.%u" : "%s", path, i);
		assert_int_equal(stat(name, &st), 0);
		assert_true(st.st_size <= 100000 && (i == 0 || st.st_size > 80000));
		n += read_lines(name, NULL);
	}
	assert_in_range(n, 200, 300);
	snprintf(name, sizeof(name), "%s.3", path);
	assert_int_equal(access(name, F_OK), -1);
}

static void test_open_fails(void **state)
{
	struct output_options outputs[] = { output_of(OUTPUT_FILE, rotated),
					    output_of(OUTPUT_FILE, "/nowhere/events") };
	char error[EVENTS_ERROR_SIZE];

	(void)state;
	assert_int_equal(events_configure(events, outputs, 2, error), -ENOENT);
	assert_string_equal(error, "log.outputs: file /nowhere/events: No such file or directory");
	put(1); /* and all is as it was */
	flush();
	assert_int_equal(read_lines(path, NULL), 1);
	assert_int_equal(read_lines(rotated, NULL), 0);
}

/* A limit on the file's size stands for a disk that fills up in the middle of a line. */
static void test_full_disk(void **state)
{
	struct rlimit before, small;
	json_int_t sum;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	put(1000);
	flush();
	small = (struct rlimit){ .rlim_cur = 13, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(2000);
	flush();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	put(4000);
	for (unsigned i = 0; i < PATIENCE_MS / 10 && count_of("file").delivered < 3; i++)
		usleep(10000);
	assert_int_equal(read_lines(path, &sum), 3);
	assert_int_equal(sum, 7000); /* nothing was lost, nothing glued */
	assert_int_equal(count_of("file").lost, 0);
}

static void test_file_begins_in_a_line(void **state)
{
	FILE *file = fopen(rotated, "w");
	struct output_options outputs[] = { output_of(OUTPUT_FILE, rotated) };
	char line[64] = "";

	(void)state;
	fputs("{\"n\":", file);
	fclose(file);
	assert_int_equal(configure(outputs, 1), 0);
	put(7);
	flush();
	file = fopen(rotated, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "{\"n\":\n");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "{\"n\":7}\n");
	fclose(file);
}

static void test_kinds(void **state)
{
	struct output_options outputs[] = { output_of(OUTPUT_FILE, path),
					    output_of(OUTPUT_FILE, rotated) };

	(void)state;
	outputs[0].events = EVENT_BIT(EVENT_CONNECTION);
	outputs[1].events = EVENT_BIT(EVENT_ALERT) | EVENT_BIT(EVENT_CONNECTION);
	assert_int_equal(configure(outputs, 2), 0);
	assert_true(events_are_wanted(events, EVENT_ALERT));
	assert_false(events_are_wanted(events, EVENT_STATS));
	put(1);
	events_put(events, EVENT_ALERT, "{}", 2);
	events_put(events, EVENT_STATS, "{}", 2);
	flush();
	assert_int_equal(read_lines(path, NULL), 1);
	assert_int_equal(read_lines(rotated, NULL), 2);
	assert_int_equal(configure(NULL, 0), 0);
	assert_false(events_are_wanted(events, EVENT_CONNECTION));
	put(1);
	flush();
	assert_int_equal(read_lines(path, NULL), 1);
}

static void test_unmade(void **state)
{
	static char large[EVENT_MAX + 1];

	(void)state;
	events_put(events, EVENT_ALERT, NULL, 0);
	events_put(events, EVENT_ALERT, large, sizeof(large));
	assert_int_equal(events_unmade(events), 2);
}

/* --- collectors --- */

static int listen_at(const char *where, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	unlink(where);
	strcpy(address.sun_path, where);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int accept_one(int listener)
{
	struct pollfd ready = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	return accept(listener, NULL, NULL);
}

/* Adds up what comes, until `events` came or were lost: {"n":...} and {"lost":{"events":...}}. */
static void receive(int fd, uint64_t want, uint64_t *ret_n, uint64_t *ret_lost)
{
	FILE *stream = fdopen(dup(fd), "r");
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	static char line[4096];

	*ret_n = *ret_lost = 0;
	setvbuf(stream, NULL, _IOLBF, 65536);
	while (*ret_n + *ret_lost < want) {
		json_t *event, *lost;

		assert_true(fgets(line, sizeof(line), stream) != NULL || poll(&ready, 1, 0) > 0);
		event = json_loads(line, 0, NULL);
		assert_non_null(event);
		lost = json_object_get(json_object_get(event, "lost"), "events");
		*ret_lost += (uint64_t)json_integer_value(lost);
		*ret_n += lost == NULL;
		json_decref(event);
	}
	fclose(stream);
}

static void await_delivered(const char *name, uint64_t n)
{
	for (unsigned i = 0; count_of(name).delivered < n; i++) {
		assert_true(i < 60000);
		usleep(1000);
	}
}

/* It accepts, and never reads: nobody else notices, and it is told later what it missed. */
static void test_dead_collector(void **state)
{
	enum { N = 6000 };
	struct output_options outputs[] = { output_of(OUTPUT_FILE, path),
					    output_of(OUTPUT_UNIX, collector) };
	int listener = listen_at(collector, SOCK_STREAM), fd;
	uint64_t n, lost;

	(void)state;
	outputs[0].is_synced = outputs[1].stops = true; /* those who make events should wait */
	assert_int_equal(configure(outputs, 2), 0);
	put_large(1);
	fd = accept_one(listener);
	for (unsigned i = 0; i < N / 100; i++) {
		put_large(100);
		await_delivered("file", 1 + 100 * (i + 1)); /* at the pace of who works */
	}
	flush();
	assert_int_equal(read_lines(path, NULL), N + 1);
	assert_true(events_are_behind(events));
	receive(fd, N + 1, &n, &lost);
	assert_false(events_are_behind(events));
	assert_int_equal(n + lost, N + 1);
	assert_true(lost > N / 2);
	assert_int_equal(count_of("unix").lost, lost);
	assert_int_equal(count_of("file").lost, 0);
	close(fd);
	close(listener);
}

/* Nobody listens; then somebody does, goes, and comes back. Nothing of it is lost. */
static void test_reconnect(void **state)
{
	struct output_options outputs[] = { output_of(OUTPUT_UNIX, collector) };
	uint64_t n, lost;
	int listener, fd;

	(void)state;
	assert_int_equal(configure(outputs, 1), 0);
	put_large(1000);
	listener = listen_at(collector, SOCK_STREAM);
	fd = accept_one(listener);
	receive(fd, 1000, &n, &lost);
	assert_int_equal(n, 1000);
	close(fd);
	close(listener);
	put_large(500);
	listener = listen_at(collector, SOCK_STREAM);
	fd = accept_one(listener);
	receive(fd, 500, &n, &lost);
	assert_int_equal(n, 500);
	assert_int_equal(count_of("unix").lost, 0);
	close(fd);
	close(listener);
}

static ssize_t receive_datagram(int fd, char *bytes, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
	n = recv(fd, bytes, size - 1, 0);
	assert_true(n >= 0);
	bytes[n] = '\0';
	return n;
}

static const char sample[] = "{\"timestamp\":\"2026-11-02T19:00:00.123456+0000\",\"n\":7}";

static void test_syslog(void **state)
{
	struct output_options outputs[] = { output_of(OUTPUT_SYSLOG, collector) };
	int fd = listen_at(collector, SOCK_DGRAM);
	char got[1024], want[1024], host[256] = "";

	(void)state;
	gethostname(host, sizeof(host) - 1);
	outputs[0].facility = 16;
	assert_int_equal(configure(outputs, 1), 0);
	events_put(events, EVENT_ALERT, sample, strlen(sample));
	(void)receive_datagram(fd, got, sizeof(got));
	snprintf(want, sizeof(want), "<132>1 2026-11-02T19:00:00.123456Z %s postern %d alert - %s",
		 host, (int)getpid(), sample);
	assert_string_equal(got, want);
	outputs[0].format = OUTPUT_RFC3164;
	outputs[0].is_cee = true;
	setenv("TZ", "UTC", 1);
	assert_int_equal(configure(outputs, 1), 0);
	events_put(events, EVENT_CONNECTION, sample, strlen(sample));
	(void)receive_datagram(fd, got, sizeof(got));
	snprintf(want, sizeof(want), "<134>Nov  2 19:00:00 postern[%d]: @cee: %s", (int)getpid(),
		 sample);
	assert_string_equal(got, want);
	close(fd);
}

static void test_syslog_over_tcp(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct output_options outputs[] = { output_of(OUTPUT_SYSLOG, "127.0.0.1") };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	socklen_t n = sizeof(address);
	char got[2048] = "", *rest;
	size_t n_got = 0;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&address, &n);
	outputs[0].transport = OUTPUT_BY_TCP;
	snprintf(outputs[0].port, sizeof(outputs[0].port), "%u", ntohs(address.sin_port));
	assert_int_equal(configure(outputs, 1), 0);
	events_put(events, EVENT_ALERT, sample, strlen(sample));
	events_put(events, EVENT_STATS, sample, strlen(sample));
	fd = accept_one(listener);
	for (ssize_t r = 1; r > 0 && !(rest = strstr(got, "stats - {"), rest && strchr(rest, '}'));
	     n_got += (size_t)r)
		r = receive_datagram(fd, got + n_got, sizeof(got) - n_got);
	n_got = strtoul(got, &rest, 10);
	rest += 1 + n_got; /* behind the first */
	assert_int_equal(rest[-1], '}');
	n_got = strtoul(rest, &rest, 10);
	assert_int_equal(n_got, strlen(rest + 1));
	close(fd);
	close(listener);
}

static void test_journal(void **state)
{
	static const char text[] =
		"{\"timestamp\":\"x\",\"event_type\":\"alert\","
		"\"tls\":{\"sni\":\"a\\nb=c\",\"n\":7,\"list\":[1]},\"ok\":true}";
	static char large[EVENT_MAX];
	struct output_options outputs[] = { output_of(OUTPUT_JOURNAL, collector) };
	int fd = listen_at(collector, SOCK_DGRAM);
	char got[2048], room[CMSG_SPACE(sizeof(int))];
	struct msghdr message = { .msg_control = room, .msg_controllen = sizeof(room) };
	struct stat st;
	ssize_t n;
	int memory;

	(void)state;
	assert_int_equal(configure(outputs, 1), 0);
	events_put(events, EVENT_ALERT, text, strlen(text));
	n = receive_datagram(fd, got, sizeof(got));
	assert_non_null(memmem(got, (size_t)n, "PRIORITY=4\nSYSLOG_IDENTIFIER=postern\n", 37));
	assert_non_null(memmem(got, (size_t)n, "POSTERN_TLS_SNI\n\5\0\0\0\0\0\0\0a\nb=c\n", 30));
	assert_non_null(memmem(got, (size_t)n, "POSTERN_TLS_N\n\1\0\0\0\0\0\0\0", 22));
	assert_non_null(memmem(got, (size_t)n, "POSTERN_OK\n\4\0\0\0\0\0\0\0true\n", 24));
	assert_null(memmem(got, (size_t)n, "LIST", 4));
	memset(large, ' ', sizeof(large));
	large[0] = '{';
	large[sizeof(large) - 1] = '}';
	events_put(events, EVENT_ALERT, large, sizeof(large));
	assert_int_equal(recvmsg(fd, &message, 0), 0);
	memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(memory));
	assert_int_equal(fstat(memory, &st), 0);
	assert_true(st.st_size > EVENT_MAX);
	assert_int_equal(fcntl(memory, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	close(memory);
	close(fd);
}

enum { THREADS = 4, EVENTS = 2000 };

static void *put_many(void *argument)
{
	(void)argument;
	for (int i = 1; i <= EVENTS; i++) {
		put(i);
		if (i % 500 == 0)
			usleep(1000);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct output_options outputs[] = { output_of(OUTPUT_FILE, path),
					    output_of(OUTPUT_FILE, rotated),
					    output_of(OUTPUT_UNIX, collector) };
	pthread_t threads[THREADS];
	json_int_t sum;

	(void)state;
	assert_int_equal(configure(outputs, 2), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_many, NULL), 0);
	for (unsigned i = 0; i < 20; i++) {
		events_reopen(events);
		assert_int_equal(configure(outputs, 2 + i % 2), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	flush();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(read_lines(outputs[i].target, &sum), THREADS * EVENTS);
		assert_int_equal(sum, THREADS * EVENTS * (EVENTS + 1) / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_append),         TEST(test_end_flushes),
		TEST(test_rotate),         TEST(test_reopen_fails),
		TEST(test_open_fails),     TEST(test_rotates_by_size),
		TEST(test_full_disk),      TEST(test_file_begins_in_a_line),
		TEST(test_kinds),          TEST(test_unmade),
		TEST(test_dead_collector), TEST(test_reconnect),
		TEST(test_syslog),         TEST(test_syslog_over_tcp),
		TEST(test_journal),        TEST(test_threads),
	};

	log_init("events_test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
