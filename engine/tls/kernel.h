/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_KERNEL_H
#define POSTERN_TLS_KERNEL_H

#include "base/sock.h"
#include "tls/protect.h"

/*
 * The record layer that a kernel may have for TCP (Documentation/networking/tls.rst of Linux). A
 * socket that was given a key seals whatever is written to it, or opens whatever is read: so
 * splice(2) moves content between two of them, and no byte of it enters this process. There is no
 * way back: such a socket stays the kernel's to its end. Private to this folder.
 */

/* Before the first key. 0 or -errno. */
int kernel_attach(int fd);
/* From now on, or for the records to come, the kernel seals or opens by this. 0 or -errno. */
int kernel_set_key(int fd, bool is_writing, const struct protect_state *state);

/* As sock_send() and sock_recv(), of a record of a type. Received: type 0 is the end. */
ssize_t kernel_send(struct sock *sock, uint8_t type, const void *bytes, size_t n);
ssize_t kernel_recv(struct sock *sock, void *bytes, size_t n, uint8_t *ret_type);

/*
 * The kernel takes content before TCP has room for the records that it makes of it, and drops what
 * is left of those when the socket is closed or shut. So what TCP has is counted.
 */
struct kernel_writer {
	uint64_t given;     /* bytes that TCP was to get, under earlier keys */
	uint64_t content;   /* bytes written, under this one */
	uint64_t first;     /* its first record's number */
	unsigned overhead;  /* of a record */
	unsigned info_size; /* of what the kernel says of the key */
};

/* When nothing was written by the kernel yet. */
void kernel_writer_begin(struct kernel_writer *writer, int fd, const struct protect_state *state);
/* Before another key is set. */
void kernel_writer_renew(struct kernel_writer *writer, int fd);
/* All that was written is TCP's. */
bool kernel_writer_is_done(const struct kernel_writer *writer, int fd);

#endif
