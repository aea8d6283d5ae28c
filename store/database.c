/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include "store/crc32c.h"
#include "store/database_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define VERSION ((int)(sizeof migrations / sizeof *migrations))
#define BUSY_MS 5000 /* a reader beside the owner waits so long for it */
/* Of its pages, in memory. SQLite's own 2 MiB would fill up over a thousand rounds; the system caches the rest. */
#define CACHE_KIB "256"

enum statement {
#define X(name, sql) name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

static const char *const statement_sql[] = {
#define X(name, sql) sql,
    STATEMENTS(X)
#undef X
};

struct bg_database {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char path[PATH_MAX];
    int lock; /* -1: read only */
};

/* ---- what can go wrong ---- */

/* SQLite tells some of these as I/O errors, and forgets errno: it was 0 before the call, and what succeeds afterwards
 * leaves it alone. */
static bool disk_is_full(int code)
{
    return (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG));
}

static enum bg_status fail(const struct bg_database *db, int code, struct bg_error *error)
{
    if (disk_is_full(code))
        return bg_fail(error, BG_IO, "%s: no space left: make room on its disk; nothing was acknowledged", db->path);
    const char *reason = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return bg_fail(error, BG_BAD_DIGEST, "%s: damaged (%s): restore the folder from a backup", db->path, reason);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return bg_fail(error, BG_IO, "%s: cannot be written (%s): nothing was acknowledged; give this user the right "
                                     "to write the folder", db->path, reason);
    case SQLITE_CONSTRAINT:
        return bg_fail(error, BG_DUPLICATE, "%s: %s", db->path, reason);
    default:
        return bg_fail(error, BG_IO, "%s: %s", db->path, reason);
    }
}

static enum bg_status fail_damaged(const struct bg_database *db, const char *what, struct bg_error *error)
{
    return bg_fail(error, BG_BAD_DIGEST, "%s: damaged (%s): restore the folder from a backup", db->path, what);
}

/* ---- statements ---- */

