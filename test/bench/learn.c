/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What learned servers cost: looking one up among a thousand, a hundred thousand, a million; memory
 * per entry; writing all of them to SQLite, and starting from that.
 *	bench_learn [FOLDER]	where the file is made, /tmp by default
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "learn/learn.h"

enum { LOOKUPS = 1000000 };

static char path[256];

/* us of this thread's processor time: others are at work too. */
static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct learned *open_or_exit(unsigned max, const char *store)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct learned *learned;

	options.max = max;
	if (learned_open(&options, store, &learned) < 0)
		exit(1);
	return learned;
}

/* Names, addresses and issuers of ordinary length. */
static struct entry make(uint64_t i)
{
	struct entry entry = { .class = i % 10 ? LEARN_NOTHING : LEARN_ASKED,
			       .tls_version = 0x0304,
			       .first_seen = clock_wall_us(),
			       .server_key = { 1 } };

	snprintf(entry.host, sizeof(entry.host), "host-%" PRIu64 ".some.example.com", i);
	snprintf(entry.issuer, sizeof(entry.issuer), "C=US, O=Example Trust, CN=Example TLS CA %u",
		 (unsigned)(i % 100));
	entry.server.v4.sin_family = AF_INET;
	entry.server.v4.sin_addr.s_addr = htonl((uint32_t)(0x0a000000 + i));
	addr_set_port(&entry.server, 443);
	entry.last_seen = entry.first_seen;
	entry.expires = entry.first_seen + 12 * 3600 * 1000000ULL;
	return entry;
}

static void fill(struct learned *learned, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct entry entry = make(i);

		(void)learned_note(learned, &entry, NULL, false, NULL);
	}
}

/* ns for one of many lookups. The names are made outside. */
static double lookup(struct learned *learned, unsigned n, bool is_known)
{
	enum { NAMES = 20000 };
	struct entry *names = calloc(NAMES, sizeof(*names)), found;
	unsigned n_found = 0;
	uint64_t from, now = clock_wall_us();

	if (!names)
		exit(1);
	for (unsigned i = 0; i < NAMES; i++)
		names[i] = make(((uint64_t)rand() << 20 ^ (uint64_t)rand()) % n +
				(is_known ? 0 : 100000000));
	from = cpu_us();
	for (unsigned i = 0; i < LOOKUPS; i++) {
		const struct entry *name = &names[i % NAMES];

		n_found += learned_find(learned, name->host, &name->server, now, &found) !=
			   LEARNED_UNKNOWN;
	}
	double ns = (double)(cpu_us() - from) * 1000 / LOOKUPS;

	free(names);
	if (n_found != 0 && !is_known)
		exit(1);
	return ns;
}

static size_t memory_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void measure_table(unsigned n)
{
	size_t before = memory_used();
	uint64_t from = cpu_us();
	/* A quarter more room: the shards of a full table would not be equally full. */
	struct learned *learned = open_or_exit(n + n / 4, "none");

	fill(learned, n);
	double add = (double)(cpu_us() - from) * 1000 / n;
	size_t count = learned_count(learned);
	size_t used = memory_used() - before;
	double known = lookup(learned, n, true), unknown = lookup(learned, n, false);

	printf("%10zu %10.0f %10.0f %10.0f %10.0f\n", count, known, unknown, add,
	       (double)used / (double)count);
	learned_free(learned);
}

static void measure_store(unsigned n)
{
	struct learned *learned = open_or_exit(n + n / 4, path);
	uint64_t from = clock_us();

	fill(learned, n);
	learned_free(learned); /* gives up after ten seconds */
	printf("SQLite: %u entries noted and written in %.1f s\n", n,
	       (double)(clock_us() - from) / 1e6);
	from = clock_us();
	clock_t cpu = clock();

	learned = open_or_exit(n + n / 4, path);
	printf("SQLite: started from %zu entries in %.2f s, %.2f s of them at work\n",
	       learned_count(learned), (double)(clock_us() - from) / 1e6,
	       (double)(clock() - cpu) / CLOCKS_PER_SEC);
	learned_free(learned);
}

static void remove_files(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < 3; i++) {
		char file[sizeof(path) + 8];

		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 1000, 100000, 1000000 };

	log_init("bench", LOG_LEVEL_INFO);
	snprintf(path, sizeof(path), "%s/bench-learned-%d.db", argc > 1 ? argv[1] : "/tmp",
		 (int)getpid());
	printf("   entries   known ns unknown ns     add ns      bytes\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure_table(sizes[i]);
	for (size_t i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure_store(sizes[i]);
		remove_files();
	}
	return 0;
}
