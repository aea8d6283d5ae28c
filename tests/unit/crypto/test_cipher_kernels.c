/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption, products and checks with every kernel that this machine has, against GMP's integers. */
#include "crypto/product.h"

#include "base/cpu.h"
#include "base/prng.h"
#include "crypto/kernel.h"
#include "crypto/mask_draw.h"

#include "dj_fixture.h"

/* Two vectors of the widest kernel, and some. */
#define COUNT ((size_t)19)

static const struct bg_mask_settings small = {.memory_bytes = 1 << 16};

struct bench {
    struct bg_public_key *key;
    struct bg_cipher cipher;
    struct bg_prng prng;
    size_t plain, width;
};

static void for_each_kernel(const unsigned *indices, size_t index_count, void (*check)(struct bench *bench))
{
    struct bg_crypto_kernel kernel;
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        for (size_t i = 0; i < index_count; i++)
            for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
                struct bench bench = {.key = make_key(indices[i], s)};
                bench.cipher = (struct bg_cipher){BG_ENCRYPTION_PAILLIER, bench.key};
                bench.plain = bg_public_key_plaintext_bytes(bench.key);
                bench.width = bg_public_key_ciphertext_bytes(bench.key);
                bg_prng_init(&bench.prng, s);
                check(&bench);
                bg_public_key_destroy(&bench.key);
            }
        bg_cpu_limit(BG_CPU_ALL);
    }
}

static enum bg_status fill_from_prng(void *context, void *data, size_t size)
{
    for (uint8_t *byte = data; size > 0; size--)
        *byte++ = (uint8_t)bg_prng_next(context);
    return BG_OK;
}

static const char *kernel_of(const struct bench *bench)
{
    return bench->key->adic->kernel->name;
}

static void random_below(struct bench *bench, const mpz_t bound, mpz_t ret)
{
    struct bg_random random = {fill_from_prng, &bench->prng};
    cr_assert_eq(bg_big_random_below(&random, bound, ret), BG_OK);
}

/* 0, 1, n^s − 1, digits n − 1 and 0 by turns from either, then random ones. */
static void draw_plaintext(struct bench *bench, size_t kind, mpz_t ret)
{
    mpz_t *n = bench->key->power;
    uint32_t s = bench->key->s;

    if (kind > 4) {
        random_below(bench, n[s], ret);
        return;
    }
    mpz_set_ui(ret, kind == 1);
    if (kind == 2)
        mpz_sub_ui(ret, n[s], 1);
    for (uint32_t i = (uint32_t)kind - 3; kind > 2 && i < s; i += 2) {
        mpz_add(ret, ret, n[i + 1]);
        mpz_sub(ret, ret, n[i]);
    }
}

/* c *= (1+n)^m, by whole binomial coefficients. */
static void embed(const struct bg_public_key *key, const mpz_t m, mpz_t c)
{
    mpz_t sum, term;
    mpz_inits(sum, term, NULL);
    for (uint32_t i = 0; i <= key->s; i++) {
        mpz_bin_ui(term, m, i);
        mpz_addmul(sum, term, key->power[i]);
    }
    mpz_mul(c, c, sum);
    mpz_mod(c, c, key->power[key->s + 1]);
    mpz_clears(sum, term, NULL);
}

/* The masks that an encryption of `count` will draw from a source that starts alike. */
static void draw_masks(const struct bench *bench, struct bg_mask_source *source, mpz_t ret[], size_t count)
{
    size_t lanes = bench->key->adic->kernel->lanes, words = bg_mask_words(bench->key);
    uint64_t *masks = malloc(lanes * words * sizeof *masks);
    cr_assert(masks);
    for (size_t i = 0; i < count; i += lanes) {
        size_t some = count - i < lanes ? count - i : lanes;
        cr_assert_eq(bg_mask_draw(source, some, masks), BG_OK);
        for (size_t j = 0; j < some; j++)
            bg_adic_to_big(bench->key->adic, bench->key->s + 1, masks + j * words, ret[i + j]);
    }
    free(masks);
}

static struct bg_mask_source *make_source(const struct bg_mask_table *table, struct bg_prng *prng)
{
    struct bg_random random = {fill_from_prng, prng};
    struct bg_mask_source *source;
    bg_prng_init(prng, 77);
    cr_assert_eq(bg_mask_source_create(table, &random, NULL, &source), BG_OK);
    return source;
}