/* Ready to bind; NULL where it cannot be prepared: step says why. */
static sqlite3_stmt *query(struct bg_database *db, enum statement which)
{
    sqlite3_stmt **statement = &db->statements[which];
    if (!*statement)
        sqlite3_prepare_v3(db->sqlite, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return *statement;
}

static void bind_u64(sqlite3_stmt *s, int at, uint64_t value)
{
    sqlite3_bind_int64(s, at, (sqlite3_int64)value);
}

static void bind_digest(sqlite3_stmt *s, int at, const struct bg_digest *digest)
{
    sqlite3_bind_blob(s, at, digest->bytes, BG_DIGEST_BYTES, SQLITE_STATIC);
}

/* Content and, after it, its checksum. Empty content is a blob of no bytes, not NULL. */
static void bind_content(sqlite3_stmt *s, int at, struct bg_span content)
{
    sqlite3_bind_blob64(s, at, content.size ? (const void *)content.data : "", content.size, SQLITE_STATIC);
    sqlite3_bind_int64(s, at + 1, bg_crc32c(0, content));
}

/* The next row; resets the statement where there is none. */
static enum bg_status step(struct bg_database *db, sqlite3_stmt *s, struct bg_error *error, bool *ret_row)
{
    errno = 0;
    int code = s ? sqlite3_step(s) : sqlite3_errcode(db->sqlite);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return BG_OK;
    enum bg_status status = code == SQLITE_DONE ? BG_OK : fail(db, code, error);
    if (s) {
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
    }
    return status;
}

static void done(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

static enum bg_status run(struct bg_database *db, sqlite3_stmt *s, struct bg_error *error)
{
    bool row;
    enum bg_status status = step(db, s, error, &row);
    if (status == BG_OK && row)
        done(s);
    return status;
}

static enum bg_status run_before(struct bg_database *db, enum statement which, uint64_t number,
                                 struct bg_error *error)
{
    sqlite3_stmt *s = query(db, which);
    if (s)
        bind_u64(s, 1, number < INT64_MAX ? number : INT64_MAX);
    return run(db, s, error);
}

static struct bg_span column_span(sqlite3_stmt *s, int at)
{
    return (struct bg_span){sqlite3_column_blob(s, at), (size_t)sqlite3_column_bytes(s, at)};
}

/* Zero where it is NULL; false where it is no digest. */
static bool column_digest(sqlite3_stmt *s, int at, struct bg_digest *ret_digest)
{
    struct bg_span bytes = column_span(s, at);
    *ret_digest = (struct bg_digest){{0}};
    if (bytes.size == BG_DIGEST_BYTES)
        memcpy(ret_digest->bytes, bytes.data, BG_DIGEST_BYTES);
    return bytes.size == BG_DIGEST_BYTES || bytes.size == 0;
}

/* The one value of a query with columns content and checksum. */
static enum bg_status read_content(struct bg_database *db, sqlite3_stmt *s, const char *what, struct bg_error *error,
                                   struct bg_writer *ret_content)
{
    bool row;
    enum bg_status status = step(db, s, error, &row);
    if (status != BG_OK)
        return status;
    if (!row)
        return bg_fail(error, BG_NOT_FOUND, "%s: has no such %s", db->path, what);
    struct bg_span content = column_span(s, 0);
    if (bg_crc32c(0, content) != (uint32_t)sqlite3_column_int64(s, 1)) {
        status = fail_damaged(db, what, error);
    } else {
        bg_write_bytes(ret_content, content.data, content.size);
        if (ret_content->status != BG_OK)
            status = bg_fail(error, ret_content->status, "%s: out of memory", db->path);
    }
    done(s);
    return status;
}

/* ---- opening ---- */

static enum bg_status take_lock(struct bg_database *db, const char *folder, struct bg_error *error)
{
    char path[PATH_MAX], who[32] = "";
    if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path)
        return bg_fail(error, BG_INVALID, "path of %zu bytes is too long", strlen(folder));
    db->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock < 0 && (errno == ENOENT || errno == ENOTDIR))
        return bg_fail(error, BG_NOT_FOUND, "%s: no such folder", folder);
    if (db->lock < 0)
        return bg_fail(error, BG_IO, "%s: cannot be written (%s): nothing was acknowledged; give this user the right "
                                     "to write the folder", path, strerror(errno));
    if (flock(db->lock, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = errno == EWOULDBLOCK ? pread(db->lock, who, sizeof who - 1, 0) : -1;
        who[size > 0 ? size : 0] = '\0';
        who[strcspn(who, "\n")] = '\0';
        return bg_fail(error, BG_BUSY, "%s: in use by process %s: stop it first", folder, who[0] ? who : "unknown");
    }
    int length = snprintf(who, sizeof who, "%ld\n", (long)getpid());
    if (ftruncate(db->lock, 0) != 0 || pwrite(db->lock, who, (size_t)length, 0) != length)
        return bg_fail(error, BG_IO, "%s: cannot be written (%s): make room on its disk; nothing was acknowledged",
                       path, strerror(errno));
    return BG_OK;
}

static enum bg_status execute(struct bg_database *db, const char *sql, struct bg_error *error)
{
    errno = 0;
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? BG_OK : fail(db, code, error);
}

/* Of a pragma's first value. */
static enum bg_status ask(struct bg_database *db, const char *sql,
                          enum bg_status (*read)(struct bg_database *db, sqlite3_stmt *s, struct bg_error *error,
                                                 int *ret_version),
                          struct bg_error *error, int *ret_version)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);
    enum bg_status status = code == SQLITE_OK ? step(db, s, error, &row) : fail(db, code, error);
    if (row)
        status = read(db, s, error, ret_version);
    sqlite3_finalize(s);
    return status;
}

static enum bg_status read_check(struct bg_database *db, sqlite3_stmt *s, struct bg_error *error, int *ret_version)
{
    const char *found = (const char *)sqlite3_column_text(s, 0);
    (void)ret_version;
    return found && strcmp(found, "ok") == 0 ? BG_OK : fail_damaged(db, found ? found : "unreadable", error);
}

