/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "learn/store.h"

/*
 * How it works. One file, one table, a column for each field, to be read with the command sqlite3.
 * A batch is one transaction in the write-ahead log, synced when it is committed: the log is why a
 * crash at any moment leaves the last whole batch, syncing why a power cut does too.
 *
 * Another process may write too: `postern learned`, or the engine that this one replaces. The
 * file's data_version tells that somebody did; then all is read again, and what was forgotten on
 * purpose.
 *
 * What can be wrong is of two kinds. The file is broken, or is no database: it is put aside under
 * another name, for people, and a new one begun, which the keeper then fills from memory. All else
 * (no room, read-only, locked, not to be opened) may pass: the file stays and is tried again.
 */

/* What leads from version i to i + 1; the file knows its version. Add, never change. */
static const char *const migrations[] = {
	"CREATE TABLE server ("
	"host TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL, "
	"class TEXT NOT NULL, state TEXT NOT NULL, source TEXT NOT NULL, tls TEXT NOT NULL, "
	"alert INTEGER NOT NULL, ca_names TEXT NOT NULL, server_key TEXT NOT NULL, "
	"issuer TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, "
	"expires INTEGER NOT NULL, hits INTEGER NOT NULL, decision INTEGER NOT NULL, "
	"PRIMARY KEY (host, address, port)) STRICT, WITHOUT ROWID",
	/* What an operator had forgotten, for other processes to hear. */
	"CREATE TABLE gone ("
	"host TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL, "
	"last_seen INTEGER NOT NULL, decision INTEGER NOT NULL, "
	"PRIMARY KEY (host, address, port)) STRICT, WITHOUT ROWID",
};

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

/* To read all that others wrote takes at most one part in so many of the thread's time. */
enum { LISTEN_PAUSE = 20 };

static const char settings_sql[] = "PRAGMA journal_mode=WAL;"
				   "PRAGMA synchronous=FULL;"
				   "PRAGMA journal_size_limit=4194304;";

/* By then, every process that could bring it back is gone too. */
static const char trim_sql[] =
	"DELETE FROM gone WHERE last_seen < (unixepoch() - 30 * 86400) * 1000000";

/* Columns and parameters in the order of enum entry_field. */
#define COLUMNS                                                                                    \
	"host, address, port, class, state, source, tls, alert, ca_names, server_key, issuer, "    \
	"first_seen, last_seen, expires, hits, decision"
_Static_assert(ENTRY_N_FIELDS == 16, "COLUMNS, put_sql and a migration have to know the field");

static const char load_sql[] = "SELECT " COLUMNS " FROM server ORDER BY last_seen";
/*
 * Two processes share the file while one hands over to the other: the older account gives way, and
 * so does what the other had forgotten (entry_outlives()). A server is in one table, never in both.
 */
static const char put_sql[] =
	"INSERT INTO server (" COLUMNS ") "
	"SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16 "
	"WHERE NOT EXISTS (SELECT 1 FROM gone WHERE host=?1 AND address=?2 AND port=?3 AND "
	"CASE WHEN ?5 IN ('approved', 'forbidden') THEN ?16 < decision ELSE ?13 <= last_seen END) "
	"ON CONFLICT (host, address, port) DO UPDATE SET class=excluded.class, "
	"state=excluded.state, source=excluded.source, tls=excluded.tls, alert=excluded.alert, "
	"ca_names=excluded.ca_names, server_key=excluded.server_key, issuer=excluded.issuer, "
	"first_seen=excluded.first_seen, last_seen=excluded.last_seen, expires=excluded.expires, "
	"hits=excluded.hits, decision=excluded.decision "
	"WHERE excluded.decision > decision OR "
	"(excluded.decision = decision AND excluded.last_seen >= last_seen)";
static const char load_gone_sql[] =
	"SELECT host, address, port, last_seen, decision FROM gone ORDER BY last_seen";
