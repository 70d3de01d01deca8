/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "certgen/filter.h"

enum {
	LOCK_ENOUGH = 256 * 1024 * 1024,
	KEYS_SIZE = 64 * 1024, /* powers of two */
	KEYS_LEAST = 32,
};

static int set_limit(__rlimit_resource_t resource, rlim_t value)
{
	const struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

/* With MCL_FUTURE and a small limit, later allocations would fail: then not at all. */
static bool lock_all(void)
{
	struct rlimit limit = { 0 };

	if (set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY) < 0 &&
	    (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_max < LOCK_ENOUGH ||
	     set_limit(RLIMIT_MEMLOCK, limit.rlim_max) < 0))
		return false;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

/* What libcrypto keeps of private keys lies in a heap of its own, locked and never dumped. */
static bool lock_keys(void)
{
	return CRYPTO_secure_malloc_init(KEYS_SIZE, KEYS_LEAST) == 1;
}

int sandbox_protect_memory(bool core_dumps)
{
	if (!lock_keys())
		log_warning("memory cannot be locked: the CA's key may come to lie on a swap "
			    "device (RLIMIT_MEMLOCK, LimitMEMLOCK= of systemd)");
	else if (!lock_all())
		log_info("the CA's key is locked in memory, the rest is not (RLIMIT_MEMLOCK)");
	if (core_dumps)
		return 0;
	int r = set_limit(RLIMIT_CORE, 0);

	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	if (r < 0)
		log_error("core dumps cannot be turned off: %s", strerror(-r));
	return r;
}

static int change_user(const char *user)
{
	struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (!entry) {
		int r = errno != 0 ? -errno : -ENOENT;

		log_error("user %s: %s", user, r == -ENOENT ? "does not exist" : strerror(-r));
		return r;
	}
	if (setgroups(1, &entry->pw_gid) < 0 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0) {
		int r = -errno;

		log_error("user %s: %s", user, strerror(-r));
		return r;
	}
	return 0;
}

static int drop_privileges(const char *user)
{
	capng_clear(CAPNG_SELECT_ALL);
	/* The bounding set can be emptied only while we still may; the rest goes with the user. */
	if (geteuid() == 0 && capng_apply(CAPNG_SELECT_BOUNDS) != 0) {
		log_error("the capability bounding set cannot be emptied");
		return -EPERM;
	}
	int r = user[0] != '\0' ? change_user(user) : 0;

	if (r < 0)
		return r;
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 || capng_get_caps_process() != 0 ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_error("privileges cannot be dropped");
		return -EPERM;
	}
	return 0;
}

static int set_limits(const struct sandbox *sandbox)
{
	int r = 0;

	/* The kernel forgot our word on dumps when the user changed. */
	if (prctl(PR_SET_DUMPABLE, sandbox->core_dumps) < 0)
		r = -errno;
	if (r == 0 && !sandbox->has_files)
		r = set_limit(RLIMIT_NOFILE, (rlim_t)sandbox->highest_fd + 1);
	if (r < 0)
		log_error("limits cannot be set: %s", strerror(-r));
	return r;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	if (unshare(CLONE_NEWNET) < 0)
		log_debug("no network namespace of our own: %s", strerror(errno));
	int r = drop_privileges(sandbox->user);

	if (r == 0)
		r = set_limits(sandbox);
	if (r < 0)
		return r;
	r = filter_enter(sandbox->has_files);
	if (r == -ENOSYS) {
		log_warning("this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): any "
			    "system call is left to the holder of the CA's key");
		return 0;
	}
	if (r < 0)
		log_error("system calls cannot be filtered: %s", strerror(-r));
	return r;
}
