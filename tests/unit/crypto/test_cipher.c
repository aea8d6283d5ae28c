/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/product.h"

#include "dj_fixture.h"

#include <pthread.h>

/* A key with what it takes to encrypt under it. */
struct bench {
    struct bg_public_key *key;
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    struct bg_cipher cipher;
    size_t plain, width;
};

static struct bench make_bench(unsigned index, uint32_t s, enum bg_encryption mode)
{
    struct bg_random random = bg_random_system();
    struct bench bench = {.key = make_key(index, s)};
    cr_assert_eq(
        bg_mask_table_create(bench.key, &random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &bench.table),
        BG_OK);
    cr_assert_eq(bg_mask_source_create(bench.table, &random, NULL, &bench.masks), BG_OK);
    bench.cipher = (struct bg_cipher){mode, bench.key};
    bench.plain = bg_public_key_plaintext_bytes(bench.key);
    bench.width = bg_public_key_ciphertext_bytes(bench.key);
    return bench;
}

static void finish_bench(struct bench *bench)
{
    bg_mask_source_destroy(&bench->masks);
    bg_mask_table_destroy(&bench->table);
    bg_public_key_destroy(&bench->key);
}

static uint8_t *random_plaintexts(const struct bench *bench, size_t count)
{
    struct bg_random random = bg_random_system();
    uint8_t *plaintexts = malloc(count * bench->plain);
    mpz_t m;
    cr_assert(plaintexts);
    mpz_init(m);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(bg_big_random_below(&random, bench->key->power[bench->key->s], m), BG_OK);
        bg_big_to_digits(bench->key, m, bench->key->s, plaintexts + i * bench->plain);
    }
    mpz_clear(m);
    return plaintexts;
}

static uint8_t *encrypted(const struct bench *bench, const uint8_t *plaintexts, size_t count)
{
    uint8_t *ciphertexts = malloc(count * bench->width);
    cr_assert(ciphertexts);
    cr_assert_eq(bg_cipher_encrypt(&bench->cipher, (struct bg_span){plaintexts, count * bench->plain}, count,
                                   bench->masks, ciphertexts), BG_OK);
    return ciphertexts;
}

static void encrypt_vector(const struct dj_vector *vector)
{
    struct bg_public_key *key = make_key(vector->key, vector->s);
    uint8_t *x = bytes_of(vector->x), *a = bytes_of(vector->a), *m = bytes_of(vector->m);
    uint8_t *c = malloc(bg_public_key_ciphertext_bytes(key)),
            *opened = malloc(bg_public_key_plaintext_bytes(key));
    struct tape x_tape = {x, key->digit_bytes}, a_tape = {a, key->digit_bytes / 2};
    struct bg_random x_random = tape_random(&x_tape), a_random = tape_random(&a_tape);
    struct bg_mask_table *table;
    struct bg_mask_source *masks;
    struct bg_cipher cipher = {BG_ENCRYPTION_PAILLIER, key};
    cr_assert_eq(
        bg_mask_table_create(key, &x_random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table),
        BG_OK);
    cr_assert_eq(bg_mask_source_create(table, &a_random, NULL, &masks), BG_OK);
    struct bg_span plaintext = {m, bg_public_key_plaintext_bytes(key)};
    cr_assert_eq(bg_cipher_encrypt(&cipher, plaintext, 1, masks, c), BG_OK);
    expect_bytes(c, vector->c);
    open_ciphertext(key, vector->key, c, opened);
    expect_bytes(opened, vector->m);
    cr_assert_eq(bg_cipher_check(&cipher, (struct bg_span){c, bg_public_key_ciphertext_bytes(key)}, 1, NULL),
                 BG_OK);
    bg_mask_source_destroy(&masks);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
    free(x);
    free(a);
    free(m);
    free(c);
    free(opened);
}

Test(cipher, encrypts_to_known_answers)
{
    for (size_t i = 0; i < COUNT_OF(dj_vectors); i++)
        encrypt_vector(&dj_vectors[i]);
}

