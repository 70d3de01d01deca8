/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files, sound and broken, and where in a frame the packet is. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap/capture.h"
#include "tap/link.h"

static const uint8_t packet[] = "\x45 an IP packet, as far as this goes";

static char path[] = "/tmp/postern-capture-XXXXXX";

static void write_file(const void *bytes, size_t n)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static size_t put(uint8_t *bytes, size_t at, const void *more, size_t n)
{
	memcpy(bytes + at, more, n);
	return at + n;
}

static size_t put_u32(uint8_t *bytes, size_t at, uint32_t value)
{
	return put(bytes, at, &value, sizeof(value));
}

/* Two frames of IPv4 packets in Ethernet, and one ARP between them; native byte order. */
static size_t make_frame(uint8_t *bytes, uint16_t type)
{
	const uint8_t big[] = { (uint8_t)(type >> 8), (uint8_t)type };
	size_t n = put(bytes, 0, "\1\2\3\4\5\6\6\5\4\3\2\1", 12);

	n = put(bytes, n, big, 2);
	return put(bytes, n, packet, sizeof(packet));
}

static size_t make_pcap(uint8_t *bytes, uint32_t link)
{
	static const uint16_t types[] = { 0x0800, 0x0806, 0x86dd };
	size_t n = put_u32(bytes, 0, 0xa1b2c3d4);

	n = put_u32(bytes, n, 4U << 16 | 2); /* version 2.4 */
	n = put_u32(bytes, n, 0);
	n = put_u32(bytes, n, 0);
	n = put_u32(bytes, n, 65535);
	n = put_u32(bytes, n, link);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t frame[128];
		size_t n_frame = make_frame(frame, types[i]);

		n = put_u32(bytes, n, 1);
		n = put_u32(bytes, n, 0);
		n = put_u32(bytes, n, (uint32_t)n_frame);
		n = put_u32(bytes, n, (uint32_t)n_frame);
		n = put(bytes, n, frame, n_frame);
	}
	return n;
}

static size_t make_pcapng(uint8_t *bytes)
{
	uint8_t frame[128] = { 0 };
	size_t n_frame = make_frame(frame, 0x0800), n_padded = (n_frame + 3) & ~3UL;
	size_t n = put_u32(bytes, 0, 0x0a0d0d0a);

	n = put_u32(bytes, n, 28);
	n = put_u32(bytes, n, 0x1a2b3c4d);
	n = put_u32(bytes, n, 1);
	n = put(bytes, n, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	n = put_u32(bytes, n, 28);
	n = put_u32(bytes, n, 1); /* interface: Ethernet */
	n = put_u32(bytes, n, 20);
	n = put_u32(bytes, n, 1);
	n = put_u32(bytes, n, 65535);
	n = put_u32(bytes, n, 20);
	n = put_u32(bytes, n, 6); /* a packet */
	n = put_u32(bytes, n, 32 + (uint32_t)n_padded);
	n = put_u32(bytes, n, 0);
	n = put_u32(bytes, n, 0);
	n = put_u32(bytes, n, 0);
	n = put_u32(bytes, n, (uint32_t)n_frame);
	n = put_u32(bytes, n, (uint32_t)n_frame);
	n = put(bytes, n, frame, n_padded);
	return put_u32(bytes, n, 32 + (uint32_t)n_padded);
}

/* How the file ends, and how many packets it had; -1: it does not open. */
static int read_all(enum capture_result *ret_result)
{
	char error[CAPTURE_ERROR_SIZE];
	struct capture *capture;
	struct capture_packet one;
	enum capture_result result;
	int n = 0;

	if (capture_open_file(path, &capture, error) < 0) {
		assert_true(strncmp(error, path, strlen(path)) == 0);
		assert_null(strchr(error, '\n'));
		return -1;
	}
	while ((result = capture_next(capture, &one)) == CAPTURE_PACKET || result == CAPTURE_OTHER)
		if (result == CAPTURE_PACKET) {
			assert_int_equal(one.n, sizeof(packet));
			assert_memory_equal(one.bytes, packet, one.n);
			n++;
		}
	if (result == CAPTURE_BROKEN)
		assert_true(capture_error(capture)[0] != '\0');
	assert_int_equal(capture_dropped(capture), 0);
	capture_free(capture);
	*ret_result = result;
	return n;
}

static void test_pcap(void **state)
{
	enum capture_result result;
	uint8_t bytes[1024];

	(void)state;
	write_file(bytes, make_pcap(bytes, 1));
	assert_int_equal(read_all(&result), 2);
	assert_int_equal(result, CAPTURE_END);
}

static void test_pcapng(void **state)
{
	enum capture_result result;
	uint8_t bytes[1024];

	(void)state;
	write_file(bytes, make_pcapng(bytes));
	assert_int_equal(read_all(&result), 1);
	assert_int_equal(result, CAPTURE_END);
}

/* Cut anywhere: what is whole is read, and only a cut between two packets looks like an end. */
static void test_cut(void **state)
{
	enum capture_result result;
	uint8_t bytes[1024];
	size_t n = make_pcap(bytes, 1), n_packet = (n - 24) / 3;

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		size_t whole = cut < 24 ? 0 : (cut - 24) / n_packet;

		write_file(bytes, cut);
		if (cut < 24) {
			assert_int_equal(read_all(&result), -1);
			continue;
		}
		assert_int_equal(read_all(&result), whole > 0);
		assert_int_equal(result, (cut - 24) % n_packet == 0 ? CAPTURE_END : CAPTURE_BROKEN);
	}
}

