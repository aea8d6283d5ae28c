/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cipher.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/digits.h"
#include "crypto/embed.h"
#include "crypto/mask_draw.h"

#include <assert.h>
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

/* Vectors of an encryption. Masks are compact, and nearly twice as long as ciphertexts. */
enum { PLAIN, FACTOR, FORM, CIPHER, SPARE, MASKS, VECTORS = MASKS + 2 };

/* At most as many as there are lanes. */
static enum bg_status encrypt_lanes(const struct bg_public_key *key, const struct bg_adic_space *space,
                                    const uint8_t *plaintexts, unsigned count, struct bg_mask_source *source,
                                    uint8_t *ret_ciphertexts)
{
    uint64_t *m = bg_adic_vector(space, PLAIN), *f = bg_adic_vector(space, FACTOR);
    uint64_t *c = bg_adic_vector(space, CIPHER), *spare = bg_adic_vector(space, SPARE);
    uint64_t *form = bg_adic_vector(space, FORM), *masks = bg_adic_vector(space, MASKS);
    const uint64_t *numbers[BG_ADIC_MOST_LANES];
    size_t plaintext_words = bg_adic_compact_words(key->adic, key->s);
    size_t ciphertext_words = bg_adic_compact_words(key->adic, key->s + 1);
    uint64_t *ciphertexts[BG_ADIC_MOST_LANES];

    enum bg_status status = bg_mask_draw(source, count, masks);
    if (status != BG_OK)
        return status;
    bg_adic_view(plaintexts, bg_public_key_plaintext_bytes(key), count, plaintext_words, spare, numbers);
    bg_adic_load(space, key->s, numbers, count, m);
    bg_embed(key, space, m, spare, f);
    for (unsigned i = 0; i < count; i++)
        numbers[i] = masks + i * bg_mask_words(key);
    bg_adic_load(space, key->s + 1, numbers, count, c);
    for (unsigned i = 0; i < count; i++) {
        numbers[i] += ciphertext_words;
        ciphertexts[i] = spare + i * ciphertext_words;
    }
    bg_adic_load(space, key->s, numbers, count, form);
    bg_embed_multiply(key, space, form, f, c);
    bg_adic_store(space, key->s + 1, c, count, ciphertexts);
    memcpy(ret_ciphertexts, spare, count * ciphertext_words * sizeof *spare);
    return BG_OK;
}

static enum bg_status encrypt_all(const struct bg_public_key *key, const uint8_t *plaintexts, size_t count,
                                  struct bg_mask_source *source, uint8_t *ret_ciphertexts)
{
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, key->adic, VECTORS);

    assert(source);
    if (status != BG_OK)
        return status;
    for (size_t i = 0, lanes = key->adic->kernel->lanes; i < count && status == BG_OK; i += lanes)
        status = encrypt_lanes(key, &space, plaintexts + i * bg_public_key_plaintext_bytes(key),
                               (unsigned)(count - i < lanes ? count - i : lanes), source,
                               ret_ciphertexts + i * bg_public_key_ciphertext_bytes(key));
    bg_adic_space_finish(&space);
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

static bool is_unit(const struct bg_public_key *key, const uint8_t *digit)
{
    mpz_t x;
    mpz_init(x);
    bg_big_from_bytes((struct bg_span){digit, key->digit_bytes}, x);
    mpz_gcd(x, x, key->power[1]);
    bool unit = mpz_cmp_ui(x, 1) == 0;
    mpz_clear(x);
    return unit;
}

/* Multiplies the lanes of a digit into the first one, leaving it compact in ret_copies: halves by halves. */
static void multiply_across(const struct bg_adic_space *space, uint64_t *x, uint64_t *y, uint64_t *ret_copies)
{
    uint64_t *numbers[BG_ADIC_MOST_LANES];
    unsigned count = space->ring->kernel->lanes;

    for (unsigned i = 0; i < count; i++)
        numbers[i] = ret_copies + i * space->ring->digit_words;
    bg_adic_store(space, 1, x, count, numbers);
    for (; count > 1; count /= 2) {
        const uint64_t *const *halves = (const uint64_t *const *)numbers;
        bg_adic_load(space, 1, halves, count / 2, x);
        bg_adic_load(space, 1, halves + count / 2, count / 2, y);
        bg_adic_multiply(space, 1, x, y, x);
        bg_adic_store(space, 1, x, count / 2, numbers);
    }
}

/* Whether the low digits of all `count` ≥ 1 are units: so is their product then, over whatever power of R. */
static enum bg_status are_units(const struct bg_public_key *key, const uint8_t *ciphertexts, size_t count,
                                bool *ret_units)
{
    size_t width = bg_public_key_ciphertext_bytes(key);
    const uint64_t *numbers[BG_ADIC_MOST_LANES];
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, key->adic, 3);
    if (status != BG_OK)
        return status;
    uint64_t *product = bg_adic_vector(&space, 0), *x = bg_adic_vector(&space, 1), *copies = bg_adic_vector(&space, 2);

    for (size_t i = 0, lanes = key->adic->kernel->lanes; i < count; i += lanes) {
        unsigned some = (unsigned)(count - i < lanes ? count - i : lanes);
        bg_adic_view(ciphertexts + i * width, width, some, key->adic->digit_words, copies, numbers);
        bg_adic_load(&space, 1, numbers, some, i ? x : product);
        if (i)
            bg_adic_multiply(&space, 1, product, x, product);
    }
    multiply_across(&space, product, x, copies);
    *ret_units = is_unit(key, (const uint8_t *)copies);
    bg_adic_space_finish(&space);
    return BG_OK;
}

/* Gives the index of the first bad ciphertext, or count. */
static enum bg_status check_paillier(const struct bg_public_key *key, const uint8_t *ciphertexts, size_t count,
                                     size_t *ret_bad)
{
    size_t width = bg_public_key_ciphertext_bytes(key), bad = 0;
    bool units = true;

    while (bad < count && bg_digits_are_valid(key, ciphertexts + bad * width, key->s + 1))
        bad++;
    enum bg_status status = bad ? are_units(key, ciphertexts, bad, &units) : BG_OK;
    if (status == BG_OK && !units) {
        size_t last = bad - 1;
        for (bad = 0; bad < last && is_unit(key, ciphertexts + bad * width);)
            bad++;
    }
    *ret_bad = bad;
    return status;
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
    size_t looked_at = whole < count ? whole : count, bad;
    enum bg_status status = BG_OK;

    if (cipher->mode == BG_ENCRYPTION_PAILLIER)
        status = check_paillier(cipher->key, ciphertexts.data, looked_at, &bad);
    else
        bad = first_bad_null(cipher->key, ciphertexts.data, looked_at);
    if (status != BG_OK)
        return status;
    if (bad == count && spans(ciphertexts, count, bg_public_key_ciphertext_bytes(cipher->key)))
        return BG_OK;
    if (reterr_index)
        *reterr_index = bad;
    return BG_BAD_CIPHERTEXT;
}
