/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/judge.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tls/ocsp.h"
#include "tls/shelf.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum { DIGEST = 32 };

struct remembered {
	UT_hash_handle hh;
	uint8_t key[DIGEST];
	uint64_t until; /* ms */
	struct judgement *judgement;
};

struct judge {
	struct remembered *all; /* in the order of use */
	struct shelf *shelf;
	EVP_MD_CTX *digest;
	EVP_MD *sha256;
};

struct judge *judge_new(void)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->digest = EVP_MD_CTX_new();
	judge->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	judge->shelf = shelf_new();
	if (!judge->digest || !judge->sha256 || !judge->shelf) {
		judge_free(judge);
		return NULL;
	}
	return judge;
}

static void forget(struct judge *judge, struct remembered *remembered)
{
	HASH_DEL(judge->all, remembered);
	judgement_unref(remembered->judgement);
	free(remembered);
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	while (judge->all)
		forget(judge, judge->all);
	shelf_free(judge->shelf);
	EVP_MD_CTX_free(judge->digest);
	EVP_MD_free(judge->sha256);
	free(judge);
}

void judgement_unref(struct judgement *judgement)
{
	if (!judgement || --judgement->n_refs > 0)
		return;
	free((void *)judgement->der.bytes);
	for (unsigned i = 0; i < judgement->n_path; i++) {
		if (i > 0)
			OPENSSL_free((void *)judgement->path[i].bytes);
		free(judgement->questions[i]);
	}
	free(judgement->issuer_url);
	free(judgement);
}

/* --- the key --- */

static bool add(EVP_MD_CTX *digest, const void *bytes, size_t n)
{
	uint64_t length = n;

	return EVP_DigestUpdate(digest, &length, sizeof(length)) &&
	       EVP_DigestUpdate(digest, bytes, n);
}

static bool make_key(struct judge *judge, struct trust *trust, const struct der *chain, unsigned n,
		     const struct verify_subject *subject, uint8_t key[DIGEST])
{
	uint64_t serial = trust_serial(trust);
	size_t n_address;
	const uint8_t *address = addr_bytes(subject->server, &n_address);
	const char *host = subject->host;
	bool is_made = EVP_DigestInit_ex(judge->digest, judge->sha256, NULL) &&
		       add(judge->digest, &serial, sizeof(serial)) &&
		       add(judge->digest, &subject->must_sign, sizeof(subject->must_sign)) &&
		       add(judge->digest, host, strlen(host)) &&
		       (host[0] != '\0' || add(judge->digest, address, n_address));

	for (unsigned i = 0; is_made && i < n; i++)
		is_made = add(judge->digest, chain[i].bytes, chain[i].n);
	return is_made && EVP_DigestFinal_ex(judge->digest, key, NULL);
}

/* --- judging --- */

static bool keep_leaf(struct judgement *judgement, const struct der *chain, unsigned n)
{
	uint8_t *bytes = n > 0 ? malloc(chain[0].n + 1) : NULL;

	if (n == 0)
		return true;
	if (!bytes)
		return false;
	memcpy(bytes, chain[0].bytes, chain[0].n);
	judgement->der = (struct der){ .bytes = bytes, .n = chain[0].n };
	return true;
}

static STACK_OF(X509) *
	others_of(struct judge *judge, struct trust *trust, const struct der *chain, unsigned n)
{
	STACK_OF(X509) *others = sk_X509_new_null();

	for (unsigned i = 1; others && i < n && i < VERIFY_CHAIN_MAX; i++)
		x509_push(others, shelf_get(judge->shelf, trust, chain[i]));
	return others;
}

/* Takes it over; NULL: there is none. */
static void keep_path(struct judgement *judgement, STACK_OF(X509) * path)
{
	int n = sk_X509_num(path);

	for (int i = 0; i < n && i < JUDGE_PATH_MAX; i++) {
		uint8_t *bytes = NULL;
		int size = i > 0 ? i2d_X509(sk_X509_value(path, i), &bytes) : 0;

		if (size < 0)
			break;
		judgement->path[judgement->n_path++] =
			i > 0 ? (struct der){ .bytes = bytes, .n = (size_t)size } : judgement->der;
	}
	judgement->is_path_cut = (int)judgement->n_path < n;
	sk_X509_pop_free(path, X509_free);
}

