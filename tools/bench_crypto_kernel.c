/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_crypto_kernel.h"

#include "base/cpu.h"
#include "crypto/decrypt.h"

#include <stdlib.h>
#include <string.h>

bool bg_bench_kernel_usable(const struct bg_crypto_kernel *kernel)
{
    return bg_cpu_has(kernel->needs);
}

void bg_bench_kernel_choose(const struct bg_crypto_kernel *kernel)
{
    bg_cpu_limit(kernel ? kernel->needs : BG_CPU_ALL);
}

static enum bg_status explain(const struct bg_bench_kernel *k, enum bg_status status, const char *what,
                              struct bg_error *error)
{
    return status == BG_OK ? BG_OK
                           : bg_fail(error, status, "%s: %s: %s", k->kernel.name, what, bg_status_text(status));
}

static struct bg_span batch(const uint8_t *data, size_t one)
{
    return (struct bg_span){data, BG_BENCH_BATCH * one};
}

static enum bg_status encrypt_batch(struct bg_bench_kernel *k, struct bg_mask_source *masks, struct bg_error *error)
{
    return explain(k, bg_cipher_encrypt(&k->cipher, batch(k->plaintexts, k->plaintext_bytes), BG_BENCH_BATCH, masks,
                                        k->ciphertexts), "encryption", error);
}

enum bg_status bg_bench_kernel_encrypt(void *context, struct bg_error *error)
{
    struct bg_bench_kernel *k = context;
    enum bg_status status = BG_OK;
    for (size_t done = 0; done < BG_BENCH_ENCRYPTIONS && status == BG_OK; done += BG_BENCH_BATCH)
        status = encrypt_batch(k, k->fresh, error);
    return status;
}

enum bg_status bg_bench_kernel_fill_pool(void *context, struct bg_error *error)
{
    struct bg_bench_kernel *k = context;
    return explain(k, bg_mask_source_fill(k->pooled, BG_BENCH_BATCH), "filling the pool", error);
}

enum bg_status bg_bench_kernel_encrypt_from_pool(void *context, struct bg_error *error)
{
    struct bg_bench_kernel *k = context;
    uint64_t hits = bg_mask_pool_stats(k->pool).hits;
    enum bg_status status = encrypt_batch(k, k->pooled, error);
    if (status == BG_OK && bg_mask_pool_stats(k->pool).hits - hits != BG_BENCH_BATCH)
        return bg_fail(error, BG_UNSUPPORTED, "%s: this system does not let a pool of masks be", k->kernel.name);
    return status;
}

enum bg_status bg_bench_kernel_add(void *context, struct bg_error *error)
{
    struct bg_bench_kernel *k = context;
    struct bg_span summands = {k->summands, BG_BENCH_POSITIONS * k->ciphertext_bytes};
    enum bg_status status = BG_OK;
    for (size_t done = 0; done < BG_BENCH_ADDITIONS && status == BG_OK; done += BG_BENCH_POSITIONS)
        status = bg_product_multiply(k->product, 0, BG_BENCH_POSITIONS, summands);
    return explain(k, status, "addition", error);
}

enum bg_status bg_bench_kernel_decrypt(void *context, struct bg_error *error)
{
    struct bg_bench_kernel *k = context;
    return bg_decrypt(k->secret_key, batch(k->ciphertexts, k->ciphertext_bytes), BG_BENCH_BATCH, &k->random, NULL,
                      error, k->opened);
}

enum bg_status bg_bench_kernel_encrypt_votes(struct bg_bench_kernel *k, const struct bg_packing *packing,
                                             const struct bg_slots *votes, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (size_t begin = 0; begin < packing->positions && status == BG_OK; begin += BG_BENCH_BATCH) {
        size_t end = begin + BG_BENCH_BATCH < packing->positions ? begin + BG_BENCH_BATCH : packing->positions;
        struct bg_span plaintexts = {k->opened, (end - begin) * k->plaintext_bytes};
        status = bg_pack(packing, k->cipher.key, votes, begin, end, k->opened);
        if (status == BG_OK)
            status = bg_cipher_encrypt(&k->cipher, plaintexts, end - begin, k->fresh, k->ciphertexts);
    }
    return explain(k, status, "encrypting coordinates", error);
}