static enum bg_status read_version(struct bg_database *db, sqlite3_stmt *s, struct bg_error *error, int *ret_version)
{
    int version = sqlite3_column_int(s, 0);
    if (version < 0 || version > VERSION)
        return bg_fail(error, BG_BAD_VERSION, "%s: version %d, this program knows up to %d: use the burgee that wrote "
                                              "it, or a later one", db->path, version, VERSION);
    *ret_version = version;
    return BG_OK;
}

static enum bg_status migrate(struct bg_database *db, int version, struct bg_error *error)
{
    char sql[64];
    if (version == VERSION)
        return BG_OK;
    enum bg_status status = bg_database_begin(db, error);
    for (int i = version; status == BG_OK && i < VERSION; i++)
        status = execute(db, migrations[i], error);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", VERSION);
    if (status == BG_OK)
        status = execute(db, sql, error);
    if (status == BG_OK)
        return bg_database_commit(db, error);
    bg_database_abandon(db);
    return status;
}

static enum bg_status start(struct bg_database *db, enum bg_database_mode mode, struct bg_error *error)
{
    int flags = mode == BG_DATABASE_OWN ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int version = 0;
    if (mode == BG_DATABASE_READ && access(db->path, F_OK) != 0)
        return bg_fail(error, BG_NOT_FOUND, "%s: no aggregator has run here", db->path);
    int code = sqlite3_open_v2(db->path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, error);
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, BUSY_MS);
    enum bg_status status = ask(db, "PRAGMA quick_check(1)", read_check, error, &version);
    if (status == BG_OK)
        status = ask(db, "PRAGMA user_version", read_version, error, &version);
    if (status != BG_OK || mode == BG_DATABASE_READ)
        return status;
    status = execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                         "PRAGMA cache_size = -" CACHE_KIB, error);
    return status == BG_OK ? migrate(db, version, error) : status;
}

enum bg_status bg_database_open(const char *folder, enum bg_database_mode mode, struct bg_error *error,
                                struct bg_database **ret_database)
{
    struct bg_database *db = calloc(1, sizeof *db);
    if (!db)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", folder);
    db->lock = -1;
    int length = snprintf(db->path, sizeof db->path, "%s/state.db", folder);
    enum bg_status status = length < (int)sizeof db->path
                                ? BG_OK
                                : bg_fail(error, BG_INVALID, "path of %zu bytes is too long", strlen(folder));
    if (status == BG_OK && mode == BG_DATABASE_OWN)
        status = take_lock(db, folder, error);
    if (status == BG_OK)
        status = start(db, mode, error);
    if (status != BG_OK) {
        bg_database_close(&db);
        return status;
    }
    *ret_database = db;
    return BG_OK;
}

void bg_database_close(struct bg_database **database)
{
    struct bg_database *db = *database;
    if (!db)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->sqlite);
    if (db->lock >= 0)
        close(db->lock);
    free(db);
    *database = NULL;
}

/* ---- transactions ---- */

enum bg_status bg_database_begin(struct bg_database *db, struct bg_error *error)
{
    return run(db, query(db, BEGIN), error);
}

enum bg_status bg_database_commit(struct bg_database *db, struct bg_error *error)
{
    enum bg_status status = run(db, query(db, COMMIT), error);
    if (status != BG_OK)
        bg_database_abandon(db);
    return status;
}

void bg_database_abandon(struct bg_database *db)
{
    /* SQLite itself has rolled back after some failures. */
    if (!sqlite3_get_autocommit(db->sqlite))
        (void)run(db, query(db, ROLLBACK), NULL);
}

/* ---- documents ---- */

enum bg_status bg_database_set_document(struct bg_database *db, const char *name, struct bg_span content,
                                        struct bg_error *error)
{
    sqlite3_stmt *s = query(db, SET_DOCUMENT);
    if (s) {
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        bind_content(s, 2, content);
    }
    return run(db, s, error);
}

