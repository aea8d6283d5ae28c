/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/embed.h"

#include <string.h>

/* R²/i and −R(i−1)/i mod n^s, i ≥ 2. */
static uint64_t *factor_at(const struct bg_public_key *key, uint32_t i)
{
    return bg_adic_vector(&key->embedding, 2 * (i - 2));
}

static uint64_t *term_at(const struct bg_public_key *key, uint32_t i)
{
    return bg_adic_vector(&key->embedding, 2 * (i - 2) + 1);
}

enum bg_status bg_embed_prepare(struct bg_public_key *key)
{
    uint32_t s = key->s;
    struct bg_adic_space *space = &key->embedding;
    enum bg_status status = bg_adic_space_init(space, key->adic, 2 * (size_t)(s - 1) + 1);
    mpz_t x;

    if (status != BG_OK)
        return status;
    uint64_t *number = bg_adic_vector(space, 2 * (s - 1));
    mpz_init(x);
    for (uint32_t i = 2; i <= s; i++) {
        uint64_t *factor = factor_at(key, i), *term = term_at(key, i);
        mpz_set_ui(x, i);
        mpz_invert(x, x, key->power[s]); /* all factors of n exceed s */
        bg_adic_from_big(key->adic, s, x, number);
        bg_adic_load(space, s, &(const uint64_t *){number}, 1, factor);
        bg_adic_enter(space, s, factor, factor);
        bg_adic_enter(space, s, factor, factor);
        mpz_sub_ui(x, key->power[s], i - 1);
        bg_adic_from_big(key->adic, s, x, number);
        bg_adic_load(space, s, &(const uint64_t *){number}, 1, term);
        bg_adic_multiply(space, s, term, factor, term);
    }
    mpz_clear(x);
    return BG_OK;
}

/* x += n·y, x of `digits` digits */
static void add_above(const struct bg_adic_space *space, uint32_t digits, const uint64_t *y, uint64_t *x)
{
    uint64_t *upper = bg_adic_upper(space->ring, x);
    bg_adic_add(space, digits - 1, upper, y, upper);
}

void bg_embed(const struct bg_public_key *key, const struct bg_adic_space *space, const uint64_t *m,
              uint64_t *ret_spare, uint64_t *ret_f)
{
    size_t vector_bytes = key->adic->vector_words * sizeof *m;
    uint64_t *inner = ret_spare;

    /* From the innermost: ret_f = (m−i+1)/i (1 + n inner), in Montgomery form. */
    for (uint32_t i = key->s, digits = 1; i >= 2; i--, digits++) {
        bg_adic_multiply(space, digits, m, factor_at(key, i), ret_f);
        bg_adic_add(space, digits, ret_f, term_at(key, i), ret_f);
        if (digits > 1) {
            bg_adic_multiply(space, digits - 1, ret_f, inner, inner);
            add_above(space, digits, inner, ret_f);
        }
        memcpy(inner, ret_f, vector_bytes);
    }
    memcpy(ret_f, m, vector_bytes);
    if (key->s > 1) {
        bg_adic_multiply(space, key->s - 1, m, inner, inner);
        add_above(space, key->s, inner, ret_f);
    }
}

void bg_embed_multiply(const struct bg_public_key *key, const struct bg_adic_space *space, const uint64_t *form,
                       uint64_t *f, uint64_t *x)
{
    bg_adic_multiply(space, key->s, form, f, f);
    add_above(space, key->s + 1, f, x);
}
