/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/kernel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LEVEL = 282 /* SOL_TLS, which not every C library knows */ };

enum { TLS1_2 = 0x0303, TLS1_3 = 0x0304, SALT_SIZE = 4, SEQUENCE_SIZE = 8 };

union info {
	struct tls_crypto_info head;
	struct tls12_crypto_info_aes_gcm_128 gcm_128;
	struct tls12_crypto_info_aes_gcm_256 gcm_256;
	struct tls12_crypto_info_chacha20_poly1305 chachapoly;
};

/* --- keys --- */

static void put_u64(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/*
 * GCM's IV is cut in two for the kernel. In TLS 1.2 the second part is what is sent with the
 * record: the record's number here, as in protect.c.
 */
static void put_gcm_iv(const struct protect_state *state, uint8_t *salt, uint8_t *iv)
{
	memcpy(salt, state->iv, SALT_SIZE);
	if (state->version == TLS1_2)
		put_u64(iv, state->sequence);
	else
		memcpy(iv, state->iv + SALT_SIZE, sizeof(state->iv) - SALT_SIZE);
}

static socklen_t make_info(const struct protect_state *state, union info *info)
{
	memset(info, 0, sizeof(*info));
	info->head.version = state->version;
	if (!state->is_gcm) {
		info->head.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		memcpy(info->chachapoly.iv, state->iv, sizeof(state->iv));
		memcpy(info->chachapoly.key, state->key, sizeof(info->chachapoly.key));
		put_u64(info->chachapoly.rec_seq, state->sequence);
		return sizeof(info->chachapoly);
	}
	if (state->key_size == sizeof(info->gcm_256.key)) {
		info->head.cipher_type = TLS_CIPHER_AES_GCM_256;
		put_gcm_iv(state, info->gcm_256.salt, info->gcm_256.iv);
		memcpy(info->gcm_256.key, state->key, sizeof(info->gcm_256.key));
		put_u64(info->gcm_256.rec_seq, state->sequence);
		return sizeof(info->gcm_256);
	}
	info->head.cipher_type = TLS_CIPHER_AES_GCM_128;
	put_gcm_iv(state, info->gcm_128.salt, info->gcm_128.iv);
	memcpy(info->gcm_128.key, state->key, sizeof(info->gcm_128.key));
	put_u64(info->gcm_128.rec_seq, state->sequence);
	return sizeof(info->gcm_128);
}

int kernel_attach(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 ? -errno : 0;
}

int kernel_set_key(int fd, bool is_writing, const struct protect_state *state)
{
	union info info;
	socklen_t n = make_info(state, &info);
	int r = setsockopt(fd, LEVEL, is_writing ? TLS_TX : TLS_RX, &info, n) < 0 ? -errno : 0;

	explicit_bzero(&info, sizeof(info));
	return r;
}

/* --- records --- */

ssize_t kernel_send(struct sock *sock, uint8_t type, const void *bytes, size_t n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(type))];
	} control = { .header = { .cmsg_level = LEVEL,
				  .cmsg_type = TLS_SET_RECORD_TYPE,
				  .cmsg_len = CMSG_LEN(sizeof(type)) } };
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = n };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t r;

	if (!sock->writable)
		return -EAGAIN;
	*CMSG_DATA(&control.header) = type;
	do {
		r = sendmsg(sock->fd, &message, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		sock->writable = false;
	return -errno;
}

ssize_t kernel_recv(struct sock *sock, void *bytes, size_t n, uint8_t *ret_type)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(*ret_type))];
	} control;
	struct iovec part = { .iov_base = bytes, .iov_len = n };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *found;
	ssize_t r;

	if (!sock->readable)
		return -EAGAIN;
	do {
		r = recvmsg(sock->fd, &message, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		if (errno == EAGAIN)
			sock->readable = false;
		return -errno;
	}
	found = CMSG_FIRSTHDR(&message);
	*ret_type = r > 0 ? PROTECT_DATA : 0;
	if (found && found->cmsg_level == LEVEL && found->cmsg_type == TLS_GET_RECORD_TYPE)
		*ret_type = *CMSG_DATA(found);
	return r;
}

/* --- what TCP has --- */

/*
 * Acknowledged, and queued. What is acknowledged between the two calls is not seen at all: it may
 * come out too small, and never too large.
 */
static uint64_t handed(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);
	int queued = 0;

	(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n);
	(void)ioctl(fd, SIOCOUTQ, &queued);
	return info.tcpi_bytes_acked + (uint64_t)queued;
}

/* The number of the next record, with which each of the kernel's structures ends. */
static uint64_t sequence_of(const struct kernel_writer *writer, int fd)
{
	uint8_t info[sizeof(union info)] = { 0 };
	socklen_t n = writer->info_size;
	uint64_t sequence;

	(void)getsockopt(fd, LEVEL, TLS_TX, info, &n);
	sequence = get_u64(info + writer->info_size - SEQUENCE_SIZE);
	explicit_bzero(info, sizeof(info));
	return sequence;
}

/* The header, what GCM sends with it in TLS 1.2 or the type within in TLS 1.3, the tag. */
static unsigned overhead(const struct protect_state *state)
{
	unsigned more = state->version == TLS1_3 ? 1 : state->is_gcm ? SEQUENCE_SIZE : 0;

	return PROTECT_HEADER_SIZE + more + PROTECT_TAG_SIZE;
}

void kernel_writer_begin(struct kernel_writer *writer, int fd, const struct protect_state *state)
{
	union info info;

	*writer = (struct kernel_writer){ .given = handed(fd),
					  .first = state->sequence,
					  .overhead = overhead(state),
					  .info_size = make_info(state, &info) };
	explicit_bzero(&info, sizeof(info));
}

/* What TCP is to have. */
static uint64_t due(const struct kernel_writer *writer, int fd)
{
	return writer->given + writer->content +
	       writer->overhead * (sequence_of(writer, fd) - writer->first);
}

void kernel_writer_renew(struct kernel_writer *writer, int fd)
{
	writer->given = due(writer, fd);
	writer->content = writer->first = 0;
}

bool kernel_writer_is_done(const struct kernel_writer *writer, int fd)
{
	return handed(fd) >= due(writer, fd);
}
