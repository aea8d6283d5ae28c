/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/opening.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/decrypt.h"
#include "crypto/weigh.h"

#include <stdlib.h>
#include <string.h>

static enum bg_status read_sums(const struct bg_cipher *cipher, struct bg_span products, size_t count,
                                struct bg_error *error, uint8_t *ret_plaintexts)
{
    size_t ciphertext_bytes = bg_public_key_ciphertext_bytes(cipher->key);
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(cipher->key);
    size_t expected, bad = 0;

    if (!bg_size_multiply(count, ciphertext_bytes, &expected) || products.size != expected)
        return bg_fail(error, BG_INVALID, "opening: %zu bytes are not %zu products of this key",
                       products.size, count);
    enum bg_status status = bg_cipher_check(cipher, products, count, &bad);
    if (status != BG_OK)
        return bg_fail(error, status, "opening: product %zu of %zu is not a sum: it has a digit of n or more, or its "
                       "highest is not 0", bad, count);
    for (size_t t = 0; t < count; t++)
        memcpy(ret_plaintexts + t * plaintext_bytes, products.data + t * ciphertext_bytes, plaintext_bytes);
    return BG_OK;
}

enum bg_status bg_open_products(const struct bg_cipher *cipher, const struct bg_secret_key *key,
                                struct bg_span products, size_t count, const struct bg_random *random,
                                struct bg_workers *workers, struct bg_error *error, uint8_t *ret_plaintexts)
{
    if (cipher->mode == BG_ENCRYPTION_NULL)
        return read_sums(cipher, products, count, error, ret_plaintexts);

    const struct bg_public_key *own = key ? bg_secret_key_public(key) : NULL;
    if (cipher->mode != BG_ENCRYPTION_PAILLIER || !own ||
        bg_public_key_s(own) != bg_public_key_s(cipher->key) ||
        !bg_digest_equal(bg_public_key_id(own), bg_public_key_id(cipher->key)))
        return bg_fail(error, BG_INVALID, "opening: the secret key is not that of the products");
    return bg_decrypt(key, products, count, random, workers, error, ret_plaintexts);
}

enum bg_status bg_weigh_ciphertexts(const struct bg_cipher *cipher, const uint8_t *ciphertexts,
                                    const uint8_t *weights, size_t count, struct bg_workers *workers,
                                    uint8_t *ret_ciphertext)
{
    const struct bg_public_key *key = cipher->key;
    size_t width = bg_public_key_ciphertext_bytes(key);

    memset(ret_ciphertext, 0, width);
    if (cipher->mode == BG_ENCRYPTION_NULL) {
        bg_digits_weigh(key, ciphertexts, width, weights, count, ret_ciphertext);
        return BG_OK;
    }
    if (!count) {
        ret_ciphertext[0] = 1;
        return BG_OK;
    }
    uint64_t *numbers = malloc((count + 1) * width); /* the result behind them */
    if (!numbers)
        return BG_NO_MEMORY;
    uint64_t *product = numbers + count * (width / sizeof *numbers);
    memcpy(numbers, ciphertexts, count * width);
    enum bg_status status = bg_weigh(key->adic, numbers, weights, BG_DIGITS_WEIGHT_BYTES, count, workers, product);
    if (status == BG_OK)
        memcpy(ret_ciphertext, product, width);
    free(numbers);
    return status;
}
