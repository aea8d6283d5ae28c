/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/decrypt.h"

#include "base/cpu.h"
#include "crypto/comb.h"
#include "crypto/kernel.h"
#include "crypto/secret_parts.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>

TestSuite(decrypt);

#define MANY 37 /* groups of every kernel, and a part of one */

static struct bg_cipher cipher_of(const struct bg_secret_key *key)
{
    return (struct bg_cipher){.mode = BG_ENCRYPTION_PAILLIER, .key = bg_secret_key_public(key)};
}

static void with_every_kernel(void (*check)(void))
{
    struct bg_crypto_kernel kernel;
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        struct bg_secret_key *key = vector_key(0, 1);
        cr_assert_str_eq(key->p.adic->kernel->name, kernel.name);
        bg_secret_key_destroy(&key);
        check();
        bg_cpu_limit(BG_CPU_ALL);
    }
}

static void meet_known_answers(void)
{
    static uint8_t m[BG_KEY_MOST_S * BG_KEY_MOST_BYTES], found[BG_KEY_MOST_S * BG_KEY_MOST_BYTES];
    static uint8_t c[(BG_KEY_MOST_S + 1) * BG_KEY_MOST_BYTES];
    struct bg_random random = bg_random_system();

    for (size_t i = 0; i < COUNT(secret_vectors); i++) {
        const struct secret_vector *vector = &secret_vectors[i];
        struct bg_secret_key *key = vector_key(vector->key, vector->s);
        struct bg_span expected = from_hex(vector->m, m);
        struct bg_error error;
        cr_assert_eq(expected.size, bg_public_key_plaintext_bytes(bg_secret_key_public(key)));
        enum bg_status status = bg_decrypt(key, from_hex(vector->c, c), 1, &random, NULL, &error, found);
        cr_assert_eq(status, BG_OK, "vector %zu: %s", i, error.text);
        cr_assert_arr_eq(found, m, expected.size, "vector %zu", i);
        bg_secret_key_destroy(&key);
    }
}

Test(decrypt, meets_known_answers)
{
    with_every_kernel(meet_known_answers);
}

/* Encrypts `most` plaintexts and decrypts the first `count` of them for each count from `least`. */
static void undo_encryption(size_t index, uint32_t s, size_t least, size_t most, struct bg_workers *workers)
{
    struct bg_random random = bg_random_system();
    struct bg_secret_key *key = vector_key(index, s);
    struct bg_cipher cipher = cipher_of(key);
    size_t plain = bg_public_key_plaintext_bytes(cipher.key), width = bg_public_key_ciphertext_bytes(cipher.key);
    uint8_t *plaintexts = random_plaintexts(cipher.key, most), *found = malloc(most * plain);
    uint8_t *ciphertexts = encrypt(&cipher, plaintexts, most);

    cr_assert(found);
    for (size_t count = least; count <= most; count++) {
        memset(found, 0xff, most * plain);
        cr_assert_eq(bg_decrypt(key, (struct bg_span){ciphertexts, count * width}, count, &random, workers, NULL,
                                found), BG_OK);
        cr_assert_arr_eq(found, plaintexts, count * plain, "%zu ciphertexts", count);
    }
    free(found);
    free(ciphertexts);
    free(plaintexts);
    bg_secret_key_destroy(&key);
}

/* With and without workers. */
static void undo_encryption_twice(size_t index, uint32_t s, size_t least, size_t most)
{
    struct bg_workers *workers = NULL;

    undo_encryption(index, s, least, most, NULL);
    cr_assert_eq(bg_workers_create(3, 16, NULL, NULL, &workers), BG_OK);
    undo_encryption(index, s, least, most, workers);
    bg_workers_destroy(&workers);
}

static void undo_batches(void)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        undo_encryption_twice(0, s, 1, 20);
        undo_encryption_twice(1, s, MANY, MANY);
    }
    undo_encryption_twice(2, 2, 9, 9);
}

Test(decrypt, undoes_encryption_for_batches_of_any_size)
{
    with_every_kernel(undo_batches);
}

/* One encrypted batch under a key that a test then damages. */
struct damaged {
    struct bg_secret_key *key;
    uint8_t *ciphertexts;
    struct bg_span span;
    uint8_t *found;
    size_t found_size;
};

