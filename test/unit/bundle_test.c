/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bundles: what is packed comes out again, and nothing else does. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/bundle.h"

static char folder[64];
static struct signing_key *key;
static struct signing_keys *keys; /* has the public half */
static struct bundle_error error;

static void write_file(const char *name, mode_t mode, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static void make_pair(const char *secret_file, const char *public_file)
{
	char secret[SIGNING_PEM_MAX], public[SIGNING_PEM_MAX];

	assert_int_equal(signing_make(secret, public), 0);
	write_file(secret_file, 0600, secret);
	write_file(public_file, 0644, public);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern_bundle_XXXXXX");
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	make_pair("ops", "ops.pub");
	make_pair("other", "other.pub");
	return signing_key_read("ops", &key, &error) == 0 &&
			       signing_keys_read("ops.pub", &keys, &error) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	signing_key_free(key);
	signing_keys_free(keys);
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

/* --- what is packed --- */

static const struct {
	const char *path;
	enum manifest_role role;
	const char *text;
} packed[] = {
	{ "learned.json", MANIFEST_LEARNED, "{}\n" },
	{ "fleet/policy.yaml", MANIFEST_POLICY, "quic: allow\n" },
	{ "fleet/lists/banks.list", MANIFEST_POLICY, ".bank.example\n" },
	{ "fleet/empty.list", MANIFEST_POLICY, "" },
};

static uint8_t *pack(size_t *ret_n)
{
	struct manifest manifest = { .serial = 7, .made = 8, .host = "box-1", .version = "0.1.0" };
	uint8_t *bytes;

	for (size_t i = 0; i < N_OF(packed); i++)
		assert_int_equal(manifest_add(&manifest, packed[i].path, packed[i].role,
					      packed[i].text, strlen(packed[i].text), &error),
				 0);
	assert_int_equal(bundle_write(&manifest, key, &bytes, ret_n, &error), 0);
	manifest_deinit(&manifest);
	return bytes;
}

static void test_round_trip(void **state)
{
	struct bundle bundle;
	size_t n, n_again;
	uint8_t *bytes = pack(&n), *again = pack(&n_again);

	(void)state;
	assert_int_equal(n, n_again); /* the same files make the same bundle */
	assert_memory_equal(bytes, again, n);
	assert_int_equal(bundle_read(bytes, n, keys, &bundle, &error), 0);
	assert_string_equal(bundle.signer, "ops.pub");
	assert_int_equal(bundle.manifest.serial, 7);
	assert_int_equal(bundle.manifest.made, 8);
	assert_string_equal(bundle.manifest.host, "box-1");
	assert_string_equal(bundle.manifest.version, "0.1.0");
	assert_int_equal(bundle.manifest.n, N_OF(packed));
	for (size_t i = 0; i < N_OF(packed); i++) {
		const struct manifest_file *file = bundle_find(&bundle, packed[i].path);

		assert_non_null(file);
		assert_int_equal(file->role, packed[i].role);
		assert_string_equal(manifest_role_text(file->role),
				    packed[i].role == MANIFEST_POLICY ? "policy" : "learned");
		assert_int_equal(file->size, strlen(packed[i].text));
		assert_memory_equal(file->bytes, packed[i].text, file->size);
	}
	assert_null(bundle_find(&bundle, "fleet/other.yaml"));
	bundle_deinit(&bundle);
	free(bytes);
	free(again);
}

/* Not one byte of it is free, and none can be left out or put behind. */
static void test_every_byte(void **state)
{
	struct bundle bundle;
	size_t n, n_signed;
	uint8_t *bytes = pack(&n), *longer;

	(void)state;
	assert_int_equal(bundle_read(bytes, n, keys, &bundle, &error), 0);
	n_signed = (size_t)(bundle.signature + SIGNING_SIGNATURE - bytes);
	bundle_deinit(&bundle);
	for (size_t i = 0; i < n; i++) {
		uint8_t bit = (uint8_t)(1 << i % 8);

		bytes[i] ^= bit;
		/* What follows the signature is refused whoever made it, and sooner. */
		if (bundle_read(bytes, n, i < n_signed ? keys : NULL, &bundle, &error) == 0)
			fail_msg("byte %zu, bit %x", i, bit);
		bytes[i] ^= bit;
	}
	for (size_t i = 0; i < n; i++)
		assert_true(bundle_read(bytes, i, NULL, &bundle, &error) < 0);
	longer = realloc(bytes, n + TAR_BLOCK);
	assert_non_null(longer);
	bytes = longer;
	memset(bytes + n, 0, TAR_BLOCK);
	assert_int_equal(bundle_read(bytes, n + 1, keys, &bundle, &error), -EINVAL);
	assert_int_equal(bundle_read(bytes, n + TAR_BLOCK, keys, &bundle, &error), -EINVAL);
	assert_int_equal(bundle_read(bytes, n, keys, &bundle, &error), 0);
	bundle_deinit(&bundle);
	free(bytes);
}

static void test_wrong_key(void **state)
{
	struct signing_keys *others;
	struct bundle bundle;
	size_t n;
	uint8_t *bytes = pack(&n);

	(void)state;
	assert_int_equal(signing_keys_read("other.pub", &others, &error), 0);
	assert_int_equal(bundle_read(bytes, n, others, &bundle, &error), -EKEYREJECTED);
	assert_non_null(strstr(error.text, "not signed by anybody"));
	signing_keys_free(others);
	assert_int_equal(bundle_read(bytes, n, NULL, &bundle, &error), 0);
	assert_null(bundle.signer);
	bundle_deinit(&bundle);
	free(bytes);
}

/* --- what its signer should not have signed --- */

static size_t put(uint8_t *at, const char *name, const void *bytes, size_t n)
{
	tar_header(name, n, at);
	memcpy(at + TAR_BLOCK, bytes, n);
	memset(at + TAR_BLOCK + n, 0, tar_padding(n));
	return TAR_BLOCK + n + tar_padding(n);
}

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEAD                                                                                       \
	"{\"format\":\"postern-bundle\",\"version\":1,\"serial\":1,\"made\":1,\"host\":\"h\","     \
	"\"postern\":\"0\",\"files\":["
#define FILE_OF(path, role, size)                                                                  \
	"{\"path\":\"" path "\",\"role\":\"" role "\",\"size\":" size ",\"sha256\":\"" EMPTY "\"}"

#define HEX32 "00000000000000000000000000000000"

/* A bundle of that manifest, well signed, with empty files of these names. */
static int read_signed(const char *text, const char *const *names)
{
	static uint8_t bytes[256 * 1024];
	uint8_t signature[SIGNING_SIGNATURE];
	struct bundle bundle;
	size_t n = put(bytes, "manifest.json", text, strlen(text));
	int r;

	assert_int_equal(signing_sign(key, text, strlen(text), signature), 0);
	n += put(bytes + n, "manifest.sig", signature, sizeof(signature));
	for (; names && *names; names++)
		n += put(bytes + n, *names, "", 0);
	memset(bytes + n, 0, TAR_END);
	r = bundle_read(bytes, n + TAR_END, keys, &bundle, &error);
	if (r == 0)
		bundle_deinit(&bundle);
	return r;
}

static void test_manifests(void **state)
{
	static const char *const one[] = { "fleet/a", NULL };
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		"null",
		"{\"format\":1}",
		HEAD,
		HEAD "]",
		HEAD "]} ]",
		HEAD "1]}",
		HEAD "{}]}",
		HEAD "],\"more\":1}",
		HEAD FILE_OF("fleet/a", "policy", "1") "]}", /* the file is empty */
		HEAD FILE_OF("fleet/b", "policy", "0") "]}", /* it is a */
		HEAD FILE_OF("fleet/a", "policy", "-1") "]}",
		HEAD FILE_OF("fleet/a", "policy", "9223372036854775807") "]}",
		HEAD FILE_OF("fleet/a", "policy", "\\\"0\\\"") "]}",
		HEAD FILE_OF("fleet/a", "script", "0") "]}",
		HEAD FILE_OF("fleet/a", "learned", "0") "]}",
		HEAD FILE_OF("a", "policy", "0") "]}",
		HEAD FILE_OF("fleet/.a", "policy", "0") "]}",
		HEAD "{\"path\":\"fleet/a\",\"role\":\"policy\",\"size\":0,\"sha256\":\"00\"}]}",
		HEAD "{\"path\":\"fleet/a\",\"role\":\"policy\",\"size\":0,\"sha256\":\"" HEX32
		     "000000000000000000000000000000G0\"}]}",
		HEAD FILE_OF("fleet/a", "policy", "0") "," FILE_OF("fleet/a", "policy", "0") "]}",
		HEAD FILE_OF("fleet/b", "policy", "0") "," FILE_OF("fleet/a", "policy", "0") "]}",
		"{\"format\":\"postern-bundle\",\"version\":1,\"serial\":-1,\"made\":1,"
		"\"host\":\"h\",\"postern\":\"0\",\"files\":[]}",
		"{\"format\":\"postern-bundle\",\"version\":1,\"serial\":1,\"made\":1,"
		"\"host\":\"h\\u001b[2J\",\"postern\":\"0\",\"files\":[]}",
		"{\"format\":\"postern-bundle\",\"version\":1,\"serial\":1,\"serial\":2,\"made\":1,"
		"\"host\":\"h\",\"postern\":\"0\",\"files\":[]}",
		"{\"format\":\"other\",\"version\":1,\"serial\":1,\"made\":1,"
		"\"host\":\"h\",\"postern\":\"0\",\"files\":[]}",
	};

	(void)state;
	assert_int_equal(read_signed(HEAD FILE_OF("fleet/a", "policy", "0") "]}", one), 0);
	assert_int_equal(read_signed(HEAD "]}", NULL), 0);
	for (size_t i = 0; i < N_OF(wrong); i++)
		if (read_signed(wrong[i], one) != -EINVAL)
			fail_msg("%s", wrong[i]);
	/* Of a version that may have anything beside its number. */
	assert_int_equal(read_signed("{\"format\":\"postern-bundle\",\"version\":2,\"x\":[]}", one),
			 -EPROTO);
	assert_non_null(strstr(error.text, "format 2"));
}

static void test_paths(void **state)
{
	static const char *const wrong[] = {
		"",           "/etc/passwd",
		"fleet//a",   "fleet/",
		"../a",       "fleet/../a",
		"./a",        "fleet/.",
		"fleet/.git", "fleet/a b",
		"fleet/a\n",  "fleet/\xc3\xa9",
		"fleet/a\\b", "fleet/1/2/3/4/5/6/7/8/9/10",
	};
	char path[TAR_NAME_MAX + 2] = "";
	static const char *const right[] = { "fleet/a", "fleet/0a1b2c3d.0", "fleet/a+b@c=d,e_-.x" };

	(void)state;
	for (size_t i = 0; i < N_OF(wrong); i++)
		if (!manifest_path_problem(wrong[i]))
			fail_msg("%s", wrong[i]);
	memset(path, 'x', TAR_NAME_MAX);
	assert_null(manifest_path_problem(path));
	path[TAR_NAME_MAX] = 'x';
	assert_non_null(manifest_path_problem(path));
	for (size_t i = 0; i < N_OF(right); i++)
		assert_null(manifest_path_problem(right[i]));
}

static void test_limits(void **state)
{
	struct manifest manifest = { .host = "h", .version = "0" };
	char path[32], *text;
	uint8_t *bytes;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < MANIFEST_FILES_MAX; i++) {
		snprintf(path, sizeof(path), "fleet/%u", i);
		assert_int_equal(manifest_add(&manifest, path, MANIFEST_POLICY, "", 0, &error), 0);
	}
	assert_true(manifest_add(&manifest, "fleet/x", MANIFEST_POLICY, "", 0, &error) < 0);
	assert_int_equal(bundle_write(&manifest, key, &bytes, &n, &error), 0);
	assert_true(n < BUNDLE_SIZE_MAX);
	free(bytes);
	manifest.files[0].size = MANIFEST_SIZE_MAX - 1;
	manifest.files[1].size = 2;
	assert_int_equal(manifest_write(&manifest, &text, &n, &error), -EINVAL);
	manifest.files[1].size = UINT64_MAX;
	assert_int_equal(manifest_write(&manifest, &text, &n, &error), -EINVAL);
	manifest.files[1].size = 0;
	manifest.files[1].role = MANIFEST_N_ROLES;
	assert_int_equal(manifest_write(&manifest, &text, &n, &error), -EINVAL);
	manifest_deinit(&manifest);
	assert_int_equal(manifest_add(&manifest, "../x", MANIFEST_POLICY, "", 0, &error), -EINVAL);
}

