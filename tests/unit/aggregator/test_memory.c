/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root that dies at every point where it keeps something, once before and once after it was kept, and goes on from
 * its folder: the same rounds, every acknowledged update in them, and the models of a root that never died.
 */
#include "aggregator/memory.h"

#include "crypto/digest.h"
#include "mortal_root.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(memory, .timeout = 600);

/* Lives that end after `first` and then after `second` points, and a last one. */
static struct outcome live_through(enum bg_plan_encryption encryption, size_t first, size_t second)
{
    static struct world w;
    make_world(&w, encryption);
    const size_t ends[] = {first, second, NEVER};
    for (size_t life = 0; life < 3; life++) {
        w.points = 0;
        w.die_at = ends[life];
        live(&w);
        if (!w.dead)
            break;
        end_life(&w);
    }
    struct outcome outcome = look(&w);
    end_life(&w);
    end_world(&w);
    return outcome;
}

static void expect_same(const struct outcome *outcome, const struct outcome *expected, size_t first, size_t second)
{
    cr_assert(bg_digest_equal(&outcome->model, &expected->model), "another model after %zu, %zu", first, second);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        cr_assert(bg_digest_equal(&outcome->receipts[round], &expected->receipts[round]),
                  "another receipt of round %llu after %zu, %zu", (unsigned long long)round, first, second);
        cr_assert_eq(outcome->updates[round], expected->updates[round]);
    }
}

Test(memory, a_root_that_dies_at_any_point_comes_to_the_same_models)
{
    struct outcome expected = live_through(BG_PLAN_NULL, NEVER, NEVER);
    cr_assert_gt(expected.points, 50);
    cr_assert_eq(expected.updates[1], 0xff);
    cr_assert_eq(expected.updates[2], 0xfd);
    for (size_t point = 0; point < expected.points; point++) {
        struct outcome outcome = live_through(BG_PLAN_NULL, point, NEVER);
        expect_same(&outcome, &expected, point, NEVER);
    }
    NO_LEAKS();
}

Test(memory, a_root_that_dies_again_while_it_comes_back_does_as_well)
{
    struct outcome expected = live_through(BG_PLAN_NULL, NEVER, NEVER);
    for (size_t point = 3; point < expected.points; point += 9)
        for (size_t second = 0; second < 9; second += 2) {
            struct outcome outcome = live_through(BG_PLAN_NULL, point, second);
            expect_same(&outcome, &expected, point, second);
        }
    NO_LEAKS();
}

Test(memory, encryption_changes_nothing_of_that)
{
    struct outcome null = live_through(BG_PLAN_NULL, NEVER, NEVER);
    struct outcome expected = live_through(BG_PLAN_PAILLIER, NEVER, NEVER);
    cr_assert_eq(null.points, expected.points);
    for (size_t point = 5; point < expected.points; point += 13) {
        struct outcome outcome = live_through(BG_PLAN_PAILLIER, point, NEVER);
        cr_assert(bg_digest_equal(&outcome.model, &expected.model), "another model after %zu", point);
    }
    NO_LEAKS();
}

/* ---- what a restart finds ---- */

static void path_of_update(struct world *w, const struct bg_stored_update *update, char ret_path[static 256])
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&update->blob, hex);
    snprintf(ret_path, 256, "%s/updates/%s", w->folder, hex);
}

struct rows {
    struct bg_stored_update updates[2 * HANDS];
    size_t count;
};

static enum bg_status note_row(void *context, const struct bg_stored_update *update)
{
    struct rows *rows = context;
    rows->updates[rows->count++] = *update;
    return BG_OK;
}

static struct rows kept_rows(struct world *w)
{
    struct rows rows = {.count = 0};
    must(w, bg_database_updates(bg_memory_database(w->memory), UINT64_MAX, note_row, &rows, &w->error));
    return rows;
}

/* A world whose first round is open, with the updates of three clients. */
static void live_until_three_updates(struct world *w)
{
    make_world(w, BG_PLAN_NULL);
    start_life(w);
    cr_assert(act(w));
    cr_assert(act(w));
    cr_assert_eq(bg_root_round(w->root)->state, BG_ROUND_OPEN);
    for (size_t i = 0; i < 3; i++)
        contribute(w, 1, i);
    cr_assert_eq(kept_rows(w).count, 3);
}

