/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_baseline.h"

#include "crypto/secret_parts.h"
#include "tools/bench_baseline_window.h"

#include <assert.h>
#include <stdlib.h>

const char *const bg_baseline_names[BG_BASELINE_SCHEMES] = {
    [BG_BASELINE_TEXTBOOK] = "textbook",
    [BG_BASELINE_DJN_POWM] = "djn-powm",
    [BG_BASELINE_WINDOW] = "window",
};

/* What decryption needs of one prime p. */
struct half {
    mpz_t prime, order;                /* p, p−1 */
    mpz_t power, modulus;              /* p^s, p^(s+1) */
    mpz_t inverse[BG_KEY_MOST_S + 1];  /* 1/k mod p^s */
    mpz_t scale;                       /* 1 / (log((1+n)^(p−1)) / p) mod p^s */
    mpz_t result, x;
};

struct bg_baseline {
    uint32_t bits, s;
    size_t exponent_bytes; /* of a */
    struct bg_random random;
    mpz_t power[BG_KEY_MOST_S + 2];   /* n^i, i ≤ s+1 */
    mpz_t inverse[BG_KEY_MOST_S + 1]; /* 1/i mod n^s */
    struct half p, q;
    mpz_t join; /* 1/p^s mod q^s */
    mpz_t h;
    struct bg_baseline_window *window; /* NULL: no OpenSSL */
    mpz_t plaintext, ciphertext, opened;
    mpz_t embedded, x;
    mpz_t sums[BG_BASELINE_POSITIONS], summands[BG_BASELINE_POSITIONS];
};

static enum bg_status out_of_bytes(struct bg_error *error, enum bg_status status)
{
    return status == BG_OK ? BG_OK : bg_fail(error, status, "the system has no random bytes");
}

static void from_bytes(const uint8_t *bytes, size_t size, mpz_t ret)
{
    mpz_import(ret, size, -1, 1, 0, 0, bytes);
}

/* Uniform below n, whose top bit is set. */
static enum bg_status draw_below_n(const struct bg_baseline *b, mpz_t ret)
{
    uint8_t bytes[BG_KEY_MOST_BYTES];
    enum bg_status status;
    do {
        status = bg_random_fill(&b->random, bytes, b->bits / 8);
        from_bytes(bytes, b->bits / 8, ret);
    } while (status == BG_OK && mpz_cmp(ret, b->power[1]) >= 0);
    return status;
}

static void half_init(struct half *half, const mpz_t prime, uint32_t s)
{
    mpz_init_set(half->prime, prime);
    mpz_inits(half->order, half->power, half->modulus, half->scale, half->result, half->x, NULL);
    mpz_sub_ui(half->order, prime, 1);
    mpz_pow_ui(half->power, prime, s);
    mpz_mul(half->modulus, half->power, prime);
    for (uint32_t k = 1; k <= s; k++) {
        mpz_init_set_ui(half->inverse[k], k);
        mpz_invert(half->inverse[k], half->inverse[k], half->power);
    }
}

static void half_finish(struct half *half, uint32_t s)
{
    mpz_clears(half->prime, half->order, half->power, half->modulus, half->scale, half->result, half->x, NULL);
    for (uint32_t k = 1; k <= s; k++)
        mpz_clear(half->inverse[k]);
}

/* result = log(c^(p−1)) / p mod p^s, where c^(p−1) = 1 + p·u and
 *   log(1 + p·u) / p = u (1 − p·u (1/2 − p·u (1/3 − …)))   to s terms: more vanish mod p^s
 */
static void half_log(struct half *half, uint32_t s, const mpz_t c)
{
    mpz_mod(half->x, c, half->modulus);
    mpz_powm(half->x, half->x, half->order, half->modulus);
    mpz_sub_ui(half->x, half->x, 1);
    mpz_set(half->result, half->inverse[s]);
    for (uint32_t k = s; k-- > 1;) {
        mpz_mul(half->result, half->result, half->x);
        mpz_sub(half->result, half->inverse[k], half->result);
        mpz_mod(half->result, half->result, half->power);
    }
    mpz_divexact(half->x, half->x, half->prime);
    mpz_mul(half->result, half->result, half->x);
    mpz_mod(half->result, half->result, half->power);
}

