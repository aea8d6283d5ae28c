/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel that this machine has, against GMP's integers modulo b^e. */
#include "base/cpu.h"
#include "base/prng.h"
#include "crypto/adic.h"
#include "crypto/big.h"
#include "crypto/kernel.h"
#include "crypto/public_key.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Full words, spare bits and both sides of the bound between them. */
static const uint32_t base_bits[] = {64,  250,  256,  320,  506,  507,  508,  511,             512,
                                     513, 1024, 1032, 1056, 1536, 2048, 3072, 6144, BG_KEY_MOST_BITS};

struct bench {
    struct bg_adic *ring;
    struct bg_adic_space space;
    mpz_t base, modulus, radix_inverse;
    struct bg_prng prng;
};

static void random_big(struct bg_prng *prng, size_t bits, mpz_t ret)
{
    mpz_set_ui(ret, 0);
    for (size_t i = 0; i < bits; i += 32) {
        mpz_mul_2exp(ret, ret, 32);
        mpz_add_ui(ret, ret, (unsigned long)(bg_prng_next(prng) >> 32));
    }
    mpz_tdiv_r_2exp(ret, ret, bits);
}

enum shape { RANDOM, LEAST, MOST, SHAPES };

static void begin(struct bench *bench, uint32_t bits, uint32_t digits, enum shape shape, uint64_t seed)
{
    mpz_inits(bench->base, bench->modulus, bench->radix_inverse, NULL);
    bg_prng_init(&bench->prng, seed);
    random_big(&bench->prng, bits, bench->base);
    if (shape == LEAST)
        mpz_set_ui(bench->base, 0);
    if (shape == MOST) {
        mpz_set_ui(bench->base, 1);
        mpz_mul_2exp(bench->base, bench->base, bits);
        mpz_sub_ui(bench->base, bench->base, 1);
    }
    mpz_setbit(bench->base, bits - 1);
    mpz_setbit(bench->base, 0);
    cr_assert_eq(bg_adic_create(bench->base, digits, &bench->ring), BG_OK);
    cr_assert_eq(bg_adic_space_init(&bench->space, bench->ring, 3), BG_OK);
    mpz_pow_ui(bench->modulus, bench->base, digits);
    mpz_set_ui(bench->radix_inverse, 1);
    mpz_mul_2exp(bench->radix_inverse, bench->radix_inverse, bench->ring->limbs * bench->ring->kernel->limb_bits);
    cr_assert(mpz_invert(bench->radix_inverse, bench->radix_inverse, bench->modulus));
}

static void end(struct bench *bench)
{
    bg_adic_space_finish(&bench->space);
    bg_adic_destroy(&bench->ring);
    mpz_clears(bench->base, bench->modulus, bench->radix_inverse, NULL);
}

/* 0, 1, b−1, b^e−1 (every digit b−1), b, b^(e−1), then random ones. */
static void draw(struct bench *bench, unsigned kind, mpz_t ret)
{
    switch (kind) {
    case 0: mpz_set_ui(ret, 0); break;
    case 1: mpz_set_ui(ret, 1); break;
    case 2: mpz_sub_ui(ret, bench->base, 1); break;
    case 3: mpz_sub_ui(ret, bench->modulus, 1); break;
    case 4: mpz_set(ret, bench->base); break;
    case 5: mpz_divexact(ret, bench->modulus, bench->base); break;
    default: random_big(&bench->prng, mpz_sizeinbase(bench->modulus, 2) + 64, ret);
    }
    mpz_mod(ret, ret, bench->modulus);
}

#define KINDS 6

struct lanes {
    mpz_t number[BG_ADIC_MOST_LANES];
    uint64_t *compact[BG_ADIC_MOST_LANES];
};

static void init_lanes(const struct bench *bench, struct lanes *lanes)
{
    for (unsigned i = 0; i < BG_ADIC_MOST_LANES; i++) {
        mpz_init(lanes->number[i]);
        lanes->compact[i] = calloc(bg_adic_compact_words(bench->ring, bench->ring->digits), sizeof(uint64_t));
    }
}

static void finish_lanes(struct lanes *lanes)
{
    for (unsigned i = 0; i < BG_ADIC_MOST_LANES; i++) {
        mpz_clear(lanes->number[i]);
        free(lanes->compact[i]);
    }
}

