/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, a random source that plays a tape, and a decryption of its own for tests of Damgård–Jurik. */
#pragma once

#include "crypto/big.h"
#include "tests/vectors/damgard_jurik_vectors.h"

#include "hex.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Gives the bytes to free(). */
static inline uint8_t *bytes_of(const char *hex)
{
    uint8_t *bytes = malloc(strlen(hex) / 2);
    cr_assert(bytes);
    from_hex(hex, bytes);
    return bytes;
}

static inline void expect_bytes(const uint8_t *bytes, const char *hex)
{
    uint8_t *expected = bytes_of(hex);
    cr_assert_arr_eq(bytes, expected, strlen(hex) / 2);
    free(expected);
}

static inline struct bg_public_key *make_key(unsigned index, uint32_t s)
{
    struct bg_public_key *key;
    struct bg_error error = {0};
    uint8_t *n = bytes_of(dj_keys[index].n);
    unsigned bits = dj_keys[index].bits;
    enum bg_status status = bg_public_key_create((struct bg_span){n, bits / 8}, bits, s, true, &error, &key);
    cr_assert_eq(status, BG_OK, "%s", error.text);
    free(n);
    return key;
}

/* Plays bytes, then fails. */
struct tape {
    const uint8_t *data;
    size_t size;
};

static inline enum bg_status play_tape(void *context, void *data, size_t size)
{
    struct tape *tape = context;
    if (tape->size < size)
        return BG_RANDOM;
    memcpy(data, tape->data, size);
    tape->data += size;
    tape->size -= size;
    return BG_OK;
}

static inline struct bg_random tape_random(struct tape *tape)
{
    return (struct bg_random){play_tape, tape};
}

/* i from (1+n)^i mod n^(s+1), by the recursion of Damgård and Jurik (PKC 2001, section 3). */
static inline void extract(const struct bg_public_key *key, const mpz_t power, mpz_t ret)
{
    const mpz_t *n = key->power;
    mpz_t t1, t2, term, i;

    mpz_inits(t1, t2, term, i, NULL);
    mpz_set_ui(ret, 0);
    for (uint32_t j = 1; j <= key->s; j++) {
        mpz_mod(t1, power, n[j + 1]);
        mpz_sub_ui(t1, t1, 1);
        mpz_divexact(t1, t1, n[1]);
        mpz_set(i, ret);
        mpz_set(t2, ret);
        for (uint32_t k = 2; k <= j; k++) {
            mpz_sub_ui(i, i, 1);
            mpz_mul(t2, t2, i);
            mpz_mod(t2, t2, n[j]);
            mpz_fac_ui(term, k);
            cr_assert(mpz_invert(term, term, n[j]));
            mpz_mul(term, term, t2);
            mpz_mul(term, term, n[k - 1]);
            mpz_sub(t1, t1, term);
            mpz_mod(t1, t1, n[j]);
        }
        mpz_set(ret, t1);
    }
    mpz_clears(t1, t2, term, i, NULL);
}

/* Writes the plaintext of a ciphertext under dj_keys[index]. */
static inline void open_ciphertext(const struct bg_public_key *key, unsigned index, const uint8_t *ciphertext,
                                   uint8_t *ret_plaintext)
{
    const mpz_t *n = key->power;
    size_t half = key->digit_bytes / 2;
    uint8_t *p_bytes = bytes_of(dj_keys[index].p), *q_bytes = bytes_of(dj_keys[index].q);
    mpz_t p, q, order, c;

    mpz_inits(p, q, order, c, NULL);
    bg_big_from_bytes((struct bg_span){p_bytes, half}, p);
    bg_big_from_bytes((struct bg_span){q_bytes, half}, q);
    mpz_sub_ui(p, p, 1);
    mpz_sub_ui(q, q, 1);
    mpz_mul(order, p, q);
    bg_big_from_digits(key, ciphertext, key->s + 1, c);
    mpz_powm(c, c, order, n[key->s + 1]);
    extract(key, c, p);
    cr_assert(mpz_invert(order, order, n[key->s]));
    mpz_mul(p, p, order);
    mpz_mod(p, p, n[key->s]);
    bg_big_to_digits(key, p, key->s, ret_plaintext);
    mpz_clears(p, q, order, c, NULL);
    free(p_bytes);
    free(q_bytes);
}
