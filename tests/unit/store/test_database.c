/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[80];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", "/tmp/burgee-database-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state.db", folder);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(database, .init = make_folder, .fini = remove_folder);

static struct bg_database *reopen(void)
{
    struct bg_database *db = NULL;
    struct bg_error error = {0};
    cr_assert_eq(bg_database_open(folder, BG_DATABASE_OWN, &error, &db), BG_OK, "%s", error.text);
    return db;
}

static enum bg_status try_open(enum bg_database_mode mode, struct bg_error *error)
{
    struct bg_database *db = NULL;
    enum bg_status status = bg_database_open(folder, mode, error, &db);
    bg_database_close(&db);
    return status;
}

static struct bg_error *const why = &(struct bg_error){BG_OK, ""};
#define OK(call) cr_assert_eq((call), BG_OK, #call ": %s", why->text)

static struct bg_span text(const char *words)
{
    return (struct bg_span){(const uint8_t *)words, strlen(words)};
}

static struct bg_digest digest(uint8_t first)
{
    return (struct bg_digest){{first, 2, 3}};
}

static void expect_document(struct bg_database *db, const char *name, const char *words)
{
    struct bg_writer w;
    bg_writer_init(&w);
    if (words) {
        OK(bg_database_document(db, name, why, &w));
        cr_assert(bg_span_equal(bg_writer_span(&w), text(words)));
    } else {
        cr_assert_eq(bg_database_document(db, name, NULL, &w), BG_NOT_FOUND);
    }
    bg_writer_finish(&w);
}

/* ---- what it keeps ---- */

Test(database, documents_are_replaced_and_survive)
{
    struct bg_database *db = reopen();
    expect_document(db, "checkpoint", NULL);
    OK(bg_database_set_document(db, "checkpoint", text("one"), why));
    OK(bg_database_set_document(db, "checkpoint", text("two"), why));
    OK(bg_database_set_document(db, "roster", text(""), why));
    bg_database_close(&db);
    db = reopen();
    expect_document(db, "checkpoint", "two");
    expect_document(db, "roster", "");
    OK(bg_database_drop_document(db, "checkpoint", why));
    OK(bg_database_drop_document(db, "checkpoint", why));
    expect_document(db, "checkpoint", NULL);
    bg_database_close(&db);
}

struct listing {
    struct bg_stored_round rounds[8];
    struct bg_stored_update updates[8];
    struct bg_stored_model models[8];
    size_t count;
};

static enum bg_status list_round(void *context, const struct bg_stored_round *round)
{
    struct listing *listing = context;
    listing->rounds[listing->count++] = *round;
    return listing->count == 8 ? BG_TOO_LARGE : BG_OK;
}

static enum bg_status list_update(void *context, const struct bg_stored_update *update)
{
    struct listing *listing = context;
    listing->updates[listing->count++] = *update;
    return BG_OK;
}

static enum bg_status list_model(void *context, const struct bg_stored_model *model)
{
    struct listing *listing = context;
    listing->models[listing->count++] = *model;
    return BG_OK;
}

static void open_round(struct bg_database *db, uint64_t number)
{
    struct bg_stored_round round = {.number = number, .epoch = 2, .stage = 3, .opened_at = 1000 + number};
    OK(bg_database_open_round(db, &round, text("task"), why));
}

static struct bg_stored_round ended_round(uint64_t number)
{
    return (struct bg_stored_round){.number = number,
                                    .held = number == 2,
                                    .outcome = number == 2 ? BG_MARGIN : BG_OK,
                                    .ended_at = UINT64_C(1) << 40,
                                    .length_ns = 5,
                                    .updates = 6,
                                    .invited = 7,
                                    .opened = 8,
                                    .used = 9,
                                    .invalid = 10,
                                    .refused = 11,
                                    .sat_out = 12,
                                    .update_bytes = UINT64_C(3) << 33,
                                    .clients = 14,
                                    .phases_ns = {[BG_PHASE_FOLD] = UINT64_C(5) << 35, [BG_PHASE_PUBLICATION] = 1},
                                    .margin = 0.25,
                                    .model = digest(13)};
}

