/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole connection: OpenSSL's client, both faces of the engine, OpenSSL's server. What either end
 * sends is damaged on its way as the input says, and the engine's memory may run out.
 *
 * How it ends is free. But nobody may ever read what the other end did not write: what arrives is
 * the beginning of what was sent, or nothing.
 *
 * The input: one byte of choices, two bytes with the number of the allocation that fails (0: none),
 * then damages of five bytes each: which end and what kind; place in its stream, 16 bits; how much;
 * with what.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define assert_non_null(made)                                                                      \
	do {                                                                                       \
		if (!(made))                                                                       \
			abort();                                                                   \
	} while (0)
#define assert_int_equal(a, b) assert_non_null((a) == (b))
#define assert_true(is_so) assert_non_null(is_so)

#include "base/sock.h"
#include "test/unit/chain.h"
#include "tls/downstream.h"
#include "tls/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ROUNDS = 80,
	DAMAGES = 6,
	MESSAGE = 40000, /* bytes each way; several records */
	CHUNK = 65536,
};

enum { CHOICE_TLS13 = 1, CHOICE_ASKS = 2, CHOICE_CBC = 4, CHOICE_RSA = 8, CHOICE_KEEPS = 16 };
enum kind { KIND_FLIP, KIND_INSERT, KIND_DROP, KIND_HOLD, KIND_END, N_KINDS };

struct damage {
	unsigned end;
	enum kind kind;
	uint64_t at;
	uint8_t n, value;
};

/* OpenSSL, and the wire between it and the engine. */
struct end {
	SSL *ssl;
	BIO *in, *out;
	int fd;           /* this side of the wire */
	struct sock sock; /* the engine's side */
	uint64_t sent;    /* bytes put on the wire, before any damage */
	size_t written, got;
	uint8_t held[CHUNK]; /* until the next round */
	size_t n_held;
	bool is_cut;
};

enum { CLIENT, SERVER, N_ENDS };
enum stage { PEEKING, PROBING, GREETING, RELAYING, ENDED };

static struct {
	struct end ends[N_ENDS];
	struct session *downstream, *upstream;
	struct hello hello;
	enum stage stage;
	uint8_t choices;
	bool has_limit;
	struct damage damages[DAMAGES];
	unsigned n_damages;
	uint8_t pending[N_ENDS][SESSION_READ_ROOM]; /* for that end */
	size_t n_pending[N_ENDS];
} it;

static SSL_CTX *client_context, *server_contexts[2]; /* P-256, RSA */
static struct tls_thread *thread;
static struct leaf_keys *keys;
static struct leaf *leaves[N_LEAF_KEYS];
static uint8_t message[N_ENDS][MESSAGE]; /* of that end */

/* --- memory that runs out --- */

static unsigned allocations_left; /* 0: for ever */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);

static bool runs_out(void)
{
	return allocations_left > 0 && --allocations_left == 0;
}

void *__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
	return runs_out() ? NULL : __real_realloc(old, n);
}

/* Where mbedTLS 3.6.6 loses what it had, when memory runs out. Asked by LeakSanitizer. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:mbedtls_ssl_tls13_populate_transform\n";
}

/* --- once --- */

static X509 *make(const char *name, const X509 *issuer, EVP_PKEY *key, EVP_PKEY *signer)
{
	struct chain_recipe recipe = {
		.name = name, .issuer = issuer, .key = key, .signer = signer
	};

	recipe.extensions[0] =
		issuer ? (struct chain_extension){ NID_subject_alt_name, "DNS:www.example.com" }
		       : (struct chain_extension)CHAIN_CA;
	return chain_make(&recipe);
}

