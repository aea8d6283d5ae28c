/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tail.h"

#include "crypto/opening.h"
#include "crypto/product.h"

#include "dj_fixture.h"

static size_t lacking(const struct bg_public_key *key, unsigned tail)
{
    return (key->s - tail) * key->digit_bytes;
}

/* The ciphertext of a vector as it arrives: top digits left off, zeros in their place. */
static void receive(const struct bg_public_key *key, const struct dj_vector *vector, unsigned tail, uint8_t *ret)
{
    size_t width = bg_public_key_ciphertext_bytes(key);
    uint8_t *c = bytes_of(vector->c);
    memcpy(ret, c, width);
    memset(ret + width - lacking(key, tail), 0, lacking(key, tail));
    free(c);
}

static struct bg_secret_key *secret_of(unsigned index, uint32_t s)
{
    const struct dj_key *key = &dj_keys[index];
    uint8_t *p = bytes_of(key->p), *q = bytes_of(key->q);
    struct bg_secret_key *secret;
    struct bg_error error;
    cr_assert_eq(bg_secret_key_create((struct bg_span){p, key->bits / 16}, (struct bg_span){q, key->bits / 16},
                                      key->bits, s, true, &error, &secret), BG_OK, "%s", error.text);
    free(p);
    free(q);
    return secret;
}

static void multiply_tails(const struct bg_cipher *cipher, const struct dj_tail *tail, uint8_t *ret_product)
{
    size_t width = bg_public_key_ciphertext_bytes(cipher->key);
    uint8_t *c = malloc(width);
    struct bg_product *product;
    cr_assert_eq(bg_product_create(cipher, 1, &product), BG_OK);
    for (size_t v = 0; v < COUNT_OF(dj_vectors); v++) {
        if (dj_vectors[v].key != tail->key || dj_vectors[v].s != tail->s)
            continue;
        receive(cipher->key, &dj_vectors[v], tail->tail, c);
        cr_assert_eq(bg_cipher_check(cipher, (struct bg_span){c, width}, 1, NULL), BG_OK);
        cr_assert(bg_tail_is_cut(cipher, lacking(cipher->key, tail->tail), c, 1));
        cr_assert_eq(bg_product_multiply(product, 0, 1, (struct bg_span){c, width}), BG_OK);
    }
    cr_assert_eq(bg_product_write(product, 0, 1, ret_product), BG_OK);
    bg_product_destroy(&product);
    free(c);
}

Test(tail, products_and_sums_are_known_answers)
{
    for (size_t i = 0; i < COUNT_OF(dj_tails); i++) {
        const struct dj_tail *tail = &dj_tails[i];
        struct bg_public_key *key = make_key(tail->key, tail->s);
        struct bg_secret_key *secret = secret_of(tail->key, tail->s);
        struct bg_cipher cipher = {BG_ENCRYPTION_PAILLIER, key};
        struct bg_random random = bg_random_system();
        struct bg_error error;
        size_t width = bg_public_key_ciphertext_bytes(key), lacks = lacking(key, tail->tail);
        uint8_t *product = malloc(width), *sum = malloc(bg_public_key_plaintext_bytes(key));
        multiply_tails(&cipher, tail, product);
        cr_assert_not(bg_tail_is_cut(&cipher, lacks, product, 1), "zeros times zeros leave something above");
        bg_tail_cut(&cipher, lacks, product, 1);
        cr_assert(bg_tail_is_cut(&cipher, lacks, product, 1));
        cr_assert_eq(strlen(tail->c) / 2, width - lacks);
        expect_bytes(product, tail->c);
        cr_assert_eq(bg_open_products(&cipher, secret, (struct bg_span){product, width}, 1, &random, NULL, &error, sum),
                     BG_OK, "%s", error.text);
        expect_bytes(sum, tail->m);
        free(product);
        free(sum);
        bg_secret_key_destroy(&secret);
        bg_public_key_destroy(&key);
    }
}

/* In null mode a tail is added mod n^s', with a zero above. */
Test(tail, sums_of_null_mode_carry_nothing_over_the_cut)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++)
        for (uint32_t tail = 1; tail <= s; tail++) {
            struct bg_public_key *key = make_key(0, s);
            struct bg_cipher cipher = {BG_ENCRYPTION_NULL, key};
            size_t width = bg_public_key_ciphertext_bytes(key), lacks = lacking(key, tail);
            uint8_t *c = calloc(2, width);
            struct bg_product *product;
            mpz_t largest, sum;
            mpz_inits(largest, sum, NULL);
            mpz_sub_ui(largest, key->power[tail], 1);
            bg_big_to_digits(key, largest, tail, c);
            cr_assert(bg_tail_is_cut(&cipher, lacks, c, 1));
            cr_assert_eq(bg_product_create(&cipher, 1, &product), BG_OK);
            for (int i = 0; i < 2; i++)
                cr_assert_eq(bg_product_multiply(product, 0, 1, (struct bg_span){c, width}), BG_OK);
            cr_assert_eq(bg_product_write(product, 0, 1, c), BG_OK);
            cr_assert_eq(bg_tail_is_cut(&cipher, lacks, c, 1), lacks == 0);
            bg_tail_cut(&cipher, lacks, c, 1);
            bg_big_from_digits(key, c, s + 1, sum);
            mpz_sub_ui(largest, largest, 1);
            cr_assert_eq(mpz_cmp(sum, largest), 0);
            mpz_clears(largest, sum, NULL);
            bg_product_destroy(&product);
            bg_public_key_destroy(&key);
            free(c);
        }
}

Test(tail, is_found_from_sizes)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        struct bg_public_key *key = make_key(0, s);
        size_t width = bg_public_key_ciphertext_bytes(key), digit = key->digit_bytes, lacks;
        for (uint64_t count = 1; count < 4; count++)
            for (size_t size = 0; size <= (size_t)(count + 1) * width; size++) {
                size_t whole = (size_t)count * width;
                bool possible = size <= whole && (whole - size) % digit == 0 && (whole - size) / digit < s;
                cr_assert_eq(bg_tail_find(key, count, size, &lacks), possible, "%zu of %zu", size, whole);
                cr_assert(!possible || lacks == whole - size);
            }
        cr_assert_not(bg_tail_find(key, 0, 0, &lacks));
        cr_assert_not(bg_tail_find(key, UINT64_MAX, width, &lacks));
        cr_assert_not(bg_tail_find(key, SIZE_MAX / width + 2, width, &lacks));
        bg_public_key_destroy(&key);
    }
}
