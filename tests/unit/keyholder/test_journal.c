/* SPDX-License-Identifier: Apache-2.0 */
/* What a restart must bring back: every answer that was given, and every refusal that it implies. */
#include "base/file.h"
#include "crypto/identity_file.h"
#include "keyholder/folder.h"
#include "keyholder/state.h"
#include "store/journal_file.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a journal in memory, which can be cut and can fail ---- */

struct entry {
    uint32_t kind;
    struct bg_writer content;
};

struct memory_journal {
    struct bg_journal journal;
    struct entry entries[64];
    size_t count;
    size_t limit; /* entries it takes before it fails */
};

static enum bg_status append(void *context, uint32_t kind, struct bg_span entry)
{
    struct memory_journal *memory = context;
    if (memory->count == memory->limit)
        return BG_IO;
    struct entry *added = &memory->entries[memory->count++];
    added->kind = kind;
    bg_writer_init(&added->content);
    bg_write_bytes(&added->content, entry.data, entry.size);
    return BG_OK;
}

static enum bg_status replay(void *context, bg_journal_visit *visit, void *visitor, struct bg_error *error)
{
    struct memory_journal *memory = context;
    for (size_t i = 0; i < memory->count; i++) {
        enum bg_status status =
            visit(visitor, memory->entries[i].kind, bg_writer_span(&memory->entries[i].content), error);
        if (status != BG_OK)
            return status;
    }
    return BG_OK;
}

static void memory_init(struct memory_journal *memory)
{
    *memory = (struct memory_journal){.journal = {append, replay, NULL}, .limit = 64};
    memory->journal.context = memory;
}

static void memory_cut(struct memory_journal *memory, size_t count)
{
    while (memory->count > count)
        bg_writer_finish(&memory->entries[--memory->count].content);
}

/* ---- a history, and whether it is remembered ---- */

static const struct wish history[] = {
    {.round = 3, .group = 0, .members = ALL}, {.round = 3, .group = 1, .members = ALL},
    {.round = 4, .group = 1, .members = ALL}, {.round = 5, .group = 2, .members = ALL & ~1u},
};
#define RELEASES (sizeof history / sizeof *history)

struct asked {
    enum bg_route route;
    struct bg_writer body;
    struct answer answer;
    uint64_t durable; /* size of the journal when it was answered */
};

struct past {
    struct asked asked[2 + RELEASES]; /* epoch, plan, releases */
    size_t count;
    struct bg_digest commitment; /* before the epoch */
};

static void remember(struct fixture *f, struct past *past, enum bg_route route, struct bg_writer body,
                     uint64_t (*measure)(void *context), void *context)
{
    struct asked *asked = &past->asked[past->count++];
    asked->route = route;
    asked->body = body;
    cr_assert_eq(ask(f, route, bg_writer_span(&body), &asked->answer), BG_OK, "%s", f->error.text);
    asked->durable = measure(context);
}

static void live_through(struct fixture *f, struct past *past, uint64_t (*measure)(void *context), void *context)
{
    *past = (struct past){0};
    fixture_enrol_all(f);
    past->commitment = bg_keyholder_commitment(f->keyholder);
    struct bg_roster roster = bg_keyholder_roster(f->keyholder);
    struct bg_epoch_request request = {.epoch = 1, .roster = bg_roster_digest(&roster), .nonce = {{1}}};
    struct bg_writer body;
    bg_writer_init(&body);
    bg_epoch_request_encode(&body, &f->settings.population, &request);
    remember(f, past, BG_ROUTE_EPOCH, body, measure, context);
    cr_assert_eq(ask_epoch(f, 1), BG_OK, "%s", f->error.text);
    make_plan(f, 16);
    bg_writer_init(&body);
    bg_write_bytes(&body, f->plan.data, f->plan.size);
    remember(f, past, BG_ROUTE_SIGNED_PLAN, body, measure, context);
    for (size_t i = 0; i < RELEASES; i++) {
        make_release(f, &history[i], &body);
        remember(f, past, BG_ROUTE_RELEASE, body, measure, context);
    }
}