static struct damaged prepare(uint32_t s)
{
    struct damaged damaged = {.key = vector_key(0, s)};
    struct bg_cipher cipher = cipher_of(damaged.key);
    uint8_t *plaintexts = random_plaintexts(cipher.key, 3);
    damaged.ciphertexts = encrypt(&cipher, plaintexts, 3);
    damaged.span = (struct bg_span){damaged.ciphertexts, 3 * bg_public_key_ciphertext_bytes(cipher.key)};
    damaged.found_size = 3 * bg_public_key_plaintext_bytes(cipher.key);
    damaged.found = malloc(damaged.found_size);
    cr_assert(damaged.found);
    free(plaintexts);
    return damaged;
}

static void finish(struct damaged *damaged)
{
    free(damaged->found);
    free(damaged->ciphertexts);
    bg_secret_key_destroy(&damaged->key);
}

static void expect_fault(struct damaged *damaged, const char *what)
{
    struct bg_random random = bg_random_system();
    struct bg_error error = {BG_OK, ""};

    memset(damaged->found, 0xff, damaged->found_size);
    enum bg_status status = bg_decrypt(damaged->key, damaged->span, 3, &random, NULL, &error, damaged->found);
    cr_assert_eq(status, BG_FAULT, "%s", what);
    cr_assert(all_zero(damaged->found, damaged->found_size), "%s", what);
    cr_assert(strstr(error.text, "nothing was released"));
}

/* +2 keeps odd moduli odd. */
static void expect_fault_with(struct damaged *damaged, mpz_t value, const char *what)
{
    mpz_t saved;

    mpz_init_set(saved, value);
    mpz_add_ui(value, value, 2);
    expect_fault(damaged, what);
    mpz_set(value, saved);
    mpz_clear(saved);
}

static void expect_fault_with_word(struct damaged *damaged, uint64_t *word, const char *what)
{
    *word ^= 2;
    expect_fault(damaged, what);
    *word ^= 2;
}

static void damage_half(struct damaged *damaged, struct bg_secret_half *half, uint32_t s)
{
    struct bg_adic *ring = half->adic;

    expect_fault_with(damaged, half->prime, "prime");
    expect_fault_with(damaged, half->order, "order");
    expect_fault_with(damaged, half->power, "power");
    for (uint32_t k = 1; k <= s; k++)
        expect_fault_with(damaged, half->series[k], "series");
    expect_fault_with_word(damaged, &ring->inverse, "inverse of the base");
    expect_fault_with_word(damaged, ring->base_limbs, "limbs of the base");
    expect_fault_with_word(damaged, ring->radix, "radix");
    expect_fault_with_word(damaged, ring->unit, "unit");
    if (s > 1)
        expect_fault_with_word(damaged, ring->base, "base");
}

/* Powers of an encryption of 1 instead of 0. */
static void expect_fault_with_mask_of_one(struct damaged *damaged)
{
    const struct bg_adic *ring = bg_secret_key_public(damaged->key)->adic;
    const struct bg_comb_settings settings = {.exponent_bits = BG_SECRET_BLIND_BITS, .memory_bytes = 1 << 16};
    uint64_t *number = calloc(bg_adic_compact_words(ring, ring->digits), sizeof *number);
    struct bg_comb *zeros = damaged->key->zeros;

    cr_assert(number);
    number[0] = number[ring->digit_words] = 1;
    cr_assert_eq(bg_comb_create(damaged->key->public_key, &settings, number, &damaged->key->zeros), BG_OK);
    expect_fault(damaged, "encryption of 1");
    bg_comb_destroy(&damaged->key->zeros);
    damaged->key->zeros = zeros;
    free(number);
}

static void damage_all(void)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct damaged damaged = prepare(s);
        damage_half(&damaged, &damaged.key->p, s);
        damage_half(&damaged, &damaged.key->q, s);
        expect_fault_with(&damaged, damaged.key->join, "join");
        expect_fault_with_mask_of_one(&damaged);
        finish(&damaged);
    }
}

Test(decrypt, releases_nothing_when_a_derived_value_is_damaged)
{
    with_every_kernel(damage_all);
}

Test(decrypt, releases_nothing_when_a_prime_belongs_to_another_key)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct damaged damaged = prepare(s);
        struct bg_secret_key *other = vector_key(0, s);
        struct bg_secret_half half = damaged.key->p;
        damaged.key->p = other->q;
        other->q = half;
        expect_fault(&damaged, "q twice");
        cr_assert_eq(bg_decrypt_known_answer(damaged.key, NULL), BG_FAULT);
        bg_secret_key_destroy(&other);
        finish(&damaged);
    }
}

