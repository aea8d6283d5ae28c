/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tail.h"

#include "base/checked.h"

#include <assert.h>
#include <string.h>

bool bg_tail_find(const struct bg_public_key *key, uint64_t count, size_t size, size_t *ret_lacking)
{
    size_t digit = bg_public_key_digit_bytes(key), whole;

    if (!count || count > SIZE_MAX || !bg_size_multiply((size_t)count, bg_public_key_ciphertext_bytes(key), &whole)
        || size > whole || (whole - size) % digit != 0 || (whole - size) / digit >= bg_public_key_s(key))
        return false;
    *ret_lacking = whole - size;
    return true;
}

/* Bytes from the first digit that must be 0 to the end; in null mode the sums end one digit earlier. */
static size_t cut_bytes(const struct bg_cipher *cipher, size_t lacking)
{
    assert(lacking < bg_public_key_plaintext_bytes(cipher->key));
    return lacking + (cipher->mode == BG_ENCRYPTION_NULL ? bg_public_key_digit_bytes(cipher->key) : 0);
}

void bg_tail_cut(const struct bg_cipher *cipher, size_t lacking, uint8_t *ciphertexts, size_t count)
{
    size_t size = cut_bytes(cipher, lacking);
    memset(ciphertexts + count * bg_public_key_ciphertext_bytes(cipher->key) - size, 0, size);
}

bool bg_tail_is_cut(const struct bg_cipher *cipher, size_t lacking, const uint8_t *ciphertexts, size_t count)
{
    size_t size = cut_bytes(cipher, lacking);
    const uint8_t *cut = ciphertexts + count * bg_public_key_ciphertext_bytes(cipher->key) - size;

    return size == 0 || (cut[0] == 0 && memcmp(cut, cut + 1, size - 1) == 0);
}