Test(cipher, multiplies_to_known_answers)
{
    for (size_t i = 0; i < COUNT_OF(dj_totals); i++) {
        const struct dj_total *total = &dj_totals[i];
        struct bench bench = make_bench(total->key, total->s, BG_ENCRYPTION_PAILLIER);
        uint8_t *c = malloc(bench.width), *opened = malloc(bench.plain);
        struct bg_product *product;
        cr_assert_eq(bg_product_create(&bench.cipher, 1, &product), BG_OK);
        for (size_t v = 0; v < COUNT_OF(dj_vectors); v++)
            if (dj_vectors[v].key == total->key && dj_vectors[v].s == total->s) {
                uint8_t *factor = bytes_of(dj_vectors[v].c);
                cr_assert_eq(bg_product_multiply(product, 0, 1, (struct bg_span){factor, bench.width}),
                             BG_OK);
                free(factor);
            }
        cr_assert_eq(bg_product_write(product, 0, 1, c), BG_OK);
        expect_bytes(c, total->c);
        open_ciphertext(bench.key, total->key, c, opened);
        expect_bytes(opened, total->m);
        bg_product_destroy(&product);
        finish_bench(&bench);
        free(c);
        free(opened);
    }
}

Test(cipher, refuses_plaintexts_with_a_digit_of_n_or_more)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++)
        for (int mode = BG_ENCRYPTION_PAILLIER; mode <= BG_ENCRYPTION_NULL; mode++) {
            struct bench bench = make_bench(0, s, (enum bg_encryption)mode);
            uint8_t *m = malloc(bench.plain), *c = malloc(bench.width);
            size_t digit = bench.key->digit_bytes;
            struct bg_span span = {m, bench.plain};
            mpz_t largest;
            mpz_init(largest);
            mpz_sub_ui(largest, bench.key->power[s], 1);
            bg_big_to_digits(bench.key, largest, s, m);
            mpz_clear(largest);
            cr_assert_eq(bg_cipher_encrypt(&bench.cipher, span, 1, bench.masks, c), BG_OK);
            for (size_t i = 0; i < s; i++) {
                m[i * digit]++; /* n is odd: n − 1 becomes n without a carry */
                cr_assert_eq(bg_cipher_encrypt(&bench.cipher, span, 1, bench.masks, c), BG_INVALID);
                m[i * digit]--;
                m[(i + 1) * digit - 1] = 0xff;
                cr_assert_eq(bg_cipher_encrypt(&bench.cipher, span, 1, bench.masks, c), BG_INVALID);
                m[(i + 1) * digit - 1] = 0;
            }
            span.size--;
            cr_assert_eq(bg_cipher_encrypt(&bench.cipher, span, 1, bench.masks, c), BG_INVALID);
            cr_assert_eq(bg_cipher_encrypt(&bench.cipher, span, 0, bench.masks, c), BG_INVALID);
            finish_bench(&bench);
            free(m);
            free(c);
        }
}

Test(cipher, reports_a_failing_random_source)
{
    struct bench bench = make_bench(0, 1, BG_ENCRYPTION_PAILLIER);
    struct tape tape = {NULL, 0};
    struct bg_random empty = tape_random(&tape);
    struct bg_mask_source *masks;
    uint8_t m[64] = {0}, c[128];
    cr_assert_eq(bg_mask_source_create(bench.table, &empty, NULL, &masks), BG_OK);
    cr_assert_eq(bg_cipher_encrypt(&bench.cipher, (struct bg_span){m, sizeof m}, 1, masks, c), BG_RANDOM);
    bg_mask_source_destroy(&masks);
    finish_bench(&bench);
}

Test(cipher, hides_equal_plaintexts)
{
    struct bench bench = make_bench(0, 2, BG_ENCRYPTION_PAILLIER);
    uint8_t *m = calloc(2, bench.plain), *c = encrypted(&bench, m, 2);
    cr_assert_arr_neq(c, c + bench.width, bench.width);
    finish_bench(&bench);
    free(m);
    free(c);
}