static SSL_CTX *make_server(const X509 *ca, EVP_PKEY *key, EVP_PKEY *signer)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	X509 *x509 = make("www.example.com", ca, key, signer);

	assert_non_null(context);
	assert_int_equal(SSL_CTX_use_certificate(context, x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(x509);
	return context;
}

static void make_leaf(enum leaf_key which, const X509 *ca, EVP_PKEY *signer)
{
	struct der public = leaf_keys_public(keys, which);
	const uint8_t *at = public.bytes;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)public.n);
	X509 *x509 = make("www.example.com", ca, key, signer);
	struct der der = chain_der(x509);
	uint8_t chain[4096] = { 0, (uint8_t)(der.n >> 8), (uint8_t)der.n };

	assert_true(der.n + 3 <= sizeof(chain));
	memcpy(chain + 3, der.bytes, der.n);
	leaves[which] = leaf_new(keys, which, chain, der.n + 3);
	assert_non_null(leaves[which]);
	OPENSSL_free((void *)der.bytes);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static void prepare(void)
{
	EVP_PKEY *pairs[2] = { EVP_EC_gen("P-256"), EVP_RSA_gen(2048) };
	X509 *ca;

	assert_int_equal(tls_init(), 0);
	thread = tls_thread_new();
	keys = leaf_keys_new();
	assert_true(thread && keys && pairs[0] && pairs[1]);
	ca = make("CA", NULL, pairs[0], pairs[0]);
	for (unsigned i = 0; i < 2; i++) {
		server_contexts[i] = make_server(ca, pairs[i], pairs[0]);
		make_leaf(i == 0 ? LEAF_KEY_EC : LEAF_KEY_RSA, ca, pairs[0]);
		EVP_PKEY_free(pairs[i]);
	}
	X509_free(ca);
	client_context = SSL_CTX_new(TLS_client_method());
	assert_non_null(client_context);
	for (unsigned i = 0; i < N_ENDS; i++)
		for (size_t k = 0; k < MESSAGE; k++)
			message[i][k] = (uint8_t)(k * 7 + k / 251 + i * 128);
}

/* --- the two ends --- */