static void half_decrypt(struct half *half, uint32_t s, const mpz_t c)
{
    half_log(half, s, c);
    mpz_mul(half->result, half->result, half->scale);
    mpz_mod(half->result, half->result, half->power);
}

static void half_calibrate(struct half *half, uint32_t s, const mpz_t n)
{
    mpz_t generator;
    mpz_init(generator);
    mpz_add_ui(generator, n, 1);
    half_log(half, s, generator);
    mpz_invert(half->scale, half->result, half->power);
    mpz_clear(generator);
}

void bg_baseline_decrypt(struct bg_baseline *b)
{
    half_decrypt(&b->p, b->s, b->ciphertext);
    half_decrypt(&b->q, b->s, b->ciphertext);
    mpz_sub(b->opened, b->q.result, b->p.result);
    mpz_mul(b->opened, b->opened, b->join);
    mpz_mod(b->opened, b->opened, b->q.power);
    mpz_mul(b->opened, b->opened, b->p.power);
    mpz_add(b->opened, b->opened, b->p.result);
}

/* embedded = (1+n)^m mod n^(s+1) = 1 + n·m (1 + n·(m−1)/2 (1 + n·(m−2)/3 (…))), of which level i counts mod
 * n^(s+1−i). */
static void embed(struct bg_baseline *b)
{
    mpz_set_ui(b->embedded, 1);
    for (uint32_t i = b->s; i > 0; i--) {
        mpz_srcptr modulus = b->power[b->s + 1 - i];
        mpz_sub_ui(b->x, b->plaintext, i - 1);
        if (i > 1)
            mpz_mul(b->x, b->x, b->inverse[i]);
        mpz_mod(b->x, b->x, modulus);
        mpz_mul(b->x, b->x, b->embedded);
        mpz_mod(b->x, b->x, modulus);
        mpz_mul(b->embedded, b->x, b->power[1]);
        mpz_add_ui(b->embedded, b->embedded, 1);
    }
}

static enum bg_status encrypt_textbook(struct bg_baseline *b)
{
    enum bg_status status = draw_below_n(b, b->ciphertext);
    if (status != BG_OK)
        return status;
    mpz_powm(b->ciphertext, b->ciphertext, b->power[b->s], b->power[b->s + 1]);
    embed(b);
    mpz_mul(b->ciphertext, b->ciphertext, b->embedded);
    mpz_mod(b->ciphertext, b->ciphertext, b->power[b->s + 1]);
    return BG_OK;
}

static enum bg_status encrypt_djn(struct bg_baseline *b)
{
    uint8_t exponent[BG_KEY_MOST_BYTES / 2];
    enum bg_status status = bg_random_fill(&b->random, exponent, b->exponent_bytes);
    if (status != BG_OK)
        return status;
    from_bytes(exponent, b->exponent_bytes, b->ciphertext);
    mpz_powm(b->ciphertext, b->h, b->ciphertext, b->power[b->s + 1]);
    embed(b);
    mpz_mul(b->ciphertext, b->ciphertext, b->embedded);
    mpz_mod(b->ciphertext, b->ciphertext, b->power[b->s + 1]);
    return BG_OK;
}

static enum bg_status encrypt_window(struct bg_baseline *b)
{
    uint8_t exponent[BG_KEY_MOST_BYTES / 2];
    enum bg_status status = bg_random_fill(&b->random, exponent, b->exponent_bytes);
    if (status != BG_OK)
        return status;
    embed(b);
    return bg_baseline_window_power(b->window, exponent, b->embedded);
}

enum bg_status bg_baseline_encrypt(struct bg_baseline *b, enum bg_baseline_scheme scheme, struct bg_error *error)
{
    enum bg_status (*const encrypt[])(struct bg_baseline *) = {encrypt_textbook, encrypt_djn, encrypt_window};
    enum bg_status status = encrypt[scheme](b);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "%s encryption: %s", bg_baseline_names[scheme],
                                             bg_status_text(status));
}

bool bg_baseline_has(const struct bg_baseline *b, enum bg_baseline_scheme scheme)
{
    return scheme != BG_BASELINE_WINDOW || b->window;
}

