/* SPDX-License-Identifier: Apache-2.0 */
#include "client/update.h"

#include "crypto/digest.h"
#include "crypto/opening.h"
#include "protocol/pad_seed.h"
#include "tests/unit/flat_slots.h"
#include "tests/unit/no_leaks.h"
#include "tests/unit/protocol/population.h"
#include "wire/block.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 1

struct fixture {
    struct population p;
    struct bg_layout layout;
    bool travels[3];
    double scales[3], centres[3];
    struct bg_task task;
    struct bg_shape shape;
    struct bg_cipher cipher;
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    uint64_t *slots;
    float *coordinates; /* mode dense */
};

static void make_values(struct fixture *f)
{
    f->slots = calloc(f->shape.slots, sizeof *f->slots);
    f->coordinates = calloc(f->shape.vote_count, sizeof *f->coordinates);
    f->slots[0] = 1;
    for (size_t i = 1; i < f->shape.votes_at; i++)
        f->slots[i] = bg_prng_below(&f->p.prng, i <= f->shape.scale_count ? f->shape.scale_most + 1 : 129);
    for (size_t i = f->shape.votes_at; i < f->shape.slots; i++)
        f->slots[i] = bg_prng_below(&f->p.prng, 2);
    for (size_t i = 0; i < f->shape.vote_count; i++)
        f->coordinates[i] = (float)bg_prng_normal(&f->p.prng);
}

/* `first` coordinates in the first of three tensors; the second one travels in mode dense only. */
static void begin(struct fixture *f, struct population_terms terms, uint32_t first)
{
    static const char *const names[] = {"first", "middle", "last"};
    const uint32_t sizes[] = {first, 30, 110};
    struct bg_error error;
    *f = (struct fixture){.travels = {true, terms.mode == BG_PLAN_CODEC_DENSE, true}, .scales = {1, 2, 3}};
    bg_layout_init(&f->layout);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(bg_layout_add(&f->layout, names[i], 1, &sizes[i], NULL), BG_OK);
    terms.layout = &f->layout;
    population_init(&f->p, &terms);
    f->task = (struct bg_task){.round = 9,
                               .attempt = 2,
                               .model = {{4}},
                               .tensor_count = 3,
                               .travels = f->travels,
                               .scales = f->scales,
                               .centres = f->centres};
    cr_assert_eq(bg_shape_init(&f->p.plan, &f->task, &error, &f->shape), BG_OK, "%s", error.text);
    make_values(f);
    if (!f->p.secret)
        return;
    const struct bg_public_key *key = bg_secret_key_public(f->p.secret);
    f->cipher = (struct bg_cipher){
        terms.encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL, key};
    cr_assert_eq(
        bg_mask_table_create(key, &f->p.random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &f->table),
        BG_OK);
    cr_assert_eq(bg_mask_source_create(f->table, &f->p.random, NULL, &f->masks), BG_OK);
}

static void finish(struct fixture *f)
{
    free(f->slots);
    free(f->coordinates);
    bg_mask_source_destroy(&f->masks);
    bg_mask_table_destroy(&f->table);
    bg_shape_finish(&f->shape);
    population_finish(&f->p);
    bg_layout_finish(&f->layout);
}

static enum bg_status build(struct fixture *f, struct bg_error *error, struct bg_update *update)
{
    static const struct bg_digest task_digest = {{8}};
    struct bg_update_context context = {.plan = &f->p.plan,
                                        .plan_id = &f->p.plan_id,
                                        .task = &f->task,
                                        .task_digest = &task_digest,
                                        .shape = &f->shape,
                                        .identity = f->p.clients[0],
                                        .group = GROUP,
                                        .cipher = f->p.secret ? &f->cipher : NULL,
                                        .masks = f->cipher.mode == BG_ENCRYPTION_PAILLIER ? f->masks : NULL,
                                        .random = &f->p.random};
    struct bg_values values = flat_values(&f->shape, f->slots);
    return bg_update_build(&context, &values, f->shape.dense ? f->coordinates : NULL, error, update);
}

static void check_manifest(const struct fixture *f, const struct bg_update *update, struct bg_manifest *manifest)
{
    struct bg_frame frame;
    struct bg_error error;
    cr_assert_eq(bg_frame_expect(bg_update_frame(update, 0), BG_FRAME_MANIFEST, &error, &frame), BG_OK, "%s",
                 error.text);
    cr_assert(bg_population_equal(&frame.population, &f->p.name));
    cr_assert(bg_digest_equal(&frame.plan_id, &f->p.plan_id));
    cr_assert_eq(bg_manifest_decode(&frame, &error, manifest), BG_OK, "%s", error.text);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(f->p.clients[0]), BG_SIGNED_MANIFEST, &frame), BG_OK);
    cr_assert(bg_digest_equal(&manifest->key_id, &f->p.plan.key.key_id));
    cr_assert(bg_digest_equal(&manifest->model, &f->task.model));
    cr_assert(bg_digest_equal(&manifest->client, bg_identity_digest(f->p.clients[0])));
    cr_assert(bg_digest_equal(&manifest->task, &(struct bg_digest){{8}}));
    cr_assert_eq(manifest->epoch, f->task.epoch);
    cr_assert_eq(manifest->round, 9);
    cr_assert_eq(manifest->attempt, 2);
    cr_assert_eq(manifest->group, GROUP);
    cr_assert_eq(manifest->positions, f->shape.positions);
    cr_assert_eq(manifest->sealed_seed.size, f->shape.seed_bytes);
    cr_assert_eq(manifest->sealed_tags.size, 0);
}