Test(database, rounds_with_task_end_and_receipt)
{
    struct bg_database *db = reopen();
    struct bg_writer w;
    struct listing listing = {.count = 0};
    bg_writer_init(&w);
    for (uint64_t i = 1; i <= 3; i++)
        open_round(db, i);
    struct bg_stored_round again = {.number = 2};
    cr_assert_eq(bg_database_open_round(db, &again, text("other"), NULL), BG_DUPLICATE);
    OK(bg_database_close_round(db, 3, why));
    cr_assert_eq(bg_database_receipt(db, 1, NULL, &w), BG_NOT_FOUND);
    for (uint64_t i = 1; i <= 2; i++) {
        struct bg_stored_round end = ended_round(i);
        OK(bg_database_end_round(db, &end, text("receipt"), why));
    }
    bg_database_close(&db);
    db = reopen();
    OK(bg_database_rounds(db, 2, list_round, &listing, why));
    cr_assert_eq(listing.count, 2);
    const struct bg_stored_round *held = &listing.rounds[0], *closed = &listing.rounds[1];
    cr_assert(held->number == 2 && held->epoch == 2 && held->stage == 3 && held->opened_at == 1002);
    cr_assert(held->closed && held->ended && held->held && held->outcome == BG_MARGIN);
    cr_assert(held->ended_at == UINT64_C(1) << 40 && held->length_ns == 5 && held->updates == 6 && held->invited == 7);
    cr_assert(held->opened == 8 && held->used == 9 && held->invalid == 10 && held->refused == 11);
    cr_assert(held->sat_out == 12 && held->margin == 0.25 && held->model.bytes[0] == 13);
    cr_assert(held->update_bytes == UINT64_C(3) << 33 && held->clients == 14);
    cr_assert(held->phases_ns[BG_PHASE_FOLD] == UINT64_C(5) << 35 && held->phases_ns[BG_PHASE_PUBLICATION] == 1);
    cr_assert(closed->number == 3 && closed->closed && !closed->ended);
    OK(bg_database_receipt(db, 2, why, &w));
    OK(bg_database_task(db, 3, why, &w));
    cr_assert(bg_span_equal(bg_writer_span(&w), text("receipttask")));
    OK(bg_database_drop_frames(db, 3, why));
    cr_assert_eq(bg_database_receipt(db, 2, NULL, &w), BG_NOT_FOUND);
    cr_assert_eq(bg_database_task(db, 2, NULL, &w), BG_NOT_FOUND);
    OK(bg_database_task(db, 3, why, &w));
    bg_writer_finish(&w);
    bg_database_close(&db);
}

Test(database, a_visit_ends_where_the_visitor_says)
{
    struct bg_database *db = reopen();
    struct listing listing = {.count = 7};
    open_round(db, 1);
    open_round(db, 2);
    cr_assert_eq(bg_database_rounds(db, 1, list_round, &listing, NULL), BG_TOO_LARGE);
    listing.count = 0;
    OK(bg_database_rounds(db, 1, list_round, &listing, why));
    cr_assert_eq(listing.count, 2);
    bg_database_close(&db);
}

Test(database, updates_in_the_order_they_came)
{
    struct bg_database *db = reopen();
    struct listing listing = {.count = 0};
    const uint8_t clients[] = {7, 3, 5};
    for (int i = 0; i < 3; i++) {
        struct bg_stored_update update = {
            .round = i < 2 ? 1 : 2, .client = digest(clients[i]), .blob = digest((uint8_t)(100 + i)), .size = 1000};
        OK(bg_database_add_update(db, &update, why));
        cr_assert_eq(bg_database_add_update(db, &update, NULL), BG_DUPLICATE);
    }
    OK(bg_database_updates(db, 1, list_update, &listing, why));
    cr_assert_eq(listing.count, 2);
    cr_assert(listing.updates[0].client.bytes[0] == 7 && listing.updates[1].client.bytes[0] == 3);
    cr_assert(listing.updates[1].blob.bytes[0] == 101 && listing.updates[1].size == 1000 && listing.updates[1].kept);
    OK(bg_database_release_updates(db, 2, why));
    listing.count = 0;
    OK(bg_database_updates(db, UINT64_MAX, list_update, &listing, why));
    cr_assert(listing.count == 1 && listing.updates[0].round == 2);
    listing.count = 0;
    OK(bg_database_updates(db, 1, list_update, &listing, why));
    cr_assert(listing.count == 2 && !listing.updates[0].kept);
    struct bg_digest client = digest(5);
    OK(bg_database_drop_lineage(db, UINT64_MAX, why)); /* what is kept stays */
    listing.count = 0;
    OK(bg_database_updates(db, 1, list_update, &listing, why));
    OK(bg_database_updates(db, 2, list_update, &listing, why));
    cr_assert(listing.count == 1 && listing.updates[0].round == 2);
    OK(bg_database_drop_update(db, 2, &client, why));
    listing.count = 0;
    OK(bg_database_updates(db, 2, list_update, &listing, why));
    cr_assert_eq(listing.count, 0);
    bg_database_close(&db);
}

