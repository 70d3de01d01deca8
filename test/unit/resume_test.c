/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients that come back with a ticket of the engine's; they are OpenSSL's here. */
#include "test/unit/cmocka_all.h"

#include <openssl/err.h>

#include "base/clock.h"
#include "test/unit/authority.h"
#include "test/unit/session.h"

enum { N_LEAVES = 2 }; /* of the same name and kind of key, but not the same */

static struct tickets *tickets;
static struct leaf_keys *keys;
static struct authority ca;
static struct leaf *leaves[N_LEAVES][N_LEAF_KEYS];

/* How a client comes, and what the engine has for it. */
struct visit {
	int version;
	const char *host; /* NULL: www.example.com */
	const char *suites;
	const char *groups;
	const char *signatures;
	uint64_t options;
	uint16_t suite; /* that the server chose; TLS 1.3 */
	unsigned leaf;
	uint64_t generation;
	bool has_no_tickets;
	bool sends_early;
};

/* --- fixtures --- */

static struct leaf *make_leaf(enum leaf_key key)
{
	uint8_t chain[CHAIN_MAX];
	size_t n = authority_issue_own(&ca, keys, key, "DNS:www.example.com, DNS:other.example",
				       chain);
	struct leaf *leaf = leaf_new(keys, key, chain, n);

	assert_non_null(leaf);
	return leaf;
}

static int group_setup(void **state)
{
	(void)state;
	begin_sessions();
	keys = leaf_keys_new();
	assert_non_null(keys);
	authority_init(&ca, EVP_RSA_gen(2048)); /* which clients without ECDSA can verify, too */
	for (unsigned i = 0; i < N_LEAVES; i++)
		for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++)
			leaves[i][key] = make_leaf(key);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_LEAVES; i++)
		for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++)
			leaf_free(leaves[i][key]);
	leaf_keys_free(keys);
	authority_deinit(&ca);
	end_sessions();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	tickets = tickets_new(clock_us() / 1000);
	return tickets ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	end_session();
	tickets_free(tickets);
	tickets = NULL;
	return 0;
}

/* --- a visit --- */

static void begin_client(const struct visit *visit, SSL_SESSION *old)
{
	static const uint8_t alpn[] = "\x02h2";
	const char *host = visit->host ? visit->host : "www.example.com";

	handshake_init(&h, TLS_client_method(), visit->version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(h.context), ca.x509);
	SSL_CTX_set_verify(h.context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(h.context, visit->options);
	SSL_CTX_set_alpn_protos(h.context, alpn, sizeof(alpn) - 1);
	if (visit->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(h.context, visit->suites), 1);
	if (visit->groups)
		assert_int_equal(SSL_CTX_set1_groups_list(h.context, visit->groups), 1);
	if (visit->signatures)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(h.context, visit->signatures), 1);
	handshake_start(&h);
	SSL_set_tlsext_host_name(h.peer, host);
	SSL_set1_host(h.peer, host);
	if (old)
		assert_int_equal(SSL_set_session(h.peer, old), 1);
}

static void greet(const struct visit *visit)
{
	static uint8_t bytes[HELLO_MAX], message[DOWNSTREAM_HELLO_MAX];
	bool is_13 = visit->version == TLS1_3_VERSION;
	struct session_facts facts = { .version = (uint16_t)visit->version,
				       .suite = visit->suite ? visit->suite
						: is_13      ? 0x1301
							     : 0xc030,
				       .alpn = "h2" };
	struct hello hello;
	struct downstream_offer offer = { .hello = &hello,
					  .message = message,
					  .limits = TLS_LIMITS_NONE,
					  .upstream = &facts,
					  .tickets = visit->has_no_tickets ? NULL : tickets,
					  .generation = visit->generation };

	if (!visit->sends_early)
		(void)SSL_do_handshake(h.peer);
	offer.message_length = handshake_take_hello(&h.sock, bytes, message, &hello);
	offer.leaf = leaves[visit->leaf][leaf_key_for(&hello, &offer.limits, &facts)];
	assert_int_equal(downstream_new(&h.sock, thread, &offer, &session), 0);
}