/* --- keys --- */

static void test_secrets_stay(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	X509 *x509 = X509_new();
	PKCS12 *store = PKCS12_create("x", "x", pkey, NULL, NULL, 0, 0, 1, 1, 0);
	X509_SIG *encrypted = PKCS8_encrypt(-1, EVP_aes_256_cbc(), "x", 1, NULL, 0, 1000, info);
	struct manifest manifest = { .host = "h", .version = "0" };
	uint8_t *der[4] = { NULL }, *bytes;
	int lengths[4] = { i2d_PrivateKey(pkey, &der[0]), i2d_PKCS8_PRIV_KEY_INFO(info, &der[1]),
			   i2d_PKCS12(store, &der[2]), i2d_X509_SIG(encrypted, &der[3]) };
	char pem[] = "# a list\n-----BEGIN EC PRIVATE KEY-----\n";
	size_t n;

	(void)state;
	for (unsigned i = 0; i < N_OF(der); i++) {
		assert_true(lengths[i] > 0);
		if (!signing_is_secret(der[i], (size_t)lengths[i]))
			fail_msg("%u", i);
		OPENSSL_free(der[i]);
	}
	assert_true(signing_is_secret(pem, strlen(pem)));
	assert_false(signing_is_secret("", 0));
	assert_false(signing_is_secret("0a.example\n", 11));
	assert_false(signing_is_secret("-----BEGIN PUBLIC KEY-----\n", 27));
	assert_int_equal(
		manifest_add(&manifest, "fleet/a", MANIFEST_POLICY, pem, strlen(pem), &error), 0);
	assert_int_equal(bundle_write(&manifest, key, &bytes, &n, &error), -EINVAL);
	assert_string_equal(error.text, "fleet/a: a private key, which may not be in a bundle");
	manifest_deinit(&manifest);
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(info);
	PKCS12_free(store);
	X509_SIG_free(encrypted);
	X509_free(x509);
}

