/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel that this machine has, against GMP's powers. */
#include "crypto/ladder.h"

#include "base/cpu.h"
#include "crypto/big.h"
#include "crypto/kernel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(ladder);

static void random_below(const mpz_t bound, mpz_t ret)
{
    struct bg_random random = bg_random_system();
    cr_assert_eq(bg_big_random_below(&random, bound, ret), BG_OK);
}

/* Numbers of the lanes: 0, 1, b^e − 1 and random ones. */
static void choose(const mpz_t modulus, unsigned lane, mpz_t ret)
{
    if (lane % 4 < 2)
        mpz_set_ui(ret, lane % 4);
    else if (lane % 4 == 2)
        mpz_sub_ui(ret, modulus, 1);
    else
        random_below(modulus, ret);
}

/* As many lanes as the kernel has, `rotation` apart so that each sees every kind of number. */
static void check_power(const struct bg_adic *ring, const mpz_t modulus, const mpz_t exponent, size_t bits,
                        unsigned rotation)
{
    size_t words = bg_adic_compact_words(ring, ring->digits);
    uint64_t *numbers[BG_ADIC_MOST_LANES];
    mpz_t x[BG_ADIC_MOST_LANES], found;
    struct bg_adic_space space;

    mpz_init(found);
    cr_assert_eq(bg_adic_space_init(&space, ring, bg_ladder_vectors(ring, bits)), BG_OK);
    for (unsigned i = 0; i < ring->kernel->lanes; i++) {
        mpz_init(x[i]);
        choose(modulus, i + rotation, x[i]);
        numbers[i] = calloc(words, sizeof *numbers[i]);
        cr_assert(numbers[i]);
        bg_adic_from_big(ring, ring->digits, x[i], numbers[i]);
    }
    uint64_t *vector = bg_adic_vector(&space, 0);
    bg_adic_load(&space, ring->digits, (const uint64_t *const *)numbers, ring->kernel->lanes, vector);
    bg_adic_enter(&space, ring->digits, vector, vector);
    bg_ladder_power(&space, exponent, bits);
    bg_adic_leave(&space, ring->digits, vector, vector);
    bg_adic_store(&space, ring->digits, vector, ring->kernel->lanes, numbers);
    for (unsigned i = 0; i < ring->kernel->lanes; i++) {
        mpz_powm(x[i], x[i], exponent, modulus);
        bg_adic_to_big(ring, ring->digits, numbers[i], found);
        cr_assert_eq(mpz_cmp(found, x[i]), 0, "%s: %u digits of %u bits, exponent of %zu bits, lane %u",
                     ring->kernel->name, ring->digits, ring->base_bits, bits, i);
        mpz_clear(x[i]);
        free(numbers[i]);
    }
    bg_adic_space_finish(&space);
    mpz_clear(found);
}

/* 0, 1, all ones, and random. */
static void check_exponents(const struct bg_adic *ring, const mpz_t modulus, size_t bits)
{
    mpz_t exponent, bound;

    mpz_init(exponent);
    mpz_init_set_ui(bound, 1);
    mpz_mul_2exp(bound, bound, bits);
    for (unsigned i = 0; i < 8; i++) {
        if (i < 2)
            mpz_set_ui(exponent, i);
        else if (i == 2)
            mpz_sub_ui(exponent, bound, 1);
        else
            random_below(bound, exponent);
        check_power(ring, modulus, exponent, bits, i);
    }
    mpz_clears(exponent, bound, NULL);
}

static void check_bases(void)
{
    static const uint32_t base_bits[] = {256, 288, 512, 1024};
    mpz_t base, modulus;

    mpz_inits(base, modulus, NULL);
    for (size_t i = 0; i < sizeof base_bits / sizeof *base_bits; i++)
        for (uint32_t digits = 2; digits <= BG_ADIC_MOST_DIGITS; digits++) {
            struct bg_adic *ring = NULL;
            mpz_set_ui(modulus, 1);
            mpz_mul_2exp(modulus, modulus, base_bits[i]);
            random_below(modulus, base);
            mpz_setbit(base, base_bits[i] - 1);
            mpz_setbit(base, 0);
            mpz_pow_ui(modulus, base, digits);
            cr_assert_eq(bg_adic_create(base, digits, &ring), BG_OK);
            check_exponents(ring, modulus, 1);
            check_exponents(ring, modulus, 61);
            check_exponents(ring, modulus, base_bits[i]);
            bg_adic_destroy(&ring);
        }
    mpz_clears(base, modulus, NULL);
}

Test(ladder, powers_are_those_of_integers)
{
    struct bg_crypto_kernel kernel;
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        check_bases();
        bg_cpu_limit(BG_CPU_ALL);
    }
}