static void past_finish(struct past *past)
{
    for (size_t i = 0; i < past->count; i++) {
        bg_writer_finish(&past->asked[i].body);
        bg_writer_finish(&past->asked[i].answer.bytes);
    }
}

/* Everything that was answered when the journal had at most `durable` is answered again with the same bytes; except
 * what a later release of its group has made history. */
static void expect_memory(struct fixture *f, const struct past *past, uint64_t durable)
{
    for (size_t i = 0; i < past->count && past->asked[i].durable <= durable; i++) {
        const struct asked *asked = &past->asked[i];
        struct answer again;
        bool superseded = i == 3 && past->asked[4].durable <= durable;
        enum bg_status status = ask(f, asked->route, bg_writer_span(&asked->body), &again);
        cr_expect_eq(status, superseded ? BG_WRONG_ROUND : BG_OK, "request %zu of the past at %llu: %s", i,
                     (unsigned long long)durable, f->error.text);
        if (!superseded)
            cr_expect(bg_span_equal(bg_writer_span(&again.bytes), bg_writer_span(&asked->answer.bytes)));
        bg_writer_finish(&again.bytes);
    }
}

static uint64_t count_entries(void *context)
{
    const struct memory_journal *memory = context;
    return memory->count;
}

/* ---- restarts ---- */

Test(journal, brings_back_every_answer_after_every_entry)
{
    struct fixture f;
    struct past past;
    struct memory_journal memory;
    memory_init(&memory);
    fixture_init(&f, BG_PLAN_PAILLIER);
    f.settings.full_rounds = 2;
    f.settings.journal = &memory.journal;
    fixture_start(&f);
    live_through(&f, &past, count_entries, &memory);
    cr_assert_eq(memory.count, 1 + CLIENTS + 1 + 1 + RELEASES);
    for (size_t count = memory.count; count > 0; count--) {
        memory_cut(&memory, count);
        fixture_restart(&f);
        cr_expect_eq(memory.count, count, "a restart adds nothing");
        expect_memory(&f, &past, count);
    }
    memory_cut(&memory, 0);
    past_finish(&past);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(journal, brings_back_what_it_refuses)
{
    struct fixture f;
    struct past past;
    struct memory_journal memory;
    struct answer answer;
    memory_init(&memory);
    fixture_init(&f, BG_PLAN_NULL);
    f.settings.journal = &memory.journal;
    fixture_start(&f);
    live_through(&f, &past, count_entries, &memory);
    struct bg_digest head = bg_keyholder_head(f.keyholder);
    fixture_restart(&f);
    struct bg_digest after = bg_keyholder_head(f.keyholder);
    cr_expect(bg_digest_equal(&head, &after));
    struct wish wish = history[0];
    wish.seed = 1;
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "another sum");
    wish = history[3];
    wish.round = 6;
    wish.members = ALL;
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "another release set");
    wish.members = ALL & ~1u;
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_OK, "%s", f.error.text);
    struct bg_record record = expect_sums(&f, &answer, &wish);
    cr_expect_eq(record.sequence, RELEASES + 1);
    cr_expect(bg_digest_equal(&record.previous, &head));
    bg_writer_finish(&answer.bytes);
    memory_cut(&memory, 0);
    past_finish(&past);
    fixture_finish(&f);
    NO_LEAKS();
}

static void double_the_first(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions)
{
    (void)positions;
    memcpy(updates[place].payload, updates[place + 1].payload,
           bg_public_key_ciphertext_bytes(f->settings.public_key));
}

