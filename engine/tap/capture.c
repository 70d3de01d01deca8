/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/capture.h"

#include <errno.h>
#include <pcap.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap/link.h"

enum {
	SNAPLEN = 65535,
	BUFFER = 32 << 20, /* of the kernel, for bursts */
};

struct capture {
	pcap_t *pcap;
	enum link link;
	bool is_live;
};

static int fail(const char *name, const char *what, char ret_error[CAPTURE_ERROR_SIZE])
{
	/* libpcap names a file that cannot be opened, and only that. */
	if (strncmp(what, name, strlen(name)) == 0)
		snprintf(ret_error, CAPTURE_ERROR_SIZE, "%s", what);
	else
		snprintf(ret_error, CAPTURE_ERROR_SIZE, "%s: %s", name, what);
	return -EINVAL;
}

/* libpcap's number for raw IP is the system's own; all others here are the registry's. */
static int link_of(pcap_t *pcap)
{
	int link = pcap_datalink(pcap);

	return link == DLT_RAW ? LINK_RAW : link;
}

static int set_filter(pcap_t *pcap, const char *filter)
{
	struct bpf_program program;
	int r = pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN);

	if (r < 0)
		return r;
	r = pcap_setfilter(pcap, &program);
	pcap_freecode(&program);
	return r;
}

/* A filter sees behind a VLAN tag only when told so, which some kinds of link do not know. */
static int filter_port(pcap_t *pcap, uint16_t port)
{
	char plain[32], tagged[96];

	if (port == 0)
		snprintf(plain, sizeof(plain), "tcp");
	else
		snprintf(plain, sizeof(plain), "tcp port %u", port);
	snprintf(tagged, sizeof(tagged), "%s or (vlan and %s)", plain, plain);
	return set_filter(pcap, tagged) < 0 ? set_filter(pcap, plain) : 0;
}

/* Takes `pcap`, also when it fails. */
static int finish(pcap_t *pcap, const char *name, bool is_live, struct capture **ret_capture,
		  char ret_error[CAPTURE_ERROR_SIZE])
{
	int link = link_of(pcap);
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture || !link_is_known(link)) {
		free(capture);
		pcap_close(pcap);
		return fail(name, capture ? "frames of a kind that is not read here" : "no memory",
			    ret_error);
	}
	*capture = (struct capture){ .pcap = pcap, .link = (enum link)link, .is_live = is_live };
	*ret_capture = capture;
	return 0;
}

int capture_open_file(const char *path, struct capture **ret_capture,
		      char ret_error[CAPTURE_ERROR_SIZE])
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(path, error);

	if (!pcap)
		return fail(path, error, ret_error);
	return finish(pcap, path, false, ret_capture, ret_error);
}

static int activate(pcap_t *pcap)
{
	int r = pcap_set_snaplen(pcap, SNAPLEN);

	if (r == 0)
		r = pcap_set_promisc(pcap, 0);
	if (r == 0)
		r = pcap_set_timeout(pcap, CAPTURE_WAIT_MS);
	if (r == 0)
		r = pcap_set_buffer_size(pcap, BUFFER);
	return r == 0 ? pcap_activate(pcap) : r;
}

int capture_open_live(const char *interface, uint16_t port, struct capture **ret_capture,
		      char ret_error[CAPTURE_ERROR_SIZE])
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(interface, error);
	int r;

	if (!pcap)
		return fail(interface, error, ret_error);
	r = activate(pcap);
	if (r < 0) /* above zero is a warning */
		snprintf(error, sizeof(error), "%s",
			 *pcap_geterr(pcap) ? pcap_geterr(pcap) : pcap_statustostr(r));
	else if ((r = filter_port(pcap, port)) < 0)
		snprintf(error, sizeof(error), "%s", pcap_geterr(pcap));
	else /* the wait is ours, so that signals end it */
		r = pcap_setnonblock(pcap, 1, error);
	if (r < 0) {
		pcap_close(pcap);
		return fail(interface, error, ret_error);
	}
	return finish(pcap, interface, true, ret_capture, ret_error);
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	pcap_close(capture->pcap);
	free(capture);
}

static enum capture_result await(const struct capture *capture)
{
	struct pollfd socket = { .fd = pcap_get_selectable_fd(capture->pcap), .events = POLLIN };

	(void)poll(&socket, 1, CAPTURE_WAIT_MS);
	return CAPTURE_IDLE;
}

enum capture_result capture_next(struct capture *capture, struct capture_packet *ret_packet)
{
	struct pcap_pkthdr *header;
	const u_char *frame;

	switch (pcap_next_ex(capture->pcap, &header, &frame)) {
	case 1:
		ret_packet->bytes =
			link_packet(capture->link, frame, header->caplen, &ret_packet->n);
		return ret_packet->bytes ? CAPTURE_PACKET : CAPTURE_OTHER;
	case 0:
		return await(capture);
	case PCAP_ERROR_BREAK:
		return CAPTURE_END;
	default:
		return CAPTURE_BROKEN;
	}
}

const char *capture_error(const struct capture *capture)
{
	return pcap_geterr(capture->pcap);
}

unsigned capture_dropped(const struct capture *capture)
{
	struct pcap_stat stat;

	if (!capture->is_live || pcap_stats(capture->pcap, &stat) < 0)
		return 0;
	return stat.ps_drop;
}
