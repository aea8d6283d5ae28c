/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digits.h"

#include "crypto/big.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <string.h>

#define LIMB_BYTES sizeof(mp_limb_t)
#define DIGIT_LIMBS (BG_KEY_MOST_BYTES / LIMB_BYTES)
#define WEIGHT_LIMBS (BG_DIGITS_WEIGHT_BYTES / LIMB_BYTES)
#define CARRY_LIMBS (WEIGHT_LIMBS + sizeof(uint64_t) / LIMB_BYTES)
#define MOST_LIMBS (BG_KEY_MOST_S * DIGIT_LIMBS + BG_DIGITS_EXCESS_BYTES / LIMB_BYTES)

static size_t limbs_of(size_t bytes)
{
    return (bytes + LIMB_BYTES - 1) / LIMB_BYTES;
}

/* Bytes and limbs are little-endian alike (crypto/adic.c asserts it). */
static void read_limbs(const uint8_t *bytes, size_t size, mp_limb_t *ret_limbs)
{
    ret_limbs[limbs_of(size) - 1] = 0;
    memcpy(ret_limbs, bytes, size);
}

/* a < b for numbers of `size` little-endian bytes. */
static bool bytes_below(const uint8_t *a, const uint8_t *b, size_t size)
{
    while (size-- > 0)
        if (a[size] != b[size])
            return a[size] < b[size];
    return false;
}

bool bg_digits_are_valid(const struct bg_public_key *key, const uint8_t *digits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!bytes_below(digits + i * key->digit_bytes, key->n_bytes, key->digit_bytes))
            return false;
    return true;
}

void bg_digits_add(const struct bg_public_key *key, const uint8_t *term, uint8_t *sum)
{
    mp_limb_t a[DIGIT_LIMBS], b[DIGIT_LIMBS], carry = 0;
    const mp_limb_t *n = mpz_limbs_read(key->power[1]);
    mp_size_t limbs = (mp_size_t)mpz_size(key->power[1]);

    for (uint32_t i = 0; i < key->s; i++, sum += key->digit_bytes, term += key->digit_bytes) {
        read_limbs(sum, key->digit_bytes, a);
        read_limbs(term, key->digit_bytes, b);
        /* a + b + carry ≤ 2n − 1 may need one bit more than the limbs have: `over`. */
        mp_limb_t over = mpn_add_1(a, a, limbs, carry);
        over += mpn_add_n(a, a, b, limbs);
        carry = over || mpn_cmp(a, n, limbs) >= 0;
        mpn_cnd_sub_n(carry, a, a, n, limbs);
        memcpy(sum, a, key->digit_bytes);
    }
    bg_wipe(a, (size_t)limbs * LIMB_BYTES);
    bg_wipe(b, (size_t)limbs * LIMB_BYTES);
}

void bg_digits_subtract(const struct bg_public_key *key, const uint8_t *term, uint8_t *difference)
{
    mp_limb_t a[DIGIT_LIMBS], b[DIGIT_LIMBS], borrow = 0;
    const mp_limb_t *n = mpz_limbs_read(key->power[1]);
    mp_size_t limbs = (mp_size_t)mpz_size(key->power[1]);

    for (uint32_t i = 0; i < key->s; i++, difference += key->digit_bytes, term += key->digit_bytes) {
        read_limbs(difference, key->digit_bytes, a);
        read_limbs(term, key->digit_bytes, b);
        borrow = mpn_sub_1(a, a, limbs, borrow);
        borrow += mpn_sub_n(a, a, b, limbs);
        mpn_cnd_add_n(borrow, a, a, n, limbs);
        memcpy(difference, a, key->digit_bytes);
    }
    bg_wipe(a, (size_t)limbs * LIMB_BYTES);
    bg_wipe(b, (size_t)limbs * LIMB_BYTES);
}

/* The lowest s digits of the number in base n are those of the number mod n^s. */
void bg_digits_reduce(const struct bg_public_key *key, struct bg_span number, uint8_t *ret_digits)
{
    mp_limb_t rest[MOST_LIMBS + 1], quotient[MOST_LIMBS + 1];
    const mp_limb_t *n = mpz_limbs_read(key->power[1]);
    mp_size_t n_limbs = (mp_size_t)mpz_size(key->power[1]), limbs = (mp_size_t)limbs_of(number.size);

    assert(number.size && number.size <= key->s * key->digit_bytes + BG_DIGITS_EXCESS_BYTES);
    read_limbs(number.data, number.size, rest);
    for (uint32_t i = 0; i < key->s; i++, ret_digits += key->digit_bytes) {
        mp_size_t left = limbs >= n_limbs ? limbs - n_limbs + 1 : 0;
        if (left)
            mpn_tdiv_qr(quotient, rest, 0, rest, limbs, n, n_limbs);
        else
            memset(rest + limbs, 0, (size_t)(n_limbs - limbs) * LIMB_BYTES);
        memcpy(ret_digits, rest, key->digit_bytes);
        memcpy(rest, quotient, (size_t)left * LIMB_BYTES);
        limbs = left;
    }
    bg_wipe(rest, sizeof rest);
    bg_wipe(quotient, sizeof quotient);
}

/* sum += x weight; the sum has CARRY_LIMBS more limbs than x. */
static void add_product(mp_limb_t *sum, const mp_limb_t *x, mp_size_t limbs, const mp_limb_t *weight)
{
    for (size_t j = 0; j < WEIGHT_LIMBS; j++) {
        mp_limb_t carry = mpn_addmul_1(sum + j, x, limbs, weight[j]);
        mpn_add_1(sum + limbs + j, sum + limbs + j, (mp_size_t)(CARRY_LIMBS - j), carry);
    }
}

/* Digit by digit: what exceeds n in one, less than count·2^128 + 1, goes into the next. */
void bg_digits_weigh(const struct bg_public_key *key, const uint8_t *numbers, size_t stride, const uint8_t *weights,
                     size_t count, uint8_t *ret_digits)
{
    mp_limb_t sum[DIGIT_LIMBS + CARRY_LIMBS], x[DIGIT_LIMBS], carry[CARRY_LIMBS + 1] = {0}, weight[WEIGHT_LIMBS];
    const mp_limb_t *n = mpz_limbs_read(key->power[1]);
    mp_size_t limbs = (mp_size_t)mpz_size(key->power[1]);

    for (uint32_t i = 0; i < key->s; i++) {
        memset(sum, 0, sizeof sum);
        memcpy(sum, carry, CARRY_LIMBS * LIMB_BYTES);
        for (size_t t = 0; t < count; t++) {
            read_limbs(numbers + t * stride + i * key->digit_bytes, key->digit_bytes, x);
            read_limbs(weights + t * BG_DIGITS_WEIGHT_BYTES, BG_DIGITS_WEIGHT_BYTES, weight);
            add_product(sum, x, limbs, weight);
        }
        mpn_tdiv_qr(carry, sum, 0, sum, limbs + (mp_size_t)CARRY_LIMBS, n, limbs);
        memcpy(ret_digits + i * key->digit_bytes, sum, key->digit_bytes);
    }
    bg_wipe(sum, sizeof sum);
    bg_wipe(x, sizeof x);
    bg_wipe(carry, sizeof carry);
}