/* A member that sent what another knew: its group sits the round out for good, without it, too. */
Test(journal, brings_back_whom_it_rejected)
{
    struct fixture f;
    struct memory_journal memory;
    struct answer answer;
    struct wish wish = {.round = 5, .group = 1, .members = ALL, .seed = 1,
                        .maul = double_the_first, .mauler = 1};
    memory_init(&memory);
    fixture_init_knowing(&f, BG_PLAN_NULL, 2);
    f.settings.journal = &memory.journal;
    f.settings.full_rounds = 0;
    fixture_begin(&f);
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_BAD_KNOWLEDGE, "%s", f.error.text);
    cr_expect_eq(memory.entries[memory.count - 1].kind, BG_KEYHOLDER_ENTRY_REJECTION);
    for (int i = 0; i < 2; i++) {
        wish.maul = NULL;
        wish.members = ALL & ~1u;
        cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "%s", f.error.text);
        wish.members = ALL;
        cr_expect_eq(ask_release(&f, &wish, &answer), BG_REFUSED, "%s", f.error.text);
        fixture_restart(&f);
    }
    wish.round = 6;
    ask_release(&f, &wish, &answer);
    expect_sums(&f, &answer, &wish);
    bg_writer_finish(&answer.bytes);
    struct bg_keyholder *made = NULL;
    struct bg_error error = {0};
    f.settings.sealing_key = NULL;
    f.settings.knowledge_tags = false;
    cr_expect_eq(bg_keyholder_create(&f.settings, 0, &error, &made), BG_CONFIG, "%s", error.text);
    cr_expect_not_null(strstr(error.text, "sealing key"), "%s", error.text);
    memory_cut(&memory, 0);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(journal, keeps_the_lock_until_it_is_cleared)
{
    struct fixture f;
    struct memory_journal memory;
    struct answer answer;
    memory_init(&memory);
    fixture_init(&f, BG_PLAN_NULL);
    f.settings.journal = &memory.journal;
    fixture_start(&f);
    fixture_enrol_all(&f);
    cr_assert_eq(ask_epoch(&f, 1), BG_OK);
    make_plan(&f, 16);
    cr_assert_eq(show_plan(&f), BG_OK);
    struct wish wish = {.round = 1, .group = 0, .members = ALL, .flipped = 1};
    cr_assert_eq(ask_release(&f, &wish, &answer), BG_BAD_DIGEST);
    fixture_restart(&f);
    cr_expect(bg_keyholder_locked(f.keyholder));
    cr_assert_eq(bg_keyholder_clear(f.keyholder), BG_OK);
    fixture_restart(&f);
    cr_expect(!bg_keyholder_locked(f.keyholder));
    wish.flipped = 0;
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_OK, "%s", f.error.text);
    bg_writer_finish(&answer.bytes);
    memory_cut(&memory, 0);
    fixture_finish(&f);
}

/* The sums that waited are gone with the process; the same release brings them back. */
Test(journal, keeps_a_barred_edge_and_opens_for_another_what_was_opened_before)
{
    struct fixture f;
    struct memory_journal memory;
    struct answer answer, record, sums;
    struct bg_writer w;
    struct wish wish = {.round = 1, .group = 0, .members = ALL, .flipped = 1};
    memory_init(&memory);
    fixture_init(&f, BG_PLAN_NULL);
    struct bg_digest edges[2] = {*bg_identity_digest(f.clients[0]), *bg_identity_digest(f.clients[1])};
    f.settings.edges = edges;
    f.settings.edge_count = 2;
    f.settings.journal = &memory.journal;
    fixture_start(&f);
    fixture_enrol_all(&f);
    cr_assert_eq(ask_epoch(&f, 1), BG_OK);
    make_plan(&f, 16);
    cr_assert_eq(show_plan(&f), BG_OK);
    make_release(&f, &wish, &w);
    send_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&w), &answer);
    run_all(&f);
    cr_assert_eq(answer.status, BG_BAD_DIGEST, "%s", f.error.text);
    bg_writer_finish(&w);
    wish.flipped = 0;
    make_release(&f, &wish, &w);
    send_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&w), &record);
    run_all(&f);
    cr_assert_eq(record.status, BG_OK, "%s", f.error.text);
    fixture_restart(&f);
    cr_expect_eq(bg_keyholder_barred(f.keyholder), 1);
    send_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&w), &answer);
    run_all(&f);
    cr_expect_eq(answer.status, BG_REFUSED);
    cr_expect_eq(ask(&f, BG_ROUTE_SUMS, bg_writer_span(&record.bytes), &sums), BG_NOT_FOUND);
    send_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&w), &answer);
    run_all(&f);
    cr_assert_eq(answer.status, BG_OK, "%s", f.error.text);
    cr_expect(bg_span_equal(bg_writer_span(&answer.bytes), bg_writer_span(&record.bytes)));
    cr_expect_eq(ask(&f, BG_ROUTE_SUMS, bg_writer_span(&record.bytes), &sums), BG_OK, "%s", f.error.text);
    expect_sums(&f, &sums, &wish);
    cr_assert_eq(bg_keyholder_clear(f.keyholder), BG_OK);
    fixture_restart(&f);
    cr_expect_eq(bg_keyholder_barred(f.keyholder), 0);
    bg_writer_finish(&answer.bytes);
    bg_writer_finish(&record.bytes);
    bg_writer_finish(&sums.bytes);
    bg_writer_finish(&w);
    memory_cut(&memory, 0);
    fixture_finish(&f);
}

