/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "learn/redis_url.h"
#include "learn/store.h"

/*
 * How it works. Each entry is a hash of its own, "postern:server:HOST|ADDRESS|PORT", a field for
 * each field, and `version`, which counts its changes. What the operator had forgotten stays for a
 * while with `gone`, so that a box that was away hears of it. Entries that are not the operator's
 * go by themselves when nobody has use for them any more.
 *
 * To write is to read, to settle the two accounts with entry_merge() as every box does, and to
 * write the result under the condition that the version is still the one that was read; else again.
 * The script that does so publishes the key, and each box reads what has changed. So it does not
 * matter who comes first, and a message may come twice or out of order.
 *
 * Two connections: one asks, the other is subscribed. Whatever is wrong with either of them (an
 * error, an answer that takes a second, silence) closes both; the keeper opens again and loads all,
 * which is how news from between is heard.
 */

static const char channel[] = "postern:learned";
static const char prefix[] = "postern:server:";

/* KEYS: entry. ARGV: version expected, when it goes (ms since 1970, 0: never), message, fields. */
static const char put_script[] =
	"local version = redis.call('HGET', KEYS[1], 'version') "
	"if (version or '') ~= ARGV[1] then return 0 end "
	"redis.call('DEL', KEYS[1]) "
	"redis.call('HSET', KEYS[1], 'version', (tonumber(version) or 0) + 1, unpack(ARGV, 4)) "
	"if ARGV[2] ~= '0' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end "
	"redis.call('PUBLISH', 'postern:learned', ARGV[3]) "
	"return 1";

enum {
	TIMEOUT_S = 1,
	ROUNDS = 8,          /* in which others may be faster */
	ASK_EVERY_MS = 5000, /* whether both connections live */
	SILENCE_MS = 12000,
	NAME_MAX_LENGTH = sizeof(prefix) + LEARN_HOST_MAX + ADDR_TEXT_MAX + 8,
	BOX_LENGTH = 16,
};

static const uint64_t gone_for = 30 * 86400ULL * 1000; /* ms */

/* What Redis has under one name. */
struct held {
	char name[NAME_MAX_LENGTH];
	char version[24]; /* "": nothing */
	bool is_readable; /* else it is not ours, and is written over */
	struct store_change change;
};

struct redis {
	struct store store;
	struct redis_url url;
	uint64_t keep;            /* us */
	char box[BOX_LENGTH + 1]; /* who we are, in messages */
	redisContext *asking, *hearing;
	uint64_t heard, asked; /* ms: the last sign of life, the last question for one */
	char put_sha[64];
	struct held held[STORE_BATCH];
};

static struct redis *redis_of(struct store *store)
{
	return (struct redis *)store; /* its first member */
}

/* --- questions and answers --- */

static void disconnect(struct redis *redis)
{
	if (redis->asking)
		redisFree(redis->asking);
	if (redis->hearing)
		redisFree(redis->hearing);
	redis->asking = redis->hearing = NULL;
}

static enum store_result lost(struct redis *redis, const char *why)
{
	snprintf(redis->store.error, STORE_ERROR_MAX, "Redis at %s: %s", redis->url.host, why);
	disconnect(redis);
	return STORE_LOST;
}

static enum store_result lost_connection(struct redis *redis, const redisContext *connection)
{
	bool is_late = connection && connection->err == REDIS_ERR_IO && errno == EAGAIN;

	return lost(redis, !connection ? "out of memory"
			   : is_late   ? "does not answer in time"
				       : connection->errstr);
}

/* The next answer, to be freed; NULL: the connection is lost. Redis's own errors count as that. */
static redisReply *answer(struct redis *redis, redisContext *connection)
{
	void *reply = NULL;

	if (redisGetReply(connection, &reply) != REDIS_OK) {
		(void)lost_connection(redis, connection);
		return NULL;
	}
	if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
		(void)lost(redis, ((redisReply *)reply)->str);
		freeReplyObject(reply);
		return NULL;
	}
	return reply;
}

static redisReply *ask(struct redis *redis, redisContext *connection, int n, const char **words)
{
	if (redisAppendCommandArgv(connection, n, words, NULL) != REDIS_OK) {
		(void)lost_connection(redis, connection);
		return NULL;
	}
	return answer(redis, connection);
}

/* False: the connection is lost. */
static bool tell(struct redis *redis, redisContext *connection, int n, const char **words)
{
	redisReply *reply = ask(redis, connection, n, words);

	if (reply)
		freeReplyObject(reply);
	return reply;
}

/* --- opening --- */