static const char put_gone_sql[] =
	"INSERT OR REPLACE INTO gone (host, address, port, last_seen, decision) "
	"VALUES (?,?,?,?,?)";
static const char back_sql[] =
	"DELETE FROM gone WHERE host=?1 AND address=?2 AND port=?3 AND EXISTS "
	"(SELECT 1 FROM server WHERE host=?1 AND address=?2 AND port=?3)";
static const char delete_sql[] = "DELETE FROM server WHERE host=? AND address=? AND port=?";

struct sqlite {
	struct store store;
	char *path;
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *put, *back, *put_gone, *delete, *data_version;
	int64_t version_heard; /* the data_version of what was read last */
	uint64_t listen_from;  /* us: not again before, for it takes long */
};

static struct sqlite *sqlite_of(struct store *store)
{
	return (struct sqlite *)store; /* its first member */
}

static void close_file(struct sqlite *sqlite)
{
	sqlite3_finalize(sqlite->put);
	sqlite3_finalize(sqlite->back);
	sqlite3_finalize(sqlite->put_gone);
	sqlite3_finalize(sqlite->delete);
	sqlite3_finalize(sqlite->data_version);
	sqlite3_close(sqlite->db);
	sqlite->put = sqlite->back = sqlite->put_gone = sqlite->delete = sqlite->data_version =
		NULL;
	sqlite->db = NULL;
}

/* --- what went wrong --- */

static void put_aside(struct sqlite *sqlite)
{
	char to[4096], log[4096], stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	snprintf(to, sizeof(to), "%s.corrupt-%s", sqlite->path, stamp);
	if (rename(sqlite->path, to) < 0)
		return;
	log_error("%s: put aside as %s, and begun anew from memory", sqlite->store.error, to);
	snprintf(log, sizeof(log), "%s-wal", sqlite->path);
	snprintf(to, sizeof(to), "%s.corrupt-%s-wal", sqlite->path, stamp);
	(void)rename(log, to); /* there may be none; as the one of a new file it would be wrong */
	snprintf(log, sizeof(log), "%s-shm", sqlite->path);
	(void)unlink(log);
}

/* Ends what was begun; the result for the keeper. */
static enum store_result failed(struct sqlite *sqlite, int code)
{
	snprintf(sqlite->store.error, STORE_ERROR_MAX, "%s: %s", sqlite->path,
		 sqlite->db ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(code));
	if (sqlite->db && !sqlite3_get_autocommit(sqlite->db))
		(void)sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
	code &= 0xff; /* without its extension */
	if (code == SQLITE_FULL || code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return STORE_LATER;
	close_file(sqlite);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		put_aside(sqlite);
	return STORE_LOST;
}

/* --- opening --- */

static int version_of(sqlite3 *db, int *ret_version)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*ret_version = sqlite3_column_int(statement, 0);
		code = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return code;
}

static int migrate(sqlite3 *db, int version)
{
	int code = SQLITE_OK;

	for (; version < VERSION && code == SQLITE_OK; version++) {
		char sql[1024];

		snprintf(sql, sizeof(sql), "BEGIN IMMEDIATE; %s; PRAGMA user_version=%d; COMMIT",
			 migrations[version], version + 1);
		code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	}
	return code;
}

/* SQLite would give it to all to read. */
static void make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static int open_file(struct sqlite *sqlite, int *ret_version)
{
	int code = sqlite3_open_v2(sqlite->path, &sqlite->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
					   SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
				   NULL);

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(sqlite->db, 1000);
	if (code == SQLITE_OK)
		code = version_of(sqlite->db, ret_version);
	return code;
}

static int prepare(struct sqlite *sqlite)
{
	const struct {
		const char *sql;
		sqlite3_stmt **statement;
	} all[] = { { put_sql, &sqlite->put },
		    { back_sql, &sqlite->back },
		    { put_gone_sql, &sqlite->put_gone },
		    { delete_sql, &sqlite->delete },
		    { "PRAGMA data_version", &sqlite->data_version } };
	int code = SQLITE_OK;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]) && code == SQLITE_OK; i++)
		code = sqlite3_prepare_v2(sqlite->db, all[i].sql, -1, all[i].statement, NULL);
	return code;
}

