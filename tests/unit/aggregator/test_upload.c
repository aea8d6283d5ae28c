/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/upload.h"

#include "crypto/digest.h"
#include "protocol/pad_seed.h"
#include "tests/unit/aggregator/one_group.h"
#include "tests/unit/crypto/hex.h"
#include "tests/unit/no_leaks.h"
#include "tests/vectors/paillier_secret_vectors.h"

#include <stdio.h>

TestSuite(upload);

static const struct group_terms paillier = {.encryption = BG_PLAN_PAILLIER, .mode = BG_PLAN_CODEC_EF, .s = 1};
static const struct group_terms null = {.encryption = BG_PLAN_NULL, .mode = BG_PLAN_CODEC_EF, .s = 2};
static const struct group_terms off = {.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_EF};

/* A group with one honest update of its first member. */
struct fixture {
    struct one_group group;
    struct bg_update update;
    struct bg_upload upload;
    struct bg_error error;
    char client[2 * BG_DIGEST_BYTES + 1];
};

static void set_up(struct fixture *f, const struct group_terms *terms)
{
    *f = (struct fixture){0};
    one_group_init(&f->group, terms);
    uint64_t *slots = honest_slots(&f->group);
    f->update = update_of(&f->group, 0, slots, NULL);
    free(slots);
    bg_digest_to_hex(bg_identity_digest(f->group.members[0]), f->client);
}

static void tear_down(struct fixture *f)
{
    bg_upload_finish(&f->upload);
    bg_update_finish(&f->update);
    one_group_finish(&f->group);
}

static void expect_refusal(const struct fixture *f, enum bg_status status, enum bg_status expected)
{
    cr_assert_eq(status, expected, "%s instead of %s: %s", bg_status_name(status), bg_status_name(expected),
                 f->error.text);
    cr_assert(strstr(f->error.text, f->client), "names no client: %s", f->error.text);
}

Test(upload, takes_an_honest_update_in_every_mode)
{
    const struct group_terms *const modes[] = {&paillier, &null, &off};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct fixture f;
        set_up(&f, modes[i]);
        accept_update(&f.group, &f.upload, 0, &f.update);
        tear_down(&f);
    }
    NO_LEAKS();
}

struct held_file {
    struct bg_held_bytes held;
    unsigned finished;
};

static void count_finished(struct bg_held_bytes *held)
{
    ((struct held_file *)held)->finished++;
}

Test(upload, keeps_what_is_held_where_it_is_and_copies_the_rest)
{
    struct fixture f;
    struct held_file file = {.held = {.holders = 1, .finish = count_finished}};
    struct bg_frame frame;
    struct bg_manifest manifest;
    set_up(&f, &paillier);
    struct bg_span bytes = bg_writer_span(&f.update.frames);
    cr_assert_eq(bg_upload_read(bytes, &f.error, &frame, &manifest), BG_OK);
    cr_assert_eq(bg_upload_begin(&f.upload, &f.group.terms, bytes, &file.held, &frame, &manifest, &f.error), BG_OK);
    cr_assert_eq(f.upload.bytes.data, bytes.data);
    cr_assert_eq(file.held.holders, 2);
    bg_upload_finish(&f.upload);
    cr_assert_eq(file.held.holders, 1);
    cr_assert_eq(file.finished, 0, "whoever brought it holds it still");

    cr_assert_eq(bg_upload_begin(&f.upload, &f.group.terms, bytes, NULL, &frame, &manifest, &f.error), BG_OK);
    cr_assert_neq(f.upload.bytes.data, bytes.data);
    cr_assert(bg_span_equal(f.upload.bytes, bytes));

    bg_held_release(&file.held);
    cr_assert_eq(file.finished, 1);
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, refuses_an_update_of_another_size_and_holds_nothing_of_it)
{
    struct fixture f;
    struct held_file file = {.held = {.holders = 1, .finish = count_finished}};
    struct bg_frame frame;
    struct bg_manifest manifest;
    set_up(&f, &paillier);
    bg_write_bytes(&f.update.frames, "x", 1);
    struct bg_span bytes = bg_writer_span(&f.update.frames);
    cr_assert_eq(bg_upload_read(bytes, &f.error, &frame, &manifest), BG_OK);
    enum bg_status status =
        bg_upload_begin(&f.upload, &f.group.terms, bytes, &file.held, &frame, &manifest, &f.error);
    expect_refusal(&f, status, BG_DECODE);
    bytes.size -= 2;
    status = bg_upload_begin(&f.upload, &f.group.terms, bytes, &file.held, &frame, &manifest, &f.error);
    expect_refusal(&f, status, BG_TRUNCATED);
    bytes.size = frame.bytes.size;
    status = bg_upload_begin(&f.upload, &f.group.terms, bytes, &file.held, &frame, &manifest, &f.error);
    expect_refusal(&f, status, BG_TRUNCATED);
    cr_assert_eq(f.upload.bytes.size, 0);
    cr_assert_eq(file.held.holders, 1);
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, finds_every_block_where_its_sender_put_it)
{
    struct group_terms terms = {.encryption = BG_PLAN_NULL, .mode = BG_PLAN_CODEC_EF, .s = 2, .coordinates = 50000};
    struct fixture f;
    set_up(&f, &terms);
    accept_update(&f.group, &f.upload, 0, &f.update);
    cr_assert_gt(f.update.block_count, 2);
    cr_assert_eq(bg_upload_block_count(&f.upload), f.update.block_count);
    for (size_t i = 0; i < f.update.block_count; i++) {
        struct bg_frame frame;
        struct bg_block block;
        size_t positions;
        struct bg_span payload = bg_upload_payload(&f.upload, &f.group.shape, i, &positions);
        cr_assert_eq(bg_frame_expect(bg_update_frame(&f.update, i + 1), BG_FRAME_BLOCK, NULL, &frame), BG_OK);
        cr_assert_eq(bg_block_decode(&frame, NULL, &block), BG_OK);
        cr_assert_eq(positions, block.positions);
        cr_assert(bg_span_equal(payload, block.payload));
    }
    tear_down(&f);
    NO_LEAKS();
}