Test(database, sums_are_kept_once)
{
    struct bg_database *db = reopen();
    struct bg_writer w;
    bg_writer_init(&w);
    OK(bg_database_add_sums(db, 4, 1, text("sums"), why));
    OK(bg_database_add_sums(db, 4, 1, text("sums"), why));
    struct bg_error error = {0};
    cr_assert_eq(bg_database_add_sums(db, 4, 1, text("lies"), &error), BG_DUPLICATE);
    cr_assert_not_null(strstr(error.text, "group 1"));
    OK(bg_database_sums(db, 4, 1, why, &w));
    cr_assert(bg_span_equal(bg_writer_span(&w), text("sums")));
    cr_assert_eq(bg_database_sums(db, 4, 2, NULL, &w), BG_NOT_FOUND);
    OK(bg_database_drop_sums(db, 5, why));
    cr_assert_eq(bg_database_sums(db, 4, 1, NULL, &w), BG_NOT_FOUND);
    bg_writer_finish(&w);
    bg_database_close(&db);
}

Test(database, models_with_their_line)
{
    struct bg_database *db = reopen();
    struct listing listing = {.count = 0};
    for (uint8_t i = 4; i > 0; i--) {
        struct bg_stored_model model = {
            .digest = digest(i), .round = i, .parent = digest((uint8_t)(i - 1)), .size = 10u * i, .made_at = 99};
        OK(bg_database_add_model(db, &model, why));
        OK(bg_database_add_model(db, &model, why));
    }
    OK(bg_database_models(db, list_model, &listing, why));
    cr_assert_eq(listing.count, 4);
    for (uint8_t i = 0; i < 4; i++)
        cr_assert(listing.models[i].round == i + 1u && listing.models[i].parent.bytes[0] == i);
    OK(bg_database_drop_models(db, 2, why));
    struct bg_stored_model model;
    struct bg_digest two = digest(2), three = digest(3);
    cr_assert_eq(bg_database_model(db, &two, NULL, &model), BG_NOT_FOUND);
    OK(bg_database_model(db, &three, why, &model));
    cr_assert(model.size == 30 && model.made_at == 99);
    bg_database_close(&db);
}

/* As a root keeps them, a few thousand rounds: more than SQLite would hold in memory by itself. */
Test(database, memory_does_not_grow_with_rounds)
{
    static const uint8_t frame[700] = {1};
    struct bg_database *db = reopen();
    OK(bg_database_begin(db, why));
    for (uint64_t number = 1; number <= 3000; number++) {
        struct bg_stored_round round = {.number = number, .epoch = 1};
        OK(bg_database_open_round(db, &round, (struct bg_span){frame, sizeof frame}, why));
        if (number % 100)
            continue;
        OK(bg_database_commit(db, why));
        OK(bg_database_begin(db, why));
    }
    OK(bg_database_commit(db, why));
    cr_assert_gt(sqlite3_memory_used(), 0);
    cr_assert_lt(sqlite3_memory_used(), 512 << 10, "%lld bytes", (long long)sqlite3_memory_used());
    bg_database_close(&db);
}

/* ---- databases of before ---- */

