/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/knowledge.h"

#include "crypto/big.h"
#include "crypto/opening.h"
#include "tests/unit/crypto/hex.h"
#include "tests/unit/crypto/secret_fixture.h"
#include "tests/vectors/knowledge_vectors.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(knowledge);

#define CASES (sizeof knowledge_vectors / sizeof *knowledge_vectors)
#define MOST_BYTES 512

/* As gen_knowledge.py makes them. */
static uint8_t *plaintexts_of(const struct bg_public_key *key, size_t i)
{
    size_t size = bg_public_key_plaintext_bytes(key), count = knowledge_vectors[i].count;
    uint8_t *plaintexts = malloc(count * size);
    mpz_t x;
    cr_assert(plaintexts);
    mpz_init(x);
    for (size_t t = 0; t < count; t++) {
        mpz_ui_pow_ui(x, t, key->s + 40);
        mpz_add_ui(x, x, 1);
        mpz_sub(x, key->power[key->s], x);
        if (t + 1 == count)
            mpz_mod(x, x, key->power[knowledge_vectors[i].tail]);
        bg_big_to_digits(key, x, key->s, plaintexts + t * size);
    }
    mpz_clear(x);
    return plaintexts;
}

Test(knowledge, tags_match_the_second_implementation)
{
    for (size_t i = 0; i < CASES; i++) {
        uint8_t n[MOST_BYTES], header[MOST_BYTES], tag[BG_KNOWLEDGE_TAG_BYTES];
        struct bg_public_key *key;
        struct bg_knowledge knowledge;
        uint32_t bits = knowledge_vectors[i].bits, s = knowledge_vectors[i].s;
        cr_assert_eq(bg_public_key_create(from_hex(knowledge_vectors[i].n, n), bits, s, true, NULL, &key), BG_OK);
        bg_knowledge_init(&knowledge, from_hex(knowledge_vectors[i].header, header));
        expect_hex(knowledge.challenge.bytes, knowledge_vectors[i].challenge);
        uint8_t *plaintexts = plaintexts_of(key, i);
        bg_knowledge_prove(&knowledge, key, plaintexts, knowledge_vectors[i].count,
                           (s - knowledge_vectors[i].tail) * bits / 8, tag);
        expect_hex(tag, knowledge_vectors[i].tag);
        free(plaintexts);
        bg_public_key_destroy(&key);
    }
}

/* Digits of n − 1 and weights of 2^128 − 1, as many as there may be, against integers. */
Test(knowledge, the_largest_sums_carry_through_all_digits)
{
    for (size_t i = 0; i < CASES; i++) {
        uint8_t n[MOST_BYTES], found[MOST_BYTES], expected[MOST_BYTES], weights[64 * BG_DIGITS_WEIGHT_BYTES];
        struct bg_public_key *key;
        uint32_t bits = knowledge_vectors[i].bits, s = knowledge_vectors[i].s;
        cr_assert_eq(bg_public_key_create(from_hex(knowledge_vectors[i].n, n), bits, s, true, NULL, &key), BG_OK);
        size_t size = bg_public_key_plaintext_bytes(key);
        uint8_t *numbers = malloc(64 * size);
        mpz_t x;
        cr_assert(numbers);
        mpz_init(x);
        memset(weights, 0xff, sizeof weights);
        for (size_t t = 0; t < 64; t++) {
            mpz_sub_ui(x, key->power[s], 1);
            bg_big_to_digits(key, x, s, numbers + t * size);
        }
        bg_digits_weigh(key, numbers, size, weights, 64, found);
        mpz_set_ui(x, 1);
        mpz_mul_2exp(x, x, 128);
        mpz_ui_sub(x, 1, x); /* −(2^128 − 1): n^s − 1 is −1 */
        mpz_mul_ui(x, x, 64);
        mpz_mod(x, x, key->power[s]);
        bg_big_to_digits(key, x, s, expected);
        cr_assert_arr_eq(found, expected, size);
        mpz_clear(x);
        free(numbers);
        bg_public_key_destroy(&key);
    }
}

/* What the key holder weighs and opens is what the member has added up, with any number of positions. */
Test(knowledge, weighed_ciphertexts_open_to_the_weighed_sum)
{
    for (unsigned mode = 0; mode < 2; mode++)
        for (uint32_t s = 1; s <= 2; s++) {
            struct bg_secret_key *secret = vector_key(0, s);
            struct bg_cipher cipher = {mode ? BG_ENCRYPTION_NULL : BG_ENCRYPTION_PAILLIER,
                                       bg_secret_key_public(secret)};
            size_t size = bg_public_key_plaintext_bytes(cipher.key), width = bg_public_key_ciphertext_bytes(cipher.key);
            struct bg_random random = bg_random_system();
            struct bg_knowledge knowledge;
            uint8_t *plaintexts = random_plaintexts(cipher.key, 64), *ciphertexts = encrypt(&cipher, plaintexts, 64);
            uint8_t weighed[MOST_BYTES], expected[MOST_BYTES], found[MOST_BYTES];
            bg_knowledge_init(&knowledge, (struct bg_span){plaintexts, 100});
            for (size_t count = 0; count <= 64; count += count < 3 ? 1 : 61) {
                struct bg_span product = {weighed, width};
                cr_assert_eq(bg_weigh_ciphertexts(&cipher, ciphertexts, knowledge.weights, count, NULL, weighed),
                             BG_OK);
                cr_assert_eq(bg_open_products(&cipher, secret, product, 1, &random, NULL, NULL, found), BG_OK);
                bg_digits_weigh(cipher.key, plaintexts, size, knowledge.weights, count, expected);
                cr_assert_arr_eq(found, expected, size);
            }
            free(plaintexts);
            free(ciphertexts);
            bg_secret_key_destroy(&secret);
        }
}