static void damage(struct world *w, const struct bg_stored_update *update, off_t at)
{
    char path[256];
    uint8_t byte;
    path_of_update(w, update, path);
    int fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* One in its manifest, one in a block, one is gone: each is named, and their round goes on without them. */
Test(memory, updates_that_were_damaged_are_named_and_left_out)
{
    static struct world w;
    live_until_three_updates(&w);
    struct rows rows = kept_rows(&w);
    char path[256], hex[2 * BG_DIGEST_BYTES + 1];
    end_life(&w);
    damage(&w, &rows.updates[0], 100);
    damage(&w, &rows.updates[1], (off_t)rows.updates[1].size - 3);
    path_of_update(&w, &rows.updates[2], path);
    cr_assert_eq(unlink(path), 0);
    start_life(&w);
    cr_assert_eq(w.resumed, BG_OK, "%s", w.error.text);
    cr_assert_eq(w.warnings, 3);
    cr_assert_not_null(strstr(w.error.text, "update of client"));
    bg_digest_to_hex(&rows.updates[0].blob, hex);
    snprintf(path, sizeof path, "%s/updates/damaged/%s", w.folder, hex);
    cr_assert(exists(path));
    cr_assert_eq(kept_rows(&w).count, 0);
    cr_assert_eq(bg_memory_round_updates(w.memory).count, 0);
    w.warnings = w.refused = 0; /* told; now the clients may send again, or sit it out */
    memset(w.acknowledged, 0, sizeof w.acknowledged);
    while (act(&w))
        ;
    struct outcome outcome = look(&w);
    cr_assert_eq(outcome.updates[1], 0xff);
    end_life(&w);
    end_world(&w);
    NO_LEAKS();
}

Test(memory, a_damaged_model_is_named_and_nothing_begins)
{
    static struct world w;
    make_world(&w, BG_PLAN_NULL);
    live(&w);
    struct bg_digest model = *bg_root_model_digest(w.root);
    struct bg_mapping mapping;
    char hex[2 * BG_DIGEST_BYTES + 1], path[256];
    end_life(&w);
    bg_digest_to_hex(&model, hex);
    snprintf(path, sizeof path, "%s/models/%s", w.folder, hex);
    int fd = open(path, O_WRONLY);
    cr_assert_eq(pwrite(fd, "?", 1, 5), 1);
    close(fd);
    open_memory(&w);
    cr_assert_eq(bg_memory_model(w.memory, &w.error, &mapping), BG_BAD_DIGEST);
    cr_assert_not_null(strstr(w.error.text, hex));
    bg_memory_close(&w.memory);
    end_world(&w);
    NO_LEAKS();
}

/* Settings that make another task would make updates that were acknowledged worthless. */
Test(memory, an_open_round_needs_the_settings_that_opened_it)
{
    static struct world w;
    live_until_three_updates(&w);
    end_life(&w);
    uint32_t mode = w.h.config.learning.codec_mode;
    w.h.config.learning.codec_mode = mode ? 0 : 2;
    start_life(&w);
    cr_assert_neq(w.resumed, BG_OK);
    end_life(&w);
    w.h.config.learning.codec_mode = mode;
    start_life(&w);
    cr_assert_eq(w.resumed, BG_OK, "%s", w.error.text);
    cr_assert_eq(kept_rows(&w).count, 3, "acknowledged updates were forgotten");
    end_life(&w);
    end_world(&w);
    NO_LEAKS();
}

Test(memory, a_root_comes_back_without_its_key_holder)
{
    static struct world w;
    live_until_three_updates(&w);
    end_life(&w);
    w.key_holder_down = true;
    start_life(&w);
    cr_assert(w.is_resumed);
    cr_assert_eq(w.resumed, BG_OK, "%s", w.error.text);
    cr_assert_eq(bg_root_round(w.root)->state, BG_ROUND_OPEN);
    contribute(&w, 1, 4);
    cr_assert(w.acknowledged[1][4]);
    w.key_holder_down = false;
    end_life(&w);
    end_world(&w);
    NO_LEAKS();
}

/* Only what the root knows may be final: a client would fold back what the round that is coming back will use. */
Test(memory, a_root_that_comes_back_says_nothing_final_of_the_open_round)
{
    static struct world w;
    live_until_three_updates(&w);
    end_life(&w);
    begin_life(&w);
    size_t moments = 0;
    do
        cr_assert_eq(ask_receipt(&w, 1), BG_BUSY, "moment %zu", moments);
    while (moments++, turn(&w));
    cr_assert_gt(moments, 5);
    cr_assert_eq(w.resumed, BG_OK, "%s", w.error.text);
    cr_assert_eq(ask_receipt(&w, 2), BG_BUSY, "to come");
    while (act(&w))
        ;
    cr_assert_eq(ask_receipt(&w, 1), BG_OK);
    cr_assert_eq(ask_receipt(&w, 0), BG_NOT_FOUND);
    end_life(&w);
    end_world(&w);
    NO_LEAKS();
}

Test(memory, what_ended_rounds_need_no_more_goes)
{
    static struct world w;
    make_world(&w, BG_PLAN_NULL);
    w.missing[2][1] = false;
    live(&w);
    struct rows rows = kept_rows(&w);
    cr_assert_eq(rows.count, HANDS, "%zu kept", rows.count); /* update_rounds = 1 */
    char path[256];
    for (size_t i = 0; i < rows.count; i++) {
        cr_assert_eq(rows.updates[i].round, 2);
        path_of_update(&w, &rows.updates[i], path);
        cr_assert(exists(path));
    }
    snprintf(path, sizeof path, "%s/updates", w.folder);
    struct stat about;
    cr_assert_eq(stat(path, &about), 0);
    end_life(&w);
    /* A file that no row names is what a process leaves that dies between the two. */
    snprintf(path, sizeof path, "%s/updates/%064d", w.folder, 0);
    write_file(path, (struct bg_span){(const uint8_t *)"orphan", 6});
    open_memory(&w);
    cr_assert_not(exists(path));
    cr_assert_eq(kept_rows(&w).count, HANDS);
    bg_memory_close(&w.memory);
    end_world(&w);
    NO_LEAKS();
}

static enum bg_status note_round(void *context, const struct bg_stored_round *round)
{
    struct bg_stored_round *rounds = context;
    rounds[round->number] = *round;
    return BG_OK;
}

static enum bg_status add_row(void *context, const struct bg_stored_update *update)
{
    struct bg_memory_updates *sum = context;
    sum->count++;
    sum->bytes += update->size;
    return BG_OK;
}

static struct bg_memory_updates rows_of(struct world *w, uint64_t round)
{
    struct bg_memory_updates sum = {0, 0};
    must(w, bg_database_updates(bg_memory_database(w->memory), round, add_row, &sum, &w->error));
    return sum;
}

Test(memory, how_rounds_went_is_known_after_a_restart)
{
    static struct world w;
    struct bg_stored_round rounds[MOST_ROUNDS + 1] = {{.number = 0}};
    make_world(&w, BG_PLAN_NULL);
    live(&w);
    end_life(&w);
    open_memory(&w);
    must(&w, bg_database_rounds(bg_memory_database(w.memory), 1, note_round, rounds, &w.error));
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        const struct bg_stored_round *r = &rounds[round];
        struct bg_memory_updates rows = rows_of(&w, round);
        cr_assert(r->ended && r->clients == HANDS && r->updates == (round == 1 ? HANDS : HANDS - 1));
        cr_assert(rows.count == r->updates && rows.bytes == r->update_bytes && rows.bytes > 0);
        cr_assert_eq(r->phases_ns[BG_PHASE_FOLD], FOLD_NS);
    }
    bg_memory_close(&w.memory);
    end_world(&w);
    NO_LEAKS();
}

