/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions with servers, which are OpenSSL's here, that continue earlier ones. */
#include "test/unit/cmocka_all.h"

#include "test/unit/session.h"

static EVP_PKEY *key;
static X509 *leaf;
static SSL_CTX *server; /* of all visits */

static struct resumption *kept;

static int group_setup(void **state)
{
	struct chain_recipe recipe = { .name = "www.example.com" };

	(void)state;
	begin_sessions();
	recipe.key = recipe.signer = key = EVP_EC_gen("P-256");
	leaf = chain_make(&recipe);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	X509_free(leaf);
	EVP_PKEY_free(key);
	end_sessions();
	return 0;
}

static void end_visit(void)
{
	if (h.peer) /* or OpenSSL forgets what it kept of the session */
		SSL_set_shutdown(h.peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	end_session();
}

static int teardown(void **state)
{
	(void)state;
	end_visit();
	resumption_free(kept);
	kept = NULL;
	SSL_CTX_free(server);
	server = NULL;
	return 0;
}

static void keep(void *keeper, struct resumption *resumption)
{
	(void)keeper;
	resumption_free(kept);
	kept = resumption;
}

/* A word from the server, behind which its tickets are. */
static void exchange(void)
{
	uint8_t bytes[SESSION_READ_ROOM];
	enum session_io io = SESSION_WAIT;
	size_t n = 0;

	assert_true(finish_peer());
	assert_int_equal(SSL_write(h.peer, "hi", 2), 2);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && io == SESSION_WAIT; i++) {
		socks_raise(&h.sock);
		io = session_read(session, bytes, sizeof(bytes), &n);
	}
	assert_int_equal(io, SESSION_OK);
	assert_memory_equal(bytes, "hi", 2);
}

/* Whether it resumed what is `offered`, both ends agreeing; what it leaves behind is in `kept`. */
static bool visit(int version, const struct resumption *offered)
{
	struct hello hello = handshake_hello("curl");

	handshake_init(&h, TLS_server_method(), version);
	if (server) {
		SSL_CTX_free(h.context);
		h.context = server;
	} else {
		server = h.context;
		assert_int_equal(SSL_CTX_use_certificate(server, leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
	}
	SSL_CTX_up_ref(server);
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	upstream_keep(session, keep, NULL);
	if (offered)
		assert_true(upstream_resume(session, offered));
	handshake_start(&h);
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	exchange();
	assert_int_equal(session_facts(session).is_resumed, SSL_session_reused(h.peer));
	return session_facts(session).is_resumed;
}

static void check_resumes(int version, uint64_t options)
{
	struct resumption *first;

	assert_false(visit(version, NULL));
	end_visit();
	if (options != 0) { /* that visit made the server; now it does otherwise */
		SSL_CTX_set_options(server, options);
		assert_false(visit(version, NULL));
		end_visit();
	}
	assert_non_null(kept);
	assert_in_range(resumption_seconds(kept), 1, 86400);
	first = kept;
	kept = NULL;
	assert_true(visit(version, first));
	end_visit();
	SSL_CTX_free(server); /* another server, which knows nothing of it */
	server = NULL;
	assert_false(visit(version, first));
	resumption_free(first);
	teardown(NULL);
}

static void test_resumes(void **state)
{
	(void)state;
	check_resumes(TLS1_3_VERSION, 0);
	check_resumes(TLS1_2_VERSION, 0);
	check_resumes(TLS1_2_VERSION, SSL_OP_NO_TICKET); /* by a session ID */
}

/* A server of TLS 1.2 that keeps nothing, and gives nothing. */
static void test_nothing(void **state)
{
	(void)state;
	assert_false(visit(TLS1_2_VERSION, NULL));
	end_visit();
	resumption_free(kept);
	kept = NULL;
	SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
	assert_false(visit(TLS1_2_VERSION, NULL));
	assert_null(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_resumes, teardown),
		cmocka_unit_test_teardown(test_nothing, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