enum bg_status bg_database_document(struct bg_database *db, const char *name, struct bg_error *error,
                                    struct bg_writer *ret_content)
{
    sqlite3_stmt *s = query(db, DOCUMENT);
    if (s)
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    return read_content(db, s, name, error, ret_content);
}

enum bg_status bg_database_drop_document(struct bg_database *db, const char *name, struct bg_error *error)
{
    sqlite3_stmt *s = query(db, DROP_DOCUMENT);
    if (s)
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    return run(db, s, error);
}

/* ---- rounds ---- */

enum bg_status bg_database_open_round(struct bg_database *db, const struct bg_stored_round *round, struct bg_span task,
                                      struct bg_error *error)
{
    sqlite3_stmt *s = query(db, OPEN_ROUND);
    if (s) {
        bind_u64(s, 1, round->number);
        bind_u64(s, 2, round->epoch);
        bind_u64(s, 3, round->stage);
        bind_u64(s, 4, round->opened_at);
        bind_content(s, 5, task);
    }
    return run(db, s, error);
}

enum bg_status bg_database_close_round(struct bg_database *db, uint64_t number, struct bg_error *error)
{
    return run_before(db, CLOSE_ROUND, number, error);
}

enum bg_status bg_database_end_round(struct bg_database *db, const struct bg_stored_round *round,
                                     struct bg_span receipt, struct bg_error *error)
{
    sqlite3_stmt *s = query(db, END_ROUND);
    const uint64_t counts[] = {round->ended_at, round->length_ns, round->updates, round->invited, round->opened,
                               round->used, round->invalid, round->refused, round->sat_out, round->update_bytes,
                               round->clients};
    struct bg_writer phases;
    bg_writer_init(&phases);
    for (size_t i = 0; i < BG_PHASE_COUNT; i++)
        bg_write_u64(&phases, round->phases_ns[i]);
    if (s) {
        bind_u64(s, 1, round->number);
        bind_u64(s, 2, round->held);
        sqlite3_bind_int(s, 3, round->outcome);
        for (int i = 0; i < 11; i++)
            bind_u64(s, 4 + i, counts[i]);
        sqlite3_bind_double(s, 15, round->margin);
        bind_digest(s, 16, &round->model);
        bind_content(s, 17, receipt);
        sqlite3_bind_blob64(s, 19, phases.data, phases.size, SQLITE_STATIC);
    }
    enum bg_status status = run(db, s, error);
    bg_writer_finish(&phases);
    return status;
}

/* A version that knew fewer phases has written fewer, or none. */
static void read_phases(struct bg_span phases, struct bg_stored_round *round)
{
    struct bg_reader r;
    bg_reader_init(&r, phases);
    for (size_t i = 0; i < BG_PHASE_COUNT && 8 * (i + 1) <= phases.size; i++)
        round->phases_ns[i] = bg_read_u64(&r);
}

static bool read_round(sqlite3_stmt *s, struct bg_stored_round *ret_round)
{
    struct bg_stored_round *r = ret_round;
    uint64_t *const counts[] = {&r->opened_at, &r->ended_at, &r->length_ns, &r->updates, &r->invited, &r->opened,
                                &r->used, &r->invalid, &r->refused, &r->sat_out, &r->update_bytes, &r->clients};
    *r = (struct bg_stored_round){.number = (uint64_t)sqlite3_column_int64(s, 0),
                                  .epoch = (uint64_t)sqlite3_column_int64(s, 1),
                                  .stage = (uint32_t)sqlite3_column_int64(s, 2),
                                  .closed = sqlite3_column_int(s, 3) != 0,
                                  .ended = sqlite3_column_int(s, 4) != 0,
                                  .held = sqlite3_column_int(s, 5) != 0,
                                  .outcome = (enum bg_status)sqlite3_column_int(s, 6),
                                  .margin = sqlite3_column_double(s, 19)};
    for (int i = 0; i < 12; i++)
        *counts[i] = (uint64_t)sqlite3_column_int64(s, 7 + i);
    read_phases(column_span(s, 21), r);
    return column_digest(s, 20, &r->model);
}

