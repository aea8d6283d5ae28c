/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_generation.h"

#include "crypto/secret_parts.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>

TestSuite(key_generation);

static void expect_prime(const mpz_t p, uint32_t bits)
{
    cr_assert_eq(mpz_sizeinbase(p, 2), bits / 2);
    cr_assert_eq(mpz_fdiv_ui(p, 4), 3);
    for (unsigned long factor = 3; factor < 1000; factor++)
        cr_assert_neq(mpz_fdiv_ui(p, factor), 1, "%lu divides p − 1", factor);
    cr_assert(mpz_probab_prime_p(p, 30));
}

Test(key_generation, gives_keys_with_the_promised_shape)
{
    static const uint32_t lengths[] = {512, 576, 1024};
    struct bg_random random = bg_random_system();
    mpz_t a, b;

    mpz_inits(a, b, NULL);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct bg_secret_key *key = NULL;
        struct bg_error error;
        enum bg_status status = bg_secret_key_generate(lengths[i], 2, true, &random, &error, &key);
        cr_assert_eq(status, BG_OK, "%s", error.text);
        const struct bg_public_key *public_key = bg_secret_key_public(key);
        cr_assert_eq(bg_public_key_bits(public_key), lengths[i]);
        cr_assert_eq(bg_public_key_s(public_key), 2);
        cr_assert(bg_public_key_insecure(public_key));
        cr_assert_eq(mpz_sizeinbase(public_key->power[1], 2), lengths[i]);
        expect_prime(key->p.prime, lengths[i]);
        expect_prime(key->q.prime, lengths[i]);
        mpz_mul(a, key->p.prime, key->q.prime);
        cr_assert_eq(mpz_cmp(a, public_key->power[1]), 0);
        mpz_sub_ui(a, key->p.prime, 1);
        mpz_sub_ui(b, key->q.prime, 1);
        mpz_gcd(a, a, b);
        cr_assert_eq(mpz_cmp_ui(a, 2), 0);
        mpz_sub(a, key->p.prime, key->q.prime);
        cr_assert_gt(mpz_sizeinbase(a, 2), lengths[i] / 2 - 100);
        bg_secret_key_destroy(&key);
        cr_assert_null(key);
    }
    mpz_clears(a, b, NULL);
}

Test(key_generation, never_gives_the_same_key_twice)
{
    struct bg_random random = bg_random_system();
    struct bg_secret_key *a = NULL, *b = NULL;

    cr_assert_eq(bg_secret_key_generate(512, 1, true, &random, NULL, &a), BG_OK);
    cr_assert_eq(bg_secret_key_generate(512, 1, true, &random, NULL, &b), BG_OK);
    const struct bg_public_key *public_a = bg_secret_key_public(a), *public_b = bg_secret_key_public(b);
    cr_assert(!bg_digest_equal(bg_public_key_id(public_a), bg_public_key_id(public_b)));
    bg_secret_key_destroy(&a);
    bg_secret_key_destroy(&b);
}

Test(key_generation, refuses_lengths_and_exponents_out_of_range)
{
    static const struct {
        uint32_t bits, s;
        bool allow_insecure;
    } cases[] = {
        {512, 1, false},  {1024, 1, false}, {2112, 1, false}, {4096, 1, false},
        {0, 1, true},     {448, 1, true},   {1000, 1, true},  {8256, 1, true},
        {2048, 0, false}, {2048, 5, false}, {512, 0, true},   {UINT32_MAX, 1, true},
    };
    struct bg_random random = bg_random_system();
    struct bg_secret_key *key = NULL;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bg_error error;
        enum bg_status status = bg_secret_key_generate(cases[i].bits, cases[i].s, cases[i].allow_insecure,
                                                       &random, &error, &key);
        cr_assert_eq(status, BG_INVALID);
        cr_assert(strstr(error.text, "key generation"));
        cr_assert_null(key);
    }
}

Test(key_generation, gives_nothing_without_random_bytes)
{
    struct bg_random random = {no_random, NULL};
    struct bg_secret_key *key = NULL;
    struct bg_error error;

    cr_assert_eq(bg_secret_key_generate(512, 1, true, &random, &error, &key), BG_RANDOM);
    cr_assert_null(key);
}

Test(key_generation, names_the_check_that_a_key_fails)
{
    for (size_t i = 0; i < COUNT(flawed_keys); i++) {
        const struct flawed_key *flawed = &flawed_keys[i];
        uint8_t p[32], q[32];
        struct bg_secret_key *key = NULL;
        struct bg_error error = {BG_OK, ""};
        struct bg_span p_span = from_hex(flawed->p, p), q_span = from_hex(flawed->q, q);
        enum bg_status status = bg_secret_key_create(p_span, q_span, 512, 1, true, &error, &key);
        cr_assert_eq(status, BG_BAD_KEY, "%s", flawed->flaw);
        cr_assert(strstr(error.text, flawed->flaw), "\"%s\" instead of \"%s\"", error.text, flawed->flaw);
        cr_assert_null(key);
    }
}

Test(key_generation, refuses_primes_of_another_size)
{
    static const struct {
        uint32_t bits, s;
        size_t p_size, q_size;
        bool allow_insecure;
    } cases[] = {
        {512, 1, 32, 32, false}, {512, 0, 32, 32, true},  {512, 5, 32, 32, true},  {512, 1, 31, 32, true},
        {512, 1, 32, 33, true},  {512, 1, 0, 0, true},    {576, 1, 36, 36, true},  {448, 1, 28, 28, true},
        {520, 1, 32, 32, true},  {8256, 1, 516, 516, true},
    };
    static uint8_t p[1024], q[1024];

    from_hex(secret_keys[0].p, p);
    from_hex(secret_keys[0].q, q);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bg_secret_key *key = NULL;
        struct bg_error error = {BG_OK, ""};
        struct bg_span p_span = {p, cases[i].p_size}, q_span = {q, cases[i].q_size};
        enum bg_status status = bg_secret_key_create(p_span, q_span, cases[i].bits, cases[i].s,
                                                     cases[i].allow_insecure, &error, &key);
        cr_assert_eq(status, BG_BAD_KEY, "case %zu", i);
        cr_assert_neq(error.text[0], '\0');
        cr_assert_null(key);
    }
}

Test(key_generation, refuses_zeros_as_primes)
{
    static const uint8_t zeros[32];
    struct bg_span zero = {zeros, sizeof zeros};
    struct bg_secret_key *key = NULL;

    cr_assert_eq(bg_secret_key_create(zero, zero, 512, 1, true, NULL, &key), BG_BAD_KEY);
    cr_assert_null(key);
}
