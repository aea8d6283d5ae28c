/* SPDX-License-Identifier: Apache-2.0 */
#include "codec_fixture.h"

#include "base/prng.h"
#include "tests/unit/no_leaks.h"

#include <string.h>

Test(residual, what_is_sent_and_what_stays_make_p)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 2, (const uint32_t[]){300, 41});
    double scales[] = {0.5, 2}, centres[] = {0.25, -0.125};
    codec.round.scales = scales;
    codec.round.centres = centres;
    struct bg_prng prng;
    bg_prng_init(&prng, 1);
    float delta[341], residual[341];
    for (size_t i = 0; i < 341; i++)
        delta[i] = (float)bg_prng_normal(&prng);
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, scales, &codec.update, residual);
    for (size_t i = 0; i < 341; i++) {
        size_t t = i >= 300;
        double sent = bg_sign_bit(&codec.update.bits, i) ? scales[t] : -scales[t];
        double limit = codec.settings.clip * scales[t];
        double made = (double)residual[i] + sent + centres[t];
        cr_assert_leq(fabs((double)residual[i]), limit);
        if (fabs((double)residual[i]) < limit)
            cr_assert_float_eq(made, (double)codec.update.sums[i], 1e-6);
    }
    codec_finish(&codec);
    NO_LEAKS();
}

Test(residual, clips_what_no_vote_can_carry)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){3});
    const float delta[] = {100, -100, 3};
    float residual[3];
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
    cr_assert_eq(residual[0], 4);
    cr_assert_eq(residual[1], -4);
    cr_assert_eq(residual[2], 2);
    codec_finish(&codec);
}

/* Over many rounds nothing is lost: the sum of what was shipped and the last residual is the sum of all Δ. */
Test(residual, conserves_the_update_over_many_rounds)
{
    enum {
        COUNT = 50,
        ROUNDS = 200
    };
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){COUNT});
    struct bg_prng prng;
    bg_prng_init(&prng, 2);
    double wanted[COUNT] = {0}, shipped[COUNT] = {0};
    float delta[COUNT], residual[COUNT] = {0};
    for (int r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < COUNT; i++) {
            delta[i] = (float)(0.2 * bg_prng_normal(&prng) + 0.01 * (double)i);
            wanted[i] += (double)delta[i];
        }
        codec.ties = bg_prng_next(&prng);
        cr_assert_eq(codec_encode(&codec, delta, residual), BG_OK);
        if (r % 5 == 4) {
            bg_codec_fold_back(&codec.settings, &codec.layout, codec.scales, &codec.update, residual);
            continue;
        }
        bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
        for (size_t i = 0; i < COUNT; i++)
            shipped[i] += bg_sign_bit(&codec.update.bits, i) ? 1 : -1;
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_lt(fabs((double)residual[i]), 4, "nothing was clipped");
        cr_assert_float_eq(shipped[i] + (double)residual[i], wanted[i], 1e-3, "coordinate %zu", i);
    }
    codec_finish(&codec);
}

Test(residual, keeps_p_of_tensors_that_did_not_travel)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 3, (const uint32_t[]){1, 2, 1});
    codec.round.travels = (const bool[]){true, false, true};
    const float delta[] = {1.5F, 1.5F, 9, -1.5F};
    float residual[4];
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.count, 2);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
    cr_assert_eq(residual[0], 0.5F);
    cr_assert_eq(residual[1], 1.5F);
    cr_assert_eq(residual[2], 4);
    cr_assert_eq(residual[3], -0.5F);
    codec_finish(&codec);
}

Test(residual, keeps_p_after_a_round_of_scales)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){2});
    codec.round.scales_only = true;
    const float delta[] = {1.5F, -70};
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update,
                    codec.update.sums);
    cr_assert_eq(codec.update.sums[0], 1.5F);
    cr_assert_eq(codec.update.sums[1], -4);
    codec_finish(&codec);
}

/* Eighths below 2^20 are exact in float, so the sum must be, too. */
Test(residual, what_is_sent_and_what_stays_make_p_exactly_under_a_window)
{
    enum {
        COUNT = 400
    };
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){COUNT});
    struct bg_prng prng;
    bg_prng_init(&prng, 3);
    double wanted[COUNT] = {0}, shipped[COUNT] = {0};
    float delta[COUNT], residual[COUNT] = {0};
    codec.settings.clip = 1e5;
    for (uint64_t r = 0; r < 60; r++) {
        codec.round.window = bg_window_of_round(0.22, r);
        for (size_t i = 0; i < COUNT; i++) {
            delta[i] = (float)((double)bg_prng_below(&prng, 64) - 24) / 8;
            wanted[i] += (double)delta[i];
        }
        cr_assert_eq(codec_encode(&codec, delta, residual), BG_OK);
        bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
        size_t vote = 0;
        for (size_t i = 0; i < COUNT; i++)
            if (bg_window_has(&codec.round.window, i))
                shipped[i] += bg_sign_bit(&codec.update.bits, vote++) ? 1 : -1;
        cr_assert_eq(vote, codec.update.bits.count);
    }
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(shipped[i] + (double)residual[i], wanted[i], "coordinate %zu", i);
    codec_finish(&codec);
}

Test(residual, clips_what_waits_for_its_turn)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){2});
    codec.round.window = (struct bg_window){.first = bg_window_phase(1), .rest = UINT32_MAX};
    const float delta[] = {-70, 1.5F};
    float residual[2];
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
    cr_assert_eq(residual[0], -4);
    cr_assert_eq(residual[1], 0.5F);
    codec_finish(&codec);
}

Test(residual, decays_once_per_missed_round)
{
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    float residual[] = {1, -100};
    bg_codec_decay(&settings, 2, 0, residual);
    cr_assert_eq(residual[1], -100);
    bg_codec_decay(&settings, 2, 3, residual);
    cr_assert_float_eq((double)residual[0], 0.729, 1e-7);
    cr_assert_float_eq((double)residual[1], -72.9, 1e-5);
    bg_codec_decay(&settings, 2, UINT64_MAX, residual);
    cr_assert_eq(residual[0], 0);
    settings.decay = 1;
    residual[0] = 1;
    bg_codec_decay(&settings, 2, UINT64_MAX, residual);
    cr_assert_eq(residual[0], 1);
}