/* With the ticket's record before it, if there was one. */
static void exchange(void)
{
	uint8_t bytes[16];
	enum session_io io = SESSION_WAIT;
	int r = -1;
	size_t n;

	assert_int_equal(SSL_write(h.peer, "ping", 4), 4);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && io == SESSION_WAIT; i++) {
		if (!socks_raise(&h.sock) && i > 0)
			usleep(200);
		io = session_read(session, bytes, sizeof(bytes), &n);
	}
	assert_int_equal(io, SESSION_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(bytes, "ping", 4);
	assert_int_equal(session_write(session, (const uint8_t *)"pong!", 5, &n), SESSION_OK);
	assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_OK);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && r <= 0; i++) {
		r = SSL_read(h.peer, bytes, sizeof(bytes));
		if (r <= 0)
			usleep(200);
	}
	assert_int_equal(r, 5);
	assert_memory_equal(bytes, "pong!", 5);
}

static SSL_SESSION *take_session(void)
{
	SSL_SESSION *taken = SSL_get1_session(h.peer);

	(void)SSL_shutdown(h.peer); /* without which OpenSSL forgets it */
	return taken;
}

/* True: it was resumed. The session it takes along, if wanted, is the caller's. */
static bool visit_once(const struct visit *visit, SSL_SESSION *old, SSL_SESSION **ret_session)
{
	static const uint8_t early[1000];
	struct session_facts facts;
	bool is_resumed;
	size_t n;

	begin_client(visit, old);
	if (visit->sends_early)
		assert_int_equal(SSL_write_early_data(h.peer, early, sizeof(early), &n), 1);
	greet(visit);
	assert_int_equal(shake_with_client(), DOWNSTREAM_READY);
	assert_true(finish_peer());
	exchange();
	facts = session_facts(session);
	is_resumed = facts.is_resumed;
	assert_int_equal(is_resumed, SSL_session_reused(h.peer));
	assert_string_equal(facts.alpn, "h2");
	assert_int_equal(facts.suite, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h.peer)));
	if (facts.version == TLS1_3_VERSION)
		assert_int_equal(facts.group, 29); /* a key exchange, whatever it resumes */
	if (visit->sends_early)
		assert_int_equal(SSL_get_early_data_status(h.peer), SSL_EARLY_DATA_REJECTED);
	if (ret_session)
		*ret_session = take_session();
	end_session();
	return is_resumed;
}

/* The session of a first visit. */
static SSL_SESSION *come_first(const struct visit *visit)
{
	SSL_SESSION *first;

	assert_false(visit_once(visit, NULL, &first));
	assert_true(SSL_SESSION_has_ticket(first));
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(first), TICKETS_LIFE_MS / 1000);
	assert_int_equal(SSL_SESSION_get_max_early_data(first), 0);
	return first;
}

static uint8_t *ticket_of(SSL_SESSION *of, size_t *ret_n)
{
	const uint8_t *ticket;

	SSL_SESSION_get0_ticket(of, &ticket, ret_n);
	return (uint8_t *)ticket;
}

/* --- tests --- */

static void check_resumes(const struct visit *visit)
{
	SSL_SESSION *first = come_first(visit), *second;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(visit_once(visit, first, &second));
		if (visit->version == TLS1_3_VERSION) { /* it was given a new one */
			size_t n, m;
			const uint8_t *a = ticket_of(first, &n), *b = ticket_of(second, &m);

			assert_true(n != m || memcmp(a, b, n) != 0);
		}
		SSL_SESSION_free(first);
		first = second;
	}
	SSL_SESSION_free(first);
}

