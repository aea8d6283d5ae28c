/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/gram.h"

#include "base/prng.h"
#include "base/workers.h"
#include "robust/combine.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 5,
    LENGTH = 40000
};

static int16_t shorts[COLUMNS][LENGTH];
static int8_t bytes[COLUMNS][LENGTH];
static int32_t ints[COLUMNS][LENGTH];
static double doubles[COLUMNS][LENGTH];
static float floats[COLUMNS][LENGTH];

static void fill(void)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 4);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t t = 0; t < LENGTH; t++) {
            shorts[i][t] = (int16_t)((int)bg_prng_below(&prng, 65536) - 32768);
            bytes[i][t] = (int8_t)((int)bg_prng_below(&prng, 256) - 128);
            ints[i][t] = shorts[i][t];
            doubles[i][t] = bg_prng_normal(&prng);
            floats[i][t] = (float)doubles[i][t];
        }
    }
}

#define ROWS(values) ((const void *const[]){values[0], values[1], values[2], values[3], values[4]})

Test(gram, is_exact_for_integers, .init = fill)
{
    double gram[COLUMNS * COLUMNS], same[COLUMNS * COLUMNS], small[COLUMNS * COLUMNS];
    struct bg_columns columns = {BG_COLUMN_INT16, COLUMNS, LENGTH, ROWS(shorts), NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, gram), BG_OK);
    columns = (struct bg_columns){BG_COLUMN_INT32, COLUMNS, LENGTH, ROWS(ints), NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, same), BG_OK);
    columns = (struct bg_columns){BG_COLUMN_INT8, COLUMNS, LENGTH, ROWS(bytes), NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, small), BG_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            int64_t wanted = 0, of_bytes = 0;
            for (size_t t = 0; t < LENGTH; t++) {
                wanted += (int64_t)shorts[i][t] * shorts[j][t];
                of_bytes += bytes[i][t] * bytes[j][t];
            }
            cr_assert_eq(gram[i * COLUMNS + j], (double)wanted);
            cr_assert_eq(same[i * COLUMNS + j], (double)wanted);
            cr_assert_eq(small[i * COLUMNS + j], (double)of_bytes);
        }
    }
    NO_LEAKS();
}

Test(gram, does_not_overflow_at_the_largest_integers)
{
    enum {
        MANY = 20000
    };
    static int16_t column[MANY];
    for (size_t t = 0; t < MANY; t++)
        column[t] = -32768;
    double gram;
    struct bg_columns columns = {BG_COLUMN_INT16, 1, MANY, &(const void *){column}, NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, &gram), BG_OK);
    cr_assert_eq(gram, 1073741824.0 * MANY);
}

Test(gram, refuses_integers_past_their_bound)
{
    int32_t column[300] = {[299] = 32769};
    double gram = -1;
    struct bg_error error;
    struct bg_columns columns = {BG_COLUMN_INT32, 1, 300, &(const void *){column}, NULL};
    cr_assert_eq(bg_gram(&columns, NULL, &error, &gram), BG_OUT_OF_RANGE);
    cr_assert_eq(gram, -1);
    column[299] = -32768;
    cr_assert_eq(bg_gram(&columns, NULL, &error, &gram), BG_OK);
    NO_LEAKS();
}

Test(gram, is_close_for_floats_and_scales_by_factors, .init = fill)
{
    double gram[COLUMNS * COLUMNS];
    const double factors[] = {1, 0.5, -2, 0, 1.0 / 3};
    struct bg_columns columns = {BG_COLUMN_FLOAT32, COLUMNS, LENGTH, ROWS(floats), factors};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, gram), BG_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            double wanted = 0;
            for (size_t t = 0; t < LENGTH; t++)
                wanted += (double)floats[i][t] * (double)floats[j][t];
            cr_assert_float_eq(gram[i * COLUMNS + j], wanted * factors[i] * factors[j], 1e-7);
            cr_assert_eq(gram[i * COLUMNS + j], gram[j * COLUMNS + i]);
        }
    }
}

