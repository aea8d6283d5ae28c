/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digits.h"

#include "base/prng.h"

#include "dj_fixture.h"

#define MOST_BYTES (BG_KEY_MOST_S * BG_KEY_MOST_BYTES)

/* The largest n of so many bits that a key may have. */
static struct bg_public_key *largest_key(uint32_t bits, uint32_t s)
{
    struct bg_public_key *key;
    uint8_t n[BG_KEY_MOST_BYTES];
    struct bg_error error;
    memset(n, 0xff, bits / 8);
    enum bg_status status = BG_BAD_KEY;
    for (; status != BG_OK && n[0] > 1; n[0] -= 2)
        status = bg_public_key_create((struct bg_span){n, bits / 8}, bits, s, true, &error, &key);
    cr_assert_eq(status, BG_OK, "%s", error.text);
    return key;
}

/* 0, 1, n^s − 1, digits of n − 1 and 0 by turns, or random. */
static void draw(const struct bg_public_key *key, struct bg_prng *prng, mpz_t ret)
{
    struct bg_random random = bg_random_system();
    uint64_t kind = bg_prng_below(prng, 6);
    if (kind > 3) {
        cr_assert_eq(bg_big_random_below(&random, key->power[key->s], ret), BG_OK);
        return;
    }
    mpz_set_ui(ret, kind & 1);
    if (kind == 2)
        mpz_sub_ui(ret, key->power[key->s], 1);
    for (uint32_t i = (uint32_t)bg_prng_below(prng, 2); kind == 3 && i < key->s; i += 2) {
        mpz_add(ret, ret, key->power[i + 1]);
        mpz_sub(ret, ret, key->power[i]);
    }
    mpz_mod(ret, ret, key->power[key->s]);
}

static void for_each_key(void (*check)(const struct bg_public_key *key, struct bg_prng *prng))
{
    static const uint32_t lengths[] = {512, 576, 960, 2048, 8192};
    struct bg_prng prng;
    bg_prng_init(&prng, 5);
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
            struct bg_public_key *key = largest_key(lengths[i], s);
            check(key, &prng);
            bg_public_key_destroy(&key);
        }
}

static void check_sums(const struct bg_public_key *key, struct bg_prng *prng)
{
    static uint8_t a_digits[MOST_BYTES], b_digits[MOST_BYTES], expected[MOST_BYTES];
    size_t size = bg_public_key_plaintext_bytes(key);
    mpz_t a, b, result;
    mpz_inits(a, b, result, NULL);
    for (int i = 0; i < 100; i++) {
        draw(key, prng, a);
        draw(key, prng, b);
        bg_big_to_digits(key, a, key->s, a_digits);
        bg_big_to_digits(key, b, key->s, b_digits);
        mpz_add(result, a, b);
        mpz_mod(result, result, key->power[key->s]);
        bg_big_to_digits(key, result, key->s, expected);
        bg_digits_add(key, b_digits, a_digits);
        cr_assert_arr_eq(a_digits, expected, size);
        bg_digits_subtract(key, b_digits, a_digits);
        bg_big_to_digits(key, a, key->s, expected);
        cr_assert_arr_eq(a_digits, expected, size);
    }
    mpz_clears(a, b, result, NULL);
}

Test(digits, add_and_subtract_as_integers_modulo_n_to_the_s)
{
    for_each_key(check_sums);
}

static void check_reduction(const struct bg_public_key *key, struct bg_prng *prng)
{
    static uint8_t number[MOST_BYTES + BG_DIGITS_EXCESS_BYTES], digits[MOST_BYTES], expected[MOST_BYTES];
    size_t most = bg_public_key_plaintext_bytes(key) + BG_DIGITS_EXCESS_BYTES;
    struct bg_random random = bg_random_system();
    mpz_t x;
    mpz_init(x);
    for (int i = 0; i < 60; i++) {
        size_t size = i % 3 ? most : (size_t)bg_prng_below(prng, most) + 1;
        cr_assert_eq(bg_random_fill(&random, number, size), BG_OK);
        if (i == 1)
            memset(number, 0xff, size);
        if (i == 2)
            memset(number, 0, size);
        bg_big_from_bytes((struct bg_span){number, size}, x);
        mpz_mod(x, x, key->power[key->s]);
        bg_big_to_digits(key, x, key->s, expected);
        bg_digits_reduce(key, (struct bg_span){number, size}, digits);
        cr_assert_arr_eq(digits, expected, bg_public_key_plaintext_bytes(key));
    }
    mpz_clear(x);
}

Test(digits, reduce_numbers_of_any_length)
{
    for_each_key(check_reduction);
}

static void check_validity(const struct bg_public_key *key, struct bg_prng *prng)
{
    static uint8_t digits[MOST_BYTES];
    size_t digit = bg_public_key_digit_bytes(key);
    mpz_t largest;
    (void)prng;
    mpz_init(largest);
    mpz_sub_ui(largest, key->power[key->s], 1);
    bg_big_to_digits(key, largest, key->s, digits);
    cr_assert(bg_digits_are_valid(key, digits, key->s));
    for (size_t i = 0; i < key->s; i++) {
        digits[i * digit]++;
        cr_assert_not(bg_digits_are_valid(key, digits, key->s));
        cr_assert(bg_digits_are_valid(key, digits, i));
        digits[i * digit]--;
    }
    mpz_clear(largest);
}

Test(digits, are_valid_below_n)
{
    for_each_key(check_validity);
}
