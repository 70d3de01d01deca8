/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	LIFETIME_MAX = 3650 * 24 * 3600, /* seconds */
};

const char options_usage[] =
	"usage: postern-certgen --certificate FILE --key FILE --max-lifetime SECONDS --fds "
	"N[,N...]\n"
	"                       [--untrusted-certificate FILE --untrusted-key FILE]\n"
	"                       [--rate N --burst N] [--per-client N] [--user NAME]\n"
	"                       [--record stop|continue [--record-fd N] [--record-unsynced]]\n"
	"                       [--control N]\n"
	"                       [--log-level error|warning|info|debug] [--core-dumps]\n"
	"Started by posternd; the descriptors are its sockets (SOCK_SEQPACKET), one per worker; "
	"to\n"
	"record in, a file; for control, a socket by which another one comes.\n";

static bool parse_number(const char *text, int64_t min, int64_t max, int64_t *ret_number)
{
	char *end;

	errno = 0;
	long long number = strtoll(text, &end, 10);

	if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
		return false;
	*ret_number = number;
	return true;
}

static bool parse_unsigned(const char *text, unsigned *ret_number)
{
	int64_t number;

	if (!parse_number(text, 0, INT_MAX, &number))
		return false;
	*ret_number = (unsigned)number;
	return true;
}

static bool parse_descriptor(const char *text, int *ret_fd)
{
	int64_t fd;

	if (!parse_number(text, 0, INT_MAX, &fd) || fcntl((int)fd, F_GETFD) < 0)
		return false;
	*ret_fd = (int)fd;
	return true;
}

/* "5,6,7", each an open SOCK_SEQPACKET socket and named once. */
static bool parse_fds(char *text, struct options *options)
{
	int64_t fd;
	int type;
	char *rest = NULL;

	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		socklen_t n = sizeof(type);

		if (options->n_fds == OPTIONS_SOCKETS_MAX || !parse_number(word, 0, INT_MAX, &fd) ||
		    getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
		    type != SOCK_SEQPACKET)
			return false;
		for (size_t i = 0; i < options->n_fds; i++) {
			if (options->fds[i] == fd)
				return false;
		}
		options->fds[options->n_fds++] = (int)fd;
	}
	return options->n_fds > 0;
}

static bool parse_level(const char *text, enum log_level *ret_level)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		if (strcmp(text, words[level]) == 0) {
			*ret_level = level;
			return true;
		}
	}
	return false;
}

static bool parse_option(int c, char *value, struct options *options)
{
	switch (c) {
	case 'c':
		options->certificate = value;
		return true;
	case 'k':
		options->key = value;
		return true;
	case 'C':
		options->untrusted_certificate = value;
		return true;
	case 'K':
		options->untrusted_key = value;
		return true;
	case 'u':
		options->user = value;
		return true;
	case 'm':
		return parse_number(value, 1, LIFETIME_MAX, &options->max_lifetime);
	case 'r':
		return parse_unsigned(value, &options->rate);
	case 'b':
		return parse_unsigned(value, &options->burst);
	case 'p':
		return parse_unsigned(value, &options->per_client);
	case 'R':
		options->is_recorded = true;
		options->must_be_recorded = strcmp(value, "stop") == 0;
		return options->must_be_recorded || strcmp(value, "continue") == 0;
	case 'U':
		options->is_unsynced = true;
		return true;
	case 'F':
		return parse_descriptor(value, &options->record);
	case 'o':
		return parse_descriptor(value, &options->control);
	case 'f':
		return parse_fds(value, options);
	case 'l':
		return parse_level(value, &options->level);
	case 'd':
		options->core_dumps = true;
		return true;
	default:
		return false;
	}
}

bool options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "untrusted-certificate", required_argument, NULL, 'C' },
		{ "untrusted-key", required_argument, NULL, 'K' },
		{ "user", required_argument, NULL, 'u' },
		{ "max-lifetime", required_argument, NULL, 'm' },
		{ "rate", required_argument, NULL, 'r' },
		{ "burst", required_argument, NULL, 'b' },
		{ "per-client", required_argument, NULL, 'p' },
		{ "record", required_argument, NULL, 'R' },
		{ "record-unsynced", no_argument, NULL, 'U' },
		{ "record-fd", required_argument, NULL, 'F' },
		{ "control", required_argument, NULL, 'o' },
		{ "fds", required_argument, NULL, 'f' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "core-dumps", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = {
		.user = "", .level = LOG_LEVEL_INFO, .record = -1, .control = -1
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (!parse_option(c, optarg, &options))
			return false;
	}
	if (optind != argc || !options.certificate || !options.key || options.max_lifetime == 0 ||
	    options.n_fds == 0 || !options.untrusted_certificate != !options.untrusted_key)
		return false;
	*ret_options = options;
	return true;
}