/* The tables of version 1 with an ended round in them, as that version made them. */
static const char version_1[] =
    "CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB NOT NULL, crc INTEGER NOT NULL);"
    "CREATE TABLE rounds (number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, stage INTEGER NOT NULL,"
    " closed INTEGER NOT NULL, ended INTEGER NOT NULL, held INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " opened_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, length_ns INTEGER NOT NULL, updates INTEGER NOT NULL,"
    " invited INTEGER NOT NULL, opened INTEGER NOT NULL, used INTEGER NOT NULL, invalid INTEGER NOT NULL,"
    " refused INTEGER NOT NULL, sat_out INTEGER NOT NULL, margin REAL NOT NULL, model BLOB,"
    " task BLOB, task_crc INTEGER, receipt BLOB, receipt_crc INTEGER);"
    "CREATE TABLE updates (sequence INTEGER PRIMARY KEY, round INTEGER NOT NULL, client BLOB NOT NULL,"
    " blob BLOB NOT NULL, size INTEGER NOT NULL, kept INTEGER NOT NULL, UNIQUE (round, client));"
    "CREATE INDEX kept_updates ON updates (round) WHERE kept;"
    "CREATE TABLE sums (round INTEGER NOT NULL, \"group\" INTEGER NOT NULL, content BLOB NOT NULL,"
    " crc INTEGER NOT NULL, PRIMARY KEY (round, \"group\"));"
    "CREATE TABLE models (digest BLOB PRIMARY KEY, round INTEGER NOT NULL, parent BLOB NOT NULL,"
    " size INTEGER NOT NULL, made_at INTEGER NOT NULL);"
    "INSERT INTO rounds VALUES (1, 2, 3, 1, 1, 0, 0, 1001, 1002, 5, 6, 7, 8, 9, 10, 11, 12, 0.5, NULL,"
    " NULL, NULL, NULL, NULL);"
    "PRAGMA user_version = 1;";

Test(database, one_of_version_1_is_taken_over)
{
    sqlite3 *old;
    struct listing listing = {.count = 0};
    cr_assert_eq(sqlite3_open(path, &old), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(old, version_1, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(old));
    sqlite3_close(old);
    struct bg_database *db = reopen();
    OK(bg_database_rounds(db, 1, list_round, &listing, why));
    const struct bg_stored_round *round = &listing.rounds[0];
    cr_assert(listing.count == 1 && round->ended && round->updates == 6 && round->sat_out == 12);
    cr_assert(round->margin == 0.5 && round->update_bytes == 0 && round->clients == 0);
    cr_assert_eq(round->phases_ns[BG_PHASE_FOLD], 0);
    open_round(db, 2);
    struct bg_stored_round end = ended_round(2);
    OK(bg_database_end_round(db, &end, text("receipt"), why));
    bg_database_close(&db);
    db = reopen();
    listing.count = 0;
    OK(bg_database_rounds(db, 2, list_round, &listing, why));
    cr_assert(listing.count == 1 && listing.rounds[0].clients == 14);
    bg_database_close(&db);
}

/* ---- transactions ---- */

Test(database, a_transaction_is_all_or_nothing)
{
    struct bg_database *db = reopen();
    OK(bg_database_begin(db, why));
    OK(bg_database_set_document(db, "a", text("1"), why));
    OK(bg_database_set_document(db, "b", text("1"), why));
    bg_database_abandon(db);
    expect_document(db, "a", NULL);
    OK(bg_database_begin(db, why));
    OK(bg_database_set_document(db, "a", text("2"), why));
    bg_database_close(&db);
    db = reopen();
    expect_document(db, "a", NULL);
    OK(bg_database_begin(db, why));
    OK(bg_database_set_document(db, "a", text("3"), why));
    OK(bg_database_commit(db, why));
    bg_database_close(&db);
    db = reopen();
    expect_document(db, "a", "3");
    bg_database_close(&db);
}

/* Steps of a process; it ends itself, without closing anything, after `last` of them. */
static void write_until(int last)
{
    struct bg_database *db = reopen();
    char number[16];
    for (int step = 0; step < last; step++) {
        snprintf(number, sizeof number, "%d", step / 3);
        switch (step % 3) {
        case 0:
            OK(bg_database_begin(db, why));
            OK(bg_database_set_document(db, "first", text(number), why));
            break;
        case 1:
            OK(bg_database_set_document(db, "second", text(number), why));
            break;
        default:
            OK(bg_database_commit(db, why));
        }
    }
    _exit(0);
}

Test(database, a_process_that_dies_at_any_step_has_done_whole_transactions)
{
    for (int last = 0; last <= 12; last++) {
        char number[16];
        int status = 0;
        remove_folder();
        cr_assert_eq(mkdir(folder, 0700), 0);
        pid_t child = fork();
        if (child == 0)
            write_until(last);
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
        struct bg_database *db = reopen();
        snprintf(number, sizeof number, "%d", last / 3 - 1);
        expect_document(db, "first", last < 3 ? NULL : number);
        expect_document(db, "second", last < 3 ? NULL : number);
        bg_database_close(&db);
    }
}

/* ---- one owner ---- */

Test(database, a_second_owner_is_told_who_the_first_is)
{
    struct bg_database *db = reopen();
    struct bg_error error = {0};
    char who[64];
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_BUSY);
    snprintf(who, sizeof who, "process %ld:", (long)getpid());
    cr_assert_not_null(strstr(error.text, who), "%s", error.text);
    OK(bg_database_set_document(db, "a", text("1"), why));
    struct bg_database *reader = NULL;
    OK(bg_database_open(folder, BG_DATABASE_READ, why, &reader));
    expect_document(reader, "a", "1");
    OK(bg_database_set_document(db, "a", text("2"), why));
    expect_document(reader, "a", "2");
    cr_assert_eq(bg_database_set_document(reader, "a", text("3"), &error), BG_IO);
    bg_database_close(&reader);
    bg_database_close(&db);
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_OK);
}

