/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_baseline_window.h"

#include "base/checked.h"

#include <openssl/bn.h>
#include <stdbool.h>
#include <stdlib.h>

#define WINDOW 10
#define DIGITS (((size_t)1 << WINDOW) - 1) /* a window of zeros takes no product */

struct bg_baseline_window {
    size_t exponent_bytes, windows, number_bytes;
    BIGNUM **table; /* base^(j·2^(10i)) R at i·DIGITS + j − 1 */
    BIGNUM *power, *factor;
    BN_MONT_CTX *field;
    BN_CTX *context;
    uint8_t *bytes; /* of one number */
};

static bool from_gmp(const struct bg_baseline_window *w, const mpz_t x, BIGNUM *ret)
{
    size_t used = 0;
    mpz_export(w->bytes, &used, -1, 1, 0, 0, x);
    return BN_lebin2bn(w->bytes, (int)used, ret) != NULL;
}

void bg_baseline_window_result(const struct bg_baseline_window *w, mpz_t ret)
{
    BN_bn2lebinpad(w->power, w->bytes, (int)w->number_bytes);
    mpz_import(ret, w->number_bytes, -1, 1, 0, 0, w->bytes);
}

/* Every entry is the one before times base^(2^(10i)); the last of a window times that is the next window's first. */
static bool fill_table(struct bg_baseline_window *w, const mpz_t base)
{
    BIGNUM *step = BN_new();
    bool ok = step && from_gmp(w, base, step) && BN_to_montgomery(step, step, w->field, w->context);
    for (size_t i = 0; i < w->windows && ok; i++) {
        BIGNUM **row = w->table + i * DIGITS;
        for (size_t j = 0; j < DIGITS && ok; j++) {
            row[j] = BN_new();
            ok = row[j] && (j ? BN_mod_mul_montgomery(row[j], row[j - 1], step, w->field, w->context)
                              : BN_copy(row[j], step) != NULL);
        }
        ok = ok && BN_mod_mul_montgomery(step, row[DIGITS - 1], step, w->field, w->context);
    }
    BN_free(step);
    return ok;
}

static bool build(struct bg_baseline_window *w, const mpz_t base, const mpz_t modulus)
{
    w->table = calloc(w->windows * DIGITS, sizeof(BIGNUM *));
    w->bytes = malloc(w->number_bytes);
    w->power = BN_new();
    w->factor = BN_new();
    w->field = BN_MONT_CTX_new();
    w->context = BN_CTX_new();
    return w->table && w->bytes && w->power && w->factor && w->field && w->context &&
           from_gmp(w, modulus, w->factor) && BN_MONT_CTX_set(w->field, w->factor, w->context) && fill_table(w, base);
}

enum bg_status bg_baseline_window_create(const mpz_t base, const mpz_t modulus, size_t exponent_bits,
                                         struct bg_baseline_window **ret_window)
{
    struct bg_baseline_window *w = calloc(1, sizeof *w);
    if (!w)
        return BG_NO_MEMORY;
    w->exponent_bytes = bg_divide_up(exponent_bits, 8);
    w->windows = bg_divide_up(exponent_bits, WINDOW);
    w->number_bytes = bg_divide_up(mpz_sizeinbase(modulus, 2), 8);
    if (!build(w, base, modulus)) {
        bg_baseline_window_destroy(&w);
        return BG_NO_MEMORY;
    }
    *ret_window = w;
    return BG_OK;
}

void bg_baseline_window_destroy(struct bg_baseline_window **window)
{
    struct bg_baseline_window *w = *window;
    if (!w)
        return;
    for (size_t k = 0; w->table && k < w->windows * DIGITS; k++)
        BN_free(w->table[k]);
    free(w->table);
    free(w->bytes);
    BN_free(w->power);
    BN_free(w->factor);
    BN_MONT_CTX_free(w->field);
    BN_CTX_free(w->context);
    free(w);
    *window = NULL;
}

size_t bg_baseline_window_bytes(const struct bg_baseline_window *w)
{
    return w->windows * DIGITS * w->number_bytes;
}

static size_t window_of(const uint8_t *exponent, size_t bytes, size_t index)
{
    size_t value = 0;
    for (size_t bit = 0; bit < WINDOW && (index * WINDOW + bit) / 8 < bytes; bit++) {
        size_t at = index * WINDOW + bit;
        value |= (size_t)(exponent[at / 8] >> at % 8 & 1) << bit;
    }
    return value;
}

/* The last product is by a number that is not in Montgomery form, and so leaves it. */
enum bg_status bg_baseline_window_power(struct bg_baseline_window *w, const uint8_t *exponent,
                                        const mpz_t factor)
{
    bool begun = false, ok = true;
    for (size_t i = 0; i < w->windows && ok; i++) {
        size_t digit = window_of(exponent, w->exponent_bytes, i);
        if (!digit)
            continue;
        const BIGNUM *entry = w->table[i * DIGITS + digit - 1];
        ok = begun ? BN_mod_mul_montgomery(w->power, w->power, entry, w->field, w->context)
                   : BN_copy(w->power, entry) != NULL;
        begun = true;
    }
    ok = ok && from_gmp(w, factor, w->factor);
    if (begun)
        ok = ok && BN_mod_mul_montgomery(w->power, w->power, w->factor, w->field, w->context);
    else
        ok = ok && BN_copy(w->power, w->factor);
    return ok ? BG_OK : BG_NO_MEMORY;
}