static void check_keys(const char *path, int code, const char *expected)
{
	struct signing_keys *read = NULL;

	assert_int_equal(signing_keys_read(path, &read, &error), code);
	if (!strstr(error.text, expected))
		fail_msg("'%s' is not in '%s'", expected, error.text);
}

static void test_keys(void **state)
{
	uint8_t signature[SIGNING_SIGNATURE];
	struct signing_keys *both;
	struct signing_key *other;

	(void)state;
	assert_int_equal(mkdir("keys", 0755), 0);
	assert_int_equal(rename("ops.pub", "keys/ops.pub"), 0);
	assert_int_equal(rename("other.pub", "keys/other.pub"), 0);
	write_file("keys/README", 0644, "no key");
	assert_int_equal(signing_keys_read("keys", &both, &error), 0);
	assert_int_equal(signing_key_read("other", &other, &error), 0);
	assert_int_equal(signing_sign(other, "x", 1, signature), 0);
	assert_string_equal(signing_verify(both, "x", 1, signature), "keys/other.pub");
	assert_null(signing_verify(both, "y", 1, signature));
	assert_null(signing_verify(keys, "x", 1, signature));
	signing_keys_free(both);
	signing_key_free(other);
	assert_int_equal(chmod("keys", 0777), 0);
	check_keys("keys", -EACCES, "keys: mode 0777: group and others must not be able to write");
	check_keys("none", -ENOENT, "none: No such file");
	check_keys("keys/README", -EINVAL, "no public key");
	check_keys("ops", -EINVAL, "something else than public keys");
	assert_int_equal(chmod("keys/ops.pub", 0664), 0);
	check_keys("keys/ops.pub", -EACCES, "must not be able to write it");
	assert_int_equal(chmod("other", 0640), 0);
	assert_int_equal(signing_key_read("other", &other, &error), -EACCES);
	assert_int_equal(signing_key_read("keys", &other, &error), -EINVAL);
	assert_int_equal(signing_key_read("none", &other, &error), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		TEST(test_round_trip),   TEST(test_every_byte), TEST(test_wrong_key),
		TEST(test_manifests),    TEST(test_paths),      TEST(test_limits),
		TEST(test_secrets_stay), TEST(test_keys),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
