/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loading what chains are judged by. A file that is replaced in place can be seen half written:
 * whoever refreshes keeps the old trust as long as the new one cannot be loaded.
 */
#include "tls/trust.h"

#include <dirent.h>
#include <errno.h>
#include <libpsl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

/* --- files --- */

static void mix(uint64_t *stamp, const void *bytes, size_t n)
{
	uint64_t both[2] = { *stamp, hash_bytes(bytes, n) };

	*stamp = hash_bytes(both, sizeof(both));
}

static void stamp_file(uint64_t *stamp, const char *path)
{
	struct stat st = { 0 };
	int64_t facts[5];

	(void)stat(path, &st);
	facts[0] = (int64_t)st.st_ino;
	facts[1] = st.st_size;
	facts[2] = st.st_mtim.tv_sec;
	facts[3] = st.st_mtim.tv_nsec;
	facts[4] = st.st_ctim.tv_nsec;
	mix(stamp, path, strlen(path));
	mix(stamp, facts, sizeof(facts));
}

static int is_plain(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Calls `take` for the file, or for each of the folder, in the order of their names. */
static int each_file(const char *path, void (*take)(void *context, const char *file), void *context)
{
	struct dirent **entries;
	char file[PATH_MAX];
	struct stat st;
	int n;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		take(context, path);
		return 0;
	}
	n = scandir(path, &entries, is_plain, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name) <
		    (int)sizeof(file))
			take(context, file);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static void add_to_stamp(void *stamp, const char *file)
{
	stamp_file(stamp, file);
}

static uint64_t stamp_of(const struct trust_sources *sources)
{
	uint64_t stamp = 0;

	for (unsigned i = 0; i < TRUST_OWN_MAX && sources->own[i]; i++)
		stamp_file(&stamp, sources->own[i]);
	(void)each_file(sources->store, add_to_stamp, &stamp);
	if (sources->crls)
		(void)each_file(sources->crls, add_to_stamp, &stamp);
	return stamp;
}

/* --- what is in them --- */

/* Whoever may write there says which servers are genuine. */
static void look_for_writers(void *ret_is_open, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		*(bool *)ret_is_open = true;
}

static int load_store(struct trust *trust)
{
	const char *path = trust->sources.store;
	bool is_open = false;
	struct stat st;

	trust->store = X509_STORE_new();
	if (!trust->store)
		return -ENOMEM;
	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return -errno;
	look_for_writers(&is_open, path);
	(void)each_file(path, look_for_writers, &is_open);
	if (is_open)
		return -EPERM;
	if (S_ISDIR(st.st_mode))
		return X509_STORE_load_path(trust->store, path) ? 0 : -EINVAL;
	return X509_STORE_load_file_ex(trust->store, path, trust->context.library, NULL) ? 0
											 : -EINVAL;
}

/* The CA itself is the first of the file; those above it may be trusted like any other. */
static int load_own(const char *path, X509 **ret_own)
{
	BIO *file = BIO_new_file(path, "r");

	if (!file)
		return access(path, F_OK) < 0 ? -errno : -EACCES;
	*ret_own = PEM_read_bio_X509(file, NULL, NULL, NULL);
	BIO_free(file);
	return *ret_own ? 0 : -EINVAL;
}

static void add_crl(struct trust *trust, X509_CRL *crl)
{
	const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
	time_t now = time(NULL), until;
	int days, seconds;

	(void)X509_STORE_add_crl(trust->store, crl);
	if (!end || !ASN1_TIME_diff(&days, &seconds, NULL, end))
		return;
	until = now + (time_t)days * 86400 + seconds;
	if (until > now && (trust->until == 0 || until < trust->until))
		trust->until = until;
}

static void read_crls(void *context, const char *path)
{
	BIO *file = BIO_new_file(path, "rb");
	unsigned n = 0;
	X509_CRL *crl;

	while (file && (crl = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL))) {
		add_crl(context, crl);
		X509_CRL_free(crl);
		n++;
	}
	if (file && n == 0 && BIO_reset(file) == 0 && (crl = d2i_X509_CRL_bio(file, NULL))) {
		add_crl(context, crl);
		X509_CRL_free(crl);
		n++;
	}
	if (n == 0)
		log_warning("upstream.crls: %s: no list of revoked certificates in it", path);
	BIO_free(file);
}

static int load_crls(struct trust *trust)
{
	int r;

	if (!trust->sources.crls)
		return 0;
	trust->has_crls = true;
	r = each_file(trust->sources.crls, read_crls, trust);
	if (r == 0 && access(trust->sources.crls, R_OK) < 0)
		r = -errno;
	return r;
}