Test(database, a_reader_needs_something_to_read)
{
    struct bg_error error = {0};
    cr_assert_eq(try_open(BG_DATABASE_READ, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, path));
    snprintf(folder, sizeof folder, "%s", "/proc/nowhere");
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "/proc/nowhere"));
    snprintf(folder, sizeof folder, "%.*s", (int)(strlen(path) - strlen("/state.db")), path);
}

/* ---- damage ---- */

static void overwrite(off_t at, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    cr_assert_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
    close(fd);
}

Test(database, refuses_a_later_version)
{
    struct bg_database *db = reopen();
    struct bg_error error = {0};
    const uint8_t version[] = {0, 0, 0, 99}; /* of the file's header, big-endian */
    bg_database_close(&db);
    overwrite(60, version, sizeof version);
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_BAD_VERSION);
    cr_assert_not_null(strstr(error.text, "version 99"));
}

Test(database, refuses_what_is_no_database)
{
    struct bg_error error = {0};
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database\n", file);
    fclose(file);
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_BAD_DIGEST);
    cr_assert_not_null(strstr(error.text, path));
    cr_assert_not_null(strstr(error.text, "restore the folder from a backup"));
}

/* A page at a time is destroyed: either the opening or the reading finds it, and nothing false is read. */
Test(database, finds_every_damaged_page)
{
    struct bg_database *db = reopen();
    static uint8_t long_content[20000];
    uint8_t junk[4096];
    struct stat about;
    memset(junk, 0x5a, sizeof junk);
    for (size_t i = 0; i < sizeof long_content; i++)
        long_content[i] = (uint8_t)(i * 7 % 251);
    OK(bg_database_set_document(db, "long", (struct bg_span){long_content, sizeof long_content}, why));
    bg_database_close(&db);
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_gt(about.st_size, 10 * 4096);
    char keep[128], command[512];
    snprintf(keep, sizeof keep, "%s.keep", path);
    snprintf(command, sizeof command, "cp '%s' '%s'", path, keep);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof command, "cp '%s' '%s'", keep, path);
    size_t found = 0;
    for (off_t page = 0; page < about.st_size; page += 4096) {
        struct bg_error error = {0};
        struct bg_writer w;
        bg_writer_init(&w);
        cr_assert_eq(system(command), 0);
        overwrite(page, junk, sizeof junk);
        db = NULL;
        enum bg_status status = bg_database_open(folder, BG_DATABASE_OWN, &error, &db);
        if (status == BG_OK)
            status = bg_database_document(db, "long", &error, &w);
        if (status == BG_OK)
            cr_assert(bg_span_equal(bg_writer_span(&w), (struct bg_span){long_content, sizeof long_content}));
        else
            cr_assert_eq(status, BG_BAD_DIGEST, "%s", error.text);
        found += status != BG_OK;
        bg_database_close(&db);
        bg_writer_finish(&w);
    }
    cr_assert_geq(found, (size_t)(about.st_size / 4096 - 1), "found %zu", found);
}

