/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cipher.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/digits.h"
#include "crypto/mask_draw.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const bg_encryption_names[] = {
    [BG_ENCRYPTION_PAILLIER] = "paillier",
    [BG_ENCRYPTION_NULL] = "null",
    [BG_ENCRYPTION_OFF] = "off",
    NULL,
};

static bool spans(struct bg_span span, size_t count, size_t size)
{
    size_t bytes;
    return bg_size_multiply(count, size, &bytes) && span.size == bytes;
}

static void encrypt_null(const struct bg_public_key *key, const uint8_t *plaintext, uint8_t *ret_ciphertext)
{
    size_t size = bg_public_key_plaintext_bytes(key);
    memcpy(ret_ciphertext, plaintext, size);
    memset(ret_ciphertext + size, 0, key->digit_bytes);
}

static enum bg_status draw_mask(const struct bg_public_key *key, struct bg_mask_source *masks, mpz_t ret)
{
    size_t bytes = bg_mask_words(key) * sizeof(uint64_t);
    uint64_t *mask = malloc(bytes);

    if (!mask)
        return BG_NO_MEMORY;
    enum bg_status status = bg_mask_draw(masks, 1, mask);
    if (status == BG_OK)
        bg_adic_to_big(key->adic, key->s + 1, mask, ret);
    bg_wipe(mask, bytes);
    free(mask);
    return status;
}

static enum bg_status encrypt_all(const struct bg_public_key *key, const uint8_t *plaintexts, size_t count,
                                  struct bg_mask_source *masks, uint8_t *ret_ciphertexts)
{
    enum bg_status status = BG_OK;
    mpz_t m, c, mask;

    assert(masks);
    mpz_inits(m, c, mask, NULL);
    for (size_t i = 0; i < count && status == BG_OK; i++) {
        bg_big_from_digits(key, plaintexts + i * bg_public_key_plaintext_bytes(key), key->s, m);
        bg_big_embed(key, m, c);
        status = draw_mask(key, masks, mask);
        if (status != BG_OK)
            break;
        mpz_mul(c, c, mask);
        mpz_mod(c, c, key->power[key->s + 1]);
        bg_big_to_digits(key, c, key->s + 1, ret_ciphertexts + i * bg_public_key_ciphertext_bytes(key));
    }
    bg_big_wipe(m);
    bg_big_wipe(c);
    bg_big_wipe(mask);
    mpz_clears(m, c, mask, NULL);
    return status;
}

enum bg_status bg_cipher_encrypt(const struct bg_cipher *cipher, struct bg_span plaintexts, size_t count,
                                 struct bg_mask_source *masks, uint8_t *ret_ciphertexts)
{
    const struct bg_public_key *key = cipher->key;
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(key);

    assert(cipher->mode != BG_ENCRYPTION_OFF);
    if (!spans(plaintexts, count, plaintext_bytes) ||
        !bg_digits_are_valid(key, plaintexts.data, count * key->s))
        return BG_INVALID;
    if (cipher->mode == BG_ENCRYPTION_PAILLIER)
        return encrypt_all(key, plaintexts.data, count, masks, ret_ciphertexts);
    for (size_t i = 0; i < count; i++)
        encrypt_null(key, plaintexts.data + i * plaintext_bytes,
                     ret_ciphertexts + i * bg_public_key_ciphertext_bytes(key));
    return BG_OK;
}

static bool is_unit(const struct bg_public_key *key, const mpz_t x)
{
    mpz_t divisor;
    mpz_init(divisor);
    mpz_gcd(divisor, x, key->power[1]);
    bool unit = mpz_cmp_ui(divisor, 1) == 0;
    mpz_clear(divisor);
    return unit;
}

static void read_low_digit(const struct bg_public_key *key, const uint8_t *ciphertext, mpz_t ret)
{
    bg_big_from_bytes((struct bg_span){ciphertext, key->digit_bytes}, ret);
}

/* Gives the index of the first bad ciphertext, or count. */
static size_t first_bad_paillier(const struct bg_public_key *key, const uint8_t *ciphertexts, size_t count)
{
    size_t width = bg_public_key_ciphertext_bytes(key), bad = 0;
    mpz_t product, digit;

    mpz_inits(product, digit, NULL);
    mpz_set_ui(product, 1);
    for (; bad < count && bg_digits_are_valid(key, ciphertexts + bad * width, key->s + 1); bad++) {
        read_low_digit(key, ciphertexts + bad * width, digit);
        mpz_mul(product, product, digit);
        mpz_mod(product, product, key->power[1]);
    }
    if (!is_unit(key, product))
        for (size_t i = 0; i < bad; i++) {
            read_low_digit(key, ciphertexts + i * width, digit);
            if (!is_unit(key, digit))
                bad = i;
        }
    mpz_clears(product, digit, NULL);
    return bad;
}

static size_t first_bad_null(const struct bg_public_key *key, const uint8_t *ciphertexts, size_t count)
{
    static const uint8_t zero[BG_KEY_MOST_BYTES];
    size_t bad = 0;

    for (const uint8_t *c = ciphertexts; bad < count; bad++, c += bg_public_key_ciphertext_bytes(key))
        if (!bg_digits_are_valid(key, c, key->s)
            || memcmp(c + bg_public_key_plaintext_bytes(key), zero, key->digit_bytes) != 0)
            break;
    return bad;
}

