/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

static int fail(const char *user, const char *what, int error)
{
	log_error("user: cannot become '%s': %s: %s", user, what, strerror(error));
	return -error;
}

bool privilege_is_user(const char *user)
{
	if (user[0] == '\0' || getpwnam(user))
		return true;
	log_error("user: there is no user '%s'", user);
	return false;
}

static int become(const char *user, int capability)
{
	const struct passwd *entry;

	entry = getpwnam(user);
	if (!entry) {
		log_error("user: there is no user '%s'", user);
		return -ENOENT;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	if (capability != PRIVILEGE_NONE)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)capability);
	if (entry->pw_uid == geteuid()) {
		if (capng_apply(CAPNG_SELECT_BOTH) < 0)
			return fail(user, "capabilities", EPERM);
		return 0;
	}
	if (capng_change_id((int)entry->pw_uid, (int)entry->pw_gid,
			    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0)
		return fail(user, "changing to it", EPERM);
	return 0;
}

int privilege_drop(const char *user, int capability, bool core_dumps)
{
	struct rlimit none = { 0, 0 };
	int r = user[0] != '\0' ? become(user, capability) : 0;

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(user, "no new privileges", errno);
	if (!core_dumps)
		(void)setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_DUMPABLE, core_dumps ? 1 : 0, 0, 0, 0) < 0)
		return fail(user, "core dumps", errno);
	return 0;
}

void privilege_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}