size_t bg_baseline_table_bytes(const struct bg_baseline *b, enum bg_baseline_scheme scheme)
{
    return scheme == BG_BASELINE_WINDOW && b->window ? bg_baseline_window_bytes(b->window) : 0;
}

/* s digits, each uniform below n. */
enum bg_status bg_baseline_draw(struct bg_baseline *b, struct bg_error *error)
{
    mpz_set_ui(b->plaintext, 0);
    for (uint32_t i = 0; i < b->s; i++) {
        enum bg_status status = draw_below_n(b, b->x);
        if (status != BG_OK)
            return out_of_bytes(error, status);
        mpz_mul(b->plaintext, b->plaintext, b->power[1]);
        mpz_add(b->plaintext, b->plaintext, b->x);
    }
    return BG_OK;
}

void bg_baseline_add(struct bg_baseline *b)
{
    mpz_srcptr modulus = b->power[b->s + 1];
    for (size_t t = 0; t < BG_BASELINE_POSITIONS; t++) {
        mpz_mul(b->x, b->sums[t], b->summands[t]);
        mpz_mod(b->sums[t], b->x, modulus);
    }
}

static enum bg_status check_scheme(struct bg_baseline *b, enum bg_baseline_scheme scheme, struct bg_error *error)
{
    enum bg_status status = bg_baseline_draw(b, error);
    if (status == BG_OK)
        status = bg_baseline_encrypt(b, scheme, error);
    if (status != BG_OK)
        return status;
    if (scheme == BG_BASELINE_WINDOW)
        bg_baseline_window_result(b->window, b->ciphertext);
    bg_baseline_decrypt(b);
    return mpz_cmp(b->opened, b->plaintext) == 0
               ? BG_OK
               : bg_fail(error, BG_FAULT, "%s: what was encrypted decrypts to something else",
                         bg_baseline_names[scheme]);
}

static enum bg_status check_sums(struct bg_baseline *b, struct bg_error *error)
{
    mpz_set_ui(b->sums[0], 1);
    for (uint32_t i = 0; i < 3; i++)
        bg_baseline_add(b);
    mpz_set(b->ciphertext, b->summands[0]);
    bg_baseline_decrypt(b);
    mpz_mul_ui(b->plaintext, b->opened, 3);
    mpz_mod(b->plaintext, b->plaintext, b->power[b->s]);
    mpz_set(b->ciphertext, b->sums[0]);
    bg_baseline_decrypt(b);
    return mpz_cmp(b->opened, b->plaintext) == 0 ? BG_OK
                                                 : bg_fail(error, BG_FAULT, "gmp: a sum decrypts to something else");
}

enum bg_status bg_baseline_check(struct bg_baseline *b, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (enum bg_baseline_scheme scheme = 0; scheme < BG_BASELINE_SCHEMES && status == BG_OK; scheme++)
        if (bg_baseline_has(b, scheme))
            status = check_scheme(b, scheme, error);
    return status == BG_OK ? check_sums(b, error) : status;
}

bool bg_baseline_agrees(struct bg_baseline *b, const uint8_t *ciphertext, const uint8_t *plaintext)
{
    size_t digit = b->bits / 8;
    mpz_set_ui(b->ciphertext, 0);
    for (uint32_t i = b->s + 1; i-- > 0;) {
        from_bytes(ciphertext + i * digit, digit, b->x);
        mpz_mul(b->ciphertext, b->ciphertext, b->power[1]);
        mpz_add(b->ciphertext, b->ciphertext, b->x);
    }
    bg_baseline_decrypt(b);
    for (uint32_t i = 0; i < b->s; i++) {
        mpz_tdiv_qr(b->opened, b->embedded, b->opened, b->power[1]);
        from_bytes(plaintext + i * digit, digit, b->x);
        if (mpz_cmp(b->embedded, b->x) != 0)
            return false;
    }
    return true;
}

void bg_baseline_primes(const struct bg_secret_key *key, uint8_t *ret_p, uint8_t *ret_q)
{
    uint32_t bits = bg_public_key_bits(bg_secret_key_public(key));
    bg_big_to_bytes(key->p.prime, ret_p, bits / 16);
    bg_big_to_bytes(key->q.prime, ret_q, bits / 16);
}

