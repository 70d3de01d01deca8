/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A box of test_store.py: learned servers and their store, without an engine.
 *	store_box STORE WRITE_EVERY		obeys lines on standard input, answers each with one
 *	store_box STORE WRITE_EVERY FIRST	notes without end: number i, from FIRST on, as host
 *						i % HOSTS; says which, and when
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "learn/learn.h"

enum { HOSTS = 2000, REPORT_EVERY = 16 };

static struct learned *learned;

static struct entry make(const char *host, uint64_t last_seen)
{
	struct entry entry = { .class = LEARN_ASKED,
			       .first_seen = last_seen,
			       .last_seen = last_seen,
			       .expires = clock_wall_us() + 3600 * 1000000ULL,
			       .server_key = { 1 },
			       .issuer = "CN=Lab Intermediate, O=Lab" };

	snprintf(entry.host, sizeof(entry.host), "%s", host);
	addr_parse("192.0.2.1", 443, &entry.server);
	return entry;
}

static void note_numbers(uint64_t first)
{
	for (uint64_t i = first;; i++) {
		char host[64], line[64];
		struct entry entry;

		snprintf(host, sizeof(host), "h%u.example", (unsigned)(i % HOSTS));
		entry = make(host, i);
		(void)learned_note(learned, &entry, NULL, false, NULL);
		if (i % REPORT_EVERY != 0)
			continue;
		int n = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 "\n", i, clock_us());

		if (write(STDOUT_FILENO, line, (size_t)n) != n)
			return;
		usleep(100);
	}
}

static void show(const char *host)
{
	struct entry any = make(host, 0), entry;
	char text[ENTRY_TEXT_MAX];

	if (learned_look(learned, host, &any.server, clock_wall_us(), &entry) == LEARNED_UNKNOWN) {
		puts("-");
		return;
	}
	for (int i = 0; i < ENTRY_N_FIELDS; i++)
		printf("%s%s=%s", i > 0 ? "\t" : "", entry_field_name((enum entry_field)i),
		       entry_field_write(&entry, (enum entry_field)i, text));
	puts("");
}

/* "note HOST LAST_SEEN CLASS": LAST_SEEN in s before now */
static void note(const char *host, const char *before, const char *class)
{
	struct entry entry = make(host, clock_wall_us() - strtoull(before, NULL, 10) * 1000000);

	if (!learn_class_read(class, &entry.class))
		puts("no such class");
	else
		printf("%d\n", learned_note(learned, &entry, NULL, false, NULL));
}

static void set_state(const char *host, const char *word)
{
	enum learn_state state;

	if (!learn_state_read(word, &state))
		puts("no such state");
	else
		printf("%u\n", learned_set_state(learned, host, NULL, state, clock_wall_us()));
}

static void fill(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char host[64];
		struct entry entry;

		snprintf(host, sizeof(host), "f%u.example", i);
		entry = make(host, clock_wall_us());
		(void)learned_note(learned, &entry, NULL, false, NULL);
	}
	puts("filled");
}

/* The longest that any of many lookups took, in us. */
static void measure(void)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t from = clock_us(), took;
		struct entry entry = make("h.example", 0);

		(void)learned_find(learned, "h.example", &entry.server, clock_wall_us(), &entry);
		took = clock_us() - from;
		longest = took > longest ? took : longest;
	}
	printf("%" PRIu64 "\n", longest);
}

static void do_note(char **words)
{
	note(words[1], words[2], words[3]);
}

static void do_state(char **words)
{
	set_state(words[1], words[2]);
}

static void do_forget(char **words)
{
	printf("%u\n", learned_forget(learned, words[1], NULL, clock_wall_us()));
}

static void do_show(char **words)
{
	show(words[1]);
}

static void do_fill(char **words)
{
	fill((unsigned)strtoul(words[1], NULL, 10));
}

static void do_count(char **words)
{
	(void)words;
	printf("%zu\n", learned_count(learned));
}

static void do_stored(char **words)
{
	(void)words;
	puts(learned_is_stored(learned) ? "yes" : "no");
}

static void do_measure(char **words)
{
	(void)words;
	measure();
}

static const struct {
	const char *verb;
	unsigned n; /* words, with the verb */
	void (*act)(char **words);
} orders[] = {
	{ "note", 4, do_note },     { "state", 3, do_state },     { "forget", 2, do_forget },
	{ "show", 2, do_show },     { "fill", 2, do_fill },       { "count", 1, do_count },
	{ "stored", 1, do_stored }, { "measure", 1, do_measure },
};

static void obey(char *line)
{
	char *words[4] = { NULL };
	unsigned n = 0;

	for (char *word = strtok(line, " \n"); word && n < 4; word = strtok(NULL, " \n"))
		words[n++] = word;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i].n == n && strcmp(orders[i].verb, words[0]) == 0) {
			orders[i].act(words);
			return;
		}
	}
	puts("?");
}

int main(int argc, char **argv)
{
	struct learned_options options = LEARNED_DEFAULTS;
	char line[512];

	if (argc < 3)
		return 2;
	log_init("box", LOG_LEVEL_INFO);
	options.write_every = strtoull(argv[2], NULL, 10);
	if (learned_open(&options, argv[1], &learned) < 0)
		return 1;
	if (argc > 3)
		note_numbers(strtoull(argv[3], NULL, 10));
	while (fgets(line, sizeof(line), stdin)) {
		obey(line);
		fflush(stdout);
	}
	learned_free(learned);
	return 0;
}