enum bg_status bg_database_rounds(struct bg_database *db, uint64_t first, bg_round_visit *visit, void *context,
                                  struct bg_error *error)
{
    sqlite3_stmt *s = query(db, ROUNDS);
    struct bg_stored_round round;
    bool row;
    if (s)
        bind_u64(s, 1, first < INT64_MAX ? first : INT64_MAX);
    enum bg_status status = step(db, s, error, &row);
    while (status == BG_OK && row) {
        status = read_round(s, &round) ? visit(context, &round) : fail_damaged(db, "a round", error);
        if (status == BG_OK)
            status = step(db, s, error, &row);
        else
            done(s);
    }
    return status;
}

static enum bg_status read_frame(struct bg_database *db, enum statement which, uint64_t number, const char *what,
                                 struct bg_error *error, struct bg_writer *ret_frame)
{
    sqlite3_stmt *s = query(db, which);
    if (s)
        bind_u64(s, 1, number < INT64_MAX ? number : INT64_MAX);
    return read_content(db, s, what, error, ret_frame);
}

enum bg_status bg_database_task(struct bg_database *db, uint64_t number, struct bg_error *error,
                                struct bg_writer *ret_task)
{
    return read_frame(db, TASK, number, "task", error, ret_task);
}

enum bg_status bg_database_receipt(struct bg_database *db, uint64_t number, struct bg_error *error,
                                   struct bg_writer *ret_receipt)
{
    return read_frame(db, RECEIPT, number, "receipt", error, ret_receipt);
}

enum bg_status bg_database_drop_frames(struct bg_database *db, uint64_t number, struct bg_error *error)
{
    return run_before(db, DROP_FRAMES, number, error);
}

/* ---- updates ---- */

enum bg_status bg_database_add_update(struct bg_database *db, const struct bg_stored_update *update,
                                      struct bg_error *error)
{
    sqlite3_stmt *s = query(db, ADD_UPDATE);
    if (s) {
        bind_u64(s, 1, update->round);
        bind_digest(s, 2, &update->client);
        bind_digest(s, 3, &update->blob);
        bind_u64(s, 4, update->size);
    }
    return run(db, s, error);
}

enum bg_status bg_database_updates(struct bg_database *db, uint64_t round, bg_update_visit *visit, void *context,
                                   struct bg_error *error)
{
    sqlite3_stmt *s = query(db, round == UINT64_MAX ? KEPT_UPDATES : UPDATES);
    bool row;
    if (s && round != UINT64_MAX)
        bind_u64(s, 1, round);
    enum bg_status status = step(db, s, error, &row);
    while (status == BG_OK && row) {
        struct bg_stored_update update = {.round = (uint64_t)sqlite3_column_int64(s, 0),
                                          .size = (uint64_t)sqlite3_column_int64(s, 3),
                                          .kept = sqlite3_column_int(s, 4) != 0};
        bool whole = column_digest(s, 1, &update.client) && column_digest(s, 2, &update.blob);
        status = whole ? visit(context, &update) : fail_damaged(db, "an update", error);
        if (status == BG_OK)
            status = step(db, s, error, &row);
        else
            done(s);
    }
    return status;
}

enum bg_status bg_database_drop_update(struct bg_database *db, uint64_t round, const struct bg_digest *client,
                                       struct bg_error *error)
{
    sqlite3_stmt *s = query(db, DROP_UPDATE);
    if (s) {
        bind_u64(s, 1, round);
        bind_digest(s, 2, client);
    }
    return run(db, s, error);
}

enum bg_status bg_database_release_updates(struct bg_database *db, uint64_t round, struct bg_error *error)
{
    return run_before(db, RELEASE_UPDATES, round, error);
}

enum bg_status bg_database_drop_lineage(struct bg_database *db, uint64_t round, struct bg_error *error)
{
    return run_before(db, DROP_LINEAGE, round, error);
}

/* ---- sums ---- */