/* Sums of `members` vectors of `count` positions through one product, against sums mod n^s. */
static void expect_sums(uint32_t s, enum bg_encryption mode, size_t members, size_t count)
{
    struct bench bench = make_bench(0, s, mode);
    uint8_t *opened = calloc(1, bench.width), *out = malloc(count * bench.width),
            *expected = malloc(bench.plain);
    uint8_t **plaintexts = malloc(members * sizeof *plaintexts);
    struct bg_product *product;
    mpz_t sum, m;
    mpz_inits(sum, m, NULL);
    cr_assert_eq(bg_product_create(&bench.cipher, count, &product), BG_OK);
    cr_assert_eq(bg_product_positions(product), count);
    for (size_t i = 0; i < members; i++) {
        plaintexts[i] = random_plaintexts(&bench, count);
        uint8_t *c = encrypted(&bench, plaintexts[i], count);
        struct bg_span all = {c, count * bench.width};
        cr_assert_eq(bg_cipher_check(&bench.cipher, all, count, NULL), BG_OK);
        /* In two blocks of different length each time. */
        size_t cut = i % (count + 1);
        struct bg_span low = {c, cut * bench.width}, high = {c + low.size, all.size - low.size};
        cr_assert_eq(bg_product_multiply(product, 0, cut, low), BG_OK);
        cr_assert_eq(bg_product_multiply(product, cut, count - cut, high), BG_OK);
        free(c);
    }
    cr_assert_eq(bg_product_write(product, 0, count, out), BG_OK);
    cr_assert_eq(bg_cipher_check(&bench.cipher, (struct bg_span){out, count * bench.width}, count, NULL),
                 BG_OK);
    for (size_t t = 0; t < count; t++) {
        mpz_set_ui(sum, 0);
        for (size_t i = 0; i < members; i++) {
            bg_big_from_digits(bench.key, plaintexts[i] + t * bench.plain, s, m);
            mpz_add(sum, sum, m);
        }
        mpz_mod(sum, sum, bench.key->power[s]);
        bg_big_to_digits(bench.key, sum, s, expected);
        if (mode == BG_ENCRYPTION_PAILLIER)
            open_ciphertext(bench.key, 0, out + t * bench.width, opened);
        else
            memcpy(opened, out + t * bench.width, bench.width);
        cr_assert_arr_eq(opened, expected, bench.plain);
    }
    for (size_t i = 0; i < members; i++)
        free(plaintexts[i]);
    mpz_clears(sum, m, NULL);
    bg_product_destroy(&product);
    cr_assert_null(product);
    finish_bench(&bench);
    free(plaintexts);
    free(opened);
    free(expected);
    free(out);
}

Test(cipher, products_decrypt_to_sums)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        expect_sums(s, BG_ENCRYPTION_PAILLIER, 5, 3);
        expect_sums(s, BG_ENCRYPTION_PAILLIER, 1, 1);
    }
}

Test(cipher, null_mode_adds_modulo_n_to_the_s)
{
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++)
        expect_sums(s, BG_ENCRYPTION_NULL, 9, 4);
}

Test(cipher, null_mode_extends_plaintexts_with_zeros)
{
    struct bench bench = make_bench(0, 2, BG_ENCRYPTION_NULL);
    uint8_t *m = random_plaintexts(&bench, 3), *c = malloc(3 * bench.width);
    cr_assert_eq(bg_cipher_encrypt(&bench.cipher, (struct bg_span){m, 3 * bench.plain}, 3, NULL, c), BG_OK);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_arr_eq(c + i * bench.width, m + i * bench.plain, bench.plain);
        for (size_t j = bench.plain; j < bench.width; j++)
            cr_assert_eq(c[i * bench.width + j], 0);
    }
    finish_bench(&bench);
    free(m);
    free(c);
}

Test(cipher, empty_products_are_neutral_and_reset)
{
    for (int mode = BG_ENCRYPTION_PAILLIER; mode <= BG_ENCRYPTION_NULL; mode++) {
        struct bench bench = make_bench(0, 2, (enum bg_encryption)mode);
        uint8_t *m = random_plaintexts(&bench, 2), *c = encrypted(&bench, m, 2),
                *out = malloc(2 * bench.width);
        struct bg_product *product;
        cr_assert_eq(bg_product_create(&bench.cipher, 2, &product), BG_OK);
        for (int again = 0; again < 2; again++) {
            cr_assert_eq(bg_product_write(product, 0, 2, out), BG_OK);
            for (size_t i = 0; i < 2 * bench.width; i++)
                cr_assert_eq(out[i], i % bench.width == 0 && mode == BG_ENCRYPTION_PAILLIER);
            cr_assert_eq(bg_product_multiply(product, 0, 2, (struct bg_span){c, 2 * bench.width}), BG_OK);
            cr_assert_eq(bg_product_write(product, 0, 2, out), BG_OK);
            cr_assert_arr_eq(out, c, 2 * bench.width);
            bg_product_reset(product);
        }
        bg_product_destroy(&product);
        finish_bench(&bench);
        free(m);
        free(c);
        free(out);
    }
}