/* When an entry cannot be written, what depends on it is not answered, and nothing else is from then on. */
Test(journal, answers_nothing_that_it_could_not_keep)
{
    for (size_t limit = 1 + CLIENTS; limit < 1 + CLIENTS + 3; limit++) {
        struct fixture f;
        struct memory_journal memory;
        struct answer answer;
        struct wish wish = {.round = 1, .group = 0, .members = ALL};
        memory_init(&memory);
        memory.limit = limit;
        fixture_init(&f, BG_PLAN_NULL);
        f.settings.journal = &memory.journal;
        fixture_start(&f);
        fixture_enrol_all(&f);
        bool kept = ask_epoch(&f, 1) == BG_OK;
        cr_expect_eq(kept, limit > 1 + CLIENTS);
        if (kept) {
            make_plan(&f, 16);
            kept = show_plan(&f) == BG_OK;
            cr_expect_eq(kept, limit > 2 + CLIENTS);
        }
        if (kept)
            cr_expect_eq(ask_release(&f, &wish, &answer), BG_IO);
        cr_expect(says(&f, "journal"), "%s", f.error.text);
        cr_expect_eq(ask_epoch(&f, 1), BG_IO);
        cr_expect_eq(bg_keyholder_enrol(f.keyholder, bg_identity_point(f.root), "pier", NULL), BG_IO);
        memory_cut(&memory, 0);
        fixture_finish(&f);
    }
}

Test(journal, that_contradicts_itself_or_the_settings_is_refused)
{
    struct fixture f;
    struct past past;
    struct memory_journal memory;
    struct bg_keyholder *keyholder = NULL;
    struct bg_error error = {0};
    memory_init(&memory);
    fixture_init(&f, BG_PLAN_NULL);
    f.settings.journal = &memory.journal;
    fixture_start(&f);
    live_through(&f, &past, count_entries, &memory);
    struct bg_keyholder_settings settings = f.settings;
    cr_assert_eq(bg_population_set(&settings.population, "other"), BG_OK);
    cr_expect_eq(bg_keyholder_create(&settings, 0, &error, &keyholder), BG_CONFIG, "%s", error.text);
    settings = f.settings;
    settings.encryption = BG_PLAN_OFF;
    settings.public_key = NULL;
    cr_expect_eq(bg_keyholder_create(&settings, 0, &error, &keyholder), BG_CONFIG, "%s", error.text);
    for (size_t i = 0; i < memory.count; i++) {
        struct entry *entry = &memory.entries[i];
        entry->content.size--;
        cr_expect_neq(bg_keyholder_create(&f.settings, 0, &error, &keyholder), BG_OK, "entry %zu cut short", i);
        entry->content.size++;
        uint32_t kind = entry->kind;
        entry->kind = 77;
        cr_expect_eq(bg_keyholder_create(&f.settings, 0, &error, &keyholder), BG_DATA, "entry %zu unknown", i);
        entry->kind = kind;
    }
    struct entry first = memory.entries[0];
    memory.entries[0] = memory.entries[1];
    cr_expect_eq(bg_keyholder_create(&f.settings, 0, &error, &keyholder), BG_DATA, "no set-up");
    memory.entries[0] = first;
    struct entry last = memory.entries[memory.count - 1];
    memory.entries[memory.count - 1] = memory.entries[memory.count - 2];
    cr_expect_eq(bg_keyholder_create(&f.settings, 0, &error, &keyholder), BG_BAD_DIGEST, "%s", error.text);
    memory.entries[memory.count - 1] = last;
    memory_cut(&memory, 0);
    past_finish(&past);
    fixture_finish(&f);
    NO_LEAKS();
}