/* Who we are to Redis, and where. */
static bool greet(struct redis *redis, redisContext *connection)
{
	const struct redis_url *url = &redis->url;
	char db[16];

	if (url->user[0] != '\0' &&
	    !tell(redis, connection, 3, (const char *[]){ "AUTH", url->user, url->password }))
		return false;
	if (url->user[0] == '\0' && url->password[0] != '\0' &&
	    !tell(redis, connection, 2, (const char *[]){ "AUTH", url->password }))
		return false;
	snprintf(db, sizeof(db), "%d", url->db);
	return tell(redis, connection, 2, (const char *[]){ "SELECT", db });
}

static bool connect_one(struct redis *redis, redisContext **ret_connection)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	const struct redis_url *url = &redis->url;
	redisContext *connection = url->port != 0
					   ? redisConnectWithTimeout(url->host, url->port, timeout)
					   : redisConnectUnixWithTimeout(url->host, timeout);

	*ret_connection = connection; /* in any case disconnect()'s to free */
	if (!connection || connection->err != 0) {
		(void)lost_connection(redis, connection);
		return false;
	}
	(void)redisSetTimeout(connection, timeout);
	return greet(redis, connection);
}

static bool load_script(struct redis *redis)
{
	redisReply *reply =
		ask(redis, redis->asking, 3, (const char *[]){ "SCRIPT", "LOAD", put_script });

	if (!reply)
		return false;
	snprintf(redis->put_sha, sizeof(redis->put_sha), "%s", reply->str ? reply->str : "");
	freeReplyObject(reply);
	return true;
}

static enum store_result redis_open(struct store *store)
{
	struct redis *redis = redis_of(store);

	if (redis->asking)
		return STORE_DONE;
	if (!connect_one(redis, &redis->asking) || !load_script(redis) ||
	    !connect_one(redis, &redis->hearing) ||
	    !tell(redis, redis->hearing, 2, (const char *[]){ "SUBSCRIBE", channel }))
		return STORE_LOST;
	redis->heard = redis->asked = clock_us() / 1000;
	return STORE_DONE;
}

/* --- entries as hashes --- */

static void name_write(const struct entry *entry, char name[NAME_MAX_LENGTH])
{
	char address[ENTRY_TEXT_MAX];

	entry_field_write(entry, ENTRY_ADDRESS, address);
	snprintf(name, NAME_MAX_LENGTH, "%s%s|%.*s|%u", prefix, entry->host, ADDR_TEXT_MAX, address,
		 addr_port(&entry->server));
}

static bool field_read(struct held *held, const char *name, const char *value)
{
	enum entry_field field;

	if (strcmp(name, "version") == 0)
		snprintf(held->version, sizeof(held->version), "%s", value);
	else if (strcmp(name, "gone") == 0)
		held->change.is_gone = true;
	else if (entry_field_find(name, &field)) /* others are a later version's */
		return entry_field_read(&held->change.entry, field, value);
	return true;
}

/* The answer to HGETALL, into what has its name already. */
static void held_read(struct held *held, const redisReply *reply)
{
	char name[NAME_MAX_LENGTH];

	memset(&held->change, 0, sizeof(held->change));
	held->version[0] = '\0';
	held->is_readable = true;
	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		const redisReply *field = reply->element[i], *value = reply->element[i + 1];

		if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
		    !field_read(held, field->str, value->str))
			held->is_readable = false;
	}
	name_write(&held->change.entry, name);
	if (reply->elements == 0 || strcmp(name, held->name) != 0)
		held->is_readable = false;
}

/* Reads redis->held[0..n-1] by their names. */
static bool fetch(struct redis *redis, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *words[] = { "HGETALL", redis->held[i].name };

		if (redisAppendCommandArgv(redis->asking, 2, words, NULL) != REDIS_OK) {
			(void)lost_connection(redis, redis->asking);
			return false;
		}
	}
	for (size_t i = 0; i < n; i++) {
		redisReply *reply = answer(redis, redis->asking);

		if (!reply)
			return false;
		held_read(&redis->held[i], reply);
		freeReplyObject(reply);
	}
	return true;
}