Test(cipher, products_refuse_positions_that_do_not_exist)
{
    struct bench bench = make_bench(0, 1, BG_ENCRYPTION_NULL);
    uint8_t *m = random_plaintexts(&bench, 3), *c = encrypted(&bench, m, 3);
    struct bg_product *product;
    cr_assert_eq(bg_product_create(&bench.cipher, 3, &product), BG_OK);
    cr_assert_eq(bg_product_multiply(product, 1, 3, (struct bg_span){c, 3 * bench.width}), BG_INVALID);
    cr_assert_eq(bg_product_multiply(product, 4, 0, (struct bg_span){c, 0}), BG_INVALID);
    cr_assert_eq(bg_product_multiply(product, SIZE_MAX, 2, (struct bg_span){c, 2 * bench.width}), BG_INVALID);
    cr_assert_eq(bg_product_multiply(product, 0, SIZE_MAX, (struct bg_span){c, 3 * bench.width}), BG_INVALID);
    cr_assert_eq(bg_product_multiply(product, 0, 2, (struct bg_span){c, 2 * bench.width - 1}), BG_INVALID);
    cr_assert_eq(bg_product_multiply(product, 3, 0, (struct bg_span){c, 0}), BG_OK);
    cr_assert_eq(bg_product_write(product, 2, 2, c), BG_INVALID);
    bg_product_destroy(&product);
    finish_bench(&bench);
    free(m);
    free(c);
}

static void expect_bad(const struct bench *bench, const uint8_t *c, size_t size, size_t count, size_t index)
{
    size_t bad = SIZE_MAX;
    cr_assert_eq(bg_cipher_check(&bench->cipher, (struct bg_span){c, size}, count, &bad), BG_BAD_CIPHERTEXT);
    cr_assert_eq(bad, index, "%zu instead of %zu", bad, index);
}

Test(cipher, refuses_bad_ciphertexts_and_names_the_first)
{
    struct bench bench = make_bench(0, 2, BG_ENCRYPTION_PAILLIER);
    size_t digit = bench.key->digit_bytes, size = 5 * bench.width;
    uint8_t *m = random_plaintexts(&bench, 5), *c = encrypted(&bench, m, 5), *changed = malloc(size);
    uint8_t *p = bytes_of(dj_keys[0].p);

    cr_assert_eq(bg_cipher_check(&bench.cipher, (struct bg_span){c, size}, 5, NULL), BG_OK);
    cr_assert_eq(bg_cipher_check(&bench.cipher, (struct bg_span){c, 0}, 0, NULL), BG_OK);
    for (size_t i = 0; i < 5; i++) {
        memcpy(changed, c, size);
        memset(changed + i * bench.width, 0, bench.width);
        expect_bad(&bench, changed, size, 5, i);
        memcpy(changed, c, size);
        memset(changed + i * bench.width, 0, digit); /* low digit 0, the others not */
        expect_bad(&bench, changed, size, 5, i);
        for (size_t j = 0; j <= 2; j++) {
            memcpy(changed, c, size);
            memcpy(changed + i * bench.width + j * digit, bench.key->n_bytes, digit);
            expect_bad(&bench, changed, size, 5, i);
            memset(changed + i * bench.width + j * digit, 0xff, digit);
            expect_bad(&bench, changed, size, 5, i);
        }
        memcpy(changed, c, size);
        memset(changed + i * bench.width, 0, digit);
        memcpy(changed + i * bench.width, p, digit / 2); /* low digit p */
        expect_bad(&bench, changed, size, 5, i);
        memset(changed + 4 * bench.width, 0xff, bench.width);
        expect_bad(&bench, changed, size, 5, i);
    }
    /* Digits above the lowest may be anything below n. */
    memcpy(changed, c, size);
    memset(changed + digit, 0, 2 * digit);
    cr_assert_eq(bg_cipher_check(&bench.cipher, (struct bg_span){changed, size}, 5, NULL), BG_OK);

    expect_bad(&bench, c, size - 1, 5, 4);
    expect_bad(&bench, c, 0, 5, 0);
    expect_bad(&bench, c, size, 4, 4);
    expect_bad(&bench, c, size, 6, 5);
    expect_bad(&bench, c, size, SIZE_MAX, 5);
    finish_bench(&bench);
    free(m);
    free(c);
    free(changed);
    free(p);
}