/* Who was in which round is known as long as the models that were made there. */
static void expect_lineage(uint64_t models, uint64_t first)
{
    static struct world w;
    make_world(&w, BG_PLAN_NULL);
    w.missing[2][1] = false;
    w.rounds = MOST_ROUNDS;
    w.models = models;
    live(&w);
    for (uint64_t round = 1; round <= MOST_ROUNDS; round++)
        cr_assert_eq(rows_of(&w, round).count, round < first ? 0 : HANDS, "round %llu", (unsigned long long)round);
    end_life(&w);
    end_world(&w);
}

Test(memory, updates_of_old_rounds_are_forgotten_with_their_models)
{
    expect_lineage(0, 1);
    expect_lineage(2, MOST_ROUNDS - 1);
    NO_LEAKS();
}

Test(memory, an_epoch_that_is_refused_can_be_asked_for_again)
{
    static struct world w;
    make_world(&w, BG_PLAN_NULL);
    start_life(&w);
    must(&w, bg_root_set_roster(w.root, NULL, 0, &w.error)); /* not the key holder's */
    must(&w, bg_root_begin_epoch(w.root, &w.error));
    pump(&w);
    cr_assert_null(bg_root_groups(w.root));
    end_life(&w);
    start_life(&w); /* the refused question comes again, and keeps nobody from going on */
    cr_assert_eq(w.resumed, BG_OK, "%s", w.error.text);
    while (act(&w))
        ;
    cr_assert_eq(bg_root_round(w.root)->number, ROUNDS);
    end_life(&w);
    end_world(&w);
    NO_LEAKS();
}