/* `offset` bytes off a word's address, before and after. */
static void check_encryption_at(struct bench *bench, const struct bg_mask_table *table, size_t count, size_t offset)
{
    uint8_t *plaintexts = malloc(offset + count * bench->plain), *ciphertexts = malloc(offset + count * bench->width);
    uint8_t *expected = malloc(bench->width);
    struct bg_prng same, prng;
    struct bg_mask_source *first = make_source(table, &prng), *second = make_source(table, &same);
    mpz_t m[COUNT], c[COUNT];

    for (size_t i = 0; i < count; i++) {
        mpz_inits(m[i], c[i], NULL);
        draw_plaintext(bench, i, m[i]);
        bg_big_to_digits(bench->key, m[i], bench->key->s, plaintexts + offset + i * bench->plain);
    }
    draw_masks(bench, first, c, count);
    struct bg_span span = {plaintexts + offset, count * bench->plain};
    cr_assert_eq(bg_cipher_encrypt(&bench->cipher, span, count, second, ciphertexts + offset), BG_OK);
    for (size_t i = 0; i < count; i++) {
        embed(bench->key, m[i], c[i]);
        bg_big_to_digits(bench->key, c[i], bench->key->s + 1, expected);
        cr_assert_arr_eq(ciphertexts + offset + i * bench->width, expected, bench->width, "%s: s = %u, plaintext %zu",
                         kernel_of(bench), bench->key->s, i);
        mpz_clears(m[i], c[i], NULL);
    }
    bg_mask_source_destroy(&first);
    bg_mask_source_destroy(&second);
    free(plaintexts);
    free(ciphertexts);
    free(expected);
}

static void check_encryption(struct bench *bench)
{
    struct bg_random random = {fill_from_prng, &bench->prng};
    struct bg_mask_table *table;
    cr_assert_eq(bg_mask_table_create(bench->key, &random, &small, &table), BG_OK);
    check_encryption_at(bench, table, COUNT, 0);
    check_encryption_at(bench, table, 6, 3);
    bg_mask_table_destroy(&table);
}

Test(cipher_kernels, encryption_is_the_formula)
{
    for_each_kernel((const unsigned[]){0, 2}, 2, check_encryption);
}