/* ---- a journal file, and a folder ---- */

static char folder[64];

/* In memory where there is such a folder: thousands of journals are made durable here. */
static void make_folder(void)
{
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/burgee-keyholder-XXXXXX", place);
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"config.json",     "secret.key", "public.key", "identity.secret",
                                        "identity.point",  "sealing.secret", "root.point", "journal",
                                        "copy"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(folder, .init = make_folder, .fini = remove_folder);

static uint64_t file_size(void *context)
{
    struct stat about;
    cr_assert_eq(stat(context, &about), 0);
    return (uint64_t)about.st_size;
}

/* The file cut at every byte: the role starts, and remembers what was answered by then. Requests are made where an
 * entry ends, one byte before and one after; elsewhere it is enough to start. */
Test(folder, restarts_from_a_journal_cut_at_every_byte)
{
    struct fixture f;
    struct past past;
    struct bg_journal_file *file = NULL;
    char path[80], copy[80];
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/journal", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    fixture_init(&f, BG_PLAN_NULL);
    cr_assert_eq(bg_journal_file_open(path, NULL, &file), BG_OK);
    f.settings.journal = bg_journal_file_journal(file);
    fixture_start(&f);
    uint64_t set_up = file_size(path);
    live_through(&f, &past, file_size, path);
    bg_journal_file_close(&file);
    cr_assert_eq(bg_file_read(path, 1 << 20, NULL, &bytes, &size), BG_OK);
    for (size_t cut = 0; cut <= size; cut++) {
        struct bg_error error = {0};
        cr_assert_eq(bg_file_write(copy, (struct bg_span){bytes, cut}, 0600, NULL), BG_OK);
        cr_assert_eq(bg_journal_file_open(copy, &error, &file), BG_OK, "%zu: %s", cut, error.text);
        f.settings.journal = bg_journal_file_journal(file);
        fixture_restart(&f);
        struct bg_digest commitment = bg_keyholder_commitment(f.keyholder);
        if (cut >= set_up && cut < past.asked[0].durable)
            cr_expect(bg_digest_equal(&commitment, &past.commitment), "cut to %zu bytes", cut);
        bool near = false;
        for (size_t i = 0; i < past.count; i++)
            near = near || (cut + 1 >= past.asked[i].durable && cut <= past.asked[i].durable + 1);
        if (near)
            expect_memory(&f, &past, cut);
        bg_journal_file_close(&file);
    }
    free(bytes);
    past_finish(&past);
    fixture_finish(&f);
    NO_LEAKS();
}

static struct bg_keyholder_config test_config(void)
{
    struct bg_keyholder_config config;
    bg_options_defaults(bg_keyholder_options, bg_keyholder_option_count, &config);
    config.key_bits = 512;
    config.insecure_test_key = true;
    config.full_rounds = 2;
    return config;
}

Test(folder, is_made_once_and_opened_again_and_again)
{
    struct bg_keyholder_config config = test_config();
    struct bg_folder *opened = NULL, *second = NULL;
    struct bg_error error = {0};
    cr_assert_eq(bg_folder_make(folder, &config, &error), BG_OK, "%s", error.text);
    cr_expect_eq(bg_folder_make(folder, &config, &error), BG_INVALID);
    cr_assert_eq(bg_folder_open(folder, &config, &error, &opened), BG_OK, "%s", error.text);
    struct bg_digest commitment = bg_keyholder_commitment(bg_folder_keyholder(opened));
    cr_expect_eq(bg_folder_open(folder, &config, &error, &second), BG_BUSY);
    bg_folder_close(&opened);
    cr_assert_eq(bg_folder_open(folder, &config, &error, &opened), BG_OK, "%s", error.text);
    struct bg_digest again = bg_keyholder_commitment(bg_folder_keyholder(opened));
    cr_expect(bg_digest_equal(&commitment, &again));
    struct bg_writer answer;
    cr_expect_eq(bg_folder_ask(opened, BG_ROUTE_EPOCH, (struct bg_span){NULL, 0}, &error, &answer), BG_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, "root.point"));
    bg_folder_close(&opened);
    char path[BG_FOLDER_PATH_BYTES];
    cr_assert_eq(bg_folder_path(folder, "journal", &error, path), BG_OK);
    unlink(path);
    cr_expect_eq(bg_folder_open(folder, &config, &error, &opened), BG_NOT_FOUND, "forgetting is refused");
    NO_LEAKS();
}