static void test_resumes(void **state)
{
	static const char *const suites[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
		"ECDHE-RSA-CHACHA20-POLY1305",   "DHE-RSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES128-SHA256",       "AES128-SHA",
	};
	struct visit visit = { .version = TLS1_3_VERSION };

	(void)state;
	for (visit.suite = 0x1301; visit.suite <= 0x1303; visit.suite++)
		check_resumes(&visit);
	visit.version = TLS1_2_VERSION;
	visit.suite = 0;
	check_resumes(&visit);
	for (unsigned i = 0; i < N_OF(suites); i++) {
		visit.suites = suites[i];
		check_resumes(&visit);
	}
	visit.options = SSL_OP_NO_ENCRYPT_THEN_MAC;
	check_resumes(&visit);
	visit.options = SSL_OP_NO_EXTENDED_MASTER_SECRET;
	check_resumes(&visit);
}

/* Whatever is not the same as the first time: a whole handshake, and nobody is told why. */
static void test_bound(void **state)
{
	static const struct {
		struct visit first, second;
	} pairs[] = {
		{ { .leaf = 0 }, { .leaf = 1 } },
		{ { .host = NULL }, { .host = "other.example" } },
		{ { .generation = 1 }, { .generation = 2 } },
		{ { .groups = "X25519:P-256" }, { .groups = "X25519" } },
		{ { .signatures = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256" },
		  { .signatures = "RSA-PSS+SHA256:RSA+SHA256" } },
		{ { .signatures = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256" },
		  { .signatures = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256" } },
	};
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (unsigned i = 0; i < N_OF(pairs) * N_OF(versions); i++) {
		struct visit first = pairs[i / 2].first, second = pairs[i / 2].second;
		SSL_SESSION *old;

		first.version = second.version = versions[i % 2];
		old = come_first(&first);
		assert_false(visit_once(&second, old, NULL));
		SSL_SESSION_free(old);
		/* And the other way round. */
		old = come_first(&second);
		assert_false(visit_once(&first, old, NULL));
		SSL_SESSION_free(old);
	}
}

static void test_bound_to_suite(void **state)
{
	static const struct visit visits[] = {
		{ .version = TLS1_2_VERSION, .suites = "ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA" },
		{ .version = TLS1_2_VERSION, .suites = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256" },
		{ .version = TLS1_2_VERSION,
		  .suites = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256",
		  .options = SSL_OP_NO_ENCRYPT_THEN_MAC },
		{ .version = TLS1_2_VERSION,
		  .suites = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256",
		  .options = SSL_OP_NO_EXTENDED_MASTER_SECRET },
		{ .version = TLS1_3_VERSION, .suite = 0x1301 },
		{ .version = TLS1_3_VERSION, .suite = 0x1302 },
		{ .version = TLS1_3_VERSION, .suite = 0x1303 },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(visits) * N_OF(visits); i++) {
		const struct visit *first = &visits[i / N_OF(visits)];
		const struct visit *second = &visits[i % N_OF(visits)];
		SSL_SESSION *old;

		if (first->version != second->version)
			continue;
		/* OpenSSL itself would end a session that lost its extended master secret. */
		if (second->options == SSL_OP_NO_EXTENDED_MASTER_SECRET && first != second)
			continue;
		old = come_first(first);
		assert_int_equal(visit_once(second, old, NULL), first == second);
		SSL_SESSION_free(old);
	}
}

static void check_tampered(int version)
{
	struct visit visit = { .version = version };
	SSL_SESSION *old = come_first(&visit);
	size_t n;
	uint8_t *ticket = ticket_of(old, &n);

	for (size_t i = 0; i < n; i++) {
		SSL_SESSION *copy = SSL_SESSION_dup(old);

		ticket_of(copy, &n)[i] ^= 0x10;
		assert_false(visit_once(&visit, copy, NULL));
		SSL_SESSION_free(copy);
	}
	assert_non_null(ticket);
	assert_true(visit_once(&visit, old, NULL));
	SSL_SESSION_free(old);
}

static void test_tampered(void **state)
{
	(void)state;
	check_tampered(TLS1_2_VERSION);
	check_tampered(TLS1_3_VERSION);
}

static void test_rotation(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	uint64_t now = clock_us() / 1000;

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		struct visit visit = { .version = versions[i] };
		SSL_SESSION *old = come_first(&visit);

		now += TICKETS_LIFE_MS;
		tickets_rotate(tickets, now);
		assert_true(visit_once(&visit, old, NULL));
		now += TICKETS_LIFE_MS;
		tickets_rotate(tickets, now);
		assert_false(visit_once(&visit, old, NULL));
		SSL_SESSION_free(old);
	}
}

static void test_none(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		struct visit visit = { .version = versions[i], .has_no_tickets = true };
		SSL_SESSION *old;

		assert_false(visit_once(&visit, NULL, &old));
		assert_false(SSL_SESSION_has_ticket(old));
		SSL_SESSION_free(old);
		/* A client that wants none is given none, either. */
		visit = (struct visit){ .version = versions[i], .options = SSL_OP_NO_TICKET };
		if (versions[i] == TLS1_2_VERSION) {
			assert_false(visit_once(&visit, NULL, &old));
			assert_false(SSL_SESSION_has_ticket(old));
			SSL_SESSION_free(old);
		}
		/* Nor is one taken any more. */
		visit = (struct visit){ .version = versions[i] };
		old = come_first(&visit);
		visit.has_no_tickets = true;
		assert_false(visit_once(&visit, old, NULL));
		SSL_SESSION_free(old);
	}
}

/* It was not told that it may, and does it all the same: skipped, and resumed. */
static void test_early_data(void **state)
{
	struct visit visit = { .version = TLS1_3_VERSION };
	SSL_SESSION *old;

	(void)state;
	old = come_first(&visit);
	SSL_SESSION_set_max_early_data(old, 16384);
	visit.sends_early = true;
	assert_true(visit_once(&visit, old, NULL));
	SSL_SESSION_free(old);
}

/* Also a client that would do without has to exchange keys; visit_once() looks for the group. */
static void test_key_exchange(void **state)
{
	struct visit visit = { .version = TLS1_3_VERSION, .options = SSL_OP_ALLOW_NO_DHE_KEX };

	(void)state;
	check_resumes(&visit);
}

/* After so many turns the client hears of it, under whatever key. True: its handshake is over. */
static bool refuse_after(const struct visit *visit, unsigned turns)
{
	enum downstream_result result = DOWNSTREAM_WAIT;
	uint8_t byte;
	int r = -1;

	begin_client(visit, NULL);
	greet(visit);
	for (unsigned i = 0; i <= turns && result == DOWNSTREAM_WAIT; i++) {
		if (i > 0)
			handshake_turn(&h);
		result = downstream_handshake(session);
	}
	session_refuse(session, 80 /* internal_error */);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS; i++) {
		ERR_clear_error();
		r = SSL_read(h.peer, &byte, 1); /* which shakes hands as well */
		if (SSL_get_error(h.peer, r) != SSL_ERROR_WANT_READ)
			break;
		usleep(200);
	}
	assert_true(r <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_TLSV1_ALERT_INTERNAL_ERROR);
	end_session();
	return result != DOWNSTREAM_WAIT;
}

static void test_refused(void **state)
{
	static const struct visit visits[] = {
		{ .version = TLS1_3_VERSION },
		{ .version = TLS1_3_VERSION, .groups = "P-521:X25519" },
		{ .version = TLS1_2_VERSION },
		{ .version = TLS1_2_VERSION, .suites = "ECDHE-RSA-AES128-SHA256" },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(visits); i++) {
		unsigned turns = 0;

		while (!refuse_after(&visits[i], turns))
			turns++;
		assert_in_range(turns, 1, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_resumes),    TEST(test_bound),        TEST(test_bound_to_suite),
		TEST(test_tampered),   TEST(test_rotation),     TEST(test_none),
		TEST(test_early_data), TEST(test_key_exchange), TEST(test_refused),
#undef TEST
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