static enum store_result sqlite_open(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);
	int code, version = 0;

	if (sqlite->db)
		return STORE_DONE;
	make_file(sqlite->path);
	code = open_file(sqlite, &version);
	if (code == SQLITE_OK && version > VERSION) {
		snprintf(store->error, STORE_ERROR_MAX, "%s: made by a later version of postern",
			 sqlite->path);
		close_file(sqlite);
		return STORE_LATER;
	}
	if (code == SQLITE_OK)
		code = sqlite3_exec(sqlite->db, settings_sql, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = migrate(sqlite->db, version);
	if (code == SQLITE_OK && version == VERSION)
		(void)sqlite3_exec(sqlite->db, trim_sql, NULL, NULL, NULL); /* or another time */
	if (code == SQLITE_OK)
		code = prepare(sqlite);
	if (code == SQLITE_OK)
		return STORE_DONE;
	enum store_result result = failed(sqlite, code);

	close_file(sqlite);
	return result;
}

/* --- reading --- */

static const enum entry_field gone_fields[] = { ENTRY_HOST, ENTRY_ADDRESS, ENTRY_PORT,
						ENTRY_LAST_SEEN, ENTRY_DECISION };

enum {
	N_GONE_FIELDS = sizeof(gone_fields) / sizeof(gone_fields[0]),
	N_KEY_FIELDS = ENTRY_PORT + 1,
};

static bool read_row(sqlite3_stmt *row, struct store_change *change)
{
	int n = change->is_gone ? N_GONE_FIELDS : ENTRY_N_FIELDS;

	memset(&change->entry, 0, sizeof(change->entry));
	for (int i = 0; i < n; i++) {
		enum entry_field field = change->is_gone ? gone_fields[i] : (enum entry_field)i;
		const char *text = (const char *)sqlite3_column_text(row, i);

		if (!text || !entry_field_read(&change->entry, field, text))
			return false;
	}
	return true;
}

