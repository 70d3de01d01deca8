/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs certgen to answer a request for a leaf that was not forged before: parse, forge,
 * judge, sign, record, but for the wait for the disk. Microseconds of this thread's CPU time, the
 * best of some rounds.
 *	ninja -C build/release bench_forge && build/release/test/bench/bench_forge
 */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certgen/ca_make.h"
#include "certgen/service.h"
#include "test/unit/chain.h"

enum { LEAVES = 200, ROUNDS = 10, MESSAGE_MAX = 4096 };

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t n;
};

static double cpu_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

/* A file in memory, as a path. */
static void put(const struct ca_bytes *bytes, char path[32])
{
	int fd = memfd_create("ca", 0);

	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, bytes->bytes, bytes->length), (ssize_t)bytes->length);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static struct ca *make_ca(void)
{
	struct ca_bytes key, certificate;
	char key_path[32], certificate_path[32];
	struct ca_error error;
	struct ca *ca;

	assert_int_equal(
		ca_make_root("/CN=Bench CA", CA_MAKE_EC, time(NULL), &key, &certificate, &error),
		0);
	put(&key, key_path);
	put(&certificate, certificate_path);
	assert_int_equal(ca_load(certificate_path, key_path, time(NULL), &ca, &error), 0);
	ca_bytes_deinit(&key);
	ca_bytes_deinit(&certificate);
	return ca;
}

static void send_keys(struct service *service, struct service_session *session, EVP_PKEY *pair)
{
	static uint8_t answer[CERTGEN_MESSAGE_MAX];
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	uint8_t *ec_spki = NULL, *rsa_spki = NULL, message[WIRE_KEYS_MAX];
	struct wire_keys keys;
	size_t n;

	keys.spki[CERTGEN_KEY_EC].length = (size_t)i2d_PUBKEY(pair, &ec_spki);
	keys.spki[CERTGEN_KEY_EC].der = ec_spki;
	keys.spki[CERTGEN_KEY_RSA].length = (size_t)i2d_PUBKEY(rsa, &rsa_spki);
	keys.spki[CERTGEN_KEY_RSA].der = rsa_spki;
	n = wire_write_keys(&keys, message);
	assert_int_equal(service_handle(service, session, time(NULL), message, n, answer, &n), 0);
	OPENSSL_free(ec_spki);
	OPENSSL_free(rsa_spki);
	EVP_PKEY_free(rsa);
}

/* Servers' own certificates, each another, and what the engine asks for them. */
static void make_requests(struct message messages[LEAVES], EVP_PKEY *pair)
{
	struct chain_recipe recipe = {
		.name = "a.example",
		.key = pair,
		.signer = pair,
		.till_days = 90,
		.extensions = { { NID_subject_alt_name, "DNS:a.example,DNS:b.example" },
				{ NID_key_usage, "critical,digitalSignature" },
				{ NID_ext_key_usage, "serverAuth,clientAuth" },
				{ NID_basic_constraints, "critical,CA:FALSE" } },
	};

	for (unsigned i = 0; i < LEAVES; i++) {
		X509 *leaf = chain_make(&recipe);
		struct der der = chain_der(leaf);
		struct certgen_request request = {
			.id = i, .host = "a.example", .leaf = der.bytes, .leaf_length = der.n
		};
		size_t head = wire_write_request_head(&request, messages[i].bytes);

		assert_true(head > 0 && head + der.n <= MESSAGE_MAX);
		memcpy(messages[i].bytes + head, der.bytes, der.n);
		messages[i].n = head + der.n;
		OPENSSL_free((void *)der.bytes);
		X509_free(leaf);
	}
}

static double measure(EVP_PKEY *pair, const struct message messages[LEAVES])
{
	static uint8_t answer[CERTGEN_MESSAGE_MAX];
	double best = 1e12;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct service service = {
			.ca[CERTGEN_TRUSTED] = make_ca(),
			.cache = cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX),
			.max_lifetime = 86400,
			.record = { .is_wanted = true, .fd = memfd_create("record", 0) },
		};
		struct service_session session = { 0 };
		double from, took;

		quota_init(&service.quota, SERVICE_QUOTA_US);
		send_keys(&service, &session, pair);
		from = cpu_us();
		for (unsigned i = 0; i < LEAVES; i++) {
			struct certgen_answer got;
			size_t n;

			assert_int_equal(service_handle(&service, &session, time(NULL),
							messages[i].bytes, messages[i].n, answer,
							&n),
					 0);
			assert_int_equal(wire_parse_answer(answer, n, &got), 0);
			assert_int_equal(got.status, CERTGEN_OK);
		}
		took = (cpu_us() - from) / LEAVES;
		best = took < best ? took : best;
		record_set(&service.record, -1);
		service_session_deinit(&session);
		service_deinit(&service);
	}
	return best;
}

int main(void)
{
	static struct message messages[LEAVES];
	EVP_PKEY *pair = EVP_EC_gen("P-256");

	make_requests(messages, pair);
	printf("%-40s %8.1f us\n", "P-256 leaf, P-256 CA", measure(pair, messages));
	EVP_PKEY_free(pair);
	return 0;
}