/* Products of other numbers of ciphertexts at each position, through ranges that start and end anywhere. */
static void check_products(struct bench *bench)
{
    uint8_t *ciphertexts = malloc(1 + COUNT * bench->width), *got = malloc(COUNT * bench->width);
    uint8_t *expected = malloc(COUNT * bench->width);
    struct bg_product *product;
    mpz_t totals[COUNT], c;

    mpz_init(c);
    for (size_t i = 0; i < COUNT; i++)
        mpz_init_set_ui(totals[i], 1);
    cr_assert_eq(bg_product_create(&bench->cipher, COUNT, &product), BG_OK);
    for (size_t round = 0; round < 30; round++) {
        size_t first = bg_prng_below(&bench->prng, COUNT), count = 1 + bg_prng_below(&bench->prng, COUNT - first);
        uint8_t *start = ciphertexts + round % 2;
        for (size_t i = 0; i < count; i++) {
            random_below(bench, bench->key->power[bench->key->s + 1], c);
            bg_big_to_digits(bench->key, c, bench->key->s + 1, start + i * bench->width);
            mpz_mul(totals[first + i], totals[first + i], c);
            mpz_mod(totals[first + i], totals[first + i], bench->key->power[bench->key->s + 1]);
        }
        struct bg_span span = {start, count * bench->width};
        cr_assert_eq(bg_product_multiply(product, first, count, span), BG_OK);
        for (size_t i = 0; i < COUNT; i++)
            bg_big_to_digits(bench->key, totals[i], bench->key->s + 1, expected + i * bench->width);
        cr_assert_eq(bg_product_write(product, 0, first, got), BG_OK);
        cr_assert_eq(bg_product_write(product, first, COUNT - first, got + first * bench->width), BG_OK);
        cr_assert_arr_eq(got, expected, COUNT * bench->width, "%s: s = %u, round %zu", kernel_of(bench),
                         bench->key->s, round);
        if (round == 20) {
            bg_product_reset(product);
            for (size_t i = 0; i < COUNT; i++)
                mpz_set_ui(totals[i], 1);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        mpz_clear(totals[i]);
    mpz_clear(c);
    bg_product_destroy(&product);
    free(ciphertexts);
    free(got);
    free(expected);
}

Test(cipher_kernels, products_are_those_of_integers)
{
    for_each_kernel((const unsigned[]){0, 2}, 2, check_products);
}

/* Of k = 1 … 16 members, one after the other. */
static void check_sums(struct bench *bench)
{
    struct bg_random random = {fill_from_prng, &bench->prng};
    uint8_t *plaintext = malloc(bench->plain), *opened = malloc(bench->plain), *c = malloc(bench->width);
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    struct bg_product *product;
    mpz_t m, sum;

    mpz_inits(m, sum, NULL);
    cr_assert_eq(bg_mask_table_create(bench->key, &random, &small, &table), BG_OK);
    cr_assert_eq(bg_mask_source_create(table, &random, NULL, &masks), BG_OK);
    cr_assert_eq(bg_product_create(&bench->cipher, 1, &product), BG_OK);
    for (unsigned k = 1; k <= 16; k++) {
        draw_plaintext(bench, k % 7, m);
        mpz_add(sum, sum, m);
        mpz_mod(sum, sum, bench->key->power[bench->key->s]);
        bg_big_to_digits(bench->key, m, bench->key->s, plaintext);
        cr_assert_eq(bg_cipher_encrypt(&bench->cipher, (struct bg_span){plaintext, bench->plain}, 1, masks, c), BG_OK);
        cr_assert_eq(bg_product_multiply(product, 0, 1, (struct bg_span){c, bench->width}), BG_OK);
        cr_assert_eq(bg_product_write(product, 0, 1, c), BG_OK);
        open_ciphertext(bench->key, 0, c, opened);
        bg_big_to_digits(bench->key, sum, bench->key->s, plaintext);
        cr_assert_arr_eq(opened, plaintext, bench->plain, "%s: s = %u, k = %u", kernel_of(bench), bench->key->s, k);
    }
    mpz_clears(m, sum, NULL);
    bg_product_destroy(&product);
    bg_mask_source_destroy(&masks);
    bg_mask_table_destroy(&table);
    free(plaintext);
    free(opened);
    free(c);
}

Test(cipher_kernels, sums_of_up_to_sixteen_decrypt)
{
    for_each_kernel((const unsigned[]){0}, 1, check_sums);
}

static void expect_bad(const struct bench *bench, const uint8_t *ciphertexts, size_t index, const char *what)
{
    size_t bad = SIZE_MAX;
    struct bg_span span = {ciphertexts, COUNT * bench->width};
    cr_assert_eq(bg_cipher_check(&bench->cipher, span, COUNT, &bad), BG_BAD_CIPHERTEXT, "%s: s = %u, %zu: %s",
                 kernel_of(bench), bench->key->s, index, what);
    cr_assert_eq(bad, index, "%s: s = %u, %zu: %s: %zu", kernel_of(bench), bench->key->s, index, what, bad);
}

static void check_checks(struct bench *bench)
{
    size_t digit = bench->key->digit_bytes;
    uint8_t *good = malloc(1 + COUNT * bench->width), *changed = malloc(1 + COUNT * bench->width);
    uint8_t *p_bytes = bytes_of(dj_keys[0].p);
    mpz_t p, q, x;

    mpz_inits(p, q, x, NULL);
    bg_big_from_bytes((struct bg_span){p_bytes, digit / 2}, p);
    mpz_divexact(q, bench->key->power[1], p);
    for (size_t offset = 0; offset < 2; offset++)
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t j = 0; j < COUNT; j++) {
                random_below(bench, bench->key->power[bench->key->s + 1], x);
                bg_big_to_digits(bench->key, x, bench->key->s + 1, good + offset + j * bench->width);
            }
            uint8_t *at = changed + offset + i * bench->width;
            struct bg_span span = {good + offset, COUNT * bench->width};
            cr_assert_eq(bg_cipher_check(&bench->cipher, span, COUNT, NULL), BG_OK);
            for (size_t d = 0; d <= bench->key->s; d++) {
                memcpy(changed, good, 1 + COUNT * bench->width);
                memcpy(at + d * digit, bench->key->n_bytes, digit);
                expect_bad(bench, changed + offset, i, "a digit n");
            }
            memcpy(changed, good, 1 + COUNT * bench->width);
            memset(at, 0, digit);
            expect_bad(bench, changed + offset, i, "low digit 0");
            random_below(bench, q, x);
            mpz_mul(x, x, p);
            bg_big_to_bytes(x, at, digit);
            expect_bad(bench, changed + offset, i, "low digit a multiple of p");
            memset(changed + offset + (COUNT - 1) * bench->width, i + 1 < COUNT ? 0xff : 0, bench->width);
            expect_bad(bench, changed + offset, i, "two bad ones");
        }
    mpz_clears(p, q, x, NULL);
    free(good);
    free(changed);
    free(p_bytes);
}

Test(cipher_kernels, checks_name_the_first_bad_ciphertext)
{
    for_each_kernel((const unsigned[]){0}, 1, check_checks);
}
