/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/kernel.h"

#include "base/cpu.h"
#include "base/prng.h"
#include "codec_fixture.h"
#include "compress/median.h"
#include "kernel_checks.h"
#include "tests/unit/no_leaks.h"

#include <string.h>

Test(kernel, the_portable_one_is_last_and_needs_nothing)
{
    size_t index = 0;
    while (bg_codec_kernel_at(index + 1))
        index++;
    cr_assert_str_eq(bg_codec_kernel_at(index)->name, "portable");
    cr_assert_eq(bg_codec_kernel_at(index)->needs, BG_CPU_PORTABLE);
}

Test(kernel, the_first_that_may_be_used_is_used)
{
    bg_cpu_limit(BG_CPU_PORTABLE);
    cr_assert_str_eq(bg_codec_kernel()->name, "portable");
    bg_cpu_limit(BG_CPU_ALL);
    size_t index = 0;
    while (!bg_cpu_has(bg_codec_kernel_at(index)->needs))
        index++;
    cr_assert_eq(bg_codec_kernel(), bg_codec_kernel_at(index));
}

Test(kernel, every_one_gives_the_bits_of_the_portable_one)
{
    const struct bg_codec_kernel *kernel;
    for (size_t i = 0; (kernel = bg_codec_kernel_at(i)); i++) {
        if (!bg_cpu_has(kernel->needs))
            continue;
        const char *complaint = kernel_complaint(kernel);
        cr_assert_null(complaint, "%s", complaint);
    }
}

/* Whether the checks can fail: a kernel that forgets the sign of zero. */
static void round_up_zero(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                          float scale, float limit, float *ret_residual)
{
    const struct bg_codec_kernel *portable = bg_codec_kernel_at(0);
    for (size_t i = 0; bg_codec_kernel_at(i); i++)
        portable = bg_codec_kernel_at(i);
    portable->settle(sums, count, voted, up, centre, scale, limit, ret_residual);
    for (size_t i = 0; i < count; i++)
        ret_residual[i] += 0.0F;
}

Test(kernel, a_wrong_one_is_found)
{
    bg_cpu_limit(BG_CPU_PORTABLE);
    struct bg_codec_kernel wrong = *bg_codec_kernel();
    wrong.settle = round_up_zero;
    const char *complaint = kernel_complaint(&wrong);
    cr_assert_not_null(complaint);
    cr_assert_not_null(strstr(complaint, "settle"), "%s", complaint);
}

enum {
    TENSORS = 7,
    ROUNDS = 12
};

static uint64_t hash(uint64_t digest, const void *data, size_t size)
{
    for (const uint8_t *byte = data; size > 0; byte++, size--)
        digest = (digest ^ *byte) * 0x100000001b3;
    return digest;
}

static uint64_t word_of_index(void *context, uint64_t index)
{
    (void)context;
    struct bg_prng prng;
    bg_prng_init(&prng, index);
    return bg_prng_next(&prng);
}

