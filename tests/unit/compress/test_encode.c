/* SPDX-License-Identifier: Apache-2.0 */
#include "codec_fixture.h"

#include "base/prng.h"
#include "tests/unit/no_leaks.h"
#include "tests/vectors/codec_vectors.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

static void make_vector_codec(struct codec *codec, enum bg_codec_mode mode)
{
    codec_init(codec, mode, 4, (const uint32_t[]){77, 11, 1, 30});
    codec->ties = VECTOR_TIES;
    codec->round.centres = vector_centres;
    codec->round.scales = vector_scales;
}

static void assert_bits(const struct bg_sign_bits *bits, const uint64_t *words, size_t count)
{
    cr_assert_eq(bits->count, count);
    for (size_t w = 0; w < bg_sign_words(count); w++)
        cr_assert_eq(bits->words[w], words[w], "word %zu: %016llx, not %016llx", w,
                     (unsigned long long)bits->words[w], (unsigned long long)words[w]);
}

Test(encode, agrees_with_numpy_over_two_rounds)
{
    struct codec codec;
    make_vector_codec(&codec, BG_CODEC_EF);
    float residual[VECTOR_COORDINATES];
    cr_assert_eq(codec_encode(&codec, vector_delta_0, NULL), BG_OK);
    assert_bits(&codec.update.bits, vector_bits_0, VECTOR_COORDINATES);
    cr_assert_arr_eq(codec.update.scale_fields, vector_fields_0, sizeof vector_fields_0);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, vector_scales, &codec.update, residual);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        cr_assert_eq(residual[i], vector_residual_0[i], "residual %zu", i);

    codec.settings.scale_basis = BG_SCALE_FROM_RESIDUAL;
    cr_assert_eq(codec_encode(&codec, vector_delta_1, residual), BG_OK);
    assert_bits(&codec.update.bits, vector_bits_1, VECTOR_COORDINATES);
    cr_assert_arr_eq(codec.update.scale_fields, vector_fields_1, sizeof vector_fields_1);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, vector_scales, &codec.update, residual);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        cr_assert_eq(residual[i], vector_residual_1[i], "residual %zu", i);
    codec_finish(&codec);
    NO_LEAKS();
}

/* Nothing of the third tensor is in the second window. */
Test(encode, agrees_with_numpy_over_two_windows)
{
    static const bool travels[] = {true, true, false, true};
    struct codec codec;
    make_vector_codec(&codec, BG_CODEC_EF);
    codec.round.scales = vector_window_scales;
    codec.round.window = (struct bg_window)VECTOR_WINDOW_0;
    float residual[VECTOR_COORDINATES];
    cr_assert_eq(codec_encode(&codec, vector_window_delta_0, vector_residual_1), BG_OK);
    assert_bits(&codec.update.bits, vector_window_bits_0, VECTOR_WINDOW_VOTES_0);
    cr_assert_eq(bg_codec_votes(&codec.layout, &codec.round), VECTOR_WINDOW_VOTES_0);
    cr_assert_arr_eq(codec.update.scale_fields, vector_window_fields_0, sizeof vector_window_fields_0);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, vector_window_scales, &codec.update, residual);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        cr_assert_eq(residual[i], vector_window_residual_0[i], "residual %zu", i);

    codec.settings.scale_basis = BG_SCALE_FROM_RESIDUAL;
    codec.round.window = (struct bg_window)VECTOR_WINDOW_1;
    codec.round.travels = travels;
    cr_assert_eq(codec_encode(&codec, vector_window_delta_1, residual), BG_OK);
    assert_bits(&codec.update.bits, vector_window_bits_1, VECTOR_WINDOW_VOTES_1);
    cr_assert_arr_eq(codec.update.scale_fields, vector_window_fields_1, sizeof vector_window_fields_1);
    bg_codec_commit(&codec.settings, &codec.layout, &codec.round, vector_window_scales, &codec.update, residual);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        cr_assert_eq(residual[i], vector_window_residual_1[i], "residual %zu", i);
    codec_finish(&codec);
    NO_LEAKS();
}