static bool fetch_and_tell(struct redis *redis, size_t n, store_hear *hear, void *context)
{
	if (!fetch(redis, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (redis->held[i].is_readable)
			hear(context, &redis->held[i].change);
	return true;
}

/* --- loading --- */

/* One step of SCAN; the cursor is "0" again after the last. */
static bool scan(struct redis *redis, char cursor[24], store_hear *hear, void *context)
{
	char pattern[sizeof(prefix) + 1];
	const redisReply *names;
	bool is_connected = true;
	redisReply *reply;

	snprintf(pattern, sizeof(pattern), "%s*", prefix);
	reply = ask(redis, redis->asking, 6,
		    (const char *[]){ "SCAN", cursor, "MATCH", pattern, "COUNT", "500" });
	if (!reply)
		return false;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str) {
		freeReplyObject(reply);
		(void)lost(redis, "an answer to SCAN that makes no sense");
		return false;
	}
	snprintf(cursor, 24, "%s", reply->element[0]->str);
	names = reply->element[1];
	for (size_t i = 0; i < names->elements && is_connected;) {
		size_t n = 0;

		for (; i < names->elements && n < STORE_BATCH; i++)
			if (names->element[i]->len < NAME_MAX_LENGTH)
				strcpy(redis->held[n++].name, names->element[i]->str);
		is_connected = fetch_and_tell(redis, n, hear, context);
	}
	freeReplyObject(reply);
	return is_connected;
}

static enum store_result redis_load(struct store *store, store_hear *hear, void *context)
{
	struct redis *redis = redis_of(store);
	char cursor[24] = "0";

	do {
		if (!scan(redis, cursor, hear, context))
			return STORE_LOST;
	} while (strcmp(cursor, "0") != 0);
	return STORE_DONE;
}

/* --- writing --- */

/*
 * Our account and Redis's become one. True: it is to be written. What Redis knows better is told
 * back.
 */
static bool settle(const struct held *held, struct store_change *change, store_hear *hear,
		   void *context)
{
	const struct store_change *other = &held->change;
	struct entry own = change->entry;

	if (!held->is_readable)
		return true;
	if (change->is_gone && other->is_gone)
		return change->entry.last_seen > other->entry.last_seen;
	if (change->is_gone) {
		if (!entry_outlives(&other->entry, &change->entry))
			return true;
		hear(context, other);
		return false;
	}
	if (other->is_gone) {
		if (!entry_outlives(&change->entry, &other->entry)) {
			hear(context, other);
			return false;
		}
		if (change->entry.decision < other->entry.decision)
			change->entry.decision = other->entry.decision;
	} else {
		entry_merge(&change->entry, &other->entry);
	}
	if (!entry_equal(&change->entry, &own))
		hear(context, change);
	return other->is_gone || !entry_equal(&change->entry, &other->entry);
}

/* When it is of no use to anybody, ms since 1970; 0: never. */
static uint64_t goes_at(const struct redis *redis, const struct store_change *change)
{
	const struct entry *entry = &change->entry;

	if (change->is_gone)
		return entry->last_seen / 1000 + gone_for;
	if (entry_is_operators(entry) || entry->expires == 0 || redis->keep == 0)
		return 0;
	return (entry->expires + redis->keep) / 1000;
}

static bool append_put(struct redis *redis, const struct held *held,
		       const struct store_change *change)
{
	const char *words[7 + 2 * ENTRY_N_FIELDS + 2];
	char values[ENTRY_N_FIELDS][ENTRY_TEXT_MAX];
	char until[24], message[BOX_LENGTH + 1 + NAME_MAX_LENGTH];
	int n = 0;

	snprintf(until, sizeof(until), "%llu", (unsigned long long)goes_at(redis, change));
	snprintf(message, sizeof(message), "%s %s", redis->box, held->name);
	words[n++] = "EVALSHA";
	words[n++] = redis->put_sha;
	words[n++] = "1";
	words[n++] = held->name;
	words[n++] = held->version;
	words[n++] = until;
	words[n++] = message;
	for (int i = 0; i < ENTRY_N_FIELDS; i++) {
		words[n++] = entry_field_name((enum entry_field)i);
		words[n++] = entry_field_write(&change->entry, (enum entry_field)i, values[i]);
	}
	if (change->is_gone) {
		words[n++] = "gone";
		words[n++] = "1";
	}
	return redisAppendCommandArgv(redis->asking, n, words, NULL) == REDIS_OK;
}

/*
 * One round over the changes that `which` names; it then names those that others were faster with.
 * False: the connection is lost.
 */
static bool write_round(struct redis *redis, const struct store_change *changes, uint16_t *which,
			size_t *n_which, store_hear *hear, void *context)
{
	size_t n = *n_which, n_sent = 0;

	for (size_t i = 0; i < n; i++)
		name_write(&changes[which[i]].entry, redis->held[i].name);
	if (!fetch(redis, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct store_change change = changes[which[i]];

		if (!settle(&redis->held[i], &change, hear, context))
			continue;
		if (!append_put(redis, &redis->held[i], &change)) {
			(void)lost_connection(redis, redis->asking);
			return false;
		}
		which[n_sent++] = which[i];
	}
	*n_which = 0;
	for (size_t i = 0; i < n_sent; i++) {
		redisReply *reply = answer(redis, redis->asking);

		if (!reply)
			return false;
		if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0)
			which[(*n_which)++] = which[i];
		freeReplyObject(reply);
	}
	return true;
}

static enum store_result redis_write(struct store *store, const struct store_change *changes,
				     size_t n, store_hear *hear, void *context)
{
	struct redis *redis = redis_of(store);
	uint16_t which[STORE_BATCH];
	size_t n_which = 0;

	for (size_t i = 0; i < n; i++)
		if (!changes[i].is_evicted)
			which[n_which++] = (uint16_t)i;
	for (unsigned round = 0; n_which > 0; round++) {
		if (round == ROUNDS) {
			snprintf(store->error, STORE_ERROR_MAX,
				 "Redis at %s: others write the same all the time",
				 redis->url.host);
			return STORE_LATER;
		}
		if (!write_round(redis, changes, which, &n_which, hear, context))
			return STORE_LOST;
	}
	return STORE_DONE;
}

/* --- hearing --- */

static int redis_descriptor(struct store *store)
{
	struct redis *redis = redis_of(store);

	return redis->hearing ? redis->hearing->fd : -1;
}

/* The name in a message of another box; NULL: it is something else. */
static const char *name_of(const struct redis *redis, const redisReply *reply)
{
	const char *text;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !reply->element[0]->str ||
	    strcmp(reply->element[0]->str, "message") != 0)
		return NULL;
	text = reply->element[2]->str;
	if (!text || strlen(text) <= BOX_LENGTH || text[BOX_LENGTH] != ' ' ||
	    strncmp(text, redis->box, BOX_LENGTH) == 0)
		return NULL;
	text += BOX_LENGTH + 1;
	return strlen(text) < NAME_MAX_LENGTH && strncmp(text, prefix, strlen(prefix)) == 0 ? text
											    : NULL;
}

