/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/supervise.h"
#include "policy/keys.h"
#include "policy/load.h"

#define DEFAULT_CONFIG "/etc/postern/postern.yaml"

static void print_help(void)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	printf("Usage: posternd [--foreground] [--config FILE]\n"
	       "Intercepts the TLS connections that TPROXY diverts to it, and passes untouched "
	       "those\n"
	       "whose servers ask for a client certificate.\n\n"
	       "  -c, --config FILE  configuration (default " DEFAULT_CONFIG ")\n"
	       "  -f, --foreground   accepted for clarity: posternd never leaves the foreground\n"
	       "  -t, --test         only reads the configuration, and says what is wrong in it\n"
	       "  -h, --help         this text\n"
	       "  -V, --version      the version\n\n"
	       "SIGHUP reloads the configuration and reopens the log; SIGUSR2 starts the program "
	       "anew,\n"
	       "without harm to any connection; SIGTERM stops.\n\n"
	       "Configuration keys and their defaults, see postern.conf(5):\n");
	for (unsigned i = 0; i < n; i++)
		printf("  %-28s %s\n", keys[i].name, keys[i].fallback);
}

static enum log_level level_of(const char *word)
{
	static const char *const words[] = { [LOG_LEVEL_ERROR] = "error",
					     [LOG_LEVEL_WARNING] = "warning",
					     [LOG_LEVEL_INFO] = "info",
					     [LOG_LEVEL_DEBUG] = "debug" };
	enum log_level level = LOG_LEVEL_ERROR;

	while (level < LOG_LEVEL_DEBUG && strcmp(words[level], word) != 0)
		level++;
	return level;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "test", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = DEFAULT_CONFIG;
	char absolute[PATH_MAX];
	struct config *config;
	struct config_error error;
	bool is_test = false;
	int option;

	log_init("posternd", LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "c:fthV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			break;
		case 't':
			is_test = true;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			puts("posternd " POSTERN_VERSION);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "posternd: unexpected argument '%s', see --help\n", argv[optind]);
		return 2;
	}
	/* Absolute, because the engine will work elsewhere when it reads the file again. */
	if (realpath(path, absolute))
		path = absolute;
	if (config_load(path, &config, &error) < 0) {
		log_error("%s", error.text);
		return 2;
	}
	if (is_test) {
		config_free(config);
		return 0;
	}
	log_init("posternd", level_of(config->log.level));
	return supervise(config, path, argv);
}