Test(encode, takes_the_median_of_what_is_voted_on)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){5});
    codec.settings.centre = BG_CENTRE_MEDIAN;
    codec.round.window = (struct bg_window){.first = bg_window_phase(3), .rest = UINT32_MAX};
    const float delta[] = {9, 9, 9, -0.5F, 9};
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.centre_fields[0], 64 - 32);
    cr_assert_eq(codec.update.bits.count, 1);
    cr_assert_eq(codec.update.bits.words[0], 0);
    codec_finish(&codec);
}

Test(encode, votes_for_medians_and_signs_as_numpy_does)
{
    struct codec codec;
    make_vector_codec(&codec, BG_CODEC_MEDIAN);
    cr_assert_eq(codec_encode(&codec, vector_delta_0, NULL), BG_OK);
    assert_bits(&codec.update.bits, vector_median_bits, VECTOR_COORDINATES);
    codec.settings.mode = BG_CODEC_SIGN;
    cr_assert_eq(codec_encode(&codec, vector_delta_0, NULL), BG_OK);
    assert_bits(&codec.update.bits, vector_sign_bits, VECTOR_COORDINATES);
    codec_finish(&codec);
}

Test(encode, fills_hand_computed_fields)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 3, (const uint32_t[]){2, 2, 2});
    /* own = 2·mean|Δ|: 1, 4 (clamped to twice the scale), 0 (clamped to half of it). */
    const float delta[] = {0.5F, -0.5F, 2, 2, 0, 0};
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.scale_fields[0], 64);
    cr_assert_eq(codec.update.scale_fields[1], 128);
    cr_assert_eq(codec.update.scale_fields[2], 0);
    cr_assert_eq(codec.update.bits.words[0] & 15, 13);
    codec_finish(&codec);
}

Test(encode, calibrates_with_absolute_scales_and_no_votes)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 4, (const uint32_t[]){2, 2, 2, 1});
    codec.round.scales_only = true;
    codec.round.scales = NULL;
    codec.round.travels = (const bool[]){true, true, true, false};
    const float delta[] = {0.5F, -0.5F, 0, 0, 3e38F, -3e38F, 1};
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.count, 0);
    cr_assert_eq(codec.update.scale_fields[0], 512 * 64);
    cr_assert_eq(codec.update.scale_fields[1], 0);
    cr_assert_eq(codec.update.scale_fields[2], 65535);
    cr_assert_eq(codec.update.scale_fields[3], 0);
    codec_finish(&codec);
}

Test(encode, reports_clamped_medians_when_centred)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 2, (const uint32_t[]){3, 2});
    codec.settings.centre = BG_CENTRE_MEDIAN;
    const float delta[] = {9, 0.25F, -9, -7, -5};
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.centre_fields[0], 64 + 16);
    cr_assert_eq(codec.update.centre_fields[1], 0);
    codec_finish(&codec);
}

Test(encode, breaks_ties_by_the_secret_bits_only)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 2, (const uint32_t[]){70, 4});
    float delta[74] = {0};
    delta[1] = -1; /* not a tie */
    delta[2] = 1;
    delta[3] = -0.0F;
    codec.ties = 0xf0f0f0f0f0f0f0f5;
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.words[0], 0xf0f0f0f0f0f0f0f5);
    cr_assert_eq(codec.update.bits.words[1], 0xf0f0f0f0f0f0f0f5 & 0x3ff);
    codec.ties = ~codec.ties;
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.words[0], 0x0f0f0f0f0f0f0f0c);
    codec_finish(&codec);
}

Test(encode, votes_random_bits_for_an_all_zero_tensor_with_a_centre)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 2, (const uint32_t[]){8, 8});
    codec.round.centres = (const double[]){0.5, 0.5};
    float delta[16] = {0};
    delta[8] = 1;
    codec.ties = 0x5555;
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.words[0], 0x0155, "%llx", (unsigned long long)codec.update.bits.words[0]);
    codec_finish(&codec);
}

Test(encode, counts_zeros_of_either_sign_up_in_mode_sign)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_SIGN, 1, (const uint32_t[]){4});
    const float delta[] = {0.0F, -0.0F, -1e-30F, 1e-30F};
    cr_assert_eq(codec_encode(&codec, delta, delta), BG_OK);
    cr_assert_eq(codec.update.bits.words[0], 0xb);
    codec_finish(&codec);
}