/* ---- manifests that do not belong here ---- */

static void other_digest(struct bg_digest *digest)
{
    digest->bytes[0] ^= 1;
}

static void other_key(struct bg_manifest *m) { other_digest(&m->key_id); }
static void other_model(struct bg_manifest *m) { other_digest(&m->model); }
static void other_task(struct bg_manifest *m) { other_digest(&m->task); }
static void other_epoch(struct bg_manifest *m) { m->epoch++; }
static void other_round(struct bg_manifest *m) { m->round++; }
static void past_round(struct bg_manifest *m) { m->round--; }
static void other_attempt(struct bg_manifest *m) { m->attempt++; }
static void no_seed(struct bg_manifest *m) { m->sealed_seed = (struct bg_span){NULL, 0}; }
static void fewer_positions(struct bg_manifest *m) { m->positions--; }
static void more_positions(struct bg_manifest *m) { m->positions++; }

static void unasked_tags(struct bg_manifest *m)
{
    static const uint8_t tags[65 + 16 + 16];
    m->sealed_tags = (struct bg_span){tags, sizeof tags};
}

static const struct {
    void (*change)(struct bg_manifest *manifest);
    enum bg_status status;
} wrong_manifests[] = {
    {other_key, BG_STALE_PLAN},       {other_model, BG_STALE_PLAN},   {other_epoch, BG_WRONG_ROUND},
    {other_round, BG_WRONG_ROUND},    {past_round, BG_WRONG_ROUND},   {other_attempt, BG_WRONG_ROUND},
    {no_seed, BG_DECODE},             {fewer_positions, BG_DECODE},   {more_positions, BG_DECODE},
    {unasked_tags, BG_DECODE},        {other_task, BG_WRONG_ROUND},
};