/* Takes messages that have come; at most as many names as are fetched at once. */
static bool take_names(struct redis *redis, size_t *ret_n)
{
	size_t n = 0;

	while (n < STORE_BATCH) {
		void *reply = NULL;
		const char *name;

		if (redisGetReplyFromReader(redis->hearing, &reply) != REDIS_OK) {
			(void)lost_connection(redis, redis->hearing);
			return false;
		}
		if (!reply)
			break;
		redis->heard = clock_us() / 1000;
		name = name_of(redis, reply);
		if (name)
			strcpy(redis->held[n++].name, name);
		freeReplyObject(reply);
	}
	*ret_n = n;
	return true;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) > 0;
}

/* A question to each connection now and then: a peer that is gone sends no goodbye. */
static bool check_life(struct redis *redis)
{
	const char *words[] = { "PING" };
	uint64_t now = clock_us() / 1000;
	int done = 0;

	if (now - redis->heard > SILENCE_MS) {
		(void)lost(redis, "silent");
		return false;
	}
	if (now - redis->asked < ASK_EVERY_MS)
		return true;
	redis->asked = now;
	if (!tell(redis, redis->asking, 1, words))
		return false;
	if (redisAppendCommandArgv(redis->hearing, 1, words, NULL) != REDIS_OK ||
	    redisBufferWrite(redis->hearing, &done) != REDIS_OK) {
		(void)lost_connection(redis, redis->hearing);
		return false;
	}
	return true;
}

static enum store_result redis_listen(struct store *store, store_hear *hear, void *context)
{
	struct redis *redis = redis_of(store);
	size_t n = 0;

	do {
		if (is_readable(redis->hearing->fd) && redisBufferRead(redis->hearing) != REDIS_OK)
			return lost_connection(redis, redis->hearing);
		if (!take_names(redis, &n) || !fetch_and_tell(redis, n, hear, context))
			return STORE_LOST;
	} while (n > 0);
	return check_life(redis) ? STORE_DONE : STORE_LOST;
}

/* --- the store --- */

static void redis_free(struct store *store)
{
	struct redis *redis = redis_of(store);

	disconnect(redis);
	explicit_bzero(&redis->url, sizeof(redis->url));
	free(redis);
}

int store_redis_new(const char *url, uint64_t keep, struct store **ret_store)
{
	static const struct store_ops ops = {
		.open = redis_open,
		.load = redis_load,
		.write = redis_write,
		.descriptor = redis_descriptor,
		.listen = redis_listen,
		.free = redis_free,
	};
	struct redis *redis = calloc(1, sizeof(*redis));
	uint64_t box;

	if (!redis)
		return -ENOMEM;
	redis->store.ops = &ops;
	redis->store.is_shared = true;
	redis->keep = keep;
	if (getrandom(&box, sizeof(box), 0) != sizeof(box) || !redis_url_read(url, &redis->url)) {
		redis_free(&redis->store);
		return -EINVAL;
	}
	snprintf(redis->box, sizeof(redis->box), "%016llx", (unsigned long long)box);
	*ret_store = &redis->store;
	return 0;
}
