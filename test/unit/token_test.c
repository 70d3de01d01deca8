/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "certgen/ca_token.h"
#include "cmocka_all.h"

/* Where a key in a token is named wrongly; what a token does is the lab's, with SoftHSM. */

static void refuse(const char *source, int code, const char *words)
{
	struct ca_token *token = NULL;
	struct ca_error error = { "" };
	EVP_PKEY *key = NULL;

	assert_true(ca_token_is_uri(source));
	assert_int_equal(ca_key_load(source, &key, &token, &error), code);
	assert_null(key);
	assert_null(token);
	if (!strstr(error.text, words))
		fail_msg("'%s' does not say '%s'", error.text, words);
}

static void test_uris(void **state)
{
	char long_one[1024] = "pkcs11:token=";

	(void)state;
	refuse("pkcs11:", -EINVAL, "must read");
	refuse("pkcs11:token=a;object=b", -EINVAL, "must read"); /* no module */
	refuse("pkcs11:token=a?module-path=lib.so", -EINVAL, "must read");
	refuse("pkcs11:?module-path=/lib.so", -EINVAL, "must read"); /* any key of any token */
	refuse("pkcs11:token=a%2?module-path=/lib.so", -EINVAL, "must read");
	refuse("pkcs11:token=a%zz?module-path=/lib.so", -EINVAL, "must read");
	refuse("pkcs11:token=a%00b?module-path=/lib.so", -EINVAL, "must read");
	refuse("pkcs11:token=a;slot=1?module-path=/lib.so", -EINVAL, "must read");
	refuse("pkcs11:token=a;;object=b?module-path=/lib.so", -EINVAL, "must read");
	memset(long_one + strlen(long_one), 'a', 500);
	refuse(strcat(long_one, "?module-path=/lib.so"), -EINVAL, "must read");
	refuse("pkcs11:token=a;object=b;type=private;id=%00%ff?module-path=/nowhere.so", -ENOENT,
	       "/nowhere.so");
	assert_false(ca_token_is_uri("/etc/postern/ca.key"));
	assert_false(ca_token_is_uri(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