Test(encode, takes_one_median_over_what_travels)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_MEDIAN, 3, (const uint32_t[]){2, 3, 2});
    codec.round.travels = (const bool[]){true, false, true};
    const float delta[] = {1, 2, 100, 100, 100, 3, 4};
    cr_assert_eq(bg_codec_votes(&codec.layout, &codec.round), 4);
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.count, 4);
    cr_assert_eq(codec.update.bits.words[0], 0xc);
    const float equal[] = {5, 5, 0, 0, 0, 5, 5};
    cr_assert_eq(codec_encode(&codec, equal, NULL), BG_OK);
    cr_assert_eq(codec.update.bits.words[0], 0xf, "ties vote up");
    codec_finish(&codec);
}

Test(encode, passes_dense_updates_through)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_DENSE, 1, (const uint32_t[]){3});
    const float delta[] = {0.1F, -0.0F, 3e-39F}, residual[] = {1, 1, 1};
    cr_assert_eq(codec_encode(&codec, delta, residual), BG_OK);
    cr_assert_eq(codec.update.bits.count, 0);
    cr_assert_eq(memcmp(codec.update.sums, delta, sizeof delta), 0);
    codec_finish(&codec);
}

Test(encode, names_the_tensor_that_is_not_finite)
{
    static const enum bg_codec_mode modes[] = {BG_CODEC_EF, BG_CODEC_MEDIAN, BG_CODEC_SIGN, BG_CODEC_DENSE};
    for (size_t m = 0; m < 4; m++) {
        struct codec codec;
        codec_init(&codec, modes[m], 2, (const uint32_t[]){2, 2});
        for (int kind = 0; kind < 3; kind++) {
            float delta[4] = {0};
            delta[3] = kind == 0 ? NAN : kind == 1 ? INFINITY : -INFINITY;
            cr_assert_eq(codec_encode(&codec, delta, NULL), BG_NOT_FINITE);
            cr_assert_not_null(strstr(codec.error.text, "tensor \"b\": coordinate 1"), "%s",
                               codec.error.text);
        }
        codec_finish(&codec);
    }
}

Test(encode, finds_the_one_number_that_is_not_finite_anywhere)
{
    const float largest[] = {FLT_MAX, -FLT_MAX, 0x1p-149F, -0.0F}, bad[] = {INFINITY, -INFINITY, NAN, -NAN};
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){67});
    float delta[67];
    for (size_t i = 0; i < 67; i++)
        delta[i] = largest[i % 4];
    cr_assert_eq(codec_encode(&codec, delta, NULL), BG_OK);
    for (size_t i = 0; i < 67; i++) {
        char wanted[40];
        snprintf(wanted, sizeof wanted, "coordinate %zu of", i);
        delta[i] = bad[i % 4];
        cr_assert_eq(codec_encode(&codec, delta, NULL), BG_NOT_FINITE);
        cr_assert_not_null(strstr(codec.error.text, wanted), "%s", codec.error.text);
        delta[i] = largest[i % 4];
    }
    codec_finish(&codec);
}

Test(encode, refuses_a_sum_that_overflows_and_keeps_the_residual)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){2});
    const float delta[] = {1, 3e38F};
    codec.update.sums[0] = 5;
    codec.update.sums[1] = 3e38F;
    cr_assert_eq(codec_encode(&codec, delta, codec.update.sums), BG_NOT_FINITE);
    cr_assert_eq(codec.update.sums[0], 5);
    codec_finish(&codec);
}

Test(client_momentum, averages_and_refuses_nan_before_touching_anything)
{
    struct codec codec;
    codec_init(&codec, BG_CODEC_EF, 1, (const uint32_t[]){2});
    codec.settings.client_momentum = 0.75;
    float momentum[] = {4, -4}, delta[] = {8, 0};
    cr_assert_eq(bg_codec_client_momentum(&codec.settings, &codec.layout, momentum, delta, NULL), BG_OK);
    cr_assert_eq(delta[0], 5);
    cr_assert_eq(momentum[1], -3);
    float bad[] = {1, NAN};
    cr_assert_eq(bg_codec_client_momentum(&codec.settings, &codec.layout, momentum, bad, NULL),
                 BG_NOT_FINITE);
    cr_assert_eq(momentum[0], 5);
    codec_finish(&codec);
}
