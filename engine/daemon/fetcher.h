/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_FETCHER_H
#define POSTERN_DAEMON_FETCHER_H

/*
 * The process that asks OCSP responders, and fetches intermediates, on the workers' behalf: what
 * servers name in their certificates is fetched and taken apart in a process that has no
 * connections, no plaintext and no key of any kind. It makes another for each request, so that each
 * dies with its own.
 *
 * Started by the engine before it has anything to hide, and with the rights that it keeps. Ends
 * when the last of the sockets is closed. *ret_fds: one for each worker, SEQPACKET, non-blocking;
 * conn/fetch.h has what is said on them. 0 or -errno.
 */
int fetcher_start(unsigned n, int *ret_fds);

#endif