Test(decrypt, known_answer_notices_a_scaled_result)
{
    struct bg_secret_key *key = vector_key(0, 2);
    struct bg_error error;

    cr_assert_eq(bg_decrypt_known_answer(key, &error), BG_OK);
    for (uint32_t k = 1; k <= 2; k++)
        mpz_mul_ui(key->p.series[k], key->p.series[k], 3);
    cr_assert_eq(bg_decrypt_known_answer(key, &error), BG_FAULT);
    bg_secret_key_destroy(&key);
}

Test(decrypt, works_again_after_a_fault)
{
    struct damaged damaged = prepare(2);
    struct bg_random random = bg_random_system();

    expect_fault_with(&damaged, damaged.key->q.series[1], "series");
    cr_assert_eq(bg_decrypt(damaged.key, damaged.span, 3, &random, NULL, NULL, damaged.found), BG_OK);
    finish(&damaged);
}

Test(decrypt, refuses_what_is_no_ciphertext)
{
    struct damaged batch = prepare(2);
    const struct bg_public_key *public_key = bg_secret_key_public(batch.key);
    size_t width = bg_public_key_ciphertext_bytes(public_key), digit = bg_public_key_digit_bytes(public_key);
    uint8_t *second = batch.ciphertexts + width;
    uint8_t *saved = malloc(width);
    struct bg_random random = bg_random_system();
    struct bg_error error;

    cr_assert(saved);
    memcpy(saved, second, width);
    for (size_t i = 0; i < 5; i++) {
        if (i < 3) /* a digit of n */
            memcpy(second + i * digit, bg_public_key_n(public_key).data, digit);
        else if (i == 3)
            memset(second, 0, width);
        else { /* low digit p */
            memset(second, 0, digit);
            bg_big_to_bytes(batch.key->p.prime, second, digit);
        }
        enum bg_status status = bg_decrypt(batch.key, batch.span, 3, &random, NULL, &error, batch.found);
        cr_assert_eq(status, BG_BAD_CIPHERTEXT, "case %zu", i);
        cr_assert(strstr(error.text, "ciphertext 1 of 3"), "%s", error.text);
        memcpy(second, saved, width);
    }
    free(saved);
    finish(&batch);
}

Test(decrypt, refuses_another_size)
{
    struct damaged batch = prepare(1);
    struct bg_random random = bg_random_system();
    struct bg_span shorter = {batch.span.data, batch.span.size - 1};
    struct bg_span none = {NULL, 0};

    cr_assert_eq(bg_decrypt(batch.key, batch.span, 2, &random, NULL, NULL, batch.found), BG_INVALID);
    cr_assert_eq(bg_decrypt(batch.key, batch.span, SIZE_MAX, &random, NULL, NULL, batch.found), BG_INVALID);
    cr_assert_eq(bg_decrypt(batch.key, shorter, 3, &random, NULL, NULL, batch.found), BG_INVALID);
    cr_assert_eq(bg_decrypt(batch.key, none, 0, &random, NULL, NULL, batch.found), BG_OK);
    finish(&batch);
}

Test(decrypt, gives_nothing_without_random_bytes)
{
    struct damaged batch = prepare(1);
    struct bg_random random = {no_random, NULL};

    memset(batch.found, 0xff, batch.found_size);
    cr_assert_eq(bg_decrypt(batch.key, batch.span, 3, &random, NULL, NULL, batch.found), BG_RANDOM);
    cr_assert(all_zero(batch.found, batch.found_size));
    finish(&batch);
}

struct counter {
    size_t bytes;
};

static enum bg_status count_bytes(void *context, void *data, size_t size)
{
    struct counter *counter = context;
    struct bg_random random = bg_random_system();
    counter->bytes += size;
    return bg_random_fill(&random, data, size);
}

/* 16 bytes re-randomise each ciphertext and the check, 8 weigh each ciphertext. */
Test(decrypt, draws_fresh_bytes_for_every_ciphertext)
{
    struct damaged batch = prepare(1);
    struct counter counter = {0};
    struct bg_random random = {count_bytes, &counter};
    size_t width = batch.span.size / 3, of_three, of_two;

    cr_assert_eq(bg_decrypt(batch.key, batch.span, 3, &random, NULL, NULL, batch.found), BG_OK);
    of_three = counter.bytes;
    counter.bytes = 0;
    cr_assert_eq(bg_decrypt(batch.key, (struct bg_span){batch.ciphertexts, 2 * width}, 2, &random, NULL, NULL,
                            batch.found), BG_OK);
    of_two = counter.bytes;
    cr_assert_geq(of_two, 3 * 16 + 2 * 8 + 64);
    cr_assert_geq(of_three, 4 * 16 + 3 * 8 + 64);
    finish(&batch);
}