static void fill(struct bench *bench, struct lanes *lanes, unsigned first_kind, unsigned step, uint64_t *ret_vector)
{
    for (unsigned i = 0; i < bench->ring->kernel->lanes; i++) {
        draw(bench, (first_kind + i * step) % (KINDS + 3), lanes->number[i]);
        bg_adic_from_big(bench->ring, bench->ring->digits, lanes->number[i], lanes->compact[i]);
    }
    bg_adic_load(&bench->space, bench->ring->digits, (const uint64_t *const *)lanes->compact,
                 bench->ring->kernel->lanes, ret_vector);
}

/* The first `digits` digits of the vector are lanes->number mod b^digits. */
static void expect(struct bench *bench, uint32_t digits, const struct lanes *lanes, const uint64_t *vector,
                   const char *what)
{
    struct lanes stored;
    mpz_t modulus, found, wanted;
    mpz_inits(modulus, found, wanted, NULL);
    mpz_pow_ui(modulus, bench->base, digits);
    init_lanes(bench, &stored);
    bg_adic_store(&bench->space, digits, vector, bench->ring->kernel->lanes, stored.compact);
    for (unsigned i = 0; i < bench->ring->kernel->lanes; i++) {
        mpz_mod(wanted, lanes->number[i], modulus);
        bg_adic_to_big(bench->ring, digits, stored.compact[i], found);
        uint64_t *again = stored.compact[i];
        cr_assert(mpz_cmp(found, wanted) == 0, "%s: %s, base of %u bits, %u digits, lane %u",
                  bench->ring->kernel->name, what, bench->ring->base_bits, digits, i);
        bg_adic_from_big(bench->ring, digits, wanted, lanes->compact[i]);
        cr_assert_arr_eq(again, lanes->compact[i], bg_adic_compact_words(bench->ring, digits) * sizeof *again);
    }
    finish_lanes(&stored);
    mpz_clears(modulus, found, wanted, NULL);
}

static void multiply_lanes(const struct bench *bench, struct lanes *x, const struct lanes *y)
{
    for (unsigned i = 0; i < bench->ring->kernel->lanes; i++) {
        mpz_mul(x->number[i], x->number[i], y->number[i]);
        mpz_mul(x->number[i], x->number[i], bench->radix_inverse);
        mpz_mod(x->number[i], x->number[i], bench->modulus);
    }
}

/* a ← a·(low digit of b) / R */
static void scale_lanes(const struct bench *bench, struct lanes *a, const struct lanes *b)
{
    mpz_t low;
    mpz_init(low);
    for (unsigned i = 0; i < bench->ring->kernel->lanes; i++) {
        mpz_mod(low, b->number[i], bench->base);
        mpz_mul(a->number[i], a->number[i], low);
        mpz_mul(a->number[i], a->number[i], bench->radix_inverse);
        mpz_mod(a->number[i], a->number[i], bench->modulus);
    }
    mpz_clear(low);
}

static void add_lanes(const struct bench *bench, struct lanes *a, const struct lanes *b)
{
    for (unsigned i = 0; i < bench->ring->kernel->lanes; i++) {
        mpz_add(a->number[i], a->number[i], b->number[i]);
        mpz_mod(a->number[i], a->number[i], bench->modulus);
    }
}

static void check_operations(struct bench *bench)
{
    uint32_t e = bench->ring->digits;
    const struct bg_adic_space *space = &bench->space;
    uint64_t *x = bg_adic_vector(space, 0), *y = bg_adic_vector(space, 1), *z = bg_adic_vector(space, 2);
    struct lanes a, b;

    init_lanes(bench, &a);
    init_lanes(bench, &b);
    for (unsigned first = 0; first < KINDS + 3; first++) {
        for (unsigned second = 0; second < KINDS + 3; second++) {
            fill(bench, &a, first, 1, x);
            fill(bench, &b, second, 2, y);
            expect(bench, e, &a, x, "load and store");
            bg_adic_multiply(space, e, x, y, z);
            multiply_lanes(bench, &a, &b);
            for (uint32_t digits = 1; digits <= e; digits++)
                expect(bench, digits, &a, z, "product");
            if (e > 1) {
                bg_adic_multiply(space, e - 1, x, y, z);
                expect(bench, e - 1, &a, z, "product of fewer digits");
            }
            fill(bench, &a, first, 1, x);
            bg_adic_scale(space, e, x, y, z);
            scale_lanes(bench, &a, &b);
            expect(bench, e, &a, z, "product with a digit");
            fill(bench, &a, first, 1, x);
            bg_adic_add(space, e, x, y, z);
            add_lanes(bench, &a, &b);
            expect(bench, e, &a, z, "sum");
        }
        fill(bench, &a, first, 1, x);
        bg_adic_square(space, e, x, z);
        multiply_lanes(bench, &a, &a);
        expect(bench, e, &a, z, "square");
    }
    finish_lanes(&a);
    finish_lanes(&b);
}