enum bg_status bg_cipher_check(const struct bg_cipher *cipher, struct bg_span ciphertexts, size_t count,
                               size_t *reterr_index)
{
    size_t whole = ciphertexts.size / bg_public_key_ciphertext_bytes(cipher->key);
    size_t looked_at = whole < count ? whole : count;
    size_t bad = cipher->mode == BG_ENCRYPTION_PAILLIER
        ? first_bad_paillier(cipher->key, ciphertexts.data, looked_at)
        : first_bad_null(cipher->key, ciphertexts.data, looked_at);

    if (bad == count && spans(ciphertexts, count, bg_public_key_ciphertext_bytes(cipher->key)))
        return BG_OK;
    if (reterr_index)
        *reterr_index = bad;
    return BG_BAD_CIPHERTEXT;
}

struct bg_product {
    struct bg_cipher cipher;
    size_t positions;
    size_t limbs;       /* of one number */
    mp_limb_t *numbers; /* paillier */
    uint8_t *sums;      /* null: ciphertexts */
};

enum bg_status bg_product_create(const struct bg_cipher *cipher, size_t positions,
                                 struct bg_product **ret_product)
{
    size_t limbs = mpz_size(cipher->key->power[cipher->key->s + 1]), count = positions ? positions : 1;
    bool null = cipher->mode == BG_ENCRYPTION_NULL;
    struct bg_product *product = malloc(sizeof *product);

    assert(cipher->mode != BG_ENCRYPTION_OFF);
    if (!product)
        return BG_NO_MEMORY;
    *product = (struct bg_product){
        .cipher = *cipher,
        .positions = positions,
        .limbs = limbs,
        .numbers = null ? NULL : calloc(count, limbs * sizeof *product->numbers),
        .sums = null ? calloc(count, bg_public_key_ciphertext_bytes(cipher->key)) : NULL,
    };
    if (!product->numbers && !product->sums) {
        free(product);
        return BG_NO_MEMORY;
    }
    bg_product_reset(product);
    *ret_product = product;
    return BG_OK;
}

void bg_product_destroy(struct bg_product **product)
{
    if (!*product)
        return;
    free((*product)->numbers);
    free((*product)->sums);
    free(*product);
    *product = NULL;
}

void bg_product_reset(struct bg_product *product)
{
    if (product->sums) {
        memset(product->sums, 0, product->positions * bg_public_key_ciphertext_bytes(product->cipher.key));
        return;
    }
    memset(product->numbers, 0, product->positions * product->limbs * sizeof *product->numbers);
    for (size_t t = 0; t < product->positions; t++)
        product->numbers[t * product->limbs] = 1;
}

static mpz_srcptr number_at(const struct bg_product *product, size_t position, mpz_t view)
{
    return mpz_roinit_n(view, product->numbers + position * product->limbs, (mp_size_t)product->limbs);
}

static void store_number(struct bg_product *product, size_t position, const mpz_t x)
{
    mp_limb_t *limbs = product->numbers + position * product->limbs;
    size_t used = mpz_size(x);
    memcpy(limbs, mpz_limbs_read(x), used * sizeof *limbs);
    memset(limbs + used, 0, (product->limbs - used) * sizeof *limbs);
}

static bool has_positions(const struct bg_product *product, size_t first, size_t count)
{
    return first <= product->positions && count <= product->positions - first;
}

static void multiply(struct bg_product *product, size_t first, size_t count, const uint8_t *ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    mpz_t c, view;

    mpz_init(c);
    for (size_t i = 0; i < count; i++) {
        bg_big_from_digits(key, ciphertexts + i * bg_public_key_ciphertext_bytes(key), key->s + 1, c);
        mpz_mul(c, c, number_at(product, first + i, view));
        mpz_mod(c, c, key->power[key->s + 1]);
        store_number(product, first + i, c);
    }
    mpz_clear(c);
}

enum bg_status bg_product_multiply(struct bg_product *product, size_t first, size_t count,
                                   struct bg_span ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    size_t width = bg_public_key_ciphertext_bytes(key);

    if (!has_positions(product, first, count) || !spans(ciphertexts, count, width))
        return BG_INVALID;
    if (!product->sums)
        multiply(product, first, count, ciphertexts.data);
    else
        for (size_t i = 0; i < count; i++)
            bg_digits_add(key, ciphertexts.data + i * width, product->sums + (first + i) * width);
    return BG_OK;
}

enum bg_status bg_product_write(const struct bg_product *product, size_t first, size_t count,
                                uint8_t *ret_ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    size_t width = bg_public_key_ciphertext_bytes(key);
    mpz_t view;

    if (!has_positions(product, first, count))
        return BG_INVALID;
    if (product->sums)
        memcpy(ret_ciphertexts, product->sums + first * width, count * width);
    else
        for (size_t i = 0; i < count; i++)
            bg_big_to_digits(key, number_at(product, first + i, view), key->s + 1, ret_ciphertexts + i * width);
    return BG_OK;
}

size_t bg_product_positions(const struct bg_product *product)
{
    return product->positions;
}
