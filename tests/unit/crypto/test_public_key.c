/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/public_key.h"

#include "dj_fixture.h"

Test(public_key, matches_known_ids_and_sizes)
{
    for (unsigned k = 0; k < COUNT_OF(dj_keys); k++)
        for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
            struct bg_public_key *key = make_key(k, s);
            size_t digit = dj_keys[k].bits / 8;
            expect_bytes(bg_public_key_id(key)->bytes, dj_keys[k].id);
            expect_bytes(bg_public_key_n(key).data, dj_keys[k].n);
            cr_assert_eq(bg_public_key_n(key).size, digit);
            cr_assert_eq(bg_public_key_bits(key), dj_keys[k].bits);
            cr_assert_eq(bg_public_key_s(key), s);
            cr_assert_eq(bg_public_key_insecure(key), dj_keys[k].bits < 2048);
            cr_assert_eq(bg_public_key_digit_bytes(key), digit);
            cr_assert_eq(bg_public_key_plaintext_bytes(key), s * digit);
            cr_assert_eq(bg_public_key_ciphertext_bytes(key), (s + 1) * digit);
            bg_public_key_destroy(&key);
            cr_assert_null(key);
            bg_public_key_destroy(&key);
        }
}

static void expect_refused(const uint8_t *n, size_t size, uint32_t bits, uint32_t s, bool allow,
                           const char *word)
{
    struct bg_public_key *key = NULL;
    struct bg_error error = {0};
    cr_assert_eq(bg_public_key_create((struct bg_span){n, size}, bits, s, allow, &error, &key), BG_BAD_KEY);
    cr_assert_null(key);
    cr_assert_eq(error.status, BG_BAD_KEY);
    cr_assert(strstr(error.text, word), "\"%s\" lacks \"%s\"", error.text, word);
}

Test(public_key, refuses_shapes_out_of_range)
{
    uint8_t *n = bytes_of(dj_keys[1].n);
    expect_refused(n, 128, 1024, 0, true, "s = 0");
    expect_refused(n, 128, 1024, 5, true, "s = 5");
    expect_refused(n, 128, 1032, 1, true, "1032 bits");
    expect_refused(n, 63, 504, 1, true, "504 bits");
    expect_refused(n, 128, 8200, 1, true, "8200 bits");
    expect_refused(n, 127, 1024, 1, true, "127 bytes");
    expect_refused(n, 0, 1024, 1, true, "0 bytes");
    expect_refused(n, 128, 2048, 1, true, "128 bytes");
    free(n);
}

Test(public_key, refuses_short_keys_unless_asked)
{
    uint8_t *n = bytes_of(dj_keys[1].n);
    expect_refused(n, 128, 1024, 2, false, "INSECURE");
    free(n);

    struct bg_public_key *key;
    n = bytes_of(dj_keys[2].n);
    cr_assert_eq(bg_public_key_create((struct bg_span){n, 256}, 2048, 2, false, NULL, &key), BG_OK);
    bg_public_key_destroy(&key);
    free(n);
}

Test(public_key, refuses_moduli_that_cannot_be)
{
    uint8_t *n = bytes_of(dj_keys[0].n), top = n[63];
    n[63] &= 0x7f;
    expect_refused(n, 64, 512, 1, true, "shorter");
    n[63] = top;
    n[0] ^= 1;
    expect_refused(n, 64, 512, 1, true, "even");
    free(n);

    /* 997·m with 64 bytes, and the square of a prime of 32 bytes. */
    uint8_t bytes[64];
    mpz_t x;
    mpz_init(x);
    mpz_ui_pow_ui(x, 2, 511);
    mpz_nextprime(x, x);
    mpz_fdiv_q_ui(x, x, 997);
    mpz_add_ui(x, x, 1000);
    mpz_nextprime(x, x);
    mpz_mul_ui(x, x, 997);
    bg_big_to_bytes(x, bytes, sizeof bytes);
    expect_refused(bytes, 64, 512, 1, true, "divisible by 997");
    mpz_set_ui(x, 0);
    mpz_setbit(x, 255);
    mpz_setbit(x, 254);
    mpz_nextprime(x, x);
    mpz_mul(x, x, x);
    bg_big_to_bytes(x, bytes, sizeof bytes);
    expect_refused(bytes, 64, 512, 1, true, "power");
    mpz_clear(x);
}

Test(public_key, exports_and_imports_digits)
{
    struct bg_random random = bg_random_system();
    mpz_t x, back;
    mpz_inits(x, back, NULL);
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct bg_public_key *key = make_key(1, s);
        uint8_t *digits = malloc(bg_public_key_ciphertext_bytes(key));
        cr_assert(digits);
        for (int i = 0; i < 6; i++) {
            if (i == 0)
                mpz_set_ui(x, 0);
            else if (i == 1)
                mpz_sub_ui(x, key->power[s + 1], 1);
            else
                cr_assert_eq(bg_big_random_below(&random, key->power[s + 1], x), BG_OK);
            bg_big_to_digits(key, x, s + 1, digits);
            bg_big_from_digits(key, digits, s + 1, back);
            cr_assert_eq(mpz_cmp(x, back), 0);
        }
        free(digits);
        bg_public_key_destroy(&key);
    }
    mpz_clears(x, back, NULL);
}

Test(public_key, draws_numbers_within_their_bound)
{
    struct bg_random random = bg_random_system();
    unsigned seen[7] = {0};
    mpz_t bound, x;
    mpz_inits(bound, x, NULL);
    mpz_set_ui(bound, 7);
    for (int i = 0; i < 700; i++) {
        cr_assert_eq(bg_big_random_below(&random, bound, x), BG_OK);
        cr_assert_lt(mpz_cmp(x, bound), 0);
        seen[mpz_get_ui(x)]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        cr_assert_gt(seen[i], 30);
    mpz_set_ui(bound, 15);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(bg_big_random_unit(&random, bound, x), BG_OK);
        cr_assert(mpz_get_ui(x) % 3 && mpz_get_ui(x) % 5);
    }
    for (size_t bits = 0; bits < 5000; bits += 83) {
        cr_assert_eq(bg_big_random_bits(&random, bits, x), BG_OK);
        cr_assert(mpz_sgn(x) == 0 || mpz_sizeinbase(x, 2) <= bits);
    }
    mpz_clears(bound, x, NULL);
}

Test(public_key, gives_no_number_when_the_random_source_fails)
{
    uint8_t bytes[300] = {0};
    struct tape tape = {bytes, sizeof bytes};
    struct bg_random random = tape_random(&tape);
    mpz_t x;
    memset(bytes, 0xff, sizeof bytes);
    mpz_init(x);
    cr_assert_eq(bg_big_random_bits(&random, 4096, x), BG_RANDOM);
    cr_assert_eq(mpz_sgn(x), 0);
    mpz_clear(x);
}
