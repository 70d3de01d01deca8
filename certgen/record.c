/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "certgen/leaf.h"
#include "certgen/x509.h"

enum {
	TEXT_MAX = 64 * 1024,
	TAIL_MAX = 2048, /* of it, for what comes behind the names */
};

/* --- a line of JSON --- */

struct line {
	char text[TEXT_MAX];
	size_t n;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->n;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line->text + line->n, room, format, args);
	va_end(args);
	if (n > 0)
		line->n += (size_t)n < room ? (size_t)n : room - 1;
}

/*
 * Bytes of any kind: what is not printable ASCII becomes the character of its number, but for NUL,
 * which readers of JSON stumble over.
 */
static void put_string(struct line *line, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	put(line, "\"");
	for (size_t i = 0; i < n; i++) {
		if (at[i] == '\0')
			put(line, "\\ufffd");
		else if (at[i] < ' ' || at[i] > '~')
			put(line, "\\u%04x", at[i]);
		else
			put(line, at[i] == '"' || at[i] == '\\' ? "\\%c" : "%c", at[i]);
	}
	put(line, "\"");
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static void put_hex(struct line *line, const char *key, const uint8_t *bytes, size_t n,
		    const char digits[17])
{
	put(line, "\"%s\":\"", key);
	for (size_t i = 0; i < n && sizeof(line->text) - line->n > 2; i++) {
		line->text[line->n++] = digits[bytes[i] >> 4];
		line->text[line->n++] = digits[bytes[i] & 15];
	}
	put(line, "\"");
}

static void put_digest(struct line *line, const char *key, const uint8_t *der, size_t n)
{
	uint8_t digest[32] = { 0 };

	(void)EVP_Q_digest(NULL, "SHA256", NULL, der, n, digest, NULL);
	put_hex(line, key, digest, sizeof(digest), lower);
}

static void put_time(struct line *line, const char *key, int64_t seconds)
{
	time_t time = (time_t)seconds;
	char text[32];
	struct tm tm;

	gmtime_r(&time, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	put(line, "\"%s\":\"%sZ\"", key, text);
}

/* --- the leaf --- */

static void put_subject(struct line *line, const X509_NAME *subject)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio && X509_NAME_print_ex(bio, subject, 0, XN_FLAG_RFC2253) >= 0) {
		long n = BIO_get_mem_data(bio, &text);

		put(line, "\"subject\":");
		put_string(line, text, n > 0 ? (size_t)n : 0);
		put(line, ",");
	}
	BIO_free(bio);
}

static void put_name(struct line *line, const GENERAL_NAME *name)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	char address[INET6_ADDRSTRLEN];

	switch (type) {
	case GEN_DNS:
	case GEN_EMAIL:
	case GEN_URI:
		put_string(line, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
		return;
	case GEN_IPADD:
		if (inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6,
			      ASN1_STRING_get0_data(value), address, sizeof(address)) &&
		    (ASN1_STRING_length(value) == 4 || ASN1_STRING_length(value) == 16)) {
			put(line, "\"%s\"", address);
			return;
		}
	}
	put(line, "\"(another kind of name)\"");
}

/* As many as fit; "san_cut" when that is not all. */
static void put_names(struct line *line, const STACK_OF(X509_EXTENSION) * extensions)
{
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0, i;

	put(line, "\"san\":[");
	for (i = 0; i < n && line->n < TEXT_MAX - 2 * TAIL_MAX; i++) {
		put(line, i > 0 ? "," : "");
		put_name(line, sk_GENERAL_NAME_value(names, i));
	}
	put(line, i < n ? "],\"san_cut\":true," : "],");
	GENERAL_NAMES_free(names);
}

static void put_leaf(struct line *line, const struct forge_leaf *forged)
{
	const struct leaf_tbs *leaf = forged->parts->tbs;

	put(line, ",\"issued\":{");
	put_subject(line, leaf->subject);
	put_names(line, leaf->extensions);
	put_hex(line, "serial", ASN1_STRING_get0_data(leaf->serial),
		(size_t)ASN1_STRING_length(leaf->serial), upper);
	put(line, ",");
	put_digest(line, "fingerprint", forged->der, forged->length);
	put(line, ",");
	put_time(line, "notbefore", forged->not_before);
	put(line, ",");
	put_time(line, "notafter", forged->not_after);
	put(line, "}");
}

static void compose(struct line *line, const struct record_use *use)
{
	const struct forge_order *order = use->order;
	time_t seconds = (time_t)(use->wall_us / 1000000);
	char address[ADDR_TEXT_MAX], text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	put(line, "{\"timestamp\":\"%s.%06u+0000\",\"event_type\":\"issued\",\"outcome\":\"%s\",",
	    text, (unsigned)(use->wall_us % 1000000), use->leaf ? "issued" : "failed");
	if (use->client->sa.sa_family != AF_UNSPEC)
		put(line, "\"src_ip\":\"%s\",", addr_text(use->client, address));
	if (order->host[0] != '\0') {
		put(line, "\"host\":");
		put_string(line, order->host, strlen(order->host));
		put(line, ",");
	}
	put(line, "\"ca\":{\"kind\":\"%s\",",
	    order->kind == CERTGEN_TRUSTED ? "trusted" : "untrusted");
	put_hex(line, "key_id", ASN1_STRING_get0_data(order->ca->key_id),
		(size_t)ASN1_STRING_length(order->ca->key_id), upper);
	put(line, "},\"server\":{");
	put_digest(line, "fingerprint", order->leaf, order->leaf_length);
	put(line, "}");
	if (use->leaf)
		put_leaf(line, use->leaf);
	put(line, "}\n");
}

/* --- the file --- */

static int append(struct record *record, const char *text, size_t n)
{
	if (record->fd < 0)
		return -EBADF;
	ssize_t written = write(record->fd, text, n);

	if (written < 0)
		return -errno;
	/* Whatever there is of a line is to be told from the next one. */
	record->is_cut = written < (ssize_t)n && (written > 0 || record->is_cut);
	if (written < (ssize_t)n)
		return -ENOSPC;
	return record->is_unsynced || fdatasync(record->fd) == 0 ? 0 : -errno;
}

static void report(struct record *record, int error)
{
	if (error != 0 && record->error == 0)
		log_error("issued certificates cannot be recorded: %s; %s",
			  error == EBADF ? "the file is not open" : strerror(error),
			  record->is_needed ? "none is given out"
					    : "they are given out all the same");
	else if (error == 0 && record->error != 0)
		log_info("issued certificates are recorded again");
	record->error = error;
}

int record_write(struct record *record, const struct record_use *use)
{
	static struct line line;

	if (!record->is_wanted)
		return 0;
	line.n = 0;
	if (record->is_cut)
		put(&line, "\n");
	compose(&line, use);
	int r = append(record, line.text, line.n);

	report(record, -r);
	return r;
}

void record_set(struct record *record, int fd)
{
	if (record->fd >= 0)
		close(record->fd);
	record->fd = fd;
	record->is_cut = false;
}