static void test_garbage(void **state)
{
	enum capture_result result;
	char error[CAPTURE_ERROR_SIZE];
	struct capture *capture;
	uint8_t bytes[1024];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	write_file(bytes, sizeof(bytes));
	assert_int_equal(read_all(&result), -1);
	write_file(bytes, make_pcap(bytes, 105)); /* radio frames */
	assert_int_equal(read_all(&result), -1);
	assert_true(capture_open_file("/nowhere/at all", &capture, error) < 0);
	assert_string_equal(error, "/nowhere/at all: No such file or directory");
	assert_true(capture_open_live("no-such-one", 443, &capture, error) < 0);
	assert_non_null(strstr(error, "no-such-one"));
	capture_free(NULL);
}

static void check_link(enum link link, const char *header, size_t n_header, bool is_ip)
{
	uint8_t frame[128];
	size_t n = put(frame, put(frame, 0, header, n_header), packet, sizeof(packet)), n_found;
	const uint8_t *found = link_packet(link, frame, n, &n_found);

	assert_true(link_is_known((int)link));
	if (!is_ip) {
		assert_null(found);
		return;
	}
	assert_ptr_equal(found, frame + n_header);
	assert_int_equal(n_found, sizeof(packet));
	for (n = 0; n <= n_header; n++) {
		uint8_t *cut = test_malloc(n ? n : 1);

		memcpy(cut, frame, n);
		assert_null(link_packet(link, cut, n, &n_found));
		test_free(cut);
	}
}

static void test_links(void **state)
{
#define CHECK(link, header, is_ip) check_link(link, header, sizeof(header) - 1, is_ip)
#define MACS "\1\2\3\4\5\6\6\5\4\3\2\1"
#define COOKED "\0\4\0\1\0\6\1\2\3\4\5\6\0\0"
	(void)state;
	CHECK(LINK_RAW, "", true);
	CHECK(LINK_IPV4, "", true);
	CHECK(LINK_IPV6, "", true);
	CHECK(LINK_NULL, "\2\0\0\0", true);
	CHECK(LINK_LOOP, "\0\0\0\2", true);
	CHECK(LINK_ETHERNET, MACS "\x08\x00", true);
	CHECK(LINK_ETHERNET, MACS "\x86\xdd", true);
	CHECK(LINK_ETHERNET, MACS "\x08\x06", false);
	CHECK(LINK_ETHERNET, MACS "\x81\x00\x00\x07\x08\x00", true);
	CHECK(LINK_ETHERNET, MACS "\x88\xa8\x00\x07\x81\x00\x00\x08\x86\xdd", true);
	CHECK(LINK_ETHERNET, MACS "\x81\x00\x00\x07\x08\x06", false);
	CHECK(LINK_ETHERNET,
	      MACS "\x81\0\0\7\x81\0\0\7\x81\0\0\7\x81\0\0\7\x81\0\0\7\x81\0\0\7\x08\0", false);
	CHECK(LINK_COOKED, COOKED "\x08\x00", true);
	CHECK(LINK_COOKED, COOKED "\x81\x00\x00\x07\x86\xdd", true);
	CHECK(LINK_COOKED, COOKED "\x00\x04", false);
	CHECK(LINK_COOKED_2, "\x86\xdd\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0", true);
	CHECK(LINK_COOKED_2, "\x08\x06\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0", false);
	assert_false(link_is_known(105));
#undef COOKED
#undef MACS
#undef CHECK
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_pcap),    TEST(test_pcapng), TEST(test_cut),
		TEST(test_garbage), TEST(test_links),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
