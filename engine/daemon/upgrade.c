/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The environment variable POSTERN_UPGRADE holds words "KIND=NUMBER" and "KIND=PID:CONTROL", the
 * first of which is the process for which it is meant.
 */
#include "daemon/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define VARIABLE "POSTERN_UPGRADE"

enum {
	TEXT_MAX = 16 * (LISTENERS_MAX + UPGRADE_DRAINING) + 128,
	TRIAL_MS = 10000,
};

/* --- the trial --- */

static void run_trial(const char *program, const char *configuration)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(program, program, "--test", "--config", configuration, (char *)NULL);
	log_error("%s: %s", program, strerror(errno));
	_exit(127);
}

bool upgrade_is_sound(const char *program, const char *configuration)
{
	struct child trial = CHILD_NONE;

	trial.pid = fork();
	if (trial.pid == 0)
		run_trial(program, configuration);
	if (trial.pid < 0) {
		log_error("%s cannot be tried: %s", program, strerror(errno));
		return false;
	}
	return child_await(&trial, program, TRIAL_MS) == 0;
}

/* --- the old program's part --- */

struct text {
	char bytes[TEXT_MAX];
	size_t n;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->bytes + text->n, sizeof(text->bytes) - text->n, format, arguments);
	va_end(arguments);
	if (n > 0)
		text->n += (size_t)n;
	if (text->n >= sizeof(text->bytes))
		text->n = sizeof(text->bytes) - 1;
}

static void add_child(struct text *text, const char *kind, const struct child *child)
{
	if (child->pid > 0)
		add(text, " %s=%d:%d", kind, child->pid, child->control);
}

/* Whether the descriptors that the new program needs outlive the exec. */
static void set_lasting(const struct upgrade *upgrade, bool is_lasting)
{
	int flags = is_lasting ? 0 : FD_CLOEXEC;

	for (unsigned i = 0; i < upgrade->n_listeners; i++)
		(void)fcntl(upgrade->listeners[i], F_SETFD, flags);
	for (unsigned i = 0; i < upgrade->n_draining; i++)
		(void)fcntl(upgrade->draining[i].control, F_SETFD, flags);
	(void)fcntl(upgrade->engine.control, F_SETFD, flags);
	(void)fcntl(upgrade->gate.control, F_SETFD, flags);
}

int upgrade_exec(const char *program, char **arguments, const struct upgrade *upgrade)
{
	struct text text = { .n = 0 };
	int r;

	add(&text, "supervisor=%d", getpid());
	for (unsigned i = 0; i < upgrade->n_listeners; i++)
		add(&text, " listener=%d", upgrade->listeners[i]);
	add_child(&text, "engine", &upgrade->engine);
	add_child(&text, "gate", &upgrade->gate);
	for (unsigned i = 0; i < upgrade->n_draining; i++)
		add_child(&text, "draining", &upgrade->draining[i]);
	if (setenv(VARIABLE, text.bytes, 1) < 0)
		return -errno;
	set_lasting(upgrade, true);
	execv(program, arguments);
	r = -errno;
	set_lasting(upgrade, false);
	unsetenv(VARIABLE);
	return r;
}

/* --- the new program's part --- */

/* The number behind `mark` at the beginning of the text; *text is then behind it. */
static bool read_number(const char **text, char mark, int *ret_number)
{
	char *end;
	long number;

	if (**text != mark)
		return false;
	number = strtol(*text + 1, &end, 10);
	if (end == *text + 1 || number < 0 || number > INT_MAX)
		return false;
	*text = end;
	*ret_number = (int)number;
	return true;
}

/* False: the environment is not for this process. */
static bool read_word(const char *word, struct upgrade *upgrade)
{
	size_t n = strcspn(word, "=");
	const char *rest = word + n;
	struct child child = { .control = -1, .started = clock_us() / 1000 };
	int number;
	bool has_control;

	if (!read_number(&rest, '=', &number))
		return false;
	child.pid = number;
	has_control = read_number(&rest, ':', &child.control);
	if (strncmp(word, "supervisor", n) == 0)
		return number == getpid();
	if (strncmp(word, "listener", n) == 0 && upgrade->n_listeners < LISTENERS_MAX)
		upgrade->listeners[upgrade->n_listeners++] = number;
	else if (strncmp(word, "engine", n) == 0 && has_control)
		upgrade->engine = child;
	else if (strncmp(word, "gate", n) == 0 && has_control)
		upgrade->gate = child;
	else if (strncmp(word, "draining", n) == 0 && has_control &&
		 upgrade->n_draining < UPGRADE_DRAINING)
		upgrade->draining[upgrade->n_draining++] = child;
	return true;
}

bool upgrade_receive(struct upgrade *ret_upgrade)
{
	const char *value = getenv(VARIABLE);
	char *text = value ? strdup(value) : NULL;
	char *word, *rest = NULL;
	bool is_ours = text != NULL;

	memset(ret_upgrade, 0, sizeof(*ret_upgrade));
	ret_upgrade->engine = ret_upgrade->gate = CHILD_NONE;
	unsetenv(VARIABLE);
	for (word = text ? strtok_r(text, " ", &rest) : NULL; word && is_ours;
	     word = strtok_r(NULL, " ", &rest))
		is_ours = read_word(word, ret_upgrade);
	free(text);
	if (is_ours)
		set_lasting(ret_upgrade, false);
	return is_ours;
}
