/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/reload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"

enum {
	PATIENCE_MS = 20000,
	LOOK_MS = 10,
};

/* The page outlives a posternd that was killed, and its number may be another's by now. */
static bool is_posternd(uint32_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", (unsigned)pid);
	file = pid != 0 ? fopen(path, "re") : NULL;
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "posternd\n") == 0;
}

static enum reload tell(const struct status *status)
{
	uint32_t pid = status->supervisor;

	if (!is_posternd(pid))
		return RELOAD_NOBODY;
	if (kill((pid_t)pid, SIGHUP) < 0)
		return errno == ESRCH ? RELOAD_NOBODY : RELOAD_FAILED;
	return RELOAD_DONE;
}

enum reload reload_tell(const struct config *config)
{
	const struct status *status;
	enum reload reload = RELOAD_NOBODY;

	if (status_open(config->status_file, &status) == 0) {
		reload = tell(status);
		status_close(status);
	}
	return reload;
}

/* What there was before, of each process that has a configuration of its own. */
struct tally {
	uint64_t engine, engine_failures, gate, gate_failures;
};

static struct tally tally(const struct status *status)
{
	return (struct tally){ status->reloads, status->reload_failures, status->gate_reloads,
			       status->gate_reload_failures };
}

static enum reload await(const struct status *status, const struct tally *before)
{
	const struct timespec look = { .tv_nsec = LOOK_MS * 1000 * 1000 };
	uint64_t until = clock_us() / 1000 + PATIENCE_MS;

	while (clock_us() / 1000 < until) {
		struct tally now = tally(status);

		if (now.engine_failures != before->engine_failures ||
		    now.gate_failures != before->gate_failures)
			return RELOAD_REFUSED;
		/* A gate that is not there will read it when it is. */
		if (now.engine != before->engine && (now.gate != before->gate || status->gate == 0))
			return RELOAD_DONE;
		nanosleep(&look, NULL);
	}
	return RELOAD_SILENT;
}

enum reload reload_await(const struct config *config)
{
	const struct status *status;
	enum reload reload;
	struct tally before;

	if (status_open(config->status_file, &status) < 0)
		return RELOAD_NOBODY;
	before = tally(status);
	reload = tell(status);
	if (reload == RELOAD_DONE)
		reload = await(status, &before);
	status_close(status);
	return reload;
}