/* Reads every block frame, checks it against the manifest, and gives the payload of all positions, the tail
 * zero-extended. */
static uint8_t *collect_blocks(const struct fixture *f, const struct bg_update *update,
                               const struct bg_manifest *manifest)
{
    uint8_t *payload = calloc(f->shape.positions, f->shape.position_bytes);
    size_t filled = 0;
    cr_assert_eq(update->block_count, bg_manifest_blocks(f->shape.positions));
    for (size_t i = 0; i < update->block_count; i++) {
        struct bg_frame frame;
        struct bg_block block;
        struct bg_digest digest, promised = bg_manifest_block_digest(manifest, i);
        cr_assert_eq(bg_frame_expect(bg_update_frame(update, i + 1), BG_FRAME_BLOCK, NULL, &frame), BG_OK);
        cr_assert_eq(bg_block_decode(&frame, NULL, &block), BG_OK);
        bg_sha256(block.payload, &digest);
        cr_assert(bg_digest_equal(&digest, &promised));
        cr_assert_eq(block.index, i);
        cr_assert_eq(block.group, GROUP);
        cr_assert_eq(block.round, 9);
        cr_assert_eq(block.attempt, 2);
        cr_assert(bg_digest_equal(&block.client, &manifest->client));
        cr_assert_eq(block.payload.size,
                     bg_shape_payload_bytes(&f->shape, i * BG_BLOCK_POSITIONS, block.positions));
        memcpy(payload + filled, block.payload.data, block.payload.size);
        filled += block.payload.size;
    }
    cr_assert_eq(filled, f->shape.positions * f->shape.position_bytes - f->shape.tail_lacks);
    return payload;
}

/* What the key holder and the root do together, for one member. */
static void open_update(const struct fixture *f, const struct bg_manifest *manifest, struct bg_span ciphertexts,
                        uint64_t *slots)
{
    const struct bg_public_key *key = f->cipher.key;
    size_t positions = f->shape.positions, bytes = f->shape.sum_bytes;
    uint8_t *plaintexts = malloc(positions * bytes), seed[BG_SEED_BYTES];
    struct bg_pad_keys pads;
    struct bg_error error;
    cr_assert_eq(bg_cipher_check(&f->cipher, ciphertexts, positions, NULL), BG_OK);
    cr_assert_eq(bg_open_products(&f->cipher, f->p.secret, ciphertexts, positions, &f->p.random, NULL, &error,
                                  plaintexts),
                 BG_OK, "%s", error.text);
    cr_assert_neq(flat_unpack(&f->shape, key, (struct bg_span){plaintexts, positions * bytes}, slots), BG_OK,
                  "with its pads a sum is noise");
    cr_assert_eq(bg_pad_seed_open(f->p.sealing_key, manifest, f->p.name.name, &f->p.plan_id, seed), BG_OK);
    bg_pad_keys_of_task(&pads, seed, &f->p.plan, &f->p.plan_id, &f->task);
    for (size_t t = 0; t < positions; t++) {
        struct bg_position_key position;
        bg_pad_key_at(&pads, t, &position);
        cr_assert_eq(bg_pad_subtract(key, &position, 1, plaintexts + t * bytes), BG_OK);
    }
    bg_pad_keys_finish(&pads);
    memset(plaintexts + positions * bytes - f->shape.tail_lacks, 0, f->shape.tail_lacks);
    cr_assert_eq(flat_unpack(&f->shape, key, (struct bg_span){plaintexts, positions * bytes}, slots), BG_OK);
    free(plaintexts);
}

