/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <cap-ng.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/seen.h"
#include "tap/capture.h"

enum {
	PROGRESS_US = 60 * 1000000,
	LOOK_US = 100 * 1000, /* how often a signal is looked for */
};

/* The open capture is all that is needed of root: everything it could do beyond an owner goes. */
static int drop_capabilities(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	/* Who is not root may have been given the right to capture, and none over the bounds. */
	if (capng_apply(CAPNG_SELECT_BOTH) < 0 && capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* What the user ends it by. `how` as in sigprocmask(2). */
static sigset_t end_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(how, &signals, NULL);
	return signals;
}

static void say_progress(const struct observer *observer, const struct capture *capture)
{
	fprintf(stderr, "postern: watch: %llu packets, %llu connections, %u hosts; %u lost\n",
		(unsigned long long)observer->packets, (unsigned long long)observer->connections,
		hosts_count(observer->hosts), capture_dropped(capture));
}

/*
 * Until a signal, the end of the time, or of the interface. 0 or -errno. What the kernel holds back
 * to hand it over in one piece is still waited for.
 */
static int watch(struct observer *observer, struct capture *capture, int end, unsigned seconds)
{
	uint64_t now = clock_us(), said = now, looked = now;
	uint64_t deadline = seconds ? now + seconds * 1000000ULL : UINT64_MAX;
	struct signalfd_siginfo signal;
	struct capture_packet packet;
	int r = 0;

	while (r == 0 && now < deadline) {
		enum capture_result result = capture_next(capture, &packet);

		if (result == CAPTURE_PACKET)
			r = observer_packet(observer, packet.bytes, packet.n);
		if (result == CAPTURE_END || result == CAPTURE_BROKEN)
			return -EIO;
		now = clock_us();
		if (now - looked >= LOOK_US) {
			looked = now;
			if (read(end, &signal, sizeof(signal)) == (ssize_t)sizeof(signal))
				deadline = now + 2000ULL * CAPTURE_WAIT_MS;
		}
		if (now - said >= PROGRESS_US) {
			say_progress(observer, capture);
			said = now;
		}
	}
	return r;
}

/* 0: until Ctrl-C. False: not a number. */
static bool read_seconds(const char *text, unsigned *ret_seconds)
{
	char *end;
	unsigned long seconds = text ? strtoul(text, &end, 10) : 0;

	if (text && (*text < '1' || *text > '9' || *end != '\0' || seconds > UINT_MAX))
		return false;
	*ret_seconds = (unsigned)seconds;
	return true;
}

/* What was seen until the interface was gone is worth its report, too. */
static int watch_and_report(struct seen *seen, struct capture *capture, const struct cli *cli,
			    unsigned seconds)
{
	sigset_t signals = end_signals(SIG_BLOCK);
	int end = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	int r = end < 0 ? -errno : drop_capabilities(), code;

	if (r == 0) {
		fprintf(stderr, "postern: watch: %s: until Ctrl-C\n", cli->interface);
		r = watch(&seen->observer, capture, end, seconds);
		say_progress(&seen->observer, capture);
	}
	if (end >= 0)
		close(end);
	(void)end_signals(SIG_UNBLOCK); /* who is impatient need not wait for probes */
	if (r < 0)
		(void)cli_fail(CLI_FAILURE, "%s: %s", cli->interface,
			       r == -EIO ? capture_error(capture) : strerror(-r));
	if (r < 0 && r != -EIO)
		return CLI_FAILURE;
	code = seen_report(seen, cli);
	return r < 0 ? CLI_FAILURE : code;
}

int cli_watch(const struct cli *cli)
{
	char error[CAPTURE_ERROR_SIZE];
	struct capture *capture = NULL;
	struct seen seen;
	unsigned seconds;
	int code;

	if (!cli->interface)
		return cli_fail(CLI_USAGE, "watch: which interface? -i IF");
	if (!read_seconds(cli->seconds, &seconds))
		return cli_fail(CLI_USAGE, "--seconds: '%s' is no number", cli->seconds);
	code = seen_init(&seen, cli);
	if (code == CLI_OK && capture_open_live(cli->interface, seen.port, &capture, error) < 0)
		code = cli_fail(CLI_FAILURE, "%s", error);
	if (code == CLI_OK)
		code = watch_and_report(&seen, capture, cli, seconds);
	capture_free(capture);
	seen_deinit(&seen);
	return code;
}