static void derive_key(struct bg_baseline *b, const struct bg_secret_key *key)
{
    half_init(&b->p, key->p.prime, b->s);
    half_init(&b->q, key->q.prime, b->s);
    mpz_inits(b->join, b->h, b->plaintext, b->ciphertext, b->opened, b->embedded, b->x, NULL);
    mpz_invert(b->join, b->p.power, b->q.power);
    mpz_init_set_ui(b->power[0], 1);
    for (uint32_t i = 1; i <= b->s + 1; i++) {
        mpz_init(b->power[i]);
        mpz_mul(b->power[i], i > 1 ? b->power[i - 1] : b->p.prime, i > 1 ? b->power[1] : b->q.prime);
    }
    for (uint32_t i = 1; i <= b->s; i++) {
        mpz_init_set_ui(b->inverse[i], i);
        mpz_invert(b->inverse[i], b->inverse[i], b->power[b->s]);
    }
    half_calibrate(&b->p, b->s, b->power[1]);
    half_calibrate(&b->q, b->s, b->power[1]);
    for (size_t t = 0; t < BG_BASELINE_POSITIONS; t++) {
        mpz_init_set_ui(b->sums[t], 1);
        mpz_init(b->summands[t]);
    }
}

/* The summands are one encryption, its square, the square of that, … */
static enum bg_status draw_numbers(struct bg_baseline *b, struct bg_error *error)
{
    enum bg_status status = bg_baseline_draw(b, error);
    if (status == BG_OK)
        status = out_of_bytes(error, draw_below_n(b, b->h));
    if (status != BG_OK)
        return status;
    mpz_mul(b->h, b->h, b->h);
    mpz_neg(b->h, b->h);
    mpz_mod(b->h, b->h, b->power[1]);
    mpz_powm(b->h, b->h, b->power[b->s], b->power[b->s + 1]);
    embed(b);
    for (size_t t = 0; t < BG_BASELINE_POSITIONS; t++) {
        mpz_mul(b->summands[t], t ? b->summands[t - 1] : b->h, t ? b->summands[t - 1] : b->embedded);
        mpz_mod(b->summands[t], b->summands[t], b->power[b->s + 1]);
    }
    return BG_OK;
}

enum bg_status bg_baseline_create(const struct bg_secret_key *key, uint32_t exponent_bits,
                                  const struct bg_random *random, struct bg_error *error,
                                  struct bg_baseline **ret_baseline)
{
    struct bg_baseline *b = calloc(1, sizeof *b);
    if (!b)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    const struct bg_public_key *public_key = bg_secret_key_public(key);
    b->bits = bg_public_key_bits(public_key);
    b->s = bg_public_key_s(public_key);
    b->exponent_bytes = exponent_bits / 8;
    b->random = *random;
    derive_key(b, key);
    enum bg_status status = draw_numbers(b, error);
    if (status == BG_OK) {
        status = bg_baseline_window_create(b->h, b->power[b->s + 1], exponent_bits, &b->window);
        if (status == BG_UNSUPPORTED)
            status = BG_OK;
        else if (status != BG_OK)
            bg_fail(error, status, "no memory for a table of windows");
    }
    if (status != BG_OK)
        bg_baseline_destroy(&b);
    else
        *ret_baseline = b;
    return status;
}

void bg_baseline_destroy(struct bg_baseline **baseline)
{
    struct bg_baseline *b = *baseline;
    if (!b)
        return;
    for (size_t t = 0; t < BG_BASELINE_POSITIONS; t++)
        mpz_clears(b->sums[t], b->summands[t], NULL);
    half_finish(&b->p, b->s);
    half_finish(&b->q, b->s);
    mpz_clears(b->join, b->h, b->plaintext, b->ciphertext, b->opened, b->embedded, b->x, NULL);
    for (uint32_t i = 0; i <= b->s + 1; i++)
        mpz_clear(b->power[i]);
    for (uint32_t i = 1; i <= b->s; i++)
        mpz_clear(b->inverse[i]);
    bg_baseline_window_destroy(&b->window);
    free(b);
    *baseline = NULL;
}
