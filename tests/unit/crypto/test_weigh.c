/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel that this machine has, against GMP's powers. */
#include "crypto/weigh.h"

#include "base/cpu.h"
#include "crypto/big.h"
#include "crypto/kernel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(weigh);

#define MOST 300 /* several slices of every kernel */
#define WEIGHT_BYTES 16

struct sample {
    struct bg_adic *ring;
    mpz_t modulus;
    uint64_t *numbers;
    uint8_t weights[MOST * WEIGHT_BYTES];
};

static void begin(struct sample *sample, uint32_t bits, uint32_t digits)
{
    struct bg_random random = bg_random_system();
    mpz_t x;

    mpz_inits(sample->modulus, x, NULL);
    cr_assert_eq(bg_big_random_bits(&random, bits, x), BG_OK);
    mpz_setbit(x, bits - 1);
    mpz_setbit(x, 0);
    mpz_pow_ui(sample->modulus, x, digits);
    cr_assert_eq(bg_adic_create(x, digits, &sample->ring), BG_OK);
    size_t words = bg_adic_compact_words(sample->ring, digits);
    sample->numbers = calloc(MOST * words, sizeof *sample->numbers);
    cr_assert(sample->numbers);
    for (size_t i = 0; i < MOST; i++) {
        cr_assert_eq(bg_big_random_below(&random, sample->modulus, x), BG_OK);
        bg_adic_from_big(sample->ring, digits, x, sample->numbers + i * words);
    }
    cr_assert_eq(bg_random_fill(&random, sample->weights, sizeof sample->weights), BG_OK);
    memset(sample->weights, 0, WEIGHT_BYTES);
    memset(sample->weights + WEIGHT_BYTES, 0xff, WEIGHT_BYTES);
    mpz_clear(x);
}

static void end(struct sample *sample)
{
    free(sample->numbers);
    bg_adic_destroy(&sample->ring);
    mpz_clear(sample->modulus);
}

static void check(const struct sample *sample, size_t bytes, size_t first, size_t count, struct bg_workers *workers)
{
    uint32_t digits = sample->ring->digits;
    size_t words = bg_adic_compact_words(sample->ring, digits);
    const uint8_t *weights = sample->weights + first * bytes;
    uint64_t *found = calloc(words, sizeof *found);
    mpz_t x, weight, product;

    cr_assert(found);
    mpz_inits(x, weight, NULL);
    mpz_init_set_ui(product, 1);
    for (size_t t = 0; t < count; t++) {
        bg_adic_to_big(sample->ring, digits, sample->numbers + (first + t) * words, x);
        bg_big_from_bytes((struct bg_span){weights + t * bytes, bytes}, weight);
        mpz_powm(x, x, weight, sample->modulus);
        mpz_mul(product, product, x);
        mpz_mod(product, product, sample->modulus);
    }
    cr_assert_eq(bg_weigh(sample->ring, sample->numbers + first * words, weights, bytes, count, workers, found),
                 BG_OK);
    bg_adic_to_big(sample->ring, digits, found, x);
    cr_assert_eq(mpz_cmp(x, product), 0, "%s: %u digits, %zu numbers from %zu on", sample->ring->kernel->name, digits,
                 count, first);
    mpz_clears(x, weight, product, NULL);
    free(found);
}

static void check_all(struct bg_workers *workers)
{
    for (uint32_t digits = 1; digits <= BG_ADIC_MOST_DIGITS; digits++) {
        struct sample sample;
        begin(&sample, 320, digits);
        for (size_t count = 1; count <= 20; count++) {
            check(&sample, 8, 0, count, workers);
            check(&sample, 8, 1, count, workers);
            check(&sample, WEIGHT_BYTES, 0, count, workers);
        }
        check(&sample, 8, 0, MOST, workers);
        check(&sample, WEIGHT_BYTES, 0, MOST, workers);
        end(&sample);
    }
}

Test(weigh, products_of_powers_are_those_of_integers)
{
    struct bg_crypto_kernel kernel;
    struct bg_workers *workers = NULL;

    cr_assert_eq(bg_workers_create(3, 16, NULL, NULL, &workers), BG_OK);
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        check_all(NULL);
        check_all(workers);
        bg_cpu_limit(BG_CPU_ALL);
    }
    bg_workers_destroy(&workers);
}