Test(cipher, refuses_bad_values_in_null_mode)
{
    struct bench bench = make_bench(0, 2, BG_ENCRYPTION_NULL);
    size_t size = 3 * bench.width;
    uint8_t *m = random_plaintexts(&bench, 3), *c = encrypted(&bench, m, 3);
    cr_assert_eq(bg_cipher_check(&bench.cipher, (struct bg_span){c, size}, 3, NULL), BG_OK);
    c[2 * bench.width + bench.plain] = 1;
    expect_bad(&bench, c, size, 3, 2);
    for (size_t digit = 0; digit < 2; digit++) {
        uint8_t *low = c + bench.width + digit * bench.key->digit_bytes;
        memcpy(low, bench.key->n_bytes, bench.key->digit_bytes);
        expect_bad(&bench, c, size, 3, 1);
        low[0]--;
        expect_bad(&bench, c, size, 3, 2);
    }
    expect_bad(&bench, c, size - 1, 3, 2);
    finish_bench(&bench);
    free(m);
    free(c);
}

struct half {
    struct bg_product *product;
    const uint8_t *ciphertexts;
    size_t first, count, width;
    enum bg_status status;
};

static void *multiply_half(void *argument)
{
    struct half *half = argument;
    struct bg_span span = {half->ciphertexts + half->first * half->width, half->count * half->width};
    for (int i = 0; i < 10 && half->status == BG_OK; i++)
        half->status = bg_product_multiply(half->product, half->first, half->count, span);
    return NULL;
}

Test(cipher, two_threads_share_one_product)
{
    struct bench bench = make_bench(0, 2, BG_ENCRYPTION_PAILLIER);
    uint8_t *m = random_plaintexts(&bench, 21), *c = encrypted(&bench, m, 21);
    uint8_t *together = malloc(21 * bench.width), *alone = malloc(21 * bench.width);
    struct bg_product *shared, *single;
    cr_assert_eq(bg_product_create(&bench.cipher, 21, &shared), BG_OK);
    cr_assert_eq(bg_product_create(&bench.cipher, 21, &single), BG_OK);
    struct half low = {shared, c, 0, BG_PRODUCT_RUN, bench.width, BG_OK};
    struct half high = {shared, c, BG_PRODUCT_RUN, 21 - BG_PRODUCT_RUN, bench.width, BG_OK};
    struct half all = {single, c, 0, 21, bench.width, BG_OK};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, multiply_half, &low), 0);
    multiply_half(&high);
    multiply_half(&all);
    pthread_join(thread, NULL);
    cr_assert(low.status == BG_OK && high.status == BG_OK && all.status == BG_OK);
    cr_assert_eq(bg_product_write(shared, 0, 21, together), BG_OK);
    cr_assert_eq(bg_product_write(single, 0, 21, alone), BG_OK);
    cr_assert_arr_eq(together, alone, 21 * bench.width);
    bg_product_destroy(&shared);
    bg_product_destroy(&single);
    finish_bench(&bench);
    free(m);
    free(c);
    free(together);
    free(alone);
}

Test(cipher, names_its_modes)
{
    cr_assert_str_eq(bg_encryption_names[BG_ENCRYPTION_PAILLIER], "paillier");
    cr_assert_str_eq(bg_encryption_names[BG_ENCRYPTION_NULL], "null");
    cr_assert_str_eq(bg_encryption_names[BG_ENCRYPTION_OFF], "off");
    cr_assert_null(bg_encryption_names[BG_ENCRYPTION_OFF + 1]);
}
