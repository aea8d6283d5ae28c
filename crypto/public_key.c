/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/public_key.h"

#include "crypto/big.h"
#include "crypto/digest.h"
#include "crypto/embed.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_FACTOR_LIMIT 1000

static enum bg_status check_shape(struct bg_span n, uint32_t bits, uint32_t s, bool allow_insecure,
                                  struct bg_error *error)
{
    if (s < 1 || s > BG_KEY_MOST_S)
        return bg_fail(error, BG_BAD_KEY, "public key: exponent s = %u is not in 1 … %d", s, BG_KEY_MOST_S);
    if (bits < BG_KEY_LEAST_BITS || bits > BG_KEY_MOST_BITS || bits % 64)
        return bg_fail(error, BG_BAD_KEY, "public key: %u bits; a modulus has %d to %d, a multiple of 64",
                       bits, BG_KEY_LEAST_BITS, BG_KEY_MOST_BITS);
    if (bits < BG_KEY_SECURE_BITS && !allow_insecure)
        return bg_fail(error, BG_BAD_KEY,
                       "public key: %u bits are INSECURE; use at least %d, or ask for a test key", bits,
                       BG_KEY_SECURE_BITS);
    if (n.size != bits / 8)
        return bg_fail(error, BG_BAD_KEY, "public key: n has %zu bytes where %u bits need %u", n.size, bits,
                       bits / 8);
    if (!(n.data[n.size - 1] & 0x80))
        return bg_fail(error, BG_BAD_KEY, "public key: n is shorter than its %u bits", bits);
    return BG_OK;
}

static enum bg_status check_modulus(const mpz_t n, struct bg_error *error)
{
    if (mpz_even_p(n))
        return bg_fail(error, BG_BAD_KEY, "public key: n is even");
    for (unsigned long factor = 3; factor < SMALL_FACTOR_LIMIT; factor += 2)
        if (mpz_divisible_ui_p(n, factor))
            return bg_fail(error, BG_BAD_KEY, "public key: n is divisible by %lu", factor);
    if (mpz_perfect_power_p(n))
        return bg_fail(error, BG_BAD_KEY, "public key: n is a power of another number");
    return BG_OK;
}

static void compute_id(struct bg_public_key *key)
{
    static const char label[] = "burgee key";
    struct bg_sha256_state state;
    uint8_t bits[4];

    for (size_t i = 0; i < sizeof bits; i++)
        bits[i] = (uint8_t)(key->bits >> 8 * i);
    bg_sha256_init(&state);
    bg_sha256_update(&state, (struct bg_span){(const uint8_t *)label, sizeof label - 1});
    bg_sha256_update(&state, (struct bg_span){bits, sizeof bits});
    bg_sha256_update(&state, (struct bg_span){key->n_bytes, key->digit_bytes});
    bg_sha256_finish(&state, &key->id);
}

static void compute_powers(struct bg_public_key *key)
{
    mpz_set_ui(key->power[0], 1);
    for (uint32_t i = 1; i <= key->s + 1; i++)
        mpz_mul(key->power[i], key->power[i - 1], key->power[1]);
}

enum bg_status bg_public_key_create(struct bg_span n, uint32_t bits, uint32_t s, bool allow_insecure,
                                    struct bg_error *error, struct bg_public_key **ret_key)
{
    enum bg_status status = check_shape(n, bits, s, allow_insecure, error);
    if (status != BG_OK)
        return status;

    struct bg_public_key *key = calloc(1, sizeof *key);
    uint8_t *n_bytes = malloc(n.size);
    if (!key || !n_bytes) {
        free(key);
        free(n_bytes);
        return bg_fail(error, BG_NO_MEMORY, "public key: out of memory");
    }
    *key = (struct bg_public_key){.bits = bits, .s = s, .digit_bytes = n.size, .n_bytes = n_bytes};
    memcpy(n_bytes, n.data, n.size);
    for (size_t i = 0; i < BG_KEY_MOST_S + 2; i++)
        mpz_init(key->power[i]);

    bg_big_from_bytes(n, key->power[1]);
    status = check_modulus(key->power[1], error);
    if (status == BG_OK && bg_adic_create(key->power[1], s + 1, &key->adic) != BG_OK)
        status = bg_fail(error, BG_NO_MEMORY, "public key: out of memory");
    if (status != BG_OK) {
        bg_public_key_destroy(&key);
        return status;
    }
    compute_powers(key);
    compute_id(key);
    if (bg_embed_prepare(key) != BG_OK) {
        bg_public_key_destroy(&key);
        return bg_fail(error, BG_NO_MEMORY, "public key: out of memory");
    }
    *ret_key = key;
    return BG_OK;
}

void bg_public_key_destroy(struct bg_public_key **key)
{
    if (!*key)
        return;
    bg_adic_space_finish(&(*key)->embedding);
    bg_adic_destroy(&(*key)->adic);
    for (size_t i = 0; i < BG_KEY_MOST_S + 2; i++)
        mpz_clear((*key)->power[i]);
    free((*key)->n_bytes);
    free(*key);
    *key = NULL;
}

uint32_t bg_public_key_bits(const struct bg_public_key *key)
{
    return key->bits;
}

uint32_t bg_public_key_s(const struct bg_public_key *key)
{
    return key->s;
}

bool bg_public_key_insecure(const struct bg_public_key *key)
{
    return key->bits < BG_KEY_SECURE_BITS;
}

struct bg_span bg_public_key_n(const struct bg_public_key *key)
{
    return (struct bg_span){key->n_bytes, key->digit_bytes};
}

const struct bg_digest *bg_public_key_id(const struct bg_public_key *key)
{
    return &key->id;
}

size_t bg_public_key_digit_bytes(const struct bg_public_key *key)
{
    return key->digit_bytes;
}

size_t bg_public_key_plaintext_bytes(const struct bg_public_key *key)
{
    return key->s * key->digit_bytes;
}

size_t bg_public_key_ciphertext_bytes(const struct bg_public_key *key)
{
    return (key->s + 1) * key->digit_bytes;
}
