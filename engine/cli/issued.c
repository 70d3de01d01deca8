/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/*
 * `postern issued find`: the files of audit.issued, the oldest first, line by line. What is not a
 * line of the record (a power cut or a full disk left half of one) is skipped and counted.
 */

enum { DIGITS_MAX = 128 };

struct search {
	const struct cli *cli;
	char serial[DIGITS_MAX]; /* digits only, upper case; "": any */
	char fingerprint[DIGITS_MAX];
	unsigned n_broken;
};

/* --- what is looked for --- */

/* "0a:1B" and "0A1b" are the same number. False: it is none. */
static bool read_digits(const char *text, char digits[DIGITS_MAX])
{
	size_t n = 0;

	for (; text && *text != '\0'; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (!isxdigit((unsigned char)*text) || n == DIGITS_MAX - 1)
			return false;
		digits[n++] = (char)toupper((unsigned char)*text);
	}
	digits[n] = '\0';
	return !text || n > 0;
}

static bool is_digits(const json_t *object, const char *key, const char *digits)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcasecmp(text, digits) == 0;
}

/* A wildcard stands for one label. */
static bool is_name(const char *pattern, const char *name)
{
	const char *dot = strchr(name, '.');

	return pattern && (strcasecmp(pattern, name) == 0 ||
			   (strncmp(pattern, "*.", 2) == 0 && dot && dot > name &&
			    strcasecmp(pattern + 1, dot) == 0));
}

static bool has_name(const json_t *event, const char *name)
{
	json_t *names = json_object_get(json_object_get(event, "issued"), "san"), *one;
	size_t i;

	if (is_name(json_string_value(json_object_get(event, "host")), name))
		return true;
	json_array_foreach(names, i, one)
	{
		if (is_name(json_string_value(one), name))
			return true;
	}
	return false;
}

static bool is_wanted(const struct search *search, const json_t *event)
{
	const struct cli *cli = search->cli;
	const json_t *issued = json_object_get(event, "issued");
	const char *time = json_string_value(json_object_get(event, "timestamp"));

	if (cli->since && (!time || strncmp(time, cli->since, strlen(cli->since)) < 0))
		return false;
	if (cli->name && !has_name(event, cli->name))
		return false;
	if (search->serial[0] != '\0' && !is_digits(issued, "serial", search->serial))
		return false;
	return search->fingerprint[0] == '\0' ||
	       is_digits(issued, "fingerprint", search->fingerprint) ||
	       is_digits(json_object_get(event, "server"), "fingerprint", search->fingerprint);
}

/* --- what is found --- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void print_names(const json_t *issued)
{
	json_t *names = json_object_get(issued, "san"), *one;
	size_t i;

	fputs("  names        ", stdout);
	json_array_foreach(names, i, one) printf("%s%s", i > 0 ? ", " : "", json_string_value(one));
	puts(json_object_get(issued, "san_cut") ? ", ..." : "");
}

static void print_event(const json_t *event)
{
	const json_t *issued = json_object_get(event, "issued"), *ca = json_object_get(event, "ca");

	printf("%s %s for %s, client %s\n", text_of(event, "timestamp"), text_of(event, "outcome"),
	       text_of(event, "host"), text_of(event, "src_ip"));
	if (issued) {
		printf("  serial       %s\n", text_of(issued, "serial"));
		printf("  sha256       %s\n", text_of(issued, "fingerprint"));
		printf("  subject      %s\n", text_of(issued, "subject"));
		print_names(issued);
		printf("  valid        %s to %s\n", text_of(issued, "notbefore"),
		       text_of(issued, "notafter"));
	}
	printf("  stands for   sha256 %s\n",
	       text_of(json_object_get(event, "server"), "fingerprint"));
	printf("  signed by    the %s CA, key %s\n", text_of(ca, "kind"), text_of(ca, "key_id"));
}

static void search_line(struct search *search, const char *line, size_t n)
{
	json_t *event = json_loadb(line, n, 0, NULL);

	if (!event || strcmp(text_of(event, "event_type"), "issued") != 0) {
		search->n_broken += n > 1; /* an empty line is the end of half a one */
	} else if (is_wanted(search, event)) {
		if (search->cli->json)
			fwrite(line, 1, n, stdout);
		else
			print_event(event);
	}
	json_decref(event);
}

static int search_file(struct search *search, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (!file)
		return cli_fail(CLI_FAILURE, "%s: %s", path, strerror(errno));
	while ((n = getline(&line, &size, file)) > 0)
		search_line(search, line, (size_t)n);
	free(line);
	fclose(file);
	return CLI_OK;
}

int cli_issued_find(const struct cli *cli)
{
	struct search search = { .cli = cli };
	const char *path = cli->config->audit.issued;
	char pattern[PATH_MAX];
	glob_t found = { 0 };
	int code = CLI_OK;

	if (!read_digits(cli->serial, search.serial) ||
	    !read_digits(cli->fingerprint, search.fingerprint))
		return cli_fail(CLI_USAGE, "issued find: serials and fingerprints are hexadecimal");
	if (cli->since && strspn(cli->since, "0123456789-T:.") != strlen(cli->since))
		return cli_fail(CLI_USAGE, "issued find: --since takes 2026-11-23T05:00:00, or the "
					   "beginning of that, in UTC");
	if (strcmp(path, "none") == 0)
		return cli_fail(CLI_FAILURE,
				"issued find: audit.issued is none: nothing is recorded");
	snprintf(pattern, sizeof(pattern), "%s.2*Z", path);
	(void)glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && code == CLI_OK; i++)
		code = search_file(&search, found.gl_pathv[i]);
	globfree(&found);
	if (code == CLI_OK)
		code = search_file(&search, path);
	if (search.n_broken > 0)
		fprintf(stderr, "postern: issued find: %u lines cannot be read\n", search.n_broken);
	return code;
}