static enum bg_status check(struct bg_bench_kernel *k, struct bg_error *error)
{
    for (int pooled = 0; pooled < 2; pooled++) {
        enum bg_status status = pooled ? bg_bench_kernel_fill_pool(k, error) : BG_OK;
        if (status == BG_OK)
            status = (pooled ? bg_bench_kernel_encrypt_from_pool : bg_bench_kernel_encrypt)(k, error);
        if (status == BG_OK)
            status = bg_bench_kernel_decrypt(k, error);
        if (status != BG_OK)
            return status;
        if (memcmp(k->opened, k->plaintexts, BG_BENCH_BATCH * k->plaintext_bytes) != 0)
            return bg_fail(error, BG_FAULT, "%s: what was encrypted decrypts to something else", k->kernel.name);
    }
    return BG_OK;
}

/* A top byte of 0 keeps a digit below n. */
enum bg_status bg_bench_draw_batch(const struct bg_public_key *key, const struct bg_random *random,
                                   uint8_t *ret_plaintexts)
{
    size_t size = BG_BENCH_BATCH * bg_public_key_plaintext_bytes(key), digit = bg_public_key_digit_bytes(key);
    enum bg_status status = bg_random_fill(random, ret_plaintexts, size);
    for (size_t end = digit; end <= size; end += digit)
        ret_plaintexts[end - 1] = 0;
    return status;
}

static enum bg_status create_objects(struct bg_bench_kernel *k, struct bg_span p, struct bg_span q, uint32_t s,
                                     const struct bg_mask_settings *masks, struct bg_error *error)
{
    enum bg_status status = bg_secret_key_create(p, q, (uint32_t)(16 * p.size), s, false, error, &k->secret_key);
    if (status != BG_OK)
        return status;
    k->cipher = (struct bg_cipher){BG_ENCRYPTION_PAILLIER, bg_secret_key_public(k->secret_key)};
    k->plaintext_bytes = bg_public_key_plaintext_bytes(k->cipher.key);
    k->ciphertext_bytes = bg_public_key_ciphertext_bytes(k->cipher.key);
    k->plaintexts = malloc(BG_BENCH_BATCH * k->plaintext_bytes);
    k->opened = malloc(BG_BENCH_BATCH * k->plaintext_bytes);
    k->ciphertexts = malloc(BG_BENCH_BATCH * k->ciphertext_bytes);
    k->summands = malloc(BG_BENCH_POSITIONS * k->ciphertext_bytes);
    status = k->plaintexts && k->opened && k->ciphertexts && k->summands ? BG_OK : BG_NO_MEMORY;
    if (status == BG_OK)
        status = bg_mask_table_create(k->cipher.key, &k->random, masks, &k->table);
    if (status == BG_OK)
        status = bg_mask_source_create(k->table, &k->random, NULL, &k->fresh);
    if (status == BG_OK)
        status = bg_mask_pool_create(k->cipher.key, bg_mask_pool_bytes(k->cipher.key, BG_BENCH_BATCH), &k->pool);
    if (status == BG_OK)
        status = bg_mask_source_create(k->table, &k->random, k->pool, &k->pooled);
    if (status == BG_OK)
        status = bg_product_create(&k->cipher, BG_BENCH_POSITIONS, &k->product);
    if (status == BG_OK)
        status = bg_bench_draw_batch(k->cipher.key, &k->random, k->plaintexts);
    return explain(k, status, "set-up", error);
}

enum bg_status bg_bench_kernel_init(struct bg_bench_kernel *k, const struct bg_crypto_kernel *kernel, struct bg_span p,
                                    struct bg_span q, uint32_t s, const struct bg_mask_settings *masks,
                                    struct bg_error *error)
{
    *k = (struct bg_bench_kernel){.kernel = *kernel, .random = bg_random_system()};
    bg_bench_kernel_choose(kernel);
    enum bg_status status = create_objects(k, p, q, s, masks, error);
    bg_bench_kernel_choose(NULL);
    if (status == BG_OK)
        status = check(k, error);
    for (size_t i = 0; i < BG_BENCH_POSITIONS && status == BG_OK; i += BG_BENCH_BATCH)
        memcpy(k->summands + i * k->ciphertext_bytes, k->ciphertexts, BG_BENCH_BATCH * k->ciphertext_bytes);
    if (status != BG_OK)
        bg_bench_kernel_finish(k);
    return status;
}

void bg_bench_kernel_finish(struct bg_bench_kernel *k)
{
    bg_product_destroy(&k->product);
    bg_mask_source_destroy(&k->pooled);
    bg_mask_pool_destroy(&k->pool);
    bg_mask_source_destroy(&k->fresh);
    bg_mask_table_destroy(&k->table);
    bg_secret_key_destroy(&k->secret_key);
    free(k->plaintexts);
    free(k->opened);
    free(k->ciphertexts);
    free(k->summands);
    *k = (struct bg_bench_kernel){0};
}
