/* SPDX-License-Identifier: Apache-2.0 */
/* One kernel's share of `burgee-bench crypto`: objects of one key made with that kernel, and the operations to time. */
#pragma once

#include "crypto/kernel.h"
#include "crypto/packing.h"
#include "crypto/product.h"
#include "crypto/secret_key.h"

#define BG_BENCH_BATCH ((size_t)64)      /* ciphertexts per timed run: a block of the protocol */
#define BG_BENCH_ENCRYPTIONS (4 * BG_BENCH_BATCH)
#define BG_BENCH_POSITIONS ((size_t)512) /* of running products */
#define BG_BENCH_ADDITIONS (4 * BG_BENCH_POSITIONS)

struct bg_bench_kernel {
    struct bg_crypto_kernel kernel;
    struct bg_random random;
    struct bg_secret_key *secret_key;
    struct bg_cipher cipher;
    struct bg_mask_table *table;
    struct bg_mask_source *fresh;  /* computes every mask */
    struct bg_mask_pool *pool;     /* of BG_BENCH_BATCH masks */
    struct bg_mask_source *pooled; /* draws from it */
    struct bg_product *product;
    size_t plaintext_bytes, ciphertext_bytes; /* of one */
    uint8_t *plaintexts, *ciphertexts, *opened; /* a batch of each */
    uint8_t *summands;                        /* BG_BENCH_POSITIONS ciphertexts */
};

/* Whether this processor has what the kernel needs. */
bool bg_bench_kernel_usable(const struct bg_crypto_kernel *kernel);
/* Keys created from now on use this usable kernel; NULL: the best one, as ever. */
void bg_bench_kernel_choose(const struct bg_crypto_kernel *kernel);

/* BG_BENCH_BATCH random plaintexts. */
BG_MUST_CHECK enum bg_status bg_bench_draw_batch(const struct bg_public_key *key, const struct bg_random *random,
                                                 uint8_t *ret_plaintexts);

/* Everything for the key of these primes, with a usable kernel, and a batch of random plaintexts. Afterwards the best
 * kernel is chosen. BG_FAULT unless what is encrypted decrypts to what it was, from a fresh mask and from the pool. */
BG_MUST_CHECK enum bg_status bg_bench_kernel_init(struct bg_bench_kernel *k, const struct bg_crypto_kernel *kernel,
                                                  struct bg_span p, struct bg_span q, uint32_t s,
                                                  const struct bg_mask_settings *masks, struct bg_error *error);
/* Accepts a zeroed one. */
void bg_bench_kernel_finish(struct bg_bench_kernel *k);

/* Operations on BG_BENCH_BATCH numbers, in the form that tools/bench_rounds.h wants; context is the struct
 * bg_bench_kernel. */
BG_MUST_CHECK enum bg_status bg_bench_kernel_fill_pool(void *context, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_kernel_encrypt_from_pool(void *context, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_kernel_decrypt(void *context, struct bg_error *error);
/* BG_BENCH_ENCRYPTIONS of them with fresh masks: an update is so many that the table gets into the caches. */
BG_MUST_CHECK enum bg_status bg_bench_kernel_encrypt(void *context, struct bg_error *error);
/* BG_BENCH_ADDITIONS of them, into all positions in turn. */
BG_MUST_CHECK enum bg_status bg_bench_kernel_add(void *context, struct bg_error *error);

/* One update as a client makes it, block by block: packs and encrypts all votes, the one field of the packing. */
BG_MUST_CHECK enum bg_status bg_bench_kernel_encrypt_votes(struct bg_bench_kernel *k, const struct bg_packing *packing,
                                                           const struct bg_slots *votes, struct bg_error *error);