Test(upload, refuses_manifests_of_another_round_key_model_or_shape)
{
    struct fixture f;
    set_up(&f, &paillier);
    for (size_t i = 0; i < sizeof wrong_manifests / sizeof *wrong_manifests; i++) {
        struct bg_manifest manifest = manifest_of(&f.update);
        wrong_manifests[i].change(&manifest);
        struct bg_writer w = signed_again(&f.group, &manifest, &f.group.plan_id, 0);
        enum bg_status status = begin(&f.group, &f.upload, bg_writer_span(&w), &f.error);
        expect_refusal(&f, status, wrong_manifests[i].status);
        cr_assert_eq(f.upload.bytes.size, 0, "case %zu left something behind", i);
        bg_writer_finish(&w);
    }
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, refuses_a_seed_where_nothing_is_encrypted)
{
    static const uint8_t sealed[BG_SEALED_SEED_BYTES];
    struct fixture f;
    set_up(&f, &off);
    struct bg_manifest manifest = manifest_of(&f.update);
    manifest.sealed_seed = (struct bg_span){sealed, sizeof sealed};
    struct bg_writer w = signed_again(&f.group, &manifest, &f.group.plan_id, 0);
    expect_refusal(&f, begin(&f.group, &f.upload, bg_writer_span(&w), &f.error), BG_DECODE);
    bg_writer_finish(&w);
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, refuses_missing_knowledge_tags)
{
    struct fixture f;
    set_up(&f, &paillier);
    f.group.plan.key.knowledge_tags = true;
    expect_refusal(&f, begin(&f.group, &f.upload, bg_update_frame(&f.update, 0), &f.error), BG_DECODE);
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, refuses_another_plan_and_another_population)
{
    struct fixture f;
    set_up(&f, &paillier);
    other_digest(&f.group.plan_id);
    expect_refusal(&f, begin(&f.group, &f.upload, bg_update_frame(&f.update, 0), &f.error), BG_STALE_PLAN);
    other_digest(&f.group.plan_id);
    cr_assert_eq(bg_population_set(&f.group.plan.key.population, "other"), BG_OK);
    expect_refusal(&f, begin(&f.group, &f.upload, bg_update_frame(&f.update, 0), &f.error), BG_WRONG_POPULATION);
    cr_assert_eq(f.upload.bytes.size, 0);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- manifests that are not what they say ---- */

Test(upload, refuses_a_forged_signature)
{
    struct fixture f;
    set_up(&f, &paillier);
    struct bg_manifest manifest = manifest_of(&f.update);
    struct bg_writer w = signed_again(&f.group, &manifest, &f.group.plan_id, 1);
    cr_assert_eq(begin(&f.group, &f.upload, bg_writer_span(&w), &f.error), BG_OK);
    expect_refusal(&f, verify(&f.group, &f.upload, 0, &f.error), BG_BAD_SIGNATURE);
    bg_upload_finish(&f.upload);
    bg_writer_finish(&w);

    struct bg_span genuine = bg_update_frame(&f.update, 0);
    uint8_t *flipped = malloc(genuine.size);
    cr_assert(flipped);
    memcpy(flipped, genuine.data, genuine.size);
    flipped[genuine.size - BG_SIGNATURE_BYTES - 8] ^= 0x10; /* in the sealed seed */
    cr_assert_eq(begin(&f.group, &f.upload, (struct bg_span){flipped, genuine.size}, &f.error), BG_OK);
    expect_refusal(&f, verify(&f.group, &f.upload, 0, &f.error), BG_BAD_SIGNATURE);
    free(flipped);
    tear_down(&f);
    NO_LEAKS();
}

static void refuse_changed(void (*change)(struct fixture *f, struct bg_manifest *manifest), enum bg_status expected)
{
    struct fixture f;
    set_up(&f, &paillier);
    struct bg_manifest manifest = manifest_of(&f.update);
    change(&f, &manifest);
    struct bg_writer w = signed_again(&f.group, &manifest, &f.group.plan_id, 0);
    cr_assert_eq(begin(&f.group, &f.upload, bg_writer_span(&w), &f.error), BG_OK, "%s", f.error.text);
    expect_refusal(&f, verify(&f.group, &f.upload, 0, &f.error), expected);
    bg_writer_finish(&w);
    tear_down(&f);
    NO_LEAKS();
}

static void commit_falsely(struct fixture *f, struct bg_manifest *manifest)
{
    (void)f;
    other_digest(&manifest->pad_commitment);
}

static uint8_t other_sealed[BG_SEALED_SEED_BYTES];

static void seal_for_another_plan(struct fixture *f, struct bg_manifest *manifest)
{
    static const uint8_t seed[BG_SEED_BYTES] = {1};
    struct bg_digest plan_id = f->group.plan_id;
    other_digest(&plan_id);
    cr_assert_eq(bg_pad_seed_seal(seed, f->group.plan.root.sealing_key, &manifest->client, &plan_id,
                                  &f->group.random, other_sealed), BG_OK);
    manifest->sealed_seed = (struct bg_span){other_sealed, sizeof other_sealed};
}

static void seal_another_seed(struct fixture *f, struct bg_manifest *manifest)
{
    static const uint8_t seed[BG_SEED_BYTES] = {1};
    cr_assert_eq(bg_pad_seed_seal(seed, f->group.plan.root.sealing_key, &manifest->client, &f->group.plan_id,
                                  &f->group.random, other_sealed), BG_OK);
    manifest->sealed_seed = (struct bg_span){other_sealed, sizeof other_sealed};
}

Test(upload, refuses_a_false_pad_commitment)
{
    refuse_changed(commit_falsely, BG_BAD_COMMITMENT);
    refuse_changed(seal_another_seed, BG_BAD_COMMITMENT);
}

Test(upload, refuses_a_seed_sealed_for_another_plan)
{
    refuse_changed(seal_for_another_plan, BG_BAD_SEAL);
}

/* ---- blocks ---- */

static struct bg_block first_block(const struct fixture *f)
{
    struct bg_frame frame;
    struct bg_block block;
    cr_assert_eq(bg_frame_expect(bg_update_frame(&f->update, 1), BG_FRAME_BLOCK, NULL, &frame), BG_OK);
    cr_assert_eq(bg_block_decode(&frame, NULL, &block), BG_OK);
    return block;
}

/* What the first member sends instead of its update, of one block: a manifest and a block that it changed. */
static enum bg_status take_changed(struct fixture *f, const struct bg_manifest *manifest,
                                   const struct bg_population *population, const struct bg_digest *plan_id,
                                   const struct bg_block *block)
{
    struct bg_writer w = signed_again(&f->group, manifest, &f->group.plan_id, 0);
    cr_assert_eq(f->update.block_count, 1);
    bg_block_encode(&w, population, plan_id, block);
    enum bg_status status = take(&f->group, &f->upload, 0, bg_writer_span(&w), &f->error);
    bg_writer_finish(&w);
    return status;
}

static enum bg_status take_block(struct fixture *f, struct bg_block block)
{
    struct bg_manifest manifest = manifest_of(&f->update);
    return take_changed(f, &manifest, &f->group.plan.key.population, &f->group.plan_id, &block);
}

Test(upload, refuses_blocks_of_another_place_or_origin)
{
    struct fixture f;
    struct bg_population other;
    set_up(&f, &paillier);
    struct bg_manifest manifest = manifest_of(&f.update);
    struct bg_digest plan_id = f.group.plan_id;
    struct bg_block block = first_block(&f);
    block.index = 1;
    expect_refusal(&f, take_block(&f, block), BG_INVALID);
    block.index = BG_MAX_BLOCKS;
    expect_refusal(&f, take_block(&f, block), BG_DECODE);
    block = first_block(&f);
    block.positions--;
    expect_refusal(&f, take_block(&f, block), BG_INVALID);
    block = first_block(&f);
    block.round++;
    expect_refusal(&f, take_block(&f, block), BG_WRONG_ROUND);
    block = first_block(&f);
    block.attempt++;
    expect_refusal(&f, take_block(&f, block), BG_WRONG_ROUND);
    block = first_block(&f);
    block.group++;
    expect_refusal(&f, take_block(&f, block), BG_UNKNOWN_CLIENT);
    block = first_block(&f);
    block.client = *bg_identity_digest(f.group.members[1]);
    expect_refusal(&f, take_block(&f, block), BG_UNKNOWN_CLIENT);
    block = first_block(&f);
    other_digest(&plan_id);
    expect_refusal(&f, take_changed(&f, &manifest, &f.group.plan.key.population, &plan_id, &block), BG_STALE_PLAN);
    cr_assert_eq(bg_population_set(&other, "other"), BG_OK);
    expect_refusal(&f, take_changed(&f, &manifest, &other, &f.group.plan_id, &block), BG_WRONG_POPULATION);
    cr_assert_eq(take_block(&f, block), BG_OK, "%s", f.error.text);
    tear_down(&f);
    NO_LEAKS();
}

Test(upload, refuses_blocks_that_are_damaged_or_in_another_order)
{
    struct group_terms terms = {.encryption = BG_PLAN_NULL, .mode = BG_PLAN_CODEC_EF, .s = 2, .coordinates = 50000};
    struct fixture f;
    set_up(&f, &terms);
    uint8_t *bytes = f.update.frames.data;
    uint8_t *first = bytes + f.update.manifest_bytes, *second = first + f.update.block_bytes;
    struct bg_span all = bg_writer_span(&f.update.frames);
    bytes[all.size - 3] ^= 1;
    expect_refusal(&f, take(&f.group, &f.upload, 0, all, &f.error), BG_BAD_DIGEST);
    bytes[all.size - 3] ^= 1;
    first[0] ^= 1;
    expect_refusal(&f, take(&f.group, &f.upload, 0, all, &f.error), BG_BAD_MAGIC);
    first[0] ^= 1;
    second[72] ^= 1; /* its body's size */
    expect_refusal(&f, take(&f.group, &f.upload, 0, all, &f.error), BG_TRUNCATED);
    second[72] ^= 1;
    for (size_t i = 0; i < f.update.block_bytes; i++) {
        uint8_t byte = first[i];
        first[i] = second[i];
        second[i] = byte;
    }
    expect_refusal(&f, take(&f.group, &f.upload, 0, all, &f.error), BG_INVALID);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- ciphertexts ---- */

/* A member that really signs the block it sends, with `bytes` in a position instead of its own. */
static void refuse_bytes(const struct group_terms *terms, size_t position, size_t at, const uint8_t *bytes,
                         size_t size)
{
    char name[32];
    struct fixture f;
    struct bg_digest digest;
    set_up(&f, terms);
    struct bg_manifest manifest = manifest_of(&f.update);
    struct bg_block block = first_block(&f);
    uint8_t *payload = malloc(block.payload.size);
    size_t start = position * f.group.shape.position_bytes + at;
    cr_assert(payload && f.update.block_count == 1 && start + size <= block.payload.size);
    memcpy(payload, block.payload.data, block.payload.size);
    memcpy(payload + start, bytes, size);
    block.payload.data = payload;
    bg_sha256(block.payload, &digest);
    manifest.block_digests = (struct bg_span){digest.bytes, BG_DIGEST_BYTES};
    enum bg_status status =
        take_changed(&f, &manifest, &f.group.plan.key.population, &f.group.plan_id, &block);
    expect_refusal(&f, status, BG_BAD_CIPHERTEXT);
    snprintf(name, sizeof name, "position %zu:", position);
    cr_assert(strstr(f.error.text, name), "%s", f.error.text);
    free(payload);
    tear_down(&f);
}

#define DIGIT 64 /* bytes of the vectors' 512-bit key */

static void refuse_ciphertext(const struct group_terms *terms, const uint8_t *ciphertext)
{
    refuse_bytes(terms, 2, 0, ciphertext, (terms->s + 1) * DIGIT);
}

Test(upload, refuses_ciphertexts_that_cannot_be_any)
{
    struct one_group group;
    uint8_t ciphertext[2 * DIGIT] = {0};
    refuse_ciphertext(&paillier, ciphertext);

    one_group_init(&group, &paillier);
    ciphertext[0] = 1;
    memcpy(ciphertext + DIGIT, group.plan.key.modulus.data, DIGIT);
    refuse_ciphertext(&paillier, ciphertext);
    memset(ciphertext + DIGIT, 0xff, DIGIT);
    refuse_ciphertext(&paillier, ciphertext);
    one_group_finish(&group);

    memset(ciphertext, 0, sizeof ciphertext);
    from_hex(secret_keys[0].p, ciphertext);
    ciphertext[DIGIT] = 1;
    refuse_ciphertext(&paillier, ciphertext);
    NO_LEAKS();
}

Test(upload, refuses_plaintexts_that_are_too_large_in_null_mode)
{
    uint8_t ciphertext[3 * DIGIT] = {0};
    memset(ciphertext, 0xff, 2 * DIGIT);
    refuse_ciphertext(&null, ciphertext);
    memset(ciphertext, 0, sizeof ciphertext);
    ciphertext[2 * DIGIT] = 1;
    refuse_ciphertext(&null, ciphertext);
    /* Of 7 digits the tail has one. */
    refuse_bytes(&null, 3, DIGIT, (const uint8_t[]){1}, 1);
    NO_LEAKS();
}

Test(upload, refuses_a_tail_of_another_length)
{
    static const struct group_terms terms[] = {
        {.encryption = BG_PLAN_PAILLIER, .mode = BG_PLAN_CODEC_EF, .s = 2},
        {.encryption = BG_PLAN_NULL, .mode = BG_PLAN_CODEC_EF, .s = 4},
    };
    static const uint8_t zeros[4 * 5 * DIGIT];
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        struct fixture f;
        set_up(&f, &terms[i]);
        cr_assert_eq(f.group.shape.tail_lacks, DIGIT);
        struct bg_block honest = first_block(&f), block = honest;
        for (size_t size = DIGIT; size <= sizeof zeros; size += DIGIT) {
            block.payload = (struct bg_span){zeros, size};
            if (size == honest.payload.size)
                continue;
            expect_refusal(&f, take_block(&f, block), size < honest.payload.size ? BG_TRUNCATED : BG_DECODE);
        }
        cr_assert_eq(take_block(&f, honest), BG_OK, "%s", f.error.text);
        tear_down(&f);
    }
    NO_LEAKS();
}
