/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/shortcut.h"

#include "conn/count.h"
#include "conn/worker.h"

enum {
	WORTH = 256 * 1024, /* bytes of one way, before it is begun */
};

/* The two ends of a way. */
struct ends {
	struct session *from, *to;
	struct sock *from_sock, *to_sock;
};

static struct ends ends_of(struct conn *c, unsigned way)
{
	struct ends up = { c->downstream, c->upstream, &c->client, &c->server };
	struct ends down = { c->upstream, c->downstream, &c->server, &c->client };

	return way == TO_SERVER ? up : down;
}

static bool is_wanted(const struct conn *c, unsigned way)
{
	const struct relay *relay = &c->relay[way];

	return config_of(c)->tls.kernel && c->relay[way].shortcut == SHORTCUT_NONE &&
	       relay->bytes >= WORTH && relay_is_plain(relay);
}

/* Whether it is there now. Each end is the kernel's as soon as nothing of it is half done. */
static bool is_open(struct conn *c, unsigned way, const struct ends *ends)
{
	enum kernel_tls ability = atomic_load(&c->worker->engine->kernel_tls);
	int r;

	if (c->relay[way].shortcut == SHORTCUT_NONE && is_wanted(c, way)) {
		r = session_write_by_kernel(ends->to, ability);
		if (r > 0)
			r = session_read_by_kernel(ends->from, ability);
		if (r < 0)
			c->relay[way].shortcut = SHORTCUT_IMPOSSIBLE;
		if (r > 0) {
			c->relay[way].shortcut = SHORTCUT_OPEN;
			count_shortcut(c);
		}
	}
	return c->relay[way].shortcut == SHORTCUT_OPEN && relay_is_plain(&c->relay[way]);
}

/* What the relay has read is to go first, and what the session itself has to say. */
static enum session_io clear(struct conn *c, unsigned way, const struct ends *ends)
{
	enum session_io io = relay_flush(&c->relay[way], &c->worker->buffers, ends->to);

	return io == SESSION_OK ? session_takes_data(ends->to) : io;
}

static enum splice_result pour(struct conn *c, unsigned way, const struct ends *ends,
			       int *ret_errno)
{
	struct splice *splice = &c->splice[way];
	uint64_t before = splice->bytes;
	enum splice_result result =
		splice_pour(splice, &c->worker->pipes, ends->from_sock, ends->to_sock, ret_errno);
	uint64_t moved = splice->bytes - before;

	if (moved > 0)
		session_spliced(ends->from, ends->to, moved);
	return result;
}

bool shortcut_move(struct conn *c, unsigned way, enum relay_result *ret_result,
		   enum session_io *ret_io)
{
	struct ends ends = ends_of(c, way);
	enum session_io io;
	int error = 0;

	if (!is_open(c, way, &ends))
		return false;
	io = clear(c, way, &ends);
	if (io == SESSION_OK && c->splice[way].in_pipe == 0 && !session_gives_data(ends.from))
		return false;
	*ret_result = io == SESSION_WAIT ? RELAY_WAIT : RELAY_WRITE_FAILED;
	*ret_io = io;
	if (io != SESSION_OK)
		return true;
	switch (pour(c, way, &ends, &error)) {
	case SPLICE_WAIT:
		*ret_result = RELAY_WAIT;
		return true;
	case SPLICE_AGAIN:
		*ret_result = RELAY_AGAIN;
		return true;
	case SPLICE_ENDED:
	case SPLICE_READ_ERROR:
		break; /* a record that is no data, an end, or a failure: for those who can tell */
	case SPLICE_WRITE_ERROR:
		*ret_io = session_splice_failed(ends.to, error);
		return true;
	}
	return false;
}