static void check_round_trip(struct population_terms terms, uint32_t first, size_t blocks)
{
    struct fixture f;
    struct bg_update update;
    struct bg_manifest manifest;
    struct bg_error error;
    begin(&f, terms, first);
    cr_assert_eq(build(&f, &error, &update), BG_OK, "%s", error.text);
    cr_assert_eq(update.block_count, blocks);
    cr_assert_eq(update.frames.size, bg_shape_update_bytes(&f.shape));
    cr_assert_eq(update.frames.capacity, update.frames.size, "memory of one update");
    check_manifest(&f, &update, &manifest);
    uint8_t *payload = collect_blocks(&f, &update, &manifest);
    struct bg_span bytes = {payload, f.shape.positions * f.shape.position_bytes};
    uint64_t *slots = calloc(f.shape.slots, sizeof *slots);
    float *coordinates = calloc(f.shape.vote_count, sizeof *coordinates);
    if (f.p.secret)
        open_update(&f, &manifest, bytes, slots);
    else
        cr_assert_eq(flat_plain_decode(&f.shape, bytes, slots, coordinates), BG_OK);
    cr_assert_arr_eq(slots, f.slots, f.shape.slots * sizeof *slots);
    if (f.shape.dense)
        cr_assert_arr_eq(coordinates, f.coordinates, f.shape.vote_count * sizeof *coordinates);
    free(coordinates);
    free(slots);
    free(payload);
    bg_update_finish(&update);
    finish(&f);
    NO_LEAKS();
}

Test(update, paillier_opens_to_its_slots)
{
    for (uint32_t s = 1; s <= 4; s++)
        check_round_trip((struct population_terms){.encryption = BG_PLAN_PAILLIER, .s = s}, 900, 1);
    check_round_trip((struct population_terms){.encryption = BG_PLAN_PAILLIER, .mixed_radix = true}, 900, 1);
}

Test(update, null_opens_to_its_slots)
{
    for (uint32_t s = 1; s <= 4; s++)
        check_round_trip((struct population_terms){.encryption = BG_PLAN_NULL, .s = s, .centre_median = true}, 900, 1);
}

Test(update, off_and_dense_are_plain_to_read)
{
    check_round_trip((struct population_terms){.encryption = BG_PLAN_OFF}, 900, 1);
    check_round_trip((struct population_terms){.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_SIGN}, 900, 1);
    check_round_trip((struct population_terms){.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_DENSE}, 900, 1);
}

Test(update, many_positions_take_several_blocks)
{
    /* 64·149 votes and more; 256·64/4 coordinates and more; exactly 64 positions of plain votes. */
    check_round_trip((struct population_terms){.encryption = BG_PLAN_NULL}, 9600, 2);
    check_round_trip((struct population_terms){.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_DENSE}, 9000, 3);
    check_round_trip((struct population_terms){.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_SIGN},
                     64 * 256 * 8 - 16 - 110, 1);
}

Test(update, pads_are_fresh_each_time)
{
    struct fixture f;
    struct bg_update first, second;
    struct bg_manifest manifests[2];
    begin(&f, (struct population_terms){.encryption = BG_PLAN_NULL}, 900);
    cr_assert_eq(build(&f, NULL, &first), BG_OK);
    cr_assert_eq(build(&f, NULL, &second), BG_OK);
    check_manifest(&f, &first, &manifests[0]);
    check_manifest(&f, &second, &manifests[1]);
    cr_assert_not(bg_digest_equal(&manifests[0].pad_commitment, &manifests[1].pad_commitment));
    cr_assert_not(bg_span_equal(bg_update_frame(&first, 1), bg_update_frame(&second, 1)));
    bg_update_finish(&first);
    bg_update_finish(&second);
    finish(&f);
}

Test(update, refuses_a_slot_that_its_radix_cannot_hold)
{
    struct fixture f;
    struct bg_update update;
    struct bg_error error;
    begin(&f, (struct population_terms){.encryption = BG_PLAN_PAILLIER}, 900);
    f.slots[f.shape.votes_at + 5] = 8;
    cr_assert_eq(build(&f, &error, &update), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "round 9"), "%s", error.text);
    finish(&f);
    NO_LEAKS();
}

static enum bg_status no_random(void *context, void *data, size_t size)
{
    (void)context;
    (void)data;
    (void)size;
    return BG_RANDOM;
}

Test(update, makes_nothing_without_randomness)
{
    struct fixture f;
    struct bg_update update;
    begin(&f, (struct population_terms){.encryption = BG_PLAN_NULL}, 900);
    f.p.random.fill = no_random;
    cr_assert_eq(build(&f, NULL, &update), BG_RANDOM);
    finish(&f);
    NO_LEAKS();
}

Test(update, fields_are_the_count_and_those_of_travelling_tensors)
{
    struct fixture f;
    uint16_t scale_fields[] = {11, 12, 13}, centre_fields[] = {21, 22, 23};
    struct bg_codec_update codec = {.scale_fields = scale_fields, .centre_fields = centre_fields};
    begin(&f, (struct population_terms){.encryption = BG_PLAN_NULL, .centre_median = true}, 900);
    static const uint64_t expected[] = {1, 11, 13, 21, 23};
    cr_assert_eq(f.shape.votes_at, 5);
    memset(f.slots, 0x55, f.shape.slots * sizeof *f.slots);
    bg_update_fields(&f.shape, &f.task, &codec, f.slots);
    cr_assert_arr_eq(f.slots, expected, sizeof expected);
    cr_assert_eq(f.slots[5], 0x5555555555555555u);
    finish(&f);
    NO_LEAKS();
}