/* Results of products go into products again, in place, where digits stay below their bound but not below b. */
static void check_chain(struct bench *bench)
{
    uint32_t e = bench->ring->digits;
    const struct bg_adic_space *space = &bench->space;
    uint64_t *x = bg_adic_vector(space, 0), *y = bg_adic_vector(space, 1);
    struct lanes a, b;

    init_lanes(bench, &a);
    init_lanes(bench, &b);
    fill(bench, &a, 3, 1, x);
    fill(bench, &b, 3, 3, y);
    for (unsigned i = 0; i < 40; i++) {
        bg_adic_multiply(space, e, x, y, x);
        multiply_lanes(bench, &a, &b);
        bg_adic_square(space, e, x, x);
        multiply_lanes(bench, &a, &a);
        bg_adic_multiply(space, e, y, x, y);
        multiply_lanes(bench, &b, &a);
    }
    expect(bench, e, &a, x, "chain");
    expect(bench, e, &b, y, "chain");
    bg_adic_enter(space, e, x, y);
    bg_adic_leave(space, e, y, y);
    expect(bench, e, &a, y, "entering and leaving");
    bg_adic_multiply(space, e, x, space->ring->one, x);
    expect(bench, e, &a, x, "product with one");
    finish_lanes(&a);
    finish_lanes(&b);
}

/* Sums of sums, and what multiplication makes of them: more than spare bits could hold. */
static void check_sums(struct bench *bench)
{
    uint32_t e = bench->ring->digits;
    const struct bg_adic_space *space = &bench->space;
    uint64_t *x = bg_adic_vector(space, 0), *y = bg_adic_vector(space, 1), *z = bg_adic_vector(space, 2);
    struct lanes a, b;

    init_lanes(bench, &a);
    init_lanes(bench, &b);
    fill(bench, &a, 3, 1, x);
    fill(bench, &b, 2, 1, y);
    for (unsigned i = 0; i < 80; i++) {
        bg_adic_add(space, e, x, x, x);
        add_lanes(bench, &a, &a);
        bg_adic_add(space, e, y, x, x);
        add_lanes(bench, &a, &b);
        if (i % 20 != 19)
            continue;
        expect(bench, e, &a, x, "sums");
        bg_adic_multiply(space, e, x, y, z);
        bg_adic_scale(space, e, z, y, x);
        multiply_lanes(bench, &a, &b);
        scale_lanes(bench, &a, &b);
        expect(bench, e, &a, x, "products of sums");
    }
    finish_lanes(&a);
    finish_lanes(&b);
}

static void put_digit(const struct bench *bench, uint32_t d, unsigned lane, const mpz_t digit, uint64_t *vector)
{
    size_t lanes = bench->ring->kernel->lanes, bits = bench->ring->kernel->limb_bits;
    mpz_t limb;
    mpz_init(limb);
    for (size_t i = 0; i < bench->ring->limbs; i++) {
        mpz_tdiv_q_2exp(limb, digit, i * bits);
        mpz_tdiv_r_2exp(limb, limb, bits);
        size_t index = (d * bench->ring->limbs + i) * lanes + lane;
        uint64_t word = 0;
        mpz_export(&word, NULL, -1, sizeof word, 0, 0, limb);
        if (bits > 32)
            vector[index] = word;
        else
            ((uint32_t *)vector)[index] = (uint32_t)word;
    }
    mpz_clear(limb);
}

/* In even lanes and every other digit the greatest that a vector may hold, elsewhere a smaller one. */
static void fill_to_the_bound(struct bench *bench, unsigned seed, struct lanes *lanes, uint64_t *ret_vector)
{
    const struct bg_adic *ring = bench->ring;
    mpz_t most, digit;
    mpz_inits(most, digit, NULL);
    mpz_set_ui(most, 1);
    mpz_mul_2exp(most, most, ring->limbs * ring->kernel->limb_bits);
    mpz_mul_ui(digit, bench->base, ring->kernel->digit_bound);
    mpz_set(most, mpz_cmp(digit, most) < 0 ? digit : most);
    for (unsigned i = 0; i < ring->kernel->lanes; i++) {
        mpz_set_ui(lanes->number[i], 0);
        for (uint32_t d = ring->digits; d-- > 0;) {
            mpz_sub_ui(digit, most, 1);
            if ((seed + i) % 2 && (seed / 2 + d) % 2)
                mpz_tdiv_q_ui(digit, digit, 3 + (seed + i) % 5);
            put_digit(bench, d, i, digit, ret_vector);
            mpz_mul(lanes->number[i], lanes->number[i], bench->base);
            mpz_add(lanes->number[i], lanes->number[i], digit);
        }
    }
    mpz_clears(most, digit, NULL);
}

