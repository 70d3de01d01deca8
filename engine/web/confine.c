/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/confine.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/syscalls.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int serving[] = {
	SCMP_SYS(accept),     SCMP_SYS(accept4),   SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(shutdown),  SCMP_SYS(sendfile),    SCMP_SYS(fcntl),
	SCMP_SYS(eventfd2),   SCMP_SYS(pipe2),     SCMP_SYS(listen),      SCMP_SYS(prlimit64),
	SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),  SCMP_SYS(lstat),
	SCMP_SYS(getdents64), SCMP_SYS(sysinfo),   SCMP_SYS(uname),
};

/* SQLite's: a journal beside the file, locks, memory that is shared with the engine. */
static const int writing[] = {
	SCMP_SYS(open),      SCMP_SYS(openat),    SCMP_SYS(pwrite64),  SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), SCMP_SYS(fsync),     SCMP_SYS(fdatasync), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),  SCMP_SYS(rename),    SCMP_SYS(renameat),  SCMP_SYS(renameat2),
	SCMP_SYS(fchmod),    SCMP_SYS(fchown),    SCMP_SYS(readlink),  SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),    SCMP_SYS(utimensat), SCMP_SYS(umask),
};

static void allow_store(struct syscalls *syscalls, const char *store)
{
	const struct scmp_arg_cmp local = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX };

	if (strcmp(store, "none") == 0)
		return;
	if (strncmp(store, "redis", 5) != 0) {
		syscalls_allow(syscalls, writing, N_OF(writing));
		return;
	}
	syscalls_allow_internet(syscalls);
	if (strncmp(store, "redis+unix:", 11) == 0)
		syscalls_allow_if(syscalls, SCMP_SYS(socket), 1, &local);
}

int confine_enter(const char *store)
{
	const struct scmp_arg_cmp name = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_NAME };
	const struct scmp_arg_cmp ourselves = { .arg = 0,
						.op = SCMP_CMP_EQ,
						.datum_a = (scmp_datum_t)getpid() };
	/* Whether the others live: base/status.h asks so. */
	const struct scmp_arg_cmp no_signal = { .arg = 1, .op = SCMP_CMP_EQ, .datum_a = 0 };
	struct syscalls syscalls;

	syscalls_init(&syscalls);
	syscalls_allow(&syscalls, serving, N_OF(serving));
	syscalls_allow_reading(&syscalls);
	syscalls_allow_threads(&syscalls);
	syscalls_allow_if(&syscalls, SCMP_SYS(prctl), 1, &name);
	syscalls_allow_if(&syscalls, SCMP_SYS(tgkill), 1, &ourselves);
	syscalls_allow_if(&syscalls, SCMP_SYS(kill), 1, &no_signal);
	allow_store(&syscalls, store);
	return syscalls_enter(&syscalls);
}
