/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_CAPTURE_H
#define POSTERN_TAP_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * IP packets out of a capture file (pcap or pcapng, "-": standard input) or off a live interface,
 * by libpcap. No name of a packet's own is resolved, nothing is ever sent.
 */
struct capture;

enum {
	CAPTURE_ERROR_SIZE = 320,
	CAPTURE_WAIT_MS = 250, /* longest wait of capture_next() on a live interface */
};

struct capture_packet {
	const uint8_t *bytes; /* from the IP header on; borrowed until the next call */
	size_t n;             /* what was kept of it; padding of the link may be included */
};

enum capture_result {
	CAPTURE_PACKET,
	CAPTURE_OTHER,  /* a frame without an IP packet */
	CAPTURE_IDLE,   /* live: nothing came for a while, or a signal did */
	CAPTURE_END,    /* of the file */
	CAPTURE_BROKEN, /* capture_error(): the file is cut or damaged, the interface is gone */
};

/*
 * 0, or -EINVAL with *ret_error filled: one line, which names the file or interface. Of an
 * interface only TCP is taken, with `port` not 0 only to and from that one; it is not made
 * promiscuous.
 */
int capture_open_file(const char *path, struct capture **ret_capture,
		      char ret_error[CAPTURE_ERROR_SIZE]);
int capture_open_live(const char *interface, uint16_t port, struct capture **ret_capture,
		      char ret_error[CAPTURE_ERROR_SIZE]);
void capture_free(struct capture *capture);

/* *ret_packet is set with CAPTURE_PACKET. */
enum capture_result capture_next(struct capture *capture, struct capture_packet *ret_packet);

const char *capture_error(const struct capture *capture);

/* Packets that the kernel had no room for, so far; 0 for files. */
unsigned capture_dropped(const struct capture *capture);

#endif
