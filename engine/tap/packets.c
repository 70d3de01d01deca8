/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/packets.h"

#include <errno.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_MAX = 64,
	PACKET_MAX = 64 + FRAMES_MAX, /* with what libpcap puts before it */
	SNAPLEN = 65535,
};

struct packets {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	size_t n_header;
	uint8_t header[HEADER_MAX];
	unsigned count;
	size_t n;
	uint8_t bytes[PACKETS_MAX];
};

/* The file that libpcap writes to. */
static ssize_t take(void *cookie, const char *bytes, size_t n)
{
	struct packets *packets = cookie;

	if (n > sizeof(packets->bytes) - packets->n)
		return 0; /* an error, in the terms of fopencookie(3) */
	memcpy(packets->bytes + packets->n, bytes, n);
	packets->n += n;
	return (ssize_t)n;
}

static int open_dumper(struct packets *packets)
{
	FILE *file = fopencookie(packets, "w", (cookie_io_functions_t){ .write = take });

	if (!file)
		return -ENOMEM;
	setvbuf(file, NULL, _IONBF, 0); /* plaintext stays in one place, which is wiped */
	packets->pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	packets->dumper = packets->pcap ? pcap_dump_fopen(packets->pcap, file) : NULL;
	if (!packets->dumper) {
		fclose(file);
		return -ENOMEM;
	}
	if (packets->n > sizeof(packets->header))
		return -ENOMEM;
	packets->n_header = packets->n;
	memcpy(packets->header, packets->bytes, packets->n);
	packets->n = 0;
	return 0;
}

int packets_new(struct packets **ret_packets)
{
	struct packets *packets = calloc(1, sizeof(*packets));
	int r = packets ? open_dumper(packets) : -ENOMEM;

	if (r < 0) {
		packets_free(packets);
		return r;
	}
	*ret_packets = packets;
	return 0;
}

void packets_free(struct packets *packets)
{
	if (!packets)
		return;
	if (packets->dumper)
		pcap_dump_close(packets->dumper);
	if (packets->pcap)
		pcap_close(packets->pcap);
	packets_clear(packets);
	free(packets);
}

const uint8_t *packets_header(const struct packets *packets, size_t *ret_n)
{
	*ret_n = packets->n_header;
	return packets->header;
}

bool packets_have_room(const struct packets *packets)
{
	return sizeof(packets->bytes) - packets->n >= PACKET_MAX;
}

void packets_add(struct packets *packets, uint64_t time, const uint8_t *frame, size_t n)
{
	struct pcap_pkthdr header = {
		.ts = { .tv_sec = (time_t)(time / 1000000),
			.tv_usec = (suseconds_t)(time % 1000000) },
		.caplen = (bpf_u_int32)n,
		.len = (bpf_u_int32)n,
	};

	pcap_dump((u_char *)packets->dumper, &header, frame);
	packets->count++;
}

const uint8_t *packets_bytes(const struct packets *packets, size_t *ret_n, unsigned *ret_packets)
{
	*ret_n = packets->n;
	*ret_packets = packets->count;
	return packets->bytes;
}

void packets_clear(struct packets *packets)
{
	explicit_bzero(packets->bytes, packets->n);
	packets->n = 0;
	packets->count = 0;
}
