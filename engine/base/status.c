/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define TEXT(constant, text) [constant] = text,

const char *status_door_text(enum status_door door)
{
	static const char *const texts[] = { STATUS_DOORS(TEXT) };

	return door < STATUS_N_DOORS ? texts[door] : "?";
}

const char *status_why_text(enum status_why why)
{
	static const char *const texts[] = { STATUS_WHYS(TEXT) };

	return why < STATUS_N_WHYS ? texts[why] : "?";
}

/* An old gate that did not say when it stopped was killed at about its last beat. */
static uint64_t failed_from(const struct status *old)
{
	uint64_t now = clock_us(), beat = old->gate_beat * 1000;
	bool was_armed = old->door == STATUS_DOOR_ARMED;

	return was_armed && beat > 0 && beat <= now ? clock_wall_us() - (now - beat)
						    : old->failed_from;
}

static void inherit(struct status *status, const char *path)
{
	const struct status *old;

	if (status_open(path, &old) < 0)
		return;
	status->failed_from = failed_from(old);
	status->failed_until = old->door == STATUS_DOOR_ARMED ? 0 : old->failed_until;
	status->failed_why = old->failed_why;
	status->failed_unjudged = old->failed_unjudged;
	status->unjudged = old->unjudged;
	status_close(old);
}

/* Under another name first: whoever reads finds the old file or the whole new one. */
int status_create(const char *path, struct status **ret_status)
{
	char temporary[4096];
	struct status *status = MAP_FAILED;
	int fd, r = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* Blocks are taken now: a full disk must be an error here, not a SIGBUS later. */
	r = -posix_fallocate(fd, 0, sizeof(*status));
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0)
		status = mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r == 0 && status == MAP_FAILED)
		r = -errno;
	close(fd);
	if (r == 0) {
		inherit(status, path);
		status->magic = STATUS_MAGIC;
		status->size = sizeof(*status);
		status->started = clock_wall_us();
		if (rename(temporary, path) < 0)
			r = -errno;
	}
	if (r < 0) {
		(void)unlink(temporary);
		if (status != MAP_FAILED)
			munmap(status, sizeof(*status));
		return r;
	}
	*ret_status = status;
	return 0;
}

int status_open(const char *path, const struct status **ret_status)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct status *status;
	struct stat file;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &file) < 0)
		r = -errno;
	else if (file.st_size != sizeof(*status))
		r = -EPROTO;
	if (r < 0) {
		close(fd);
		return r;
	}
	status = mmap(NULL, sizeof(*status), PROT_READ, MAP_SHARED, fd, 0);
	r = status == MAP_FAILED ? -errno : 0;
	close(fd);
	if (r < 0)
		return r;
	if (status->magic != STATUS_MAGIC || status->size != sizeof(*status)) {
		status_close(status);
		return -EPROTO;
	}
	*ret_status = status;
	return 0;
}

void status_close(const struct status *status)
{
	if (status)
		munmap((void *)(uintptr_t)status, sizeof(*status));
}

bool status_is_alive(const struct status *status, uint64_t now)
{
	uint32_t n = status->n_workers;

	if (n == 0 || n > STATUS_WORKERS)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t beat = status->beat[i];

		if (beat == 0 || now > beat + STATUS_STALE_MS)
			return false;
	}
	return true;
}

bool status_is_running(uint32_t pid)
{
	return pid != 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

enum status_door status_door_now(const struct status *status, uint64_t now, const char **ret_why)
{
	enum status_door failed = status->mode ? STATUS_DOOR_CLOSED : STATUS_DOOR_OPEN;
	uint64_t beat = status->gate_beat;

	if (!status_is_running(status->supervisor)) {
		*ret_why = "posternd is not running";
		return failed;
	}
	if (!status_is_running(status->gate) || beat == 0 || now > beat + STATUS_STALE_MS) {
		*ret_why = "the gate does not answer";
		return failed;
	}
	*ret_why = status_why_text((enum status_why)status->why);
	return (enum status_door)status->door;
}
