/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to judge a chain that was not seen before: leaves of one issuer, each another, as
 * first visits to sites are. Microseconds of this thread's CPU time, the best of some rounds.
 *	ninja -C build/release bench_judge && build/release/test/bench/bench_judge [TRUST-STORE]
 */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/chain.h"
#include "tls/judge.h"

enum { LEAVES = 200, ROUNDS = 10 };

struct kind {
	const char *name;
	EVP_PKEY *middle, *leaf;
};

static double cpu_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static X509 *make(const char *name, X509 *issuer, EVP_PKEY *key, EVP_PKEY *signer, bool is_ca)
{
	struct chain_recipe recipe = {
		.name = name, .issuer = issuer, .key = key, .signer = signer
	};

	if (is_ca) {
		recipe.extensions[0] = (struct chain_extension)CHAIN_CA;
		recipe.extensions[1] =
			(struct chain_extension){ NID_key_usage, "critical,keyCertSign,cRLSign" };
	} else {
		recipe.extensions[0] = (struct chain_extension){ NID_subject_alt_name,
								 "DNS:a.example,DNS:b.example" };
		recipe.extensions[1] =
			(struct chain_extension){ NID_key_usage, "critical,digitalSignature" };
		recipe.extensions[2] =
			(struct chain_extension){ NID_ext_key_usage, "serverAuth,clientAuth" };
		recipe.extensions[3] =
			(struct chain_extension){ NID_basic_constraints, "critical,CA:FALSE" };
	}
	return chain_make(&recipe);
}

/* The store's own certificates, and one that stands above all that is judged. */
static struct trust *make_trust(X509 *root, const char *store)
{
	struct trust *trust;
	char path[64], command[512];

	chain_write(root, path);
	if (store) {
		snprintf(command, sizeof(command), "cat %s >> %s", store, path);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(trust_load(&(struct trust_sources){ .store = path }, &trust, NULL), 0);
	unlink(path);
	return trust;
}

static void measure(const struct kind *kind, X509 *root, EVP_PKEY *root_key, struct trust *trust)
{
	X509 *middle = make("Middle", root, kind->middle, root_key, true);
	struct der chains[LEAVES][2];
	union addr server = { 0 };
	struct verify_subject subject = { "a.example", &server, true };
	double best = 1e12;

	for (unsigned i = 0; i < LEAVES; i++) {
		X509 *leaf = make("leaf", middle, kind->leaf, kind->middle, false);

		chains[i][0] = chain_der(leaf);
		chains[i][1] = chain_der(middle);
		X509_free(leaf);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct judge *judge = judge_new();
		double from, took;

		judgement_unref(judge_chain(judge, trust, chains[0], 2, &subject, 1));
		from = cpu_us();
		for (unsigned i = 1; i < LEAVES; i++) {
			struct judgement *judgement =
				judge_chain(judge, trust, chains[i], 2, &subject, 1);

			assert_int_equal(judgement->verdict, VERIFY_OK);
			judgement_unref(judgement);
		}
		took = (cpu_us() - from) / (LEAVES - 1);
		best = took < best ? took : best;
		judge_free(judge);
	}
	printf("%-40s %8.1f us\n", kind->name, best);
	for (unsigned i = 0; i < LEAVES; i++) {
		OPENSSL_free((void *)chains[i][0].bytes);
		OPENSSL_free((void *)chains[i][1].bytes);
	}
	X509_free(middle);
}

int main(int argc, char **argv)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *ec2 = EVP_EC_gen("P-256");
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *rsa2 = EVP_RSA_gen(2048);
	const struct kind kinds[] = {
		{ "P-256 leaf, P-256 issuer", ec2, ec },
		{ "P-256 leaf, RSA-2048 issuer", rsa2, ec },
		{ "RSA-2048 leaf, RSA-2048 issuer", rsa2, rsa },
	};
	X509 *root = make("Root", NULL, rsa, rsa, true);
	struct trust *trust = make_trust(root, argc > 1 ? argv[1] : NULL);

	for (unsigned i = 0; i < N_OF(kinds); i++)
		measure(&kinds[i], root, rsa, trust);
	trust_free(trust);
	X509_free(root);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ec2);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa2);
	return 0;
}