static void assert_same_for_threads(size_t length)
{
    struct bg_columns columns = {BG_COLUMN_FLOAT64, COLUMNS, length, ROWS(doubles), NULL};
    double gram[COLUMNS * COLUMNS], threaded[COLUMNS * COLUMNS];
    const double weights[COLUMNS] = {0.1, -0.2, 0, 0.4, 0.7};
    double *sum = calloc(length + 1, sizeof *sum), *threaded_sum = calloc(length + 1, sizeof *sum);
    cr_assert(sum && threaded_sum);
    cr_assert_eq(bg_gram(&columns, NULL, NULL, gram), BG_OK);
    bg_combine(&columns, weights, NULL, sum);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct bg_workers *workers;
        cr_assert_eq(bg_workers_create(threads, 1, NULL, NULL, &workers), BG_OK);
        cr_assert_eq(bg_gram(&columns, workers, NULL, threaded), BG_OK);
        bg_combine(&columns, weights, workers, threaded_sum);
        bg_workers_destroy(&workers);
        cr_assert_arr_eq(threaded, gram, sizeof gram);
        cr_assert_arr_eq(threaded_sum, sum, length * sizeof *sum);
    }
    free(sum);
    free(threaded_sum);
}

Test(gram, is_the_same_for_any_number_of_threads, .init = fill)
{
    static const size_t lengths[] = {0, 1, 7, 255, 256, 257, 16384, 16385, LENGTH};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_same_for_threads(lengths[i]);
    NO_LEAKS();
}

Test(gram, keeps_what_is_not_finite_to_its_own_column, .init = fill)
{
    double clean[COLUMNS * COLUMNS], gram[COLUMNS * COLUMNS];
    struct bg_columns columns = {BG_COLUMN_FLOAT64, COLUMNS, LENGTH, ROWS(doubles), NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, clean), BG_OK);
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e200};
    for (size_t k = 0; k < 4; k++) {
        doubles[2][LENGTH - 3] = bad[k];
        cr_assert_eq(bg_gram(&columns, NULL, NULL, gram), BG_OK);
        cr_assert(!isfinite(gram[2 * COLUMNS + 2]));
        for (size_t i = 0; i < COLUMNS; i++)
            for (size_t j = 0; j < COLUMNS; j++)
                cr_assert(i == 2 || j == 2 || gram[i * COLUMNS + j] == clean[i * COLUMNS + j]);
    }
}

Test(gram, of_sign_bits_counts_agreements)
{
    enum {
        COUNT = 131
    };
    struct bg_prng prng;
    bg_prng_init(&prng, 5);
    struct bg_sign_bits bits[3];
    int8_t signs[3][COUNT];
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(bg_sign_bits_init(&bits[i], COUNT), BG_OK);
        for (size_t t = 0; t < COUNT; t++) {
            bool up = bg_prng_below(&prng, 2);
            bg_sign_bit_set(&bits[i], t, up);
            signs[i][t] = up ? 1 : -1;
        }
    }
    double gram[9], wanted[9];
    bg_gram_signs((const struct bg_sign_bits *const[]){&bits[0], &bits[1], &bits[2]}, 3, gram);
    struct bg_columns columns = {BG_COLUMN_INT8, 3, COUNT,
                                 (const void *const[]){signs[0], signs[1], signs[2]}, NULL};
    cr_assert_eq(bg_gram(&columns, NULL, NULL, wanted), BG_OK);
    cr_assert_arr_eq(gram, wanted, sizeof gram);
    for (size_t i = 0; i < 3; i++)
        bg_sign_bits_finish(&bits[i]);
    NO_LEAKS();
}

Test(combine, adds_weighted_columns_and_leaves_out_those_of_weight_zero)
{
    const int16_t a[] = {3, -1, 0}, b[] = {2, 2, 4};
    const double factors[] = {1.0 / 4, 1.0 / 2};
    double sum[3];
    float rounded[3];
    struct bg_columns columns = {BG_COLUMN_INT16, 2, 3, (const void *const[]){a, b}, factors};
    bg_combine(&columns, (const double[]){2, 3}, NULL, sum);
    bg_combine_float(&columns, (const double[]){2, 3}, NULL, rounded);
    cr_assert_arr_eq(sum, ((const double[]){4.5, 2.5, 6}), sizeof sum);
    cr_assert_arr_eq(rounded, ((const float[]){4.5F, 2.5F, 6}), sizeof rounded);
    const double good[] = {1, 2}, bad[] = {NAN, INFINITY};
    columns = (struct bg_columns){BG_COLUMN_FLOAT64, 2, 2, (const void *const[]){bad, good}, NULL};
    bg_combine(&columns, (const double[]){0, 1}, NULL, sum);
    cr_assert_arr_eq(sum, good, sizeof good);
}
