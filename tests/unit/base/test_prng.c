/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include "tests/vectors/prng_vectors.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(prng);

#define LENGTH(array) (sizeof(array) / sizeof *(array))

Test(prng, seeds_give_known_streams)
{
    for (size_t i = 0; i < LENGTH(prng_seed_vectors); i++) {
        struct bg_prng prng;
        bg_prng_init(&prng, prng_seed_vectors[i].seed);
        for (size_t j = 0; j < LENGTH(prng_seed_vectors[i].values); j++)
            cr_assert_eq(bg_prng_next(&prng), prng_seed_vectors[i].values[j]);
    }
}

Test(prng, purposes_and_indices_give_streams_of_their_own)
{
    for (size_t i = 0; i < LENGTH(prng_stream_vectors); i++) {
        struct bg_prng prng;
        bg_prng_init_stream(&prng, prng_stream_vectors[i].seed, prng_stream_vectors[i].purpose,
                            prng_stream_vectors[i].index);
        cr_assert_eq(bg_prng_next(&prng), prng_stream_vectors[i].value);
    }
}

Test(prng, bounded_draws_are_known)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 42);
    for (size_t i = 0; i < LENGTH(prng_below_vectors); i++)
        cr_assert_eq(bg_prng_below(&prng, prng_below_vectors[i].bound), prng_below_vectors[i].value);
}

Test(prng, bounded_draws_are_even)
{
    struct bg_prng prng;
    int seen[7] = {0};
    bg_prng_init(&prng, 1);
    for (int i = 0; i < 70000; i++)
        seen[bg_prng_below(&prng, 7)]++;
    for (int i = 0; i < 7; i++)
        cr_assert(abs(seen[i] - 10000) < 500, "%d: %d", i, seen[i]); /* 5 standard deviations */
}

Test(prng, shuffle_is_known)
{
    struct bg_prng prng;
    uint32_t order[LENGTH(prng_shuffle_vector)];
    for (uint32_t i = 0; i < LENGTH(order); i++)
        order[i] = i;
    bg_prng_init(&prng, 42);
    bg_prng_shuffle(&prng, order, LENGTH(order));
    cr_assert_arr_eq(order, prng_shuffle_vector, sizeof order);
}

Test(prng, shuffle_is_a_permutation)
{
    struct bg_prng prng;
    uint32_t order[1000];
    bg_prng_init(&prng, 3);
    for (uint32_t count = 0; count <= 1000; count += 125) {
        bool seen[1000] = {false};
        for (uint32_t i = 0; i < count; i++)
            order[i] = i;
        bg_prng_shuffle(&prng, order, count);
        for (uint32_t i = 0; i < count; i++) {
            cr_assert(order[i] < count && !seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}

Test(prng, all_orders_of_three_are_equally_likely)
{
    struct bg_prng prng;
    int seen[27] = {0}, orders = 0;
    bg_prng_init(&prng, 4);
    for (int i = 0; i < 60000; i++) {
        uint32_t order[] = {0, 1, 2};
        bg_prng_shuffle(&prng, order, 3);
        seen[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    for (int i = 0; i < 27; i++) {
        orders += seen[i] > 0;
        cr_assert(seen[i] == 0 || abs(seen[i] - 10000) < 500);
    }
    cr_assert_eq(orders, 6);
}

Test(prng, uniform_stays_below_one)
{
    struct bg_prng prng;
    double total = 0;
    bg_prng_init(&prng, 5);
    for (int i = 0; i < 100000; i++) {
        double value = bg_prng_uniform(&prng);
        cr_assert(value >= 0 && value < 1);
        total += value;
    }
    cr_assert_float_eq(total / 100000, 0.5, 0.005);
    struct bg_prng ones = {{0, UINT64_MAX, 0, 0}};
    cr_assert_lt(bg_prng_uniform(&ones), 1);
}

static void moments(double (*draw)(struct bg_prng *prng, double shape), double shape, double *ret_mean,
                    double *ret_variance)
{
    struct bg_prng prng;
    double sum = 0, squares = 0;
    bg_prng_init(&prng, 6);
    for (int i = 0; i < 200000; i++) {
        double value = draw(&prng, shape);
        sum += value;
        squares += value * value;
    }
    *ret_mean = sum / 200000;
    *ret_variance = squares / 200000 - *ret_mean * *ret_mean;
}

static double draw_normal(struct bg_prng *prng, double shape)
{
    (void)shape;
    return bg_prng_normal(prng);
}

Test(prng, normal_has_its_moments)
{
    double mean, variance;
    moments(draw_normal, 0, &mean, &variance);
    cr_assert_float_eq(mean, 0, 0.01);
    cr_assert_float_eq(variance, 1, 0.02);
}

Test(prng, gamma_has_its_moments)
{
    static const double shapes[] = {0.1, 0.5, 1, 2.5, 40};
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        double mean, variance;
        moments(bg_prng_gamma, shapes[i], &mean, &variance);
        cr_assert_float_eq(mean / shapes[i], 1, 0.03, "shape %g: mean %g", shapes[i], mean);
        cr_assert_float_eq(variance / shapes[i], 1, 0.05, "shape %g: variance %g", shapes[i], variance);
    }
}

Test(prng, tiny_gamma_shapes_stay_finite)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 7);
    for (int i = 0; i < 10000; i++) {
        double value = bg_prng_gamma(&prng, 1e-4);
        cr_assert(value >= 0 && isfinite(value));
    }
}