Test(folder, answers_on_files_what_the_role_answers)
{
    struct bg_keyholder_config config = test_config();
    struct bg_folder *opened = NULL;
    struct bg_error error = {0};
    struct fixture f;
    char path[BG_FOLDER_PATH_BYTES];
    fixture_init(&f, BG_PLAN_PAILLIER);
    cr_assert_eq(bg_folder_make(folder, &config, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_folder_path(folder, "root.point", &error, path), BG_OK);
    cr_assert_eq(bg_point_save(BG_POINT_IDENTITY, bg_identity_point(f.root), path, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_folder_open(folder, &config, &error, &opened), BG_OK, "%s", error.text);
    /* The fixture speaks to the folder's key holder, under its keys. */
    struct bg_keyholder_settings own = f.settings;
    const struct bg_identity *identity = bg_folder_settings(opened)->identity;
    struct bg_identity *fixture_identity = f.identity;
    f.settings = *bg_folder_settings(opened);
    f.identity = (struct bg_identity *)identity;
    struct bg_sealing_key *fixture_sealing = f.sealing;
    f.sealing = (struct bg_sealing_key *)f.settings.sealing_key;
    f.keyholder = bg_folder_keyholder(opened);
    bg_mask_table_destroy(&f.masks);
    struct bg_mask_settings masks = {.memory_bytes = 1 << 16};
    cr_assert_eq(bg_mask_table_create(f.settings.public_key, &own.random, &masks, &f.masks), BG_OK);
    fixture_connect(&f);
    fixture_enrol_all(&f);
    cr_assert_eq(ask_epoch(&f, 1), BG_OK);
    make_plan(&f, 16);
    cr_assert_eq(show_plan(&f), BG_OK);
    struct wish wish = {.round = 1, .group = 0, .members = ALL};
    struct bg_writer body, first, second;
    make_release(&f, &wish, &body);
    cr_assert_eq(bg_folder_ask(opened, BG_ROUTE_RELEASE, bg_writer_span(&body), &error, &first), BG_OK, "%s",
                 error.text);
    struct answer answer = {.given = true, .status = BG_OK, .bytes = first};
    expect_sums(&f, &answer, &wish);
    bg_folder_close(&opened);
    cr_assert_eq(bg_folder_open(folder, &config, &error, &opened), BG_OK, "%s", error.text);
    cr_assert_eq(bg_folder_ask(opened, BG_ROUTE_RELEASE, bg_writer_span(&body), &error, &second), BG_OK, "%s",
                 error.text);
    cr_expect(bg_span_equal(bg_writer_span(&first), bg_writer_span(&second)));
    bg_writer_finish(&first);
    bg_writer_finish(&second);
    bg_writer_finish(&body);
    bg_folder_close(&opened);
    f.settings = own;
    f.identity = fixture_identity;
    f.sealing = fixture_sealing;
    f.keyholder = NULL;
    fixture_finish(&f);
    NO_LEAKS();
}
