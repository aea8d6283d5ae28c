/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/opening.h"

#include "crypto/big.h"
#include "crypto/product.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>

TestSuite(opening);

#define MEMBERS 6
#define POSITIONS 5

/* Opens the product of `MEMBERS` vectors of plaintexts. In a block to free(). */
static uint8_t *open_sum(const struct bg_cipher *cipher, const struct bg_secret_key *key,
                         const uint8_t *plaintexts)
{
    size_t plain = POSITIONS * bg_public_key_plaintext_bytes(cipher->key);
    size_t wide = POSITIONS * bg_public_key_ciphertext_bytes(cipher->key);
    struct bg_random random = bg_random_system();
    struct bg_product *product = NULL;
    struct bg_error error;
    uint8_t *sums = malloc(plain), *products = malloc(wide);

    cr_assert(sums && products);
    cr_assert_eq(bg_product_create(cipher, POSITIONS, &product), BG_OK);
    for (size_t member = 0; member < MEMBERS; member++) {
        uint8_t *ciphertexts = encrypt(cipher, plaintexts + member * plain, POSITIONS);
        cr_assert_eq(bg_product_multiply(product, 0, POSITIONS, (struct bg_span){ciphertexts, wide}), BG_OK);
        free(ciphertexts);
    }
    cr_assert_eq(bg_product_write(product, 0, POSITIONS, products), BG_OK);
    struct bg_span span = {products, wide};
    enum bg_status status = bg_open_products(cipher, key, span, POSITIONS, &random, NULL, &error, sums);
    cr_assert_eq(status, BG_OK, "%s", error.text);
    bg_product_destroy(&product);
    free(products);
    return sums;
}

/* Σ over the members mod n^s. */
static void add_up(const struct bg_public_key *key, const uint8_t *plaintexts, uint8_t *ret_sums)
{
    size_t size = bg_public_key_plaintext_bytes(key);
    mpz_t sum, m;

    mpz_inits(sum, m, NULL);
    for (size_t position = 0; position < POSITIONS; position++) {
        mpz_set_ui(sum, 0);
        for (size_t member = 0; member < MEMBERS; member++) {
            bg_big_from_digits(key, plaintexts + (member * POSITIONS + position) * size, key->s, m);
            mpz_add(sum, sum, m);
        }
        mpz_mod(sum, sum, key->power[key->s]);
        bg_big_to_digits(key, sum, key->s, ret_sums + position * size);
    }
    mpz_clears(sum, m, NULL);
}

Test(opening, gives_the_sum_of_all_members_in_both_modes)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct bg_secret_key *key = vector_key(0, s);
        struct bg_cipher paillier = {BG_ENCRYPTION_PAILLIER, bg_secret_key_public(key)};
        struct bg_cipher null = {BG_ENCRYPTION_NULL, paillier.key};
        size_t size = POSITIONS * bg_public_key_plaintext_bytes(paillier.key);
        uint8_t *plaintexts = random_plaintexts(paillier.key, MEMBERS * POSITIONS), *expected = malloc(size);
        cr_assert(expected);
        add_up(paillier.key, plaintexts, expected);
        uint8_t *encrypted = open_sum(&paillier, key, plaintexts), *plain = open_sum(&null, NULL, plaintexts);
        cr_assert_arr_eq(encrypted, expected, size);
        cr_assert_arr_eq(plain, expected, size);
        free(encrypted);
        free(plain);
        free(expected);
        free(plaintexts);
        bg_secret_key_destroy(&key);
    }
}

Test(opening, refuses_a_key_that_is_not_that_of_the_products)
{
    struct bg_secret_key *key = vector_key(0, 1), *of_two = vector_key(0, 2), *longer = vector_key(1, 1);
    const struct bg_secret_key *wrong[] = {NULL, of_two, longer};
    struct bg_cipher cipher = {BG_ENCRYPTION_PAILLIER, bg_secret_key_public(key)};
    struct bg_random random = bg_random_system();
    uint8_t *plaintexts = random_plaintexts(cipher.key, 1), *ciphertexts = encrypt(&cipher, plaintexts, 1);
    struct bg_span span = {ciphertexts, bg_public_key_ciphertext_bytes(cipher.key)};
    uint8_t sum[BG_KEY_MOST_BYTES];
    struct bg_error error;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        cr_assert_eq(bg_open_products(&cipher, wrong[i], span, 1, &random, NULL, &error, sum), BG_INVALID);
        cr_assert(strstr(error.text, "secret key"));
    }
    cipher.mode = BG_ENCRYPTION_OFF;
    cr_assert_eq(bg_open_products(&cipher, key, span, 1, &random, NULL, &error, sum), BG_INVALID);
    free(ciphertexts);
    free(plaintexts);
    bg_secret_key_destroy(&key);
    bg_secret_key_destroy(&of_two);
    bg_secret_key_destroy(&longer);
}

Test(opening, refuses_a_null_sum_out_of_range)
{
    struct bg_secret_key *key = vector_key(0, 1);
    struct bg_cipher cipher = {BG_ENCRYPTION_NULL, bg_secret_key_public(key)};
    size_t digit = bg_public_key_digit_bytes(cipher.key);
    uint8_t products[3 * 128] = {0}, sums[3 * 64];
    struct bg_span span = {products, sizeof products};
    struct bg_error error;

    cr_assert_eq(bg_open_products(&cipher, NULL, span, 3, NULL, NULL, &error, sums), BG_OK);
    memcpy(products + 2 * 128, bg_public_key_n(cipher.key).data, digit); /* n itself */
    cr_assert_eq(bg_open_products(&cipher, NULL, span, 3, NULL, NULL, &error, sums), BG_BAD_CIPHERTEXT);
    cr_assert(strstr(error.text, "product 2 of 3"), "%s", error.text);
    memset(products, 0, sizeof products);
    products[128 + 127] = 1; /* beyond the plaintext */
    cr_assert_eq(bg_open_products(&cipher, NULL, span, 3, NULL, NULL, &error, sums), BG_BAD_CIPHERTEXT);
    cr_assert(strstr(error.text, "product 1 of 3"), "%s", error.text);
    bg_secret_key_destroy(&key);
}

Test(opening, refuses_another_size)
{
    struct bg_secret_key *key = vector_key(0, 1);
    struct bg_random random = bg_random_system();
    uint8_t products[2 * 128] = {0}, sums[2 * 64];

    for (int mode = BG_ENCRYPTION_PAILLIER; mode <= BG_ENCRYPTION_NULL; mode++) {
        struct bg_cipher cipher = {(enum bg_encryption)mode, bg_secret_key_public(key)};
        struct bg_span span = {products, sizeof products - 1};
        cr_assert_eq(bg_open_products(&cipher, key, span, 2, &random, NULL, NULL, sums), BG_INVALID);
        cr_assert_eq(bg_open_products(&cipher, key, span, SIZE_MAX, &random, NULL, NULL, sums), BG_INVALID);
    }
    bg_secret_key_destroy(&key);
}
