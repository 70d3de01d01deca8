/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's TLS beside our own: what one seals the other opens. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/socks.h"
#include "tls/kernel.h"
#include "tls/kernel_probe.h"

static int fds[2];
static struct sock sock;        /* the first of them, the kernel's; the other is ours */
static struct protect *ours[2]; /* [it writes]: the same keys twice */
static uint8_t block[PROTECT_CONTENT_MAX];

static int setup(void **state)
{
	(void)state;
	socks_tcp_pair(fds);
	sock = (struct sock){ .fd = fds[0] };
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		protect_free(ours[i]);
		ours[i] = NULL;
		close(fds[i]);
	}
	return 0;
}

/* It says no more, and no less, than what a connection here may have. */
static void test_probe(void **state)
{
	const char *why;
	enum kernel_tls ability = kernel_tls_probe(&why);
	int r = kernel_attach(fds[0]);

	(void)state;
	assert_int_equal(ability != KERNEL_TLS_NONE, r == 0);
	assert_int_equal(ability != KERNEL_TLS_13, *why != '\0');
	assert_non_null(kernel_tls_text(ability));
}

static void set_key(bool is_writing)
{
	struct protect_state key;

	protect_export(ours[is_writing], &key);
	assert_int_equal(kernel_set_key(sock.fd, is_writing, &key), 0);
}

static void begin(uint16_t version, uint16_t suite)
{
	struct protect_secrets secrets = { .version = version,
					   .suite = suite,
					   .n_secret = suite == 0x1302 || suite == 0xc02c ? 48 : 32,
					   .secret = { 1, 2, 3 },
					   .randoms = { 4, 5, 6 },
					   .sequence = 0x1ff };

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(protect_new(&secrets, i == 1, &ours[i]), 0);
	assert_int_equal(kernel_attach(sock.fd), 0);
	set_key(false);
	set_key(true);
}

static void to_kernel(uint8_t type, size_t n)
{
	static uint8_t record[PROTECT_SIZE_MAX + PROTECT_OVERHEAD_MAX], got[PROTECT_CONTENT_MAX];
	size_t length = protect_seal(ours[false], type, block, n, record);
	uint8_t seen = 0;

	assert_int_equal(write(fds[1], record, length), length);
	socks_raise(&sock);
	assert_int_equal(kernel_recv(&sock, got, sizeof(got), &seen), n);
	assert_int_equal(seen, type);
	assert_memory_equal(got, block, n);
}

static void from_kernel(uint8_t type, size_t n, struct kernel_writer *writer)
{
	static uint8_t record[2 * PROTECT_SIZE_MAX], got[PROTECT_SIZE_MAX];
	uint8_t seen = 0;
	size_t length = 0, n_got = 0;

	socks_raise(&sock);
	assert_int_equal(kernel_send(&sock, type, block, n), n);
	writer->content += n;
	assert_true(kernel_writer_is_done(writer, sock.fd));
	while (protect_length(record, length) <= 0 ||
	       (size_t)protect_length(record, length) > length) {
		ssize_t r = read(fds[1], record + length, sizeof(record) - length);

		assert_true(r > 0 || errno == EAGAIN);
		length += r > 0 ? (size_t)r : 0;
	}
	assert_int_equal(protect_open(ours[true], record, length, got, &seen, &n_got),
			 PROTECT_OPENED);
	assert_int_equal(seen, type);
	assert_int_equal(n_got, n);
	assert_memory_equal(got, block, n);
	writer->content++; /* more than there was: it would be missed */
	assert_false(kernel_writer_is_done(writer, sock.fd));
	writer->content--;
}

static void both(struct kernel_writer *writer)
{
	static const size_t sizes[] = { 1, 2, 1000, PROTECT_CONTENT_MAX };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		to_kernel(PROTECT_DATA, sizes[i]);
		to_kernel(PROTECT_ALERT, sizes[i]);
		from_kernel(PROTECT_DATA, sizes[i], writer);
		from_kernel(PROTECT_HANDSHAKE, sizes[i], writer);
	}
}

static void test_suites(void **state)
{
	static const struct {
		uint16_t version, suite;
	} all[] = { { 0x0303, 0xc02b }, { 0x0303, 0xc02c }, { 0x0303, 0xcca9 },
		    { 0x0304, 0x1301 }, { 0x0304, 0x1302 }, { 0x0304, 0x1303 } };
	const char *why;
	enum kernel_tls ability = kernel_tls_probe(&why);

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct kernel_writer writer;
		struct protect_state key;

		if (ability == KERNEL_TLS_NONE)
			skip(); /* ./dev vm has kernels that can */
		if (ability == KERNEL_TLS_12 && all[i].version == 0x0304)
			break;
		begin(all[i].version, all[i].suite);
		protect_export(ours[true], &key);
		kernel_writer_begin(&writer, sock.fd, &key);
		both(&writer);
		if (all[i].version == 0x0304) {
			kernel_writer_renew(&writer, sock.fd);
			for (unsigned way = 0; way < 2; way++) {
				assert_int_equal(protect_update(ours[way]), 0);
				set_key(way == 1);
			}
			both(&writer);
		}
		(void)teardown(state);
		(void)setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suites, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
