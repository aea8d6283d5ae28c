/* SPDX-License-Identifier: Apache-2.0 */
#include "client/device_state.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/no_leaks.h"
#include "tests/unit/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[sizeof folder + 16];

static void set_up(void)
{
    make_scratch_folder("state", sizeof folder, folder);
    snprintf(path, sizeof path, "%s/client.state", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(device_state, .init = set_up, .fini = tear_down);

struct fixture {
    struct stage stage;
    struct bg_device_state state;
};

static void begin(struct fixture *f, bool out)
{
    struct stage *stage = &f->stage;
    struct bg_trusted_plan plan;
    stage_init(stage, &(struct population_terms){.encryption = BG_PLAN_NULL,
                                                 .client_momentum = out ? 0.5 : 0,
                                                 .drift_memory = out ? 0.25 : 0});
    f->state = (struct bg_device_state){.client = {{3}}, .trust = stage_trust(stage), .tie_secret = {9}, .attempt = 2};
    f->state.round = stage->task.round;
    f->state.settlement = (struct bg_settlement){.round = 5, .receipt = {{6}}};
    cr_assert_eq(bg_trusted_plan_accept(&f->state.trust, bg_writer_span(&stage->population.plan_frame), NULL, &plan),
                 BG_OK);
    cr_assert_eq(bg_learner_adopt(&f->state.learner, &plan), BG_OK);
    size_t count = stage->model->layout.coordinates;
    for (size_t i = 0; i < count; i++) {
        f->state.learner.codec.sums[i] = (float)i / 3 - 2;
        if (out) {
            f->state.learner.momentum[i] = -(float)i;
            f->state.learner.drift[i] = (float)i / 7;
        }
    }
    if (!out)
        return;
    stage->task.attempt = 2;
    struct bg_writer frame = task_frame(&stage->population, &stage->task);
    cr_assert_eq(bg_trusted_task_accept(&f->state.trust, bg_writer_span(&frame), NULL, &f->state.task), BG_OK);
    bg_writer_finish(&frame);
    f->state.out = true;
    f->state.seat = stage->seat;
    f->state.learner.codec.bits.count = count;
    for (size_t i = 0; i < count; i += 3)
        bg_sign_bit_set(&f->state.learner.codec.bits, i, true);
}

static void finish(struct fixture *f)
{
    bg_device_state_finish(&f->state);
    stage_finish(&f->stage);
}

static void expect_same(const struct bg_device_state *a, const struct bg_device_state *b, size_t count)
{
    cr_assert(bg_digest_equal(&a->client, &b->client));
    cr_assert_arr_eq(&a->trust, &b->trust, sizeof a->trust);
    cr_assert_arr_eq(a->tie_secret, b->tie_secret, sizeof a->tie_secret);
    cr_assert_eq(a->round, b->round);
    cr_assert_eq(a->attempt, b->attempt);
    cr_assert_eq(a->settlement.round, b->settlement.round);
    cr_assert(bg_digest_equal(&a->settlement.receipt, &b->settlement.receipt));
    cr_assert_eq(a->out, b->out);
    cr_assert(bg_digest_equal(&a->learner.plan.id, &b->learner.plan.id));
    cr_assert_arr_eq(a->learner.codec.sums, b->learner.codec.sums, count * sizeof(float));
    cr_assert_eq(a->learner.momentum == NULL, b->learner.momentum == NULL);
    if (a->learner.momentum)
        cr_assert_arr_eq(a->learner.momentum, b->learner.momentum, count * sizeof(float));
    cr_assert_eq(a->learner.drift == NULL, b->learner.drift == NULL);
    if (a->learner.drift)
        cr_assert_arr_eq(a->learner.drift, b->learner.drift, count * sizeof(float));
    if (!a->out)
        return;
    cr_assert_eq(a->seat.group, b->seat.group);
    cr_assert_eq(a->seat.member, b->seat.member);
    cr_assert(bg_span_equal(bg_document_span(&a->task.document), bg_document_span(&b->task.document)));
    cr_assert(bg_digest_equal(&a->task.digest, &b->task.digest));
    cr_assert_eq(a->learner.codec.bits.count, b->learner.codec.bits.count);
    cr_assert_arr_eq(a->learner.codec.bits.words, b->learner.codec.bits.words, bg_sign_words(count) * sizeof(uint64_t));
}

Test(device_state, comes_back_as_it_was)
{
    for (int out = 0; out < 2; out++) {
        struct fixture f;
        struct bg_device_state loaded;
        struct bg_error error;
        struct stat about;
        begin(&f, out);
        cr_assert_eq(bg_device_state_save(&f.state, path, &error), BG_OK, "%s", error.text);
        cr_assert_eq(stat(path, &about), 0);
        cr_assert_eq(about.st_mode & 0777, 0600);
        cr_assert_eq(bg_device_state_load(path, &error, &loaded), BG_OK, "%s", error.text);
        expect_same(&f.state, &loaded, f.stage.model->layout.coordinates);
        bg_device_state_finish(&loaded);
        finish(&f);
    }
    NO_LEAKS();
}

/* Half of the votes: as many bits are kept, not one per coordinate. */
Test(device_state, keeps_the_votes_of_a_window)
{
    struct fixture f;
    struct bg_device_state loaded;
    struct bg_error error;
    begin(&f, true);
    f.stage.task.window_rest = 0x80000000;
    bg_trusted_task_finish(&f.state.task);
    struct bg_writer frame = task_frame(&f.stage.population, &f.stage.task);
    cr_assert_eq(bg_trusted_task_accept(&f.state.trust, bg_writer_span(&frame), NULL, &f.state.task), BG_OK);
    bg_writer_finish(&frame);
    struct bg_codec_round round = bg_task_codec_round(&f.state.task.task);
    struct bg_sign_bits *bits = &f.state.learner.codec.bits;
    memset(bits->words, 0, bg_sign_words(bits->count) * sizeof *bits->words);
    size_t coordinates = bits->count;
    bits->count = bg_codec_votes(&f.stage.model->layout, &round);
    cr_assert(bits->count > 0 && bits->count < coordinates);
    bg_sign_bit_set(bits, bits->count - 1, true);
    cr_assert_eq(bg_device_state_save(&f.state, path, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_device_state_load(path, &error, &loaded), BG_OK, "%s", error.text);
    expect_same(&f.state, &loaded, coordinates);
    bg_device_state_finish(&loaded);
    finish(&f);
    NO_LEAKS();
}

static void expect_refused(enum bg_status expected, const char *words)
{
    struct bg_device_state state;
    struct bg_error error = {0};
    cr_assert_eq(bg_device_state_load(path, &error, &state), expected, "%s", error.text);
    cr_assert_not_null(strstr(error.text, path), "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
}

static void write_file(const uint8_t *bytes, size_t size)
{
    cr_assert_eq(bg_file_write(path, (struct bg_span){bytes, size}, 0600, NULL), BG_OK);
}

/* With a digest that fits. */
static void write_sealed(uint8_t *bytes, size_t size)
{
    struct bg_digest digest;
    bg_sha256((struct bg_span){bytes, size - BG_DIGEST_BYTES}, &digest);
    memcpy(bytes + size - BG_DIGEST_BYTES, digest.bytes, BG_DIGEST_BYTES);
    write_file(bytes, size);
}

static uint8_t *saved(const struct fixture *f, size_t *size)
{
    uint8_t *bytes;
    cr_assert_eq(bg_device_state_save(&f->state, path, NULL), BG_OK);
    cr_assert_eq(bg_file_read(path, SIZE_MAX / 4, NULL, &bytes, size), BG_OK);
    return bytes;
}

Test(device_state, damage_is_noticed)
{
    struct fixture f;
    size_t size;
    begin(&f, true);
    uint8_t *bytes = saved(&f, &size);
    for (size_t shorter = 0; shorter < size; shorter += shorter < 48 ? 1 : 29) {
        write_file(bytes, shorter);
        expect_refused(shorter < 40 ? BG_TRUNCATED : BG_BAD_DIGEST, shorter < 40 ? "ends after" : "damaged");
    }
    for (size_t byte = 0; byte < size; byte += byte < 48 ? 1 : 17) {
        bytes[byte] ^= 0x20;
        write_file(bytes, size);
        expect_refused(byte < 4 ? BG_BAD_MAGIC : byte < 6 ? BG_BAD_VERSION : BG_BAD_DIGEST, "");
        bytes[byte] ^= 0x20;
    }
    unlink(path);
    expect_refused(BG_NOT_FOUND, "client.state");
    free(bytes);
    finish(&f);
    NO_LEAKS();
}

/* What nobody writes, but a decoder must survive: any byte changed or cut, and the digest made to fit. */
Test(device_state, no_sealed_nonsense_does_harm)
{
    struct fixture f;
    size_t size;
    begin(&f, true);
    uint8_t *bytes = saved(&f, &size), *copy = malloc(size);
    for (size_t byte = 6; byte < size - BG_DIGEST_BYTES; byte += 3) {
        struct bg_device_state state;
        memcpy(copy, bytes, size);
        copy[byte] ^= 0xff;
        write_sealed(copy, size);
        if (bg_device_state_load(path, NULL, &state) == BG_OK)
            bg_device_state_finish(&state);
    }
    for (size_t shorter = 40; shorter < size; shorter += 31) {
        struct bg_device_state state;
        memcpy(copy, bytes, shorter);
        write_sealed(copy, shorter);
        cr_assert_neq(bg_device_state_load(path, NULL, &state), BG_OK, "%zu bytes", shorter);
    }
    free(copy);
    free(bytes);
    finish(&f);
    NO_LEAKS();
}

Test(device_state, refuses_values_that_are_no_residual)
{
    struct fixture f;
    size_t size;
    begin(&f, false);
    f.state.learner.codec.sums[5] = NAN;
    free(saved(&f, &size));
    expect_refused(BG_NOT_FINITE, "residual");
    finish(&f);
    NO_LEAKS();
}

Test(device_state, refuses_votes_past_the_last)
{
    struct fixture f;
    size_t size;
    begin(&f, true);
    struct bg_sign_bits *bits = &f.state.learner.codec.bits;
    cr_assert_neq(bits->count % 64, 0);
    bits->words[bits->count / 64] |= (uint64_t)1 << 63;
    free(saved(&f, &size));
    expect_refused(BG_DECODE, "votes");
    finish(&f);
    NO_LEAKS();
}

Test(device_state, refuses_a_task_of_another_round_than_its_own)
{
    struct fixture f;
    size_t size;
    begin(&f, true);
    f.state.round++;
    free(saved(&f, &size));
    expect_refused(BG_DECODE, "task");
    finish(&f);
    NO_LEAKS();
}

/* ---- the learner ---- */

Test(device_state, a_plan_over_other_tensors_begins_anew)
{
    struct fixture f;
    struct bg_layout layout;
    struct population other;
    struct bg_trusted_plan plan;
    static const uint32_t shape[] = {7};
    begin(&f, true);
    bg_layout_init(&layout);
    cr_assert_eq(bg_layout_add(&layout, "only", 1, shape, NULL), BG_OK);
    population_init(&other, &(struct population_terms){.encryption = BG_PLAN_NULL, .layout = &layout});
    struct bg_trust trust = f.state.trust;
    memcpy(trust.root, bg_identity_point(other.root), sizeof trust.root);
    memcpy(trust.key_holder, bg_identity_point(other.key_holder), sizeof trust.key_holder);
    cr_assert_eq(bg_trusted_plan_accept(&trust, bg_writer_span(&other.plan_frame), NULL, &plan), BG_OK);
    cr_assert_eq(bg_learner_adopt(&f.state.learner, &plan), BG_OK);
    cr_assert_eq(f.state.learner.plan.plan.root.layout.coordinates, 7);
    cr_assert_null(f.state.learner.momentum);
    cr_assert_null(f.state.learner.drift);
    for (size_t i = 0; i < 7; i++)
        cr_assert_eq(f.state.learner.codec.sums[i], 0);
    population_finish(&other);
    bg_layout_finish(&layout);
    finish(&f);
    NO_LEAKS();
}
