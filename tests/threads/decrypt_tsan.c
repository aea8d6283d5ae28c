/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads decrypt under one key, one of them on workers, while both multiply into one product, for
 * ThreadSanitizer. Everything with a secret lies in the one heap of the process. */
#include "base/workers.h"
#include "crypto/decrypt.h"
#include "crypto/digits.h"
#include "crypto/key_generation.h"
#include "crypto/product.h"
#include "crypto/secure_heap.h"
#include "tests/threads/require.h"

#include <pthread.h>
#include <string.h>

#define POSITIONS (5 * BG_PRODUCT_RUN)
#define OURS (3 * BG_PRODUCT_RUN) /* positions of the main thread; the other one has the rest */
#define MEMBERS 3
#define DECRYPTIONS 3
#define S 2
#define DIGIT_BYTES (BG_KEY_LEAST_BITS / 8)
#define PLAINTEXT_BYTES (S * DIGIT_BYTES)
#define CIPHERTEXT_BYTES ((S + 1) * DIGIT_BYTES)

struct shared {
    const struct bg_secret_key *key;
    struct bg_cipher cipher;
    struct bg_product *product;
    struct bg_random random;
    uint8_t sums[POSITIONS * PLAINTEXT_BYTES];
    uint8_t ciphertexts[MEMBERS][POSITIONS * CIPHERTEXT_BYTES];
};

struct opener {
    struct shared *shared;
    struct bg_workers *workers;
    size_t first, count; /* positions */
};

static void *open_part(void *argument)
{
    const struct opener *opener = argument;
    struct shared *shared = opener->shared;
    size_t plaintext_bytes = opener->count * PLAINTEXT_BYTES, bytes = opener->count * CIPHERTEXT_BYTES;
    uint8_t *product = malloc(bytes), *opened = malloc(plaintext_bytes);
    struct bg_error error;

    REQUIRE(product && opened);
    for (size_t m = 0; m < MEMBERS; m++) {
        struct bg_span part = {shared->ciphertexts[m] + opener->first * CIPHERTEXT_BYTES, bytes};
        REQUIRE(bg_cipher_check(&shared->cipher, part, opener->count, NULL) == BG_OK);
        REQUIRE(bg_product_multiply(shared->product, opener->first, opener->count, part) == BG_OK);
    }
    REQUIRE(bg_product_write(shared->product, opener->first, opener->count, product) == BG_OK);
    for (int i = 0; i < DECRYPTIONS; i++) {
        memset(opened, 0, plaintext_bytes);
        REQUIRE(bg_decrypt(shared->key, (struct bg_span){product, bytes}, opener->count, &shared->random,
                           opener->workers, &error, opened) == BG_OK);
        REQUIRE(memcmp(opened, shared->sums + opener->first * PLAINTEXT_BYTES, plaintext_bytes) == 0);
    }
    free(product);
    free(opened);
    return NULL;
}

/* Random plaintexts of every member, their ciphertexts and their sums. */
static void make_updates(struct shared *shared)
{
    static uint8_t plaintexts[POSITIONS * PLAINTEXT_BYTES];
    const struct bg_public_key *key = shared->cipher.key;
    struct bg_mask_table *table;
    struct bg_mask_source *source;

    REQUIRE(bg_mask_table_create(key, &shared->random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table) ==
            BG_OK);
    REQUIRE(bg_mask_source_create(table, &shared->random, NULL, &source) == BG_OK);
    for (size_t m = 0; m < MEMBERS; m++) {
        REQUIRE(bg_random_fill(&shared->random, plaintexts, sizeof plaintexts) == BG_OK);
        for (size_t i = DIGIT_BYTES; i <= sizeof plaintexts; i += DIGIT_BYTES)
            plaintexts[i - 1] &= 0x7f; /* below n */
        REQUIRE(bg_cipher_encrypt(&shared->cipher, (struct bg_span){plaintexts, sizeof plaintexts}, POSITIONS, source,
                                  shared->ciphertexts[m]) == BG_OK);
        for (size_t t = 0; t < POSITIONS; t++)
            bg_digits_add(key, plaintexts + t * PLAINTEXT_BYTES, shared->sums + t * PLAINTEXT_BYTES);
    }
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
}

int main(void)
{
    static struct shared shared;
    struct bg_secret_key *key;
    struct bg_workers *workers;
    struct bg_error error;
    pthread_t other;
    bool locked;

    shared.random = bg_random_system();
    REQUIRE(bg_secure_heap_install((size_t)1 << 20, &error, &locked) == BG_OK);
    REQUIRE(bg_secret_key_generate(BG_KEY_LEAST_BITS, S, true, &shared.random, &error, &key) == BG_OK);
    shared.key = key;
    shared.cipher = (struct bg_cipher){BG_ENCRYPTION_PAILLIER, bg_secret_key_public(key)};
    make_updates(&shared);
    REQUIRE(bg_product_create(&shared.cipher, POSITIONS, &shared.product) == BG_OK);
    REQUIRE(bg_workers_create(3, 1, NULL, NULL, &workers) == BG_OK);

    struct opener with = {&shared, workers, 0, OURS}, without = {&shared, NULL, OURS, POSITIONS - OURS};
    REQUIRE(pthread_create(&other, NULL, open_part, &without) == 0);
    open_part(&with);
    pthread_join(other, NULL);

    bg_workers_destroy(&workers);
    bg_product_destroy(&shared.product);
    bg_secret_key_destroy(&key);
    return 0;
}