static void begin_end(unsigned which)
{
	struct end *end = &it.ends[which];
	int fds[2], version = it.choices & CHOICE_TLS13 ? TLS1_3_VERSION : TLS1_2_VERSION;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	end->fd = fds[0];
	end->sock = (struct sock){ .fd = fds[1] };
	end->ssl = SSL_new(which == CLIENT ? client_context
					   : server_contexts[(it.choices & CHOICE_RSA) != 0]);
	end->in = BIO_new(BIO_s_mem());
	end->out = BIO_new(BIO_s_mem());
	assert_true(end->ssl && end->in && end->out);
	SSL_set_bio(end->ssl, end->in, end->out);
	SSL_set_min_proto_version(end->ssl, version);
	SSL_set_max_proto_version(end->ssl, version);
	SSL_set_security_level(end->ssl, 0);
	/* Without memory for it, mbedTLS 3.6.6 reads beyond a hash (ssl_compute_master). */
	if (it.has_limit)
		SSL_set_options(end->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (it.choices & CHOICE_CBC)
		SSL_set_cipher_list(end->ssl, "AES128-SHA256:ECDHE+AES128+SHA");
	if (which == CLIENT) {
		SSL_set_tlsext_host_name(end->ssl, "www.example.com");
		SSL_set_connect_state(end->ssl);
	} else {
		if (it.choices & CHOICE_ASKS)
			SSL_set_verify(end->ssl, SSL_VERIFY_PEER, NULL);
		SSL_set_accept_state(end->ssl);
	}
}

/* What OpenSSL made of what arrived, and what it wants to send. */
static void turn(unsigned which)
{
	struct end *end = &it.ends[which];
	const uint8_t *expected = message[which == CLIENT ? SERVER : CLIENT];
	uint8_t bytes[4096];
	int n = SSL_do_handshake(end->ssl);

	if (n == 1 && end->written < MESSAGE) {
		n = SSL_write(end->ssl, message[which] + end->written,
			      (int)(MESSAGE - end->written));
		end->written += n > 0 ? (size_t)n : 0;
	}
	while ((n = SSL_read(end->ssl, bytes, sizeof(bytes))) > 0) {
		if (end->got + (size_t)n > MESSAGE ||
		    memcmp(bytes, expected + end->got, (size_t)n) != 0)
			abort(); /* it was never sent */
		end->got += (size_t)n;
	}
	ERR_clear_error();
}

static void put(struct end *end, const uint8_t *bytes, size_t n)
{
	if (!end->is_cut && n > 0)
		(void)send(end->fd, bytes, n, MSG_NOSIGNAL);
}

/* The bytes from here on until the next damage; what it does to the wire. */
static size_t strike(struct end *end, const struct damage *damage, uint8_t *bytes, size_t n)
{
	uint8_t extra[255];

	switch (damage->kind) {
	case KIND_FLIP:
		bytes[0] ^= damage->value;
		return 0;
	case KIND_INSERT:
		memset(extra, damage->value, sizeof(extra));
		put(end, extra, damage->n);
		return 0;
	case KIND_DROP:
		return damage->n < n ? damage->n : n;
	case KIND_HOLD:
		memcpy(end->held, bytes, n);
		end->n_held = n;
		return n;
	case KIND_END:
		(void)shutdown(end->fd, SHUT_WR);
		end->is_cut = true;
		return n;
	case N_KINDS:
		break;
	}
	return 0;
}

static void send_damaged(unsigned which, uint8_t *bytes, size_t n)
{
	struct end *end = &it.ends[which];
	size_t from = 0;

	for (size_t at = 0; at < n; at++)
		for (unsigned i = 0; i < it.n_damages; i++) {
			const struct damage *damage = &it.damages[i];

			if (damage->end != which || damage->at != end->sent + at || at < from)
				continue;
			put(end, bytes + from, at - from);
			from = at + strike(end, damage, bytes + at, n - at);
		}
	end->sent += n;
	put(end, bytes + from, n - from);
}

static void carry(unsigned which)
{
	static uint8_t bytes[CHUNK];
	struct end *end = &it.ends[which];
	ssize_t n;

	put(end, end->held, end->n_held);
	end->n_held = 0;
	while ((n = recv(end->fd, bytes, sizeof(bytes), 0)) > 0)
		BIO_write(end->in, bytes, (int)n);
	turn(which);
	n = BIO_read(end->out, bytes, sizeof(bytes));
	if (n > 0)
		send_damaged(which, bytes, (size_t)n);
	end->sock.readable = end->sock.writable = true;
	end->sock.ended = end->is_cut;
}

/* --- the engine --- */

static void forget(void *keeper, struct resumption *resumption)
{
	(void)keeper;
	resumption_free(resumption);
}

static enum stage peek(void)
{
	static uint8_t bytes[HELLO_MAX];
	struct end *client = &it.ends[CLIENT];
	ssize_t n = sock_peek(&client->sock, bytes, sizeof(bytes));
	enum hello_result result;

	if (n == -EAGAIN)
		return PEEKING;
	if (n <= 0)
		return ENDED;
	result = hello_parse(bytes, (size_t)n, &it.hello);
	if (result == HELLO_SHORT)
		return PEEKING;
	if (result != HELLO_WHOLE || it.hello.wire_length > DOWNSTREAM_HELLO_MAX ||
	    !upstream_is_possible(&it.hello, &TLS_LIMITS_NONE) ||
	    upstream_new(&it.ends[SERVER].sock, thread, &it.hello, &TLS_LIMITS_NONE, &it.upstream) <
		    0)
		return ENDED;
	if (it.choices & CHOICE_KEEPS)
		upstream_keep(it.upstream, forget, NULL);
	return PROBING;
}

static enum stage greet(void)
{
	static uint8_t bytes[HELLO_MAX], text[DOWNSTREAM_HELLO_MAX];
	struct session_facts facts = session_facts(it.upstream);
	struct downstream_offer offer = {
		.hello = &it.hello,
		.message = text,
		.limits = TLS_LIMITS_NONE,
		.upstream = &facts,
		.leaf = leaves[leaf_key_for(&it.hello, &TLS_LIMITS_NONE, &facts)],
	};

	if (sock_recv(&it.ends[CLIENT].sock, bytes, it.hello.wire_length) !=
	    (ssize_t)it.hello.wire_length)
		return ENDED;
	offer.message_length = hello_message(bytes, it.hello.wire_length, text, sizeof(text));
	return downstream_new(&it.ends[CLIENT].sock, thread, &offer, &it.downstream) < 0 ? ENDED
											 : GREETING;
}

static enum stage probe(void)
{
	enum upstream_result result = upstream_handshake(it.upstream);

	if (result == UPSTREAM_WAIT)
		return PROBING;
	if (result == UPSTREAM_WANTS_CERTIFICATE) {
		result = upstream_prove(it.upstream);
		return result == UPSTREAM_WAIT ? PROBING : ENDED;
	}
	return result == UPSTREAM_READY ? greet() : ENDED;
}

/* One way; false: it is over. */
static bool relay(struct session *from, struct session *to, unsigned which)
{
	uint8_t *bytes = it.pending[which];
	size_t *n = &it.n_pending[which], sent = 0;

	for (;;) {
		enum session_io io =
			*n == 0 ? session_read(from, bytes, SESSION_READ_ROOM, n) : SESSION_OK;

		if (io != SESSION_OK)
			return io == SESSION_WAIT;
		while (*n > 0) {
			io = session_write(to, bytes, *n, &sent);
			if (io != SESSION_OK)
				return io == SESSION_WAIT;
			memmove(bytes, bytes + sent, *n - sent);
			*n -= sent;
		}
		io = session_flush(to, SESSION_FLUSH_WRITTEN);
		if (io != SESSION_OK)
			return io == SESSION_WAIT;
	}
}

static void step(void)
{
	switch (it.stage) {
	case PEEKING:
		it.stage = peek();
		break;
	case PROBING:
		it.stage = probe();
		break;
	case GREETING:
		switch (downstream_handshake(it.downstream)) {
		case DOWNSTREAM_WAIT:
			break;
		case DOWNSTREAM_READY:
			it.stage = RELAYING;
			break;
		case DOWNSTREAM_ALERT:
		case DOWNSTREAM_CLOSED:
		case DOWNSTREAM_RESET:
		case DOWNSTREAM_TLS_ERROR:
			it.stage = ENDED;
			break;
		}
		break;
	case RELAYING:
		if (!relay(it.downstream, it.upstream, SERVER) ||
		    !relay(it.upstream, it.downstream, CLIENT))
			it.stage = ENDED;
		break;
	case ENDED:
		break;
	}
}

/* --- one input --- */

static void read_damages(const uint8_t *data, size_t size)
{
	for (; size >= 5 && it.n_damages < DAMAGES; data += 5, size -= 5)
		it.damages[it.n_damages++] = (struct damage){
			.end = data[0] & 1,
			.kind = data[0] / 2 % N_KINDS,
			.at = (uint64_t)data[1] << 8 | data[2],
			.n = data[3],
			.value = data[4],
		};
}

static bool is_done(void)
{
	return it.stage == ENDED ||
	       (it.ends[CLIENT].got == MESSAGE && it.ends[SERVER].got == MESSAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned limit;

	if (!client_context)
		prepare();
	if (size < 3)
		return 0;
	memset(&it, 0, sizeof(it));
	it.choices = data[0];
	limit = (unsigned)data[1] << 8 | data[2];
	it.has_limit = limit > 0;
	read_damages(data + 3, size - 3);
	for (unsigned i = 0; i < N_ENDS; i++)
		begin_end(i);
	for (unsigned i = 0; i < ROUNDS && !is_done(); i++) {
		for (unsigned k = 0; k < N_ENDS; k++)
			carry(k);
		allocations_left = limit;
		step();
		limit = allocations_left;
		allocations_left = 0;
	}
	/* Undamaged, all of it arrives. */
	if (it.n_damages == 0 && data[1] == 0 && data[2] == 0 && !(it.choices & CHOICE_ASKS) &&
	    !(it.ends[CLIENT].got == MESSAGE && it.ends[SERVER].got == MESSAGE))
		abort();
	session_free(it.downstream);
	session_free(it.upstream);
	for (unsigned i = 0; i < N_ENDS; i++) {
		SSL_free(it.ends[i].ssl);
		close(it.ends[i].fd);
		sock_close(&it.ends[i].sock);
	}
	return 0;
}