static void check_bound(struct bench *bench)
{
    uint32_t e = bench->ring->digits;
    const struct bg_adic_space *space = &bench->space;
    uint64_t *x = bg_adic_vector(space, 0), *y = bg_adic_vector(space, 1), *z = bg_adic_vector(space, 2);
    struct lanes a, b;

    init_lanes(bench, &a);
    init_lanes(bench, &b);
    for (unsigned seed = 0; seed < 4; seed++) {
        fill_to_the_bound(bench, 0, &a, x);
        fill_to_the_bound(bench, seed, &b, y);
        expect(bench, e, &b, y, "store of greatest digits");
        bg_adic_multiply(space, e, x, y, z);
        bg_adic_square(space, e, z, z);
        multiply_lanes(bench, &a, &b);
        multiply_lanes(bench, &a, &a);
        expect(bench, e, &a, z, "product of greatest digits");
        bg_adic_square(space, e, y, y);
        bg_adic_multiply(space, e, z, y, z);
        multiply_lanes(bench, &b, &b);
        multiply_lanes(bench, &a, &b);
        expect(bench, e, &a, z, "square of greatest digits");
    }
    finish_lanes(&a);
    finish_lanes(&b);
}

static void for_every_kernel_and_base(void (*check)(struct bench *), uint32_t most_bits)
{
    struct bg_crypto_kernel kernel;
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        for (size_t i = 0; i < sizeof base_bits / sizeof *base_bits && base_bits[i] <= most_bits; i++)
            for (uint32_t digits = 1; digits <= BG_ADIC_MOST_DIGITS; digits++)
                for (int shape = 0; shape < SHAPES; shape++) {
                    struct bench bench;
                    begin(&bench, base_bits[i], digits, (enum shape)shape, 100 * i + digits);
                    cr_assert_str_eq(bench.ring->kernel->name, kernel.name);
                    check(&bench);
                    end(&bench);
                }
        bg_cpu_limit(BG_CPU_ALL);
    }
}

Test(adic, products_and_squares_are_those_of_integers)
{
    for_every_kernel_and_base(check_operations, 3072);
}

Test(adic, results_are_operands_again)
{
    for_every_kernel_and_base(check_chain, 3072);
}

Test(adic, sums_are_operands_again)
{
    for_every_kernel_and_base(check_sums, 3072);
}

Test(adic, greatest_digits_are_operands)
{
    for_every_kernel_and_base(check_bound, BG_KEY_MOST_BITS);
}

Test(adic, fewer_numbers_than_lanes_repeat_the_last)
{
    struct bench bench;
    struct lanes a;
    begin(&bench, 512, 2, RANDOM, 7);
    init_lanes(&bench, &a);
    uint64_t *x = bg_adic_vector(&bench.space, 0);
    fill(&bench, &a, KINDS, 1, x);
    bg_adic_load(&bench.space, 2, (const uint64_t *const *)a.compact, 1, x);
    for (unsigned i = 1; i < bench.ring->kernel->lanes; i++)
        mpz_set(a.number[i], a.number[0]);
    expect(&bench, 2, &a, x, "load of one number");
    finish_lanes(&a);
    end(&bench);
}

Test(adic, selects_each_of_many)
{
    struct bench bench;
    begin(&bench, 512, 2, RANDOM, 8);
    size_t words = bench.ring->vector_words;
    struct bg_adic_space many;
    cr_assert_eq(bg_adic_space_init(&many, bench.ring, 18), BG_OK);
    for (size_t i = 0; i < 17 * words; i++)
        bg_adic_vector(&many, 0)[i] = bg_prng_next(&bench.prng);
    for (size_t i = 0; i < 17; i++) {
        bg_adic_select(&many, bg_adic_vector(&many, 0), 17, i, bg_adic_vector(&many, 17));
        cr_assert_arr_eq(bg_adic_vector(&many, 17), bg_adic_vector(&many, i), words * sizeof(uint64_t));
    }
    bg_adic_space_finish(&many);
    end(&bench);
}
