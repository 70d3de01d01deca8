/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_SESSION_H
#define POSTERN_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sock.h"
#include "tls/kernel_probe.h"

/*
 * One TLS session over one socket, after its handshake: the plaintext goes in and out here. Made by
 * upstream_new() or downstream_new(). Used by one thread. The socket is borrowed and never closed.
 */
struct session;

enum {
	SESSION_READ_ROOM = 16645, /* for the largest record there can be */
};

/* What both handshakes agree on, for the log and for mirroring. */
struct session_facts {
	uint16_t version; /* 0x0303, 0x0304; 0: not negotiated */
	uint16_t group;   /* NamedGroup of the key exchange; 0: none (RSA, DHE) or not known yet */
	uint16_t suite;   /* 0: not negotiated */
	const char *cipher; /* IANA's name of the suite; NULL: not negotiated */
	const char *alpn;   /* the protocol chosen; NULL: none */
	bool is_resumed;    /* the handshake is over, and continued an earlier session */
};

struct resumption;
/* See upstream_keep(). */
typedef void session_keep(void *keeper, struct resumption *resumption);

enum session_io {
	SESSION_OK,
	SESSION_WAIT,      /* for an event on the socket */
	SESSION_CLOSED,    /* the peer sent close_notify */
	SESSION_TRUNCATED, /* the peer's FIN came without it */
	SESSION_RESET,     /* the connection was reset, or another socket error */
	SESSION_ALERT,     /* the peer sent a fatal alert: session_alert() */
	SESSION_ERROR,     /* the peer broke TLS: session_error() */
	/* The server asks for a certificate now; nothing can be written to it any more. */
	SESSION_WANTS_CERTIFICATE,
};

/*
 * At most n bytes of plaintext; *ret_n is set with SESSION_OK. With room for SESSION_READ_ROOM the
 * record is opened in place, with less its content is copied; the room may be overwritten whole.
 */
enum session_io session_read(struct session *session, uint8_t *bytes, size_t n, size_t *ret_n);

/*
 * Whether the peer has said anything in the session: SESSION_OK, and what there is to read is still
 * there; SESSION_WAIT; or how it ended.
 */
enum session_io session_hear(struct session *session);

/*
 * Writes some of the bytes; *ret_n is set with SESSION_OK, and it is session_flush() that sends
 * them. After SESSION_WAIT the next call must begin with the same bytes: a record made of them may
 * be on its way.
 */
enum session_io session_write(struct session *session, const uint8_t *bytes, size_t n,
			      size_t *ret_n);
enum session_flush {
	SESSION_FLUSH_WRITTEN, /* and what the handshake left before it; but no ticket alone */
	SESSION_FLUSH_ALL,
	SESSION_FLUSH_LAST, /* all; with SESSION_OK the caller sends the FIN, in the same segment */
};

/* Sends what was written. */
enum session_io session_flush(struct session *session, enum session_flush which);

/* As session_write(): close_notify; nothing may be written afterwards. */
enum session_io session_close_notify(struct session *session);

/*
 * Tells the client by a fatal alert that the session ends, whether or not its handshake is over;
 * nothing may be done with it afterwards.
 */
void session_refuse(struct session *session, uint8_t alert);

/*
 * After session_flush(): waits until all of it is TCP's. Only then may the socket be shut or
 * closed, where the kernel writes.
 */
enum session_io session_drain(struct session *session);
/* It has just answered SESSION_WAIT, and no event comes: it is to be asked again soon. */
bool session_asks_again(const struct session *session);

/*
 * --- the kernel's record layer (tls/kernel.h) ---
 *
 * From now on the kernel opens what the peer sends, or seals what is written. All functions above
 * go on as ever; besides, data may now be moved from or to the socket with splice(2). 1: it does;
 * 0: not yet, something is half read or half sent, try again later; or -errno: it never will.
 */
int session_read_by_kernel(struct session *session, enum kernel_tls ability);
int session_write_by_kernel(struct session *session, enum kernel_tls ability);

/* Whether what comes next may be spliced. What splice(2) cannot move, session_read() can. */
bool session_gives_data(struct session *session);
/* SESSION_OK: what is written may be spliced; nothing else has to be sent first. */
enum session_io session_takes_data(struct session *session);
/* So much was spliced from one to the other. */
void session_spliced(struct session *from, struct session *to, size_t n);
/* splice(2) could not write; as session_write() would have answered. */
enum session_io session_splice_failed(struct session *session, int error);

struct session_facts session_facts(const struct session *session);
/* The server's key signed the handshake: in all but the suites TLS_RSA_*, where it decrypts. */
bool session_is_signed(const struct session *session);

/* The last fatal alert received. */
uint8_t session_alert(const struct session *session);
/* What broke, as text for the log: "ssl: ..."; "" when nothing did. */
const char *session_error(const struct session *session);

void session_free(struct session *session);

/* What the sessions of one thread share: the random generator, buffers. */
struct tls_thread;

/* Once per process, before any session. 0 or -EIO. */
int tls_init(void);
void tls_deinit(void);
/* NULL when no entropy can be had. */
struct tls_thread *tls_thread_new(void);
void tls_thread_free(struct tls_thread *thread);

/* Who is told each secret, under the name that the key log of NSS (SSLKEYLOGFILE) has for it. */
struct tls_listener {
	void (*tell_secret)(void *context, const char *label, const uint8_t client_random[32],
			    const uint8_t *secret, size_t n);
	void *context;
};

/* Those of all sessions of the thread from now on; borrowed. */
void tls_thread_set_listener(struct tls_thread *thread, const struct tls_listener *listener);

#endif