static int read_rows(struct sqlite *sqlite, bool is_gone, store_hear *hear, void *context)
{
	struct store_change change = { .is_gone = is_gone };
	sqlite3_stmt *rows;
	unsigned n_bad = 0;
	int code =
		sqlite3_prepare_v2(sqlite->db, is_gone ? load_gone_sql : load_sql, -1, &rows, NULL);

	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
			if (read_row(rows, &change))
				hear(context, &change);
			else
				n_bad++;
		}
	}
	sqlite3_finalize(rows);
	if (n_bad > 0)
		log_warning("%s: %u rows make no sense and are not used", sqlite->path, n_bad);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int read_version(struct sqlite *sqlite, int64_t *ret_version)
{
	int code = sqlite3_step(sqlite->data_version);

	if (code == SQLITE_ROW)
		*ret_version = sqlite3_column_int64(sqlite->data_version, 0);
	(void)sqlite3_reset(sqlite->data_version);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* The version first: who writes meanwhile is heard the next time. */
static enum store_result sqlite_load(struct store *store, store_hear *hear, void *context)
{
	struct sqlite *sqlite = sqlite_of(store);
	uint64_t now = clock_us();
	int code = read_version(sqlite, &sqlite->version_heard);

	if (code == SQLITE_OK)
		code = read_rows(sqlite, true, hear, context);
	if (code == SQLITE_OK)
		code = read_rows(sqlite, false, hear, context);
	sqlite->listen_from = clock_us() + LISTEN_PAUSE * (clock_us() - now);
	return code == SQLITE_OK ? STORE_DONE : failed(sqlite, code);
}

/* Writing by this very connection does not change its data_version. */
static enum store_result sqlite_listen(struct store *store, store_hear *hear, void *context)
{
	struct sqlite *sqlite = sqlite_of(store);
	int64_t version = 0;
	int code;

	if (clock_us() < sqlite->listen_from)
		return STORE_DONE;
	code = read_version(sqlite, &version);
	if (code != SQLITE_OK)
		return failed(sqlite, code);
	return version == sqlite->version_heard ? STORE_DONE : sqlite_load(store, hear, context);
}

/* --- writing --- */

static int bind_fields(sqlite3_stmt *statement, const struct entry *entry, int n_fields)
{
	int code = SQLITE_OK;

	for (int i = 0; i < n_fields && code == SQLITE_OK; i++) {
		char text[ENTRY_TEXT_MAX];

		entry_field_write(entry, (enum entry_field)i, text);
		if (entry_field_is_number((enum entry_field)i))
			code = sqlite3_bind_int64(statement, i + 1, strtoll(text, NULL, 10));
		else
			code = sqlite3_bind_text(statement, i + 1, text, -1, SQLITE_TRANSIENT);
	}
	return code;
}

/* With the first fields of the entry, after what else is bound. */
static int run(sqlite3_stmt *statement, const struct entry *entry, int n_fields)
{
	int code = bind_fields(statement, entry, n_fields);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	(void)sqlite3_reset(statement); /* says the same again */
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int write_gone(struct sqlite *sqlite, const struct entry *entry)
{
	int code = sqlite3_bind_int64(sqlite->put_gone, 4, (int64_t)entry->last_seen);

	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(sqlite->put_gone, 5, (int64_t)entry->decision);
	return code == SQLITE_OK ? run(sqlite->put_gone, entry, N_KEY_FIELDS) : code;
}

static int write_change(struct sqlite *sqlite, const struct store_change *change)
{
	const struct entry *entry = &change->entry;
	int code;

	if (change->is_gone || change->is_evicted) {
		code = run(sqlite->delete, entry, N_KEY_FIELDS);
		return code == SQLITE_OK && change->is_gone ? write_gone(sqlite, entry) : code;
	}
	code = run(sqlite->put, entry, ENTRY_N_FIELDS);
	return code == SQLITE_OK ? run(sqlite->back, entry, N_KEY_FIELDS) : code;
}

static bool is_moved(struct sqlite *sqlite)
{
	int moved = 0;

	return sqlite3_file_control(sqlite->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
		       SQLITE_OK &&
	       moved;
}

static enum store_result sqlite_write(struct store *store, const struct store_change *changes,
				      size_t n, store_hear *hear, void *context)
{
	struct sqlite *sqlite = sqlite_of(store);
	int code;

	(void)hear;
	(void)context;
	if (is_moved(sqlite)) {
		snprintf(store->error, STORE_ERROR_MAX, "%s: somebody removed it", sqlite->path);
		close_file(sqlite);
		return STORE_LOST;
	}
	code = sqlite3_exec(sqlite->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (size_t i = 0; i < n && code == SQLITE_OK; i++)
		code = write_change(sqlite, &changes[i]);
	if (code == SQLITE_OK)
		code = sqlite3_exec(sqlite->db, "COMMIT", NULL, NULL, NULL);
	return code == SQLITE_OK ? STORE_DONE : failed(sqlite, code);
}

/* --- the store --- */

static void sqlite_free(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);

	close_file(sqlite);
	free(sqlite->path);
	free(sqlite);
}

int store_sqlite_new(const char *path, struct store **ret_store)
{
	static const struct store_ops ops = {
		.open = sqlite_open,
		.load = sqlite_load,
		.write = sqlite_write,
		.listen = sqlite_listen,
		.free = sqlite_free,
	};
	struct sqlite *sqlite = calloc(1, sizeof(*sqlite));

	if (!sqlite)
		return -ENOMEM;
	sqlite->store.ops = &ops;
	sqlite->path = strdup(path);
	if (!sqlite->path) {
		free(sqlite);
		return -ENOMEM;
	}
	*ret_store = &sqlite->store;
	return 0;
}
