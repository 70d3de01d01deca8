/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "certgen/leaf.h"
#include "certgen/record.h"
#include "cmocka_all.h"

/* What stands in a certificate is somebody else's: each line is JSON all the same. */

static struct ca ca;
static struct forge_order order = { .ca = &ca, .host = "host\"\\\n\xff.example" };
static union addr client;

static struct forge_leaf make_leaf(unsigned n_names)
{
	static const uint8_t hostile[] = "a\"b\\c\nd\0e\xff\x7f";
	X509 *x509 = X509_new();
	EVP_PKEY *key = EVP_EC_gen("prime256v1");
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct forge_leaf leaf = { 0 };

	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", V_ASN1_T61STRING, hostile,
				   sizeof(hostile) - 1, -1, 0);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 0x0a0b0c);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 60);
	X509_set_pubkey(x509, key);
	for (unsigned i = 0; i < n_names; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		ASN1_STRING_set(text, hostile, sizeof(hostile) - 1);
		GENERAL_NAME_set0_value(name, i % 2 ? GEN_DNS : GEN_URI, text);
		sk_GENERAL_NAME_push(names, name);
	}
	X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0);
	X509_sign(x509, key, EVP_sha256());
	int n = i2d_X509(x509, &leaf.der);

	assert_true(n > 0);
	leaf.length = (size_t)n;
	leaf.parts = leaf_parse(leaf.der, leaf.length);
	assert_non_null(leaf.parts);
	GENERAL_NAMES_free(names);
	EVP_PKEY_free(key);
	X509_free(x509);
	return leaf;
}

static json_t *written(int fd, off_t from)
{
	static char text[128 * 1024];
	ssize_t n = pread(fd, text, sizeof(text), from);
	json_error_t error;

	assert_true(n > 0 && text[n - 1] == '\n');
	assert_null(memchr(text, '\n', (size_t)n - 1));
	json_t *json = json_loadb(text, (size_t)n, 0, &error);

	if (!json)
		fail_msg("%s: %.*s", error.text, (int)n, text);
	return json;
}

static void test_hostile_names(void **state)
{
	static const unsigned counts[] = { 1, 100, 5000 };

	(void)state;
	for (size_t i = 0; i < N_OF(counts); i++) {
		struct forge_leaf leaf = make_leaf(counts[i]);
		struct record record = { .is_wanted = true, .fd = memfd_create("record", 0) };
		const struct record_use use = { .order = &order, .client = &client, .leaf = &leaf };

		assert_int_equal(record_write(&record, &use), 0);
		json_t *event = written(record.fd, 0), *issued = json_object_get(event, "issued");

		assert_string_equal(json_string_value(json_object_get(issued, "serial")), "0A0B0C");
		assert_int_equal(json_is_true(json_object_get(issued, "san_cut")), counts[i] > 100);
		assert_true(counts[i] > 100 ||
			    json_array_size(json_object_get(issued, "san")) == counts[i]);
		json_decref(event);
		record_set(&record, -1);
		forge_leaf_deinit(&leaf);
	}
}

static void test_failures(void **state)
{
	struct record record = { .is_wanted = true, .fd = -1 };
	const struct record_use use = { .order = &order, .client = &client };

	(void)state;
	assert_int_equal(record_write(&record, &use), -EBADF);
	assert_int_equal(record.error, EBADF);
	record_set(&record, open("/dev/full", O_WRONLY | O_CLOEXEC));
	assert_int_equal(record_write(&record, &use), -ENOSPC);
	record_set(&record, memfd_create("record", 0));
	assert_int_equal(record_write(&record, &use), 0);
	assert_int_equal(record.error, 0);
	json_t *event = written(record.fd, 0);

	assert_string_equal(json_string_value(json_object_get(event, "outcome")), "failed");
	json_decref(event);
	record_set(&record, -1);
	record.is_wanted = false;
	assert_int_equal(record_write(&record, &use), 0);
}

static int set_up(void **state)
{
	(void)state;
	ca.key_id = ASN1_OCTET_STRING_new();
	return addr_parse("192.0.2.1", 0, &client) &&
			       ASN1_OCTET_STRING_set(ca.key_id, (const uint8_t *)"\x01\xff", 2) == 1
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	(void)state;
	ASN1_OCTET_STRING_free(ca.key_id);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