/* Some rounds of a codec whose tensors begin at odd places; tensor 2 is all zero, 3 is full of ties. */
static uint64_t digest_of_rounds(enum bg_codec_mode mode, enum bg_scale_basis basis, bool windows)
{
    static const bool travelling[TENSORS] = {true, true, true, true, false, true, true};
    static const double centres[TENSORS] = {0, 0.25, 0.125, 0.5, 0, -0.25, 0};
    struct codec codec;
    codec_init(&codec, mode, TENSORS, (const uint32_t[]){69, 4097, 130, 513, 77, 9001, 63});
    codec.settings.scale_basis = basis;
    codec.settings.centre = BG_CENTRE_MEDIAN;
    codec.input.ties.word = word_of_index;
    codec.round.centres = centres;
    size_t count = codec.layout.coordinates;
    float *delta = calloc(count, sizeof *delta), *residual = calloc(count, sizeof *residual);
    cr_assert(delta && residual);
    struct bg_prng prng;
    bg_prng_init(&prng, 5);
    uint64_t digest = 0xcbf29ce484222325;
    for (uint64_t r = 0; r < ROUNDS; r++) {
        codec.round.travels = r % 3 == 2 ? travelling : NULL;
        codec.round.window = windows ? bg_window_of_round(0.3, r) : (struct bg_window){0};
        for (size_t i = 0; i < count; i++)
            delta[i] = (float)bg_prng_normal(&prng);
        size_t zeros = codec.layout.tensors[2].offset, ties = codec.layout.tensors[3].offset;
        for (size_t i = zeros; i < ties; i++)
            delta[i] = -residual[i];
        for (size_t i = ties; i < codec.layout.tensors[4].offset; i++)
            delta[i] = (float)bg_prng_below(&prng, 3) / 2 - residual[i];
        codec.round.scales_only = r == 0 && !windows;
        cr_assert_eq(codec_encode(&codec, delta, residual), BG_OK, "%s", codec.error.text);
        digest = hash(digest, codec.update.bits.words, bg_sign_words(codec.update.bits.count) * sizeof(uint64_t));
        digest = hash(digest, codec.update.scale_fields, TENSORS * sizeof *codec.update.scale_fields);
        digest = hash(digest, codec.update.centre_fields, TENSORS * sizeof *codec.update.centre_fields);
        if (mode == BG_CODEC_EF)
            bg_codec_commit(&codec.settings, &codec.layout, &codec.round, codec.scales, &codec.update, residual);
        digest = hash(digest, residual, count * sizeof *residual);
    }
    free(delta);
    free(residual);
    codec_finish(&codec);
    return digest;
}

Test(kernel, a_codec_makes_the_same_of_its_rounds_with_every_one)
{
    static const struct {
        enum bg_codec_mode mode;
        enum bg_scale_basis basis;
        bool windows;
    } codecs[] = {{BG_CODEC_EF, BG_SCALE_FROM_DELTA, false},    {BG_CODEC_EF, BG_SCALE_FROM_DELTA, true},
                  {BG_CODEC_EF, BG_SCALE_FROM_RESIDUAL, false}, {BG_CODEC_EF, BG_SCALE_FROM_RESIDUAL, true},
                  {BG_CODEC_MEDIAN, BG_SCALE_FROM_DELTA, false}, {BG_CODEC_SIGN, BG_SCALE_FROM_DELTA, false}};
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        bg_cpu_limit(BG_CPU_PORTABLE);
        uint64_t wanted = digest_of_rounds(codecs[c].mode, codecs[c].basis, codecs[c].windows);
        const struct bg_codec_kernel *kernel;
        for (size_t i = 0; (kernel = bg_codec_kernel_at(i)); i++) {
            bg_cpu_limit(kernel->needs);
            cr_assert_eq(digest_of_rounds(codecs[c].mode, codecs[c].basis, codecs[c].windows), wanted,
                         "codec %zu with kernel %s", c, kernel->name);
        }
    }
    NO_LEAKS();
}

Test(kernel, the_median_is_the_same_with_every_one)
{
    enum {
        COUNT = 70001
    };
    static float values[COUNT], workspace[COUNT];
    struct bg_prng prng;
    bg_prng_init(&prng, 11);
    for (uint64_t kinds = 3; kinds < 1000000; kinds *= 40) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = (float)bg_prng_below(&prng, kinds) / (float)kinds - 0.4F;
        for (size_t count = COUNT - 1; count <= COUNT; count++) {
            bg_cpu_limit(BG_CPU_PORTABLE);
            double wanted = bg_median(values, count, workspace);
            const struct bg_codec_kernel *kernel;
            for (size_t i = 0; (kernel = bg_codec_kernel_at(i)); i++) {
                bg_cpu_limit(kernel->needs);
                cr_assert_eq(bg_median(values, count, workspace), wanted, "kernel %s", kernel->name);
            }
        }
    }
}
