/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/scarce.h"
#include "tls/session.h"
#include "tls/tickets.h"

enum { START = 1000000, LIFE = TICKETS_LIFE_MS, SIZE = 100 };

static const uint8_t binding[TICKETS_BINDING] = "www.example.com, this leaf, here";
static uint8_t content[TICKETS_SESSION_MAX];
static struct tickets *tickets;

static int group_setup(void **state)
{
	(void)state;
	return tls_init();
}

static int group_teardown(void **state)
{
	(void)state;
	tls_deinit();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	tickets = tickets_new(START);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7);
	return tickets ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	tickets_free(tickets);
	return 0;
}

static void seal(uint64_t now, uint8_t ticket[SIZE + TICKETS_OVERHEAD])
{
	assert_true(tickets_seal(tickets, binding, now, content, SIZE, ticket));
}

/* Opened, it is what was sealed. */
static bool opens(uint64_t now, const uint8_t *ticket, size_t n)
{
	uint8_t bytes[TICKETS_SESSION_MAX];
	size_t length = 7777;
	bool is_open = tickets_open(tickets, binding, now, ticket, n, bytes, &length);

	assert_int_equal(length, is_open ? n - TICKETS_OVERHEAD : 7777);
	if (is_open)
		assert_memory_equal(bytes, content, length);
	return is_open;
}

static void test_round(void **state)
{
	uint8_t ticket[sizeof(content) + TICKETS_OVERHEAD], other[sizeof(ticket)];

	(void)state;
	for (size_t n = 0; n <= sizeof(content); n += 64) {
		assert_true(tickets_seal(tickets, binding, START, content, n, ticket));
		assert_true(opens(START, ticket, n + TICKETS_OVERHEAD));
	}
	assert_false(tickets_seal(tickets, binding, START, content, sizeof(content) + 1, ticket));
	/* Never twice the same, and nothing of it is readable. */
	seal(START, ticket);
	seal(START, other);
	assert_memory_equal(ticket, other, 8);
	assert_memory_not_equal(ticket + 8, other + 8, 12);
	assert_null(memmem(ticket, SIZE + TICKETS_OVERHEAD, content, 4));
}

static void test_tampered(void **state)
{
	uint8_t ticket[SIZE + TICKETS_OVERHEAD], whole[SIZE + TICKETS_OVERHEAD + 1] = { 0 };
	uint8_t bytes[TICKETS_SESSION_MAX], other[TICKETS_BINDING];
	size_t n;

	(void)state;
	seal(START, ticket);
	for (unsigned bit = 0; bit < 8 * sizeof(ticket); bit++) {
		ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(opens(START, ticket, sizeof(ticket)));
		ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memcpy(whole, ticket, sizeof(ticket));
	assert_false(opens(START, whole, sizeof(whole)));
	for (size_t length = 0; length < sizeof(ticket); length++) {
		uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees what lies behind */

		memcpy(exact, ticket, length);
		assert_false(opens(START, exact, length));
		free(exact);
	}
	for (unsigned i = 0; i < TICKETS_BINDING; i++) {
		memcpy(other, binding, sizeof(other));
		other[i] ^= 1;
		assert_false(
			tickets_open(tickets, other, START, ticket, sizeof(ticket), bytes, &n));
	}
	assert_true(opens(START, ticket, sizeof(ticket)));
}

static void test_life(void **state)
{
	uint8_t ticket[SIZE + TICKETS_OVERHEAD];

	(void)state;
	seal(START, ticket);
	assert_true(opens(START + LIFE - 1, ticket, sizeof(ticket)));
	assert_false(opens(START + LIFE, ticket, sizeof(ticket)));
	assert_false(opens(START - 1, ticket, sizeof(ticket))); /* not made yet */
}

static void test_rotation(void **state)
{
	uint8_t first[SIZE + TICKETS_OVERHEAD], late[sizeof(first)], second[sizeof(first)];

	(void)state;
	seal(START, first);
	tickets_rotate(tickets, START + LIFE - 1); /* not yet */
	seal(START + LIFE - 1, late);
	assert_memory_equal(first, late, 8);
	tickets_rotate(tickets, START + LIFE);
	seal(START + LIFE, second);
	assert_memory_not_equal(first, second, 8);
	assert_true(opens(START + LIFE, late, sizeof(late)));
	assert_true(opens(START + LIFE, second, sizeof(second)));
	tickets_rotate(tickets, START + LIFE + 1); /* not again */
	assert_true(opens(START + 2 * LIFE - 2, late, sizeof(late)));
	tickets_rotate(tickets, START + 2 * LIFE);
	/* Its time is not what it lacks. */
	assert_false(opens(START + 2 * LIFE - 2, late, sizeof(late)));
	assert_true(opens(START + 2 * LIFE - 1, second, sizeof(second)));
	tickets_rotate(tickets, START + 3 * LIFE);
	assert_false(opens(START + LIFE, second, sizeof(second)));
}

/* Each process has its own keys. */
static void test_others(void **state)
{
	uint8_t ticket[SIZE + TICKETS_OVERHEAD];
	struct tickets *own = tickets;

	(void)state;
	seal(START, ticket);
	tickets = tickets_new(START);
	assert_false(opens(START, ticket, sizeof(ticket)));
	tickets_free(tickets);
	tickets = own;
	assert_true(opens(START, ticket, sizeof(ticket)));
	/* Neither does a key of zeros open anything, nor is there one. */
	memset(ticket, 0, 8);
	assert_false(opens(START, ticket, sizeof(ticket)));
	tickets_free(NULL);
}

/* As the library asks for one, with room and without; an error would end the session. */
static void test_for_the_library(void **state)
{
	struct tickets_use use = { .tickets = tickets };
	uint8_t ticket[TICKETS_SESSION_MAX + TICKETS_OVERHEAD];
	mbedtls_ssl_session session, again;
	uint32_t lifetime;
	size_t n;

	(void)state;
	memcpy(use.binding, binding, sizeof(binding));
	mbedtls_ssl_session_init(&session);
	mbedtls_ssl_session_init(&again);
	session.MBEDTLS_PRIVATE(tls_version) = MBEDTLS_SSL_VERSION_TLS1_2;
	session.MBEDTLS_PRIVATE(ciphersuite) = 0xc02b;
	assert_int_equal(
		tickets_write(&use, &session, ticket, ticket + sizeof(ticket), &n, &lifetime), 0);
	assert_int_equal(lifetime, LIFE / 1000);
	assert_int_equal(tickets_parse(&use, &again, ticket, n), 0);
	assert_int_equal(again.MBEDTLS_PRIVATE(ciphersuite), 0xc02b);
	assert_int_not_equal(tickets_parse(&use, &again, ticket, n - 1), 0);
	assert_int_equal(tickets_write(&use, &session, ticket, ticket + n - 1, &n, &lifetime), 0);
	assert_int_equal(n, 1);
	assert_int_equal(lifetime, 0); /* RFC 8446 section 4.6.1: not to be kept */
	assert_int_not_equal(tickets_parse(&use, &again, ticket, n), 0);
	assert_int_not_equal(tickets_write(&use, &session, ticket, ticket, &n, &lifetime), 0);
	mbedtls_ssl_session_free(&session);
	mbedtls_ssl_session_free(&again);
}

static void test_scarce(void **state)
{
	(void)state;
	scarce_begin(1);
	assert_null(tickets_new(START));
	assert_true(scarce_end());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_round),    TEST(test_tampered), TEST(test_life),
		TEST(test_rotation), TEST(test_others),   TEST(test_for_the_library),
		TEST(test_scarce),
#undef TEST
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