const struct ocsp_question *judgement_question(struct judgement *judgement, unsigned certificate)
{
	const struct der *of = &judgement->path[certificate];
	struct ocsp_question *question;

	if (certificate + 1 >= judgement->n_path)
		return NULL;
	if (judgement->questions[certificate])
		return judgement->questions[certificate];
	question = calloc(1, sizeof(*question));
	if (!question || ocsp_ask(of[0], of[1], question) < 0) {
		free(question);
		return NULL;
	}
	return judgement->questions[certificate] = question;
}

/* *ret_life: ms that it is good for. */
static struct judgement *judgement_new(struct judge *judge, struct trust *trust,
				       const struct der *chain, unsigned n,
				       const struct verify_subject *subject, uint64_t *ret_life)
{
	struct judgement *judgement = calloc(1, sizeof(*judgement));
	struct verify_path path = { 0 };
	X509 *leaf;
	STACK_OF(X509) * others;

	if (!judgement)
		return NULL;
	judgement->n_refs = 1;
	if (!keep_leaf(judgement, chain, n)) {
		free(judgement);
		return NULL;
	}
	leaf = n > 0 ? x509_parse(trust_context(trust), chain[0]) : NULL;
	others = others_of(judge, trust, chain, n);
	judgement->verdict = verify_x509(trust, leaf, others, subject, &path, judgement->detail);
	judgement->is_read = leaf && certificate_read(chain[0], &judgement->leaf) == 0;
	keep_path(judgement, path.chain);
	if (path.last)
		judgement->issuer_url = x509_issuer_url(path.last);
	X509_free(path.last);
	sk_X509_pop_free(others, X509_free);
	X509_free(leaf);
	if (judgement->verdict != VERIFY_OK)
		*ret_life = JUDGE_LIFE_BAD_MS;
	else
		*ret_life = path.left < JUDGE_LIFE_MS / 1000 ? 0 : JUDGE_LIFE_MS;
	return judgement;
}

static void remember(struct judge *judge, const uint8_t key[DIGEST], struct judgement *judgement)
{
	struct remembered *remembered;

	if (HASH_COUNT(judge->all) >= JUDGE_MAX)
		forget(judge, judge->all);
	remembered = calloc(1, sizeof(*remembered));
	if (!remembered)
		return;
	memcpy(remembered->key, key, DIGEST);
	remembered->until = judgement->until;
	HASH_ADD(hh, judge->all, key, DIGEST, remembered);
	if (!remembered->hh.tbl) {
		free(remembered); /* uthash could not grow */
		return;
	}
	remembered->judgement = judgement;
	judgement->n_refs++;
}

/* Counted; NULL: it is not known, or not any more. */
static struct judgement *recall(struct judge *judge, const uint8_t key[DIGEST], uint64_t now)
{
	struct judgement *judgement;
	struct remembered *found;

	HASH_FIND(hh, judge->all, key, DIGEST, found);
	if (!found)
		return NULL;
	if (now >= found->until) {
		forget(judge, found);
		return NULL;
	}
	judgement = found->judgement;
	judgement->n_refs++;
	HASH_DEL(judge->all, found);
	HASH_ADD(hh, judge->all, key, DIGEST, found);
	if (!found->hh.tbl) { /* uthash could not grow */
		judgement_unref(judgement);
		free(found);
	}
	return judgement;
}

struct judgement *judge_chain(struct judge *judge, struct trust *trust, const struct der *chain,
			      unsigned n, const struct verify_subject *subject, uint64_t now)
{
	uint8_t key[DIGEST];
	bool has_key = make_key(judge, trust, chain, n, subject, key);
	struct judgement *judgement = has_key ? recall(judge, key, now) : NULL;
	uint64_t life = 0;

	if (judgement)
		return judgement;
	judgement = judgement_new(judge, trust, chain, n, subject, &life);
	if (judgement && life > 0) {
		judgement->until = now + life;
		if (has_key)
			remember(judge, key, judgement);
	}
	return judgement;
}
