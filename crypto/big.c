/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/big.h"

#include "crypto/wipe.h"

#include <assert.h>

void bg_big_from_bytes(struct bg_span bytes, mpz_t ret)
{
    mpz_import(ret, bytes.size, -1, 1, 0, 0, bytes.data);
}

void bg_big_to_bytes(const mpz_t x, uint8_t *ret_bytes, size_t size)
{
    size_t used = 0;
    assert(mpz_sgn(x) >= 0 && (mpz_sgn(x) == 0 || mpz_sizeinbase(x, 2) <= 8 * size));
    mpz_export(ret_bytes, &used, -1, 1, 0, 0, x);
    memset(ret_bytes + used, 0, size - used);
}

void bg_big_wipe(mpz_t x)
{
    size_t limbs = mpz_size(x);
    if (limbs) {
        bg_wipe(mpz_limbs_modify(x, (mp_size_t)limbs), limbs * sizeof(mp_limb_t));
        mpz_limbs_finish(x, 0);
    }
}

enum bg_status bg_big_random_bits(const struct bg_random *random, size_t bits, mpz_t ret)
{
    uint8_t chunk[256];
    enum bg_status status = BG_OK;

    mpz_set_ui(ret, 0);
    for (size_t done = 0; done < bits && status == BG_OK;) {
        size_t wanted = bits - done < 8 * sizeof chunk ? bits - done : 8 * sizeof chunk;
        size_t size = wanted / 8 + (wanted % 8 != 0);
        status = bg_random_fill(random, chunk, size);
        if (wanted % 8)
            chunk[size - 1] &= (uint8_t)((1u << wanted % 8) - 1);
        mpz_t part;
        mpz_init(part);
        bg_big_from_bytes((struct bg_span){chunk, size}, part);
        mpz_mul_2exp(part, part, done);
        mpz_ior(ret, ret, part);
        bg_big_wipe(part);
        mpz_clear(part);
        done += wanted;
    }
    bg_wipe(chunk, sizeof chunk);
    if (status != BG_OK)
        bg_big_wipe(ret);
    return status;
}

enum bg_status bg_big_random_below(const struct bg_random *random, const mpz_t bound, mpz_t ret)
{
    size_t bits = mpz_sizeinbase(bound, 2);
    enum bg_status status;

    assert(mpz_sgn(bound) > 0);
    do
        status = bg_big_random_bits(random, bits, ret);
    while (status == BG_OK && mpz_cmp(ret, bound) >= 0);
    return status;
}

enum bg_status bg_big_random_unit(const struct bg_random *random, const mpz_t n, mpz_t ret)
{
    mpz_t divisor;
    enum bg_status status;

    mpz_init(divisor);
    do {
        status = bg_big_random_below(random, n, ret);
        mpz_gcd(divisor, ret, n);
    } while (status == BG_OK && mpz_cmp_ui(divisor, 1) != 0);
    mpz_clear(divisor);
    return status;
}

void bg_big_from_digits(const struct bg_public_key *key, const uint8_t *digits, size_t count, mpz_t ret)
{
    mpz_t digit;

    mpz_init(digit);
    mpz_set_ui(ret, 0);
    for (size_t i = count; i-- > 0;) {
        mpz_mul(ret, ret, key->power[1]);
        bg_big_from_bytes((struct bg_span){digits + i * key->digit_bytes, key->digit_bytes}, digit);
        mpz_add(ret, ret, digit);
    }
    bg_big_wipe(digit);
    mpz_clear(digit);
}

void bg_big_to_digits(const struct bg_public_key *key, const mpz_t x, size_t count, uint8_t *ret_digits)
{
    mpz_t rest, digit;

    assert(mpz_sgn(x) >= 0 && count <= key->s + 1 && mpz_cmp(x, key->power[count]) < 0);
    mpz_init_set(rest, x);
    mpz_init(digit);
    for (size_t i = 0; i < count; i++) {
        mpz_tdiv_qr(rest, digit, rest, key->power[1]);
        bg_big_to_bytes(digit, ret_digits + i * key->digit_bytes, key->digit_bytes);
    }
    bg_big_wipe(digit);
    mpz_clears(rest, digit, NULL);
}