Test(database, finds_one_damaged_byte_of_content)
{
    struct bg_database *db = reopen();
    struct bg_error error = {0};
    struct bg_writer w;
    bg_writer_init(&w);
    OK(bg_database_set_document(db, "checkpoint", text("the thirteenth round"), why));
    bg_database_close(&db);
    FILE *file = fopen(path, "r+");
    char bytes[1 << 16];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    const char *at = memmem(bytes, size, "thirteenth", 10);
    cr_assert_not_null(at);
    fseek(file, at - bytes, SEEK_SET);
    fputc('T', file);
    fclose(file);
    db = reopen();
    cr_assert_eq(bg_database_document(db, "checkpoint", &error, &w), BG_BAD_DIGEST);
    cr_assert_not_null(strstr(error.text, "restore the folder from a backup"));
    cr_assert_eq(w.size, 0);
    bg_writer_finish(&w);
    bg_database_close(&db);
}

/* ---- disks ---- */

/* Writes until the disk is full; whatever was said to be written is there. */
static int fill_up(struct bg_database *db, struct bg_error *error)
{
    static uint8_t content[100000];
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (bg_database_set_document(db, name, (struct bg_span){content, sizeof content}, error) != BG_OK)
            return i;
    }
    return 100;
}

static void expect_full(struct bg_database *db)
{
    struct bg_error error = {0};
    int count = fill_up(db, &error);
    cr_assert(count > 0 && count < 100);
    cr_assert_eq(error.status, BG_IO);
    cr_assert_not_null(strstr(error.text, "no space left"), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "nothing was acknowledged"));
    for (int i = 0; i <= count; i++) {
        char name[16];
        struct bg_writer w;
        bg_writer_init(&w);
        snprintf(name, sizeof name, "%d", i);
        cr_assert_eq(bg_database_document(db, name, NULL, &w), i < count ? BG_OK : BG_NOT_FOUND);
        bg_writer_finish(&w);
    }
}

Test(database, a_full_disk_is_named_and_forgets_nothing)
{
    signal(SIGXFSZ, SIG_IGN);
    struct bg_database *db = reopen();
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    expect_full(db);
    setrlimit(RLIMIT_FSIZE, &old);
    OK(bg_database_set_document(db, "after", text("room again"), why));
    bg_database_close(&db);
    db = reopen();
    expect_document(db, "after", "room again");
    bg_database_close(&db);
}

Test(database, a_full_file_system_is_named_and_forgets_nothing)
{
    if (mount("tmpfs", folder, "tmpfs", 0, "size=2m") != 0)
        cr_skip_test("needs the right to mount a tmpfs");
    struct bg_database *db = reopen();
    expect_full(db);
    bg_database_close(&db);
    db = reopen();
    bg_database_close(&db);
    cr_assert_eq(umount(folder), 0);
}

Test(database, a_read_only_folder_is_named)
{
    struct bg_error error = {0};
    if (mount("tmpfs", folder, "tmpfs", 0, "size=2m") != 0)
        cr_skip_test("needs the right to mount a tmpfs");
    struct bg_database *db = reopen();
    bg_database_close(&db);
    cr_assert_eq(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    cr_assert_eq(try_open(BG_DATABASE_OWN, &error), BG_IO);
    cr_assert_not_null(strstr(error.text, folder));
    cr_assert_not_null(strstr(error.text, "cannot be written"), "%s", error.text);
    cr_assert_eq(umount(folder), 0);
}