/* --- all of it --- */

/* Of a path that may be missing. */
static bool copy(const char *path, const char **ret_copy)
{
	if (!path || !*path)
		return true;
	*ret_copy = strdup(path);
	return *ret_copy;
}

static bool copy_sources(struct trust *trust, const struct trust_sources *sources)
{
	bool is_copied = copy(sources->store, &trust->sources.store) &&
			 copy(sources->crls, &trust->sources.crls);
	unsigned n = 0;

	for (unsigned i = 0; is_copied && i < TRUST_OWN_MAX; i++) {
		is_copied = copy(sources->own[i], &trust->sources.own[n]);
		n += trust->sources.own[n] != NULL;
	}
	return is_copied && trust->sources.store;
}

static int load(struct trust *trust, const char **ret_path)
{
	int r = load_store(trust);
	unsigned n = 0;

	*ret_path = trust->sources.store;
	for (unsigned i = 0; r == 0 && i < TRUST_OWN_MAX && trust->sources.own[i]; i++) {
		*ret_path = trust->sources.own[i];
		r = load_own(*ret_path, &trust->own[n]);
		n += r == 0;
		if (r == -EACCES) /* certgen, who can, refuses to forge what that CA made */
			log_warning("%s: cannot be read, so servers under this CA of our own are "
				    "refused late",
				    *ret_path);
		r = r == -ENOENT || r == -EACCES ? 0 : r; /* not yet there, or not any more */
	}
	if (r == 0 && trust->sources.crls) {
		*ret_path = trust->sources.crls;
		r = load_crls(trust);
	}
	if (r < 0)
		return r;
	trust->suffixes = psl_latest(NULL);
	*ret_path = "the list of public suffixes";
	return trust->suffixes ? 0 : -ENODATA;
}

int trust_load(const struct trust_sources *sources, struct trust **ret_trust,
	       char ret_path[TRUST_PATH_SIZE])
{
	struct trust *trust = calloc(1, sizeof(*trust));
	const char *path = "";
	int r;

	if (!trust)
		return -ENOMEM;
	atomic_init(&trust->n_refs, 1);
	trust->stamp = stamp_of(sources);
	x509_context_init(&trust->context);
	r = copy_sources(trust, sources) ? load(trust, &path) : -ENOMEM;
	if (r == 0 && RAND_bytes((uint8_t *)&trust->serial, sizeof(trust->serial)) != 1)
		r = -EIO;
	if (r == 0) {
		*ret_trust = trust;
		return 0;
	}
	if (ret_path)
		snprintf(ret_path, TRUST_PATH_SIZE, "%s", path);
	trust_free(trust);
	return r;
}

const char *trust_problem(int r)
{
	switch (r) {
	case -EINVAL:
		return "no certificates in it";
	case -EPERM:
		return "others than its owner may write to it, or to a file in it";
	default:
		return strerror(-r);
	}
}

struct trust *trust_ref(struct trust *trust)
{
	atomic_fetch_add(&trust->n_refs, 1);
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust || atomic_fetch_sub(&trust->n_refs, 1) > 1)
		return;
	X509_STORE_free(trust->store);
	for (unsigned i = 0; i < TRUST_OWN_MAX; i++) {
		X509_free(trust->own[i]);
		free((void *)trust->sources.own[i]);
	}
	x509_context_deinit(&trust->context);
	psl_free(trust->suffixes);
	free((void *)trust->sources.store);
	free((void *)trust->sources.crls);
	free(trust);
}

uint64_t trust_serial(const struct trust *trust)
{
	return trust->serial;
}

bool trust_is_stale(const struct trust *trust)
{
	return (trust->until > 0 && time(NULL) >= trust->until) ||
	       stamp_of(&trust->sources) != trust->stamp;
}

OSSL_LIB_CTX *trust_context(const struct trust *trust)
{
	return trust->context.library;
}

/* Whether a wildcard below this would stand for what belongs to many (RFC 6125 section 7.2). */
bool trust_is_public_suffix(const struct trust *trust, const char *domain)
{
	char lower[CERTIFICATE_SAN_SIZE];
	size_t n = strlen(domain);

	if (n >= sizeof(lower))
		return false;
	for (size_t i = 0; i <= n; i++)
		lower[i] =
			(char)(domain[i] >= 'A' && domain[i] <= 'Z' ? domain[i] | 0x20 : domain[i]);
	/* The private part of the list (github.io) is of those who hold such certificates. */
	return psl_is_public_suffix2(trust->suffixes, lower, PSL_TYPE_ICANN) != 0;
}
