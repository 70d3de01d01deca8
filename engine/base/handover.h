/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_HANDOVER_H
#define POSTERN_BASE_HANDOVER_H

/*
 * Descriptors from the supervisor to a child, over the socket pair between them (SCM_RIGHTS,
 * unix(7)): to the engine, one new line for each worker when certgen was started again; to certgen,
 * the file in which it records.
 */

enum { HANDOVER_MAX = 128 };

/* n is at most HANDOVER_MAX; the descriptors stay the caller's too. 0 or -errno. */
int handover_send(int control, const int *fds, unsigned n);

/* Up to n descriptors put out, which are the caller's. The number, or -errno. Never blocks. */
int handover_receive(int control, int *ret_fds, unsigned n);

#endif
