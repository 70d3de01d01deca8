/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca_token.h"

#include <errno.h>
#include <fcntl.h>
#include <libp11.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_SIZE = 256 };

#define SCHEME "pkcs11:"

struct ca_token {
	PKCS11_CTX *context;
	bool is_loaded;
	PKCS11_SLOT *slots;
	unsigned n_slots;
};

struct uri {
	char token[VALUE_SIZE], object[VALUE_SIZE], id[VALUE_SIZE]; /* "": any */
	size_t id_length;
	char module[VALUE_SIZE], pin_source[VALUE_SIZE];
};

bool ca_token_is_uri(const char *source)
{
	return strncmp(source, SCHEME, strlen(SCHEME)) == 0;
}

/* --- the URI --- */

static int hex_of(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* False: too long, or a percent sign without its two digits. */
static bool decode(const char *text, size_t n, char value[VALUE_SIZE], size_t *ret_length)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_of(text[i + 1]) : -1;
			int low = n - i > 2 ? hex_of(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (length == VALUE_SIZE - 1)
			return false;
		value[length++] = c;
	}
	value[length] = '\0';
	*ret_length = length;
	return true;
}

/* "name=value", up to the next separator. */
static bool read_attribute(const char *text, size_t n, struct uri *uri)
{
	const struct {
		const char *name;
		char *value;
		size_t *length;
	} known[] = {
		{ "token=", uri->token, NULL },           { "object=", uri->object, NULL },
		{ "id=", uri->id, &uri->id_length },      { "module-path=", uri->module, NULL },
		{ "pin-source=", uri->pin_source, NULL },
	};
	size_t length;

	if (n == strlen("type=private") && strncmp(text, "type=private", n) == 0)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t name = strlen(known[i].name);

		if (n <= name || strncmp(text, known[i].name, name) != 0)
			continue;
		if (!decode(text + name, n - name, known[i].value, &length))
			return false;
		if (known[i].length)
			*known[i].length = length;
		return known[i].length || strlen(known[i].value) == length;
	}
	return false;
}

static bool read_uri(const char *text, struct uri *uri)
{
	memset(uri, 0, sizeof(*uri));
	for (text += strlen(SCHEME); *text != '\0';) {
		size_t n = strcspn(text, ";?&");

		if (!read_attribute(text, n, uri))
			return false;
		text += n;
		text += *text != '\0';
	}
	return uri->module[0] == '/' && (uri->token[0] != '\0' || uri->object[0] != '\0');
}

/* --- the token --- */

static int read_pin(const struct uri *uri, char pin[VALUE_SIZE], struct ca_error *error)
{
	const char *path = uri->pin_source;
	struct stat st;

	if (strncmp(path, "file:", 5) == 0)
		path += 5;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return ca_fail(error, -errno, "%s: %s", path, strerror(errno));
	bool is_secret = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0;
	ssize_t n = is_secret ? read(fd, pin, VALUE_SIZE - 1) : -1;

	close(fd);
	if (!is_secret)
		return ca_fail(error, -EACCES,
			       "%s: must be a file that is not accessible by group or others",
			       path);
	if (n < 0)
		return ca_fail(error, -EIO, "%s: cannot be read", path);
	pin[n] = '\0';
	pin[strcspn(pin, "\r\n")] = '\0';
	return 0;
}

static const char *crypto_text(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown error";
}

static PKCS11_SLOT *find_slot(struct ca_token *token, const struct uri *uri)
{
	PKCS11_SLOT *slot = NULL;

	while ((slot = PKCS11_find_next_token(token->context, token->slots, token->n_slots,
					      slot))) {
		if (slot->token->initialized &&
		    (uri->token[0] == '\0' || strcmp(slot->token->label, uri->token) == 0))
			return slot;
	}
	return NULL;
}

