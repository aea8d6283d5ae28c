/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cipher.h"

#include "base/checked.h"
#include "crypto/big.h"
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

static const mpz_t *modulus(const struct bg_cipher *cipher)
{
    assert(cipher->mode != BG_ENCRYPTION_OFF);
    return &cipher->key->power[cipher->key->s + (cipher->mode == BG_ENCRYPTION_PAILLIER)];
}

static void read_ciphertext(const struct bg_cipher *cipher, const uint8_t *bytes, mpz_t ret)
{
    if (cipher->mode == BG_ENCRYPTION_PAILLIER)
        bg_big_from_digits(cipher->key, bytes, cipher->key->s + 1, ret);
    else
        bg_big_from_bytes((struct bg_span){bytes, bg_public_key_plaintext_bytes(cipher->key)}, ret);
}

static void write_ciphertext(const struct bg_cipher *cipher, const mpz_t x, uint8_t *ret_bytes)
{
    if (cipher->mode == BG_ENCRYPTION_PAILLIER)
        bg_big_to_digits(cipher->key, x, cipher->key->s + 1, ret_bytes);
    else
        bg_big_to_bytes(x, ret_bytes, bg_public_key_ciphertext_bytes(cipher->key));
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

/* c = m in null mode; m is consumed otherwise. */
static enum bg_status hide(const struct bg_cipher *cipher, mpz_t m, struct bg_mask_source *masks,
                           mpz_t scratch, mpz_t ret)
{
    if (cipher->mode == BG_ENCRYPTION_NULL) {
        mpz_set(ret, m);
        return BG_OK;
    }
    assert(masks);
    bg_big_embed(cipher->key, m, ret);
    enum bg_status status = draw_mask(cipher->key, masks, scratch);
    if (status != BG_OK)
        return status;
    mpz_mul(ret, ret, scratch);
    mpz_mod(ret, ret, *modulus(cipher));
    bg_big_wipe(scratch);
    return BG_OK;
}

enum bg_status bg_cipher_encrypt(const struct bg_cipher *cipher, struct bg_span plaintexts, size_t count,
                                 struct bg_mask_source *masks, uint8_t *ret_ciphertexts)
{
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(cipher->key);
    size_t ciphertext_bytes = bg_public_key_ciphertext_bytes(cipher->key);
    enum bg_status status = BG_OK;
    mpz_t m, c, mask;

    if (!spans(plaintexts, count, plaintext_bytes))
        return BG_INVALID;
    mpz_inits(m, c, mask, NULL);
    for (size_t i = 0; i < count && status == BG_OK; i++) {
        bg_big_from_bytes((struct bg_span){plaintexts.data + i * plaintext_bytes, plaintext_bytes}, m);
        if (mpz_cmp(m, cipher->key->power[cipher->key->s]) >= 0)
            status = BG_INVALID;
        else
            status = hide(cipher, m, masks, mask, c);
        if (status == BG_OK)
            write_ciphertext(cipher, c, ret_ciphertexts + i * ciphertext_bytes);
    }
    bg_big_wipe(m);
    bg_big_wipe(c);
    bg_big_wipe(mask);
    mpz_clears(m, c, mask, NULL);
    return status;
}

/* a < b for numbers of `size` little-endian bytes. */
static bool bytes_below(const uint8_t *a, const uint8_t *b, size_t size)
{
    while (size-- > 0)
        if (a[size] != b[size])
            return a[size] < b[size];
    return false;
}

static bool digits_in_range(const struct bg_public_key *key, const uint8_t *ciphertext)
{
    for (size_t i = 0; i <= key->s; i++)
        if (!bytes_below(ciphertext + i * key->digit_bytes, key->n_bytes, key->digit_bytes))
            return false;
    return true;
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
    for (; bad < count && digits_in_range(key, ciphertexts + bad * width); bad++) {
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
    size_t width = bg_public_key_ciphertext_bytes(key), bad = 0;
    mpz_t value;

    mpz_init(value);
    for (; bad < count; bad++) {
        bg_big_from_bytes((struct bg_span){ciphertexts + bad * width, width}, value);
        if (mpz_cmp(value, key->power[key->s]) >= 0)
            break;
    }
    mpz_clear(value);
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
    size_t limbs; /* of one number */
    mp_limb_t *numbers;
};

enum bg_status bg_product_create(const struct bg_cipher *cipher, size_t positions,
                                 struct bg_product **ret_product)
{
    size_t limbs = mpz_size(*modulus(cipher));
    struct bg_product *product = malloc(sizeof *product);
    mp_limb_t *numbers = calloc(positions ? positions : 1, limbs * sizeof *numbers);

    if (!product || !numbers) {
        free(product);
        free(numbers);
        return BG_NO_MEMORY;
    }
    *product = (struct bg_product){*cipher, positions, limbs, numbers};
    bg_product_reset(product);
    *ret_product = product;
    return BG_OK;
}

void bg_product_destroy(struct bg_product **product)
{
    if (!*product)
        return;
    free((*product)->numbers);
    free(*product);
    *product = NULL;
}

void bg_product_reset(struct bg_product *product)
{
    memset(product->numbers, 0, product->positions * product->limbs * sizeof *product->numbers);
    if (product->cipher.mode == BG_ENCRYPTION_PAILLIER)
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

enum bg_status bg_product_multiply(struct bg_product *product, size_t first, size_t count,
                                   struct bg_span ciphertexts)
{
    const struct bg_cipher *cipher = &product->cipher;
    size_t width = bg_public_key_ciphertext_bytes(cipher->key);
    mpz_t c, view;

    if (!has_positions(product, first, count) || !spans(ciphertexts, count, width))
        return BG_INVALID;
    mpz_init(c);
    for (size_t i = 0; i < count; i++) {
        read_ciphertext(cipher, ciphertexts.data + i * width, c);
        if (cipher->mode == BG_ENCRYPTION_PAILLIER)
            mpz_mul(c, c, number_at(product, first + i, view));
        else
            mpz_add(c, c, number_at(product, first + i, view));
        mpz_mod(c, c, *modulus(cipher));
        store_number(product, first + i, c);
    }
    mpz_clear(c);
    return BG_OK;
}

enum bg_status bg_product_write(const struct bg_product *product, size_t first, size_t count,
                                uint8_t *ret_ciphertexts)
{
    size_t width = bg_public_key_ciphertext_bytes(product->cipher.key);
    mpz_t view;

    if (!has_positions(product, first, count))
        return BG_INVALID;
    for (size_t i = 0; i < count; i++)
        write_ciphertext(&product->cipher, number_at(product, first + i, view), ret_ciphertexts + i * width);
    return BG_OK;
}

size_t bg_product_positions(const struct bg_product *product)
{
    return product->positions;
}
