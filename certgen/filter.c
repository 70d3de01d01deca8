/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/filter.h"

#include <unistd.h>

#include "base/syscalls.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int record[] = {
	SCMP_SYS(fdatasync),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
};

static const int files[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(stat),       SCMP_SYS(lstat),  SCMP_SYS(lseek),
	SCMP_SYS(pread64),    SCMP_SYS(getdents64), SCMP_SYS(fcntl),  SCMP_SYS(flock),
	SCMP_SYS(statx),      SCMP_SYS(getegid),    SCMP_SYS(getgid), SCMP_SYS(umask),
};

int filter_enter(bool has_files)
{
	const struct scmp_arg_cmp ourselves = { .arg = 0,
						.op = SCMP_CMP_EQ,
						.datum_a = (scmp_datum_t)getpid() };
	struct syscalls syscalls;

	syscalls_init(&syscalls);
	syscalls_allow(&syscalls, record, N_OF(record));
	if (has_files)
		syscalls_allow(&syscalls, files, N_OF(files));
	syscalls_allow_if(&syscalls, SCMP_SYS(tgkill), 1, &ourselves);
	return syscalls_enter(&syscalls);
}