static EVP_PKEY *find_key(PKCS11_SLOT *slot, const struct uri *uri)
{
	PKCS11_KEY *keys = NULL;
	unsigned n = 0;

	if (PKCS11_enumerate_keys(slot->token, &keys, &n) < 0)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		bool is_named = uri->object[0] == '\0' ||
				(keys[i].label && strcmp(keys[i].label, uri->object) == 0);
		bool is_numbered =
			uri->id_length == 0 || (keys[i].id_len == uri->id_length &&
						memcmp(keys[i].id, uri->id, uri->id_length) == 0);

		if (is_named && is_numbered)
			return PKCS11_get_private_key(&keys[i]);
	}
	return NULL;
}

static int open_token(struct ca_token *token, const struct uri *uri, EVP_PKEY **ret_key,
		      struct ca_error *error)
{
	char pin[VALUE_SIZE];
	PKCS11_SLOT *slot;

	token->context = PKCS11_CTX_new();
	if (!token->context)
		return ca_fail(error, -ENOMEM, "%s: out of memory", uri->module);
	token->is_loaded = PKCS11_CTX_load(token->context, uri->module) == 0;
	if (!token->is_loaded)
		return ca_fail(error, -ENOENT, "%s: %s", uri->module, crypto_text());
	if (PKCS11_enumerate_slots(token->context, &token->slots, &token->n_slots) < 0)
		return ca_fail(error, -EIO, "%s: %s", uri->module, crypto_text());
	slot = find_slot(token, uri);
	if (!slot)
		return ca_fail(error, -ENOENT, "ca.key: no token '%s'", uri->token);
	if (uri->pin_source[0] != '\0') {
		int r = read_pin(uri, pin, error);

		if (r < 0)
			return r;
		r = PKCS11_login(slot, 0, pin);
		OPENSSL_cleanse(pin, sizeof(pin));
		if (r < 0)
			return ca_fail(error, -EACCES, "ca.key: token '%s': %s", slot->token->label,
				       crypto_text());
	}
	*ret_key = find_key(slot, uri);
	return *ret_key ? 0
			: ca_fail(error, -ENOENT, "ca.key: no key '%s' in the token '%s'",
				  uri->object, slot->token->label);
}

int ca_key_load(const char *source, EVP_PKEY **ret_key, struct ca_token **ret_token,
		struct ca_error *ret_error)
{
	struct uri uri;

	if (!ca_token_is_uri(source)) {
		*ret_token = NULL;
		return ca_file_key(source, ret_key, ret_error);
	}
	if (!read_uri(source, &uri))
		return ca_fail(ret_error, -EINVAL,
			       "%s: must read pkcs11:token=...;object=...?module-path=/...&"
			       "pin-source=/...",
			       source);
	struct ca_token *token = calloc(1, sizeof(*token));
	int r = token ? open_token(token, &uri, ret_key, ret_error)
		      : ca_fail(ret_error, -ENOMEM, "ca.key: out of memory");

	ERR_clear_error();
	if (r < 0)
		ca_token_free(token);
	else
		*ret_token = token;
	return r;
}

bool ca_key_is_of(EVP_PKEY *key, X509 *certificate)
{
	static const uint8_t text[] = "postern";
	EVP_PKEY *public = X509_get0_pubkey(certificate);
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t n = sizeof(signature);
	bool is_ok = public && sign && verify &&
		     EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, key) == 1 &&
		     EVP_DigestSign(sign, signature, &n, text, sizeof(text)) == 1 &&
		     EVP_DigestVerifyInit(verify, NULL, EVP_sha256(), NULL, public) == 1 &&
		     EVP_DigestVerify(verify, signature, n, text, sizeof(text)) == 1;

	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	ERR_clear_error();
	return is_ok;
}

void ca_token_free(struct ca_token *token)
{
	if (!token)
		return;
	if (token->slots)
		PKCS11_release_all_slots(token->context, token->slots, token->n_slots);
	if (token->is_loaded)
		PKCS11_CTX_unload(token->context);
	if (token->context)
		PKCS11_CTX_free(token->context);
	free(token);
}