static enum bg_status compare_sums(struct bg_database *db, uint64_t round, uint32_t group, struct bg_span sums,
                                   struct bg_error *error)
{
    struct bg_writer known;
    bg_writer_init(&known);
    enum bg_status status = bg_database_sums(db, round, group, error, &known);
    if (status == BG_OK && !bg_span_equal(bg_writer_span(&known), sums))
        status = bg_fail(error, BG_DUPLICATE, "%s: other sums of group %u were kept in round %llu", db->path, group,
                         (unsigned long long)round);
    bg_writer_finish(&known);
    return status;
}

enum bg_status bg_database_add_sums(struct bg_database *db, uint64_t round, uint32_t group, struct bg_span sums,
                                    struct bg_error *error)
{
    sqlite3_stmt *s = query(db, ADD_SUMS);
    if (s) {
        bind_u64(s, 1, round);
        bind_u64(s, 2, group);
        bind_content(s, 3, sums);
    }
    enum bg_status status = run(db, s, error);
    return status == BG_OK && sqlite3_changes(db->sqlite) == 0 ? compare_sums(db, round, group, sums, error) : status;
}

enum bg_status bg_database_sums(struct bg_database *db, uint64_t round, uint32_t group, struct bg_error *error,
                                struct bg_writer *ret_sums)
{
    sqlite3_stmt *s = query(db, SUMS);
    if (s) {
        bind_u64(s, 1, round);
        bind_u64(s, 2, group);
    }
    return read_content(db, s, "sums", error, ret_sums);
}

enum bg_status bg_database_drop_sums(struct bg_database *db, uint64_t before_round, struct bg_error *error)
{
    return run_before(db, DROP_SUMS, before_round, error);
}

/* ---- models ---- */

enum bg_status bg_database_add_model(struct bg_database *db, const struct bg_stored_model *model,
                                     struct bg_error *error)
{
    sqlite3_stmt *s = query(db, ADD_MODEL);
    if (s) {
        bind_digest(s, 1, &model->digest);
        bind_u64(s, 2, model->round);
        bind_digest(s, 3, &model->parent);
        bind_u64(s, 4, model->size);
        bind_u64(s, 5, model->made_at);
    }
    return run(db, s, error);
}

static bool read_model(sqlite3_stmt *s, struct bg_stored_model *ret_model)
{
    *ret_model = (struct bg_stored_model){.round = (uint64_t)sqlite3_column_int64(s, 1),
                                          .size = (uint64_t)sqlite3_column_int64(s, 3),
                                          .made_at = (uint64_t)sqlite3_column_int64(s, 4)};
    return column_digest(s, 0, &ret_model->digest) && column_digest(s, 2, &ret_model->parent);
}

enum bg_status bg_database_models(struct bg_database *db, bg_model_visit *visit, void *context,
                                  struct bg_error *error)
{
    sqlite3_stmt *s = query(db, MODELS);
    struct bg_stored_model model;
    bool row;
    enum bg_status status = step(db, s, error, &row);
    while (status == BG_OK && row) {
        status = read_model(s, &model) ? visit(context, &model) : fail_damaged(db, "a model", error);
        if (status == BG_OK)
            status = step(db, s, error, &row);
        else
            done(s);
    }
    return status;
}

enum bg_status bg_database_model(struct bg_database *db, const struct bg_digest *digest, struct bg_error *error,
                                 struct bg_stored_model *ret_model)
{
    sqlite3_stmt *s = query(db, MODEL);
    struct bg_stored_model model = {.round = 0};
    bool row;
    if (s)
        bind_digest(s, 1, digest);
    enum bg_status status = step(db, s, error, &row);
    if (status != BG_OK)
        return status;
    if (!row)
        return bg_fail(error, BG_NOT_FOUND, "%s: has no such model", db->path);
    status = read_model(s, &model) ? BG_OK : fail_damaged(db, "a model", error);
    done(s);
    if (status == BG_OK)
        *ret_model = model;
    return status;
}

enum bg_status bg_database_drop_models(struct bg_database *db, uint64_t keep, struct bg_error *error)
{
    return run_before(db, DROP_MODELS, keep, error);
}
